#!/bin/bash
# test.sh: builds the extension and runs every test of it on throwaway clusters
# of its own.  Installs what it needs from Debian's packages (sudo when not
# root).  No existing cluster is touched and nothing is left running.
set -u
cd "$(dirname "$0")" || exit 1
. tools/cluster.sh

STEPS=(build unit random regress pgtap tap readme ubsan asan fuzz lint coverage)

usage() {
	cat <<END
usage: ./test.sh [STEP...]

Without arguments all steps run, in this order:
  build     compile with -Wall -Wextra -Werror and install into a staging folder
  unit      kernel unit tests without a server
  random    random partitions and trees against exact checks, kernel level
  regress   pg_regress: sql/ against expected/
  pgtap     in SQL: properties, a pure-SQL oracle on random input, published
            cases, the list of public objects
  tap       cancel, memory, dump and restore, privileges, hostile search_path
  readme    the SQL of README.md and docs/
  ubsan     pg_regress with UndefinedBehaviourSanitizer in the function layer
  asan      kernel tests under AddressSanitizer and UndefinedBehaviourSanitizer
  fuzz      libFuzzer on the kernels, bounded
  lint      clang-tidy, cppcheck, gcc -fanalyzer, pgindent
  coverage  line coverage of src/ by everything above; under $COVERAGE_MIN % fails

Only when named: asan_server, pg_regress and pgTAP with AddressSanitizer in the
function layer (hangs with PostgreSQL 15; make asan-server runs it in a chroot).
Long modes are make targets: random-long, fuzz-long, asan-server, try-bare.
Environment: PG_CONFIG chooses a PostgreSQL, FUZZ_SECONDS, RANDOM_ROUNDS and
SEED size the random tests, QD_KEEP=1 keeps the temporary folder.
END
}

COVERAGE_MIN=${COVERAGE_MIN:-85}
for arg; do
	case $arg in
	-h | --help) usage; exit 0 ;;
	esac
	case " ${STEPS[*]} asan_server " in
	*" $arg "*) ;;
	*) echo "unknown step: $arg" >&2; usage >&2; exit 2 ;;
	esac
