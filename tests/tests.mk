# The tests: make test runs them all, make test-core, test-programs, test-real one kind.
.PHONY: test-core test-programs test-real
test: test-core test-programs test-real

test-programs: $(B)/libvervet.so
	tests/run
