----------------------------------------------------------------------
-- The plan layer: facts of the CRM on the members and products of plans
--
-- What is here is put together for each mapped metric: the CRM's columns are
-- compared as they are, with our keys in the type of the column and our days in
-- the type of the day, so that the CRM's indexes serve.  Facts that match
-- nobody on their day count on (unassigned), facts without a product of the
-- plan on the product (unassigned); what happened after "today" is cut off.
----------------------------------------------------------------------

-- What the current role may read, as functions: the views below say it thirty
-- times in one query, and planning access that often takes longer than the query.
CREATE FUNCTION quota_decomp._plans_read() RETURNS int[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN ARRAY(SELECT a.plan_id FROM quota_decomp.access a);
END $$;
COMMENT ON FUNCTION quota_decomp._plans_read() IS 'internal: the plans that the current role reads';

CREATE FUNCTION quota_decomp._plans_whole() RETURNS int[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RETURN ARRAY(SELECT a.plan_id FROM quota_decomp.access a WHERE a.whole);
END $$;
COMMENT ON FUNCTION quota_decomp._plans_whole() IS 'internal: the plans that the current role reads as a whole';

CREATE FUNCTION quota_decomp._own_nodes() RETURNS TABLE (plan_id int, node_id int)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY SELECT n.plan_id, n.node_id FROM quota_decomp.own_node n;
END $$;
COMMENT ON FUNCTION quota_decomp._own_nodes() IS 'internal: own_node, planned apart';

-- What conditions leave a column: the planner, which knows those of the caller,
-- puts the values in place of the call.  A view may so take one form or another;
-- it must be right with NULL, which says that nothing is known.
CREATE FUNCTION quota_decomp._given_support(internal) RETURNS internal
LANGUAGE C STRICT IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'qd_given_support';
COMMENT ON FUNCTION quota_decomp._given_support(internal) IS 'internal: planner support of _given';

CREATE FUNCTION quota_decomp._given(anyelement) RETURNS anyarray
LANGUAGE C IMMUTABLE PARALLEL SAFE SUPPORT quota_decomp._given_support AS 'MODULE_PATHNAME', 'qd_given';
COMMENT ON FUNCTION quota_decomp._given(anyelement) IS 'internal: the constants that conditions of the query compare the column with by = or IN; NULL: none';

-- How many rows a join of small tables has is guessed far too low, and then what
-- follows is looped over; this row is taken for many.
CREATE FUNCTION quota_decomp._many() RETURNS SETOF int
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, pg_temp AS $$
	SELECT 1
$$;
COMMENT ON FUNCTION quota_decomp._many() IS 'internal: one row, of which the planner expects a thousand';

-- "Today" is the session's setting, else the plan's, else the date in the
-- plan's time zone.
CREATE VIEW quota_decomp.visible_plan_day WITH (security_barrier) AS
SELECT p.plan_id, p.plan, p.metric, p.starts, p.ends, p.time_zone, p.rate_method IS NOT NULL AS is_rate, coalesce(p.scale, 6) AS scale,
	   p.unit, p.revision, p.state,
	   coalesce(nullif(pg_catalog.current_setting('quota_decomp.as_of', true), '')::date, p.as_of, (pg_catalog.now() AT TIME ZONE p.time_zone)::date) AS today
FROM quota_decomp.plan p
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[]);
COMMENT ON VIEW quota_decomp.visible_plan_day IS 'internal: the plans the current role may read, with their "today"';

-- What facts are joined with.  Each has the plan's name, so that a condition on
-- it applies to each, and ids, and is planned apart: that a fact lies in a
-- period and that it is somebody's are two joins, in the order that suits.
CREATE VIEW quota_decomp.visible_plan_period WITH (security_barrier) AS
SELECT p.plan_id, p.plan, p.metric, p.time_zone, q.period_id, q.grain, q.label AS period, q.starts AS period_starts, q.ends AS period_ends, q.leaf,
	   least(q.ends, p.today + 1) AS to_day, r.node_id AS product_rest, r.key AS product_rest_key, r.label AS product_rest_label, r.path AS product_rest_path,
	   t.node_id AS product_top, t.key AS product_top_key, t.depth AS product_top_depth, t.label AS product_top_label, t.path AS product_top_path, t.sort_no AS product_top_sort,
	   p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[]) AS whole,
	   -- the days inside on which a key comes to another member or product: between
	   -- them, what is of one key is of one node
	   (SELECT array_agg(DISTINCT d.day ORDER BY d.day) FROM quota_decomp.node_key x CROSS JOIN LATERAL (VALUES (x.valid_from), (x.valid_to)) AS d(day)
		WHERE x.plan_id = p.plan_id AND x.dimension = 'product' AND d.day > q.starts AND d.day < q.ends) AS product_changes,
	   (SELECT array_agg(DISTINCT d.day ORDER BY d.day) FROM quota_decomp.node_key x CROSS JOIN LATERAL (VALUES (x.valid_from), (x.valid_to)) AS d(day)
		WHERE x.plan_id = p.plan_id AND d.day > q.starts AND d.day < q.ends) AS changes
