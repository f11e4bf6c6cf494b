----------------------------------------------------------------------
-- Tiers: base and stretch, built outward from the target
--
-- What a tier differs by is split like a target, over what is free in each
-- cell: its amount, less what locks and goals hold.  A tier below the target
-- takes at most what is free, so that order holds in every cell.
----------------------------------------------------------------------

-- 1 if the tier lies above the target, -1 if below it
CREATE FUNCTION quota_decomp._tier_sign(tier quota_decomp.tier, direction text) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	SELECT CASE WHEN ($1 = 'stretch') = ($2 = 'higher') THEN 1 ELSE -1 END
$$;
COMMENT ON FUNCTION quota_decomp._tier_sign(quota_decomp.tier, text) IS 'internal: whether a tier lies above (1) or below (-1) the target';

CREATE FUNCTION quota_decomp._decompose_tier(plan_id int, tier quota_decomp.tier) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	t record;
	sign int;
	difference numeric;
	free numeric;
	driver int;
	written bigint;
BEGIN
	SELECT v.*, m.direction INTO p FROM quota_decomp.editable_plan v JOIN quota_decomp.visible_metric m ON m.metric = v.metric WHERE v.plan_id = plan_id;
	SELECT x.* INTO t FROM quota_decomp.editable_plan_tier x WHERE x.plan_id = plan_id AND x.tier = tier;
	sign := quota_decomp._tier_sign(tier, p.direction);
	difference := sign * (coalesce(t.total, round(t.factor * p.total / p.unit) * p.unit) - p.total);
	IF difference < 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('tier %s of plan %L lies on the wrong side of its target %s', tier, p.plan, p.total), HINT = 'set_tier() gives it another total.';
	END IF;

	-- what is held: locked cells and all below them; above them the sum
	CREATE TEMP TABLE qd_held (org_id int, product_id int, period_id int, amount numeric, whole boolean) ON COMMIT DROP;
	IF EXISTS (SELECT FROM pg_temp.qd_org o WHERE o.locked IS NOT NULL) OR EXISTS (SELECT FROM pg_temp.qd_cell c WHERE c.locked IS NOT NULL) THEN
		FOR depth IN 0 .. (SELECT max(o.depth) FROM pg_temp.qd_org o) LOOP
			INSERT INTO pg_temp.qd_held
			SELECT g.org_id, g.product_id, g.period_id, g.amount, true
			FROM pg_temp.qd_org o
			JOIN quota_decomp.editable_target g ON g.plan_id = plan_id AND g.tier = 'target' AND g.revision_from = p.revision AND g.org_id = o.node_id
			WHERE o.depth = depth
			  AND (o.locked IS NOT NULL
				   OR EXISTS (SELECT FROM pg_temp.qd_cell c WHERE c.org_id = o.node_id AND c.product_id = g.product_id AND c.period_id = g.period_id AND c.locked IS NOT NULL)
				   OR EXISTS (SELECT FROM pg_temp.qd_held h WHERE h.org_id = o.parent_id AND h.product_id = g.product_id AND h.period_id = g.period_id));
		END LOOP;
		FOR depth IN REVERSE (SELECT max(o.depth) FROM pg_temp.qd_org o) - 1 .. 0 LOOP
			INSERT INTO pg_temp.qd_held
			SELECT o.node_id, h.product_id, h.period_id, ceil(sum(h.amount) / (1 + o.uplift) / p.unit) * p.unit, false
			FROM pg_temp.qd_held h JOIN pg_temp.qd_org k ON k.node_id = h.org_id JOIN pg_temp.qd_org o ON o.node_id = k.parent_id
			WHERE o.depth = depth AND NOT EXISTS (SELECT FROM pg_temp.qd_held x WHERE x.org_id = o.node_id AND x.product_id = h.product_id AND x.period_id = h.period_id)
			GROUP BY o.node_id, o.uplift, h.product_id, h.period_id;
		END LOOP;
	END IF;
	ANALYZE pg_temp.qd_held;
	TRUNCATE pg_temp.qd_free;
	INSERT INTO pg_temp.qd_free
	SELECT g.org_id, g.product_id, g.period_id, g.amount, greatest(g.amount - coalesce(h.amount, 0), 0) AS free
	FROM quota_decomp.editable_target g
	LEFT JOIN pg_temp.qd_held h ON h.org_id = g.org_id AND h.product_id = g.product_id AND h.period_id = g.period_id
	WHERE g.plan_id = plan_id AND g.tier = 'target' AND g.revision_from = p.revision;
	ANALYZE pg_temp.qd_free;
	SELECT sum(f.free) INTO free FROM pg_temp.qd_free f JOIN pg_temp.qd_org o ON o.node_id = f.org_id AND o.depth = 0;
	IF difference > 0 AND (free = 0 OR sign < 0 AND difference > free) THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('tier %s of plan %L cannot differ by %s from the target', tier, p.plan, trim_scale(difference)),
			DETAIL = CASE WHEN p.total = 0 THEN 'The target is 0 everywhere: there are no shares to split it by.'
				ELSE format('Locks and goals hold %s of the target''s %s: they are the same in all tiers.', trim_scale(p.total - free), p.total) END,
			HINT = CASE WHEN p.total = 0 THEN 'Take the tier back, set_tier() without amounts, or plan another total.' ELSE 'Give the tier a total nearer to the target, or hold less.' END;
	END IF;

	INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule)
	SELECT plan_id, tier, f.org_id, f.product_id, f.period_id, p.revision,
		   f.amount + sign * quota_decomp.allocate(difference, f.free, cap => CASE WHEN sign < 0 THEN f.free END, unit => p.unit) OVER (ORDER BY f.product_id, f.period_id), NULL
	FROM pg_temp.qd_free f JOIN pg_temp.qd_org o ON o.node_id = f.org_id AND o.depth = 0;
	GET DIAGNOSTICS written = ROW_COUNT;
	SELECT d.driver_no INTO driver FROM quota_decomp.editable_driver d WHERE d.plan_id = plan_id AND d.dimension = 'org' AND d.driver = t.driver;
	WITH need AS (
		SELECT o.node_id, o.key, r.key AS parent_key, o.sort_no, CASE WHEN o.depth = 0 THEN difference END AS total, f.free,
			   CASE WHEN f.free = 0 THEN 0 ELSE coalesce(w.value, CASE WHEN driver IS NULL THEN f.free ELSE 0 END) END AS weight, nullif(o.uplift, 0) AS uplift
		FROM pg_temp.qd_org o
		LEFT JOIN pg_temp.qd_org r ON r.node_id = o.parent_id
		JOIN (SELECT q.org_id, sum(q.free) AS free FROM pg_temp.qd_free q GROUP BY q.org_id) AS f ON f.org_id = o.node_id
		LEFT JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'org' AND w.driver_no = driver AND w.org_id = o.node_id
	), split AS (
		SELECT n.node_id, n.free, quota_decomp.allocate_tree(n.total, n.key, n.parent_key, n.weight, cap => CASE WHEN sign < 0 THEN n.free END, uplift => n.uplift, unit => p.unit)
			OVER (ORDER BY n.sort_no, n.node_id) AS amount
		FROM need n
	)
	UPDATE pg_temp.qd_org o SET asked = s.amount, amount = s.amount, low = 0, high = CASE WHEN sign < 0 OR s.free = 0 THEN s.free END
	FROM split s WHERE s.node_id = o.node_id;
	written := written + quota_decomp._split_down(plan_id, tier, p.revision, p.unit, sign);
	DROP TABLE pg_temp.qd_held;
	IF tier = 'base' AND p.direction = 'higher' AND difference > 0 THEN
		RAISE NOTICE USING MESSAGE = format('the base of plan %L is %s under its target: who only reaches base misses the commitment', p.plan, trim_scale(difference));
	END IF;
	RETURN written;
