#!/bin/bash
# allocate_margins against IPF in numpy and in PL/pgSQL, and rounding by linear programming

# margins_data NAME ROWS COLUMNS [SPECIAL]: weights of last year, a tenth of them
# 0, and the totals of a hidden solution on the same cells, so that they agree.
# A few sweeps fit that.  SPECIAL, say 0.001: three kinds of rows that sell
# little but their own third of the columns, which takes IPF many.
margins_data() {
	sql <<END
SET client_min_messages = warning;
SELECT setseed(0.42);
CREATE TABLE bench.$1 AS
SELECT row_number() OVER ()::int4 AS i, r, c, w, (sum(x) OVER (PARTITION BY r)) AS rt, (sum(x) OVER (PARTITION BY c)) AS ct
FROM (SELECT r, c, w, round(w * (1 + r % 7) * (1 + c % 5) * exp(2 * random())::numeric, 2) AS x
	FROM (SELECT r, c, CASE WHEN random() < 0.1 THEN 0 ELSE round((exp(8 * random())
			* CASE WHEN r % 3 <> c % 3 THEN ${4:-1} ELSE 1 END)::numeric + 0.01, 2) END AS w
		FROM generate_series(1, $2) r, generate_series(1, $3) c OFFSET 0) s) s
ORDER BY r, c;
VACUUM (FREEZE, ANALYZE) bench.$1;
END
}
margins_call() { echo "SELECT allocate_margins(w, r, rt, c, ct${2:-}) OVER (ORDER BY i) AS x FROM $1"; }

# Row and column scaling until every total is met to 1e-10, on one thread; CPU
# milliseconds and sweeps of the second of two runs.  matrix scales the matrix
# in place, as mipfp and ipfn do; factors keeps the matrix and multiplies it with
# the factors, the fastest numpy can do.
margins_numpy() {
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 /usr/bin/python3 - "$WORK/$1.csv" "$2" "$3" <<'END'
import sys, time
import numpy as np

data = np.loadtxt(sys.argv[1], delimiter=',')
n = int(data[:, 0].max())
w, rt, ct = (np.ascontiguousarray(data[:, k].reshape(n, -1)) for k in (2, 3, 4))
rt, ct = rt[:, 0].copy(), ct[0].copy()
tolerance = float(sys.argv[3])

def matrix():
	x = w.copy()
	for sweep in range(1, 100000):
		x *= (rt / x.sum(axis=1))[:, None]
		x *= ct / x.sum(axis=0)
		if (np.abs(x.sum(axis=1) - rt) <= tolerance * rt).all():
			return x, sweep

def factors():
	b = np.ones(w.shape[1])
	for sweep in range(1, 100000):
		row = w @ b
		if sweep > 1 and (np.abs(a * row - rt) <= tolerance * rt).all():
			return w * a[:, None] * b, sweep - 1
		a = rt / row
		b = ct / (a @ w)

for run in range(2):
	began = time.process_time()
	x, sweeps = {'matrix': matrix, 'factors': factors}[sys.argv[2]]()
	took = time.process_time() - began
assert np.allclose(x.sum(axis=1), rt, rtol=1e-9) and np.allclose(x.sum(axis=0), ct, rtol=1e-9)
print(took * 1000, sweeps)
END
}

