#!/bin/bash
# indent.sh [--check]: lays src/ out as PostgreSQL does (pg_bsd_indent with
# pgindent's options and its corrections); --check only shows what would change.
# Types of src/ are known by themselves, the server's by tools/typedefs.list.
set -eu
cd "$(dirname "$0")/.."
command -v pg_bsd_indent >/dev/null || { echo "pg_bsd_indent is missing (package pg-bsd-indent)" >&2; exit 1; }
types=$(mktemp)
copy=$(mktemp)
trap 'rm -f "$types" "$copy" "$copy.in"' EXIT
{
	cat tools/typedefs.list
	cat src/*.[ch] src/kernel/*.[ch] |
		sed -nE 's/^\} ([A-Za-z_0-9]+);$/\1/p; s/^typedef (unsigned )?__int128 ([A-Za-z_0-9]+);$/\2/p; s/^typedef struct [A-Za-z_0-9]+ ([A-Za-z_0-9]+);$/\1/p'
} | LC_ALL=C sort -u | grep -vx parts >"$types"	# parts is a variable's name too
status=0
for file in src/*.[ch] src/kernel/*.[ch]; do
	# as pgindent does: comments of one line at the margin are not to be wrapped
	sed -e 's!^\(/\*\)\([^*-]\)\(.*\*/\)$!/*-X-\2\3!' "$file" >"$copy.in"
	pg_bsd_indent -bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4 -l79 -lp -lpl -nip -npro -sac -tpg -ts4 \
		-U"$types" <"$copy.in" >"$copy" || { echo "$file: pg_bsd_indent fails" >&2; exit 1; }
	# the comments as they were, pointer types of functions in one piece
	sed -i -E -e 's!^/\*-X-!/*!' -e 's/[ \t]*$//' -e 's/^([A-Za-z_][A-Za-z_0-9 ]*)[ \t]+\*$/\1 */' "$copy"
	if ! cmp -s "$file" "$copy"; then
		if [ "${1:-}" = --check ]; then diff -u --label "$file" --label "$file, laid out" "$file" "$copy" || status=1
		else cp "$copy" "$file"; echo "$file"
		fi
	fi
done
exit $status
