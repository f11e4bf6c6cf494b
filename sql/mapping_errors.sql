--
-- The mapping: what is refused, and with what words
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET search_path = quota_decomp, public;
SET datestyle = ISO;

-- what a statement fails with
CREATE FUNCTION pg_temp.error_of(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	message := 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
-- loading a hierarchy of its own, for a plan of 2026
CREATE FUNCTION pg_temp.load_error(rows text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'TRUNCATE crm.member';
	EXECUTE 'INSERT INTO crm.member SELECT r[1], r[2], r[3]::date, r[4]::date FROM (VALUES ' || rows || ') AS v(r)';
	SELECT e.* INTO code, message, detail, hint FROM pg_temp.error_of('SELECT quota_decomp._load_nodes(plan_id) FROM quota_decomp.plan') e;
END $$;

CREATE SCHEMA crm;
CREATE TABLE crm.member (id text, boss text, since date, until date);
CREATE TABLE crm."Sale of 2026" (id int, "close date" text, at date, stage text, rep text, amount text, price money, score float8, doc jsonb, tags int[], who name);
CREATE TEMP TABLE scratch (id text, at date);
CREATE SEQUENCE crm.numbers;
CREATE INDEX member_id ON crm.member (id);

\x on
-- the source
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', NULL, ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''pg_temp.scratch'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.numbers'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member_id'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', 4711::oid::regclass, ''id'')');
-- hierarchies
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(NULL, ''crm.member'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy('' '', ''crm.member'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', ''id'', levels => ''{boss,id}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', levels => ''{}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', levels => ''{boss,NULL}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', levels => ''{boss,id,boss}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', parent => ''boss'', levels => ''{id}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', label => ''boss'', levels => ''{id}'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', ''ID'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', ''id'', valid_from => ''boss'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm."Sale of 2026"'', ''doc'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm."Sale of 2026"'', ''score'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm."Sale of 2026"'', ''id'', eligible => ''tags'')');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm."Sale of 2026"'', ''id'', login => ''id'')');
-- metrics; the hint is a view that can be made
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''close date'')');
CREATE VIEW crm."Sale of 2026_dated" AS SELECT id, to_date("close date", 'MM/DD/YYYY') AS "close date", at, stage, rep, amount, price, score, doc, tags, who FROM crm."Sale of 2026";
SELECT * FROM pg_temp.error_of('SELECT create_metric(''dated'', ''crm."Sale of 2026_dated"'', ''close date'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', NULL)');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', value => ''amount'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', value => ''price'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', value => ''at'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', kind => ''mean'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', direction => ''up'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', unit => 0)');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', unit => NULL)');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', unit => ''NaN'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', kind => ''distinct'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', value => ''id'', kind => ''ratio'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', value => ''id'', denominator => ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''m'', ''crm."Sale of 2026"'', ''at'', covers => ''empty'')');
SELECT * FROM pg_temp.error_of('SELECT create_metric(''dated'', ''crm."Sale of 2026"'', ''at'')');
-- pipelines and activities
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', won => ''{}'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', won => ''{Closed}'', lost => ''{Lost,Closed}'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''close date'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', NULL)');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', history_key => ''id'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', history => ''crm.member'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', metric => ''nothing'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'', metric => ''dated'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'')');
SELECT * FROM pg_temp.error_of('SELECT create_pipeline(''p'', ''crm."Sale of 2026"'', ''id'', ''stage'', ''at'')');
SELECT * FROM pg_temp.error_of('SELECT create_activity(''a'', ''crm."Sale of 2026"'', ''at'', ''tags'')');
SELECT * FROM pg_temp.error_of('SELECT create_activity(''a'', ''crm."Sale of 2026"'', ''at'')');
SELECT * FROM pg_temp.error_of('SELECT create_activity(''a'', ''crm."Sale of 2026"'', ''at'')');
-- scorecards
SELECT * FROM pg_temp.error_of('SELECT create_scorecard(''s'', ''nothing'', 0.5)');
SELECT * FROM pg_temp.error_of('SELECT create_scorecard(''s'', ''dated'', 1.5)');
SELECT * FROM pg_temp.error_of('SELECT create_scorecard(''s'', ''dated'', NULL)');
SELECT create_scorecard('s', 'dated', 0.7, 'newcomer');
SELECT * FROM pg_temp.error_of('SELECT create_scorecard(''s'', ''dated'', 0.1, ''newcomer'')');
SELECT create_metric('other', 'crm."Sale of 2026"', 'at');
SELECT * FROM pg_temp.error_of('SELECT create_scorecard(''s'', ''other'', 0.4, ''newcomer'')');
-- aliases
SELECT create_hierarchy('h', 'crm.member', 'id', 'boss', valid_from => 'since', valid_to => 'until');
SELECT * FROM pg_temp.error_of('SELECT create_hierarchy(''h'', ''crm.member'', ''boss'')');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''x'', ''a'', ''b'')');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''h'', NULL, ''b'')');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''h'', ''b'', ''b'')');
SELECT add_alias('h', 'a', 'b');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''h'', ''a'', ''c'')');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''h'', ''c'', ''a'')');
SELECT * FROM pg_temp.error_of('SELECT add_alias(''h'', ''b'', ''c'')');
SELECT * FROM pg_temp.error_of('SELECT drop_alias(''h'', ''b'')');
SELECT * FROM pg_temp.error_of('SELECT drop_alias(''x'', ''b'')');

