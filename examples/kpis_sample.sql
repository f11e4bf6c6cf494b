-- kpis_sample.sql: the KPIs of docs/kpis.md over the sample CRM
--
-- After sample_crm.sql and map_sample.sql (which maps 销售额, the revenue), before
-- or after plan_sample.sql.  Each KPI is a view that says who, when and how much,
-- one create_metric() and a plan for 2026 over what 2025 brought; then the views.
-- What takes long to find out is materialized, to be refreshed every night.

\set ON_ERROR_STOP on

BEGIN;

-- money on the day it came, on who sold
CREATE VIEW crm.kpi_collection AS
SELECT p.paid_on, c.person_id, c.product_id, p.amount
FROM crm.payment p JOIN crm.receivable r USING (receivable_id) JOIN crm.contract c USING (contract_id);
COMMENT ON VIEW crm.kpi_collection IS '回款额 collections';

-- the first contract of a customer, for each of those who share it; before 2024 nothing is known, so that in 2024 most are new
CREATE VIEW crm.kpi_new_customer AS
SELECT s.signed_on, s.person_id, s.product_id, s.account_id
FROM crm.sale s
JOIN (SELECT DISTINCT ON (c.account_id) c.contract_id FROM crm.contract c WHERE c.kind = '销售' ORDER BY c.account_id, c.signed_on, c.contract_id) AS f USING (contract_id);
COMMENT ON VIEW crm.kpi_new_customer IS '新客户数 new customers';

-- opportunities on the day they were decided, and the days those took that were won
CREATE VIEW crm.kpi_win AS
SELECT closed_on, person_id, product_id, (stage = 'WON')::int AS won, 1 AS decided FROM crm.opportunity WHERE stage IN ('WON', 'LOST');
COMMENT ON VIEW crm.kpi_win IS '赢单率 win rate';
CREATE VIEW crm.kpi_cycle AS
SELECT closed_on, person_id, product_id, closed_on - opened_on AS days, 1 AS deals FROM crm.opportunity WHERE stage = 'WON';
COMMENT ON VIEW crm.kpi_cycle IS '销售周期 sales cycle';

CREATE VIEW crm.kpi_lead AS
SELECT closed_on, person_id, (status = '已转化')::int AS converted, 1 AS leads FROM crm.lead WHERE status IN ('已转化', '无效');
COMMENT ON VIEW crm.kpi_lead IS '线索转化率 lead conversion';

-- contracts without returns, whole; a shared one is its owner's
CREATE VIEW crm.kpi_deal AS
SELECT signed_on, person_id, product_id, amount, 1 AS deals FROM crm.contract WHERE kind = '销售';
COMMENT ON VIEW crm.kpi_deal IS '客单价 average deal';

-- with returns, by the people credited; a product typed wrongly is not of line A
CREATE VIEW crm.kpi_sale AS
SELECT s.signed_on, s.person_id, s.product_id, s.amount, s.amount - s.cost AS margin, CASE WHEN p.product_line = 'A' THEN s.amount ELSE 0 END AS amount_a
FROM crm.sale s LEFT JOIN crm.product p USING (product_id);
COMMENT ON VIEW crm.kpi_sale IS '毛利率 margin, A线占比 share of line A';

-- what falls due, and what is paid, whatever it is for
CREATE VIEW crm.kpi_collection_rate AS
SELECT r.due_on AS day, c.person_id, c.product_id, 0 AS paid, r.amount AS due FROM crm.receivable r JOIN crm.contract c USING (contract_id)
UNION ALL
SELECT paid_on, person_id, product_id, amount, 0 FROM crm.kpi_collection;
COMMENT ON VIEW crm.kpi_collection_rate IS '回款率 collection rate';

-- contracts with customers that had one: is the line new to them?
CREATE VIEW crm.kpi_cross_sell AS
SELECT d.signed_on, d.person_id, (d.nth_of_line = 1)::int AS new_line, 1 AS repeat_contracts
FROM (SELECT c.signed_on, c.person_id, row_number() OVER (PARTITION BY c.account_id ORDER BY c.signed_on, c.contract_id) AS nth,
			 row_number() OVER (PARTITION BY c.account_id, p.product_line ORDER BY c.signed_on, c.contract_id) AS nth_of_line
	  FROM crm.contract c JOIN crm.product p USING (product_id) WHERE c.kind = '销售') AS d
