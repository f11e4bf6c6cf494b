-- NULLs: every combination of them among the arguments
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

-- the result of a query in one line, or its SQLSTATE
CREATE FUNCTION pg_temp.said(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	res text;
BEGIN
	EXECUTE 'SELECT string_agg(coalesce(a::text, ''NULL''), '' '' ORDER BY i) FROM (' || query || ') s (i, a)' INTO res;
	RETURN res;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- A partition of two rows: total 10, unit 1 and hamilton in both; the first
-- row has weight 1, floor 2, cap 6, locked 4, the second weight 1 and nothing
-- else.  All 128 ways to make some of them NULL.
CREATE TEMP TABLE fixture AS
SELECT CASE WHEN b & 1 = 0 THEN '10' ELSE 'NULL' END AS total,
	CASE WHEN b & 2 = 0 THEN '1' ELSE 'NULL' END AS weight,
	CASE WHEN b & 4 = 0 THEN '2' ELSE 'NULL' END AS floor,
	CASE WHEN b & 8 = 0 THEN '6' ELSE 'NULL' END AS cap,
	CASE WHEN b & 16 = 0 THEN '4' ELSE 'NULL' END AS locked,
	CASE WHEN b & 32 = 0 THEN '1' ELSE 'NULL' END AS unit,
	CASE WHEN b & 64 = 0 THEN 'hamilton' ELSE NULL END AS rounding, b
FROM generate_series(0, 127) b;
CREATE TEMP TABLE outcome AS
SELECT f.*,
	pg_temp.said(format('SELECT n, allocate(%s::numeric, weight, floor, cap, locked, %s::numeric, %L::rounding_rule) OVER (ORDER BY n)
		FROM (VALUES (1, %s::numeric, %s::numeric, %s::numeric, %s::numeric), (2, 1, NULL, NULL, NULL)) AS s (n, weight, floor, cap, locked)',
		total, unit, rounding, weight, floor, cap, locked)) AS allocate,
	pg_temp.said(format('SELECT n, allocate_detail(%s::numeric, weight, floor, cap, locked, %s::numeric, %L::rounding_rule) OVER (ORDER BY n)
		FROM (VALUES (1, %s::numeric, %s::numeric, %s::numeric, %s::numeric), (2, 1, NULL, NULL, NULL)) AS s (n, weight, floor, cap, locked)',
		total, unit, rounding, weight, floor, cap, locked)) AS allocate_detail,
	pg_temp.said(format('SELECT 1, allocate_array(%s, ARRAY[%s, 1], ARRAY[%s, NULL]::numeric[], ARRAY[%s, NULL]::numeric[], ARRAY[%s, NULL]::numeric[], %s, %L)',
		total, weight, floor, cap, locked, unit, rounding)) AS allocate_array,
	pg_temp.said(format('SELECT n, allocate_tree(total, n, parent, weight, floor, cap, locked, NULL, %s::numeric, %L::rounding_rule) OVER (ORDER BY n)
		FROM (VALUES (0, NULL, %s::numeric, NULL, NULL, NULL, NULL), (1, 0, NULL, %s::numeric, %s::numeric, %s::numeric, %s::numeric), (2, 0, NULL, 1, NULL, NULL, NULL)) AS s (n, parent, total, weight, floor, cap, locked)',
		unit, rounding, total, weight, floor, cap, locked)) AS allocate_tree,
	pg_temp.said(format('SELECT n, bounds_tree(n, parent, weight, floor, cap, locked, NULL, %s::numeric) OVER (ORDER BY n)
		FROM (VALUES (0, NULL, NULL, NULL, NULL, NULL), (1, 0, %s::numeric, %s::numeric, %s::numeric, %s::numeric), (2, 0, 1, NULL, NULL, NULL)) AS s (n, parent, weight, floor, cap, locked)',
		unit, weight, floor, cap, locked)) AS bounds_tree
FROM fixture f;

-- with a total, a unit and a rounding: what the first row's NULLs do
SELECT weight, floor, cap, locked, allocate, allocate_detail, allocate_array, allocate_tree
FROM outcome WHERE total <> 'NULL' AND unit <> 'NULL' AND rounding IS NOT NULL ORDER BY b;
SELECT weight, floor, cap, locked, bounds_tree
FROM outcome WHERE total <> 'NULL' AND unit <> 'NULL' AND rounding IS NOT NULL ORDER BY b;
-- a NULL total: NULL rows, whatever else is there; in a tree, where another
-- root may have a total, the rows are looked at all the same
SELECT DISTINCT total, allocate, allocate_detail, allocate_array, allocate_tree
FROM outcome WHERE total = 'NULL' AND unit <> 'NULL' AND rounding IS NOT NULL ORDER BY allocate_tree;
-- a NULL unit or rounding is an error, where there is a total
SELECT DISTINCT total, unit, rounding, allocate, allocate_detail, allocate_array, allocate_tree
FROM outcome WHERE unit = 'NULL' OR rounding IS NULL ORDER BY 1, 2, 3;
SELECT DISTINCT unit, bounds_tree FROM outcome WHERE unit = 'NULL';

-- the policy in words, against all 128
SELECT count(*) AS combinations, count(*) FILTER (WHERE allocate = expected) AS as_expected FROM (
	SELECT *, CASE WHEN total = 'NULL' THEN 'NULL NULL'
		WHEN unit = 'NULL' OR rounding IS NULL THEN '22004'
		WHEN weight = 'NULL' AND (floor <> 'NULL' OR cap <> 'NULL') THEN '22023'	-- a bound without a weight
		WHEN locked <> 'NULL' THEN '4 6'											-- a lock counts, weight or not
		WHEN weight = 'NULL' THEN 'NULL 10'											-- takes no part
		ELSE '5 5' END AS expected FROM outcome) s;

-- the whole array arguments of allocate_array
SELECT t AS total, w AS weights, f AS floors, c AS caps, l AS locked,
	pg_temp.said(format('SELECT 1, allocate_array(%s, %s::numeric[], %s, %s, %s, 1)', t, w, f, c, l)) AS allocate_array
FROM (VALUES ('10'), ('NULL')) t (t), (VALUES ('''{1,1}'''), ('NULL')) w (w), (VALUES ('''{7,NULL}'''), ('NULL')) f (f), (VALUES ('''{NULL,6}'''), ('NULL')) c (c), (VALUES ('''{NULL,2}'''), ('NULL')) l (l)
ORDER BY t, w, f, c, l;
SELECT allocate_array(10, NULL, unit => NULL);
SELECT allocate_array(NULL, '{1,NULL}'), allocate_array(NULL, '{}'), allocate_array(NULL, NULL);

-- nobody takes part
SELECT n, allocate(10, NULL) OVER (), allocate_detail(10, NULL) OVER () FROM generate_series(1, 2) n;
SELECT allocate_array(10, '{NULL,NULL}');
-- a locked row alone may be the whole
SELECT n, allocate(10, NULL, locked => l, unit => 1) OVER (ORDER BY n) FROM (VALUES (1, 10), (2, NULL)) s (n, l);
-- a NULL row of detail is NULL
SELECT n, d IS NULL AS is_null, d IS NOT DISTINCT FROM NULL AS truly_null FROM (
	SELECT n, allocate_detail(10, CASE n WHEN 1 THEN 1 END) OVER () AS d FROM generate_series(1, 2) n) s ORDER BY n;

-- trees: what is NULL in an interior node
SELECT n, p, t, w, allocate_tree(t, n, p, w, unit => 1) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 10, NULL), (2, 1, NULL, NULL), (3, 1, NULL, 1), (4, 2, NULL, NULL), (5, 2, NULL, NULL)) AS s (n, p, t, w);
-- a lock below it makes it take part
SELECT n, p, t, w, l, allocate_tree(t, n, p, w, locked => l, unit => 1) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 10, NULL, NULL), (2, 1, NULL, NULL, NULL), (3, 1, NULL, 1, NULL), (4, 2, NULL, NULL, 3), (5, 2, NULL, NULL, NULL)) AS s (n, p, t, w, l);
-- and so does one of its own, which then must find somebody
SELECT pg_temp.said($$SELECT n, allocate_tree(t, n, p, w, locked => l, unit => 1) OVER (ORDER BY n)
FROM (VALUES (1, NULL, 10, NULL, NULL), (2, 1, NULL, NULL, 3), (3, 1, NULL, 1, NULL), (4, 2, NULL, NULL, NULL)) AS s (n, p, t, w, l)$$);
-- a weight above nobody: nothing but 0
SELECT n, p, t, w, allocate_tree(t, n, p, w, unit => 1) OVER (ORDER BY n), (bounds_tree(n, p, w, unit => 1) OVER (ORDER BY n)).*
FROM (VALUES (1, NULL, 10, NULL), (2, 1, NULL, 5), (3, 1, NULL, 1), (4, 2, NULL, NULL)) AS s (n, p, t, w);
-- the weight omitted or a NULL of the query's text: leaves weigh 1; a NULL column: they take no part
SELECT pg_temp.said('SELECT n, allocate_tree(CASE n WHEN 1 THEN 10 END, n, nullif(1, n), unit => 1) OVER (ORDER BY n) FROM generate_series(1, 3) n') AS omitted,
	pg_temp.said('SELECT n, allocate_tree(CASE n WHEN 1 THEN 10 END, n, nullif(1, n), NULL, unit => 1) OVER (ORDER BY n) FROM generate_series(1, 3) n') AS null,
	pg_temp.said('SELECT n, allocate_tree(CASE n WHEN 1 THEN 10 END, n, nullif(1, n), CASE WHEN n > 99 THEN 1 END, unit => 1) OVER (ORDER BY n) FROM generate_series(1, 3) n') AS null_column,
	pg_temp.said('SELECT n, allocate_tree(CASE n WHEN 1 THEN 0 END, n, nullif(1, n), CASE WHEN n > 99 THEN 1 END, unit => 1) OVER (ORDER BY n) FROM generate_series(1, 3) n') AS null_column_total_0;

-- keys: a NULL node is an error, a NULL parent a root
SELECT v AS value, n AS node, p AS parent, pg_temp.said(format('SELECT i, rollup_tree(v, n, p) OVER (ORDER BY i) FROM (VALUES (1, %s::numeric, %s::int, %s::int), (2, 1, 9, NULL)) s (i, v, n, p)', v, n, p)) AS rollup_tree,
	pg_temp.said(format('SELECT i, allocate_tree(v, n, p, 1, unit => 1) OVER (ORDER BY i) FROM (VALUES (1, %s::numeric, %s::int, %s::int), (2, 1, 9, NULL)) s (i, v, n, p)', v, n, p)) AS allocate_tree
FROM (VALUES ('5'), ('NULL')) v (v), (VALUES ('8'), ('NULL')) n (n), (VALUES ('9'), ('NULL')) p (p) ORDER BY 1, 2, 3;
-- NULL and no uplift are one
SELECT u AS uplift, pg_temp.said(format('SELECT n, allocate_tree(10, n, p, uplift => %s, unit => 1) OVER (ORDER BY n) FROM (VALUES (1, NULL), (2, 1), (3, 1)) s (n, p)', u))
FROM (VALUES ('NULL'), ('0'), ('0.0')) u (u);

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