-- members
INSERT INTO editable_plan (plan, metric, org, starts, ends, grain, pattern, first_month, week_start, year_anchor, holidays, extra_workdays, unit, total, time_zone, ramp_relief, as_of)
VALUES ('2026', 'other', 'h', '2026-01-01', '2027-01-01', 'month', 'month', 1, 1, 'nearest', '{}', '{}', 1, 0, 'UTC', 'siblings', '2026-01-01');
SELECT * FROM pg_temp.load_error($$(ARRAY[NULL]::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['a', NULL]::text[]), (ARRAY['b', 'nobody']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'b']::text[]), (ARRAY['b', 'c']::text[]), (ARRAY['c', 'a']::text[]), (ARRAY['d', 'a']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['a', 'a']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'r']::text[]), (ARRAY['b', 'r']::text[]), (ARRAY['c', 'a', NULL, '2026-02-02']::text[]), (ARRAY['c', 'b', '2026-02-01']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'r', NULL, '2026-03-01']::text[]), (ARRAY['a', 'r', '2026-02-01']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'r', '2026-03-01', '2026-02-01']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'r', '2026-03-01']::text[]), (ARRAY['b', 'a', NULL, '2026-03-01']::text[])$$);
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['(all)', 'r']::text[])$$);
SET client_min_messages = notice;
SELECT * FROM pg_temp.load_error($$(ARRAY['r', NULL]::text[]), (ARRAY['a', 'r', '2026-03-01']::text[]), (ARRAY['b', 'a']::text[]), (ARRAY[NULL, 'r']::text[]), (ARRAY['', 'r']::text[]), (ARRAY['c', '', '2026-03-01', '2026-03-01']::text[])$$);
SET client_min_messages = warning;
CREATE VIEW crm.flat AS SELECT * FROM (VALUES ('Central', 'Mo', 'Bo'), ('West', 'Mo', 'Cy')) AS v(office, manager, agent);
SELECT create_hierarchy('flat', 'crm.flat', levels => '{office,manager,agent}');
UPDATE plan SET org = 'flat';
SELECT * FROM pg_temp.error_of('SELECT quota_decomp._load_nodes(plan_id) FROM quota_decomp.plan');
DROP VIEW crm.flat;
SELECT * FROM pg_temp.error_of('SELECT quota_decomp._load_nodes(plan_id) FROM quota_decomp.plan');
CREATE VIEW crm.flat AS SELECT 'x' AS office, 'y' AS manager;
SELECT * FROM pg_temp.error_of('SELECT quota_decomp._load_nodes(plan_id) FROM quota_decomp.plan');
SELECT * FROM pg_temp.error_of('SELECT _facts(plan_id, ''nothing'', NULL, NULL, ''{}'') FROM quota_decomp.plan');
SELECT * FROM pg_temp.error_of('SELECT _open_pipeline(plan_id, ''nothing'', now()::date) FROM quota_decomp.plan');
SELECT * FROM pg_temp.error_of('SELECT _coverage(''nothing'', ''UTC'')');
SELECT code, message FROM pg_temp.error_of('SELECT check_mapping(''nothing'')');

-- what is in use stays
SELECT * FROM pg_temp.error_of('SELECT drop_hierarchy(''flat'')');
SELECT * FROM pg_temp.error_of('SELECT drop_metric(''other'')');
SELECT * FROM pg_temp.error_of('SELECT drop_metric(''dated'')');
INSERT INTO driver (plan_id, driver_no, driver, dimension, scope, share, pipeline) SELECT plan_id, 1, 'open deals', 'org', 'plan', 1, 'p' FROM plan;
SELECT * FROM pg_temp.error_of('SELECT drop_pipeline(''p'')');
SELECT * FROM pg_temp.error_of('SELECT drop_hierarchy(''x'')');
SELECT * FROM pg_temp.error_of('SELECT drop_metric(NULL)');
SELECT * FROM pg_temp.error_of('SELECT drop_pipeline(''x'')');
SELECT * FROM pg_temp.error_of('SELECT drop_activity(''x'')');
SELECT * FROM pg_temp.error_of('SELECT drop_scorecard(''x'')');

-- who may not
CREATE ROLE regress_quota_mapping;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA quota_decomp TO regress_quota_mapping;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA quota_decomp TO regress_quota_mapping;
GRANT USAGE ON SCHEMA crm TO regress_quota_mapping;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_quota_mapping;
INSERT INTO plan_grant (grant_no, plan_id, role_name, privilege, own_subtree_only) SELECT 1, plan_id, 'regress_quota_mapping', 'estimate', true FROM plan;
SET ROLE regress_quota_mapping;
SELECT * FROM pg_temp.error_of('SELECT quota_decomp.create_hierarchy(''g'', ''crm.member'', ''id'')');
SELECT * FROM pg_temp.error_of('SELECT quota_decomp.add_alias(''h'', ''x'', ''b'')');
SELECT * FROM pg_temp.error_of('SELECT quota_decomp.drop_metric(''other'')');
SELECT * FROM pg_temp.error_of('SELECT quota_decomp.check_mapping(''2026'')');
RESET ROLE;
DROP OWNED BY regress_quota_mapping;
DROP ROLE regress_quota_mapping;

SET client_min_messages = warning;
DROP SCHEMA crm CASCADE;
DROP EXTENSION quota_decomp CASCADE;
CREATE EXTENSION quota_decomp;
