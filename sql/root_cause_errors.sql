-- root_cause: what bad input gets
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

-- numbers
SELECT pg_temp.err($$ SELECT root_cause('NaN', 1, 'East', NULL) $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 'NaN', 'East', 'A') $$);
SELECT pg_temp.err($$ SELECT root_cause(1e40, 1, 'East') $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1e-31, 'East') $$);
SELECT pg_temp.err($$ SELECT root_cause(a, 1, 'East') FROM (VALUES (1e35), (9.9e35), (1e-3), (1e-4)) v (a) $$);
SELECT pg_temp.err($$ SELECT root_cause(a, 1, 'East') FROM (VALUES (1e-3), (9.9e35)) v (a) $$);
SELECT pg_temp.err($$ SELECT root_cause_ratio(1, -1, 1, 1, 'East') $$);
SELECT pg_temp.err($$ SELECT root_cause_ratio(1, 1, 1, -0.01, 'East') $$);
SELECT pg_temp.err($$ SELECT root_cause_ratio(-1, 1, -1, 1, 'East') $$);
SELECT pg_temp.err($$ SELECT root_cause_ratio(1, 'NaN', 1, 1, 'East') $$);
-- dimensions
SELECT pg_temp.err($$ SELECT root_cause(1, 1) $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, VARIADIC '{}') $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, VARIADIC NULL::text[]) $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, VARIADIC '{{a,b},{c,d}}') $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, '1', '2', '3', '4', '5', '6', '7', '8', '9', '10') $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11') $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, VARIADIC d) FROM (VALUES (ARRAY['a']), (ARRAY['a', 'b'])) v (d) $$);
SELECT pg_temp.err($$ SELECT root_cause(1, 1, 5) $$);
-- names
SELECT pg_temp.err($$ SELECT root_causes((SELECT root_cause(1, 1, 'a', 'b')), '{region}') $$);
SELECT pg_temp.err($$ SELECT root_causes((SELECT root_cause(1, 1, 'a', 'b')), '{region,NULL}') $$);
SELECT pg_temp.err($$ SELECT root_causes((SELECT root_cause(1, 1, 'a', 'b')), '{{region,product}}') $$);
SELECT pg_temp.err($$ SELECT root_causes((SELECT root_cause(1, 1, 'a', 'b')), '{}') $$);

-- not as an aggregate
SELECT pg_temp.err($$ SELECT root_cause_accum(NULL, 1, 1, 'a') $$);
SELECT pg_temp.err($$ SELECT root_cause_ratio_accum(NULL, 1, 1, 1, 1, 'a') $$);
SELECT pg_temp.err($$ SELECT root_cause_combine(NULL, NULL) $$);

-- states that are none: version, measures, dimensions, leaves, scales, then values and leaves
SELECT pg_temp.err(format('SELECT %L::root_cause_state', s)) FROM unnest(ARRAY['', 'x', 'x' || repeat('é', 21), '\x', '\x0', '\x01', '\x0102', '\xzz',
	'\x02020001000000000000000000000000', '\x01030001000000000000000000000000', '\x01020000000000000000000000000000', '\x0102000b000000000000000000000000',
	'\x0102ffff000000000000000000000000', '\x01020001ffffffff0000000000000000', '\x010200017fffffff0000000000000000']) s;
\set good '0102000100000001' '00000000' '00000000' '00000001' '00000001' '61' '00000000' '00000000000000000000000000000005' '00000000000000000000000000000007'
SELECT ('\x' || :'good')::root_cause_state;
SELECT pg_temp.err(format('SELECT %L::root_cause_state', '\x' || s)) FROM unnest(ARRAY[
	-- too long, too short
	:'good' || '00', left(:'good', -2),
	-- scale beyond 30, beyond the shown one
	overlay(:'good' placing '001f003c' from 17), overlay(:'good' placing '00020001' from 17),
	-- as many values as leaves at most, none that no leaf has
	overlay(:'good' placing '00000002' from 33), overlay(:'good' placing '00000000' from 33),
	-- length of a value, a byte that is no text, a code
	overlay(:'good' placing '00000fff' from 41), overlay(:'good' placing 'fffffffe' from 41), overlay(:'good' placing 'ff' from 49),
	overlay(:'good' placing '00' from 49), overlay(:'good' placing '00000001' from 51), overlay(:'good' placing 'ffffffff' from 51)]) s;
-- a leaf twice; a value twice; a denominator below zero
SELECT pg_temp.err(format('SELECT %L::root_cause_state', '\x' || s)) FROM unnest(ARRAY[
	'01020001000000020000000000000000' || '00000001' || '0000000161' || '00000000' || repeat('00', 32) || '00000000' || repeat('00', 32),
	'01020001000000020000000000000000' || '00000002' || '0000000161' || '0000000161' || '00000000' || repeat('00', 32) || '00000001' || repeat('00', 32),
	'010400010000000100000000000000000000000000000000' || '00000001' || '0000000161' || '00000000' || repeat('00', 32) || repeat('ff', 16) || repeat('00', 16)]) s;
-- out of order is put in order: the same leaves are the same state
SELECT ('\x' || '01020001000000020000000000000000' || '00000002' || '0000000162' || '0000000161' || '00000000' || repeat('00', 32) || '00000001' || repeat('00', 32))::root_cause_state::text =
	root_cause(0, 0, d)::text FROM unnest('{a,b}'::text[]) d;

-- what is stored is believed but for its header
RESET ROLE;
CREATE FUNCTION pg_temp.stored(bytea, int DEFAULT 1) RETURNS root_cause_state LANGUAGE internal IMMUTABLE STRICT AS 'bytea_substr_no_len';
SELECT pg_temp.err(format('SELECT root_causes(pg_temp.stored(%L))', b)) FROM unnest(ARRAY['\x', '\x01', '\x07' || repeat('00', 27), '\x01' || repeat('00', 27)]) b;
DROP FUNCTION pg_temp.stored(bytea, int);
SET ROLE regress_quota_user;

-- nothing else happens
SELECT count(*) FROM root_causes((SELECT root_cause(1, 1, 'a')));

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
