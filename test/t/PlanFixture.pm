# PlanFixture.pm: a mapping and small plans as decompose() would leave them, by
# SQL alone, through the views that a planner of everything may write.
package PlanFixture;

use strict;
use warnings;
use Exporter 'import';
use QdTest;

our @EXPORT = qw(crm_sql mapping_sql plans_sql plan_tables fingerprint);

# the tables of the plan layer
sub plan_tables
{
	my ($db) = @_;

	return split /\n/, (run_sql($db, q{SELECT relname FROM pg_class WHERE relnamespace = 'quota_decomp'::regnamespace AND relkind = 'r' ORDER BY 1}))[1];
}

# a hash of every row in them
sub fingerprint
{
	my ($db) = @_;

	return (run_sql($db, 'SELECT md5(string_agg(x, chr(10) ORDER BY x)) FROM ('
		. join(' UNION ALL ', map { "SELECT '$_' || t::text FROM quota_decomp.$_ AS t" } plan_tables($db)) . ') AS s (x)'))[1];
}

# tables of a CRM, in the schema crm
sub crm_sql
{
	return <<'SQL';
CREATE SCHEMA crm;
CREATE TABLE crm.member (id text PRIMARY KEY, parent text, name text, login text);
INSERT INTO crm.member VALUES ('all', NULL, 'Company', NULL), ('East', 'all', 'East', NULL), ('West', 'all', 'West', NULL),
	('Ann', 'East', 'Ann', NULL), ('Bo', 'East', 'Bo', NULL), ('Cy', 'West', 'Cy', NULL);
CREATE TABLE crm.product (id text PRIMARY KEY, parent text, name text);
INSERT INTO crm.product VALUES ('A', NULL, 'Product A'), ('B', NULL, 'Product B');
CREATE TABLE crm.sale (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, day date NOT NULL, member text, product text, amount numeric NOT NULL);
INSERT INTO crm.sale (day, member, product, amount)
SELECT d::date, m, p, 10 FROM generate_series(timestamp '2026-01-01', '2026-12-01', '1 month') d, unnest(ARRAY['Ann', 'Bo', 'Cy']) m, unnest(ARRAY['A', 'B']) p;
CREATE TABLE crm.deal (id text PRIMARY KEY, member text, product text, stage text NOT NULL, opened date NOT NULL, closed date, amount numeric);
INSERT INTO crm.deal SELECT 'D' || i, (ARRAY['Ann', 'Bo', 'Cy'])[i % 3 + 1], (ARRAY['A', 'B'])[i % 2 + 1], (ARRAY['won', 'lost', 'open'])[i % 5 % 3 + 1],
	date '2026-01-01' + i * 3, CASE WHEN i % 5 % 3 < 2 THEN date '2026-01-20' + i * 3 END, 10 FROM generate_series(1, 100) i;
CREATE TABLE crm.visit (day date NOT NULL, member text);
INSERT INTO crm.visit SELECT day, member FROM crm.sale;
SQL
}

# every table of the mapping
sub mapping_sql
{
	return <<'SQL';
INSERT INTO quota_decomp.editable_hierarchy VALUES ('org'), ('product');
INSERT INTO quota_decomp.editable_hierarchy_source (hierarchy, source_no, schema_name, relation_name, key_column, parent_column, label_column, login_column)
VALUES ('org', 1, 'crm', 'member', 'id', 'parent', 'name', 'login'), ('product', 1, 'crm', 'product', 'id', 'parent', 'name', NULL);
INSERT INTO quota_decomp.editable_alias VALUES ('org', 'Anne', 'Ann');
INSERT INTO quota_decomp.editable_metric (metric, schema_name, relation_name, at_column, member_column, product_column, value_column, kind, direction, unit, covers_from, covers_to)
VALUES ('revenue', 'crm', 'sale', 'day', 'member', 'product', 'amount', 'sum', 'higher', 0.01, '2026-01-01', '2027-01-01'),
	('market', 'crm', 'visit', 'day', NULL, NULL, NULL, 'sum', 'higher', 1, NULL, NULL);
INSERT INTO quota_decomp.editable_pipeline (pipeline, schema_name, relation_name, key_column, member_column, product_column, stage_column, opened_column, closed_column, amount_column, won, lost)
VALUES ('deals', 'crm', 'deal', 'id', 'member', 'product', 'stage', 'opened', 'closed', 'amount', '{won}', '{lost}');
INSERT INTO quota_decomp.editable_funnel_step (pipeline, place, step_no, step, schema_name, relation_name, at_column, link_column)
VALUES ('deals', 'after', 1, 'contract', 'crm', 'sale', 'day', 'id');
INSERT INTO quota_decomp.editable_activity (activity, schema_name, relation_name, at_column, member_column) VALUES ('visits', 'crm', 'visit', 'day', 'member');
INSERT INTO quota_decomp.editable_scorecard (scorecard, metric, weight) VALUES ('all', 'revenue', 1);
SQL
}

