----------------------------------------------------------------------
-- The plan layer: attainment, and who leads
--
-- A union of what is planned and, for each metric, what was brought, grouped:
-- conditions on the columns that both have (plan, member, its level and depth,
-- period, its grain and days) pass through it, down to the CRM's table, which is
-- joined with the keys below a member and the days of a period.  Facts are
-- aggregated with their products first; what stands above a product are sums.
----------------------------------------------------------------------

-- What of a period has passed, today included: its working days, or its days
-- where it has none.  The function is called once a plan, for the one period
-- that today is in.
CREATE VIEW quota_decomp.visible_progress WITH (security_barrier) AS
WITH plan_day AS (
	SELECT p.plan_id, p.holidays, p.extra_workdays,
		   coalesce(nullif(pg_catalog.current_setting('quota_decomp.as_of', true), '')::date, p.as_of, (pg_catalog.now() AT TIME ZONE p.time_zone)::date) AS today
	FROM quota_decomp.plan p
	WHERE p.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a)
), leaf AS MATERIALIZED (
	SELECT q.plan_id, q.period_id, p.today, q.working_days,
		   CASE WHEN q.ends <= p.today + 1 THEN q.working_days
				WHEN q.starts > p.today THEN 0
				ELSE quota_decomp._working_days(q.starts, p.today + 1, p.holidays, p.extra_workdays) END AS days_gone,
		   CASE WHEN q.ends <= p.today + 1 THEN 1 WHEN q.starts > p.today THEN 0
				ELSE (p.today + 1 - q.starts)::numeric / (q.ends - q.starts) END AS by_calendar
	FROM plan_day p JOIN quota_decomp.period q ON q.plan_id = p.plan_id AND q.leaf
)
SELECT q.plan_id, q.period_id, q.grain, q.label, q.starts, q.ends, q.leaf, q.working_days, l.today, l.days_gone,
	   CASE WHEN q.working_days > 0 THEN round(l.days_gone::numeric / q.working_days, 12) ELSE round(l.by_calendar, 12) END AS share_gone
FROM (SELECT c.plan_id, c.ancestor_id, min(l.today) AS today, sum(l.days_gone)::int AS days_gone, avg(l.by_calendar) AS by_calendar
	  FROM leaf l JOIN quota_decomp.period_closure c ON c.plan_id = l.plan_id AND c.period_id = l.period_id
	  GROUP BY c.plan_id, c.ancestor_id) AS l
JOIN quota_decomp.period q ON q.plan_id = l.plan_id AND q.period_id = l.ancestor_id;
COMMENT ON VIEW quota_decomp.visible_progress IS 'internal: the periods of plans, with what of their working days has passed';

-- The keys of everybody below a member, but for the root: there every fact is.
CREATE VIEW quota_decomp.visible_org_key WITH (security_barrier) AS
SELECT p.plan_id, p.plan, a.node_id AS org_id, a.key AS org, a.level AS org_level, a.depth AS org_depth, k.key, k.valid_from, k.valid_to
FROM quota_decomp.plan p
JOIN quota_decomp.node a ON a.plan_id = p.plan_id AND a.dimension = 'org' AND a.kind NOT IN ('root', 'unassigned')
JOIN quota_decomp.node_closure c ON c.plan_id = a.plan_id AND c.ancestor_id = a.node_id
JOIN (SELECT x.plan_id, x.key, x.valid_from, x.valid_to, coalesce(s.node_id, x.node_id) AS node_id
	  FROM quota_decomp.node_key x
	  LEFT JOIN quota_decomp.node s ON s.plan_id = x.plan_id AND s.parent_id = x.node_id AND s.kind = 'self'
	  WHERE x.dimension = 'org') AS k ON k.plan_id = c.plan_id AND k.node_id = c.node_id
WHERE p.plan_id IN (SELECT g.plan_id FROM quota_decomp.access g WHERE g.whole)
   OR (a.plan_id, a.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n);
COMMENT ON VIEW quota_decomp.visible_org_key IS 'internal: the keys whose facts count on a member, his own and those of all below, from when to when';

