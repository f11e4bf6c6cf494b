-- deal_outcome: what bad input gets
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
CREATE FUNCTION pg_temp.deal_err(amount text, probability text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT deal_outcome(%s::numeric, %s::numeric)', amount, probability));
$$;

-- probabilities
SELECT pg_temp.deal_err('1000', p) FROM unnest(ARRAY['-0.1', '24', '1.0000000000000000000000000000000000000000000000001', '-1e-40', '1e40', '''NaN''', 'NULL']) p;
-- amounts
SELECT pg_temp.deal_err(a, '0.5') FROM unnest(ARRAY['''NaN''', '1e40', '1e36', '1e-31', '1.0000000000000000000000000000000000000001', 'NULL']) a;
-- together they must fit, at the finest scale of any
SELECT pg_temp.err('SELECT deal_outcome(a, 0.5) FROM unnest(ARRAY[1e35, 0.01]) a');
SELECT pg_temp.err('SELECT deal_outcome(a, 0.5) FROM unnest(ARRAY[0.01, 1e35]) a');
SELECT pg_temp.err('SELECT deal_outcome(1e33, 0.5) FROM generate_series(1, 2000)');
SELECT pg_temp.err('SELECT deal_outcome(d) FROM (VALUES (''{1e35@0.5}''::distribution), (''{0.01@0.5}'')) v (d)');
-- float8 needs a cast
SELECT pg_temp.err('SELECT deal_outcome(1000, 0.5::float8)');

-- scenarios
SELECT pg_temp.err(format('SELECT deal_outcome(1000, %s::numeric[], %s::numeric[])', p, w)) FROM (VALUES
	('ARRAY[0.1, 0.2]', 'ARRAY[1]'), ('ARRAY[0.1]', 'ARRAY[1, 1]'), ('ARRAY[0.1, 1.2]', 'ARRAY[1, 1]'), ('ARRAY[0.1, 0.2]', 'ARRAY[1, 0]'), ('ARRAY[0.1, 0.2]', 'ARRAY[1, -1]'),
	('ARRAY[0.1, 0.2]', 'ARRAY[1, ''NaN'']'), ('ARRAY[0.1, NULL]', 'ARRAY[1, 1]'), ('ARRAY[0.1, 0.2]', 'ARRAY[1, NULL]'), ('ARRAY[0.1, 0.2]', 'NULL'),
	('NULL', 'ARRAY[1, 1]'), ('''{}''', '''{}'''), ('array_fill(0.1, ARRAY[65])', 'array_fill(1, ARRAY[65])'), ('''{{0.1,0.2}}''', 'ARRAY[1, 1]'),
	('ARRAY[0.1, 0.2]', 'ARRAY[1, 1e18]'), ('ARRAY[0.1, 0.2]', 'ARRAY[1, 1e19]'), ('ARRAY[0.1, 0.2]', 'ARRAY[1e-19, 1]')) v (p, w);
SELECT pg_temp.err('SELECT deal_outcome(10, ARRAY[0.1, 0.2], ARRAY[1, w]) FROM unnest(ARRAY[1, 2]) w');
SELECT pg_temp.err('SELECT deal_outcome(10, p, p) FROM (VALUES (ARRAY[0.1, 0.2]), (ARRAY[0.1, 0.2, 0.3])) v (p)');
SELECT pg_temp.err('SELECT deal_outcome(d) FROM (VALUES (''{1|2: 1@0.1|0.2}''::distribution), (''{1|2|3:}'')) v (d)');
SELECT pg_temp.err('SELECT distribution_merge(''{1|2: 1@0.1|0.2}'', ''{2|1: 1@0.1|0.2}'')');

-- questions
SELECT pg_temp.err('SELECT percentile(''{1@0.5}'', 1.1)');
SELECT pg_temp.err('SELECT percentile(''{1@0.5}'', 50)');
SELECT pg_temp.err('SELECT percentile(''{1@0.5}'', ''NaN'')');
SELECT pg_temp.err('SELECT probability_at_least(''{1@0.5}'', ''NaN'')');

-- too many to convolve; certain ones do not count
SELECT pg_temp.err('SELECT percentile(''{1@0.5*1000001}'', 0.5)');
SELECT pg_temp.err('SELECT percentile(''{1@1*2000000, 0@0.5*2000000}'', 0.5), mean(''{1@0.5*2000000}'')');

-- text
SELECT pg_temp.err(format('SELECT %L::distribution', t)) FROM unnest(ARRAY['', '{', '}', '{}x', '{1}', '{1@}', '{@0.5}', '{1@0.5', '{1@0.5,}', '{,1@0.5}', '{1@0.5 1@0.5}', '{1@0.5*}', '{1@0.5*0}', '{1@0.5*-1}',
	'{1@0.5*1.5}', '{1@0.5*2147483648}', '{1@0.5*99999999999999999999}', '{1@1.5}', '{1@-0.5}', '{NaN@0.5}', '{1@NaN}', '{1e@0.5}', '{1-1@0.5}', '{1@0.5|0.6}', '{1|2: 1@0.5}', '{1|2: 1@0.5|0.6|0.7}',
	'{0|1: 1@0.5|0.6}', '{-1|1: 1@0.5|0.6}', '{1|2}', '{1: 2: 3@0.5}', '{1e40@0.5}', '{1e200000@0.5}', '{é@0.5}', '{' || repeat('1@0.5,', 1000) || '}', '1@0.5', '{1@0.5*2147483647, 2@0.5}', '{1e30@0.5*2000000000}']) t;
SELECT pg_temp.err(format('SELECT %L::distribution', '{' || repeat('1|', 64) || '1: }'));

-- what is stored is believed but for its header
RESET ROLE;
CREATE FUNCTION pg_temp.stored(bytea, int DEFAULT 1) RETURNS distribution LANGUAGE internal IMMUTABLE STRICT AS 'bytea_substr_no_len';
SELECT pg_temp.err(format('SELECT mean(pg_temp.stored(%L))', b)) FROM unnest(ARRAY['\x', '\x01', '\x07' || repeat('00', 11), '\x01' || repeat('00', 19)]) b;
DROP FUNCTION pg_temp.stored(bytea, int);
SET ROLE regress_quota_user;

DROP FUNCTION pg_temp.deal_err(text, text), pg_temp.err(text);
RESET ROLE;
DROP ROLE regress_quota_user;
