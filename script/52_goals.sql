----------------------------------------------------------------------
-- Goals: a block of cells held at an amount before anything is split
----------------------------------------------------------------------

-- What each cell of a block brought a year or more before, by leaf product and
-- leaf period of the plan: the period lies as many whole years back as put it
-- into the baseline.  Periods the source does not cover get what a covered
-- working day of the block brought, times their own working days.
CREATE FUNCTION quota_decomp._block_baseline(plan_id int, org_id int, product_id int, period_id int, base_from date, base_to date,
	OUT product int, OUT period int, OUT amount numeric, OUT estimated boolean)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	p record;
	c record;
	years int;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.visible_plan v WHERE v.plan_id = plan_id;
	SELECT extract(year FROM b.starts)::int - extract(year FROM base_from)::int INTO years FROM quota_decomp.visible_period b WHERE b.plan_id = plan_id AND b.period_id = period_id;
	-- the baseline may begin in another month than the block
	IF NOT (SELECT (b.starts - make_interval(years => years))::date >= base_from FROM quota_decomp.visible_period b WHERE b.plan_id = plan_id AND b.period_id = period_id) THEN
		years := years - 1;
	END IF;
	SELECT v.* INTO c FROM quota_decomp._covered(p.metric, base_from, base_to, p.as_of, p.time_zone) AS v;
	RETURN QUERY
	WITH span AS (
		SELECT l.period_id, (l.starts - make_interval(years => years))::date AS starts, (l.ends - make_interval(years => years))::date AS ends
		FROM quota_decomp.visible_period_closure k
		JOIN quota_decomp.visible_period l ON l.plan_id = plan_id AND l.period_id = k.period_id
		WHERE k.plan_id = plan_id AND k.ancestor_id = period_id
	), known AS (
		SELECT s.*, s.starts >= c.covered_from AND s.ends <= c.covered_to AS covered,
			   quota_decomp._working_days(s.starts, s.ends, p.holidays, p.extra_workdays) AS days
		FROM span s
	), fact AS (
		SELECT f.product_id, s.period_id, sum(f.value) AS value
		FROM quota_decomp._facts(plan_id, p.metric, (SELECT min(s.starts) FROM span s), (SELECT max(s.ends) FROM span s), ARRAY['org', 'product', 'day']) AS f
		JOIN span s ON f.day >= s.starts AND f.day < s.ends
		WHERE f.org_id IN (SELECT b.node_id FROM quota_decomp._below_by_key(plan_id, org_id) AS b)
		  AND f.product_id IN (SELECT k.node_id FROM quota_decomp.visible_node_closure k WHERE k.plan_id = plan_id AND k.ancestor_id = product_id)
		GROUP BY f.product_id, s.period_id
	), per_day AS (
		SELECT f.product_id, sum(f.value) / nullif((SELECT sum(k.days) FROM known k WHERE k.covered), 0) AS value
		FROM fact f JOIN known k ON k.period_id = f.period_id AND k.covered
		GROUP BY f.product_id
	)
	SELECT d.product_id, k.period_id, CASE WHEN k.covered THEN coalesce(f.value, 0) ELSE round(d.value * k.days, 6) END, NOT k.covered
	FROM known k CROSS JOIN per_day d
	LEFT JOIN fact f ON f.product_id = d.product_id AND f.period_id = k.period_id;
END $$;
COMMENT ON FUNCTION quota_decomp._block_baseline(int, int, int, int, date, date) IS
'internal: what a block of cells brought in the baseline, by product and period of the plan';

CREATE FUNCTION quota_decomp.set_goal(
	plan text,
	org text,
	product text,
	period text,
	growth numeric DEFAULT NULL,
	amount numeric DEFAULT NULL,
	baseline daterange DEFAULT NULL,
	through text DEFAULT NULL,
	initiative text DEFAULT NULL,
	owner text DEFAULT NULL,
	parent_goal text DEFAULT NULL,
	visible_rows_only boolean DEFAULT false)
RETURNS numeric
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
#variable_conflict use_variable
DECLARE
	id int;
	p record;
	org_id int;
	product_id int;
	period_id int;
	through_id int;
	goal int;
	goal_amount numeric := amount;
	base numeric;
	estimated boolean;
	other record;
