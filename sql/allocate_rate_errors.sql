-- allocate_rate: what bad input gets
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
-- rows (n, rate, baseline, volume, floor, cap) of one partition
CREATE FUNCTION pg_temp.rows_err(vals text, call text DEFAULT 'allocate_rate(rate, baseline, volume, floor => floor, cap => cap)') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s OVER (ORDER BY n) FROM (VALUES (0, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric), %s) AS s (n, rate, baseline, volume, floor, cap) WHERE n > 0', call, vals));
$$;

-- what cannot be reached: how near it can come
SELECT pg_temp.rows_err('(1, 0.5, 0.2, 100, NULL, 0.3), (2, 0.5, 0.4, 100, NULL, 0.45)');
SELECT pg_temp.rows_err('(1, 0.1, 0.2, 100, 0.15, NULL), (2, 0.1, 0.4, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.1, 0.2, 100, 0.15, NULL), (2, 0.1, 0.4, 100, 0.3, NULL)');
SELECT pg_temp.rows_err('(1, 0.9, 0.2, 100, NULL, NULL), (2, 0.9, 0.4, 300, NULL, NULL)', 'allocate_rate(rate, baseline, volume, ''close_gap'')');
SELECT pg_temp.rows_err('(1, 0.1, 0.2, 100, NULL, NULL), (2, 0.1, 0.4, 300, NULL, NULL)', 'allocate_rate(rate, baseline, volume, ''close_gap'')');
SELECT pg_temp.rows_err('(1, 0.39, 0.2, 100, NULL, 0.3), (2, 0.39, 0.4, 300, NULL, 0.35)', 'allocate_rate(rate, baseline, volume, ''close_gap'', cap => cap)');
SELECT pg_temp.rows_err('(1, 0.3, 0.2, 100, NULL, NULL), (2, 0.3, 0.2, 300, NULL, NULL)', 'allocate_rate(rate, baseline, volume, ''close_gap'')');
-- scale leaves a baseline of 0 at 0
SELECT pg_temp.rows_err('(1, 0.3, 0, 100, NULL, NULL), (2, 0.3, 0.2, 100, NULL, 0.5)');
-- a shift does not go below 0 where nothing is
SELECT pg_temp.rows_err('(1, 0.3, 0.1, 100, NULL, 0.2), (2, 0.3, 0.2, 100, NULL, 0.2)', 'allocate_rate(rate, baseline, volume, ''shift'', cap => cap)');
-- the range is exact
SELECT pg_temp.rows_err('(1, 0.3749, 0.2, 100, 0.3, 0.3), (2, 0.3749, 0.4, 300, 0.4, 0.4)');
SELECT pg_temp.rows_err('(1, 0.3750, 0.2, 100, 0.3, 0.3), (2, 0.3750, 0.4, 300, 0.4, 0.4)');

-- rates
SELECT pg_temp.rows_err('(1, 0.26005, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.260000, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, ''NaN'', 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, NULL), (2, 0.27, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, NULL), (2, NULL, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, NULL, 0.2, 100, NULL, NULL), (2, 0.26, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 1e15, 0.2, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 1e40, 0.2, 100, NULL, NULL)');
-- baselines
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, NULL), (2, 0.26, ''NaN'', 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 1e15, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 1e14, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 12345678901234567890123, 100, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 1e40, 100, NULL, NULL)');
-- volumes
SELECT pg_temp.rows_err('(1, 0.26, 0.2, -1, NULL, NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, ''NaN'', NULL, NULL)');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, -1) OVER ()');
-- floors and caps
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, 0.3, 0.2)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, 0.20001, 0.20002)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, ''NaN'', NULL)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, 1e14)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, 1e13)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, NULL, 1e15)');
SELECT pg_temp.rows_err('(1, 0.26, 0.2, 100, 0.1, NULL), (2, 0.26, 0.2, 100, 1e40, NULL)');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, cap => 1e15) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, cap => 1e15, scale => 2) OVER ()');
-- method and scale
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, NULL) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, ''multiply'') OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, m) OVER () FROM unnest(enum_range(NULL::rate_method)) m');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, scale => NULL) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, scale => -1) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, scale => 16) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.35, 0.2, 1, scale => 1) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, scale => s) OVER (ORDER BY s) FROM generate_series(2, 3) s');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1, scale => s) OVER () FROM (VALUES (2), (NULL)) v (s)');
-- results beyond 64 bits
SELECT pg_temp.rows_err('(1, 100, 0.0000001, 0.000000000001, NULL, NULL), (2, 100, 0, 1000000, NULL, NULL)');
-- without OVER; without volumes; float8
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2, 1)');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2) OVER ()');
SELECT pg_temp.err('SELECT allocate_rate(0.3, 0.2::float8, 1) OVER ()');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
