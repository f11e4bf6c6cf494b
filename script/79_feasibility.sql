----------------------------------------------------------------------
-- The plan layer: feasibility, whether a target can still be reached
--
-- The forecast of a plan is made once, for all its periods; each open period
-- then takes its part.  Grouping by plan keeps the call below conditions on the
-- plan and above the join with periods.
----------------------------------------------------------------------

CREATE TYPE quota_decomp._forecast_cell AS (
	org_id int,
	period_id int,
	from_open numeric,
	from_new numeric,
	outcome quota_decomp.distribution
);
COMMENT ON TYPE quota_decomp._forecast_cell IS 'internal: what a node of the organisation is to bring in a period; outcome NULL: not known';

CREATE FUNCTION quota_decomp._forecast_input(plan_id int, day date) RETURNS quota_decomp._forecast_cell[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	answer quota_decomp._forecast_cell[];
BEGIN
	IF quota_decomp._no_forecast(plan_id) IS NOT NULL THEN
		RETURN NULL;
	END IF;
	SELECT coalesce(array_agg(ROW(f.org_id, f.period_id, f.from_open, f.from_new, f.outcome)::quota_decomp._forecast_cell), '{}') INTO answer
	FROM quota_decomp._forecast_sums(plan_id, day, quota_decomp._plan_pipeline(plan_id), false) f;
	RETURN answer;
END $$;
COMMENT ON FUNCTION quota_decomp._forecast_input(int, date) IS 'internal: the forecast of all open periods of a plan; NULL: it has none';

CREATE FUNCTION quota_decomp._feasibility(plan_id int, period_id int, attainment regclass, forecast quota_decomp._forecast_cell[])
RETURNS TABLE (org text, org_label text, org_path text, org_level text, org_depth int, org_sort int, parent_org text,
			   target numeric, required numeric, actual numeric, remaining numeric, open_deals bigint, open_amount numeric, coverage numeric,
			   from_open numeric, from_new numeric, expected numeric, low numeric, high numeric, probability numeric,
			   working_days_left int, required_rate numeric, recent_rate numeric, rate_factor numeric, verdict text, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000 ROWS 500 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	q record;
	g record;
	ratio boolean;
	adds_up boolean;
	pipeline text;
	reason CONSTANT text := quota_decomp._no_forecast(plan_id);
	recent_from date;
	recent_days int;
	digits int;
	stands jsonb := '{}';
BEGIN
	SELECT v.*, m.kind, m.direction, coalesce(v.scale, 6) AS rate_digits INTO p
	FROM quota_decomp.visible_plan v JOIN quota_decomp.visible_metric m ON m.metric = v.metric WHERE v.plan_id = plan_id;
	SELECT v.* INTO q FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.period_id = period_id;
	SELECT v.* INTO g FROM quota_decomp.visible_progress v WHERE v.plan_id = plan_id AND v.period_id = period_id;
	IF p.plan_id IS NULL OR q.period_id IS NULL OR q.ends <= g.today + 1 THEN
		RETURN;
	END IF;
	ratio := p.rate_method IS NOT NULL;
	adds_up := p.kind = 'sum' AND NOT ratio;
	digits := greatest(scale(p.unit), 2);
	-- the last three months, as many days of each month as there were
	recent_from := ((g.today + 1) - interval '3 months')::date;
	recent_days := quota_decomp._working_days(recent_from, g.today + 1, p.holidays, p.extra_workdays);
	IF forecast IS NOT NULL THEN
		pipeline := quota_decomp._plan_pipeline(plan_id);
	END IF;
	IF p.kind NOT IN ('sum', 'ratio') THEN
		EXECUTE format('SELECT jsonb_object_agg(a.org_path, a.actual) FROM %s a WHERE a.plan = $1 AND a.grain = $2 AND a.period_starts = $3 AND a.product_depth = 0', attainment)
			INTO stands USING p.plan, q.grain, q.starts;
	END IF;

	RETURN QUERY
	WITH node AS MATERIALIZED (
		SELECT n.* FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.dimension = 'org'
	), closure AS MATERIALIZED (
		SELECT c.ancestor_id, c.node_id FROM quota_decomp.visible_node_closure c JOIN node a ON a.node_id = c.ancestor_id AND a.planned WHERE c.plan_id = plan_id
	), target AS MATERIALIZED (
		SELECT t.org_id, sum(t.amount * w.w) AS target, sum((t.amount + coalesce(t.carried, 0)) * w.w) AS required, sum(t.volume) AS volume
		FROM quota_decomp.visible_target t
		JOIN quota_decomp.visible_period_closure c ON c.plan_id = t.plan_id AND c.period_id = t.period_id AND c.ancestor_id = period_id
		CROSS JOIN LATERAL (SELECT CASE WHEN ratio THEN t.volume ELSE 1 END AS w) AS w
		WHERE t.plan_id = plan_id AND t.tier = 'target' AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
		GROUP BY t.org_id
	), fact AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, sum(f.value) AS value, sum(f.denominator) AS denominator
		FROM quota_decomp._facts(plan_id, p.metric, q.starts, greatest(q.starts, least(q.ends, g.today + 1)), '{org}') f JOIN closure c ON c.node_id = f.org_id
		WHERE p.kind IN ('sum', 'ratio') AND q.starts <= g.today GROUP BY c.ancestor_id
	), lately AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, sum(f.value) AS value
		FROM quota_decomp._facts(plan_id, p.metric, recent_from, g.today + 1, '{org}') f JOIN closure c ON c.node_id = f.org_id
		WHERE adds_up GROUP BY c.ancestor_id
	), deal AS MATERIALIZED (
		SELECT d.member, d.won, d.opened IS NOT NULL AND d.closed IS NOT NULL AS dated, d.amount FROM quota_decomp._deals(pipeline, g.today, p.time_zone) d WHERE pipeline IS NOT NULL
	), open_deal AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, sum(d.deals)::bigint AS deals, CASE WHEN bool_and(d.amount IS NOT NULL) THEN sum(d.amount) END AS amount
		FROM (SELECT o.member, count(*) AS deals, CASE WHEN count(*) = count(o.amount) THEN sum(o.amount) END AS amount
			  FROM deal o WHERE o.won IS NULL GROUP BY o.member) AS d
		LEFT JOIN quota_decomp.visible_node_key k ON k.plan_id = plan_id AND k.dimension = 'org' AND k.key = d.member AND k.valid_from <= g.today AND k.valid_to > g.today
		LEFT JOIN node s ON s.kind = 'self' AND s.parent_id = k.node_id
		LEFT JOIN node u ON u.kind = 'unassigned'
		JOIN closure c ON c.node_id = coalesce(s.node_id, k.node_id, u.node_id)
		GROUP BY c.ancestor_id
	), ahead AS MATERIALIZED (
		SELECT f.org_id, round(f.from_open, digits) AS from_open, round(f.from_new, digits) AS from_new, f.outcome
		FROM unnest(forecast) f WHERE f.period_id = period_id
	), stand AS MATERIALIZED (
		SELECT m.node_id, trim_scale(CASE WHEN ratio THEN round(t.target / nullif(t.volume, 0), p.rate_digits) ELSE t.target END) AS target,
			   trim_scale(CASE WHEN ratio THEN round(t.required / nullif(t.volume, 0), p.rate_digits) ELSE t.required END) AS required,
			   trim_scale(CASE WHEN p.kind NOT IN ('sum', 'ratio') THEN (stands ->> m.path)::numeric WHEN ratio THEN round(f.value / nullif(f.denominator, 0), greatest(p.rate_digits, 6))
				   ELSE coalesce(f.value, 0) END) AS actual,
			   l.value AS lately
		FROM node m LEFT JOIN target t ON t.org_id = m.node_id LEFT JOIN fact f ON f.org_id = m.node_id LEFT JOIN lately l ON l.org_id = m.node_id
		WHERE m.planned
	), chance AS MATERIALIZED (
		-- of who has no open deals and opened nothing of late 0 is expected
		SELECT s.node_id, w.remaining, CASE WHEN y.won AND c.org_id IS NULL THEN 0 WHEN y.won THEN c.from_open END AS from_open, CASE WHEN y.won AND c.org_id IS NULL THEN 0 WHEN y.won THEN c.from_new END AS from_new,
			   y.won, c.org_id IS NOT NULL AS known, c.outcome IS NULL AS unknown,
			   quota_decomp._to_come(c.outcome, 0.1) AS low, quota_decomp._to_come(c.outcome, 0.9) AS high, quota_decomp._chance(c.outcome, w.remaining) AS probability
		FROM stand s
		CROSS JOIN LATERAL (SELECT CASE WHEN NOT ratio AND p.direction = 'higher' THEN s.required - s.actual END AS remaining) AS w
		CROSS JOIN (SELECT EXISTS (SELECT FROM deal d WHERE d.won AND d.dated) AS won) AS y
		LEFT JOIN ahead c ON c.org_id = s.node_id AND y.won
	)
	SELECT m.key, m.label, m.path, m.level, m.depth, m.sort_no, u.key,
		   s.target, s.required, s.actual, trim_scale(c.remaining),
		   CASE WHEN pipeline IS NOT NULL THEN coalesce(d.deals, 0) END, CASE WHEN pipeline IS NULL THEN NULL WHEN d.org_id IS NULL THEN 0 ELSE trim_scale(d.amount) END,
		   CASE WHEN pipeline IS NOT NULL AND c.remaining > 0 THEN round(CASE WHEN d.org_id IS NULL THEN 0 ELSE d.amount END / c.remaining, 2) END,
		   c.from_open, c.from_new, s.actual + c.from_open + c.from_new, round(s.actual + c.low, digits), round(s.actual + c.high, digits), c.probability,
		   g.working_days - g.days_gone, r.required_rate, r.recent_rate, round(r.required_rate / nullif(r.recent_rate, 0), 2),
		   CASE WHEN c.remaining <= 0 THEN 'reached' WHEN c.probability IS NULL THEN 'not known' WHEN c.probability >= 0.7 THEN 'likely' WHEN c.probability >= 0.3 THEN 'at risk' ELSE 'unlikely' END,
		   nullif(concat_ws('; ', CASE WHEN s.target IS NULL THEN 'no target' WHEN s.target = 0 THEN 'its target is 0' END, quota_decomp._no_number(s.actual),
			   CASE WHEN reason IS NOT NULL THEN reason
					WHEN NOT c.won THEN 'no deal with a day of opening and of closing was won yet: what is to come is not known'
					WHEN NOT c.known THEN 'neither open deals nor a history of them: nothing is expected' || CASE WHEN c.remaining <= 0 THEN '' ELSE ', but how likely the target is, is not known' END
					WHEN c.unknown THEN 'an open deal has no date of opening, or nothing is known of its amount: no forecast' END,
			   CASE WHEN adds_up AND s.lately IS NULL THEN 'nothing was sold in the last three months' END,
			   CASE WHEN q.starts > g.today THEN 'not begun' END), '')
	FROM stand s JOIN node m ON m.node_id = s.node_id
	JOIN chance c ON c.node_id = s.node_id
	LEFT JOIN node u ON u.node_id = m.parent_id
	LEFT JOIN open_deal d ON d.org_id = s.node_id
	CROSS JOIN LATERAL (SELECT CASE WHEN c.remaining IS NOT NULL AND g.working_days > g.days_gone THEN round(greatest(c.remaining, 0) / (g.working_days - g.days_gone), digits) END AS required_rate,
							   CASE WHEN adds_up AND recent_days > 0 THEN round(coalesce(s.lately, 0) / recent_days, digits) END AS recent_rate) AS r;
