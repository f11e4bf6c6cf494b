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
	SELECT p.plan_id, p.plan, p.rate_method IS NOT NULL AS is_rate, coalesce(p.scale, 6) AS scale, p.unit, p.state, p.revision, p.holidays, p.extra_workdays,
		   coalesce(nullif(pg_catalog.current_setting('quota_decomp.as_of', true), '')::date, p.as_of, (pg_catalog.now() AT TIME ZONE p.time_zone)::date) AS today
	FROM quota_decomp.plan p
	WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[])
), leaf AS MATERIALIZED (
	SELECT q.plan_id, q.period_id, p.today, q.working_days,
		   CASE WHEN q.ends <= p.today + 1 THEN q.working_days
				WHEN q.starts > p.today THEN 0
				ELSE quota_decomp._working_days(q.starts, p.today + 1, p.holidays, p.extra_workdays) END AS days_gone,
		   CASE WHEN q.ends <= p.today + 1 THEN 1 WHEN q.starts > p.today THEN 0
				ELSE (p.today + 1 - q.starts)::numeric / (q.ends - q.starts) END AS by_calendar
	FROM plan_day p JOIN quota_decomp.period q ON q.plan_id = p.plan_id AND q.leaf
)
SELECT q.plan_id, q.period_id, q.grain, q.label, q.starts, q.ends, q.leaf, q.working_days, p.today, l.days_gone,
	   CASE WHEN q.working_days > 0 THEN round(l.days_gone::numeric / q.working_days, 20) ELSE round(l.by_calendar, 20) END AS share_gone,
	   p.plan, p.is_rate, p.scale, p.unit, p.state, p.revision
FROM (SELECT c.plan_id, c.ancestor_id, sum(l.days_gone)::int AS days_gone, avg(l.by_calendar) AS by_calendar
	  FROM leaf l JOIN quota_decomp.period_closure c ON c.plan_id = l.plan_id AND c.period_id = l.period_id
	  GROUP BY c.plan_id, c.ancestor_id) AS l
JOIN plan_day p ON p.plan_id = l.plan_id
JOIN quota_decomp.period q ON q.plan_id = l.plan_id AND q.period_id = l.ancestor_id
CROSS JOIN quota_decomp._many();
COMMENT ON VIEW quota_decomp.visible_progress IS 'internal: the periods of plans, with what of their working days has passed';

CREATE FUNCTION quota_decomp._progress() RETURNS SETOF quota_decomp.visible_progress
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN QUERY SELECT v.* FROM quota_decomp.visible_progress v;
END $$;
COMMENT ON FUNCTION quota_decomp._progress() IS 'internal: visible_progress, planned apart';

