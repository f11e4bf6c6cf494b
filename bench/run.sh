#!/bin/bash
# run.sh: how fast, how large and how quick to cancel, as ratios within one run
# on a throwaway cluster.  docs/benchmarks.md says what the rows mean.
set -u
cd "$(dirname "$0")" || exit 1
. ../tools/cluster.sh

usage() {
	cat <<END
usage: bench/run.sh [--quick] [--check] [--pairs N] [SECTION...]

Sections, all of them without arguments:
  sum        allocate against sum() OVER
  sql        allocate against largest remainder in SQL
  tree       allocate_tree against a waterfall in SQL
  growth     time a row from 10^4 to 10^7 rows
  memory     peak memory a row
  cancel     how soon a cancel takes effect
$(for name in $FURTHER; do printf '  %-10s %s\n' "$name" "$(sed -n '2s/^# //p' "sections/$name.sh")"; done)

  --quick    a tenth of the rows, fewer pairs: minutes instead of three quarters
             of an hour, less to be trusted, without the bound of the tree
  --check    exit with 1 when a bound is missed
  --pairs N  so many interleaved pairs against sum() (default 15; --quick 5);
             the slower rivals get a third

Installs what it needs, as test.sh does; PG_CONFIG chooses a PostgreSQL.
END
}

# a file of its own for each further function: NAME_section, and what it needs
FURTHER=$(cd sections 2>/dev/null && for file in *.sh; do [ ! -e "$file" ] || echo "${file%.sh}"; done)
ALL_SECTIONS="sum sql tree growth memory cancel "$(echo $FURTHER)

QUICK= CHECK= PAIRS= SECTIONS=()
while [ $# -gt 0 ]; do
	case $1 in
		--quick) QUICK=1 ;;
		--check) CHECK=1 ;;
		--pairs) PAIRS=${2:?}; shift ;;
		-h | --help) usage; exit 0 ;;
		*) [[ " $ALL_SECTIONS " == *" $1 "* ]] || { usage >&2; exit 2; }
			SECTIONS+=("$1") ;;
	esac
	shift
done

# sizes by their powers of ten; a tree of fan-out 10 has a ninth more nodes
BASE=6 SIZES=(4 5 6 7)
if [ -n "$QUICK" ]; then BASE=5 SIZES=(4 5); fi
PAIRS=${PAIRS:-$([ -n "$QUICK" ] && echo 5 || echo 15)}
FEW=$(((PAIRS + 2) / 3))
TOP=${SIZES[-1]}
MEMORIES=(4MB 256MB)

