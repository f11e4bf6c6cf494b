-- Plans for other roles: grant_plan, revoke_plan, what each level may, and estimates
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
\set SHOW_CONTEXT never

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
SELECT pg_temp.make_plan('two') AS two \gset

CREATE ROLE regress_quota_read;
CREATE ROLE regress_quota_east;
CREATE ROLE regress_quota_plan;
CREATE ROLE regress_quota_group;
CREATE ROLE regress_quota_cy IN ROLE regress_quota_group;
CREATE ROLE "regress quota ""odd""";

-- what is wrong
\set VERBOSITY default
SELECT quota_decomp.grant_plan('none', 'regress_quota_read', 'read');
SELECT quota_decomp.grant_plan('one', 'regress_quota_nobody', 'read');
SELECT quota_decomp.grant_plan('one', 'Regress_Quota_Read', 'read');
SELECT quota_decomp.grant_plan('one', 'public', 'read');
SELECT quota_decomp.grant_plan('one', NULL, 'read');
SELECT quota_decomp.grant_plan('one', 'regress_quota_read', 'write');
SELECT quota_decomp.grant_plan('one', 'regress_quota_read', 'plan', own_subtree_only => true);
SELECT quota_decomp.revoke_plan('one', 'regress_quota_read');

-- what a level needs
SELECT quota_decomp.grant_plan('one', 'regress_quota_read', 'read');
SELECT quota_decomp.grant_plan('one', 'regress_quota_east', 'estimate');
SELECT quota_decomp.grant_plan('one', 'regress_quota_plan', 'plan');
SELECT quota_decomp.grant_plan('one', 'regress_quota_group', 'estimate', own_subtree_only => true);
SELECT quota_decomp.grant_plan(NULL, 'regress quota "odd"', 'read');
SELECT g.plan_id = :one AS one, g.role_name, g.privilege, g.own_subtree_only FROM quota_decomp.editable_plan_grant g ORDER BY g.role_name;
CREATE VIEW pg_temp.held AS
SELECT r.rolname, c.relname, string_agg(v.p, ' ' ORDER BY v.n) AS privileges
FROM pg_roles r CROSS JOIN pg_class c CROSS JOIN (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE'), (5, 'TRUNCATE'), (6, 'REFERENCES'), (7, 'TRIGGER')) AS v(n, p)
WHERE r.rolname LIKE 'regress%quota%' AND c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(r.oid, c.oid, v.p) GROUP BY 1, 2;
SELECT h.rolname, h.privileges, string_agg(DISTINCT regexp_replace(h.relname, '^(visible|editable)_.*', '\1_X'), ' ') AS relations
FROM pg_temp.held h GROUP BY 1, 2 ORDER BY 1, 2;
-- nobody has anything on a table, and all of one kind is alike
SELECT h.* FROM pg_temp.held h WHERE h.relname !~ '^(visible_|editable_|granted$|access$|own_node$|own_estimate$)';
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'v'
	AND NOT EXISTS (SELECT FROM pg_temp.held h WHERE h.rolname = 'regress_quota_plan' AND h.relname = c.relname);
SELECT r.rolname, c.relname FROM pg_roles r CROSS JOIN pg_class c WHERE r.rolname LIKE 'regress%quota%' AND c.relnamespace = 'quota_decomp'::regnamespace AND c.relkind = 'S'
	AND has_sequence_privilege(r.oid, c.oid, 'USAGE') ORDER BY 1, 2;

-- reading
SET ROLE regress_quota_read;
SELECT * FROM quota_decomp.granted;
SELECT plan_id = :one AS one, level, whole, estimate_whole FROM quota_decomp.access;
SELECT plan, total FROM quota_decomp.visible_plan;
SELECT count(*), count(DISTINCT plan_id), sum(amount) FROM quota_decomp.visible_target;
SELECT count(*) FROM quota_decomp.editable_plan;
SELECT count(*) FROM quota_decomp.editable_plan_grant;
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 100);
SELECT quota_decomp.grant_plan('one', 'regress_quota_read', 'plan');
SELECT quota_decomp._plan_id('one', 3);
RESET ROLE;