-- The keys of everybody below a member.  A leader who also sells has his key on his
-- leaf.  They are taken for many: their index is then priced as one that is asked
-- again and again, by a scan that does not sort pages for each of them.
CREATE VIEW quota_decomp.visible_org_key WITH (security_barrier) AS
SELECT p.plan_id, p.plan, a.node_id AS org_id, k.key, k.valid_from, k.valid_to
FROM quota_decomp.plan p
JOIN quota_decomp.node a ON a.plan_id = p.plan_id AND a.dimension = 'org' AND a.kind NOT IN ('root', 'unassigned')
JOIN quota_decomp.node_closure c ON c.plan_id = a.plan_id AND c.ancestor_id = a.node_id
JOIN quota_decomp.node_key k ON k.plan_id = c.plan_id AND k.dimension = 'org' AND k.node_id = CASE a.kind WHEN 'self' THEN a.parent_id ELSE c.node_id END
CROSS JOIN quota_decomp._many()
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (a.plan_id, a.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_org_key IS 'internal: the keys whose facts count on a member, his own and those of all below, from when to when';

CREATE VIEW quota_decomp.visible_org WITH (security_barrier) AS
SELECT p.plan_id, p.plan, a.node_id AS org_id, a.key AS org, a.level AS org_level, a.depth AS org_depth, a.kind
FROM quota_decomp.plan p
JOIN quota_decomp.node a ON a.plan_id = p.plan_id AND a.dimension = 'org' AND a.kind <> 'unassigned'
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (a.plan_id, a.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_org IS 'internal: the members of a plan and its root';

-- What is nobody's is of the node 0.
CREATE VIEW quota_decomp.visible_org_above WITH (security_barrier) AS
SELECT p.plan_id, p.plan, CASE n.kind WHEN 'unassigned' THEN 0 ELSE n.node_id END AS node_id,
	   a.node_id AS org_id, a.key AS org, a.level AS org_level, a.depth AS org_depth
FROM quota_decomp.plan p
JOIN quota_decomp.node a ON a.plan_id = p.plan_id AND a.dimension = 'org'
JOIN quota_decomp.node_closure c ON c.plan_id = a.plan_id AND c.ancestor_id = a.node_id
JOIN quota_decomp.node n ON n.plan_id = c.plan_id AND n.node_id = c.node_id
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (a.plan_id, a.node_id) IN (SELECT o.plan_id, o.node_id FROM quota_decomp._own_nodes() o);
COMMENT ON VIEW quota_decomp.visible_org_above IS 'internal: every member with himself and each that he belongs to';

-- All that one member or product is written as is the same, for everybody: what
-- counts must not depend on who reads.  So that it does not tell names, digests.
CREATE VIEW quota_decomp.visible_same_key WITH (security_barrier) AS
SELECT p.plan_id, p.plan, k.dimension, pg_catalog.sha256(pg_catalog.convert_to(k.key, 'UTF8')) AS key, min(pg_catalog.sha256(pg_catalog.convert_to(n.key, 'UTF8'))::text) AS same
FROM quota_decomp.plan p
JOIN quota_decomp.node_key k ON k.plan_id = p.plan_id
JOIN quota_decomp.node n ON n.plan_id = k.plan_id AND n.node_id = k.node_id
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[])
GROUP BY p.plan_id, p.plan, k.dimension, k.key;
COMMENT ON VIEW quota_decomp.visible_same_key IS 'internal: a digest of each key, and one of the member or product it stands for';

CREATE VIEW quota_decomp.visible_product_above WITH (security_barrier) AS
SELECT p.plan_id, p.plan, c.node_id, i.node_id AS product_id, i.key AS product, i.label AS product_label, i.path AS product_path, i.depth AS product_depth, i.sort_no AS product_sort
FROM quota_decomp.plan p
JOIN quota_decomp.node i ON i.plan_id = p.plan_id AND i.dimension = 'product'
JOIN quota_decomp.node_closure c ON c.plan_id = i.plan_id AND c.ancestor_id = i.node_id
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[]);
COMMENT ON VIEW quota_decomp.visible_product_above IS 'internal: every product with itself and each that it belongs to';

CREATE VIEW quota_decomp.visible_member_label WITH (security_barrier) AS
SELECT p.plan_id, p.plan, o.node_id AS org_id, o.label AS org_label, o.path AS org_path, o.sort_no AS org_sort, up.key AS parent_org, o.planned, o.leaf, o.hired, o.member_group
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org'
LEFT JOIN quota_decomp.node up ON up.plan_id = o.plan_id AND up.node_id = o.parent_id
	AND (up.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
		 OR (up.plan_id, up.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n))
CROSS JOIN quota_decomp._many()
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_member_label IS 'internal: the names of members, and who is above them';