sql() { psql -qXAt -v ON_ERROR_STOP=1 "$@" || qd_die "psql failed"; }
wanted() { [ ${#SECTIONS[@]} = 0 ] || [[ " ${SECTIONS[*]} " == *" $1 "* ]]; }
note() { qd_note "$(date +%T) $*"; }

# the same for both sides of every comparison
settings() {
	cat <<END
SET client_min_messages = warning;
SET search_path = bench, quota_decomp, public;
SET jit = off;
SET max_parallel_workers_per_gather = 0;
SET work_mem = '$1';
END
}

count() { echo "SELECT count(x) FROM ($1 OFFSET 0) s"; }

# time_pairs MEMORY PAIRS OURS OTHER, after the statements in PREPARED → lines "pair, ours?, cpu ms, elapsed ms":
# both sides in turn in one session, the first pair left out.  The server says
# what each statement took of its backend.
time_pairs() {
	local i
	{
		settings "$1"
		echo "${PREPARED:-}"
		echo "SET client_min_messages = log; SET log_statement_stats = on;"
		for ((i = 0; i <= $2; i++)); do printf '%s;\n%s;\n' "$3" "$4"; done
	} >"$WORK/in.sql"
	psql -qXAt -v ON_ERROR_STOP=1 -f "$WORK/in.sql" >"$WORK/out" 2>&1 ||
		{ grep -A3 ERROR "$WORK/out" >&2; qd_die "a query failed"; }
	awk 'BEGIN { OFS = "\t" }
		$1 == "!" && $2 ~ /^[0-9]/ && $4 == "user," {
			if (n > 1) print int(n / 2), n % 2 == 0 ? "t" : "f", ($2 + $5) * 1000, $8 * 1000
			n++
		}' "$WORK/out"
}

# compare WHAT MEMORY PAIRS OURS OTHER [at-most|at-least [BOUND]]: a row of the
# table, at-most of ours / other, at-least of other / ours.
compare() {
	note "$1, work_mem $2"
	time_pairs "$2" "$3" "$4" "$5" | sed "s/^/0\t/" >"$WORK/timing"
	sql -v what="$1" -v mem="$2" -v kind="${6:-at-most}" -v bound="${7:-}" <<END
TRUNCATE bench.timing;
\copy bench.timing FROM '$WORK/timing'
WITH pairs AS (
	SELECT CASE WHEN :'kind' = 'at-least' THEN b.cpu / a.cpu ELSE a.cpu / b.cpu END AS cpu,
		CASE WHEN :'kind' = 'at-least' THEN b.elapsed / a.elapsed ELSE a.elapsed / b.elapsed END AS elapsed,
		a.cpu AS ours, b.cpu AS other
	FROM bench.timing a JOIN bench.timing b USING (pair) WHERE a.ours AND NOT b.ours
), medians AS (
	SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu)::numeric AS cpu,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY elapsed)::numeric AS elapsed,
		min(cpu)::numeric AS low, max(cpu)::numeric AS high,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)::numeric AS ours,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY other)::numeric AS other
	FROM pairs)
INSERT INTO bench.result (what, mem, ratio, elapsed, ours, other, bound, verdict)
SELECT :'what', :'mem', format('%s (%s–%s)', round(cpu, 2), round(low, 2), round(high, 2)),
	round(elapsed, 2), round(ours) || ' ms', round(other) || ' ms',
	CASE :'kind' WHEN 'at-most' THEN '≤ ' ELSE '≥ ' END || nullif(:'bound', ''),
	CASE WHEN :'bound' = '' THEN NULL
		WHEN CASE :'kind' WHEN 'at-most' THEN cpu <= nullif(:'bound', '')::numeric
			ELSE cpu >= nullif(:'bound', '')::numeric END THEN 'PASS'
		ELSE 'MISS' END
FROM medians;
END
}

# fastest MEMORY QUERY... → the one with the least CPU time, of two runs each
fastest() {
	local mem=$1 query best= time least=
	shift
	for query; do
		time=$(time_pairs "$mem" 1 "$query" "$query" | sort -g -k3 | head -n 1 | cut -f3)
		if [ -z "$least" ] || awk "BEGIN { exit !($time < $least) }"; then least=$time best=$query; fi
	done
	echo "$best"
}

#
# the queries
#
R=rows_$BASE
N=$((10 ** BASE))
T=tree_$BASE
LEVELS=$BASE
ALL="1000.0 * $N"				# the total: 1000 a row
PART="1000000"					# of a partition of a thousand rows

allocate() { echo "SELECT ${3:-allocate}($1) OVER ($2) AS x FROM ${4:-$R}"; }
tree() { echo "SELECT allocate_tree(CASE WHEN parent IS NULL THEN 1000.0 * $N END, node, parent, w) OVER () AS x FROM $1"; }

# Largest remainder in SQL, exact for any numeric: quotient and remainder in
# cents, a unit more for the first so many by remainder, weight and key.
#     three windows: weights' sum, quotients' sum, rank
sql_windows() {
	local part=${2:+PARTITION BY $2}
	cat <<END
SELECT (q + CASE WHEN row_number() OVER (${part} ORDER BY r DESC, w DESC, i) <= $1 * 100 - sum(q) OVER (${part})
		THEN 1 ELSE 0 END) * 0.01 AS x, i${2:+, $2}
	FROM (SELECT i${2:+, $2}, w, div(w * ($1 * 100), s) AS q, mod(w * ($1 * 100), s) AS r
		FROM (SELECT i${2:+, $2}, w, sum(w) OVER (${part}) AS s FROM $R) a) b
END
}

