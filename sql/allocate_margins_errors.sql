-- allocate_margins: what bad input gets
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
-- cells (row, its total, column, its total, weight, floor, cap, locked) in that order
CREATE FUNCTION pg_temp.cells(vals text, rest text DEFAULT '') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT allocate_margins(weight, r, rt, c, ct, floor, cap, locked, 1%s) OVER (ORDER BY n)
		FROM (SELECT row_number() OVER () AS n, r::text, rt::numeric, c::text, ct::numeric, weight::numeric, floor::numeric, cap::numeric, locked::numeric FROM (VALUES %s) AS s (r, rt, c, ct, weight, floor, cap, locked)) s', rest, vals));
$$;

-- keys
-- the same cell twice
SELECT pg_temp.cells($$('East', 10, 'Core', 5, 1, NULL, NULL, NULL), ('East', 10, 'Plus', 5, 1, NULL, NULL, NULL), ('East', 10, 'Core', 5, 1, NULL, NULL, NULL)$$);
-- even where it takes no part
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, NULL), ('East', 10, 'Core', 10, NULL, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', NULL, 'Core', 10, 1, NULL, NULL, NULL), ('East', NULL, 'Core', 10, 1, NULL, NULL, NULL)$$);
-- NULL
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, NULL), (NULL, 10, 'Core', 10, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, NULL), ('East', 10, NULL, 10, 1, NULL, NULL, NULL)$$);
-- of types that cannot be hashed, or are not known
SELECT pg_temp.err($$SELECT allocate_margins(1, box '(0,0),(1,1)', 1, 'a'::text, 1) OVER ()$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 'a'::text, 1, box '(0,0),(1,1)', 1) OVER ()$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 'a', 1, 'b', 1) OVER ()$$);

-- totals
-- two of a row, two of a column
SELECT pg_temp.cells($$('East', 10, 'Core', 5, 1, NULL, NULL, NULL), ('East', 11, 'Plus', 5, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 5, 1, NULL, NULL, NULL), ('West', 10, 'Core', 6, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 5, 1, NULL, NULL, NULL), ('East', NULL, 'Plus', 5, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', NULL, 1, NULL, NULL, NULL), ('West', 10, 'Core', 20, 1, NULL, NULL, NULL)$$);
-- no multiples of the unit, no numbers
SELECT pg_temp.cells($$('East', 10.5, 'Core', 10.5, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10.5, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 'NaN', 'Core', 10, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 1e19, 'Core', 1e19, 1, NULL, NULL, NULL)$$);
-- each fits, the sum does not
SELECT pg_temp.cells($$('East', 9e18, 'Core', 9e18, 1, NULL, NULL, NULL), ('West', 9e18, 'Plus', 9e18, 1, NULL, NULL, NULL)$$);
-- they disagree
SELECT pg_temp.cells($$('East', 10, 'Core', 12, 1, NULL, NULL, NULL), ('East', 10, 'Plus', 3, 1, NULL, NULL, NULL), ('West', 6, 'Core', 12, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, r, 33.33, c, 50) OVER (ORDER BY r, c) FROM generate_series(1, 3) r, generate_series(1, 2) c$$);
-- also when a NULL total leaves a row out
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, NULL), ('West', NULL, 'Core', 10, 1, NULL, NULL, NULL), ('East', 10, 'Plus', 5, 1, NULL, NULL, NULL), ('West', NULL, 'Plus', 5, 1, NULL, NULL, NULL)$$);

-- weights
SELECT pg_temp.cells($$('East', 10, 'Core', 10, -1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 'NaN', NULL, NULL, NULL)$$);
SELECT pg_temp.err($$SELECT allocate_margins(1::float8, 'a'::text, 1, 'b'::text, 1) OVER ()$$);
-- negative even where it takes no part
SELECT pg_temp.cells($$('East', NULL, 'Core', 10, -1, NULL, NULL, NULL)$$);

-- bounds
SELECT pg_temp.cells($$('East', 10, 'Core', 10, NULL, 5, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, NULL, NULL, 5, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, 6, 5, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, 5.2, 5.8, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, 'NaN', NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, -1, NULL)$$);
SELECT pg_temp.cells($$('East', -10, 'Core', -10, 1, 1, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, 2.5)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, 3, NULL, 2)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, 3, 4)$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, 'NaN')$$);

