# make            build/vervet and build/libvervet.so
# make test       everything that can fail;  make demo, make bench: figures;  make install PREFIX=/usr/local
VERSION := 0.1.0
PREFIX ?= /usr/local
CC ?= gcc
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
B := build
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wno-unused-parameter -Wno-nonnull-compare -Wno-missing-attributes -Wno-unknown-warning-option
CFLAGS += -std=gnu11 $(OPT) $(WARN) -fvisibility=hidden -fno-delete-null-pointer-checks -D_GNU_SOURCE \
	-U_FORTIFY_SOURCE -MMD -MP
LIBFLAGS := -fPIC -ftls-model=initial-exec -fno-stack-protector
LDFLAGS_LIB := -shared -Wl,-z,defs -Wl,-z,now -Wl,-soname,libvervet.so

CORE := $(wildcard core/*.c core/api/*.c) core/context_$(ARCH).S
LIB := $(CORE) $(wildcard interpose/*.c) interpose/syscall_$(ARCH).S interpose/vfork_$(ARCH).S $(wildcard shim/lib*.c) shim/settings.c
COMMAND := $(filter-out $(wildcard shim/lib*.c),$(wildcard shim/*.c))
SEE := $(wildcard see/*.c) shim/run.c shim/elf.c shim/complain.c
TOOL := $(sort $(COMMAND) $(SEE))
# glibc's start asks the processor what it can: half a millisecond in a virtual machine. So the command, which is in the
# way of every start, is linked with musl where that is installed.
MUSL := $(if $(filter $(ARCH),$(shell uname -m)),$(shell command -v musl-gcc))
COMMAND_CC := $(if $(MUSL),$(MUSL) -static,$(CC))
# The HTTP server, if its two libraries are here.
HTTP_SRC := $(if $(and $(wildcard /usr/include/http_parser.h),$(wildcard /usr/include/wslay/wslay.h)),$(wildcard http/*.c))
HTTP_OBJ := $(addprefix $(B)/,$(HTTP_SRC:.c=.o))
HTTP_SO := $(if $(HTTP_SRC),$(B)/libvervet-http.so)
TLS_SO := $(if $(wildcard /usr/include/openssl/ssl.h),$(B)/libvervet-tls.so)
LIB_OBJ := $(addprefix $(B)/,$(addsuffix .o,$(basename $(LIB))))
CHECK_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard check/*.c))
TOOL_OBJ := $(addprefix $(B)/,$(TOOL:.c=.o))
SEE_OBJ := $(addprefix $(B)/,$(SEE:.c=.o))
COMMAND_OBJ := $(addprefix $(B)/command/,$(COMMAND:.c=.o))

.DELETE_ON_ERROR:
.PHONY: all test demo bench install format clean deps
all: $(B)/libvervet.so $(B)/libvervet-check.so $(B)/vervet $(B)/vervet-see $(B)/libvervet.so-gdb.py $(B)/vervet-bench $(HTTP_SO) $(TLS_SO)

$(B)/libvervet.so: $(LIB_OBJ) $(B)/exports.map
	$(CC) $(LDFLAGS_LIB) -Wl,--version-script=$(B)/exports.map -o $@ $(LIB_OBJ) -ldl

# The heap of servers under --fan-out=check.
$(B)/libvervet-check.so: $(CHECK_OBJ)
	$(CC) -shared -Wl,-z,defs -Wl,-soname,libvervet-check.so -o $@ $^ -ldl

$(B)/libvervet-http.so: $(HTTP_OBJ) $(B)/libvervet.so
	$(CC) -shared -Wl,-z,defs -Wl,-soname,libvervet-http.so -o $@ $(HTTP_OBJ) -L$(B) -lvervet -lhttp_parser -lwslay

# gdb loads it with the library.
$(B)/libvervet.so-gdb.py: scripts/vervet-gdb.py
	@mkdir -p $(@D)
	cp $< $@

$(B)/libvervet-tls.so: $(B)/tls/tls.o $(B)/libvervet.so
	$(CC) -shared -Wl,-z,defs -Wl,-soname,libvervet-tls.so -o $@ $< -L$(B) -lvervet -lssl -lcrypto

$(B)/vervet: $(COMMAND_OBJ)
	$(COMMAND_CC) -o $@ $^

# What looks into programs and processes, with elfutils.
$(B)/vervet-see: $(SEE_OBJ)
	$(CC) -o $@ $^ -ldw -lelf

# The export map must be anonymous: a named version node would keep the loader from interposing.
$(B)/exports.map: interpose/symbols.def Makefile
	@mkdir -p $(@D)
	{ echo '{ global: vv_[a-z]*; ev_set_allocator;'; \
	  $(CC) -E -P -x c -D'SYM(n,f,r)=n;' -D'ALIAS(n,t,f,r)=n;' $<; echo 'local: *; };'; } > $@

$(LIB_OBJ): CFLAGS += $(LIBFLAGS)
$(B)/interpose/once.o: CFLAGS += -fexceptions
$(HTTP_OBJ) $(B)/tls/tls.o: CFLAGS += -fPIC -Icore
$(CHECK_OBJ): CFLAGS += -fPIC -fno-builtin-malloc -fno-builtin-calloc
$(TOOL_OBJ) $(COMMAND_OBJ): CFLAGS += -DVERVET_VERSION='"$(VERSION)"'

# Names of the system calls.
$(B)/see/syscalls.h:
	@mkdir -p $(@D)
	echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
	  sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/[__NR_\1] = "\1",/p' > $@
$(patsubst %.c,$(B)/%.o,$(wildcard see/*.c)): CFLAGS += -I$(B)/see
$(B)/see/text.o: $(B)/see/syscalls.h

$(B)/command/%.o: %.c
	@mkdir -p $(@D)
	$(COMMAND_CC) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(B)/%.o: %.S
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LIBFLAGS) -c -o $@ $<

-include $(shell find $(B) -name '*.d' 2>/dev/null)

-include tests/tests.mk

# ---- tests: every suite is a target that ends with a line "name: N passed, N failed, N skipped" ----

SUITES += test-symbols test-shim test-docs test-install test-warnings
.PHONY: $(SUITES) objects
test:
	scripts/deps build test
	$(MAKE) -s all
	@tests/all $(SUITES)

test-symbols: $(B)/libvervet.so
	@CC="$(CC)" tests/symbols.sh

test-shim: all
	@tests/shim/run

test-docs: all
	@scripts/coverage --check

test-install: all
	@MAKE="$(MAKE)" CC="$(CC)" tests/install.sh

# No warning from either compiler.
test-warnings:
	@for cc in gcc clang; do command -v $$cc >/dev/null || continue; \
	  $(MAKE) -s objects CC=$$cc B=$(B)/warnings-$$cc OPT='-O2 -g -Werror' || exit 1; done
	@echo "warnings: 1 passed"

objects: $(LIB_OBJ) $(CHECK_OBJ) $(TOOL_OBJ) $(HTTP_OBJ) $(if $(TLS_SO),$(B)/tls/tls.o)

# ---- figures ----

demo:
	scripts/deps build demo
	$(MAKE) -s all
	@scripts/demo
	@scripts/demo-fanout

# make bench QUICK=--quick takes a third of the time.
bench:
	scripts/deps build bench
	$(MAKE) -s all
	@scripts/bench/all $(QUICK)

# ---- the rest ----

TO := $(DESTDIR)$(PREFIX)
install: all
	install -D -t $(TO)/bin $(B)/vervet
	install -D -t $(TO)/libexec $(B)/vervet-see $(B)/vervet-bench
	install -D -t $(TO)/lib $(B)/libvervet.so $(B)/libvervet-check.so
	install -D -m 644 -t $(TO)/lib $(B)/libvervet.so-gdb.py
	install -D -m 644 -t $(TO)/include core/vervet.h
	$(if $(HTTP_SO),install -D -t $(TO)/lib $(HTTP_SO) && install -D -m 644 -t $(TO)/include http/vervet-http.h)
	$(if $(TLS_SO),install -D -t $(TO)/lib $(TLS_SO) && install -D -m 644 -t $(TO)/include tls/vervet-tls.h)
	install -D -m 644 -t $(TO)/share/man/man1 shim/vervet.1
	install -d $(TO)/lib/pkgconfig
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' shim/vervet.pc.in >$(TO)/lib/pkgconfig/vervet.pc

$(B)/vervet-bench: shim/vervet-bench
	install -D $< $@

deps:
	@scripts/deps

clean:
	rm -rf $(B)

# symbols.def and its like are no C: clang-format would take them apart.
format:
	clang-format -i $(wildcard core/*.[ch] check/*.[ch] see/*.[ch] interpose/*.[ch] shim/*.[ch] tests/*/*.[ch] scripts/*.c scripts/*/*.c)
	scripts/coverage