FROM (SELECT v.*, coalesce(nullif(pg_catalog.current_setting('quota_decomp.as_of', true), '')::date, v.as_of, (pg_catalog.now() AT TIME ZONE v.time_zone)::date) AS today
	  FROM quota_decomp.plan v) AS p
JOIN quota_decomp.period q ON q.plan_id = p.plan_id AND q.starts <= p.today
-- the product of facts without one: (unassigned), or the one there is
JOIN quota_decomp.node r ON r.plan_id = p.plan_id AND r.dimension = 'product' AND r.kind = CASE WHEN p.product IS NULL THEN 'root' ELSE 'unassigned' END
LEFT JOIN quota_decomp.node t ON t.plan_id = r.plan_id AND t.node_id = coalesce(r.parent_id, r.node_id)
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[]);
COMMENT ON VIEW quota_decomp.visible_plan_period IS 'internal: periods that have begun, with the day after the last that counts, the product of all facts and that of those without one';

CREATE VIEW quota_decomp.visible_member_key WITH (security_barrier) AS
SELECT p.plan_id, p.plan, k.key, k.valid_from, k.valid_to, o.node_id AS org_id, o.key AS org, o.label AS org_label, o.path AS org_path, o.level AS org_level, o.depth AS org_depth
FROM quota_decomp.plan p
JOIN quota_decomp.node_key k ON k.plan_id = p.plan_id AND k.dimension = 'org'
LEFT JOIN quota_decomp.node s ON s.plan_id = k.plan_id AND s.parent_id = k.node_id AND s.kind = 'self'
JOIN quota_decomp.node o ON o.plan_id = k.plan_id AND o.node_id = coalesce(s.node_id, k.node_id)
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_member_key IS 'internal: keys of facts, and the member each belongs to from when to when; of one who leads and sells, the leaf below him';

CREATE VIEW quota_decomp.visible_product_key WITH (security_barrier) AS
SELECT p.plan_id, p.plan, k.key, k.valid_from, k.valid_to, n.node_id, n.key AS product, n.label AS product_label, n.path AS product_path
FROM quota_decomp.plan p
JOIN quota_decomp.node_key k ON k.plan_id = p.plan_id AND k.dimension = 'product'
JOIN quota_decomp.node n ON n.plan_id = k.plan_id AND n.node_id = k.node_id
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_read())::int[]);
COMMENT ON VIEW quota_decomp.visible_product_key IS 'internal: keys of facts, and the product each belongs to from when to when';