WHERE d.nth > 1;
COMMENT ON VIEW crm.kpi_cross_sell IS '交叉销售率 cross-sell';

-- who bought in the year before a month, and had bought nothing for a year at its end: on its last day, on the team of his territory
CREATE MATERIALIZED VIEW crm.kpi_churn AS
SELECT m.last_day, a.unit_id, (l.signed_on <= m.last_day - 365)::int AS lost, 1 AS customers
FROM (SELECT d::date AS first_day, (d + interval '1 month')::date - 1 AS last_day FROM generate_series(timestamp '2025-01-01', '2026-12-01', '1 month') AS d) AS m
CROSS JOIN crm.account a
CROSS JOIN LATERAL (SELECT max(c.signed_on) AS signed_on, max(c.signed_on) FILTER (WHERE c.signed_on < m.first_day) AS before
					FROM crm.contract c WHERE c.account_id = a.account_id AND c.kind = '销售' AND c.signed_on <= m.last_day) AS l
WHERE l.before >= m.first_day - 365;
COMMENT ON MATERIALIZED VIEW crm.kpi_churn IS '客户流失率 churn';
CREATE INDEX ON crm.kpi_churn (last_day);

CREATE VIEW crm.kpi_nps AS
SELECT n.answered_on, c.person_id, c.product_id, CASE WHEN n.score >= 9 THEN 100 WHEN n.score <= 6 THEN -100 ELSE 0 END AS points, 1 AS answers
FROM crm.nps_answer n JOIN crm.contract c USING (contract_id);
COMMENT ON VIEW crm.kpi_nps IS '净推荐值 NPS';

-- who carries quota, each week from his first to his last: on Sunday, 1 where there was a visit
CREATE VIEW crm.kpi_active AS
SELECT w.day::date + 6 AS day, s.person_id,
	   EXISTS (SELECT FROM crm.visit v WHERE v.person_id = s.person_id AND v.visited_on >= w.day::date AND v.visited_on < w.day::date + 7)::int AS active, 1 AS weeks
FROM generate_series(timestamp '2024-01-01', '2026-12-21', '1 week') AS w(day)
JOIN crm.salesperson s ON s.carries_quota AND s.hired <= w.day::date AND coalesce(s.left_on, 'infinity') > w.day::date + 6;
COMMENT ON VIEW crm.kpi_active IS '活动率 activity rate';
CREATE INDEX ON crm.visit (person_id, visited_on);

-- receivables of each team's territory, on each day on which they change and on the first of each month; revenue in rows of its own
CREATE MATERIALIZED VIEW crm.kpi_dso AS
WITH movement AS (
	SELECT c.signed_on AS day, a.unit_id, c.amount FROM crm.contract c JOIN crm.account a USING (account_id)
	UNION ALL
	SELECT p.paid_on, a.unit_id, - p.amount FROM crm.payment p JOIN crm.receivable r USING (receivable_id) JOIN crm.account a USING (account_id)
	UNION ALL
	SELECT d::date, u.unit_id, 0 FROM generate_series(timestamp '2024-01-01', '2026-12-01', '1 month') AS d CROSS JOIN crm.org_unit u WHERE u.kind = 'team'
)
SELECT day, unit_id, sum(sum(amount)) OVER (PARTITION BY unit_id ORDER BY day) AS receivable, NULL::numeric AS revenue FROM movement GROUP BY day, unit_id
UNION ALL
SELECT c.signed_on, a.unit_id, NULL, c.amount FROM crm.contract c JOIN crm.account a USING (account_id);
COMMENT ON MATERIALIZED VIEW crm.kpi_dso IS '应收账款周转天数 DSO';
-- the last balance of each team is looked up
CREATE INDEX ON crm.kpi_dso (unit_id, day);
CREATE INDEX ON crm.kpi_dso (day);
ANALYZE crm.kpi_churn, crm.kpi_dso;

