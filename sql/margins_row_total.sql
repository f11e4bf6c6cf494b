-- margins_row_total: the row totals that a grid can hold
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = pg_temp, quota_decomp;

-- Wolf sells Care only
CREATE TEMP TABLE cell (seller text, product text, sold numeric, seller_target numeric, product_target numeric, floor numeric, cap numeric, locked numeric);
INSERT INTO cell (seller, product, sold, seller_target, product_target) VALUES
	('Ann', 'Core', 420, 500, 600), ('Ann', 'Plus', 310, 500, 300), ('Ann', 'Care', 90, 500, 100),
	('Bo', 'Core', 250, 300, 600), ('Bo', 'Plus', 160, 300, 300), ('Bo', 'Care', 140, 300, 100),
	('Wolf', 'Core', NULL, 200, 600), ('Wolf', 'Plus', NULL, 200, 300), ('Wolf', 'Care', 70, 200, 100);
SELECT seller, seller_target, allocate_margins(sold, seller, seller_target, product, product_target) OVER (ORDER BY seller, product) FROM cell;
SELECT seller, product, seller_target, margins_row_total(sold, seller, seller_target, product, product_target) OVER (ORDER BY seller, product) AS held
FROM cell ORDER BY seller, product;
-- by it allocate_margins works, and the columns are exact
SELECT seller, product, held, allocate_margins(sold, seller, held, product, product_target) OVER (ORDER BY seller, product) AS amount
FROM (SELECT *, margins_row_total(sold, seller, seller_target, product, product_target) OVER (ORDER BY seller, product) AS held FROM cell) s ORDER BY seller, product;

-- a row per seller, each variation of the same question
CREATE FUNCTION pg_temp.held(what text, VARIADIC rest text[]) RETURNS TABLE (seller text, asked numeric, held numeric) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT DISTINCT seller, seller_target::numeric, margins_row_total(sold, seller, seller_target, product, product_target, floor, cap, locked%s) OVER (ORDER BY seller, product) FROM (SELECT %s FROM cell) s ORDER BY 1',
		CASE WHEN rest[1] <> '' THEN ', ' || array_to_string(rest, ', ') END, what);
END $$;
-- what can be held is not changed
SELECT * FROM pg_temp.held('seller, product, coalesce(sold, 1) AS sold, seller_target, product_target, floor, cap, locked', '');
SELECT * FROM pg_temp.held('seller, product, sold, CASE seller WHEN ''Wolf'' THEN 90 WHEN ''Bo'' THEN 410 ELSE seller_target END AS seller_target, product_target, floor, cap, locked', '');
-- nor because weights are 0, all of them
SELECT * FROM pg_temp.held('seller, product, 0 AS sold, seller_target, product_target, floor, cap, locked', '');
-- a weight of 0 is as good as none
SELECT * FROM pg_temp.held('seller, product, coalesce(sold, 0) AS sold, seller_target, product_target, floor, cap, locked', '');
-- whole units of 7
SELECT * FROM pg_temp.held('seller, product, sold, CASE seller WHEN ''Ann'' THEN 497 WHEN ''Bo'' THEN 301 ELSE 203 END AS seller_target, CASE product WHEN ''Core'' THEN 602 WHEN ''Plus'' THEN 301 ELSE 98 END AS product_target, floor, cap, locked', 'unit => 7');
-- floors, caps and locks of cells
SELECT * FROM pg_temp.held('seller, product, sold, seller_target, product_target, CASE WHEN seller = ''Bo'' AND product = ''Care'' THEN 40.001 END AS floor, CASE WHEN seller = ''Ann'' AND product = ''Core'' THEN 200.009 END AS cap, locked', '');
SELECT * FROM pg_temp.held('seller, product, sold, seller_target, product_target, floor, cap, CASE WHEN seller = ''Ann'' THEN 100 WHEN seller = ''Wolf'' AND product = ''Core'' THEN 5 END AS locked', '');
-- of rows: they are rounded to the unit inwards
SELECT * FROM pg_temp.held('*', $$row_floor => CASE seller WHEN 'Bo' THEN 400.001 END$$);
SELECT * FROM pg_temp.held('*', $$row_cap => CASE seller WHEN 'Ann' THEN 510.129 WHEN 'Bo' THEN 450 END$$);
SELECT * FROM pg_temp.held('*', $$row_floor => CASE seller WHEN 'Bo' THEN 400 ELSE 20 END$$, $$row_cap => CASE seller WHEN 'Wolf' THEN 30 END$$);
SELECT * FROM pg_temp.held('*', 'row_floor => 0', 'row_cap => 1000');
-- what is asked for is outside them
SELECT * FROM pg_temp.held('seller, product, coalesce(sold, 1) AS sold, seller_target, product_target, floor, cap, locked', $$row_cap => CASE seller WHEN 'Ann' THEN 400 END$$);
-- nobody asks for anything: alike, as far as they can
SELECT * FROM pg_temp.held('seller, product, sold, CASE seller WHEN ''Wolf'' THEN 1000 ELSE 0 END AS seller_target, product_target, floor, cap, locked', '');
-- negative totals mirror
SELECT * FROM pg_temp.held('seller, product, sold, -seller_target AS seller_target, -product_target AS product_target, floor, cap, locked', '');
-- who asks for too little of what nobody else sells
SELECT * FROM pg_temp.held('seller, product, CASE WHEN seller = ''Bo'' THEN sold WHEN product = ''Core'' THEN NULL ELSE coalesce(sold, 1) END AS sold, seller_target, product_target, floor, cap, locked', '');
-- lines without a total have no part; the bounds of such a row do not count
SELECT DISTINCT seller, margins_row_total(1, seller, seller_target, product, product_target, row_floor => CASE WHEN seller_target IS NULL THEN 999 END) OVER (ORDER BY seller, product)
FROM (VALUES ('Ann', 10, 'Core', 16), ('Ann', 10, 'Plus', NULL), ('Bo', 6, 'Plus', NULL), ('Cai', NULL, 'Core', 16)) v (seller, seller_target, product, product_target) ORDER BY 1;
-- ties go to whoever comes first
SELECT seller, margins_row_total(w, seller, CASE seller WHEN 'Wolf' THEN 5 ELSE 0 END, product, t, unit => 1) OVER (ORDER BY seller) AS forth,
	margins_row_total(w, seller, CASE seller WHEN 'Wolf' THEN 5 ELSE 0 END, product, t, unit => 1) OVER (ORDER BY seller DESC) AS back
