-- allocate: what bad input gets
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
-- rows (n, total, weight, floor, cap, locked, unit) of one partition
CREATE FUNCTION pg_temp.rows_err(vals text, call text DEFAULT 'allocate(total, weight, floor, cap, locked, unit)') RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s OVER (ORDER BY n) FROM (VALUES %s) AS s (n, total, weight, floor, cap, locked, unit)', call, vals));
$$;

-- weights
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 10, -1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 10, -0.0000001, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, ''NaN''::numeric, NULL::numeric, NULL::numeric, NULL::numeric, 1)');
-- even in a locked row
SELECT pg_temp.rows_err('(1, 10, -1, NULL::numeric, NULL::numeric, 10, 1)');
-- float8: needs a cast
SELECT pg_temp.err('SELECT allocate(10, 0.5::float8) OVER ()');

-- totals
SELECT pg_temp.rows_err('(1, 10.005, 1, NULL::numeric, NULL::numeric, NULL::numeric, 0.01)');
SELECT pg_temp.rows_err('(1, 1500, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1000)');
SELECT pg_temp.rows_err('(1, ''NaN''::numeric, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 11, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, NULL, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, NULL, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
-- the same in another scale is the same
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 10.00, 1, NULL, NULL, NULL, 1.0)');

-- units
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 0)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, -0.01)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, ''NaN''::numeric)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 0.01)');

-- rounding
SELECT pg_temp.err('SELECT allocate(10, rounding => ''bankers'') OVER ()');
SELECT pg_temp.err('SELECT allocate(10, rounding => NULL) OVER ()');
SELECT pg_temp.err('SELECT allocate(10, rounding => CASE n WHEN 1 THEN ''hamilton'' ELSE ''webster'' END::rounding_rule) OVER (ORDER BY n) FROM generate_series(1, 2) n');

-- floors and caps
SELECT pg_temp.rows_err('(1, 10, 1, 6, 5, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, 5.2, 5.8, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, ''NaN''::numeric, NULL::numeric, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, ''NaN''::numeric, NULL::numeric, 1)');
-- below an implied floor of 0, above an implied cap of 0
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, -5, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, -10, 1, 5, NULL::numeric, NULL::numeric, 1), (2, -10, 1, NULL, NULL, NULL, 1)');
-- beside a NULL weight
SELECT pg_temp.rows_err('(1, 10, NULL::numeric, 5, NULL::numeric, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, NULL::numeric, NULL::numeric, 5, NULL::numeric, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, NULL::numeric, NULL::numeric, 5, 4, 1), (2, 10, 1, NULL, NULL, NULL, 1)');

-- locks
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, 2.5, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, 3, NULL::numeric, 2, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, 3, 4, 1), (2, 10, 1, NULL, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, ''NaN''::numeric, 1)');

-- what cannot be met: the message has the total and what can be reached
-- locks above the total
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, 7, 1), (2, 10, 1, NULL, NULL, 4, 1), (3, 10, 1, NULL, NULL, NULL, 1)');
-- locks below the total, and nobody else
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, 7, 1)');
SELECT pg_temp.rows_err('(1, 10, NULL::numeric, NULL::numeric, NULL::numeric, 7, 1), (2, 10, NULL, NULL, NULL, NULL, 1)');
-- floors above the total
SELECT pg_temp.rows_err('(1, 10, 1, 6, NULL::numeric, NULL::numeric, 1), (2, 10, 1, 4.1, NULL, NULL, 1)');
-- caps below it
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, 4, NULL::numeric, 1), (2, 10, 1, NULL, 5.9, NULL, 1)');
-- weight 0 stays at its floor and cannot help
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, 4, NULL::numeric, 1), (2, 10, 0, 2, NULL, NULL, 1)');
-- locks and floors together
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, 7, 1), (2, 10, 1, 4, NULL, NULL, 1)');
-- below zero
SELECT pg_temp.rows_err('(1, -10, 1, -4, NULL::numeric, NULL::numeric, 1), (2, -10, 1, -5, NULL, NULL, 1)');
SELECT pg_temp.rows_err('(1, -10, 1, NULL::numeric, -6, NULL::numeric, 1), (2, -10, 1, NULL, -5, NULL, 1)');
-- in cents
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, 4.50, NULL::numeric, 0.01), (2, 10, 1, NULL, 5.499, NULL, 0.01)');
-- the same from the detail and from the array
SELECT pg_temp.rows_err('(1, 10, 1, 6, NULL::numeric, NULL::numeric, 1), (2, 10, 1, 4.1, NULL, NULL, 1)', 'allocate_detail(total, weight, floor, cap, locked, unit)');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,1}'', floors => ''{6,4.1}'', unit => 1)');

-- amounts beyond 64 bits of units
SELECT pg_temp.rows_err('(1, 9223372036854775808, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 100000000000000000, 1, NULL::numeric, NULL::numeric, NULL::numeric, 0.01)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, NULL::numeric, 1e30, 1), (2, 10, 1, NULL, NULL, -1e30, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, 1e30, NULL::numeric, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 10, 1, NULL::numeric, 1e30, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, 9000000000000000000, 1, NULL::numeric, NULL::numeric, -9000000000000000000, 1), (2, 9000000000000000000, 1, NULL, NULL, NULL, 1)');
-- the last that fits
SELECT pg_temp.rows_err('(1, 9223372036854775807, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1)');
SELECT pg_temp.rows_err('(1, -9223372036854775807, 1, NULL::numeric, NULL::numeric, NULL::numeric, 1)');

-- arrays
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', floors => ''{1}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', caps => ''{1,2,3}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', locked => ''{}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{{1,2},{3,4}}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', floors => ''{{1,2}}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,-2}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,NaN}'')');
SELECT pg_temp.err('SELECT allocate_array(10.001, ''{1,2}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', floors => ''{5,6}'', caps => ''{4,NULL}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,NULL}'', floors => ''{NULL,6}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', locked => ''{0.001,NULL}'')');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', unit => 0)');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', unit => NULL)');
SELECT pg_temp.err('SELECT allocate_array(10, ''{1,2}'', rounding => NULL)');

-- not a window call
SELECT pg_temp.err('SELECT allocate(10, 1)');
SELECT pg_temp.err('SELECT allocate_detail(10, 1)');

-- a share of too many digits, where the amount itself is none
SELECT allocate_array(98765432109876 * 9e18, '{1}', unit => 98765432109876);
SELECT pg_temp.err('SELECT allocate_detail(98765432109876 * 9e18, 1, unit => 98765432109876) OVER ()');

-- nothing else happens: a bad row does not spoil the next query
SELECT allocate_array(10, '{1,1}', unit => 1);

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