CREATE VIEW quota_decomp.visible_product_above WITH (security_barrier) AS
SELECT p.plan_id, p.plan, c.node_id, i.node_id AS product_id, i.key AS product, i.label AS product_label, i.path AS product_path, i.depth AS product_depth, i.sort_no AS product_sort
FROM quota_decomp.plan p
JOIN quota_decomp.node i ON i.plan_id = p.plan_id AND i.dimension = 'product'
JOIN quota_decomp.node_closure c ON c.plan_id = i.plan_id AND c.ancestor_id = i.node_id
WHERE p.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a);
COMMENT ON VIEW quota_decomp.visible_product_above IS 'internal: every product with itself and each that it belongs to';

CREATE VIEW quota_decomp.visible_member_label WITH (security_barrier) AS
SELECT p.plan_id, p.plan, o.node_id AS org_id, o.label AS org_label, o.path AS org_path, o.sort_no AS org_sort, up.key AS parent_org, o.planned, o.leaf, o.hired, o.member_group
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org'
LEFT JOIN quota_decomp.node up ON up.plan_id = o.plan_id AND up.node_id = o.parent_id
	AND (up.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)
		 OR (up.plan_id, up.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n))
WHERE p.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n);
COMMENT ON VIEW quota_decomp.visible_member_label IS 'internal: the names of members, and who is above them';

-- As visible_battle_map: run for each member, over its cells by the key.
CREATE VIEW quota_decomp.visible_target_cell WITH (security_barrier) AS
WITH progress AS MATERIALIZED (
	SELECT v.plan_id, v.period_id, v.share_gone FROM quota_decomp.visible_progress v WHERE v.leaf
)
SELECT p.plan_id, p.plan, p.metric, o.node_id AS org_id, o.key AS org, o.level AS org_level, o.depth AS org_depth,
	   s.product_id, s.period_id, s.grain, s.period, s.period_starts, s.period_ends,
	   s.target, s.base, s.stretch, s.carried, s.due, s.volume, s.base_volume, s.stretch_volume, s.volume_due
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org'
CROSS JOIN LATERAL (
	-- of a rate: amounts times volumes
	SELECT ic.ancestor_id AS product_id, q.period_id, q.grain, q.label AS period, q.starts AS period_starts, q.ends AS period_ends,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'target') AS target,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'base') AS base,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'stretch') AS stretch,
		   sum(t.carried * w.weight) FILTER (WHERE t.tier = 'target') AS carried,
		   sum(t.amount * w.weight * g.share_gone) FILTER (WHERE t.tier = 'target') AS due,
		   sum(t.volume) FILTER (WHERE t.tier = 'target') AS volume,
		   sum(t.volume) FILTER (WHERE t.tier = 'base') AS base_volume,
		   sum(t.volume) FILTER (WHERE t.tier = 'stretch') AS stretch_volume,
		   sum(t.volume * g.share_gone) FILTER (WHERE t.tier = 'target') AS volume_due
	FROM quota_decomp.target t
	CROSS JOIN LATERAL (SELECT CASE WHEN p.rate_method IS NULL THEN 1 ELSE t.volume END AS weight) AS w
	JOIN progress g ON g.plan_id = t.plan_id AND g.period_id = t.period_id
	JOIN quota_decomp.node_closure ic ON ic.plan_id = t.plan_id AND ic.node_id = t.product_id
	JOIN quota_decomp.period_closure qc ON qc.plan_id = t.plan_id AND qc.period_id = t.period_id
	JOIN quota_decomp.period q ON q.plan_id = qc.plan_id AND q.period_id = qc.ancestor_id
	WHERE t.plan_id = p.plan_id AND t.org_id = o.node_id
	  AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
	GROUP BY ic.ancestor_id, q.plan_id, q.period_id) AS s
WHERE o.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n);
COMMENT ON VIEW quota_decomp.visible_target_cell IS 'internal: current targets of all tiers, and what of them was due by today, added up over products and periods';

----------------------------------------------------------------------
-- attainment
----------------------------------------------------------------------

