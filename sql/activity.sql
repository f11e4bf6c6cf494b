-- activity and task: what everyone has to do, on a CRM small enough to check by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
SET datestyle = ISO;
SET search_path = quota_decomp, pg_temp;
CREATE SCHEMA act_crm;

CREATE TABLE act_crm.member (id text, boss text, hired date, grp text, login text);
INSERT INTO act_crm.member VALUES ('sales', NULL, NULL, NULL, NULL), ('north', 'sales', NULL, NULL, NULL), ('south', 'sales', NULL, NULL, NULL),
	('ann', 'north', '2020-01-01', NULL, 'regress_act_ann'), ('bo', 'north', '2021-01-01', NULL, NULL), ('cy', 'north', '2026-06-01', NULL, NULL),
	('dee', 'south', '2019-01-01', 'senior', NULL), ('ed', 'south', '2022-01-01', NULL, NULL);
CREATE TABLE act_crm.deal (id text PRIMARY KEY, rep text, account text, stage text, opened date, expected date, closed date, amount numeric);
-- Ann: half of her deals are won, 1000 each, in 30 days: 10 of 20 until June, 3 of 6 in July
INSERT INTO act_crm.deal
SELECT 'A' || i, 'ann', 'K' || i, CASE i % 2 WHEN 0 THEN 'Won' ELSE 'Lost' END, d.opened, d.opened + 30, d.opened + 30, 1000
FROM generate_series(1, 26) i, LATERAL (SELECT CASE WHEN i <= 20 THEN date '2025-08-10' + 15 * (i - 1) ELSE date '2026-06-02' + (i - 21) / 2 END AS opened) d;
-- Bo: 2 of 4, 2500 each, in 60 days
INSERT INTO act_crm.deal
SELECT 'B' || i, 'bo', 'L' || i, CASE i % 2 WHEN 0 THEN 'Won' ELSE 'Lost' END, date '2026-02-01' + i, date '2026-04-02' + i, date '2026-04-02' + i, 2500 FROM generate_series(1, 4) i;
-- Dee's are open
INSERT INTO act_crm.deal VALUES ('D1', 'dee', 'M1', 'S1', '2026-06-01', '2026-09-15', NULL, 4000), ('D2', 'dee', 'M2', 'S1', '2026-08-03', '2026-12-01', NULL, 9000),
	('D3', 'dee', 'M3', 'S2', '2026-07-20', '2026-11-01', NULL, 500), ('D4', 'dee', 'M4', 'Lost', '2026-06-10', '2026-09-01', '2026-08-11', 700);
-- opened in August: Ann 5 in the week before and 2 in this one
INSERT INTO act_crm.deal SELECT 'N' || i, 'ann', 'N' || i, 'S1', date '2026-08-02' + i + CASE WHEN i > 5 THEN 2 ELSE 0 END, NULL, NULL, 1000 FROM generate_series(1, 7) i;
-- what is there already but happens after the day
INSERT INTO act_crm.deal SELECT 'F' || i, 'ann', 'F', 'S1', '2026-08-13', NULL, NULL, 1000 FROM generate_series(1, 3) i;
CREATE TABLE act_crm.stage_history (deal text, stage text, entered date);
INSERT INTO act_crm.stage_history SELECT d.id, 'S1', d.opened FROM act_crm.deal d
	UNION ALL SELECT d.id, 'S2', d.opened + 10 FROM act_crm.deal d WHERE d.closed IS NOT NULL AND d.rep <> 'dee' OR d.id = 'D3'
	UNION ALL SELECT d.id, d.stage, d.closed FROM act_crm.deal d WHERE d.closed IS NOT NULL;
CREATE VIEW act_crm.sale AS SELECT d.closed AS day, d.rep, d.amount FROM act_crm.deal d WHERE d.stage = 'Won';