# plans of these names; login is that of the East.  A member 'all' > East (Ann,
# Bo), West (Cy); products A and B; quarters of 2027.  East is node 2, Ann 3, Bo 4.
sub plans_sql
{
	my ($login, @plans) = @_;
	my $sql = <<'SQL';
CREATE FUNCTION pg_temp.make_plan(name text, login name) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	id int;
BEGIN
	INSERT INTO quota_decomp.editable_plan (plan, metric, org, product, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays,
		unit, total, baseline_amount, time_zone, ramp_relief, market, market_growth, decomposed)
	VALUES (name, 'revenue', 'org', 'product', '2027-01-01', '2028-01-01', 'quarter', 'month', 1, 1, 'nearest', '{}', '{}', 10, 2400, 2000, 'UTC', 'siblings', 'market', 0.05, true)
	RETURNING plan_id INTO id;
	INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, level, kind, depth, path, sort_no, leaf, planned, login)
	SELECT id, v.* FROM (VALUES
		(1, 'org', NULL, 'all', 'Company', 'company', 'root', 0, 'all', 1, false, true, NULL::name),
		(2, 'org', 1, 'East', 'East', 'region', 'member', 1, 'all/East', 2, false, true, login),
		(3, 'org', 2, 'Ann', 'Ann', 'person', 'member', 2, 'all/East/Ann', 3, true, true, NULL),
		(4, 'org', 2, 'Bo', 'Bo', 'person', 'member', 2, 'all/East/Bo', 4, true, true, NULL),
		(5, 'org', 1, 'West', 'West', 'region', 'member', 1, 'all/West', 5, false, true, NULL),
		(6, 'org', 5, 'Cy', 'Cy', 'person', 'member', 2, 'all/West/Cy', 6, true, true, NULL),
		(7, 'org', 1, '(unassigned)', '(unassigned)', NULL, 'unassigned', 1, 'all/(unassigned)', 7, true, false, NULL),
		(11, 'product', NULL, '(all)', '(all)', NULL, 'root', 0, '(all)', 1, false, true, NULL),
		(12, 'product', 11, 'A', 'Product A', NULL, 'member', 1, '(all)/A', 2, true, true, NULL),
		(13, 'product', 11, 'B', 'Product B', NULL, 'member', 1, '(all)/B', 3, true, true, NULL)) AS v;
	INSERT INTO quota_decomp.editable_node_closure
	WITH RECURSIVE up AS (
		SELECT n.node_id AS ancestor_id, n.node_id, 0 AS distance FROM quota_decomp.visible_node n WHERE n.plan_id = id
		UNION ALL
		SELECT n.parent_id, u.node_id, u.distance + 1 FROM up u JOIN quota_decomp.visible_node n ON n.plan_id = id AND n.node_id = u.ancestor_id WHERE n.parent_id IS NOT NULL)
	SELECT id, * FROM up;
	INSERT INTO quota_decomp.editable_node_key SELECT id, n.dimension, n.key, '-infinity', 'infinity', n.node_id FROM quota_decomp.visible_node n WHERE n.plan_id = id;
	INSERT INTO quota_decomp.editable_period
	SELECT id, 10 + c.number, 'quarter', c.label, lower(c.period), upper(c.period), c.fiscal_year, c.fiscal_quarter, c.number, c.working_days, true
	FROM quota_decomp.calendar('[2027-01-01,2028-01-01)', 'quarter') AS c;
	INSERT INTO quota_decomp.editable_period
	SELECT id, 1, 'year', c.label, lower(c.period), upper(c.period), c.fiscal_year, NULL, c.number, c.working_days, false
	FROM quota_decomp.calendar('[2027-01-01,2028-01-01)', 'year') AS c;
	INSERT INTO quota_decomp.editable_period_closure SELECT id, e.period_id, e.period_id FROM quota_decomp.visible_period e WHERE e.plan_id = id AND e.leaf
		UNION ALL SELECT id, 1, e.period_id FROM quota_decomp.visible_period e WHERE e.plan_id = id AND e.leaf;
	-- a person's cell is 60 of A, 40 of B; units above are the sums
	INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule)
	SELECT id, 'target', c.ancestor_id, i.node_id, e.period_id, 1, sum(CASE i.key WHEN 'A' THEN 60 ELSE 40 END), 'share'
	FROM quota_decomp.visible_node n JOIN quota_decomp.visible_node_closure c ON c.plan_id = id AND c.node_id = n.node_id
	JOIN quota_decomp.visible_node i ON i.plan_id = id AND i.dimension = 'product' AND i.leaf
	JOIN quota_decomp.visible_period e ON e.plan_id = id AND e.leaf
	WHERE n.plan_id = id AND n.dimension = 'org' AND n.leaf AND n.planned
	GROUP BY c.ancestor_id, i.node_id, e.period_id;
	INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, period_id, value, share, source)
	SELECT id, v.* FROM (VALUES
		('org', 0, 1, NULL::int, NULL::int, 2000, NULL, 'history'), ('org', 0, 2, NULL, NULL, 1000, 0.5, 'history'), ('org', 0, 3, NULL, NULL, 400, 0.4, 'history'),
		('org', 0, 4, NULL, NULL, 200, 0.6, 'newcomer: median of peers'), ('org', 0, 5, NULL, NULL, 1000, 0.5, 'sum below'), ('org', 0, 6, NULL, NULL, 200, 1, 'history'),
		('org', -1, 3, NULL, NULL, 400, 0.4, 'history'), ('product', 0, NULL, 12, NULL, 1200, 0.6, 'history')) AS v;
	INSERT INTO quota_decomp.editable_revision (plan_id, revision, kind, reason) VALUES (id, 1, 'decompose', 'first');
	-- a row of every other kind for every node, so that no view of them is empty
	INSERT INTO quota_decomp.editable_driver (plan_id, driver_no, driver, dimension, scope, share, metric) VALUES (id, 1, 'sales', 'product', 'plan', 1, 'revenue');
	INSERT INTO quota_decomp.editable_plan_tier (plan_id, tier, total) VALUES (id, 'stretch', 3000);
	INSERT INTO quota_decomp.editable_round (plan_id, round) VALUES (id, 1);
	INSERT INTO quota_decomp.editable_bound (plan_id, org_id, floor) SELECT id, n.node_id, 10 FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_goal (plan_id, goal_no, org_id, period_id, amount) SELECT id, n.node_id, n.node_id, 11, 10 FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_goal_cell SELECT id, n.node_id, n.node_id, 12, 11, 10 FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_eligibility SELECT id, n.node_id, 12, true FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_estimate (plan_id, round, org_id, amount) SELECT id, 1, n.node_id, 10 FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_round_node (plan_id, round, org_id, top_down) SELECT id, 1, n.node_id, 10 FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	INSERT INTO quota_decomp.editable_review (plan_id, review_no, org_id, cause, action, owner) SELECT id, n.node_id, n.node_id, 'market', 'wait', 'Eva' FROM quota_decomp.visible_node n WHERE n.plan_id = id AND n.dimension = 'org';
	RETURN id;
END $$;
SQL

	$sql .= "SELECT pg_temp.make_plan('$_', '$login');\n" for @plans;
	return $sql;
}

1;
