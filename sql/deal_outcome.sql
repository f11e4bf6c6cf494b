-- deal_outcome: what open deals may bring
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS quota_decomp;
RESET client_min_messages;
CREATE ROLE regress_quota_user;
SET ROLE regress_quota_user;
SET search_path = quota_decomp, pg_temp;

CREATE TEMP TABLE deal (id int, team text, amount numeric, probability numeric);
INSERT INTO deal VALUES (1, 'A', 25000, 0.24), (2, 'A', 1000, 0.5), (3, 'A', 1000, 0.50), (4, 'B', 40000.50, 0.1), (5, 'B', -300, 0.2), (6, 'C', 7000, 1), (7, 'C', 9000, 0);

-- the deals, counted and in order
SELECT team, deal_outcome(amount, probability) FROM deal GROUP BY team ORDER BY team;
SELECT deal_outcome(amount, probability) FROM deal;
SELECT deal_outcome(amount, probability ORDER BY id DESC) FROM deal;
SELECT deal_outcome(amount, probability) FILTER (WHERE team = 'A') FROM deal;
SELECT deal_outcome(DISTINCT amount, probability) FROM deal WHERE team = 'A';
-- over the rows so far
SELECT id, deal_outcome(amount, probability) OVER (PARTITION BY team ORDER BY id) FROM deal ORDER BY id;

-- will they be enough?
SELECT team, x, (p).* FROM (
	SELECT team, x, probability_at_least(d, x) AS p
	FROM (SELECT team, deal_outcome(amount, probability) AS d FROM deal GROUP BY team) s, unnest(ARRAY[-1000, -300, 0, 0.01, 1000, 7000, 7000.01, 25000, 40000, 100000]) x) s
ORDER BY team, x;
-- what can be counted on?
SELECT team, p, (q).* FROM (
	SELECT team, p, percentile(d, p) AS q
	FROM (SELECT team, deal_outcome(amount, probability) AS d FROM deal GROUP BY team) s, unnest(ARRAY[0, 0.1, 0.5, 0.9, 1]) p) s
ORDER BY team, p;
SELECT team, (mean(deal_outcome(amount, probability))).*, sum(amount * probability) AS by_hand FROM deal GROUP BY team ORDER BY team;

-- every outcome of the first team's deals, by hand
WITH o AS (
	SELECT sum(amount * (o >> i & 1)) AS amount, round(exp(sum(ln(CASE o >> i & 1 WHEN 1 THEN p ELSE 1 - p END))), 12) AS p
	FROM generate_series(0, 7) o, (SELECT row_number() OVER (ORDER BY id)::int - 1 AS i, amount, probability AS p FROM deal WHERE team = 'A') d GROUP BY o
), d AS (SELECT deal_outcome(amount, probability) AS d FROM deal WHERE team = 'A')
SELECT x.amount, x.by_hand, p.*
FROM d, (SELECT amount, sum(sum(p)) OVER (ORDER BY amount DESC) AS by_hand FROM o GROUP BY amount) x, probability_at_least(d, x.amount) p ORDER BY x.amount;

-- where p falls on a step: exact while fractions can be told apart, else both sides are possible
SELECT p, (percentile('{1000@0.5*2, 25000@0.24}', p)).* FROM unnest(ARRAY[0.189999, 0.19, 0.190001, 0.569999, 0.57, 0.570001]) p;
SELECT p, (percentile('{1000@0.5*61}', p)).* FROM unnest(ARRAY[0.499999, 0.5, 0.500001]) p;

-- rows that are no deals: an outer join made them
SELECT m, deal_outcome(amount, probability) FROM unnest('{A,D}'::text[]) m LEFT JOIN deal ON team = m GROUP BY m ORDER BY m;
SELECT deal_outcome(amount, probability) FROM deal WHERE false;
SELECT deal_outcome(NULL::numeric, NULL::numeric) FROM deal;
SELECT probability_at_least(NULL, 1), probability_at_least('{}', NULL), percentile(NULL, 0.5), percentile('{}', NULL), mean(NULL);
-- one row
SELECT deal_outcome(5, 0.3), mean(deal_outcome(5, 0.3)), percentile(deal_outcome(5, 0.3), 0.71);
-- no deals at all bring 0
SELECT d, probability_at_least(d, 0) AS zero, probability_at_least(d, 0.01) AS cent, percentile(d, 0.5), mean(d) FROM (VALUES ('{}'::distribution), ('{0@0.5}'), ('{100@0}')) v (d);

-- merging: teams make a company
CREATE TEMP TABLE team_outcome AS SELECT team, deal_outcome(amount, probability) AS d FROM deal GROUP BY team;
SELECT deal_outcome(d) FROM team_outcome;
SELECT (SELECT deal_outcome(d)::text FROM team_outcome) = (SELECT deal_outcome(amount, probability)::text FROM deal) AS same;
SELECT deal_outcome(d) FROM (VALUES (NULL::distribution), ('{1@0.5}'), (NULL), ('{1@0.5, 0.1@0.2}')) v (d);
SELECT deal_outcome(d) FROM (VALUES (NULL::distribution)) v (d);
SELECT deal_outcome(d) FROM (VALUES ('{}'::distribution), ('{}')) v (d);
SELECT distribution_merge('{1@0.5}', '{1@0.5}'), distribution_merge(NULL, '{1@0.5}'), distribution_merge(d, d) FROM team_outcome WHERE team = 'A';
-- the parts are as they were
SELECT * FROM team_outcome ORDER BY team;

