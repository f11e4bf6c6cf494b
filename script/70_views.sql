----------------------------------------------------------------------
-- The plan layer: the views made for BI, in a schema of the user's
--
-- A view NAME is made by create_views() if there is a function
--   quota_decomp._view_NAME(schema name) RETURNS text
--     its SELECT, all names qualified, no semicolon; columns in order and with
--     the names of _columns_NAME().  schema is where the views are made: a view
--     that stands on another one of them reads format('%I.attainment', schema).
--     NULL: cannot be made now (what it needs is not mapped)
--   quota_decomp._columns_NAME() RETURNS TABLE (name text, comment text)
--     the comment of the view, under the name '', then its columns in order
-- _view_names() has their order; one that it does not list comes last.
--
-- Such a view reads visible_X and the CRM's tables, with the reader's rights.
-- A filter on a plan's name does not reach a table through a join of several
-- visible_X (they are security barriers); one that is written for it does:
-- visible_battle_map has the ids and the labels.
----------------------------------------------------------------------

----------------------------------------------------------------------
-- battle_map
----------------------------------------------------------------------

-- The subquery is run for each member and tier: a scan of its cells by the key,
-- a small hash of its products and periods.  Conditions on plan, member and tier
-- apply before it, those on product and period inside it, as they are on what
-- the grouping's keys determine.
CREATE VIEW quota_decomp.visible_battle_map WITH (security_barrier) AS
SELECT p.plan_id, p.plan, p.metric, v.name AS tier,
	   o.node_id AS org_id, o.key AS org, o.label AS org_label, o.path AS org_path, o.level AS org_level, o.depth AS org_depth,
	   o.sort_no AS org_sort, o.leaf AS org_leaf, up.key AS parent_org,
	   s.product_id, s.product, s.product_label, s.product_path, s.product_depth, s.product_sort, s.product_leaf,
	   s.period_id, s.grain, s.period, s.period_starts, s.period_ends, s.working_days, s.period_leaf,
	   CASE WHEN p.rate_method IS NULL THEN s.amount ELSE round(s.weighted / nullif(s.volume, 0), coalesce(p.scale, 6)) END AS amount,
	   s.carried, s.volume, s.rule, p.revision, p.state
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org'
LEFT JOIN quota_decomp.node up ON up.plan_id = o.plan_id AND up.node_id = o.parent_id
	AND (up.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)
		 OR (up.plan_id, up.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n))
-- as text: a condition on an enum would stay above the barrier
CROSS JOIN (VALUES ('base', 'base'::quota_decomp.tier), ('target', 'target'), ('stretch', 'stretch')) AS v(name, tier)
CROSS JOIN LATERAL (
	SELECT i.node_id AS product_id, i.key AS product, i.label AS product_label, i.path AS product_path, i.depth AS product_depth,
		   i.sort_no AS product_sort, i.leaf AS product_leaf,
		   q.period_id, q.grain, q.label AS period, q.starts AS period_starts, q.ends AS period_ends, q.working_days, q.leaf AS period_leaf,
		   sum(t.amount) AS amount, sum(t.amount * t.volume) AS weighted, sum(t.carried) AS carried, sum(t.volume) AS volume,
		   min(t.rule) FILTER (WHERE i.leaf AND q.leaf) AS rule
	FROM quota_decomp.target t
	JOIN quota_decomp.node_closure ic ON ic.plan_id = t.plan_id AND ic.node_id = t.product_id
	JOIN quota_decomp.node i ON i.plan_id = ic.plan_id AND i.node_id = ic.ancestor_id
	JOIN quota_decomp.period_closure qc ON qc.plan_id = t.plan_id AND qc.period_id = t.period_id
	JOIN quota_decomp.period q ON q.plan_id = qc.plan_id AND q.period_id = qc.ancestor_id
	WHERE t.plan_id = p.plan_id AND t.org_id = o.node_id AND t.tier = v.tier
	  AND t.revision_from <= p.revision AND (t.revision_to IS NULL OR t.revision_to > p.revision)
	GROUP BY i.plan_id, i.node_id, q.plan_id, q.period_id) AS s
