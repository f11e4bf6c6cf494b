----------------------------------------------------------------------
-- The plan layer: what of the CRM means what
--
-- Relations and columns are kept by name and checked against the catalog when
-- they are given; what has gone meanwhile is an error of ours when it is used.
----------------------------------------------------------------------

--
-- Checks
--
CREATE FUNCTION quota_decomp._check_may_map() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not change the mapping', current_user),
			DETAIL = 'What the CRM''s tables mean is common to all plans.',
			HINT = 'Who owns the extension, or may plan every plan, can; grant_plan() grants it.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_may_map() IS 'internal: an error unless the current role may change the mapping';

CREATE FUNCTION quota_decomp._mapping_changed() RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
	UPDATE quota_decomp.editable_view_schema SET stale = true WHERE NOT stale
$$;
COMMENT ON FUNCTION quota_decomp._mapping_changed() IS 'internal: the views made by create_views no longer show all that is mapped';

CREATE FUNCTION quota_decomp._check_name(argument text, name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF name IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = format('%s must not be null', argument);
	ELSIF btrim(name) = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%s must not be empty', argument);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_name(text, text) IS 'internal: an error unless there is a name';

CREATE FUNCTION quota_decomp._check_source(argument text, source regclass) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	r record;
BEGIN
	IF source IS NULL THEN
		RAISE null_value_not_allowed USING MESSAGE = format('%s must not be null', argument);
	END IF;
	SELECT c.relkind, c.relpersistence INTO r FROM pg_class c WHERE c.oid = source;
	IF NOT FOUND THEN
		RAISE undefined_table USING MESSAGE = format('there is no relation with OID %s', source::oid);
	ELSIF r.relkind NOT IN ('r', 'v', 'm', 'p', 'f') THEN
		RAISE wrong_object_type USING MESSAGE = format('%s is no table or view', source),
			HINT = 'Tables, views, materialized views, partitioned and foreign tables can be mapped.';
	ELSIF r.relpersistence = 't' THEN
		RAISE wrong_object_type USING MESSAGE = format('%s is a temporary relation', source),
			DETAIL = 'A mapping outlives the session, and other sessions read what it names.',
			HINT = 'Map an ordinary table or view.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_source(text, regclass) IS 'internal: an error unless it is something that can be mapped';

CREATE FUNCTION quota_decomp._column(source regclass, argument text, column_name name, wanted text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	base oid;
	category "char";
	written text;
	r record;
BEGIN
	IF column_name IS NULL THEN
		RETURN NULL;
	END IF;
	SELECT a.atttypid, format_type(a.atttypid, a.atttypmod) INTO base, written
	FROM pg_attribute a WHERE a.attrelid = source AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped;
	IF NOT FOUND THEN
		RAISE undefined_column USING MESSAGE = format('%s has no column %I, given as %s', source, column_name, argument),
			HINT = 'Its columns: ' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
				FROM pg_attribute a WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped) || '.';
	END IF;
	LOOP
		SELECT t.typtype, t.typbasetype, t.typcategory INTO r FROM pg_type t WHERE t.oid = base;
		EXIT WHEN r.typtype <> 'd';
		base := r.typbasetype;
	END LOOP;
	category := r.typcategory;
	CASE wanted
	WHEN 'day' THEN
		IF base IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype) THEN
			RETURN CASE base WHEN 'date'::regtype THEN 'date' WHEN 'timestamp'::regtype THEN 'timestamp' ELSE 'timestamptz' END;
		ELSIF category = 'S' THEN
			-- the view to write, ready to be copied
			RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: a date or timestamp is needed', column_name, source, argument, written),
				HINT = format('Map a view that makes dates of it, with the format they are written in: CREATE VIEW %s AS SELECT %s FROM %s;',
					(SELECT format('%I.%I', n.nspname, c.relname || '_dated') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source),
					(SELECT string_agg(CASE WHEN a.attname = column_name THEN format('to_date(%1$I, ''MM/DD/YYYY'') AS %1$I', a.attname) ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
					 FROM pg_attribute a WHERE a.attrelid = source AND a.attnum > 0 AND NOT a.attisdropped),
					(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = source));
		END IF;
		RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: a date or timestamp is needed', column_name, source, argument, written);
	WHEN 'number' THEN
		IF base IN ('float4'::regtype, 'float8'::regtype) THEN
			RETURN 'float';
		ELSIF base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype) THEN
			RETURN 'number';
		END IF;
		RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: a number is needed', column_name, source, argument, written),
			HINT = CASE WHEN category = 'S' OR base = 'money'::regtype
				THEN format('Map a view that makes a number of it: ... %1$I::numeric AS %1$I ...', column_name)
				ELSE 'Without a value column the rows are counted.' END;
	WHEN 'keys' THEN
		IF category = 'S' THEN
			RETURN 'text';
		ELSIF base IN ('text[]'::regtype, 'varchar[]'::regtype, 'name[]'::regtype) THEN
			RETURN 'text[]';
		END IF;
		RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: text or text[] is needed', column_name, source, argument, written);
	WHEN 'text' THEN
		IF category = 'S' OR category = 'E' THEN
			RETURN 'text';
		END IF;
		RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: text is needed', column_name, source, argument, written);
	ELSE
		-- keys are compared as text: the type's text must be one only
		IF category IN ('S', 'E') OR base IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype, 'oid'::regtype)
		   OR category = 'U' AND base NOT IN ('json'::regtype, 'jsonb'::regtype, 'xml'::regtype, 'bytea'::regtype) THEN
			RETURN CASE WHEN category = 'S' THEN 'text' ELSE 'other' END;
		END IF;
		RAISE datatype_mismatch USING MESSAGE = format('column %I of %s, given as %s, has type %s: no key has this type', column_name, source, argument, written),
			HINT = 'Keys are text, integers, numeric, uuid or enums; for others map a view that makes text of them.';
	END CASE;