BEGIN
	PERFORM set_config('row_security', CASE WHEN visible_rows_only THEN 'on' ELSE 'off' END, true);
	id := quota_decomp._begin_change(plan);
	SELECT e.*, quota_decomp._is_rate(e.metric) AS rate INTO p FROM quota_decomp.editable_plan e WHERE e.plan_id = id;
	org_id := quota_decomp._node_id(id, 'org', org);
	PERFORM quota_decomp._check_planned(id, org_id);
	IF product IS NULL THEN
		SELECT n.node_id INTO product_id FROM quota_decomp.editable_node n WHERE n.plan_id = id AND n.dimension = 'product' AND n.kind = 'root';
	ELSE
		product_id := quota_decomp._node_id(id, 'product', product);
	END IF;
	period_id := quota_decomp._period_id(id, period);
	IF through IS NOT NULL THEN
		through_id := quota_decomp._node_id(id, 'product', through);
		IF NOT EXISTS (SELECT FROM quota_decomp.editable_node_closure c WHERE c.plan_id = id AND c.ancestor_id = product_id AND c.node_id = through_id) THEN
			RAISE invalid_parameter_value USING MESSAGE = format('%L is not part of %L', through, product), HINT = 'The growth must land within the goal''s own products.';
		END IF;
	END IF;
	IF p.rate THEN
		RAISE feature_not_supported USING MESSAGE = format('plan %L is a plan of rates: goals hold amounts', plan), HINT = 'set_bound() gives a node''s rate a floor and a cap.';
	ELSIF p.total < 0 THEN
		RAISE feature_not_supported USING MESSAGE = format('plan %L has a total below 0: there are no goals in it', plan), DETAIL = format('The plan''s total is %s.', p.total);
	ELSIF num_nonnulls(growth, amount) <> 1 THEN
		RAISE invalid_parameter_value USING MESSAGE = 'a goal needs either a growth or an amount', DETAIL = CASE WHEN growth IS NULL THEN 'Neither is given.' ELSE 'Both are given.' END;
	ELSIF growth IS NOT NULL AND NOT (growth >= -1 AND growth < 1000) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('growth %s is out of range', growth), HINT = 'growth => 0.15 is 15 %.';
	ELSIF baseline IS NOT NULL AND (isempty(baseline) OR lower_inf(baseline) OR upper_inf(baseline)) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('baseline %L has no first and last day', baseline::text);
	END IF;
	PERFORM quota_decomp._check_unit(amount, p.unit, 'amount');
	IF amount < 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('amount %s of a goal is below 0', amount);
	END IF;

	CREATE TEMP TABLE qd_block ON COMMIT DROP AS
	SELECT b.product, b.period, b.amount, b.estimated
	FROM quota_decomp._block_baseline(id, org_id, product_id, period_id, coalesce(lower(baseline), p.baseline_from), coalesce(upper(baseline), p.baseline_to)) AS b;
	SELECT sum(b.amount), bool_or(b.estimated) INTO base, estimated FROM pg_temp.qd_block b;
	IF growth IS NOT NULL THEN
		IF base IS NULL OR base <= 0 THEN
			RAISE invalid_parameter_value USING MESSAGE = format('%L brought nothing in the baseline of %L to grow from', org, period),
				DETAIL = format('Baseline: %s.', daterange(coalesce(lower(baseline), p.baseline_from), coalesce(upper(baseline), p.baseline_to))),
				HINT = 'Give the goal an amount, or another baseline.';
		END IF;
		goal_amount := round(base * (1 + growth) / p.unit) * p.unit;
		IF estimated THEN
			RAISE NOTICE USING MESSAGE = format('the source of metric %L does not cover all of the baseline of %L: what is missing counts with the mean of a covered working day', p.metric, period);
		END IF;
	END IF;

	IF through_id IS NOT NULL AND goal_amount < (SELECT round(coalesce(sum(greatest(b.amount, 0)), 0) / p.unit) * p.unit FROM pg_temp.qd_block b
			WHERE b.product NOT IN (SELECT c.node_id FROM quota_decomp.editable_node_closure c WHERE c.plan_id = id AND c.ancestor_id = through_id)) THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the goal of %s for %L in %L cannot be met through %L', trim_scale(goal_amount), org, period, through),
			DETAIL = 'The other products alone brought more in the baseline, and keep what they brought.', HINT = 'Leave "through" out: then all products change alike.';
	END IF;

	-- the cells: planned leaf products x leaf periods.  The baseline part lies as
	-- it lay; what exceeds it lands on the products it is to come through.
	SELECT coalesce(max(g.goal_no), 0) + 1 INTO goal FROM quota_decomp.editable_goal g WHERE g.plan_id = id;
	INSERT INTO quota_decomp.editable_goal (plan_id, goal_no, org_id, product_id, period_id, growth, amount, baseline_from, baseline_to, baseline_amount, through_id, initiative, owner, parent_goal)
	VALUES (id, goal, org_id, product_id, period_id, growth, trim_scale(goal_amount), coalesce(lower(baseline), p.baseline_from), coalesce(upper(baseline), p.baseline_to), base, through_id, initiative, owner, parent_goal);
	SELECT g.goal_no, n.key, d.key AS product, e.label INTO other
	FROM quota_decomp.editable_goal g
	JOIN quota_decomp.editable_node n ON n.plan_id = id AND n.node_id = g.org_id
	JOIN quota_decomp.editable_node d ON d.plan_id = id AND d.node_id = g.product_id
	JOIN quota_decomp.editable_period e ON e.plan_id = id AND e.period_id = g.period_id
	WHERE g.plan_id = id AND g.org_id = org_id AND g.goal_no <> goal
	  AND EXISTS (SELECT FROM quota_decomp.editable_period_closure a JOIN quota_decomp.editable_period_closure b ON b.plan_id = id AND b.period_id = a.period_id
				  WHERE a.plan_id = id AND a.ancestor_id = g.period_id AND b.ancestor_id = period_id)
	  AND EXISTS (SELECT FROM quota_decomp.editable_node_closure a JOIN quota_decomp.editable_node_closure b ON b.plan_id = id AND b.node_id = a.node_id
				  WHERE a.plan_id = id AND a.ancestor_id = g.product_id AND b.ancestor_id = product_id)
	LIMIT 1;
	IF FOUND THEN
		RAISE duplicate_object USING MESSAGE = format('cells of %L in %L are held by another goal', org, period),
			DETAIL = format('Goal %s: %s, %s, %s.', other.goal_no, other.key, other.product, other.label), HINT = format('drop_goal(%L, %s) lets them go.', plan, other.goal_no);
	END IF;
	INSERT INTO quota_decomp.editable_goal_cell (plan_id, goal_no, org_id, product_id, period_id, amount)
	WITH cell AS (
		SELECT n.node_id AS product, l.period_id AS period,
			   through_id IS NOT NULL AND EXISTS (SELECT FROM quota_decomp.editable_node_closure t WHERE t.plan_id = id AND t.ancestor_id = through_id AND t.node_id = n.node_id) AS lands,
			   greatest(coalesce(b.amount, 0), 0) AS base, l.working_days
		FROM quota_decomp.editable_node_closure c
		JOIN quota_decomp.editable_node n ON n.plan_id = id AND n.node_id = c.node_id AND n.leaf AND n.planned
		JOIN quota_decomp.editable_period_closure k ON k.plan_id = id AND k.ancestor_id = period_id
		JOIN quota_decomp.editable_period l ON l.plan_id = id AND l.period_id = k.period_id AND l.ends > n.valid_from AND l.starts < n.valid_to
		LEFT JOIN pg_temp.qd_block b ON b.product = n.node_id AND b.period = l.period_id
		WHERE c.plan_id = id AND c.ancestor_id = product_id
	), laid AS (
		-- without "through" all of it lies as the baseline did
		SELECT c.*, quota_decomp.allocate(CASE WHEN through_id IS NULL THEN goal_amount ELSE round(coalesce(base, 0) / p.unit) * p.unit END, c.base, unit => p.unit)
			OVER (ORDER BY c.product, c.period) AS part
		FROM cell c
	), summed AS (
		SELECT l.*, goal_amount - sum(l.part) FILTER (WHERE NOT l.lands) OVER () AS rest, sum(l.part) OVER (PARTITION BY l.lands) AS own,
			   CASE WHEN sum(l.base) OVER (PARTITION BY l.lands) > 0 THEN l.base ELSE l.working_days END AS weight
		FROM laid l
	)
	SELECT id, goal, org_id, s.product, s.period,
		   quota_decomp.allocate(CASE WHEN s.lands THEN coalesce(s.rest, goal_amount) ELSE s.own END, CASE WHEN s.lands THEN s.weight ELSE s.part END, floor => 0, unit => p.unit)
			   OVER (PARTITION BY s.lands ORDER BY s.product, s.period)
	FROM summed s;
	DROP TABLE pg_temp.qd_block;
	-- the growth has nowhere to land where none of these products is sold then
	IF FOUND AND (SELECT sum(c.amount) FROM quota_decomp.editable_goal_cell c WHERE c.plan_id = id AND c.goal_no = goal) <> goal_amount THEN
		RAISE invalid_parameter_value USING MESSAGE = format('no product of %L is planned in %L', through, period), HINT = 'The growth must land on products that are sold then.';
	END IF;
	IF NOT FOUND AND NOT EXISTS (SELECT FROM quota_decomp.editable_goal_cell c WHERE c.plan_id = id AND c.goal_no = goal) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('no product of %L is planned in %L', product, period);
	END IF;
	RETURN trim_scale(goal_amount);
END $$;
COMMENT ON FUNCTION quota_decomp.set_goal(text, text, text, text, numeric, numeric, daterange, text, text, text, text, boolean) IS
'holds a block (node x product x period) at an amount, or at a growth over its baseline, before the rest is split; what exceeds the baseline may land on given products; returns the amount';

CREATE FUNCTION quota_decomp.drop_goal(plan text, goal_no int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	id int := quota_decomp._begin_change(plan);
BEGIN
	DELETE FROM quota_decomp.editable_goal_cell c WHERE c.plan_id = id AND c.goal_no = goal_no;
	DELETE FROM quota_decomp.editable_goal g WHERE g.plan_id = id AND g.goal_no = goal_no;
	IF NOT FOUND THEN
		RAISE undefined_object USING MESSAGE = format('plan %L has no goal %s', plan, goal_no);
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp.drop_goal(text, int) IS 'lets the cells of a goal go';
