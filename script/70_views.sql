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
SELECT 'SELECT b.plan, b.metric, b.tier, b.org, b.org_label, b.org_path, b.org_level, b.org_depth, b.org_sort, b.parent_org, b.product, b.product_label, '
	'b.product_path, b.product_depth, b.product_sort, b.grain, b.period, b.period_starts, b.period_ends, b.amount, b.carried, b.volume, b.rule, '
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
	('parent_org', 'key of the member above it; NULL for the root, and where the reader does not see it'),
	('product', 'key of the product'),
	('product_label', 'its name'),
	('product_path', 'keys from the root of the products down to it, separated by /'),
	('product_depth', 'levels above it: all products has 0'),
	('product_sort', 'to sort by: parents before children'),
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
	ELSIF NOT has_schema_privilege(schema, 'CREATE') THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not create in schema %I', current_user, schema);
	END IF;

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
