--
-- The mapping: what of a CRM means what, its members, and its facts
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
SET search_path = quota_decomp, public;
SET datestyle = ISO;
SET timezone = 'UTC';

-- a plan's row, and its members
CREATE FUNCTION pg_temp.make_plan(plan text, metric text, org text, product text, starts date, ends date, as_of date, time_zone text DEFAULT 'UTC') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	id int;
BEGIN
	INSERT INTO quota_decomp.editable_plan (plan, metric, org, product, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays,
		unit, total, time_zone, ramp_relief, as_of)
	VALUES (plan, metric, org, product, starts, ends, 'month', 'month', 1, 1, 'nearest', '{}', '{}', 1, 0, time_zone, 'siblings', as_of) RETURNING plan_id INTO id;
	PERFORM quota_decomp._load_nodes(id);
END $$;
CREATE FUNCTION pg_temp.load(name text) RETURNS void LANGUAGE sql AS $$ SELECT quota_decomp._load_nodes(quota_decomp._plan_id(name, 3)) $$;
CREATE FUNCTION pg_temp.nodes(name text, dim text) RETURNS TABLE (node text, label text, kind text, planned boolean, leaf boolean, valid_from date, valid_to date)
LANGUAGE sql AS $$
	SELECT repeat('  ', n.depth) || n.key, n.label, n.kind, n.planned, n.leaf, n.valid_from, n.valid_to
	FROM quota_decomp.node n JOIN quota_decomp.plan p USING (plan_id) WHERE p.plan = name AND n.dimension = dim ORDER BY n.sort_no, n.path
$$;
-- facts with the nodes' paths
CREATE FUNCTION pg_temp.facts(name text, metric text, from_day date, to_day date, by text[])
RETURNS TABLE (org text, product text, day date, value numeric, denominator numeric, quantity numeric, facts bigint)
LANGUAGE sql AS $$
	SELECT o.path, u.path, f.day, f.value, f.denominator, f.quantity, f.facts
	FROM quota_decomp.plan p, LATERAL quota_decomp._facts(p.plan_id, $2, from_day, to_day, by) AS f
	LEFT JOIN quota_decomp.node o ON o.plan_id = (SELECT plan_id FROM quota_decomp.plan WHERE plan = name) AND o.node_id = f.org_id
	LEFT JOIN quota_decomp.node u ON u.plan_id = (SELECT plan_id FROM quota_decomp.plan WHERE plan = name) AND u.node_id = f.product_id
	WHERE p.plan = name ORDER BY o.sort_no, o.path, u.sort_no, f.day
$$;

