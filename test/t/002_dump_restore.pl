# Views, materialized views, defaults and functions that use the extension, by a
# database owner who is no superuser and installed it himself, survive pg_dump
# and pg_restore (which run with an empty search_path) with the same results.
use strict;
use warnings;
use Test::More;
use File::Temp;
use FindBin;
use lib $FindBin::Bin;
use QdTest;

my $owner = fresh_role();
my $db = fresh_database(owner => $owner);

sql_ok($db, 'CREATE EXTENSION quota_decomp', 'a database owner who is no superuser installs it', user => $owner);
sql_ok($db, <<'SQL', 'objects that use every function', user => $owner);
CREATE SCHEMA sales;
CREATE TABLE sales.person (name text PRIMARY KEY, region text, weight numeric, low numeric, high numeric, held numeric);
INSERT INTO sales.person VALUES ('Ann', 'East', 3, NULL, NULL, NULL), ('Bo', 'East', 2, 400, NULL, NULL),
	('Cy', 'West', 5, NULL, 300, NULL), ('Di', 'West', 1, NULL, NULL, 77.70), ('Ed', 'West', NULL, NULL, NULL, NULL);
CREATE TABLE sales.org (node text PRIMARY KEY, parent text, weight numeric, uplift numeric);
INSERT INTO sales.org VALUES ('all', NULL, NULL, 0.05), ('East', 'all', NULL, NULL), ('West', 'all', NULL, NULL),
	('Ann', 'East', 3, NULL), ('Bo', 'East', 2, NULL), ('Cy', 'West', 5, NULL), ('Di', 'West', 1, NULL);

CREATE VIEW sales.v_allocate AS
SELECT name, quota_decomp.allocate(1000, weight, floor => low, cap => high, locked => held,
	rounding => 'webster') OVER (PARTITION BY region ORDER BY name) AS amount
FROM sales.person WHERE region = 'East'
UNION ALL
SELECT name, quota_decomp.allocate(1000.00, weight, unit => 0.1) OVER w FROM sales.person WINDOW w AS (ORDER BY name);
CREATE VIEW sales.v_detail AS
SELECT name, (d).amount, (d).exact, (d).rounding, (d).rule
FROM (SELECT name, quota_decomp.allocate_detail(1000, weight, locked => held) OVER (ORDER BY name) AS d FROM sales.person) x;
CREATE VIEW sales.v_tree AS
SELECT node, quota_decomp.allocate_tree(CASE WHEN parent IS NULL THEN 1000 END, node => node, parent => parent,
	weight => weight, uplift => uplift) OVER (ORDER BY node) AS amount,
	quota_decomp.rollup_tree(weight, node => node, parent => parent) OVER (ORDER BY node) AS below
FROM sales.org;
CREATE VIEW sales.v_tree_detail AS
SELECT node, quota_decomp.allocate_tree_detail(CASE WHEN parent IS NULL THEN 1000 END, node, parent, weight) OVER (ORDER BY node) AS d
FROM sales.org;
CREATE VIEW sales.v_bounds AS
SELECT node, quota_decomp.bounds_tree(node, parent, weight, floor => CASE WHEN node = 'Bo' THEN 7 END) OVER () AS b
FROM sales.org;
CREATE VIEW sales.v_margins AS
SELECT r, c, quota_decomp.allocate_margins(w, r, 10, c, c * 2, cap => CASE WHEN r = 'a' THEN 6 END, unit => 0.5, rounding => 'webster') OVER (ORDER BY r, c) AS amount,
	quota_decomp.allocate_margins_detail(w, r, 10, c, c * 2) OVER (ORDER BY r, c) AS d
FROM (VALUES ('a', 4, 1), ('a', 6, 2), ('b', 4, 3), ('b', 6, 4)) x (r, c, w);
CREATE MATERIALIZED VIEW sales.m_array AS
SELECT quota_decomp.allocate_array(100, ARRAY[1, 2, 3], caps => ARRAY[NULL, NULL, 40], rounding => 'cumulative') AS amounts;
CREATE MATERIALIZED VIEW sales.m_calendar AS
SELECT c.label, c.period, c.working_days, quota_decomp.ramp('2025-02-10', c.period, ARRAY[0.25, 0.5]) AS ramp
FROM quota_decomp.calendar('[2025-01-01,2026-01-01)', 'month', holidays => ARRAY[date '2025-01-01']) c;
CREATE TABLE sales.outcome (id int, d quota_decomp.distribution DEFAULT '{5@0.5}', chance quota_decomp.bounded_value);
INSERT INTO sales.outcome SELECT 1, quota_decomp.deal_outcome(i % 700 + 0.25 * i, 0.001 * (i % 1001)) FROM generate_series(1, 3000) i;
INSERT INTO sales.outcome SELECT 2, quota_decomp.deal_outcome(i, ARRAY[0.1, 1 / 3.0], ARRAY[1, 2]) FROM generate_series(1, 50) i;
INSERT INTO sales.outcome (id) VALUES (3);
UPDATE sales.outcome SET chance = quota_decomp.probability_at_least(d, 1000);
CREATE VIEW sales.v_outcome AS
SELECT id, (quota_decomp.mean(d)).value AS mean, quota_decomp.percentile(d, p => 0.9) AS p90, f.stage, f.required
FROM sales.outcome CROSS JOIN LATERAL quota_decomp.funnel_requirements(target => (quota_decomp.mean(d)).value, deal_size => 10,
	conversion => ARRAY[0.5], stage_days => ARRAY[30], due => '2026-12-31') f;
