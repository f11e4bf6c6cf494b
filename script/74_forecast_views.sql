----------------------------------------------------------------------
-- What will be: forecast and funnel
--
-- Both views call one function a plan, which reads the pipeline with the rights
-- of the reader and as it was known on the day.  The method is that of
-- 65_pipeline.sql and is described in docs/forecast.md; here it is added up
-- over the organisation, the products and the periods.  What may come is said by
-- _to_come and _chance, there too: feasibility says the same.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._forecast_rows(plan_id int)
RETURNS TABLE (org text, org_label text, org_path text, org_level text, org_depth int, org_sort int, parent_org text,
			   product text, product_label text, product_path text, product_depth int, product_sort int,
			   grain text, period text, period_starts date, period_ends date, today date,
			   target numeric, required numeric, actual numeric, open_deals bigint, without_amount bigint, open_amount numeric, from_open numeric, new_deals numeric, from_new numeric,
			   expected numeric, outcome quota_decomp.distribution, need numeric, coverage numeric,
			   back_tests int, back_test_error numeric, back_test_bias numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 10000000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
	m quota_decomp.visible_metric;
	day date;
	pipeline text := quota_decomp._plan_pipeline(plan_id);
	reason CONSTANT text := quota_decomp._no_forecast(plan_id);
	first date;
	near record;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT v.* INTO m FROM quota_decomp.visible_metric v WHERE v.metric = p.metric;
	day := quota_decomp._work_day(p.as_of, p.time_zone);
	SELECT min(v.starts) INTO first FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.ends > day;
	IF first IS NULL THEN
		RETURN;
	END IF;
	SELECT * INTO near FROM quota_decomp._near_trials(plan_id, day, CASE WHEN reason IS NULL THEN pipeline END);

	RETURN QUERY
	WITH span AS MATERIALIZED (
		SELECT v.period_id, c.period_id AS leaf_id
		FROM quota_decomp.visible_period v JOIN quota_decomp.visible_period_closure c ON c.plan_id = plan_id AND c.ancestor_id = v.period_id
		WHERE v.plan_id = plan_id AND v.ends > day
	), calendar AS MATERIALIZED (
		SELECT d::date AS day, v.period_id
		FROM quota_decomp.visible_period v CROSS JOIN generate_series(v.starts::timestamp, (v.ends - 1)::timestamp, interval '1 day') AS d
		WHERE v.plan_id = plan_id AND v.leaf AND v.starts <= day AND v.ends > first
	), node AS MATERIALIZED (
		SELECT n.* FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id
	), above AS MATERIALIZED (
		-- who sees a part sees no sum of a node above it
		SELECT c.node_id, c.ancestor_id FROM quota_decomp.visible_node_closure c JOIN node n ON n.node_id = c.ancestor_id WHERE c.plan_id = plan_id
	), rest AS MATERIALIZED (
		SELECT max(n.node_id) FILTER (WHERE n.dimension = 'org' AND n.kind = 'unassigned') AS org_id,
			   coalesce(max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'unassigned'), max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'root')) AS product_id
		FROM node n
	), deal AS MATERIALIZED (
		SELECT d.member, d.product, d.opened, d.closed, d.won, d.amount, d.amount_source
		FROM quota_decomp._deals(pipeline, day, p.time_zone) d WHERE reason IS NULL
	), known AS MATERIALIZED (
		SELECT EXISTS (SELECT FROM deal d WHERE d.won AND d.opened IS NOT NULL AND d.closed IS NOT NULL) AS won
	), aim AS MATERIALIZED (
		SELECT t.org_id, g.ancestor_id AS product_id, s.period_id,
			   CASE WHEN p.rate_method IS NULL THEN sum(t.amount) ELSE round(sum(t.amount * t.volume) / nullif(sum(t.volume), 0), coalesce(p.scale, 6)) END AS amount,
			   CASE WHEN p.rate_method IS NULL THEN sum(t.amount + coalesce(t.carried, 0)) ELSE round(sum((t.amount + coalesce(t.carried, 0)) * t.volume) / nullif(sum(t.volume), 0), coalesce(p.scale, 6)) END AS required
		FROM quota_decomp.visible_target t
		JOIN span s ON s.leaf_id = t.period_id
		JOIN above g ON g.node_id = t.product_id
		WHERE t.plan_id = plan_id AND t.tier = 'target' AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
		GROUP BY 1, 2, 3
	), fact AS (
		SELECT f.org_id, f.product_id, s.period_id, sum(f.value) AS actual
		FROM quota_decomp._facts(plan_id, p.metric, first, day + 1, '{org,product,day}') f JOIN calendar c ON c.day = f.day JOIN span s ON s.leaf_id = c.period_id
		WHERE m.kind = 'sum' AND first <= day
		GROUP BY 1, 2, 3
	), fact_by_product AS (
		SELECT f.org_id, g.ancestor_id AS product_id, f.period_id, sum(f.actual) AS actual FROM fact f JOIN above g ON g.node_id = f.product_id GROUP BY 1, 2, 3
	), won AS MATERIALIZED (
		SELECT o.ancestor_id AS org_id, f.product_id, f.period_id, sum(f.actual) AS actual FROM fact_by_product f JOIN above o ON o.node_id = f.org_id GROUP BY 1, 2, 3
	), ahead AS MATERIALIZED (
		SELECT s.* FROM quota_decomp._forecast_sums(plan_id, day, pipeline, true, near.ends, near.shock) s WHERE reason IS NULL
	), placed AS (
		SELECT coalesce(o.node_id, r.org_id) AS org_id, coalesce(u.node_id, r.product_id) AS product_id, d.amount, d.amount_source
		FROM deal d CROSS JOIN rest r
		LEFT JOIN quota_decomp._keys(plan_id, 'org') AS o ON o.key = d.member AND o.valid_from <= day AND o.valid_to > day
		LEFT JOIN quota_decomp._keys(plan_id, 'product') AS u ON p.product IS NOT NULL AND u.key = d.product AND u.valid_from <= day AND u.valid_to > day
		WHERE d.won IS NULL
	), open AS MATERIALIZED (
		-- what is open today is so whichever period it will be won in
		SELECT o.ancestor_id AS org_id, g.ancestor_id AS product_id, sum(l.n)::bigint AS n, sum(l.amount) AS amount, sum(l.listed)::bigint AS listed, sum(l.typical)::bigint AS typical, sum(l.nothing)::bigint AS nothing
		FROM (SELECT l.org_id, l.product_id, count(*) AS n, sum(l.amount) AS amount, count(*) FILTER (WHERE l.amount_source = 'list price') AS listed,
					 count(*) FILTER (WHERE l.amount_source = 'mean won deal') AS typical, count(*) FILTER (WHERE l.amount_source IS NULL) AS nothing
			  FROM placed l GROUP BY 1, 2) AS l
		JOIN above o ON o.node_id = l.org_id JOIN above g ON g.node_id = l.product_id GROUP BY 1, 2
	), cell AS (
		SELECT t.org_id, t.product_id, t.period_id FROM aim t
		UNION
		SELECT s.org_id, s.product_id, s.period_id FROM won s
		UNION
		SELECT s.org_id, s.product_id, s.period_id FROM ahead s
		UNION
		-- who has open deals has a forecast, save of what is over after today
		SELECT n.org_id, n.product_id, v.period_id FROM open n CROSS JOIN quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.ends = day + 1
		UNION
		-- of each member there is at least a row that says what is not known
		SELECT o.node_id, g.node_id, v.period_id
		FROM node o JOIN node g ON g.dimension = 'product' AND g.depth = 0 CROSS JOIN (SELECT DISTINCT s.period_id FROM span s) AS v
		WHERE o.dimension = 'org' AND o.planned
	), figure AS (
		SELECT k.org_id, k.product_id, v.grain, v.label, v.starts, v.ends, t.amount AS target, t.required, CASE WHEN m.kind = 'sum' THEN coalesce(f.actual, 0) END AS actual,
			   w.over, w.known, CASE WHEN reason IS NULL THEN coalesce(n.n, 0) END AS open_deals, n.listed, n.typical, n.nothing, CASE WHEN reason IS NULL AND coalesce(n.nothing, 0) = 0 THEN coalesce(n.amount, 0) END AS open_amount,
			   CASE WHEN w.over OR w.known AND s.org_id IS NULL THEN 0 WHEN w.known THEN s.from_open END AS from_open,
			   CASE WHEN w.over OR w.known AND s.org_id IS NULL THEN 0 WHEN w.known THEN s.new_deals END AS new_deals,
			   CASE WHEN w.over OR w.known AND s.org_id IS NULL THEN 0 WHEN w.known THEN s.from_new END AS from_new,
			   -- of who opened nothing of late 0 is expected, but not certain
			   CASE WHEN w.over THEN '{}' WHEN w.known THEN s.outcome END AS outcome, w.known AND NOT w.over AND s.org_id IS NULL AS idle
		FROM cell k
		JOIN quota_decomp.visible_period v ON v.plan_id = plan_id AND v.period_id = k.period_id
		-- after its last day nothing comes any more
		CROSS JOIN LATERAL (SELECT v.ends <= day + 1 AS over, reason IS NULL AND (SELECT y.won FROM known y) AS known) AS w
		LEFT JOIN aim t ON t.org_id = k.org_id AND t.product_id = k.product_id AND t.period_id = k.period_id
		LEFT JOIN won f ON f.org_id = k.org_id AND f.product_id = k.product_id AND f.period_id = k.period_id
		LEFT JOIN ahead s ON s.org_id = k.org_id AND s.product_id = k.product_id AND s.period_id = k.period_id
		LEFT JOIN open n ON n.org_id = k.org_id AND n.product_id = k.product_id
	)
	SELECT o.key, o.label, o.path, o.level, o.depth, o.sort_no, up.key, g.key, g.label, g.path, g.depth, g.sort_no, f.grain, f.label, f.starts, f.ends, day,
		   f.target, f.required, f.actual, f.open_deals, CASE WHEN reason IS NULL THEN coalesce(f.listed + f.typical + f.nothing, 0) END, round(f.open_amount, 2),
		   round(f.from_open, 2), round(f.new_deals, 2), round(f.from_new, 2), round(f.actual + f.from_open + f.from_new, 2), f.outcome,
		   CASE WHEN m.direction = 'higher' THEN f.required - f.actual WHEN f.over THEN f.actual - f.required END,
		   CASE WHEN f.required > f.actual AND NOT f.over THEN round(f.open_amount / (f.required - f.actual), 4) END,
		   near.tests, near.error, near.bias,
		   nullif(concat_ws('; ',
			   CASE WHEN p.decomposed THEN NULL WHEN EXISTS (SELECT FROM aim) THEN 'the plan has changed since it was decomposed: its targets are those of before' ELSE 'the plan has not been decomposed: there is no target' END,
			   quota_decomp._no_number(f.actual),
			   CASE WHEN NOT f.over THEN reason END,
			   CASE WHEN reason IS NULL AND NOT f.known AND NOT f.over THEN 'no deal with a day of opening and of closing was won yet: what is to come is not known' END,
			   CASE WHEN f.idle THEN 'neither open deals nor a history of them: nothing is expected' || CASE WHEN f.actual >= f.required THEN '' ELSE ', but how likely the target is, is not known' END END,
			   CASE WHEN f.from_open + f.from_new IS NOT NULL AND f.known AND near.tests = 0 THEN 'too little history: there is no earlier forecast to compare with' END,
			   CASE WHEN f.listed + f.typical + f.nothing > 0 THEN format('%s of %s open deals without an amount: %s', f.listed + f.typical + f.nothing, f.open_deals,
				   concat_ws(', ', CASE WHEN f.listed > 0 THEN f.listed || ' at list price' END, CASE WHEN f.typical > 0 THEN f.typical || ' at mean won deal' END,
					   CASE WHEN f.nothing > 0 THEN f.nothing || ' not known' END)) END), '')
	FROM figure f
	JOIN node o ON o.node_id = f.org_id
	JOIN node g ON g.node_id = f.product_id
	LEFT JOIN node up ON up.node_id = o.parent_id;
