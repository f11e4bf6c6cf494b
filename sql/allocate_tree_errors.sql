-- allocate_tree, bounds_tree, rollup_tree: what bad input gets
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;
\pset format unaligned
\pset tuples_only on

-- runs a query, prints what the error says
CREATE FUNCTION pg_temp.err(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	said text;
	detail text;
	hint text;
BEGIN
	EXECUTE query;
	RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT SQLSTATE || ': ' || said;
	IF detail <> '' THEN RETURN NEXT '  detail: ' || detail; END IF;
	IF hint <> '' THEN RETURN NEXT '  hint: ' || hint; END IF;
END $$;
-- every function over the rows (total, node, parent, weight, floor, cap, locked, uplift)
CREATE FUNCTION pg_temp.tree_err(vals text, rest text DEFAULT '', VARIADIC calls text[] DEFAULT '{allocate_tree}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s OVER (ORDER BY n) FROM (SELECT row_number() OVER () AS n, total::numeric, node, parent, weight::numeric, floor::numeric, cap::numeric, locked::numeric, uplift::numeric FROM (VALUES %s) AS s (total, node, parent, weight, floor, cap, locked, uplift)) s',
		CASE call WHEN 'allocate_tree' THEN 'allocate_tree(total, node, parent, weight, floor, cap, locked, uplift, 1' || rest || ')'
			WHEN 'allocate_tree_detail' THEN 'allocate_tree_detail(total, node, parent, weight, floor, cap, locked, uplift, 1' || rest || ')'
			WHEN 'bounds_tree' THEN 'bounds_tree(node, parent, weight, floor, cap, locked, uplift, 1)'
			WHEN 'rollup_tree' THEN 'rollup_tree(weight, node, parent)' ELSE call END, vals)) FROM unnest(calls) call;
$$;

-- the tree itself, alike in all functions
-- unknown parents
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL), (NULL, 'Ann', 'Eats', 1, NULL, NULL, NULL, NULL)$$,
	'', 'allocate_tree', 'allocate_tree_detail', 'bounds_tree', 'rollup_tree');
-- duplicate nodes
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$,
	'', 'allocate_tree', 'allocate_tree_detail', 'bounds_tree', 'rollup_tree');
-- cycles: of two, of one, beside a sound tree
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'a', 'b', 1, NULL, NULL, NULL, NULL), (NULL, 'b', 'a', 1, NULL, NULL, NULL, NULL)$$,
	'', 'allocate_tree', 'allocate_tree_detail', 'bounds_tree', 'rollup_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', 'HQ', NULL, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree', 'rollup_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, 1, NULL, NULL, NULL, NULL), (NULL, 'a', 'c', 1, NULL, NULL, NULL, NULL), (NULL, 'b', 'a', 1, NULL, NULL, NULL, NULL), (NULL, 'c', 'b', 1, NULL, NULL, NULL, NULL), (NULL, 'd', 'c', 1, NULL, NULL, NULL, NULL)$$);
-- NULL keys
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, NULL, 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree', 'rollup_tree');
-- keys of other types
SELECT pg_temp.tree_err($$(10, 1, NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 2, 7, 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, DATE '2024-01-01', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, '2024-01-01', NULL, 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.err($$SELECT allocate_tree(1, 'a'::text, 1) OVER ()$$);
SELECT pg_temp.err($$SELECT rollup_tree(1, point(0, 0), NULL) OVER ()$$);

-- totals
SELECT pg_temp.tree_err($$(10.5, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'allocate_tree_detail');
SELECT pg_temp.tree_err($$('NaN', 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(1e19, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);

-- weights
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', -1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 'NaN', NULL, NULL, NULL, NULL)$$);
-- an interior weight of 0 over positive leaves
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 0, NULL, NULL, NULL, NULL), (NULL, 'Ann', 'East', 5, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, 0, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, NULL, NULL, NULL), (NULL, 'Ann', 'East', 5, NULL, NULL, NULL, NULL)$$);
-- over leaves of weight 0 it is none
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 0, NULL, NULL, NULL, NULL), (NULL, 'Ann', 'East', 0, NULL, NULL, NULL, NULL)$$);
-- nobody takes part
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(0, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, NULL, NULL, NULL)$$);
-- a weight above nobody
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 5, NULL, NULL, NULL, NULL), (NULL, 'Ann', 'East', NULL, NULL, NULL, NULL, NULL)$$);

