-- allocate_margins: both margins of a grid hold exactly
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = pg_temp, quota_decomp;

-- what each region sold of each product last year, what both are to sell now
CREATE TEMP TABLE cell (region text, product text, sold numeric, region_target numeric, product_target numeric, floor numeric, cap numeric, locked numeric);
INSERT INTO cell (region, product, sold, region_target, product_target) VALUES
	('East', 'Core', 420, 1000, 1200), ('East', 'Plus', 310, 1000, 700), ('East', 'Care', 90, 1000, 300),
	('North', 'Core', 250, 700, 1200), ('North', 'Plus', 160, 700, 700), ('North', 'Care', 140, 700, 300),
	('West', 'Core', 330, 500, 1200), ('West', 'Plus', 20, 500, 700), ('West', 'Care', 0, 500, 300);
SELECT region, product, sold, allocate_margins(sold, region, region_target, product, product_target, unit => 1) OVER (ORDER BY region, product) AS target
FROM cell ORDER BY region, product;
SELECT region, product, (allocate_margins_detail(sold, region, region_target, product, product_target, unit => 1) OVER (ORDER BY region, product)).*
FROM cell ORDER BY region, product;
-- both margins, in SQL
CREATE TEMP VIEW plan AS
SELECT *, allocate_margins(sold, region, region_target, product, product_target, floor, cap, locked) OVER (ORDER BY region, product) AS target FROM cell;
SELECT region, region_target, sum(target) FROM plan GROUP BY 1, 2 ORDER BY 1;
SELECT product, product_target, sum(target) FROM plan GROUP BY 1, 2 ORDER BY 1;

-- in cents, in thousands
SELECT region, product, allocate_margins(sold, region, region_target, product, product_target) OVER (ORDER BY region, product) AS cents,
	allocate_margins(sold, region, region_target * 1000, product, product_target * 1000, unit => 1000) OVER (ORDER BY region, product) AS thousands
FROM cell ORDER BY region, product;
-- webster
SELECT region, product, (allocate_margins_detail(sold, region, region_target / 100, product, product_target / 100, unit => 1, rounding => 'webster') OVER (ORDER BY region, product)).*
FROM cell ORDER BY region, product;

-- a lock, a floor, a cap
UPDATE cell SET locked = 400 WHERE region = 'West' AND product = 'Core';
UPDATE cell SET floor = 400.5 WHERE region = 'East' AND product = 'Plus';
UPDATE cell SET cap = 155.5 WHERE region = 'North' AND product = 'Care';
SELECT region, product, floor, cap, locked, (allocate_margins_detail(sold, region, region_target, product, product_target, floor, cap, locked, 1) OVER (ORDER BY region, product)).*
FROM cell ORDER BY region, product;
SELECT region, product, floor, cap, locked, (allocate_margins_detail(sold, region, region_target, product, product_target, floor, cap, locked, 1, 'webster') OVER (ORDER BY region, product)).*
FROM cell ORDER BY region, product;
UPDATE cell SET floor = NULL, cap = NULL, locked = NULL;

-- weight 0 with a floor stays at it; a lock beside a NULL weight counts
SELECT region, product, weight, floor, locked, (allocate_margins_detail(weight, region, region_target, product, product_target, floor => floor, locked => locked, unit => 1) OVER (ORDER BY region, product)).*
FROM (SELECT region, product, region_target, product_target, CASE WHEN region = 'East' AND product = 'Core' THEN NULL ELSE sold END AS weight,
	CASE WHEN region = 'West' AND product = 'Care' THEN 7 END AS floor, CASE WHEN region = 'East' AND product = 'Core' THEN 450 END AS locked FROM cell) s ORDER BY region, product;
-- a NULL weight takes no part, nor does a cell that is not there
SELECT region, product, allocate_margins(nullif(sold, 0), region, region_target, product, product_target, unit => 1) OVER (ORDER BY region, product) AS null_weight FROM cell ORDER BY region, product;
SELECT region, product, allocate_margins(sold, region, region_target, product, product_target, unit => 1) OVER (ORDER BY region, product) AS not_there FROM cell WHERE sold > 0 ORDER BY region, product;
-- all weights 0: they count as 1
SELECT region, product, (allocate_margins_detail(0, region, region_target, product, product_target, unit => 1) OVER (ORDER BY region, product)).* FROM cell ORDER BY region, product;
-- also where the only positive one is locked
SELECT r, c, (allocate_margins_detail(w, r, 10, c, 10, locked => l, unit => 1) OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 5, 4), (1, 2, 0, NULL), (2, 1, 0, NULL), (2, 2, 0, NULL)) s (r, c, w, l) ORDER BY r, c;
-- a NULL total: its cells take no part
SELECT r, c, (allocate_margins_detail(1, r, CASE r WHEN 1 THEN 10 WHEN 2 THEN 20 END, c, CASE c WHEN 1 THEN 18 WHEN 2 THEN 12 END, unit => 1) OVER (ORDER BY r, c)).* FROM generate_series(1, 3) r, generate_series(1, 3) c ORDER BY r, c;
-- so does a lock there
SELECT r, c, allocate_margins(1, r, CASE r WHEN 1 THEN 10 END, c, 10, locked => CASE r WHEN 2 THEN 3 END, unit => 1) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 1) c ORDER BY r, c;
-- totals all NULL, weights all NULL
SELECT allocate_margins(1, r, NULL, c, NULL) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c;
SELECT allocate_margins(NULL, r, 5, c, 5) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c;
SELECT allocate_margins(NULL, r, 5, c, 5, locked => CASE WHEN r = c THEN 5 END) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c;