-- As visible_battle_map: run for each member, over its cells by the key.
CREATE VIEW quota_decomp.visible_target_cell WITH (security_barrier) AS
WITH progress AS MATERIALIZED (
	SELECT v.plan_id, v.period_id, v.share_gone FROM quota_decomp._progress() v WHERE v.leaf
)
SELECT p.plan_id, p.plan, p.metric, o.node_id AS org_id, o.key AS org, o.level AS org_level, o.depth AS org_depth,
	   s.product_id, s.product, s.product_depth, s.product_label, s.product_path, s.product_sort, s.period_id, s.grain, s.period, s.period_starts, s.period_ends,
	   s.target, s.base, s.stretch, s.carried, s.due, s.volume, s.base_volume, s.stretch_volume, s.volume_due
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org'
CROSS JOIN LATERAL (
	-- of a rate: amounts times volumes
	SELECT i.node_id AS product_id, i.key AS product, i.depth AS product_depth, i.label AS product_label, i.path AS product_path, i.sort_no AS product_sort, q.period_id, q.grain, q.label AS period, q.starts AS period_starts, q.ends AS period_ends,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'target') AS target,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'base') AS base,
		   sum(t.amount * w.weight) FILTER (WHERE t.tier = 'stretch') AS stretch,
		   sum(t.carried * w.weight) FILTER (WHERE t.tier = 'target') AS carried,
		   sum(t.amount * w.weight * g.share_gone) FILTER (WHERE t.tier = 'target') AS due,
		   sum(t.volume) FILTER (WHERE t.tier = 'target') AS volume,
		   sum(t.volume) FILTER (WHERE t.tier = 'base') AS base_volume,
		   sum(t.volume) FILTER (WHERE t.tier = 'stretch') AS stretch_volume,
		   sum(t.volume * g.share_gone) FILTER (WHERE t.tier = 'target') AS volume_due
	-- by the key, once
	FROM (SELECT t.* FROM quota_decomp.target t WHERE t.plan_id = p.plan_id AND t.org_id = o.node_id
		  AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision) OFFSET 0) AS t
	CROSS JOIN LATERAL (SELECT CASE WHEN p.rate_method IS NULL THEN 1 ELSE t.volume END AS weight) AS w
	JOIN progress g ON g.plan_id = t.plan_id AND g.period_id = t.period_id
	JOIN quota_decomp.node_closure ic ON ic.plan_id = t.plan_id AND ic.node_id = t.product_id
	JOIN quota_decomp.node i ON i.plan_id = ic.plan_id AND i.node_id = ic.ancestor_id
	JOIN quota_decomp.period_closure qc ON qc.plan_id = t.plan_id AND qc.period_id = t.period_id
	JOIN quota_decomp.period q ON q.plan_id = qc.plan_id AND q.period_id = qc.ancestor_id
	GROUP BY i.plan_id, i.node_id, q.plan_id, q.period_id) AS s
WHERE o.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_target_cell IS 'internal: current targets of all tiers, and what of them was due by today, added up over products and periods';

----------------------------------------------------------------------
-- attainment
----------------------------------------------------------------------

