#!/bin/bash
# reconcile_tree against allocate_tree, and against the same two passes in SQL

# Both ask the company for a total: all leaves have an estimate (their w), and
# nothing stands in the way; or the total is so low that half of the leaves
# end at their floor of 0.
reconcile_queries() {
	cat <<END
SET search_path = bench, quota_decomp, public;
-- In SQL, level by level, from the same columns: means and variances up,
-- shifts down, in float8; neither bounds nor rounding nor exact sums.
CREATE FUNCTION reconcile_levels(tree text, total numeric) RETURNS bigint
LANGUAGE plpgsql AS \$\$
DECLARE
	level integer := 0;
	i integer;
	n bigint;
	result bigint := 0;
BEGIN
	EXECUTE format('CREATE TEMP TABLE l0 ON COMMIT DROP AS
		SELECT node, parent, %s::float8 AS y, w::float8 AS e FROM bench.%I WHERE parent IS NULL', total, tree);
	LOOP
		EXECUTE format('CREATE TEMP TABLE l%s ON COMMIT DROP AS
			SELECT t.node, t.parent, NULL::float8 AS y, t.w::float8 AS e FROM l%s l JOIN bench.%I t ON t.parent = l.node',
			level + 1, level, tree);
		GET DIAGNOSTICS n = ROW_COUNT;
		EXIT WHEN n = 0;
		level := level + 1;
	END LOOP;
	EXECUTE format('CREATE TEMP TABLE u%s ON COMMIT DROP AS SELECT node, parent, e AS m, 1::float8 AS v FROM l%1\$s', level);
	FOR i IN REVERSE level - 1 .. 0 LOOP
		EXECUTE format('CREATE TEMP TABLE u%s ON COMMIT DROP AS
			SELECT l.node, l.parent,
				CASE WHEN l.y IS NULL THEN s.m ELSE (l.y * s.v + s.m) / (1 + s.v) END AS m,
				CASE WHEN l.y IS NULL THEN s.v ELSE s.v / (1 + s.v) END AS v,
				s.m AS below, s.v AS below_v
			FROM l%1\$s l JOIN (SELECT parent, sum(m) AS m, sum(v) AS v FROM u%s GROUP BY parent) s ON s.parent = l.node',
			i, i + 1);
	END LOOP;
	EXECUTE 'CREATE TEMP TABLE x0 ON COMMIT DROP AS SELECT node, m AS x FROM u0';
	FOR i IN 1 .. level LOOP
		EXECUTE format('CREATE TEMP TABLE x%s ON COMMIT DROP AS
			SELECT c.node, c.m + c.v / p.below_v * (x.x - p.below) AS x
			FROM u%1\$s c JOIN u%s p ON p.node = c.parent JOIN x%2\$s x ON x.node = c.parent', i, i - 1);
	END LOOP;
	FOR i IN 0 .. level LOOP
		EXECUTE format('SELECT count(x) FROM (SELECT x FROM x%s OFFSET 0) s', i) INTO n;
		result := result + n;
	END LOOP;
	RETURN result;
END \$\$;
END
}

# arguments: the table, the total, further arguments
reconcile() { echo "SELECT reconcile_tree(node, parent, CASE WHEN parent IS NULL THEN $2 END, w${3:-}) OVER () AS x FROM $1"; }

reconcile_section() {
	local nodes ample="6000.0 * $N" scarce="1000.0 * $N" same
	reconcile_queries | sql
	# the same fit, before rounding: the sum over all nodes
	same=$(sql <<END
$(settings 256MB)
SELECT reconcile_levels('$T', $ample) = (SELECT count(*) FROM $T);
SELECT bool_and(abs((d).exact::float8 - x.x) < 1e-4)
FROM (SELECT node, reconcile_tree_detail(node, parent, CASE WHEN parent IS NULL THEN $ample END, w, top_down_trust => 1) OVER () AS d FROM $T) r
JOIN (SELECT 1::bigint AS node, ($ample::float8 * s.v + s.m) / (1 + s.v) AS x
	FROM (SELECT sum(w)::float8 AS m, count(w)::float8 AS v FROM $T) s) x USING (node);
END
	)
	[ "$same" = $'t\nt' ] || qd_die "reconcile_tree and its SQL differ: $same"
	nodes=$(sql -c "SELECT count(*) FROM bench.$T")
	for mem in "${MEMORIES[@]}"; do
		compare "reconcile_tree / allocate_tree, $nodes nodes" "$mem" "$PAIRS" \
			"$(count "$(reconcile "$T" "$ample")")" "$(count "$(tree "$T")")" at-most 2.0
		compare "reconcile_tree, half of the leaves end at a floor / allocate_tree" "$mem" "$FEW" \
			"$(count "$(reconcile "$T" "$scarce" ", 'Infinity'")")" "$(count "$(tree "$T")")" at-most 2.0
		compare "SQL level by level, in float8 / reconcile_tree" "$mem" "$FEW" \
			"$(count "$(reconcile "$T" "$ample")")" "SELECT reconcile_levels('$T', $ample)" at-least
	done
	compare "  reconcile_tree_detail / allocate_tree" 4MB "$FEW" \
		"$(count "SELECT reconcile_tree_detail(node, parent, CASE WHEN parent IS NULL THEN $ample END, w) OVER () AS x FROM $T")" \
		"$(count "$(tree "$T")")"
	cancel "cancel reconcile_tree, half of the leaves at a floor: ms to the error" "$(reconcile "tree_$TOP" "1000.0 * $((10 ** TOP))" ", 'Infinity'")" 12
}
