----------------------------------------------------------------------
-- Weights: what the drivers of a plan say of its members and periods
--
-- Nothing known is not the same as 0.  Each row of weight says where its value
-- comes from (history, pipeline, column) or what it was taken for.  Drivers are
-- blended among the children of one parent, each as shares of their sum; a
-- driver that knows none of them is left out there.
----------------------------------------------------------------------

-- The drivers of a dimension; where none was added, the history of the plan's
-- own metric in its baseline (driver 0).
CREATE FUNCTION quota_decomp._drivers(plan_id int, dimension text)
RETURNS TABLE (driver_no int, driver text, scope text, share numeric, metric text, pipeline text, span_from date, span_to date,
			   schema_name name, relation_name name, key_column name, product_key_column name, value_column name, given boolean)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT d.driver_no, d.driver, d.scope, d.share, d.metric, d.pipeline, coalesce(d.span_from, p.baseline_from), coalesce(d.span_to, p.baseline_to),
		   d.schema_name, d.relation_name, d.key_column, d.product_key_column, d.value_column, true
	FROM quota_decomp.editable_driver d JOIN quota_decomp.editable_plan p ON p.plan_id = d.plan_id
	WHERE d.plan_id = $1 AND d.dimension = $2
	UNION ALL
	SELECT 0, 'history', 'plan', 1, p.metric, NULL, p.baseline_from, p.baseline_to, NULL, NULL, NULL, NULL, NULL, false
	FROM quota_decomp.editable_plan p
	WHERE p.plan_id = $1 AND $2 <> 'org_product'
	  AND NOT EXISTS (SELECT FROM quota_decomp.editable_driver d WHERE d.plan_id = $1 AND d.dimension = $2 AND (d.scope = 'plan' OR $2 <> 'time'))
	ORDER BY 1
$$;
COMMENT ON FUNCTION quota_decomp._drivers(int, text) IS 'internal: the drivers of a dimension, or the default one';

