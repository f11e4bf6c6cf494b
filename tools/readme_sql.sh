#!/bin/bash
# readme_sql.sh FILE.md...: runs the ```sql blocks of each file in order, in a
# fresh database of the server that PGHOST and its like point to.
#
# A block must work; one right after <!-- error SQLSTATE --> must fail with that;
# one right after <!-- not run: why --> is left out (and counted).  A ```text
# block that follows (only blank lines between) must be what psql prints.
set -u
[ $# -gt 0 ] || { echo "usage: readme_sql.sh FILE.md..." >&2; exit 2; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 run=0 compared=0 left_out=0

# writes blocks NNN.sql, NNN.text, NNN.error, NNN.skip and NNN.line of one file
split_blocks() {
	awk -v dir="$2" '
		function name(ext) { return sprintf("%s/%04d.%s", dir, n, ext) }
		inside { if ($0 ~ /^```[ \t]*$/) { inside = 0; close(out) } else print > out; next }
		/^<!-- error [0-9A-Z]+ -->$/ { mark = "error"; value = $3; next }
		/^<!-- not run: .+ -->$/ { mark = "skip"; value = $0; next }
		/^```sql[ \t]*$/ {
			n++; inside = 1; out = name("sql"); printf "" > out
			print NR > name("line"); close(name("line"))
			if (mark != "") { print value > name(mark); close(name(mark)) }
			mark = ""; just = 1; next }
		/^```text[ \t]*$/ { if (just) { out = name("text"); printf "" > out } else out = "/dev/null"; inside = 1; just = 0; next }
		/^```/ { inside = 1; out = "/dev/null"; just = 0; mark = ""; next }
		/^[ \t]*$/ { next }
		{ just = 0; mark = "" }
	' "$1"
}

for file; do
	[ -r "$file" ] || { echo "cannot read $file"; exit 1; }
	dir="$work/$(basename "$file")"
	db="qd_readme_$$"
	mkdir -p "$dir"
	split_blocks "$file" "$dir"
	ls "$dir"/*.sql >/dev/null 2>&1 || { echo "$(basename "$file"): no SQL"; continue; }
	createdb "$db" || exit 1
	here=0
	for sql in "$dir"/*.sql; do
		base=${sql%.sql}
		at="$(basename "$file"), line $(cat "$base.line")"
		if [ -e "$base.skip" ]; then left_out=$((left_out + 1)); echo "left out: $at: $(cat "$base.skip")"; continue; fi
		run=$((run + 1)) here=$((here + 1))
		# as a user would paste it; the last line tells whether anything failed
		{ echo '\set LAST_ERROR_SQLSTATE 00000'; cat "$sql"; printf '\n\\o %s\n\\qecho :LAST_ERROR_SQLSTATE\n' "$base.state"; } |
			psql -Xq -v SHOW_CONTEXT=never -d "$db" >"$base.out" 2>&1
		state=$(cat "$base.state" 2>/dev/null)
		want=00000
		[ ! -e "$base.error" ] || want=$(cat "$base.error")
		if [ "$state" != "$want" ]; then
			echo "FAILED: $at: SQLSTATE ${state:-unknown} instead of $want"
			cat "$base.out"
			failed=$((failed + 1))
		elif [ -e "$base.text" ]; then
			compared=$((compared + 1))
			for side in out text; do
				sed -e 's/[ \t]*$//' "$base.$side" | sed -e '/./,$!d' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$base.$side.tidy"
			done
			if ! diff -u "$base.text.tidy" "$base.out.tidy" >"$base.diff"; then
				echo "FAILED: $at: prints something else"
				sed -n '3,60p' "$base.diff"
				failed=$((failed + 1))
			fi
		fi
	done
	dropdb "$db"
	echo "$(basename "$file"): $here blocks"
done
echo "checked $run blocks of SQL, $compared with their output, $left_out left out, $failed failed"
[ "$failed" = 0 ] && [ "$run" -gt 0 ]
