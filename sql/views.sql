-- create_views: where, over what, again; battle_map, plan_weight, smart
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
\set VERBOSITY terse

-- A plan as decompose() would leave it: all > East (Ann, Bo), West (Cy); products A and B; quarters of 2027.
CREATE FUNCTION pg_temp.make_plan(name text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	id int;
BEGIN
	INSERT INTO quota_decomp.editable_plan (plan, metric, org, product, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays,
		unit, total, baseline_amount, time_zone, ramp_relief, decomposed)
	VALUES (name, 'revenue', 'org', 'product', '2027-01-01', '2028-01-01', 'quarter', 'month', 1, 1, 'nearest', '{}', '{}', 10, 2400, 2000, 'UTC', 'siblings', true)
	RETURNING plan_id INTO id;
	INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, level, kind, depth, path, sort_no, leaf, planned, login)
	SELECT id, v.* FROM (VALUES
		(1, 'org', NULL, 'all', 'Company', 'company', 'root', 0, 'all', 1, false, true, NULL::name),
		(2, 'org', 1, 'East', 'East', 'region', 'member', 1, 'all/East', 2, false, true, 'regress_quota_east'),
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
	RETURN id;
END $$;
INSERT INTO quota_decomp.editable_hierarchy VALUES ('org'), ('product');
INSERT INTO quota_decomp.editable_metric (metric, schema_name, relation_name, at_column, value_column, kind, direction, unit)
VALUES ('revenue', 'crm', 'sale', 'day', 'amount', 'sum', 'higher', 0.01);
SELECT pg_temp.make_plan('one') AS one \gset
CREATE SCHEMA crm;
CREATE TABLE crm.sale (day date, amount numeric);
CREATE ROLE regress_quota_east;
CREATE ROLE regress_quota_plan;

-- where
SELECT quota_decomp.create_views(NULL);
SELECT quota_decomp.create_views('quota_decomp');
SELECT quota_decomp.create_views('pg_bi');
SELECT quota_decomp.grant_plan(NULL, 'regress_quota_plan', 'plan');
SELECT quota_decomp.grant_plan('one', 'regress_quota_east', 'estimate');
CREATE SCHEMA "regress quota ""bi""";
SET ROLE regress_quota_plan;
SELECT quota_decomp.create_views('regress_quota_bi');
SELECT quota_decomp.create_views('regress quota "bi"');
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA "regress quota ""bi""" TO regress_quota_plan;
-- views over the CRM are made by who may use it
GRANT USAGE ON SCHEMA crm TO regress_quota_plan;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_quota_plan;
SET ROLE regress_quota_plan;
SELECT count(*) >= 3 AS made FROM quota_decomp.create_views('regress quota "bi"');
SELECT count(*) >= 3 AS made FROM quota_decomp.create_views('regress quota "bi"');
RESET ROLE;
SELECT count(*) >= 3 AS made FROM quota_decomp.create_views('regress_quota_bi');
SELECT v.schema_name, v.stale FROM quota_decomp.visible_view_schema v ORDER BY 1;
UPDATE quota_decomp.editable_view_schema SET stale = true;
-- another's views are not replaced, nor what is not ours
SELECT count(*) >= 3 AS made FROM quota_decomp.create_views('regress quota "bi"');
COMMENT ON VIEW regress_quota_bi.smart IS 'mine now';
SELECT quota_decomp.create_views('regress_quota_bi');
DROP VIEW regress_quota_bi.smart;
CREATE TABLE regress_quota_bi.smart (plan text);
SELECT quota_decomp.create_views('regress_quota_bi');
DROP TABLE regress_quota_bi.smart;
CREATE VIEW regress_quota_bi.stands_on AS SELECT plan, sum(amount) AS amount FROM regress_quota_bi.battle_map GROUP BY plan;
SELECT v.schema_name, v.stale FROM quota_decomp.visible_view_schema v ORDER BY 1;
SELECT v FROM quota_decomp.create_views('regress_quota_bi') AS v WHERE v IN ('battle_map', 'plan_weight', 'smart');
SELECT v.schema_name, v.stale FROM quota_decomp.visible_view_schema v ORDER BY 1;

-- every view and column has its comment, and every view is registered with its columns
SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'regress_quota_bi'::regnamespace AND c.relname <> 'stands_on' AND a.attnum > 0 AND coalesce(col_description(c.oid, a.attnum), '') = '';
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'regress_quota_bi'::regnamespace AND coalesce(obj_description(c.oid, 'pg_class'), '') !~ 'made by quota_decomp.create_views' AND c.relname <> 'stands_on';
SELECT current_setting('server_version_num')::int < 150000 OR bool_and(c.reloptions::text ~ 'security_invoker=true') AS invoker
FROM pg_class c WHERE c.relnamespace = 'regress_quota_bi'::regnamespace AND c.relname <> 'stands_on';

SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'regress_quota_bi'::regnamespace AND c.relname IN ('battle_map', 'plan_weight', 'smart') AND a.attnum > 0 ORDER BY 1, 2;

-- battle_map
GRANT USAGE ON SCHEMA regress_quota_bi TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_quota_bi TO PUBLIC;
SELECT tier, org, org_label, org_path, org_level, org_depth, parent_org, product, grain, period, period_starts, period_ends, amount, carried, volume, rule, revision, state
FROM regress_quota_bi.battle_map WHERE plan = 'one' AND org IN ('all', 'East') ORDER BY org_sort, product_sort, period_ends - period_starts DESC, period_starts;
-- every node, product and period, and every sum agrees
SELECT count(*), count(DISTINCT (org, product, period)), sum(amount) FROM regress_quota_bi.battle_map;
SELECT grain, product = '(all)' AS all_products, org_depth, sum(amount) FROM regress_quota_bi.battle_map GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT org, amount FROM regress_quota_bi.battle_map WHERE parent_org = 'East' AND grain = 'year' AND product = '(all)' ORDER BY org_sort;
-- only what is in force
UPDATE quota_decomp.editable_target SET revision_to = 2 WHERE org_id = 3;
INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, carried, rule)
SELECT t.plan_id, t.tier, t.org_id, t.product_id, t.period_id, 2, t.amount + 10, 5, 'locked' FROM quota_decomp.visible_target t WHERE t.org_id = 3;
SELECT product, period, amount, carried, rule, revision FROM regress_quota_bi.battle_map WHERE org = 'Ann' AND period IN ('2027', '2027-Q1') ORDER BY 1, 2;
UPDATE quota_decomp.editable_plan SET revision = 2, state = 'published';
SELECT product, period, amount, carried, rule, revision, state FROM regress_quota_bi.battle_map WHERE org = 'Ann' AND period IN ('2027', '2027-Q1') ORDER BY 1, 2;
-- a ratio is weighted by its volumes
INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, volume, rule)
SELECT t.plan_id, 'base', t.org_id, t.product_id, t.period_id, 1, t.product_id / 100.0, t.period_id, 'share' FROM quota_decomp.visible_target t WHERE t.org_id = 4;
UPDATE quota_decomp.editable_plan SET rate_method = 'scale', scale = 3;
SELECT tier, product, period, amount, volume FROM regress_quota_bi.battle_map WHERE org = 'Bo' AND tier = 'base' AND period IN ('2027', '2027-Q1', '2027-Q4') ORDER BY 2, 3;
UPDATE quota_decomp.editable_plan SET rate_method = NULL, scale = NULL;
DELETE FROM quota_decomp.editable_target WHERE tier = 'base';