-- a member's login sees and estimates what is at and below it
SET ROLE regress_quota_east;
SELECT plan_id = :one AS one, level, whole, estimate_whole FROM quota_decomp.access;
SELECT plan, total, growth, baseline_amount FROM quota_decomp.visible_plan;
SELECT n.dimension, n.key FROM quota_decomp.visible_node n ORDER BY 1, 2;
SELECT n.key, sum(t.amount) FROM quota_decomp.visible_target t JOIN quota_decomp.visible_node n ON n.plan_id = t.plan_id AND n.node_id = t.org_id GROUP BY 1 ORDER BY 1;
SELECT w.org_id, w.product_id, w.value, w.share FROM quota_decomp.visible_weight w ORDER BY 1, 2, 3;
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 500, 'if the price holds') - 1 AS first \gset
SELECT quota_decomp.submit_estimate('one', 'Bo', 'Product B', '2027-Q3', 60) - :first AS number;
SELECT quota_decomp.submit_estimate('one', 'all/East/Ann', NULL, NULL, 450) - :first AS number;
SELECT quota_decomp.submit_estimate('one', 'East', '(all)', 'Q4', 300.0) - :first AS number;
SELECT quota_decomp.submit_estimate('one', 'Cy', NULL, NULL, 100);
SELECT quota_decomp.submit_estimate('one', 'nobody', NULL, NULL, 100);
SELECT quota_decomp.submit_estimate('one', NULL, NULL, NULL, 100);
SELECT quota_decomp.submit_estimate('two', 'Ann', NULL, NULL, 100);
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, 'Q3', 100);
SELECT quota_decomp.submit_estimate('one', 'Ann', 'A', NULL, 100);
SELECT quota_decomp.submit_estimate('one', 'Ann', 'A', 'Q5', 100);
SELECT quota_decomp.submit_estimate('one', 'Ann', 'C', 'Q3', 100);
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, NULL);
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 'NaN');
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 104.5);
SELECT e.estimate_no - :first AS number, e.round, n.key, e.product_id, e.period_id, e.amount, e.note, e.state, e.submitted_by FROM quota_decomp.visible_estimate e
JOIN quota_decomp.visible_node n ON n.plan_id = e.plan_id AND n.node_id = e.org_id ORDER BY 1;
-- nor past the function
INSERT INTO quota_decomp.own_estimate (plan_id, round, org_id, amount) VALUES (:one, 1, 6, 100);
INSERT INTO quota_decomp.own_estimate (plan_id, round, org_id, amount) VALUES (:two, 1, 3, 100);
INSERT INTO quota_decomp.own_estimate (plan_id, round, org_id, amount, submitted_by) VALUES (:one, 1, 3, 100, 'regress_quota_cy');
UPDATE quota_decomp.own_estimate SET state = 'accepted';
UPDATE quota_decomp.own_estimate SET reviewed_amount = 1;
RESET ROLE;
-- when a round is over, the next begins
INSERT INTO quota_decomp.editable_round (plan_id, round, closed_at) VALUES (:one, 1, now());
SET ROLE regress_quota_east;
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 480) - :first AS number;
RESET ROLE;
SELECT e.estimate_no - :first AS number, e.round, e.state FROM quota_decomp.editable_estimate e WHERE e.org_id = 3 ORDER BY 1;
SELECT quota_decomp.submit_estimate('one', '(unassigned)', NULL, NULL, 480);