# the same in the database: factors of rows and columns in two small tables, the
# cells in double precision in a third
margins_plpgsql() {
	sql <<'END'
CREATE FUNCTION bench.ipf(cells text, tolerance float8, OUT sweeps integer) LANGUAGE plpgsql AS $$
DECLARE
	worst float8;
BEGIN
	sweeps := 0;
	EXECUTE format('CREATE TEMP TABLE ipf_cell ON COMMIT DROP AS SELECT i, r, c, w::float8 AS w FROM bench.%I WHERE w > 0', cells);
	EXECUTE format('CREATE TEMP TABLE ipf_row ON COMMIT DROP AS SELECT r, max(rt)::float8 AS t, 1::float8 AS f FROM bench.%I GROUP BY r', cells);
	EXECUTE format('CREATE TEMP TABLE ipf_column ON COMMIT DROP AS SELECT c, max(ct)::float8 AS t, 1::float8 AS f FROM bench.%I GROUP BY c', cells);
	LOOP
		CREATE TEMP TABLE ipf_next ON COMMIT DROP AS
		SELECT r, t, t / s AS f, abs(f * s - t) / t AS error FROM ipf_row JOIN (SELECT r, sum(w * f) AS s FROM ipf_cell JOIN ipf_column USING (c) GROUP BY r) x USING (r);
		SELECT max(error) INTO worst FROM ipf_next;
		EXIT WHEN worst <= tolerance AND sweeps > 0;
		DROP TABLE ipf_row;
		ALTER TABLE ipf_next RENAME TO ipf_row;
		CREATE TEMP TABLE ipf_next ON COMMIT DROP AS
		SELECT c, t, t / s AS f FROM ipf_column JOIN (SELECT c, sum(w * f) AS s FROM ipf_cell JOIN ipf_row USING (r) GROUP BY c) x USING (c);
		DROP TABLE ipf_column;
		ALTER TABLE ipf_next RENAME TO ipf_column;
		sweeps := sweeps + 1;
	END LOOP;
	DROP TABLE ipf_next;
END $$;
-- the fitted cells, for a look at their totals
CREATE FUNCTION bench.ipf_cells(cells text, tolerance float8) RETURNS TABLE (i integer, x float8) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM bench.ipf(cells, tolerance);
	RETURN QUERY SELECT ipf_cell.i, ipf_cell.w * ipf_row.f * ipf_column.f FROM ipf_cell JOIN ipf_row USING (r) JOIN ipf_column USING (c);
	DROP TABLE ipf_cell, ipf_row, ipf_column;
END $$;
END
}

# margins_ratio WHAT SIGN BOUND: pairs "ours other" in $WORK/ratios; SIGN at-most
# is ours / other, at-least other / ours
margins_ratio() {
	sql -v what="$1" -v kind="$2" -v bound="${3:-}" <<END
CREATE TEMP TABLE pair (ours float8, other float8);
\copy pair FROM '$WORK/ratios' (DELIMITER ' ')
INSERT INTO bench.result (what, mem, ratio, ours, other, bound, verdict)
SELECT :'what', '256MB', format('%s (%s–%s)', round(ratio, 2), round(low, 2), round(high, 2)), round(ours) || ' ms', round(other) || ' ms',
	CASE :'kind' WHEN 'at-most' THEN '≤ ' ELSE '≥ ' END || nullif(:'bound', ''),
	CASE WHEN :'bound' <> '' THEN CASE WHEN CASE :'kind' WHEN 'at-most' THEN ratio <= nullif(:'bound', '')::numeric ELSE ratio >= nullif(:'bound', '')::numeric END THEN 'PASS' ELSE 'MISS' END END
FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY q)::numeric AS ratio, min(q)::numeric AS low, max(q)::numeric AS high,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY ours)::numeric AS ours, percentile_cont(0.5) WITHIN GROUP (ORDER BY other)::numeric AS other
	FROM (SELECT *, CASE :'kind' WHEN 'at-most' THEN ours / other ELSE other / ours END AS q FROM pair) s) s;
END
}