-- unit and rounding
SELECT pg_temp.err($$SELECT allocate_margins(1, 1, 1, 1, 1, unit => 0) OVER ()$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 1, 1, 1, 1, unit => NULL) OVER ()$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 1, 2, c, 1, unit => c) OVER () FROM generate_series(1, 2) c$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 1, 1, 1, 1, rounding => NULL) OVER ()$$);
SELECT pg_temp.err($$SELECT allocate_margins(1, 1, 2, c, 1, rounding => CASE c WHEN 1 THEN 'hamilton' ELSE 'webster' END::rounding_rule) OVER () FROM generate_series(1, 2) c$$);
SELECT pg_temp.cells($$('East', 10, 'Core', 10, 1, NULL, NULL, NULL)$$, $$, 'cumulative'$$);

-- what cannot be reached: the set that is in conflict
-- the diagonal
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('East', 60, 'Plus', 50, 0, NULL, NULL, NULL), ('West', 40, 'Core', 50, 0, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('East', 60, 'Plus', 50, 0, NULL, NULL, NULL), ('West', 40, 'Core', 50, 0, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$, $$, 'webster'$$);
-- the same, cells that are not there
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
-- a row of zeros
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('East', 60, 'Plus', 20, 3, NULL, NULL, NULL), ('West', 10, 'Core', 50, 0, NULL, NULL, NULL), ('West', 10, 'Plus', 20, 0, NULL, NULL, NULL)$$);
-- a row of NULL weights
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('East', 60, 'Plus', 20, 3, NULL, NULL, NULL), ('West', 10, 'Core', 50, NULL, NULL, NULL, NULL), ('West', 10, 'Plus', 20, NULL, NULL, NULL, NULL)$$);
-- two rows that share one small column
SELECT pg_temp.cells($$('A', 10, 'x', 15, 1, NULL, NULL, NULL), ('B', 10, 'x', 15, 1, NULL, NULL, NULL), ('C', 10, 'y', 10, 1, NULL, NULL, NULL), ('C', 10, 'z', 5, 1, NULL, NULL, NULL), ('C', 10, 'x', 15, 1, NULL, NULL, NULL)$$);
-- caps of a row, caps of a column
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, 30, NULL), ('East', 60, 'Plus', 50, 1, NULL, 25.5, NULL), ('West', 40, 'Core', 50, 1, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, 30, NULL), ('East', 60, 'Plus', 50, 1, NULL, NULL, NULL), ('West', 40, 'Core', 50, 1, NULL, 10, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
-- floors, locks
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, 40, NULL, NULL), ('East', 60, 'Plus', 50, 1, 20.5, NULL, NULL), ('West', 40, 'Core', 50, 1, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, 55), ('East', 60, 'Plus', 50, 1, NULL, NULL, NULL), ('West', 40, 'Core', 50, 1, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, 5), ('East', 60, 'Plus', 50, 1, NULL, NULL, 5), ('West', 40, 'Core', 50, 1, NULL, NULL, NULL), ('West', 40, 'Plus', 50, 1, NULL, NULL, NULL)$$);
-- a negative total beside positive ones
SELECT pg_temp.cells($$('East', 60, 'Core', 50, 1, NULL, NULL, NULL), ('West', -10, 'Core', 50, 1, NULL, NULL, NULL)$$);
-- below 0
SELECT pg_temp.cells($$('East', -60, 'Core', -50, 1, NULL, NULL, NULL), ('East', -60, 'Plus', -50, 0, NULL, NULL, NULL), ('West', -40, 'Core', -50, 0, NULL, NULL, NULL), ('West', -40, 'Plus', -50, 1, NULL, NULL, NULL)$$);
-- very many names are cut short
SELECT pg_temp.err($$SELECT allocate_margins(CASE WHEN r <= 400 AND c <= 300 OR r > 400 AND c > 300 THEN 1 ELSE 0 END, r, 10, 'column ' || c, CASE WHEN c <= 300 THEN 10 ELSE 20 END) OVER (ORDER BY r, c) FROM generate_series(1, 700) r, generate_series(1, 500) c$$);
-- from the detail
SELECT pg_temp.err($$SELECT allocate_margins_detail(1, r, 1, c, 1, cap => 0.4, unit => 0.1) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c$$);

-- not a window call
SELECT pg_temp.err('SELECT allocate_margins(1, 1, 1, 1, 1)');
SELECT pg_temp.err('SELECT allocate_margins_detail(1, 1, 1, 1, 1)');

-- nothing else happens: a bad grid does not spoil the next query
SELECT allocate_margins(1, r, 1, c, 1, unit => 1) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