END $$;
COMMENT ON FUNCTION quota_decomp._feasibility(int, int, regclass, quota_decomp._forecast_cell[]) IS
'internal: what every planned member is still to bring in an open period, beside what is forecast';

CREATE FUNCTION quota_decomp._view_feasibility(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT p.plan, p.metric, d.org, d.org_label, d.org_path, d.org_level, d.org_depth, d.org_sort, d.parent_org, q.grain, q.label AS period, q.starts AS period_starts, '
	'q.ends AS period_ends, p.today, d.target, d.required, d.actual, d.remaining, d.open_deals, d.open_amount, d.coverage, d.from_open, d.from_new, d.expected, d.low, d.high, '
	'd.probability, d.working_days_left, d.required_rate, d.recent_rate, d.rate_factor, d.verdict, d.note '
	'FROM (SELECT v.plan_id, v.plan, v.metric, v.today, quota_decomp._forecast_input(v.plan_id, v.today) AS forecast FROM quota_decomp.visible_plan_day v '
	'GROUP BY v.plan_id, v.plan, v.metric, v.today) AS p '
	'JOIN quota_decomp.visible_period q ON q.plan_id = p.plan_id AND q.ends > p.today + 1 '
	'CROSS JOIN LATERAL quota_decomp._feasibility(p.plan_id, q.period_id, %L::regclass, p.forecast) d', format('%I.attainment', schema))