END $$;
COMMENT ON FUNCTION quota_decomp._decompose_tier(int, quota_decomp.tier) IS 'internal: writes the cells of tier base or stretch from those of the target; returns their number';

----------------------------------------------------------------------
-- Rates: win rates, margins, days; they add up by their planned volumes
----------------------------------------------------------------------

CREATE FUNCTION quota_decomp._decompose_rate(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	t record;
	cov_from date;
	cov_to date;
	sign int;
	found bigint;
BEGIN
	SELECT v.*, m.kind, m.direction INTO p FROM quota_decomp.editable_plan v JOIN quota_decomp.visible_metric m ON m.metric = v.metric WHERE v.plan_id = plan_id;
	SELECT v.covered_from, v.covered_to INTO cov_from, cov_to FROM quota_decomp._covered(p.metric, p.baseline_from, p.baseline_to, p.as_of, p.time_zone) AS v;
	IF cov_from IS NULL THEN
		RAISE invalid_parameter_value USING MESSAGE = format('metric %L has no facts in the baseline %s', p.metric, daterange(p.baseline_from, p.baseline_to)),
			HINT = 'A rate is pushed down from the rates there were: make the plan with a baseline that its source covers.';
	END IF;
	CREATE TEMP TABLE qd_seller ON COMMIT DROP AS
	SELECT n.node_id, n.parent_id, n.key, n.path, n.depth, n.sort_no,
		   n.node_id NOT IN (SELECT c.parent_id FROM quota_decomp.editable_node c WHERE c.plan_id = plan_id AND c.parent_id IS NOT NULL AND c.planned) AS bottom
	FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned;
	CREATE TEMP TABLE qd_good ON COMMIT DROP AS
	SELECT n.node_id, n.path FROM quota_decomp.editable_node n WHERE n.plan_id = plan_id AND n.dimension = 'product' AND n.planned AND n.leaf;

	-- rates there were, at every node x product; who had no volume takes the
	-- nearest ancestor's, a product nobody had the company's
	CREATE TEMP TABLE qd_past ON COMMIT DROP AS
	WITH fact AS (
		SELECT f.org_id, f.product_id, f.value, f.denominator
		FROM quota_decomp._facts(plan_id, p.metric, cov_from, cov_to, ARRAY['org', 'product']) AS f
	)
	SELECT s.node_id AS org_id, g.node_id AS product_id, sum(f.value) * CASE p.kind WHEN 'balance_ratio' THEN cov_to - cov_from ELSE 1 END AS value, sum(f.denominator) AS denominator
	FROM fact f
	JOIN quota_decomp.editable_node_closure k ON k.plan_id = plan_id AND k.node_id = f.org_id
	JOIN quota_decomp.editable_node n ON n.plan_id = plan_id AND n.node_id = k.ancestor_id
	JOIN pg_temp.qd_seller s ON s.key = n.key
	LEFT JOIN pg_temp.qd_good g ON g.node_id = f.product_id
	GROUP BY GROUPING SETS ((s.node_id, g.node_id), (s.node_id));
	ANALYZE pg_temp.qd_past;
	IF NOT EXISTS (SELECT FROM pg_temp.qd_past q WHERE q.denominator > 0) THEN
		RAISE invalid_parameter_value USING MESSAGE = format('metric %L has no denominator in the baseline %s', p.metric, daterange(cov_from, cov_to));
	END IF;
	INSERT INTO quota_decomp.editable_weight (plan_id, dimension, driver_no, org_id, product_id, value, source)
	SELECT plan_id, 'org_product', -1, s.node_id, g.node_id, round(r.value / r.denominator, 12), CASE WHEN r.org_id = s.node_id AND r.product_id IS NOT NULL THEN 'own rate' ELSE 'no volume: rate of ' || r.key END
	FROM pg_temp.qd_seller s CROSS JOIN pg_temp.qd_good g
	CROSS JOIN LATERAL (
		SELECT q.org_id, q.product_id, q.value, q.denominator, a.key
		FROM quota_decomp.editable_node_closure c JOIN pg_temp.qd_past q ON q.org_id = c.ancestor_id AND (q.product_id = g.node_id OR q.product_id IS NULL) AND q.denominator > 0
		JOIN pg_temp.qd_seller a ON a.node_id = c.ancestor_id
		WHERE c.plan_id = plan_id AND c.node_id = s.node_id
		ORDER BY q.product_id IS NULL, c.distance LIMIT 1
	) AS r
	WHERE s.bottom;

	-- volumes: the volume plan's targets, else what there was, spread like time
	CREATE TEMP TABLE qd_volume (org_id int, product_id int, period_id int, volume numeric) ON COMMIT DROP;
	IF p.volume_plan_id IS NOT NULL THEN
		INSERT INTO pg_temp.qd_volume
		SELECT s.node_id, g.node_id, e.period_id, z.amount
		FROM quota_decomp.visible_target z
		JOIN quota_decomp.visible_node o ON o.plan_id = z.plan_id AND o.node_id = z.org_id
		JOIN quota_decomp.visible_node d ON d.plan_id = z.plan_id AND d.node_id = z.product_id
		JOIN quota_decomp.visible_period v ON v.plan_id = z.plan_id AND v.period_id = z.period_id
		JOIN pg_temp.qd_seller s ON s.path = o.path AND s.bottom
		JOIN pg_temp.qd_good g ON g.path = d.path
		JOIN quota_decomp.editable_period e ON e.plan_id = plan_id AND e.leaf AND e.starts = v.starts
		WHERE z.plan_id = p.volume_plan_id AND z.tier = 'target' AND z.revision_to IS NULL;
	ELSE
		RAISE NOTICE USING MESSAGE = format('plan %L has no volume plan: its rates are weighed by the denominators of the baseline', p.plan);
		INSERT INTO pg_temp.qd_volume
		SELECT q.org_id, q.product_id, w.period_id, round(q.denominator * w.share, 6)
		FROM pg_temp.qd_past q JOIN pg_temp.qd_seller s ON s.node_id = q.org_id AND s.bottom
		JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'time' AND w.driver_no = -1 AND w.org_id IS NULL
		WHERE q.product_id IS NOT NULL AND q.denominator > 0;
	END IF;
	-- no rate of what nobody is to sell, or somebody is not to
	PERFORM quota_decomp._load_shut(plan_id);
	DELETE FROM pg_temp.qd_volume v USING pg_temp.qd_shut s WHERE (s.org_id = v.org_id OR s.depth = 0) AND s.product_id = v.product_id AND s.period_id = v.period_id;
	DROP TABLE pg_temp.qd_org, pg_temp.qd_product, pg_temp.qd_period, pg_temp.qd_shut;
	ANALYZE pg_temp.qd_volume;
	SELECT count(*) INTO found FROM pg_temp.qd_volume v WHERE v.volume > 0;
	IF found = 0 THEN
		RAISE invalid_parameter_value USING MESSAGE = format('plan %L has no volumes to weigh its rates by', p.plan),
			HINT = 'Decompose its volume plan first; both need the same organisation, products and periods.';
	END IF;
	-- a bound of a node holds for every cell below it, the tightest decides
	CREATE TEMP TABLE qd_bound ON COMMIT DROP AS
	SELECT c.node_id AS org_id, b.product_id, b.period_id, max(coalesce(b.locked, b.floor)) AS floor, min(coalesce(b.locked, b.cap)) AS cap
	FROM quota_decomp.editable_bound b JOIN quota_decomp.editable_node_closure c ON c.plan_id = plan_id AND c.ancestor_id = b.org_id
	WHERE b.plan_id = plan_id GROUP BY c.node_id, b.product_id, b.period_id;
	CREATE TEMP TABLE qd_limit ON COMMIT DROP AS
	SELECT v.org_id, v.product_id, v.period_id, v.volume, w.value AS baseline, greatest(a.floor, b.floor) AS floor, least(a.cap, b.cap) AS cap
	FROM pg_temp.qd_volume v
	JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'org_product' AND w.driver_no = -1 AND w.org_id = v.org_id AND w.product_id = v.product_id
	LEFT JOIN pg_temp.qd_bound a ON a.org_id = v.org_id AND a.product_id IS NULL
	LEFT JOIN pg_temp.qd_bound b ON b.org_id = v.org_id AND b.product_id = v.product_id AND b.period_id = v.period_id
	WHERE v.volume > 0;

	INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, volume, rule)
	SELECT plan_id, 'target', r.org_id, r.product_id, r.period_id, p.revision, (r.a).amount, r.volume, (r.a).rule
	FROM (SELECT l.*, quota_decomp.allocate_rate_detail(p.total, l.baseline, l.volume, p.rate_method, l.floor, l.cap, p.scale) OVER (ORDER BY l.org_id, l.product_id, l.period_id) AS a FROM pg_temp.qd_limit l) AS r;
	FOR t IN SELECT x.* FROM quota_decomp.editable_plan_tier x WHERE x.plan_id = plan_id ORDER BY x.tier LOOP
		sign := quota_decomp._tier_sign(t.tier, p.direction);
		INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, volume, rule)
		SELECT plan_id, t.tier, r.org_id, r.product_id, r.period_id, p.revision, (r.a).amount, r.volume, (r.a).rule
		FROM (SELECT g.org_id, g.product_id, g.period_id, g.volume,
					 quota_decomp.allocate_rate_detail(coalesce(t.total, round(t.factor * p.total, p.scale)), g.amount, g.volume, 'scale',
						 CASE WHEN sign > 0 OR l.floor = l.cap THEN g.amount ELSE l.floor END, CASE WHEN sign < 0 OR l.floor = l.cap THEN g.amount ELSE l.cap END, p.scale) OVER (ORDER BY g.org_id, g.product_id, g.period_id) AS a
			  FROM quota_decomp.editable_target g JOIN pg_temp.qd_limit l ON l.org_id = g.org_id AND l.product_id = g.product_id AND l.period_id = g.period_id
			  WHERE g.plan_id = plan_id AND g.tier = 'target' AND g.revision_from = p.revision) AS r;
	END LOOP;
	-- nodes above: the mean weighted by volume, to eight digits more
	FOR depth IN REVERSE (SELECT max(s.depth) FROM pg_temp.qd_seller s) - 1 .. 0 LOOP
		INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, volume)
		SELECT plan_id, g.tier, s.parent_id, g.product_id, g.period_id, p.revision, round(sum(g.amount * g.volume) / sum(g.volume), p.scale + 8), sum(g.volume)
		FROM quota_decomp.editable_target g JOIN pg_temp.qd_seller s ON s.node_id = g.org_id
		WHERE g.plan_id = plan_id AND g.revision_from = p.revision AND s.depth = depth + 1
		GROUP BY g.tier, s.parent_id, g.product_id, g.period_id;
	END LOOP;
	DROP TABLE pg_temp.qd_seller, pg_temp.qd_good, pg_temp.qd_past, pg_temp.qd_volume, pg_temp.qd_bound, pg_temp.qd_limit;
END $$;
COMMENT ON FUNCTION quota_decomp._decompose_rate(int) IS 'internal: pushes a rate down to member x product x period from the rates there were, so that it adds up by planned volumes';