CREATE VIEW sales.v_outcomes AS SELECT quota_decomp.deal_outcome(d) FROM sales.outcome WHERE id <> 2;
CREATE TABLE sales.split (total numeric, parts numeric[] DEFAULT quota_decomp.allocate_array(10, ARRAY[1, 1, 1]),
	rounding quota_decomp.rounding_rule DEFAULT 'hamilton', detail quota_decomp.allocation);
INSERT INTO sales.split (total) VALUES (10);
INSERT INTO sales.split (total, detail) SELECT 5, d FROM (SELECT quota_decomp.allocate_detail(5, 1) OVER () AS d) x;
CREATE TABLE sales.leaf AS SELECT r AS region, p AS product, m AS month, 100 + r * p % 7 * 10 + m AS plan,
	(100 + r * p % 7 * 10 + m) * CASE WHEN r = 3 THEN 0.7 ELSE 0.98 + (r * 5 + p * 3 + m * 7) % 5 * 0.01 END AS actual
FROM generate_series(1, 5) r, generate_series(1, 4) p, generate_series(1, 12) m;
CREATE VIEW sales.v_cause AS
SELECT c.* FROM (SELECT quota_decomp.root_cause(actual, plan, region::text, product::text, month::text) AS s FROM sales.leaf) x,
	quota_decomp.root_causes(x.s, ARRAY['region', 'product', 'month']) c;
CREATE TABLE sales.cause_state AS SELECT quota_decomp.root_cause(actual, plan, region::text, product::text, month::text) AS s,
	quota_decomp.root_cause_ratio(actual, 2, plan, 2, nullif(region, 3)::text) AS r FROM sales.leaf;
CREATE INDEX ON sales.split ((quota_decomp.allocate_array(total, ARRAY[1, 2])));
CREATE FUNCTION sales.halves(t numeric) RETURNS numeric[] LANGUAGE sql IMMUTABLE
	AS $$ SELECT quota_decomp.allocate_array(t, ARRAY[1, 1]) $$;
SQL

my @relations = qw(v_allocate v_detail v_tree v_tree_detail v_bounds v_margins m_array m_calendar split outcome v_outcome v_outcomes v_cause cause_state);
my $everything = join(";\n", map { "SELECT '$_', x::text FROM sales.$_ x ORDER BY 2" } @relations) . ";\nSELECT sales.halves(5);\n";
my $before = sql_ok($db, $everything, 'their results', user => $owner);
ok(length($before) > 1000, 'there are some');

foreach my $format ('plain', 'custom')
{
	my $file = File::Temp->new;
	my $copy = fresh_database(owner => $owner);

	command_ok("$format dump by the owner", 'pg_dump', '-U', $owner, '-F', $format, '-f', $file->filename, $db);
	if ($format eq 'plain')
	{
		command_ok("$format restore by the owner", 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', $owner, '-d', $copy, '-f', $file->filename);
	}
	else
	{
		command_ok("$format restore by the owner", 'pg_restore', '-e', '-U', $owner, '-d', $copy, $file->filename);
	}
	my $after = sql_ok($copy, $everything, "$format: results can be read", user => $owner);
	is($after, $before, "$format: the same results");
	sql_ok($copy, 'REFRESH MATERIALIZED VIEW sales.m_array; REFRESH MATERIALIZED VIEW sales.m_calendar;', "$format: refreshed", user => $owner);
	my $again = sql_ok($copy, $everything, "$format: results once more", user => $owner);
	is($again, $before, "$format: still the same");
}

# a dump has no more than CREATE EXTENSION of the extension's own objects
my $dump = command_ok('dump to look at', 'pg_dump', '-U', $owner, $db);
unlike($dump, qr/CREATE (FUNCTION|TYPE) quota_decomp\./, 'the objects of the extension are not dumped');

done_testing();