-- scenarios that all deals share
SELECT deal_outcome(amount, ARRAY[probability / 2, probability, (1 + probability) / 2], ARRAY[0.25, 0.5, 0.25]) FROM deal WHERE team <> 'C';
WITH d AS (
	SELECT deal_outcome(amount, probability) AS alone, deal_outcome(amount, ARRAY[probability / 2, probability, least(1, probability * 1.5)], ARRAY[1, 2, 1]) AS shared
	FROM (SELECT 1000 AS amount, 0.4 AS probability FROM generate_series(1, 100)) s)
SELECT p, (percentile(alone, p)).value AS alone, (percentile(shared, p)).value AS shared, (mean(alone)).value AS mean, (mean(shared)).value AS shared_mean
FROM d, unnest(ARRAY[0.05, 0.25, 0.5, 0.75, 0.95]) p;
-- one scenario is none
SELECT deal_outcome(10, ARRAY[0.2], ARRAY[7]);
-- a mean that does not divide
SELECT (mean('{1|2: 1@0.1|0.2}')).*;
SELECT (mean('{1|1|2: 1@0.1|0.2|0.4, -8@0|1|0.5}')).*;
-- deals without scenarios are the same in all of them
SELECT deal_outcome(d) FROM (VALUES ('{7@0.5}'::distribution), ('{1|2: 10@0.2|0.3}'), ('{5@0.1}')) v (d);
SELECT deal_outcome(d) FROM (VALUES ('{2|4: 10@0.2|0.3}'::distribution), ('{1|2:}'), ('{}')) v (d);
-- beyond what any or every scenario can bring
SELECT x, probability_at_least('{1|3: 10@1|0}', x) FROM unnest(ARRAY[0, 1, 10, 11]) x;

-- probabilities of any length: none becomes certain or impossible
SELECT deal_outcome(1, p) FROM unnest(ARRAY[1 / 3.0, 0.123456789012345678, 0.1234567890123456789, 1e-30, 1 - 1e-30, 0.10000000000000000000000000000000000001, 1.000000000000000000000, 0.0]) p;
SELECT mean(deal_outcome(3, 1 / 3.0));
-- amounts of different scales
SELECT deal_outcome(a, 0.5), mean(deal_outcome(a, 0.5)) FROM unnest(ARRAY[1, 1.50, 1.25, 1e20, 0.000000001]) a;
SELECT probability_at_least('{1.25@0.5}', x), left(x::text, 24) AS x FROM unnest(ARRAY[1.2, 1.25, 1.2500000000000000000001, 1e300, -1e300, 1e-300]) x;

-- text in and out
SELECT d::distribution FROM unnest(ARRAY['{}', ' { } ', '{1@0.5}', '{ 25000 @ 0.24 * 3 , 1e3@5e-1, 1000.00@.50, -0.10@1 }', '{1|2|1: 10@0.1|0.2|0.3}', '{0.5|1|.5:10@0.1|0.2|0.3*1}', '{7:10@0.1}', '{1|1:}', '{0@0}', '{-0@0.5}']) d;
SELECT bool_and(d::text::distribution::text = d::text) AS text, bool_and(distribution_send(d::text::distribution) = distribution_send(d)) AS binary FROM team_outcome;
SELECT distribution_send('{1.5@0.25*2}');
CREATE TEMP TABLE stored (d distribution);
INSERT INTO stored SELECT deal_outcome(i % 1000 + i / 100000.0, (i % 99 + 1) / 100.0) FROM generate_series(1, 20000) i;
SELECT pg_column_size(d) < 20000 * 32 AS compressed, (mean(d)).value, (probability_at_least(d, 5000000)).value > 0.5 AS enough FROM stored;

-- on a grid: bounds, and what they are around
CREATE TEMP TABLE many AS SELECT i, (i * 7919 % 100003 + 1)::numeric / 7 * 3 + 0.01 * i AS amount, (i % 97 + 1)::numeric / 100 AS probability FROM generate_series(1, 1000) i;
UPDATE many SET amount = round(amount, 2);
SELECT round((p).value, 3) AS value, (p).low <= (p).value AND (p).value <= (p).high AS between, (p).high - (p).low < 0.002 AS narrow
FROM (SELECT probability_at_least(d, x) AS p FROM (SELECT deal_outcome(amount, probability) AS d FROM many) s, unnest(ARRAY[9500000, 10000000, 10500000, 11000000]) x) s;
SELECT p, (q).low <= (q).value AND (q).value <= (q).high AS between, (q).high / (q).low < 1.001 AS narrow,
	(probability_at_least(d, (q).low)).high >= 1 - p AND (probability_at_least(d, (q).high + 0.01)).low <= 1 - p AS consistent
FROM (SELECT d, p, percentile(d, p) AS q FROM (SELECT deal_outcome(amount, probability) AS d FROM many) s, unnest(ARRAY[0.01, 0.1, 0.5, 0.9, 0.99]) p) s;
SELECT (mean(deal_outcome(amount, probability))).value = sum(amount * probability) AS exact FROM many;
-- the row order does not matter
SELECT count(DISTINCT d) FROM (
	SELECT distribution_send(deal_outcome(amount, probability ORDER BY i)) AS d FROM many UNION ALL
	SELECT distribution_send(deal_outcome(amount, probability ORDER BY md5(i::text))) FROM many UNION ALL
	SELECT distribution_send(deal_outcome(d ORDER BY k)) FROM (SELECT i % 7 AS k, deal_outcome(amount, probability) AS d FROM many GROUP BY i % 7) s) s;

DROP TABLE deal, team_outcome, stored, many;
RESET ROLE;
DROP ROLE regress_quota_user;
