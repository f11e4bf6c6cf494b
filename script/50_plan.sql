----------------------------------------------------------------------
-- The plan layer: making a plan and saying what it must respect
----------------------------------------------------------------------

-- Locks the row before anything else is read, so that what follows sees what
-- whoever held it before has written.
CREATE FUNCTION quota_decomp._lock_draft(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
BEGIN
	PERFORM 1 FROM quota_decomp.editable_plan e WHERE e.plan_id = plan_id FOR UPDATE;
	SELECT e.plan, e.state INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = plan_id;
	IF p.state <> 'draft' THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('plan %L is published', p.plan),
			DETAIL = 'What was published holds until the plan is opened again.',
			HINT = format('reopen(%L, reason) starts a new revision.', p.plan);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._lock_draft(int) IS 'internal: locks a plan''s row for this transaction; an error unless the plan is a draft';

CREATE FUNCTION quota_decomp._is_rate(metric text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT m.kind IN ('ratio', 'balance_ratio') FROM quota_decomp.visible_metric m WHERE m.metric = $1
$$;
COMMENT ON FUNCTION quota_decomp._is_rate(text) IS 'internal: whether a metric''s targets are rates, which need volumes to add up';

CREATE FUNCTION quota_decomp._check_unit(amount numeric, unit numeric, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF amount::text IN ('NaN', 'Infinity', '-Infinity') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%s must be a finite number, not %s', what, amount);
	ELSIF amount % unit <> 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%s %s is no multiple of the unit %s', what, amount, unit),
			HINT = format('Round it, for example to %s, or make the plan with a finer unit.', trim_scale(round(amount / unit) * unit));
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_unit(numeric, numeric, text) IS 'internal: an error unless the amount is finite and a multiple of the unit';

-- Grains from the finest; a coarser one is kept where its periods hold whole
-- leaf periods (weeks lie in no month, unless they are cut or the pattern says so).
CREATE FUNCTION quota_decomp._load_periods(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
BEGIN
	SELECT * INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = plan_id;
	INSERT INTO quota_decomp.editable_period (plan_id, period_id, grain, label, starts, ends, fiscal_year, fiscal_quarter, number, working_days, leaf)
	SELECT plan_id, row_number() OVER (ORDER BY g.no, c.period), g.grain, c.label, lower(c.period), upper(c.period),
		   c.fiscal_year, c.fiscal_quarter, c.number, c.working_days, g.grain = p.grain
	FROM unnest(ARRAY['day', 'month_week', 'week', 'month', 'quarter', 'year']) WITH ORDINALITY AS g(grain, no)
	CROSS JOIN LATERAL quota_decomp.calendar(daterange(p.starts, p.ends), g.grain, p.pattern, p.first_month, p.holidays, p.extra_workdays, p.week_start, p.year_anchor) AS c
	WHERE g.grain = p.grain OR g.no > array_position(ARRAY['day', 'month_week', 'week', 'month', 'quarter', 'year'], p.grain);
	INSERT INTO quota_decomp.editable_period_closure (plan_id, ancestor_id, period_id)
	SELECT plan_id, a.period_id, l.period_id
	FROM quota_decomp.editable_period l
	JOIN quota_decomp.editable_period a ON a.plan_id = plan_id AND a.starts <= l.starts AND a.ends >= l.ends AND (a.grain <> p.grain OR a.period_id = l.period_id)
	WHERE l.plan_id = plan_id AND l.leaf;
	-- a grain that does not take every leaf is none of this plan
	DELETE FROM quota_decomp.editable_period_closure c
	USING quota_decomp.editable_period a
	WHERE c.plan_id = plan_id AND a.plan_id = plan_id AND a.period_id = c.ancestor_id
	  AND a.grain IN (SELECT v.grain FROM quota_decomp.editable_period_closure x
					  JOIN quota_decomp.editable_period v ON v.plan_id = plan_id AND v.period_id = x.ancestor_id
					  WHERE x.plan_id = plan_id GROUP BY v.grain
					  HAVING count(*) < (SELECT count(*) FROM quota_decomp.editable_period l WHERE l.plan_id = plan_id AND l.leaf));
	DELETE FROM quota_decomp.editable_period a
	WHERE a.plan_id = plan_id AND NOT EXISTS (SELECT FROM quota_decomp.editable_period_closure c WHERE c.plan_id = plan_id AND c.ancestor_id = a.period_id);
END $$;
COMMENT ON FUNCTION quota_decomp._load_periods(int) IS 'internal: the periods of a new plan';

-- Days of a span that a metric's source covers: before its first month and
-- after what is known (as_of, else the last fact; a last month that lacks at
-- most five days counts as whole) nothing is known, which is not 0.
CREATE FUNCTION quota_decomp._covered(metric text, from_day date, to_day date, as_of date, time_zone text,
	OUT covered_from date, OUT covered_to date)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	c record;
	month_end date;
BEGIN
	SELECT * INTO c FROM quota_decomp._coverage(metric, time_zone);
	IF c.covers_to IS NOT NULL AND c.covers_to <> 'infinity' THEN
		month_end := date_trunc('month', c.covers_to - 1 + interval '1 month')::date;
		IF month_end - c.covers_to <= 5 THEN
			c.covers_to := month_end;
		END IF;
	END IF;
	covered_from := greatest(from_day, c.covers_from);
	covered_to := least(to_day, CASE WHEN as_of IS NULL THEN c.covers_to ELSE greatest(as_of + 1, least(c.covers_to, as_of + 6)) END);
	IF c.covers_from IS NULL OR covered_to <= covered_from THEN
		covered_from := NULL;
		covered_to := NULL;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._covered(text, date, date, date, text) IS
'internal: the part of a span that a metric''s source covers, from the first day to before the last; NULL: none';

CREATE FUNCTION quota_decomp._working_days(from_day date, to_day date, holidays date[], extra_workdays date[]) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT coalesce((SELECT sum(c.working_days) FROM quota_decomp.calendar(daterange($1, $2), 'month', holidays => $3, extra_workdays => $4) AS c WHERE $1 < $2), 0)
$$;
COMMENT ON FUNCTION quota_decomp._working_days(date, date, date[], date[]) IS 'internal: working days from a day to before another; 0 where a day is NULL or the span is empty';

CREATE FUNCTION quota_decomp.create_plan(
	name text,
	metric text,
	span daterange,
	grain text DEFAULT 'month',
	total numeric DEFAULT NULL,
	growth numeric DEFAULT NULL,
	baseline daterange DEFAULT NULL,
	unit numeric DEFAULT NULL,
	org text DEFAULT NULL,
	product text DEFAULT NULL,
	pattern text DEFAULT 'month',
	first_month int DEFAULT 1,
	holidays date[] DEFAULT '{}',
	extra_workdays date[] DEFAULT '{}',
	week_start int DEFAULT 1,
	year_anchor text DEFAULT 'nearest',
	as_of date DEFAULT NULL,
	time_zone text DEFAULT NULL,
	ramp_curve numeric[] DEFAULT NULL,
	ramp_relief text DEFAULT 'siblings',
	volume_plan text DEFAULT NULL,
	rate_method quota_decomp.rate_method DEFAULT 'scale',
	scale int DEFAULT NULL,
	initiative text DEFAULT NULL,
	owner text DEFAULT NULL,
	parent_goal text DEFAULT NULL,
	market text DEFAULT NULL,
	market_growth numeric DEFAULT 0,
	visible_rows_only boolean DEFAULT false)
RETURNS numeric
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
#variable_conflict use_variable
DECLARE
	m record;
	outside record;
	id int;
	volumes int;
	base record;
	plan_total numeric := total;
	base_from date := lower(baseline);
	base_to date := upper(baseline);
	zone text := coalesce(time_zone, current_setting('TimeZone'));
BEGIN
	PERFORM set_config('row_security', CASE WHEN visible_rows_only THEN 'on' ELSE 'off' END, true);
	IF name IS NULL OR btrim(name) = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a plan needs a name';
	ELSIF EXISTS (SELECT FROM quota_decomp.visible_plan p WHERE p.plan = name) THEN
		RAISE duplicate_object USING MESSAGE = format('plan %L exists already', name), HINT = 'drop_plan() removes it.';
	END IF;
	IF NOT EXISTS (SELECT FROM quota_decomp.granted g WHERE g.plan_id IS NULL AND g.level = 3) THEN
		RAISE insufficient_privilege USING MESSAGE = format('role %I may not make plans', current_user),
			HINT = format('Who owns the extension lets it by grant_plan(NULL, %L, ''plan'').', current_user);
	END IF;
	SELECT * INTO m FROM quota_decomp.visible_metric v WHERE v.metric = metric;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('metric %s does not exist', coalesce(quote_literal(metric), 'NULL')),
			HINT = coalesce('Metrics there are: ' || (SELECT string_agg(quote_literal(v.metric), ', ' ORDER BY v.metric) FROM quota_decomp.visible_metric v) || '.', 'create_metric() makes one.');
	ELSIF m.kind = 'last' THEN
		RAISE feature_not_supported USING MESSAGE = format('metric %L of kind "last" cannot be decomposed', metric),
			DETAIL = 'A level at the end of a period does not add up over time.', HINT = 'Plan what changes it.';
	END IF;
	IF span IS NULL OR isempty(span) OR lower_inf(span) OR upper_inf(span) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('span %s has no first and last day', coalesce(quote_literal(span::text), 'NULL')),
			HINT = 'Give both ends, for example daterange(''2027-01-01'', ''2028-01-01'').';
	ELSIF baseline IS NOT NULL AND (isempty(baseline) OR lower_inf(baseline) OR upper_inf(baseline)) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('baseline %L has no first and last day', baseline::text);
	END IF;
	IF num_nonnulls(total, growth) <> 1 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a plan needs either a total or a growth',
			DETAIL = CASE WHEN total IS NULL THEN 'Neither is given.' ELSE 'Both are given.' END,
			HINT = 'growth => 0.15 is 15 % more than the baseline.';
	ELSIF growth IS NOT NULL AND NOT (growth > -1 AND growth < 1000) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('growth %s is out of range', growth), HINT = 'growth => 0.15 is 15 %.';
	END IF;
	IF org IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a plan needs an organisation', HINT = 'org => names a hierarchy made by create_hierarchy().';
	END IF;
	DECLARE
		h text;
	BEGIN
		FOREACH h IN ARRAY ARRAY[org, product] LOOP
			IF h IS NOT NULL AND NOT EXISTS (SELECT FROM quota_decomp.visible_hierarchy v WHERE v.hierarchy = h) THEN
				RAISE undefined_object USING MESSAGE = format('hierarchy %L does not exist', h),
					HINT = coalesce('Hierarchies there are: ' || (SELECT string_agg(quote_literal(v.hierarchy), ', ' ORDER BY v.hierarchy) FROM quota_decomp.visible_hierarchy v) || '.', 'create_hierarchy() makes one.');
			END IF;
		END LOOP;
	END;
	IF grain IS NULL OR grain NOT IN ('year', 'quarter', 'month', 'week', 'month_week', 'day') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('grain %s is unknown', coalesce(quote_literal(grain), 'NULL')),
			HINT = 'Grains are year, quarter, month, week, month_week and day.';
	ELSIF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = zone) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('time zone %L is not recognized', zone);
	ELSIF ramp_relief IS NULL OR ramp_relief NOT IN ('siblings', 'parent') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('ramp_relief %s is unknown', coalesce(quote_literal(ramp_relief), 'NULL')),
			HINT = 'What a newcomer is relieved of goes to his ''siblings'', or stays with the ''parent''.';
	END IF;
	IF m.kind IN ('ratio', 'balance_ratio') THEN
		scale := coalesce(scale, 4);
		unit := trim_scale(power(10::numeric, -scale));
		IF volume_plan IS NOT NULL THEN
			volumes := quota_decomp._plan_id(volume_plan, 1);
			IF NOT EXISTS (SELECT FROM quota_decomp.visible_plan v WHERE v.plan_id = volumes AND v.starts = lower(span) AND v.ends = upper(span) AND v.grain = grain AND v.pattern = pattern) THEN
				RAISE invalid_parameter_value USING MESSAGE = format('volume plan %L has another span, grain or pattern', volume_plan),
					HINT = 'Rates and their volumes are planned for the same periods.';
			ELSIF (SELECT quota_decomp._is_rate(v.metric) FROM quota_decomp.visible_plan v WHERE v.plan_id = volumes) THEN
				RAISE invalid_parameter_value USING MESSAGE = format('volume plan %L is itself a plan of rates', volume_plan);
			END IF;
		END IF;
	ELSIF volume_plan IS NOT NULL OR scale IS NOT NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('metric %L is no ratio: it has neither volumes nor a scale', metric);
	END IF;
	IF market IS NOT NULL THEN
		SELECT v.* INTO outside FROM quota_decomp.visible_metric v WHERE v.metric = market;
		IF NOT FOUND THEN
			PERFORM quota_decomp._no_such('metric', market);
		ELSIF market = metric THEN
			RAISE invalid_parameter_value USING MESSAGE = format('the market is measured by %L, which is what the plan is made for', market),
				HINT = 'A market is known from outside: an index, or the sales of the industry, mapped by create_metric().';
		ELSIF outside.kind NOT IN ('sum', 'last') OR outside.value_column IS NULL THEN
			RAISE feature_not_supported USING MESSAGE = format('metric %L measures no market', market),
				DETAIL = 'A market is an amount or an index: a metric of kind "sum" or "last" with a value column.';
		ELSIF m.kind <> 'sum' THEN
			RAISE feature_not_supported USING MESSAGE = format('metric %L of kind %L has no market', metric, m.kind),
				DETAIL = 'The market''s effect is a part of a gap in amounts.';
		ELSIF (market_growth > -1 AND market_growth < 1000) IS NOT TRUE THEN
			RAISE invalid_parameter_value USING MESSAGE = format('market_growth %s is out of range', coalesce(market_growth::text, 'NULL')), HINT = 'market_growth => 0.05 is 5 %.';
		END IF;
	ELSIF market_growth <> 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('market_growth %s without a market', market_growth), HINT = 'market => names the metric that measures it.';
	END IF;
	unit := coalesce(unit, m.unit);
	IF NOT (unit > 0 AND unit::text NOT IN ('NaN', 'Infinity')) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('unit must be positive, not %s', unit);
	END IF;
	-- the ranges and the calendar arguments are checked by their own functions
	PERFORM 1 FROM quota_decomp.calendar(span, grain, pattern, first_month, holidays, extra_workdays, week_start, year_anchor) LIMIT 1;
	IF ramp_curve IS NOT NULL THEN
		PERFORM quota_decomp.ramp(lower(span), span, ramp_curve);
	END IF;
	IF base_from IS NULL THEN
		base_from := (lower(span) - interval '1 year')::date;
		base_to := (upper(span) - interval '1 year')::date;
	END IF;

	INSERT INTO quota_decomp.editable_plan (plan, metric, org, product, starts, ends, grain, pattern, first_month, week_start, year_anchor,
		holidays, extra_workdays, unit, total, growth, baseline_from, baseline_to, as_of, time_zone, volume_plan_id, rate_method, scale,
		ramp_curve, ramp_relief, initiative, owner, parent_goal, market, market_growth)
	VALUES (name, metric, org, product, lower(span), upper(span), grain, pattern, first_month, week_start, year_anchor,
		coalesce(holidays, '{}'), coalesce(extra_workdays, '{}'), unit, coalesce(total, 0), growth, base_from, base_to, as_of, zone, volumes,
		CASE WHEN m.kind IN ('ratio', 'balance_ratio') THEN rate_method END, scale, ramp_curve, ramp_relief, initiative, owner, parent_goal, market, CASE WHEN market IS NOT NULL THEN trim_scale(market_growth) END)
	RETURNING plan_id INTO id;
	INSERT INTO quota_decomp.editable_revision (plan_id, revision, kind, reason, as_of) VALUES (id, 1, 'plan', 'created', as_of);
	PERFORM quota_decomp._load_periods(id);
	PERFORM quota_decomp._load_nodes(id);

	SELECT * INTO base FROM quota_decomp._baseline(id, base_from, base_to);
	IF growth IS NOT NULL THEN
		IF base.covered_from IS NULL OR base.facts = 0 THEN
			RAISE invalid_parameter_value USING MESSAGE = format('metric %L has no facts in the baseline %s to grow from', metric, daterange(base_from, base_to)),
				HINT = 'Give another baseline, or a total instead of a growth.';
		ELSIF base.amount IS NULL THEN
			RAISE invalid_parameter_value USING MESSAGE = format('metric %L has no denominator in the baseline %s', metric, daterange(base_from, base_to)), HINT = 'Give a total instead of a growth.';
		ELSIF base.amount < 0 THEN
			-- 10 % more of a loss would be a larger loss
			RAISE invalid_parameter_value USING MESSAGE = format('metric %L brought %s in the baseline %s: nothing grows from below 0', metric, trim_scale(round(base.amount, 6)), daterange(base_from, base_to)),
				HINT = 'Give another baseline, or a total instead of a growth.';
		END IF;
		plan_total := round(base.amount * (1 + growth) / unit) * unit;
		IF base.estimated <> 0 THEN
			RAISE NOTICE USING MESSAGE = format('the source of metric %L covers %s of the baseline %s: the rest is missing, not zero, and counts with %s', metric,
				daterange(base.covered_from, base.covered_to), daterange(base_from, base_to), round(base.estimated, 2)),
				DETAIL = 'That is what the covered days brought per working day.';
		END IF;
	ELSE
		PERFORM quota_decomp._check_unit(total, unit, 'total');
	END IF;
	UPDATE quota_decomp.editable_plan p SET total = trim_scale(plan_total), baseline_amount = base.amount WHERE p.plan_id = id;
	-- the views are made for the metrics that have plans
	IF NOT EXISTS (SELECT FROM quota_decomp.editable_plan p WHERE p.metric = metric AND p.plan_id <> id) THEN
		PERFORM quota_decomp._mapping_changed();
	END IF;
	RETURN trim_scale(plan_total);
END $$;
COMMENT ON FUNCTION quota_decomp.create_plan(text, text, daterange, text, numeric, numeric, daterange, numeric, text, text, text, int, date[], date[], int, text, date, text, numeric[], text, text, quota_decomp.rate_method, int, text, text, text, text, numeric, boolean) IS
'makes a plan for a span of time from a total, or from a growth over what a baseline brought; returns the total';

-- What the whole organisation, or one node of it, brought in a span, for all
-- products or those under one; the days nobody knows about count with the mean
-- of a known working day.
CREATE FUNCTION quota_decomp._baseline(plan_id int, from_day date, to_day date, org_id int DEFAULT NULL, product_id int DEFAULT NULL,
	OUT amount numeric, OUT booked numeric, OUT estimated numeric, OUT facts bigint, OUT covered_from date, OUT covered_to date)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	f record;
	rate boolean;
	known bigint;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	rate := quota_decomp._is_rate(p.metric);
	SELECT c.* INTO covered_from, covered_to FROM quota_decomp._covered(p.metric, from_day, to_day, p.as_of, p.time_zone) AS c;
	facts := 0;
	IF covered_from IS NULL THEN
		RETURN;
	END IF;
	IF org_id IS NULL AND product_id IS NULL THEN
		SELECT t.value, t.denominator, t.facts INTO f FROM quota_decomp._metric_total(plan_id, p.metric, covered_from, covered_to) AS t;
	ELSE
		SELECT sum(t.value) AS value, sum(t.denominator) AS denominator, sum(t.facts)::bigint AS facts INTO f
		FROM quota_decomp._facts(plan_id, p.metric, covered_from, covered_to, ARRAY['org', 'product']) AS t
		WHERE (org_id IS NULL OR t.org_id IN (SELECT b.node_id FROM quota_decomp._below_by_key(plan_id, org_id) AS b))
		  AND (product_id IS NULL OR t.product_id IN (SELECT c.node_id FROM quota_decomp.visible_node_closure c WHERE c.plan_id = plan_id AND c.ancestor_id = product_id));
	END IF;
	facts := coalesce(f.facts, 0);
	booked := coalesce(f.value, 0);
	IF rate THEN
		-- a balance over what flows: as many days as the span is long
		booked := f.value * CASE (SELECT m.kind FROM quota_decomp.visible_metric m WHERE m.metric = p.metric) WHEN 'balance_ratio' THEN covered_to - covered_from ELSE 1 END / nullif(f.denominator, 0);
		amount := booked;
		estimated := 0;
	ELSE
		known := quota_decomp._working_days(covered_from, covered_to, p.holidays, p.extra_workdays);
		estimated := CASE WHEN known = 0 THEN 0
			ELSE booked * (quota_decomp._working_days(from_day, to_day, p.holidays, p.extra_workdays) - known) / known END;
		amount := booked + estimated;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._baseline(int, date, date, int, int) IS
'internal: what a node brought in a span: booked, plus an estimate for working days that the source does not cover';

-- A member that moved has several nodes; what it brought under any of them is
-- its own.  For a unit, what was brought there, by whomever.
CREATE FUNCTION quota_decomp._below_by_key(plan_id int, org_id int) RETURNS TABLE (node_id int)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT c.node_id
	FROM quota_decomp.visible_node n
	JOIN quota_decomp.visible_node s ON s.plan_id = n.plan_id AND s.dimension = n.dimension AND s.key = n.key
	JOIN quota_decomp.visible_node_closure c ON c.plan_id = s.plan_id AND c.ancestor_id = s.node_id
	WHERE n.plan_id = $1 AND n.node_id = $2
$$;
COMMENT ON FUNCTION quota_decomp._below_by_key(int, int) IS 'internal: all nodes below any node with the same key';

CREATE FUNCTION quota_decomp.drop_plan(plan text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._plan_id(plan, 3);
	other text;
BEGIN
	PERFORM 1 FROM quota_decomp.editable_plan p WHERE p.plan_id = id FOR UPDATE;
	SELECT p.plan INTO other FROM quota_decomp.editable_plan p WHERE p.volume_plan_id = id LIMIT 1;
	IF other IS NOT NULL THEN
		RAISE dependent_objects_still_exist USING MESSAGE = format('plan %L cannot be dropped', plan),
			DETAIL = format('Its amounts are the volumes of plan %L.', other), HINT = 'Drop that plan first.';
	END IF;
	DELETE FROM quota_decomp.editable_target t WHERE t.plan_id = id;
	DELETE FROM quota_decomp.editable_weight w WHERE w.plan_id = id;
	DELETE FROM quota_decomp.editable_plan p WHERE p.plan_id = id;
END $$;
COMMENT ON FUNCTION quota_decomp.drop_plan(text) IS 'removes a plan with its targets and every revision of them';

CREATE FUNCTION quota_decomp.publish(plan text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._plan_id(plan, 3);
	p record;
BEGIN
	PERFORM quota_decomp._lock_draft(id);
	SELECT e.* INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = id;
	IF NOT p.decomposed THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('plan %L has changed since it was decomposed, or never was', plan),
			HINT = format('Call decompose(%L) first.', plan);
	END IF;
	UPDATE quota_decomp.editable_plan e SET state = 'published' WHERE e.plan_id = id;
	UPDATE quota_decomp.editable_revision r SET published_at = now() WHERE r.plan_id = id AND r.revision = p.revision;
END $$;
COMMENT ON FUNCTION quota_decomp.publish(text) IS 'makes a decomposed plan''s targets binding: they hold until the plan is reopened';

CREATE FUNCTION quota_decomp.reopen(plan text, reason text) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._plan_id(plan, 3);
	p record;
BEGIN
	PERFORM 1 FROM quota_decomp.editable_plan e WHERE e.plan_id = id FOR UPDATE;
	SELECT e.* INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = id;
	IF p.state <> 'published' THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('plan %L is not published', plan), HINT = 'A draft can be changed as it is.';
	ELSIF reason IS NULL OR btrim(reason) = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a published plan is not opened without a reason';
	END IF;
	UPDATE quota_decomp.editable_plan e SET state = 'draft', revision = p.revision + 1 WHERE e.plan_id = id;
	INSERT INTO quota_decomp.editable_revision (plan_id, revision, kind, reason) VALUES (id, p.revision + 1, 'reopen', reason);
	RETURN p.revision + 1;
END $$;
COMMENT ON FUNCTION quota_decomp.reopen(text, text) IS 'opens a published plan for a new revision, whose number it returns; what was published stays to be read';

-- whatever changes what decompose() reads goes through here
CREATE FUNCTION quota_decomp._begin_change(plan text) RETURNS int
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._plan_id(plan, 3);
BEGIN
	PERFORM quota_decomp._lock_draft(id);
	UPDATE quota_decomp.editable_plan p SET decomposed = false WHERE p.plan_id = id AND p.decomposed;
	RETURN id;
END $$;
COMMENT ON FUNCTION quota_decomp._begin_change(text) IS 'internal: locks a draft plan and notes that it must be decomposed again';

----------------------------------------------------------------------
-- What a plan must respect
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp.add_driver(
	plan text,
	dimension text,
	name text,
	share numeric DEFAULT 1,
	metric text DEFAULT NULL,
	span daterange DEFAULT NULL,
	pipeline text DEFAULT NULL,
	source regclass DEFAULT NULL,
	key name DEFAULT NULL,
	value name DEFAULT NULL,
	product_key name DEFAULT NULL,
	scope text DEFAULT 'plan')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
	p record;
	rel_schema name;
	rel_name name;
BEGIN
	SELECT e.* INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = id;
	IF dimension IS NULL OR dimension NOT IN ('org', 'product', 'org_product', 'time') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('dimension %s is unknown', coalesce(quote_literal(dimension), 'NULL')),
			HINT = 'Drivers weigh org, product, org_product or time.';
	ELSIF scope IS NULL OR scope NOT IN ('plan', 'member') THEN
		RAISE invalid_parameter_value USING MESSAGE = format('scope %s is unknown', coalesce(quote_literal(scope), 'NULL')),
			HINT = 'A driver of scope ''plan'' gives one profile for all, of scope ''member'' one for each member.';
	ELSIF name IS NULL OR btrim(name) = '' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a driver needs a name';
	ELSIF EXISTS (SELECT FROM quota_decomp.editable_driver d WHERE d.plan_id = id AND d.dimension = dimension AND d.driver = name) THEN
		RAISE duplicate_object USING MESSAGE = format('plan %L has a driver %L for %s already', plan, name, dimension), HINT = 'drop_driver() removes it.';
	ELSIF share IS NULL OR NOT (share > 0 AND share::text NOT IN ('NaN', 'Infinity')) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('share of driver %L must be positive, not %s', name, coalesce(share::text, 'NULL'));
	ELSIF num_nonnulls(metric, pipeline, source) <> 1 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('driver %L needs one of metric, pipeline and source', name),
			DETAIL = format('%s of them are given.', num_nonnulls(metric, pipeline, source));
	ELSIF span IS NOT NULL AND (metric IS NULL OR isempty(span) OR lower_inf(span) OR upper_inf(span)) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('span %L of driver %L', span::text, name),
			HINT = 'A span belongs to a metric and has a first and a last day.';
	END IF;
	-- a mix of one's own is a weight of member x product
	IF dimension = 'product' AND scope = 'member' THEN
		dimension := 'org_product';
	ELSIF dimension = 'org' AND scope = 'member' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a driver of dimension org has the scope plan';
	END IF;
	IF dimension IN ('product', 'org_product') AND p.product IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('plan %L is not split by product', plan), HINT = 'create_plan(…, product => …) splits a plan by product.';
	END IF;
	IF metric IS NOT NULL AND NOT EXISTS (SELECT FROM quota_decomp.visible_metric m WHERE m.metric = metric) THEN
		RAISE undefined_object USING MESSAGE = format('metric %L does not exist', metric);
	ELSIF pipeline IS NOT NULL AND NOT EXISTS (SELECT FROM quota_decomp.visible_pipeline m WHERE m.pipeline = pipeline) THEN
		RAISE undefined_object USING MESSAGE = format('pipeline %L does not exist', pipeline);
	ELSIF pipeline IS NOT NULL AND dimension = 'time' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'the open pipeline weighs members and products, not time';
	END IF;
	IF source IS NOT NULL THEN
		IF key IS NULL OR value IS NULL THEN
			RAISE invalid_parameter_value USING MESSAGE = format('driver %L needs the columns key and value of %s', name, source);
		ELSIF (product_key IS NULL) = (dimension = 'org_product') OR (dimension = 'time' AND scope = 'member') THEN
			RAISE invalid_parameter_value USING MESSAGE = CASE dimension WHEN 'org_product' THEN format('driver %L needs the column product_key of %s', name, source)
				WHEN 'time' THEN 'a source weighs time for the whole plan only' ELSE 'product_key belongs to drivers of dimension org_product' END;
		END IF;
		PERFORM quota_decomp._check_source('source', source),
				quota_decomp._column(source, 'key', key, CASE dimension WHEN 'time' THEN 'day' ELSE 'key' END),
				quota_decomp._column(source, 'value', value, 'number'),
				quota_decomp._column(source, 'product_key', product_key, 'key');
		SELECT s.nspname, c.relname INTO rel_schema, rel_name FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.oid = source;
	ELSIF num_nonnulls(key, value, product_key) > 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('driver %L has columns but no source', name);
	END IF;
	INSERT INTO quota_decomp.editable_driver (plan_id, driver_no, driver, dimension, scope, share, metric, pipeline, span_from, span_to, schema_name, relation_name, key_column, product_key_column, value_column)
	SELECT id, coalesce((SELECT max(d.driver_no) FROM quota_decomp.editable_driver d WHERE d.plan_id = id), 0) + 1, name, dimension, scope, share, metric, pipeline,
		   lower(span), upper(span), rel_schema, rel_name, key, product_key, value;
END $$;
COMMENT ON FUNCTION quota_decomp.add_driver(text, text, text, numeric, text, daterange, text, regclass, name, name, name, text) IS
'adds what members, products or periods are weighed by: a metric''s history, the open pipeline, or a column; drivers of one dimension are blended by their shares';

CREATE FUNCTION quota_decomp.drop_driver(plan text, dimension text, name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
BEGIN
	DELETE FROM quota_decomp.editable_driver d WHERE d.plan_id = id AND d.dimension = dimension AND d.driver = name;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('plan %L has no driver %L for %s', plan, name, dimension);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp.drop_driver(text, text, text) IS 'removes a driver from a plan';

CREATE FUNCTION quota_decomp.set_bound(
	plan text,
	org text,
	product text DEFAULT NULL,
	period text DEFAULT NULL,
	floor numeric DEFAULT NULL,
	cap numeric DEFAULT NULL,
	locked numeric DEFAULT NULL,
	uplift numeric DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
	p record;
	org_id int := quota_decomp._node_id(id, 'org', org);
	product_id int := CASE WHEN product IS NOT NULL THEN quota_decomp._node_id(id, 'product', product) END;
	period_id int := CASE WHEN period IS NOT NULL THEN quota_decomp._period_id(id, period) END;
BEGIN
	SELECT e.*, quota_decomp._is_rate(e.metric) AS rate INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = id;
	IF num_nonnulls(floor, cap, locked, uplift) > 0 THEN
		PERFORM quota_decomp._check_planned(id, org_id);
	END IF;
	-- a plan that is not split by product has one
	IF product IS NULL AND period IS NOT NULL AND p.product IS NULL THEN
		SELECT n.node_id INTO product_id FROM quota_decomp.editable_node n WHERE n.plan_id = id AND n.dimension = 'product' AND n.kind = 'root';
	END IF;
	IF (product_id IS NULL) <> (period_id IS NULL)
	   OR product_id IS NOT NULL AND (NOT (SELECT n.leaf AND n.planned FROM quota_decomp.editable_node n WHERE n.plan_id = id AND n.node_id = product_id)
									  OR NOT (SELECT e.leaf FROM quota_decomp.editable_period e WHERE e.plan_id = id AND e.period_id = period_id)) THEN
		RAISE feature_not_supported USING MESSAGE = 'a bound is set on the total of a node or on one cell of it',
			DETAIL = 'A cell is a node, one product without products below and one period of the plan''s grain.',
			HINT = 'set_goal() holds a block of cells at an amount.';
	ELSIF p.rate AND (locked IS NOT NULL AND product_id IS NULL OR uplift IS NOT NULL) THEN
		RAISE feature_not_supported USING MESSAGE = 'a rate is bounded by floor and cap', DETAIL = 'Totals of rates are neither locked nor raised.';
	ELSIF uplift IS NOT NULL AND (product_id IS NOT NULL OR NOT (uplift > -1 AND uplift < 1000)
								  OR (SELECT n.leaf FROM quota_decomp.editable_node n WHERE n.plan_id = id AND n.node_id = org_id)) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('uplift %s is set on %L', uplift, org),
			HINT = 'An uplift is more than -1, 0.05 is 5 %, and is set on the total of a node with members below it.';
	ELSIF p.total < 0 AND NOT p.rate AND (product_id IS NOT NULL AND num_nonnulls(floor, cap, locked) > 0 OR uplift IS NOT NULL) THEN
		RAISE feature_not_supported USING MESSAGE = format('plan %L has a total below 0: only totals of nodes are bounded, by floor, cap or lock', plan), DETAIL = format('The plan''s total is %s.', p.total);
	ELSIF p.total >= 0 AND least(floor, cap, locked) < 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('a bound of %L is below 0', org), DETAIL = format('The plan''s total is %s.', p.total);
	ELSIF floor > cap THEN
		RAISE invalid_parameter_value USING MESSAGE = format('floor %s of %L is above its cap %s', floor, org, cap);
	ELSIF locked IS NOT NULL AND num_nonnulls(floor, cap) > 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L has a lock: floor and cap say nothing more', org);
	END IF;
	PERFORM quota_decomp._check_unit(locked, p.unit, 'locked');
	-- a floor is rounded up to the unit and a cap down
	PERFORM quota_decomp._check_unit(floor - floor % p.unit, p.unit, 'floor');
	PERFORM quota_decomp._check_unit(cap - cap % p.unit, p.unit, 'cap');
	DELETE FROM quota_decomp.editable_bound b
	WHERE b.plan_id = id AND b.org_id = org_id AND b.product_id IS NOT DISTINCT FROM product_id AND b.period_id IS NOT DISTINCT FROM period_id;
	IF num_nonnulls(floor, cap, locked, uplift) > 0 THEN
		INSERT INTO quota_decomp.editable_bound (plan_id, org_id, product_id, period_id, floor, cap, locked, uplift)
		VALUES (id, org_id, product_id, period_id, floor, cap, locked, uplift);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp.set_bound(text, text, text, text, numeric, numeric, numeric, numeric) IS
'sets floor, cap, lock or uplift of a node''s total, or floor, cap or lock of one cell, in place of those it had; all NULL: none';

CREATE FUNCTION quota_decomp._check_planned(plan_id int, org_id int) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	n record;
BEGIN
	SELECT v.* INTO n FROM quota_decomp.visible_node v WHERE v.plan_id = plan_id AND v.node_id = org_id;
	IF NOT n.planned THEN
		RAISE invalid_parameter_value USING MESSAGE = format('%L gets no target', n.key),
			DETAIL = CASE n.kind WHEN 'unassigned' THEN 'It collects what cannot be matched.' ELSE format('It is there from %s to %s only.', n.valid_from, n.valid_to) END;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._check_planned(int, int) IS 'internal: an error unless the node gets a target';

CREATE FUNCTION quota_decomp.set_eligible(plan text, org text, product text, eligible boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
	org_id int := quota_decomp._node_id(id, 'org', org);
	product_id int := quota_decomp._node_id(id, 'product', product);
BEGIN
	DELETE FROM quota_decomp.editable_eligibility e WHERE e.plan_id = id AND e.org_id = org_id AND e.product_id = product_id;
	IF eligible IS NOT NULL THEN
		INSERT INTO quota_decomp.editable_eligibility (plan_id, org_id, product_id, eligible) VALUES (id, org_id, product_id, eligible);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp.set_eligible(text, text, text, boolean) IS
'says whether a node and all below it may have targets for a product and all below that; the nearest statement decides, NULL takes one back';

CREATE FUNCTION quota_decomp.set_tier(plan text, tier quota_decomp.tier, factor numeric DEFAULT NULL, total numeric DEFAULT NULL, driver text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
	p record;
BEGIN
	SELECT e.*, m.direction INTO p FROM quota_decomp.editable_plan e JOIN quota_decomp.visible_metric m ON m.metric = e.metric WHERE e.plan_id = id;
	IF tier IS NULL OR tier = 'target' THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a tier is base or stretch: the target is the plan''s total';
	ELSIF num_nonnulls(factor, total) = 0 THEN
		DELETE FROM quota_decomp.editable_plan_tier t WHERE t.plan_id = id AND t.tier = tier;
		RETURN;
	ELSIF num_nonnulls(factor, total) = 2 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a tier has a factor or a total, not both';
	ELSIF p.total < 0 THEN
		RAISE feature_not_supported USING MESSAGE = format('plan %L has a total below 0: there are no tiers of it', plan), DETAIL = format('The plan''s total is %s.', p.total);
	END IF;
	PERFORM quota_decomp._check_unit(total, p.unit, 'total');
	IF NOT (CASE WHEN (tier = 'base') = (p.direction = 'higher') THEN coalesce(factor <= 1 AND factor >= 0, total <= p.total AND total >= 0)
			ELSE coalesce(factor >= 1 AND factor::text NOT IN ('NaN', 'Infinity'), total >= p.total) END) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('tier %s of %s lies on the wrong side of the target %s', tier, coalesce(total, factor * p.total), p.total),
			DETAIL = format('Of a metric where %s is better, base is at %s the target and stretch at %s.', p.direction,
							CASE p.direction WHEN 'higher' THEN 'most' ELSE 'least' END, CASE p.direction WHEN 'higher' THEN 'least' ELSE 'most' END);
	ELSIF driver IS NOT NULL AND NOT EXISTS (SELECT FROM quota_decomp.editable_driver d WHERE d.plan_id = id AND d.dimension = 'org' AND d.driver = driver) THEN
		RAISE undefined_object USING MESSAGE = format('plan %L has no driver %L for org', plan, driver);
	END IF;
	DELETE FROM quota_decomp.editable_plan_tier t WHERE t.plan_id = id AND t.tier = tier;
	INSERT INTO quota_decomp.editable_plan_tier (plan_id, tier, factor, total, driver) VALUES (id, tier, factor, total, driver);
END $$;
COMMENT ON FUNCTION quota_decomp.set_tier(text, quota_decomp.tier, numeric, numeric, text) IS
'sets the total of tier base or stretch as a factor of the target''s or an amount; what it differs by is split by the target, or by a driver of the organisation; neither: no tier';
