-- reconcile_tree: what bad input gets
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
-- over the rows (node, parent, top_down, bottom_up, top_down_trust, bottom_up_trust, floor, cap)
CREATE FUNCTION pg_temp.tree_err(vals text, VARIADIC calls text[] DEFAULT '{reconcile_tree}') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s(node, parent, top_down, bottom_up, top_down_trust, bottom_up_trust, floor, cap, 1) OVER (ORDER BY n) FROM (SELECT row_number() OVER () AS n, node, parent, top_down::numeric, bottom_up::numeric, top_down_trust::float8, bottom_up_trust::float8, floor::numeric, cap::numeric FROM (VALUES %s) AS s (node, parent, top_down, bottom_up, top_down_trust, bottom_up_trust, floor, cap)) s', call, vals)) FROM unnest(calls) call;
$$;

-- the tree itself
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, 1, 1, NULL, NULL), ('Ann', 'Eats', NULL, 1, 1, 1, NULL, NULL)$$, 'reconcile_tree', 'reconcile_tree_detail');
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, 1, 1, NULL, NULL), ('Ann', 'HQ', NULL, 1, 1, 1, NULL, NULL), ('Ann', 'HQ', NULL, 1, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, 1, 1, NULL, NULL), ('a', 'b', NULL, 1, 1, 1, NULL, NULL), ('b', 'a', NULL, 1, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, 1, 1, NULL, NULL), (NULL, 'HQ', NULL, 1, 1, 1, NULL, NULL)$$);

-- trusts
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, -1, 1, NULL, NULL)$$, 'reconcile_tree', 'reconcile_tree_detail');
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, NULL, 1, 'NaN', NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, NULL, 1, '-Infinity', NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 1, 2, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, 5, top_down_trust => -0.5) OVER ()$$);
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, 5, top_down_trust => NULL) OVER ()$$);
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, NULL, top_down_trust => NULL) OVER ()$$);
-- -0 is 0
SELECT pg_temp.tree_err($$('HQ', NULL, 1, NULL, '-0', 1, NULL, NULL)$$);

-- values
SELECT pg_temp.tree_err($$('HQ', NULL, 'NaN', NULL, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, 1e19, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, 3e18, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, -1e300, 1, 1, NULL, NULL)$$);
-- who is fixed is fixed to the unit
SELECT pg_temp.tree_err($$('HQ', NULL, 10.5, NULL, 'Infinity', 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, 10.5, 1, 'Infinity', NULL, NULL)$$);
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, 1, unit => NULL) OVER ()$$);
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, 1, unit => -1) OVER ()$$);
SELECT pg_temp.err($$SELECT reconcile_tree(n, NULL, 1, unit => n) OVER (ORDER BY n) FROM generate_series(1, 2) n$$);

-- two that insist: on one node, on a node and its children
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, NULL, 1, 1, NULL, NULL), ('Ann', 'HQ', 7, 8, float8 'Infinity', float8 'Infinity', NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, NULL, 1, 1, NULL, NULL), ('Ann', 'HQ', 7, 7.0, float8 'Infinity', float8 'Infinity', NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, float8 'Infinity', 1, NULL, NULL), ('East', 'HQ', NULL, 60, 1, float8 'Infinity', NULL, NULL), ('West', 'HQ', NULL, 39, 1, float8 'Infinity', NULL, NULL)$$, 'reconcile_tree', 'reconcile_tree_detail');
-- deep below
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, float8 'Infinity', 1, NULL, NULL), ('East', 'HQ', NULL, NULL, 1, 1, NULL, NULL), ('Ann', 'East', NULL, 60, 1, float8 'Infinity', NULL, NULL), ('Bob', 'East', NULL, 50, 1, float8 'Infinity', NULL, NULL)$$);
-- floors and caps that cannot meet
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, NULL, 50), ('East', 'HQ', NULL, 60, 1, 1, 30, NULL), ('West', 'HQ', NULL, 39, 1, 1, 21, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, 50, NULL), ('East', 'HQ', NULL, 60, 1, 1, NULL, 20), ('West', 'HQ', NULL, 39, 1, 1, NULL, 21)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, 50, 40)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, 40.2, 40.8)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, NULL, -5)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 'Infinity', 1, NULL, 90)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 100, NULL, 1, 1, 'NaN', NULL)$$);
-- sums beyond 64 bits
SELECT pg_temp.tree_err($$('HQ', NULL, NULL, NULL, 1, 1, NULL, NULL), ('East', 'HQ', NULL, 2e18, 1, 1, NULL, NULL), ('West', 'HQ', NULL, 2e18, 1, 1, NULL, NULL)$$);
SELECT pg_temp.tree_err($$('HQ', NULL, 8000000000000000000, NULL, 'Infinity', 1, NULL, NULL)$$);
-- as a plain function
SELECT pg_temp.err($$SELECT reconcile_tree(1, NULL, 1)$$);

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