-- What was brought, by member, product and period, of one metric, as SQL: below
-- the root by the keys, on the root everything, on (unassigned) what is
-- nobody's.  Of a distinct count product_id is each that the fact belongs to.
CREATE FUNCTION quota_decomp._actual_branches(m quota_decomp._mapped_metric) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- the columns that conditions pass through
	cell CONSTANT text := 'p.plan_id, p.plan, p.metric, o.org_id, o.org, o.org_level, o.org_depth, p.period_id, p.grain, p.period, p.period_starts, p.period_ends';
	product CONSTANT text := CASE WHEN m.kind = 'distinct' THEN 'c.product_id' WHEN m.is_product IS NULL THEN 'p.product_rest' ELSE 'coalesce(u.node_id, p.product_rest)' END;
	products CONSTANT text := CASE WHEN m.is_product IS NULL THEN ''
		ELSE format(' LEFT JOIN quota_decomp.visible_product_key u ON u.plan_id = p.plan_id AND u.plan = p.plan AND %s', m.is_product) END
		|| CASE WHEN m.kind <> 'distinct' THEN ''
		ELSE format(' JOIN quota_decomp.visible_product_above c ON c.plan_id = p.plan_id AND c.plan = p.plan AND c.node_id = %s',
			CASE WHEN m.is_product IS NULL THEN 'p.product_rest' ELSE 'coalesce(u.node_id, p.product_rest)' END) END;
	whole CONSTANT text := ' JOIN quota_decomp.visible_whole o ON o.plan_id = p.plan_id AND o.plan = p.plan AND o.kind = ';
	value CONSTANT text := CASE m.kind
		WHEN 'distinct' THEN format('count(DISTINCT %s COLLATE "C")::numeric', m.counted)
		WHEN 'balance_ratio' THEN
			-- the last one in the period, of each key
			format('sum(%s) FILTER (WHERE NOT EXISTS (SELECT FROM %s AS l WHERE %s AND %s > %s AND %s IS NOT NULL%s%s))', m.value, m.relation,
				replace(m.in_period, m.at, replace(m.at, 'f.', 'l.')), replace(m.at, 'f.', 'l.'), m.at, replace(m.value, 'f.', 'l.'),
				CASE WHEN m.member_column IS NULL THEN '' ELSE format(' AND (l.%1$I = f.%1$I OR l.%1$I IS NULL AND f.%1$I IS NULL)', m.member_column) END,
				CASE WHEN m.product_column IS NULL THEN '' ELSE format(' AND (l.%1$I = f.%1$I OR l.%1$I IS NULL AND f.%1$I IS NULL)', m.product_column) END)
		WHEN 'sum' THEN format('coalesce(sum(%s), 0)', m.value)
		ELSE format('sum(%s)', m.value) END;
	scope text;
	branches text[] := '{}';
BEGIN
	FOREACH scope IN ARRAY array_remove(ARRAY[
		CASE WHEN m.is_member IS NOT NULL THEN quota_decomp._in_facts(m, format(' JOIN quota_decomp.visible_org_key o ON o.plan_id = p.plan_id AND o.plan = p.plan AND %s%s WHERE p.metric = ',
			replace(replace(m.is_member, 'k.key', 'o.key'), 'k.valid_', 'o.valid_'), products)) || quote_literal(m.metric) END,
		quota_decomp._in_facts(m, format('%s''root''%s WHERE p.metric = ', whole, products)) || quote_literal(m.metric),
		quota_decomp._in_facts(m, format('%s''unassigned''%s WHERE p.metric = ', whole, products)) || quote_literal(m.metric) || CASE WHEN m.is_member IS NULL THEN ''
			ELSE quota_decomp._in_facts(m, format(' AND NOT EXISTS (SELECT FROM quota_decomp.visible_member_key k WHERE k.plan_id = p.plan_id AND k.plan = p.plan AND %s)', m.is_member)) END], NULL)
	LOOP
		branches := branches || format('SELECT %s, %s AS product_id, %s AS value, sum(%s) AS denominator, count(*) AS facts FROM %s%s GROUP BY %s, %s',
			quota_decomp._in_facts(m, regexp_replace(cell, '([a-z])\.([a-z_]+)', '\1.\2 AS \2', 'g')), quota_decomp._in_facts(m, product), quota_decomp._in_facts(m, value), m.denominator,
			m.facts, scope, quota_decomp._in_facts(m, cell), quota_decomp._in_facts(m, product));
	END LOOP;
	RETURN branches;
END $$;
COMMENT ON FUNCTION quota_decomp._actual_branches(quota_decomp._mapped_metric) IS 'internal: a metric''s facts by member, product and period, as SQL';