END $$;
COMMENT ON FUNCTION quota_decomp._forecast_rows(int) IS 'internal: the rows of the view forecast, of a plan';

CREATE FUNCTION quota_decomp._view_forecast(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT p.plan, p.metric, f.org, f.org_label, f.org_path, f.org_level, f.org_depth, f.org_sort, f.parent_org, f.product, f.product_label, f.product_path, f.product_depth, f.product_sort, '
	'f.grain, f.period, f.period_starts, f.period_ends, f.today, f.target, f.required, f.actual, f.open_deals, f.without_amount, f.open_amount, f.from_open, f.new_deals, f.from_new, '
	'f.expected, round(f.actual + quota_decomp._to_come(f.outcome, 0.1), 2) AS low, round(f.actual + quota_decomp._to_come(f.outcome, 0.9), 2) AS high, '
	'quota_decomp._chance(f.outcome, f.need) AS probability, f.coverage, f.back_tests, f.back_test_error, f.back_test_bias, f.note '
	'FROM quota_decomp.visible_plan p CROSS JOIN LATERAL quota_decomp._forecast_rows(p.plan_id) f'
$$;
COMMENT ON FUNCTION quota_decomp._view_forecast(name) IS 'internal: the SELECT of the view forecast';

CREATE FUNCTION quota_decomp._columns_forecast() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what each member, product and period, from the ones that run on, will come to: what is won, what open deals and deals not opened yet are to bring, and how likely the target is'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('org', 'key of the member of the organisation'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('product', 'key of the product'),
	('product_label', 'its name'),
	('product_path', 'keys from the root of the products down to it, separated by /'),
	('product_depth', 'levels above it: all products has 0'),
	('product_sort', 'to sort by: parents before children'),
	('grain', 'what period is: year, quarter, month, week, month_week or day'),
	('period', 'label of the period; those that are over are left out'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('today', 'the day up to which all is known: as the setting quota_decomp.as_of, the plan or the clock says'),
	('target', 'the committed number; NULL: none'),
	('required', 'the target and what closed periods carried over into this one'),
	('actual', 'what the metric says up to today; NULL: the metric does not add up'),
	('open_deals', 'deals that are open today, the same in every period'),
	('without_amount', 'those of them that have no amount of their own, see note'),
	('open_amount', 'the amounts of the deals that are open today; NULL: not known'),
	('from_open', 'what deals that are open today should bring in the period; NULL: not known, see note'),
	('new_deals', 'deals not opened yet that should be won in the period'),
	('from_new', 'what they should bring'),
	('expected', 'actual, from_open and from_new'),
	('low', 'the 10th percentile: nine times of ten it is more; as in feasibility'),
	('high', 'the 90th percentile: one time of ten it is more'),
	('probability', 'of reaching what is required, from 0 to 1; as in feasibility'),
	('coverage', 'open_amount by what is missing to what is required; NULL: nothing is missing, or nothing can come any more'),
	('back_tests', 'how many earlier forecasts of all deals, as far ahead as the end of the quarter that runs (of a plan without quarters, the month), have been answered'),
	('back_test_error', 'their mean absolute error: 0.1 is 10 %'),
	('back_test_bias', 'their mean error: above 0 they promised too much'),
	('note', 'what is not known, and what was taken for it; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_forecast() IS 'internal: the columns of the view forecast and their comments';

--
-- Funnel
--
CREATE FUNCTION quota_decomp._funnel_rows(plan_id int)
RETURNS TABLE (org text, org_label text, org_path text, org_level text, org_depth int, org_sort int, parent_org text,
			   cohort text, cohort_starts date, today date, step int, stage text, entered bigint, passed bigint, conversion numeric, lost bigint, waiting bigint, median_days numeric,
			   rates_from text, rate numeric, rate_days numeric, peers_conversion numeric, peers_days numeric, bottleneck boolean, lost_amount numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5000 COST 10000000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	-- how many deals must have left a stage for a rate to be taken
	enough CONSTANT int := 20;
	p quota_decomp.visible_plan;
	day date;
	pipeline text := quota_decomp._plan_pipeline(plan_id, false);
	history boolean := pipeline IS NOT NULL AND quota_decomp._pipeline_relation(pipeline, true) IS NOT NULL;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	day := quota_decomp._work_day(p.as_of, p.time_zone);
	RETURN QUERY
	WITH node AS MATERIALIZED (
		SELECT n.* FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.dimension = 'org'
	), closure AS MATERIALIZED (
		SELECT c.ancestor_id, c.node_id, c.distance FROM quota_decomp.visible_node_closure c JOIN node n ON n.node_id = c.ancestor_id WHERE c.plan_id = plan_id
	), flow AS MATERIALIZED (
		SELECT f.member, f.opened, date_trunc('month', f.opened::timestamp)::date AS month, f.step, f.steps, f.stage, f.days, f.outcome, f.won, f.amount,
			   f.outcome = 'waiting' OR coalesce(CASE WHEN f.outcome IS NULL THEN f.entered ELSE f.left_on END > day - 365, false) AS late
		FROM quota_decomp._full_flow(pipeline, day, p.time_zone) f WHERE pipeline IS NOT NULL AND f.opened IS NOT NULL
	), placed AS MATERIALIZED (
		-- a deal is of the node its member was under when it was opened
		SELECT f.month, f.step, f.stage, f.days, f.outcome, f.late, coalesce(k.node_id, (SELECT n.node_id FROM node n WHERE n.kind = 'unassigned' LIMIT 1)) AS node_id
		FROM flow f LEFT JOIN quota_decomp._keys(plan_id, 'org') AS k ON k.key = f.member AND k.valid_from <= f.opened AND k.valid_to > f.opened
	), tally AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, l.month, l.step, l.stage, count(*) AS entered, count(*) FILTER (WHERE l.outcome = 'passed') AS passed, count(*) FILTER (WHERE l.outcome = 'lost') AS lost,
			   count(*) FILTER (WHERE l.outcome = 'waiting') AS waiting, (percentile_cont(0.5) WITHIN GROUP (ORDER BY l.days) FILTER (WHERE l.outcome = 'passed'))::numeric AS days
		FROM placed l JOIN closure c ON c.node_id = l.node_id
		GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT c.ancestor_id, NULL, l.step, l.stage, count(*), count(*) FILTER (WHERE l.outcome = 'passed'), count(*) FILTER (WHERE l.outcome = 'lost'),
			   count(*) FILTER (WHERE l.outcome = 'waiting'), (percentile_cont(0.5) WITHIN GROUP (ORDER BY l.days) FILTER (WHERE l.outcome = 'passed'))::numeric
		FROM placed l JOIN closure c ON c.node_id = l.node_id WHERE l.late
		GROUP BY 1, 3, 4
	), basis AS MATERIALIZED (
		-- the nearest node at or above with enough cases; else the top
		SELECT DISTINCT ON (t.org_id, t.month, t.step) t.org_id, t.month, t.step, b.org_id AS basis_id, b.passed::numeric / nullif(b.passed + b.lost, 0) AS conversion, b.days
		FROM tally t JOIN closure c ON c.node_id = t.org_id JOIN tally b ON b.org_id = c.ancestor_id AND b.step = t.step AND b.month IS NOT DISTINCT FROM t.month
		ORDER BY t.org_id, t.month, t.step, b.passed + b.lost < enough, CASE WHEN b.passed + b.lost < enough THEN -c.distance ELSE c.distance END
	), everyone AS MATERIALIZED (
		SELECT f.month, f.step, count(*) FILTER (WHERE f.outcome = 'passed')::numeric / nullif(count(*) FILTER (WHERE f.outcome <> 'waiting'), 0) AS conversion,
			   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.outcome = 'passed'))::numeric AS days
		FROM flow f GROUP BY 1, 2
		UNION ALL
		SELECT NULL, f.step, count(*) FILTER (WHERE f.outcome = 'passed')::numeric / nullif(count(*) FILTER (WHERE f.outcome <> 'waiting'), 0),
			   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.outcome = 'passed'))::numeric
		FROM flow f WHERE f.late GROUP BY 2
	), worth AS MATERIALIZED (
		-- what a deal past this stage brings, at the rates of all
		SELECT e.step, (SELECT avg(f.amount) FROM flow f WHERE f.late AND f.won AND f.step = f.steps)
			   * coalesce((SELECT exp(sum(ln(u.conversion::float8))) FROM everyone u WHERE u.month IS NULL AND u.step > e.step AND u.conversion > 0), 1)::numeric AS amount
		FROM everyone e WHERE e.month IS NULL
	), before AS MATERIALIZED (
		-- the root has no peers: it is set against its own past
		SELECT b.step, b.earlier_conversion, b.earlier_days, b.lost_by_rate + b.lost_by_time AS amount, b.bottleneck, b.recent_cases >= enough AND b.earlier_cases >= enough AS judged
		FROM quota_decomp._bottleneck(pipeline, day, p.time_zone) b WHERE pipeline IS NOT NULL
	), unlinked AS MATERIALIZED (
		SELECT u.step, u.unlinked FROM quota_decomp._unlinked_rows(pipeline) u WHERE pipeline IS NOT NULL
	), loss AS (
		SELECT t.*, o.depth = 0 AS top, t.passed + t.lost >= enough AS many, b.basis_id, b.conversion AS rate, b.days AS rate_days,
			   CASE WHEN o.depth = 0 AND t.month IS NULL THEN y.earlier_conversion ELSE e.conversion END AS peers, CASE WHEN o.depth = 0 AND t.month IS NULL THEN y.earlier_days ELSE e.days END AS peers_days,
			   y.bottleneck AS top_bottleneck, y.judged,
			   -- days more hold back that many days' flow
			   CASE WHEN t.month IS NOT NULL THEN NULL WHEN o.depth = 0 THEN CASE WHEN y.judged THEN y.amount END
					WHEN t.passed + t.lost >= enough THEN round(greatest(0, (t.passed + t.lost) * e.conversion - t.passed) * w.amount + coalesce(greatest(0, t.passed / 365.0 * (t.days - e.days)), 0) * w.amount, 2) END AS amount
		FROM tally t
		JOIN node o ON o.node_id = t.org_id
		JOIN basis b ON b.org_id = t.org_id AND b.step = t.step AND b.month IS NOT DISTINCT FROM t.month
		JOIN everyone e ON e.step = t.step AND e.month IS NOT DISTINCT FROM t.month
		LEFT JOIN worth w ON w.step = t.step
		LEFT JOIN before y ON y.step = t.step
	)
	SELECT o.key, o.label, o.path, o.level, o.depth, o.sort_no, up.key, coalesce(to_char(l.month, 'YYYY-MM'), 'all'), l.month, day, l.step, l.stage, l.entered, CASE WHEN NOT x.ends THEN l.passed END,
		   round(l.passed::numeric / nullif(l.passed + l.lost, 0), 4), CASE WHEN NOT x.ends THEN l.lost END, CASE WHEN NOT x.ends THEN l.waiting END, l.days, CASE WHEN NOT x.ends THEN f.key END, round(l.rate, 4), l.rate_days, round(l.peers, 4), l.peers_days,
		   CASE WHEN l.month IS NOT NULL THEN NULL WHEN l.top THEN coalesce(l.top_bottleneck, false)
				ELSE coalesce(l.amount > 0 AND l.amount = max(l.amount) OVER (PARTITION BY l.org_id, l.month), false) END,
		   l.amount,
		   nullif(concat_ws('; ', CASE WHEN NOT history AND l.stage = 'open' THEN 'without stage history only won of opened is known' END,
			   CASE WHEN x.ends THEN 'the last step: nothing follows' WHEN l.basis_id <> l.org_id THEN format('fewer than %s have left this stage: rate and rate_days are those of %s', enough, f.key) WHEN NOT l.many THEN format('fewer than %s have left this stage', enough) END,
			   CASE WHEN l.top AND l.month IS NULL AND n.unlinked > 0 THEN format('rows that name what is not there: %s', n.unlinked) END,
			   CASE WHEN 2 * l.waiting > l.entered THEN 'most have not left this stage yet: the rate is that of the fast ones' END,
			   CASE WHEN l.month IS NULL AND l.top AND NOT x.ends THEN 'peers are the year before the last quarter' || CASE WHEN l.judged THEN '' ELSE ', too few to judge' END END), '')
	FROM loss l
	JOIN node o ON o.node_id = l.org_id
	JOIN node f ON f.node_id = l.basis_id
	CROSS JOIN LATERAL (SELECT l.passed + l.lost + l.waiting = 0 AS ends) AS x
	LEFT JOIN unlinked n ON n.step = l.stage
	LEFT JOIN node up ON up.node_id = o.parent_id
	UNION ALL
	SELECT n.key, n.label, n.path, n.level, n.depth, n.sort_no, NULL, 'all', NULL, day, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
		   CASE WHEN pipeline IS NULL THEN 'no pipeline is mapped for the plan' ELSE 'no deal is known yet' END
	FROM node n WHERE n.sort_no = (SELECT min(x.sort_no) FROM node x) AND NOT EXISTS (SELECT FROM tally);