-- The sum of facts by their keys, given as "SQL AS name", of f and constants of p.
-- Where there are no facts to be looked for, the condition on p, or on what else
-- is joined before, keeps them from being read; it is above the sum, not for every row.
CREATE FUNCTION quota_decomp._added(m quota_decomp._mapped_metric, keys text[], condition text, only_if text, joined text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format('SELECT s.* FROM (SELECT %s%s AS value, %s AS denominator, count(*) AS facts FROM %s%s AS f WHERE %s %s) AS s WHERE %s',
		coalesce((SELECT string_agg(k.key || ', ', '' ORDER BY k.i) FROM unnest(keys) WITH ORDINALITY AS k(key, i)), ''),
		CASE m.kind WHEN 'distinct' THEN 'NULL::numeric' ELSE format('sum(%s)', m.value) END, CASE WHEN m.denominator LIKE 'NULL%' THEN m.denominator ELSE format('sum(%s)', m.denominator) END, joined, m.relation, condition,
		coalesce('GROUP BY ' || (SELECT string_agg(k.i::text, ', ') FROM unnest(keys) WITH ORDINALITY AS k(key, i) WHERE NOT starts_with(k.key, 'p.')), 'HAVING count(*) > 0'), only_if)
$$;
COMMENT ON FUNCTION quota_decomp._added(quota_decomp._mapped_metric, text[], text, text, text) IS 'internal: the sum of a metric''s facts by their keys, as SQL';

-- The facts of each row of a source are found before anything else is joined: a
-- union keeps them apart, and lets conditions through.
CREATE FUNCTION quota_decomp._fenced(m quota_decomp._mapped_metric, columns text, source text, facts text, joined text, condition text, width int) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format('(SELECT %s, g.* FROM %s CROSS JOIN LATERAL (%s) AS g CROSS JOIN quota_decomp._many()%s WHERE p.metric = %L%s UNION ALL SELECT %s WHERE false) AS g',
		columns, source, facts, joined, m.metric, condition, (SELECT string_agg('NULL', ', ') FROM generate_series(1, width)))
$$;
COMMENT ON FUNCTION quota_decomp._fenced(quota_decomp._mapped_metric, text, text, text, text, text, int) IS 'internal: a source with the facts of each of its rows, which has so many columns, as SQL';

-- What was brought, by member, product and period, of one metric, as SQL.  Facts
-- are added up by their keys, as these are written, and then joined with what they
-- belong to.  There are two forms:
--   by_member   the facts of each key of a member are looked up by the index; those
--               of the root are all that there are in the period
--   otherwise   the facts of a period are read once, whoever is asked for
-- and each without products, for where only their total is asked for.
-- One condition above all of them, on what the planner knows of the caller's,
-- takes one form and leaves out the others, which are then not planned.
CREATE FUNCTION quota_decomp._actual(m quota_decomp._mapped_metric, columns text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	-- the columns that conditions pass through
	period CONSTANT text := 'g.plan_id, g.plan, g.whole, g.period_id, g.grain, g.period, g.period_starts, g.period_ends';
	org CONSTANT text := 'o.org_id, o.org, o.org_level, o.org_depth';
	product CONSTANT text := 'c.product_id, c.product, c.product_depth, c.product_label, c.product_path, c.product_sort';
	top CONSTANT text := 'g.product_top, g.product_top_key, g.product_top_depth, g.product_top_label, g.product_top_path, g.product_top_sort';
	top_as_product CONSTANT text := 'g.product_top AS product_id, g.product_top_key AS product, g.product_top_depth AS product_depth, g.product_top_label AS product_label, g.product_top_path AS product_path, g.product_top_sort AS product_sort';
	of_period CONSTANT text := replace(period, 'g.', 'p.') || ', p.product_top, p.product_top_key, p.product_top_depth, p.product_top_label, p.product_top_path, p.product_top_sort';
	has_products CONSTANT boolean := m.is_product IS NOT NULL;
	has_members CONSTANT boolean := m.is_member IS NOT NULL;
	is_balance CONSTANT boolean := m.kind = 'balance_ratio';
	-- the last balance of a member is sought among all that he is written as
	has_member_form CONSTANT boolean := m.by_member IS NOT NULL AND NOT is_balance;
	sums CONSTANT text := format('%s AS value, sum(g.denominator) AS denominator, sum(g.facts)::bigint AS facts', CASE m.kind WHEN 'distinct' THEN 'count(DISTINCT g.counted)::numeric'
		WHEN 'sum' THEN 'coalesce(sum(g.value), 0)' WHEN 'balance_ratio' THEN 'sum(g.value) FILTER (WHERE g.is_last)' ELSE 'sum(g.value)' END);
	counted CONSTANT text := CASE WHEN m.kind = 'distinct' THEN format('%s COLLATE "C" AS counted', m.counted) END;
	of_product CONSTANT text := CASE WHEN has_products THEN ' LEFT JOIN quota_decomp.visible_product_key u ON u.plan_id = p.plan_id AND u.plan = p.plan AND ' || m.are_product ELSE '' END;
	product_node CONSTANT text := CASE WHEN has_products THEN ', coalesce(u.node_id, p.product_rest) AS product_node' ELSE ', p.product_rest AS product_node' END;
	to_products CONSTANT text := ' JOIN quota_decomp.visible_product_above c ON c.plan_id = g.plan_id AND c.plan = g.plan AND c.node_id = g.product_node';
	form CONSTANT text := format('SELECT x.*, %L::text AS metric, %%s AS by_member, %%s AS by_product FROM (SELECT %%s, %%s, %%s, %s FROM %%s GROUP BY %%s) AS x', m.metric, sums);
	by_product boolean;
	keys text[];
	facts text;
	source text;
	branches text[] := '{}';
BEGIN
	FOREACH by_product IN ARRAY CASE WHEN has_member_form THEN '{true,false}'::boolean[] ELSE '{}' END LOOP
		keys := array_remove(CASE WHEN by_product AND has_products THEN ARRAY[m.product_key || ' AS product_key', m.starts || ' AS starts'] ELSE '{}' END || counted, NULL);
		facts := format('%s UNION ALL %s', quota_decomp._added(m, keys, 'k.plan_id = p.plan_id AND k.org_id = o.org_id AND ' || m.by_member, 'o.kind <> ''root''', 'quota_decomp.visible_org_key k CROSS JOIN '), quota_decomp._added(m, keys, m.in_period, 'o.kind = ''root'''));
		source := format('quota_decomp.visible_plan_period p%s JOIN quota_decomp.visible_org o ON o.plan_id = p.plan_id AND o.plan = p.plan',
			CASE WHEN by_product AND has_products THEN format(m.changes, 'product_changes') ELSE '' END);
		branches := branches || format(form, 'true', by_product::text, period, replace(org, 'o.', 'g.'), CASE WHEN by_product THEN product ELSE top_as_product END,
			quota_decomp._fenced(m, of_period || ', ' || org || CASE WHEN by_product THEN product_node ELSE '' END, source, facts, CASE WHEN by_product THEN of_product ELSE '' END, '', 18 + by_product::int + cardinality(keys) + 3) || CASE WHEN by_product THEN to_products ELSE '' END,
			concat_ws(', ', period, replace(org, 'o.', 'g.'), CASE WHEN by_product THEN product ELSE top END));
	END LOOP;

	-- of a balance each product has its own last one
	FOREACH by_product IN ARRAY CASE WHEN is_balance THEN '{true}' ELSE '{true,false}' END::boolean[] LOOP
		keys := array_remove(ARRAY[CASE WHEN has_members THEN m.member_key || ' AS member_key' END, CASE WHEN has_products AND by_product THEN m.product_key || ' AS product_key' END,
			CASE WHEN has_members OR has_products AND by_product THEN m.starts || ' AS starts' END, counted, CASE WHEN is_balance THEN m.at || ' AS at' END], NULL);
		-- where nothing changes hands, it is not looked for, nor are many groups expected
		facts := CASE WHEN m.starts || ' AS starts' = ANY (keys) THEN format('%s UNION ALL %s', quota_decomp._added(m, array_replace(keys, m.starts || ' AS starts', 'p.period_starts AS starts'), m.in_period, 'p.changes IS NULL'),
			quota_decomp._added(m, keys, m.in_period, 'p.changes IS NOT NULL')) ELSE quota_decomp._added(m, keys, m.in_period, 'true') END;
		IF is_balance THEN
			-- the last one in the period of each member and product, whatever they are written as
			facts := format('SELECT g.*, max(g.at) FILTER (WHERE g.value IS NOT NULL) OVER (PARTITION BY %s) = g.at AS is_last FROM (SELECT g.*%s FROM (%s) AS g CROSS JOIN quota_decomp._many() OFFSET 0) AS g%s%s',
				concat_ws(', ', 'true', CASE WHEN has_members THEN 'ks.same, CASE WHEN ks.same IS NULL THEN g.member_key END' END, CASE WHEN has_products THEN 'us.same, CASE WHEN us.same IS NULL THEN g.product_key END' END),
				CASE WHEN has_members THEN ', pg_catalog.sha256(pg_catalog.convert_to(g.member_key::text, ''UTF8'')) AS member_digest' ELSE '' END || CASE WHEN has_products THEN ', pg_catalog.sha256(pg_catalog.convert_to(g.product_key::text, ''UTF8'')) AS product_digest' ELSE '' END, facts,
				CASE WHEN has_members THEN ' LEFT JOIN quota_decomp.visible_same_key ks ON ks.plan_id = p.plan_id AND ks.plan = p.plan AND ks.dimension = ''org'' AND ks.key = g.member_digest' ELSE '' END,
				CASE WHEN has_products THEN ' LEFT JOIN quota_decomp.visible_same_key us ON us.plan_id = p.plan_id AND us.plan = p.plan AND us.dimension = ''product'' AND us.key = g.product_digest' ELSE '' END);
		END IF;
		branches := branches || format(form, 'false', by_product::text, period, org, CASE WHEN by_product THEN product ELSE top_as_product END,
			quota_decomp._fenced(m, of_period || CASE WHEN has_members THEN ', coalesce(k.org_id, 0) AS org_node' ELSE ', 0 AS org_node' END || CASE WHEN by_product THEN product_node ELSE '' END,
				'quota_decomp.visible_plan_period p' || CASE WHEN m.starts || ' AS starts' = ANY (keys) THEN format(m.changes, 'changes') ELSE '' END, facts,
				CASE WHEN has_members THEN ' LEFT JOIN quota_decomp.visible_member_key k ON k.plan_id = p.plan_id AND k.plan = p.plan AND ' || m.are_member ELSE '' END || CASE WHEN by_product THEN of_product ELSE '' END,
				-- who does not see the whole has few keys
				CASE WHEN has_member_form THEN ' AND p.whole' ELSE '' END, 15 + by_product::int + cardinality(keys) + 3 + CASE WHEN is_balance THEN 1 + has_members::int + has_products::int ELSE 0 END)
			|| ' JOIN quota_decomp.visible_org_above o ON o.plan_id = g.plan_id AND o.plan = g.plan AND o.node_id = g.org_node' || CASE WHEN by_product THEN to_products ELSE '' END,
			concat_ws(', ', period, org, CASE WHEN by_product THEN product ELSE top END));
	END LOOP;
	RETURN format('SELECT %s FROM (%s) AS b%s', columns, array_to_string(branches, ' UNION ALL '), CASE WHEN is_balance THEN '' ELSE
		' WHERE CASE WHEN ''(all)'' = ALL (quota_decomp._given(b.product)) OR 0 = ALL (quota_decomp._given(b.product_depth)) THEN NOT b.by_product ELSE b.by_product END'
		|| CASE WHEN has_member_form THEN ' AND CASE WHEN cardinality(quota_decomp._given(b.org)) <= 20 AND ''(unassigned)'' <> ALL (quota_decomp._given(b.org)) OR 0 = ALL (quota_decomp._given(b.org_depth)) '
			'THEN b.by_member ELSE NOT b.by_member OR NOT b.whole END' ELSE '' END END);
END $$;
COMMENT ON FUNCTION quota_decomp._actual(quota_decomp._mapped_metric, text) IS 'internal: a metric''s facts by member, product and period, as SQL with these columns of b';

CREATE FUNCTION quota_decomp._view_attainment(schema name) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp._mapped_metric;
	actual text := '';
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
		actual := actual || ' UNION ALL ' || quota_decomp._actual(m, 'b.plan_id, b.plan, b.metric, b.org_id, b.org, b.org_level, b.org_depth, b.period_id, b.grain, b.period, b.period_starts, b.period_ends, '
			'b.product_id, b.product, b.product_depth, b.product_label, b.product_path, b.product_sort, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, b.value, b.denominator, b.facts');
	END LOOP;
	RETURN format($q$
SELECT r.plan, r.metric, r.org, o.org_label, o.org_path, r.org_level, r.org_depth, o.org_sort, o.parent_org,
	r.product, r.product_label, r.product_path, r.product_depth, r.product_sort,
	r.grain, r.period, r.period_starts, r.period_ends, r.today,
	trim_scale(r.target) AS target, trim_scale(r.base) AS base, trim_scale(r.stretch) AS stretch, trim_scale(r.required) AS required,
	trim_scale(r.actual) AS actual, r.facts, r.volume, r.denominator,
	r.attainment, trim_scale(r.due) AS due_to_date, r.attainment_to_date, trim_scale(r.actual - r.due) AS gap,
	CASE WHEN NOT r.is_rate THEN trim_scale(r.required - r.actual) END AS remaining,
	CASE WHEN NOT r.is_rate AND r.begun THEN trim_scale(round(CASE WHEN r.over THEN r.actual WHEN r.due / nullif(r.target, 0) > 0 THEN r.actual * r.target / r.due
		ELSE r.actual / nullif(r.share_gone, 0) END, greatest(scale(r.unit), 2))) END AS run_rate,
	CASE WHEN NOT r.is_rate AND r.days_left > 0 AND r.required IS NOT NULL THEN trim_scale(round(greatest(r.required - r.actual, 0) / r.days_left, greatest(scale(r.unit), 2))) END AS required_rate,
	CASE WHEN r.is_rate AND NOT r.over THEN round(CASE WHEN r.is_balance THEN r.target * (coalesce(r.denominator, 0) + r.volume - r.volume_due) / (r.period_ends - r.period_starts)
		ELSE (r.target * (coalesce(r.denominator, 0) + r.volume - r.volume_due) - coalesce(r.value, 0)) / nullif(r.volume - r.volume_due, 0) END, r.scale) END AS needed_rest,
	r.working_days, r.days_left AS working_days_left,
	CASE WHEN NOT r.known THEN 'run create_views'
		WHEN r.target IS NULL THEN 'no target'
		WHEN NOT r.begun THEN 'not begun'
		WHEN r.actual = 'NaN' THEN 'not a number'
		WHEN r.actual IS NULL THEN 'no sales'
		WHEN r.over THEN CASE WHEN r.at_least >= r.target_met THEN 'done' ELSE 'missed' END
		WHEN r.at_least >= r.target_met AND NOT r.lower_better AND NOT r.is_rate THEN 'done'
		WHEN r.facts = 0 AND NOT r.lower_better THEN 'no sales'
		WHEN r.attainment_to_date >= 1.05 OR r.due = 0 AND r.at_least > 0 THEN 'ahead'
		WHEN r.attainment_to_date >= 0.95 OR r.due = 0 AND r.at_least = 0 OR r.due IS NULL THEN 'on track'
		ELSE 'behind' END AS status,
	CASE WHEN r.target IS NULL OR r.actual IS NULL OR r.actual = 'NaN' OR NOT r.begun OR NOT r.over AND (r.lower_better OR r.is_rate) THEN NULL
		WHEN r.at_least >= CASE WHEN r.lower_better THEN - r.stretch ELSE r.stretch END THEN 'stretch'
		WHEN r.at_least >= r.target_met THEN 'target'
		WHEN r.at_least >= CASE WHEN r.lower_better THEN - r.base ELSE r.base END THEN 'base'
		ELSE 'none' END AS tier_reached,
	o.planned, r.state, r.revision
FROM (
	SELECT b.plan_id, b.plan, b.metric, b.org_id, b.org, b.org_level, b.org_depth, b.period_id, b.grain, b.period, b.period_starts, b.period_ends, b.product_id, b.product, b.product_depth, b.product_label, b.product_path, b.product_sort,
		sum(b.target) AS target, sum(b.base) AS base, sum(b.stretch) AS stretch, sum(b.carried) AS carried, sum(b.due) AS due,
		sum(b.volume) AS volume, sum(b.base_volume) AS base_volume, sum(b.stretch_volume) AS stretch_volume, sum(b.volume_due) AS volume_due,
		sum(b.value) AS value, sum(b.denominator) AS denominator, coalesce(sum(b.facts), 0)::bigint AS facts
	FROM (
		SELECT t.plan_id, t.plan, t.metric, t.org_id, t.org, t.org_level, t.org_depth, t.period_id, t.grain, t.period, t.period_starts, t.period_ends, t.product_id, t.product, t.product_depth, t.product_label, t.product_path, t.product_sort,
			t.target, t.base, t.stretch, t.carried, t.due, t.volume, t.base_volume, t.stretch_volume, t.volume_due,
			NULL::numeric AS value, NULL::numeric AS denominator, NULL::bigint AS facts
		FROM quota_decomp.visible_target_cell t CROSS JOIN quota_decomp._many()%4$s) AS b
	GROUP BY b.plan_id, b.plan, b.metric, b.org_id, b.org, b.org_level, b.org_depth, b.period_id, b.grain, b.period, b.period_starts, b.period_ends, b.product_id, b.product, b.product_depth, b.product_label, b.product_path, b.product_sort) AS s
JOIN quota_decomp._progress() g ON g.plan_id = s.plan_id AND g.plan = s.plan AND g.period_id = s.period_id
-- beside the sums and not around them, for the planner copies what is inside
CROSS JOIN LATERAL (
	SELECT s.plan_id, s.plan, s.metric, s.org_id, s.org, s.org_level, s.org_depth, s.period_id, s.grain, s.period, s.period_starts, s.period_ends, s.product_id, s.product, s.product_depth, s.product_label, s.product_path, s.product_sort,
	g.is_rate, g.scale, g.unit, g.state, g.revision, g.today, s.metric = ANY (%1$L::text[]) AS known, s.metric = ANY (%2$L::text[]) AS is_balance, s.metric = ANY (%3$L::text[]) AS lower_better,
	g.working_days, g.working_days - g.days_gone AS days_left, g.share_gone, g.starts <= g.today AS begun, g.ends <= g.today + 1 AS over,
	CASE WHEN g.is_rate THEN round(s.target / nullif(s.volume, 0), g.scale) ELSE s.target END AS target,
	CASE WHEN g.is_rate THEN round(s.base / nullif(s.base_volume, 0), g.scale) ELSE s.base END AS base,
	CASE WHEN g.is_rate THEN round(s.stretch / nullif(s.stretch_volume, 0), g.scale) ELSE s.stretch END AS stretch,
	CASE WHEN g.is_rate THEN round((s.target + coalesce(s.carried, 0)) / nullif(s.volume, 0), g.scale) ELSE s.target + coalesce(s.carried, 0) END AS required,
	CASE WHEN g.is_rate THEN round(s.due / nullif(s.volume_due, 0), g.scale) ELSE round(s.due, greatest(scale(g.unit), 6)) END AS due,
	s.volume, s.volume_due, s.value, s.denominator, s.facts,
	CASE WHEN NOT s.metric = ANY (%1$L::text[]) THEN NULL
		WHEN NOT g.is_rate THEN coalesce(s.value, 0)
		ELSE round(s.value * CASE WHEN s.metric = ANY (%2$L::text[]) THEN least(g.ends, g.today + 1) - g.starts ELSE 1 END / nullif(s.denominator, 0), greatest(g.scale, 6)) END AS actual) AS d
CROSS JOIN LATERAL (
	SELECT d.*, CASE WHEN d.lower_better THEN - d.actual ELSE d.actual END AS at_least, CASE WHEN d.lower_better THEN - d.target ELSE d.target END AS target_met,
		round(CASE WHEN NOT d.begun AND d.lower_better THEN NULL WHEN d.lower_better THEN 1 + (d.target - d.actual) / nullif(abs(d.target), 0) WHEN d.target < 0 THEN 2 - d.actual / d.target ELSE d.actual / nullif(d.target, 0) END, 6) AS attainment,
		round(CASE WHEN d.lower_better THEN 1 + (d.due - d.actual) / nullif(abs(d.due), 0) WHEN d.due < 0 THEN 2 - d.actual / d.due ELSE d.actual / nullif(d.due, 0) END, 6) AS attainment_to_date) AS r
JOIN quota_decomp.visible_member_label o ON o.plan_id = r.plan_id AND o.plan = r.plan AND o.org_id = r.org_id $q$,
		names, balances, lower_is_better, actual);
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
	('attainment', 'actual by target of the whole period; where lower is better 1 + (target - actual) / |target|, of a target below 0 1 + (actual - target) / |target|; NULL where it is 0'),
	('due_to_date', 'what of the target was due by today: whole periods of the plan''s grain, and of the running one its share of working days'),
	('attainment_to_date', 'the same against what was due'),
	('gap', 'actual less what was due'),
	('remaining', 'required less actual: what is still to be brought; below 0, how much more there is'),
	('run_rate', 'what the whole period brings if it goes on as so far, by what was due; none of a ratio'),
	('required_rate', 'what each working day that is left must bring'),
	('needed_rest', 'of a ratio: the value that the rest of the period must reach with its planned volume; of a balance: what it must be at the end'),
	('working_days', 'of the period'),
	('working_days_left', 'of them, after today'),
	('status', 'not begun, not a number, ahead (from 105 % of what was due), on track (from 95 %), behind, no sales, done, missed, no target; run create_views: its KPI was mapped later'),
	('tier_reached', 'the highest tier reached so far, or none; where lower is better and of a ratio, only when the period is over'),
	('planned', 'whether the member gets targets in this plan; former members do not'),
	('state', 'of the plan: draft or published'),
	('revision', 'the revision of the plan that is in force')
$$;
COMMENT ON FUNCTION quota_decomp._columns_attainment() IS 'internal: the columns of the view attainment and their comments';