#     the weights' sum from an aggregate instead of a window
sql_join() {
	local part=${2:+PARTITION BY $2} from="$R, (SELECT sum(w) AS s FROM $R) g"
	[ -z "${2:-}" ] || from="$R JOIN (SELECT $2, sum(w) AS s FROM $R GROUP BY $2) g USING ($2)"
	cat <<END
SELECT (q + CASE WHEN row_number() OVER (${part} ORDER BY r DESC, w DESC, i) <= $1 * 100 - sum(q) OVER (${part})
		THEN 1 ELSE 0 END) * 0.01 AS x, i${2:+, $2}
	FROM (SELECT i${2:+, $2}, w, div(w * ($1 * 100), s) AS q, mod(w * ($1 * 100), s) AS r FROM $from) b
END
}

#     in 64-bit integers: only where weights have at most two decimals and
#     weight × total stays below 2^63
sql_bigint() {
	local part=${2:+PARTITION BY $2}
	cat <<END
SELECT (q + CASE WHEN row_number() OVER (${part} ORDER BY r DESC, w DESC, i) <= ($1 * 100)::bigint - sum(q) OVER (${part})
		THEN 1 ELSE 0 END) * 0.01 AS x, i${2:+, $2}
	FROM (SELECT i${2:+, $2}, w, w * ($1 * 100)::bigint / s AS q, w * ($1 * 100)::bigint % s AS r
		FROM (SELECT i${2:+, $2}, w, (sum(w) OVER (${part}))::bigint AS s
			FROM (SELECT i${2:+, $2}, (w * 100)::bigint AS w FROM $R) z) a) b
END
}

# a pure-SQL query gives what allocate does, row by row
verify() {
	local same
	same=$(sql <<END
$(settings 256MB)
SELECT count(*) = $N AND bool_and(a.x = b.x) AND sum(a.x) = $3
FROM ($1) a JOIN ($2) b USING (i);
END
	)
	[ "$same" = t ] || qd_die "pure SQL and allocate differ: $2"
}

#
# start
#
START=$(date '+%F %H:%M')
LOAD=$(cut -d' ' -f1-3 /proc/loadavg)
qd_build_and_stage || exit 1
qd_cluster_start || exit 1
WORK=$QD_TMP/bench
mkdir -p "$WORK"

note "data"
sql -f setup.sql
for size in "${SIZES[@]}"; do
	sql -c "CALL bench.make_rows('rows_$size', $((10 ** size)))" -c "CALL bench.make_tree('tree_$size', $size)"
done
sql -c "CREATE TABLE bench.tree_text AS SELECT 'node-' || lpad(node::text, 10, '0') AS node,
		'node-' || lpad(parent::text, 10, '0') AS parent, w FROM bench.$T" \
	-c "VACUUM (FREEZE, ANALYZE)" -c CHECKPOINT
sql <<END >"$WORK/settings"
$(settings 4MB)
SELECT 'PostgreSQL ' || current_setting('server_version') || '; jit ' || current_setting('jit') ||
	', max_parallel_workers_per_gather ' || current_setting('max_parallel_workers_per_gather') ||
	', shared_buffers ' || current_setting('shared_buffers') || ', fsync ' || current_setting('fsync');
END