SELECT quota_decomp.create_metric('回款额', 'crm.kpi_collection', at => 'paid_on', member => 'person_id', product => 'product_id', value => 'amount', unit => 1000);
SELECT quota_decomp.create_metric('新客户数', 'crm.kpi_new_customer', at => 'signed_on', member => 'person_id', product => 'product_id', value => 'account_id', kind => 'distinct', unit => 1);
SELECT quota_decomp.create_metric('赢单率', 'crm.kpi_win', at => 'closed_on', member => 'person_id', product => 'product_id', value => 'won', denominator => 'decided', kind => 'ratio');
SELECT quota_decomp.create_metric('销售周期', 'crm.kpi_cycle', at => 'closed_on', member => 'person_id', product => 'product_id', value => 'days', denominator => 'deals', kind => 'ratio', direction => 'lower');
SELECT quota_decomp.create_metric('线索转化率', 'crm.kpi_lead', at => 'closed_on', member => 'person_id', value => 'converted', denominator => 'leads', kind => 'ratio');
SELECT quota_decomp.create_metric('客单价', 'crm.kpi_deal', at => 'signed_on', member => 'person_id', product => 'product_id', value => 'amount', denominator => 'deals', kind => 'ratio');
SELECT quota_decomp.create_metric('毛利率', 'crm.kpi_sale', at => 'signed_on', member => 'person_id', product => 'product_id', value => 'margin', denominator => 'amount', kind => 'ratio');
SELECT quota_decomp.create_metric('A线占比', 'crm.kpi_sale', at => 'signed_on', member => 'person_id', value => 'amount_a', denominator => 'amount', kind => 'ratio');
SELECT quota_decomp.create_metric('回款率', 'crm.kpi_collection_rate', at => 'day', member => 'person_id', product => 'product_id', value => 'paid', denominator => 'due', kind => 'ratio');
SELECT quota_decomp.create_metric('交叉销售率', 'crm.kpi_cross_sell', at => 'signed_on', member => 'person_id', value => 'new_line', denominator => 'repeat_contracts', kind => 'ratio');
SELECT quota_decomp.create_metric('客户流失率', 'crm.kpi_churn', at => 'last_day', member => 'unit_id', value => 'lost', denominator => 'customers', kind => 'ratio', direction => 'lower');
SELECT quota_decomp.create_metric('净推荐值', 'crm.kpi_nps', at => 'answered_on', member => 'person_id', product => 'product_id', value => 'points', denominator => 'answers', kind => 'ratio');
SELECT quota_decomp.create_metric('活动率', 'crm.kpi_active', at => 'day', member => 'person_id', value => 'active', denominator => 'weeks', kind => 'ratio');
SELECT quota_decomp.create_metric('应收账款周转天数', 'crm.kpi_dso', at => 'day', member => 'unit_id', value => 'receivable', denominator => 'revenue', kind => 'balance_ratio', direction => 'lower');

-- one plan for each, by quarter; ratios are weighed by what there was of their denominators
SELECT k.metric, quota_decomp.create_plan('2026 ' || k.metric, k.metric, '[2026-01-01,2027-01-01)', 'quarter', growth => k.growth, org => '组织', as_of => '2025-12-31',
	holidays => (SELECT array_agg(day) FROM crm.holiday), extra_workdays => (SELECT array_agg(day) FROM crm.makeup_workday)) AS target
FROM (VALUES ('回款额', 0.15), ('新客户数', 0.05), ('赢单率', 0.05), ('销售周期', -0.05), ('线索转化率', 0.05), ('客单价', 0.03), ('毛利率', 0.02), ('A线占比', 0.05), ('回款率', 0.02),
			 ('交叉销售率', 0.05), ('客户流失率', -0.1), ('净推荐值', 0.1), ('活动率', 0.03), ('应收账款周转天数', -0.1)) AS k(metric, growth);
SELECT m.metric, quota_decomp.decompose('2026 ' || m.metric) AS cells FROM quota_decomp.visible_metric m
WHERE EXISTS (SELECT FROM quota_decomp.visible_plan p WHERE p.plan = '2026 ' || m.metric);
SELECT count(*) AS views FROM quota_decomp.create_views('bi');

COMMIT;
