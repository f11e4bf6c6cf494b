/*
 * t_denton.c
 *		Smooth series: known cases, what is refused, the edges of 64 bits, a
 *		million pieces, memory that runs out, polls.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support_denton.h"
#include "tap.h"

#define NONE INT64_MIN			/* in a list of totals: there is none */

/* pieces of one size, buckets of size pieces; indicator NULL: 1 */
static series *
make(int32_t n, int32_t size, qd_denton_method method, const int64_t *total, const double *indicator)
{
	series	   *s = series_new(n, (n + size - 1) / size);
	int32_t		i;

	s->method = method;
	for (i = 0; i < s->buckets; i++)
	{
		s->start[i] = i * size;
		s->has_total[i] = total[i] != NONE;
		s->total[i] = total[i] != NONE ? total[i] : 0;
	}
	s->start[s->buckets] = n;
	for (i = 0; i < n; i++)
	{
		s->flags[i] = QD_HAS_WEIGHT;
		s->days[i] = 1;
		s->indicator[i] = indicator ? indicator[i] : 1;
	}
	return s;
}

/* expects these amounts, and the promises kept; frees s */
static void
expect(series *s, const int64_t *amount, const char *what)
{
	series_outcome *o = run_series(s, NULL);
	bool		same = o->status == QD_OK;
	verdict		v;
	int32_t		i;

	for (i = 0; i < s->n && same; i++)
		same = o->series.rule[i] == QD_PIECE_NONE ? amount[i] == NONE : o->series.amount[i] == amount[i];
	if (!ok(same, "%s", what))
	{
		printf("# status %d:", (int) o->status);
		for (i = 0; i < s->n; i++)
			printf(" %lld", (long long) o->series.amount[i]);
		printf("\n");
	}
	if (!ok(check_series(s, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	series_outcome_free(o);
	series_free(s);
}

#define LIST(...) ((const int64_t[]) {__VA_ARGS__})
#define REALS(...) ((const double[]) {__VA_ARGS__})

static void
known_cases(void)
{
	series	   *s;

	expect(make(4, 2, QD_DENTON_PROPORTIONAL, LIST(12, 24), NULL), LIST(5, 7, 11, 13), "two halves of two");
	expect(make(4, 2, QD_DENTON_ADDITIVE, LIST(12, 24), NULL), LIST(5, 7, 11, 13), "the same, additive");
	expect(make(4, 2, QD_DENTON_PROPORTIONAL, LIST(-12, -24), NULL), LIST(-5, -7, -11, -13), "below 0");
	expect(make(3, 3, QD_DENTON_PROPORTIONAL, LIST(100), NULL), LIST(34, 33, 33), "one bucket");
	expect(make(3, 3, QD_DENTON_PROPORTIONAL, LIST(100), REALS(1, 2, 1)), LIST(25, 50, 25), "one bucket, a season");
	expect(make(3, 3, QD_DENTON_ADDITIVE, LIST(100), REALS(1, 2, 6)), LIST(31, 32, 37), "one bucket, differences");
	expect(make(1, 1, QD_DENTON_PROPORTIONAL, LIST(7), NULL), LIST(7), "one piece");
	expect(make(3, 1, QD_DENTON_PROPORTIONAL, LIST(7, -3, 5), NULL), LIST(7, -3, 5), "buckets of one piece");
	expect(make(6, 2, QD_DENTON_PROPORTIONAL, LIST(10, NONE, 10), NULL), LIST(5, 5, 5, 5, 5, 5), "a hole");
	expect(make(6, 2, QD_DENTON_PROPORTIONAL, LIST(NONE, 10, NONE), REALS(1, 2, 1, 1, 3, 4)), LIST(5, 10, 5, 5, 15, 20),
		   "the last ratio goes on, both ways");
	expect(make(4, 2, QD_DENTON_PROPORTIONAL, LIST(NONE, NONE), NULL), LIST(NONE, NONE, NONE, NONE), "no totals at all");
	expect(make(4, 2, QD_DENTON_PROPORTIONAL, LIST(0, 0), NULL), LIST(0, 0, 0, 0), "totals of 0");
	expect(make(3, 3, QD_DENTON_PROPORTIONAL, LIST(5), REALS(1, 0, 1)), LIST(3, 0, 2), "an indicator of 0 gets nothing");
	expect(make(4, 2, QD_DENTON_PROPORTIONAL, LIST(0, 10), REALS(0, 0, 1, 1)), LIST(0, 0, 5, 5),
		   "0 has nowhere to go, and need not");

	s = make(3, 3, QD_DENTON_PROPORTIONAL, LIST(10), NULL);
	s->flags[1] = 0;
	expect(s, LIST(5, NONE, 5), "one takes no part");
	s = make(3, 3, QD_DENTON_PROPORTIONAL, LIST(70), NULL);
	s->days[0] = 2;
	s->days[1] = 4;
	expect(s, LIST(20, 40, 10), "lengths");
}

static void
refusals(void)
{
	series	   *s = make(4, 2, QD_DENTON_PROPORTIONAL, LIST(5, 10), REALS(1, 1, 0, 0));
	series_outcome *o = run_series(s, NULL);

	ok(o->status == QD_INFEASIBLE && o->problem.row == 2 && o->problem.asked == 10, "a total with nowhere to go");
	series_outcome_free(o);
	series_free(s);
	s = make(2, 1, QD_DENTON_PROPORTIONAL, LIST(INT64_C(9000000000000000000), NONE), REALS(1, 1000));
	o = run_series(s, NULL);
	ok(o->status == QD_OVERFLOW && o->problem.row == 1, "an amount beyond 64 bits");
	series_outcome_free(o);
	series_free(s);
	s = make(2, 2, QD_DENTON_PROPORTIONAL, LIST(10), REALS(1e300, 1e-300));
	s->days[0] = 1e300;
	s->days[1] = 1e-300;
	o = run_series(s, NULL);
	ok(o->status == QD_OK && o->series.amount[0] == 10 && o->series.amount[1] == 0, "indicators at the ends of floating point");
	series_outcome_free(o);
	series_free(s);
}

/* sums stay exact where floating point knows nothing of the last units */
static void
large_totals(void)
{
	int32_t		n = 3000;
	int64_t		total[1000];
	series	   *s;
	series_outcome *o;
	source		src = {NULL, 0, 7};
	bool		fine = true;
	int32_t		b;

	for (b = 0; b < 1000; b++)
		total[b] = INT64_C(2000000000000000000) + (int64_t) draw(&src, UINT64_C(1000000000000000000));
	s = make(n, 3, QD_DENTON_PROPORTIONAL, total, NULL);
	o = run_series(s, NULL);
	for (b = 0; b < 1000; b++)
		fine = fine && total[b] == o->series.amount[3 * b] + o->series.amount[3 * b + 1] + o->series.amount[3 * b + 2];
	ok(o->status == QD_OK && fine, "totals of 10^18 units sum to the unit");
	series_outcome_free(o);
	series_free(s);
}

/* a line is found again far from its ends, and nothing builds up over a million pieces */
static void
long_series(void)
{
	int32_t		n = 1200000;
	series	   *s = series_new(n, n / 3);
	test_env	env;
	series_outcome *o;
	double		worst = 0;
	int32_t		i;

	for (i = 0; i < n / 3; i++)
	{
		s->start[i] = 3 * i;
		s->has_total[i] = 1;
		/* 1000 i + 7 for piece i */
		s->total[i] = INT64_C(1000) * (9 * i + 3) + 21;
	}
	s->start[n / 3] = n;
	memset(s->flags, QD_HAS_WEIGHT, (size_t) n);
	free(s->indicator);
	free(s->days);
	s->indicator = s->days = NULL;
	test_env_init(&env);
	env.watch = true;
	o = run_series(s, &env);
	for (i = 100; i < n - 100; i++)
	{
		double		off = (double) (o->series.exact[i] - (INT64_C(1000) * i + 7)) +
			(double) o->series.exact_fraction[i] / 18446744073709551616.0;

		if (fabs(off) > worst)
			worst = fabs(off);
	}
	ok(o->status == QD_OK && worst < 1e-5, "a line of 1.2 million pieces to 1.2e9 is found again to %.1e", worst);
	ok(env.polls > 3 * (n / 65536), "%lld polls", (long long) env.polls);
#ifndef QD_SLOW
	ok(env.longest < 0.05, "at most %.1f ms without a poll", env.longest * 1000);
#endif
	series_outcome_free(o);
	series_free(s);

	/* one bucket of a million pieces */
	s = series_new(1000000, 1);
	s->start[1] = 1000000;
	s->has_total[0] = 1;
	s->total[0] = INT64_C(123456789012345);
	for (i = 0; i < s->n; i++)
	{
		s->flags[i] = QD_HAS_WEIGHT;
		s->indicator[i] = 1 + i % 1000;
		s->days[i] = 1;
	}
	test_env_init(&env);
	env.watch = true;
	o = run_series(s, &env);
	{
		int64_t		sum = 0;

		for (i = 0; i < s->n; i++)
			sum += o->series.amount[i];
		ok(o->status == QD_OK && sum == s->total[0], "one bucket of a million pieces");
	}
#ifndef QD_SLOW
	ok(env.longest < 0.05, "at most %.1f ms without a poll", env.longest * 1000);
#endif
	series_outcome_free(o);
	series_free(s);
}

/* every allocation fails in turn: QD_NOMEM, nothing left behind */
static void
out_of_memory(void)
{
	int			fail;
	int			met = 0;
	int			once;
	bool		fine = true;

	for (once = 0; once < 2; once++)
		for (fail = 1; fail < 50; fail++)
		{
			series	   *s = make(6, 3, QD_DENTON_PROPORTIONAL, LIST(10, 20), NULL);
			test_env	env;
			series_outcome *o;
			bool		done;

			test_env_init(&env);
			env.fail_at = fail;
			env.fail_once = once;
			o = run_series(s, &env);
			done = env.allocs < fail;
			fine = fine && env.live == 0 && o->status == (done ? QD_OK : QD_NOMEM);
			met += !done;
			series_outcome_free(o);
			series_free(s);
			if (done)
				break;
		}
	ok(fine && met >= 6 && fail < 50, "each of %d allocations may fail", met);
}

int
main(void)
{
	known_cases();
	refusals();
	large_totals();
	long_series();
	out_of_memory();
	return tap_done();
}