END $$;
COMMENT ON FUNCTION quota_decomp._column(regclass, text, name, text) IS
'internal: the kind of type of a column (of its base type), or the error of a column that is not there or has another type than wanted: day, number, key, keys, text';

CREATE FUNCTION quota_decomp._mapped_by(schema_name name, relation_name name) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT string_agg(s.who, ', ' ORDER BY s.who) FROM (
		SELECT format('hierarchy %L', h.hierarchy) AS who FROM quota_decomp.visible_hierarchy_source h WHERE h.schema_name = $1 AND h.relation_name = $2
		UNION SELECT format('metric %L', m.metric) FROM quota_decomp.visible_metric m WHERE m.schema_name = $1 AND m.relation_name = $2
		UNION SELECT format('pipeline %L', p.pipeline) FROM quota_decomp.visible_pipeline p WHERE (p.schema_name = $1 AND p.relation_name = $2) OR (p.history_schema = $1 AND p.history_relation = $2)
		UNION SELECT format('step %L of pipeline %L', f.step, f.pipeline) FROM quota_decomp.visible_funnel_step f WHERE f.schema_name = $1 AND f.relation_name = $2
		UNION SELECT format('activity %L', a.activity) FROM quota_decomp.visible_activity a WHERE a.schema_name = $1 AND a.relation_name = $2
		UNION SELECT format('driver %L', d.driver) FROM quota_decomp.visible_driver d WHERE d.schema_name = $1 AND d.relation_name = $2) AS s
$$;
COMMENT ON FUNCTION quota_decomp._mapped_by(name, name) IS 'internal: what reads a relation, in words';

CREATE FUNCTION quota_decomp._source(schema_name name, relation_name name) RETURNS regclass
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	source CONSTANT regclass := to_regclass(format('%I.%I', schema_name, relation_name));
BEGIN
	IF source IS NULL THEN
		RAISE undefined_table USING MESSAGE = format('relation %I.%I%s does not exist', schema_name, relation_name,
				coalesce(', mapped by ' || quota_decomp._mapped_by(schema_name, relation_name) || ',', '')),
			HINT = 'Restore it, or drop the mapping and map what took its place.';
	END IF;
	RETURN source;
END $$;
COMMENT ON FUNCTION quota_decomp._source(name, name) IS 'internal: a mapped relation, or the error that it is gone';

CREATE FUNCTION quota_decomp._split_source(source regclass, OUT schema_name name, OUT relation_name name)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
$$;
COMMENT ON FUNCTION quota_decomp._split_source(regclass) IS 'internal: a relation''s schema and name';

CREATE FUNCTION quota_decomp._note_floats(source regclass, VARIADIC columns name[]) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	c name;
BEGIN
	FOREACH c IN ARRAY columns LOOP
		IF c IS NOT NULL AND quota_decomp._column(source, 'value', c, 'number') = 'float' THEN
			RAISE NOTICE USING MESSAGE = format('column %I of %s is floating point: %I::numeric is taken', c, source, c);
		END IF;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._note_floats(regclass, name[]) IS 'internal: says of which columns numeric is taken';

