# Conditions on the views reach the indexes through the security barriers, below
# the sums; and the sums are those of a query written by hand.
use strict;
use warnings;
use Test::More;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $owner = fresh_role();
my $reader = fresh_role();
my $db = fresh_database(owner => $owner);

# two plans of 205 members x 13 products x 17 periods
sql_ok($db, 'CREATE EXTENSION quota_decomp', 'installed', user => $owner);
sql_ok($db, <<'SQL', 'two plans of some size', user => $owner);
INSERT INTO quota_decomp.editable_hierarchy VALUES ('org'), ('product');
INSERT INTO quota_decomp.editable_metric (metric, schema_name, relation_name, at_column, kind, direction, unit) VALUES ('revenue', 'crm', 'sale', 'day', 'sum', 'higher', 1);
CREATE TEMP TABLE n AS
SELECT 1 AS id, NULL::int AS parent, 'org' AS dimension, 'all' AS key, false AS leaf
UNION ALL SELECT 1 + i, 1, 'org', 'team ' || i, false FROM generate_series(1, 4) i
UNION ALL SELECT 5 + i, 2 + i % 4, 'org', 'person ' || i, true FROM generate_series(1, 200) i
UNION ALL SELECT 1001, NULL, 'product', '(all)', false
UNION ALL SELECT 1001 + i, 1001, 'product', 'line ' || i, false FROM generate_series(1, 2) i
UNION ALL SELECT 1003 + i, 1002 + i % 2, 'product', 'item ' || i, true FROM generate_series(1, 10) i;
CREATE TEMP TABLE c AS
WITH RECURSIVE r AS (SELECT id AS a, id, 0 AS d FROM n UNION ALL SELECT r.a, n.id, d + 1 FROM r JOIN n ON n.parent = r.id) SELECT * FROM r;
INSERT INTO quota_decomp.editable_plan (plan, metric, org, product, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays,
	unit, total, time_zone, ramp_relief, decomposed)
SELECT p, 'revenue', 'org', 'product', '2027-01-01', '2028-01-01', 'month', 'month', 1, 1, 'nearest', '{}', '{}', 1, 1, 'UTC', 'siblings', true FROM unnest(ARRAY['one', 'two']) p;
INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, kind, depth, path, sort_no, leaf, planned)
SELECT p.plan_id, n.id, n.dimension, n.parent, n.key, n.key, CASE WHEN n.parent IS NULL THEN 'root' ELSE 'member' END, (SELECT max(d) FROM c WHERE c.id = n.id), n.key, n.id, n.leaf, true
FROM quota_decomp.visible_plan p, n;
INSERT INTO quota_decomp.editable_node_closure SELECT p.plan_id, c.a, c.id, c.d FROM quota_decomp.visible_plan p, c;
INSERT INTO quota_decomp.editable_period
SELECT p.plan_id, row_number() OVER (PARTITION BY p.plan_id ORDER BY g.n, e.period), g.grain, e.label, lower(e.period), upper(e.period), e.fiscal_year, e.fiscal_quarter, e.number, e.working_days, g.grain = 'month'
FROM quota_decomp.visible_plan p, (VALUES (1, 'year'), (2, 'quarter'), (3, 'month')) AS g(n, grain), quota_decomp.calendar('[2027-01-01,2028-01-01)', g.grain) e;
INSERT INTO quota_decomp.editable_period_closure
SELECT a.plan_id, a.period_id, l.period_id FROM quota_decomp.visible_period a JOIN quota_decomp.visible_period l ON l.plan_id = a.plan_id AND l.leaf AND l.starts >= a.starts AND l.ends <= a.ends;
INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule)
SELECT p.plan_id, 'target', o.id, i.id, e.period_id, 1, sum(1 + (c.id * 7 + i.id * 3 + e.period_id) % 11), 'share'
FROM quota_decomp.visible_plan p, n o JOIN c ON c.a = o.id JOIN n m ON m.id = c.id AND m.leaf, n i, quota_decomp.visible_period e
WHERE o.dimension = 'org' AND i.dimension = 'product' AND i.leaf AND e.plan_id = p.plan_id AND e.leaf
GROUP BY p.plan_id, o.id, i.id, e.period_id;
SELECT quota_decomp.create_views('bi');
SQL
run_sql($db, "VACUUM ANALYZE");
sql_ok($db, "SELECT quota_decomp.grant_plan('one', '$reader', 'read'); GRANT USAGE ON SCHEMA bi TO $reader; GRANT SELECT ON ALL TABLES IN SCHEMA bi TO $reader", 'granted', user => $owner);

