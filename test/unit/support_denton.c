/*
 * support_denton.c
 *		See support_denton.h.  The checker builds the normal equations of the
 *		least-squares problem with all its multipliers and eliminates them with
 *		pivoting, O(n^3): nothing of how the kernel does it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_denton.h"

series *
series_new(int32_t n, int32_t buckets)
{
	series	   *s = test_zeroed(1, sizeof(series));

	s->n = n;
	s->buckets = buckets;
	s->start = test_zeroed((size_t) buckets + 1, sizeof(int32_t));
	s->flags = test_zeroed((size_t) n, 1);
	s->indicator = test_zeroed((size_t) n, sizeof(double));
	s->days = test_zeroed((size_t) n, sizeof(double));
	s->total = test_zeroed((size_t) buckets, sizeof(int64_t));
	s->has_total = test_zeroed((size_t) buckets, 1);
	return s;
}

void
series_free(series *s)
{
	free(s->start);
	free(s->flags);
	free(s->indicator);
	free(s->days);
	free(s->total);
	free(s->has_total);
	free(s);
}

series_outcome *
run_series(const series *s, test_env *given)
{
	series_outcome *o = test_zeroed(1, sizeof(series_outcome));
	test_env	own;
	test_env   *env;
	size_t		n = (size_t) s->n;

	o->series.n = s->n;
	o->series.buckets = s->buckets;
	o->series.start = s->start;
	o->series.flags = s->flags;
	o->series.indicator = s->indicator;
	o->series.days = s->days;
	o->series.total = s->total;
	o->series.has_total = s->has_total;
	o->series.amount = test_zeroed(n, sizeof(int64_t));
	o->series.exact = test_zeroed(n, sizeof(int64_t));
	o->series.exact_fraction = test_zeroed(n, sizeof(uint64_t));
	o->series.rule = test_zeroed(n, 1);
	memset(o->series.rule, 0xa5, n);
	memset(&o->problem, 0xa5, sizeof(o->problem));
	env = test_env_begin(given, &own);
	o->status = qd_disaggregate(&env->env, &o->series, s->method, &o->problem);
	test_env_end(env, &own);
	return o;
}

void
series_outcome_free(series_outcome *o)
{
	free(o->series.amount);
	free(o->series.exact);
	free(o->series.exact_fraction);
	free(o->series.rule);
	free(o);
}

series *
draw_series(source *src, int32_t most_rows)
{
	int32_t		n = 1 + (int32_t) draw(src, (uint64_t) most_rows);
	int32_t		most = 1 + (int32_t) draw(src, 8);	/* pieces in a bucket */
	series	   *s = series_new(n, n);
	int			indicators = (int) draw(src, 4);	/* 0: constant */
	int			lengths = (int) draw(src, 4);	/* 0, 1: constant */
	int			holes = (int) draw(src, 4); /* 0: some buckets without a total */
	int			gaps = (int) draw(src, 4);	/* 0: some pieces take no part */
	int			zeros = (int) draw(src, 4);
	int64_t		level = draw_magnitude(src, INT64_C(1000000000000));
	int32_t		at = 0;
	int32_t		i;

	s->method = draw(src, 2) ? QD_DENTON_ADDITIVE : QD_DENTON_PROPORTIONAL;
	for (s->buckets = 0; at < n; s->buckets++)
	{
		int32_t		size = 1 + (int32_t) draw(src, (uint64_t) most);

		s->start[s->buckets] = at;
		at += size < n - at ? size : n - at;
		s->has_total[s->buckets] = holes != 0 || draw(src, 3) != 0;
		s->total[s->buckets] = level / 2 + draw_magnitude(src, level + 3) / 2;
		if (draw(src, 8) == 0)
			s->total[s->buckets] = draw(src, 2) ? 0 : -s->total[s->buckets];
	}
	s->start[s->buckets] = n;
	for (i = 0; i < n; i++)
	{
		if (gaps != 0 || draw(src, 5) != 0)
			s->flags[i] = QD_HAS_WEIGHT;
		s->indicator[i] = indicators == 1 ? 1 + (double) draw(src, 10) :
			indicators == 2 ? (double) (1 + draw(src, 100000)) / 64 : 1.0;
		s->days[i] = 1 + (double) draw(src, 31);
		if (zeros == 0 && draw(src, 6) == 0)
			s->indicator[i] = 0;
		if (zeros == 0 && draw(src, 6) == 0)
			s->days[i] = 0;
		if (s->method == QD_DENTON_ADDITIVE && draw(src, 6) == 0)
			s->indicator[i] = -s->indicator[i];
	}
	if (indicators == 0)
	{
		free(s->indicator);
		s->indicator = NULL;
	}
	if (lengths < 2)
	{
		free(s->days);
		s->days = NULL;
	}
	return s;
}