done
[ $# -eq 0 ] || STEPS=("$@")

qd_tmp
export LC_ALL=C.UTF-8
export QD_SHARED=${QD_SHARED:-$QD_SOURCE/../shared}

# a number for the summary; a step that ran no test fails
count() {
	echo "$1" >"$QD_TMP/count"
	[ "$1" -gt 0 ] || { echo "ran no test"; return 1; }
}

# the number in the last "Files=.., Tests=N, .." that prove printed
prove_count() { sed -n 's/^Files=[0-9]*, Tests=\([0-9]*\),.*/\1/p' "$1" | tail -n 1; }

# runs prove and counts; arguments: how to run it, its arguments
run_prove() {
	local log="$QD_TMP/prove.log" status=0
	"$@" >"$log" 2>&1 || status=$?
	cat "$log"
	count "$(($(prove_count "$log") + 0))" || status=1
	return "$status"
}

qd_make() { make -C "$QD_BUILD" --no-print-directory PG_CONFIG="$PG_CONFIG" with_llvm=no "$@"; }

#
# the steps; each runs in a subshell with set -e
#
step_build() {
	local name
	# with the bitcode for the JIT where PostgreSQL was built with it, as a user's
	# own build would; the staged one is without
	cp -R "$QD_BUILD" "$QD_TMP/full"
	make -C "$QD_TMP/full" --no-print-directory PG_CONFIG="$PG_CONFIG" clean
	make -C "$QD_TMP/full" --no-print-directory PG_CONFIG="$PG_CONFIG" COPT=-Werror
	rm -rf "$QD_TMP/full"
	for name in quota_decomp.control quota_decomp--1.0.sql quota_decomp.so; do
		find "$QD_STAGE" -name "$name" | grep .
	done
}

step_unit() { run_prove qd_make unit; }

# numbers one a line, added up
total() { awk '{ sum += $1 } END { print sum + 0 }'; }

step_random() {
	qd_make random | tee "$QD_TMP/random.log"
	[ "${PIPESTATUS[0]}" = 0 ]
	count "$(sed -n 's/^checked \([0-9]*\) .*/\1/p' "$QD_TMP/random.log" | total)"
}

# pg_regress on the build and cluster of the moment
run_regress() {
	local log="$QD_TMP/regress.log" status=0
	qd_make installcheck >"$log" 2>&1 || status=$?
	cat "$log"
	if [ "$status" != 0 ]; then head -n 400 "$QD_BUILD/regression.diffs" 2>/dev/null || true; fi
	count "$(grep -Ec '^(test .*\.\.\. ok|ok +[0-9]+ )' "$log" || true)" || status=1
	return "$status"
}

step_regress() { run_regress; }

# arguments: psql variables that make it smaller
run_pgtap() {
	local set=()
	while [ $# -gt 0 ]; do set+=(--set "$1"); shift; done
	[ -r "$QD_SHARED/data/algorithms" ] ||
		echo "skipped: the published cases, there is no $QD_SHARED/data/algorithms"
	createdb qd_pgtap
	psql -qX -d qd_pgtap -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION quota_decomp'
	run_prove pg_prove --timer -j 2 "${set[@]}" --ext .pg -d qd_pgtap -r "$QD_BUILD/test/pgtap"
	dropdb qd_pgtap
}

step_pgtap() { run_pgtap; }

step_tap() { run_prove qd_as_server env PERL5LIB="$QD_BUILD/test/t" prove --timer "$QD_BUILD"/test/t/*.pl; }

step_readme() {
	local status=0
	"$QD_BUILD/tools/readme_sql.sh" "$QD_BUILD/README.md" "$QD_BUILD"/docs/*.md >"$QD_TMP/readme.log" 2>&1 || status=$?
	cat "$QD_TMP/readme.log"
	count "$(sed -n 's/^checked \([0-9]*\) blocks.*/\1/p' "$QD_TMP/readme.log")" || status=1
	return "$status"
}

# a build and a cluster of its own for this subshell
sub_cluster() {
	QD_CLUSTER=
	trap qd_cluster_stop EXIT
	qd_build_and_stage "$@"
	qd_cluster_start
}

step_ubsan() {
	sub_cluster COPT="-O1 -g -fsanitize=undefined -fno-sanitize-recover=undefined" SHLIB_LINK=-fsanitize=undefined
	nm -D "$(find "$QD_STAGE" -name quota_decomp.so)" | grep -q __ubsan_ # else nothing would be checked
	run_regress || { grep -A5 'runtime error' "$QD_CLUSTER/log"; return 1; }
	! grep -A5 'runtime error' "$QD_CLUSTER/log"
}

step_asan_server() {
	[ "$QD_PG_MAJOR" -ge 16 ] || { echo "PostgreSQL $QD_PG_MAJOR hangs under AddressSanitizer"; return 1; }
	QD_SERVER_ENV="LD_PRELOAD=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so) ASAN_OPTIONS=detect_leaks=0:abort_on_error=1"
	sub_cluster COPT="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -U_FORTIFY_SOURCE" \
		SHLIB_LINK="-fsanitize=address,undefined"
	nm -D "$(find "$QD_STAGE" -name quota_decomp.so)" | grep -q __asan_
	local status=0
	run_regress || status=1
	run_pgtap cases=300 rows=5000 nodes=3000 || status=1
	if grep -A20 -e 'runtime error' -e AddressSanitizer "$QD_CLUSTER/log"; then status=1; fi
	return "$status"
}

step_asan() { run_prove qd_make asan-unit; }

step_fuzz() {
	qd_make fuzz >"$QD_TMP/fuzz.log" 2>&1 || { cat "$QD_TMP/fuzz.log"; return 1; }
	cat "$QD_TMP/fuzz.log"
	count "$(sed -n 's/^stat::number_of_executed_units: *//p' "$QD_TMP/fuzz.log" | total)"
}

step_lint() { qd_make lint; }

step_coverage() {
	local info="$QD_TMP/coverage.info" percent test status=0
	# the counts are written by whoever ran the code, when he leaves
	umask 000
	QD_STOP_MODE=fast
	sub_cluster COPT="--coverage -O0" SHLIB_LINK=--coverage
	chmod -R a+rwX "$QD_BUILD"
	run_regress || status=1
	run_pgtap cases=150 rows=3000 nodes=2000 || status=1
	qd_cluster_stop
	for test in "$QD_BUILD"/test/unit/t_*.c; do
		mkdir -p "$QD_BUILD/coverage/$(basename "$test" .c)"
		( cd "$QD_BUILD" && gcc --coverage -O0 -std=gnu99 -Isrc -Itest/unit -DQD_SLOW \
			-o "coverage/$(basename "$test" .c)/run" "$test" src/kernel/*.c test/unit/support*.c -lm &&
			"coverage/$(basename "$test" .c)/run" | grep -c '^ok' )
	done
	lcov --quiet --capture --directory "$QD_BUILD" --base-directory "$QD_BUILD" --output-file "$info.all" 2>/dev/null
	lcov --quiet --extract "$info.all" "$QD_BUILD/src/*" --output-file "$info" 2>/dev/null
	lcov --list "$info" 2>/dev/null | sed "s,$QD_BUILD/,,"
	percent=$(lcov --summary "$info" 2>&1 | sed -n 's/.*lines\.*: *\([0-9.]*\)% .*/\1/p')
	echo "line coverage of src/: $percent %"
	[ "$(echo "$percent" | sed 's/\..*//')" -ge "$COVERAGE_MIN" ] || status=1
	return "$status"
}

#
# what they need
#
packages_for() {
	case $1 in
	unit | asan) echo perl ;;
	pgtap | asan_server) echo "postgresql-$QD_PG_MAJOR-pgtap libtap-parser-sourcehandler-pgtap-perl" ;;
	coverage) echo "postgresql-$QD_PG_MAJOR-pgtap libtap-parser-sourcehandler-pgtap-perl lcov" ;;
	tap) echo "perl libipc-run-perl" ;;
	ubsan) echo libubsan1 ;;
	fuzz) echo "clang libclang-rt-14-dev" ;;
	lint) echo "clang-tidy cppcheck pg-bsd-indent" ;;
	esac
}