# the sums
my $view = q{SELECT tier, org, product, period, amount FROM bi.battle_map WHERE plan = 'one'};
my $hand = q{SELECT t.tier::text, o.key, i.key, e.label, sum(t.amount)
	FROM quota_decomp.target t JOIN quota_decomp.plan p USING (plan_id) JOIN quota_decomp.node o ON o.plan_id = t.plan_id AND o.node_id = t.org_id
	JOIN quota_decomp.node_closure ic ON ic.plan_id = t.plan_id AND ic.node_id = t.product_id JOIN quota_decomp.node i ON i.plan_id = t.plan_id AND i.node_id = ic.ancestor_id
	JOIN quota_decomp.period_closure ec ON ec.plan_id = t.plan_id AND ec.period_id = t.period_id JOIN quota_decomp.period e ON e.plan_id = t.plan_id AND e.period_id = ec.ancestor_id
	WHERE p.plan = 'one' GROUP BY 1, 2, 3, 4};
sql_is($db, "SELECT count(*) FROM ($view) v", 205 * 13 * 17, 'every member, product and period');
sql_is($db, "SELECT count(*) FROM (($view EXCEPT $hand) UNION ALL ($hand EXCEPT $view)) d", '0', 'the sums of a query written by hand');

# how often the parts of a plan that read the table ran, and by what
sub scans
{
	my ($sql, $user) = @_;
	my $plan = (run_sql($db, "SET max_parallel_workers_per_gather = 0; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $sql", user => $user))[1];
	my @lines = split /\n/, $plan;
	my %seen = (plan => $plan, seq => 0, loops => 0, rows => 0, cond => '');

	for my $i (0 .. $#lines)
	{
		next if $lines[$i] !~ /Scan.* on target t.*\(actual rows=([\d.]+) loops=(\d+)\)/;
		$seen{seq}++ if $lines[$i] =~ /Seq Scan/;
		$seen{rows} += $1 * $2;
		$seen{loops} += $2;
		$seen{cond} .= $lines[$i + 1];
		$seen{cond} .= $lines[$i + 2] if $i + 2 <= $#lines;
	}
	return \%seen;
}
foreach my $case (
	[q{tier = 'target' AND org = 'team 2'}, 120, 1, 'one member'],
	[q{org = 'team 2'}, 120, 3, 'of all tiers'],
	[q{org = 'team 2' AND product = 'item 3'}, 12, 3, 'and one product', 120],
	[q{org = 'person 7' AND period = '2027-Q3'}, 30, 9, 'and one quarter', 120],
	[q{tier = 'target' AND parent_org = 'team 2'}, 6000, 50, 'those below one'],
	[q{tier = 'target' AND org_depth = 1 AND grain = 'year' AND product = '(all)'}, 480, 40, 'one level'])
{
	my ($where, $rows, $loops, $what, $most) = @$case;
	my $got = scans("SELECT * FROM bi.battle_map WHERE plan = 'one' AND $where", $reader);

	is($got->{seq}, 0, "$what: no sequential scan") or diag($got->{plan});
	like($got->{cond}, qr/(Index|Recheck) Cond: .*plan_id = .*org_id = /, "$what: by plan and member");
	cmp_ok($got->{rows}, '<=', $most // $rows, "$what: of the table no more than that") or diag($got->{plan});
}
my $all = scans(q{SELECT * FROM bi.battle_map WHERE plan = 'one'}, $reader);
cmp_ok($all->{rows}, '<=', 24600, 'a plan: no row of another') or diag($all->{plan});

# the views that everything else stands on
foreach my $name ('visible_target', 'editable_target')
{
	my $who = $name =~ /^visible/ ? $reader : $owner;
	my $plan = (run_sql($db, "EXPLAIN (COSTS OFF) SELECT * FROM quota_decomp.$name WHERE plan_id = 1 AND org_id = 3 AND product_id = 1005 AND period_id = 7", user => $who))[1];
	like($plan, qr/Index Scan.* on target.*\n *Index Cond: \(\(plan_id = 1\) AND \(org_id = 3\) AND \(product_id = 1005\) AND \(period_id = 7\)/, "$name: ids reach the key") or diag($plan);
	$plan = (run_sql($db, "EXPLAIN (COSTS OFF) SELECT * FROM quota_decomp.$name WHERE amount::text = '1'", user => $who))[1];
	like($plan, qr/^\s*Filter: /m, "$name: others do not");
}
like((run_sql($db, q{EXPLAIN (COSTS OFF) UPDATE quota_decomp.editable_target SET amount = 1 WHERE plan_id = 1 AND org_id = 3}, user => $owner))[1],
	qr/Index Cond: \(\(plan_id = 1\) AND \(org_id = 3\)/, 'an update finds its rows by the key');
like((run_sql($db, q{SET parallel_setup_cost = 200; SET min_parallel_table_scan_size = '1MB'; EXPLAIN (COSTS OFF) SELECT count(*) FROM quota_decomp.visible_target}, user => $reader))[1],
	qr/Parallel .*Scan.* on target/, 'parallel workers read behind the barrier');

done_testing();
