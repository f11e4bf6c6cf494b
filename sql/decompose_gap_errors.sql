-- price_volume_mix, rate_mix, shift_share, factor_effects: what bad input gets
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
-- the second of two rows of four values is bad
CREATE FUNCTION pg_temp.row_err(call text, bad text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT %s OVER (ORDER BY n) FROM (SELECT n, a::numeric, b::numeric, c::numeric, d::numeric FROM (VALUES (1, ''1'', ''10'', ''2'', ''20''), (2, %s)) s (n, a, b, c, d)) s', call, bad));
$$;

-- not finite: each argument of each function
SELECT pg_temp.row_err('price_volume_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$'NaN', '1', '1', '1'$$, $$'1', 'NaN', '1', '1'$$, $$'1', '1', 'NaN', '1'$$, $$'1', '1', '1', 'NaN'$$]) v;
SELECT pg_temp.row_err('rate_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$'NaN', '1', '1', '1'$$, $$'1', 'NaN', '1', '1'$$, $$'1', '1', 'NaN', '1'$$, $$'1', '1', '1', 'NaN'$$]) v;
SELECT pg_temp.row_err('shift_share(a, b, n, d)', v) FROM unnest(ARRAY[$$'NaN', '1', '1', '1'$$, $$'1', 'NaN', '1', '1'$$, $$'1', '1', '1', 'NaN'$$]) v;
-- too many digits, before and after the point
SELECT pg_temp.row_err('price_volume_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$'1', repeat('9', 1001), '1', '1'$$, $$'1', '1', '1', '0.' || repeat('9', 1001)$$, $$'1', '0.' || repeat('0', 1001), '1', '1'$$, $$'1', repeat('9', 1000), '1', '0.' || repeat('9', 1000)$$, $$'1', '-' || repeat('9', 1000), '1', '-0.' || repeat('9', 1000)$$, $$'1', '-' || repeat('9', 1001), '1', '1'$$]) v;

-- NULL beside a value
SELECT pg_temp.row_err('price_volume_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$'5', NULL, '1', '1'$$, $$'1', '1', '-5', NULL$$, $$'5', NULL, NULL, NULL$$]) v;
SELECT pg_temp.row_err('rate_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$NULL, '5', '1', '1'$$, $$'5', NULL, '1', '1'$$, $$'1', '1', NULL, '5.50'$$, $$'1', '1', '5', NULL$$]) v;
-- but not beside 0, which says the same
SELECT pg_temp.row_err('rate_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$NULL, '0', '1', '1'$$, $$'0', NULL, '1', '1'$$, $$'1', '1', NULL, '0'$$]) v;
SELECT pg_temp.row_err('price_volume_mix(a, b, c, d)', v) FROM unnest(ARRAY[$$'0', NULL, '1', '1'$$, $$'1', '1', '0', NULL$$]) v;
SELECT pg_temp.row_err('shift_share(a, b, n)', v) FROM unnest(ARRAY[$$NULL, '100', NULL, NULL$$, $$'100', NULL, NULL, NULL$$, $$NULL, '0', NULL, NULL$$]) v;
-- an outside growth in some rows only
SELECT pg_temp.row_err('shift_share(a, b, n, CASE n WHEN 1 THEN 0.03 END)', $$'1', '1', NULL, NULL$$);
SELECT pg_temp.row_err('shift_share(a, b, n, CASE n WHEN 2 THEN 0.03 END)', $$'1', '1', NULL, NULL$$);
-- rows that take no part need none
SELECT pg_temp.row_err('shift_share(a, b, n, CASE n WHEN 1 THEN 0.03 END)', $$NULL, NULL, NULL, NULL$$);
-- segments that do not hash
SELECT pg_temp.err('SELECT shift_share(1, 1, point(0, 0)) OVER ()');

-- factor_effects
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{1}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1}', '{1,2}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{{1,2}}', '{1,2}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{{1},{2}}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,NULL}', '{1,2}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{NULL,2}', 'lmdi')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,NaN}', '{1,2}')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{NaN,2}', 'lmdi')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{1,2}', 'banzhaf')$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{1,2}', NULL)$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{1,2}', scale => -1)$$);
SELECT pg_temp.err($$SELECT factor_effects('{1,2}', '{1,2}', scale => 1001)$$);
SELECT pg_temp.err($$SELECT factor_effects(array_fill(1.5, '{33}'), array_fill(1.5, '{33}'))$$);
SELECT pg_temp.err($$SELECT factor_effects(ARRAY[1, repeat('9', 1001)::numeric], '{1,2}')$$);

-- float8 needs a cast, OVER is needed
SELECT pg_temp.err('SELECT price_volume_mix(1, 0.5::float8, 1, 1) OVER ()');
SELECT pg_temp.err('SELECT price_volume_mix(1, 1, 1, 1)');
SELECT pg_temp.err('SELECT rate_mix(1, 1, 1, 1)');
SELECT pg_temp.err('SELECT shift_share(1, 1, 1)');

-- nothing else happens
SELECT factor_effects('{3,5}', '{2,7}');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
