-- plan_csv.sql: the target of the twelve months after a CRM export ends, and one
-- for its last quarter, to be reviewed; psql -v growth=0.15 sets the growth

\set ON_ERROR_STOP on
\if :{?growth} \else \set growth 0.15 \endif
\set plan 'next twelve months'

-- a month whose last five days are still missing counts as whole
SELECT date_trunc('month', max(close_date) + 5)::date AS begins, max(close_date) AS last_day,
	   daterange(date_trunc('month', max(close_date) + 5)::date, (date_trunc('month', max(close_date) + 5) + interval '1 year')::date) AS span
FROM csv_crm.won_deal \gset

SELECT quota_decomp.create_plan(:'plan', 'revenue', :'span', growth => :growth, org => 'sales organisation', product => 'products', unit => 1,
	as_of => date :'begins' - 1, first_month => extract(month FROM date :'begins')::int, initiative => 'growth', owner => 'head of sales', parent_goal => 'company revenue');

-- spellings that differ in case and blanks only: GTXPro is GTX Pro
SELECT count(quota_decomp.add_alias(hierarchy, key, suggestion)) AS "aliases found"
FROM (SELECT DISTINCT CASE dimension WHEN 'org' THEN 'sales organisation' ELSE 'products' END AS hierarchy, key, suggestion
	  FROM quota_decomp.check_mapping(:'plan') WHERE suggestion IS NOT NULL) AS c;

SELECT quota_decomp.add_driver(:'plan', 'org', 'history', 0.8, metric => 'revenue');
SELECT quota_decomp.add_driver(:'plan', 'org', 'open pipeline', 0.2, pipeline => 'opportunities');
SELECT quota_decomp.add_driver(:'plan', 'org_product', 'own mix', metric => 'revenue');
SELECT quota_decomp.set_tier(:'plan', 'base', factor => 0.9);
SELECT quota_decomp.set_tier(:'plan', 'stretch', factor => 1.15);
SELECT quota_decomp.decompose(:'plan') AS cells;
SELECT quota_decomp.publish(:'plan');

-- the last quarter, planned on the day before it began, from the one before it
SELECT (date :'begins' - interval '3 months')::date AS quarter_begins \gset
SELECT quota_decomp.create_plan('last quarter', 'revenue', daterange(:'quarter_begins', :'begins'), growth => :growth,
	baseline => daterange((date :'quarter_begins' - interval '3 months')::date, :'quarter_begins'),
	org => 'sales organisation', product => 'products', unit => 1, as_of => date :'quarter_begins' - 1, initiative => 'growth', owner => 'head of sales', parent_goal => :'plan');
SELECT quota_decomp.add_driver('last quarter', 'org_product', 'own mix', metric => 'revenue');
SELECT quota_decomp.decompose('last quarter') AS cells;
SELECT quota_decomp.publish('last quarter');

SELECT count(*) AS views FROM quota_decomp.create_views('bi');