#
# 1. against sum() OVER
#
sum_section() {
	for mem in "${MEMORIES[@]}"; do
		compare "one partition / sum(w) OVER ()" "$mem" "$PAIRS" \
			"$(count "$(allocate "$ALL, w" "")")" "$(count "SELECT sum(w) OVER () AS x FROM $R")" at-most 2.0
		compare "ORDER BY i / sum(w) OVER (ORDER BY i)" "$mem" "$PAIRS" \
			"$(count "$(allocate "$ALL, w" "ORDER BY i")")" "$(count "SELECT sum(w) OVER (ORDER BY i) AS x FROM $R")" at-most 1.5
		compare "$((N / 1000)) partitions / sum(w) OVER (PARTITION BY p)" "$mem" "$PAIRS" \
			"$(count "$(allocate "$PART, w" "PARTITION BY p")")" "$(count "SELECT sum(w) OVER (PARTITION BY p) AS x FROM $R")" at-most 1.0
	done
	for rounding in webster cumulative; do
		compare "  $rounding, one partition / sum(w) OVER ()" 4MB "$FEW" \
			"$(count "$(allocate "$ALL, w, rounding => '$rounding'" "")")" "$(count "SELECT sum(w) OVER () AS x FROM $R")"
		compare "  $rounding, $((N / 1000)) partitions / sum(w) OVER (PARTITION BY p)" 4MB "$FEW" \
			"$(count "$(allocate "$PART, w, rounding => '$rounding'" "PARTITION BY p")")" \
			"$(count "SELECT sum(w) OVER (PARTITION BY p) AS x FROM $R")"
	done
	compare "  floors and caps, one partition / sum(w) OVER ()" 4MB "$FEW" \
		"$(count "$(allocate "$ALL, w, low, high" "")")" "$(count "SELECT sum(w) OVER () AS x FROM $R")"
	compare "  floors and caps, $((N / 1000)) partitions / sum(w) OVER (PARTITION BY p)" 4MB "$FEW" \
		"$(count "$(allocate "$PART, w, low, high" "PARTITION BY p")")" "$(count "SELECT sum(w) OVER (PARTITION BY p) AS x FROM $R")"
	compare "  allocate_detail, one partition / sum(w) OVER ()" 4MB "$FEW" \
		"$(count "$(allocate "$ALL, w" "" allocate_detail)")" "$(count "SELECT sum(w) OVER () AS x FROM $R")"
}

#
# 2. against largest remainder in SQL
#
sql_section() {
	note "is the SQL right?"
	for query in sql_windows sql_join sql_bigint; do
		verify "SELECT i, allocate($ALL, w) OVER (ORDER BY i) AS x FROM $R" "$($query "$ALL")" "$ALL"
		verify "SELECT i, allocate($PART, w) OVER (PARTITION BY p ORDER BY i) AS x FROM $R" "$($query "$PART" p)" "$ALL"
	done
	for mem in "${MEMORIES[@]}"; do
		best=$(fastest "$mem" "$(count "$(sql_windows "$ALL")")" "$(count "$(sql_join "$ALL")")")
		compare "best SQL / one partition" "$mem" "$FEW" "$(count "$(allocate "$ALL, w" "ORDER BY i")")" "$best" at-least 3.5
		best=$(fastest "$mem" "$(count "$(sql_windows "$PART" p)")" "$(count "$(sql_join "$PART" p)")")
		compare "best SQL / $((N / 1000)) partitions" "$mem" "$FEW" \
			"$(count "$(allocate "$PART, w" "PARTITION BY p ORDER BY i")")" "$best" at-least 3.5
	done
	for mem in "${MEMORIES[@]}"; do
		compare "  64-bit SQL / one partition" "$mem" "$FEW" "$(count "$(allocate "$ALL, w" "ORDER BY i")")" \
			"$(count "$(sql_bigint "$ALL")")" at-least
		compare "  64-bit SQL / $((N / 1000)) partitions" "$mem" "$FEW" \
			"$(count "$(allocate "$PART, w" "PARTITION BY p ORDER BY i")")" "$(count "$(sql_bigint "$PART" p)")" at-least
	done
}