-- Ann: 52 leads (2 for each of 26 deals, 5 days before), 26 visits to customers of class A, 13 to class B
CREATE TABLE act_crm.lead (day date, rep text, deal text);
INSERT INTO act_crm.lead SELECT d.opened - 5, 'ann', CASE n WHEN 1 THEN d.id END FROM act_crm.deal d, generate_series(1, 2) n WHERE d.id LIKE 'A%';
INSERT INTO act_crm.lead SELECT '2026-08-04', 'ann', NULL FROM generate_series(1, 12);
CREATE TABLE act_crm.visit (at timestamptz, rep text, account text, deal text, class text);
INSERT INTO act_crm.visit SELECT (date '2025-08-10' + 7 * i)::timestamp + interval '9 hours', 'ann', 'K' || i % 20 + 1, NULL, CASE WHEN i % 3 = 0 THEN 'B' ELSE 'A' END FROM generate_series(0, 38) i;
INSERT INTO act_crm.visit VALUES ('2026-08-04 09:00+00', 'ann', 'K1', NULL, 'A'), ('2026-08-11 23:30+00', 'ann', 'K1', NULL, 'A'), ('2026-08-12 23:30+00', 'ann', 'K1', NULL, 'A'),
	('2026-07-01 09:00+00', 'dee', 'M1', 'D1', 'A'), ('2026-08-07 09:00+00', 'dee', 'M2', NULL, 'B'), ('2026-07-22 09:00+00', 'dee', 'M3', 'D3', 'B'), ('2026-08-11 09:00+00', 'dee', 'M3', NULL, 'B');
-- in 61 working days from 4 May to 31 July... Ed and Bo: 10 and 20 visits to class B
INSERT INTO act_crm.visit SELECT '2026-06-15 09:00+00', 'ed', 'E' || i, NULL, 'B' FROM generate_series(1, 10) i;
INSERT INTO act_crm.visit SELECT '2026-06-16 09:00+00', 'bo', 'E' || i, NULL, 'B' FROM generate_series(1, 20) i;
CREATE TABLE act_crm.weight (id text, w numeric);
INSERT INTO act_crm.weight VALUES ('ann', 4), ('bo', 2), ('cy', 1), ('dee', 2), ('ed', 1);

SELECT create_hierarchy('act org', 'act_crm.member', 'id', 'boss', hired => 'hired', login => 'login', member_group => 'grp');
SELECT create_metric('act sales', 'act_crm.sale', 'day', 'rep', value => 'amount', unit => 1);
SELECT create_plan('act', 'act sales', '[2026-07-01,2027-01-01)', 'quarter', total => 100000, org => 'act org', time_zone => 'UTC', ramp_curve => '{0,0.25,0.5,0.75}');
SELECT add_driver('act', 'org', 'w', source => 'act_crm.weight', key => 'id', value => 'w');

-- nothing is known: no rows of a plan that is over or far ahead, and what is missing is said
SET quota_decomp.as_of = '2026-08-12';
SELECT count(*) AS made FROM create_views('act_bi') AS v WHERE v IN ('activity', 'task');
RESET client_min_messages;
\pset null -
SELECT org, grain, kind, required, done, note FROM act_bi.activity ORDER BY org, grain, kind;
SELECT count(*) FROM act_bi.task;
SET client_min_messages = warning;
SELECT decompose('act');
SELECT create_pipeline('act deals', 'act_crm.deal', 'id', 'stage', 'opened', 'rep', account => 'account', expected_close => 'expected', closed => 'closed', amount => 'amount',
	stages => '{S1,S2}', history => 'act_crm.stage_history', history_key => 'deal', history_stage => 'stage', history_entered => 'entered');
RESET client_min_messages;
-- no activity is mapped: opportunities can be told, and that no more can be
SELECT grain, kind, basis, rates_from, required, done, note FROM act_bi.activity WHERE org = 'ann' ORDER BY grain, kind;
SELECT subject, quantity_required, quantity_done, note FROM act_bi.task WHERE kind = 'follow_up' ORDER BY subject;

SELECT create_activity('visit', 'act_crm.visit', 'at', 'rep', 'account', class => 'class', opportunity => 'deal');
SELECT create_activity('lead', 'act_crm.lead', 'day', 'rep', opportunity => 'deal');
SELECT org, period, amount FROM act_bi.battle_map WHERE plan = 'act' AND grain = 'quarter' AND org IN ('ann', 'bo', 'cy', 'dee', 'ed') ORDER BY org, period;

