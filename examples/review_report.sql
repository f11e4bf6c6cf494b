-- review_report.sql: a plan under review on a day of its year; psql -v reviewed=PLAN
-- and, for another day than two thirds into the plan, -v day=2026-08-31
--
-- Reads the views that create_views('bi') made.  The day is a setting: what
-- happened after it is not seen, so a year that is over can be replayed.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
\pset footer off
\pset border 0
\pset null ''
\pset numericlocale on
\t off

SELECT starts AS plan_starts, coalesce(nullif(:'day', '')::date, starts + (ends - starts) * 2 / 3) AS review_day, greatest(unit, 1) AS divisor,
	   CASE WHEN unit > 1 THEN ', in units of ' || unit ELSE '' END AS in_units
FROM quota_decomp.visible_plan WHERE plan = :'reviewed' \gset
SET quota_decomp.as_of = :'review_day';

-- the period under review: the quarter that runs, or the last one
SELECT period, grain, period_starts, period_ends - 1 AS last_day
FROM bi.attainment
WHERE plan = :'reviewed' AND org_depth = 0 AND product_depth = 0 AND grain = 'quarter' AND period_starts <= :'review_day'
ORDER BY period_starts DESC LIMIT 1 \gset

\echo
\echo ======================================================================
\echo ' ' REVIEW of :reviewed on :review_day
\echo '  ' :period, :period_starts to :last_day :in_units
\echo ======================================================================
\echo
\echo '10. ATTAINMENT AND FORECAST: by working days and season; what open deals and new ones will bring, and the chance'
\echo
WITH a AS MATERIALIZED (
	SELECT * FROM bi.attainment WHERE plan = :'reviewed' AND product_depth = 0 AND period = :'period' AND grain = :'grain' AND org_depth <= 1
), f AS MATERIALIZED (
	SELECT * FROM bi.feasibility WHERE plan = :'reviewed' AND period = :'period' AND grain = :'grain' AND org_depth <= 1
)
SELECT a.org_label AS "Region", trim_scale(a.target / :divisor) AS "target", round(a.actual / :divisor) AS "actual", round(100 * a.attainment_to_date) AS "% of due", a.status,
	   round(f.from_open / :divisor) AS "open deals", round(f.from_new / :divisor) AS "new", round(f.expected / :divisor) AS "expected",
	   round(f.low / :divisor) || ' to ' || round(f.high / :divisor) AS "10 to 90 %", round(100 * f.probability) || ' %' AS "chance", f.verdict
FROM a LEFT JOIN f ON f.org_path = a.org_path
ORDER BY a.org_depth DESC, a.target DESC NULLS LAST, a.org_sort;

\echo '11. WHERE THE GAP COMES FROM: the members furthest below what was due'
\echo
SELECT d.org_label AS "who", round(d.gap / :divisor) AS "gap", round(100 * d.gap_rate) || ' %' AS "of due", round(d.common / :divisor) AS "as all", round(d.market / :divisor) AS "market", round(d.strategy / :divisor) AS "products",
	   round(d.individual / :divisor) AS "own", CASE WHEN :'reviewed' ~ '[^[:ascii:]]' THEN d.sentence_zh ELSE d.sentence_en END AS "in words"
FROM bi.deviation d
WHERE d.plan = :'reviewed' AND d.period = :'period' AND d.grain = :'grain' AND d.org_depth BETWEEN 1 AND 2 AND d.gap < 0
ORDER BY d.org_depth, d.gap LIMIT 6;

-- the person with most left to do in the region furthest behind
SELECT org_path AS behind_path FROM bi.deviation
WHERE plan = :'reviewed' AND period = :'period' AND grain = :'grain' AND org_depth = 1 ORDER BY gap, org COLLATE "C" LIMIT 1 \gset
SELECT t.org AS person, t.org_label AS person_label
FROM bi.task t
WHERE t.plan = :'reviewed' AND starts_with(t.org_path, :'behind_path' || '/')
GROUP BY t.org, t.org_label ORDER BY count(*) FILTER (WHERE t.kind = 'follow_up') DESC, sum(t.quantity_missing) DESC NULLS LAST, t.org COLLATE "C" LIMIT 1 \gset

\echo '12. THIS WEEK AND THIS MONTH:' :person_label
\echo
SELECT t.due, CASE WHEN :'reviewed' ~ '[^[:ascii:]]' THEN t.sentence_zh ELSE t.sentence_en END AS "task", round(t.amount / :divisor) AS "at stake", t.task_key AS "key to import"
FROM bi.task t WHERE t.plan = :'reviewed' AND t.org = :'person' ORDER BY t.rank LIMIT 8;
RESET quota_decomp.as_of;
