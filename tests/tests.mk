# The tests: make test runs them all; make test-core, test-programs, test-real one kind.
.PHONY: test-core test-aarch64 test-programs test-real test-fanout
SUITES += test-core test-aarch64 test-programs test-real test-fanout

# Criterion suites of the core's parts, linked with the core alone and never preloaded.
CORE_TESTS := $(filter-out tests/core/context_plain.c,$(wildcard tests/core/*.c))
CORE_SUITES := $(patsubst tests/core/%.c,$(B)/tests/core/%,$(CORE_TESTS))
CORE_OBJ := $(filter $(B)/core/%,$(LIB_OBJ))

$(CORE_SUITES): $(B)/tests/core/%: $(B)/tests/core/%.o $(CORE_OBJ)
	$(CC) -o $@ $^ -lcriterion -lm -ldl -pthread

$(B)/tests/core/%.o: CFLAGS += -O1 -frounding-math -fno-stack-protector

test-core: $(CORE_SUITES)
	@tests/core/run $^

# The other CPU's context switch, if its compiler and emulator are here.
ARM_CC := $(shell command -v aarch64-linux-gnu-gcc)
QEMU_ARM := $(shell command -v qemu-aarch64)
ARM_SRC := tests/core/context_plain.c core/context.c core/context_aarch64.S
$(B)/tests/core/context_aarch64: $(ARM_SRC) tests/core/context_cases.h core/context.h core/context_frame.h
	@mkdir -p $(@D)
	$(ARM_CC) -std=gnu11 -O1 -g $(WARN) -frounding-math -D_GNU_SOURCE -static -o $@ $(ARM_SRC) -lm

ifeq ($(and $(ARM_CC),$(QEMU_ARM)),)
test-aarch64:
	@echo "aarch64: 0 passed, 0 failed, 1 skipped: needs gcc-aarch64-linux-gnu and qemu-user"
else
# And the library is linked and the command compiled; elfutils' headers are the same for every CPU.
test-aarch64: $(B)/tests/core/context_aarch64
	timeout 60 $(QEMU_ARM) $<
	@$(MAKE) -s bare-objects $(B)/aarch64/libvervet.so CC=$(ARM_CC) B=$(B)/aarch64 OPT='-O1 -Werror -idirafter /usr/include'
	@echo "aarch64: 2 passed"
endif
.PHONY: bare-objects
bare-objects: $(LIB_OBJ) $(TOOL_OBJ)

# Programs that know nothing of Vervet, run plain and patched.
test-programs: $(B)/libvervet.so
	tests/run

# Debian's programs, run plain and patched; test-long: those too that take minutes.
.PHONY: test-long
test-real: $(B)/libvervet.so
	tests/real/run
test-long: $(B)/libvervet.so
	tests/real/run --long

# Programs of the public API.
.PHONY: test-api
SUITES += test-api
test-api: $(B)/libvervet.so
	@CC="$(CC)" tests/api/run

.PHONY: test-api-memory
SUITES += test-api-memory
test-api-memory: $(B)/libvervet.so
	@CC="$(CC)" tests/api/run-memory

# The tutorial: programs of the API, and unmodified ones.
.PHONY: test-tutorial
SUITES += test-tutorial
test-tutorial: all
	@CC="$(CC)" tests/tutorial/run

# Looking into processes: dump, doctor, reports, gdb.
.PHONY: test-see
SUITES += test-see
test-see: all
	@tests/see/run

# Iterative servers, plain and fanned out.
test-fanout: all
	@tests/fanout/run

# The HTTP server.
.PHONY: test-http
SUITES += test-http
test-http: all
	@CC="$(CC)" tests/http/run

# Random operations on every primitive, from seeds.
.PHONY: test-torture
SUITES += test-torture
test-torture: $(B)/libvervet.so
	@tests/torture/run --rounds 4
