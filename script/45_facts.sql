----------------------------------------------------------------------
-- The plan layer: readers of the CRM
--
-- Statements over mapped relations are put together here and run with the
-- caller's rights.  A column of the CRM is compared as it is, its bounds are
-- what is cast, so that its indexes serve; keys are aggregated first and
-- matched then, as text.
----------------------------------------------------------------------

CREATE TYPE quota_decomp._edge AS (
	edge int,
	source_no int,
	key text,
	parent text,
	at_root boolean,
	label text,
	level text,
	bare text,
	last_level boolean,
	valid_from date,
	valid_to date,
	hired date,
	left_on date,
	login name,
	member_group text,
	eligible text[]
);
COMMENT ON TYPE quota_decomp._edge IS 'internal: a member under another for a span of time';

CREATE TYPE quota_decomp._instance AS (
	edge int,
	path text,
	parent_path text,
	keys text[],
	valid_from date,
	valid_to date
);
COMMENT ON TYPE quota_decomp._instance IS 'internal: a member under one chain of members for a span of time';

CREATE FUNCTION quota_decomp._day_expression(kind text, expression text, time_zone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE kind WHEN 'date' THEN expression WHEN 'timestamp' THEN format('%s::date', expression)
	ELSE format('(%s AT TIME ZONE %L)::date', expression, time_zone) END
$$;
COMMENT ON FUNCTION quota_decomp._day_expression(text, text, text) IS 'internal: the local day of a column, as SQL';

CREATE FUNCTION quota_decomp._day_column(source regclass, argument text, column_name name, time_zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN column_name IS NULL THEN 'NULL::date'
		   ELSE quota_decomp._day_expression(quota_decomp._column(source, argument, column_name, 'day'), format('f.%I', column_name), time_zone) END
$$;
COMMENT ON FUNCTION quota_decomp._day_column(regclass, text, name, text) IS 'internal: the local day of a mapped column of f, checked, as SQL; NULL where none is mapped';

CREATE FUNCTION quota_decomp._day_bound(kind text, day text, time_zone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE kind WHEN 'date' THEN day WHEN 'timestamp' THEN format('%s::timestamp', day)
	ELSE format('(%s::timestamp AT TIME ZONE %L)', day, time_zone) END
$$;
COMMENT ON FUNCTION quota_decomp._day_bound(text, text, text) IS 'internal: the first moment of a local day in the type of a column, as SQL';

CREATE FUNCTION quota_decomp._key_expression(expression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format('%s::text COLLATE "C"', expression)
$$;
COMMENT ON FUNCTION quota_decomp._key_expression(text) IS 'internal: a key column as text, equal only where it is written equally, as SQL';

-- integers are added up as integers, which is exact and quicker
CREATE FUNCTION quota_decomp._sum_expression(source regclass, column_name name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT format(CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'sum(f.%I)::numeric' ELSE 'sum(f.%I::numeric)' END, $2)
	FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = $2
$$;
COMMENT ON FUNCTION quota_decomp._sum_expression(regclass, name) IS 'internal: the exact sum of a number column of f, as SQL';

CREATE FUNCTION quota_decomp._escape_key(key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT replace(replace(key, '\', '\\'), '/', '\/')
$$;
COMMENT ON FUNCTION quota_decomp._escape_key(text) IS 'internal: a key as a step of a path';

--
-- Members
--
CREATE FUNCTION quota_decomp._read_edges(hierarchy text, time_zone text) RETURNS quota_decomp._edge[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	source regclass;
	rows_read quota_decomp._edge[];
	edges quota_decomp._edge[] := '{}';
	attributes text;
	nulls bigint;
	first_level name;
	bad record;
BEGIN
	FOR s IN SELECT h.* FROM quota_decomp.visible_hierarchy_source h WHERE h.hierarchy = hierarchy ORDER BY h.source_no LOOP
		source := quota_decomp._source(s.schema_name, s.relation_name);
		SELECT format('coalesce(%s, ''-infinity''::date) AS valid_from, coalesce(%s, ''infinity''::date) AS valid_to, %s AS hired, %s AS left_on, %s AS login, %s AS member_group, %s AS eligible',
			quota_decomp._day_column(source, 'valid_from', coalesce(s.valid_from_column, s.hired_column), time_zone),
			quota_decomp._day_column(source, 'valid_to', coalesce(s.valid_to_column, s.left_on_column), time_zone),
			quota_decomp._day_column(source, 'hired', s.hired_column, time_zone), quota_decomp._day_column(source, 'left_on', s.left_on_column, time_zone),
			CASE WHEN quota_decomp._column(source, 'login', s.login_column, 'text') IS NULL THEN 'NULL::name' ELSE format('nullif(f.%I::text, '''')::name', s.login_column) END,
			CASE WHEN quota_decomp._column(source, 'member_group', s.group_column, 'text') IS NULL THEN 'NULL::text' ELSE format('nullif(f.%I::text, '''')', s.group_column) END,
			CASE quota_decomp._column(source, 'eligible', s.eligible_column, 'keys') WHEN 'text' THEN format('CASE WHEN f.%1$I::text <> '''' THEN ARRAY[f.%1$I::text] END', s.eligible_column)
				WHEN 'text[]' THEN format('f.%I::text[]', s.eligible_column) ELSE 'NULL::text[]' END)
		INTO attributes;
		IF s.key_column IS NOT NULL THEN
			PERFORM quota_decomp._column(source, 'key', s.key_column, 'key'), quota_decomp._column(source, 'parent', s.parent_column, 'key'),
				quota_decomp._column(source, 'label', s.label_column, 'text');
			EXECUTE format($q$
				SELECT array_agg(ROW(0, %1$s, r.key, r.parent, %2$L, coalesce(r.label, r.key), NULL, r.key, true, r.valid_from, r.valid_to, r.hired, r.left_on, r.login,
									 r.member_group, r.eligible)::quota_decomp._edge) FILTER (WHERE r.key IS NOT NULL),
					   count(*) FILTER (WHERE r.key IS NULL)
				FROM (SELECT nullif(f.%3$I::text, '') AS key, %4$s AS parent, %5$s AS label, %6$s FROM %7$s AS f) AS r $q$,
				s.source_no, s.parent_column IS NULL, s.key_column,
				CASE WHEN s.parent_column IS NULL THEN 'NULL::text' ELSE format('nullif(f.%I::text, '''')', s.parent_column) END,
				CASE WHEN s.label_column IS NULL THEN 'NULL::text' ELSE format('nullif(f.%I::text, '''')', s.label_column) END, attributes, source)
			INTO rows_read, nulls;
		ELSE
			FOREACH first_level IN ARRAY s.level_columns LOOP
				PERFORM quota_decomp._column(source, 'levels', first_level, 'key');
			END LOOP;
			first_level := s.level_columns[cardinality(s.level_columns)];
			-- one edge a row and level; members above the last level are merged below
			EXECUTE format($q$
				WITH r AS (
					SELECT row_number() OVER () AS row_no, d.* FROM (SELECT DISTINCT %1$s AS v, %2$s FROM %3$s AS f) AS d
				), e AS (
					SELECT r.*, u.val, u.i, lag(($1)[u.i]::text || ':' || u.val) OVER w AS parent, max(u.i) OVER (PARTITION BY r.row_no) = u.i AS deepest
					FROM r, unnest(r.v) WITH ORDINALITY AS u(val, i) WHERE u.val IS NOT NULL
					WINDOW w AS (PARTITION BY r.row_no ORDER BY u.i)
				)
				SELECT array_agg(ROW(0, %4$s, ($1)[e.i]::text || ':' || e.val, e.parent, false, e.val, ($1)[e.i], e.val, e.i = cardinality($1), e.valid_from, e.valid_to,
									 CASE WHEN e.deepest THEN e.hired END, CASE WHEN e.deepest THEN e.left_on END, CASE WHEN e.deepest THEN e.login END,
									 CASE WHEN e.deepest THEN e.member_group END, CASE WHEN e.deepest THEN e.eligible END)::quota_decomp._edge),
					   (SELECT count(*) FROM r WHERE array_remove(r.v, NULL) = '{}')
				FROM e $q$,
				(SELECT format('ARRAY[%s]', string_agg(format('nullif(f.%I::text, '''')', u.l), ', ' ORDER BY u.i)) FROM unnest(s.level_columns) WITH ORDINALITY AS u(l, i)),
				attributes, source, s.source_no)
			INTO rows_read, nulls USING s.level_columns;
		END IF;
		IF nulls > 0 THEN
			RAISE NOTICE USING MESSAGE = format('hierarchy %L: rows of %s without a key are left out: %s', hierarchy, source, nulls);
		END IF;
		edges := edges || coalesce(rows_read, '{}');
	END LOOP;

	SELECT e.key, e.valid_from, e.valid_to INTO bad FROM unnest(edges) AS e WHERE e.valid_to < e.valid_from ORDER BY e.key, e.valid_from LIMIT 1;
	IF FOUND THEN
		RAISE invalid_parameter_value USING MESSAGE = format('member %L of hierarchy %L leaves before it comes', bad.key, hierarchy),
			DETAIL = format('It is valid from %s, and no longer from %s on.', bad.valid_from, bad.valid_to);
	END IF;
	SELECT count(*) AS n, min(e.key) AS key INTO bad FROM unnest(edges) AS e WHERE e.valid_to = e.valid_from AND e.last_level;
	IF bad.n > 0 THEN
		RAISE NOTICE USING MESSAGE = format('hierarchy %L: empty spans are left out: %s, for example that of member %L', hierarchy, bad.n, bad.key);
	END IF;
	SELECT e.key INTO bad FROM unnest(edges) AS e WHERE e.key IN ('(all)', '(unassigned)') LIMIT 1;
	IF FOUND THEN
		RAISE invalid_parameter_value USING MESSAGE = format('a member of hierarchy %L has the key %L', hierarchy, bad.key), DETAIL = 'This key is one of the plan''s own.';
	END IF;

	-- members that are named in many rows: one edge for each uninterrupted span
	SELECT array_agg(ROW(u.edge, u.source_no, u.key, u.parent, u.at_root, u.label, u.level, u.bare, u.last_level, u.valid_from,
						 u.valid_to, u.hired, u.left_on, u.login, u.member_group, u.eligible)::quota_decomp._edge)
	INTO edges
	FROM (SELECT row_number() OVER (ORDER BY v.key, v.valid_from, v.parent) AS edge, v.* FROM (
		SELECT e.source_no, e.key, e.parent, e.at_root, e.label, e.level, e.bare, e.last_level, e.valid_from, e.valid_to, e.hired, e.left_on, e.login, e.member_group, e.eligible
		FROM unnest(edges) AS e WHERE e.last_level AND e.valid_to > e.valid_from
		UNION ALL
		SELECT min(i.source_no), i.key, i.parent, false, min(i.label), min(i.level), min(i.bare), false, min(i.valid_from), max(i.valid_to), min(i.hired), max(i.left_on),
			   min(i.login::text)::name, min(i.member_group), min(i.eligible)
		FROM (SELECT g.*, count(*) FILTER (WHERE g.begins) OVER (PARTITION BY g.key, g.parent ORDER BY g.valid_from, g.valid_to ROWS UNBOUNDED PRECEDING) AS island
			  FROM (SELECT e.*, coalesce(e.valid_from > max(e.valid_to) OVER (PARTITION BY e.key, e.parent ORDER BY e.valid_from, e.valid_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), true) AS begins
					FROM unnest(edges) AS e WHERE NOT e.last_level AND e.valid_to > e.valid_from) AS g) AS i
		GROUP BY i.key, i.parent, i.island) AS v) AS u;
	edges := coalesce(edges, '{}');
	IF edges = '{}' THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('hierarchy %L has no members', hierarchy),
			DETAIL = coalesce((SELECT format('Its sources: %s.', string_agg(format('%I.%I', h.schema_name, h.relation_name), ', ' ORDER BY h.source_no))
				FROM quota_decomp.visible_hierarchy_source h WHERE h.hierarchy = hierarchy), 'It has no source.');
	END IF;

	-- at most one place a day
	SELECT o.*, a.parent AS parent_before, a.valid_from AS from_before, a.valid_to AS to_before INTO bad
	FROM (SELECT e.key, e.parent, e.level, e.last_level, e.valid_from, e.valid_to, lag(e.edge) OVER w AS before, lag(e.valid_to) OVER w AS ended
		  FROM unnest(edges) AS e WINDOW w AS (PARTITION BY e.key ORDER BY e.valid_from, e.edge)) AS o
	JOIN unnest(edges) AS a ON a.edge = o.before
	WHERE o.valid_from < o.ended ORDER BY o.key, o.valid_from LIMIT 1;
	IF FOUND THEN
		RAISE invalid_parameter_value USING
			MESSAGE = CASE WHEN bad.parent IS NOT DISTINCT FROM bad.parent_before THEN format('member %L of hierarchy %L is there twice at once', bad.key, hierarchy)
					  ELSE format('member %L of hierarchy %L is in two places at once', bad.key, hierarchy) END,
			DETAIL = format('Under %s from %s to %s, and under %s from %s to %s (the day after the last).', coalesce(quote_literal(bad.parent_before), 'nobody'), bad.from_before, bad.to_before,
							coalesce(quote_literal(bad.parent), 'nobody'), bad.valid_from, bad.valid_to),
			HINT = CASE WHEN bad.level IS NOT NULL AND NOT bad.last_level THEN format('If these are two, map a view in which %I tells them apart.', bad.level)
				   ELSE 'Give valid_from and valid_to, or map a view with one row for each span.' END;
	END IF;

	-- whoever has somebody above has him somewhere in the hierarchy
	SELECT e.key, e.parent INTO bad FROM unnest(edges) AS e
	WHERE e.parent IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(edges) AS p WHERE p.key = e.parent) ORDER BY e.key LIMIT 1;
	IF FOUND THEN
		RAISE invalid_parameter_value USING MESSAGE = format('member %L of hierarchy %L is under %L, which is no member', bad.key, hierarchy, bad.parent),
			HINT = 'Map the relation it is in too, with create_hierarchy() under the same name, or a view without such rows.';
	END IF;
	RETURN edges;
END $$;
COMMENT ON FUNCTION quota_decomp._read_edges(text, text) IS 'internal: a hierarchy''s members as the CRM has them now, checked';

CREATE FUNCTION quota_decomp._read_instances(hierarchy text, edges quota_decomp._edge[]) RETURNS quota_decomp._instance[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	roots int;
	top text[] := '{}';
	top_path text;
	found_instances quota_decomp._instance[];
	bad record;
	cycle text;
BEGIN
	-- the root is the only member without one above, if it has members below;
	-- else there is one above them all
	SELECT count(DISTINCT e.key), min(e.key) INTO roots, top_path FROM unnest(edges) AS e WHERE e.parent IS NULL AND NOT e.at_root;
	IF roots = 1 AND EXISTS (SELECT FROM unnest(edges) AS e WHERE e.parent = top_path OR e.at_root) THEN
		top := ARRAY[top_path];
		top_path := quota_decomp._escape_key(top_path);
	ELSE
		top_path := '(all)';
		top := ARRAY[top_path];
		roots := 0;
	END IF;
	-- no end of time: somebody has one place a day, so a chain from the root
	-- cannot meet itself
	WITH RECURSIVE i AS (
		SELECT e.edge, e.key, CASE WHEN roots = 1 AND e.key = top[1] THEN top_path ELSE top_path || '/' || quota_decomp._escape_key(e.key) END AS path,
			   CASE WHEN roots = 1 AND e.key = top[1] THEN NULL ELSE top_path END AS parent_path,
			   CASE WHEN roots = 1 AND e.key = top[1] THEN top ELSE top || e.key END AS keys, e.valid_from, e.valid_to
		FROM unnest(edges) AS e WHERE e.parent IS NULL
		UNION ALL
		SELECT e.edge, e.key, i.path || '/' || replace(replace(e.key, '\', '\\'), '/', '\/'), i.path, i.keys || e.key, greatest(e.valid_from, i.valid_from), least(e.valid_to, i.valid_to)
		FROM i JOIN unnest(edges) AS e ON e.parent = i.key AND e.valid_from < i.valid_to AND e.valid_to > i.valid_from
	)
	SELECT array_agg(ROW(i.edge, i.path, i.parent_path, i.keys, i.valid_from, i.valid_to)::quota_decomp._instance) INTO found_instances FROM i;

	SELECT e.edge, e.key, e.parent, e.valid_from, e.valid_to INTO bad FROM unnest(edges) AS e
	WHERE NOT EXISTS (SELECT FROM unnest(found_instances) AS i WHERE i.edge = e.edge) ORDER BY e.key, e.valid_from LIMIT 1;
	IF FOUND THEN
		WITH RECURSIVE w AS (
			SELECT e.key, e.parent, ARRAY[e.key] AS walked, false AS closed FROM unnest(edges) AS e
			WHERE NOT EXISTS (SELECT FROM unnest(found_instances) AS i WHERE i.edge = e.edge)
			UNION ALL
			SELECT e.key, e.parent, w.walked || e.key, e.key = w.walked[1]
			FROM w JOIN unnest(edges) AS e ON e.key = w.parent WHERE NOT w.closed AND (e.key = w.walked[1] OR e.key <> ALL (w.walked))
		)
		SELECT array_to_string(w.walked, ' under ') INTO cycle FROM w WHERE w.closed ORDER BY cardinality(w.walked), w.walked[1] LIMIT 1;
		IF cycle IS NOT NULL THEN
			RAISE invalid_parameter_value USING MESSAGE = format('hierarchy %L goes round in a circle', hierarchy), DETAIL = format('%s.', cycle);
		END IF;
		RAISE invalid_parameter_value USING MESSAGE = format('member %L of hierarchy %L is under %L, which is not there then', bad.key, hierarchy, bad.parent),
			DETAIL = format('It is there from %s to %s (the day after the last), when %L, or who is above it, is not.', bad.valid_from, bad.valid_to, bad.parent);
	END IF;
	SELECT count(*) AS n, min(c.key) AS key INTO bad FROM (
		SELECT e.key FROM (SELECT i.edge, i.valid_from, i.valid_to, lag(i.valid_to) OVER w AS ended, lead(i.valid_from) OVER w AS goes_on
						   FROM unnest(found_instances) AS i WINDOW w AS (PARTITION BY i.edge ORDER BY i.valid_from)) AS i
		JOIN unnest(edges) AS e ON e.edge = i.edge
		WHERE i.valid_from <> coalesce(i.ended, e.valid_from) OR i.goes_on IS NULL AND i.valid_to <> e.valid_to GROUP BY e.key) AS c;
	IF bad.n > 0 THEN
		RAISE NOTICE USING MESSAGE = format('hierarchy %L: members that are there on days when who is above them is not: %s, for example %L', hierarchy, bad.n, bad.key),
			DETAIL = 'What they did on such days counts on (unassigned).';
	END IF;
	RETURN found_instances;
END $$;
COMMENT ON FUNCTION quota_decomp._read_instances(text, quota_decomp._edge[]) IS 'internal: every chain of members from the root down, with its span of time';

-- what it joins was written a moment ago and has no statistics
CREATE FUNCTION quota_decomp._load_nodes(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	dimension text;
	hierarchy text;
	edges quota_decomp._edge[];
	instances quota_decomp._instance[];
	day date;
	next_id int;
	gone int[];
	kept int[];
	selves int[];
	strays record;
BEGIN
	SELECT e.*, coalesce(e.as_of, (now() AT TIME ZONE e.time_zone)::date) AS today INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = plan_id;
	IF NOT FOUND THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not change plan %s', current_user, plan_id);
	END IF;
	day := CASE WHEN p.today >= p.ends THEN p.starts ELSE greatest(p.today, p.starts) END;
	FOREACH dimension IN ARRAY ARRAY['org', 'product'] LOOP
		hierarchy := CASE dimension WHEN 'org' THEN p.org ELSE p.product END;
		SELECT coalesce(max(n.node_id), 0) INTO next_id FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id;
		IF hierarchy IS NULL THEN
			edges := '{}';
			instances := '{}';
		ELSE
			edges := quota_decomp._read_edges(hierarchy, p.time_zone);
			instances := quota_decomp._read_instances(hierarchy, edges);
		END IF;

		-- one node a path; those there are already keep their number
		WITH spans AS (
			SELECT i.path, i.parent_path, i.keys, i.valid_from, i.valid_to, e.key, e.label, e.level, e.hired, e.left_on, e.login, e.member_group, e.eligible,
				   i.valid_from <= day AND i.valid_to > day AS today
			FROM unnest(instances) AS i JOIN unnest(edges) AS e ON e.edge = i.edge
		), place AS (
			-- of what is said of a node at different times, what holds on the day, else the last
			SELECT DISTINCT ON (s.path) s.path, s.parent_path, s.keys, s.key, s.label, s.level, s.hired, s.left_on, s.login, s.member_group, s.eligible
			FROM spans s ORDER BY s.path, s.today DESC, s.valid_from DESC
		), span AS (
			SELECT s.path, min(s.valid_from) AS valid_from, max(s.valid_to) AS valid_to, bool_or(s.today) AS today,
				   min(s.valid_from) FILTER (WHERE s.valid_from > day AND s.valid_from < p.ends) AS begins
			FROM spans s GROUP BY s.path
		), wanted AS (
			SELECT l.path, l.parent_path, l.keys, l.key, l.label, l.level, CASE WHEN l.parent_path IS NULL THEN 'root' ELSE 'member' END AS kind,
				   l.parent_path IS NULL OR a.today
				   OR row_number() OVER (PARTITION BY l.key ORDER BY a.today DESC, a.begins, l.path) = 1 AND a.begins IS NOT NULL AS planned,
				   CASE WHEN l.parent_path IS NULL THEN '-infinity'::date ELSE a.valid_from END AS valid_from, CASE WHEN l.parent_path IS NULL THEN 'infinity'::date ELSE a.valid_to END AS valid_to,
				   l.hired, l.left_on, l.login, l.member_group, l.eligible
			FROM place l JOIN span a ON a.path = l.path
			UNION ALL
			SELECT '(all)', NULL, ARRAY['(all)'], '(all)', '(all)', NULL, 'root', true, '-infinity', 'infinity', NULL, NULL, NULL, NULL, NULL
			WHERE NOT EXISTS (SELECT FROM place l WHERE l.parent_path IS NULL)
		), complete AS (
			SELECT w.* FROM wanted w
			UNION ALL
			SELECT w.path || '/(unassigned)', w.path, w.keys || '(unassigned)'::text, '(unassigned)', '(unassigned)', NULL, 'unassigned', false, '-infinity', 'infinity', NULL, NULL, NULL, NULL, NULL
			FROM wanted w WHERE w.kind = 'root' AND hierarchy IS NOT NULL
		), numbered AS (
			SELECT c.*, coalesce(n.node_id, next_id + (row_number() OVER (PARTITION BY n.node_id IS NULL ORDER BY c.kind = 'unassigned', c.keys COLLATE "C"))::int) AS node_id
			FROM complete c LEFT JOIN quota_decomp.editable_node n ON n.plan_id = plan_id AND n.dimension = dimension AND n.path = c.path
		), found AS (
			SELECT c.node_id, u.node_id AS parent_id, c.key, c.label, c.level, c.kind, cardinality(c.keys) - 1 AS depth, c.path,
				   (row_number() OVER (ORDER BY c.kind = 'unassigned', c.keys COLLATE "C"))::int AS sort_no,
				   NOT EXISTS (SELECT FROM numbered b WHERE b.parent_path = c.path)
				   AND NOT EXISTS (SELECT FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.parent_id = c.node_id AND n.kind IN ('self', 'relief')) AS leaf,
				   c.planned, c.valid_from, c.valid_to, c.hired, c.left_on, c.login, c.member_group, c.eligible
			FROM numbered c LEFT JOIN numbered u ON u.path = c.parent_path
		), changed AS (
			UPDATE quota_decomp.editable_node AS n
			SET parent_id = f.parent_id, key = f.key, label = f.label, level = f.level, kind = f.kind, depth = f.depth, sort_no = f.sort_no, leaf = f.leaf, planned = f.planned,
				valid_from = f.valid_from, valid_to = f.valid_to, hired = f.hired, left_on = f.left_on, login = f.login, member_group = f.member_group, eligible = f.eligible
			FROM found f
			WHERE n.plan_id = plan_id AND n.node_id = f.node_id
			  AND (n.parent_id, n.key, n.label, n.level, n.kind, n.depth, n.sort_no, n.leaf, n.planned, n.valid_from, n.valid_to, n.hired, n.left_on, n.login, n.member_group, n.eligible)
				  IS DISTINCT FROM (f.parent_id, f.key, f.label, f.level, f.kind, f.depth, f.sort_no, f.leaf, f.planned, f.valid_from, f.valid_to, f.hired, f.left_on, f.login,
									f.member_group, f.eligible)
		), made AS (
			INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, level, kind, depth, path, sort_no, leaf, planned, valid_from, valid_to, hired,
				left_on, login, member_group, eligible)
			SELECT plan_id, f.node_id, dimension, f.parent_id, f.key, f.label, f.level, f.kind, f.depth, f.path, f.sort_no, f.leaf, f.planned, f.valid_from, f.valid_to, f.hired, f.left_on,
				f.login, f.member_group, f.eligible
			FROM found f WHERE f.node_id > next_id
		)
		SELECT array_agg(n.node_id) INTO gone
		FROM quota_decomp.editable_node n
		WHERE n.plan_id = plan_id AND n.dimension = dimension AND n.kind NOT IN ('self', 'relief') AND NOT EXISTS (SELECT FROM found f WHERE f.node_id = n.node_id);

		-- the keys facts may use: a member's own, in flat columns also without its
		-- level where no member of the last level has it, and aliases
		WITH span AS (
			SELECT n.node_id, e.key, e.bare, e.level, e.last_level, i.valid_from, i.valid_to
			FROM unnest(instances) AS i JOIN unnest(edges) AS e ON e.edge = i.edge
			JOIN quota_decomp.editable_node n ON n.plan_id = plan_id AND n.dimension = dimension AND n.path = i.path
		), bare AS (
			SELECT s.bare, min(s.key) FILTER (WHERE s.last_level) AS last_key, count(DISTINCT s.key) FILTER (WHERE s.last_level) AS last_keys,
				   min(s.key) AS any_key, count(DISTINCT s.key) AS any_keys
			FROM span s WHERE s.level IS NOT NULL AND NOT EXISTS (SELECT FROM span o WHERE o.key = s.bare) GROUP BY s.bare
		), named AS (
			SELECT s.key, s.valid_from, s.valid_to, s.node_id FROM span s
			UNION ALL
			SELECT b.bare, s.valid_from, s.valid_to, s.node_id
			FROM bare b JOIN span s ON s.key = CASE WHEN b.last_keys > 0 THEN CASE WHEN b.last_keys = 1 THEN b.last_key END WHEN b.any_keys = 1 THEN b.any_key END
		), wanted AS (
			SELECT * FROM named
			UNION ALL
			SELECT a.from_key, m.valid_from, m.valid_to, m.node_id
			FROM quota_decomp.visible_alias a JOIN named m ON m.key = a.to_key
			WHERE a.hierarchy = hierarchy AND NOT EXISTS (SELECT FROM named o WHERE o.key = a.from_key)
		), dropped AS (
			DELETE FROM quota_decomp.editable_node_key k
			WHERE k.plan_id = plan_id AND k.dimension = dimension
			  AND NOT EXISTS (SELECT FROM wanted w WHERE w.key = k.key AND w.valid_from = k.valid_from AND w.valid_to = k.valid_to AND w.node_id = k.node_id)
			RETURNING k.key
		)
		SELECT array_agg(ROW(w.node_id, NULL, w.key, NULL, false, NULL, NULL, NULL, false, w.valid_from, w.valid_to, NULL, NULL, NULL, NULL, NULL)::quota_decomp._edge) INTO edges
		FROM wanted w
		WHERE NOT EXISTS (SELECT FROM quota_decomp.editable_node_key k
			WHERE k.plan_id = plan_id AND k.dimension = dimension AND w.key = k.key AND w.valid_from = k.valid_from AND w.valid_to = k.valid_to AND w.node_id = k.node_id);
		INSERT INTO quota_decomp.editable_node_key (plan_id, dimension, key, valid_from, valid_to, node_id)
		SELECT plan_id, dimension, e.key, e.valid_from, e.valid_to, e.edge FROM unnest(edges) AS e;

		-- nodes that are in the CRM no more stay as long as something refers to them
		IF gone IS NOT NULL THEN
			SELECT array_agg(DISTINCT r.id) INTO kept FROM (
				SELECT t.org_id AS id FROM quota_decomp.editable_target t WHERE t.plan_id = plan_id AND dimension = 'org' AND t.org_id = ANY (gone)
				UNION ALL SELECT t.product_id FROM quota_decomp.editable_target t WHERE t.plan_id = plan_id AND dimension = 'product' AND t.product_id = ANY (gone)
				UNION ALL SELECT unnest(ARRAY[b.org_id, b.product_id]) FROM quota_decomp.editable_bound b WHERE b.plan_id = plan_id
				UNION ALL SELECT unnest(ARRAY[g.org_id, g.product_id, g.through_id]) FROM quota_decomp.editable_goal g WHERE g.plan_id = plan_id
				UNION ALL SELECT unnest(ARRAY[g.org_id, g.product_id]) FROM quota_decomp.editable_goal_cell g WHERE g.plan_id = plan_id
				UNION ALL SELECT unnest(ARRAY[g.org_id, g.product_id]) FROM quota_decomp.editable_eligibility g WHERE g.plan_id = plan_id
				UNION ALL SELECT unnest(ARRAY[g.org_id, g.product_id]) FROM quota_decomp.editable_estimate g WHERE g.plan_id = plan_id
				UNION ALL SELECT g.org_id FROM quota_decomp.editable_round_node g WHERE g.plan_id = plan_id
				UNION ALL SELECT g.org_id FROM quota_decomp.editable_review g WHERE g.plan_id = plan_id) AS r
			WHERE r.id = ANY (gone) OR r.id IN (SELECT n.node_id FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.parent_id = ANY (gone));
			WITH RECURSIVE up AS (
				SELECT n.node_id, n.parent_id FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.node_id = ANY (kept)
				UNION
				SELECT n.node_id, n.parent_id FROM up JOIN quota_decomp.editable_node n ON n.plan_id = plan_id AND n.node_id = up.parent_id
			)
			SELECT array_agg(up.node_id) INTO kept FROM up;
			DELETE FROM quota_decomp.editable_node n
			WHERE n.plan_id = plan_id AND (n.node_id = ANY (gone) OR n.kind IN ('self', 'relief') AND n.parent_id = ANY (gone)) AND n.node_id <> ALL (coalesce(kept, '{}'));
			UPDATE quota_decomp.editable_node n SET planned = false
			WHERE n.plan_id = plan_id AND n.planned AND (n.node_id = ANY (gone) OR n.parent_id = ANY (gone)) AND n.node_id = ANY (kept);
		END IF;

		-- a member that has others below and facts of its own gets a leaf for them
		IF dimension = 'org' THEN
			selves := quota_decomp._leading_sellers(plan_id);
			SELECT coalesce(max(n.node_id), 0) INTO next_id FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id;
			UPDATE quota_decomp.editable_node AS s
			SET planned = n.planned AND s.parent_id = ANY (selves), depth = n.depth + 1, label = n.label, valid_from = n.valid_from, valid_to = n.valid_to, hired = n.hired,
				left_on = n.left_on, login = n.login, member_group = n.member_group, eligible = n.eligible, sort_no = n.sort_no
			FROM quota_decomp.editable_node n
			WHERE s.plan_id = plan_id AND s.kind = 'self' AND n.plan_id = plan_id AND n.node_id = s.parent_id
			  AND (s.planned, s.depth, s.label, s.valid_from, s.valid_to, s.hired, s.left_on, s.login, s.member_group, s.eligible, s.sort_no) IS DISTINCT FROM
				  (n.planned AND s.parent_id = ANY (selves), n.depth + 1, n.label, n.valid_from, n.valid_to, n.hired, n.left_on, n.login, n.member_group, n.eligible, n.sort_no);
			SELECT n.key INTO strays FROM quota_decomp.editable_node n
			JOIN quota_decomp.editable_node s ON s.plan_id = plan_id AND s.parent_id = n.node_id AND s.kind <> 'self' AND s.key = n.key || '/self'
			WHERE n.plan_id = plan_id AND n.node_id = ANY (selves) LIMIT 1;
			IF FOUND THEN
				RAISE invalid_parameter_value USING MESSAGE = format('a member of hierarchy %L has the key %L', hierarchy, strays.key || '/self'),
					DETAIL = format('%L leads others and has facts of its own: they count on a leaf of that name.', strays.key), HINT = 'Give the member another key.';
			END IF;
			INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, level, kind, depth, path, sort_no, leaf, planned, valid_from, valid_to, hired, left_on,
				login, member_group, eligible)
			SELECT plan_id, next_id + row_number() OVER (ORDER BY n.sort_no), dimension, n.node_id, n.key || '/self', n.label, n.level, 'self', n.depth + 1,
				n.path || '/' || quota_decomp._escape_key(n.key || '/self'), n.sort_no, true, n.planned, n.valid_from, n.valid_to, n.hired, n.left_on, n.login, n.member_group, n.eligible
			FROM quota_decomp.editable_node n
			WHERE n.plan_id = plan_id AND n.node_id = ANY (selves)
			  AND NOT EXISTS (SELECT FROM quota_decomp.editable_node s WHERE s.plan_id = plan_id AND s.parent_id = n.node_id AND s.kind = 'self');
		END IF;

		-- nobody is planned under somebody who is not: who comes when the unit has
		-- moved, which is planned where it was on the day
		WITH RECURSIVE below AS (
			SELECT b.node_id FROM quota_decomp.editable_node b JOIN quota_decomp.editable_node u ON u.plan_id = plan_id AND u.node_id = b.parent_id
			WHERE b.plan_id = plan_id AND b.dimension = dimension AND b.planned AND NOT u.planned
			UNION
			SELECT b.node_id FROM below JOIN quota_decomp.editable_node b ON b.plan_id = plan_id AND b.parent_id = below.node_id
		), changed AS (
			UPDATE quota_decomp.editable_node AS n SET planned = false
			FROM below o WHERE n.plan_id = plan_id AND n.node_id = o.node_id AND n.planned RETURNING n.key, n.kind
		)
		SELECT count(*) AS n, min(c.key) AS key INTO strays FROM changed c WHERE c.kind = 'member';
		IF strays.n > 0 THEN
			RAISE NOTICE USING MESSAGE = format('hierarchy %L: members that get no target: %s, for example %L', hierarchy, strays.n, strays.key),
				DETAIL = format('They come under somebody who is elsewhere on %s, for which the plan is made.', day);
		END IF;
	END LOOP;

	WITH RECURSIVE up AS (
		SELECT n.node_id, n.node_id AS ancestor_id, n.parent_id, 0 AS distance FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id
		UNION ALL
		SELECT up.node_id, n.node_id, n.parent_id, up.distance + 1 FROM up JOIN quota_decomp.editable_node n ON n.plan_id = plan_id AND n.node_id = up.parent_id
	), dropped AS (
		DELETE FROM quota_decomp.editable_node_closure c
		WHERE c.plan_id = plan_id AND NOT EXISTS (SELECT FROM up WHERE up.node_id = c.node_id AND up.ancestor_id = c.ancestor_id AND up.distance = c.distance)
	)
	INSERT INTO quota_decomp.editable_node_closure (plan_id, ancestor_id, node_id, distance)
	SELECT plan_id, up.ancestor_id, up.node_id, up.distance FROM up
	WHERE NOT EXISTS (SELECT FROM quota_decomp.editable_node_closure c WHERE c.plan_id = plan_id AND c.node_id = up.node_id AND c.ancestor_id = up.ancestor_id);
	IF NOT EXISTS (SELECT FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned AND n.leaf) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('nobody of hierarchy %L is there in the plan''s span %s', p.org, daterange(p.starts, p.ends)),
			HINT = 'Its members'' dates all lie elsewhere, or its relation is empty.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._load_nodes(int) IS
'internal: reads a plan''s organisation and products from the CRM; nodes there are already keep their numbers, those that are gone stay while something refers to them';

-- not inlined, and with an estimate: whoever joins it hashes it, with or
-- without statistics
CREATE FUNCTION quota_decomp._keys(plan_id int, dimension text)
RETURNS TABLE (key text, valid_from date, valid_to date, node_id int, member_id int, own_key text, leaf boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5000 SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
	SELECT k.key, k.valid_from, k.valid_to, coalesce(s.node_id, k.node_id), k.node_id, n.key, n.leaf
	FROM quota_decomp.visible_node_key k
	JOIN quota_decomp.visible_node n ON n.plan_id = $1 AND n.node_id = k.node_id
	LEFT JOIN quota_decomp.visible_node s ON s.plan_id = $1 AND s.kind = 'self' AND s.parent_id = k.node_id
	WHERE k.plan_id = $1 AND k.dimension = $2
$$;
COMMENT ON FUNCTION quota_decomp._keys(int, text) IS
'internal: the keys facts may use, with the node they count on: a member''s leaf self where there is one';

CREATE FUNCTION quota_decomp._leading_sellers(plan_id int) RETURNS int[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = on AS $$
#variable_conflict use_variable
DECLARE
	m record;
	source regclass;
	kind text;
	at_kind text;
	keys text[];
	starts date[];
	ends date[];
	ids int[];
	answer int[];
BEGIN
	SELECT d.*, p.time_zone INTO m FROM quota_decomp.visible_plan p JOIN quota_decomp.visible_metric d ON d.metric = p.metric WHERE p.plan_id = plan_id;
	IF m.member_column IS NULL THEN
		RETURN '{}';
	END IF;
	source := quota_decomp._source(m.schema_name, m.relation_name);
	kind := quota_decomp._column(source, 'member', m.member_column, 'key');
	at_kind := quota_decomp._column(source, 'at', m.at_column, 'day');
	SELECT array_agg(k.key), array_agg(k.valid_from), array_agg(k.valid_to), array_agg(k.member_id) INTO keys, starts, ends, ids
	FROM quota_decomp._keys(plan_id, 'org') AS k WHERE NOT k.leaf;
	-- text is looked up as it is, by an index if there is one
	EXECUTE format($q$
		SELECT array_agg(DISTINCT k.id) FROM unnest($1, $2, $3, $4) AS k(key, valid_from, valid_to, id)
		WHERE EXISTS (SELECT FROM %1$s AS f WHERE %2$s = k.key AND f.%3$I >= %4$s AND f.%3$I < %5$s) $q$,
		source, format(CASE WHEN kind = 'text' THEN 'f.%I' ELSE 'f.%I::text' END, m.member_column), m.at_column,
		quota_decomp._day_bound(at_kind, 'k.valid_from', m.time_zone), quota_decomp._day_bound(at_kind, 'k.valid_to', m.time_zone))
	INTO answer USING keys, starts, ends, ids;
	RETURN coalesce(answer, '{}');
END $$;
COMMENT ON FUNCTION quota_decomp._leading_sellers(int) IS 'internal: nodes that have others below and facts of the plan''s metric of their own';

--
-- Facts
--
CREATE FUNCTION quota_decomp._facts(plan_id int, metric text, from_day date, to_day date, by text[])
RETURNS TABLE (org_id int, product_id int, day date, value numeric, denominator numeric, quantity numeric, facts bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	m record;
	source regclass;
	at_kind text;
	starts CONSTANT date := coalesce(from_day, '-infinity');
	ends CONSTANT date := coalesce(to_day, 'infinity');
	of_metric CONSTANT text := format(' of metric %L', metric);
	whole boolean;
	by_org CONSTANT boolean := 'org' = ANY (by);
	by_product CONSTANT boolean := 'product' = ANY (by);
	by_day CONSTANT boolean := 'day' = ANY (by);
	balance boolean;
	match_org boolean;
	match_product boolean;
	need_day boolean;
	org_rest int;
	product_rest int;
	inner_columns text := '';
	inner_group text := '';
	value_column text;
	org_node text;
	product_node text;
	matched text;
	joins text := '';
	statement text;
	asked text;
	asked_group text;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT a.whole INTO whole FROM quota_decomp.access a WHERE a.plan_id = plan_id;
	SELECT v.* INTO m FROM quota_decomp.visible_metric v WHERE v.metric = metric;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('metric', metric);
	END IF;
	source := quota_decomp._source(m.schema_name, m.relation_name);
	at_kind := quota_decomp._column(source, 'at' || of_metric, m.at_column, 'day');
	PERFORM quota_decomp._column(source, 'member' || of_metric, m.member_column, 'key'), quota_decomp._column(source, 'product' || of_metric, m.product_column, 'key'),
		quota_decomp._column(source, 'value' || of_metric, m.value_column, CASE m.kind WHEN 'distinct' THEN 'key' ELSE 'number' END),
		quota_decomp._column(source, 'denominator' || of_metric, m.denominator_column, 'number'), quota_decomp._column(source, 'quantity' || of_metric, m.quantity_column, 'number');

	-- what counts on nobody; a role that sees its own subtree only sees no such node
	SELECT max(n.node_id) FILTER (WHERE n.dimension = 'org' AND n.kind = 'unassigned'),
		   coalesce(max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'unassigned'), max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'root'))
	INTO org_rest, product_rest
	FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.kind IN ('unassigned', 'root');
	balance := m.kind IN ('last', 'balance_ratio');
	match_org := m.member_column IS NOT NULL AND (by_org OR balance OR NOT whole);
	match_product := m.product_column IS NOT NULL AND p.product IS NOT NULL AND (by_product OR balance);
	-- a day is needed where a key changes hands within the span
	need_day := by_day OR (match_org OR match_product) AND EXISTS (
		SELECT FROM quota_decomp.visible_node_key k
		WHERE k.plan_id = plan_id AND (k.dimension = 'org' AND match_org OR k.dimension = 'product' AND match_product)
		  AND (k.valid_from > starts AND k.valid_from < ends OR k.valid_to > starts AND k.valid_to < ends));

	-- in the CRM's table: its rows by key and day
	IF match_org THEN
		inner_columns := inner_columns || format(', %s AS m', quota_decomp._key_expression(format('f.%I', m.member_column)));
		inner_group := inner_group || format(', %s', quota_decomp._key_expression(format('f.%I', m.member_column)));
	END IF;
	IF match_product THEN
		inner_columns := inner_columns || format(', %s AS p', quota_decomp._key_expression(format('f.%I', m.product_column)));
		inner_group := inner_group || format(', %s', quota_decomp._key_expression(format('f.%I', m.product_column)));
	END IF;
	IF need_day THEN
		inner_columns := inner_columns || format(', %s AS d', quota_decomp._day_expression(at_kind, format('f.%I', m.at_column), p.time_zone));
		inner_group := inner_group || format(', %s', quota_decomp._day_expression(at_kind, format('f.%I', m.at_column), p.time_zone));
	END IF;
	IF balance THEN
		inner_columns := inner_columns || format(', f.%I AS a', m.at_column);
		inner_group := inner_group || format(', f.%I', m.at_column);
	ELSIF m.kind = 'distinct' THEN
		inner_columns := inner_columns || format(', %s AS x', quota_decomp._key_expression(format('f.%I', m.value_column)));
		inner_group := inner_group || format(', %s', quota_decomp._key_expression(format('f.%I', m.value_column)));
	END IF;
	statement := format('SELECT %s AS v, %s AS n, %s AS q, count(*) AS c%s FROM %s AS f WHERE f.%I >= %s AND f.%I < %s%s',
		CASE WHEN m.kind = 'distinct' THEN 'NULL::numeric' WHEN m.value_column IS NULL THEN 'count(*)::numeric' ELSE quota_decomp._sum_expression(source, m.value_column) END,
		CASE WHEN m.denominator_column IS NULL THEN 'NULL::numeric' ELSE quota_decomp._sum_expression(source, m.denominator_column) END,
		CASE WHEN m.quantity_column IS NULL THEN 'NULL::numeric' ELSE quota_decomp._sum_expression(source, m.quantity_column) END,
		inner_columns, source, m.at_column, quota_decomp._day_bound(at_kind, format('%L::date', starts), p.time_zone),
		m.at_column, quota_decomp._day_bound(at_kind, format('%L::date', ends), p.time_zone),
		CASE WHEN inner_group <> '' THEN ' GROUP BY ' || substr(inner_group, 3) ELSE '' END);

	-- matched to nodes
	org_node := coalesce(org_rest::text, 'NULL::int');
	product_node := coalesce(product_rest::text, 'NULL::int');
	matched := CASE WHEN need_day THEN '%1$s.key = g.%2$s AND %1$s.valid_from <= g.d AND %1$s.valid_to > g.d'
			   ELSE format('%%1$s.key = g.%%2$s AND %%1$s.valid_from <= %L AND %%1$s.valid_to >= %L', starts, ends) END;
	IF match_org THEN
		joins := joins || format(' LEFT JOIN quota_decomp._keys(%s, ''org'') AS o ON %s', plan_id, format(matched, 'o', 'm'));
		org_node := format('coalesce(o.node_id, %s)', org_node);
	END IF;
	IF match_product THEN
		joins := joins || format(' LEFT JOIN quota_decomp._keys(%s, ''product'') AS u ON %s', plan_id, format(matched, 'u', 'p'));
		product_node := format('coalesce(u.node_id, %s)', product_node);
	END IF;
	-- a balance is one of all that its member and product are written as, also while a
	-- key is nobody's: what comes later takes its place
	IF balance AND match_org THEN
		joins := joins || format(' LEFT JOIN (SELECT k.key, min(k.own_key) AS own_key FROM quota_decomp._keys(%s, ''org'') AS k GROUP BY k.key) AS os ON os.key = g.m', plan_id);
	END IF;
	IF balance AND match_product THEN
		joins := joins || format(' LEFT JOIN (SELECT k.key, min(k.own_key) AS own_key FROM quota_decomp._keys(%s, ''product'') AS k GROUP BY k.key) AS us ON us.key = g.p', plan_id);
	END IF;
	statement := format('SELECT %s AS org_id, %s AS product_id, %s AS day, g.v, g.n, g.q, g.c%s%s FROM (%s) AS g%s%s',
		CASE WHEN by_org THEN org_node ELSE 'NULL::int' END, CASE WHEN by_product THEN product_node ELSE 'NULL::int' END, CASE WHEN by_day THEN 'g.d' ELSE 'NULL::date' END,
		CASE WHEN m.kind = 'distinct' THEN ', g.x' ELSE '' END,
		CASE WHEN balance THEN format(', max(g.a) FILTER (WHERE g.v IS NOT NULL) OVER (PARTITION BY %s, %s, %s) = g.a AS is_last',
			CASE WHEN match_org THEN 'coalesce(os.own_key, g.m)' ELSE '0' END,
			CASE WHEN match_product THEN 'coalesce(us.own_key, g.p)' ELSE '0' END, CASE WHEN by_day THEN 'g.d' ELSE '0' END) ELSE '' END,
		statement, joins, CASE WHEN whole THEN '' ELSE format(' WHERE %s IS NOT NULL', org_node) END);

	-- and by what was asked for
	IF 'parts' = ANY (by) AND m.kind IN ('sum', 'ratio') THEN
		RETURN QUERY EXECUTE format('SELECT h.org_id, h.product_id, h.day, h.v, h.n, h.q, h.c FROM (%s) AS h', statement);
		RETURN;
	END IF;
	asked := concat_ws(', ', CASE WHEN by_org THEN 'h.org_id' END, CASE WHEN by_product THEN 'h.product_id' END, CASE WHEN by_day THEN 'h.day' END);
	asked_group := CASE WHEN asked = '' THEN '' ELSE ' GROUP BY ' || asked END;
	statement := format('SELECT %s, %s, %s, %s, %s, %s, coalesce(sum(h.c), 0)::bigint FROM (%s) AS h%s',
		CASE WHEN by_org THEN 'h.org_id' ELSE 'NULL::int' END, CASE WHEN by_product THEN 'h.product_id' ELSE 'NULL::int' END, CASE WHEN by_day THEN 'h.day' ELSE 'NULL::date' END,
		CASE WHEN m.kind = 'distinct' THEN 'count(DISTINCT h.x)::numeric' WHEN balance THEN 'sum(h.v) FILTER (WHERE h.is_last)' ELSE 'coalesce(sum(h.v), 0)' END,
		CASE WHEN m.denominator_column IS NULL THEN 'NULL::numeric' ELSE 'coalesce(sum(h.n), 0)' END,
		CASE WHEN m.quantity_column IS NULL THEN 'NULL::numeric' ELSE 'coalesce(sum(h.q), 0)' END, statement, asked_group);
	RETURN QUERY EXECUTE statement;
END $$;
COMMENT ON FUNCTION quota_decomp._facts(int, text, date, date, text[]) IS
'internal: a metric''s facts from a day to the day before another, on the nodes their members and products were on that day; by org, product, day, or fewer of them; with parts a combination may have several rows, which the caller adds up';

CREATE FUNCTION quota_decomp._metric_total(plan_id int, metric text, from_day date, to_day date) RETURNS TABLE (value numeric, denominator numeric, facts bigint)
LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT f.value, f.denominator, f.facts FROM quota_decomp._facts($1, $2, $3, $4, '{}') AS f
$$;
COMMENT ON FUNCTION quota_decomp._metric_total(int, text, date, date) IS 'internal: a metric''s total over a span of days';

CREATE FUNCTION quota_decomp._no_number(amount numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- less itself, only what is a number is 0
	SELECT CASE WHEN $1 - $1 <> 0 THEN 'a fact of it is no number (NaN or infinite): check_mapping() lists it' END
$$;
COMMENT ON FUNCTION quota_decomp._no_number(numeric) IS 'internal: says of a sum of facts that it is no number; NULL: it is one';

CREATE FUNCTION quota_decomp._coverage(metric text, time_zone text) RETURNS TABLE (covers_from date, covers_to date)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m record;
	source regclass;
	at_kind text;
BEGIN
	SELECT v.* INTO m FROM quota_decomp.visible_metric v WHERE v.metric = metric;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('metric', metric);
	END IF;
	IF m.covers_from IS NULL OR m.covers_to IS NULL THEN
		source := quota_decomp._source(m.schema_name, m.relation_name);
		at_kind := quota_decomp._column(source, 'at', m.at_column, 'day');
		-- from both ends of an index where there is one, else in one scan
		EXECUTE format(CASE WHEN EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = source AND a.attname = m.at_column)
				THEN 'SELECT coalesce($1, date_trunc(''month'', (%1$s)::timestamp)::date), coalesce($2, (%2$s) + 1) FROM (SELECT (SELECT min(f.%3$I) FROM %4$s AS f WHERE isfinite(f.%3$I)) AS a, (SELECT max(f.%3$I) FROM %4$s AS f WHERE isfinite(f.%3$I)) AS z) AS g'
				ELSE 'SELECT coalesce($1, date_trunc(''month'', (%1$s)::timestamp)::date), coalesce($2, (%2$s) + 1) FROM (SELECT min(f.%3$I) AS a, max(f.%3$I) AS z FROM %4$s AS f WHERE isfinite(f.%3$I)) AS g' END,
			quota_decomp._day_expression(at_kind, 'g.a', time_zone), quota_decomp._day_expression(at_kind, 'g.z', time_zone), m.at_column, source)
		INTO m.covers_from, m.covers_to USING m.covers_from, m.covers_to;
	END IF;
	covers_from := m.covers_from;
	covers_to := m.covers_to;
	RETURN NEXT;
END $$;
COMMENT ON FUNCTION quota_decomp._coverage(text, text) IS
'internal: the days a metric''s source covers: as mapped, else from the first day of the month of its first fact to the day after its last';

CREATE FUNCTION quota_decomp._open_pipeline(plan_id int, pipeline text, day date) RETURNS TABLE (org_id int, product_id int, amount numeric, deals bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	l record;
	source regclass;
	opened_kind text;
	closed_kind text;
	opened_by text;
	open_still text;
	mean_won numeric;
	org_rest int;
	product_rest int;
	amount_value text;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT v.* INTO l FROM quota_decomp.visible_pipeline v WHERE v.pipeline = pipeline;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('pipeline', pipeline);
	END IF;
	source := quota_decomp._source(l.schema_name, l.relation_name);
	PERFORM quota_decomp._column(source, 'stage', l.stage_column, 'key'), quota_decomp._column(source, 'member', l.member_column, 'key'),
		quota_decomp._column(source, 'product', l.product_column, 'key'), quota_decomp._column(source, 'amount', l.amount_column, 'number'),
		quota_decomp._column(source, 'list_price', l.list_price_column, 'number');
	opened_kind := quota_decomp._column(source, 'opened', l.opened_column, 'day');
	closed_kind := quota_decomp._column(source, 'closed', l.closed_column, 'day');
	opened_by := format('f.%I < %s', l.opened_column, quota_decomp._day_bound(opened_kind, format('%L::date', day + 1), p.time_zone));
	open_still := format('f.%I::text <> ALL (%L::text[])', l.stage_column, l.won || l.lost);
	IF l.closed_column IS NOT NULL THEN
		open_still := format('(f.%1$I >= %2$s OR f.%1$I IS NULL AND %3$s)', l.closed_column, quota_decomp._day_bound(closed_kind, format('%L::date', day + 1), p.time_zone), open_still);
	END IF;
	IF l.amount_column IS NOT NULL THEN
		EXECUTE format('SELECT coalesce(avg(f.%1$I::numeric) FILTER (WHERE f.%3$I::text = ANY (%4$L::text[])%5$s), avg(f.%1$I::numeric)) FROM %2$s AS f', l.amount_column, source, l.stage_column, l.won,
			CASE WHEN l.closed_column IS NOT NULL THEN format(' AND f.%I < %s', l.closed_column, quota_decomp._day_bound(closed_kind, format('%L::date', day + 1), p.time_zone)) ELSE '' END)
		INTO mean_won;
	END IF;
	amount_value := format('coalesce(%s)', concat_ws(', ', CASE WHEN l.amount_column IS NOT NULL THEN format('f.%I::numeric', l.amount_column) END,
		CASE WHEN l.list_price_column IS NOT NULL THEN format('f.%I::numeric', l.list_price_column) END, format('%s::numeric', coalesce(mean_won, 1))));
	SELECT max(n.node_id) FILTER (WHERE n.dimension = 'org' AND n.kind = 'unassigned'),
		   coalesce(max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'unassigned'), max(n.node_id) FILTER (WHERE n.dimension = 'product' AND n.kind = 'root'))
	INTO org_rest, product_rest
	FROM quota_decomp.visible_node n WHERE n.plan_id = plan_id AND n.kind IN ('unassigned', 'root');
	RETURN QUERY EXECUTE format($q$
		SELECT s.org_id, s.product_id, sum(s.v), sum(s.c)::bigint
		FROM (SELECT coalesce(o.node_id, $1) AS org_id, coalesce(u.node_id, $2) AS product_id, g.v, g.c
			  FROM (SELECT %1$s AS m, %2$s AS p, sum(%3$s) AS v, count(*) AS c FROM %4$s AS f WHERE %5$s AND %6$s GROUP BY 1, 2) AS g
			  LEFT JOIN quota_decomp._keys($3, 'org') AS o ON o.key = g.m AND o.valid_from <= $4 AND o.valid_to > $4
			  LEFT JOIN quota_decomp._keys($3, 'product') AS u ON u.key = g.p AND u.valid_from <= $4 AND u.valid_to > $4) AS s
		WHERE s.org_id IS NOT NULL GROUP BY s.org_id, s.product_id $q$,
		CASE WHEN l.member_column IS NULL THEN 'NULL::text COLLATE "C"' ELSE quota_decomp._key_expression(format('f.%I', l.member_column)) END,
		CASE WHEN l.product_column IS NULL OR p.product IS NULL THEN 'NULL::text COLLATE "C"' ELSE quota_decomp._key_expression(format('f.%I', l.product_column)) END,
		amount_value, source, opened_by, open_still)
	USING org_rest, product_rest, plan_id, day;
END $$;
COMMENT ON FUNCTION quota_decomp._open_pipeline(int, text, date) IS
'internal: the deals that were open on a day, by node; a missing amount is the list price, else the mean of the deals won by then, else of all; where no amounts are mapped, 1';

--
-- What does not match
--
CREATE FUNCTION quota_decomp._spelling(key text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF getdatabaseencoding() = 'UTF8' THEN
		-- full-width letters and digits are the same letters and digits
		key := normalize(key, NFKC);
	END IF;
	RETURN nullif(translate(regexp_replace(lower(key), '[[:space:][:punct:]]+', '', 'g'), '、。·・「」『』【】《》〈〉—–‐‑…', ''), '');
END $$;
COMMENT ON FUNCTION quota_decomp._spelling(text) IS 'internal: a key without case, blanks, punctuation and full-width forms';

CREATE FUNCTION quota_decomp.check_mapping(plan text)
RETURNS TABLE (source text, dimension text, hierarchy text, key text, facts bigint, amount numeric, problem text, suggestion text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	id CONSTANT int := quota_decomp._plan_id(plan, 1);
	p record;
	s record;
	c record;
	relation regclass;
	kind text;
	at_kind text;
	amount_column text;
	amount_kind text;
	related boolean;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = id;
	IF NOT (SELECT a.whole FROM quota_decomp.access a WHERE a.plan_id = id) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I sees a part of plan %L only', current_user, plan),
			HINT = 'What matches nobody is shown to those who see the whole.';
	END IF;
	FOR s IN
		-- by day, where a key belongs to somebody on the fact's day; deals are
		-- looked up on whatever day is asked about
		SELECT format('metric %L', m.metric) AS name, m.schema_name, m.relation_name, m.at_column AS at, m.member_column AS member, m.product_column AS product,
			   CASE WHEN m.kind IN ('sum', 'ratio') THEN m.value_column END AS amount, m.kind, true AS by_day, true AS used,
			   CASE WHEN m.kind <> 'distinct' THEN m.value_column END AS number, m.denominator_column AS denominator, m.quantity_column AS quantity, coalesce(m.metric = p.market AND m.metric <> p.metric, false) AS outside
		FROM quota_decomp.visible_metric m
		WHERE m.metric IN (p.metric, p.market) OR m.metric IN (SELECT d.metric FROM quota_decomp.visible_driver d WHERE d.plan_id = id)
		   OR m.metric IN (SELECT v.metric FROM quota_decomp.visible_plan v WHERE v.plan_id = p.volume_plan_id)
		UNION ALL
		SELECT format('pipeline %L', l.pipeline), l.schema_name, l.relation_name, NULL, l.member_column, l.product_column, l.amount_column, 'sum', false,
			   l.pipeline IN (SELECT d.pipeline FROM quota_decomp.visible_driver d WHERE d.plan_id = id AND d.pipeline IS NOT NULL), l.amount_column, NULL, NULL, false
		FROM quota_decomp.visible_pipeline l
		ORDER BY by_day DESC, name
	LOOP
		source := s.name;
		dimension := NULL;
		hierarchy := NULL;
		key := NULL;
		facts := NULL;
		amount := NULL;
		suggestion := NULL;
		-- a relation or a column that is gone is a finding, not an error
		BEGIN
			relation := quota_decomp._source(s.schema_name, s.relation_name);
			at_kind := quota_decomp._column(relation, 'at', s.at, 'day');
			PERFORM quota_decomp._column(relation, 'member', s.member, 'key'), quota_decomp._column(relation, 'product', s.product, 'key'),
				quota_decomp._column(relation, 'denominator', s.denominator, 'number'),
				quota_decomp._column(relation, 'quantity', s.quantity, 'number');
			amount_kind := quota_decomp._column(relation, 'value', s.number, 'number');
		EXCEPTION WHEN undefined_table OR undefined_column OR datatype_mismatch THEN
			problem := SQLERRM;
			RETURN NEXT;
			CONTINUE;
		END;
		-- a pipeline nobody of the plan is in belongs to others
		IF NOT s.used THEN
			EXECUTE format('SELECT EXISTS (SELECT FROM %s AS f WHERE %s IN (SELECT k.key FROM quota_decomp._keys($1, $2) AS k))', relation,
				CASE WHEN coalesce(s.member, s.product) IS NULL THEN 'NULL' ELSE quota_decomp._key_expression(format('f.%I', coalesce(s.member, s.product))) END)
			INTO related USING id, CASE WHEN s.member IS NULL THEN 'product' ELSE 'org' END;
			CONTINUE WHEN NOT related;
		END IF;
		-- what is no number is a row of its own; before PostgreSQL 14 an infinite
		-- float cannot be cast
		amount_column := CASE WHEN s.amount IS NOT NULL THEN format('sum(f.%I::numeric)', s.amount)
				|| CASE amount_kind WHEN 'float' THEN format(' FILTER (WHERE f.%I::text NOT IN (''NaN'', ''Infinity'', ''-Infinity''))', s.amount) ELSE '' END WHEN s.kind = 'sum' AND s.by_day THEN 'count(*)::numeric' ELSE 'NULL::numeric' END;
		IF s.by_day THEN
			EXECUTE format('SELECT count(*), %s FROM %s AS f WHERE f.%I IS NULL', amount_column, relation, s.at) INTO facts, amount;
			IF facts > 0 THEN
				dimension := 'day';
				problem := 'empty';
				RETURN NEXT;
			END IF;
		END IF;
		-- as text, which every type of numbers has: one that is none is nobody's error
		FOR c IN SELECT v.* FROM (VALUES ('value', s.number), ('denominator', s.denominator), ('quantity', s.quantity)) AS v(dimension, mapped) WHERE v.mapped IS NOT NULL LOOP
			RETURN QUERY EXECUTE format($q$SELECT $1, $2, NULL::text, %1$s, count(*), NULL::numeric, format('%%I is %%s', $3, f.%2$I::text), NULL::text
				FROM %3$s AS f WHERE f.%2$I::text IN ('NaN', 'Infinity', '-Infinity') GROUP BY %1$s, f.%2$I::text ORDER BY 4, 7$q$,
				CASE WHEN s.member IS NULL THEN 'NULL::text' ELSE format('f.%I::text', s.member) END, c.mapped, relation)
			USING s.name, c.dimension, c.mapped;
		END LOOP;
		-- a market may be known as a whole only
		FOR c IN SELECT v.* FROM (VALUES ('org', p.org, s.member), ('product', p.product, s.product)) AS v(dimension, hierarchy, mapped)
				 WHERE v.hierarchy IS NOT NULL AND NOT (s.outside AND v.mapped IS NULL) LOOP
			RETURN QUERY EXECUTE format($q$
				WITH g AS (
					SELECT %1$s AS m, %2$s AS d, count(*) AS c, %3$s AS a FROM %4$s AS f WHERE %5$s GROUP BY 1, 2
				), k AS MATERIALIZED (
					SELECT * FROM quota_decomp._keys($1, $2)
				), missed AS (
					SELECT g.m, sum(g.c)::bigint AS c, sum(g.a) AS a, EXISTS (SELECT FROM k WHERE k.key = g.m) AS known
					FROM g LEFT JOIN k AS hit ON hit.key = g.m AND (g.d IS NULL OR hit.valid_from <= g.d AND hit.valid_to > g.d)
					WHERE hit.key IS NULL GROUP BY g.m
				), spelled AS (
					-- a member's keys and its label; what to write is the key without its level, if that is its own
					SELECT w.spelling, min(w.write) AS write, count(DISTINCT w.write) AS members
					FROM (SELECT quota_decomp._spelling(v.word) AS spelling, coalesce((SELECT min(b.key) FROM k AS b WHERE b.own_key = k.own_key AND n.level || ':' || b.key = k.own_key), k.own_key) AS write
						  FROM k JOIN quota_decomp.visible_node n ON n.plan_id = $1 AND n.node_id = k.member_id, LATERAL (VALUES (k.key), (n.label)) AS v(word)
						  WHERE EXISTS (SELECT FROM missed WHERE NOT missed.known AND missed.m <> '')) AS w
					WHERE w.spelling IS NOT NULL GROUP BY w.spelling
				)
				SELECT $3, $2, $4, missed.m::text, missed.c, missed.a,
					CASE WHEN $5 THEN 'no column mapped' WHEN missed.m IS NULL OR missed.m = '' THEN 'empty' WHEN missed.known THEN 'outside its dates'
						WHEN spelled.members > 1 THEN 'ambiguous spelling' ELSE 'unknown key' END,
					CASE WHEN NOT missed.known AND spelled.members = 1 THEN spelled.write END
				FROM missed LEFT JOIN spelled ON NOT missed.known AND spelled.spelling = quota_decomp._spelling(missed.m)
				ORDER BY abs(missed.a) DESC NULLS LAST, missed.c DESC, missed.m $q$,
				CASE WHEN c.mapped IS NULL THEN 'NULL::text COLLATE "C"' ELSE quota_decomp._key_expression(format('f.%I', c.mapped)) END,
				CASE WHEN s.by_day THEN quota_decomp._day_expression(at_kind, format('f.%I', s.at), p.time_zone) ELSE 'NULL::date' END,
				amount_column, relation, CASE WHEN s.by_day THEN format('f.%I IS NOT NULL', s.at) ELSE 'true' END)
			USING id, c.dimension, s.name, c.hierarchy, c.mapped IS NULL;
		END LOOP;
	END LOOP;
	-- members and the rest of the mapping
	FOR s IN SELECT h.* FROM quota_decomp.visible_hierarchy_source h WHERE h.hierarchy IN (p.org, p.product) ORDER BY h.hierarchy, h.source_no LOOP
		source := format('hierarchy %L', s.hierarchy);
		dimension := CASE WHEN s.hierarchy = p.org THEN 'org' ELSE 'product' END;
		hierarchy := s.hierarchy;
		key := NULL;
		facts := NULL;
		amount := NULL;
		suggestion := NULL;
		BEGIN
			relation := quota_decomp._source(s.schema_name, s.relation_name);
			PERFORM quota_decomp._column(relation, v.argument, v.mapped, v.wanted)
			FROM (VALUES ('key', s.key_column, 'key'), ('parent', s.parent_column, 'key'), ('label', s.label_column, 'text'), ('valid_from', s.valid_from_column, 'day'),
				('valid_to', s.valid_to_column, 'day'), ('hired', s.hired_column, 'day'), ('left_on', s.left_on_column, 'day'), ('login', s.login_column, 'text'),
				('eligible', s.eligible_column, 'keys'), ('member_group', s.group_column, 'text')) AS v(argument, mapped, wanted);
			PERFORM quota_decomp._column(relation, 'levels', u.l, 'key') FROM unnest(s.level_columns) AS u(l);
		EXCEPTION WHEN undefined_table OR undefined_column OR datatype_mismatch THEN
			problem := SQLERRM;
			RETURN NEXT;
		END;
	END LOOP;
	-- what stands before and after the plan's pipeline
	BEGIN
		RETURN QUERY
		SELECT format('step %L', u.step), NULL::text, NULL::text, NULL::text, u.unlinked, NULL::numeric, 'names what is not there'::text, NULL::text
		FROM quota_decomp._unlinked_rows(quota_decomp._plan_pipeline(id)) AS u WHERE u.unlinked > 0;
	EXCEPTION WHEN undefined_table OR undefined_column OR datatype_mismatch THEN
		RETURN QUERY SELECT 'steps of the pipeline'::text, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::numeric, SQLERRM, NULL::text;
	END;
	RETURN QUERY
	SELECT format('alias of %L', a.hierarchy), d.dimension, a.hierarchy, a.from_key, NULL::bigint, NULL::numeric, format('stands for %L, which is no member', a.to_key), NULL::text
	FROM (VALUES ('org', p.org), ('product', p.product)) AS d(dimension, hierarchy) JOIN quota_decomp.visible_alias a ON a.hierarchy = d.hierarchy
	WHERE NOT EXISTS (SELECT FROM quota_decomp.visible_node_key k WHERE k.plan_id = id AND k.dimension = d.dimension AND k.key = a.to_key)
	ORDER BY 2, 4;
	RETURN QUERY
	SELECT format('scorecard %L', c.scorecard), NULL::text, NULL::text, nullif(c.member_group, ''), count(*), sum(c.weight), 'weights do not sum to 1'::text, NULL::text
	FROM quota_decomp.visible_scorecard c GROUP BY c.scorecard, c.member_group HAVING sum(c.weight) <> 1 ORDER BY 1, 4;
END $$;
COMMENT ON FUNCTION quota_decomp.check_mapping(text) IS
'what of the CRM matches nothing in a plan, with rows and amounts, and the key that was probably meant; numbers that are none; scorecards that do not sum to 1; what is mapped but gone';
