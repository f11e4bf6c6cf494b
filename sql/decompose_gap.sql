-- price_volume_mix, rate_mix, shift_share, factor_effects: what they answer
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

--
-- price_volume_mix
--
-- two that go on, one lost, one new; thirds are rounded to the cents there are
SELECT product, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY product)).*
FROM (VALUES ('a', 120, 1320.00, 100, 1000), ('b', 70, 1330, 50, 1000), ('c', 0, 0, 200, 1000), ('d', 90, 720, NULL, NULL)) s (product, q1, a1, q0, a0);
-- at the scale of the amounts: whole, and in more digits
SELECT product, (price_volume_mix(q1, a1, q0, a0) OVER ()).* FROM (VALUES ('a', 120, 1320, 100, 1000), ('b', 70, 1330, 50, 1000)) s (product, q1, a1, q0, a0);
SELECT product, (price_volume_mix(q1, a1, q0, round(a0, 8)) OVER ()).* FROM (VALUES ('a', 120, 1320, 100, 1000.0), ('b', 70, 1330, 50, 1000)) s (product, q1, a1, q0, a0);
-- one partition does not see the other
SELECT region, product, (price_volume_mix(q1, a1, q0, a0) OVER (PARTITION BY region ORDER BY product)).*
FROM (VALUES ('E', 'a', 12, 132.0, 10, 100), ('E', 'b', 7, 133, 5, 100), ('W', 'a', 1, 11, 2, 20), ('W', 'b', NULL, NULL, NULL, NULL)) s (region, product, q1, a1, q0, a0);
-- every way in which a product can lack a quantity, an amount, or both; each
-- row's five effects sum to actual_amount - plan_amount
SELECT q1, a1, q0, a0, (e).*, coalesce(a1, 0) - coalesce(a0, 0) = (e).price + (e).volume + (e).mix + (e).added + (e).lost AS sums FROM (
	SELECT *, price_volume_mix(q1, a1, q0, a0) OVER (PARTITION BY q1, a1, q0, a0) AS e
	FROM (VALUES (NULL), (0), (6)) x (q1), (VALUES (NULL), (0.0), (90.0)) y (a1), (VALUES (NULL), (0), (4)) z (q0), (VALUES (NULL), (0.0), (50.0)) w (a0)
	WHERE (a1 IS NOT NULL OR coalesce(q1, 0) = 0) AND (a0 IS NOT NULL OR coalesce(q0, 0) = 0)) s ORDER BY q1, a1, q0, a0;
-- returns: quantities below 0, a change of sign, planned quantities that cancel
SELECT n, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY n)).* FROM (VALUES (1, -60, -600.00, -50, -500), (2, 150, 1500, 150, 1500)) s (n, q1, a1, q0, a0);
SELECT n, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY n)).* FROM (VALUES (1, -6, -90.00, 5, 50), (2, 15, 150, 5, 50)) s (n, q1, a1, q0, a0);
SELECT n, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY n)).* FROM (VALUES (1, 6, 90.00, 5, 50), (2, -3, -45, -5, -50)) s (n, q1, a1, q0, a0);
-- nothing changed; one row; all alike
SELECT (price_volume_mix(5, 50.00, 5, 50) OVER ()).*;
SELECT (price_volume_mix(7, 77.00, 5, 50) OVER ()).*;
SELECT DISTINCT price_volume_mix(3, 10.00, 2, 7) OVER () FROM generate_series(1, 7);
-- all NULL, no rows
SELECT n, price_volume_mix(NULL, NULL, NULL, NULL) OVER () FROM generate_series(1, 2) n;
SELECT price_volume_mix(1, 1, 1, 1) OVER () WHERE false;
-- of any size and scale
SELECT n, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY n)).* FROM (VALUES (1, 1e30, 1e40, 3e29, 7e39), (2, 1e-30, 1.000000000000000000000000000000000000000000001, 3, 7)) s (n, q1, a1, q0, a0);
SELECT n, (price_volume_mix(q1, a1, q0, a0) OVER (ORDER BY n)).* FROM (VALUES (1, 4611686018427387904, 99999999999999999999.99, 3.00000000000000000007, 7), (2, 1, 9999999999999999.99, 4611686018427387903, 12345678901234567)) s (n, q1, a1, q0, a0);

