#!/bin/bash
# lint.sh: compilers and analyzers that must have nothing to say about src/
set -u
cd "$(dirname "$0")/.." || exit 1
PG_CONFIG=${PG_CONFIG:-pg_config}
include=$("$PG_CONFIG" --includedir-server)
# the server's headers are not ours to judge: -isystem
flags=(-std=gnu99 -isystem "$include" -isystem "$("$PG_CONFIG" --includedir)" -Isrc -D_GNU_SOURCE)
failed=0

heading() { echo "-- $1"; }
fail() { echo "FAILED: $1"; failed=1; }

heading "gcc: all warnings and the static analyzer on the kernels"
for file in src/kernel/*.c; do
	gcc -std=gnu99 -O2 -Isrc -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wcast-qual -Wpointer-arith \
		-Wstrict-prototypes -Wmissing-prototypes -Wdeclaration-after-statement -Wundef -Wvla -Werror \
		-fanalyzer -c -o /dev/null "$file" || fail "$file"
done

heading "gcc: warnings on the functions"
for file in src/*.c; do
	gcc "${flags[@]}" -O2 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
		-Wshadow=compatible-local -Wpointer-arith -Wmissing-prototypes -Wdeclaration-after-statement -Wvla -Werror \
		-fPIC -c -o /dev/null "$file" || fail "$file"
done

heading "clang-tidy"
clang-tidy --quiet --warnings-as-errors='*' src/kernel/*.c src/*.c -- "${flags[@]}" 2>&1 |
	grep -v -e '^[0-9]* warnings\? \(generated\|treated\)' -e '^Suppressed ' -e '^Use -header-filter'
[ "${PIPESTATUS[0]}" = 0 ] || fail "clang-tidy"

heading "cppcheck"
# without the server's headers, which it cannot parse
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --std=c99 --inline-suppr \
	--suppress=missingIncludeSystem -Isrc -D__GNUC__ -DPG_VERSION_NUM=150000 '-DPG_FUNCTION_INFO_V1(x)=' \
	-DPG_MODULE_MAGIC= '-Dereport(level, rest)=exit(1)' '-Delog(...)=exit(1)' src/kernel src/*.c || fail "cppcheck"

heading "pg_bsd_indent"
tools/indent.sh --check || fail "layout; run tools/indent.sh"

heading "shell and Perl"
for file in .ci/run ./*.sh tools/*.sh bench/*.sh bench/*/*.sh; do bash -n "$file" || fail "$file"; done
for file in test/t/*.pl test/t/*.pm; do
	perl -Itest/t -wc "$file" 2>&1 | grep -v 'syntax OK$'
	[ "${PIPESTATUS[0]}" = 0 ] || fail "$file"
done
exit $failed
