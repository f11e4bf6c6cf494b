----------------------------------------------------------------------
-- The plan layer: deviation, where a gap comes from
--
-- One call for a plan and a period: conditions on these reach the call, all
-- others choose among its rows.  What was brought is read once, by member,
-- product and day, and added up here; of KPIs that do not add up (distinct
-- counts, balances) it is taken from attainment, and only the gap is shown.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._shown_amount(amount numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN abs(_shown_amount.amount) >= 1000 THEN to_char(round(_shown_amount.amount), 'FM999,999,999,999,999,999,999,999,999,990')
		   ELSE trim_scale(round(_shown_amount.amount, 4))::text END
$$;
COMMENT ON FUNCTION quota_decomp._shown_amount(numeric) IS 'internal: an amount as a sentence has it';

CREATE FUNCTION quota_decomp._shown_period(grain text, label text, starts date, fiscal_year int, fiscal_quarter int, language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN _shown_period.language <> 'zh' THEN _shown_period.label
		WHEN _shown_period.grain = 'year' THEN format('%s年', _shown_period.fiscal_year)
		WHEN _shown_period.grain = 'quarter' AND _shown_period.fiscal_quarter IS NOT NULL
			THEN format('%s年第%s季度', _shown_period.fiscal_year, ('{一,二,三,四}'::text[])[_shown_period.fiscal_quarter])
		WHEN _shown_period.grain = 'month' AND _shown_period.label ~ '^\d{4}-\d{2}$'
			THEN format('%s年%s月', left(_shown_period.label, 4), right(_shown_period.label, 2)::int)
		ELSE _shown_period.label END
$$;
COMMENT ON FUNCTION quota_decomp._shown_period(text, text, date, int, int, text) IS 'internal: a period as a sentence has it';

CREATE FUNCTION quota_decomp._deviation(plan_id int, period_id int, attainment regclass)
RETURNS TABLE (org text, org_label text, org_path text, org_level text, org_depth int, org_sort int, parent_org text,
			   due numeric, actual numeric, gap numeric, gap_rate numeric, place bigint, parent_gap numeric, parent_share numeric,
			   common numeric, market numeric, strategy numeric, individual numeric,
			   baseline numeric, price numeric, volume numeric, mix numeric, added numeric, lost numeric,
			   cause_1 text, cause_1_gap numeric, cause_2 text, cause_2_gap numeric, cause_3 text, cause_3_gap numeric, win_cause text, win_rate_before numeric, win_rate numeric,
			   win_outlier text, outlier_rate numeric, peers_rate numeric,
			   sentence_zh text, sentence_en text, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000 ROWS 500 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	q record;
	today date;
	to_day date;
	back interval;
	base_from date;
	base_to date;
	adds_up boolean;
	ratio boolean;
	quantities boolean;
	many_products boolean;
	leaf_periods int;
	digits int;
	pipeline text;
	-- whoever is compared with his peers is over a year, as months have few deals
	peers_from date;
	outside record;
	market_told boolean;
	stands jsonb := '{}';
BEGIN
	SELECT v.*, m.kind, m.direction, m.quantity_column, m.covers_from, coalesce(v.scale, 6) AS rate_digits INTO p
	FROM quota_decomp.visible_plan v JOIN quota_decomp.visible_metric m ON m.metric = v.metric WHERE v.plan_id = plan_id;
	SELECT v.* INTO q FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.period_id = period_id;
	SELECT g.today INTO today FROM quota_decomp.visible_progress g WHERE g.plan_id = plan_id AND g.period_id = period_id;
	IF p.plan_id IS NULL OR q.period_id IS NULL OR q.starts > today THEN
		RETURN;
	END IF;
	to_day := least(q.ends, today + 1);
	peers_from := least(q.starts, to_day - 365);
	ratio := p.rate_method IS NOT NULL;
	adds_up := p.kind = 'sum' AND NOT ratio;
	digits := greatest(scale(p.unit), 2);
	SELECT count(*) > 1 INTO many_products FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.dimension = 'product' AND n.leaf AND n.kind <> 'unassigned';
	SELECT count(*) INTO leaf_periods FROM quota_decomp.visible_period_closure c WHERE c.plan_id = plan_id AND c.ancestor_id = period_id;
	-- the same days of the plan's baseline
	back := age(p.starts, CASE WHEN p.baseline_from < p.starts THEN p.baseline_from ELSE (p.starts - interval '1 year')::date END);
	base_from := (q.starts - back)::date;
	base_to := (to_day - back)::date;
	quantities := adds_up AND p.quantity_column IS NOT NULL;
	market_told := adds_up AND p.market IS NOT NULL;
	IF adds_up THEN
		pipeline := quota_decomp._plan_pipeline(plan_id);
	END IF;
	SELECT m.kind, m.member_column, m.product_column INTO outside FROM quota_decomp.visible_metric m WHERE m.metric = p.market;
	IF p.kind NOT IN ('sum', 'ratio') THEN
		EXECUTE format('SELECT jsonb_object_agg(a.org_path, a.actual) FROM %s a WHERE a.plan = $1 AND a.grain = $2 AND a.period_starts = $3 AND a.product_depth = 0', attainment)
			INTO stands USING p.plan, q.grain, q.starts;
	END IF;

	RETURN QUERY
	WITH node AS MATERIALIZED (
		SELECT n.*, min(n.depth) OVER (PARTITION BY n.dimension) AS top_depth FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id
	), closure AS MATERIALIZED (
		SELECT c.ancestor_id, c.node_id, c.distance FROM quota_decomp.visible_node_closure c WHERE c.plan_id = plan_id
	), member AS MATERIALIZED (
		SELECT n.* FROM node n WHERE n.dimension = 'org' AND n.planned
	), top AS MATERIALIZED (
		-- the highest that the reader sees: for most the company
		SELECT DISTINCT ON (c.node_id) c.node_id, c.ancestor_id AS top_id, c.distance
		FROM closure c JOIN member a ON a.node_id = c.ancestor_id ORDER BY c.node_id, c.distance DESC
	), leaf_period AS MATERIALIZED (
		SELECT e.period_id, e.label, e.starts, e.ends, g.share_gone
		FROM quota_decomp.visible_period_closure c
		JOIN quota_decomp.visible_period e ON e.plan_id = c.plan_id AND e.period_id = c.period_id
		JOIN quota_decomp.visible_progress g ON g.plan_id = c.plan_id AND g.period_id = c.period_id
		WHERE c.plan_id = plan_id AND c.ancestor_id = period_id
	), target AS MATERIALIZED (
		SELECT t.org_id, t.product_id, t.period_id, t.amount * CASE WHEN ratio THEN t.volume ELSE 1 END * e.share_gone AS due, t.volume * e.share_gone AS volume
		FROM quota_decomp.visible_target t JOIN leaf_period e ON e.period_id = t.period_id
		WHERE t.plan_id = plan_id AND t.tier = 'target' AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
	), read AS MATERIALIZED (
		SELECT f.org_id, f.product_id, e.period_id, sum(f.value) AS value, sum(f.denominator) AS denominator, sum(f.quantity) AS quantity
		FROM quota_decomp._facts(plan_id, p.metric, q.starts, to_day, '{org,product,day}') f
		JOIN leaf_period e ON e.starts <= f.day AND e.ends > f.day
		WHERE p.kind IN ('sum', 'ratio')
		GROUP BY f.org_id, f.product_id, e.period_id
	), read_before AS MATERIALIZED (
		SELECT b.org_id, b.product_id, b.value, b.quantity FROM quota_decomp._facts(plan_id, p.metric, base_from, base_to, '{org,product}') b WHERE adds_up
	), blurred AS MATERIALIZED (
		-- who has a fact that is no number (NaN, or infinite: less itself it is not
		-- 0), or somebody below him; in the functions below it would be an error
		SELECT c.ancestor_id AS org_id, bool_or(s.now AND s.amount) AS now, bool_or(NOT s.now AND s.amount) AS before, bool_or(s.quantity) AS quantity
		FROM (SELECT f.org_id, true AS now, f.value - f.value <> 0 OR coalesce(f.denominator - f.denominator <> 0, false) AS amount, coalesce(f.quantity - f.quantity <> 0, false) AS quantity FROM read f
			  UNION ALL SELECT b.org_id, false, b.value - b.value <> 0, coalesce(b.quantity - b.quantity <> 0, false) FROM read_before b) AS s
		JOIN closure c ON c.node_id = s.org_id WHERE s.amount OR s.quantity GROUP BY c.ancestor_id
	), fact AS MATERIALIZED (
		SELECT f.org_id, f.product_id, f.period_id, CASE WHEN b.now THEN 0 ELSE f.value END AS value, CASE WHEN b.now AND f.denominator IS NOT NULL THEN 0 ELSE f.denominator END AS denominator,
			   CASE WHEN b.quantity AND f.quantity IS NOT NULL THEN 0 ELSE f.quantity END AS quantity
		FROM read f LEFT JOIN blurred b ON b.org_id = f.org_id
	), cell AS MATERIALIZED (
		-- what each member was to bring, and brought, of each product
		SELECT s.org_id, s.product_id, sum(s.due) AS due, sum(s.volume) AS volume, sum(s.value) AS value, sum(s.denominator) AS denominator, sum(s.quantity) AS quantity
		FROM (SELECT t.org_id, t.product_id, t.due, t.volume, NULL::numeric AS value, NULL::numeric AS denominator, NULL::numeric AS quantity FROM target t
			  UNION ALL
			  SELECT c.ancestor_id, f.product_id, NULL, NULL, f.value, f.denominator, f.quantity
			  FROM (SELECT x.org_id, x.product_id, sum(x.value) AS value, sum(x.denominator) AS denominator, sum(x.quantity) AS quantity FROM fact x GROUP BY x.org_id, x.product_id) AS f
			  JOIN closure c ON c.node_id = f.org_id) AS s
		GROUP BY s.org_id, s.product_id
	), standing AS MATERIALIZED (
		SELECT m.node_id, m.parent_id, s.targeted,
			   trim_scale(CASE WHEN ratio THEN round(s.due / nullif(s.volume, 0), p.rate_digits) ELSE round(s.due, greatest(scale(p.unit), 6)) END) AS due,
			   trim_scale(CASE WHEN p.kind NOT IN ('sum', 'ratio') THEN (stands ->> m.path)::numeric WHEN ratio THEN round(s.value / nullif(s.denominator, 0), greatest(p.rate_digits, 6))
				   ELSE coalesce(s.value, 0) END) AS actual
		FROM member m
		LEFT JOIN (SELECT c.org_id, sum(c.due) AS due, sum(c.volume) AS volume, sum(c.value) AS value, sum(c.denominator) AS denominator, count(c.due) > 0 AS targeted FROM cell c GROUP BY c.org_id) AS s
			ON s.org_id = m.node_id
	), gapped AS MATERIALIZED (
		SELECT s.node_id, s.parent_id, s.targeted, s.due, a.actual, trim_scale(a.actual - s.due) AS gap, k.blurred
		FROM standing s LEFT JOIN blurred b ON b.org_id = s.node_id
		CROSS JOIN LATERAL (SELECT coalesce(b.now OR s.actual - s.actual <> 0, false) AS blurred) AS k
		CROSS JOIN LATERAL (SELECT CASE WHEN NOT k.blurred THEN s.actual END AS actual) AS a
	), placed AS MATERIALIZED (
		SELECT g.*, u.gap AS parent_gap,
			   CASE WHEN g.gap IS NOT NULL THEN rank() OVER (PARTITION BY g.parent_id, g.gap IS NULL ORDER BY CASE p.direction WHEN 'lower' THEN - g.gap ELSE g.gap END) END AS place
		FROM gapped g LEFT JOIN gapped u ON u.node_id = g.parent_id
	), market_day AS MATERIALIZED (
		-- the market in the period and in the same days of the baseline, of all or
		-- of the units and products it is known for; its months are compared
		SELECT CASE WHEN outside.member_column IS NULL THEN r.org_id WHEN n.kind = 'self' THEN n.parent_id ELSE f.org_id END AS org_id,
			   CASE WHEN outside.product_column IS NULL OR p.product IS NULL THEN r.product_id ELSE f.product_id END AS product_id, f.now, f.day, f.value
		FROM (SELECT a.org_id, a.product_id, true AS now, a.day, a.value FROM quota_decomp._facts(plan_id, p.market, q.starts, to_day, '{org,product,day}') a WHERE market_told
			  UNION ALL
			  SELECT b.org_id, b.product_id, false, (b.day + back)::date, b.value FROM quota_decomp._facts(plan_id, p.market, base_from, base_to, '{org,product,day}') b WHERE market_told) AS f
		LEFT JOIN node n ON n.node_id = f.org_id
		CROSS JOIN (SELECT min(o.node_id) FILTER (WHERE o.dimension = 'org') AS org_id, min(o.node_id) FILTER (WHERE o.dimension = 'product') AS product_id
					FROM node o WHERE o.depth = o.top_depth AND o.kind <> 'unassigned') AS r
	), market AS MATERIALIZED (
		-- what the plan did not assume of its growth; NULL: one of the two lacks a
		-- month, or the last days of the other
		SELECT x.org_id, x.product_id,
			   CASE WHEN array_agg(x.month ORDER BY x.month) FILTER (WHERE x.now) = array_agg(x.month ORDER BY x.month) FILTER (WHERE NOT x.now)
					 AND abs(max(x.last_day) FILTER (WHERE x.now) - max(x.last_day) FILTER (WHERE NOT x.now)) <= 7
					AND sum(x.value) - sum(x.value) = 0
					THEN sum(x.value) FILTER (WHERE x.now) / nullif(sum(x.value) FILTER (WHERE NOT x.now), 0) - 1 - p.market_growth END AS growth
		FROM (SELECT d.org_id, d.product_id, d.now, date_trunc('month', d.day::timestamp) AS month, max(d.day) AS last_day,
					 CASE outside.kind WHEN 'last' THEN (array_agg(d.value ORDER BY d.day DESC))[1] ELSE sum(d.value) END AS value
			  FROM (SELECT e.org_id, e.product_id, e.now, e.day, sum(e.value) AS value FROM market_day e WHERE e.value IS NOT NULL GROUP BY 1, 2, 3, 4) AS d
			  GROUP BY 1, 2, 3, 4) AS x
		GROUP BY 1, 2
	), due_cell AS MATERIALIZED (
		SELECT t.org_id, t.product_id, sum(t.due) AS due FROM target t JOIN node n ON n.node_id = t.org_id AND n.leaf WHERE market_told GROUP BY 1, 2
	), near AS MATERIALIZED (
		-- the market of the nearest unit, and of it the nearest product, that has one
		SELECT DISTINCT ON (l.org_id, l.product_id) l.org_id, l.product_id, k.growth
		FROM due_cell l
		JOIN closure o ON o.node_id = l.org_id JOIN closure i ON i.node_id = l.product_id
		JOIN market k ON k.org_id = o.ancestor_id AND k.product_id = i.ancestor_id
		ORDER BY l.org_id, l.product_id, o.distance, i.distance
	), market_cell AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, l.product_id, l.due, l.due * k.growth AS effect, l.due <> 0 AND k.growth IS NULL AS unknown
		FROM due_cell l LEFT JOIN near k ON k.org_id = l.org_id AND k.product_id = l.product_id JOIN closure c ON c.node_id = l.org_id
	), known AS MATERIALIZED (
		SELECT market_told AND NOT coalesce(bool_or(c.unknown), true) AS market FROM market_cell c
	), market_rate AS MATERIALIZED (
		-- by product; and of all where the products are none
		SELECT c.org_id, CASE WHEN many_products THEN c.product_id END AS product_id, round(coalesce(sum(c.effect) / nullif(sum(c.due), 0), 0), 12) AS rate
		FROM market_cell c CROSS JOIN known k WHERE k.market GROUP BY 1, 2
	), segment AS MATERIALIZED (
		-- products; without any, what is next below the top
		SELECT c.org_id, c.product_id AS segment_id, coalesce(c.due, 0) AS due, coalesce(c.value, 0) AS actual, k.rate
		FROM cell c LEFT JOIN market_rate k ON k.org_id = c.org_id AND k.product_id = c.product_id WHERE adds_up AND many_products
		UNION ALL
		SELECT t.node_id, coalesce(r.node_id, t.node_id), coalesce(sum(c.due), 0), coalesce(sum(c.value), 0), min(k.rate)
		FROM top t JOIN cell c ON c.org_id = t.node_id LEFT JOIN market_rate k ON k.org_id = t.node_id
		LEFT JOIN (SELECT c2.node_id AS below_id, n.node_id FROM closure c2 JOIN node n ON n.node_id = c2.ancestor_id AND n.dimension = 'org') AS r
			ON r.below_id = t.node_id AND EXISTS (SELECT FROM closure d WHERE d.node_id = r.node_id AND d.ancestor_id = t.top_id AND d.distance = 1)
		WHERE adds_up AND NOT many_products AND t.node_id <> t.top_id GROUP BY 1, 2
	), whole AS MATERIALIZED (
		SELECT t.node_id AS top_id, s.segment_id, s.due, s.actual, s.rate FROM segment s JOIN top t ON t.node_id = s.org_id AND t.top_id = t.node_id WHERE many_products
		UNION ALL
		SELECT c.ancestor_id, s.org_id, coalesce(sum(s.due), 0), coalesce(sum(s.value), 0), min(k.rate)
		FROM cell s JOIN closure c ON c.node_id = s.org_id AND c.distance = 1 JOIN top t ON t.node_id = c.ancestor_id AND t.top_id = t.node_id LEFT JOIN market_rate k ON k.org_id = s.org_id
		WHERE adds_up AND NOT many_products GROUP BY 1, 2
	), share AS MATERIALIZED (
		SELECT x.org_id, x.own, quota_decomp.shift_share(x.actual, x.due, x.segment_id, CASE WHEN k.market THEN coalesce(x.rate, 0) END) OVER (PARTITION BY x.org_id) AS e
		FROM (SELECT s.org_id, true AS own, s.segment_id, s.actual, s.due, s.rate FROM segment s JOIN top t ON t.node_id = s.org_id
			  UNION ALL
			  SELECT t.node_id, false, w.segment_id, w.actual - coalesce(s.actual, 0), w.due - coalesce(s.due, 0),
					 round((w.due * w.rate - coalesce(s.due * s.rate, 0)) / nullif(w.due - coalesce(s.due, 0), 0), 12)
			  FROM top t JOIN member m ON m.node_id = t.node_id JOIN whole w ON w.top_id = t.top_id LEFT JOIN segment s ON s.org_id = t.node_id AND s.segment_id = w.segment_id
			  WHERE t.node_id <> t.top_id) AS x CROSS JOIN known k
	), effect AS MATERIALIZED (
		-- common is what is left of the gap, with the digits that the others lack
		SELECT s.org_id, round(sum((s.e).market), digits) AS market, round(sum((s.e).strategy), digits) AS strategy, round(sum((s.e).individual), digits) AS individual FROM share s WHERE s.own GROUP BY s.org_id
		HAVING NOT EXISTS (SELECT FROM top t WHERE t.node_id = s.org_id AND t.top_id = s.org_id)
		UNION ALL
		-- the company is what the others are compared with
		SELECT g.node_id, k.market, 0, 0
		FROM gapped g JOIN top t ON t.node_id = g.node_id AND t.top_id = g.node_id
		LEFT JOIN (SELECT c.org_id, round(sum(c.due * r.rate), digits) AS market
				   FROM cell c JOIN market_rate r ON r.org_id = c.org_id AND (r.product_id = c.product_id OR NOT many_products) GROUP BY c.org_id) AS k ON k.org_id = g.node_id
		WHERE adds_up
	), before AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, f.product_id, sum(CASE WHEN b.before THEN 0 ELSE f.value END) AS value, sum(CASE WHEN b.quantity AND f.quantity IS NOT NULL THEN 0 ELSE f.quantity END) AS quantity
		FROM read_before f LEFT JOIN blurred b ON b.org_id = f.org_id
		JOIN closure c ON c.node_id = f.org_id GROUP BY 1, 2
	), pvm AS MATERIALIZED (
		SELECT x.org_id, CASE WHEN bool_or(x.known) THEN sum(x.base) END AS base, sum((x.e).price) AS price, sum((x.e).volume) AS volume, sum((x.e).mix) AS mix, sum((x.e).added) AS added, sum((x.e).lost) AS lost
		FROM (SELECT y.org_id, y.base, y.known, CASE WHEN quantities THEN quota_decomp.price_volume_mix(y.quantity, y.value, y.base_quantity, y.base) OVER (PARTITION BY y.org_id) END AS e
			  FROM (SELECT coalesce(c.org_id, b.org_id) AS org_id, c.quantity, coalesce(c.value, 0) AS value, b.quantity AS base_quantity, coalesce(b.value, 0) AS base, b.org_id IS NOT NULL AS known
					FROM (SELECT k.* FROM cell k WHERE k.value IS NOT NULL) AS c FULL JOIN before b ON b.org_id = c.org_id AND b.product_id = c.product_id) AS y) AS x
		GROUP BY x.org_id
	), named AS MATERIALIZED (
		SELECT n.node_id, n.depth, CASE WHEN count(*) OVER (PARTITION BY n.dimension, n.label) > 1 AND n.label <> n.key THEN format('%s (%s)', n.label, n.key) ELSE n.label END AS name FROM node n
	), searched AS MATERIALIZED (
		-- the top, and what is next below it
		SELECT m.node_id, t.distance, (SELECT max(c.distance) FROM closure c WHERE c.ancestor_id = m.node_id) AS levels
		FROM member m JOIN top t ON t.node_id = m.node_id WHERE NOT m.leaf AND t.distance <= 1
	), leaf_cell AS MATERIALIZED (
		SELECT s.org_id, s.product_id, s.period_id, sum(s.due) AS due, sum(s.volume) AS volume, sum(s.value) AS value, sum(s.denominator) AS denominator
		FROM (SELECT t.org_id, t.product_id, t.period_id, t.due, t.volume, NULL::numeric AS value, NULL::numeric AS denominator FROM target t JOIN node n ON n.node_id = t.org_id AND n.leaf
			  UNION ALL SELECT f.org_id, f.product_id, f.period_id, NULL, NULL, f.value, f.denominator FROM fact f) AS s
		GROUP BY 1, 2, 3
	), state AS MATERIALIZED (
		SELECT s.node_id,
			   CASE WHEN adds_up THEN quota_decomp.root_cause(coalesce(l.value, 0), round(coalesce(l.due, 0), 6), VARIADIC d.dims) END AS sums,
			   CASE WHEN ratio THEN quota_decomp.root_cause_ratio(coalesce(l.value, 0), coalesce(l.denominator, 0), round(coalesce(l.due, 0), 6), round(coalesce(l.volume, 0), 6), VARIADIC d.dims) END AS ratios
		FROM searched s
		JOIN closure c ON c.ancestor_id = s.node_id
		JOIN leaf_cell l ON l.org_id = c.node_id
		JOIN named o ON o.node_id = l.org_id
		JOIN named i ON i.node_id = l.product_id
		JOIN leaf_period e ON e.period_id = l.period_id
		LEFT JOIN closure c1 ON c1.node_id = l.org_id AND c1.distance = c.distance - 1
		LEFT JOIN named o1 ON o1.node_id = c1.ancestor_id
		LEFT JOIN closure p1 ON p1.node_id = l.product_id AND p1.distance = i.depth - 1
		LEFT JOIN named i1 ON i1.node_id = p1.ancestor_id
		-- coarse where there is much: in small cells every deal is an exception
		CROSS JOIN LATERAL (SELECT ARRAY[coalesce(o1.name, o.name)] || CASE WHEN s.distance > 0 AND s.levels > 1 THEN ARRAY[o.name] END
			|| CASE WHEN many_products THEN ARRAY[coalesce(i1.name, i.name)] END || CASE WHEN leaf_periods > 1 THEN ARRAY[e.label] END AS dims) AS d
		GROUP BY s.node_id
	), cause AS MATERIALIZED (
		SELECT s.node_id, r.rank, r.deviation,
			   -- a member that is the only one there is has one name in several dimensions
			   CASE WHEN r.dimensions = '{}' THEN '(all)' ELSE (SELECT string_agg(v.name, ' × ' ORDER BY v.n) FROM (
					SELECT d.value AS name, min(d.key COLLATE "C") AS n FROM jsonb_each_text(r.dimensions) d GROUP BY d.value) AS v) END AS slice
		FROM state s CROSS JOIN LATERAL quota_decomp.root_causes(coalesce(s.sums, s.ratios)) r
		WHERE coalesce(s.sums, s.ratios) IS NOT NULL AND r.rank <= 3
	), deal AS MATERIALIZED (
		-- deals closed in the period, and in the year before it
		SELECT coalesce(s.node_id, k.node_id, (SELECT u.node_id FROM node u WHERE u.dimension = 'org' AND u.kind = 'unassigned')) AS org_id,
			   coalesce(i.node_id, (SELECT v.node_id FROM node v WHERE v.dimension = 'product' AND v.kind = CASE WHEN p.product IS NULL THEN 'root' ELSE 'unassigned' END)) AS product_id,
			   count(*) FILTER (WHERE d.closed >= q.starts AND d.won) AS won, count(*) FILTER (WHERE d.closed >= q.starts) AS closed,
			   count(*) FILTER (WHERE d.closed < q.starts AND d.won) AS won_before, count(*) FILTER (WHERE d.closed < q.starts) AS closed_before,
			   count(*) FILTER (WHERE d.closed >= peers_from AND d.won) AS won_year, count(*) FILTER (WHERE d.closed >= peers_from) AS closed_year
		FROM quota_decomp._deals(pipeline, today, p.time_zone, false) d
		LEFT JOIN quota_decomp.visible_node_key k ON k.plan_id = plan_id AND k.dimension = 'org' AND k.key = d.member AND k.valid_from <= d.closed AND k.valid_to > d.closed
		LEFT JOIN node s ON s.kind = 'self' AND s.parent_id = k.node_id
		LEFT JOIN quota_decomp.visible_node_key i ON i.plan_id = plan_id AND i.dimension = 'product' AND i.key = d.product AND i.valid_from <= d.closed AND i.valid_to > d.closed
		WHERE pipeline IS NOT NULL AND d.won IS NOT NULL AND d.closed >= q.starts - 365 AND d.closed < to_day
		GROUP BY 1, 2
	), rate_state AS MATERIALIZED (
		SELECT s.node_id, quota_decomp.root_cause_ratio(l.won, l.closed, l.won_before, l.closed_before, VARIADIC d.dims) AS state
		FROM searched s JOIN closure c ON c.ancestor_id = s.node_id JOIN deal l ON l.org_id = c.node_id
		JOIN named o ON o.node_id = l.org_id JOIN named i ON i.node_id = l.product_id
		LEFT JOIN closure c1 ON c1.node_id = l.org_id AND c1.distance = c.distance - 1 LEFT JOIN named o1 ON o1.node_id = c1.ancestor_id
		LEFT JOIN closure p1 ON p1.node_id = l.product_id AND p1.distance = i.depth - 1 LEFT JOIN named i1 ON i1.node_id = p1.ancestor_id
		CROSS JOIN LATERAL (SELECT ARRAY[coalesce(o1.name, o.name)] || CASE WHEN s.distance > 0 AND s.levels > 1 THEN ARRAY[o.name] END
			|| CASE WHEN many_products THEN ARRAY[coalesce(i1.name, i.name)] END AS dims) AS d
		GROUP BY s.node_id
	), rate_cause AS MATERIALIZED (
		SELECT s.node_id, round(r.expected, 4) AS was, round(r.actual, 4) AS is_now,
			   CASE WHEN r.dimensions = '{}' THEN '(all)' ELSE (SELECT string_agg(v.name, ' × ' ORDER BY v.n) FROM (
					SELECT d.value AS name, min(d.key COLLATE "C") AS n FROM jsonb_each_text(r.dimensions) d GROUP BY d.value) AS v) END AS slice
		FROM rate_state s CROSS JOIN LATERAL quota_decomp.root_causes(s.state) r WHERE r.rank = 1
	), peer_deal AS MATERIALIZED (
		-- of whoever sells below a searched member, by line of products
		SELECT s.node_id, l.org_id, coalesce(p1.ancestor_id, l.product_id) AS line_id, sum(l.won_year)::int AS won, sum(l.closed_year)::int AS closed
		FROM searched s JOIN closure c ON c.ancestor_id = s.node_id JOIN deal l ON l.org_id = c.node_id
		JOIN node o ON o.node_id = l.org_id AND o.leaf AND o.kind IN ('member', 'self') JOIN node i ON i.node_id = l.product_id
		LEFT JOIN closure p1 ON p1.node_id = l.product_id AND p1.distance = i.depth - 1
		WHERE l.closed_year > 0 GROUP BY 1, 2, 3
	), peer AS MATERIALIZED (
		-- what would he have won at the rates of all?  His own deals count in these:
		-- so the chances are a little too large, never too small
		SELECT x.node_id, x.org_id, sum(x.won) FILTER (WHERE g = 1) AS won, sum(x.closed) FILTER (WHERE g = 1) AS closed,
			   sum(x.closed * x.others) FILTER (WHERE g = 1) / sum(x.closed) FILTER (WHERE g = 1) AS others, quota_decomp.deal_outcome(1, x.rate) AS outcome
		FROM (SELECT d.node_id, d.org_id, d.won, d.closed, round(w.won::numeric / w.closed, 6) AS rate,
					 coalesce((w.won - d.won)::numeric / nullif(w.closed - d.closed, 0), w.won::numeric / w.closed) AS others
			  FROM peer_deal d JOIN (SELECT y.node_id, y.line_id, sum(y.won) AS won, sum(y.closed) AS closed FROM peer_deal y GROUP BY 1, 2) AS w ON w.node_id = d.node_id AND w.line_id = d.line_id) AS x
		CROSS JOIN LATERAL generate_series(1, x.closed) AS g
		GROUP BY 1, 2
	), outlier AS MATERIALIZED (
		-- the clearest, if one of as many as were looked at is by chance so far off
		-- in at most one case of twenty
		SELECT DISTINCT ON (y.node_id) y.node_id, n.name, round(y.won::numeric / y.closed, 4) AS own, round(y.others, 4) AS others
		FROM (SELECT e.node_id, e.org_id, e.won, e.closed, e.others, count(*) OVER (PARTITION BY e.node_id) AS tried,
					 least(1 - (quota_decomp.probability_at_least(e.outcome, e.won + 1)).value, (quota_decomp.probability_at_least(e.outcome, e.won)).value) AS chance
			  FROM peer e) AS y
		JOIN named n ON n.node_id = y.org_id
		WHERE 2 * y.chance * y.tried <= 0.05
		ORDER BY y.node_id, y.chance, n.name COLLATE "C"
	), told AS MATERIALIZED (
		SELECT g.*, g.gap - coalesce(e.market, 0) - e.strategy - e.individual AS common, e.market, e.strategy, e.individual, quantities AND h.org_id IS NULL AND NOT g.blurred AS counted, coalesce(h.before, false) AS blurred_before, g.blurred OR h.org_id IS NOT NULL AS unclear, c.slice_1, c.gap_1, c.slice_2, c.gap_2, c.slice_3, c.gap_3,
			   CASE WHEN p.direction = 'lower' THEN - g.gap ELSE g.gap END AS surplus
		FROM placed g
		-- where no gap is known, of a member or of all he is compared with, no part is
		LEFT JOIN effect e ON e.org_id = g.node_id AND g.gap IS NOT NULL
			AND g.node_id NOT IN (SELECT t.node_id FROM top t JOIN blurred b ON b.org_id = t.top_id AND b.now)
		LEFT JOIN blurred h ON h.org_id = g.node_id AND (h.before OR h.quantity)
		LEFT JOIN (SELECT x.node_id, max(x.slice) FILTER (WHERE x.rank = 1) AS slice_1, max(x.deviation) FILTER (WHERE x.rank = 1) AS gap_1,
						  max(x.slice) FILTER (WHERE x.rank = 2) AS slice_2, max(x.deviation) FILTER (WHERE x.rank = 2) AS gap_2,
						  max(x.slice) FILTER (WHERE x.rank = 3) AS slice_3, max(x.deviation) FILTER (WHERE x.rank = 3) AS gap_3
				   FROM cause x GROUP BY x.node_id) AS c ON c.node_id = g.node_id AND g.gap IS NOT NULL
	)
	SELECT m.key, m.label, m.path, m.level, m.depth, m.sort_no, u.key,
		   t.due, t.actual, t.gap, round(t.gap / nullif(abs(t.due), 0), 6), t.place, t.parent_gap, round(t.gap / nullif(t.parent_gap, 0), 6),
		   trim_scale(t.common), trim_scale(t.market), trim_scale(t.strategy), trim_scale(t.individual),
		   CASE WHEN NOT t.blurred_before THEN v.base END,
		   CASE WHEN t.counted THEN coalesce(v.price, 0) END, CASE WHEN t.counted THEN coalesce(v.volume, 0) END, CASE WHEN t.counted THEN coalesce(v.mix, 0) END,
		   CASE WHEN t.counted THEN coalesce(v.added, 0) END, CASE WHEN t.counted THEN coalesce(v.lost, 0) END,
		   t.slice_1, trim_scale(t.gap_1), t.slice_2, trim_scale(t.gap_2), t.slice_3, trim_scale(t.gap_3), z.slice, z.was, z.is_now, f.name, f.own, f.others,
		   m.label || quota_decomp._shown_period(q.grain, q.label, q.starts, q.fiscal_year, q.fiscal_quarter, 'zh')
			|| CASE WHEN to_day < q.ends THEN format('（截至%s）', to_char(today, 'YYYY-MM-DD')) ELSE '' END
			|| CASE WHEN t.due IS NULL THEN '没有目标' WHEN t.actual IS NULL THEN '没有实际值' WHEN t.gap = 0 THEN '与目标持平'
				ELSE CASE WHEN p.direction = 'lower' THEN CASE WHEN t.surplus < 0 THEN '高于应有值' ELSE '低于应有值' END WHEN t.surplus < 0 THEN '缺口' ELSE '超出' END
					|| quota_decomp._shown_amount(abs(t.gap)) || CASE WHEN t.due <> 0 THEN format('（%s%%）', round(100 * abs(t.gap) / abs(t.due), 1)) ELSE '' END
					|| coalesce(CASE WHEN sign(t.parent_gap) = sign(t.gap) AND abs(t.gap) <= abs(t.parent_gap) THEN format('，占上级%s的%s%%', CASE WHEN t.surplus < 0 THEN '缺口' ELSE '超出' END, round(100 * t.gap / t.parent_gap, 1)) END, '')
					|| coalesce('，主要来自' || w.zh, '') END || CASE WHEN t.gap * (z.is_now - z.was) > 0 THEN format('；%s赢单率由%s%%变为%s%%', CASE z.slice WHEN '(all)' THEN '整体' ELSE z.slice END, round(100 * z.was, 1), round(100 * z.is_now, 1)) ELSE '' END
			|| CASE WHEN t.gap * (f.own - f.others) > 0 THEN format('；%s一年内赢单率%s%%，其他人%s%%', f.name, round(100 * f.own, 1), round(100 * f.others, 1)) ELSE '' END || '。',
		   m.label || ', ' || q.label || CASE WHEN to_day < q.ends THEN format(' up to %s', to_char(today, 'YYYY-MM-DD')) ELSE '' END || ': '
			|| CASE WHEN t.due IS NULL THEN 'no target' WHEN t.actual IS NULL THEN 'nothing to compare with the target' WHEN t.gap = 0 THEN 'as planned'
				ELSE quota_decomp._shown_amount(abs(t.gap)) || CASE WHEN t.gap < 0 THEN ' below' ELSE ' above' END || ' what was due' || CASE WHEN t.due <> 0 THEN format(' (%s %%)', round(100 * abs(t.gap) / abs(t.due), 1)) ELSE '' END
					|| coalesce(CASE WHEN sign(t.parent_gap) = sign(t.gap) AND abs(t.gap) <= abs(t.parent_gap) THEN format(', %s %% of the gap above it', round(100 * t.gap / t.parent_gap, 1)) END, '')
					|| coalesce(', mainly from ' || w.en, '') END || CASE WHEN t.gap * (z.is_now - z.was) > 0 THEN format('; the win rate of %s went from %s to %s %%', CASE z.slice WHEN '(all)' THEN 'everything' ELSE z.slice END, round(100 * z.was, 1), round(100 * z.is_now, 1)) ELSE '' END
			|| CASE WHEN t.gap * (f.own - f.others) > 0 THEN format('; %s won %s %% within a year, the others %s %%', f.name, round(100 * f.own, 1), round(100 * f.others, 1)) ELSE '' END || '.',
		   nullif(concat_ws('; ', CASE WHEN t.due IS NULL THEN 'no target' END, CASE WHEN t.due = 0 THEN 'nothing was due: the gap has no percentage' END,
			   CASE WHEN ratio THEN 'a ratio: its gap is no sum of effects' WHEN NOT adds_up THEN 'a KPI that does not add up: no effects, no causes' END,
			   CASE WHEN t.unclear THEN quota_decomp._no_number('NaN') END,
			   CASE WHEN market_told AND t.market IS NULL AND t.gap IS NOT NULL THEN 'the market is not known for all of it up to today' END,
			   CASE WHEN adds_up AND v.base IS NULL AND NOT t.blurred_before THEN 'no history in the same days of the baseline' END), '')
	FROM told t JOIN member m ON m.node_id = t.node_id
	LEFT JOIN node u ON u.node_id = m.parent_id
	LEFT JOIN pvm v ON v.org_id = t.node_id
	LEFT JOIN rate_cause z ON z.node_id = t.node_id
	LEFT JOIN outlier f ON f.node_id = t.node_id
	LEFT JOIN LATERAL (
		-- the market where nothing explains more; a cause that goes the same way and
		-- is half of it at least; else the largest effect that goes the same way
		SELECT s.zh, s.en FROM (
			SELECT 0 AS o, 1 AS i, '市场 ' || quota_decomp._shown_amount(t.market) AS zh, 'the market ' || quota_decomp._shown_amount(t.market) AS en
			WHERE sign(t.market) = sign(t.gap)
			  AND t.market * sign(t.gap) >= greatest(t.common * sign(t.gap), t.strategy * sign(t.gap), t.individual * sign(t.gap), CASE WHEN t.slice_1 <> '(all)' THEN t.gap_1 * sign(t.gap) END)
			UNION ALL
			SELECT 1 AS o, y.n AS i, y.slice || ' ' || quota_decomp._shown_amount(y.gap) AS zh, y.slice || ' ' || quota_decomp._shown_amount(y.gap) AS en
			FROM (VALUES (1, t.slice_1, t.gap_1), (2, t.slice_2, t.gap_2), (3, t.slice_3, t.gap_3)) AS y(n, slice, gap) WHERE sign(y.gap) = sign(t.gap) AND 2 * abs(y.gap) >= abs(t.gap) AND y.slice <> '(all)'
			UNION ALL
			SELECT 2, 1, '整体下滑或上升，而非个别部分', 'everything alike rather than some part' WHERE t.slice_1 = '(all)'
			UNION ALL
			SELECT 3, (row_number() OVER (ORDER BY abs(y.gap) DESC))::int, y.zh || ' ' || quota_decomp._shown_amount(y.gap), y.en || ' ' || quota_decomp._shown_amount(y.gap)
			FROM (VALUES (t.common, '公司整体', 'the company as a whole'), (t.strategy, CASE WHEN many_products THEN '产品结构' ELSE '所在单位' END, CASE WHEN many_products THEN 'what it has to sell' ELSE 'the unit it is in' END),
						 (t.individual, '自身', 'its own doing')) AS y(gap, zh, en) WHERE sign(y.gap) = sign(t.gap) AND EXISTS (SELECT FROM top x WHERE x.node_id = t.node_id AND x.top_id <> x.node_id)) AS s
		ORDER BY s.o, s.i LIMIT 1) AS w ON true;
END $$;
COMMENT ON FUNCTION quota_decomp._deviation(int, int, regclass) IS 'internal: the gap of every planned member in a period that has begun, and where it comes from';

CREATE FUNCTION quota_decomp._view_deviation(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT format('SELECT p.plan, p.metric, d.org, d.org_label, d.org_path, d.org_level, d.org_depth, d.org_sort, d.parent_org, q.grain, q.label AS period, q.starts AS period_starts, '
	'q.ends AS period_ends, p.today, d.due AS due_to_date, d.actual, d.gap, d.gap_rate, d.place, d.parent_gap, d.parent_share, d.common, d.market, d.strategy, d.individual, '
	'd.baseline, d.price, d.volume, d.mix, d.added, d.lost, d.cause_1, d.cause_1_gap, d.cause_2, d.cause_2_gap, d.cause_3, d.cause_3_gap, d.win_cause, d.win_rate_before, d.win_rate, d.win_outlier, d.outlier_rate, d.peers_rate, d.sentence_zh, d.sentence_en, d.note '
	'FROM quota_decomp.visible_plan_day p JOIN quota_decomp.visible_period q ON q.plan_id = p.plan_id AND q.starts <= p.today '
	'CROSS JOIN LATERAL quota_decomp._deviation(p.plan_id, q.period_id, %L::regclass) d', format('%I.attainment', schema))
$$;
COMMENT ON FUNCTION quota_decomp._view_deviation(name) IS 'internal: the SELECT of the view deviation';

CREATE FUNCTION quota_decomp._columns_deviation() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'the gap of every member in every period that has begun, its part of the gap above, and where it comes from; read it for one plan and period at a time'),
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
	('due_to_date', 'what of the target was due by today'),
	('actual', 'what was brought by today; of a ratio, sum by sum'),
	('gap', 'actual less what was due'),
	('gap_rate', 'gap by what was due; NULL where nothing was'),
	('place', 'its place among those below the same parent: 1 has the largest shortfall'),
	('parent_gap', 'the gap of the member above it'),
	('parent_share', 'its part of that gap; below 0 it goes the other way, and parts can be above 1'),
	('common', 'of the gap: what it had if it had deviated as the company did; the effects common, market, strategy and individual sum to the gap'),
	('market', 'of the gap: what the market, as the plan''s metric of it says, did more or less than the plan assumed; NULL: none is mapped, or not known up to today, and then it is a part of common'),
	('strategy', 'of the gap: what the products it was to sell did more or less than the company; in a plan without products, the unit it is in'),
	('individual', 'of the gap: the rest, its own'),
	('baseline', 'what the same days of the plan''s baseline brought; NULL: nothing is recorded'),
	('price', 'of actual less baseline: by prices, where quantities are mapped; price, volume, mix, added and lost sum to it, a baseline of NULL being 0'),
	('volume', 'of it: by the quantity sold'),
	('mix', 'of it: by what was sold'),
	('added', 'of it: products that were not sold in the baseline'),
	('lost', 'of it: products that were not sold any more'),
	('cause_1', 'of the company and those next below it: the slice (members, products, periods) that explains most of the gap; (all): everything deviates alike; NULL: nothing stands out of the noise'),
	('cause_1_gap', 'the gap of that slice'),
	('cause_2', 'the second such slice'),
	('cause_2_gap', 'its gap'),
	('cause_3', 'the third such slice'),
	('cause_3_gap', 'its gap'),
	('win_cause', 'the slice whose win rate is most clearly not what it was in the year before; amounts are lumpy, and often only deals won of deals closed tell; NULL: none stands out, or no pipeline'),
	('win_rate_before', 'its deals won of deals closed in the 365 days before the period'),
	('win_rate', 'the same in the period'),
	('win_outlier', 'of the company and those next below it: who of all below it wins most clearly less, or more, than the others would with the same products; over the period, or the year up to its end; NULL: nobody stands out, or no pipeline'),
	('outlier_rate', 'his deals won of deals closed in that time'),
	('peers_rate', 'the same of the others, product by product as he sold'),
	('sentence_zh', 'the gap in a Chinese sentence'),
	('sentence_en', 'the gap in an English sentence'),
	('note', 'what cannot be known, and why; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_deviation() IS 'internal: the columns of the view deviation and their comments';