--
-- Parent keys: units, and people who move, join and leave
--
CREATE SCHEMA crm;
CREATE TABLE crm.unit (id text PRIMARY KEY, parent text, name text);
INSERT INTO crm.unit VALUES ('HQ', NULL, 'Company'), ('E', 'HQ', 'East'), ('N', 'HQ', 'North'), ('N/1', 'N', 'North 1');
CREATE TABLE crm.person (id int, unit text, name text, since date, until date, hired date, login text, lines text[], kind text);
INSERT INTO crm.person VALUES
	(1, 'E', 'Ann', NULL, NULL, '2020-01-01', 'qd_ann', NULL, 'senior'),
	(2, 'E', 'Bo', '2025-01-01', '2026-03-01', '2025-01-01', NULL, NULL, 'senior'),
	(2, 'N/1', 'Bo', '2026-03-01', NULL, '2025-01-01', NULL, '{LA}', 'senior'),
	(3, 'N/1', 'Cy', '2026-06-01', NULL, '2026-06-01', NULL, NULL, 'newcomer'),
	(4, 'N/1', 'Di', '2020-01-01', '2025-12-31', '2020-01-01', NULL, NULL, 'senior'),
	(5, 'N/1', 'Ed', '2025-07-01', '2025-07-01', NULL, NULL, NULL, NULL),
	(NULL, 'E', 'nobody', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE crm.product (line text, sku text, launched date);
INSERT INTO crm.product VALUES ('LA', 'A', NULL), ('LA', 'A2', '2027-03-01'), ('LB', 'B', NULL), ('B', 'C', NULL);
-- timestamptz, partitioned; what people type is not always a key
CREATE TABLE crm.sale (rep text, product text, at timestamptz NOT NULL, amount numeric, pieces int, cost float8, customer int) PARTITION BY RANGE (at);
CREATE TABLE crm.sale_2025 PARTITION OF crm.sale FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE crm.sale_2026 PARTITION OF crm.sale DEFAULT;
INSERT INTO crm.sale VALUES
	('1', 'A', '2026-01-01 00:30+08', 10, 1, 5, 1), ('2', 'A', '2026-02-28 23:30+08', 20, 2, 5, 2), ('2', 'a 1', '2026-03-01 00:30+08', 40, 3, 5, 2),
	('E', 'A', '2026-05-05 12:00+08', 80, 4, 5, 3), ('zz', 'B', '2026-05-05 12:00+08', 160, 5, 5, 3), (NULL, 'q', '2026-05-05 12:00+08', 320, 6, 5, 1),
	('3', 'B', '2026-05-05 12:00+08', 640, 7, 5, 1), ('１', 'B', '2026-07-01 12:00+08', 1280, 8, 5, 9), ('1', 'C', '2026-07-02 12:00+08', NULL, 9, 5, 1);

SELECT create_hierarchy('org', 'crm.unit', 'id', 'parent', 'name');
SELECT create_hierarchy('org', 'crm.person', 'id', 'unit', 'name', valid_from => 'since', valid_to => 'until', hired => 'hired', login => 'login', eligible => 'lines',
	member_group => 'kind');
SELECT create_hierarchy('products', 'crm.product', levels => '{line,sku}', hired => 'launched');
SELECT create_metric('revenue', 'crm.sale', 'at', 'rep', 'product', 'amount', quantity => 'pieces');
SELECT create_metric('deals', 'crm.sale', 'at', 'rep', 'product');
SELECT create_metric('customers', 'crm.sale', 'at', 'rep', 'product', 'customer', kind => 'distinct', unit => 1);
SELECT create_metric('margin', 'crm.sale', 'at', 'rep', 'product', 'cost', 'amount', kind => 'ratio', unit => 0.0001);
SELECT create_metric('whole company', 'crm.sale', 'at', value => 'amount', covers => '[2025-01-01,2027-01-01)');
SELECT * FROM hierarchy_source ORDER BY 1, 2;
SELECT * FROM metric ORDER BY metric;

SELECT pg_temp.make_plan('shanghai', 'revenue', 'org', 'products', '2026-01-01', '2027-01-01', '2026-04-01', 'Asia/Shanghai');
-- Bo moved: two nodes, one planned; Cy comes within the plan's year; East sells itself
SELECT * FROM pg_temp.nodes('shanghai', 'org');
SELECT * FROM pg_temp.nodes('shanghai', 'product');
SELECT path, parent_id, key, level, hired, left_on, login, member_group, eligible FROM node WHERE kind IN ('member', 'self') AND dimension = 'org' ORDER BY sort_no, path;
SELECT k.dimension, k.key, k.valid_from, k.valid_to, n.path FROM node_key k JOIN node n USING (plan_id, node_id) ORDER BY 1, 2, 3;
SELECT count(*), sum(distance) FROM node_closure;

-- the sum over the nodes is the source's
SELECT * FROM pg_temp.facts('shanghai', 'revenue', '2026-01-01', '2027-01-01', '{org,product,day}');
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{product}');
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{}');
SELECT sum(amount), count(*) FROM crm.sale;
-- the day is the plan's: 28 February, 23:30 in Shanghai, is no March
SELECT * FROM pg_temp.facts('shanghai', 'revenue', '2026-03-01', '2026-04-01', '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'deals', NULL, NULL, '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'margin', NULL, NULL, '{}');
SELECT * FROM pg_temp.facts('shanghai', 'whole company', NULL, NULL, '{org,product}');
SELECT c.* FROM unnest('{revenue,whole company}'::text[]) m, _coverage(m, 'Asia/Shanghai') c;
SELECT * FROM _metric_total(_plan_id('shanghai', 1), 'revenue', '2026-01-01', '2026-06-01');
SELECT * FROM _metric_total(_plan_id('shanghai', 1), 'revenue', '2030-01-01', '2031-01-01');

-- what does not match, and other spellings
SELECT * FROM check_mapping('shanghai');
SELECT add_alias(hierarchy, key, suggestion) FROM check_mapping('shanghai') WHERE suggestion IS NOT NULL;
SELECT add_alias('products', 'a 1', 'A');
SELECT add_alias('products', 'q', 'Q');
SELECT * FROM check_mapping('shanghai');
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{org}');
-- distinct customers: counted at what is asked for, whatever the spelling
SELECT * FROM pg_temp.facts('shanghai', 'customers', NULL, NULL, '{org,product}');
SELECT * FROM pg_temp.facts('shanghai', 'customers', NULL, NULL, '{product}');
SELECT * FROM pg_temp.facts('shanghai', 'customers', NULL, NULL, '{}');
SELECT drop_alias('products', 'a 1');
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{product}');
-- an alias lives through a reload, and nodes keep their numbers
CREATE TABLE public.before AS SELECT * FROM node;
SELECT pg_temp.load('shanghai');
SELECT count(*) FROM (TABLE before EXCEPT TABLE node UNION ALL (TABLE node EXCEPT TABLE before)) s;
SELECT key, node_id = (SELECT node_id FROM node WHERE key = '1') AS ann FROM node_key WHERE key = '１';

-- the CRM changes: Di was entered by mistake, Gi joins, Ann has a bound
INSERT INTO bound (plan_id, org_id, locked) SELECT plan_id, node_id, 5 FROM node WHERE path = 'HQ/E/1';
DELETE FROM crm.person WHERE name IN ('Ann', 'Di');
INSERT INTO crm.person VALUES (7, 'E', 'Gi', '2026-01-01');
SELECT pg_temp.load('shanghai');
SELECT n.path, n.planned, b.planned AS planned_before, n.node_id = b.node_id AS same
FROM node n FULL JOIN before b USING (plan_id, dimension, path) WHERE (n.node_id IS DISTINCT FROM b.node_id OR n.planned IS DISTINCT FROM b.planned) AND dimension = 'org' ORDER BY path;
SELECT * FROM pg_temp.facts('shanghai', 'revenue', NULL, NULL, '{org}');
-- and she is back
INSERT INTO crm.person VALUES (1, 'E', 'Ann', NULL, NULL, '2020-01-01', 'qd_ann', NULL, 'senior');
SELECT pg_temp.load('shanghai');
SELECT count(*) FROM node n JOIN before b USING (plan_id, node_id) WHERE n.path <> b.path;
SELECT n.path, n.planned FROM node n JOIN bound b ON b.org_id = n.node_id;
DROP TABLE before;

--
-- Flat columns: a manager who is an agent too, somebody without manager, an office without people
--
CREATE VIEW crm.team AS
SELECT * FROM (VALUES ('Central', 'Ann', 'Bo'), ('Central', 'Ann', 'Ann'), ('Central', 'Ann', 'Ann'), ('West', 'Di', 'Ed'), ('West', 'Di', NULL), (NULL, NULL, NULL),
	('West', NULL, 'Fi'), ('South', NULL, NULL)) AS t(office, manager, agent);
CREATE MATERIALIZED VIEW crm.won AS
SELECT * FROM (VALUES ('Ann', timestamp '2026-01-31 23:59', 1::float8), ('Bo', '2026-02-01 00:00', 2), ('Di', '2026-02-01', 4), ('West', '2026-02-02', 8)) AS t(agent, at, amount);
SELECT create_hierarchy('team', 'crm.team', levels => '{office,manager,agent}');
SELECT create_metric('won', 'crm.won', 'at', 'agent', value => 'amount');
SELECT pg_temp.make_plan('flat', 'won', 'team', NULL, '2026-01-01', '2027-01-01', '2026-01-01');
SELECT * FROM pg_temp.nodes('flat', 'org');
SELECT * FROM pg_temp.nodes('flat', 'product');
SELECT k.key, n.path FROM node_key k JOIN node n USING (plan_id, node_id) WHERE plan_id = _plan_id('flat', 1) ORDER BY 1;
SELECT * FROM pg_temp.facts('flat', 'won', '2026-02-01', '2026-03-01', '{org,product}');
SELECT * FROM check_mapping('flat');

-- flat columns with dates: an agent, and a manager with everybody, who move
CREATE TABLE crm.assignment (office char(8), manager text, agent text, since timestamptz, until timestamptz, login name);
INSERT INTO crm.assignment VALUES ('Central', 'Mo', 'Bo', NULL, '2026-03-01 00:00+08', 'bo'), ('Central', 'Mo', 'Cy', NULL, '2026-07-01', 'cy'), ('West', 'Mo', 'Cy', '2026-07-01', NULL, 'cy'),
	('West', 'Vi', 'Bo', '2026-03-01 00:00+08', NULL, 'bo'), ('West', 'Vi', 'Ed', NULL, '2025-01-01', NULL), ('West', 'Vi', 'Ed', '2025-06-01', NULL, 'ed');
SELECT create_hierarchy('assignment', 'crm.assignment', levels => '{office,manager,agent}', valid_from => 'since', valid_to => 'until', login => 'login');
SELECT pg_temp.make_plan('moves', 'won', 'assignment', NULL, '2026-01-01', '2027-01-01', '2026-05-01', 'Asia/Shanghai');
SELECT n.path, n.planned, n.login, array_agg(k.valid_from || ' ' || k.valid_to ORDER BY k.valid_from) FILTER (WHERE k.key IS NOT NULL) AS spans
FROM node n LEFT JOIN node_key k ON k.plan_id = n.plan_id AND k.node_id = n.node_id AND k.key = n.key WHERE n.plan_id = _plan_id('moves', 1) AND n.dimension = 'org' GROUP BY n.path, n.planned, n.login, n.sort_no ORDER BY n.sort_no;

-- several roots; an only one is the root
CREATE TABLE crm.forest (id text, parent text, since date, until date);
INSERT INTO crm.forest VALUES ('X', NULL, NULL, NULL), ('Y', NULL, NULL, NULL), ('x1', 'X', NULL, NULL), ('(x)\/', 'x1', NULL, NULL);
SELECT create_hierarchy('forest', 'crm.forest', 'id', 'parent', valid_from => 'since', valid_to => 'until');
CREATE TABLE crm.list AS SELECT id FROM crm.forest;
SELECT create_hierarchy('list', 'crm.list', 'id');
SELECT create_metric('counted', 'crm.won', 'at', 'agent');
SELECT pg_temp.make_plan('forest', 'counted', 'forest', 'list', '2026-01-01', '2027-01-01', '2026-01-01');
SELECT path, key, depth, leaf FROM node WHERE plan_id = _plan_id('forest', 1) ORDER BY dimension, sort_no;
DELETE FROM crm.forest WHERE id = 'Y';
SELECT pg_temp.load('forest');
SELECT path, planned, leaf FROM node WHERE plan_id = _plan_id('forest', 1) AND dimension = 'org' ORDER BY sort_no;
-- a unit that moves takes its people along; who comes later comes under it
TRUNCATE crm.forest;
INSERT INTO crm.forest VALUES ('R', NULL, NULL, NULL), ('A', 'R', NULL, NULL), ('B', 'R', NULL, NULL), ('T', 'A', NULL, '2026-06-01'), ('T', 'B', '2026-06-01', NULL),
	('p', 'T', NULL, NULL), ('q', 'T', '2026-03-01', '2026-09-01'), ('r', 'T', '2026-02-01', '2026-03-01'), ('r', 'T', '2026-04-01', '2026-05-01'), ('s', 'T', '2026-07-01', NULL);
SELECT pg_temp.load('forest');
SELECT n.path, n.planned, n.valid_from, n.valid_to, array_agg(k.valid_from || ' ' || k.valid_to ORDER BY k.valid_from) FILTER (WHERE k.key IS NOT NULL) AS spans
FROM node n LEFT JOIN node_key k USING (plan_id, node_id) WHERE plan_id = _plan_id('forest', 1) AND n.dimension = 'org' GROUP BY n.path, n.planned, n.valid_from, n.valid_to, n.sort_no ORDER BY n.sort_no;

--
-- Balances: the last of each key, on the node the key was last on
--
CREATE TABLE crm.balance (rep text, day date, owed numeric, sold numeric);
INSERT INTO crm.balance VALUES ('2', '2026-01-31', 100, 10), ('2', '2026-02-28', 110, 20), ('2', '2026-03-31', 120, 30), ('1', '2026-01-31', 7, 1), ('1', '2026-03-31', NULL, 2),
	('１', '2026-02-28', 9, 3), ('1', '2026-02-28', 1, 0), ('zz', '2026-03-31', 1000, 5);
SELECT create_metric('owed', 'crm.balance', 'day', 'rep', value => 'owed', kind => 'last', direction => 'lower');
SELECT create_metric('dso', 'crm.balance', 'day', 'rep', value => 'owed', denominator => 'sold', kind => 'balance_ratio', direction => 'lower');
SELECT * FROM pg_temp.facts('shanghai', 'owed', '2026-01-01', '2026-04-01', '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'owed', '2026-01-01', '2026-03-01', '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'owed', '2026-01-01', '2026-04-01', '{}');
SELECT * FROM pg_temp.facts('shanghai', 'owed', '2026-01-01', '2026-04-01', '{day}');
SELECT * FROM pg_temp.facts('shanghai', 'dso', '2026-01-01', '2026-04-01', '{org}');
SELECT * FROM pg_temp.facts('shanghai', 'dso', '2026-01-01', '2026-04-01', '{}');

--
-- The pipeline
--
CREATE TABLE crm.deal (id int, rep text, product text, stage text, opened date, closed date, amount numeric, price numeric);
INSERT INTO crm.deal VALUES (1, '1', 'A', 'Won', '2026-01-01', '2026-02-01', 10, 99), (2, '1', 'A', 'Offer', '2026-01-01', NULL, NULL, NULL), (3, '2', 'A', 'Lost', '2026-01-01', '2026-09-01', 7, 7),
	(4, 'zz', 'B', 'Offer', '2026-03-31', NULL, NULL, 3), (5, 'E', 'B', 'Won', '2026-01-01', NULL, 5, 5), (6, '1', 'B', 'Offer', '2026-04-02', NULL, 1, 1), (7, '2', 'B', 'Won', '2026-01-01', '2026-05-01', 30, 30);
SELECT create_pipeline('pipe', 'crm.deal', 'id', 'stage', 'opened', 'rep', 'product', closed => 'closed', amount => 'amount', list_price => 'price');
SELECT create_pipeline('stages only', 'crm.deal', 'id', 'stage', 'opened', 'rep');
SELECT n.path, d.product_id IS NOT NULL AS product, d.amount, d.deals FROM _open_pipeline(_plan_id('shanghai', 1), 'pipe', '2026-04-01') d JOIN node n ON n.plan_id = _plan_id('shanghai', 1) AND n.node_id = d.org_id ORDER BY n.sort_no, d.product_id;
SELECT n.path, d.amount, d.deals FROM _open_pipeline(_plan_id('shanghai', 1), 'pipe', '2026-06-01') d JOIN node n ON n.plan_id = _plan_id('shanghai', 1) AND n.node_id = d.org_id ORDER BY n.sort_no, d.product_id;
SELECT sum(amount), sum(deals) FROM _open_pipeline(_plan_id('shanghai', 1), 'stages only', '2026-06-01');

--
-- Activities, scorecards; the views have to be made again
--
INSERT INTO view_schema (schema_name, owner_rights) VALUES ('bi', false);
CREATE TABLE crm.visit (day date, rep text, account text, kind text);
SELECT create_activity('visits', 'crm.visit', 'day', 'rep', 'account', 'kind');
SELECT schema_name, stale FROM view_schema;
SELECT create_scorecard('cards', 'revenue', 0.6), create_scorecard('cards', 'customers', 0.4);
SELECT create_scorecard('cards', 'customers', 0.7, 'newcomer');
SELECT * FROM scorecard ORDER BY 1, 3, 2;

-- a relation, or a column, that is gone
ALTER TABLE crm.deal RENAME rep TO seller;
DROP TABLE crm.balance;
SELECT source, dimension, key, facts, amount, problem FROM check_mapping('shanghai') WHERE source !~ '^metric';
SELECT drop_scorecard('cards'), drop_activity('visits'), drop_pipeline('pipe'), drop_pipeline('stages only'), drop_metric('owed'), drop_metric('dso');
DELETE FROM plan;
SELECT drop_metric('won'), drop_hierarchy('team'), drop_hierarchy('org');
SELECT (SELECT count(*) FROM hierarchy) AS hierarchies, (SELECT count(*) FROM hierarchy_source) AS sources, (SELECT count(*) FROM alias) AS aliases, (SELECT count(*) FROM node) AS nodes;

SET client_min_messages = warning;
DROP SCHEMA crm CASCADE;
DROP EXTENSION quota_decomp CASCADE;
CREATE EXTENSION quota_decomp;