-- Ann's third quarter: 3000 are won of 20,000 or so, deals of 1000, every other one is won, in 30 days: by 31 August
SELECT grain, period, period_starts, period_ends, kind, class, rates_from, required, done, missing, need, by_day, from_open, worth, note
FROM act_bi.activity WHERE org = 'ann' ORDER BY grain, kind, class;
-- Bo has won too few: the team's rates; Dee and Ed: the company's; Cy is new and led by what the others do
SELECT org, grain, kind, class, basis, rates_from, required, done, missing, worth, note FROM act_bi.activity WHERE org IN ('bo', 'cy', 'ed') ORDER BY org, grain, kind, class;

-- tasks
SELECT org, login, due, kind, subject, quantity_required AS req, quantity_done AS done, quantity_missing AS miss, amount, probability BETWEEN 0 AND 1 AS p, rank, note FROM act_bi.task WHERE org IN ('ann', 'dee') ORDER BY org, rank;
\pset format unaligned
\pset tuples_only on
SELECT sentence_zh FROM act_bi.task WHERE org IN ('ann', 'cy') ORDER BY org, rank;
SELECT sentence_en FROM act_bi.task WHERE org IN ('ann', 'cy') ORDER BY org, rank;
-- the chance is the forecast's and not the point here
SELECT regexp_replace(sentence_zh, '概率\d+', '概率N') FROM act_bi.task WHERE kind = 'follow_up' ORDER BY subject;
SELECT regexp_replace(sentence_en, '\d+ %', 'N %') FROM act_bi.task WHERE kind = 'follow_up' ORDER BY subject;
\pset tuples_only off
\pset format aligned

-- keys: one a row; the same tomorrow, with what is done then
SELECT count(*) = count(DISTINCT task_key) AS one_each, min(length(task_key)), max(length(task_key)) FROM act_bi.task;
CREATE TEMP TABLE wednesday AS SELECT * FROM act_bi.task;
SET quota_decomp.as_of = '2026-08-13';
SELECT w.org, w.grain, w.kind, w.subject, w.quantity_required, w.quantity_done, t.quantity_required, t.quantity_done, t.quantity_missing
FROM wednesday w FULL JOIN act_bi.task t USING (task_key)
WHERE (w.quantity_required, w.quantity_done) IS DISTINCT FROM (t.quantity_required, t.quantity_done) ORDER BY 1, 2, 3, 4;
SELECT task_key FROM act_bi.task WHERE org = 'ann' AND grain = 'month' AND kind = 'opportunity';
SET quota_decomp.as_of = '2026-08-12';

-- a week belongs to the month it begins in, and is to bring it up to its pace: in July Ann made no visit, and opened nothing that
-- counts before the month
SELECT d.day, a.period, a.kind, a.class, a.required, a.done, a.need
FROM unnest('{2026-07-31,2026-08-01,2026-08-03,2026-08-31,2026-09-01,2026-09-07}'::date[]) WITH ORDINALITY AS d(day, i)
CROSS JOIN LATERAL (SELECT set_config('quota_decomp.as_of', d.day::text, false)) AS s
CROSS JOIN LATERAL _activity_rows((SELECT p.plan_id FROM visible_plan p WHERE p.plan = 'act' AND s.set_config <> '')) AS a
WHERE a.org = 'ann' AND a.grain = 'week' AND a.kind <> 'lead' ORDER BY d.day, a.kind, a.class;

-- the end: in December nothing that is opened now is won this year
SET quota_decomp.as_of = '2026-12-10';
SELECT grain, kind, class, required, done, need, by_day, from_open, note FROM act_bi.activity WHERE org = 'ann' ORDER BY grain, kind, class;
-- over; far ahead; about to begin
SET quota_decomp.as_of = '2027-01-01';
SELECT count(*) FROM act_bi.activity;
SET quota_decomp.as_of = '2026-03-01';
SELECT count(*) FROM act_bi.activity;
SELECT count(*) FROM act_bi.task;
SET quota_decomp.as_of = '2026-06-10';
SELECT grain, kind, class, required, done, need, by_day, note FROM act_bi.activity WHERE org = 'ann' ORDER BY grain, kind, class;
SET quota_decomp.as_of = '2026-08-12';