void
print_series(const series *s)
{
	int32_t		b;
	int32_t		i;

	printf("%s\n", s->method == QD_DENTON_ADDITIVE ? "additive" : "proportional");
	for (b = 0; b < s->buckets; b++)
	{
		if (s->has_total[b])
			printf("bucket %d, total %lld:", b, (long long) s->total[b]);
		else
			printf("bucket %d:", b);
		for (i = s->start[b]; i < s->start[b + 1]; i++)
			printf(" %s%g x %g", s->flags[i] ? "" : "-", s->indicator ? s->indicator[i] : 1.0,
				   s->days ? s->days[i] : 1.0);
		printf("\n");
	}
}

static double
days_of(const series *s, int32_t i)
{
	return s->days ? s->days[i] : 1.0;
}

static double
indicator_of(const series *s, int32_t i)
{
	return s->indicator ? s->indicator[i] : 1.0;
}

/* m is size x (size + 1); the answers go to the last column; false: singular */
static bool
solve(long double *m, int size)
{
	int			width = size + 1;
	int			col;
	int			row;
	int			k;

	for (col = 0; col < size; col++)
	{
		int			best = col;

		for (row = col + 1; row < size; row++)
			if (fabsl(m[row * width + col]) > fabsl(m[best * width + col]))
				best = row;
		if (m[best * width + col] == 0)
			return false;
		for (k = col; k < width && best != col; k++)
		{
			long double t = m[col * width + k];

			m[col * width + k] = m[best * width + k];
			m[best * width + k] = t;
		}
		for (row = 0; row < size; row++)
		{
			long double f = m[row * width + col] / m[col * width + col];

			for (k = col; k < width && row != col && f != 0; k++)
				m[row * width + k] -= f * m[col * width + k];
		}
	}
	for (row = 0; row < size; row++)
		m[row * width + size] /= m[row * width + row];
	return true;
}

static long double
exact_of(const qd_series *r, int32_t i)
{
	return (long double) r->exact[i] + (long double) r->exact_fraction[i] / 18446744073709551616.0L;
}

/* compares the exact amounts with those of the whole system */
static bool
compare_dense(const series *s, const qd_series *r, verdict *v)
{
	int32_t    *piece = test_zeroed((size_t) s->n, sizeof(int32_t));
	long double *mid = test_zeroed((size_t) s->n, sizeof(long double));
	long double time = 0;
	long double scale = 1;
	long double *m;
	int			pieces = 0;
	int			size;
	int			width;
	int			row;
	int32_t		b;
	int32_t		i;
	bool		fine = true;

	for (i = 0; i < s->n; i++)
	{
		if (!(s->flags[i] & QD_HAS_WEIGHT))
			continue;
		/* a piece that can have nothing only takes time */
		if (days_of(s, i) > 0 && (s->method == QD_DENTON_ADDITIVE || indicator_of(s, i) != 0))
		{
			mid[pieces] = time + days_of(s, i) / 2;
			piece[pieces++] = i;
		}
		time += days_of(s, i);
	}
	size = pieces + s->buckets;
	width = size + 1;
	m = test_zeroed((size_t) size * (size_t) width, sizeof(long double));
	/* half the gradient of the sum of squares, and the multipliers */
	for (row = 0; row + 1 < pieces; row++)
	{
		long double h = mid[row + 1] - mid[row];

		m[row * width + row] += 1 / h;
		m[row * width + row + 1] -= 1 / h;
		m[(row + 1) * width + row + 1] += 1 / h;
		m[(row + 1) * width + row] -= 1 / h;
	}
	for (b = 0; b < s->buckets; b++)
	{
		int			line = pieces + b;
		bool		any = false;

		for (row = 0; row < pieces && s->has_total[b]; row++)
		{
			long double a = days_of(s, piece[row]);

			if (piece[row] < s->start[b] || piece[row] >= s->start[b + 1])
				continue;
			if (s->method == QD_DENTON_PROPORTIONAL)
				a *= indicator_of(s, piece[row]);
			m[row * width + line] = a;
			m[line * width + row] = a;
			if (s->method == QD_DENTON_ADDITIVE)
				m[line * width + size] -= (long double) indicator_of(s, piece[row]) * days_of(s, piece[row]);
			any = true;
		}
		if (any)
			m[line * width + size] += (long double) s->total[b];
		else
			m[line * width + line] = 1; /* no constraint */
	}
	if (!solve(m, size))
		fine = test_broken(v, "the dense system is singular");
	for (row = 0; row < pieces && fine; row++)
	{
		long double x = exact_of(r, piece[row]);

		if (fabsl(x) > scale)
			scale = fabsl(x);
	}
	for (row = 0; row < pieces && fine; row++)
	{
		long double x = m[row * width + size] * days_of(s, piece[row]);

		if (s->method == QD_DENTON_PROPORTIONAL)
			x *= indicator_of(s, piece[row]);
		else
			x += (long double) indicator_of(s, piece[row]) * days_of(s, piece[row]);
		if (fabsl(x - exact_of(r, piece[row])) > 1e-11L * scale)
			fine = test_broken(v, "piece %d: exact %.12Lg, the dense system gives %.12Lg", piece[row],
						  exact_of(r, piece[row]), x);
	}
	free(m);
	free(mid);
	free(piece);
	return fine;
}