CREATE VIEW quota_decomp.visible_whole WITH (security_barrier) AS
SELECT p.plan_id, p.plan, o.node_id AS org_id, o.key AS org, o.label AS org_label, o.path AS org_path, o.level AS org_level, o.depth AS org_depth, o.kind
FROM quota_decomp.plan p
JOIN quota_decomp.node o ON o.plan_id = p.plan_id AND o.dimension = 'org' AND o.kind IN ('root', 'unassigned')
WHERE p.plan_id = ANY ((SELECT quota_decomp._plans_whole())::int[])
   OR (o.plan_id, o.node_id) IN (SELECT n.plan_id, n.node_id FROM quota_decomp._own_nodes() n);
COMMENT ON VIEW quota_decomp.visible_whole IS 'internal: the root of a plan and (unassigned), if the current role sees them';

----------------------------------------------------------------------
-- Conditions on the CRM's columns, as SQL
----------------------------------------------------------------------

-- What cannot be a value of the type never reaches the cast, and a key matches
-- only what is written the same: 007 is not 7.
CREATE FUNCTION quota_decomp._key_condition(source regclass, column_expression text, column_name name, key_expression text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	base oid;
	plain boolean;
	r record;
BEGIN
	SELECT a.atttypid, a.attcollation = 0 OR coalesce((SELECT c.collisdeterministic FROM pg_collation c WHERE c.oid = a.attcollation), true) INTO base, plain
	FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
	LOOP
		SELECT t.typtype, t.typbasetype INTO r FROM pg_type t WHERE t.oid = base;
		EXIT WHEN r.typtype <> 'd';
		base := r.typbasetype;
	END LOOP;
	IF base IN ('text'::regtype, 'varchar'::regtype) THEN
		RETURN format('%s = %s', column_expression, key_expression) || CASE WHEN plain THEN '' ELSE format(' AND %s::text COLLATE "C" = %s COLLATE "C"', column_expression, key_expression) END;
	ELSIF base = 'bpchar'::regtype THEN
		RETURN format('%s = %s::bpchar', column_expression, key_expression);
	ELSIF base = 'name'::regtype THEN
		RETURN format('%1$s = CASE WHEN octet_length(%2$s) < 64 THEN %2$s::name END', column_expression, key_expression);
	ELSIF base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype) THEN
		-- by their number of digits, which rules out nothing that is written so
		RETURN format('%1$s = CASE WHEN %2$s ~ %3$L THEN CASE WHEN %2$s::numeric BETWEEN %4$s AND %5$s THEN %2$s::%6$s END END', column_expression, key_expression,
			'^(0|-?[1-9][0-9]{0,18})$',
			CASE base WHEN 'int2'::regtype THEN '-32768' WHEN 'int4'::regtype THEN '-2147483648' WHEN 'oid'::regtype THEN '0' ELSE '-9223372036854775808' END,
			CASE base WHEN 'int2'::regtype THEN '32767' WHEN 'int4'::regtype THEN '2147483647' WHEN 'oid'::regtype THEN '4294967295' ELSE '9223372036854775807' END,
			format_type(base, NULL));
	ELSIF base = 'numeric'::regtype THEN
		RETURN format('%1$s = CASE WHEN %2$s ~ %3$L THEN %2$s::numeric END AND %1$s::text = %2$s', column_expression, key_expression, '^-?[0-9]{1,1000}([.][0-9]{1,1000})?$');
	ELSIF base = 'uuid'::regtype THEN
		RETURN format('%1$s = CASE WHEN %2$s ~ %3$L THEN %2$s::uuid END', column_expression, key_expression, '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$');
	ELSIF r.typtype = 'e' THEN
		RETURN format('%1$s = CASE WHEN %2$s = ANY (enum_range(NULL::%3$s)::text[]) THEN %2$s::%3$s END', column_expression, key_expression, format_type(base, NULL));
	END IF;
	-- no guard is known: as text, which no index of the column serves
	RETURN format('%s = %s', quota_decomp._key_expression(column_expression), key_expression);
