----------------------------------------------------------------------
-- Decomposition: from the total down to member x product x period
--
-- 1. The total over product x period, both margins exact.
-- 2. The organisation's totals down the tree, with bounds, locks and uplifts;
--    what cells of a node must hold is its floor.
-- 3. Parent by parent, the children's cells: rows are the children with their
--    totals, columns the parent's cells.  Where some children cannot have some
--    cells, their totals are first made what the grid can hold.
-- The numbers come from allocate, allocate_tree, margins_row_total and
-- allocate_margins; here rows are only brought to them and written down.
----------------------------------------------------------------------

-- What the temporary tables of a decomposition hold:
--   qd_org, qd_product, qd_period  what is planned; of a member its weight, own
--             bounds, the total the tree asks for (asked), the one it has
--             (amount), what the subtree can hold (low, high)
--   qd_shut   cells a node may not have
--   qd_absent periods in which a node is there for a part of the days, or none
--   qd_cell   cells with bounds, lifted from below
--   qd_mix, qd_season  how a node's product mix, and its season, ramp or absence,
--             bend the parent's cells
CREATE FUNCTION quota_decomp._load_shut(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_variable
DECLARE
	p record;
	max_depth int;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	CREATE TEMP TABLE qd_org ON COMMIT DROP AS
	SELECT n.node_id, CASE WHEN n.depth > 0 THEN n.parent_id END AS parent_id, n.key, n.depth, n.sort_no, n.leaf, n.hired,
		   n.node_id NOT IN (SELECT c.parent_id FROM quota_decomp.editable_node c WHERE c.plan_id = plan_id AND c.parent_id IS NOT NULL AND c.planned) AS bottom,
		   0 AS members,
		   -- who goes on elsewhere has not left
		   coalesce(n.hired, nullif(k.valid_from, '-infinity')) AS began, least(n.left_on, nullif(k.valid_to, 'infinity')) AS ended,
		   coalesce(w.source LIKE '%x ramp%', false) AS ramped, 1::numeric AS unknown_mix, w.value AS weight, b.floor, b.cap, b.locked, coalesce(b.uplift, 0) AS uplift,
		   NULL::numeric AS asked, NULL::numeric AS amount, NULL::numeric AS low, NULL::numeric AS high
	FROM quota_decomp.editable_node n
	LEFT JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'org' AND w.driver_no = -1 AND w.org_id = n.node_id
	LEFT JOIN quota_decomp.editable_bound b ON b.plan_id = plan_id AND b.org_id = n.node_id AND b.product_id IS NULL
	LEFT JOIN (SELECT x.key, min(x.valid_from) AS valid_from, max(x.valid_to) AS valid_to FROM quota_decomp.editable_node x
			   WHERE x.plan_id = plan_id AND x.dimension = 'org' AND x.kind <> 'relief' GROUP BY x.key) AS k ON k.key = n.key
	WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.planned;
	CREATE TEMP TABLE qd_product ON COMMIT DROP AS
	SELECT n.node_id AS product_id, n.parent_id, n.key, n.depth, n.sort_no, n.leaf, n.valid_from, n.valid_to, w.value AS weight
	FROM quota_decomp.editable_node n
	LEFT JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'product' AND w.driver_no = -1 AND w.product_id = n.node_id
	-- a line is asked for something where a product of it is planned
	WHERE n.plan_id = plan_id AND n.dimension = 'product' AND n.planned
	  AND EXISTS (SELECT FROM quota_decomp.editable_node_closure c JOIN quota_decomp.editable_node l ON l.plan_id = plan_id AND l.node_id = c.node_id AND l.planned AND l.leaf
				  WHERE c.plan_id = plan_id AND c.ancestor_id = n.node_id);
	CREATE TEMP TABLE qd_period ON COMMIT DROP AS
	SELECT e.period_id, e.label, e.starts, e.ends, w.value AS weight
	FROM quota_decomp.editable_period e
	LEFT JOIN quota_decomp.editable_weight w ON w.plan_id = plan_id AND w.dimension = 'time' AND w.driver_no = -1 AND w.org_id IS NULL AND w.period_id = e.period_id
	WHERE e.plan_id = plan_id AND e.leaf;
	UPDATE pg_temp.qd_org o SET members = c.members
	FROM (SELECT x.parent_id, count(*) AS members FROM pg_temp.qd_org x GROUP BY x.parent_id) AS c WHERE c.parent_id = o.node_id;
	ANALYZE pg_temp.qd_org;
	ANALYZE pg_temp.qd_product;
	ANALYZE pg_temp.qd_period;
	SELECT max(o.depth) INTO max_depth FROM pg_temp.qd_org o;

	-- cells nobody may have: of a product not sold then, of a member not there
	-- then, of a product a member is not to sell; the nearest statement decides
	CREATE TEMP TABLE qd_shut (org_id int, product_id int, period_id int, depth int) ON COMMIT DROP;
	INSERT INTO pg_temp.qd_shut
	WITH said AS (
		SELECT DISTINCT ON (o.node_id, g.product_id) o.node_id, o.depth, g.product_id, s.eligible
		FROM (SELECT e.org_id, e.product_id, e.eligible, 0 AS rank FROM quota_decomp.editable_eligibility e WHERE e.plan_id = plan_id
			  UNION ALL
			  -- what the hierarchy says: only these
			  SELECT n.node_id, r.node_id, false, 2 FROM quota_decomp.editable_node n JOIN quota_decomp.editable_node r ON r.plan_id = plan_id AND r.dimension = 'product' AND r.kind = 'root'
			  WHERE n.plan_id = plan_id AND n.dimension = 'org' AND n.eligible IS NOT NULL AND p.product IS NOT NULL
			  UNION ALL
			  SELECT n.node_id, r.node_id, true, 1 FROM quota_decomp.editable_node n JOIN quota_decomp.editable_node r ON r.plan_id = plan_id AND r.dimension = 'product' AND r.planned AND r.key = ANY (n.eligible)
			  WHERE n.plan_id = plan_id AND n.dimension = 'org' AND p.product IS NOT NULL) AS s
		JOIN quota_decomp.editable_node_closure a ON a.plan_id = plan_id AND a.ancestor_id = s.org_id
		JOIN pg_temp.qd_org o ON o.node_id = a.node_id AND o.bottom
		JOIN quota_decomp.editable_node_closure b ON b.plan_id = plan_id AND b.ancestor_id = s.product_id
		JOIN pg_temp.qd_product g ON g.product_id = b.node_id AND g.leaf
		ORDER BY o.node_id, g.product_id, a.distance, s.rank = 0 DESC, b.distance, s.rank
	)
	SELECT s.node_id, s.product_id, e.period_id, s.depth FROM said s CROSS JOIN pg_temp.qd_period e WHERE NOT s.eligible
	UNION
	SELECT o.node_id, g.product_id, e.period_id, o.depth
	FROM pg_temp.qd_org o CROSS JOIN pg_temp.qd_product g JOIN pg_temp.qd_period e ON e.ends <= o.began OR e.starts >= o.ended
	WHERE o.bottom AND g.leaf;
	FOR depth IN REVERSE max_depth - 1 .. 0 LOOP
		INSERT INTO pg_temp.qd_shut
		SELECT o.node_id, s.product_id, s.period_id, depth
		FROM pg_temp.qd_org o
		JOIN pg_temp.qd_org c ON c.parent_id = o.node_id
		JOIN pg_temp.qd_shut s ON s.org_id = c.node_id
		WHERE o.depth = depth
		GROUP BY o.node_id, o.members, s.product_id, s.period_id
		HAVING count(*) = o.members;
	END LOOP;
	INSERT INTO pg_temp.qd_shut
	SELECT o.node_id, g.product_id, e.period_id, 0
	FROM pg_temp.qd_org o CROSS JOIN pg_temp.qd_product g JOIN pg_temp.qd_period e ON g.valid_from >= e.ends OR g.valid_to <= e.starts
	WHERE o.depth = 0 AND g.leaf
	  AND NOT EXISTS (SELECT FROM pg_temp.qd_shut s WHERE s.org_id = o.node_id AND s.product_id = g.product_id AND s.period_id = e.period_id);
	ANALYZE pg_temp.qd_shut;
	IF NOT EXISTS (SELECT FROM pg_temp.qd_product g CROSS JOIN pg_temp.qd_period e CROSS JOIN pg_temp.qd_org o WHERE g.leaf AND o.depth = 0
				   AND NOT EXISTS (SELECT FROM pg_temp.qd_shut s WHERE s.org_id = o.node_id AND s.product_id = g.product_id AND s.period_id = e.period_id)) THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('plan %L cannot be decomposed: nobody may have any cell', p.plan),
			HINT = 'set_eligible() and the mapped columns of eligibility leave no product to anybody.';
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._load_shut(int) IS 'internal: who and what is planned, and the cells that nobody may have, into temporary tables';

-- Who is there for a part of the plan only, somebody hired or who leaves, a
-- product launched or discontinued, shares each period with the siblings that
-- are there then: its weight is its part of them all.  A ramp has taken the
-- days before the first off already.
CREATE FUNCTION quota_decomp._weigh_presence() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
	first_day CONSTANT date := (SELECT min(e.starts) FROM pg_temp.qd_period e);
	day_after CONSTANT date := (SELECT max(e.ends) FROM pg_temp.qd_period e);
BEGIN
	CREATE TEMP TABLE qd_absent ON COMMIT DROP AS
	SELECT o.node_id, e.period_id, greatest(least(o.ended, e.ends) - greatest(o.began, e.starts), 0)::numeric / (e.ends - e.starts) AS present
	FROM pg_temp.qd_org o JOIN pg_temp.qd_period e ON o.began > e.starts OR o.ended < e.ends
	WHERE o.bottom AND (o.began > first_day OR o.ended < day_after)
	UNION ALL
	SELECT g.product_id, e.period_id, CASE WHEN s.org_id IS NULL THEN greatest(least(g.valid_to, e.ends) - greatest(g.valid_from, e.starts), 0)::numeric / (e.ends - e.starts) ELSE 0 END
	FROM pg_temp.qd_product g CROSS JOIN pg_temp.qd_period e
	LEFT JOIN pg_temp.qd_shut s ON s.depth = 0 AND s.product_id = g.product_id AND s.period_id = e.period_id
	WHERE g.leaf AND (g.valid_from > e.starts OR g.valid_to < e.ends OR s.org_id IS NOT NULL);
	IF NOT EXISTS (SELECT FROM pg_temp.qd_absent) THEN
		RETURN;
	END IF;
	CREATE TEMP TABLE qd_kin ON COMMIT DROP AS
	SELECT k.*, count(*) OVER (PARTITION BY k.parent_id) AS siblings
	FROM (SELECT o.node_id, o.parent_id, o.depth, o.weight, o.ramped FROM pg_temp.qd_org o
		  UNION ALL SELECT g.product_id, g.parent_id, g.depth, g.weight, false FROM pg_temp.qd_product g) AS k;
	FOR below IN REVERSE (SELECT max(k.depth) FROM pg_temp.qd_kin k) .. 1 LOOP
		INSERT INTO pg_temp.qd_absent
		SELECT k.parent_id, a.period_id, max(a.present)
		FROM pg_temp.qd_kin k JOIN pg_temp.qd_absent a ON a.node_id = k.node_id
		WHERE k.depth = below GROUP BY k.parent_id, k.siblings, a.period_id HAVING count(*) = k.siblings;
	END LOOP;
	CREATE TEMP TABLE qd_presence ON COMMIT DROP AS
	SELECT p.node_id, p.parent_id, round(sum(p.season * p.weight / p.of_all), 15) AS weight
	FROM (SELECT k.node_id, k.parent_id, e.weight AS season, w.weight, nullif(sum(w.weight) OVER (PARTITION BY k.parent_id, e.period_id), 0) AS of_all
		  FROM pg_temp.qd_kin k CROSS JOIN pg_temp.qd_period e
		  LEFT JOIN pg_temp.qd_absent a ON a.node_id = k.node_id AND a.period_id = e.period_id
		  LEFT JOIN (SELECT x.node_id, 1 - sum(y.weight * (1 - x.present)) / (SELECT sum(z.weight) FROM pg_temp.qd_period z) AS share
					 FROM pg_temp.qd_absent x JOIN pg_temp.qd_period y ON y.period_id = x.period_id GROUP BY x.node_id) AS r ON r.node_id = k.node_id AND k.ramped
		  CROSS JOIN LATERAL (SELECT k.weight * coalesce(a.present, 1) / coalesce(nullif(r.share, 0), 1) AS weight) AS w
		  WHERE k.parent_id IN (SELECT x.parent_id FROM pg_temp.qd_kin x JOIN pg_temp.qd_absent y ON y.node_id = x.node_id)) AS p
	GROUP BY p.node_id, p.parent_id;
	DELETE FROM pg_temp.qd_presence p USING (SELECT q.parent_id FROM pg_temp.qd_presence q GROUP BY q.parent_id HAVING coalesce(sum(q.weight), 0) = 0) AS none WHERE none.parent_id = p.parent_id;
	UPDATE pg_temp.qd_org o SET weight = coalesce(p.weight, 0) FROM pg_temp.qd_presence p WHERE p.node_id = o.node_id;
	UPDATE pg_temp.qd_product g SET weight = coalesce(p.weight, 0) FROM pg_temp.qd_presence p WHERE p.node_id = g.product_id;
	DROP TABLE pg_temp.qd_kin, pg_temp.qd_presence;
END $$;
COMMENT ON FUNCTION quota_decomp._weigh_presence() IS 'internal: the weights of who or what is planned for a part of the periods, and of its siblings';

CREATE FUNCTION quota_decomp._prepare_split(plan_id int) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET enable_mergejoin = off SET default_statistics_target = 20 AS $$
#variable_conflict use_variable
DECLARE
	p record;
	max_depth int;
	node record;
BEGIN
	SELECT v.* INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = plan_id;
	PERFORM quota_decomp._load_shut(plan_id);
	SELECT max(o.depth) INTO max_depth FROM pg_temp.qd_org o;
	PERFORM quota_decomp._weigh_presence();

	-- who may have no cell at all is asked for nothing
	UPDATE pg_temp.qd_org o SET weight = 0
	WHERE o.node_id IN (SELECT s.org_id FROM pg_temp.qd_shut s GROUP BY s.org_id
						HAVING count(*) = (SELECT count(*) FROM pg_temp.qd_product g WHERE g.leaf) * (SELECT count(*) FROM pg_temp.qd_period));

	-- bounds and goals, each lifted to all ancestors
	CREATE TEMP TABLE qd_cell ON COMMIT DROP AS
	SELECT o.node_id AS org_id, b.product_id, b.period_id, o.depth,
		   coalesce(b.locked, ceil(b.floor / p.unit) * p.unit, 0) AS low, coalesce(b.locked, floor(b.cap / p.unit) * p.unit) AS high, b.locked
	FROM quota_decomp.editable_bound b JOIN pg_temp.qd_org o ON o.node_id = b.org_id
	WHERE b.plan_id = plan_id AND b.product_id IS NOT NULL
	UNION ALL
	SELECT o.node_id, g.product_id, g.period_id, o.depth, g.amount, g.amount, g.amount
	FROM quota_decomp.editable_goal_cell g JOIN pg_temp.qd_org o ON o.node_id = g.org_id
	WHERE g.plan_id = plan_id;
	SELECT c.org_id, n.key, g.key AS product, e.label INTO node
	FROM pg_temp.qd_cell c JOIN pg_temp.qd_org n ON n.node_id = c.org_id LEFT JOIN pg_temp.qd_product g ON g.product_id = c.product_id JOIN pg_temp.qd_period e ON e.period_id = c.period_id
	GROUP BY c.org_id, n.key, g.key, e.label HAVING count(*) > 1 LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the cell %s, %s, %s has a bound and lies in a goal', node.key, node.product, node.label),
			HINT = 'Take the bound back, or drop the goal.';
	END IF;
	SELECT n.key, g.key AS product, e.label, c.low INTO node
	FROM pg_temp.qd_cell c JOIN pg_temp.qd_org n ON n.node_id = c.org_id JOIN pg_temp.qd_period e ON e.period_id = c.period_id LEFT JOIN pg_temp.qd_product g ON g.product_id = c.product_id
	WHERE c.low > 0 AND (g.product_id IS NULL OR EXISTS (SELECT FROM pg_temp.qd_shut s WHERE (s.org_id = c.org_id OR s.depth = 0) AND s.product_id = c.product_id AND s.period_id = c.period_id))
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the cell %s, %s, %s must hold %s, but nobody there may have it', node.key, coalesce(node.product, '(product not planned)'), node.label, node.low),
			HINT = 'Who may sell the product then is said by set_eligible(), the mapped columns of eligibility, and dates of hire.';
	END IF;
	FOR depth IN REVERSE max_depth - 1 .. 0 LOOP
		-- a parent with an uplift holds less than its children
		CREATE TEMP TABLE qd_lifted ON COMMIT DROP AS
		SELECT o.node_id AS org_id, c.product_id, c.period_id,
			   ceil(sum(c.low) / (1 + o.uplift) / p.unit) * p.unit AS low,
			   CASE WHEN count(c.high) + max(coalesce(h.members, 0)) = o.members THEN floor(sum(c.high) / (1 + o.uplift) / p.unit) * p.unit END AS high
		FROM pg_temp.qd_cell c JOIN pg_temp.qd_org k ON k.node_id = c.org_id JOIN pg_temp.qd_org o ON o.node_id = k.parent_id
		LEFT JOIN (SELECT x.parent_id, s.product_id, s.period_id, count(*) AS members
				   FROM pg_temp.qd_shut s JOIN pg_temp.qd_org x ON x.node_id = s.org_id GROUP BY x.parent_id, s.product_id, s.period_id) AS h
			   ON h.parent_id = o.node_id AND h.product_id = c.product_id AND h.period_id = c.period_id
		WHERE c.depth = depth + 1
		GROUP BY o.node_id, o.uplift, o.members, c.product_id, c.period_id;
		UPDATE pg_temp.qd_cell c SET low = greatest(c.low, l.low), high = least(c.high, l.high)
		FROM pg_temp.qd_lifted l WHERE c.org_id = l.org_id AND c.product_id = l.product_id AND c.period_id = l.period_id;
		INSERT INTO pg_temp.qd_cell
		SELECT l.org_id, l.product_id, l.period_id, depth, l.low, l.high, NULL
		FROM pg_temp.qd_lifted l WHERE NOT EXISTS (SELECT FROM pg_temp.qd_cell c WHERE c.org_id = l.org_id AND c.product_id = l.product_id AND c.period_id = l.period_id);
		DROP TABLE pg_temp.qd_lifted;
	END LOOP;
	SELECT n.key, g.key AS product, e.label, c.low, c.high, c.locked INTO node
	FROM pg_temp.qd_cell c JOIN pg_temp.qd_org n ON n.node_id = c.org_id JOIN pg_temp.qd_product g ON g.product_id = c.product_id JOIN pg_temp.qd_period e ON e.period_id = c.period_id
	WHERE c.low > c.high ORDER BY c.depth LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the cell %s, %s, %s cannot be: it must hold at least %s and at most %s', node.key, node.product, node.label, node.low, node.high),
			DETAIL = CASE WHEN node.locked IS NULL THEN 'Its own bounds and those of the cells below it do not fit together.' ELSE format('It is held at %s.', node.locked) END,
			HINT = 'Relax a bound or a goal.';
	END IF;
	ANALYZE pg_temp.qd_cell;
	SELECT sum(c.low) AS low, CASE WHEN count(c.high) = (SELECT count(*) FROM pg_temp.qd_product g WHERE g.leaf) * (SELECT count(*) FROM pg_temp.qd_period) - (SELECT count(*) FROM pg_temp.qd_shut s WHERE s.depth = 0)
				THEN sum(c.high) END AS high INTO node
	FROM pg_temp.qd_cell c WHERE c.depth = 0;
	IF node.low > p.total OR node.high < p.total THEN
		RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the total %s of plan %L cannot be decomposed: its cells must hold at least %s%s', p.total, p.plan, node.low, ' and at most ' || node.high),
			DETAIL = (SELECT string_agg(h.what, '; ' ORDER BY h.amount DESC) || '.' FROM (
				SELECT format('goal %s holds %s in %s at %s', g.goal_no, n.key, e.label, g.amount) AS what, g.amount
				FROM quota_decomp.editable_goal g JOIN pg_temp.qd_org n ON n.node_id = g.org_id JOIN quota_decomp.editable_period e ON e.plan_id = plan_id AND e.period_id = g.period_id WHERE g.plan_id = plan_id
				UNION ALL
				SELECT format('bounds hold %s of %s at %s to %s', CASE count(*) WHEN 1 THEN '1 cell' ELSE count(*) || ' cells' END, n.key, sum(coalesce(b.locked, b.floor, 0)), coalesce(sum(coalesce(b.locked, b.cap))::text, 'any')), sum(coalesce(b.locked, b.floor, 0))
				FROM quota_decomp.editable_bound b JOIN pg_temp.qd_org n ON n.node_id = b.org_id WHERE b.plan_id = plan_id AND b.product_id IS NOT NULL GROUP BY n.key
				ORDER BY 2 DESC LIMIT 5) AS h),
			HINT = 'Relax a goal or a bound, or plan another total.';
	END IF;

	-- factors: own mix over the parent's, own season over the parent's, ramp
	CREATE TEMP TABLE qd_mix ON COMMIT DROP AS
	SELECT w.org_id, w.product_id, CASE WHEN u.share > 0 AND w.share > 0 THEN greatest(round(w.share / u.share, 9), 0.000000001) WHEN w.share > 0 THEN 1 ELSE 0.001 END AS factor
	FROM quota_decomp.editable_weight w
	JOIN pg_temp.qd_org o ON o.node_id = w.org_id AND o.depth > 0
	LEFT JOIN quota_decomp.editable_weight u ON u.plan_id = plan_id AND u.dimension = 'org_product' AND u.driver_no = -1 AND u.org_id = o.parent_id AND u.product_id = w.product_id
	WHERE w.plan_id = plan_id AND w.dimension = 'org_product' AND w.driver_no = -1;
	-- a product that somebody with a mix has never had
	UPDATE pg_temp.qd_org o SET unknown_mix = 0.001 WHERE o.node_id IN (SELECT m.org_id FROM pg_temp.qd_mix m);
	CREATE TEMP TABLE qd_season ON COMMIT DROP AS
	WITH season AS (
		SELECT w.org_id, w.period_id, CASE WHEN u.share > 0 THEN round(w.share / u.share, 9) ELSE 1 END AS factor
		FROM quota_decomp.editable_weight w
		JOIN pg_temp.qd_org o ON o.node_id = w.org_id AND o.depth > 0
		LEFT JOIN quota_decomp.editable_weight u ON u.plan_id = plan_id AND u.dimension = 'time' AND u.driver_no = -1 AND u.period_id = w.period_id AND u.org_id = o.parent_id
		WHERE w.plan_id = plan_id AND w.dimension = 'time' AND w.driver_no = -1
	), ramp AS (
		SELECT o.node_id AS org_id, e.period_id, quota_decomp.ramp(o.hired, daterange(e.starts, e.ends), p.ramp_curve) AS factor
		FROM pg_temp.qd_org o CROSS JOIN pg_temp.qd_period e
		WHERE o.bottom AND o.hired > p.starts - 31 * cardinality(p.ramp_curve)
		UNION ALL
		SELECT a.node_id, a.period_id, a.present
		FROM pg_temp.qd_absent a JOIN pg_temp.qd_org o ON o.node_id = a.node_id AND o.bottom
		WHERE a.present > 0 AND (o.hired > p.starts - 31 * cardinality(p.ramp_curve)) IS NOT TRUE
	)
	SELECT coalesce(s.org_id, r.org_id) AS org_id, coalesce(s.period_id, r.period_id) AS period_id, greatest(coalesce(s.factor, 1) * coalesce(r.factor, 1), 0.001) AS factor
	FROM season s FULL JOIN ramp r ON r.org_id = s.org_id AND r.period_id = s.period_id;
	ANALYZE pg_temp.qd_mix (org_id, product_id);
	ANALYZE pg_temp.qd_season;
	CREATE TEMP TABLE qd_parent_cell (org_id int, product_id int, period_id int, amount numeric, column_key bigint) ON COMMIT DROP;
	CREATE INDEX ON pg_temp.qd_parent_cell (org_id, product_id, period_id);
	-- filled by tiers
	CREATE TEMP TABLE qd_free (org_id int, product_id int, period_id int, amount numeric, free numeric) ON COMMIT DROP;
END $$;
COMMENT ON FUNCTION quota_decomp._prepare_split(int) IS 'internal: gathers what a decomposition must respect: closed cells, bounds lifted to all ancestors, factors';

-- The total over product x period.
CREATE FUNCTION quota_decomp._split_company(plan_id int, total numeric, unit numeric) RETURNS TABLE (product_id int, period_id int, amount numeric, rule text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
	bounded boolean;
BEGIN
	bounded := EXISTS (SELECT FROM pg_temp.qd_cell c WHERE c.depth = 0) OR EXISTS (SELECT FROM pg_temp.qd_shut s WHERE s.depth = 0);
	RETURN QUERY
	WITH cell AS (
		SELECT g.product_id, g.key AS product, e.period_id, e.label AS period, CASE WHEN s.org_id IS NULL THEN 1 END AS open, c.low, c.high, c.locked
		FROM pg_temp.qd_product g CROSS JOIN pg_temp.qd_period e
		LEFT JOIN pg_temp.qd_shut s ON s.depth = 0 AND s.product_id = g.product_id AND s.period_id = e.period_id
		LEFT JOIN pg_temp.qd_cell c ON c.depth = 0 AND c.product_id = g.product_id AND c.period_id = e.period_id
		WHERE g.leaf
	), by_product AS (
		SELECT c.product_id, count(c.open) AS cells, sum(c.low) AS low, CASE WHEN count(c.open) = count(c.high) THEN sum(c.high) END AS high FROM cell c GROUP BY c.product_id
	), product AS (
		SELECT g.product_id, quota_decomp.allocate_tree(CASE WHEN r.product_id IS NULL THEN total END, g.key, r.key, CASE WHEN b.cells = 0 THEN 0 ELSE g.weight END,
				CASE WHEN b.cells > 0 AND b.low > 0 THEN b.low END, b.high, unit => unit)
			OVER (ORDER BY g.sort_no, g.product_id) AS total, g.weight
		FROM pg_temp.qd_product g LEFT JOIN pg_temp.qd_product r ON r.product_id = g.parent_id LEFT JOIN by_product b ON b.product_id = g.product_id
	), by_period AS (
		SELECT c.period_id, count(c.open) AS cells, sum(c.low) AS low, CASE WHEN count(c.open) = count(c.high) THEN sum(c.high) END AS high FROM cell c GROUP BY c.period_id
	), period AS (
		SELECT e.period_id, quota_decomp.allocate(total, CASE WHEN b.cells = 0 THEN 0 ELSE e.weight END, CASE WHEN b.low > 0 THEN b.low END, b.high, unit => unit) OVER (ORDER BY e.starts) AS total, e.weight
		FROM pg_temp.qd_period e JOIN by_period b ON b.period_id = e.period_id
	), asked AS (
		-- a floor or a cap beside no weight would be an error: such a cell is shut
		SELECT c.product_id, c.product, c.period_id, c.period, c.open * g.weight * e.weight AS weight, g.total AS row_total, e.total AS column_total,
			   CASE WHEN c.open = 1 AND c.locked IS NULL AND c.low > 0 THEN c.low END AS low, CASE WHEN c.open = 1 AND c.locked IS NULL THEN c.high END AS high, CASE WHEN c.open = 1 THEN c.locked END AS locked
		FROM cell c JOIN product g ON g.product_id = c.product_id JOIN period e ON e.period_id = c.period_id
	), held AS (
		SELECT a.*, CASE WHEN bounded THEN quota_decomp.margins_row_total(a.weight, a.product, a.row_total, a.period, a.column_total, a.low, a.high, a.locked, unit) OVER (ORDER BY a.product_id, a.period_id)
					ELSE a.row_total END AS held_total
		FROM asked a
	), fit AS (
		SELECT h.product_id, h.period_id, quota_decomp.allocate_margins_detail(h.weight, h.product, h.held_total, h.period, h.column_total, h.low, h.high, h.locked, unit) OVER (ORDER BY h.product_id, h.period_id) AS a
		FROM held h
	)
	SELECT f.product_id, f.period_id, (f.a).amount, nullif((f.a).rule, 'share') FROM fit f WHERE (f.a).amount IS NOT NULL;
END $$;
COMMENT ON FUNCTION quota_decomp._split_company(int, numeric, numeric) IS 'internal: a total over the products and periods of a prepared plan, both margins exact';

-- The organisation's totals: what each node is asked for, and what it can hold.
CREATE FUNCTION quota_decomp._split_org(plan_id int, total numeric, unit numeric) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
	WITH cells AS (
		SELECT c.org_id, sum(c.low) AS low, count(c.high) AS bounded, sum(c.high) AS high FROM pg_temp.qd_cell c GROUP BY c.org_id
	), need AS (
		SELECT o.node_id, o.key, r.key AS parent_key, o.sort_no, CASE WHEN o.depth = 0 THEN total END AS total, o.weight,
			   CASE WHEN o.locked IS NULL THEN nullif(greatest(o.floor, c.low), 0) END AS floor, CASE WHEN o.locked IS NULL THEN o.cap END AS cap, o.locked, nullif(o.uplift, 0) AS uplift
		FROM pg_temp.qd_org o LEFT JOIN pg_temp.qd_org r ON r.node_id = o.parent_id LEFT JOIN cells c ON c.org_id = o.node_id
	), split AS (
		SELECT n.node_id, quota_decomp.allocate_tree(n.total, n.key, n.parent_key, n.weight, n.floor, n.cap, n.locked, n.uplift, unit) OVER w AS amount,
			   -- what holds from 0 up, of a total below 0 from 0 down
			   quota_decomp.bounds_tree(n.key, n.parent_key, n.weight, CASE WHEN total < 0 THEN -n.cap ELSE n.floor END, CASE WHEN total < 0 THEN -n.floor ELSE n.cap END,
				   CASE WHEN total < 0 THEN -n.locked ELSE n.locked END, n.uplift, unit) OVER w AS b
		FROM need n WINDOW w AS (ORDER BY n.sort_no, n.node_id)
	)
	UPDATE pg_temp.qd_org o SET asked = s.amount, amount = s.amount,
		   low = CASE WHEN total < 0 THEN -(s.b).high ELSE (s.b).low END, high = CASE WHEN total < 0 THEN -(s.b).low ELSE (s.b).high END
	FROM split s WHERE s.node_id = o.node_id;
	ANALYZE pg_temp.qd_org;
END $$;
COMMENT ON FUNCTION quota_decomp._split_org(int, numeric, numeric) IS 'internal: a total down the organisation of a prepared plan';

-- The query that splits the cells of parents one level down, of all of them
-- (by number) or of one (by name, so that an error names what stands against
-- it).  $1 depth of the children, $2 unit, $3 the parent or NULL.  A tier's
-- difference is split by what is free in each cell, a target by how the child
-- differs from the parent: the fit to child's totals and parent's cells is the
-- same as from child's total x parent's cell, in smaller numbers.
CREATE FUNCTION quota_decomp._level_query(by_name boolean, totals boolean, sign int, bounded boolean, mix boolean, season boolean) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
	-- the cells of a member and product come in the order of the periods: only a
	-- nested loop can bring them, and a sort of all cells is saved
	SELECT CASE WHEN f.in_order THEN $query$
		WITH seed AS (
			SELECT o.parent_id, o.node_id, o.node_id AS row_key, o.amount AS row_total, o.product_id, c.period_id, c.column_key, c.amount AS column_total,
				   o.factor AS weight, NULL::numeric AS low, NULL::numeric AS high, NULL::numeric AS locked
			FROM (SELECT q.parent_id, q.node_id, q.amount, g.product_id, coalesce(f.factor, q.unknown_mix) AS factor
				  FROM pg_temp.qd_org q CROSS JOIN pg_temp.qd_product g LEFT JOIN pg_temp.qd_mix f ON f.org_id = q.node_id AND f.product_id = g.product_id
				  WHERE g.leaf AND q.depth = $1 AND ($3 IS NULL OR q.parent_id = $3)
				  ORDER BY q.parent_id, q.node_id, g.product_id OFFSET 0) AS o
			CROSS JOIN LATERAL (SELECT d.period_id, d.amount, d.column_key FROM pg_temp.qd_parent_cell d WHERE d.org_id = o.parent_id AND d.product_id = o.product_id ORDER BY d.period_id OFFSET 0) AS c
		)
		$query$ ELSE format($query$
		WITH seed AS (
			SELECT o.parent_id, o.node_id, %1$s AS row_key, o.amount AS row_total, c.product_id, c.period_id, %2$s AS column_key, c.amount AS column_total, %3$s
			FROM pg_temp.qd_org o
			JOIN pg_temp.qd_parent_cell c ON c.org_id = o.parent_id
			%4$s
			WHERE o.depth = $1 AND ($3 IS NULL OR o.parent_id = $3)
		)
		$query$,
		CASE WHEN by_name THEN 'o.key' ELSE 'o.node_id' END,
		CASE WHEN by_name THEN 'g.key || '' x '' || e.label' ELSE 'c.column_key' END,
		concat_ws(', ',
			CASE WHEN totals THEN 'o.low AS row_low, o.high AS row_high' END,
			CASE WHEN sign = 0 THEN format(CASE WHEN bounded THEN 'CASE WHEN x.org_id IS NULL THEN %s END AS weight' ELSE '%s AS weight' END,
				CASE WHEN mix AND season THEN 'greatest(round(coalesce(f.factor, o.unknown_mix) * coalesce(t.factor, 1), 9), 0.000000001)' WHEN mix THEN 'coalesce(f.factor, o.unknown_mix)' WHEN season THEN 'coalesce(t.factor, 1)' ELSE '1::numeric' END)
			ELSE 'u.free AS weight' END,
			CASE WHEN sign = 0 AND bounded THEN 'CASE WHEN b.low > 0 AND b.locked IS NULL THEN b.low END AS low, CASE WHEN b.locked IS NULL THEN b.high END AS high, b.locked'
			ELSE format('NULL::numeric AS low, %s AS high, NULL::numeric AS locked', CASE sign WHEN 0 THEN 'NULL::numeric' WHEN 1 THEN 'CASE WHEN u.free = 0 THEN 0 END' ELSE 'u.free' END) END),
		concat_ws(' ',
			CASE WHEN by_name THEN 'JOIN pg_temp.qd_product g ON g.product_id = c.product_id JOIN pg_temp.qd_period e ON e.period_id = c.period_id' END,
			CASE WHEN sign = 0 AND bounded THEN
				'LEFT JOIN pg_temp.qd_shut x ON x.org_id = o.node_id AND x.product_id = c.product_id AND x.period_id = c.period_id
				 LEFT JOIN pg_temp.qd_cell b ON b.org_id = o.node_id AND b.product_id = c.product_id AND b.period_id = c.period_id AND x.org_id IS NULL' END,
			CASE WHEN sign = 0 AND mix THEN 'LEFT JOIN pg_temp.qd_mix f ON f.org_id = o.node_id AND f.product_id = c.product_id' END,
			CASE WHEN sign = 0 AND season THEN 'LEFT JOIN pg_temp.qd_season t ON t.org_id = o.node_id AND t.period_id = c.period_id' END,
			CASE WHEN sign <> 0 THEN 'LEFT JOIN pg_temp.qd_free u ON u.org_id = o.node_id AND u.product_id = c.product_id AND u.period_id = c.period_id' END)) END
	|| CASE WHEN totals THEN $query$
		SELECT DISTINCT q.node_id, q.amount
		FROM (SELECT s.node_id, quota_decomp.margins_row_total(s.weight, s.row_key, s.row_total, s.column_key, s.column_total, s.low, s.high, s.locked, $2, s.row_low, s.row_high)
				OVER (PARTITION BY s.parent_id ORDER BY s.node_id, s.product_id, s.period_id) AS amount
			  FROM seed s JOIN pg_temp.qd_restricted r ON r.parent_id = s.parent_id) AS q
		$query$ ELSE $query$
		SELECT q.node_id, q.product_id, q.period_id, (q.a).amount AS amount, nullif((q.a).rule, 'share') AS rule
		FROM (SELECT s.node_id, s.product_id, s.period_id, quota_decomp.allocate_margins_detail(s.weight, s.row_key, s.row_total, s.column_key, s.column_total, s.low, s.high, s.locked, $2)
				OVER (PARTITION BY s.parent_id ORDER BY s.node_id, s.product_id$query$ || CASE WHEN f.in_order THEN '' ELSE ', s.period_id' END || $query$) AS a
			  FROM seed s) AS q
		$query$ || CASE WHEN bounded OR sign <> 0 THEN 'WHERE (q.a).amount IS NOT NULL' ELSE '' END END
	FROM (SELECT sign = 0 AND mix AND NOT season AND NOT bounded AND NOT totals AND NOT by_name AS in_order) AS f
$$;
COMMENT ON FUNCTION quota_decomp._level_query(boolean, boolean, int, boolean, boolean, boolean) IS 'internal: the text of the query that splits parents'' cells over their children, or finds the totals the children can hold';

-- Parent by parent down the tree; the root's cells of the tier are there.
-- sign 0: the target; 1 or -1: a tier above or below it, whose difference is split.
CREATE FUNCTION quota_decomp._split_down(plan_id int, tier quota_decomp.tier, revision int, unit numeric, sign int) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET default_statistics_target = 20 AS $$
#variable_conflict use_variable
DECLARE
	parent record;
	reason text;
	reason_detail text;
	written bigint := 0;
	level_written bigint;
	mix CONSTANT boolean := EXISTS (SELECT FROM pg_temp.qd_mix);
	season CONSTANT boolean := EXISTS (SELECT FROM pg_temp.qd_season);
	bounded boolean;
	-- the view checks each row again, which the owner needs not
	cells CONSTANT text := CASE WHEN has_table_privilege('quota_decomp.target', 'INSERT') THEN 'quota_decomp.target' ELSE 'quota_decomp.editable_target' END;
BEGIN
	CREATE TEMP TABLE qd_restricted (parent_id int) ON COMMIT DROP;
	CREATE TEMP TABLE qd_sum (parent_id int, amount numeric, below numeric) ON COMMIT DROP;
	FOR depth IN 1 .. (SELECT max(o.depth) FROM pg_temp.qd_org o) LOOP
		TRUNCATE pg_temp.qd_parent_cell, pg_temp.qd_restricted, pg_temp.qd_sum;
		-- in the order in which they are looked up below
		INSERT INTO pg_temp.qd_parent_cell
		SELECT t.org_id, t.product_id, t.period_id, CASE WHEN sign = 0 THEN t.amount ELSE sign * (t.amount - u.amount) END, t.product_id::bigint * 1000000 + t.period_id
		FROM quota_decomp.editable_target t
		LEFT JOIN pg_temp.qd_free u ON sign <> 0 AND u.org_id = t.org_id AND u.product_id = t.product_id AND u.period_id = t.period_id
		WHERE t.plan_id = plan_id AND t.tier = tier AND t.revision_from = revision
		  AND t.org_id IN (SELECT o.node_id FROM pg_temp.qd_org o WHERE o.depth = depth - 1 AND NOT o.bottom)
		ORDER BY t.org_id, t.product_id, t.period_id;
		-- what the children sum to: the parent's cells, raised by its uplift; where
		-- the parent holds what the tree asked for, exactly what the tree said
		INSERT INTO pg_temp.qd_sum
		SELECT o.node_id, c.amount,
			   CASE WHEN c.amount = o.asked THEN k.amount
			   ELSE least(greatest(round(c.amount * (1 + o.uplift) / unit) * unit, k.low), k.high) END
		FROM pg_temp.qd_org o
		JOIN (SELECT q.org_id, sum(q.amount) AS amount FROM pg_temp.qd_parent_cell q GROUP BY q.org_id) AS c ON c.org_id = o.node_id
		JOIN (SELECT q.parent_id, sum(q.amount) AS amount, sum(q.low) AS low, CASE WHEN count(*) = count(q.high) THEN sum(q.high) END AS high
			  FROM pg_temp.qd_org q WHERE q.depth = depth GROUP BY q.parent_id) AS k ON k.parent_id = o.node_id;
		UPDATE pg_temp.qd_org o SET amount = a.amount
		FROM (SELECT q.node_id, quota_decomp.allocate(s.below, CASE WHEN q.amount = 0 AND q.high IS DISTINCT FROM 0 THEN unit / 1000 ELSE q.amount END, nullif(q.low, 0), q.high, unit => unit) OVER (PARTITION BY q.parent_id ORDER BY q.sort_no, q.node_id) AS amount
			  FROM pg_temp.qd_org q JOIN pg_temp.qd_sum s ON s.parent_id = q.parent_id
			  WHERE q.depth = depth
				AND q.parent_id IN (SELECT x.parent_id FROM pg_temp.qd_org x JOIN pg_temp.qd_sum y ON y.parent_id = x.parent_id GROUP BY x.parent_id, y.below HAVING sum(x.amount) <> y.below)) AS a
		WHERE a.node_id = o.node_id;
		-- an uplifted parent's cells, raised to that sum
		WITH raised AS (
			SELECT c.org_id, c.product_id, c.period_id,
				   quota_decomp.allocate(s.below, c.amount, floor => b.low, cap => h.high, unit => unit) OVER (PARTITION BY c.org_id ORDER BY c.product_id, c.period_id) AS amount
			FROM pg_temp.qd_parent_cell c
			JOIN pg_temp.qd_sum s ON s.parent_id = c.org_id AND s.below <> s.amount
			LEFT JOIN (SELECT o.parent_id, q.product_id, q.period_id, sum(q.low) AS low FROM pg_temp.qd_cell q JOIN pg_temp.qd_org o ON o.node_id = q.org_id WHERE sign = 0 GROUP BY 1, 2, 3) AS b
				   ON b.parent_id = c.org_id AND b.product_id = c.product_id AND b.period_id = c.period_id
			-- a tier below the target takes at most what is free in the children
			LEFT JOIN (SELECT o.parent_id, u.product_id, u.period_id, sum(u.free) AS high FROM pg_temp.qd_free u JOIN pg_temp.qd_org o ON o.node_id = u.org_id AND o.depth = depth GROUP BY 1, 2, 3) AS h
				   ON sign < 0 AND h.parent_id = c.org_id AND h.product_id = c.product_id AND h.period_id = c.period_id
		)
		UPDATE pg_temp.qd_parent_cell c SET amount = r.amount
		FROM raised r WHERE r.org_id = c.org_id AND r.product_id = c.product_id AND r.period_id = c.period_id;
		ANALYZE pg_temp.qd_parent_cell (org_id, product_id, period_id);
		-- parents whose children cannot have all cells, or have bounds in them
		INSERT INTO pg_temp.qd_restricted
		SELECT DISTINCT o.parent_id FROM pg_temp.qd_org o
		WHERE o.depth = depth
		  AND CASE sign WHEN 0 THEN EXISTS (SELECT FROM pg_temp.qd_shut s WHERE s.org_id = o.node_id) OR EXISTS (SELECT FROM pg_temp.qd_cell c WHERE c.org_id = o.node_id) ELSE true END;
		bounded := EXISTS (SELECT FROM pg_temp.qd_restricted);
		BEGIN
			IF bounded THEN
				EXECUTE format('UPDATE pg_temp.qd_org o SET amount = t.amount FROM (%s) AS t WHERE t.node_id = o.node_id', quota_decomp._level_query(false, true, sign, bounded, mix, season)) USING depth, unit, NULL::int;
			END IF;
			EXECUTE format('INSERT INTO %4$s (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule) '
				'SELECT $4, $5, t.node_id, t.product_id, t.period_id, $6, %2$s, t.rule FROM (%1$s) AS t %3$s', quota_decomp._level_query(false, false, sign, bounded, mix, season),
				CASE sign WHEN 0 THEN 't.amount' WHEN 1 THEN 'u.amount + t.amount' ELSE 'u.amount - t.amount' END,
				CASE sign WHEN 0 THEN '' ELSE 'JOIN pg_temp.qd_free u ON u.org_id = t.node_id AND u.product_id = t.product_id AND u.period_id = t.period_id' END, cells)
				USING depth, unit, NULL::int, plan_id, tier, revision;
			GET DIAGNOSTICS level_written = ROW_COUNT;
			written := written + level_written;
		EXCEPTION WHEN SQLSTATE 'QD001' THEN
			-- again, parent by parent and by name, so that the error can name what
			-- stands against it
			FOR parent IN SELECT o.node_id, o.key FROM pg_temp.qd_org o WHERE o.depth = depth - 1 AND NOT o.bottom ORDER BY o.sort_no, o.node_id LOOP
				BEGIN
					IF EXISTS (SELECT FROM pg_temp.qd_restricted r WHERE r.parent_id = parent.node_id) THEN
						EXECUTE format('UPDATE pg_temp.qd_org o SET amount = t.amount FROM (%s) AS t WHERE t.node_id = o.node_id', quota_decomp._level_query(true, true, sign, bounded, mix, season)) USING depth, unit, parent.node_id;
					END IF;
					EXECUTE quota_decomp._level_query(true, false, sign, bounded, mix, season) USING depth, unit, parent.node_id;
				EXCEPTION WHEN SQLSTATE 'QD001' THEN
					GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT, reason_detail = PG_EXCEPTION_DETAIL;
					RAISE EXCEPTION USING ERRCODE = 'QD001', MESSAGE = format('the cells of %L cannot be split over its members', parent.key),
						DETAIL = concat_ws('. ', reason, nullif(reason_detail, '')),
						HINT = 'Relax a bound, a goal or an eligibility of the members named.';
				END;
			END LOOP;
			RAISE;
		END;
	END LOOP;
	DROP TABLE pg_temp.qd_restricted, pg_temp.qd_sum;
	RETURN written;
END $$;
COMMENT ON FUNCTION quota_decomp._split_down(int, quota_decomp.tier, int, numeric, int) IS 'internal: the cells of every node from those of the root; returns their number';

-- Statistics of what was just written, so that views are planned well before
-- autovacuum comes by; whoever may not is left to it.
CREATE FUNCTION quota_decomp._analyze() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF pg_has_role((SELECT d.datdba FROM pg_database d WHERE d.datname = current_database()), 'USAGE') THEN
		ANALYZE quota_decomp.plan, quota_decomp.node, quota_decomp.node_closure, quota_decomp.node_key, quota_decomp.period, quota_decomp.period_closure,
			quota_decomp.weight, quota_decomp.target;
	END IF;
END $$;
COMMENT ON FUNCTION quota_decomp._analyze() IS 'internal: statistics of the plan layer''s tables, where the current role may ask for them: superusers and the database''s owner';

CREATE FUNCTION quota_decomp.decompose(plan text, visible_rows_only boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
#variable_conflict use_variable
DECLARE
	id int;
	p record;
	root int;
	t record;
	written bigint;
	work_mem CONSTANT text := current_setting('work_mem');
BEGIN
	PERFORM set_config('row_security', CASE WHEN visible_rows_only THEN 'on' ELSE 'off' END, true);
	-- a level of cells is joined and sorted at once: with less it goes through files
	IF pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB') THEN
		PERFORM set_config('work_mem', '64MB', true);
	END IF;
	id := quota_decomp._plan_id(plan, 3);
	PERFORM quota_decomp._lock_draft(id);
	SELECT v.*, quota_decomp._is_rate(v.metric) AS rate INTO p FROM quota_decomp.editable_plan v WHERE v.plan_id = id;

	-- what an earlier decomposition of this revision wrote goes, what the
	-- revision before it said ends here
	DELETE FROM quota_decomp.editable_target g WHERE g.plan_id = id AND g.revision_from = p.revision;
	IF p.revision > 1 THEN
		UPDATE quota_decomp.editable_target g SET revision_to = p.revision WHERE g.plan_id = id AND (g.revision_to IS NULL OR g.revision_to > p.revision);
	END IF;
	DELETE FROM quota_decomp.editable_weight w WHERE w.plan_id = id;
	PERFORM quota_decomp._load_nodes(id);
	PERFORM quota_decomp._load_relief(id);
	-- what was said of somebody who is no longer planned would hold nothing
	SELECT n.key, s.what INTO t
	FROM (SELECT b.org_id, 'a bound: set_bound() without amounts takes it back' AS what FROM quota_decomp.editable_bound b WHERE b.plan_id = id
		  UNION ALL SELECT g.org_id, format('goal %s: drop_goal() lets it go', g.goal_no) FROM quota_decomp.editable_goal g WHERE g.plan_id = id) AS s
	JOIN quota_decomp.editable_node n ON n.plan_id = id AND n.node_id = s.org_id
	WHERE NOT n.planned ORDER BY n.key LIMIT 1;
	IF FOUND THEN
		RAISE object_not_in_prerequisite_state USING MESSAGE = format('%L gets no target any more, but the plan holds something for it', t.key),
			DETAIL = 'The organisation has changed since.', HINT = format('It has %s.', t.what);
	END IF;
	PERFORM quota_decomp._load_drivers(id);
	PERFORM quota_decomp._weigh_time(id);
	IF p.product IS NOT NULL THEN
		PERFORM quota_decomp._weigh_mix(id);
	END IF;
	IF p.rate THEN
		PERFORM quota_decomp._decompose_rate(id);
		SELECT count(*) INTO written FROM quota_decomp.editable_target g WHERE g.plan_id = id AND g.revision_from = p.revision;
	ELSE
		PERFORM quota_decomp._weigh_tree(id, 'product');
		PERFORM quota_decomp._weigh_tree(id, 'org');
		PERFORM quota_decomp._prepare_split(id);
		SELECT o.node_id INTO root FROM pg_temp.qd_org o WHERE o.depth = 0;
		INSERT INTO quota_decomp.editable_target (plan_id, tier, org_id, product_id, period_id, revision_from, amount, rule)
		SELECT id, 'target', root, c.product_id, c.period_id, p.revision, c.amount, c.rule
		FROM quota_decomp._split_company(id, p.total, p.unit) AS c;
		GET DIAGNOSTICS written = ROW_COUNT;
		PERFORM quota_decomp._split_org(id, p.total, p.unit);
		written := written + quota_decomp._split_down(id, 'target', p.revision, p.unit, 0);
		FOR t IN SELECT x.tier FROM quota_decomp.editable_plan_tier x WHERE x.plan_id = id ORDER BY x.tier LOOP
			written := written + quota_decomp._decompose_tier(id, t.tier);
		END LOOP;
		DROP TABLE pg_temp.qd_org, pg_temp.qd_product, pg_temp.qd_period, pg_temp.qd_shut, pg_temp.qd_absent, pg_temp.qd_cell, pg_temp.qd_mix, pg_temp.qd_season, pg_temp.qd_parent_cell, pg_temp.qd_free;
	END IF;
	DROP TABLE pg_temp.qd_driver, pg_temp.qd_fact;
	UPDATE quota_decomp.editable_plan v SET decomposed = true WHERE v.plan_id = id;
	UPDATE quota_decomp.editable_revision r SET made_at = now(), made_by = current_user WHERE r.plan_id = id AND r.revision = p.revision;
	PERFORM quota_decomp._analyze();
	PERFORM set_config('work_mem', work_mem, true);
	RETURN written;
END $$;
COMMENT ON FUNCTION quota_decomp.decompose(text, boolean) IS
'decomposes a plan''s total over product x period and down the organisation to member x product x period, within bounds, locks and goals, in all its tiers; returns the number of cells; nothing is written where something cannot be met';
