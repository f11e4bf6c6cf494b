-- what stands before a pipeline and after it: mapping, errors, drop; the
-- numbers are compared in test/pgtap/funnel_steps.pg
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET datestyle = ISO;
SET search_path = quota_decomp, pg_temp;
\set SHOW_CONTEXT never
CREATE SCHEMA fs_crm;
CREATE TABLE fs_crm.member (id text);
INSERT INTO fs_crm.member VALUES ('ann');
CREATE TABLE fs_crm.response (id int, at timestamptz, lead text, who text, doc json);
CREATE TABLE fs_crm.lead (id text, day date, deal int, who text, closed date);
CREATE TABLE fs_crm.deal (id int, who text, stage text, opened date, closed date, amount numeric);
CREATE TABLE fs_crm.contract (deal int, signed date, amount numeric, price float8, text text);
CREATE VIEW fs_crm.sale AS SELECT closed AS day, who, amount FROM fs_crm.deal WHERE stage = 'Won';
SELECT create_hierarchy('fs org', 'fs_crm.member', 'id'), create_metric('fs sales', 'fs_crm.sale', 'day', 'who', value => 'amount', unit => 1);
SELECT create_pipeline('fs', 'fs_crm.deal', 'id', 'stage', 'opened', 'who', closed => 'closed', amount => 'amount', stages => '{S1,S2}', metric => 'fs sales');
RESET client_min_messages;

-- what cannot be
SELECT create_funnel_step('nothing', 'lead', 'fs_crm.lead', 'day', becomes => 'deal');
SELECT create_funnel_step(NULL, 'lead', 'fs_crm.lead', 'day', becomes => 'deal');
SELECT create_funnel_step('fs', ' ', 'fs_crm.lead', 'day', becomes => 'deal');
SELECT create_funnel_step('fs', 'lead', NULL, 'day', becomes => 'deal');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', NULL, becomes => 'deal');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day', becomes => 'deal', opportunity => 'deal');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'no day', becomes => 'deal');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'deal', becomes => 'deal');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.response', 'at', becomes => 'doc');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day', becomes => 'deal', amount => 'deal');
SELECT create_funnel_step('fs', 'contract', 'fs_crm.contract', 'signed', opportunity => 'deal', amount => 'text');
SELECT create_funnel_step('fs', 'contract', 'fs_crm.contract', 'signed', opportunity => 'deal', key => 'deal');
SELECT create_funnel_step('fs', 'contract', 'fs_crm.contract', 'signed', opportunity => 'deal', member => 'text');
SELECT create_funnel_step('fs', 'contract', 'fs_crm.contract', 'signed', opportunity => 'deal', closed => 'signed');
-- the names of stages are taken
SELECT create_funnel_step('fs', 'S1', 'fs_crm.lead', 'day', becomes => 'deal');
SELECT create_funnel_step('fs', 'Won', 'fs_crm.contract', 'signed', opportunity => 'deal');
-- outwards from the pipeline: what stands before leads needs their key
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day', becomes => 'deal', member => 'who');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day', becomes => 'deal');
SELECT create_funnel_step('fs', 'response', 'fs_crm.response', 'at', becomes => 'lead');
SELECT drop_funnel_step('fs', 'lead');
SELECT create_funnel_step('fs', 'lead', 'fs_crm.lead', 'day', becomes => 'deal', key => 'id', member => 'who', closed => 'closed');
SELECT create_funnel_step('fs', 'response', 'fs_crm.response', 'at', becomes => 'lead', member => 'who');
SELECT create_funnel_step('fs', 'contract', 'fs_crm.contract', 'signed', opportunity => 'deal', amount => 'price');
SELECT pipeline, place, step_no, step, relation_name, link_column FROM visible_funnel_step ORDER BY place, step_no;
SELECT drop_funnel_step('fs', 'lead');
SELECT drop_funnel_step('fs', 'visit');
SELECT drop_funnel_step('nothing', 'visit');

-- nothing is there yet; then one of each: ann's lead became a deal that was won, signed and is not paid
SELECT create_plan('fs', 'fs sales', '[2026-01-01,2027-01-01)', total => 100, org => 'fs org', time_zone => 'Asia/Shanghai', as_of => '2026-06-30');
SELECT v FROM create_views('fs_bi') v WHERE v = 'funnel';
SELECT org, step, stage, note FROM fs_bi.funnel;
INSERT INTO fs_crm.response VALUES (1, '2026-01-31 20:00+00', 'L1', 'ann', NULL), (2, '2026-02-03 00:00+00', NULL, 'ann', NULL), (3, '2026-07-01 00:00+00', NULL, 'ann', NULL), (4, NULL, NULL, 'ann', NULL);
INSERT INTO fs_crm.lead VALUES ('L1', '2026-02-03', 1, 'ann', '2026-02-10'), ('L2', '2026-02-04', NULL, 'ann', '2026-03-01'), ('L3', '2026-02-04', NULL, NULL, '2026-07-01'), ('L4', '2026-02-04', 99, 'ann', NULL);
INSERT INTO fs_crm.deal VALUES (1, 'ann', 'Won', '2026-02-10', '2026-03-15', 700), (2, 'ann', 'S1', '2026-03-10', NULL, 100);
-- a return, and a contract of a deal that is not won, are not signatures
INSERT INTO fs_crm.contract VALUES (1, '2026-03-20', 700, 700), (1, '2026-03-18', -700, -700), (2, '2026-04-01', 100, 100);
SELECT org, cohort, step, stage, entered, passed, lost, waiting, conversion, median_days AS days, note FROM fs_bi.funnel WHERE org IN ('ann', '(unassigned)') ORDER BY org_sort, cohort, step;
SELECT step, stage, note FROM fs_bi.funnel WHERE org_depth = 0 AND cohort = 'all' ORDER BY step;
SELECT source, facts, problem FROM check_mapping('fs') WHERE source LIKE 'step%' ORDER BY source;
-- what is mapped is gone
ALTER TABLE fs_crm.lead RENAME TO leads;
SELECT count(*) FROM fs_bi.funnel;
SELECT source, facts, problem FROM check_mapping('fs') WHERE source LIKE 'step%' ORDER BY source;
SELECT drop_pipeline('fs');
SELECT count(*) FROM visible_funnel_step;

SET client_min_messages = warning;
DROP SCHEMA fs_bi, fs_crm CASCADE;
-- plans are numbered anew
DROP EXTENSION quota_decomp;