-- a role that sees its own subtree
SET client_min_messages = warning;
CREATE ROLE regress_act_ann;
GRANT USAGE ON SCHEMA act_bi, act_crm TO regress_act_ann;
GRANT SELECT ON ALL TABLES IN SCHEMA act_bi, act_crm TO regress_act_ann;
SELECT grant_plan('act', 'regress_act_ann', 'read');
SET ROLE regress_act_ann;
SELECT org, grain, kind, class, rates_from, required, done FROM act_bi.activity ORDER BY org, grain, kind, class;
SELECT org, count(*) FROM act_bi.task GROUP BY org;
RESET ROLE;

-- without a stage history; a plan that deals do not bring
SELECT drop_pipeline('act deals');
SELECT create_pipeline('act deals', 'act_crm.deal', 'id', 'stage', 'opened', 'rep', account => 'account', closed => 'closed', amount => 'amount');
SELECT subject, quantity_done, note FROM act_bi.task WHERE kind = 'follow_up' ORDER BY subject;
SELECT create_metric('act wins', 'act_crm.sale', 'day', 'rep');
SELECT create_plan('act count', 'act wins', '[2026-07-01,2027-01-01)', 'month', total => 100, unit => 1, org => 'act org', time_zone => 'UTC');
SELECT decompose('act count');
SELECT grain, kind, class, basis, required, done, note FROM act_bi.activity WHERE plan = 'act count' AND org IN ('ann') ORDER BY grain, kind, class;
-- nothing was ever won
SELECT drop_pipeline('act deals');
CREATE TABLE act_crm.nothing (LIKE act_crm.deal);
SELECT create_pipeline('act deals', 'act_crm.nothing', 'id', 'stage', 'opened', 'rep', account => 'account', closed => 'closed', amount => 'amount');
SELECT grain, kind, class, required, done, note FROM act_bi.activity WHERE plan = 'act' AND org = 'ann' ORDER BY grain, kind, class;
SELECT count(*) FROM act_bi.task WHERE kind = 'follow_up';

-- few deals were won, and nobody knows by whom
SELECT drop_pipeline('act deals');
CREATE VIEW act_crm.few AS SELECT * FROM act_crm.deal WHERE rep = 'bo' OR closed IS NULL;
SELECT create_pipeline('act deals', 'act_crm.few', 'id', 'stage', 'opened', account => 'account', closed => 'closed', amount => 'amount');
SELECT grain, kind, class, rates_from, required, done, missing, note FROM act_bi.activity WHERE plan = 'act' AND org = 'dee' ORDER BY grain, kind, class;
SELECT drop_pipeline('act deals');
SELECT create_pipeline('act deals', 'act_crm.few', 'id', 'stage', 'opened', 'rep', account => 'account', closed => 'closed', amount => 'amount');
SELECT subject, probability IS NULL AS unknown, note FROM act_bi.task WHERE plan = 'act' AND kind = 'follow_up' ORDER BY subject;
-- an activity that is called opportunity; a class that is empty
CREATE TABLE act_crm.odd (day date, rep text, class text);
INSERT INTO act_crm.odd VALUES ('2026-07-01', 'dee', ''), ('2026-07-02', 'dee', NULL), ('2026-08-03', 'dee', ''), ('2026-08-04', 'dee', NULL);
SELECT create_activity('opportunity', 'act_crm.odd', 'day', 'rep'), create_activity('demo', 'act_crm.odd', 'day', 'rep', class => 'class');
SELECT grain, kind, class, done, note FROM act_bi.activity WHERE plan = 'act' AND org = 'dee' AND grain = 'month' AND kind !~ 'visit|lead' ORDER BY kind;

DROP SCHEMA act_bi, act_crm CASCADE;
DROP OWNED BY regress_act_ann;
DROP ROLE regress_act_ann;
-- plans are numbered anew
DROP EXTENSION quota_decomp;