# The same with what is around it, elapsed: the cells out of the database (COPY
# BINARY of floats, the fastest way there is), IPF, and the result into a table.
margins_outside() {
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 /usr/bin/python3 - "$1" <<'END'
import subprocess, sys, time
import numpy as np

def psql(sql, data=None):
	return subprocess.run(['psql', '-qXAt', '-v', 'ON_ERROR_STOP=1', '-c', sql], input=data, stdout=subprocess.PIPE, check=True).stdout

began = time.perf_counter()
raw = psql('COPY (SELECT i, r, c, w::float8, rt::float8, ct::float8 FROM bench.%s ORDER BY r, c) TO STDOUT BINARY' % sys.argv[1])
kind = np.dtype([('fields', '>i2')] + [x for name, t in (('i', '>i4'), ('r', '>i4'), ('c', '>i4'), ('w', '>f8'), ('rt', '>f8'), ('ct', '>f8')) for x in (('n' + name, '>i4'), (name, t))])
cell = np.frombuffer(raw, kind, offset=19, count=(len(raw) - 21) // kind.itemsize)
n = cell['r'].max()
x = cell['w'].astype(float).reshape(n, -1)
rt, ct = cell['rt'].astype(float).reshape(n, -1)[:, 0].copy(), cell['ct'].astype(float).reshape(n, -1)[0].copy()
while True:
	x *= (rt / x.sum(axis=1))[:, None]
	x *= ct / x.sum(axis=0)
	if (np.abs(x.sum(axis=1) - rt) <= 1e-10 * rt).all():
		break
back = np.empty(x.size, np.dtype([('fields', '>i2'), ('ni', '>i4'), ('i', '>i4'), ('nx', '>i4'), ('x', '>f8')]))
back['fields'], back['ni'], back['i'], back['nx'], back['x'] = 2, 4, cell['i'], 8, np.round(x.ravel(), 2)
psql('SET client_min_messages = warning; DROP TABLE IF EXISTS bench.outside; CREATE UNLOGGED TABLE bench.outside (i int4, x float8)')
psql('COPY bench.outside FROM STDIN BINARY', b'PGCOPY\n\xff\r\n\0' + bytes(8) + back.tobytes() + b'\xff\xff')
print((time.perf_counter() - began) * 1000)
END
}

# CPU milliseconds of a query's second run
margins_time() { time_pairs 256MB 1 "$1" "SELECT 1" | awk '$2 == "t" { print $3 }'; }

margins_section() {
	local i how other side=1000 ours lp data name
	qd_install_packages python3-numpy python3-scipy
	if [ -n "$QUICK" ]; then side=300; fi
	margins_data margins_even "$side" "$side"
	margins_data margins_special "$side" "$side" 0.001
	margins_data margins_400x52 400 52
	margins_data margins_200x52 200 52
	margins_plpgsql
	gcc -O2 -std=gnu99 -I"$QD_BUILD/src" -o "$WORK/margins_kernel" margins_kernel.c "$QD_BUILD"/src/kernel/*.c -lm || qd_die "the kernel does not build"
	for data in margins_even margins_special; do
		sql -c "\\copy (SELECT r, c, w, rt, ct FROM bench.$data ORDER BY r, c) TO '$WORK/$data.csv' CSV"
	done

	# the kernel, which fits and rounds; then all of the call, reading a million
	# rows too; against the sweeps alone
	for data in margins_even margins_special; do
		name="$side × $side"
		[ "$data" = margins_even ] || name="$name, specialised rows"
		for how in matrix factors; do
			note "margins: $name against numpy, $how"
			: >"$WORK/ratios"
			: >"$WORK/kernel"
			for ((i = 0; i < FEW; i++)); do
				other=$(margins_numpy "$data" "$how" 1e-10)
				echo "$("$WORK/margins_kernel" "$WORK/$data.csv" "$side" "$side") ${other% *}" >>"$WORK/kernel"
				ours=$(margins_time "$(count "$(margins_call "$data")")")
				echo "$ours ${other% *}" >>"$WORK/ratios"
			done
			if [ "$how" = matrix ]; then
				margins_ratio "allocate_margins, $name / IPF alone in numpy, to 1e-10 (${other#* } sweeps)" at-most $([ -n "$QUICK" ] || echo 2.0)
				mv "$WORK/kernel" "$WORK/ratios"
				margins_ratio "  its kernel alone / the same" at-most
			else
				margins_ratio "  allocate_margins / IPF of factors in numpy (${other#* } sweeps)" at-most
			fi
		done
		note "margins: $name, fetched, fitted by numpy, brought back"
		: >"$WORK/ratios"
		for ((i = 0; i < FEW; i++)); do
			other=$(margins_outside "$data")
			ours=$({ settings 256MB; echo "DROP TABLE IF EXISTS bench.inside;"; echo "\\timing on"; echo "CREATE UNLOGGED TABLE bench.inside AS SELECT i, allocate_margins(w, r, rt, c, ct) OVER (ORDER BY i) AS x FROM $data;"; } |
				sql -f - | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p')
			echo "$ours $other" >>"$WORK/ratios"
		done
		margins_ratio "numpy's IPF, not rounded, with the way there and back / allocate_margins into a table, $name; elapsed" at-least
	done
	compare "  allocate_margins, $side × $side / sum(w) OVER (ORDER BY i)" 256MB "$FEW" "$(count "$(margins_call margins_even)")" \
		"$(count "SELECT sum(w) OVER (ORDER BY i) AS x FROM margins_even")"
	compare "  webster, $side × $side / hamilton" 256MB "$FEW" "$(count "$(margins_call margins_even ", rounding => 'webster'")")" \
		"$(count "$(margins_call margins_even)")"

	note "margins: 400 x 52"
	: >"$WORK/ratios"
	for ((i = 0; i < FEW; i++)); do
		time_pairs 256MB 1 "$(count "$(margins_call margins_400x52)")" "SELECT 1" | awk '$2 == "t" { print $4 }' >>"$WORK/ratios"
	done
	sql <<END
CREATE TEMP TABLE took (ms float8);
\copy took FROM '$WORK/ratios'
INSERT INTO bench.result (what, mem, ratio, elapsed, ours, bound, verdict)
SELECT 'allocate_margins, 400 × 52: elapsed ms', '256MB', '', '', format('%s (%s–%s)', round(m), round(low), round(high)), '≤ 200', CASE WHEN m <= 200 THEN 'PASS' ELSE 'MISS' END
FROM (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric AS m, min(ms)::numeric AS low, max(ms)::numeric AS high FROM took) s;
END
	compare "IPF in PL/pgSQL to 1e-6, not rounded / allocate_margins, 400 × 52" 256MB "$FEW" "$(count "$(margins_call margins_400x52)")" \
		"SELECT ipf('margins_400x52', 1e-6)" at-least
	sql <<END
$(settings 256MB)
CREATE TEMP TABLE rounded AS SELECT r, c, rt, ct, coalesce(round(f.x::numeric, 2), 0) AS other, ours.x AS ours
FROM margins_400x52 LEFT JOIN ipf_cells('margins_400x52', 1e-6) f USING (i) JOIN ($(margins_call margins_400x52 | sed 's/SELECT /SELECT i, /')) ours USING (i);
INSERT INTO bench.result (what, mem, ratio, elapsed, ours, other)
SELECT '  totals missed when each cell of it is rounded to cents, of ' || count(*), '256MB', '', '', count(*) FILTER (WHERE ours <> t) || '', count(*) FILTER (WHERE other <> t) || ', by up to ' || max(abs(other - t))
FROM (SELECT rt AS t, sum(other) AS other, sum(ours) AS ours FROM rounded GROUP BY r, rt UNION ALL SELECT ct, sum(other), sum(ours) FROM rounded GROUP BY c, ct) s;
END

	# controlled rounding: both round the same fit
	note "margins: rounding by linear programming"
	sql -c "\\copy (SELECT r, c, (d).amount * 100, (d).exact * 100 FROM (SELECT r, c, quota_decomp.allocate_margins_detail(w, r, rt, c, ct) OVER (ORDER BY i) AS d FROM bench.margins_200x52) s) TO '$WORK/rounding.csv' CSV"
	: >"$WORK/ratios"
	for ((i = 0; i < FEW; i++)); do
		lp=$(OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 /usr/bin/python3 - "$WORK/rounding.csv" <<'END'
import sys, time
import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_matrix

r, c, amount, exact = np.loadtxt(sys.argv[1], delimiter=',').T
r, c = r.astype(int) - 1, c.astype(int) - 1
low = np.floor(exact + 5e-7)
part = exact - low
free = np.nonzero(part > 1e-6)[0]
m, n = r.max() + 1, c.max() + 1
# what is left of every total when all cells are rounded down
left = np.concatenate([np.bincount(r, amount - low, m), np.bincount(c, amount - low, n)])
for run in range(2):
	began = time.process_time()
	one = np.arange(len(free))
	a = coo_matrix((np.ones(2 * len(free)), (np.concatenate([r[free], m + c[free]]), np.concatenate([one, one]))), shape=(m + n, len(free))).tocsr()
	found = linprog(1 - 2 * part[free], A_eq=a, b_eq=left, bounds=(0, 1), method='highs')
	took = time.process_time() - began
assert found.status == 0, found.message
best = np.abs(np.round(found.x) - part[free]).sum()
ours = np.abs(amount - low - part)[free].sum()
if abs(best - ours) > 1e-5 * len(free):
	sys.exit('distance to the fit: %s by linear programming, %s ours' % (best, ours))
print(took * 1000, len(free))
END
		) || qd_die "the two roundings differ"
		ours=$(margins_time "$(count "$(margins_call margins_200x52)")")
		echo "$ours ${lp% *}" >>"$WORK/ratios"
	done
	margins_ratio "HiGHS rounding ${lp#* } cells of a fit / allocate_margins, 200 × 52, fit and all; same distance" at-least
}
