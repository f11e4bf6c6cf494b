-- setup.sql: data and pure-SQL rivals for run.sh
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION quota_decomp;
CREATE SCHEMA bench;
SET search_path = bench, quota_decomp, public;

-- what run.sh measured, in milliseconds of one backend, and made of it
CREATE TABLE timing (id integer, pair integer, ours boolean, cpu float8, elapsed float8);
CREATE TABLE result (
	id integer GENERATED ALWAYS AS IDENTITY,
	what text, mem text, ratio text, elapsed text, ours text, other text, bound text, verdict text);

-- Rows: weights in cents, a thousand rows a partition, in the table's own
-- order.  With a total of 1000 a row an amount is about a fifth of its weight,
-- so that one floor in ten binds, and one cap in ten.
CREATE PROCEDURE make_rows(name text, n bigint)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.42);
	EXECUTE format(
		'CREATE TABLE bench.%I AS
		 SELECT i::int4, ((i - 1) / 1000)::int4 AS p, w,
			round(w * CASE WHEN i %% 10 = 3 THEN 0.25 ELSE 0.05 END, 2) AS low,
			round(w * CASE WHEN i %% 10 = 7 THEN 0.15 ELSE 1 END, 2) AS high
		 FROM (SELECT i, round((1 + random() * 10000)::numeric, 2) AS w
			FROM generate_series(1, %s) i) s', name, n);
END $$;

-- A tree of fan-out 10 and so many levels below its root, breadth first: node,
-- parent, and weights of the leaves.
CREATE PROCEDURE make_tree(name text, levels integer)
LANGUAGE plpgsql AS $$
DECLARE
	n bigint := (10::numeric ^ (levels + 1))::bigint / 9;
BEGIN
	PERFORM setseed(0.42);
	EXECUTE format(
		'CREATE TABLE bench.%I AS
		 SELECT i AS node, CASE WHEN i > 1 THEN (i - 2) / 10 + 1 END AS parent,
			CASE WHEN i > %s THEN round((1 + random() * 10000)::numeric, 2) END AS w
		 FROM generate_series(1::bigint, %s) i', name, n / 10, n);
END $$;

-- The waterfall: from the same three columns allocate_tree gets.  Levels down
-- from the root (l), weights up (u), amounts down by largest remainder (a), a
-- temporary table a level.  One query with a common table expression a level
-- took fifteen times as long: the planner cannot see what is in them.
CREATE FUNCTION waterfall(tree text, total numeric) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	level integer := 0;
	i integer;
	n bigint;
	result bigint := 0;
BEGIN
	EXECUTE format('CREATE TEMP TABLE l0 ON COMMIT DROP AS
		SELECT node, parent, w FROM bench.%I WHERE parent IS NULL', tree);
	LOOP
		EXECUTE format('CREATE TEMP TABLE l%s ON COMMIT DROP AS
			SELECT t.node, t.parent, t.w FROM l%s l JOIN bench.%I t ON t.parent = l.node',
			level + 1, level, tree);
		GET DIAGNOSTICS n = ROW_COUNT;
		EXIT WHEN n = 0;
		level := level + 1;
	END LOOP;
	EXECUTE format('ALTER TABLE l%s RENAME TO u%1$s', level);
	FOR i IN REVERSE level - 1 .. 0 LOOP
		EXECUTE format('CREATE TEMP TABLE u%s ON COMMIT DROP AS
			SELECT l.node, l.parent, coalesce(l.w, s.w) AS w
			FROM l%1$s l LEFT JOIN (SELECT parent, sum(w) AS w FROM u%s GROUP BY parent) s ON s.parent = l.node',
			i, i + 1);
	END LOOP;
	EXECUTE format('CREATE TEMP TABLE a0 ON COMMIT DROP AS SELECT node, %s::numeric AS a FROM u0', total * 100);
	FOR i IN 1 .. level LOOP
		EXECUTE format('CREATE TEMP TABLE a%s ON COMMIT DROP AS
			SELECT node, q + CASE WHEN row_number() OVER (PARTITION BY parent ORDER BY r DESC, w DESC, node)
				<= total - sum(q) OVER (PARTITION BY parent) THEN 1 ELSE 0 END AS a
			FROM (SELECT c.node, c.parent, c.w, a.a AS total, div(c.w * a.a, u.w) AS q, mod(c.w * a.a, u.w) AS r
				FROM u%1$s c JOIN u%s u ON u.node = c.parent JOIN a%2$s a ON a.node = c.parent) s',
			i, i - 1);
	END LOOP;
	FOR i IN 0 .. level LOOP
		EXECUTE format('SELECT count(x) FROM (SELECT a * 0.01 AS x FROM a%s OFFSET 0) s', i) INTO n;
		result := result + n;
	END LOOP;
	RETURN result;
END $$;
