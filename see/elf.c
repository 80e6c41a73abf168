/*
 * Reads one ELF object: what it needs, what it imports, what it may open, where it calls the kernel by itself.
 */
#include "elf.h"

#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool names_have(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->at[i], name))
			return true;
	return false;
}

void names_add(struct names *names, const char *name)
{
	char **more = reallocarray(names->at, names->n + 1, sizeof(*more));

	if (!more)
		return;
	names->at = more;
	names->at[names->n] = strdup(name);
	names->n += names->at[names->n] != NULL;
}

static void read_dynamic(struct object *o, Elf *elf, Elf_Data *data, const GElf_Shdr *h)
{
	GElf_Dyn d;

	for (int i = 0; i < (int)(h->sh_size / h->sh_entsize) && gelf_getdyn(data, i, &d); i++) {
		const char *s = elf_strptr(elf, h->sh_link, d.d_un.d_val);

		if (d.d_tag == DT_NEEDED && s)
			names_add(&o->needed, s);
		if ((d.d_tag == DT_RUNPATH || d.d_tag == DT_RPATH) && s && !o->runpath)
			o->runpath = strdup(s);
	}
}

static void read_symbols(struct object *o, Elf *elf, Elf_Data *data, const GElf_Shdr *h)
{
	GElf_Sym sym;

	for (int i = 1; i < (int)(h->sh_size / h->sh_entsize) && gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_strptr(elf, h->sh_link, sym.st_name);

		if (name && *name && sym.st_shndx == SHN_UNDEF && GELF_ST_TYPE(sym.st_info) != STT_OBJECT)
			names_add(&o->imports, name);
	}
}

#if defined(__x86_64__)
/* Could the bytes at p stand behind a `syscall`? What compilers do with the result: compare, test, move, return, pop, jump. Nothing
 * of that begins with the upper bytes of a small displacement, which 0f 05 are often a part of. */
static bool is_behind_syscall(const unsigned char *p)
{
	static const unsigned char first[] = {0x0f, 0x31, 0x39, 0x3b, 0x3d, 0x41, 0x44, 0x45, 0x48, 0x49,
	    0x4c, 0x4d, 0x64, 0x66, 0x74, 0x75, 0x78, 0x79, 0x83, 0x85, 0x89, 0x8b, 0x90, 0xa8, 0xc3, 0xc7,
	    0xc9, 0xcc, 0xe8, 0xe9, 0xeb, 0xf4, 0xf7};

	if (p[0] >= 0x50 && p[0] < 0x60) /* push, pop */
		return p[1] && p[1] != 0xff;
	if ((p[0] >= 0xb8 && p[0] < 0xc0) || p[0] == 0x3d) /* with an immediate value */
		return true;
	return memchr(first, p[0], sizeof(first)) && p[1] && p[1] != 0xff;
}

/* Bytes of `syscall` (0f 05) shortly after a small number was put into eax (b8 nn nn 00 00) or rax was set from a register: other
 * code that happens to have the bytes is left out, mostly. */
static void count_syscalls(struct object *o, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i + 3 < n; i++) {
		bool set = false;

		if (p[i] != 0x0f || p[i + 1] != 0x05 || !is_behind_syscall(p + i + 2))
			continue;
		for (size_t k = i > 48 ? i - 48 : 0; k + 5 <= i && !set; k++)
			set = p[k] == 0xb8 && p[k + 2] < 4 && !p[k + 3] && !p[k + 4];
		set |= i >= 3 && p[i - 3] == 0x48 && p[i - 2] == 0x89; /* mov reg, reg just before */
		o->syscalls += set;
	}
}
#else
/* svc #0 */
static void count_syscalls(struct object *o, const unsigned char *p, size_t n)
{
	static const unsigned char svc[] = {0x01, 0x00, 0x00, 0xd4};

	for (size_t i = 0; i + 4 <= n; i += 4)
		o->syscalls += !memcmp(p + i, svc, 4);
}
#endif

static bool looks_like_library(const char *s, size_t n)
{
	const char *so = n > 6 && n < 128 && !memcmp(s, "lib", 3) ? memmem(s, n, ".so", 3) : NULL;

	if (!so || so == s + 3)
		return false;
	for (const char *p = s; p < s + n; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			strchr("._+-", *p)))
			return false;
	return so + 3 == s + n || so[3] == '.';
}

