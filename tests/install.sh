#!/bin/bash
# make install into a DESTDIR, then use what is there as a user would.
set -uo pipefail
cd "$(dirname "$0")/.."
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT
passed=0 failed=0

check() {
	if "${@:2}" >"$to/log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "install: $1 failed"
		sed 's/^/    /' "$to/log"
	fi
}

prints() {
	local expected=$1 got

	shift
	got=$("$@" 2>&1)
	[ "$got" = "$expected" ] || { echo "got '$got', not '$expected'" && false; }
}

pc() {
	PKG_CONFIG_PATH=$to/opt/v/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$to pkg-config "$@" vervet
}

# A program of the public API, compiled and run with what was installed only.
api_program() {
	printf '#include <vervet.h>\nint main(void) { return 0; }\n' >"$to/p.c"
	${CC:-gcc} -Wall -Werror $(pc --cflags) -o "$to/p" "$to/p.c" $(pc --libs) && LD_LIBRARY_PATH=$to/opt/v/lib "$to/p"
}

check "make install" "${MAKE:-make}" --no-print-directory install DESTDIR="$to" PREFIX=/opt/v
check "vervet runs a program" prints hello "$to/opt/v/bin/vervet" echo hello
check "vervet finds its library" prints "$to/opt/v/lib/libvervet.so" "$to/opt/v/bin/vervet" sh -c 'echo $LD_PRELOAD'
check "pkg-config" prints "$(build/vervet --version)" echo "vervet $(pc --modversion)"
check "man page" test -s "$to/opt/v/share/man/man1/vervet.1"
check "man page is well formed" prints "" groff -man -ww -z "$to/opt/v/share/man/man1/vervet.1"
[ ! -e core/vervet.h ] || check "program of the public API" api_program

echo "install: $passed passed, $failed failed"
[ $failed = 0 ]