-- one cell; totals of 0
SELECT allocate_margins_detail(7, 'a'::text, 100, 'b', 100) OVER ();
SELECT allocate_margins_detail(0, 'a'::text, 100, 'b', 100) OVER ();
SELECT r, c, (allocate_margins_detail(w, r, 0, c, 0) OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 5), (1, 2, 1), (2, 1, 0), (2, 2, 2)) s (r, c, w) ORDER BY r, c;
SELECT r, c, (allocate_margins_detail(w, r, CASE r WHEN 1 THEN 5 ELSE 0 END, c, CASE c WHEN 1 THEN 4 ELSE 1 END) OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 5), (1, 2, 1), (2, 1, 0), (2, 2, 2)) s (r, c, w) ORDER BY r, c;
SELECT allocate_margins(1, r, 5, r, 5) OVER () FROM generate_series(1, 0) r;

-- a pattern that IPF cannot fit: (1, 2) is 0 in every solution
SELECT r, c, (allocate_margins_detail(w, r, 1, c, 1, unit => 1) OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 1), (1, 2, 1), (2, 1, 0), (2, 2, 1)) s (r, c, w) ORDER BY r, c;
SELECT r, c, (allocate_margins_detail(w, r, 1, c, 1, unit => 1, rounding => 'webster') OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 1), (1, 2, 1), (2, 1, 0), (2, 2, 1)) s (r, c, w) ORDER BY r, c;
-- by a cap: what (2, 2) cannot hold (1, 2) must
SELECT r, c, (allocate_margins_detail(w, r, 10, c, 10, cap => cap, unit => 1) OVER (ORDER BY r, c)).* FROM (VALUES (1, 1, 1, NULL), (1, 2, 1, NULL), (2, 1, 1, 4), (2, 2, 1, 6)) s (r, c, w, cap) ORDER BY r, c;

-- ties: who comes first is served first
SELECT r, c, allocate_margins(1, r, 1, c, 1, unit => 1) OVER (ORDER BY r, c) AS up, allocate_margins(1, r, 1, c, 1, unit => 1) OVER (ORDER BY r, c DESC) AS down,
	(allocate_margins_detail(1, r, 1, c, 1, unit => 1) OVER (ORDER BY r)).rule FROM generate_series(1, 2) r, generate_series(1, 2) c ORDER BY r, c;

-- below 0: the mirror
SELECT region, product, allocate_margins(sold, region, -region_target, product, -product_target, unit => 1) OVER (ORDER BY region, product) AS target,
	allocate_margins(sold, region, -region_target / 100, product, -product_target / 100, unit => 1, rounding => 'webster') OVER (ORDER BY region, product) AS webster
FROM cell ORDER BY region, product;

-- many grids at once
SELECT grid, region, product, allocate_margins(sold + grid, region, region_target * grid, product, product_target * grid, unit => 100) OVER (PARTITION BY grid ORDER BY region, product) AS target
FROM cell, generate_series(1, 2) grid ORDER BY grid, region, product;
-- keys of other types
SELECT allocate_margins(1, '2025-01-01'::date + r, 3, ARRAY[c, 1], 3, unit => 1) OVER (ORDER BY r, c) FROM generate_series(1, 2) r, generate_series(1, 2) c;
-- equal is equal: 1.0 is 1.00
SELECT allocate_margins(1, r, 3, c, 3, unit => 1) OVER () FROM (VALUES (1.0, 1), (1.00, 2), (2, 1), (2.000, 2)) s (r, c);
-- a total in another scale is the same total
SELECT allocate_margins(1, r, CASE c WHEN 1 THEN 3.0 ELSE 3.00 END, c, 3, unit => 1) OVER () FROM generate_series(1, 2) r, generate_series(1, 2) c;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