$$;
COMMENT ON FUNCTION quota_decomp._view_feasibility(name) IS 'internal: the SELECT of the view feasibility';

CREATE FUNCTION quota_decomp._columns_feasibility() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what every member is still to bring in every period that is not over, beside what is forecast, and how likely it is; read it for one plan at a time'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('org', 'key of the member of the organisation'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('grain', 'what period is: year, quarter, month, week, month_week or day'),
	('period', 'label of the period'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('today', 'the last day that counts'),
	('target', 'the target of the whole period'),
	('required', 'the target and what closed periods carried over into this one'),
	('actual', 'what was brought by today'),
	('remaining', 'required less actual; below 0, how much more there is; none of a ratio, nor where lower is better'),
	('open_deals', 'open deals of those who belong to it today; NULL: no pipeline'),
	('open_amount', 'their amounts together, whenever they close; NULL: not known of all'),
	('coverage', 'open_amount by remaining'),
	('from_open', 'what open deals should bring in the rest of the period'),
	('from_new', 'what deals not opened yet should bring in it'),
	('expected', 'actual, from_open and from_new together'),
	('low', 'actual and forecast, of which less comes in one case of ten'),
	('high', 'actual and forecast, of which more comes in one case of ten'),
	('probability', 'the chance to bring what remains'),
	('working_days_left', 'working days of the period after today'),
	('required_rate', 'what each of them must bring'),
	('recent_rate', 'what each working day of the last three months brought'),
	('rate_factor', 'required_rate by recent_rate: 2 is twice as fast as lately'),
	('verdict', 'reached; likely (a chance of 70 % or more), at risk (30 % or more), unlikely; not known'),
	('note', 'what cannot be known, and why; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_feasibility() IS 'internal: the columns of the view feasibility and their comments';