-- plan_weight
SELECT dimension, driver, driver_share, org, product, period, value, share, source FROM regress_quota_bi.plan_weight ORDER BY dimension, driver, org, product;

-- smart
SELECT org, amount, specific, measurable, achievable, relevant, time_bound, complete, lacks FROM regress_quota_bi.smart ORDER BY org_sort;
-- a goal above them makes them relevant, an owner units specific
INSERT INTO quota_decomp.editable_goal (plan_id, goal_no, org_id, period_id, amount, initiative, owner, parent_goal) VALUES (:one, 1, 2, 1, 800, 'win back', 'Eva', 'grow'), (:one, 2, 1, 1, 800, 'all in', NULL, NULL);
SELECT org, specific, relevant, complete, lacks FROM regress_quota_bi.smart ORDER BY org_sort;
UPDATE quota_decomp.editable_plan SET owner = 'CEO', parent_goal = 'grow', initiative = '2027';
SELECT org, specific, relevant, complete, lacks FROM regress_quota_bi.smart ORDER BY org_sort;
-- a member's login sees its own, and no numbers of others
SELECT quota_decomp.grant_plan('one', 'regress_quota_east', 'read');
SET ROLE regress_quota_east;
SELECT org, parent_org, count(*) FROM regress_quota_bi.battle_map GROUP BY 1, 2 ORDER BY 1;
SELECT dimension, org, product, value, share FROM regress_quota_bi.plan_weight ORDER BY 1, 2, 3, 4;
RESET ROLE;
UPDATE quota_decomp.editable_weight SET value = 100 WHERE org_id = 3;
UPDATE quota_decomp.editable_target SET amount = 900 WHERE org_id = 4;
SELECT org, lacks FROM regress_quota_bi.smart WHERE org IN ('Ann', 'Bo') ORDER BY org_sort;
SET ROLE regress_quota_east;
SELECT org, lacks FROM regress_quota_bi.smart ORDER BY org_sort;
RESET ROLE;

-- what is gone
ALTER TABLE crm.sale RENAME amount TO total;
SELECT lacks FROM regress_quota_bi.smart WHERE org = 'Ann';
SET client_min_messages = warning;
DROP TABLE crm.sale CASCADE;
RESET client_min_messages;
-- said once, though several views lack it; and what is said later is not lost
SELECT count(*) AS made, current_setting('client_min_messages') AS messages FROM quota_decomp.create_views('regress_quota_bi');
UPDATE quota_decomp.editable_plan SET grain = 'year';
SELECT lacks FROM regress_quota_bi.smart WHERE org = 'Ann';
UPDATE quota_decomp.editable_metric SET direction = 'lower';
SELECT org, lacks FROM regress_quota_bi.smart ORDER BY org_sort;
DELETE FROM quota_decomp.editable_target;
UPDATE quota_decomp.editable_plan SET decomposed = false;
SELECT org, amount, achievable, time_bound, lacks FROM regress_quota_bi.smart WHERE org = 'Ann';

SET client_min_messages = warning;
DROP SCHEMA regress_quota_bi, "regress quota ""bi""", crm CASCADE;
DROP EXTENSION quota_decomp CASCADE;
DROP ROLE regress_quota_east, regress_quota_plan;
CREATE EXTENSION quota_decomp;
