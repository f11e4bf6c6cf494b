-- disaggregate: what bad input gets
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
-- rows (n, total, bucket, indicator, days) of one partition
CREATE FUNCTION pg_temp.rows_err(vals text, call text DEFAULT 'disaggregate(total, bucket, indicator, days, unit => 1)') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s OVER (ORDER BY n) FROM (VALUES (0, NULL::numeric, NULL::text, NULL::numeric, NULL::numeric), %s) AS s (n, total, bucket, indicator, days) WHERE n > 0', call, vals));
$$;

-- totals
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 11, ''Q1'', 1, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, NULL, ''Q1'', 1, 1)');
SELECT pg_temp.rows_err('(1, NULL, ''Q1'', 1, 1), (2, 0, ''Q1'', 1, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 10.0, ''Q1'', 1, 1), (3, 11, ''Q2'', 1, 1), (4, 12, ''Q2'', NULL, 1)');
SELECT pg_temp.rows_err('(1, 10.5, ''Q1'', 1, 1)');
SELECT pg_temp.rows_err('(1, ''NaN'', ''Q1'', 1, 1)');
SELECT pg_temp.rows_err('(1, 1e19, ''Q1'', 1, 1)');
-- buckets
SELECT pg_temp.rows_err('(1, 10, NULL, 1, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 10, ''Q2'', 1, 1), (3, 10, ''Q1'', 1, 1)');
SELECT pg_temp.err('SELECT disaggregate(10, ''(1,2)''::point) OVER (ORDER BY 1)');
-- the order
SELECT pg_temp.err('SELECT disaggregate(10, 1) OVER () FROM generate_series(1, 2)');
SELECT pg_temp.err('SELECT disaggregate(10, 1) OVER (ORDER BY n / 2) FROM generate_series(1, 3) n');
SELECT pg_temp.err('SELECT disaggregate(10, 1) OVER ()');
-- indicators
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 10, ''Q1'', -2.50, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 10, ''Q1'', -2.50, 1)', 'disaggregate(total, bucket, indicator, method => ''additive'')');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', ''NaN'', 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1e301, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1e-301, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1e400, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1e300, 1e300), (2, 10, ''Q1'', 1e-300, 1e-300)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 20, ''Q2'', 0, 1), (3, 20, ''Q2'', NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 1), (2, 20, ''Q2'', 0, 1), (3, 20, ''Q2'', NULL, 1)', 'disaggregate(total, bucket, indicator, method => ''additive'')');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', NULL, 1)');
SELECT pg_temp.rows_err('(1, 0, ''Q1'', NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, 0)', 'disaggregate(total, bucket, indicator, days, ''additive'')');
SELECT pg_temp.err('SELECT disaggregate(10, 1, -1) OVER (ORDER BY 1)');
-- days
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, NULL)');
SELECT pg_temp.rows_err('(1, 0, ''Q1'', NULL, NULL)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, -1)');
SELECT pg_temp.rows_err('(1, 10, ''Q1'', 1, ''NaN'')');
SELECT pg_temp.err('SELECT disaggregate(10, 1, days => NULL) OVER (ORDER BY 1)');
-- method and unit
SELECT pg_temp.err('SELECT disaggregate(10, 1, method => NULL) OVER (ORDER BY 1)');
SELECT pg_temp.err('SELECT disaggregate(10, 1, method => ''denton'') OVER (ORDER BY 1)');
SELECT pg_temp.err('SELECT disaggregate(10, 1, method => m) OVER (ORDER BY m) FROM unnest(enum_range(NULL::disaggregation_method)) m');
SELECT pg_temp.err('SELECT disaggregate(10, 1, unit => NULL) OVER (ORDER BY 1)');
SELECT pg_temp.err('SELECT disaggregate(10, 1, unit => 0) OVER (ORDER BY 1)');
SELECT pg_temp.err('SELECT disaggregate(10, 1, unit => u) OVER (ORDER BY u) FROM generate_series(1, 2) u');
-- results beyond 64 bits: the indicator grows a million times where there is no total
SELECT pg_temp.rows_err('(1, 9000000000000000000, ''Q1'', 1, 1), (2, NULL, ''Q2'', 1000000, 1)');
-- without OVER; float8
SELECT pg_temp.err('SELECT disaggregate(10, 1)');
SELECT pg_temp.err('SELECT disaggregate(10::float8, 1) OVER (ORDER BY 1)');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
