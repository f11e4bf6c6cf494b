#!/bin/bash
# disaggregate against the sparse system of equations in SciPy, 1.2 million periods
#
# What a user has today is Denton's system with all its unknowns and
# multipliers, assembled and solved with scipy.sparse; that is timed without
# fetching the data and without writing results back.  The bound of the issue is the
# kernel's own time, measured outside the server on as many periods.

smooth_section() {
	local periods=1200000 kernel sparse off
	if [ -n "$QUICK" ]; then periods=120000; fi
	qd_install_packages python3-scipy
	note "smooth: data"
	sql -c "CREATE TABLE bench.smooth AS SELECT i, i / 3 AS b, (1000000 + (i / 3) * 7919::bigint % 1000003)::numeric AS t, (50 + i * 31 % 97)::numeric AS z
			FROM generate_series(0, $((periods - 1))) i" -c "VACUUM (FREEZE, ANALYZE) bench.smooth"

	note "smooth: the kernel"
	make -C "$QD_BUILD" --no-print-directory build/check/plain/time_denton >"$WORK/make.log" 2>&1 || { cat "$WORK/make.log" >&2; qd_die "time_denton does not build"; }
	kernel=$("$QD_BUILD/build/check/plain/time_denton" "$periods" 3) || qd_die "the kernel failed"

	note "smooth: SciPy"
	sql <<-END >"$WORK/smooth.tsv"
		$(settings 256MB)
		COPY (SELECT b, t, z, (disaggregate_detail(t, b, z) OVER (ORDER BY i)).exact FROM smooth ORDER BY i) TO STDOUT;
	END
	read -r sparse off < <(/usr/bin/python3 - "$WORK/smooth.tsv" <<'END'
import sys, time
import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
b, t, z, ours = np.loadtxt(sys.argv[1], unpack=True)
b = b.astype(int)
n, k = len(b), b[-1] + 1
total = np.zeros(k)
total[b] = t
best = None
for _ in range(2):
    began = time.process_time()
    d = sp.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n))
    c = sp.csr_matrix((z, (b, np.arange(n))), shape=(k, n))
    # each multiplier beside its pieces: a band
    order = np.argsort(np.concatenate([np.arange(n), np.searchsorted(b, np.arange(k), side='right') - 0.5]), kind='stable')
    system = sp.bmat([[d.T @ d, c.T], [c, None]]).tocsc()[order][:, order]
    right = np.concatenate([np.zeros(n), total])[order]
    x = np.empty(n + k)
    x[order] = spsolve(system, right, permc_spec='NATURAL')
    took = time.process_time() - began
    best = took if best is None else min(best, took)
x = x[:n] * z
print('%.3f %.2e' % (best, np.max(np.abs(x - ours) / np.maximum(np.abs(x), 1))))
END
	)
	[ -n "$sparse" ] || qd_die "SciPy failed"
	sql -v what="kernel of disaggregate, $periods periods, against scipy.sparse: ratio of the time" \
		-v kernel="$kernel" -v sparse="$sparse" -v quick="${QUICK:+t}" <<-'END'
		INSERT INTO bench.result (what, mem, ratio, ours, other, bound, verdict)
		SELECT :'what', '', round(:'kernel'::numeric / :'sparse'::numeric, 4), round(:'kernel'::numeric * 1000) || ' ms', round(:'sparse'::numeric * 1000) || ' ms',
			CASE WHEN :'quick' = '' THEN '≤ 300 ms' END, CASE WHEN :'quick' = '' THEN CASE WHEN :'kernel'::numeric <= 0.3 THEN 'PASS' ELSE 'MISS' END END;
	END
	sql -v what="  exact amounts, largest relative difference from SciPy's" -v off="$off" <<-'END'
		INSERT INTO bench.result (what, mem, ratio, ours, bound, verdict)
		SELECT :'what', '', :'off', '', '≤ 1e-9', CASE WHEN :'off'::float8 <= 1e-9 THEN 'PASS' ELSE 'MISS' END;
	END
	for mem in "${MEMORIES[@]}"; do
		compare "disaggregate, $periods rows / sum(z) OVER (ORDER BY i)" "$mem" "$FEW" \
			"$(count "SELECT disaggregate(t, b, z) OVER (ORDER BY i) AS x FROM smooth")" "$(count "SELECT sum(z) OVER (ORDER BY i) AS x FROM smooth")"
	done
}