#
# 3. a tree against a waterfall; the two differ by units, for a waterfall
# shares out what it has rounded: the sums are what can be compared
#
tree_section() {
	same=$(sql <<END
$(settings 256MB)
SELECT bench.waterfall('$T', 1000.0 * $N) = count(*) AND sum(x) FILTER (WHERE w IS NOT NULL) = 1000.0 * $N
FROM (SELECT w, allocate_tree(CASE WHEN parent IS NULL THEN 1000.0 * $N END, node, parent, w) OVER () AS x FROM $T) s;
END
	)
	[ "$same" = t ] || qd_die "tree and waterfall differ"
	nodes=$(sql -c "SELECT count(*) FROM bench.$T")
	for mem in "${MEMORIES[@]}"; do
		compare "SQL waterfall / allocate_tree, $nodes nodes, int8 keys" "$mem" "$FEW" \
			"$(count "$(tree "$T")")" "SELECT waterfall('$T', 1000.0 * $N)" at-least $([ -n "$QUICK" ] || echo 10)
	done
	compare "  allocate_tree, int8 keys / sum(w) OVER ()" 4MB "$FEW" \
		"$(count "$(tree "$T")")" "$(count "SELECT sum(w) OVER () AS x FROM $T")"
	compare "  allocate_tree, text keys / sum(w) OVER ()" 4MB "$FEW" \
		"$(count "$(tree tree_text)")" "$(count "SELECT sum(w) OVER () AS x FROM tree_text")"
}

#
# 4. growth: time a row against that at 10^BASE rows, both in one session
#
# growth WHAT QUERY-PREFIX: the query's table is its last word
growth() {
	local size pairs
	for size in "${SIZES[@]}"; do
		[ "$size" != "$BASE" ] || continue
		pairs=$FEW
		[ "$size" -le "$BASE" ] || pairs=2
		note "growth: $1, 10^$size"
		time_pairs 4MB "$pairs" "$(count "$2_$size")" "$(count "$2_$BASE")" | sed "s/^/0\t/" >"$WORK/timing"
		sql -v what="$1, time a row at 10^$size / at 10^$BASE rows" -v table="bench.${2##* }_$size" -v base_table="bench.${2##* }_$BASE" \
			-v big="$([ "$size" -gt "$BASE" ] && echo t || echo f)" <<-END
			TRUNCATE bench.timing;
			\copy bench.timing FROM '$WORK/timing'
			SELECT (SELECT count(*) FROM :table) AS rows, (SELECT count(*) FROM :base_table) AS base \gset
			WITH pairs AS (
				SELECT a.cpu / :rows * 1e6 AS ours, b.cpu / :base * 1e6 AS other,
					a.elapsed / :rows * 1e6 AS ours_elapsed, b.elapsed / :base * 1e6 AS other_elapsed
				FROM bench.timing a JOIN bench.timing b USING (pair) WHERE a.ours AND NOT b.ours
			), medians AS (
				SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / other)::numeric AS ratio,
					percentile_cont(0.5) WITHIN GROUP (ORDER BY ours_elapsed / other_elapsed)::numeric AS elapsed,
					min(ours / other)::numeric AS low, max(ours / other)::numeric AS high,
					percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)::numeric AS ours,
					percentile_cont(0.5) WITHIN GROUP (ORDER BY other)::numeric AS other
				FROM pairs)
			INSERT INTO bench.result (what, mem, ratio, elapsed, ours, other, bound, verdict)
			SELECT :'what', '4MB', format('%s (%s–%s)', round(ratio, 2), round(low, 2), round(high, 2)),
				round(elapsed, 2), round(ours) || ' ns/row', round(other) || ' ns/row',
				CASE WHEN :'big' THEN '≤ 1.5' END,
				CASE WHEN :'big' THEN CASE WHEN ratio <= 1.5 THEN 'PASS' ELSE 'MISS' END END
			FROM medians;
		END
	done
}
growth_section() {
	growth "allocate OVER ()" "SELECT allocate($ALL, w) OVER () AS x FROM rows"
	growth "allocate_tree OVER ()" "SELECT allocate_tree(CASE WHEN parent IS NULL THEN $ALL END, node, parent, w) OVER () AS x FROM tree"
}