bool
check_series(const series *s, verdict *v)
{
	series_outcome *o = run_series(s, NULL);
	const qd_series *r = &o->series;
	bool		fine = true;
	int32_t		totals = 0;
	int32_t		impossible = -1;
	int32_t		first = -1;		/* bucket with a total that can be spread */
	int32_t		last = -1;
	int32_t		b;
	int32_t		i;

	seen_rows += s->n;
	for (b = 0; b < s->buckets; b++)
	{
		bool		able = false;

		for (i = s->start[b]; i < s->start[b + 1]; i++)
			if ((s->flags[i] & QD_HAS_WEIGHT) && days_of(s, i) > 0 &&
				(s->method == QD_DENTON_ADDITIVE || indicator_of(s, i) > 0))
				able = true;
		if (!s->has_total[b])
			continue;
		if (able)
		{
			totals++;
			if (first < 0)
				first = b;
			last = b;
		}
		else if (s->total[b] != 0 && impossible < 0)
			impossible = b;
	}
	if (impossible >= 0)
	{
		seen_infeasible++;
		fine = o->status == QD_INFEASIBLE && o->problem.row == s->start[impossible] &&
			o->problem.asked == s->total[impossible];
		if (!fine)
			test_broken(v, "bucket %d has nobody to take its total, but status %d", impossible, (int) o->status);
		series_outcome_free(o);
		return fine;
	}
	if (o->status != QD_OK)
	{
		fine = test_broken(v, "status %d, row %d", (int) o->status, o->problem.row);
		series_outcome_free(o);
		return fine;
	}
	seen_ok++;
	for (b = 0; b < s->buckets && fine; b++)
	{
		int64_t		sum = 0;
		bool		any = false;

		for (i = s->start[b]; i < s->start[b + 1] && fine; i++)
		{
			bool		part = totals > 0 && (s->flags[i] & QD_HAS_WEIGHT) != 0;
			bool		zero = days_of(s, i) == 0 ||
				(s->method == QD_DENTON_PROPORTIONAL && indicator_of(s, i) == 0);
			qd_piece_rule rule = !part ? QD_PIECE_NONE : zero ? QD_PIECE_ZERO :
				s->has_total[b] ? QD_PIECE_FITTED :
				b > first && b < last ? QD_PIECE_INTERPOLATED : QD_PIECE_EXTRAPOLATED;

			if (r->rule[i] != rule)
				fine = test_broken(v, "piece %d: rule %d, not %d", i, r->rule[i], (int) rule);
			if (!part)
				continue;
			if (zero && r->amount[i] != 0)
				fine = test_broken(v, "piece %d of no size has %lld", i, (long long) r->amount[i]);
			if (!zero && fabsl((long double) r->amount[i] - exact_of(r, i)) >= 1.0L)
				fine = test_broken(v, "piece %d: %lld is a unit or more from %.9Lg", i,
							  (long long) r->amount[i], exact_of(r, i));
			sum += r->amount[i];
			any = true;
		}
		if (fine && any && s->has_total[b] && sum != s->total[b])
			fine = test_broken(v, "bucket %d sums to %lld, not %lld", b, (long long) sum, (long long) s->total[b]);
	}
	if (fine && totals > 0)
		fine = compare_dense(s, r, v);

	/* the other sign, the other amounts; the additive indicator with it */
	if (fine && totals > 0 && s->method == QD_DENTON_PROPORTIONAL)
	{
		series		other = *s;
		series_outcome *m;

		other.total = test_zeroed((size_t) s->buckets, sizeof(int64_t));
		for (b = 0; b < s->buckets; b++)
			other.total[b] = -s->total[b];
		m = run_series(&other, NULL);
		for (i = 0; i < s->n && fine; i++)
			if (m->status != QD_OK || (r->rule[i] != QD_PIECE_NONE && m->series.amount[i] != -r->amount[i]))
				fine = test_broken(v, "piece %d: %lld, for negated totals %lld", i, (long long) r->amount[i],
							  (long long) m->series.amount[i]);
		series_outcome_free(m);
		free(other.total);
	}
	series_outcome_free(o);
	return fine;
}
