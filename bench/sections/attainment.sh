#!/bin/bash
# the view attainment against the query written by hand, 10 million facts of 600 people x 20 products x 2 years
#
# One team's or one region's quarter, all products, and the quarter of every
# region.  By hand: the sum of the facts by the members' keys and days, by the
# same indexes, with the stored target beside it; the view finds the same numbers
# (checked) and what follows from them: pace, gap, status.  Who sees which plan
# and member is the view's own time too, and so is its planning, which most
# drivers and reports do once for many executions: each row once with it, and once
# with statements that are prepared.

attainment_section() {
	local facts=10000000 view
	if [ -n "$QUICK" ]; then facts=1000000; fi
	note "attainment: data"
	sql <<-END
		SET client_min_messages = warning;
		SET search_path = bench, quota_decomp, public;
		CREATE TABLE bench.attainment_org AS
		SELECT 'R' || r AS key, NULL AS parent FROM generate_series(1, 10) r
		UNION ALL SELECT 'T' || t, 'R' || (t - 1) % 10 + 1 FROM generate_series(1, 60) t
		UNION ALL SELECT 'P' || p, 'T' || (p - 1) % 60 + 1 FROM generate_series(1, 600) p;
		CREATE TABLE bench.attainment_product AS
		SELECT 'L' || l AS key, NULL AS parent FROM generate_series(1, 4) l
		UNION ALL SELECT 'I' || i, 'L' || (i - 1) % 4 + 1 FROM generate_series(1, 20) i;
		CREATE TABLE bench.attainment_sale AS
		SELECT date '2026-01-01' + (hashint4(n) & 1048575) % 730 AS day, 'P' || 1 + (hashint4(n + 7) & 16777215) % 600 AS person,
			'I' || 1 + (hashint4(n + 77) & 65535) % 20 AS item, (100 + (hashint4(n + 777) & 1048575) % 9900)::numeric AS amount
		FROM generate_series(1, $facts) n;
		CREATE INDEX ON bench.attainment_sale (person, day);
		CREATE INDEX ON bench.attainment_sale (day);
		VACUUM (FREEZE, ANALYZE) bench.attainment_org, bench.attainment_product, bench.attainment_sale;
		SELECT create_hierarchy('attainment org', 'bench.attainment_org', key => 'key', parent => 'parent');
		SELECT create_hierarchy('attainment products', 'bench.attainment_product', key => 'key', parent => 'parent');
		SELECT create_metric('attainment sales', 'bench.attainment_sale', at => 'day', member => 'person', product => 'item', value => 'amount', unit => 1);
		SELECT create_plan('attainment', 'attainment sales', '[2027-01-01,2028-01-01)', total => 600 * 600000::numeric, org => 'attainment org', product => 'attainment products', as_of => '2027-12-31');
		SELECT decompose('attainment');
		SELECT create_views('bench_bi');
		CREATE TABLE bench.attainment_target AS
		SELECT org, sum(amount) AS amount FROM bench_bi.battle_map
		WHERE plan = 'attainment' AND tier = 'target' AND product = '(all)' AND period = '2027-Q2' GROUP BY org;
		VACUUM (FREEZE, ANALYZE) bench.attainment_target;
	END
	view="SELECT org, actual, target, facts, attainment FROM bench_bi.attainment WHERE plan = 'attainment' AND period = '2027-Q2' AND product = '(all)'"
	hand() {
		echo "SELECT s.org, s.actual, t.amount AS target, s.facts, round(s.actual / t.amount, 6) AS attainment
			FROM (SELECT $1 AS org, sum(f.amount) AS actual, count(*) AS facts FROM bench.attainment_sale f
				JOIN bench.attainment_org o ON o.key = f.person JOIN bench.attainment_org t ON t.key = o.parent
				WHERE f.day >= '2027-04-01' AND f.day < '2027-07-01'${2:-} GROUP BY $1) s
			JOIN bench.attainment_target t ON t.org = s.org"
	}
	attainment_row() {
		local differ
		differ=$(sql -c "SELECT count(*) FROM (($2 EXCEPT $3) UNION ALL ($3 EXCEPT $2)) d")
		[ "$differ" = 0 ] || qd_die "$1: the view and the query by hand differ in $differ rows"
		compare "$1" 4MB "$FEW" "$2" "$3" at-most 1.1
		PREPARED="PREPARE ours AS $2; PREPARE other AS $3;" compare "$1, both prepared" 4MB "$FEW" "EXECUTE ours" "EXECUTE other" at-most 1.1
	}
	attainment_row "attainment, a region's quarter of $facts facts / by hand" "$view AND org = 'R3'" "$(hand t.parent " AND t.parent = 'R3'")"
	attainment_row "attainment, a team's quarter / by hand" "$view AND org = 'T7'" "$(hand o.parent " AND o.parent = 'T7'")"
	attainment_row "attainment, every region's quarter / by hand" "$view AND org_depth = 1 AND org <> '(unassigned)'" "$(hand t.parent)"
}
