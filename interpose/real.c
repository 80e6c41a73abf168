/*
 * Binds the real functions. Called before constructors, from inside malloc, from other libraries' constructors: so it
 * allocates nothing, and binding twice at once is harmless (same values).
 *
 * Every process of a patched tree does this at its start, so the objects that come after us are read once, and their hash
 * tables are searched here: a name costs a fifth of a dlsym. What is not found there, or is more than a function, is
 * dlsym's.
 */
#include "real.h"

#include "../core/core.h"

#include <link.h>

struct vv__real vv__real;

/* What there is to search in an object: DT_GNU_HASH as the loader reads it. */
struct object {
	uintptr_t base;
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Half) * versions;
	const uint32_t *buckets, *chains; /* chains: at the index of its symbol */
	const uintptr_t *bloom;
	uint32_t buckets_n, bloom_n, bloom_shift;
};

enum { OBJECTS = 32, WORD = 8 * sizeof(uintptr_t), HIDDEN = 0x8000 /* a version that is not the default */ };

struct scope {
	struct object at[OBJECTS];
	int n;
};

static const void *address(const struct link_map *map, uintptr_t p)
{
	return (const void *)(p < map->l_addr ? p + map->l_addr : p); /* some are not relocated */
}

static void read_hash(struct object *o, const uint32_t *hash)
{
	o->buckets_n = hash[0];
	o->bloom_n = hash[2];
	o->bloom_shift = hash[3];
	o->bloom = (const uintptr_t *)(hash + 4);
	o->buckets = (const uint32_t *)(o->bloom + o->bloom_n);
	o->chains = o->buckets + o->buckets_n - hash[1];
}

static bool read_object(struct object *o, const struct link_map *map)
{
	const uint32_t *hash = NULL;

	*o = (struct object){.base = map->l_addr};
	for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			o->symbols = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			o->names = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_VERSYM)
			o->versions = address(map, d->d_un.d_ptr);
		else if (d->d_tag == DT_GNU_HASH)
			hash = address(map, d->d_un.d_ptr);
	}
	if (!hash || !o->symbols || !o->names)
		return false;
	read_hash(o, hash);
	return true;
}

/* Those after us, in the order of the search, up to one that cannot be read. */
static void read_scope(struct scope *s)
{
	extern const ElfW(Dyn) ours[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
	const struct link_map *map = _r_debug.r_map;

	s->n = 0;
	while (map && map->l_ld != ours)
		map = map->l_next;
	while (map && s->n < OBJECTS && (map = map->l_next) && read_object(&s->at[s->n], map))
		s->n++;
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

/* The default version of that name, or null. */
static const ElfW(Sym) * find(const struct object *o, const char *name, uint32_t hash)
{
	uintptr_t word;
	uint32_t i;

	if (!o->buckets_n) /* exports nothing */
		return NULL;
	word = o->bloom[hash / WORD & (o->bloom_n - 1)];
	if (!(word >> hash % WORD & word >> (hash >> o->bloom_shift) % WORD & 1))
		return NULL;
	for (i = o->buckets[hash % o->buckets_n]; i; i++) {
		if ((o->chains[i] | 1) == (hash | 1) && !strcmp(o->names + o->symbols[i].st_name, name) &&
		    !(o->versions && o->versions[i] & HIDDEN))
			return &o->symbols[i];
		if (o->chains[i] & 1)
			return NULL;
	}
	return NULL;
}

static void *search(const struct scope *s, const char *name)
{
	uint32_t hash = hash_of(name);

	for (int i = 0; i < s->n; i++) {
		const ElfW(Sym) *symbol = find(&s->at[i], name, hash);

		if (symbol)
			return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_shndx != SHN_ABS
				   ? (void *)(s->at[i].base + symbol->st_value)
				   : NULL;
	}
	return NULL;
}

/* In the last object that has it. Libraries preloaded after us (libfaketime) come before libc. */
static void *search_libc(const struct scope *s, const char *name)
{
	uint32_t hash = hash_of(name);

	for (int i = s->n; i-- > 0;) {
		const ElfW(Sym) *symbol = find(&s->at[i], name, hash);

		if (symbol && symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
			return (void *)(s->at[i].base + symbol->st_value);
	}
	return NULL;
}

static void *next(const struct scope *s, const char *name)
{
	void *f = search(s, name);
	Dl_info ours, found;

	if (!f)
		f = dlsym(RTLD_NEXT, name);
	if (!f) { /* libc.so.6 executed as a program comes before us */
		f = dlsym(RTLD_DEFAULT, name);
		if (f && dladdr(f, &found) && dladdr(&vv__real, &ours) && found.dli_fbase == ours.dli_fbase)
			f = NULL;
	}
	if (!f)
		vv__die("libc has no %s", name);
	return f;
}

static void bind_clock(const struct scope *s)
{
	void *f = search_libc(s, "clock_gettime");

	vv__libc_clock = f ? (__typeof__(vv__libc_clock))f : REAL(clock_gettime);
}

void vv__real_bind(void)
{
	struct scope scope;

	read_scope(&scope);
#define SYM(name, family, rung) vv__real.name = (__typeof__(name) *)next(&scope, #name);
#define ALIAS(name, target, family, rung)
#include "symbols.def"
#undef SYM
#undef ALIAS
	bind_clock(&scope);
	__atomic_store_n(&vv__real.bound, 1, __ATOMIC_RELEASE);
}
