#!/bin/bash
# allocate_rate against the multiply-and-round everybody writes
#
# The rival is right only where no cap binds: how many teams' means are off, and
# by how much, is a row of its own.

RATE_BASE="round(0.05 + 0.4 * ((i * 7919::bigint) % 1000003) / 1000003.0, 6)"
RATE_VOLUME="(1 + i % 997)::numeric"

# multiply by target / mean, cap, round; the mean is asked of a window
rate_sql() {
	echo "SELECT round(least(b * 0.30 / (sum(b * v) OVER ($1) / sum(v) OVER ($1)), ${2:-1}), 2) AS x, b, v${3:+, $3} FROM rate_rows"
}

rates_section() {
	note "rates: data"
	sql -c "CREATE TABLE bench.rate_rows AS SELECT i, p, $RATE_BASE AS b, $RATE_VOLUME AS v FROM bench.$R" \
		-c "VACUUM (FREEZE, ANALYZE) bench.rate_rows"
	compare "multiply-and-round SQL / allocate_rate, one partition" 4MB "$FEW" \
		"$(count "SELECT allocate_rate(0.30, b, v, scale => 2) OVER () AS x FROM rate_rows")" "$(count "$(rate_sql "")")" at-least
	compare "multiply-cap-and-round SQL / allocate_rate with caps, one partition" 4MB "$FEW" \
		"$(count "SELECT allocate_rate(0.30, b, v, cap => 0.40, scale => 2) OVER () AS x FROM rate_rows")" "$(count "$(rate_sql "" 0.40)")" at-least
	compare "multiply-and-round SQL / allocate_rate, $((N / 1000)) partitions" 4MB "$FEW" \
		"$(count "SELECT allocate_rate(0.30, b, v, scale => 2) OVER (PARTITION BY p) AS x FROM rate_rows")" "$(count "$(rate_sql "PARTITION BY p")")" at-least
	# teams of ten: does the company's rate come out again?
	note "rates: do they re-aggregate?"
	sql <<-END
		$(settings 256MB)
		INSERT INTO bench.result (what, mem, ratio, ours, other, bound, verdict)
		SELECT 'teams of 10 whose rates, capped at 40 %, do not come out as 30 % again, of ' || count(*), '256MB',
			format('off by up to %s points', round(100 * max(abs(other - 0.30)), 2)),
			count(*) FILTER (WHERE round(ours, 2) <> 0.30) || ' teams', count(*) FILTER (WHERE round(other, 2) <> 0.30) || ' teams', '0',
			CASE WHEN count(*) FILTER (WHERE round(ours, 2) <> 0.30) = 0 THEN 'PASS' ELSE 'MISS' END
		FROM (SELECT sum(x * v) / sum(v) AS ours, sum(y * v) / sum(v) AS other
			FROM (SELECT t, v, allocate_rate(0.30, b, v, cap => 0.40, scale => 2) OVER (PARTITION BY t) AS x,
					round(least(b * 0.30 / (sum(b * v) OVER (PARTITION BY t) / sum(v) OVER (PARTITION BY t)), 0.40), 2) AS y
				FROM (SELECT i / 10 AS t, b, v FROM rate_rows WHERE i < 100000) a) c GROUP BY t) d;
	END
}