static void find_strings(struct object *o, const char *p, size_t n)
{
	const char *end = p + n, *stop;
	char name[128];

	for (; p < end; p = stop + 1) {
		stop = memchr(p, 0, (size_t)(end - p));
		if (!stop)
			break;
		if (!looks_like_library(p, (size_t)(stop - p)))
			continue;
		snprintf(name, sizeof(name), "%s", p);
		if (!names_have(&o->strings, name))
			names_add(&o->strings, name);
	}
}

static void read_section(struct object *o, Elf *elf, Elf_Scn *section, const char *name, const GElf_Shdr *h)
{
	Elf_Data *data;

	if (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".note.go.buildid"))
		o->go = true;
	if (h->sh_type == SHT_NOBITS || !(data = elf_getdata(section, NULL)) || !data->d_buf)
		return;
	if (h->sh_type == SHT_DYNAMIC && h->sh_entsize)
		read_dynamic(o, elf, data, h);
	else if (h->sh_type == SHT_DYNSYM && h->sh_entsize)
		read_symbols(o, elf, data, h);
	else if (h->sh_type == SHT_PROGBITS && h->sh_flags & SHF_EXECINSTR)
		count_syscalls(o, data->d_buf, data->d_size);
	else if (h->sh_type == SHT_PROGBITS && !strncmp(name, ".rodata", 7))
		find_strings(o, data->d_buf, data->d_size);
}

int object_read(struct object *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf_Scn *section = NULL;
	const char *name, *base = strrchr(path, '/');
	size_t strings;
	GElf_Ehdr eh;
	GElf_Shdr h;
	Elf *elf;

	base = base ? base + 1 : path;
	*o = (struct object){.path = strdup(path)};
	o->is_libc = !strncmp(base, "libc.so.", 8) || !strncmp(base, "ld-linux", 8);
	elf_version(EV_CURRENT);
	elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh) ||
	    eh.e_ident[EI_CLASS] != ELFCLASS64 || elf_getshdrstrndx(elf, &strings)) {
		elf_end(elf);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &h) && (name = elf_strptr(elf, strings, h.sh_name)))
			read_section(o, elf, section, name, &h);
	elf_end(elf);
	close(fd);
	return 0;
}

/* ---- where libraries are found ---- */

static struct names directories;

static void read_conf(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[PATH_MAX], word[PATH_MAX];
	glob_t g;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " include %4000s", word) == 1 && glob(word, 0, NULL, &g) == 0) {
			for (size_t i = 0; i < g.gl_pathc; i++)
				read_conf(g.gl_pathv[i]);
			globfree(&g);
		} else if (sscanf(line, " %4000s", word) == 1 && word[0] == '/') {
			names_add(&directories, word);
		}
	}
	if (f)
		fclose(f);
}

static const struct names *usual_directories(void)
{
	if (!directories.n) {
		read_conf("/etc/ld.so.conf");
		names_add(&directories, "/lib64");
		names_add(&directories, "/usr/lib64");
		names_add(&directories, "/lib");
		names_add(&directories, "/usr/lib");
	}
	return &directories;
}

static bool is_there(const char *dir, size_t len, const char *name, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%.*s/%s", (int)len, dir, name) < PATH_MAX && access(path, R_OK) == 0;
}

/* One directory of a list, $ORIGIN being that of the object. */
static bool in_directory(
    const char *dir, size_t len, const char *name, const char *origin, char path[PATH_MAX])
{
	static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};
	char full[PATH_MAX];

	for (int i = 0; i < 2; i++) {
		size_t n = strlen(words[i]);
		const char *slash = strrchr(origin, '/');

		if (len < n || memcmp(dir, words[i], n))
			continue;
		snprintf(full, sizeof(full), "%.*s%.*s", slash ? (int)(slash - origin) : 1,
		    slash ? origin : ".", (int)(len - n), dir + n);
		return is_there(full, strlen(full), name, path);
	}
	return is_there(dir, len, name, path);
}

static bool in_list(const char *list, const char *name, const char *origin, char path[PATH_MAX])
{
	for (; list && *list; list += strcspn(list, ":"), list += *list == ':')
		if (in_directory(list, strcspn(list, ":"), name, origin, path))
			return true;
	return false;
}

char *library_find(const char *name, const struct object *wanting)
{
	const struct names *usual = usual_directories();
	char path[PATH_MAX];

	if (strchr(name, '/'))
		return access(name, R_OK) ? NULL : strdup(name);
	if (in_list(wanting->runpath, name, wanting->path, path) ||
	    in_list(getenv("LD_LIBRARY_PATH"), name, wanting->path, path))
		return strdup(path);
	for (size_t i = 0; i < usual->n; i++)
		if (is_there(usual->at[i], strlen(usual->at[i]), name, path))
			return strdup(path);
	return NULL;
}