#
# 5. memory: the peak of a fresh backend's resident set, less that of sum() OVER
# () over the same rows in another; work_mem is small, so that the tuplestore
# is on disk for both
#
# peak QUERY → bytes; what loading the extension takes is not to count
peak() {
	{
		settings 4MB
		cat <<'END'
SELECT allocate(1, 1) OVER () \g /dev/null
SELECT pg_backend_pid() AS pid \gset
\setenv BACKEND :pid
END
		echo "$1 \\g /dev/null"
		echo "\\! sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/\$BACKEND/status"
	} >"$WORK/in.sql"
	echo $(($(sql -f "$WORK/in.sql") * 1024))
}

# memory WHAT TABLE SELECT BOUND KEY-BYTES: bytes a row
memory() {
	local ours=() other=() i
	note "memory: $1"
	for ((i = 0; i < 3; i++)); do
		ours+=("$(peak "$(count "$3")")")
		other+=("$(peak "$(count "SELECT sum(w) OVER () AS x FROM $2")")")
	done
	sql -v what="$1, bytes a row" -v bound="$4" -v key="$5" -v t="bench.$2" <<-END
		WITH d AS (SELECT unnest('{$(IFS=,; echo "${ours[*]}")}'::float8[]) AS a,
				unnest('{$(IFS=,; echo "${other[*]}")}'::float8[]) AS b,
				(SELECT count(*) FROM :t) AS n),
		m AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY (a - b) / n)::numeric AS ratio,
				(min(a - b) / max(n))::numeric AS low, (max(a - b) / max(n))::numeric AS high,
				max(a) AS a, max(b) AS b FROM d)
		INSERT INTO bench.result (what, mem, ratio, ours, other, bound, verdict)
		SELECT :'what', '4MB', format('%s (%s–%s)', round(ratio), round(low), round(high)),
			round(a / 1048576) || ' MB', round(b / 1048576) || ' MB',
			'≤ ' || :bound + :key, CASE WHEN ratio <= :bound + :key THEN 'PASS' ELSE 'MISS' END
		FROM m;
	END
}
memory_section() {
	for size in $(printf '%s\n' "$BASE" "$TOP" | sort -u); do
		memory "allocate, 10^$size rows" "rows_$size" "$(allocate "$ALL, w" "" allocate "rows_$size")" 64 0
	done
	memory "allocate, 10^$BASE rows, ORDER BY i" "$R" "$(allocate "$ALL, w" "ORDER BY i")" 64 0
	memory "allocate with floors and caps, 10^$TOP rows" "rows_$TOP" \
		"$(allocate "1000.0 * $((10 ** TOP)), w, low, high" "" allocate "rows_$TOP")" 96 0
	memory "allocate_tree, int8 keys, 10^$BASE" "$T" "$(tree "$T")" 192 8
	[ "$TOP" = "$BASE" ] || memory "allocate_tree, int8 keys, 10^$TOP" "tree_$TOP" "$(tree "tree_$TOP")" 192 8
	key=$(sql -c "SELECT round(avg(pg_column_size(node))) FROM bench.tree_text")
	memory "allocate_tree, text keys of $key bytes, 10^$BASE" tree_text "$(tree tree_text)" 192 "$key"
}