FROM (VALUES ('Ann', 'Core', 1, 4), ('Bo', 'Core', 1, 4), ('Cai', 'Core', 1, 4), ('Wolf', 'Care', 1, 1)) v (seller, product, w, t) ORDER BY seller;
-- partitions are grids of their own
SELECT DISTINCT g, r, margins_row_total(w, r, 10, c, ct, unit => 1) OVER (PARTITION BY g ORDER BY r, c) AS held
FROM (VALUES (1, 'a', 'x', 1, 5), (1, 'a', 'y', NULL, 15), (1, 'b', 'x', 1, 5), (1, 'b', 'y', 1, 15), (2, 'a', 'x', 1, 5), (2, 'a', 'y', 1, 15), (2, 'b', 'x', 1, 5), (2, 'b', 'y', 1, 15)) v (g, r, c, w, ct) ORDER BY 1, 2;

\pset format unaligned
\pset tuples_only on
-- what cannot be, and bad input
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
CREATE FUNCTION pg_temp.total(rest text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.err(format('SELECT margins_row_total(sold, seller, seller_target, product, product_target%s) OVER (ORDER BY seller, product) FROM cell', rest));
$$;
-- sums that disagree
SELECT pg_temp.err('SELECT margins_row_total(sold, seller, seller_target + 1, product, product_target) OVER () FROM cell');
-- a column alone
SELECT pg_temp.total($$, floor => CASE WHEN product = 'Care' AND sold IS NOT NULL THEN 40 END$$);
SELECT pg_temp.total($$, cap => CASE WHEN product = 'Plus' AND sold IS NOT NULL THEN 40 END$$);
SELECT pg_temp.total($$, locked => CASE WHEN product = 'Plus' THEN 40 END$$);
SELECT pg_temp.err($$SELECT margins_row_total(CASE WHEN product <> 'Plus' THEN sold END, seller, seller_target, product, product_target) OVER () FROM cell$$);
-- bounds of rows
SELECT pg_temp.total($$, row_floor => CASE seller WHEN 'Wolf' THEN 120 END$$);
SELECT pg_temp.total($$, row_floor => 400$$);
SELECT pg_temp.total($$, row_cap => CASE seller WHEN 'Wolf' THEN 20 ELSE 400 END$$);
SELECT pg_temp.total($$, row_cap => CASE seller WHEN 'Ann' THEN 400 WHEN 'Bo' THEN 450 END$$);
SELECT pg_temp.err($$SELECT margins_row_total(1, seller, -seller_target, product, -product_target, row_cap => -400) OVER () FROM cell$$);
SELECT pg_temp.total($$, row_floor => sold$$);
SELECT pg_temp.total($$, row_cap => CASE WHEN product <> 'Plus' THEN 500 END$$);
SELECT pg_temp.total($$, row_floor => 300, row_cap => CASE seller WHEN 'Bo' THEN 200 END$$);
SELECT pg_temp.total($$, row_floor => 0.001, row_cap => 0.002$$);
SELECT pg_temp.total($$, row_floor => 'NaN'$$);
SELECT pg_temp.total($$, row_cap => 1e30$$);
-- what allocate_margins refuses
SELECT pg_temp.total($$, unit => NULL$$);
SELECT pg_temp.total($$, unit => 0.3$$);
SELECT pg_temp.total($$, unit => CASE seller WHEN 'Bo' THEN 0.01 ELSE 0.1 END$$);
SELECT pg_temp.total($$, floor => 5, cap => 4$$);
SELECT pg_temp.err('SELECT margins_row_total(sold, seller, seller_target + sold, product, product_target) OVER () FROM cell');
SELECT pg_temp.err('SELECT margins_row_total(sold, seller, seller_target, product, product_target) OVER (ORDER BY seller, product) FROM cell CROSS JOIN generate_series(1, 2)');
SELECT pg_temp.err('SELECT margins_row_total(sold, nullif(seller, ''Bo''), seller_target, product, product_target) OVER (ORDER BY seller, product) FROM cell');
SELECT pg_temp.err('SELECT margins_row_total(-sold, seller, seller_target, product, product_target) OVER (ORDER BY seller, product) FROM cell');
SELECT pg_temp.err('SELECT margins_row_total(sold, seller, seller_target * 1e16, product, product_target * 1e16, unit => 1) OVER () FROM cell');

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
