#!/bin/bash
# Checks interpose/symbols.def against the built library and against libc:
#   - rows are unique, families and rungs exist, an alias names a function of the table;
#   - nm -D of the library shows exactly the table's names and the public API (vv_*);
#   - no twin that libc exports has been forgotten: read, __read, __read_chk; open, open64, __open64_2; fgets_unlocked ...
#     A twin that is left out on purpose stands in symbols.except with its reason.
set -uo pipefail
cd "$(dirname "$0")/.."
lib=${1:-build/libvervet.so}
libc=$(ldd "$lib" | sed -n 's/.*libc\.so\.6 => \(\S*\).*/\1/p')
passed=0 failed=0
export LC_ALL=C

# check NAME COMMAND...: passes if the command prints nothing.
check() {
	local name=$1 lines

	lines=$("${@:2}")
	if [ -z "$lines" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		sed "s|^|symbols: $name: |" <<<"$lines"
	fi
}

# Rows as "name target family rung"; the target of a SYM is itself.
rows() {
	${CC:-gcc} -E -P -x c -D'SYM(n,f,r)=n n f r;' -D'ALIAS(n,t,f,r)=n t f r;' interpose/symbols.def |
		tr ';' '\n' | sed 's/^ *//; /^$/d'
}

table=$(rows)
names=$(awk '{ print $1 }' <<<"$table" | sort -u)
families=$(${CC:-gcc} -E -P -x c -D'FAMILY(n,w)=n' interpose/families.def)

# Functions that nm -D shows; "name@@VERSION" is what a program links against today.
exported() {
	nm -D --defined-only "$lib" | awk '{ print $NF }' | sed 's/@.*//' | grep -v -e '^vv_' -e '^ev_set_allocator$' | sort -u
}

libc_exports() {
	nm -D --defined-only "$libc" | awk '$2 ~ /[TWi]/ && $3 ~ /@@/ && $3 !~ /GLIBC_PRIVATE/ { sub("@@.*", "", $3); print $3 }' |
		sort -u
}

# All of them, those for old binaries (name@VERSION) included.
libc_names() {
	nm -D --defined-only "$libc" | awk '$2 ~ /[TWi]/ { sub("@.*", "", $3); print $3 }' | sort -u
}

# What is common to all twins of a name, before the name.
with_stem() {
	sed -E 'h; s/^(_IO_|__isoc99_|__isoc23_|__xpg_|__libc_|_+)//; s/_(chk|2)$//; s/_(unlocked|nocancel)$//; s/64//; G; s/\n/ /'
}

twins() {
	join -j 1 <(libc_exports | with_stem | sort) <(with_stem <<<"$names" | sort) | awk '{ print $2 }' | sort -u
}

excepted() {
	sed 's/#.*//; /^\s*$/d' tests/symbols.except
}

duplicates() {
	awk '{ print $1 }' <<<"$table" | sort | uniq -d
}

bad_rows() {
	awk -v families="$families" '
		BEGIN { n = split(families, f); for (i = 1; i <= n; i++) known[f[i]] = 1 }
		!($3 in known) { print $1 ": unknown family " $3 }
		$4 !~ /^(PARK|HOP|PASS)$/ { print $1 ": unknown rung " $4 }
		$1 == $2 { sym[$1] = 1 }
		$1 != $2 { target[$1] = $2 }
		END { for (a in target) if (!(target[a] in sym)) print a ": alias of " target[a] ", which is no function of the table" }
	' <<<"$table"
}

without_reason() {
	excepted | awk 'NF < 2 { print $1 }'
}

check "row twice" duplicates
check "row" bad_rows
check "not exported by $lib" comm -23 <(echo "$names") <(exported)
check "exported, not in the table" comm -13 <(echo "$names") <(exported)
check "in the table, not in libc" comm -23 <(echo "$names") <(libc_names)
check "twin forgotten (interpose it or give a reason in tests/symbols.except)" \
	comm -23 <(twins) <({ echo "$names"; excepted | awk '{ print $1 }'; } | sort -u)
check "exception without a reason" without_reason
check "exception that is none" comm -23 <(excepted | awk '{ print $1 }' | sort) <(comm -23 <(twins) <(echo "$names"))

echo "symbols: $passed passed, $failed failed"
[ $failed = 0 ]
