----------------------------------------------------------------------
-- The plan layer: who leads, and what several KPIs add up to
--
-- Both stand on the view attainment; conditions on plan, period, level and
-- depth pass through their windows, which are by these columns.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._view_leaderboard(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT format($q$
SELECT a.plan, a.metric, a.grain, a.period, a.period_starts, a.period_ends, a.org_level, a.org_depth, a.org, a.org_label, a.org_path, a.parent_org,
	CASE WHEN r.rated IS NOT NULL THEN rank() OVER (w ORDER BY r.rated DESC NULLS LAST) END AS rank, count(r.rated) OVER w AS ranked,
	a.target, a.actual, a.attainment, a.attainment_to_date,
	min(r.rated) OVER (w ORDER BY r.rated DESC NULLS LAST GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING) - r.rated AS to_next,
	a.stretch - a.actual AS to_stretch, a.status, a.tier_reached
FROM %I.attainment a
-- nobody leads in a period that has not begun, nor with what is no number
CROSS JOIN LATERAL (SELECT CASE WHEN a.period_starts <= a.today AND a.attainment <> 'NaN' THEN a.attainment END AS rated) AS r
WHERE a.product_depth = 0 AND a.planned
WINDOW w AS (PARTITION BY a.plan, a.metric, a.grain, a.period, a.period_starts, a.period_ends, a.org_level, a.org_depth) $q$, schema)
$$;
COMMENT ON FUNCTION quota_decomp._view_leaderboard(name) IS 'internal: the SELECT of the view leaderboard';

CREATE FUNCTION quota_decomp._columns_leaderboard() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'the members of each level by attainment, all products, of each plan and period'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('grain', 'what period is: year, quarter, month, week, month_week or day'),
	('period', 'label of the period'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('org_level', 'the level of the member, where the hierarchy has named ones'),
	('org_depth', 'levels above it: members of the same level and depth are compared'),
	('org', 'key of the member'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('parent_org', 'key of the member above it'),
	('rank', 'by attainment, 1 the best; the same attainment, the same rank; NULL: it has none, or the period has not begun'),
	('ranked', 'how many have one'),
	('target', 'the target'),
	('actual', 'what was brought by today'),
	('attainment', 'of the whole period''s target'),
	('attainment_to_date', 'of what was due by today'),
	('to_next', 'attainment that lacks to the next rank; NULL for the first'),
	('to_stretch', 'amount that lacks to the tier stretch; below 0: beyond it'),
	('status', 'as in attainment'),
	('tier_reached', 'as in attainment')
$$;
COMMENT ON FUNCTION quota_decomp._columns_leaderboard() IS 'internal: the columns of the view leaderboard and their comments';

CREATE FUNCTION quota_decomp._view_scorecard(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT format($q$
SELECT s.scorecard, s.member_group, s.org, s.org_label, s.grain, s.period, s.period_starts, s.period_ends, s.metric,
	CASE WHEN s.metric IS NULL THEN s.weights ELSE s.weight END AS weight, s.attainment, s.counted,
	CASE WHEN s.metric IS NULL AND s.problem IS NOT NULL THEN NULL ELSE round(s.contribution, 6) END AS score, s.problem
FROM (
	SELECT k.scorecard, k.member_group, k.org, min(k.org_label) AS org_label, k.grain, min(k.period) AS period, k.period_starts, k.period_ends, k.metric,
		min(k.weight) AS weight, min(k.weights) AS weights,
		CASE WHEN k.metric IS NOT NULL THEN min(k.attainment) END AS attainment, CASE WHEN k.metric IS NOT NULL THEN min(k.counted) END AS counted,
		sum(k.weight * k.counted) AS contribution,
		CASE WHEN min(k.weights) <> 1 THEN format('the weights sum to %%s, not to 1', trim_scale(min(k.weights)))
			WHEN count(*) > count(DISTINCT k.metric) THEN 'several plans for one KPI'
			WHEN k.metric IS NULL AND count(DISTINCT k.metric) < min(k.metrics) THEN format('no target for %%s of %%s KPIs', min(k.metrics) - count(DISTINCT k.metric), min(k.metrics))
			WHEN count(*) > count(k.attainment) THEN 'a KPI has no attainment' END AS problem
	FROM (
		SELECT c.scorecard, m.member_group, a.org, a.org_label, a.grain, a.period, a.period_starts, a.period_ends, a.metric, c.weight, c.weights, c.metrics,
			a.attainment, CASE WHEN a.attainment IS NOT NULL THEN greatest(least(a.attainment, 1.5), 0) END AS counted
		FROM %I.attainment a
		JOIN (SELECT l.plan, l.org_path, l.hired, l.member_group AS named FROM quota_decomp.visible_member_label l WHERE l.leaf AND l.planned) AS l ON l.plan = a.plan AND l.org_path = a.org_path
		CROSS JOIN LATERAL (SELECT coalesce(l.named, CASE WHEN l.hired > (a.period_starts - interval '1 year')::date THEN 'newcomer' ELSE 'senior' END) AS member_group) AS m
		JOIN (SELECT v.scorecard, v.metric, v.member_group, v.weight, sum(v.weight) OVER g AS weights, count(*) OVER g AS metrics
			  FROM quota_decomp.visible_scorecard v WINDOW g AS (PARTITION BY v.scorecard, v.member_group)) AS c
			ON c.metric = a.metric AND c.member_group = CASE WHEN EXISTS (SELECT FROM quota_decomp.visible_scorecard o WHERE o.scorecard = c.scorecard AND o.member_group = m.member_group)
				THEN m.member_group ELSE '' END
		WHERE a.product_depth = 0 AND a.target IS NOT NULL) AS k
	GROUP BY GROUPING SETS ((k.scorecard, k.member_group, k.org, k.grain, k.period_starts, k.period_ends, k.metric),
							(k.scorecard, k.member_group, k.org, k.grain, k.period_starts, k.period_ends))) AS s $q$, schema)
$$;
COMMENT ON FUNCTION quota_decomp._view_scorecard(name) IS 'internal: the SELECT of the view scorecard';

CREATE FUNCTION quota_decomp._columns_scorecard() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'each person''s KPIs by a scorecard, over all plans of the same period, and a row with their total'),
	('scorecard', 'name of the scorecard'),
	('member_group', 'as mapped, else newcomer (hired within a year before the period), else senior'),
	('org', 'key of the person'),
	('org_label', 'its name'),
	('grain', 'what period is'),
	('period', 'label of the period'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('metric', 'the KPI; NULL: the total'),
	('weight', 'its weight; of the total, the sum of the weights that the group has'),
	('attainment', 'of the KPI''s target'),
	('counted', 'what of it counts: from 0 to 1.5'),
	('score', 'weight times what counts; of the total, the sum; NULL where there is a problem'),
	('problem', 'why there is no total: weights that do not sum to 1, a KPI without target or attainment, two plans for one')
$$;
COMMENT ON FUNCTION quota_decomp._columns_scorecard() IS 'internal: the columns of the view scorecard and their comments';