needs_cluster() {
	case $1 in regress | pgtap | tap | readme) return 0 ;; esac
	return 1
}

RESULTS=()
FAILED=0
START=$SECONDS
for step in "${STEPS[@]}"; do
	if [ -t 1 ]; then printf '\n\033[1m== %s\033[0m\n' "$step"; else printf '\n== %s\n' "$step"; fi
	began=$SECONDS
	rm -f "$QD_TMP/count"
	status=0
	if [ -z "$QD_BUILD" ]; then
		qd_build_and_stage COPT=-Werror || status=1
	fi
	if [ "$status" = 0 ]; then
		# shellcheck disable=SC2046
		qd_install_packages $(packages_for "$step")
		if needs_cluster "$step" && [ -z "$QD_CLUSTER" ]; then qd_cluster_start || status=1; fi
	fi
	if [ "$status" = 0 ]; then
		( set -e; "step_$step" )
		status=$?
	fi
	if [ "$status" = 0 ]; then verdict=PASS; else verdict=FAIL; FAILED=$((FAILED + 1)); fi
	tests=$(cat "$QD_TMP/count" 2>/dev/null)
	RESULTS+=("$(printf '%-9s %s %5d s  %s' "$step" "$verdict" $((SECONDS - began)) "${tests:+$tests tests}")")
	echo "$verdict: $step (${tests:+$tests tests, }$((SECONDS - began)) s)"
	[ -n "$QD_BUILD" ] && [ -n "$QD_STAGE" ] || break
	if [ "$step" = build ] && [ "$status" != 0 ]; then break; fi
done

echo
echo "== summary"
printf '%s\n' "${RESULTS[@]}"
echo "${#RESULTS[@]} steps, $FAILED failed, $((SECONDS - START)) s"
[ "$FAILED" = 0 ]