CREATE FUNCTION quota_decomp._view_attainment(schema name) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp._mapped_metric;
	branches text[] := '{}';
	counts text[] := '{}';
	nothing CONSTANT text := 'NULL::numeric AS target, NULL::numeric AS base, NULL::numeric AS stretch, NULL::numeric AS carried, NULL::numeric AS due, '
		'NULL::numeric AS volume, NULL::numeric AS base_volume, NULL::numeric AS stretch_volume, NULL::numeric AS volume_due';
	cell CONSTANT text := 'a.plan_id, a.plan, a.metric, a.org_id, a.org, a.org_level, a.org_depth, a.period_id, a.grain, a.period, a.period_starts, a.period_ends';
	names text[] := '{}';
	balances text[] := '{}';
	lower_is_better text[] := '{}';
BEGIN
	FOR m IN SELECT * FROM quota_decomp._mapped_metrics() LOOP
		names := names || m.metric;
		IF m.kind = 'balance_ratio' THEN
			balances := balances || m.metric;
		END IF;
		IF m.direction = 'lower' THEN
			lower_is_better := lower_is_better || m.metric;
		END IF;
		IF m.kind = 'distinct' THEN
			counts := counts || quota_decomp._actual_branches(m);
		ELSE
			branches := branches || quota_decomp._actual_branches(m);
		END IF;
	END LOOP;
	branches := CASE WHEN branches = '{}' THEN '{}'
		ELSE ARRAY[format('SELECT %s, c.product_id, %s, a.value, a.denominator, a.facts FROM (%s) AS a JOIN quota_decomp.visible_product_above c ON c.plan_id = a.plan_id AND c.plan = a.plan AND c.node_id = a.product_id',
			cell, nothing, array_to_string(branches, ' UNION ALL '))] END
		|| CASE WHEN counts = '{}' THEN '{}' ELSE ARRAY[format('SELECT %s, a.product_id, %s, a.value, a.denominator, a.facts FROM (%s) AS a', cell, nothing, array_to_string(counts, ' UNION ALL '))] END;
	RETURN format($q$
SELECT r.plan, r.metric, r.org, o.org_label, o.org_path, r.org_level, r.org_depth, o.org_sort, o.parent_org,
	i.product, i.product_label, i.product_path, i.product_depth, i.product_sort,
	r.grain, r.period, r.period_starts, r.period_ends, r.today,
	trim_scale(r.target) AS target, trim_scale(r.base) AS base, trim_scale(r.stretch) AS stretch, trim_scale(r.required) AS required,
	trim_scale(r.actual) AS actual, r.facts, r.volume, r.denominator,
	r.attainment, trim_scale(r.due) AS due_to_date, r.attainment_to_date, trim_scale(r.actual - r.due) AS gap,
	CASE WHEN NOT r.is_rate THEN trim_scale(r.required - r.actual) END AS remaining,
	CASE WHEN NOT r.is_rate AND r.begun THEN trim_scale(round(CASE WHEN r.over THEN r.actual WHEN r.due / nullif(r.target, 0) > 0 THEN r.actual * r.target / r.due
		ELSE r.actual / nullif(r.share_gone, 0) END, greatest(scale(r.unit), 2))) END AS run_rate,
	CASE WHEN NOT r.is_rate AND r.days_left > 0 THEN trim_scale(round(greatest(r.required - r.actual, 0) / r.days_left, greatest(scale(r.unit), 2))) END AS required_rate,
	CASE WHEN r.is_rate AND NOT r.over THEN round(CASE WHEN r.is_balance THEN r.target * (coalesce(r.denominator, 0) + r.volume - r.volume_due) / (r.period_ends - r.period_starts)
		ELSE (r.target * (coalesce(r.denominator, 0) + r.volume - r.volume_due) - coalesce(r.value, 0)) / nullif(r.volume - r.volume_due, 0) END, r.scale) END AS needed_rest,
	r.working_days, r.days_left AS working_days_left,
	CASE WHEN NOT r.known THEN 'run create_views'
		WHEN r.target IS NULL THEN 'no target'
		WHEN NOT r.begun THEN 'not begun'
		WHEN r.actual IS NULL THEN 'no sales'
		WHEN r.over THEN CASE WHEN r.at_least >= r.target_met THEN 'done' ELSE 'missed' END
		WHEN r.at_least >= r.target_met AND NOT r.lower_better AND NOT r.is_rate THEN 'done'
		WHEN r.facts = 0 AND NOT r.lower_better THEN 'no sales'
		WHEN r.attainment_to_date >= 1.05 OR r.due = 0 AND r.at_least > 0 THEN 'ahead'
		WHEN r.attainment_to_date >= 0.95 OR r.due = 0 AND r.at_least = 0 OR r.due IS NULL THEN 'on track'
		ELSE 'behind' END AS status,
	CASE WHEN r.target IS NULL OR r.actual IS NULL OR NOT r.begun OR NOT r.over AND (r.lower_better OR r.is_rate) THEN NULL
		WHEN r.at_least >= CASE WHEN r.lower_better THEN - r.stretch ELSE r.stretch END THEN 'stretch'
		WHEN r.at_least >= r.target_met THEN 'target'
		WHEN r.at_least >= CASE WHEN r.lower_better THEN - r.base ELSE r.base END THEN 'base'
		ELSE 'none' END AS tier_reached,
	o.planned, r.state, r.revision
FROM (
	SELECT d.*, CASE WHEN d.lower_better THEN - d.actual ELSE d.actual END AS at_least, CASE WHEN d.lower_better THEN - d.target ELSE d.target END AS target_met,
		round(CASE WHEN d.lower_better THEN 1 + (d.target - d.actual) / nullif(abs(d.target), 0) ELSE d.actual / nullif(d.target, 0) END, 6) AS attainment,
		round(CASE WHEN d.lower_better THEN 1 + (d.due - d.actual) / nullif(abs(d.due), 0) ELSE d.actual / nullif(d.due, 0) END, 6) AS attainment_to_date
	FROM (
		SELECT s.plan_id, s.plan, s.metric, s.org_id, s.org, s.org_level, s.org_depth, s.period_id, s.grain, s.period, s.period_starts, s.period_ends, s.product_id,
			p.is_rate, p.scale, p.unit, p.state, p.revision, p.today, s.metric = ANY (%1$L::text[]) AS known, s.metric = ANY (%2$L::text[]) AS is_balance, s.metric = ANY (%3$L::text[]) AS lower_better,
			g.working_days, g.working_days - g.days_gone AS days_left, g.share_gone, g.starts <= p.today AS begun, g.ends <= p.today + 1 AS over,
			CASE WHEN p.is_rate THEN round(s.target / nullif(s.volume, 0), p.scale) ELSE s.target END AS target,
			CASE WHEN p.is_rate THEN round(s.base / nullif(s.base_volume, 0), p.scale) ELSE s.base END AS base,
			CASE WHEN p.is_rate THEN round(s.stretch / nullif(s.stretch_volume, 0), p.scale) ELSE s.stretch END AS stretch,
			CASE WHEN p.is_rate THEN round((s.target + coalesce(s.carried, 0)) / nullif(s.volume, 0), p.scale) ELSE s.target + coalesce(s.carried, 0) END AS required,
			CASE WHEN p.is_rate THEN round(s.due / nullif(s.volume_due, 0), p.scale) ELSE s.due END AS due,
			s.volume, s.volume_due, s.value, s.denominator, s.facts,
			CASE WHEN NOT s.metric = ANY (%1$L::text[]) THEN NULL
				WHEN NOT p.is_rate THEN coalesce(s.value, 0)
				ELSE round(s.value * CASE WHEN s.metric = ANY (%2$L::text[]) THEN least(g.ends, p.today + 1) - g.starts ELSE 1 END / nullif(s.denominator, 0), greatest(p.scale, 6)) END AS actual
		FROM (
			SELECT b.plan_id, b.plan, b.metric, b.org_id, b.org, b.org_level, b.org_depth, b.period_id, b.grain, b.period, b.period_starts, b.period_ends, b.product_id,
				sum(b.target) AS target, sum(b.base) AS base, sum(b.stretch) AS stretch, sum(b.carried) AS carried, sum(b.due) AS due,
				sum(b.volume) AS volume, sum(b.base_volume) AS base_volume, sum(b.stretch_volume) AS stretch_volume, sum(b.volume_due) AS volume_due,
				sum(b.value) AS value, sum(b.denominator) AS denominator, coalesce(sum(b.facts), 0)::bigint AS facts
			FROM (
				SELECT t.plan_id, t.plan, t.metric, t.org_id, t.org, t.org_level, t.org_depth, t.period_id, t.grain, t.period, t.period_starts, t.period_ends, t.product_id,
					t.target, t.base, t.stretch, t.carried, t.due, t.volume, t.base_volume, t.stretch_volume, t.volume_due,
					NULL::numeric AS value, NULL::numeric AS denominator, NULL::bigint AS facts
				FROM quota_decomp.visible_target_cell t CROSS JOIN quota_decomp._many()%4$s) AS b
			GROUP BY b.plan_id, b.plan, b.metric, b.org_id, b.org, b.org_level, b.org_depth, b.period_id, b.grain, b.period, b.period_starts, b.period_ends, b.product_id) AS s
		JOIN quota_decomp.visible_plan_day p ON p.plan_id = s.plan_id AND p.plan = s.plan
		JOIN quota_decomp.visible_progress g ON g.plan_id = s.plan_id AND g.period_id = s.period_id) AS d) AS r
JOIN quota_decomp.visible_member_label o ON o.plan_id = r.plan_id AND o.plan = r.plan AND o.org_id = r.org_id
JOIN quota_decomp.visible_product_above i ON i.plan_id = r.plan_id AND i.plan = r.plan AND i.node_id = r.product_id AND i.product_id = r.product_id $q$,
		names, balances, lower_is_better, CASE WHEN branches = '{}' THEN '' ELSE ' UNION ALL ' || array_to_string(branches, ' UNION ALL ') END);
