#!/bin/bash
# decompositions against SQL: price_volume_mix, shift_share, Shapley
decompose_gap_section() {
	local mem best kind
	note "decompositions: data"
	sql <<END
SET search_path = bench, quota_decomp, public;
-- a thousand products a partition, in cents; one in ten is new, one lost
CREATE TABLE product AS
SELECT i, p, CASE WHEN i % 10 = 3 THEN NULL ELSE q1 END AS q1, CASE WHEN i % 10 = 3 THEN NULL ELSE round(q1 * price * 1.03, 2) END AS a1,
	CASE WHEN i % 10 = 7 THEN NULL ELSE q0 END AS q0, CASE WHEN i % 10 = 7 THEN NULL ELSE round(q0 * price, 2) END AS a0
FROM (SELECT i, p, 1 + i * 7919::bigint % 997 AS q1, 1 + i * 104729::bigint % 991 AS q0, w / 100 AS price FROM $R) s;
ALTER TABLE product ALTER q1 TYPE numeric, ALTER q0 TYPE numeric;
CREATE TABLE funnel AS SELECT i, ARRAY[1000 + i % 77, 0.2 + i % 13 * 0.01, 300 + i % 59] AS actual, ARRAY[1000, 0.25, 310] AS plan
FROM generate_series(1, $((N / 10))) i;
VACUUM (FREEZE, ANALYZE) product, funnel;

-- price, volume, mix in SQL with the same result: remainders over the common
-- denominator q0 * Q0, largest remainder over the three (ties to the earlier);
-- OFFSET 0 so that nothing is computed twice
CREATE VIEW pvm_sql AS
SELECT i, p, CASE WHEN both_ THEN (fp + (kp)::int) * 0.01 ELSE 0 END AS price, CASE WHEN both_ THEN (fv + (kv)::int) * 0.01 ELSE 0 END AS volume,
	CASE WHEN both_ THEN (fm + (km)::int) * 0.01 ELSE 0 END AS mix, CASE WHEN q0 IS NULL THEN a1 ELSE 0 END AS added, CASE WHEN q1 IS NULL THEN -a0 ELSE 0 END AS lost
FROM (SELECT *, k > 0 AND (rp >= rv AND rp >= rm OR k = 2 AND NOT (rp < rv AND rp < rm)) AS kp,
		k > 0 AND (rv > rp AND rv >= rm OR k = 2 AND NOT (rv <= rp AND rv < rm)) AS kv,
		k > 0 AND (rm > rp AND rm > rv OR k = 2 AND NOT (rm <= rp AND rm <= rv)) AS km
	FROM (SELECT *, (rp + rv + rm) / d AS k, div(np - rp, d) AS fp, div(nv - rv, d) AS fv, div(nm - rm, d) AS fm
		FROM (SELECT *, mod(mod(np, d) + d, d) AS rp, mod(mod(nv, d) + d, d) AS rv, mod(mod(nm, d) + d, d) AS rm
			FROM (SELECT *, q0 * s0 AS d, (a1 * q0 - a0 * q1) * 100 * s0 AS np, a0 * 100 * (s1 - s0) * q0 AS nv, a0 * 100 * (q1 * s0 - s1 * q0) AS nm
				FROM (SELECT *, q1 IS NOT NULL AND q0 IS NOT NULL AS both_, sum(q1) FILTER (WHERE q0 IS NOT NULL) OVER w AS s1, sum(q0) FILTER (WHERE q1 IS NOT NULL) OVER w AS s0
					FROM product WINDOW w AS (PARTITION BY p)) a OFFSET 0) b OFFSET 0) c OFFSET 0) d OFFSET 0) e;
-- as people write it: two effects rounded, the third is what is left; it sums,
-- but the third may be more than a unit off
CREATE VIEW pvm_simple AS
SELECT i, p, price, volume, CASE WHEN both_ THEN a1 - a0 - price - volume ELSE 0 END AS mix, CASE WHEN q0 IS NULL THEN a1 ELSE 0 END AS added, CASE WHEN q1 IS NULL THEN -a0 ELSE 0 END AS lost
FROM (SELECT *, CASE WHEN both_ THEN round(a1 - a0 * q1 / q0, 2) ELSE 0 END AS price, CASE WHEN both_ THEN round(a0 * (s1 - s0) / s0, 2) ELSE 0 END AS volume
	FROM (SELECT *, q1 IS NOT NULL AND q0 IS NOT NULL AS both_, sum(q1) FILTER (WHERE q0 IS NOT NULL) OVER w AS s1, sum(q0) FILTER (WHERE q1 IS NOT NULL) OVER w AS s0
		FROM product WINDOW w AS (PARTITION BY p)) a) b;
-- shift-share of weights against the least of them, segments of i % 50
CREATE VIEW shift_sql AS
SELECT i, (f1 + (k1)::int) * 0.01 AS common, (f2 + (k2)::int) * 0.01 AS strategy, (f3 + (k3)::int) * 0.01 AS individual
FROM (SELECT *, k > 0 AND (r1 >= r2 AND r1 >= r3 OR k = 2 AND NOT (r1 < r2 AND r1 < r3)) AS k1,
		k > 0 AND (r2 > r1 AND r2 >= r3 OR k = 2 AND NOT (r2 <= r1 AND r2 < r3)) AS k2,
		k > 0 AND (r3 > r1 AND r3 > r2 OR k = 2 AND NOT (r3 <= r1 AND r3 <= r2)) AS k3
	FROM (SELECT *, (r1 + r2 + r3) / d AS k, div(n1 - r1, d) AS f1, div(n2 - r2, d) AS f2, div(n3 - r3, d) AS f3
		FROM (SELECT *, mod(mod(n1, d) + d, d) AS r1, mod(mod(n2, d) + d, d) AS r2, mod(mod(n3, d) + d, d) AS r3
			FROM (SELECT i, t * tg AS d, w0 * 100 * s * tg AS n1, w0 * 100 * (sg * t - s * tg) AS n2, ((w - w0) * tg - w0 * sg) * 100 * t AS n3
				FROM (SELECT i, w, high AS w0, sum(high) OVER () AS t, sum(w - high) OVER () AS s, sum(high) OVER g AS tg, sum(w - high) OVER g AS sg
					FROM $R WINDOW g AS (PARTITION BY i % 50)) a OFFSET 0) b OFFSET 0) c OFFSET 0) d OFFSET 0) e;
CREATE VIEW shift_simple AS
SELECT i, common, strategy, w - w0 - common - strategy AS individual
FROM (SELECT *, round(w0 * s / t, 2) AS common, round(w0 * sg / tg - w0 * s / t, 2) AS strategy
	FROM (SELECT i, w, high AS w0, sum(high) OVER () AS t, sum(w - high) OVER () AS s, sum(high) OVER g AS tg, sum(w - high) OVER g AS sg
		FROM $R WINDOW g AS (PARTITION BY i % 50)) a) b;
-- Shapley of three factors, written out
CREATE VIEW shapley_sql AS
SELECT i, ARRAY[(x - a) * (2 * y * z + 2 * b * c + y * c + b * z) / 6, (y - b) * (2 * x * z + 2 * a * c + x * c + a * z) / 6, (z - c) * (2 * x * y + 2 * a * b + x * b + a * y) / 6] AS e
FROM (SELECT i, actual[1] AS x, actual[2] AS y, actual[3] AS z, plan[1] AS a, plan[2] AS b, plan[3] AS c FROM funnel) s;
-- for any number of factors: subsets by their bits
CREATE VIEW shapley_subsets AS
SELECT i, array_agg(e ORDER BY j) AS e FROM (
	SELECT f.i, j, sum(factorial(size::bigint) * factorial(k - 1 - size::bigint) / factorial(k::bigint) * (actual[j] - plan[j]) * product) AS e
	FROM funnel f, LATERAL (SELECT cardinality(actual) AS k) k, generate_series(1, k) j, generate_series(0, (1 << k) - 1) s,
		LATERAL (SELECT count(*) FILTER (WHERE s >> (m - 1) & 1 = 1) AS size, round(exp(sum(ln(CASE WHEN s >> (m - 1) & 1 = 1 THEN actual[m] ELSE plan[m] END))), 8) AS product FROM generate_series(1, k) m WHERE m <> j) p
	WHERE s >> (j - 1) & 1 = 0 GROUP BY f.i, j) x GROUP BY i;
END
	note "is the SQL right?"
	[ "$(sql <<END
SET search_path = bench, quota_decomp, public;
-- ties go another way in a few rows
SELECT (SELECT count(*) FILTER (WHERE ((e).price, (e).volume, (e).mix, (e).added, (e).lost) = (price, volume, mix, added, lost)) >= 0.9999 * $N
		AND count(*) = $N AND bool_and(abs((e).price - price) <= 0.01 AND abs((e).volume - volume) <= 0.01 AND abs((e).mix - mix) <= 0.01)
		FROM pvm_sql s JOIN (SELECT i, price_volume_mix(q1, a1, q0, a0) OVER (PARTITION BY p) AS e FROM product) o USING (i))
	AND (SELECT count(*) FILTER (WHERE ((e).common, (e).strategy, (e).individual) = (common, strategy, individual)) >= 0.9999 * $N
		AND count(*) = $N AND bool_and(abs((e).common - common) <= 0.01 AND abs((e).strategy - strategy) <= 0.01)
		FROM shift_sql s JOIN (SELECT i, shift_share(w, high, i % 50) OVER () AS e FROM $R) o USING (i))
	AND (SELECT count(*) FROM shapley_sql s JOIN funnel f USING (i), factor_effects(actual, plan, scale => 4) o (x)
		WHERE abs(s.e[1] - x[1]) < 1.1e-4 AND abs(s.e[2] - x[2]) < 1.1e-4 AND abs(s.e[3] - x[3]) < 1.1e-4) = $((N / 10))
	AND (SELECT count(*) FROM (SELECT * FROM shapley_subsets LIMIT 100) s JOIN funnel f USING (i), factor_effects(actual, plan, scale => 4) o (x)
		WHERE abs(s.e[1] - x[1]) < 1e-3 AND abs(s.e[2] - x[2]) < 1e-3) = 100;
END
	)" = t ] || qd_die "SQL and the decompositions differ"
	for mem in "${MEMORIES[@]}"; do
		compare "SQL, the same effects / price_volume_mix, $((N / 1000)) partitions" "$mem" "$FEW" \
			"SELECT count(x) FROM (SELECT price_volume_mix(q1, a1, q0, a0) OVER (PARTITION BY p) AS x FROM product OFFSET 0) s" \
			"SELECT count(ROW(price, volume, mix, added, lost)) FROM (SELECT * FROM pvm_sql OFFSET 0) s" at-least
		compare "SQL, the last effect is the rest / price_volume_mix, $((N / 1000)) partitions" "$mem" "$FEW" \
			"SELECT count(x) FROM (SELECT price_volume_mix(q1, a1, q0, a0) OVER (PARTITION BY p) AS x FROM product OFFSET 0) s" \
			"SELECT count(ROW(price, volume, mix, added, lost)) FROM (SELECT * FROM pvm_simple OFFSET 0) s" at-least
		compare "SQL, the same effects / shift_share, 50 segments" "$mem" "$FEW" \
			"SELECT count(x) FROM (SELECT shift_share(w, high, i % 50) OVER () AS x FROM $R OFFSET 0) s" \
			"SELECT count(ROW(common, strategy, individual)) FROM (SELECT * FROM shift_sql OFFSET 0) s" at-least
		compare "SQL, the last effect is the rest / shift_share, 50 segments" "$mem" "$FEW" \
			"SELECT count(x) FROM (SELECT shift_share(w, high, i % 50) OVER () AS x FROM $R OFFSET 0) s" \
			"SELECT count(ROW(common, strategy, individual)) FROM (SELECT * FROM shift_simple OFFSET 0) s" at-least
	done
	compare "  price_volume_mix, one partition / four sum() OVER ()" 4MB "$FEW" \
		"SELECT count(x) FROM (SELECT price_volume_mix(q1, a1, q0, a0) OVER () AS x FROM product OFFSET 0) s" \
		"SELECT count(x) FROM (SELECT ROW(sum(q1) OVER (), sum(a1) OVER (), sum(q0) OVER (), sum(a0) OVER ()) AS x FROM product OFFSET 0) s"
	compare "  rate_mix, one partition / four sum() OVER ()" 4MB "$FEW" \
		"SELECT count(x) FROM (SELECT rate_mix(a1, q1, a0, q0) OVER () AS x FROM product OFFSET 0) s" \
		"SELECT count(x) FROM (SELECT ROW(sum(q1) OVER (), sum(a1) OVER (), sum(q0) OVER (), sum(a0) OVER ()) AS x FROM product OFFSET 0) s"
	compare "SQL for any number of factors / factor_effects, Shapley, three factors" 4MB "$FEW" \
		"SELECT count(x) FROM (SELECT factor_effects(actual, plan, scale => 4) AS x FROM funnel WHERE i <= $((N / 100)) OFFSET 0) s" \
		"SELECT count(e) FROM (SELECT e FROM shapley_subsets WHERE i <= $((N / 100)) OFFSET 0) s" at-least
	compare "  SQL written out for three factors / factor_effects, Shapley" 4MB "$FEW" \
		"SELECT count(x) FROM (SELECT factor_effects(actual, plan, scale => 4) AS x FROM funnel OFFSET 0) s" \
		"SELECT count(e) FROM (SELECT e FROM shapley_sql OFFSET 0) s" at-least
	compare "  LMDI / Shapley, three factors" 4MB "$FEW" \
		"SELECT count(x) FROM (SELECT factor_effects(actual, plan, 'lmdi', 4) AS x FROM funnel OFFSET 0) s" \
		"SELECT count(x) FROM (SELECT factor_effects(actual, plan, scale => 4) AS x FROM funnel OFFSET 0) s"
}