WHERE o.plan_id IN (SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole)
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n);
COMMENT ON VIEW quota_decomp.visible_battle_map IS
'internal: current targets of every node, product and period, coarser ones added up, that the current role may read';

CREATE FUNCTION quota_decomp._view_battle_map(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT b.plan, b.metric, b.tier, b.org, b.org_label, b.org_path, b.org_level, b.org_depth, b.org_sort, b.org_leaf, b.parent_org, b.product, b.product_label, '
	'b.product_path, b.product_depth, b.product_sort, b.product_leaf, b.grain, b.period, b.period_starts, b.period_ends, b.amount, b.carried, b.volume, b.rule, '
	'b.revision, b.state FROM quota_decomp.visible_battle_map b'
$$;
COMMENT ON FUNCTION quota_decomp._view_battle_map(name) IS 'internal: the SELECT of the view battle_map';

CREATE FUNCTION quota_decomp._columns_battle_map() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'the target of every member, product and period, of each tier: what is in force now; sums over coarser products and periods are rows of their own'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('tier', 'base, target (the committed number) or stretch'),
	('org', 'key of the member of the organisation'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('org_leaf', 'whether nobody is below it'),
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('product', 'key of the product'),
	('product_label', 'its name'),
	('product_path', 'keys from the root of the products down to it, separated by /'),
	('product_depth', 'levels above it: all products has 0'),
	('product_sort', 'to sort by: parents before children'),
	('product_leaf', 'whether no product is below it'),
	('grain', 'what period is: year, quarter, month, week, month_week or day'),
	('period', 'label of the period'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('amount', 'the target; of a ratio, the mean weighted by volume'),
	('carried', 'what closed periods fell short of and this one is to make up for, beside amount; NULL: none'),
	('volume', 'of a ratio: the planned denominator'),
	('rule', 'what decided the amount, of a cell as it is stored; NULL where it is a sum'),
	('revision', 'the revision of the plan that is in force'),
	('state', 'of the plan: draft or published')
$$;
COMMENT ON FUNCTION quota_decomp._columns_battle_map() IS 'internal: the columns of the view battle_map and their comments';

----------------------------------------------------------------------
-- plan_weight
----------------------------------------------------------------------

CREATE VIEW quota_decomp.visible_plan_weight WITH (security_barrier) AS
SELECT p.plan_id, p.plan, w.dimension, CASE WHEN w.driver_no = -1 THEN '(blended)' ELSE coalesce(d.driver, 'history') END AS driver,
	   CASE WHEN w.driver_no <> -1 THEN coalesce(d.share, 1) END AS driver_share,
	   w.org_id, o.key AS org, o.label AS org_label, w.product_id, i.key AS product, w.period_id, q.label AS period, q.starts AS period_starts,
	   CASE WHEN w.org_id IS NOT NULL OR a.whole THEN w.value END AS value, w.share, w.source
FROM quota_decomp.plan p
JOIN quota_decomp.access a ON a.plan_id = p.plan_id
JOIN quota_decomp.weight w ON w.plan_id = p.plan_id
LEFT JOIN quota_decomp.driver d ON d.plan_id = w.plan_id AND d.driver_no = w.driver_no
LEFT JOIN quota_decomp.node o ON o.plan_id = w.plan_id AND o.node_id = w.org_id
LEFT JOIN quota_decomp.node i ON i.plan_id = w.plan_id AND i.node_id = w.product_id
LEFT JOIN quota_decomp.period q ON q.plan_id = w.plan_id AND q.period_id = w.period_id
WHERE a.whole OR w.org_id IS NULL OR (w.plan_id, w.org_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n);
COMMENT ON VIEW quota_decomp.visible_plan_weight IS 'internal: weights of the last decomposition, with their names, that the current role may read';

CREATE FUNCTION quota_decomp._view_plan_weight(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT w.plan, w.dimension, w.driver, w.driver_share, w.org, w.org_label, w.product, w.period, w.period_starts, w.value, w.share, w.source '
	'FROM quota_decomp.visible_plan_weight w'
$$;
COMMENT ON FUNCTION quota_decomp._view_plan_weight(name) IS 'internal: the SELECT of the view plan_weight';

CREATE FUNCTION quota_decomp._columns_plan_weight() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'what weighed the members, products and periods of a plan when it was decomposed, driver by driver and blended'),
	('plan', 'name of the plan'),
	('dimension', 'what is weighed: org, product, org_product (a member''s mix) or time'),
	('driver', 'name of the driver; history: the plan''s own metric, where no driver was added; (blended): what was decomposed by'),
	('driver_share', 'the driver''s own share in the blend, before they are made to sum to one; NULL of (blended)'),
	('org', 'key of the member; NULL: of all'),
	('org_label', 'its name'),
	('product', 'key of the product; NULL: of all'),
	('period', 'label of the period; NULL: of all'),
	('period_starts', 'its first day'),
	('value', 'what the source says, or what was taken for it'),
	('share', 'the share among those beside it, children of one parent or periods'),
	('source', 'where the value comes from (history, pipeline, column), or what it was taken for and why')
$$;
COMMENT ON FUNCTION quota_decomp._columns_plan_weight() IS 'internal: the columns of the view plan_weight and their comments';

----------------------------------------------------------------------
-- smart: each member's target against five criteria
--
--   specific    a person is named (a member without members below, or one with
--               a login), or the plan or a goal that covers it has an owner;
--               metric, member, products and span are always named
--   measurable  the metric's relation and columns still exist; names are looked
--               up in the catalog, nothing is read
--   achievable  with own history: not more above it than twice the company's
--               growth or 50 %, whichever is more (for a metric where lower is
--               better: not more below it).  Own history is what the history
--               driver says, scaled to the plan's baseline if that is above 0.
--               Without: at most the median target of the peers who have some
--   relevant    linked to a parent goal, an initiative and an owner, by the plan
--               or by a goal on the member or above it
--   time_bound  decomposed, into quarters or finer
-- Who sees only a part is not told the numbers of others.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._metric_gone(schema_name name, relation_name name, columns name[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN count(k.oid) = 0 THEN format('relation %I.%I', $1, $2)
			ELSE 'column ' || string_agg(quote_ident(x.name), ', ' ORDER BY x.no) FILTER (WHERE NOT EXISTS (
				SELECT FROM pg_attribute f WHERE f.attrelid = k.oid AND f.attname = x.name AND f.attnum > 0 AND NOT f.attisdropped)) END
	FROM unnest($3) WITH ORDINALITY AS x(name, no)
	LEFT JOIN (SELECT c.oid FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE s.nspname = $1 AND c.relname = $2) AS k ON true
	WHERE x.name IS NOT NULL
$$;
COMMENT ON FUNCTION quota_decomp._metric_gone(name, name, name[]) IS 'internal: what a metric reads and does not exist any more, in words; NULL: all is there';

CREATE VIEW quota_decomp.visible_smart WITH (security_barrier) AS
SELECT s.plan_id, s.plan, s.metric, s.org_id, s.org, s.org_label, s.org_path, s.org_depth, s.org_sort, s.amount,
	   s.specific, s.measurable, s.achievable, s.relevant, s.time_bound,
	   s.specific AND s.measurable AND s.achievable AND s.relevant AND s.time_bound AS complete,
	   nullif(concat_ws(' ',
		   CASE WHEN NOT s.specific THEN 'Not specific: nobody is named, neither a person nor an owner of the plan or of a goal.' END,
		   CASE WHEN NOT s.measurable THEN 'Not measurable: ' || s.gone || ' of metric ' || quote_literal(s.metric) || ' does not exist any more.' END,
		   CASE WHEN NOT s.achievable THEN 'Not achievable: ' ||
			   CASE WHEN s.amount IS NULL THEN 'there is no amount yet.'
					WHEN s.baseline IS NOT NULL THEN round(abs(s.growth) * 100, 1) || CASE s.direction WHEN 'lower' THEN ' % below' ELSE ' % above' END || ' its own history'
						|| CASE WHEN s.whole THEN '; the most is ' || round(s.most * 100, 1) || ' %, while the company is to change by '
										|| coalesce(CASE WHEN s.company > 0 THEN '+' ELSE '' END || round(s.company * 100, 1) || ' %.', 'an unknown part.')
								ELSE '.' END
					WHEN s.peers IS NOT NULL THEN 'without history of its own, it is ' || CASE s.direction WHEN 'lower' THEN 'below' ELSE 'above' END || ' the median of its peers'
						|| CASE WHEN s.whole THEN ', ' || trim_scale(s.peers) || '.' ELSE '.' END
					ELSE 'neither it nor a peer has history to compare with.' END END,
		   CASE WHEN NOT s.relevant THEN 'Not relevant: no ' || concat_ws(', no ', CASE WHEN s.parent_goal IS NULL THEN 'parent goal' END,
			   CASE WHEN s.initiative IS NULL THEN 'initiative' END, CASE WHEN s.owner IS NULL THEN 'owner' END) || ' is named.' END,
		   CASE WHEN NOT s.time_bound THEN 'Not time-bound: ' || CASE WHEN s.amount IS NULL THEN 'it has not been decomposed.' ELSE 'it is split by ' || s.grain || ' only.' END END), '') AS lacks
FROM (
	SELECT p.plan_id, p.plan, p.metric, m.direction, p.grain, a.whole, o.node_id AS org_id, o.key AS org, o.label AS org_label, o.path AS org_path, o.depth AS org_depth,
		   o.sort_no AS org_sort, t.amount, c.gone, c.growth AS company, l.parent_goal, l.initiative, l.owner, r.peers, b.baseline, g.growth, g.most,
		   o.leaf OR o.login IS NOT NULL OR l.owner IS NOT NULL AS specific,
		   c.gone IS NULL AS measurable,
		   coalesce(CASE WHEN b.baseline IS NOT NULL THEN g.growth * CASE m.direction WHEN 'lower' THEN -1 ELSE 1 END <= g.most
						 ELSE CASE m.direction WHEN 'lower' THEN t.amount >= r.peers ELSE t.amount <= r.peers END END, false) AS achievable,
		   l.parent_goal IS NOT NULL AND l.initiative IS NOT NULL AND l.owner IS NOT NULL AS relevant,
		   t.amount IS NOT NULL AND p.grain <> 'year' AS time_bound
	FROM quota_decomp.plan p
	JOIN quota_decomp.access a ON a.plan_id = p.plan_id
	JOIN quota_decomp.metric m ON m.metric = p.metric
	JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org' AND o.planned
	-- the plan's own: what is missing of the metric, the history driver, its sum, the company's growth
	CROSS JOIN LATERAL (
		SELECT quota_decomp._metric_gone(m.schema_name, m.relation_name, ARRAY[m.at_column, m.member_column, m.product_column, m.value_column, m.denominator_column, m.quantity_column]) AS gone,
			   h.driver_no, v.value AS history, coalesce(p.baseline_amount, v.value) AS baseline, p.total / nullif(greatest(coalesce(p.baseline_amount, v.value), 0), 0) - 1 AS growth
		FROM (SELECT coalesce(min(d.driver_no), 0) AS driver_no FROM quota_decomp.driver d
			  WHERE d.plan_id = p.plan_id AND d.dimension = 'org' AND d.metric = p.metric) AS h
		LEFT JOIN LATERAL (
			SELECT w.value FROM quota_decomp.node k JOIN quota_decomp.weight w ON w.plan_id = k.plan_id AND w.dimension = 'org' AND w.driver_no = h.driver_no AND w.org_id = k.node_id
			WHERE k.plan_id = p.plan_id AND k.dimension = 'org' AND k.kind = 'root' AND k.depth = 0) AS v ON true
		OFFSET 0) AS c
	CROSS JOIN LATERAL (
		SELECT CASE WHEN p.rate_method IS NULL THEN sum(x.amount) ELSE round(sum(x.amount * x.volume) / nullif(sum(x.volume), 0), coalesce(p.scale, 6)) END AS amount
		FROM quota_decomp.target x
		WHERE x.plan_id = p.plan_id AND x.org_id = o.node_id AND x.tier = 'target' AND x.revision_from <= p.revision AND (x.revision_to IS NULL OR x.revision_to > p.revision)) AS t
	-- a goal's links come before the plan's, the nearest first
	CROSS JOIN LATERAL (
		SELECT coalesce((array_agg(x.parent_goal ORDER BY k.distance, x.goal_no) FILTER (WHERE x.parent_goal IS NOT NULL))[1], p.parent_goal) AS parent_goal,
			   coalesce((array_agg(x.initiative ORDER BY k.distance, x.goal_no) FILTER (WHERE x.initiative IS NOT NULL))[1], p.initiative) AS initiative,
			   coalesce((array_agg(x.owner ORDER BY k.distance, x.goal_no) FILTER (WHERE x.owner IS NOT NULL))[1], p.owner) AS owner
		FROM quota_decomp.goal x JOIN quota_decomp.node_closure k ON k.plan_id = x.plan_id AND k.ancestor_id = x.org_id AND k.node_id = o.node_id
		WHERE x.plan_id = p.plan_id) AS l
	LEFT JOIN LATERAL (
		-- a sum: the history driver's value; a rate: the mean of the own rates, of a unit the company's;
		-- below 0 there is nothing to compare with, and nothing to scale by
		SELECT CASE WHEN h.baseline > 0 THEN h.baseline END AS baseline
		FROM (SELECT CASE WHEN p.rate_method IS NULL THEN w.value * CASE WHEN c.baseline > 0 THEN c.baseline / nullif(c.history, 0) ELSE 1 END
						  ELSE coalesce(w.value, CASE WHEN NOT o.leaf THEN p.baseline_amount END) END AS baseline
			  FROM (SELECT avg(x.value) AS value FROM quota_decomp.weight x
					WHERE x.plan_id = p.plan_id AND x.dimension = CASE WHEN p.rate_method IS NULL THEN 'org' ELSE 'org_product' END
					  AND x.driver_no = CASE WHEN p.rate_method IS NULL THEN c.driver_no ELSE -1 END AND x.org_id = o.node_id
					  AND (x.source IN ('history', 'own rate') OR x.source = 'sum below' AND c.baseline > 0)) AS w) AS h) AS b ON true
	CROSS JOIN LATERAL (SELECT t.amount / nullif(b.baseline, 0) - 1 AS growth,
							   greatest(2 * coalesce(CASE m.direction WHEN 'lower' THEN -c.growth ELSE c.growth END, 0), 0.5) AS most) AS g
	LEFT JOIN LATERAL (
		SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY y.amount) AS peers
		FROM quota_decomp.node k
		JOIN quota_decomp.weight w ON w.plan_id = k.plan_id AND w.dimension = 'org' AND w.driver_no = c.driver_no AND w.org_id = k.node_id AND w.source = 'history'
		CROSS JOIN LATERAL (
			SELECT sum(x.amount) AS amount FROM quota_decomp.target x
			WHERE x.plan_id = k.plan_id AND x.org_id = k.node_id AND x.tier = 'target' AND x.revision_from <= p.revision AND (x.revision_to IS NULL OR x.revision_to > p.revision)) AS y
		WHERE b.baseline IS NULL AND p.rate_method IS NULL
		  AND k.plan_id = p.plan_id AND k.parent_id = o.parent_id AND k.node_id <> o.node_id AND k.dimension = 'org' AND k.leaf = o.leaf AND k.planned) AS r ON true
	WHERE (a.whole OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n))
	  -- who may have no cell has no target to judge
	  AND (t.amount IS NOT NULL OR NOT p.decomposed)
) AS s;
COMMENT ON VIEW quota_decomp.visible_smart IS 'internal: targets against the five criteria, that the current role may read';

CREATE FUNCTION quota_decomp._view_smart(schema name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'SELECT s.plan, s.metric, s.org, s.org_label, s.org_path, s.org_depth, s.org_sort, s.amount, s.specific, s.measurable, s.achievable, s.relevant, s.time_bound, '
	's.complete, s.lacks FROM quota_decomp.visible_smart s'
$$;
COMMENT ON FUNCTION quota_decomp._view_smart(name) IS 'internal: the SELECT of the view smart';

CREATE FUNCTION quota_decomp._columns_smart() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'the target of every member for the whole plan against the five criteria: specific, measurable, achievable, relevant, time-bound'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('org', 'key of the member of the organisation'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_depth', 'levels above it: the root has 0'),
	('org_sort', 'to sort by: parents before children'),
	('amount', 'its target for the whole plan; NULL: not decomposed'),
	('specific', 'a person is named, or an owner of the plan or of a goal that covers it'),
	('measurable', 'what the metric reads still exists'),
	('achievable', 'against its own history at most twice the company''s growth or 50 %, whichever is more; without history at most the median of its peers'),
	('relevant', 'linked to a parent goal, an initiative and an owner'),
	('time_bound', 'split into quarters or finer'),
	('complete', 'all five'),
	('lacks', 'what is missing and why, a sentence for each criterion; NULL: nothing')
$$;
COMMENT ON FUNCTION quota_decomp._columns_smart() IS 'internal: the columns of the view smart and their comments';

----------------------------------------------------------------------
-- create_views
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._view_names() RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT substr(p.proname, 7)
FROM pg_proc p
WHERE p.pronamespace = 'quota_decomp'::regnamespace AND left(p.proname, 6) = '_view_' AND p.proargtypes = ARRAY['name'::regtype]::oidvector
ORDER BY array_position(ARRAY['battle_map', 'plan_weight', 'smart', 'fact', 'attainment', 'funnel', 'activity', 'forecast', 'task', 'deviation',
							  'leaderboard', 'scorecard', 'feasibility', 'estimate_gap', 'target_history'], substr(p.proname, 7)), p.proname
$$;
COMMENT ON FUNCTION quota_decomp._view_names() IS 'internal: the views that create_views() makes, in the order in which they stand on each other';

CREATE FUNCTION quota_decomp.create_views(schema name, allow_owner_rights boolean DEFAULT false) RETURNS SETOF text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	invoker CONSTANT boolean := current_setting('server_version_num')::int >= 150000;
	-- ends the comment of every view made here, which is how it is known again
	mark CONSTANT text := ' (made by quota_decomp.create_views)';
	guarded text;
	view text;
	query text;
	found_kind "char";
	wanted text[];
	made text[];
	c record;
BEGIN
	IF schema IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = 'no schema to make views in';
	ELSIF schema = 'quota_decomp' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'views cannot be made in the schema of the extension',
			HINT = 'Name a schema of your own, or one that is to be made.';
	ELSIF NOT EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not make views', current_user),
			HINT = 'They show the mapping: grant_plan(NULL, role, ''plan'') lets a role change that.';
	END IF;
	IF NOT invoker THEN
		SELECT string_agg(m.schema_name || '.' || m.relation_name, ', ' ORDER BY 1) INTO guarded
		FROM (SELECT s.schema_name, s.relation_name FROM quota_decomp.visible_hierarchy_source s
			  UNION SELECT s.schema_name, s.relation_name FROM quota_decomp.visible_metric s
			  UNION SELECT s.schema_name, s.relation_name FROM quota_decomp.visible_pipeline s
			  UNION SELECT s.history_schema, s.history_relation FROM quota_decomp.visible_pipeline s
			  UNION SELECT s.schema_name, s.relation_name FROM quota_decomp.visible_funnel_step s
			  UNION SELECT s.schema_name, s.relation_name FROM quota_decomp.visible_activity s) AS m
		JOIN pg_namespace n ON n.nspname = m.schema_name
		JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = m.relation_name AND r.relrowsecurity;
		IF guarded IS NOT NULL AND allow_owner_rights IS NOT TRUE THEN
			RAISE object_not_in_prerequisite_state USING MESSAGE = format('row security of %s would not apply to readers of the views', guarded),
				DETAIL = format('Before PostgreSQL 15 a view reads with the rights of its owner, here %I.', current_user),
				HINT = 'If readers may see what the owner of the views sees, say allow_owner_rights => true.';
		END IF;
	END IF;

	IF to_regnamespace(quote_ident(schema)) IS NULL THEN
		IF NOT has_database_privilege(current_database(), 'CREATE') THEN
			RAISE invalid_schema_name USING MESSAGE = format('schema %I does not exist', schema),
				DETAIL = format('Role %I may not make schemas in this database.', current_user);
		END IF;
		EXECUTE format('CREATE SCHEMA %I', schema);
	ELSIF NOT (has_schema_privilege(schema, 'CREATE') AND has_schema_privilege(schema, 'USAGE')) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not create in schema %I', current_user, schema),
			HINT = format('It needs: GRANT USAGE, CREATE ON SCHEMA %I TO %I.', schema, current_user);
	END IF;

	FOR c IN SELECT m.metric, m.gone FROM quota_decomp._planned_metrics() AS m WHERE m.gone IS NOT NULL ORDER BY m.metric COLLATE "C" LOOP
		RAISE WARNING USING MESSAGE = format('metric %L is left out of the views: its %s does not exist', c.metric, c.gone),
			HINT = 'Restore it, or drop the mapping and map what took its place; then call create_views() again.';
	END LOOP;
	FOR view IN SELECT v FROM quota_decomp._view_names() AS v LOOP
		EXECUTE format('SELECT quota_decomp.%I($1)', '_view_' || view) INTO query USING schema;
		CONTINUE WHEN query IS NULL;
		SELECT r.relkind INTO found_kind FROM pg_class r WHERE r.relnamespace = to_regnamespace(quote_ident(schema)) AND r.relname = view;
		IF FOUND AND (found_kind <> 'v'
					  OR right(coalesce(obj_description(to_regclass(format('%I.%I', schema, view)), 'pg_class'), ''), length(mark)) <> mark) THEN
			RAISE duplicate_object USING MESSAGE = format('%I.%I exists and was not made by create_views()', schema, view),
				DETAIL = format('A view made here has a comment that ends in %L.', mark),
				HINT = 'Choose another schema, or rename it.';
		END IF;
		EXECUTE format('CREATE OR REPLACE VIEW %I.%I%s AS %s', schema, view, CASE WHEN invoker THEN ' WITH (security_invoker = true)' ELSE '' END, query);

		wanted := '{}';
		FOR c IN EXECUTE format('SELECT x.name, x.comment FROM quota_decomp.%I() AS x', '_columns_' || view) LOOP
			IF c.name = '' THEN
				EXECUTE format('COMMENT ON VIEW %I.%I IS %L', schema, view, c.comment || mark);
			ELSE
				EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', schema, view, c.name, c.comment);
				wanted := wanted || c.name;
			END IF;
		END LOOP;
		SELECT array_agg(a.attname::text ORDER BY a.attnum) INTO made
		FROM pg_attribute a WHERE a.attrelid = to_regclass(format('%I.%I', schema, view)) AND a.attnum > 0;
		IF made <> wanted THEN
			RAISE internal_error USING MESSAGE = format('view %I has columns %s instead of %s', view, made, wanted);
		END IF;
		RETURN NEXT view;
	END LOOP;

	UPDATE quota_decomp.editable_view_schema s SET owner_rights = NOT invoker, stale = false, made_at = now() WHERE s.schema_name = schema;
	IF NOT FOUND THEN
		INSERT INTO quota_decomp.editable_view_schema (schema_name, owner_rights) VALUES (schema, NOT invoker);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp.create_views(name, boolean) IS
'makes the views for BI in a schema, or makes them anew after the mapping has changed; returns their names';
