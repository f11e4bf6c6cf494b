#!/bin/bash
# root_cause against GROUP BY CUBE, by leaves and dimensions

# leaves and dimensions; the cube of 10^6 leaves in eight takes minutes and gigabytes
root_cause_shapes() {
	if [ -n "$QUICK" ]; then echo "3:3 4:4 4:6"; else echo "3:3 3:8 4:3 4:5 4:8 5:3 5:5 5:8 6:3 6:5"; fi
}

# root_cause_table SIZE DIMS: 10^SIZE leaves, all different, one slice 30 % down
root_cause_table() {
	local j columns="" n=$((10 ** $1))
	# elements of a dimension: so many that the leaves are a good part of all combinations
	local elements
	elements=$(awk "BEGIN { e = int(($n * 1.5) ^ (1 / $2)) + 1; print e < 3 ? 3 : e }")
	for ((j = 0; j < $2; j++)); do
		columns+=", 'd' || (i / ($elements::bigint ^ $j)::bigint) % $elements AS d$j"
	done
	sql -c "CREATE TABLE IF NOT EXISTS bench.cause_$1_$2 AS
		SELECT plan, round(plan * (0.95 + 0.1 * u) * CASE WHEN d0 = 'd1' THEN 0.7 ELSE 1 END, 2) AS actual$(for ((j = 0; j < $2; j++)); do printf ', d%s' "$j"; done)
		FROM (SELECT 100 + i % 977 AS plan, (i * 7919 % 10007) / 10007.0 AS u$columns FROM generate_series(0::bigint, $n - 1) i) s" \
		-c "VACUUM (FREEZE, ANALYZE) bench.cause_$1_$2"
}

root_cause_section() {
	local shape size dims names cube leaves
	for shape in $(root_cause_shapes); do
		size=${shape%:*} dims=${shape#*:}
		note "root_cause: 10^$size leaves of $dims dimensions"
		root_cause_table "$size" "$dims"
		names=$(seq -s ', d' 0 $((dims - 1)) | sed 's/^/d/')
		cube="SELECT count(*) FROM (SELECT $names, sum(actual) AS a, sum(plan) AS p, count(*) AS n FROM cause_${size}_$dims GROUP BY CUBE ($names) OFFSET 0) s"
		leaves=$(sql -c "SELECT count(*) FROM (SELECT DISTINCT $names FROM bench.cause_${size}_$dims) s")
		[ "$(sql -c "SELECT string_agg(slice, ';') FROM quota_decomp.root_causes((SELECT quota_decomp.root_cause(actual, plan, $names) FROM bench.cause_${size}_$dims))")" = "dimension 1=d1" ] ||
			qd_die "root_cause finds something else in 10^$size leaves of $dims dimensions"
		compare "GROUP BY CUBE / root_cause and root_causes, $leaves leaves, $dims dimensions" 256MB "$([ "$size" -lt 5 ] && echo "$FEW" || echo 1)" \
			"SELECT count(*) FROM root_causes((SELECT root_cause(actual, plan, $names) FROM cause_${size}_$dims))" "$cube" at-least
	done
}
