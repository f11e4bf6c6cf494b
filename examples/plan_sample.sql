-- plan_sample.sql: the sample company's target for 2026, as it is planned at the
-- end of 2025; psql -v growth=0.15 sets the growth
--
-- What an analyst writes: some dozen statements from the mapping to a published
-- plan down to person x product x month.

\set ON_ERROR_STOP on
\if :{?growth} \else \set growth 0.15 \endif
\set plan '2026 销售目标'

-- what the market does, from outside: an index of each region by month; the plan
-- assumes that it grows by 5 %
SELECT quota_decomp.create_metric('市场指数', 'crm.market_index', at => 'month', member => 'region_id', value => 'market_index', unit => 0.1);
SELECT quota_decomp.create_plan(:'plan', '销售额', '[2026-01-01,2027-01-01)', growth => :growth, org => '组织', product => '产品',
	unit => 1000, as_of => '2025-12-31', ramp_curve => '{0.1,0.3,0.5,0.7,0.85,0.95}',
	holidays => (SELECT array_agg(day) FROM crm.holiday), extra_workdays => (SELECT array_agg(day) FROM crm.makeup_workday),
	initiative => '三年翻番', owner => '销售总监', parent_goal => '集团2026年收入目标',
	market => '市场指数', market_growth => 0.05);

-- other spellings: those that operations listed, then those that only differ in
-- case, blanks or full-width forms
SELECT count(quota_decomp.add_alias(CASE kind WHEN 'person' THEN '组织' ELSE '产品' END, from_key, to_key)) AS "aliases listed"
FROM crm.key_alias a
WHERE EXISTS (SELECT FROM quota_decomp.visible_node n WHERE n.key = a.to_key);
SELECT count(quota_decomp.add_alias(dimension_hierarchy, key, suggestion)) AS "aliases found"
FROM (SELECT DISTINCT CASE dimension WHEN 'org' THEN '组织' ELSE '产品' END AS dimension_hierarchy, key, suggestion
	  FROM quota_decomp.check_mapping(:'plan') WHERE suggestion IS NOT NULL) AS c;

-- people weigh what they sold and what is in their pipeline; products and
-- seasons what was sold of them and in them; each person has a mix of his own
SELECT quota_decomp.add_driver(:'plan', 'org', '历史业绩', 0.7, metric => '销售额');
SELECT quota_decomp.add_driver(:'plan', 'org', '在手商机', 0.3, pipeline => '商机');
SELECT quota_decomp.add_driver(:'plan', 'time', '季节', metric => '销售额', span => '[2024-01-01,2026-01-01)');
SELECT quota_decomp.add_driver(:'plan', 'org_product', '产品结构', metric => '销售额');

-- 在第三季度，通过推广A产品线，将华东区的销售额提升15%
SELECT quota_decomp.set_goal(:'plan', '华东大区', NULL, '2026-Q3', growth => 0.15, through => 'A',
	initiative => '推广A产品线', owner => '华东大区总监', parent_goal => :'plan');
SELECT quota_decomp.set_tier(:'plan', 'base', factor => 0.9);
SELECT quota_decomp.set_tier(:'plan', 'stretch', factor => 1.15);

SELECT quota_decomp.decompose(:'plan') AS cells;
SELECT quota_decomp.publish(:'plan');
SELECT count(*) AS views FROM quota_decomp.create_views('bi');
