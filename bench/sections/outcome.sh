#!/bin/bash
# probability_at_least against a Monte Carlo in SQL and a convolution in numpy

# outcome_row WHAT RATIO OURS OTHER [BOUND VERDICT]
outcome_row() {
	sql -v what="$1" -v ratio="$2" -v ours="$3" -v other="$4" -v bound="${5:-}" -v verdict="${6:-}" <<'END'
INSERT INTO bench.result (what, mem, ratio, ours, other, bound, verdict)
VALUES (:'what', '4MB', :'ratio', :'ours', :'other', nullif(:'bound', ''), nullif(:'verdict', ''));
END
}

# median of numbers, one a line
outcome_median() { sort -g | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }

outcome_section() {
	local draws=2000 n ours other ms narrow numpy=/usr/bin/python3
	[ -z "$QUICK" ] || draws=200
	note "deals"
	sql <<'END'
SET search_path = bench, quota_decomp;
SELECT setseed(0.42);
CREATE TABLE deals_all AS
SELECT i, round((1000 + random() * 50000)::numeric, 2) AS amount, round((0.02 + random() * 0.6)::numeric, 3) AS probability FROM generate_series(1, 10000) i;
CREATE TABLE deals AS SELECT * FROM deals_all WHERE i <= 1000;
VACUUM ANALYZE deals, deals_all;
END
	target="(SELECT sum(amount * probability) FROM deals)"
	ask="SELECT probability_at_least(deal_outcome(amount, probability), $target) FROM deals"
	compare "Monte Carlo of $draws draws in SQL / probability_at_least, 1000 deals" 4MB "$FEW" "$ask" \
		"SELECT avg((total >= $target)::int) FROM (SELECT sum(amount) FILTER (WHERE random() < probability) AS total FROM generate_series(1, $draws) r, deals GROUP BY r) s" at-least
	compare "  deal_outcome, 10000 deals / sum(amount * probability)" 4MB "$FEW" \
		"SELECT deal_outcome(amount, probability) FROM deals_all" "SELECT sum(amount * probability) FROM deals_all"

	for n in 100 1000 10000; do
		note "outcome: $n deals"
		ms=$(time_pairs 4MB "$FEW" "SELECT probability_at_least(deal_outcome(amount, probability), 1e6) FROM deals_all WHERE i <= $n" "SELECT 1" |
			awk '$2 == "t" { print $3 }' | outcome_median)
		narrow=$(sql -c "SET search_path = bench, quota_decomp" -c "SELECT round((p).high - (p).low, 6)
			FROM (SELECT probability_at_least(deal_outcome(amount, probability), sum(amount * probability)) AS p FROM deals_all WHERE i <= $n) s")
		ours=$(awk "BEGIN { printf \"%.1f\", $ms }")
		if [ "$n" = 1000 ]; then
			outcome_row "probability_at_least, $n deals: ms; bounds $narrow apart at the mean" "$ours" "$ours ms" "" "≤ 100" \
				"$(awk "BEGIN { print ($ms <= 100 ? \"PASS\" : \"MISS\") }")"
		else
			outcome_row "  probability_at_least, $n deals: ms; bounds $narrow apart at the mean" "$ours" "$ours ms" ""
		fi
	done

	# the same in numpy: one grid over the whole range, amounts rounded to it,
	# without any bounds
	if ! "$numpy" -c 'import numpy' 2>/dev/null; then note "no numpy: left out"; return; fi
	sql -c "\\copy (SELECT amount, probability FROM bench.deals) TO '$WORK/deals.csv' (FORMAT csv)"
	other=$("$numpy" - "$WORK/deals.csv" "$FEW" <<'END' | outcome_median
import sys, time
import numpy
deals = numpy.loadtxt(sys.argv[1], delimiter=',')
for _ in range(int(sys.argv[2])):
    began = time.process_time()
    cells = 131072
    step = deals[:, 0].sum() / (cells - 1000)
    law = numpy.zeros(cells)
    law[0] = 1
    for amount, p in deals:
        k = int(round(amount / step))
        new = law * (1 - p)
        new[k:] += law[:-k] * p
        law = new
    print((time.process_time() - began) * 1000)
END
	)
	ms=$(time_pairs 4MB "$FEW" "$ask" "SELECT 1" | awk '$2 == "t" { print $3 }' | outcome_median)
	outcome_row "numpy, 131072 cells, no bounds / probability_at_least, 1000 deals" "$(awk "BEGIN { printf \"%.2f\", $other / $ms }")" \
		"$(awk "BEGIN { printf \"%.0f\", $ms }") ms" "$(awk "BEGIN { printf \"%.0f\", $other }") ms"
}