--
-- create_...
--
CREATE FUNCTION quota_decomp.create_hierarchy(name text, source regclass, key name DEFAULT NULL, parent name DEFAULT NULL, label name DEFAULT NULL,
	levels name[] DEFAULT NULL, valid_from name DEFAULT NULL, valid_to name DEFAULT NULL, hired name DEFAULT NULL, left_on name DEFAULT NULL,
	login name DEFAULT NULL, eligible name DEFAULT NULL, member_group name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	l name;
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('name', name);
	PERFORM quota_decomp._check_source('source', source);
	IF (key IS NULL) = (levels IS NULL) THEN
		RAISE invalid_parameter_value USING MESSAGE = CASE WHEN key IS NULL THEN 'either key or levels must be given' ELSE 'key and levels cannot both be given' END,
			HINT = 'With key, and parent, a row names the member above; with levels it has a column for each level, from the top.';
	ELSIF levels IS NOT NULL THEN
		IF cardinality(levels) = 0 OR array_ndims(levels) <> 1 OR array_position(levels, NULL) IS NOT NULL THEN
			RAISE invalid_parameter_value USING MESSAGE = 'levels must be a list of columns', HINT = 'From the top, for example ARRAY[''office'', ''manager'', ''agent''].';
		ELSIF (SELECT count(DISTINCT u.l) FROM unnest(levels) AS u(l)) < cardinality(levels) THEN
			RAISE invalid_parameter_value USING MESSAGE = format('levels names a column twice: %s', array_to_string(levels, ', '));
		ELSIF parent IS NOT NULL OR label IS NOT NULL THEN
			RAISE invalid_parameter_value USING MESSAGE = format('%s cannot be given with levels', CASE WHEN parent IS NOT NULL THEN 'parent' ELSE 'label' END),
				HINT = 'With levels the level above is the parent and the value is the label.';
		END IF;
		FOREACH l IN ARRAY levels LOOP
			PERFORM quota_decomp._column(source, 'levels', l, 'key');
		END LOOP;
	END IF;
	PERFORM quota_decomp._column(source, 'key', key, 'key'), quota_decomp._column(source, 'parent', parent, 'key'),
		quota_decomp._column(source, 'label', label, 'text'), quota_decomp._column(source, 'valid_from', valid_from, 'day'),
		quota_decomp._column(source, 'valid_to', valid_to, 'day'), quota_decomp._column(source, 'hired', hired, 'day'),
		quota_decomp._column(source, 'left_on', left_on, 'day'), quota_decomp._column(source, 'login', login, 'text'),
		quota_decomp._column(source, 'eligible', eligible, 'keys'), quota_decomp._column(source, 'member_group', member_group, 'text');
	SELECT * INTO s FROM quota_decomp._split_source(source);
	IF EXISTS (SELECT FROM quota_decomp.editable_hierarchy_source h WHERE h.hierarchy = name AND h.schema_name = s.schema_name AND h.relation_name = s.relation_name) THEN
		RAISE duplicate_object USING MESSAGE = format('hierarchy %L has source %s already', name, source),
			HINT = 'Another source adds its members; drop_hierarchy() drops them all.';
	END IF;
	INSERT INTO quota_decomp.editable_hierarchy (hierarchy) SELECT name WHERE NOT EXISTS (SELECT FROM quota_decomp.editable_hierarchy h WHERE h.hierarchy = name);
	INSERT INTO quota_decomp.editable_hierarchy_source
		(hierarchy, source_no, schema_name, relation_name, key_column, parent_column, label_column, level_columns, valid_from_column, valid_to_column,
		 hired_column, left_on_column, login_column, eligible_column, group_column)
	SELECT name, coalesce(max(h.source_no), 0) + 1, s.schema_name, s.relation_name, key, parent, label, levels, valid_from, valid_to, hired, left_on, login, eligible, member_group
	FROM quota_decomp.editable_hierarchy_source h WHERE h.hierarchy = name;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_hierarchy(text, regclass, name, name, name, name[], name, name, name, name, name, name, name) IS
'maps members and who is above whom, by parent keys or by flat level columns; called again with another source, adds its members';

CREATE FUNCTION quota_decomp.create_metric(name text, source regclass, at name, member name DEFAULT NULL, product name DEFAULT NULL, value name DEFAULT NULL,
	denominator name DEFAULT NULL, quantity name DEFAULT NULL, kind text DEFAULT 'sum', direction text DEFAULT 'higher', unit numeric DEFAULT 0.01,
	covers daterange DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('name', name);
	PERFORM quota_decomp._check_source('source', source);
	PERFORM quota_decomp._check_name('at', at);
	IF coalesce(kind NOT IN ('sum', 'distinct', 'ratio', 'balance_ratio', 'last'), true) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('there is no kind %s of metric', coalesce(quote_literal(kind), 'NULL')),
			HINT = 'Kinds: sum, distinct, ratio, balance_ratio, last.';
	ELSIF coalesce(direction NOT IN ('higher', 'lower'), true) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('direction must be higher or lower, not %s', coalesce(quote_literal(direction), 'NULL')),
			HINT = 'It says which is better.';
	ELSIF coalesce(unit <= 0 OR unit = 'NaN' OR unit::text = 'Infinity', true) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('unit must be a number greater than zero: %s', coalesce(unit::text, 'null')),
			HINT = 'The unit is the smallest step of an amount, for example 0.01 or 1000.';
	ELSIF value IS NULL AND kind <> 'sum' THEN
		RAISE null_value_not_allowed USING MESSAGE = format('a metric of kind %s needs a value column', kind), HINT = 'Only sum can do without: it counts the rows.';
	ELSIF denominator IS NULL AND kind IN ('ratio', 'balance_ratio') THEN
		RAISE null_value_not_allowed USING MESSAGE = format('a metric of kind %s needs a denominator column', kind);
	ELSIF denominator IS NOT NULL AND kind NOT IN ('ratio', 'balance_ratio') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('a metric of kind %s has no denominator', kind), HINT = 'Kinds ratio and balance_ratio have.';
	ELSIF isempty(covers) THEN
		RAISE invalid_parameter_value USING MESSAGE = 'covers must not be empty', HINT = 'It is the span in which the source is complete; without it, from its first row to its last.';
	END IF;
	PERFORM quota_decomp._column(source, 'at', at, 'day'), quota_decomp._column(source, 'member', member, 'key'),
		quota_decomp._column(source, 'product', product, 'key'), quota_decomp._column(source, 'denominator', denominator, 'number'),
		quota_decomp._column(source, 'quantity', quantity, 'number'),
		quota_decomp._column(source, 'value', value, CASE kind WHEN 'distinct' THEN 'key' ELSE 'number' END);
	IF EXISTS (SELECT FROM quota_decomp.editable_metric m WHERE m.metric = name) THEN
		RAISE duplicate_object USING MESSAGE = format('metric %L exists already', name), HINT = 'drop_metric() drops it.';
	END IF;
	PERFORM quota_decomp._note_floats(source, VARIADIC ARRAY[CASE WHEN kind <> 'distinct' THEN value END, denominator, quantity]);
	SELECT * INTO s FROM quota_decomp._split_source(source);
	INSERT INTO quota_decomp.editable_metric (metric, schema_name, relation_name, at_column, member_column, product_column, value_column, denominator_column,
		quantity_column, kind, direction, unit, covers_from, covers_to)
	VALUES (name, s.schema_name, s.relation_name, at, member, product, value, denominator, quantity, kind, direction, unit, lower(covers), upper(covers));
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_metric(text, regclass, name, name, name, name, name, name, text, text, numeric, daterange) IS
'maps a KPI: the relation of its facts, their day, member, product and value, and how they add up';

CREATE FUNCTION quota_decomp.create_pipeline(name text, source regclass, key name, stage name, opened name, member name DEFAULT NULL, product name DEFAULT NULL,
	account name DEFAULT NULL, expected_close name DEFAULT NULL, closed name DEFAULT NULL, amount name DEFAULT NULL, list_price name DEFAULT NULL,
	won text[] DEFAULT '{Won}', lost text[] DEFAULT '{Lost}', stages text[] DEFAULT NULL, history regclass DEFAULT NULL, history_key name DEFAULT NULL,
	history_stage name DEFAULT NULL, history_entered name DEFAULT NULL, metric text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	h record;
	twice text[];
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('name', name);
	PERFORM quota_decomp._check_source('source', source);
	PERFORM quota_decomp._check_name('key', key), quota_decomp._check_name('stage', stage), quota_decomp._check_name('opened', opened);
	IF coalesce(cardinality(won), 0) = 0 OR coalesce(cardinality(lost), 0) = 0 OR array_position(won || lost || stages, NULL) IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = 'won and lost must list stages', HINT = 'The values of the stage column that mean a deal is won, and lost.';
	END IF;
	SELECT array_agg(w.x) INTO twice FROM unnest(won) AS w(x) WHERE w.x = ANY (lost);
	IF twice IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('stage %L cannot be both won and lost', twice[1]);
	END IF;
	PERFORM quota_decomp._column(source, 'key', key, 'key'), quota_decomp._column(source, 'stage', stage, 'key'),
		quota_decomp._column(source, 'opened', opened, 'day'), quota_decomp._column(source, 'member', member, 'key'),
		quota_decomp._column(source, 'product', product, 'key'), quota_decomp._column(source, 'account', account, 'key'),
		quota_decomp._column(source, 'expected_close', expected_close, 'day'), quota_decomp._column(source, 'closed', closed, 'day'),
		quota_decomp._column(source, 'amount', amount, 'number'), quota_decomp._column(source, 'list_price', list_price, 'number');
	IF history IS NULL AND coalesce(history_key, history_stage, history_entered) IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = 'columns of the stage history are given, but not the relation it is in', HINT = 'Give history.';
	ELSIF history IS NOT NULL THEN
		PERFORM quota_decomp._check_source('history', history);
		PERFORM quota_decomp._check_name('history_key', history_key), quota_decomp._check_name('history_stage', history_stage),
			quota_decomp._check_name('history_entered', history_entered);
		PERFORM quota_decomp._column(history, 'history_key', history_key, 'key'), quota_decomp._column(history, 'history_stage', history_stage, 'key'),
			quota_decomp._column(history, 'history_entered', history_entered, 'day');
	END IF;
	IF metric IS NOT NULL THEN
		IF NOT EXISTS (SELECT FROM quota_decomp.editable_metric m WHERE m.metric = metric) THEN
			PERFORM quota_decomp._no_such('metric', metric);
		ELSIF NOT quota_decomp._brought_by_deals(metric) THEN
			RAISE invalid_parameter_value USING MESSAGE = format('metric %L is no sum of amounts, which won deals could bring', metric),
				HINT = 'A metric of kind sum with a value column, of which more is better, is one.';
		END IF;
	END IF;
	IF EXISTS (SELECT FROM quota_decomp.editable_pipeline p WHERE p.pipeline = name) THEN
		RAISE duplicate_object USING MESSAGE = format('pipeline %L exists already', name), HINT = 'drop_pipeline() drops it.';
	END IF;
	PERFORM quota_decomp._note_floats(source, VARIADIC ARRAY[amount, list_price]);
	SELECT * INTO s FROM quota_decomp._split_source(source);
	SELECT * INTO h FROM quota_decomp._split_source(history);
	INSERT INTO quota_decomp.editable_pipeline (pipeline, schema_name, relation_name, key_column, member_column, product_column, account_column, stage_column,
		opened_column, expected_close_column, closed_column, amount_column, list_price_column, won, lost, stages, history_schema, history_relation,
		history_key_column, history_stage_column, history_entered_column, metric)
	VALUES (name, s.schema_name, s.relation_name, key, member, product, account, stage, opened, expected_close, closed, amount, list_price, won, lost, stages,
		h.schema_name, h.relation_name, history_key, history_stage, history_entered, metric);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_pipeline(text, regclass, name, name, name, name, name, name, name, name, name, name, text[], text[], text[], regclass, name, name, name, text) IS
'maps opportunities: key, stage, member, product, amount and dates, and optionally the history of their stages and the metric that won deals bring';

CREATE FUNCTION quota_decomp.create_funnel_step(pipeline text, step text, source regclass, at name, becomes name DEFAULT NULL, opportunity name DEFAULT NULL,
	key name DEFAULT NULL, member name DEFAULT NULL, closed name DEFAULT NULL, amount name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	p record;
	next_step record;
	place CONSTANT text := CASE WHEN becomes IS NULL THEN 'after' ELSE 'before' END;
	out_of_place text;
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('pipeline', pipeline), quota_decomp._check_name('step', step);
	PERFORM quota_decomp._check_source('source', source);
	PERFORM quota_decomp._check_name('at', at);
	IF (becomes IS NULL) = (opportunity IS NULL) THEN
		RAISE invalid_parameter_value USING MESSAGE = CASE WHEN becomes IS NULL THEN 'either becomes or opportunity must be given' ELSE 'becomes and opportunity cannot both be given' END,
			HINT = 'A step before the pipeline (leads) has a column that says what a row has become, one after it (contracts, payments) a column that says which opportunity a row belongs to.';
	END IF;
	out_of_place := CASE WHEN place = 'before' AND amount IS NOT NULL THEN 'amount' WHEN place = 'after' AND key IS NOT NULL THEN 'key'
		WHEN place = 'after' AND member IS NOT NULL THEN 'member' WHEN place = 'after' AND closed IS NOT NULL THEN 'closed' END;
	IF out_of_place IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%s cannot be given for a step %s the pipeline', out_of_place, place),
			HINT = CASE place WHEN 'after' THEN 'What comes after the pipeline belongs to the member of the opportunity.' ELSE 'What comes before the pipeline has no amount yet.' END;
	END IF;
	PERFORM quota_decomp._column(source, 'at', at, 'day'), quota_decomp._column(source, 'becomes', becomes, 'key'),
		quota_decomp._column(source, 'opportunity', opportunity, 'key'), quota_decomp._column(source, 'key', key, 'key'),
		quota_decomp._column(source, 'member', member, 'key'), quota_decomp._column(source, 'closed', closed, 'day'),
		quota_decomp._column(source, 'amount', amount, 'number');
	SELECT l.* INTO p FROM quota_decomp.editable_pipeline l WHERE l.pipeline = pipeline;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('pipeline', pipeline);
	ELSIF step = ANY (p.won || p.lost || coalesce(p.stages, '{}')) THEN
		RAISE duplicate_object USING MESSAGE = format('pipeline %L has a stage %L', pipeline, step), HINT = 'Give the step another name.';
	ELSIF EXISTS (SELECT FROM quota_decomp.editable_funnel_step f WHERE f.pipeline = pipeline AND f.step = step) THEN
		RAISE duplicate_object USING MESSAGE = format('pipeline %L has a step %L already', pipeline, step), HINT = 'drop_funnel_step() drops it.';
	END IF;
	SELECT f.* INTO next_step FROM quota_decomp.editable_funnel_step f WHERE f.pipeline = pipeline AND f.place = place ORDER BY f.step_no DESC LIMIT 1;
	IF place = 'before' AND next_step.step IS NOT NULL AND next_step.key_column IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('step %L has no key: what becomes of step %L cannot be followed', next_step.step, step),
			DETAIL = format('Steps are mapped outwards from the pipeline; step %L stands before step %L.', step, next_step.step),
			HINT = format('Drop step %L, and map it again with its key.', next_step.step);
	END IF;
	PERFORM quota_decomp._note_floats(source, amount);
	SELECT * INTO s FROM quota_decomp._split_source(source);
	INSERT INTO quota_decomp.editable_funnel_step (pipeline, place, step_no, step, schema_name, relation_name, at_column, link_column, key_column, member_column, closed_column, amount_column)
	VALUES (pipeline, place, coalesce(next_step.step_no, 0) + 1, step, s.schema_name, s.relation_name, at, coalesce(becomes, opportunity), key, member, closed, amount);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_funnel_step(text, text, regclass, name, name, name, name, name, name, name) IS
'maps what stands before a pipeline (campaign responses, leads: becomes) or after it (contracts, payments: opportunity), outwards from the pipeline';

CREATE FUNCTION quota_decomp.create_activity(name text, source regclass, at name, member name DEFAULT NULL, account name DEFAULT NULL, kind name DEFAULT NULL,
	class name DEFAULT NULL, opportunity name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('name', name);
	PERFORM quota_decomp._check_source('source', source);
	PERFORM quota_decomp._check_name('at', at);
	PERFORM quota_decomp._column(source, 'at', at, 'day'), quota_decomp._column(source, 'member', member, 'key'),
		quota_decomp._column(source, 'account', account, 'key'), quota_decomp._column(source, 'kind', kind, 'key'),
		quota_decomp._column(source, 'class', class, 'key'), quota_decomp._column(source, 'opportunity', opportunity, 'key');
	IF EXISTS (SELECT FROM quota_decomp.editable_activity a WHERE a.activity = name) THEN
		RAISE duplicate_object USING MESSAGE = format('activity %L exists already', name), HINT = 'drop_activity() drops it.';
	END IF;
	SELECT * INTO s FROM quota_decomp._split_source(source);
	INSERT INTO quota_decomp.editable_activity (activity, schema_name, relation_name, at_column, member_column, account_column, kind_column, class_column, opportunity_column)
	VALUES (name, s.schema_name, s.relation_name, at, member, account, kind, class, opportunity);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_activity(text, regclass, name, name, name, name, name, name) IS
'maps what people do: visits, calls, leads, with their day, member, account, kind and class of customer';

CREATE FUNCTION quota_decomp.create_scorecard(name text, metric text, weight numeric, member_group text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	so_far numeric;
BEGIN
	PERFORM quota_decomp._check_may_map();
	PERFORM quota_decomp._check_name('name', name), quota_decomp._check_name('metric', metric);
	IF coalesce(NOT (weight >= 0 AND weight <= 1), true) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('weight must be between 0 and 1, not %s', coalesce(weight::text, 'NULL'));
	ELSIF NOT EXISTS (SELECT FROM quota_decomp.editable_metric m WHERE m.metric = metric) THEN
		PERFORM quota_decomp._no_such('metric', metric);
	END IF;
	-- two sessions must not fill the same scorecard over its brim
	PERFORM pg_advisory_xact_lock(hashtext('quota_decomp'), hashtext('scorecard'));
	IF EXISTS (SELECT FROM quota_decomp.editable_scorecard s WHERE s.scorecard = name AND s.metric = metric AND s.member_group = coalesce(member_group, '')) THEN
		RAISE duplicate_object USING MESSAGE = format('scorecard %L has metric %L already%s', name, metric, CASE WHEN member_group IS NULL THEN '' ELSE format(' for group %L', member_group) END),
			HINT = 'drop_scorecard() drops a scorecard.';
	END IF;
	SELECT coalesce(sum(s.weight), 0) INTO so_far FROM quota_decomp.editable_scorecard s WHERE s.scorecard = name AND s.member_group = coalesce(member_group, '');
	IF so_far + weight > 1 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('the weights of scorecard %L%s would sum to %s', name, CASE WHEN member_group IS NULL THEN '' ELSE format(', group %L,', member_group) END, so_far + weight),
			HINT = format('They sum to 1; %s is left.', 1 - so_far);
	END IF;
	INSERT INTO quota_decomp.editable_scorecard (scorecard, metric, member_group, weight) VALUES (name, metric, coalesce(member_group, ''), weight);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.create_scorecard(text, text, numeric, text) IS 'adds a metric to a scorecard, with its weight, for all members or for a group of them';

CREATE FUNCTION quota_decomp._no_such(thing text, name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	RAISE undefined_object USING MESSAGE = format('%s %s does not exist', thing, coalesce(quote_literal(name), 'NULL')),
		HINT = coalesce((SELECT format('There are: %s.', string_agg(quote_literal(s.n), ', ' ORDER BY s.n)) FROM (
			SELECT h.hierarchy AS n FROM quota_decomp.visible_hierarchy h WHERE thing = 'hierarchy'
			UNION SELECT m.metric FROM quota_decomp.visible_metric m WHERE thing = 'metric'
			UNION SELECT p.pipeline FROM quota_decomp.visible_pipeline p WHERE thing = 'pipeline'
			UNION SELECT a.activity FROM quota_decomp.visible_activity a WHERE thing = 'activity'
			UNION SELECT c.scorecard FROM quota_decomp.visible_scorecard c WHERE thing = 'scorecard' ORDER BY 1 LIMIT 10) AS s HAVING count(*) > 0),
			format('Make one with create_%s().', thing));
END $$;
COMMENT ON FUNCTION quota_decomp._no_such(text, text) IS 'internal: the error that a mapping of this name does not exist';

--
-- Other spellings
--
CREATE FUNCTION quota_decomp.add_alias(hierarchy text, from_key text, to_key text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map();
	IF NOT EXISTS (SELECT FROM quota_decomp.editable_hierarchy h WHERE h.hierarchy = hierarchy) THEN
		PERFORM quota_decomp._no_such('hierarchy', hierarchy);
	END IF;
	PERFORM quota_decomp._check_name('from_key', from_key), quota_decomp._check_name('to_key', to_key);
	IF from_key = to_key THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L cannot be an alias of itself', from_key);
	ELSIF EXISTS (SELECT FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.from_key = from_key) THEN
		RAISE duplicate_object USING MESSAGE = format('%L is an alias already', from_key),
			DETAIL = (SELECT format('It stands for %L.', a.to_key) FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.from_key = from_key),
			HINT = 'drop_alias() drops it.';
	ELSIF EXISTS (SELECT FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.from_key = to_key) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L is an alias itself', to_key),
			HINT = (SELECT format('Give the key it stands for: %L.', a.to_key) FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.from_key = to_key);
	ELSIF EXISTS (SELECT FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.to_key = from_key) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L has aliases itself', from_key);
	END IF;
	INSERT INTO quota_decomp.editable_alias (hierarchy, from_key, to_key) VALUES (hierarchy, from_key, to_key);
	-- plans that have read the hierarchy already know it at once; a member's own
	-- key goes first
	INSERT INTO quota_decomp.editable_node_key (plan_id, dimension, key, valid_from, valid_to, node_id)
	SELECT k.plan_id, k.dimension, from_key, k.valid_from, k.valid_to, k.node_id
	FROM quota_decomp.editable_node_key k JOIN quota_decomp.editable_plan p ON p.plan_id = k.plan_id
	WHERE k.key = to_key AND hierarchy = CASE k.dimension WHEN 'org' THEN p.org ELSE p.product END
	  AND NOT EXISTS (SELECT FROM quota_decomp.editable_node_key o WHERE o.plan_id = k.plan_id AND o.dimension = k.dimension AND o.key = from_key);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.add_alias(text, text, text) IS 'makes another spelling of a member''s key known';

CREATE FUNCTION quota_decomp.drop_alias(hierarchy text, from_key text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map();
	IF NOT EXISTS (SELECT FROM quota_decomp.editable_hierarchy h WHERE h.hierarchy = hierarchy) THEN
		PERFORM quota_decomp._no_such('hierarchy', hierarchy);
	END IF;
	DELETE FROM quota_decomp.editable_alias a WHERE a.hierarchy = hierarchy AND a.from_key = from_key;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('hierarchy %L has no alias %s', hierarchy, coalesce(quote_literal(from_key), 'NULL'));
	END IF;
	DELETE FROM quota_decomp.editable_node_key k
	USING quota_decomp.editable_plan p, quota_decomp.editable_node n
	WHERE p.plan_id = k.plan_id AND n.plan_id = k.plan_id AND n.node_id = k.node_id AND k.key = from_key
	  AND hierarchy = CASE k.dimension WHEN 'org' THEN p.org ELSE p.product END
	  AND k.key <> n.key AND (n.level IS NULL OR n.key <> n.level || ':' || k.key);
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_alias(text, text) IS 'forgets another spelling of a member''s key';

--
-- drop_...
--
CREATE FUNCTION quota_decomp._check_unused(thing text, name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	users text;
BEGIN
	SELECT string_agg(s.who, ', ' ORDER BY s.who) INTO users FROM (
		SELECT format('plan %L', p.plan) AS who FROM quota_decomp.visible_plan p
		WHERE thing = 'hierarchy' AND name IN (p.org, p.product) OR thing = 'metric' AND name IN (p.metric, p.market)
		UNION SELECT format('driver %L of plan %L', d.driver, p.plan) FROM quota_decomp.visible_driver d JOIN quota_decomp.visible_plan p ON p.plan_id = d.plan_id
		WHERE thing = 'metric' AND d.metric = name OR thing = 'pipeline' AND d.pipeline = name
		UNION SELECT format('pipeline %L', l.pipeline) FROM quota_decomp.visible_pipeline l WHERE thing = 'metric' AND l.metric = name
		UNION SELECT format('scorecard %L', c.scorecard) FROM quota_decomp.visible_scorecard c WHERE thing = 'metric' AND c.metric = name) AS s;
	IF users IS NOT NULL THEN
		RAISE dependent_objects_still_exist USING MESSAGE = format('%s %L is in use', thing, name), DETAIL = format('Used by: %s.', users), HINT = 'Drop what uses it first.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_unused(text, text) IS 'internal: an error that names what uses a mapping';

CREATE FUNCTION quota_decomp.drop_hierarchy(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map(), quota_decomp._check_unused('hierarchy', name);
	DELETE FROM quota_decomp.editable_hierarchy t WHERE t.hierarchy = name;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('hierarchy', name);
	END IF;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_hierarchy(text) IS 'drops the mapping of a hierarchy, with its sources and aliases, unless something uses it';

CREATE FUNCTION quota_decomp.drop_metric(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map(), quota_decomp._check_unused('metric', name);
	DELETE FROM quota_decomp.editable_metric t WHERE t.metric = name;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('metric', name);
	END IF;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_metric(text) IS 'drops the mapping of a metric, unless something uses it';

CREATE FUNCTION quota_decomp.drop_pipeline(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map(), quota_decomp._check_unused('pipeline', name);
	DELETE FROM quota_decomp.editable_pipeline t WHERE t.pipeline = name;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('pipeline', name);
	END IF;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_pipeline(text) IS 'drops the mapping of a pipeline, with the steps before and after it, unless something uses it';

CREATE FUNCTION quota_decomp.drop_funnel_step(pipeline text, step text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	s record;
	farther text;
BEGIN
	PERFORM quota_decomp._check_may_map();
	SELECT f.* INTO s FROM quota_decomp.editable_funnel_step f WHERE f.pipeline = pipeline AND f.step = step;
	IF NOT FOUND THEN
		IF NOT EXISTS (SELECT FROM quota_decomp.editable_pipeline p WHERE p.pipeline = pipeline) THEN
			PERFORM quota_decomp._no_such('pipeline', pipeline);
		END IF;
		RAISE undefined_object USING MESSAGE = format('pipeline %L has no step %s', pipeline, coalesce(quote_literal(step), 'NULL')),
			HINT = coalesce((SELECT format('There are: %s.', string_agg(quote_literal(f.step), ', ' ORDER BY f.step)) FROM quota_decomp.visible_funnel_step f WHERE f.pipeline = pipeline HAVING count(*) > 0),
				'Make one with create_funnel_step().');
	END IF;
	-- what stands farther off became rows of this one
	SELECT f.step INTO farther FROM quota_decomp.editable_funnel_step f WHERE f.pipeline = pipeline AND f.place = s.place AND f.step_no > s.step_no ORDER BY f.step_no LIMIT 1;
	IF s.place = 'before' AND farther IS NOT NULL THEN
		RAISE dependent_objects_still_exist USING MESSAGE = format('step %L is in use', step), DETAIL = format('Used by: step %L.', farther), HINT = 'Drop what uses it first.';
	END IF;
	DELETE FROM quota_decomp.editable_funnel_step f WHERE f.pipeline = pipeline AND f.step = step;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_funnel_step(text, text) IS 'drops the mapping of a step before or after a pipeline, unless another step uses it';

CREATE FUNCTION quota_decomp.drop_activity(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map(), quota_decomp._check_unused('activity', name);
	DELETE FROM quota_decomp.editable_activity t WHERE t.activity = name;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('activity', name);
	END IF;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_activity(text) IS 'drops the mapping of an activity, unless something uses it';

CREATE FUNCTION quota_decomp.drop_scorecard(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	PERFORM quota_decomp._check_may_map(), quota_decomp._check_unused('scorecard', name);
	DELETE FROM quota_decomp.editable_scorecard t WHERE t.scorecard = name;
	IF NOT FOUND THEN
		PERFORM quota_decomp._no_such('scorecard', name);
	END IF;
	PERFORM quota_decomp._mapping_changed();
END $$;
COMMENT ON FUNCTION quota_decomp.drop_scorecard(text) IS 'drops the mapping of a scorecard, with all its metrics and groups, unless something uses it';