END $$;
COMMENT ON FUNCTION quota_decomp._view_attainment(name) IS 'internal: the SELECT of the view attainment';

CREATE FUNCTION quota_decomp._columns_attainment() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what was to be brought and what was, by member, product and period, coarser ones included: a row wherever there is a target or a fact'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('org', 'key of the member of the organisation; (unassigned): facts that match nobody'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('product', 'key of the product; (unassigned): facts with none of the plan''s'),
	('product_label', 'its name'),
	('product_path', 'keys from the root of the products down to it, separated by /'),
	('product_depth', 'levels above it: all products has 0'),
	('product_sort', 'to sort by: parents before children'),
	('grain', 'what period is: year, quarter, month, week, month_week or day'),
	('period', 'label of the period'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('today', 'the last day that counts: the setting quota_decomp.as_of, else the plan''s as_of, else the date in the plan''s time zone'),
	('target', 'the target; of a ratio, the mean weighted by planned volume; NULL: none'),
	('base', 'the tier base, which everyone can reach; NULL: none'),
	('stretch', 'the tier stretch; NULL: none'),
	('required', 'the target and what closed periods carried over into this one'),
	('actual', 'what was brought by today; of a ratio, sum by sum'),
	('facts', 'how many facts that were'),
	('volume', 'of a ratio: the planned denominator'),
	('denominator', 'of a ratio: the denominator so far'),
	('attainment', 'actual by target of the whole period; where lower is better 1 + (target - actual) / |target|; NULL where the target is 0'),
	('due_to_date', 'what of the target was due by today: whole periods of the plan''s grain, and of the running one its share of working days'),
	('attainment_to_date', 'the same against what was due'),
	('gap', 'actual less what was due'),
	('remaining', 'required less actual: what is still to be brought; below 0, how much more there is'),
	('run_rate', 'what the whole period brings if it goes on as so far, by what was due; none of a ratio'),
	('required_rate', 'what each working day that is left must bring'),
	('needed_rest', 'of a ratio: the value that the rest of the period must reach with its planned volume; of a balance: what it must be at the end'),
	('working_days', 'of the period'),
	('working_days_left', 'of them, after today'),
	('status', 'not begun, ahead (from 105 % of what was due), on track (from 95 %), behind, no sales, done, missed, no target; run create_views: its KPI was mapped later'),
	('tier_reached', 'the highest tier reached so far, or none; where lower is better and of a ratio, only when the period is over'),
	('planned', 'whether the member gets targets in this plan; former members do not'),
	('state', 'of the plan: draft or published'),
	('revision', 'the revision of the plan that is in force')
$$;
COMMENT ON FUNCTION quota_decomp._columns_attainment() IS 'internal: the columns of the view attainment and their comments';
