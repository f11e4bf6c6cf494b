-- What an answer of allocate_margins must stand, from the design and not from
-- the C code: certificates instead of a second solver.  A grid is a network
-- from rows to columns, a cell an arc of it; an answer is the best one exactly
-- when no cycle of cells that may be raised and lowered in turn improves it.
--
-- Load into a scratch transaction: \ir ../oracle/margins.sql
--
-- Table `cell` is one row a cell: g the grid, r and c its keys as integers from
-- 1, w, lo, hi, lock, u the unit, rt and ct the totals.  The oracle makes of it
-- `eff`: weights and bounds as the rules say, in units; ew NULL: takes no part.

CREATE SCHEMA margins;

-- bounds nobody gave
CREATE FUNCTION margins.none() RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 1e18';

-- fills eff from cell; once a script
CREATE PROCEDURE margins.make_eff() LANGUAGE plpgsql AS $$
BEGIN
	CREATE TEMP TABLE eff AS
	SELECT g, i, r, c, u, div(rt, u) AS rt, div(ct, u) AS ct, negative, equal, locked,
		CASE WHEN rt IS NULL OR ct IS NULL OR locked OR w IS NULL THEN NULL WHEN equal THEN 1 ELSE w END AS ew,
		CASE WHEN rt IS NULL OR ct IS NULL THEN 0 WHEN locked THEN div(lock, u) WHEN w IS NULL THEN 0
			WHEN w = 0 AND NOT equal AND negative THEN coalesce(floor(hi / u), 0)
			ELSE coalesce(ceil(lo / u), CASE WHEN negative AND (w > 0 OR equal) THEN -margins.none() ELSE 0 END) END AS l,
		CASE WHEN rt IS NULL OR ct IS NULL THEN 0 WHEN locked THEN div(lock, u) WHEN w IS NULL THEN 0
			WHEN w = 0 AND NOT equal AND NOT negative THEN coalesce(ceil(lo / u), 0)
			ELSE coalesce(floor(hi / u), CASE WHEN negative OR w = 0 AND NOT equal THEN 0 ELSE margins.none() END) END AS h
	FROM (SELECT *, lock IS NOT NULL AS locked FROM cell) a
		-- the grand total: what the rows that take part have
		JOIN (SELECT g, sum(t) < 0 AS negative FROM (SELECT DISTINCT g, r, rt AS t FROM cell) x GROUP BY g) n USING (g)
		JOIN (SELECT g, NOT bool_or(w > 0 AND lock IS NULL AND rt IS NOT NULL AND ct IS NOT NULL) IS TRUE AS equal FROM cell GROUP BY g) z USING (g);
	CREATE INDEX ON eff (g, i);
	ANALYZE eff;
END $$;

-- Arcs u -> v of a network per g; rows are 1, 2, ..., columns -1, -2, ...
CREATE TABLE margins.arc (g text, u int, v int, cost float8);

-- The grids in arc that have a cycle of negative cost (Bellman-Ford from all
-- nodes at once): a distance that still falls after more rounds than there
-- are nodes.
CREATE FUNCTION margins.improvable() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	rounds int := (SELECT coalesce(max(nodes), 0) + 2 FROM (SELECT count(DISTINCT u) AS nodes FROM margins.arc GROUP BY g) x);
	touched bigint;
BEGIN
	CREATE TEMP TABLE best ON COMMIT DROP AS SELECT g, u, min(cost) AS cost, v FROM margins.arc GROUP BY g, u, v;
	CREATE TEMP TABLE dist ON COMMIT DROP AS SELECT DISTINCT g, v AS node, 0::float8 AS d, true AS fresh FROM margins.arc;
	CREATE INDEX ON best (g, u);
	ANALYZE best;
	ANALYZE dist;
	FOR round IN 1 .. rounds LOOP
		CREATE TEMP TABLE better AS
		SELECT d.g, d.node, least(min(n.d), d.d) AS d, min(n.d) < d.d - 1e-12 AS fresh
		FROM dist d LEFT JOIN (SELECT b.g, b.v, f.d + b.cost AS d FROM dist f JOIN best b ON b.g = f.g AND b.u = f.node WHERE f.fresh) n ON n.g = d.g AND n.v = d.node
		GROUP BY d.g, d.node, d.d;
		DROP TABLE dist;
		ALTER TABLE better RENAME TO dist;
		ANALYZE dist;
		SELECT count(*) INTO touched FROM dist WHERE fresh;
		EXIT WHEN touched = 0;
	END LOOP;
	RETURN QUERY SELECT DISTINCT g FROM dist WHERE fresh;
	DROP TABLE best, dist;
	TRUNCATE margins.arc;
END $$;

-- Pairs (g, u, v) where v can be reached from u along arcs.
CREATE FUNCTION margins.reachable() RETURNS TABLE (g text, u int, v int) LANGUAGE sql AS $$
	WITH RECURSIVE walk AS (
		SELECT a.g, a.u, a.v FROM margins.arc a
		UNION SELECT w.g, w.u, a.v FROM walk w JOIN margins.arc a ON a.g = w.g AND a.u = w.v
	) SELECT * FROM walk
$$;

-- Gale and Hoffman: a set of rows A and a set of columns B for which the totals
-- of A exceed those of B by more than A can put into other columns, and other
-- rows must put into B.  There is one exactly when there is no solution.  All
-- subsets: for small grids.
CREATE FUNCTION margins.violated(grid text) RETURNS TABLE (a int[], b int[]) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY WITH e AS (SELECT * FROM eff WHERE g = grid),
	rs AS (SELECT DISTINCT r, rt FROM e WHERE rt IS NOT NULL),
	cs AS (SELECT DISTINCT c, ct FROM e WHERE ct IS NOT NULL),
	ra AS (SELECT m, (SELECT array_agg(r) FROM rs WHERE m & (1 << r) <> 0) AS a, (SELECT coalesce(sum(rt), 0) FROM rs WHERE m & (1 << r) <> 0) AS t FROM generate_series(0, 2 << (SELECT max(r) FROM rs)) m),
	cb AS (SELECT m, (SELECT array_agg(c) FROM cs WHERE m & (1 << c) <> 0) AS b, (SELECT coalesce(sum(ct), 0) FROM cs WHERE m & (1 << c) <> 0) AS t FROM generate_series(0, 2 << (SELECT max(c) FROM cs)) m)
	SELECT ra.a, cb.b FROM ra, cb WHERE ra.m & 1 = 0 AND cb.m & 1 = 0
		AND ra.t - cb.t > (SELECT coalesce(sum(h) FILTER (WHERE ra.m & (1 << r) <> 0 AND cb.m & (1 << c) = 0), 0)
			- coalesce(sum(l) FILTER (WHERE ra.m & (1 << r) = 0 AND cb.m & (1 << c) <> 0), 0) FROM e WHERE e.rt IS NOT NULL AND e.ct IS NOT NULL);
END $$;
