----------------------------------------------------------------------
-- What everyone has to do: activity and task
--
-- What is required of a week and a month is decided by what was known the day
-- before the month (for follow-ups: the week) began, and so does not move while
-- it is being done: had it been made of today's pipeline, every opportunity
-- opened would count twice, as done and as no longer needed.  What is done is
-- counted live.  The method is described in docs/activity.md.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._work_day(as_of date, time_zone text) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce(nullif(current_setting('quota_decomp.as_of', true), '')::date, $1, (now() AT TIME ZONE $2)::date)
$$;
COMMENT ON FUNCTION quota_decomp._work_day(date, text) IS 'internal: today, as the setting quota_decomp.as_of, the plan or the clock says';

CREATE FUNCTION quota_decomp._is_lead(kind text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- what comes before an opportunity is known by its name
	SELECT $1 ~* '^leads?$' OR $1 LIKE '%线索%'
$$;
COMMENT ON FUNCTION quota_decomp._is_lead(text) IS 'internal: whether a mapped activity is leads: named lead, leads or 线索';

CREATE FUNCTION quota_decomp._workers(plan_id int, day date)
RETURNS TABLE (node_id int, parent_id int, key text, fact_key text, hired date, newcomer boolean)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- who has a target and is there on the day: under the same parent or, having
	-- moved since the plan was made, under another
	SELECT n.node_id, n.parent_id, n.key, CASE n.kind WHEN 'self' THEN u.key ELSE n.key END, n.hired,
		   coalesce(n.member_group = 'newcomer', false) OR coalesce(n.hired > $2 - 365 AND n.member_group IS NULL, false)
	FROM quota_decomp.visible_node n
	LEFT JOIN quota_decomp.visible_node u ON u.plan_id = n.plan_id AND u.node_id = n.parent_id
	WHERE n.plan_id = $1 AND n.dimension = 'org' AND n.planned AND n.leaf AND n.kind IN ('member', 'self') AND coalesce(n.left_on > $2, true)
	  AND EXISTS (SELECT FROM quota_decomp.visible_node x WHERE x.plan_id = n.plan_id AND x.dimension = 'org' AND x.key = n.key AND x.valid_from <= $2 AND x.valid_to > $2)
$$;
COMMENT ON FUNCTION quota_decomp._workers(int, date) IS 'internal: the members a plan has targets for at the bottom, who are there on a day, and whether they are newcomers';

CREATE FUNCTION quota_decomp._worker_keys(plan_id int, day date) RETURNS TABLE (key text, node_id int, parent_id int)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- whatever he did under another parent is his all the same
	SELECT DISTINCT ON (k.key) k.key, w.node_id, w.parent_id
	FROM quota_decomp._workers($1, $2) w
	JOIN quota_decomp.visible_node x ON x.plan_id = $1 AND x.dimension = 'org' AND x.key = w.fact_key
	JOIN quota_decomp.visible_node_key k ON k.plan_id = $1 AND k.dimension = 'org' AND k.node_id = x.node_id
	ORDER BY k.key, k.valid_to DESC, w.node_id
$$;
COMMENT ON FUNCTION quota_decomp._worker_keys(int, date) IS 'internal: the keys, as facts write them, of the members of _workers()';

CREATE FUNCTION quota_decomp._activity_events(time_zone text, from_day date, to_day date) RETURNS TABLE (kind text, class text, member text, day date, n bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	a quota_decomp.visible_activity;
	source regclass;
	at_kind text;
	at_day text;
BEGIN
	FOR a IN SELECT v.* FROM quota_decomp.visible_activity v WHERE v.member_column IS NOT NULL ORDER BY v.activity LOOP
		source := quota_decomp._source(a.schema_name, a.relation_name);
		at_kind := quota_decomp._column(source, 'at', a.at_column, 'day');
		at_day := quota_decomp._day_expression(at_kind, format('f.%I', a.at_column), time_zone);
		RETURN QUERY EXECUTE format('SELECT %L::text, %s, f.%I::text, %s, count(*) FROM %s AS f WHERE f.%I >= %s AND f.%I < %s GROUP BY 2, 3, 4',
			a.activity, CASE WHEN coalesce(a.class_column, a.kind_column) IS NULL THEN 'NULL::text' ELSE format('nullif(f.%I::text, '''')', coalesce(a.class_column, a.kind_column)) END,
			a.member_column, at_day, source,
			a.at_column, quota_decomp._day_bound(at_kind, format('%L::date', from_day), time_zone),
			a.at_column, quota_decomp._day_bound(at_kind, format('%L::date', to_day + 1), time_zone));
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._activity_events(text, date, date) IS
'internal: what was done from a day to another, both included, by activity, class of customer (else kind), member and day';

CREATE FUNCTION quota_decomp._last_contact(time_zone text, from_day date, to_day date) RETURNS TABLE (opportunity text, account text, day date)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	a quota_decomp.visible_activity;
	source regclass;
	at_kind text;
BEGIN
	FOR a IN SELECT v.* FROM quota_decomp.visible_activity v WHERE num_nonnulls(v.opportunity_column, v.account_column) > 0 AND NOT quota_decomp._is_lead(v.activity) LOOP
		source := quota_decomp._source(a.schema_name, a.relation_name);
		at_kind := quota_decomp._column(source, 'at', a.at_column, 'day');
		RETURN QUERY EXECUTE format('SELECT %s, %s, max(%s) FROM %s AS f WHERE f.%I >= %s AND f.%I < %s GROUP BY 1, 2',
			CASE WHEN a.opportunity_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', a.opportunity_column) END,
			CASE WHEN a.account_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', a.account_column) END,
			quota_decomp._day_expression(at_kind, format('f.%I', a.at_column), time_zone), source,
			a.at_column, quota_decomp._day_bound(at_kind, format('%L::date', from_day), time_zone),
			a.at_column, quota_decomp._day_bound(at_kind, format('%L::date', to_day + 1), time_zone));
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._last_contact(text, date, date) IS
'internal: the last day in a span on which something was done about an opportunity or an account';

CREATE FUNCTION quota_decomp._lead_days(activity text, pipeline text, day date, time_zone text) RETURNS int
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	a quota_decomp.visible_activity;
	source regclass;
	at_kind text;
	days int;
BEGIN
	SELECT v.* INTO a FROM quota_decomp.visible_activity v WHERE v.activity = activity;
	IF pipeline IS NULL OR a.opportunity_column IS NULL THEN
		RETURN NULL;
	END IF;
	source := quota_decomp._source(a.schema_name, a.relation_name);
	at_kind := quota_decomp._column(source, 'at', a.at_column, 'day');
	EXECUTE format('SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(d.opened - %s, 0)) FROM %s AS f JOIN quota_decomp._deals($1, $2, $3, false) d ON d.key = f.%I::text WHERE d.opened > $2 - 365 AND f.%I IS NOT NULL',
		quota_decomp._day_expression(at_kind, format('f.%I', a.at_column), time_zone), source, a.opportunity_column, a.at_column) INTO days USING pipeline, day, time_zone;
	RETURN days;
END $$;
COMMENT ON FUNCTION quota_decomp._lead_days(text, text, date, text) IS 'internal: the median of days from a lead to the opportunity it became; NULL: not mapped';

CREATE FUNCTION quota_decomp._expected_closes(pipeline text, time_zone text) RETURNS TABLE (key text, day date)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	l quota_decomp.visible_pipeline;
	source regclass := quota_decomp._pipeline_relation(pipeline, false);
BEGIN
	SELECT v.* INTO l FROM quota_decomp.visible_pipeline v WHERE v.pipeline = pipeline;
	IF l.expected_close_column IS NOT NULL THEN
		RETURN QUERY EXECUTE format('SELECT d.%I::text, %s FROM %s d WHERE d.%I::text <> ALL ($1)', l.key_column,
			quota_decomp._local_day(source, l.expected_close_column, 'd', time_zone), source, l.stage_column) USING l.won || l.lost;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._expected_closes(text, text) IS 'internal: when the open deals of a pipeline are expected to close';

CREATE FUNCTION quota_decomp._steering_grain(plan_id int) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT v.grain FROM quota_decomp.visible_period v WHERE v.plan_id = $1
	ORDER BY array_position('{quarter,month,year}', v.grain), v.leaf DESC LIMIT 1
$$;
COMMENT ON FUNCTION quota_decomp._steering_grain(int) IS 'internal: the periods activity leads to: quarters, else months, years, or what the plan has';

CREATE FUNCTION quota_decomp._activity_stream(plan_id int, day date, month_starts date, month_ends date, grains text[], starts date[], ends date[])
RETURNS TABLE (org_id int, grain text, period_starts date, period_ends date, kind text, class text, basis text, rates_from text,
			   required numeric, done numeric, need numeric, by_day date, from_open numeric, worth numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	-- how many deals somebody must have won for his own rates to be taken
	enough CONSTANT int := 10;
	s CONSTANT date := month_starts - 1;
	p quota_decomp.visible_plan;
	l quota_decomp.visible_pipeline;
	pipeline text := quota_decomp._plan_pipeline(plan_id);
	steering text := quota_decomp._steering_grain(plan_id);
	reason text;
	cycle int;
	first date;
	bounds date[];
	base CONSTANT date := month_starts - 93;
	-- the plan's months before this one, as many as it is rounded after
	months int;
	-- working days from base to a day
	wd int[];
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT v.* INTO l FROM quota_decomp.visible_pipeline v WHERE v.pipeline = pipeline;
	reason := CASE
		-- one that has changed since then has the targets it had
		WHEN NOT p.decomposed AND NOT EXISTS (SELECT FROM quota_decomp.visible_target t WHERE t.plan_id = plan_id) THEN 'the plan has not been decomposed'
		ELSE replace(quota_decomp._no_forecast(plan_id), ': what is to come is not known', '') END;
	IF pipeline IS NOT NULL THEN
		SELECT 2 * percentile_disc(0.5) WITHIN GROUP (ORDER BY d.closed - d.opened) INTO cycle
		FROM quota_decomp._deals(pipeline, s, p.time_zone, false) d WHERE d.won AND d.closed > s - 365 AND d.opened <= d.closed;
	END IF;
	SELECT array_agg(v.ends ORDER BY v.starts), min(v.starts) INTO bounds, first
	FROM quota_decomp.visible_period v
	WHERE v.plan_id = plan_id AND v.grain = steering AND v.ends > month_starts
	  -- that nothing can be said is said of a plan that has not begun too
	  AND (v.starts < month_ends + least(coalesce(cycle, 0), 366) OR reason IS NOT NULL);
	IF bounds IS NULL THEN
		RETURN;
	END IF;
	months := greatest(0, (extract(year FROM month_starts) - extract(year FROM p.starts)) * 12 + extract(month FROM month_starts) - extract(month FROM p.starts))::int;
	SELECT array_agg(c.days ORDER BY c.period) INTO wd
	FROM (SELECT c.period, sum(c.working_days) OVER (ORDER BY c.period)::int AS days
		  FROM quota_decomp.calendar(daterange(base, greatest(bounds[cardinality(bounds)], month_ends + 8)), 'day', holidays => p.holidays, extra_workdays => p.extra_workdays) AS c) AS c;

	RETURN QUERY
	WITH who AS MATERIALIZED (
		SELECT w.* FROM quota_decomp._workers(plan_id, day) w
	), known AS MATERIALIZED (
		SELECT k.* FROM quota_decomp._worker_keys(plan_id, day) k
	), spell AS (
		-- each with the month itself, whose amount is what the rounding goes by
		SELECT u.*, month_ends AS month_ends FROM unnest(grains, starts, ends) AS u(grain, starts, ends)
	), deal AS MATERIALIZED (
		SELECT d.opened, d.closed, d.won, d.amount, k.node_id, k.parent_id
		FROM quota_decomp._deals(pipeline, day, p.time_zone, false) d LEFT JOIN known k ON k.key = d.member
		WHERE pipeline IS NOT NULL
	), event AS MATERIALIZED (
		SELECT e.kind, e.class, e.day, e.n, k.node_id, k.parent_id
		FROM quota_decomp._activity_events(p.time_zone, s - 364, day) e LEFT JOIN known k ON k.key = e.member WHERE e.kind <> 'opportunity'
	), cover AS MATERIALIZED (
		-- what was done is set against what was won since it has been written down
		SELECT 'opportunity' AS kind, s - 364 AS since, 0 AS before, true AS ripens
		UNION ALL
		SELECT a.activity, (SELECT min(e.day) FROM event e WHERE e.kind = a.activity AND e.day <= s),
			   CASE WHEN a.lead THEN coalesce(quota_decomp._lead_days(a.activity, pipeline, s, p.time_zone), 0) ELSE 0 END, a.lead
		FROM (SELECT v.activity, quota_decomp._is_lead(v.activity) AS lead FROM quota_decomp.visible_activity v WHERE v.member_column IS NOT NULL AND v.activity <> 'opportunity' OFFSET 0) AS a
	), item AS MATERIALIZED (
		SELECT c.kind, e.class, c.since, c.ripens
		FROM cover c LEFT JOIN (SELECT DISTINCT e.kind, e.class FROM event e) AS e ON e.kind = c.kind
	), won AS MATERIALIZED (
		SELECT GROUPING(d.node_id, d.parent_id) AS level, CASE GROUPING(d.node_id, d.parent_id) WHEN 1 THEN d.node_id WHEN 2 THEN d.parent_id ELSE -1 END AS id, c.kind,
			   count(*) FILTER (WHERE d.won IS NOT NULL AND d.closed BETWEEN c.since AND s) AS closed,
			   count(*) FILTER (WHERE d.won AND d.closed BETWEEN c.since AND s) AS won,
			   count(d.amount) FILTER (WHERE d.won AND d.closed BETWEEN c.since AND s) AS priced,
			   sum(d.amount) FILTER (WHERE d.won AND d.closed BETWEEN c.since AND s) AS amount,
			   count(*) FILTER (WHERE d.opened BETWEEN c.since AND s) AS opened,
			   percentile_disc(0.5) WITHIN GROUP (ORDER BY greatest(d.closed - d.opened, 0)) FILTER (WHERE d.won AND d.closed BETWEEN c.since AND s AND d.opened IS NOT NULL) AS cycle
		FROM cover c JOIN deal d ON d.closed BETWEEN c.since AND s OR d.opened BETWEEN c.since AND s
		GROUP BY GROUPING SETS ((c.kind, d.node_id), (c.kind, d.parent_id), (c.kind))
	), acted AS MATERIALIZED (
		SELECT GROUPING(e.node_id, e.parent_id) AS level, CASE GROUPING(e.node_id, e.parent_id) WHEN 1 THEN e.node_id WHEN 2 THEN e.parent_id ELSE -1 END AS id,
			   e.kind, coalesce(e.class, '') AS class, sum(e.n) AS n
		FROM event e WHERE e.day <= s
		GROUP BY GROUPING SETS ((e.kind, coalesce(e.class, ''), e.node_id), (e.kind, coalesce(e.class, ''), e.parent_id), (e.kind, coalesce(e.class, '')))
	), rate AS MATERIALIZED (
		-- his own, where he has won enough; else the team's, else everybody's
		SELECT w.node_id, c.kind, c.since, c.ripens, r.level, r.id, r.closed, r.won, r.priced, r.amount, r.opened, r.cycle + c.before AS cycle
		FROM who w CROSS JOIN cover c
		LEFT JOIN won a ON a.level = 1 AND a.id = w.node_id AND a.kind = c.kind AND a.won >= enough AND a.amount > 0
		LEFT JOIN won b ON b.level = 2 AND b.id = w.parent_id AND b.kind = c.kind AND b.won >= enough AND b.amount > 0
		LEFT JOIN won r ON r.kind = c.kind AND r.level = CASE WHEN a.id IS NOT NULL THEN 1 WHEN b.id IS NOT NULL THEN 2 ELSE 3 END
			AND r.id = CASE WHEN a.id IS NOT NULL THEN w.node_id WHEN b.id IS NOT NULL THEN w.parent_id ELSE -1 END AND r.won > 0 AND r.amount > 0
	), horizon AS MATERIALIZED (
		SELECT v.period_id, v.starts, v.ends FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.grain = steering AND v.ends = ANY (bounds)
	), cell AS MATERIALIZED (
		-- added up first: targets have no statistics behind their barrier, and a
		-- join of them as they are compares every cell with every member
		SELECT t.org_id AS node_id, t.period_id, sum(t.amount + coalesce(t.carried, 0)) AS amount
		FROM quota_decomp.visible_target t
		WHERE reason IS NULL AND t.plan_id = plan_id AND t.tier = 'target' AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
		GROUP BY 1, 2
	), goal AS MATERIALIZED (
		SELECT t.node_id, c.ancestor_id AS period_id, sum(t.amount) AS amount
		FROM horizon h
		JOIN quota_decomp.visible_period_closure c ON c.plan_id = plan_id AND c.ancestor_id = h.period_id
		JOIN cell t ON t.period_id = c.period_id
		GROUP BY 1, 2
	), actual AS MATERIALIZED (
		SELECT w.node_id, sum(f.value) AS amount
		FROM quota_decomp._facts(plan_id, p.metric, first, greatest(month_starts, first), '{org}') f
		JOIN quota_decomp.visible_node n ON n.plan_id = plan_id AND n.node_id = f.org_id
		JOIN who w ON w.key = n.key
		WHERE reason IS NULL
		GROUP BY 1
	), ahead AS MATERIALIZED (
		SELECT k.node_id, o.to_day, sum(o.probability::numeric * o.amount) AS amount
		FROM quota_decomp._outlook(pipeline, s, CASE WHEN first > month_starts THEN first || bounds ELSE bounds END, p.first_month, p.time_zone, true) o
		JOIN known k ON k.key = o.member
		WHERE reason IS NULL
		GROUP BY 1, 2
	), needed AS MATERIALIZED (
		SELECT w.node_id, h.ends, greatest(g.amount - coalesce(a.amount, 0), 0) AS to_win, greatest(g.amount - coalesce(a.amount, 0) - coalesce(round(o.amount, 2), 0), 0) AS to_open
		FROM who w CROSS JOIN horizon h
		JOIN goal g ON g.node_id = w.node_id AND g.period_id = h.period_id
		LEFT JOIN actual a ON a.node_id = w.node_id AND h.starts = first
		LEFT JOIN ahead o ON o.node_id = w.node_id AND o.to_day = h.ends
	), dated AS MATERIALIZED (
		-- by when it has to be done; a period that less than half the month could
		-- still serve is too late for what has to ripen
		SELECT d.*, d.by >= s + CASE WHEN d.ripens THEN (month_ends - month_starts) / 2 ELSE 1 END AS in_time
		FROM (SELECT r.node_id, r.kind, r.ripens, CASE WHEN r.ripens THEN n.to_open ELSE n.to_win END AS amount, n.ends - 1 - CASE WHEN r.ripens THEN r.cycle ELSE 0 END AS by
			  FROM rate r JOIN needed n ON n.node_id = r.node_id
			  WHERE r.level IS NOT NULL) AS d
	), step AS (
		SELECT d.node_id, d.kind, d.amount, d.by, coalesce(lag(d.by) OVER (PARTITION BY d.node_id, d.kind ORDER BY d.by), s) AS after
		FROM dated d WHERE d.in_time
	), curve AS MATERIALIZED (
		-- the amount that has to be on its way by the day before the period, and
		-- by its last: evenly by working days
		SELECT t.node_id, t.kind, v.grain, max(t.by) AS last_by, min(t.by) FILTER (WHERE t.by >= v.starts) AS next_by,
			   trunc(sum(t.amount * b.part), 6) AS before, trunc(sum(t.amount * e.part), 6) AS until, months * trunc(sum(t.amount * x.part), 6) AS earlier
		FROM step t CROSS JOIN spell v
		CROSS JOIN LATERAL (SELECT wd[t.after - base + 1] AS a, wd[t.by - base + 1] AS z) AS o
		CROSS JOIN LATERAL (SELECT CASE WHEN o.z = o.a THEN (v.starts > t.by)::int ELSE (wd[least(greatest(v.starts - 1, t.after), t.by) - base + 1] - o.a)::numeric / (o.z - o.a) END AS part) AS b
		CROSS JOIN LATERAL (SELECT CASE WHEN o.z = o.a THEN (v.ends > t.by)::int ELSE (wd[least(greatest(v.ends - 1, t.after), t.by) - base + 1] - o.a)::numeric / (o.z - o.a) END AS part) AS e
		CROSS JOIN LATERAL (SELECT CASE WHEN o.z = o.a THEN (v.month_ends > t.by)::int ELSE (wd[least(greatest(v.month_ends - 1, t.after), t.by) - base + 1] - o.a)::numeric / (o.z - o.a) END AS part) AS x
		GROUP BY 1, 2, 3
	), late AS (
		SELECT d.node_id, d.kind, sum(d.amount) AS amount FROM dated d WHERE NOT d.in_time AND d.ripens GROUP BY 1, 2
	), did AS MATERIALIZED (
		SELECT v.grain, e.node_id, e.kind, coalesce(e.class, '') AS class,
			   coalesce(sum(e.n) FILTER (WHERE e.day >= v.starts), 0) AS n, coalesce(sum(e.n) FILTER (WHERE e.day < v.starts), 0) AS before
		FROM spell v JOIN event e ON e.day > s AND e.day < v.ends AND e.node_id IS NOT NULL GROUP BY 1, 2, 3, 4
		UNION ALL
		SELECT v.grain, d.node_id, 'opportunity', '', count(*) FILTER (WHERE d.opened >= v.starts), count(*) FILTER (WHERE d.opened < v.starts)
		FROM spell v JOIN deal d ON d.opened > s AND d.opened < v.ends AND d.opened <= day AND d.node_id IS NOT NULL GROUP BY 1, 2
	), usual AS MATERIALIZED (
		-- what those who are no newcomers did of late, for those who are
		SELECT GROUPING(w.parent_id) AS company, w.parent_id, i.kind, coalesce(i.class, '') AS class, greatest(min(i.since), s - 90) AS since, count(*) AS peers,
			   percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(e.n, 0)::float8)::numeric AS n
		FROM who w CROSS JOIN item i
		LEFT JOIN (SELECT e.node_id, e.kind, coalesce(e.class, '') AS class, sum(e.n) AS n FROM event e WHERE e.day BETWEEN s - 90 AND s GROUP BY 1, 2, 3
				   UNION ALL SELECT d.node_id, 'opportunity', '', count(*) FROM deal d WHERE d.opened BETWEEN s - 90 AND s GROUP BY 1) AS e
			   ON e.node_id = w.node_id AND e.kind = i.kind AND e.class = coalesce(i.class, '')
		WHERE NOT w.newcomer AND (w.hired IS NULL OR w.hired <= s - 90) AND (i.kind <> 'opportunity' OR l.member_column IS NOT NULL)
		GROUP BY GROUPING SETS ((w.parent_id, i.kind, coalesce(i.class, '')), (i.kind, coalesce(i.class, '')))
	), row AS (
		SELECT w.node_id, v.grain, v.starts, v.ends, i.kind, i.class, w.newcomer,
			   CASE WHEN w.newcomer THEN CASE WHEN u.n IS NOT NULL THEN 'team' WHEN y.n IS NOT NULL THEN 'company' END
					ELSE CASE r.level WHEN 1 THEN 'member' WHEN 2 THEN 'team' WHEN 3 THEN 'company' END END AS rates_from,
			   r.won, r.level, r.cycle, i.since, c.before, c.until, c.earlier, c.last_by, c.next_by, i.ripens, g.node_id IS NOT NULL AS has_target, t.amount AS late,
			   coalesce(u.n, y.n) AS usual, coalesce(u.since, y.since) AS usual_since, w.hired,
			   CASE WHEN i.kind = 'opportunity' THEN r.closed ELSE coalesce(a.n, 0) END * CASE WHEN i.ripens AND i.kind <> 'opportunity' THEN r.closed ELSE 1 END::numeric * r.priced AS num,
			   r.won * CASE WHEN i.ripens AND i.kind <> 'opportunity' THEN nullif(r.opened, 0) ELSE 1 END::numeric * r.amount AS den,
			   CASE WHEN i.kind <> 'opportunity' OR l.member_column IS NOT NULL THEN coalesce(d.n, 0) END AS done, coalesce(d.before, 0) AS done_before
		FROM who w CROSS JOIN item i CROSS JOIN spell v
		LEFT JOIN rate r ON r.node_id = w.node_id AND r.kind = i.kind
		LEFT JOIN acted a ON a.level = r.level AND a.id = r.id AND a.kind = i.kind AND a.class = coalesce(i.class, '')
		LEFT JOIN curve c ON c.node_id = w.node_id AND c.kind = i.kind AND c.grain = v.grain
		LEFT JOIN late t ON t.node_id = w.node_id AND t.kind = i.kind
		LEFT JOIN (SELECT DISTINCT n.node_id FROM needed n) AS g ON g.node_id = w.node_id
		LEFT JOIN did d ON d.node_id = w.node_id AND d.kind = i.kind AND d.class = coalesce(i.class, '') AND d.grain = v.grain
		LEFT JOIN usual u ON w.newcomer AND u.company = 0 AND u.parent_id = w.parent_id AND u.kind = i.kind AND u.class = coalesce(i.class, '') AND u.peers >= 3
		LEFT JOIN usual y ON w.newcomer AND y.company = 1 AND y.kind = i.kind AND y.class = coalesce(i.class, '')
		WHERE i.kind <> 'opportunity' OR pipeline IS NOT NULL
	)
	SELECT o.node_id, o.grain, o.starts, o.ends, o.kind, o.class, CASE WHEN o.newcomer THEN 'process' ELSE 'result' END, o.rates_from,
		   CASE WHEN coalesce(q.required, f.required) IS NOT NULL THEN greatest(coalesce(q.required, f.required) - o.done_before, 0) END, o.done,
		   CASE WHEN NOT o.newcomer THEN round(o.until - o.before, 2) END, CASE WHEN NOT o.newcomer THEN o.next_by END, CASE WHEN NOT o.newcomer AND o.ripens AND o.has_target AND o.cycle IS NOT NULL THEN coalesce(o.late, 0) END,
		   CASE WHEN o.num > 0 THEN o.den / o.num END,
		   CASE
			WHEN o.since IS NULL THEN format('nothing of this kind is recorded from %s to %s', s - 364, s)
			WHEN o.newcomer AND o.usual IS NULL THEN 'there is nobody to compare a newcomer with'
			WHEN o.newcomer AND p.ramp_curve IS NULL THEN 'the plan has no ramp: as much as the others do'
			WHEN o.newcomer THEN NULL
			WHEN reason IS NOT NULL THEN reason
			WHEN NOT o.has_target THEN 'the member has no target'
			WHEN o.level IS NULL THEN format('no deal was won from %s to %s: rates are not known', greatest(o.since, s - 364), s)
			WHEN o.ripens AND o.cycle IS NULL THEN 'no won deal says when it was opened: how long new ones take is not known'
			WHEN f.required IS NULL AND o.ripens AND o.until IS NULL THEN format('too late: what is opened now is won after the plan ends, in %s days', o.cycle)
			ELSE concat_ws('; ', CASE WHEN coalesce(o.late, 0) > 0 THEN format('%s can only come from open deals: new ones take %s days', trim_scale(round(o.late, 2)), o.cycle) END,
				CASE WHEN o.won < enough THEN format('rates from %s won deals', o.won) END,
				CASE WHEN o.done IS NULL THEN 'the pipeline has no member: who opened it is not known' END) END
	FROM row o
	-- from the month's first day to the period's last; of a week, less what was
	-- done in the month before it: who is behind catches up, who is ahead rests
	LEFT JOIN LATERAL (
		SELECT CASE WHEN o.since IS NOT NULL AND o.den > 0 AND NOT (o.ripens AND o.starts > o.last_by) THEN
			(SELECT r.required FROM quota_decomp.funnel_requirements(o.until * o.num, o.den, '{}', NULL, earlier => o.earlier * o.num) AS r WHERE r.step = 1) END AS required
	) AS f ON NOT o.newcomer
	LEFT JOIN LATERAL (
		-- the same rounding
		SELECT ceil(trunc(k.a_day * (k.days + wd[o.ends - 1 - base + 1] - wd[s - base + 1]), 6)) - ceil(trunc(k.a_day * k.days, 6)) AS required
		FROM (SELECT o.usual * CASE WHEN p.ramp_curve IS NULL THEN 1 ELSE quota_decomp.ramp(o.hired, daterange(o.starts, o.ends), p.ramp_curve) END
					 / nullif(wd[s - base + 1] - wd[greatest(o.usual_since - 1, base) - base + 1], 0) AS a_day,
					 months * (wd[month_ends - 1 - base + 1] - wd[s - base + 1]) AS days) AS k
	) AS q ON o.newcomer AND o.since IS NOT NULL
	UNION ALL
	-- what is not mapped is said, once for each member and period
	SELECT w.node_id, v.grain, v.starts, v.ends, x.kind, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, x.note
	FROM who w CROSS JOIN spell v
	CROSS JOIN (SELECT 'opportunity' AS kind, reason AS note WHERE pipeline IS NULL
				UNION ALL SELECT 'activity', 'no activity is mapped with its member: what is done is not known'
				WHERE NOT EXISTS (SELECT FROM quota_decomp.visible_activity a WHERE a.member_column IS NOT NULL)
				UNION ALL SELECT format('activity %s', a.activity), 'it is left out: the pipeline says which opportunities are opened, and this name stands for them'
				FROM quota_decomp.visible_activity a WHERE a.activity = 'opportunity') AS x;
END $$;
COMMENT ON FUNCTION quota_decomp._activity_stream(int, date, date, date, text[], date[], date[]) IS
'internal: what members have to do in some periods, as decided before a month began, and have done until a day';

CREATE FUNCTION quota_decomp._activity_rows(plan_id int)
RETURNS TABLE (org_id int, org text, org_label text, org_path text, login text, grain text, period text, period_starts date, period_ends date,
			   kind text, class text, basis text, rates_from text, required numeric, done numeric, missing numeric,
			   need numeric, by_day date, from_open numeric, worth numeric, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 10000000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
	day date;
	-- the plan's own month (4-4-5 weeks, say), else the calendar's
	month record;
	before record;
	week_starts date;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	day := quota_decomp._work_day(p.as_of, p.time_zone);
	-- a plan that is over asks for nothing; one that begins within a quarter has
	-- to be prepared
	IF day >= p.ends OR day < p.starts - 92 THEN
		RETURN;
	END IF;
	week_starts := day - (extract(isodow FROM day)::int - p.week_start + 7) % 7;
	SELECT * INTO month FROM quota_decomp._month_of(plan_id, day);
	SELECT * INTO before FROM quota_decomp._month_of(plan_id, week_starts);
	RETURN QUERY
	SELECT n.node_id, n.key, n.label, n.path, n.login::text, s.grain,
		   CASE s.grain WHEN 'month' THEN month.label ELSE to_char(s.period_starts + 3, 'IYYY"-W"IW') END, s.period_starts, s.period_ends,
		   s.kind, s.class, s.basis, s.rates_from, s.required, s.done, CASE WHEN s.required - s.done IS NOT NULL THEN greatest(s.required - s.done, 0) END, s.need, s.by_day, s.from_open, s.worth, nullif(s.note, '')
	FROM (SELECT a.* FROM quota_decomp._activity_stream(plan_id, day, month.starts, month.ends,
				CASE WHEN week_starts < month.starts THEN '{month}' ELSE '{week,month}'::text[] END,
				CASE WHEN week_starts < month.starts THEN ARRAY[month.starts] ELSE ARRAY[week_starts, month.starts] END,
				CASE WHEN week_starts < month.starts THEN ARRAY[month.ends] ELSE ARRAY[week_starts + 7, month.ends] END) a
		  UNION ALL
		  -- a week belongs to the month in which it begins
		  SELECT a.* FROM quota_decomp._activity_stream(plan_id, day, before.starts, before.ends, '{week}', ARRAY[week_starts], ARRAY[week_starts + 7]) a
		  WHERE week_starts < month.starts) AS s
	JOIN quota_decomp.visible_node n ON n.plan_id = plan_id AND n.node_id = s.org_id;
END $$;
COMMENT ON FUNCTION quota_decomp._activity_rows(int) IS 'internal: the rows of the view activity, of a plan';

CREATE FUNCTION quota_decomp._month_of(plan_id int, day date, OUT starts date, OUT ends date, OUT label text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.starts, m.ends, m.label
	FROM (SELECT v.starts, v.ends, v.label, 0 AS sort FROM quota_decomp.visible_period v WHERE v.plan_id = $1 AND v.grain = 'month' AND v.starts <= $2 AND v.ends > $2
		  UNION ALL
		  SELECT c.starts, (c.starts + interval '1 month')::date, to_char(c.starts, 'YYYY-MM'), 1 FROM (SELECT date_trunc('month', $2::timestamp)::date AS starts) AS c) AS m
	ORDER BY m.sort LIMIT 1
$$;
COMMENT ON FUNCTION quota_decomp._month_of(int, date) IS 'internal: the month a day is in, as the plan has it, else as the calendar has it';

CREATE FUNCTION quota_decomp._view_activity(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT p.plan, a.org, a.org_label, a.org_path, a.login, a.grain, a.period, a.period_starts, a.period_ends, a.kind, a.class, a.basis, a.rates_from, '
	'a.required, a.done, a.missing, a.need, a.by_day, a.from_open, round(a.worth, 2) AS worth, a.note '
	'FROM quota_decomp.visible_plan p CROSS JOIN LATERAL quota_decomp._activity_rows(p.plan_id) a'
$$;
COMMENT ON FUNCTION quota_decomp._view_activity(name) IS 'internal: the SELECT of the view activity';

CREATE FUNCTION quota_decomp._columns_activity() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what each person has to do this week and this month for the plan (opportunities to open, leads, visits by class of customer), what is done and what is missing'),
	('plan', 'name of the plan'),
	('org', 'key of the person, or of what is at the bottom of the organisation'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('login', 'the person''s database role; NULL: not mapped'),
	('grain', 'what period is: week or month'),
	('period', 'label of the period, the one today is in'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('kind', 'what is to be done: opportunity (one to be opened), or the name of a mapped activity'),
	('class', 'class of the customer, or where no class is mapped the kind of activity; NULL: all'),
	('basis', 'result: from what the target needs; process: a newcomer, from what the others do and his ramp'),
	('rates_from', 'whose past the numbers rest on: member, team or company'),
	('required', 'how many are to be done in the period, as decided before the month began; of a week, what keeps the month''s pace after what was done in the month before it; NULL: not known, see note'),
	('done', 'how many are done, today included; NULL: not known'),
	('missing', 'required less done, at least 0'),
	('need', 'the part of the target''s gap that the period has to set on its way; NULL: newcomer'),
	('by_day', 'the last day on which one still counts, on average, for the quarter (of a plan without quarters, the month) it is to lead to; NULL: newcomer, or too late'),
	('from_open', 'the part of the target''s gap for which it is too late: only open deals can still bring it; opportunities and leads only'),
	('worth', 'what one of them brings in the end, on average'),
	('note', 'what is not known, or to be known with required; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_activity() IS 'internal: the columns of the view activity and their comments';

--
-- Tasks
--
CREATE FUNCTION quota_decomp._follow_ups(plan_id int, day date, week_starts date)
RETURNS TABLE (org_id int, key text, account text, stage text, amount numeric, probability numeric, stage_days int, usual_days int, silent_days int, expected_close date,
			   closed boolean, done boolean, is_old boolean, is_silent boolean, is_due boolean, rank int, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 500 SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
	-- nothing done for so long is long
	long CONSTANT int := 14;
	top CONSTANT int := 5;
	enough CONSTANT int := 5;
	s CONSTANT date := week_starts - 1;
	p quota_decomp.visible_plan;
	pipeline text := quota_decomp._plan_pipeline(plan_id);
	has_history boolean;
	contacts boolean;
	period_end date;
BEGIN
	IF pipeline IS NULL THEN
		RETURN;
	END IF;
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT l.history_relation IS NOT NULL INTO has_history FROM quota_decomp.visible_pipeline l WHERE l.pipeline = pipeline;
	contacts := EXISTS (SELECT FROM quota_decomp.visible_activity a WHERE num_nonnulls(a.opportunity_column, a.account_column) > 0 AND NOT quota_decomp._is_lead(a.activity));
	SELECT min(v.ends) INTO period_end FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id AND v.grain = quota_decomp._steering_grain(plan_id) AND v.ends > day;
	RETURN QUERY
	WITH deal AS MATERIALIZED (
		SELECT d.* FROM quota_decomp._deals(pipeline, day, p.time_zone, false) d
	), history AS MATERIALIZED (
		SELECT h.* FROM quota_decomp._stage_spells(pipeline, day, p.time_zone) h
	), spell AS MATERIALIZED (
		-- as it was known before the week
		SELECT h.key, h.stage, h.entered, CASE WHEN h.left_on <= s THEN h.left_on END AS left_on FROM history h WHERE h.entered <= s
	), usual AS MATERIALIZED (
		-- how long deals that were won took, in each stage and in all
		SELECT h.stage, percentile_disc(0.75) WITHIN GROUP (ORDER BY h.left_on - h.entered) AS days
		FROM deal d JOIN spell h ON h.key = d.key WHERE d.won AND d.closed <= s AND h.left_on IS NOT NULL GROUP BY h.stage HAVING count(*) >= enough
	), usual_age AS (
		SELECT CASE WHEN count(*) >= enough THEN percentile_disc(0.75) WITHIN GROUP (ORDER BY d.closed - d.opened) END AS days
		FROM deal d WHERE d.won AND d.closed <= s AND d.opened <= d.closed
	), touched AS MATERIALIZED (
		SELECT c.opportunity, c.account, c.day FROM quota_decomp._last_contact(p.time_zone, s - 364, s) c WHERE contacts
	), by_deal AS (
		SELECT t.opportunity AS key, max(t.day) AS day FROM touched t WHERE t.opportunity IS NOT NULL GROUP BY 1
	), by_account AS (
		SELECT t.account, max(t.day) AS day FROM touched t WHERE t.opportunity IS NULL AND t.account IS NOT NULL GROUP BY 1
	), since AS MATERIALIZED (
		SELECT c.opportunity, c.account FROM quota_decomp._last_contact(p.time_zone, week_starts, day) c WHERE contacts
	), chance AS MATERIALIZED (
		SELECT o.key, o.probability FROM quota_decomp._outlook(pipeline, s, ARRAY[period_end], p.first_month, p.time_zone, true) o
	), open AS MATERIALIZED (
		SELECT k.node_id, d.key, d.account, coalesce(h.stage, CASE WHEN d.won IS NULL THEN coalesce(e.stage, d.stage) END) AS stage, d.amount, round(c.probability::numeric, 4) AS probability,
			   CASE WHEN u.days IS NOT NULL THEN s - h.entered ELSE s - d.opened END AS stage_days,
			   coalesce(u.days, a.days) AS usual_days, u.days IS NOT NULL AS staged,
			   CASE WHEN contacts THEN s - greatest(b.day, y.day, d.opened) END AS silent_days, x.day AS expected_close,
			   d.won IS NOT NULL AS closed, d.won IS NOT NULL OR EXISTS (SELECT FROM since i WHERE i.opportunity = d.key OR i.opportunity IS NULL AND i.account = d.account) AS done
		FROM deal d
		JOIN quota_decomp._worker_keys(plan_id, day) k ON k.key = d.member
		CROSS JOIN usual_age a
		LEFT JOIN spell h ON h.key = d.key AND h.left_on IS NULL
		LEFT JOIN usual u ON u.stage = h.stage
		LEFT JOIN by_deal b ON b.key = d.key
		LEFT JOIN by_account y ON y.account = d.account
		LEFT JOIN chance c ON c.key = d.key
		LEFT JOIN history e ON e.key = d.key AND e.left_on IS NULL
		LEFT JOIN quota_decomp._expected_closes(pipeline, p.time_zone) x ON x.key = d.key
		WHERE d.opened <= s AND (d.won IS NULL OR d.closed > s)
	), flagged AS (
		SELECT o.*, coalesce(o.stage_days > o.usual_days, false) AS is_old, coalesce(o.silent_days >= long, false) AS is_silent, coalesce(o.expected_close < period_end, false) AS is_due
		FROM open o
	), ranked AS (
		SELECT f.*, row_number() OVER (PARTITION BY f.node_id ORDER BY f.probability * f.amount DESC NULLS LAST, f.amount DESC NULLS LAST, f.key) AS rank
		FROM flagged f
		-- what is due is followed up anyway, unless something was just done about it
		WHERE f.is_old OR f.is_silent OR f.is_due AND NOT contacts
	)
	SELECT r.node_id, r.key, r.account, r.stage, r.amount, r.probability, r.stage_days, r.usual_days, r.silent_days, r.expected_close,
		   r.closed, r.done, r.is_old, r.is_silent, r.is_due, r.rank::int,
		   nullif(concat_ws('; ', CASE WHEN NOT has_history THEN 'no stage history is mapped: its age is that of the deal'
									   WHEN NOT r.staged AND r.usual_days IS NOT NULL THEN 'few deals were won through this stage: its age is that of the deal' END,
				CASE WHEN r.usual_days IS NULL THEN 'too few deals were won: the usual age is not known' END,
				CASE WHEN NOT contacts THEN 'no activity is mapped with its account or opportunity: contacts are not known' END,
				CASE WHEN r.probability IS NULL THEN 'too few deals were won: the chance is not known, ranked by amount' END,
				CASE WHEN r.amount IS NULL THEN 'the deal has no amount' END), '')
	FROM ranked r WHERE r.rank <= top;
END $$;
COMMENT ON FUNCTION quota_decomp._follow_ups(int, date, date) IS
'internal: the open deals that each member is to follow up in a week, as decided before it began, and whether something was done about them since';

CREATE FUNCTION quota_decomp._task_key(VARIADIC parts text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- parts are told apart by their lengths: ('a', 'b') is not ('ab', '')
	SELECT left(encode(sha256(convert_to(string_agg(coalesce(length(u.part)::text || ':' || u.part, '-'), ',' ORDER BY u.i), 'UTF8')), 'hex'), 32)
	FROM unnest($1) WITH ORDINALITY AS u(part, i)
$$;
COMMENT ON FUNCTION quota_decomp._task_key(text[]) IS 'internal: the key of a task, the same on every read';

CREATE FUNCTION quota_decomp._activity_phrase(kind text, class text, of_class boolean, quantity numeric, language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN $5 = 'zh' THEN
		CASE WHEN $1 = 'opportunity' THEN format('新增%s个有效商机', $4)
			 WHEN quota_decomp._is_lead($1) THEN format('新增%s条%s线索', $4, coalesce($2, ''))
			 ELSE format('完成%s次%s%s', $4, CASE WHEN $3 AND $2 !~ '客户$' THEN $2 || '客户' WHEN $2 ~ '[[:ascii:]]$' THEN $2 || ' ' ELSE coalesce($2, '') END,
				CASE WHEN $1 ~ '[[:ascii:]]' THEN coalesce(n.name, $1) ELSE $1 END) END
		ELSE CASE WHEN $1 = 'opportunity' THEN format('Open %s qualified %s', $4, CASE $4 WHEN 1 THEN 'opportunity' ELSE 'opportunities' END)
			 WHEN quota_decomp._is_lead($1) THEN format('Find %s new %s%s', $4, coalesce($2 || ' ', ''), CASE $4 WHEN 1 THEN 'lead' ELSE 'leads' END)
			 ELSE concat(CASE WHEN k.verb IS NULL THEN format('Do %s x %s', $4, $1) ELSE format('%s %s %s%s', k.verb, $4, k.noun, CASE $4 WHEN 1 THEN '' ELSE 's' END) END,
				CASE WHEN $3 THEN ' to customers of class ' || $2 ELSE ' (' || $2 || ')' END) END
		END
	FROM (SELECT CASE WHEN $1 ~* '^visits?$' OR $1 LIKE '%拜访%' THEN '拜访' WHEN $1 ~* '^calls?$' OR $1 LIKE '%电话%' THEN '电话' WHEN $1 ~* '^meetings?$' OR $1 LIKE '%会议%' THEN '会议'
						 WHEN $1 ~* '^demos?$' OR $1 LIKE '%演示%' THEN '演示' WHEN $1 ~* '^e-?mails?$' OR $1 LIKE '%邮件%' THEN '邮件' END AS name) AS n
	LEFT JOIN (VALUES ('拜访', 'Make', 'visit'), ('电话', 'Make', 'call'), ('会议', 'Hold', 'meeting'), ('演示', 'Give', 'demo'), ('邮件', 'Send', 'e-mail')) AS k(name, verb, noun) ON k.name = n.name
$$;
COMMENT ON FUNCTION quota_decomp._activity_phrase(text, text, boolean, numeric, text) IS 'internal: what is to be done, in words';

CREATE FUNCTION quota_decomp._task_rows(plan_id int)
RETURNS TABLE (org text, org_label text, org_path text, login text, grain text, period text, due date, kind text, subject text, account text,
			   quantity_required numeric, quantity_done numeric, quantity_missing numeric, amount numeric, probability numeric, rank int,
			   sentence_zh text, sentence_en text, task_key text, note text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 10000000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p quota_decomp.visible_plan;
	day date;
	week_starts date;
	steering text := quota_decomp._steering_grain(plan_id);
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	day := quota_decomp._work_day(p.as_of, p.time_zone);
	IF day >= p.ends OR day < p.starts - 92 THEN
		RETURN;
	END IF;
	week_starts := day - (extract(isodow FROM day)::int - p.week_start + 7) % 7;
	RETURN QUERY
	WITH activity AS (
		SELECT a.*, coalesce(m.class_column IS NOT NULL AND a.class IS NOT NULL, false) AS of_class
		FROM quota_decomp._activity_rows(plan_id) a LEFT JOIN quota_decomp.visible_activity m ON m.activity = a.kind
		WHERE a.required > 0
	), follow AS (
		SELECT f.*, n.key AS org, n.label AS org_label, n.path AS org_path, n.login::text AS login
		FROM quota_decomp._follow_ups(plan_id, day, week_starts) f JOIN quota_decomp.visible_node n ON n.plan_id = plan_id AND n.node_id = f.org_id
	), task AS (
		SELECT a.org, a.org_label, a.org_path, a.login, a.grain, a.period, a.period_ends - 1 AS due, a.kind, a.class AS subject, NULL::text AS account,
			   a.required, a.done, a.missing, trim_scale(round(a.missing * a.worth, 2)) AS amount, NULL::numeric AS probability,
			   format('%s%s：已完成%s，%s', CASE a.grain WHEN 'week' THEN '本周' ELSE '本月' END, quota_decomp._activity_phrase(a.kind, a.class, a.of_class, a.required, 'zh'),
					coalesce(a.done::text, '未知'), CASE WHEN a.missing = 0 THEN '已达标' WHEN a.missing > 0 THEN '还差' || a.missing ELSE '还差未知' END) AS zh,
			   format('%s this %s: %s done, %s', quota_decomp._activity_phrase(a.kind, a.class, a.of_class, a.required, 'en'), a.grain,
					coalesce(a.done::text, 'unknown'), CASE WHEN a.missing = 0 THEN 'reached' WHEN a.missing > 0 THEN a.missing || ' to go' ELSE 'unknown to go' END) AS en,
			   a.note
		FROM activity a
		UNION ALL
		SELECT f.org, f.org_label, f.org_path, f.login, 'week', to_char(week_starts + 3, 'IYYY"-W"IW'), week_starts + 6, 'follow_up', f.key, f.account,
			   1, f.done::int, 1 - f.done::int, trim_scale(f.amount), f.probability,
			   format('跟进商机%s（%s）：%s%s', f.key,
					concat_ws('，', '客户' || f.account, '金额' || trim_scale(f.amount), CASE steering WHEN 'quarter' THEN '本季度' WHEN 'month' THEN '本月' WHEN 'year' THEN '本年' ELSE '本期' END || '赢单概率' || round(100 * f.probability) || '%'),
					concat_ws('，', CASE WHEN f.is_old THEN format('%s已%s天，通常不超过%s天', coalesce('在' || f.stage || '阶段', ''), f.stage_days, f.usual_days) END,
						CASE WHEN f.is_silent THEN f.silent_days || '天没有跟进' END, CASE WHEN f.is_due THEN format('预计%s成交', f.expected_close) END),
					CASE WHEN f.closed THEN '；已关闭' WHEN f.done THEN '；本周已跟进' ELSE '' END),
			   format('Follow up %s (%s): %s%s', f.key,
					concat_ws(', ', 'account ' || f.account, 'amount ' || trim_scale(f.amount), round(100 * f.probability) || ' % to be won this ' || CASE WHEN steering IN ('quarter', 'month', 'year') THEN steering ELSE 'period' END),
					concat_ws(', ', CASE WHEN f.is_old THEN format('%s days%s, usually at most %s', f.stage_days, coalesce(' in stage ' || f.stage, ''), f.usual_days) END,
						CASE WHEN f.is_silent THEN format('nothing done for %s days', f.silent_days) END, CASE WHEN f.is_due THEN format('expected to close on %s', f.expected_close) END),
					CASE WHEN f.closed THEN '; closed' WHEN f.done THEN '; done this week' ELSE '' END),
			   f.note
		FROM follow f
	)
	SELECT t.org, t.org_label, t.org_path, t.login, t.grain, t.period, t.due, t.kind, t.subject, t.account, t.required, t.done, t.missing, t.amount, t.probability,
		   row_number() OVER (PARTITION BY t.org_path ORDER BY t.missing = 0, t.amount * coalesce(t.probability, 1) DESC NULLS LAST, t.grain DESC, t.kind, t.subject)::int,
		   t.zh, t.en, quota_decomp._task_key(p.plan, t.org, t.kind, t.grain, t.period, t.subject), t.note
	FROM task t;
END $$;
COMMENT ON FUNCTION quota_decomp._task_rows(int) IS 'internal: the rows of the view task, of a plan';

CREATE FUNCTION quota_decomp._view_task(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT t.task_key, p.plan, t.org, t.org_label, t.org_path, t.login, t.grain, t.period, t.due, t.kind, t.subject, t.account, '
	't.quantity_required, t.quantity_done, t.quantity_missing, t.amount, t.probability, t.rank, t.sentence_zh, t.sentence_en, t.note '
	'FROM quota_decomp.visible_plan p CROSS JOIN LATERAL quota_decomp._task_rows(p.plan_id) t'
$$;
COMMENT ON FUNCTION quota_decomp._view_task(name) IS 'internal: the SELECT of the view task';

CREATE FUNCTION quota_decomp._columns_task() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what each person has to do this week and this month, one row and one sentence a thing: activities that are required, open deals to follow up'),
	('task_key', 'key to import by: the same for the same plan, person, kind, period and subject'),
	('plan', 'name of the plan'),
	('org', 'key of the person'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('login', 'the person''s database role; NULL: not mapped'),
	('grain', 'what period is: week or month'),
	('period', 'label of the period'),
	('due', 'its last day'),
	('kind', 'opportunity (to be opened), the name of a mapped activity, or follow_up'),
	('subject', 'of a follow-up the key of the opportunity; of an activity the class of customer'),
	('account', 'of a follow-up the key of the account'),
	('quantity_required', 'how many'),
	('quantity_done', 'how many of them are done, today included; NULL: not known'),
	('quantity_missing', 'how many are not'),
	('amount', 'what is at stake: of a follow-up the deal''s amount, of an activity what the missing ones bring on average'),
	('probability', 'of a follow-up the chance that the deal is won before the quarter (of a plan without quarters, the month) ends'),
	('rank', 'of the person''s tasks, the largest effect first (amount x probability); what is done comes last'),
	('sentence_zh', 'the task in Chinese'),
	('sentence_en', 'the task in English'),
	('note', 'what is not known about it; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_task() IS 'internal: the columns of the view task and their comments';