-- a group's role sees nothing of its own, and its members what is theirs
SET ROLE regress_quota_group;
SELECT plan_id = :one AS one, level, whole FROM quota_decomp.access;
SELECT count(*) FROM quota_decomp.visible_target;
SELECT quota_decomp.submit_estimate('one', 'Cy', NULL, NULL, 100);
RESET ROLE;
UPDATE quota_decomp.editable_node SET login = 'regress_quota_cy' WHERE key = 'Cy';
SET ROLE regress_quota_cy;
SELECT count(*), sum(amount) FROM quota_decomp.visible_target;
SELECT quota_decomp.submit_estimate('one', 'Cy', NULL, NULL, 100) > 0 AS submitted;
RESET ROLE;
-- who reads all through one role estimates no more through another
SELECT quota_decomp.grant_plan('one', 'regress_quota_cy', 'read');
UPDATE quota_decomp.editable_node SET login = NULL WHERE key = 'Cy';
SET ROLE regress_quota_cy;
SELECT level, whole, estimate_whole FROM quota_decomp.access;
SELECT count(DISTINCT org_id) FROM quota_decomp.visible_target;
SELECT quota_decomp.submit_estimate('one', 'Ann', NULL, NULL, 100);
RESET ROLE;

-- planning one plan is not planning another, nor granting, nor the mapping
SET ROLE regress_quota_plan;
UPDATE quota_decomp.editable_plan SET owner = 'me' RETURNING plan;
UPDATE quota_decomp.editable_target SET plan_id = :two, revision_from = 9 WHERE org_id = 3;
INSERT INTO quota_decomp.editable_goal (plan_id, goal_no, org_id, period_id, amount) VALUES (:two, 1, 1, 1, 10);
INSERT INTO quota_decomp.editable_hierarchy VALUES ('mine');
DELETE FROM quota_decomp.editable_plan WHERE plan = 'two';
SELECT * FROM quota_decomp.editable_plan_grant;
SELECT quota_decomp.grant_plan('one', 'regress_quota_cy', 'plan');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_read');
SELECT quota_decomp.create_views('regress_quota_views');
RESET ROLE;

-- rights on objects that got lost come back
REVOKE ALL ON ALL TABLES IN SCHEMA quota_decomp FROM regress_quota_group;
SELECT r.role_name, r.granted FROM quota_decomp.regrant_plans() AS r;
SELECT count(*) > 0 AS some FROM pg_temp.held h WHERE h.rolname = 'regress_quota_group';

-- taking it back: rights on objects stay while another grant needs them
SELECT quota_decomp.grant_plan('two', 'regress_quota_plan', 'estimate');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_plan');
SELECT h.rolname, h.privileges, count(*) > 0 AS some FROM pg_temp.held h WHERE h.rolname = 'regress_quota_plan' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT quota_decomp.grant_plan('two', 'regress_quota_plan', 'read');
SELECT h.rolname, h.privileges, count(*) > 0 AS some FROM pg_temp.held h WHERE h.rolname = 'regress_quota_plan' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT quota_decomp.revoke_plan('one', 'regress_quota_plan');
SELECT quota_decomp.revoke_plan('two', 'regress_quota_plan');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_read');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_east');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_group');
SELECT quota_decomp.revoke_plan('one', 'regress_quota_cy');
SELECT quota_decomp.revoke_plan(NULL, 'regress quota "odd"');
SELECT count(*) FROM pg_temp.held;
SELECT count(*) FROM pg_roles r CROSS JOIN pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE r.rolname LIKE 'regress%quota%' AND p.pronamespace = 'quota_decomp'::regnamespace AND l.lanname IN ('sql', 'plpgsql') AND has_function_privilege(r.oid, p.oid, 'EXECUTE');
SELECT count(*) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'quota_decomp'::regnamespace AND a.attacl <> '{}';
SELECT count(*) FROM quota_decomp.editable_plan_grant;

SET client_min_messages = warning;
DROP EXTENSION quota_decomp CASCADE;
DROP ROLE regress_quota_read, regress_quota_east, regress_quota_plan, regress_quota_group, regress_quota_cy, "regress quota ""odd""";
CREATE EXTENSION quota_decomp;
