----------------------------------------------------------------------
-- The pipeline: forecast, funnel, reverse funnel
--
-- Everything here reads a mapped pipeline with the rights of the caller, as
-- it was known on a day: nothing that happened later is used.  The method is
-- described in docs/forecast.md.  Probabilities are double precision, they
-- steer; amounts are numeric.  Parallel restricted: what is mapped may be a
-- temporary table.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._local_day(relation regclass, column_name name, alias text, zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	-- without a zone a moment is cut in that of the session
	SELECT quota_decomp._day_expression(quota_decomp._column(relation, 'at', column_name, 'day'), format('%s.%I', alias, column_name), coalesce(zone, current_setting('TimeZone')))
	WHERE column_name IS NOT NULL
$$;
COMMENT ON FUNCTION quota_decomp._local_day(regclass, name, text, text) IS 'internal: the day of a mapped column of an alias, as SQL; NULL where none is mapped';

CREATE FUNCTION quota_decomp._pipeline_relation(pipeline text, history boolean) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp.visible_pipeline;
BEGIN
	SELECT p.* INTO m FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
	IF m.pipeline IS NULL THEN
		PERFORM quota_decomp._no_such('pipeline', pipeline);
	ELSIF NOT history THEN
		RETURN quota_decomp._source(m.schema_name, m.relation_name);
	ELSIF m.history_relation IS NOT NULL THEN
		RETURN quota_decomp._source(m.history_schema, m.history_relation);
	END IF;
	RETURN NULL;
END $$;
COMMENT ON FUNCTION quota_decomp._pipeline_relation(text, boolean) IS 'internal: the relation a pipeline is mapped to, or that of its history, NULL where it has none';

CREATE FUNCTION quota_decomp._stage_spells(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (key text, stage text, entered date, left_on date)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp.visible_pipeline;
	relation regclass := quota_decomp._pipeline_relation(pipeline, true);
BEGIN
	IF relation IS NULL THEN
		RETURN;
	END IF;
	SELECT p.* INTO m FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
	-- two stages entered on one day: the order of the stages decides, what is
	-- no stage (won, lost) comes last
	RETURN QUERY EXECUTE format($q$
		SELECT s.key, s.stage, s.entered, lead(s.entered) OVER (PARTITION BY s.key ORDER BY s.entered, coalesce(array_position($2, s.stage), 10000), s.stage)
		FROM (SELECT h.%1$I::text AS key, h.%2$I::text AS stage, %3$s AS entered FROM %4$s h) AS s
		WHERE s.entered <= $1 AND s.key IS NOT NULL$q$,
		m.history_key_column, m.history_stage_column, quota_decomp._local_day(relation, m.history_entered_column, 'h', zone), relation)
		USING day, coalesce(m.stages, '{}');
END $$;
COMMENT ON FUNCTION quota_decomp._stage_spells(text, date, text) IS 'internal: when deals were in which stage, as known on a day; empty without a history';

CREATE FUNCTION quota_decomp._deals(pipeline text, day date, zone text DEFAULT NULL, staged boolean DEFAULT true)
RETURNS TABLE (key text, member text, product text, account text, stage text, entered date, opened date, closed date, won boolean, amount numeric, amount_source text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp.visible_pipeline;
	relation regclass := quota_decomp._pipeline_relation(pipeline, false);
	estimated boolean := false;
	up_to_date boolean;
	opened_expr text;
	closed_expr text;
	amount_expr text := 'NULL::numeric';
	list_expr text := 'NULL::numeric';
BEGIN
	SELECT p.* INTO m FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
	opened_expr := quota_decomp._local_day(relation, m.opened_column, 'd', zone);
	closed_expr := coalesce(quota_decomp._local_day(relation, m.closed_column, 'd', zone), 'NULL::date');
	IF m.list_price_column IS NOT NULL THEN
		list_expr := format('d.%I::numeric', m.list_price_column);
	END IF;
	IF m.amount_column IS NOT NULL THEN
		amount_expr := format('d.%I::numeric', m.amount_column);
		-- amounts that stand beside open deals are estimates and were known;
		-- where no open deal has one they are what a deal brought in the end
		EXECUTE format('SELECT EXISTS (SELECT FROM %s d WHERE d.%I <> 0 AND d.%I::text <> ALL ($1))', relation, m.amount_column, m.stage_column)
			INTO estimated USING m.won || m.lost;
	END IF;
	-- without a history the present stage is that of the day only if nothing
	-- has happened since
	IF m.history_relation IS NULL THEN
		EXECUTE format('SELECT NOT EXISTS (SELECT FROM %1$s d WHERE %2$s > $1) AND NOT EXISTS (SELECT FROM %1$s d WHERE %3$s > $1 AND d.%4$I::text = ANY ($2))',
			relation, opened_expr, closed_expr, m.stage_column) INTO up_to_date USING day, m.won || m.lost;
	END IF;
	RETURN QUERY EXECUTE format($q$
		WITH source AS MATERIALIZED (
			SELECT d.%1$I::text AS key, %2$s AS member, %3$s AS product, %4$s AS account, d.%5$I::text AS stage,
				   %6$s AS opened, %7$s AS closed, %8$s AS amount, %9$s AS list_price
			FROM %10$s d
		), known AS MATERIALIZED (
			-- a date of closing counts only beside a stage that is one
			SELECT s.key, s.member, s.product, s.account, s.opened, s.list_price, s.stage,
				   CASE WHEN s.stage = ANY ($2) AND NOT coalesce(s.closed > $1, false) THEN true
						WHEN s.stage = ANY ($3) AND NOT coalesce(s.closed > $1, false) THEN false END AS won,
				   s.closed, s.amount
			FROM source s
			WHERE s.opened <= $1 OR s.opened IS NULL
		), typical AS (
			SELECT avg(k.amount) AS amount FROM known k WHERE k.won
		)
		SELECT k.key, k.member, k.product, k.account,
			   CASE WHEN k.won IS NOT NULL THEN k.stage WHEN $6 THEN h.stage WHEN $5 THEN k.stage END,
			   CASE WHEN $6 AND k.won IS NULL THEN h.entered END,
			   k.opened, CASE WHEN k.won IS NOT NULL THEN k.closed END, k.won,
			   CASE WHEN k.won IS NOT NULL OR $4 AND k.amount IS NOT NULL THEN k.amount ELSE coalesce(k.list_price, t.amount) END,
			   CASE WHEN k.won IS NOT NULL OR $4 AND k.amount IS NOT NULL THEN CASE WHEN k.amount IS NOT NULL THEN 'amount' END
					WHEN k.list_price IS NOT NULL THEN 'list price' WHEN t.amount IS NOT NULL THEN 'mean won deal' END
		FROM known k CROSS JOIN typical t%11$s$q$,
		m.key_column,
		CASE WHEN m.member_column IS NULL THEN 'NULL::text' ELSE format('d.%I::text', m.member_column) END,
		CASE WHEN m.product_column IS NULL THEN 'NULL::text' ELSE format('d.%I::text', m.product_column) END,
		CASE WHEN m.account_column IS NULL THEN 'NULL::text' ELSE format('d.%I::text', m.account_column) END,
		m.stage_column, opened_expr, closed_expr, amount_expr, list_expr, relation,
		CASE WHEN m.history_relation IS NULL OR NOT staged THEN ' LEFT JOIN (SELECT NULL::text AS stage, NULL::date AS entered) AS h ON false'
		ELSE ' LEFT JOIN (SELECT s.key, s.stage, s.entered FROM quota_decomp._stage_spells($7, $1, $8) s WHERE s.left_on IS NULL) AS h ON h.key = k.key AND k.won IS NULL' END)
		USING day, m.won, m.lost, estimated, up_to_date, m.history_relation IS NOT NULL, pipeline, zone;
END $$;
COMMENT ON FUNCTION quota_decomp._deals(text, date, text, boolean) IS
'internal: the deals of a pipeline as they were known on a day; not staged: the stages of open deals are not looked up in the history, which takes as long again';

CREATE FUNCTION quota_decomp._outlook(pipeline text, day date, bounds date[], first_month int DEFAULT 1, zone text DEFAULT NULL, open_only boolean DEFAULT false)
RETURNS TABLE (kind text, key text, member text, product text, stage text, opened date, period int, deals float8, probability float8,
			   amount numeric, amount_source text, from_day date, to_day date,
			   forecast_open numeric, actual_open numeric, forecast_new numeric, actual_new numeric)
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
WITH spell AS MATERIALIZED (
	SELECT s.* FROM quota_decomp._stage_spells(_outlook.pipeline, _outlook.day, _outlook.zone) s
), deal AS MATERIALIZED (
	-- the history is read once
	SELECT d.key, d.member, d.product, coalesce(s.stage, d.stage) AS stage, d.opened, d.closed, d.won, d.amount, d.amount_source
	FROM quota_decomp._deals(_outlook.pipeline, _outlook.day, _outlook.zone, false) d LEFT JOIN spell s ON d.won IS NULL AND s.key = d.key AND s.left_on IS NULL
), fact AS MATERIALIZED (
	-- all that the curves need to know
	SELECT d.opened, CASE WHEN d.closed IS NOT NULL THEN greatest(d.closed, d.opened) END AS closed, d.won, count(*)::float8 AS n
	FROM deal d WHERE d.opened IS NOT NULL AND (d.won IS NULL OR d.closed IS NOT NULL)
	GROUP BY 1, 2, 3
), span AS (
	SELECT min(f.closed) AS first_closed,
		   (SELECT greatest(14, least(92, b.last - _outlook.day - 1)) FROM (SELECT max(u.b) AS last FROM unnest(_outlook.bounds) AS u(b)) AS b) AS days
	FROM fact f
), origin AS MATERIALIZED (
	-- the day itself, and the earlier days on which the same forecast could
	-- have been made and has been answered since
	SELECT o.i, o.d, s.days, greatest(s.first_closed, least(o.d - 181, w.closed)) AS since, s.first_closed
	FROM span s
	-- open deals are judged by the last three, see lesson
	CROSS JOIN generate_series(0, CASE WHEN _outlook.open_only THEN 3 ELSE 9 END) AS g(i)
	CROSS JOIN LATERAL (SELECT g.i, CASE g.i WHEN 0 THEN _outlook.day ELSE _outlook.day - s.days - 30 * (g.i - 1) END AS d) AS o
	-- half a year, or as long as it takes to see 50 deals won
	LEFT JOIN LATERAL (SELECT min(c.closed) AS closed FROM (
		SELECT f.closed, sum(f.n) OVER (ORDER BY f.closed DESC) - f.n AS later FROM fact f WHERE f.won AND f.closed <= o.d) AS c WHERE c.later < 50) AS w ON true
	WHERE o.i = 0 OR o.d - s.first_closed >= 28
), month AS MATERIALIZED (
	-- months, and which month of a quarter each is
	SELECT (row_number() OVER (ORDER BY m))::int AS no, m::date AS starts, (m + interval '1 month')::date - 1 AS last, (extract(month FROM m)::int - _outlook.first_month + 12) % 3 AS slot
	FROM (SELECT min(o.since) AS since FROM origin o) AS s,
		 generate_series(date_trunc('month', s.since::timestamp), (SELECT max(u.b) FROM unnest(_outlook.bounds) AS u(b))::timestamp, interval '1 month') AS m
), dated AS MATERIALIZED (
	-- the month of a day, to be looked up: a join by spans would try every month
	SELECT m.no, m.slot, m.starts + d AS day FROM month m, generate_series(0, m.last - m.starts) AS d
), exposed AS MATERIALIZED (
	-- each deal was at risk at each age from when we began to look to its end;
	-- an open one until the day
	SELECT o.i, greatest(f.opened, o.since) AS starts, CASE WHEN f.closed <= o.d THEN f.closed ELSE o.d END AS ends,
		   f.opened, CASE WHEN f.closed <= o.d THEN f.won END AS won, f.n
	FROM origin o JOIN fact f ON f.opened <= o.d AND coalesce(f.closed, o.d) >= o.since
), monthly AS MATERIALIZED (
	SELECT e.i, m.slot, greatest(e.starts, m.starts) - e.opened AS first_age, least(e.ends, m.last) - e.opened + 1 AS next_age, e.n
	FROM (SELECT x.i, x.starts, x.ends, x.opened, x.n, generate_series(a.no, z.no) AS no FROM exposed x JOIN dated a ON a.day = x.starts JOIN dated z ON z.day = x.ends) AS e
	JOIN month m ON m.no = e.no
), step AS (
	SELECT m.i, m.slot, m.first_age AS age, m.n, 0::float8 AS won, 0::float8 AS lost FROM monthly m
	UNION ALL
	SELECT m.i, m.slot, m.next_age, -m.n, 0, 0 FROM monthly m
	UNION ALL
	SELECT e.i, z.slot, e.ends - e.opened, 0, CASE WHEN e.won THEN e.n ELSE 0 END, CASE WHEN e.won THEN 0 ELSE e.n END
	FROM exposed e JOIN dated z ON z.day = e.ends WHERE e.won IS NOT NULL
), stepped AS (
	SELECT s.i, s.slot, s.age, sum(s.n) AS n, sum(s.won) AS won, sum(s.lost) AS lost FROM step s GROUP BY 1, 2, 3
), oldest AS (
	SELECT s.i, max(s.age) AS age FROM stepped s WHERE s.won > 0 GROUP BY s.i
), at_risk AS MATERIALIZED (
	SELECT g.i, g.slot, g.age, sum(coalesce(s.n, 0)) OVER (PARTITION BY g.i, g.slot ORDER BY g.age) AS n, coalesce(s.won, 0) AS won, coalesce(s.lost, 0) AS lost
	FROM (SELECT x.i, l.slot, a AS age FROM oldest x, generate_series(0, 2) AS l(slot), generate_series(0, x.age) AS a) AS g
	LEFT JOIN stepped s ON s.i = g.i AND s.slot = g.slot AND s.age = g.age
), plain AS (
	SELECT r.i, r.age, sum(r.won) / nullif(sum(r.n), 0) AS won, sum(r.lost) / nullif(sum(r.n), 0) AS lost FROM at_risk r GROUP BY 1, 2
), season AS MATERIALIZED (
	-- the months of a quarter are not alike: what happened in them by what the
	-- ages alone would say
	SELECT r.i, r.slot, (sum(r.won) + 10) / (sum(r.n * p.won) + 10) AS won, (sum(r.lost) + 10) / (sum(r.n * p.lost) + 10) AS lost
	FROM at_risk r JOIN plain p ON p.i = r.i AND p.age = r.age GROUP BY 1, 2
), daily AS MATERIALIZED (
	SELECT s.i, d.day, s.won, s.lost FROM season s JOIN dated d ON d.slot = s.slot
), hazard AS MATERIALIZED (
	SELECT r.i, r.age, coalesce(sum(r.won) / nullif(sum(r.n * s.won), 0), 0) AS won, coalesce(sum(r.lost) / nullif(sum(r.n * s.lost), 0), 0) AS lost
	FROM at_risk r JOIN season s ON s.i = r.i AND s.slot = r.slot GROUP BY 1, 2
), landmark AS MATERIALIZED (
	-- deals that were open at an origin, by age and stage, and what came of them
	SELECT o.i, o.d - d.opened AS age, coalesce(s.stage, '') AS stage, count(*)::float8 AS n,
		   ARRAY[count(*) FILTER (WHERE d.won AND d.closed <= o.d + o.days / 3), count(*) FILTER (WHERE d.won AND d.closed <= o.d + 2 * o.days / 3),
				 count(*) FILTER (WHERE d.won AND d.closed <= o.d + o.days)]::float8[] AS won,
		   sum(d.amount) FILTER (WHERE d.won AND d.closed <= o.d + o.days) AS won_amount,
		   sum(d.amount) AS amount
	FROM origin o
	JOIN deal d ON d.opened <= o.d AND (d.won IS NULL OR d.closed > o.d)
	LEFT JOIN (SELECT h.* FROM spell h WHERE h.left_on IS NULL OR h.left_on > (SELECT min(g.d) FROM origin g)) AS s
		ON s.key = d.key AND s.entered <= o.d AND (s.left_on > o.d OR s.left_on IS NULL)
	GROUP BY 1, 2, 3
), opening AS (
	-- deals opened a day, of late
	SELECT o.i, sum(f.n) / (o.d - s.since) AS a_day
	FROM origin o CROSS JOIN LATERAL (SELECT least(greatest(o.d - 91, o.first_closed - 1), o.d - 28) AS since) AS s
	JOIN fact f ON f.opened > s.since AND f.opened <= o.d
	GROUP BY o.i, o.d, s.since
), bound AS (
	SELECT 0 AS i, u.b - 1 AS last, u.period::int AS period,
		   coalesce(lag(u.b) OVER (ORDER BY u.period) - 1, _outlook.day) AS before
	FROM unnest(_outlook.bounds) WITH ORDINALITY AS u(b, period)
	UNION ALL
	-- the past is asked at a third, two thirds and the whole of the distance
	SELECT o.i, o.d + h * o.days / 3, h, o.d + (h - 1) * o.days / 3 FROM origin o, generate_series(1, 3) AS h WHERE o.i > 0
), start AS (
	SELECT l.i, o.d AS starts, l.age, false AS new, NULL::float8 AS n FROM landmark l JOIN origin o ON o.i = l.i JOIN oldest x ON x.i = l.i AND l.age < x.age GROUP BY 1, 2, 3
	UNION ALL
	SELECT o.i, u::date - 1, -1, true, p.a_day
	FROM origin o JOIN opening p ON p.i = o.i,
		 generate_series((o.d + 1)::timestamp, (SELECT max(b.last) FROM bound b WHERE b.i = o.i)::timestamp, interval '1 day') AS u
	WHERE NOT _outlook.open_only
), walk AS (
	-- day by day from where a deal stands
	SELECT s.i, s.starts, s.age, s.new, s.n, f.day AS on_day,
		   least(1, h.won * f.won) AS won, least(1, h.won * f.won) + least(1, h.lost * f.lost) AS ended
	FROM start s
	JOIN (SELECT b.i, max(b.last) AS last FROM bound b GROUP BY b.i) AS e ON e.i = s.i
	JOIN hazard h ON h.i = s.i AND h.age > s.age AND h.age <= s.age + (e.last - s.starts)
	JOIN daily f ON f.i = s.i AND f.day = s.starts + (h.age - s.age)
), walked AS (
	SELECT w.i, w.starts, w.age, w.new, w.n, w.on_day,
		   w.won * coalesce(exp(sum(ln(greatest(1 - w.ended, 1e-9))) OVER (
			   PARTITION BY w.i, w.new, w.starts, w.age ORDER BY w.on_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), 1) AS won
	FROM walk w
), chance AS MATERIALIZED (
	SELECT w.i, w.age, b.period, sum(w.won) AS p
	FROM walked w JOIN bound b ON b.i = w.i AND w.on_day > b.before AND w.on_day <= b.last WHERE NOT w.new
	GROUP BY 1, 2, 3
), newly AS MATERIALIZED (
	SELECT w.i, b.period, sum(w.won * w.n) AS won
	FROM walked w JOIN bound b ON b.i = w.i AND w.on_day > b.before AND w.on_day <= b.last WHERE w.new
	GROUP BY 1, 2
), trial AS MATERIALIZED (
	SELECT l.i, l.stage, l.age, c.period AS h, l.n, l.won[c.period] AS won, l.amount, least(1, sum(c.p) OVER (PARTITION BY l.i, l.stage, l.age ORDER BY c.period)) AS p
	FROM landmark l JOIN (SELECT x.i, x.age, h AS period, coalesce(y.p, 0) AS p FROM (SELECT DISTINCT c.i, c.age FROM chance c WHERE c.i > 0) AS x
		CROSS JOIN generate_series(1, 3) AS h LEFT JOIN chance y ON y.i = x.i AND y.age = x.age AND y.period = h) AS c ON c.i = l.i AND c.age = l.age
	WHERE l.i > 0
), lesson AS MATERIALIZED (
	-- which earlier forecasts had been answered when: the last three count
	SELECT l.i, l.j, 0.7 ^ l.place AS w
	FROM (SELECT a.i, b.i AS j, (row_number() OVER (PARTITION BY a.i ORDER BY b.i) - 1)::float8 AS place
		  FROM origin a JOIN origin b ON b.i > 0 AND b.d + b.days <= a.d) AS l
	WHERE l.place < 3
), evidence AS MATERIALIZED (
	SELECT l.i, t.stage, t.age, t.h, l.w * t.n AS n, l.w * t.won AS won, t.p FROM lesson l JOIN trial t ON t.i = l.j WHERE t.p > 0
), tally AS MATERIALIZED (
	-- in hundredths, for speed
	SELECT e.i, e.stage, e.h, sum(e.n * e.p) / sum(e.n) AS p, sum(e.n) AS n, sum(e.won) AS won FROM evidence e GROUP BY e.i, e.stage, e.h, floor(e.p * 100)
), overall AS MATERIALIZED (
	-- what is said of all open deals is stretched until the earlier forecasts
	-- would have been right
	WITH RECURSIVE fit AS (
		SELECT t.i, t.h, 0 AS round, 1::float8 AS odds, sum(t.won) + 20 AS won, array_agg(t.n) AS n, array_agg(t.p) AS p FROM tally t GROUP BY t.i, t.h
		UNION ALL
		SELECT f.i, f.h, f.round + 1, f.odds * f.won / (20 + (SELECT sum(t.n * f.odds * t.p / (1 + (greatest(f.odds, 1) - 1) * t.p)) FROM unnest(f.n, f.p) AS t(n, p))), f.won, f.n, f.p
		FROM fit f WHERE f.round < 12
	)
	SELECT f.i, f.h, f.odds FROM fit f WHERE f.round = 12
), by_stage AS MATERIALIZED (
	WITH RECURSIVE fit AS (
		SELECT t.i, t.stage, t.h, 0 AS round, o.odds,
			   -- what little evidence there is is filled up with the average
			   sum(t.won) + 20 * sum(t.n * o.odds * t.p / (1 + (greatest(o.odds, 1) - 1) * t.p)) / sum(t.n) AS won, 1 + 20 / sum(t.n) AS more,
			   array_agg(t.n) AS n, array_agg(t.p) AS p
		FROM tally t JOIN overall o ON o.i = t.i AND o.h = t.h GROUP BY t.i, t.stage, t.h, o.odds
		UNION ALL
		SELECT f.i, f.stage, f.h, f.round + 1,
			   f.odds * f.won / greatest(f.more * (SELECT sum(t.n * f.odds * t.p / (1 + (greatest(f.odds, 1) - 1) * t.p)) FROM unnest(f.n, f.p) AS t(n, p)), 1e-9), f.won, f.more, f.n, f.p
		FROM fit f WHERE f.round < 12
	)
	SELECT f.i, f.stage, f.h, f.odds FROM fit f WHERE f.round = 12
), fresh AS MATERIALIZED (
	SELECT o.i, coalesce(sum(d.n), 0) AS won, coalesce(sum(d.amount), 0) AS amount
	FROM origin o
	LEFT JOIN (SELECT d.opened, d.closed, count(*)::float8 AS n, sum(d.amount) AS amount FROM deal d WHERE d.won AND d.closed IS NOT NULL GROUP BY 1, 2) AS d
		   ON d.opened > o.d AND d.closed <= o.d + o.days
	WHERE o.i > 0 GROUP BY o.i
), new_ratio AS MATERIALIZED (
	SELECT l.i, (sum(l.w * f.won) + 20) / (sum(l.w * coalesce(n.won, 0)) + 20) AS ratio
	FROM lesson l JOIN fresh f ON f.i = l.j LEFT JOIN (SELECT n.i, sum(n.won) AS won FROM newly n GROUP BY n.i) AS n ON n.i = l.j GROUP BY l.i
), typical AS MATERIALIZED (
	SELECT o.i, avg(d.amount) AS amount FROM origin o JOIN deal d ON d.won AND d.closed BETWEEN o.since AND o.d GROUP BY o.i
), answered AS MATERIALIZED (
	SELECT o.i, o.d, o.days,
		   coalesce((SELECT sum(t.amount::float8 * coalesce(s.odds, v.odds, 1) * t.p / (1 + (greatest(coalesce(s.odds, v.odds, 1), 1) - 1) * t.p))
			FROM trial t LEFT JOIN overall v ON v.i = t.i AND v.h = 3 LEFT JOIN by_stage s ON s.i = t.i AND s.stage = t.stage AND s.h = 3 WHERE t.i = o.i AND t.h = 3), 0) AS forecast_open,
		   coalesce((SELECT sum(l.won_amount) FROM landmark l WHERE l.i = o.i), 0) AS actual_open,
		   coalesce((SELECT sum(n.won * coalesce(r.ratio, 1) * y.amount::float8) FROM newly n JOIN typical y ON y.i = n.i LEFT JOIN new_ratio r ON r.i = n.i WHERE n.i = o.i), 0) AS forecast_new,
		   (SELECT f.amount FROM fresh f WHERE f.i = o.i) AS actual_new
	FROM origin o WHERE o.i > 0
), shock AS (
	SELECT sqrt((coalesce(sum(a.miss ^ 2), 0) + 2 * 0.2 ^ 2) / (count(a.miss) + 2)) AS sd, count(a.miss) AS n
	FROM (SELECT ln(((a.actual_open + a.actual_new)::float8) / (a.forecast_open + a.forecast_new)) AS miss FROM answered a
		  WHERE a.actual_open + a.actual_new > 0 AND a.forecast_open + a.forecast_new > 0) AS a
), distance AS (
	-- between the three distances the stretch is interpolated
	SELECT b.period, x.h, least(3, x.h + 1) AS next, least(1, greatest(0, x.thirds - x.h)) AS part
	FROM bound b JOIN origin o ON o.i = 0
	CROSS JOIN LATERAL (SELECT t.thirds, least(3, greatest(1, floor(t.thirds)))::int AS h FROM (SELECT 3 * (b.last - o.d)::float8 / o.days AS thirds) AS t) AS x
	WHERE b.i = 0
), risen AS MATERIALIZED (
	-- the stretch is of what is won by the end of a period; a period is the
	-- difference of two ends
	SELECT z.age, z.stage, z.period, z.p - coalesce(lag(z.p) OVER (PARTITION BY z.age, z.stage ORDER BY z.period), 0) AS p
	FROM (SELECT y.age, y.stage, y.period, max(y.odds * y.p / (1 + (greatest(y.odds, 1) - 1) * y.p)) OVER (PARTITION BY y.age, y.stage ORDER BY y.period) AS p
		  FROM (SELECT l.age, l.stage, d.period,
					   exp((1 - d.part) * ln(coalesce(s.odds, v.odds, 1)) + d.part * ln(coalesce(t.odds, w.odds, 1))) AS odds,
					   least(1, sum(coalesce(c.p, 0)) OVER (PARTITION BY l.age, l.stage ORDER BY d.period)) AS p
				FROM landmark l CROSS JOIN distance d LEFT JOIN chance c ON c.i = 0 AND c.age = l.age AND c.period = d.period
				LEFT JOIN overall v ON v.i = 0 AND v.h = d.h LEFT JOIN by_stage s ON s.i = 0 AND s.stage = l.stage AND s.h = d.h
				LEFT JOIN overall w ON w.i = 0 AND w.h = d.next LEFT JOIN by_stage t ON t.i = 0 AND t.stage = l.stage AND t.h = d.next
				WHERE l.i = 0) AS y) AS z
), undated AS (
	-- deals without a date of opening: if such deals are closed at times, they
	-- have the average chance of the others; if none ever was, a date is set
	-- before that, and they count among those not opened yet
	SELECT r.period, CASE WHEN EXISTS (SELECT FROM deal d WHERE d.opened IS NULL AND d.won IS NOT NULL) THEN sum(l.n * r.p) / (SELECT sum(l.n) FROM landmark l WHERE l.i = 0) ELSE 0 END AS p
	FROM risen r JOIN landmark l ON l.i = 0 AND l.age = r.age AND l.stage = r.stage GROUP BY r.period
), share AS (
	SELECT s.member, s.product, s.n / sum(s.n) OVER () AS share, s.amount * y.amount / nullif(sum(s.n * s.amount) OVER () / sum(s.n) OVER (), 0) AS amount
	FROM (SELECT d.member, d.product, count(*) AS n, coalesce(min(v.amount), min(y.amount)) AS amount
		  FROM deal d CROSS JOIN origin o JOIN typical y ON y.i = 0
		  LEFT JOIN (SELECT w.product, avg(w.amount) AS amount FROM deal w JOIN origin q ON q.i = 0 AND w.closed BETWEEN q.since AND q.d WHERE w.won GROUP BY w.product HAVING count(w.amount) >= 5) AS v
				 ON v.product IS NOT DISTINCT FROM d.product
		  WHERE o.i = 0 AND d.opened > o.d - 91
		  GROUP BY d.member, d.product) AS s
	JOIN typical y ON y.i = 0
)
SELECT 'open', d.key, d.member, d.product, d.stage, d.opened, b.period, 1::float8,
	   -- where nothing was ever won, nothing is known
	   CASE WHEN NOT EXISTS (SELECT FROM oldest x WHERE x.i = 0) THEN NULL WHEN d.opened IS NULL THEN coalesce(u.p, 0) ELSE coalesce(r.p, 0) END, d.amount, d.amount_source, b.before + 1, b.last + 1,
	   NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric
FROM deal d
JOIN bound b ON b.i = 0
LEFT JOIN risen r ON r.age = _outlook.day - d.opened AND r.stage = CASE WHEN EXISTS (SELECT FROM spell) THEN coalesce(d.stage, '') ELSE '' END AND r.period = b.period
LEFT JOIN undated u ON d.opened IS NULL AND u.period = b.period
WHERE d.won IS NULL
UNION ALL
SELECT 'new', NULL, s.member, s.product, NULL, NULL, n.period, (p.a_day * (b.last - _outlook.day))::float8 * s.share::float8,
	   least(1, n.won * coalesce(r.ratio, 1) / nullif(p.a_day * (b.last - _outlook.day), 0)), s.amount, 'mean won deal', b.before + 1, b.last + 1,
	   NULL, NULL, NULL, NULL
FROM newly n JOIN bound b ON b.i = 0 AND b.period = n.period JOIN opening p ON p.i = 0 LEFT JOIN new_ratio r ON r.i = 0 CROSS JOIN share s
WHERE n.i = 0 AND NOT _outlook.open_only
UNION ALL
SELECT 'back-test', NULL, NULL, NULL, NULL, NULL, a.i, NULL, NULL, NULL, NULL, a.d + 1, a.d + a.days + 1,
	   round(a.forecast_open::numeric, 2), a.actual_open, round(a.forecast_new::numeric, 2), a.actual_new
FROM answered a WHERE NOT _outlook.open_only
UNION ALL
SELECT 'shock', NULL, NULL, NULL, NULL, NULL, NULL, s.n, s.sd, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM shock s WHERE NOT _outlook.open_only
$$;
COMMENT ON FUNCTION quota_decomp._outlook(text, date, date[], int, text, boolean) IS
'internal: what a pipeline will bring in the periods up to some bounds, deal by deal (open), by member and product (new), with the errors of earlier such forecasts (back-test) and their spread (shock); or only the open deals, which is faster';

CREATE FUNCTION quota_decomp._shocked(probability float8, shock float8) RETURNS numeric[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- symmetrical about the probability, so that the mean stays what it is
	SELECT array_agg(round((_shocked.probability * (1 + sign(z.z) * least(abs(z.z) * _shocked.shock, 1, (1 - _shocked.probability) / nullif(_shocked.probability, 0))))::numeric, 6) ORDER BY z.z)
	FROM unnest('{-2.857,-1.356,0,1.356,2.857}'::float8[]) AS z(z)
$$;
COMMENT ON FUNCTION quota_decomp._shocked(float8, float8) IS 'internal: a probability in five scenarios shared by all deals; their weights are 1 : 20 : 47 : 20 : 1';

CREATE FUNCTION quota_decomp._forecast(pipeline text, starts date, ends date, day date, target numeric DEFAULT NULL, first_month int DEFAULT 1, zone text DEFAULT NULL,
	OUT won numeric, OUT open_deals bigint, OUT undated bigint, OUT at_list_price bigint, OUT at_mean bigint, OUT from_open numeric, OUT new_deals numeric, OUT from_new numeric,
	OUT expected numeric, OUT low numeric, OUT high numeric, OUT probability numeric, OUT shock numeric, OUT back_tests int, OUT error numeric, OUT bias numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	ahead quota_decomp.distribution;
BEGIN
	IF starts IS NULL OR ends IS NULL OR day IS NULL OR NOT starts < ends OR NOT isfinite(starts) OR NOT isfinite(ends) OR NOT isfinite(day) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('a forecast needs a day and a period that begins before it ends: from %s to %s, on %s', coalesce(starts::text, 'NULL'), coalesce(ends::text, 'NULL'), coalesce(day::text, 'NULL')),
			HINT = 'The end is the day after the last.';
	END IF;
	SELECT coalesce(sum(d.amount), 0) INTO won FROM quota_decomp._deals(pipeline, day, zone) d WHERE d.won AND d.closed >= starts AND d.closed < ends;
	IF ends <= day + 1 THEN
		expected := won; low := won; high := won; probability := CASE WHEN target IS NOT NULL THEN (won >= target)::int END;
		from_open := 0; from_new := 0; new_deals := 0; back_tests := 0;
		RETURN;
	END IF;
	WITH o AS MATERIALIZED (
		SELECT l.* FROM quota_decomp._outlook(pipeline, day, CASE WHEN starts > day + 1 THEN ARRAY[starts, ends] ELSE ARRAY[ends] END, first_month, zone) l
	), s AS (
		SELECT l.probability AS sd FROM o l WHERE l.kind = 'shock'
	), b AS (
		SELECT count(*)::int AS n, avg(abs(x.miss)) AS mape, avg(x.miss) AS bias
		FROM (SELECT (l.forecast_open + l.forecast_new) / (l.actual_open + l.actual_new) - 1 AS miss FROM o l WHERE l.kind = 'back-test' AND l.actual_open + l.actual_new > 0) AS x
	), v AS (
		SELECT l.kind, l.opened, l.amount_source, l.amount, l.deals, round(l.probability::numeric, 6) AS p
		FROM o l WHERE l.kind IN ('open', 'new') AND l.to_day = ends
	), t AS (
		SELECT coalesce(count(*) FILTER (WHERE v.kind = 'open'), 0) AS open_deals,
			   count(*) FILTER (WHERE v.kind = 'open' AND v.opened IS NULL) AS undated,
			   count(*) FILTER (WHERE v.kind = 'open' AND v.amount_source = 'list price') AS at_list_price,
			   count(*) FILTER (WHERE v.kind = 'open' AND v.amount_source = 'mean won deal') AS at_mean,
			   -- what is not known is not 0
			   CASE WHEN NOT coalesce(bool_or(v.p IS NULL OR v.p > 0 AND v.amount IS NULL) FILTER (WHERE v.kind = 'open'), false) THEN coalesce(sum(v.p * v.amount) FILTER (WHERE v.kind = 'open'), 0) END AS from_open,
			   sum(v.p * v.deals::numeric) FILTER (WHERE v.kind = 'new') AS new_deals,
			   CASE WHEN NOT bool_or(v.p > 0 AND v.amount IS NULL) FILTER (WHERE v.kind = 'new') THEN sum(v.p * v.deals::numeric * v.amount) FILTER (WHERE v.kind = 'new') END AS from_new
		FROM v
	), u AS (
		-- deals not opened yet differ in their amounts only
		SELECT round(v.amount, 2) AS amount, 1 AS n, v.p::float8 AS p FROM v WHERE v.kind = 'open' AND v.p > 0 AND v.amount IS NOT NULL
		UNION ALL
		SELECT w.amount, w.n, w.won / w.n
		FROM (SELECT round(v.amount, 2) AS amount, greatest(1, ceil(sum(v.deals)))::int AS n, sum(v.p::float8 * v.deals) AS won FROM v WHERE v.kind = 'new' AND v.p > 0 AND v.amount IS NOT NULL GROUP BY 1) AS w
	), grid AS (
		-- many deals are put on a common step of 1, 2 or 5 by a power of ten,
		-- some 1/60000 of them all, which is ten times as fast; the chance makes
		-- up for what an amount loses or gains, so that the mean stays
		SELECT x.ten * CASE WHEN x.step <= x.ten THEN 1 WHEN x.step <= 2 * x.ten THEN 2 WHEN x.step <= 5 * x.ten THEN 5 ELSE 10 END AS step
		FROM (SELECT y.step, 10::numeric ^ floor(log(y.step)) AS ten FROM (SELECT sum(abs(u.amount) * u.n) / 60000 AS step FROM u HAVING sum(u.n) > 200 AND sum(abs(u.amount)) > 0) AS y) AS x
	), placed AS (
		SELECT a.amount, u.n, CASE WHEN u.p * u.amount::float8 <= a.amount::float8 AND a.amount > 0 THEN u.p * u.amount::float8 / a.amount::float8 ELSE u.p END AS p
		FROM u LEFT JOIN grid g ON true
		CROSS JOIN LATERAL (SELECT CASE WHEN g.step IS NULL OR u.amount <= 0 THEN u.amount ELSE greatest(1, round(u.amount / g.step)) * g.step END AS amount) AS a
	), e AS (
		SELECT quota_decomp.deal_outcome(q.amount, q.q, '{1,20,47,20,1}') AS ahead
		FROM (SELECT u.amount, u.n, quota_decomp._shocked(u.p, s.sd) AS q FROM placed u CROSS JOIN s OFFSET 0) AS q CROSS JOIN LATERAL generate_series(1, q.n) AS g
	)
	SELECT t.open_deals, t.undated, t.at_list_price, t.at_mean, round(t.from_open, 2), round(t.new_deals, 2), round(t.from_new, 2), round(s.sd::numeric, 4), b.n, round(b.mape, 4), round(b.bias, 4), e.ahead
	INTO open_deals, undated, at_list_price, at_mean, from_open, new_deals, from_new, shock, back_tests, error, bias, ahead
	FROM t CROSS JOIN s CROSS JOIN b CROSS JOIN e;
	expected := won + from_open + from_new;
	IF expected IS NULL THEN
		RETURN;
	END IF;
	SELECT won + coalesce(min(q.value), 0), won + coalesce(max(q.value), 0) INTO low, high
	FROM unnest('{0.1,0.9}'::numeric[]) AS p(p) CROSS JOIN LATERAL quota_decomp.percentile(ahead, p.p) AS q;
	IF target IS NOT NULL THEN
		probability := coalesce(round((quota_decomp.probability_at_least(ahead, target - won)).value, 4), (won >= target)::int);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._forecast(text, date, date, date, numeric, int, text) IS
'internal: what a period will bring as seen on a day: won so far, from open deals, from deals not opened yet, with the 10th and 90th percentile, the probability of a target, and the error of earlier such forecasts';

CREATE FUNCTION quota_decomp._win_curve(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (age int, at_risk bigint, won bigint, lost bigint, still_open numeric, won_by numeric, chance numeric)
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
WITH deal AS MATERIALIZED (
	SELECT d.opened, CASE WHEN d.closed IS NOT NULL THEN greatest(d.closed, d.opened) END AS closed, d.won
	FROM quota_decomp._deals(_win_curve.pipeline, _win_curve.day, _win_curve.zone) d WHERE d.opened IS NOT NULL AND (d.won IS NULL OR d.closed IS NOT NULL)
), since AS (
	SELECT greatest((SELECT min(d.closed) FROM deal d), least(_win_curve.day - 181,
		(SELECT min(w.closed) FROM (SELECT d.closed FROM deal d WHERE d.won ORDER BY d.closed DESC LIMIT 50) AS w))) AS d
), step AS (
	SELECT greatest(s.d - d.opened, 0) AS age, 1 AS n, 0 AS won, 0 AS lost FROM deal d CROSS JOIN since s WHERE coalesce(d.closed, _win_curve.day) >= s.d
	UNION ALL
	SELECT coalesce(d.closed, _win_curve.day) - d.opened + 1, -1, 0, 0 FROM deal d CROSS JOIN since s WHERE coalesce(d.closed, _win_curve.day) >= s.d
	UNION ALL
	SELECT d.closed - d.opened, 0, d.won::int, (NOT d.won)::int FROM deal d CROSS JOIN since s WHERE d.closed >= s.d
), grouped AS (
	SELECT s.age, sum(s.n) AS n, sum(s.won) AS won, sum(s.lost) AS lost FROM step s GROUP BY s.age
), risk AS (
	SELECT g.age, sum(g.n) OVER (ORDER BY g.age) AS n, g.won, g.lost FROM grouped g
), life AS (
	SELECT r.age, r.n, r.won, r.lost, exp(sum(ln(greatest(1 - (r.won + r.lost)::float8 / r.n, 1e-15))) OVER (ORDER BY r.age)) AS s
	FROM risk r WHERE r.won + r.lost > 0
), incidence AS (
	SELECT l.age, l.n, l.won, l.lost, l.s, sum(coalesce(lag, 1) * l.won / l.n) OVER (ORDER BY l.age) AS f
	FROM (SELECT l.*, lag(l.s) OVER (ORDER BY l.age) AS lag FROM life l) AS l
)
SELECT i.age, i.n::bigint, i.won::bigint, i.lost::bigint, round(i.s::numeric, 6), round(i.f::numeric, 6), CASE WHEN i.s > 1e-12 THEN round(((max(i.f) OVER () - i.f) / i.s)::numeric, 6) END
FROM incidence i ORDER BY i.age
$$;
COMMENT ON FUNCTION quota_decomp._win_curve(text, date, text) IS
'internal: at each age at which deals ended: how many were open then, won, lost; the share still open after and won by then, and the chance of those still open to be won at all';

CREATE FUNCTION quota_decomp._plan_pipeline(plan_id int, brings boolean DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	found text;
BEGIN
	-- of a plan for amounts, the one that brings them
	brings := coalesce(brings, (SELECT quota_decomp._brought_by_deals(l.metric) FROM quota_decomp.visible_plan l WHERE l.plan_id = plan_id));
	SELECT p.pipeline INTO found
	FROM quota_decomp.visible_pipeline p
	JOIN quota_decomp.visible_plan l ON l.plan_id = plan_id
	JOIN quota_decomp.visible_metric m ON m.metric = l.metric
	LEFT JOIN (SELECT d.pipeline, min(d.driver_no) AS driver_no FROM quota_decomp.visible_driver d WHERE d.plan_id = plan_id GROUP BY d.pipeline) AS d ON d.pipeline = p.pipeline
	CROSS JOIN LATERAL (
		SELECT CASE
			WHEN p.metric = l.metric THEN 1
			-- its won deals bring another KPI
			WHEN brings AND p.metric IS NOT NULL THEN NULL
			WHEN d.pipeline IS NOT NULL THEN 2
			WHEN (m.schema_name, m.relation_name) = (p.schema_name, p.relation_name) THEN 3
			-- the only one; which of several amounts it brings is not known
			WHEN (SELECT count(*) FROM quota_decomp.visible_pipeline) = 1
				 AND NOT (brings AND EXISTS (SELECT FROM quota_decomp.visible_metric o WHERE o.metric <> l.metric AND quota_decomp._brought_by_deals(o.metric)
						  -- a market is what everybody sells
						  AND NOT EXISTS (SELECT FROM quota_decomp.visible_plan q WHERE q.market = o.metric))) THEN 4
			END AS rank) AS r
	WHERE r.rank IS NOT NULL
	ORDER BY r.rank, d.driver_no, p.pipeline LIMIT 1;
	RETURN found;
END $$;
COMMENT ON FUNCTION quota_decomp._plan_pipeline(int, boolean) IS
'internal: the pipeline of a plan, or only one whose won deals bring what is planned: that mapped for its metric, of a driver, on its metric''s relation, or the only one; NULL: none, or which amount it brings is not known';

CREATE FUNCTION quota_decomp._brought_by_deals(metric text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.kind = 'sum' AND m.value_column IS NOT NULL AND m.direction = 'higher' FROM quota_decomp.visible_metric m WHERE m.metric = $1
$$;
COMMENT ON FUNCTION quota_decomp._brought_by_deals(text) IS 'internal: whether a metric is a sum of amounts, as deals may bring it';

CREATE FUNCTION quota_decomp._no_forecast(plan_id int) RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE
		WHEN NOT quota_decomp._brought_by_deals(p.metric) THEN format('%s is no amount that won deals bring: what is to come is not known', p.metric)
		WHEN quota_decomp._plan_pipeline($1) IS NOT NULL THEN NULL
		WHEN NOT EXISTS (SELECT FROM quota_decomp.visible_pipeline) THEN 'no pipeline is mapped: what is to come is not known'
		ELSE format('which pipeline''s won deals bring %1$s is not said: create_pipeline(..., metric => %1$L) says it, or a driver of the plan', p.metric) END
	FROM quota_decomp.visible_plan p WHERE p.plan_id = $1
$$;
COMMENT ON FUNCTION quota_decomp._no_forecast(int) IS 'internal: why there is no forecast for a plan; NULL: there is one';

CREATE FUNCTION quota_decomp._near_trials(plan_id int, day date, pipeline text, OUT ends date, OUT shock numeric, OUT tests int, OUT error numeric, OUT bias numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	-- tonight the next begins
	SELECT min(v.ends) INTO ends FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.grain = quota_decomp._steering_grain(plan_id) AND v.ends > day + 1;
	IF ends IS NULL OR pipeline IS NULL THEN
		RETURN;
	END IF;
	SELECT max(t.shock), count(t.miss)::int, round(avg(abs(t.miss)), 4), round(avg(t.miss), 4) INTO shock, tests, error, bias
	FROM (SELECT CASE WHEN o.kind = 'shock' THEN o.probability::numeric END AS shock, CASE WHEN o.kind = 'back-test' THEN (o.forecast_open + o.forecast_new) / nullif(greatest(o.actual_open + o.actual_new, 0), 0) - 1 END AS miss
		  FROM quota_decomp._outlook(pipeline, day, ARRAY[ends], p.first_month, p.time_zone) o WHERE o.kind IN ('back-test', 'shock')) AS t;
END $$;
COMMENT ON FUNCTION quota_decomp._near_trials(int, date, text) IS
'internal: how wrong forecasts were that looked as far ahead as the end of the quarter that runs (of a plan without quarters, the month)';

CREATE FUNCTION quota_decomp._forecast_cells(plan_id int, day date, pipeline text DEFAULT NULL, near_ends date DEFAULT NULL, near_shock numeric DEFAULT NULL)
RETURNS TABLE (org_id int, product_id int, period_id int, open_deals bigint, without_amount bigint, from_open numeric, new_deals numeric, from_new numeric, shock numeric, outcome quota_decomp.distribution)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
	bounds date[];
	first date;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	pipeline := coalesce(pipeline, quota_decomp._plan_pipeline(plan_id));
	SELECT array_agg(v.ends ORDER BY v.starts), min(v.starts) INTO bounds, first
	FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.leaf AND v.ends > day + 1;
	IF pipeline IS NULL OR bounds IS NULL THEN
		RETURN;
	END IF;
	IF first > day + 1 THEN
		bounds := first || bounds;
	END IF;
	IF near_ends IS NULL THEN
		SELECT t.ends, t.shock INTO near_ends, near_shock FROM quota_decomp._near_trials(plan_id, day, pipeline) t;
	END IF;
	RETURN QUERY
	WITH o AS MATERIALIZED (
		SELECT l.* FROM quota_decomp._outlook(pipeline, day, bounds, p.first_month, p.time_zone) l
	), known AS MATERIALIZED (
		SELECT k.dimension, k.key, k.node_id FROM quota_decomp.visible_node_key k WHERE k.plan_id = plan_id AND k.valid_from <= day AND k.valid_to > day
	), own AS (
		SELECT n.parent_id, n.node_id FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.kind = 'self'
	), stray AS (
		SELECT n.dimension, min(n.node_id) AS node_id FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.kind = 'unassigned' GROUP BY n.dimension
	), root AS (
		SELECT min(n.node_id) AS node_id FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.dimension = 'product' AND n.depth = (SELECT min(m.depth) FROM quota_decomp.visible_node m WHERE m.plan_id = plan_id AND m.dimension = 'product')
	), member AS MATERIALIZED (
		-- NULL is a key too here: that of what has none
		SELECT coalesce('=' || m.member, '') AS member, coalesce(s.node_id, k.node_id, u.node_id) AS node_id
		FROM (SELECT DISTINCT o.member FROM o WHERE o.kind IN ('open', 'new')) AS m
		LEFT JOIN known k ON k.dimension = 'org' AND k.key = m.member
		LEFT JOIN own s ON s.parent_id = k.node_id
		LEFT JOIN stray u ON u.dimension = 'org'
	), product AS MATERIALIZED (
		SELECT coalesce('=' || m.product, '') AS product, CASE WHEN p.product IS NULL THEN r.node_id ELSE coalesce(s.node_id, k.node_id, u.node_id) END AS node_id
		FROM (SELECT DISTINCT o.product FROM o WHERE o.kind IN ('open', 'new')) AS m
		CROSS JOIN root r
		LEFT JOIN known k ON k.dimension = 'product' AND k.key = m.product
		LEFT JOIN own s ON s.parent_id = k.node_id
		LEFT JOIN stray u ON u.dimension = 'product'
	), ahead AS MATERIALIZED (
		-- some weeks are forecast less well than a quarter: the shock of what is
		-- near is that of forecasts over as many days, if it is the larger
		SELECT e.period_id, e.ends, CASE WHEN e.ends <= near_ends THEN greatest(o.probability, near_shock::float8) ELSE o.probability END AS shock
		FROM quota_decomp.visible_period e JOIN o ON o.kind = 'shock' WHERE e.plan_id = plan_id AND e.leaf AND e.ends > day + 1
	), v AS MATERIALIZED (
		SELECT m.node_id AS org_id, g.node_id AS product_id, e.period_id, e.shock, o.kind, o.amount_source, round(o.amount, 2) AS amount, o.deals, round(o.probability::numeric, 6) AS p,
			   CASE o.kind WHEN 'open' THEN 1 ELSE greatest(1, ceil(o.deals))::int END AS n
		FROM o
		JOIN ahead e ON e.ends = o.to_day
		JOIN member m ON m.member = coalesce('=' || o.member, '') AND m.node_id IS NOT NULL
		JOIN product g ON g.product = coalesce('=' || o.product, '') AND g.node_id IS NOT NULL
		WHERE o.kind IN ('open', 'new')
	), w AS MATERIALIZED (
		SELECT v.*, CASE WHEN v.p > 0 AND v.amount IS NOT NULL THEN quota_decomp._shocked(CASE v.kind WHEN 'open' THEN v.p::float8 ELSE v.p::float8 * v.deals / v.n END, v.shock) END AS q
		FROM v
	)
	SELECT w.org_id, w.product_id, w.period_id, count(*) FILTER (WHERE g = 1 AND w.kind = 'open'),
		   count(*) FILTER (WHERE g = 1 AND w.kind = 'open' AND w.amount_source IS DISTINCT FROM 'amount'),
		   CASE WHEN NOT coalesce(bool_or(w.p IS NULL OR w.p > 0 AND w.amount IS NULL) FILTER (WHERE w.kind = 'open'), false) THEN round(coalesce(sum(w.p * w.amount) FILTER (WHERE g = 1 AND w.kind = 'open'), 0), 2) END,
		   round(coalesce(sum(w.p * w.deals::numeric) FILTER (WHERE g = 1 AND w.kind = 'new'), 0), 4),
		   CASE WHEN NOT coalesce(bool_or(w.p > 0 AND w.amount IS NULL) FILTER (WHERE w.kind = 'new'), false) THEN round(coalesce(sum(w.p * w.deals::numeric * w.amount) FILTER (WHERE g = 1 AND w.kind = 'new'), 0), 2) END,
		   round(min(w.shock)::numeric, 4),
		   quota_decomp.deal_outcome(w.amount, w.q, '{1,20,47,20,1}') FILTER (WHERE w.q IS NOT NULL)
	FROM w CROSS JOIN LATERAL generate_series(1, w.n) AS g
	GROUP BY 1, 2, 3;
END $$;
COMMENT ON FUNCTION quota_decomp._forecast_cells(int, date, text, date, numeric) IS
'internal: what each leaf of the organisation is to bring of each product in each period from the current one on: from open deals, from deals not opened yet, and the distribution of both; those of a node are merged with deal_outcome(outcome)';

CREATE FUNCTION quota_decomp._forecast_sums(plan_id int, day date, pipeline text, products boolean, near_ends date DEFAULT NULL, near_shock numeric DEFAULT NULL)
RETURNS TABLE (org_id int, product_id int, period_id int, from_open numeric, new_deals numeric, from_new numeric, outcome quota_decomp.distribution)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 30000 SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
BEGIN
	RETURN QUERY
	WITH node AS MATERIALIZED (
		SELECT n.node_id FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND (n.dimension = 'org' OR products OR n.kind = 'root')
	), above AS MATERIALIZED (
		-- who sees a part sees no sum of a node above it
		SELECT c.node_id, c.ancestor_id FROM quota_decomp.visible_node_closure c JOIN node n ON n.node_id = c.ancestor_id WHERE c.plan_id = plan_id
	), by_period AS (
		-- what is not known of a part is not known of the whole
		SELECT f.org_id, f.product_id, s.ancestor_id AS period_id, CASE WHEN bool_and(f.from_open IS NOT NULL) THEN sum(f.from_open) END AS from_open, sum(f.new_deals) AS new_deals,
			   CASE WHEN bool_and(f.from_new IS NOT NULL) THEN sum(f.from_new) END AS from_new, quota_decomp.deal_outcome(f.outcome) AS outcome
		FROM quota_decomp._forecast_cells(plan_id, day, pipeline, near_ends, near_shock) f
		JOIN quota_decomp.visible_period_closure s ON s.plan_id = plan_id AND s.period_id = f.period_id GROUP BY 1, 2, 3
	), by_product AS (
		SELECT q.org_id, g.ancestor_id AS product_id, q.period_id, CASE WHEN bool_and(q.from_open IS NOT NULL) THEN sum(q.from_open) END AS from_open, sum(q.new_deals) AS new_deals,
			   CASE WHEN bool_and(q.from_new IS NOT NULL) THEN sum(q.from_new) END AS from_new, quota_decomp.deal_outcome(q.outcome) AS outcome
		FROM by_period q JOIN above g ON g.node_id = q.product_id GROUP BY 1, 2, 3
	), sum AS (
		SELECT o.ancestor_id AS org_id, q.product_id, q.period_id, CASE WHEN bool_and(q.from_open IS NOT NULL) THEN sum(q.from_open) END AS from_open, sum(q.new_deals) AS new_deals,
			   CASE WHEN bool_and(q.from_new IS NOT NULL) THEN sum(q.from_new) END AS from_new, quota_decomp.deal_outcome(q.outcome) AS outcome
		FROM by_product q JOIN above o ON o.node_id = q.org_id GROUP BY 1, 2, 3
	)
	SELECT s.org_id, s.product_id, s.period_id, s.from_open, s.new_deals, s.from_new, CASE WHEN s.from_open IS NOT NULL AND s.from_new IS NOT NULL THEN coalesce(s.outcome, '{}') END
	FROM sum s;
END $$;
COMMENT ON FUNCTION quota_decomp._forecast_sums(int, date, text, boolean, date, numeric) IS
'internal: _forecast_cells added up over the organisation, the periods and the products, or all products only; outcome is NULL where something is not known';

CREATE FUNCTION quota_decomp._on_grid(outcome quota_decomp.distribution) RETURNS quota_decomp.distribution
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- {weights: amount@chance|chance*count, ...}
	written CONSTANT text := btrim(outcome::text, '{}');
	gridded quota_decomp.distribution;
BEGIN
	-- few deals have few sums, and so have deals of few amounts: twelve, or 4096
	IF outcome IS NULL OR written NOT LIKE '%*%' AND length(written) - length(replace(written, '@', '')) <= 12
	   OR (SELECT coalesce(sum(ln(a.n + 1)), 0) FROM (
			SELECT sum(coalesce(nullif(split_part(x.deal, '*', 2), ''), '1')::int) AS n
			FROM unnest(string_to_array(split_part(written, ': ', 2), ', ')) AS x(deal) GROUP BY split_part(x.deal, '@', 1)) AS a) <= ln(4096.0) THEN
		RETURN outcome;
	END IF;
	SELECT quota_decomp.deal_outcome(p.amount, p.chances, '{1,20,47,20,1}') INTO gridded
	FROM (SELECT r.amount, ARRAY[round(d.c[1] * x.f, 6), round(d.c[2] * x.f, 6), round(d.c[3] * x.f, 6), round(d.c[4] * x.f, 6), round(d.c[5] * x.f, 6)] AS chances, d.n
		  FROM (SELECT i.amount, i.c, i.n,
					   -- a step of a tenth of the mean deal, but 2000 steps at least and 20000 at most
					   greatest(round(sum(abs(i.amount) * i.n) OVER () / least(greatest(sum(i.n) OVER () * 10, 2000), 20000), 2), 0.01) AS step
				FROM (SELECT split_part(x.deal, '@', 1)::numeric AS amount, string_to_array(split_part(split_part(x.deal, '@', 2), '*', 1), '|')::numeric[] AS c,
							 coalesce(nullif(split_part(x.deal, '*', 2), ''), '1')::int AS n
					  FROM unnest(string_to_array(split_part(written, ': ', 2), ', ')) AS x(deal) OFFSET 0) AS i
				WHERE i.amount <> 0) AS d
		  CROSS JOIN LATERAL (SELECT greatest(1, round(abs(d.amount) / d.step)) * d.step AS near) AS s
		  -- to the nearest step, or to the next where the chance, which makes up for
		  -- the difference, would be above 1 in the best of the five scenarios: the mean stays
		  CROSS JOIN LATERAL (SELECT sign(d.amount) * CASE WHEN abs(d.amount) * greatest(d.c[1], d.c[5]) <= s.near THEN s.near ELSE ceil(abs(d.amount) / d.step) * d.step END AS amount) AS r
		  CROSS JOIN LATERAL (SELECT d.amount / r.amount AS f) AS x
		  OFFSET 0) AS p
	CROSS JOIN LATERAL generate_series(1, p.n) AS g;
	RETURN gridded;
END $$;
COMMENT ON FUNCTION quota_decomp._on_grid(quota_decomp.distribution) IS 'internal: the distribution of a forecast with its amounts on a common step, so that many deals take no longer than few; where there are few sums, itself';

-- The two functions by which forecast and feasibility say what may come: one
-- rule for both.  The views call them in their lists of columns, where they are
-- not computed for rows and columns that nobody asks for.
CREATE FUNCTION quota_decomp._to_come(outcome quota_decomp.distribution, p numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN (quota_decomp.percentile(quota_decomp._on_grid($1), $2)).value;
END $$;
COMMENT ON FUNCTION quota_decomp._to_come(quota_decomp.distribution, numeric) IS 'internal: a percentile of what is to come; NULL: not known';

CREATE FUNCTION quota_decomp._chance(outcome quota_decomp.distribution, need numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 100000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	-- what has been reached is reached; of facts that are no numbers that is not known
	RETURN CASE WHEN $2 - $2 <> 0 THEN NULL WHEN $2 <= 0 THEN 1 ELSE round((quota_decomp.probability_at_least(quota_decomp._on_grid($1), $2)).value, 4) END;
END $$;
COMMENT ON FUNCTION quota_decomp._chance(quota_decomp.distribution, numeric) IS 'internal: how likely what is still needed will come; NULL: not known';

CREATE FUNCTION quota_decomp._stage_flow(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (key text, member text, product text, opened date, step int, steps int, stage text, entered date, left_on date, days int, outcome text, won boolean, closed date, amount numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp.visible_pipeline;
	names text[];
BEGIN
	PERFORM quota_decomp._pipeline_relation(pipeline, false);
	SELECT p.* INTO m FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
	-- the stages in the order given, else in the order deals go through them
	names := coalesce(m.stages, (SELECT array_agg(r.stage ORDER BY r.place, r.stage) FROM (
		SELECT s.stage, avg(s.place) AS place FROM (SELECT s.stage, row_number() OVER (PARTITION BY s.key ORDER BY s.entered) AS place FROM quota_decomp._stage_spells(pipeline, day, zone) s) AS s
		WHERE s.stage <> ALL (m.won || m.lost) GROUP BY s.stage) AS r), '{}');
	IF m.history_relation IS NULL OR names = '{}' THEN
		-- all that is known of a deal without a history: opened, won, lost
		RETURN QUERY SELECT d.key, d.member, d.product, d.opened, 1, 1, 'open'::text, d.opened, d.closed, CASE WHEN d.closed >= d.opened THEN d.closed - d.opened WHEN d.closed < d.opened THEN 0 END,
			CASE WHEN d.won THEN 'passed' WHEN NOT d.won THEN 'lost' ELSE 'waiting' END, d.won, d.closed, d.amount
		FROM quota_decomp._deals(pipeline, day, zone) d;
		RETURN;
	END IF;
	RETURN QUERY
	WITH deal AS MATERIALIZED (
		SELECT d.* FROM quota_decomp._deals(pipeline, day, zone) d
	), reached AS MATERIALIZED (
		SELECT s.key, n.step::int AS step, min(s.entered) AS entered
		FROM quota_decomp._stage_spells(pipeline, day, zone) s JOIN unnest(names) WITH ORDINALITY AS n(stage, step) ON n.stage = s.stage
		GROUP BY s.key, n.step
	), furthest AS (
		SELECT r.key, max(r.step) AS step FROM reached r GROUP BY r.key
	), passage AS (
		-- a stage that was skipped was entered and passed, in no known time
		SELECT d.*, n.step::int AS step, n.stage AS name, r.entered AS at, CASE WHEN d.won THEN cardinality(names) + 1 ELSE coalesce(f.step, 1) END AS last
		FROM deal d LEFT JOIN furthest f ON f.key = d.key
		CROSS JOIN unnest(names) WITH ORDINALITY AS n(stage, step)
		LEFT JOIN reached r ON r.key = d.key AND r.step = n.step
		WHERE n.step <= CASE WHEN d.won THEN cardinality(names) ELSE coalesce(f.step, 1) END
	)
	SELECT p.key, p.member, p.product, p.opened, p.step, cardinality(names), p.name, p.at, x.left_on, CASE WHEN x.left_on >= p.at THEN x.left_on - p.at WHEN x.left_on < p.at THEN 0 END,
		   CASE WHEN p.step < p.last THEN 'passed' WHEN NOT p.won THEN 'lost' ELSE 'waiting' END, p.won, p.closed, p.amount
	FROM (SELECT p.*, min(p.at) OVER (PARTITION BY p.key ORDER BY p.step ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_at FROM passage p) AS p
	CROSS JOIN LATERAL (SELECT coalesce(p.next_at, p.closed) AS left_on) AS x;
END $$;
COMMENT ON FUNCTION quota_decomp._stage_flow(text, date, text) IS
'internal: each deal in each stage it has reached, and how it left it: passed, lost, or waiting still; without a history one stage, open';

CREATE FUNCTION quota_decomp._step_rows(pipeline text, step text, day date, zone text DEFAULT NULL)
RETURNS TABLE (key text, link text, at date, member text, closed date)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s quota_decomp.visible_funnel_step;
	relation regclass;
	session_zone CONSTANT text := coalesce(zone, current_setting('TimeZone'));
BEGIN
	SELECT f.* INTO s FROM quota_decomp.visible_funnel_step f WHERE f.pipeline = pipeline AND f.step = step;
	relation := quota_decomp._source(s.schema_name, s.relation_name);
	PERFORM quota_decomp._column(relation, 'becomes', s.link_column, 'key'), quota_decomp._column(relation, 'key', s.key_column, 'key'),
		quota_decomp._column(relation, 'member', s.member_column, 'key'), quota_decomp._column(relation, 'amount', s.amount_column, 'number');
	-- what was taken back is not what was signed or paid
	RETURN QUERY EXECUTE format('SELECT r.* FROM (SELECT %s AS key, f.%I::text AS link, %s AS at, %s AS member, %s AS closed FROM %s AS f WHERE %s) AS r WHERE r.at <= $1',
		CASE WHEN s.key_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', s.key_column) END, s.link_column,
		quota_decomp._day_column(relation, 'at', s.at_column, session_zone),
		CASE WHEN s.member_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', s.member_column) END,
		quota_decomp._day_column(relation, 'closed', s.closed_column, session_zone), relation,
		CASE WHEN s.amount_column IS NULL THEN 'true' ELSE format('f.%I > 0', s.amount_column) END)
	USING day;
END $$;
COMMENT ON FUNCTION quota_decomp._step_rows(text, text, date, text) IS 'internal: the rows of a step before or after a pipeline, as known on a day';

CREATE FUNCTION quota_decomp._full_flow(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (key text, member text, product text, opened date, step int, steps int, stage text, entered date, left_on date, days int, outcome text, won boolean, closed date, amount numeric)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 50000 SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	-- how many must have gone on for the usual time to be known
	enough CONSTANT int := 20;
	-- nearest first
	before text[] := ARRAY(SELECT s.step FROM quota_decomp.visible_funnel_step s WHERE s.pipeline = pipeline AND s.place = 'before' ORDER BY s.step_no);
	after text[] := ARRAY(SELECT s.step FROM quota_decomp.visible_funnel_step s WHERE s.pipeline = pipeline AND s.place = 'after' ORDER BY s.step_no);
	tells_closed text[] := ARRAY(SELECT s.step FROM quota_decomp.visible_funnel_step s WHERE s.pipeline = pipeline AND s.closed_column IS NOT NULL);
	won_stage text;
BEGIN
	IF before = '{}' AND after = '{}' THEN
		RETURN QUERY SELECT f.* FROM quota_decomp._stage_flow(pipeline, day, zone) f;
		RETURN;
	END IF;
	SELECT p.won[1] INTO won_stage FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
	RETURN QUERY
	WITH flow AS MATERIALIZED (
		SELECT f.* FROM quota_decomp._stage_flow(pipeline, day, zone) f
	), deal AS MATERIALIZED (
		SELECT f.* FROM flow f WHERE f.step = 1
	), lead AS MATERIALIZED (
		SELECT b.no::int AS no, b.step, r.*, row_number() OVER () AS id FROM unnest(before) WITH ORDINALITY AS b(step, no) CROSS JOIN LATERAL quota_decomp._step_rows(pipeline, b.step, day, zone) r
	), target AS (
		-- what a lead may have become: a row of the step after it, or a deal
		SELECT 0 AS no, d.key, d.opened AS at, d.won, d.closed, d.amount FROM deal d
		UNION ALL
		SELECT l.no, l.key, min(l.at), NULL, NULL, NULL FROM lead l WHERE l.key IS NOT NULL GROUP BY 1, 2
	), signed AS MATERIALIZED (
		SELECT a.no::int AS no, r.link AS key, min(r.at) AS at
		FROM unnest(after) WITH ORDINALITY AS a(step, no) CROSS JOIN LATERAL quota_decomp._step_rows(pipeline, a.step, day, zone) r WHERE r.link IS NOT NULL GROUP BY 1, 2
	), reached AS (
		-- a step that was skipped was entered and passed, in no known time
		SELECT d.key, d.member, d.product, d.opened, d.closed, d.amount, g.no, CASE g.no WHEN 0 THEN d.closed ELSE s.at END AS at, coalesce(f.no, 0) AS last
		FROM deal d LEFT JOIN (SELECT s.key, max(s.no) AS no FROM signed s GROUP BY s.key) AS f ON f.key = d.key
		CROSS JOIN generate_series(0, cardinality(after)) AS g(no)
		LEFT JOIN signed s ON s.key = d.key AND s.no = g.no
		WHERE after <> '{}' AND d.won AND g.no <= coalesce(f.no, 0)
	), row AS MATERIALIZED (
		SELECT -l.no AS place, l.step AS name, l.id::text AS key, l.member, NULL::text AS product, l.at AS opened, l.at AS entered, t.at AS next_at, t.key IS NOT NULL AS passed,
			   CASE WHEN l.closed <= day THEN l.closed END AS given_up, l.step = ANY (tells_closed) AS told, t.won, t.closed, t.amount
		FROM lead l LEFT JOIN target t ON t.no = l.no - 1 AND t.key = l.link
		UNION ALL
		SELECT r.no, CASE r.no WHEN 0 THEN won_stage ELSE after[r.no] END, r.key, r.member, r.product, r.opened, r.at,
			   min(r.at) OVER (PARTITION BY r.key ORDER BY r.no ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), r.no < r.last, NULL, false, true, r.closed, r.amount
		FROM reached r
	), usual AS MATERIALIZED (
		-- the time in which nine of ten have gone on: who is in the step for longer
		-- is taken to be lost, if nothing else says so; who is not may yet go on
		SELECT r.place, percentile_disc(0.9) WITHIN GROUP (ORDER BY greatest(r.next_at - r.entered, 0)) AS days
		FROM row r WHERE r.passed AND r.next_at > day - 365 AND r.entered IS NOT NULL GROUP BY r.place HAVING count(*) >= enough
	), judged AS (
		SELECT r.*, CASE WHEN r.passed THEN 'passed' WHEN r.place = cardinality(after) AND after <> '{}' THEN NULL WHEN r.given_up IS NOT NULL THEN 'lost'
						 WHEN NOT r.told AND r.entered + u.days < day THEN 'lost' ELSE 'waiting' END AS outcome, u.days AS usual_days
		FROM row r LEFT JOIN usual u ON u.place = r.place
	)
	SELECT j.key, j.member, j.product, j.opened, CASE WHEN j.place < 0 THEN cardinality(before) + 1 + j.place ELSE cardinality(before) + n.steps + 1 + j.place END, cardinality(before) + n.steps,
		   j.name, j.entered, x.left_on, CASE WHEN j.passed THEN greatest(x.left_on - j.entered, 0) END, j.outcome, j.won, j.closed, j.amount
	FROM judged j CROSS JOIN (SELECT coalesce(max(f.steps), 1) AS steps FROM flow f) AS n
	CROSS JOIN LATERAL (SELECT CASE WHEN j.passed THEN j.next_at WHEN j.outcome = 'lost' THEN coalesce(j.given_up, j.entered + j.usual_days) END AS left_on) AS x
	UNION ALL
	SELECT f.key, f.member, f.product, f.opened, cardinality(before) + f.step, cardinality(before) + f.steps, f.stage, f.entered, f.left_on, f.days, f.outcome, f.won, f.closed, f.amount
	FROM flow f;
END $$;
COMMENT ON FUNCTION quota_decomp._full_flow(text, date, text) IS
'internal: _stage_flow with the steps before and after the pipeline; steps is the number of the pipeline''s last stage; of the last step after it, which nothing follows, outcome is NULL';

CREATE FUNCTION quota_decomp._unlinked_rows(pipeline text) RETURNS TABLE (step text, unlinked bigint)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	other regclass;
	other_key name;
BEGIN
	FOR s IN
		SELECT f.*, n.schema_name AS next_schema, n.relation_name AS next_relation, n.key_column AS next_key
		FROM quota_decomp.visible_funnel_step f
		LEFT JOIN quota_decomp.visible_funnel_step n ON n.pipeline = f.pipeline AND f.place = 'before' AND n.place = 'before' AND n.step_no = f.step_no - 1
		WHERE f.pipeline = pipeline
	LOOP
		IF s.next_key IS NULL THEN
			other := quota_decomp._pipeline_relation(pipeline, false);
			SELECT p.key_column INTO other_key FROM quota_decomp.visible_pipeline p WHERE p.pipeline = pipeline;
		ELSE
			other := quota_decomp._source(s.next_schema, s.next_relation);
			other_key := s.next_key;
		END IF;
		step := s.step;
		EXECUTE format('SELECT count(*) FROM %s AS f WHERE f.%I IS NOT NULL AND NOT EXISTS (SELECT FROM %s AS o WHERE o.%I::text = f.%2$I::text)',
			quota_decomp._source(s.schema_name, s.relation_name), s.link_column, other, other_key) INTO unlinked;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._unlinked_rows(text) IS 'internal: of each step before and after a pipeline, the rows that name an opportunity, or a row of the next step, that is not there';

CREATE FUNCTION quota_decomp._funnel(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (cohort date, step int, stage text, entered bigint, passed bigint, lost bigint, waiting bigint, conversion numeric, won bigint, won_amount numeric, median_days numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	known boolean := quota_decomp._pipeline_relation(pipeline, true) IS NOT NULL;
BEGIN
	RETURN QUERY
	SELECT date_trunc('month', f.opened::timestamp)::date, f.step, f.stage, count(*), count(*) FILTER (WHERE f.outcome = 'passed'), count(*) FILTER (WHERE f.outcome = 'lost'), count(*) FILTER (WHERE f.outcome = 'waiting'),
		   round(count(*) FILTER (WHERE f.outcome = 'passed')::numeric / nullif(count(*) FILTER (WHERE f.outcome <> 'waiting'), 0), 4),
		   count(*) FILTER (WHERE f.won), coalesce(sum(f.amount) FILTER (WHERE f.won), 0),
		   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.outcome = 'passed'))::numeric,
		   concat_ws('; ', CASE WHEN NOT known AND f.stage = 'open' THEN 'no history of stages: which stage deals are lost in, and how long each takes, cannot be known' END,
			   CASE WHEN f.opened IS NULL THEN 'no date of opening: no cohort' END,
			   CASE WHEN 2 * count(*) FILTER (WHERE f.outcome = 'waiting') > count(*) THEN 'most have not left this stage yet: the rate is that of the fast ones' END)
	FROM quota_decomp._full_flow(pipeline, day, zone) f
	GROUP BY 1, 2, 3, f.opened IS NULL;
END $$;
COMMENT ON FUNCTION quota_decomp._funnel(text, date, text) IS 'internal: by month of opening and stage: how many deals entered it, passed it, were lost in it, and the days it took those who passed';

CREATE FUNCTION quota_decomp._stage_rates(pipeline text, day date, zone text DEFAULT NULL,
	OUT stages text[], OUT conversion numeric[], OUT stage_days int[], OUT cases bigint[], OUT deal_size numeric, OUT note text)
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
WITH flow AS MATERIALIZED (
	SELECT f.* FROM quota_decomp._stage_flow(_stage_rates.pipeline, _stage_rates.day, _stage_rates.zone) f WHERE f.opened IS NOT NULL
), usual AS (
	-- the time in which nine of ten have left a stage: who entered it earlier
	-- than that ago is a cohort nearly all of which is settled
	SELECT f.step, coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY f.days), 0) AS days
	FROM flow f WHERE f.outcome <> 'waiting' AND f.left_on > _stage_rates.day - 365 GROUP BY f.step
), rate AS (
	SELECT f.step, f.stage,
		   count(*) FILTER (WHERE f.outcome = 'passed' AND c.ripe) AS passed, count(*) FILTER (WHERE f.outcome <> 'waiting' AND c.ripe) AS settled,
		   count(*) FILTER (WHERE f.outcome = 'passed') AS all_passed, count(*) FILTER (WHERE f.outcome <> 'waiting') AS all_settled,
		   percentile_disc(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.won AND f.days IS NOT NULL AND f.closed > _stage_rates.day - 365) AS days
	FROM flow f JOIN usual u ON u.step = f.step
	CROSS JOIN LATERAL (SELECT coalesce(f.entered, f.opened) <= _stage_rates.day - u.days AND coalesce(f.entered, f.opened) > _stage_rates.day - u.days - 365 AS ripe) AS c
	GROUP BY f.step, f.stage
)
SELECT array_agg(r.stage ORDER BY r.step),
	   array_agg(round(CASE WHEN r.settled >= 20 THEN r.passed::numeric / r.settled ELSE r.all_passed::numeric / nullif(r.all_settled, 0) END, 4) ORDER BY r.step),
	   array_agg(r.days ORDER BY r.step), array_agg(CASE WHEN r.settled >= 20 THEN r.settled ELSE r.all_settled END ORDER BY r.step),
	   (SELECT round(coalesce(avg(f.amount) FILTER (WHERE f.closed > _stage_rates.day - 365), avg(f.amount)), 2) FROM flow f WHERE f.won AND f.step = f.steps),
	   CASE WHEN quota_decomp._pipeline_relation(_stage_rates.pipeline, true) IS NULL THEN 'no history of stages: one rate and one time from opened to won' END
FROM rate r
$$;
COMMENT ON FUNCTION quota_decomp._stage_rates(text, date, text) IS
'internal: what funnel_requirements asks for, of a pipeline: the stages, the rate of each from the last year''s settled cohort, the median days won deals spend in it, and the size of a won deal';

CREATE FUNCTION quota_decomp._bottleneck(pipeline text, day date, zone text DEFAULT NULL)
RETURNS TABLE (step int, stage text, recent_cases bigint, earlier_cases bigint, conversion numeric, earlier_conversion numeric, median_days numeric, earlier_days numeric,
			   lost_by_rate numeric, lost_by_time numeric, bottleneck boolean, note text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	known boolean := quota_decomp._pipeline_relation(pipeline, true) IS NOT NULL;
BEGIN
	RETURN QUERY
	WITH flow AS MATERIALIZED (
		-- what left a stage in the last quarter, and in the year before that
		SELECT f.*, f.left_on > day - 91 AS recent
		FROM quota_decomp._full_flow(pipeline, day, zone) f WHERE f.outcome <> 'waiting' AND f.left_on > day - 456
	), stage AS (
		SELECT f.step, f.stage, count(*) FILTER (WHERE f.recent) AS n1, count(*) FILTER (WHERE NOT f.recent) AS n0,
			   count(*) FILTER (WHERE f.recent AND f.outcome = 'passed')::numeric AS p1, count(*) FILTER (WHERE NOT f.recent AND f.outcome = 'passed')::numeric AS p0,
			   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.recent AND f.outcome = 'passed'))::numeric AS d1,
			   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE NOT f.recent AND f.outcome = 'passed'))::numeric AS d0
		FROM flow f GROUP BY f.step, f.stage
	), rated AS (
		SELECT s.*, s.p1 / nullif(s.n1, 0) AS r1, s.p0 / nullif(s.n0, 0) AS r0,
			   -- what a deal past this stage is worth, at the rates of before
			   (SELECT avg(f.amount) FROM flow f WHERE f.won AND f.step = f.steps)
			   * coalesce((SELECT exp(sum(ln(t.p0::float8 / t.n0))) FROM stage t WHERE t.step > s.step AND t.p0 > 0 AND t.n0 > 0), 1)::numeric AS worth
		FROM stage s
	), loss AS (
		SELECT r.*, greatest(0, round(r.n1 * (r.r0 - r.r1) * r.worth, 2)) AS by_rate,
			   -- days more hold back that many days' flow
			   greatest(0, round(r.p1 / 91 * (r.d1 - r.d0) * r.worth, 2)) AS by_time,
			   r.n1 >= 20 AND r.n0 >= 20 AS enough
		FROM rated r
	)
	SELECT l.step, l.stage, l.n1, l.n0, round(l.r1, 4), round(l.r0, 4), l.d1, l.d0, l.by_rate, l.by_time,
		   coalesce(l.enough AND l.by_rate + l.by_time > 0
			   AND l.by_rate + l.by_time = max(l.by_rate + l.by_time) FILTER (WHERE l.enough) OVER (), false),
		   concat_ws('; ', CASE WHEN NOT known AND l.stage = 'open' THEN 'no history of stages: whether it is a stage, and which, cannot be known' END,
			   CASE WHEN NOT l.enough THEN 'fewer than 20 cases now or before: not judged' END)
	FROM loss l;
END $$;
COMMENT ON FUNCTION quota_decomp._bottleneck(text, date, text) IS
'internal: each stage in the last quarter against the year before it, what its lower rate and its longer time cost, and which costs most';

CREATE FUNCTION quota_decomp._requirements(pipeline text, starts date, ends date, day date, target numeric, earlier numeric DEFAULT 0, zone text DEFAULT NULL)
RETURNS TABLE (step int, stage text, conversion numeric, stage_days int, need numeric, required numeric, exact numeric, by date, too_late boolean, from_open numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	f record;
	r record;
	missing numeric;
BEGIN
	SELECT * INTO f FROM quota_decomp._forecast(pipeline, starts, ends, day, NULL, 1, zone);
	SELECT * INTO r FROM quota_decomp._stage_rates(pipeline, day, zone);
	missing := target - f.won - f.from_open;
	IF r.stages IS NULL OR array_position(r.conversion, NULL) IS NOT NULL OR 0 = ANY (r.conversion) OR array_position(r.stage_days, NULL) IS NOT NULL OR coalesce(r.deal_size, 0) <= 0 THEN
		RETURN QUERY SELECT NULL::int, NULL::text, NULL::numeric, NULL::int, missing, NULL::numeric, NULL::numeric, NULL::date, NULL::boolean, NULL::numeric,
			'not enough is known: each stage needs deals that passed it, and a won deal an amount'::text;
		RETURN;
	END IF;
	RETURN QUERY
	SELECT q.step, q.stage, r.conversion[q.step], r.stage_days[q.step], missing, q.required, q.exact, q.by, q.too_late, q.from_open, r.note
	FROM quota_decomp.funnel_requirements(missing, r.deal_size, r.conversion, r.stage_days, ends - 1, day, r.stages || 'won'::text, earlier) q;
END $$;
COMMENT ON FUNCTION quota_decomp._requirements(text, date, date, date, numeric, numeric, text) IS
'internal: what has to enter each stage, and by when, for a period''s target: target less won less what the open deals should bring';

CREATE FUNCTION quota_decomp._node_funnel(plan_id int, day date, pipeline text DEFAULT NULL, least_cases int DEFAULT 20)
RETURNS TABLE (org_id int, step int, stage text, entered bigint, passed bigint, lost bigint, waiting bigint, conversion numeric, median_days numeric,
			   basis_id int, basis_conversion numeric, basis_days numeric, peers_conversion numeric, peers_days numeric, lost_to_peers numeric, bottleneck boolean, note text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 2000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
	known boolean;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	pipeline := coalesce(pipeline, quota_decomp._plan_pipeline(plan_id, false));
	IF pipeline IS NULL THEN
		RETURN;
	END IF;
	known := quota_decomp._pipeline_relation(pipeline, true) IS NOT NULL;
	RETURN QUERY
	WITH flow AS MATERIALIZED (
		-- what left a stage within a year, and what waits in it
		SELECT f.* FROM quota_decomp._stage_flow(pipeline, day, p.time_zone) f WHERE f.opened IS NOT NULL AND (f.outcome = 'waiting' OR f.left_on > day - 365)
	), placed AS MATERIALIZED (
		SELECT m.member, coalesce(m.self_id, m.node_id, m.stray_id) AS node_id
		FROM (SELECT coalesce('=' || d.member, '') AS member, k.node_id, s.node_id AS self_id, u.node_id AS stray_id
			  FROM (SELECT DISTINCT f.member FROM flow f) AS d
			  LEFT JOIN quota_decomp.visible_node_key k ON k.plan_id = plan_id AND k.dimension = 'org' AND k.key = d.member AND k.valid_from <= day AND k.valid_to > day
			  LEFT JOIN quota_decomp.visible_node s ON s.plan_id = plan_id AND s.kind = 'self' AND s.parent_id = k.node_id
			  LEFT JOIN quota_decomp.visible_node u ON u.plan_id = plan_id AND u.dimension = 'org' AND u.kind = 'unassigned') AS m
	), closure AS MATERIALIZED (
		SELECT c.ancestor_id, c.node_id, c.distance FROM quota_decomp.visible_node_closure c WHERE c.plan_id = plan_id
	), node AS MATERIALIZED (
		SELECT c.ancestor_id AS org_id, f.step, f.stage, count(*) AS entered, count(*) FILTER (WHERE f.outcome = 'passed') AS passed, count(*) FILTER (WHERE f.outcome = 'lost') AS lost,
			   count(*) FILTER (WHERE f.outcome = 'waiting') AS waiting, (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.outcome = 'passed'))::numeric AS days
		FROM flow f JOIN placed m ON m.member = coalesce('=' || f.member, '') JOIN closure c ON c.node_id = m.node_id
		GROUP BY 1, 2, 3
	), basis AS MATERIALIZED (
		-- the nearest node at or above with enough cases; else the top
		SELECT DISTINCT ON (n.org_id, n.step) n.org_id, n.step, b.org_id AS basis_id, b.passed::numeric / nullif(b.passed + b.lost, 0) AS conversion, b.days
		FROM node n JOIN closure c ON c.node_id = n.org_id JOIN node b ON b.org_id = c.ancestor_id AND b.step = n.step
		ORDER BY n.org_id, n.step, b.passed + b.lost < least_cases, CASE WHEN b.passed + b.lost < least_cases THEN -c.distance ELSE c.distance END
	), top AS MATERIALIZED (
		SELECT f.step, count(*) FILTER (WHERE f.outcome = 'passed')::numeric / nullif(count(*) FILTER (WHERE f.outcome <> 'waiting'), 0) AS conversion,
			   (percentile_cont(0.5) WITHIN GROUP (ORDER BY f.days) FILTER (WHERE f.outcome = 'passed'))::numeric AS days
		FROM flow f GROUP BY f.step
	), worth AS MATERIALIZED (
		SELECT t.step, (SELECT avg(f.amount) FROM flow f WHERE f.won AND f.step = f.steps)
			   * coalesce((SELECT exp(sum(ln(u.conversion::float8))) FROM top u WHERE u.step > t.step AND u.conversion > 0), 1)::numeric AS amount
		FROM top t
	), loss AS (
		SELECT n.*, n.passed + n.lost >= least_cases AS enough, b.basis_id, b.conversion AS bc, b.days AS bd, t.conversion AS tc, t.days AS td,
			   round(greatest(0, (n.passed + n.lost) * (t.conversion - n.passed::numeric / nullif(n.passed + n.lost, 0)) * w.amount)
				   + greatest(0, n.passed / 365.0 * (n.days - t.days) * w.amount), 2) AS amount
		FROM node n JOIN basis b ON b.org_id = n.org_id AND b.step = n.step JOIN top t ON t.step = n.step JOIN worth w ON w.step = n.step
	)
	SELECT l.org_id, l.step, l.stage, l.entered, l.passed, l.lost, l.waiting, round(l.passed::numeric / nullif(l.passed + l.lost, 0), 4), l.days,
		   l.basis_id, round(l.bc, 4), l.bd, round(l.tc, 4), l.td, l.amount,
		   coalesce(l.enough AND l.amount > 0 AND l.amount = max(l.amount) FILTER (WHERE l.enough) OVER (PARTITION BY l.org_id), false),
		   concat_ws('; ', CASE WHEN NOT known THEN 'no history of stages: which stage deals are lost in, and how long each takes, cannot be known' END,
			   CASE WHEN l.basis_id <> l.org_id THEN format('fewer than %s cases: rates are those of a node above', least_cases) END)
	FROM loss l;
END $$;
COMMENT ON FUNCTION quota_decomp._node_funnel(int, date, text, int) IS
'internal: the last year''s funnel of each node of a plan''s organisation; with few cases the rates of the nearest node above that has enough; what it loses against all, and the stage that costs most';

CREATE FUNCTION quota_decomp._node_rates(plan_id int, day date, pipeline text DEFAULT NULL, least_cases int DEFAULT 20)
RETURNS TABLE (org_id int, stages text[], conversion numeric[], stage_days int[], deal_size numeric, own boolean, note text)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 500 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	size numeric;
BEGIN
	pipeline := coalesce(pipeline, quota_decomp._plan_pipeline(plan_id, false));
	IF pipeline IS NULL THEN
		RETURN;
	END IF;
	size := (quota_decomp._stage_rates(pipeline, day)).deal_size;
	RETURN QUERY
	SELECT f.org_id, array_agg(f.stage ORDER BY f.step), array_agg(f.basis_conversion ORDER BY f.step), array_agg(round(f.basis_days)::int ORDER BY f.step), size,
		   bool_and(f.basis_id = f.org_id), max(f.note)
	FROM quota_decomp._node_funnel(plan_id, day, pipeline, least_cases) f GROUP BY f.org_id
	HAVING bool_and(f.basis_conversion > 0 AND f.basis_days IS NOT NULL);
END $$;
COMMENT ON FUNCTION quota_decomp._node_rates(int, date, text, int) IS 'internal: what funnel_requirements asks for, of each node of a plan''s organisation, its own or of the nearest node above with enough cases';