END $$;
COMMENT ON FUNCTION quota_decomp._key_condition(regclass, text, name, text) IS 'internal: that a column of the CRM holds a key of ours, as SQL';

CREATE FUNCTION quota_decomp._moment(kind text, day text, time_zone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE kind WHEN 'date' THEN day WHEN 'timestamp' THEN format('%s::timestamp', day) ELSE format('(%s::timestamp AT TIME ZONE %s)', day, time_zone) END
$$;
COMMENT ON FUNCTION quota_decomp._moment(text, text, text) IS 'internal: the first moment of a local day in the type of a column; day and time zone are SQL';

CREATE TYPE quota_decomp._mapped_metric AS (
	metric text,
	kind text,
	direction text,
	relation text,
	-- SQL on f, the relation, and p, which has a time_zone
	day text,
	value text,
	counted text,
	denominator text,
	quantity text,
	member_column name,
	product_column name,
	-- conditions: that the key of k, or of u, is the fact's, on its day
	is_member text,
	is_product text,
	-- the same of g, facts of a member_key and a product_key, from the day starts on
	are_member text,
	are_product text,
	-- the keys of g and its starts: the last of the days on which keys change hands,
	-- else the first day of the period; for it changes is joined to p, with %1$s for
	-- the column of p that has these days
	member_key text,
	product_key text,
	starts text,
	changes text,
	-- condition: that the fact is of the key of k, in the period of p and on its
	-- day; NULL if no index begins with the member
	by_member text,
	-- condition: that the fact lies in the period of p
	in_period text,
	-- FROM: periods and the facts in them; and whether p has become a part of f
	facts text,
	fenced boolean,
	-- the moment of the fact, and what stands for a day of ours in its type
	at text,
	at_kind text
);
COMMENT ON TYPE quota_decomp._mapped_metric IS 'internal: a metric as SQL';

CREATE FUNCTION quota_decomp._planned_metrics() RETURNS TABLE (metric text, gone text)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.metric, quota_decomp._metric_gone(m.schema_name, m.relation_name, ARRAY[m.at_column, m.member_column, m.product_column, m.value_column, m.denominator_column, m.quantity_column])
	FROM quota_decomp.visible_metric m WHERE EXISTS (SELECT FROM quota_decomp.visible_plan p WHERE p.metric = m.metric)
$$;
COMMENT ON FUNCTION quota_decomp._planned_metrics() IS 'internal: the metrics that plans are for, and what of their relations is gone';

CREATE FUNCTION quota_decomp._mapped_metrics() RETURNS SETOF quota_decomp._mapped_metric
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m record;
	source regclass;
	answer quota_decomp._mapped_metric;
	on_day text;
BEGIN
	-- what is gone must not keep the other views from being made
	FOR m IN SELECT v.* FROM quota_decomp.visible_metric v JOIN quota_decomp._planned_metrics() AS n ON n.metric = v.metric WHERE n.gone IS NULL ORDER BY v.metric COLLATE "C" LOOP
		source := quota_decomp._source(m.schema_name, m.relation_name);
		answer.metric := m.metric;
		answer.kind := m.kind;
		answer.direction := m.direction;
		answer.relation := format('%I.%I', m.schema_name, m.relation_name);
		answer.at_kind := quota_decomp._column(source, 'at', m.at_column, 'day');
		answer.at := format('f.%I', m.at_column);
		answer.day := CASE answer.at_kind WHEN 'date' THEN answer.at WHEN 'timestamp' THEN format('%s::date', answer.at) ELSE format('(%s AT TIME ZONE p.time_zone)::date', answer.at) END;
		PERFORM quota_decomp._column(source, 'value', m.value_column, CASE m.kind WHEN 'distinct' THEN 'key' ELSE 'number' END),
			quota_decomp._column(source, 'denominator', m.denominator_column, 'number'), quota_decomp._column(source, 'quantity', m.quantity_column, 'number');
		answer.in_period := format('%s >= %s AND %s < %s', answer.at, quota_decomp._moment(answer.at_kind, 'p.period_starts', 'p.time_zone'),
			answer.at, quota_decomp._moment(answer.at_kind, 'p.to_day', 'p.time_zone'));
		answer.counted := CASE WHEN m.kind = 'distinct' THEN format('f.%I::text', m.value_column) ELSE 'NULL::text' END;
		answer.value := CASE WHEN m.kind = 'distinct' OR m.value_column IS NULL THEN '1::numeric' ELSE format('f.%I::numeric', m.value_column) END;
		answer.denominator := CASE WHEN m.denominator_column IS NULL THEN 'NULL::numeric' ELSE format('f.%I::numeric', m.denominator_column) END;
		answer.quantity := CASE WHEN m.quantity_column IS NULL THEN 'NULL::numeric' ELSE format('f.%I::numeric', m.quantity_column) END;
		answer.member_column := m.member_column;
		answer.product_column := m.product_column;
		-- as a test of truth: an index on the day is for the period, which is shorter
		on_day := format('(%s >= %s AND %s < %s) IS TRUE', answer.at, quota_decomp._moment(answer.at_kind, '%1$s.valid_from', 'p.time_zone'),
			answer.at, quota_decomp._moment(answer.at_kind, '%1$s.valid_to', 'p.time_zone'));
		answer.is_member := CASE WHEN m.member_column IS NOT NULL
			THEN quota_decomp._key_condition(source, format('f.%I', m.member_column), m.member_column, 'k.key') || ' AND ' || replace(on_day, '%1$s', 'k') END;
		answer.is_product := CASE WHEN m.product_column IS NOT NULL
			THEN quota_decomp._key_condition(source, format('f.%I', m.product_column), m.product_column, 'u.key') || ' AND ' || replace(on_day, '%1$s', 'u') END;
		on_day := 'g.starts >= %1$s.valid_from AND g.starts < %1$s.valid_to';
		answer.are_member := CASE WHEN m.member_column IS NOT NULL
			THEN quota_decomp._key_condition(source, 'g.member_key', m.member_column, 'k.key') || ' AND ' || replace(on_day, '%1$s', 'k') END;
		answer.are_product := CASE WHEN m.product_column IS NOT NULL
			THEN quota_decomp._key_condition(source, 'g.product_key', m.product_column, 'u.key') || ' AND ' || replace(on_day, '%1$s', 'u') END;
		-- by their bytes, as keys are matched
		answer.member_key := CASE quota_decomp._column(source, 'member', m.member_column, 'key') WHEN 'text' THEN format('f.%I COLLATE "C"', m.member_column) WHEN 'other' THEN format('f.%I', m.member_column) END;
		answer.product_key := CASE quota_decomp._column(source, 'product', m.product_column, 'key') WHEN 'text' THEN format('f.%I COLLATE "C"', m.product_column) WHEN 'other' THEN format('f.%I', m.product_column) END;
		answer.starts := format('coalesce(CASE WHEN z.changes IS NOT NULL THEN z.changes[width_bucket(%s::%s, %s)] END, p.period_starts)', answer.at,
			answer.at_kind, CASE answer.at_kind WHEN 'date' THEN 'z.changes' ELSE 'z.moments' END);
		answer.changes := CASE answer.at_kind WHEN 'date' THEN ' CROSS JOIN LATERAL (SELECT p.%1$s AS changes) AS z'
			ELSE format(' CROSS JOIN LATERAL (SELECT p.%%1$s AS changes, array_agg(%s ORDER BY d.day) AS moments FROM unnest(p.%%1$s) AS d(day)) AS z', quota_decomp._moment(answer.at_kind, 'd.day', 'p.time_zone')) END;
		-- Where the day follows in the index, one range: it is all that is read, and
		-- is guessed well.  Where it does not, the period may be read instead.
		answer.by_member := (SELECT CASE WHEN bool_or(d.attname = m.at_column)
				THEN quota_decomp._key_condition(source, format('f.%I', m.member_column), m.member_column, 'k.key') || format(' AND %s >= %s AND %s < %s',
					answer.at, quota_decomp._moment(answer.at_kind, 'greatest(p.period_starts, k.valid_from)', 'p.time_zone'),
					answer.at, quota_decomp._moment(answer.at_kind, 'least(p.to_day, k.valid_to)', 'p.time_zone'))
				WHEN count(*) > 0 THEN answer.in_period || ' AND ' || answer.is_member END
			FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
			LEFT JOIN pg_attribute d ON d.attrelid = i.indrelid AND i.indnkeyatts > 1 AND d.attnum = i.indkey[1]
			WHERE i.indrelid = source AND i.indisvalid AND i.indpred IS NULL AND a.attname = m.member_column
			  -- no index serves a key as text
			  AND starts_with(answer.is_member, format('f.%I = ', m.member_column)));
		-- Facts of a view: its joins must not be mixed with ours, which the planner
		-- knows little about.  A union keeps them apart, and lets conditions through.
		answer.fenced := (SELECT c.relkind = 'v' FROM pg_class c WHERE c.oid = source);
		answer.facts := format('quota_decomp.visible_plan_period p JOIN %s AS f ON %s', answer.relation, answer.in_period);
		IF answer.fenced THEN
			SELECT format('(SELECT f.*, %1$s FROM %2$s UNION ALL SELECT f.*, %1$s FROM quota_decomp.visible_plan_period p, %3$s AS f WHERE false) AS f',
				string_agg(format('p.%I AS %I', a.attname, 'p.' || a.attname), ', ' ORDER BY a.attnum), answer.facts, answer.relation) INTO answer.facts
			FROM pg_attribute a WHERE a.attrelid = 'quota_decomp.visible_plan_period'::regclass AND a.attnum > 0;
		END IF;
		RETURN NEXT answer;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._mapped_metrics() IS 'internal: the metrics that plans are for, as SQL';

CREATE FUNCTION quota_decomp._in_facts(m quota_decomp._mapped_metric, expression text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN m.fenced THEN regexp_replace(expression, '\mp\.([a-z_]+)', 'f."p.\1"', 'g') ELSE expression END
$$;
COMMENT ON FUNCTION quota_decomp._in_facts(quota_decomp._mapped_metric, text) IS 'internal: SQL on p and f, as it is written above the facts of the metric';

----------------------------------------------------------------------
-- fact
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._view_fact(schema name) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	m quota_decomp._mapped_metric;
	branches text[] := '{}';
	columns text;
	source text;
	of_metric text;
	plan_metric text;
BEGIN
	FOR m IN SELECT * FROM quota_decomp._mapped_metrics() LOOP
		-- the product is that of the key, else (unassigned)
		columns := format('%s, p.grain AS grain, p.period AS period, p.period_starts AS period_starts, p.period_ends AS period_ends, %s AS day, %s AS value, %s AS denominator, %s AS quantity, %s AS counted, %s AS member_key, %s AS product_key',
			CASE WHEN m.is_product IS NULL THEN 'p.product_rest_key AS product, p.product_rest_label AS product_label, p.product_rest_path AS product_path'
			ELSE 'coalesce(u.product, p.product_rest_key) AS product, coalesce(u.product_label, p.product_rest_label) AS product_label, coalesce(u.product_path, p.product_rest_path) AS product_path' END,
			m.day, m.value, m.denominator, m.quantity, m.counted,
			CASE WHEN m.member_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', m.member_column) END,
			CASE WHEN m.product_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', m.product_column) END);
		columns := quota_decomp._in_facts(m, columns);
		plan_metric := quota_decomp._in_facts(m, 'p.plan AS plan, p.metric AS metric');
		of_metric := quota_decomp._in_facts(m, 'p.leaf AND p.metric = ') || quote_literal(m.metric);
		source := m.facts || CASE WHEN m.is_product IS NULL THEN ''
			ELSE quota_decomp._in_facts(m, ' LEFT JOIN quota_decomp.visible_product_key u ON u.plan_id = p.plan_id AND u.plan = p.plan AND ' || m.is_product) END;
		IF m.is_member IS NOT NULL THEN
			branches := branches || format('SELECT %s, k.org, k.org_label, k.org_path, k.org_level, %s FROM %s JOIN quota_decomp.visible_member_key k ON %s WHERE %s',
				plan_metric, columns, source, quota_decomp._in_facts(m, 'k.plan_id = p.plan_id AND k.plan = p.plan AND ' || m.is_member), of_metric);
		END IF;
		branches := branches || format('SELECT %s, o.org, o.org_label, o.org_path, o.org_level, %s FROM %s JOIN quota_decomp.visible_whole o ON %s WHERE o.kind = ''unassigned'' AND %s%s',
			plan_metric, columns, source, quota_decomp._in_facts(m, 'o.plan_id = p.plan_id AND o.plan = p.plan'), of_metric,
			CASE WHEN m.is_member IS NULL THEN ''
			ELSE quota_decomp._in_facts(m, format(' AND NOT EXISTS (SELECT FROM quota_decomp.visible_member_key k WHERE k.plan_id = p.plan_id AND k.plan = p.plan AND %s)', m.is_member)) END);
	END LOOP;
	IF branches = '{}' THEN
		RETURN 'SELECT NULL::text AS plan, NULL::text AS metric, NULL::text AS org, NULL::text AS org_label, NULL::text AS org_path, NULL::text AS org_level, NULL::text AS product, '
			'NULL::text AS product_label, NULL::text AS product_path, NULL::text AS grain, NULL::text AS period, NULL::date AS period_starts, NULL::date AS period_ends, NULL::date AS day, '
			'NULL::numeric AS value, NULL::numeric AS denominator, NULL::numeric AS quantity, NULL::text AS counted, NULL::text AS member_key, NULL::text AS product_key WHERE false';
	END IF;
	RETURN array_to_string(branches, ' UNION ALL ');
END $$;
COMMENT ON FUNCTION quota_decomp._view_fact(name) IS 'internal: the SELECT of the view fact';

CREATE FUNCTION quota_decomp._columns_fact() RETURNS TABLE (name text, comment text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
VALUES
	('', 'every fact of a plan''s KPI in its span up to today, with the member and product of the plan it counts on; their sum is the source''s'),
	('plan', 'name of the plan'),
	('metric', 'the KPI planned'),
	('org', 'key of the member it belonged to on its day; (unassigned): none, shown to those who see the whole'),
	('org_label', 'its name'),
	('org_path', 'keys from the root down to it, separated by /'),
	('org_level', 'its level, where the hierarchy has named ones'),
	('product', 'key of the product; (unassigned): none of the plan''s'),
	('product_label', 'its name'),
	('product_path', 'keys from the root of the products down to it, separated by /'),
	('grain', 'the plan''s grain: what period is'),
	('period', 'label of the period it is in'),
	('period_starts', 'its first day'),
	('period_ends', 'the day after its last'),
	('day', 'the day of the fact, in the plan''s time zone'),
	('value', 'its value; 1 where rows are counted'),
	('denominator', 'of a ratio: what its value is divided by'),
	('quantity', 'its quantity, where one is mapped'),
	('counted', 'of a distinct count: what is counted once'),
	('member_key', 'who it is booked on, as the CRM has it'),
	('product_key', 'the product, as the CRM has it')
$$;
COMMENT ON FUNCTION quota_decomp._columns_fact() IS 'internal: the columns of the view fact and their comments';