--
-- rate_mix
--
CREATE TEMP TABLE win (segment text, won1 numeric, leads1 numeric, won0 numeric, leads0 numeric);
INSERT INTO win VALUES ('new business', 12, 100, 20, 120), ('renewals', 30, 60, 20, 50), ('online', 5, 10, NULL, NULL), ('fairs', NULL, NULL, 3, 9);
SELECT segment, (rate_mix(won1, leads1, won0, leads0) OVER (ORDER BY segment)).* FROM win;
-- they sum to the deviation of the whole, to twelve digits
SELECT sum((e).within) AS within, sum((e).mix) AS mix, sum((e).interaction) AS interaction, sum((e).within + (e).mix + (e).interaction) AS all, round(sum(won1) / sum(leads1) - sum(won0) / sum(leads0), 12) AS deviation
FROM (SELECT *, rate_mix(won1, leads1, won0, leads0) OVER (ORDER BY segment) AS e FROM win) s;
-- only the rates changed, only the shares, nothing
SELECT n, (rate_mix(n1, d1, n0, d0) OVER (ORDER BY n)).* FROM (VALUES (1, 30, 100, 20, 100), (2, 50, 100, 50, 100)) s (n, n1, d1, n0, d0);
SELECT n, (rate_mix(n1, d1, n0, d0) OVER (ORDER BY n)).* FROM (VALUES (1, 40, 200, 20, 100), (2, 50, 100, 50, 100)) s (n, n1, d1, n0, d0);
SELECT n, (rate_mix(20, 100, 20, 100) OVER (ORDER BY n)).* FROM generate_series(1, 2) n;
-- a numerator without a denominator
SELECT n, (rate_mix(n1, d1, n0, d0) OVER (ORDER BY n)).* FROM (VALUES (1, 3, 0, NULL, NULL), (2, 0, NULL, 4, 0), (3, 5, 10, 5, 10), (4, 2, 0, 1, 0)) s (n, n1, d1, n0, d0);
-- where the denominators sum to 0 there is no ratio, and so no deviation of it
SELECT n, rate_mix(n1, d1, n0, d0) OVER (ORDER BY n) FROM (VALUES (1, 3, 5, 1, 0), (2, 2, 5, NULL, NULL)) s (n, n1, d1, n0, d0);
SELECT n, rate_mix(n1, d1, n0, d0) OVER (ORDER BY n) FROM (VALUES (1, 3, 5, 1, 2), (2, 2, -5, 1, 1)) s (n, n1, d1, n0, d0);
-- a row that takes no part; all NULL; one row; no rows
SELECT n, rate_mix(n1, d1, n0, d0) OVER (ORDER BY n) FROM (VALUES (1, 3, 5, 1, 2), (2, NULL, NULL, NULL, NULL)) s (n, n1, d1, n0, d0);
SELECT n, rate_mix(NULL, NULL, NULL, NULL) OVER () FROM generate_series(1, 2) n;
SELECT (rate_mix(1, 3, 1, 4) OVER ()).*;
SELECT rate_mix(1, 1, 1, 1) OVER () WHERE false;
-- a price of a rate's size, beyond 64 bits of its digits
SELECT n, (rate_mix(a1, q1, a0, q0) OVER (ORDER BY n)).* FROM (VALUES (1, 98765432109876543210.99, 3, 1e19, 7), (2, 1e19, 0.7, 1e18, 0.0000000000000000000000001)) s (n, a1, q1, a0, q0);

--
-- shift_share
--
CREATE TEMP TABLE rep (name text, product text, target numeric, actual numeric);
INSERT INTO rep VALUES ('Ann', 'boats', 100, 90.00), ('Bo', 'boats', 200, 170), ('Cai', 'bikes', 100, 115), ('Dan', 'bikes', 50, 40), ('Eva', 'bikes', 0, 12), ('Fay', 'cars', NULL, NULL);
SELECT name, product, (shift_share(actual, target, product) OVER (ORDER BY name)).* FROM rep ORDER BY name;
-- the market grew 4 points less than planned
SELECT name, product, (shift_share(actual, target, product, -0.04) OVER (ORDER BY name)).* FROM rep ORDER BY name;
-- boats by 10 less, bikes by 2 more
SELECT name, product, (shift_share(actual, target, product, CASE product WHEN 'boats' THEN -0.1 ELSE 0.02 END) OVER (ORDER BY name)).* FROM rep ORDER BY name;
-- each row sums; common sums to the whole deviation; the others to 0, individual in each segment
SELECT product, bool_and((e).common + (e).strategy + (e).individual = actual - target) AS sums, sum((e).common) AS common, sum((e).strategy) AS strategy, sum((e).individual) AS individual
FROM (SELECT *, shift_share(actual, target, product) OVER () AS e FROM rep) s GROUP BY ROLLUP (product) ORDER BY product;
-- NULL is a segment; a segment whose targets are 0, or cancel; targets that all are or do
SELECT n, (shift_share(a, t, g) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 110.0, 100), (2, NULL, 90, 100), (3, NULL, 120, 100)) s (n, g, a, t);
SELECT n, (shift_share(a, t, g) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 110.0, 100), (2, 'y', 7, 0), (3, 'z', 60, 50), (4, 'z', -60, -50)) s (n, g, a, t);
SELECT n, (shift_share(a, t, g) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 110.0, 0), (2, 'y', 7, 0)) s (n, g, a, t);
SELECT n, (shift_share(a, t, g) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 110.0, 100), (2, 'y', -99, -100)) s (n, g, a, t);
SELECT n, (shift_share(a, t, g, 0.1) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 110.0, 0), (2, 'y', 7, 0)) s (n, g, a, t);
-- other keys: a number, a date, several columns; a literal
SELECT n, (shift_share(a, 100, n % 2) OVER (ORDER BY n)).* FROM (VALUES (1, 110.0), (2, 90), (3, 120)) s (n, a);
SELECT n, (shift_share(a, 100, date '2024-01-01' + n % 2) OVER (ORDER BY n)).* FROM (VALUES (1, 110.0), (2, 90), (3, 120)) s (n, a);
SELECT n, (shift_share(a, 100, ARRAY[n % 2, 7]) OVER (ORDER BY n)).* FROM (VALUES (1, 110.0), (2, 90), (3, 120)) s (n, a);
SELECT n, (shift_share(a, 100, 'all') OVER (ORDER BY n)).* FROM (VALUES (1, 110.0), (2, 90)) s (n, a);
-- one row; all alike; all NULL; no rows
SELECT (shift_share(110.0, 100, 'x') OVER ()).*;
SELECT DISTINCT shift_share(110.0, 100, 'x') OVER () FROM generate_series(1, 7);
SELECT n, shift_share(NULL, NULL, n) OVER () FROM generate_series(1, 2) n;
SELECT shift_share(1, 1, 1) OVER () WHERE false;
-- of any size
SELECT n, (shift_share(a, t, g, m) OVER (ORDER BY n)).* FROM (VALUES (1, 'x', 1e40, 3e39, 0.00000000000000000000000000001), (2, 'y', 1.000000000000000000000001, 7, 5e20), (3, 'x', 1, 1, 0)) s (n, g, a, t, m);