-- uplift
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, -0.05), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, 'NaN'), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(9000000000000000000, 'HQ', NULL, NULL, NULL, NULL, NULL, 0.5), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, 1e30), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, 0.05), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$, $$, 'cumulative'$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, 0), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$, $$, 'cumulative'$$);

-- bounds that cannot be met: the message has the node and the numbers
-- floors above the root's total
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, 6, NULL, NULL, NULL), (NULL, 'West', 'HQ', 1, 5, NULL, NULL, NULL)$$, '', 'allocate_tree', 'allocate_tree_detail', 'bounds_tree');
-- caps below it
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, 4, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, 5, NULL, NULL)$$);
-- a second root
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, 1, NULL, NULL, NULL, NULL), (20, 'Other', NULL, 1, NULL, NULL, NULL, NULL), (NULL, 'East', 'Other', 1, NULL, 4, NULL, NULL)$$);
-- a cap in the middle below the floors under it
SELECT pg_temp.tree_err($$(100, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, 10, NULL, NULL), (NULL, 'Ann', 'East', 1, 6, NULL, NULL, NULL), (NULL, 'Bob', 'East', 1, 5, NULL, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
-- a floor in the middle above the caps under it
SELECT pg_temp.tree_err($$(100, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, 20, NULL, NULL, NULL), (NULL, 'Ann', 'East', 1, NULL, 6, NULL, NULL), (NULL, 'Bob', 'East', 1, NULL, 5, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
-- a lock in the middle that the leaves cannot hold
SELECT pg_temp.tree_err($$(100, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, NULL, 20, NULL), (NULL, 'Ann', 'East', 1, NULL, 6, NULL, NULL), (NULL, 'Bob', 'East', 1, NULL, 5, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(100, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, NULL, NULL, 20, NULL), (NULL, 'Ann', 'East', 1, NULL, NULL, 15, NULL), (NULL, 'Bob', 'East', 1, NULL, NULL, 6, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
-- a locked root is its total
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, 11, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, 10, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
-- a negative total
SELECT pg_temp.tree_err($$(-10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, -4, NULL, NULL, NULL), (NULL, 'West', 'HQ', 1, -5, NULL, NULL, NULL)$$);

-- a node's own bounds
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, 6, 5, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, 'NaN', NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, 2.5, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, 3, NULL, 2, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, -5, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
-- beside a leaf's NULL weight; above, there is nothing wrong with them
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'East', 'HQ', NULL, 3, NULL, NULL, NULL), (NULL, 'West', 'HQ', 1, NULL, NULL, NULL, NULL)$$, '', 'allocate_tree', 'bounds_tree');
SELECT pg_temp.tree_err($$(10, 'HQ', NULL, NULL, 10, 10, NULL, NULL), (NULL, 'East', 'HQ', 1, NULL, NULL, NULL, NULL)$$);

-- units, roundings
SELECT pg_temp.err('SELECT allocate_tree(10, 1, NULL, unit => 0) OVER ()');
SELECT pg_temp.err('SELECT allocate_tree(10, 1, NULL, unit => NULL) OVER ()');
SELECT pg_temp.err('SELECT allocate_tree(10, 1, NULL, rounding => NULL) OVER ()');
SELECT pg_temp.err('SELECT allocate_tree(10, n, NULL, unit => n) OVER () FROM generate_series(1, 2) n');
SELECT pg_temp.err('SELECT bounds_tree(1, NULL, unit => -1) OVER ()');
SELECT pg_temp.err('SELECT bounds_tree(1, NULL, unit => NULL) OVER ()');

-- only over a window
SELECT pg_temp.err('SELECT allocate_tree(10, 1, NULL)');
SELECT pg_temp.err('SELECT rollup_tree(10, 1, NULL)');
SELECT pg_temp.err('SELECT bounds_tree(1, NULL)');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