#
# 6. cancel: from the signal pg_cancel_backend sends to the error in the
# server's log, at points all over the run
#
# cancel WHAT QUERY POINTS
cancel() {
	local i whole pid sent logged latencies=() server_log="$QD_CLUSTER/log"
	note "cancel: $1"
	{ settings 4MB; echo "\\timing on"; count "$2"; echo ";"; } >"$WORK/in.sql"
	whole=$(sql -f "$WORK/in.sql" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | tail -n 1)
	for ((i = 0; i < $3; i++)); do
		rm -f "$WORK/pid"
		{ settings 4MB; echo "SELECT pg_backend_pid() \\g $WORK/pid"; count "$2"; echo ";"; } >"$WORK/in.sql"
		psql -qXAt -f "$WORK/in.sql" >"$WORK/out" 2>&1 &
		while [ ! -s "$WORK/pid" ]; do sleep 0.02; done
		pid=$(tr -cd 0-9 <"$WORK/pid")
		sleep "$(awk "BEGIN { print $whole / 1000 * ($i + 0.5) / $3 * 0.9 }")"
		sent=$(date +%s%3N)
		kill -INT "$pid" 2>/dev/null
		wait $!
		logged=$(grep "\\[$pid\\] ERROR:  canceling statement" "$server_log" | head -n 1 | cut -d' ' -f1-3)
		[ -z "$logged" ] || latencies+=($(($(date -d "$logged" +%s%3N) - sent)))
	done
	sql -v what="$1" <<-END
		INSERT INTO bench.result (what, mem, ratio, ours, bound, verdict)
		SELECT :'what', '4MB', format('%s (%s–%s)', percentile_disc(0.5) WITHIN GROUP (ORDER BY l), min(l), max(l)),
			count(*) || ' cancels', '≤ 100', CASE WHEN max(l) <= 100 THEN 'PASS' ELSE 'MISS' END
		FROM unnest('{$(IFS=,; echo "${latencies[*]}")}'::int[]) l;
	END
}
cancel_section() {
	cancel "cancel allocate, 10^$TOP rows: ms to the error" "$(allocate "$ALL, w" "" allocate "rows_$TOP")" 12
	cancel "cancel allocate with floors and caps: ms to the error" \
		"$(allocate "1000.0 * $((10 ** TOP)), w, low, high" "" allocate "rows_$TOP")" 12
	cancel "cancel webster: ms to the error" "$(allocate "$ALL, w, rounding => 'webster'" "" allocate "rows_$TOP")" 12
	cancel "cancel allocate_tree, 10^$TOP leaves: ms to the error" "$(tree "tree_$TOP")" 12
}

for section in $FURTHER; do . "sections/$section.sh"; done
for section in $ALL_SECTIONS; do
	if wanted "$section"; then "${section}_section"; fi
done

#
# the table
#
commit=$(git -C "$QD_SOURCE" describe --always --dirty 2>/dev/null || echo unknown)
echo
echo "$START, commit $commit, $(nproc) × $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), load $LOAD at the start, $(cut -d' ' -f1-3 /proc/loadavg) at the end"
echo "$(cat "$WORK/settings"); $PAIRS pairs against sum(), $FEW otherwise${QUICK:+; --quick}"
echo
sql <<'END'
SELECT '| ' || concat_ws(' | ', what, mem, ratio, coalesce(elapsed, ''), ours, coalesce(other, ''),
	coalesce(bound, ''), coalesce(verdict, '')) || ' |'
FROM (
	SELECT -1 AS id, 'what' AS what, 'work_mem' AS mem, 'ratio (min–max)' AS ratio, 'elapsed' AS elapsed,
		'ours' AS ours, 'other' AS other, 'bound' AS bound, '' AS verdict
	UNION ALL SELECT 0, '---', '---', '---', '---', '---', '---', '---', '---'
	UNION ALL SELECT id, what, mem, ratio, elapsed, ours, other, bound, verdict FROM bench.result) t
ORDER BY id;
END
missed=$(sql -c "SELECT count(*) FROM bench.result WHERE verdict = 'MISS'")
echo
echo "bounds missed: $missed"
[ -z "$CHECK" ] || [ "$missed" = 0 ] || exit 1
exit 0