--
-- factor_effects
--
-- leads × win rate × deal size; in the digits of the factors, and in cents
SELECT factor_effects('{12000, 0.18, 310}', '{10000, 0.2, 300}');
SELECT factor_effects(ARRAY[12000, 2160 / 12000.0, 669600 / 2160.0], ARRAY[10000, 0.2, 300], scale => 2) AS cents, 669600 - 600000 AS deviation;
SELECT factor_effects('{12000, 0.18, 310}', '{10000, 0.2, 300}', 'lmdi', 2);
SELECT factor_effects(actual => '{3, 5}', plan => '{2, 7}', method => 'shapley', scale => NULL);
-- zeros
SELECT a, p, factor_effects(a, p, scale => 4) AS shapley, factor_effects(a, p, 'lmdi', 4) AS lmdi
FROM (VALUES ('{4,5,3}'::numeric[], '{0,10,2}'::numeric[]), ('{5,6,0}', '{4,5,3}'), ('{10,7}', '{0,0}'), ('{0,0}', '{10,7}'), ('{0,5}', '{5,0}'), ('{0,5}', '{0,7}'), ('{0,0}', '{0,0}'), ('{10,7,1}', '{0,0,0}')) s (a, p);
-- below 0, and from one side to the other
SELECT a, p, factor_effects(a, p, scale => 4) AS shapley, factor_effects(a, p, 'lmdi', 4) AS lmdi
FROM (VALUES ('{-4,5}'::numeric[], '{-2,5}'::numeric[]), ('{-4,-5}', '{-2,-3}'), ('{-4,5}', '{2,5}'), ('{0,5}', '{2,-5}')) s (a, p);
-- nothing changed, one factor, none
SELECT factor_effects('{2,3}', '{2,3}'), factor_effects('{2,3}', '{2,3}', 'lmdi'), factor_effects('{3.5}', '{1.25}'), factor_effects('{3.5}', '{1.25}', 'lmdi'), factor_effects('{}', '{}'), factor_effects('{}', '{}', 'lmdi');
-- where the product does not change, the factors still do
SELECT factor_effects('{4,6}', '{6,4}'), factor_effects('{4,6}', '{6,4}', 'lmdi', 10);
-- the sum is the deviation, rounded half away from 0
SELECT factor_effects('{0.1,0.5}', '{0,0}', scale => 1), factor_effects('{-0.1,0.5}', '{0,0}', scale => 1), factor_effects('{0.5,1}', '{0,1}', scale => 0);
-- NULL arrays; other lower bounds
SELECT factor_effects(NULL, '{1}') IS NULL AS a, factor_effects('{1}', NULL) IS NULL AS b, factor_effects(NULL, NULL, NULL, -1) IS NULL AS c;
SELECT factor_effects('[5:6]={3,5}'::numeric[], '{2,7}');
-- of any size
SELECT factor_effects('{1e40,1e-40}', '{2e40,3e-40}'), factor_effects('{1e40,1e-40}', '{2e40,3e-40}', 'lmdi', 20);
SELECT array_length(e, 1) AS factors, (SELECT sum(x) FROM unnest(e) x) AS sum, round(3.0 ^ 16 - 1, 12) AS deviation
FROM (SELECT factor_effects(array_agg(1.5 + n % 2 * 0.5), array_agg(1), scale => 12) AS e FROM generate_series(1, 32) n) s;

RESET ROLE;
DROP OWNED BY regress_quota_user;
DROP ROLE regress_quota_user;
