----------------------------------------------------------------------
-- The plan layer: names become rows
--
-- Functions whose names begin with an underscore are no public interface.
-- Every function of the plan layer runs with the caller's rights and a search
-- path of its own.
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._plan_id(plan text, level int) RETURNS int
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	found_id int;
	granted int;
BEGIN
	SELECT p.plan_id, a.level INTO found_id, granted
	FROM quota_decomp.visible_plan p JOIN quota_decomp.access a ON a.plan_id = p.plan_id WHERE p.plan = plan;
	IF found_id IS NULL THEN
		RAISE undefined_object USING MESSAGE = format('plan %s does not exist', coalesce(quote_literal(plan), 'NULL')),
			DETAIL = 'There is no such plan, or nothing was granted on it to role ' || quote_ident(current_user) || '.',
			HINT = coalesce('Plans there are: ' || (SELECT string_agg(quote_literal(s.plan), ', ') FROM (SELECT p.plan FROM quota_decomp.visible_plan p ORDER BY p.plan LIMIT 10) AS s) || '.',
							'Make one with create_plan().');
	ELSIF granted < level THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not change plan %L', current_user, plan),
			DETAIL = format('It was granted %L on it.', CASE granted WHEN 1 THEN 'read' ELSE 'estimate' END),
			HINT = 'Who owns the extension grants more with grant_plan().';
	END IF;
	RETURN found_id;
END $$;
COMMENT ON FUNCTION quota_decomp._plan_id(text, int) IS 'internal: the plan of this name, if the current role has at least this level of access';

CREATE FUNCTION quota_decomp._node_id(plan_id int, dimension text, name text) RETURNS int
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	ids int[];
	paths text[];
	thing CONSTANT text := CASE dimension WHEN 'org' THEN 'member of the organisation' ELSE 'product' END;
BEGIN
	-- the key or path first, planned nodes before former ones, then the label or
	-- an unqualified key
	SELECT array_agg(n.node_id), array_agg(n.path) INTO ids, paths
	FROM (SELECT v.node_id, v.path, rank() OVER (ORDER BY NOT v.planned AND v.kind <> 'unassigned', CASE WHEN v.path = name THEN 0 WHEN v.key = name AND v.kind <> 'self' THEN 1 ELSE 2 END) AS r
		  FROM quota_decomp.visible_node v
		  WHERE v.plan_id = plan_id AND v.dimension = dimension
			AND (v.key = name OR v.path = name OR v.label = name OR v.level IS NOT NULL AND v.key = v.level || ':' || name)) AS n
	WHERE n.r = 1;
	IF ids IS NULL THEN
		RAISE undefined_object USING MESSAGE = format('there is no %s %s in the plan', thing, coalesce(quote_literal(name), 'NULL')),
			HINT = coalesce('Nearest: ' || (SELECT string_agg(quote_literal(s.key), ', ') FROM (
				SELECT v.key FROM quota_decomp.visible_node v WHERE v.plan_id = plan_id AND v.dimension = dimension AND v.planned
				  AND (v.key ILIKE '%' || replace(replace(replace(name, '\', '\\'), '%', '\%'), '_', '\_') || '%' OR v.label ILIKE '%' || replace(replace(replace(name, '\', '\\'), '%', '\%'), '_', '\_') || '%')
				ORDER BY v.depth, v.sort_no LIMIT 5) AS s) || '.', 'It is named by key, path or label; those there are stand in visible_node.');
	ELSIF cardinality(ids) > 1 THEN
		RAISE ambiguous_parameter USING MESSAGE = format('%L names %s members of the plan', name, cardinality(ids)),
			DETAIL = 'Paths: ' || array_to_string(paths[:5], ', ') || '.',
			HINT = 'Give the path.';
	END IF;
	RETURN ids[1];
END $$;
COMMENT ON FUNCTION quota_decomp._node_id(int, text, text) IS 'internal: the node of a plan that a key, path or label names';

CREATE FUNCTION quota_decomp._period_id(plan_id int, name text) RETURNS int
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	ids int[];
BEGIN
	-- the whole label, or its end where only one period ends so: Q3
	SELECT array_agg(p.period_id) INTO ids
	FROM (SELECT v.period_id, rank() OVER (ORDER BY v.label <> name) AS r FROM quota_decomp.visible_period v
		  WHERE v.plan_id = plan_id AND (v.label = name OR right(v.label, length(name) + 1) IN ('-' || name, ' ' || name))) AS p
	WHERE p.r = 1;
	IF ids IS NULL THEN
		RAISE undefined_object USING MESSAGE = format('there is no period %s in the plan', coalesce(quote_literal(name), 'NULL')),
			HINT = 'Periods are named by their labels: ' || (SELECT string_agg(quote_literal(s.label), ', ') FROM (
				SELECT v.label FROM quota_decomp.visible_period v WHERE v.plan_id = plan_id ORDER BY v.ends - v.starts DESC, v.starts LIMIT 7) AS s) || ' ...';
	ELSIF cardinality(ids) > 1 THEN
		RAISE ambiguous_parameter USING MESSAGE = format('%L names %s periods of the plan', name, cardinality(ids)), HINT = 'Give the whole label.';
	END IF;
	RETURN ids[1];
END $$;
COMMENT ON FUNCTION quota_decomp._period_id(int, text) IS 'internal: the period of a plan that a label names';