-- What a decomposition asks of its drivers more than once, in temporary tables:
--   qd_driver  the drivers of all dimensions, with the days their sources cover
--   qd_fact    what a metric brought by member and product, where its mix is
--              wanted: members and products are weighed by sums of it
CREATE FUNCTION quota_decomp._load_drivers(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	m record;
	cov_from date;
	cov_to date;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	CREATE TEMP TABLE qd_driver ON COMMIT DROP AS
	SELECT x.dimension, k.*, NULL::date AS covered_from, NULL::date AS covered_to
	FROM unnest('{time,org,product,org_product}'::text[]) AS x(dimension) CROSS JOIN LATERAL quota_decomp._drivers(plan_id, x.dimension) AS k
	WHERE p.product IS NOT NULL OR x.dimension <> 'org_product';
	FOR m IN SELECT DISTINCT k.metric, k.span_from, k.span_to FROM pg_temp.qd_driver k WHERE k.metric IS NOT NULL LOOP
		SELECT c.covered_from, c.covered_to INTO cov_from, cov_to FROM quota_decomp._covered(m.metric, m.span_from, m.span_to, p.as_of, p.time_zone) AS c;
		UPDATE pg_temp.qd_driver k SET covered_from = cov_from, covered_to = cov_to
		WHERE k.metric = m.metric AND k.span_from = m.span_from AND k.span_to = m.span_to;
	END LOOP;
	CREATE TEMP TABLE qd_fact (metric text, from_day date, to_day date, org_id int, product_id int, value numeric, denominator numeric) ON COMMIT DROP;
	FOR m IN
		-- kinds whose sums are those of their parts
		SELECT DISTINCT k.metric, k.covered_from, k.covered_to
		FROM pg_temp.qd_driver k JOIN quota_decomp.visible_metric v ON v.metric = k.metric AND v.kind IN ('sum', 'ratio')
		WHERE k.dimension = 'org_product' AND k.covered_from IS NOT NULL
	LOOP
		INSERT INTO pg_temp.qd_fact
		SELECT m.metric, m.covered_from, m.covered_to, f.org_id, f.product_id, f.value, f.denominator
		FROM quota_decomp._facts(plan_id, m.metric, m.covered_from, m.covered_to, '{org,product,parts}') AS f;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._load_drivers(int) IS 'internal: the drivers of a plan, and what is read of the CRM for several of them, into temporary tables';

CREATE FUNCTION quota_decomp._driver_facts(plan_id int, metric text, from_day date, to_day date, by text[])
RETURNS TABLE (org_id int, product_id int, value numeric, denominator numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	IF metric IS NULL OR from_day IS NULL THEN
		RETURN;
	ELSIF EXISTS (SELECT FROM pg_temp.qd_fact q WHERE q.metric = metric AND q.from_day = from_day AND q.to_day = to_day) THEN
		RETURN QUERY SELECT f.org_id, f.product_id, f.value, f.denominator FROM pg_temp.qd_fact f WHERE f.metric = metric AND f.from_day = from_day AND f.to_day = to_day;
	ELSE
		RETURN QUERY SELECT f.org_id, f.product_id, f.value, f.denominator FROM quota_decomp._facts(plan_id, metric, from_day, to_day, by) AS f;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._driver_facts(int, text, date, date, text[]) IS
'internal: what a metric brought in a span, by org or product at least: from what _load_drivers() read, else from the CRM';

-- what a driver's source says, by key as written there; of dates the local day
CREATE FUNCTION quota_decomp._source_values(driver text, schema_name name, relation_name name, key_column name, value_column name, product_key_column name, time_zone text,
	OUT key text, OUT product_key text, OUT value numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	source CONSTANT regclass := quota_decomp._source(schema_name, relation_name);
BEGIN
	FOR key, product_key, value IN EXECUTE format('SELECT %s::text, %s, sum(f.%I)::numeric FROM %s AS f WHERE f.%3$I IS NOT NULL GROUP BY 1, 2',
		CASE WHEN time_zone IS NULL THEN format('f.%I', key_column)
		ELSE quota_decomp._day_expression(quota_decomp._column(source, 'key', key_column, 'day'), format('f.%I', key_column), time_zone) END,
		CASE WHEN product_key_column IS NULL THEN 'NULL::text' ELSE format('f.%I::text', product_key_column) END, value_column, source)
	LOOP
		-- infinity is not written as a number: PostgreSQL 13 has none
		IF value::text IN ('NaN', 'Infinity', '-Infinity') THEN
			RAISE invalid_parameter_value USING MESSAGE = format('driver %L has the value %s for %L', driver, value, concat_ws(' x ', key, product_key)),
				DETAIL = format('It is the sum of column %I of %s.', value_column, source), HINT = 'Only numbers weigh: mend the source, or map a view that leaves such rows out.';
		END IF;
		RETURN NEXT;
	END LOOP;
END $$;
COMMENT ON FUNCTION quota_decomp._source_values(text, name, name, name, name, name, text) IS 'internal: a column driver''s values by key, or by local day where a time zone is given';

CREATE FUNCTION quota_decomp._no_data(driver text, dimension text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	RAISE invalid_parameter_value USING MESSAGE = format('driver %L of %s has no data at all', driver, dimension),
		DETAIL = what, HINT = 'Give it a span its source covers, mend the keys (check_mapping() lists them), or drop the driver.';
END $$;
COMMENT ON FUNCTION quota_decomp._no_data(text, text, text) IS 'internal: the error of a driver without data';

-- Organisation and products: one value for every planned node.
CREATE FUNCTION quota_decomp._weigh_tree(plan_id int, dimension text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	d record;
	rate boolean;
	found bigint;
	newcomers bigint;
	nothing bigint;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	CREATE TEMP TABLE qd_member ON COMMIT DROP AS
	SELECT n.node_id, n.parent_id, n.key, CASE n.kind WHEN 'self' THEN left(n.key, -5) ELSE n.key END AS own_key, n.kind, n.leaf, n.planned, n.depth, n.sort_no,
		   CASE WHEN dimension = 'org' THEN coalesce(n.hired, nullif(min(n.valid_from) OVER (PARTITION BY n.key), '-infinity')) ELSE nullif(n.valid_from, '-infinity') END AS began,
		   n.hired
	FROM quota_decomp.editable_node n
	WHERE n.plan_id = plan_id AND n.dimension = dimension;
	ANALYZE pg_temp.qd_member;
	CREATE TEMP TABLE qd_value (node_id int, value numeric, source text) ON COMMIT DROP;
	CREATE TEMP TABLE qd_ramp (node_id int, share numeric) ON COMMIT DROP;

	FOR d IN SELECT k.* FROM pg_temp.qd_driver k WHERE k.dimension = dimension ORDER BY k.driver_no LOOP
		TRUNCATE pg_temp.qd_value;
		IF d.schema_name IS NOT NULL THEN
			-- a key names the member itself, a unit as well as a person
			INSERT INTO pg_temp.qd_value
			WITH own AS (
				SELECT q.key, q.node_id FROM pg_temp.qd_member q WHERE q.planned AND q.kind <> 'self'
			), other AS (
				-- other spellings: bare keys of flat levels, aliases
				SELECT DISTINCT k.key, q.node_id
				FROM quota_decomp.editable_node_key k JOIN pg_temp.qd_member o ON o.node_id = k.node_id JOIN own q ON q.key = o.key
				WHERE k.plan_id = plan_id AND k.dimension = dimension AND NOT EXISTS (SELECT FROM own x WHERE x.key = k.key)
			), named AS (
				SELECT * FROM own UNION ALL SELECT * FROM other
			)
			SELECT m.node_id, sum(s.value), 'column'
			FROM quota_decomp._source_values(d.driver, d.schema_name, d.relation_name, d.key_column, d.value_column, NULL, NULL) AS s
			JOIN named m ON m.key = s.key
			GROUP BY m.node_id;
		ELSE
			rate := d.metric IS NOT NULL AND quota_decomp._is_rate(d.metric);
			INSERT INTO pg_temp.qd_value
			WITH fact AS (
				SELECT CASE dimension WHEN 'org' THEN f.org_id ELSE f.product_id END AS node_id, f.value, f.denominator
				FROM quota_decomp._driver_facts(plan_id, d.metric, d.covered_from, d.covered_to, ARRAY[dimension]) AS f
				UNION ALL
				SELECT CASE dimension WHEN 'org' THEN o.org_id ELSE o.product_id END, o.amount, NULL
				FROM quota_decomp._open_pipeline(plan_id, d.pipeline, coalesce(p.as_of, p.starts - 1)) AS o WHERE d.pipeline IS NOT NULL
			), booked AS (
				SELECT f.node_id, sum(f.value) AS value, sum(f.denominator) AS denominator FROM fact f GROUP BY f.node_id
			)
			SELECT m.node_id, CASE WHEN rate THEN sum(b.value) / nullif(sum(b.denominator), 0) ELSE sum(b.value) END, CASE WHEN d.pipeline IS NULL THEN 'history' ELSE 'pipeline' END
			FROM (SELECT q.node_id, s.node_id AS own_id FROM pg_temp.qd_member q JOIN pg_temp.qd_member s ON s.own_key = q.own_key WHERE q.planned AND q.leaf AND s.leaf
				  UNION ALL
				  SELECT q.node_id, s.node_id FROM pg_temp.qd_member q JOIN pg_temp.qd_member s ON s.key = q.key WHERE q.planned AND NOT q.leaf) AS m
			JOIN quota_decomp.editable_node_closure k ON k.plan_id = plan_id AND k.ancestor_id = m.own_id
			JOIN booked b ON b.node_id = k.node_id
			GROUP BY m.node_id;
		END IF;
		DELETE FROM pg_temp.qd_value v WHERE v.value IS NULL OR v.value <= 0;
		GET DIAGNOSTICS nothing = ROW_COUNT;
		SELECT count(*) INTO found FROM pg_temp.qd_value v JOIN pg_temp.qd_member m ON m.node_id = v.node_id WHERE m.parent_id IS NOT NULL;
		IF found = 0 AND (SELECT count(*) FROM pg_temp.qd_member m WHERE m.planned) > 1 THEN
			IF d.given THEN
				PERFORM quota_decomp._no_data(d.driver, dimension, CASE WHEN d.metric IS NULL THEN 'No key of its source belongs to a planned member and has a positive value.'
					ELSE format('No planned member has positive facts of metric %L from %s to before %s.', d.metric, coalesce(d.covered_from, d.span_from), coalesce(d.covered_to, d.span_to)) END);
			END IF;
			RAISE NOTICE USING MESSAGE = format('plan %L has no history to weigh its %s by: all weigh the same', p.plan, CASE dimension WHEN 'org' THEN 'members' ELSE 'products' END);
			CONTINUE;
		END IF;
		IF d.metric IS NOT NULL THEN
			TRUNCATE pg_temp.qd_ramp;
			INSERT INTO pg_temp.qd_ramp
			SELECT m.node_id, sum(w.value * quota_decomp.ramp(m.began, daterange(e.starts, e.ends), p.ramp_curve)) / nullif(sum(w.value), 0)
			FROM pg_temp.qd_member m
			JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'time' AND w.driver_no = -1 AND w.org_id IS NULL
			JOIN quota_decomp.editable_period e ON e.plan_id = plan_id AND e.period_id = w.period_id
			WHERE dimension = 'org' AND m.planned AND m.leaf AND m.kind = 'member' AND m.began > d.covered_from AND p.ramp_curve IS NOT NULL
			GROUP BY m.node_id;
			-- who began within the span has no full span to go by, who has nothing
			-- at all none either: the median of the peers who have, the siblings
			-- where at least three do, else all; a newcomer's times his ramp
			WITH peer AS (
				SELECT m.parent_id, v.value
				FROM pg_temp.qd_member m JOIN pg_temp.qd_value v ON v.node_id = m.node_id
				WHERE m.planned AND m.leaf AND m.kind = 'member' AND (m.began IS NULL OR m.began <= d.covered_from)
			), median AS (
				SELECT q.parent_id, percentile_disc(0.5) WITHIN GROUP (ORDER BY q.value) AS value, count(*) AS people, grouping(q.parent_id) = 1 AS whole
				FROM peer q GROUP BY GROUPING SETS ((q.parent_id), ())
			)
			INSERT INTO pg_temp.qd_value
			SELECT m.node_id,
				   CASE WHEN dimension = 'product' AND m.began IS NULL THEN coalesce(s.value, a.value) / 1000
				   ELSE round(coalesce(s.value, a.value) * coalesce(r.share, 1), 6) END,
				   CASE WHEN m.began > d.covered_from THEN 'newcomer: median of peers' || CASE WHEN r.share IS NOT NULL THEN ' x ramp ' || round(r.share, 3) ELSE '' END
				   WHEN dimension = 'product' THEN 'nothing sold: 1/1000 of the median of peers'
				   ELSE 'no history: median of peers' END
			FROM pg_temp.qd_member m
			LEFT JOIN median s ON s.parent_id = m.parent_id AND s.people >= 3 AND NOT s.whole
			LEFT JOIN median a ON a.whole
			LEFT JOIN pg_temp.qd_ramp r ON r.node_id = m.node_id
			WHERE m.planned AND m.leaf AND m.kind = 'member' AND coalesce(s.value, a.value) IS NOT NULL
			  AND (m.began > d.covered_from OR NOT EXISTS (SELECT FROM pg_temp.qd_value v WHERE v.node_id = m.node_id));
			-- what the ramp takes off stays visible below the parent, if that was asked
			INSERT INTO pg_temp.qd_value
			SELECT f.node_id, sum(round(v.value * (1 - r.share) / r.share, 6)), 'what the ramp takes off'
			FROM pg_temp.qd_member f
			JOIN pg_temp.qd_member m ON m.parent_id = f.parent_id AND m.planned
			JOIN pg_temp.qd_ramp r ON r.node_id = m.node_id AND r.share > 0 AND r.share < 1
			JOIN pg_temp.qd_value v ON v.node_id = m.node_id AND v.source LIKE 'newcomer%'
			WHERE f.kind = 'relief' AND f.planned
			GROUP BY f.node_id;
			-- the newcomer's own few facts give way
			DELETE FROM pg_temp.qd_value v USING pg_temp.qd_value n
			WHERE n.node_id = v.node_id AND n.source LIKE 'newcomer%' AND v.source = 'history';
			SELECT count(*) FILTER (WHERE v.source LIKE 'newcomer%'), count(*) FILTER (WHERE v.source LIKE 'no %') INTO newcomers, nothing FROM pg_temp.qd_value v;
			IF dimension = 'org' AND newcomers > 0 THEN
				RAISE NOTICE USING MESSAGE = format('driver %L: %s began within its span and %s the median of the peers%s', d.driver, newcomers || CASE newcomers WHEN 1 THEN ' member' ELSE ' members' END,
					CASE newcomers WHEN 1 THEN 'weighs' ELSE 'weigh' END, CASE WHEN p.ramp_curve IS NULL THEN '' ELSE ', times a ramp' END);
			END IF;
			IF dimension = 'org' AND nothing > 0 THEN
				RAISE NOTICE USING MESSAGE = format('driver %L: %s no history and %s the median of the peers: no history is not zero', d.driver, CASE nothing WHEN 1 THEN '1 member has' ELSE nothing || ' members have' END,
					CASE nothing WHEN 1 THEN 'weighs' ELSE 'weigh' END);
			END IF;
		END IF;
		-- units nobody has a value of: the sum below, deepest first; then whoever
		-- is still missing weighs what the siblings weigh on average
		FOR depth IN REVERSE coalesce((SELECT max(m.depth) FROM pg_temp.qd_member m), 0) .. 0 LOOP
			INSERT INTO pg_temp.qd_value
			SELECT m.node_id, sum(v.value), 'sum below'
			FROM pg_temp.qd_member m JOIN pg_temp.qd_member s ON s.parent_id = m.node_id AND s.planned JOIN pg_temp.qd_value v ON v.node_id = s.node_id
			WHERE m.depth = depth AND m.planned AND NOT m.leaf AND NOT EXISTS (SELECT FROM pg_temp.qd_value x WHERE x.node_id = m.node_id)
			GROUP BY m.node_id;
		END LOOP;
		INSERT INTO pg_temp.qd_value
		SELECT m.node_id, a.value, 'missing: mean of siblings'
		FROM pg_temp.qd_member m
		JOIN (SELECT s.parent_id, round(avg(v.value), 6) AS value FROM pg_temp.qd_member s JOIN pg_temp.qd_value v ON v.node_id = s.node_id WHERE s.planned GROUP BY s.parent_id) AS a
		  ON a.parent_id = m.parent_id
		WHERE m.planned AND m.kind IN ('member', 'root') AND NOT EXISTS (SELECT FROM pg_temp.qd_value x WHERE x.node_id = m.node_id);
		INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, value, share, source)
		SELECT plan_id, dimension, d.driver_no, CASE dimension WHEN 'org' THEN m.node_id END, CASE dimension WHEN 'product' THEN m.node_id END, v.value,
			   round(v.value / sum(v.value) OVER (PARTITION BY m.parent_id), 15), v.source
		FROM pg_temp.qd_value v JOIN pg_temp.qd_member m ON m.node_id = v.node_id
		WHERE m.planned;
	END LOOP;

	-- blended: one driver's values as they are, so that shares stay exact
	INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, value, share, source)
	WITH part AS (
		SELECT coalesce(w.org_id, w.product_id) AS node_id, w.value, w.share, w.source, k.driver, k.share AS driver_share, count(*) OVER (PARTITION BY m.parent_id, coalesce(w.org_id, w.product_id)) AS drivers
		FROM quota_decomp.editable_weight w
		JOIN pg_temp.qd_member m ON m.node_id = coalesce(w.org_id, w.product_id)
		JOIN pg_temp.qd_driver k ON k.dimension = dimension AND k.driver_no = w.driver_no
		WHERE w.plan_id = plan_id AND w.dimension = dimension
	), blend AS (
		SELECT t.node_id, CASE WHEN max(t.drivers) = 1 THEN max(t.value) ELSE round(sum(t.driver_share * t.share) / sum(t.driver_share), 15) END AS value,
			   string_agg(CASE WHEN t.drivers = 1 THEN t.source ELSE t.driver || ': ' || t.source END, '; ' ORDER BY t.driver) AS source
		FROM part t GROUP BY t.node_id
	)
	SELECT plan_id, dimension, -1, CASE dimension WHEN 'org' THEN m.node_id END, CASE dimension WHEN 'product' THEN m.node_id END,
		   coalesce(b.value, CASE WHEN max(b.value) OVER s IS NULL THEN 1 ELSE 0 END),
		   round(coalesce(b.value, CASE WHEN max(b.value) OVER s IS NULL THEN 1 ELSE 0 END) / nullif(sum(coalesce(b.value, 0)) OVER s, 0), 15),
		   coalesce(b.source, CASE WHEN max(b.value) OVER s IS NULL THEN 'equal' ELSE 'no own facts' END)
	FROM pg_temp.qd_member m LEFT JOIN blend b ON b.node_id = m.node_id
	WHERE m.planned
	WINDOW s AS (PARTITION BY m.parent_id);
	DROP TABLE pg_temp.qd_member, pg_temp.qd_value, pg_temp.qd_ramp;
END $$;
COMMENT ON FUNCTION quota_decomp._weigh_tree(int, text) IS 'internal: weights of the organisation or the products, by driver and blended (driver -1)';

-- A newcomer's ramp takes something off his weight.  Where that is to stay with
-- the parent it needs a place: a leaf beside the newcomers.
CREATE FUNCTION quota_decomp._load_relief(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	parents int[];
	last_id int;
BEGIN
	SELECT v.*, quota_decomp._is_rate(v.metric) AS rate INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	IF p.ramp_relief = 'parent' AND p.ramp_curve IS NOT NULL AND NOT p.rate THEN
		SELECT array_agg(DISTINCT n.parent_id) INTO parents FROM quota_decomp.editable_node n
		WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned AND n.leaf AND n.kind = 'member'
		  AND quota_decomp.ramp(n.hired, daterange(p.starts, p.ends), p.ramp_curve) < 1;
	END IF;
	UPDATE quota_decomp.editable_node n SET planned = n.parent_id = ANY (coalesce(parents, '{}'))
	WHERE n.plan_id = plan_id AND n.kind = 'relief' AND n.planned <> (n.parent_id = ANY (coalesce(parents, '{}')));
	IF parents IS NULL THEN
		RETURN;
	END IF;
	SELECT max(n.node_id) INTO last_id FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id;
	INSERT INTO quota_decomp.editable_node (plan_id, node_id, dimension, parent_id, key, label, kind, depth, path, sort_no, leaf, planned)
	SELECT plan_id, last_id + row_number() OVER (ORDER BY n.sort_no), 'org', n.node_id, n.key || '/ramp', '(ramp)', 'relief', n.depth + 1,
		   n.path || '/' || quota_decomp._escape_key(n.key || '/ramp'), n.sort_no, true, true
	FROM quota_decomp.editable_node n
	WHERE n.plan_id = plan_id AND n.node_id = ANY (parents)
	  AND NOT EXISTS (SELECT FROM quota_decomp.editable_node s WHERE s.plan_id = plan_id AND s.parent_id = n.node_id AND s.kind = 'relief');
	INSERT INTO quota_decomp.editable_node_closure (plan_id, ancestor_id, node_id, distance)
	SELECT plan_id, c.ancestor_id, n.node_id, c.distance + 1
	FROM quota_decomp.editable_node n JOIN quota_decomp.editable_node_closure c ON c.plan_id = plan_id AND c.node_id = n.parent_id
	WHERE n.plan_id = plan_id AND n.node_id > last_id
	UNION ALL
	SELECT plan_id, n.node_id, n.node_id, 0 FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.node_id > last_id;
END $$;
COMMENT ON FUNCTION quota_decomp._load_relief(int) IS 'internal: a leaf for what ramps take off, below each parent of a newcomer, where the plan keeps it there';

-- Time: what a working day of a period brought, times the working days the
-- period will have; a period lies as many whole years before its namesake as
-- the driver's span reaches back, over all of which it is taken.
CREATE FUNCTION quota_decomp._weigh_time(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	d record;
	missing text;
	found bigint;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	CREATE TEMP TABLE qd_season (org_id int, period_id int, value numeric, source text) ON COMMIT DROP;
	FOR d IN SELECT k.* FROM pg_temp.qd_driver k WHERE k.dimension = 'time' ORDER BY k.driver_no LOOP
		TRUNCATE pg_temp.qd_season;
		IF d.schema_name IS NOT NULL THEN
			INSERT INTO pg_temp.qd_season
			SELECT NULL, e.period_id, sum(s.value), 'column'
			FROM quota_decomp._source_values(d.driver, d.schema_name, d.relation_name, d.key_column, d.value_column, NULL, p.time_zone) AS s
			JOIN quota_decomp.editable_period e ON e.plan_id = plan_id AND e.leaf AND s.key::date >= e.starts AND s.key::date < e.ends
			GROUP BY e.period_id;
		ELSE
			IF d.covered_from IS NOT NULL THEN
				INSERT INTO pg_temp.qd_season
				WITH past AS (
					SELECT e.period_id, e.working_days, y AS years, q.starts, q.ends,
						   quota_decomp._working_days(q.starts, q.ends, p.holidays, p.extra_workdays) AS days
					FROM quota_decomp.editable_period e
					CROSS JOIN generate_series(1, 1 + extract(year FROM p.ends)::int - extract(year FROM d.covered_from)::int) AS y
					CROSS JOIN LATERAL (SELECT (e.starts - make_interval(years => y))::date AS starts, (e.ends - make_interval(years => y))::date AS ends) AS q
					WHERE e.plan_id = plan_id AND e.leaf AND q.starts >= d.covered_from AND q.ends <= d.covered_to
				), days AS (
					SELECT t.period_id, sum(t.days) AS days FROM past t GROUP BY t.period_id
				), fact AS (
					SELECT f.org_id, f.day, sum(f.value) AS value
					FROM quota_decomp._facts(plan_id, d.metric, d.covered_from, d.covered_to, CASE d.scope WHEN 'member' THEN ARRAY['org', 'day'] ELSE ARRAY['day'] END) AS f
					GROUP BY f.org_id, f.day
				), booked AS (
					SELECT f.org_id, t.period_id, sum(f.value) AS value
					FROM fact f JOIN past t ON f.day >= t.starts AND f.day < t.ends
					GROUP BY f.org_id, t.period_id
				), node AS (
					-- a member's own facts wherever he was, a unit's whoever brought them
					SELECT n.node_id AS org_id, k.node_id AS below
					FROM quota_decomp.editable_node n
					JOIN quota_decomp.editable_node s ON s.plan_id = plan_id AND s.dimension = 'org' AND s.key = n.key
					JOIN quota_decomp.editable_node_closure k ON k.plan_id = plan_id AND k.ancestor_id = s.node_id
					WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned AND d.scope = 'member'
					UNION ALL SELECT NULL, NULL WHERE d.scope = 'plan'
				)
				SELECT n.org_id, e.period_id, round(greatest(coalesce(b.value, 0), 0) * e.working_days / e.days, 6), 'history'
				FROM (SELECT DISTINCT x.org_id FROM node x) AS n
				CROSS JOIN (SELECT y.period_id, y.working_days, z.days FROM quota_decomp.editable_period y JOIN days z ON z.period_id = y.period_id AND z.days > 0 WHERE y.plan_id = plan_id) AS e
				LEFT JOIN (SELECT coalesce(x.org_id, 0) AS org_id, o.period_id, sum(o.value) AS value
						   FROM booked o JOIN node x ON coalesce(x.below, 0) = coalesce(o.org_id, 0) GROUP BY x.org_id, o.period_id) AS b
					   ON b.org_id = coalesce(n.org_id, 0) AND b.period_id = e.period_id;
			END IF;
		END IF;
		-- no sale in a week is no rule that there never is one
		UPDATE pg_temp.qd_season s SET value = round(a.per_day * e.working_days / 1000, 6), source = 'nothing sold: 1/1000 of the mean'
		FROM quota_decomp.editable_period e
		CROSS JOIN (SELECT coalesce(t.org_id, 0) AS org_id, sum(t.value) / nullif(sum(y.working_days), 0) AS per_day
					FROM pg_temp.qd_season t JOIN quota_decomp.editable_period y ON y.plan_id = plan_id AND y.period_id = t.period_id GROUP BY t.org_id HAVING sum(t.value) > 0) AS a
		WHERE e.plan_id = plan_id AND e.period_id = s.period_id AND coalesce(s.org_id, 0) = a.org_id AND s.value = 0 AND s.source = 'history' AND e.working_days > 0;
		DELETE FROM pg_temp.qd_season s
		USING (SELECT coalesce(t.org_id, 0) AS org_id FROM pg_temp.qd_season t GROUP BY t.org_id HAVING sum(t.value) <= 0) AS n
		WHERE coalesce(s.org_id, 0) = n.org_id;
		SELECT count(*) INTO found FROM pg_temp.qd_season;
		IF found = 0 THEN
			IF d.given THEN
				PERFORM quota_decomp._no_data(d.driver, 'time', CASE WHEN d.metric IS NULL THEN 'No date of its source lies in the plan''s span.'
					ELSE format('Metric %L has no positive facts in whole periods from %s to before %s.', d.metric, coalesce(d.covered_from, d.span_from), coalesce(d.covered_to, d.span_to)) END);
			END IF;
			RAISE NOTICE USING MESSAGE = format('plan %L has no history to weigh its periods by: they weigh their working days', p.plan);
			CONTINUE;
		END IF;
		-- periods the source does not cover
		INSERT INTO pg_temp.qd_season
		SELECT a.org_id, e.period_id, round(a.per_day * e.working_days, 6), 'missing: mean of covered periods'
		FROM quota_decomp.editable_period e
		CROSS JOIN (SELECT s.org_id, sum(s.value) / nullif(sum(y.working_days), 0) AS per_day
					FROM pg_temp.qd_season s JOIN quota_decomp.editable_period y ON y.plan_id = plan_id AND y.period_id = s.period_id GROUP BY s.org_id) AS a
		WHERE e.plan_id = plan_id AND e.leaf AND NOT EXISTS (SELECT FROM pg_temp.qd_season s WHERE s.period_id = e.period_id AND coalesce(s.org_id, 0) = coalesce(a.org_id, 0));
		SELECT string_agg(e.label, ', ' ORDER BY e.starts), count(*) INTO missing, found
		FROM (SELECT DISTINCT s.period_id FROM pg_temp.qd_season s WHERE s.source LIKE 'missing%') AS s JOIN quota_decomp.editable_period e ON e.plan_id = plan_id AND e.period_id = s.period_id;
		IF found > 0 THEN
			RAISE NOTICE USING MESSAGE = format('driver %L covers nothing of %s: missing, not zero', d.driver, CASE WHEN found <= 6 THEN missing ELSE found || ' periods' END),
				DETAIL = 'They weigh what the covered periods brought per working day.';
		END IF;
		INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, period_id, value, share, source)
		SELECT plan_id, 'time', d.driver_no, s.org_id, s.period_id, s.value, round(s.value / sum(s.value) OVER (PARTITION BY s.org_id), 15), s.source
		FROM pg_temp.qd_season s;
	END LOOP;
	INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, period_id, value, share, source)
	WITH part AS (
		SELECT w.org_id, w.period_id, w.value, w.share, w.source, k.driver, k.share AS driver_share, count(*) OVER (PARTITION BY w.org_id, w.period_id) AS drivers
		FROM quota_decomp.editable_weight w JOIN pg_temp.qd_driver k ON k.dimension = 'time' AND k.driver_no = w.driver_no
		WHERE w.plan_id = plan_id AND w.dimension = 'time'
	), blend AS (
		SELECT t.org_id, t.period_id, CASE WHEN max(t.drivers) = 1 THEN max(t.value) ELSE round(sum(t.driver_share * t.share) / sum(t.driver_share), 15) END AS value,
			   string_agg(CASE WHEN t.drivers = 1 THEN t.source ELSE t.driver || ': ' || t.source END, '; ' ORDER BY t.driver) AS source
		FROM part t GROUP BY t.org_id, t.period_id
	), whole AS (
		SELECT b.org_id, b.period_id, b.value, b.source FROM blend b
		UNION ALL
		SELECT NULL, e.period_id, CASE WHEN sum(e.working_days) OVER () > 0 THEN e.working_days ELSE e.ends - e.starts END, 'working days'
		FROM quota_decomp.editable_period e WHERE e.plan_id = plan_id AND e.leaf AND NOT EXISTS (SELECT FROM blend b WHERE b.org_id IS NULL)
	)
	SELECT plan_id, 'time', -1, b.org_id, b.period_id, b.value, round(b.value / sum(b.value) OVER (PARTITION BY b.org_id), 15), b.source FROM whole b;
	DROP TABLE pg_temp.qd_season;
END $$;
COMMENT ON FUNCTION quota_decomp._weigh_time(int) IS 'internal: weights of the periods, of the plan and of members, by driver and blended (driver -1)';

-- Member x product: each planned node's own mix.  Who has none keeps the
-- parent's.
CREATE FUNCTION quota_decomp._weigh_mix(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET enable_mergejoin = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	d record;
	found bigint;
	drivers CONSTANT bigint := (SELECT count(*) FROM pg_temp.qd_driver k WHERE k.dimension = 'org_product');
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	FOR d IN SELECT k.* FROM pg_temp.qd_driver k WHERE k.dimension = 'org_product' ORDER BY k.driver_no LOOP
		INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, value, share, source)
		WITH fact AS (
			SELECT f.org_id, f.product_id, f.value
			FROM quota_decomp._driver_facts(plan_id, d.metric, d.covered_from, d.covered_to, '{org,product}') AS f
			UNION ALL
			SELECT o.org_id, o.product_id, o.amount FROM quota_decomp._open_pipeline(plan_id, d.pipeline, coalesce(p.as_of, p.starts - 1)) AS o WHERE d.pipeline IS NOT NULL
			UNION ALL
			SELECT k.node_id, g.node_id, s.value
			FROM quota_decomp._source_values(d.driver, d.schema_name, d.relation_name, d.key_column, d.value_column, d.product_key_column, NULL) AS s
			JOIN (SELECT DISTINCT q.key, q.node_id FROM quota_decomp.editable_node_key q WHERE q.plan_id = plan_id AND q.dimension = 'org') AS k ON k.key = s.key
			JOIN (SELECT DISTINCT q.key, q.node_id FROM quota_decomp.editable_node_key q WHERE q.plan_id = plan_id AND q.dimension = 'product') AS g ON g.key = s.product_key
			WHERE d.schema_name IS NOT NULL
		), own AS (
			SELECT n.node_id, k.node_id AS below
			FROM quota_decomp.editable_node n
			JOIN quota_decomp.editable_node s ON s.plan_id = plan_id AND s.dimension = 'org' AND s.key = n.key
			JOIN quota_decomp.editable_node_closure k ON k.plan_id = plan_id AND k.ancestor_id = s.node_id
			WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned
		), mix AS (
			SELECT o.node_id, f.product_id, greatest(sum(f.value), 0) AS value
			FROM fact f
			JOIN own o ON o.below = f.org_id
			JOIN quota_decomp.editable_node g ON g.plan_id = plan_id AND g.node_id = f.product_id AND g.planned AND g.leaf
			GROUP BY o.node_id, f.product_id
		)
		SELECT plan_id, 'org_product', n.no, s.node_id, s.product_id, s.value, s.share,
			   CASE WHEN n.no = -1 THEN d.driver || ': ' ELSE '' END || CASE WHEN d.metric IS NOT NULL THEN 'history' WHEN d.pipeline IS NOT NULL THEN 'pipeline' ELSE 'column' END
		FROM (SELECT m.*, round(m.value / nullif(sum(m.value) OVER (PARTITION BY m.node_id ORDER BY m.product_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), 0), 15) AS share FROM mix m WHERE m.value > 0) AS s
		-- one driver is its own blend, and is written once
		CROSS JOIN (SELECT CASE drivers WHEN 1 THEN -1 ELSE d.driver_no END AS no) AS n
		-- in the order of the index
		ORDER BY s.node_id, s.product_id;
		GET DIAGNOSTICS found = ROW_COUNT;
		IF found = 0 THEN
			PERFORM quota_decomp._no_data(d.driver, 'org_product', 'No planned member has a positive value for a planned product.');
		END IF;
	END LOOP;
	IF drivers = 1 THEN
		RETURN;
	END IF;
	INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, value, share, source)
	SELECT plan_id, 'org_product', -1, t.org_id, t.product_id, t.value, round(t.value / sum(t.value) OVER (PARTITION BY t.org_id), 15), t.source
	FROM (SELECT w.org_id, w.product_id, sum(k.share * w.share) AS value, string_agg(k.driver || ': ' || w.source, '; ' ORDER BY k.driver) AS source
		  FROM quota_decomp.editable_weight w JOIN pg_temp.qd_driver k ON k.dimension = 'org_product' AND k.driver_no = w.driver_no
		  WHERE w.plan_id = plan_id AND w.dimension = 'org_product'
		  GROUP BY w.org_id, w.product_id) AS t;
END $$;
COMMENT ON FUNCTION quota_decomp._weigh_mix(int) IS 'internal: each member''s product mix, by driver and blended (driver -1)';