END $$;
COMMENT ON FUNCTION quota_decomp._funnel_rows(int) IS 'internal: the rows of the view funnel, of a plan';

CREATE FUNCTION quota_decomp._view_funnel(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT p.plan, f.org, f.org_label, f.org_path, f.org_level, f.org_depth, f.org_sort, f.parent_org, f.cohort, f.cohort_starts, f.today, f.step, f.stage, f.entered, f.passed, f.conversion, '
	'f.lost, f.waiting, f.median_days, f.rates_from, f.rate, f.rate_days, f.peers_conversion, f.peers_days, f.bottleneck, f.lost_amount, f.note '
	'FROM quota_decomp.visible_plan p CROSS JOIN LATERAL quota_decomp._funnel_rows(p.plan_id) f'
$$;
COMMENT ON FUNCTION quota_decomp._view_funnel(name) IS 'internal: the SELECT of the view funnel';

CREATE FUNCTION quota_decomp._columns_funnel() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'how deals go through the stages, by member and month of opening: how many enter, pass and are lost, how long it takes, and which stage costs most'),
	('plan', 'name of the plan'),
	('org', 'key of the member of the organisation, the one its seller was when the deal was opened'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('cohort', 'the month the deals were opened in, or came in before the pipeline; all: what left the stage within the last year, and what is in it'),
	('cohort_starts', 'its first day; NULL: all'),
	('today', 'the day up to which all is known: as the setting quota_decomp.as_of, the plan or the clock says'),
	('step', 'number of the stage, from 1'),
	('stage', 'the stage, or the step before or after the pipeline; open: there is no history of stages; NULL: nothing is known, see note'),
	('entered', 'deals that have reached it, or passed it by; before the pipeline what has come in'),
	('passed', 'those that went on to a later stage or were won; NULL: nothing follows'),
	('conversion', 'passed by passed and lost; NULL: none has left it'),
	('lost', 'those that were lost in it; before and after the pipeline those given up, or in it for longer than nine of ten need'),
	('waiting', 'those that are in it still'),
	('median_days', 'the days it took those who passed, the median'),
	('rates_from', 'key of the member whose conversion and days rate and rate_days are: itself, or with fewer than 20 cases the nearest above that has as many'),
	('rate', 'the conversion to reckon with'),
	('rate_days', 'the days to reckon with'),
	('peers_conversion', 'the conversion of all in the same cohort; of the root in cohort all: its own in the year before the last quarter'),
	('peers_days', 'the median days likewise'),
	('bottleneck', 'it is the stage that costs the member most; NULL: not judged by month'),
	('lost_amount', 'what a lower conversion and more days than those of the peers cost: in a year, of the root in the last quarter; NULL: too few cases'),
	('note', 'what is not known, or where the rates come from; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_funnel() IS 'internal: the columns of the view funnel and their comments';
