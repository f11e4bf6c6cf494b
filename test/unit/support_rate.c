/*
 * support_rate.c
 *		See support_rate.h.  The checker knows what was promised: the rounded
 *		mean, the bounds, one t that explains every rate, found by bisection in
 *		floating point; and which targets can be reached at all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_rate.h"

int64_t		seen_turned = 0;

rates *
rates_new(int32_t n)
{
	rates	   *r = test_zeroed(1, sizeof(rates));

	r->n = n;
	r->step = 1;
	r->flags = test_zeroed((size_t) n, 1);
	r->volume = test_zeroed((size_t) n, sizeof(int64_t));
	r->base = test_zeroed((size_t) n, sizeof(int64_t));
	r->floor = test_zeroed((size_t) n, sizeof(int64_t));
	r->cap = test_zeroed((size_t) n, sizeof(int64_t));
	return r;
}

void
rates_free(rates *r)
{
	free(r->flags);
	free(r->volume);
	free(r->base);
	free(r->floor);
	free(r->cap);
	free(r);
}

rates_outcome *
run_rates(const rates *r, test_env *given, bool explain)
{
	rates_outcome *o = test_zeroed(1, sizeof(rates_outcome));
	test_env	own;
	test_env   *env;
	size_t		n = (size_t) r->n;

	o->rates.n = r->n;
	o->rates.flags = test_copied(r->flags, n, 1);
	o->rates.volume = test_copied(r->volume, n, sizeof(int64_t));
	o->rates.base = test_copied(r->base, n, sizeof(int64_t));
	o->rates.floor = test_copied(r->floor, n, sizeof(int64_t));
	o->rates.cap = test_copied(r->cap, n, sizeof(int64_t));
	o->rates.step = r->step;
	o->rates.rate = test_zeroed(n, sizeof(int64_t));
	o->rates.rule = test_zeroed(n, 1);
	o->rates.state = test_zeroed(n, 1);
	memset(o->rates.rule, 0xa5, n);
	memset(o->rates.state, 0xa5, n);
	memset(&o->problem, 0xa5, sizeof(o->problem));
	env = test_env_begin(given, &own);
	o->status = qd_allocate_rate(&env->env, &o->rates, r->target, r->method, explain, &o->problem);
	test_env_end(env, &own);
	return o;
}

void
rates_outcome_free(rates_outcome *o)
{
	free((void *) (uintptr_t) o->rates.flags);
	free((void *) (uintptr_t) o->rates.volume);
	free(o->rates.base);
	free(o->rates.floor);
	free(o->rates.cap);
	free(o->rates.rate);
	free(o->rates.rule);
	free(o->rates.state);
	free(o);
}

void
print_rates(const rates *r)
{
	int32_t		i;

	printf("%s to %lld, step %lld\n", r->method == QD_RATE_SCALE ? "scale" :
		   r->method == QD_RATE_SHIFT ? "shift" : "close_gap", (long long) r->target, (long long) r->step);
	for (i = 0; i < r->n; i++)
	{
		if (!(r->flags[i] & QD_HAS_WEIGHT))
			printf("  -");
		printf("  %lld x %lld", (long long) r->base[i], (long long) r->volume[i]);
		if (r->flags[i] & QD_HAS_FLOOR)
			printf(", at least %lld", (long long) r->floor[i]);
		if (r->flags[i] & QD_HAS_CAP)
			printf(", at most %lld", (long long) r->cap[i]);
		printf("\n");
	}
}

rates *
draw_rates(source *src, int32_t most_rows)
{
	rates	   *r = rates_new(1 + (int32_t) draw(src, draw(src, 3) ? 6 : (uint64_t) most_rows));
	static const int64_t steps[] = {1, 10, 100, 1000, INT64_C(1000000), INT64_C(100000000000000)};
	int64_t		most;			/* of a rate, in steps */
	int			bounds = (int) draw(src, 4);
	int			signs = (int) draw(src, 5); /* 0: mixed, 1: all below 0 */
	int			volumes = (int) draw(src, 4);
	int			nulls = (int) draw(src, 4);
	bool		alike = draw(src, 6) == 0;
	int64_t		one;
	int32_t		i;

	r->method = (qd_rate_method) draw(src, 3);
	r->step = steps[draw(src, 6)];
	most = 1 + draw_magnitude(src, QD_MAX_RATE / r->step / 64);
	one = (int64_t) draw(src, (uint64_t) most * (uint64_t) r->step + 1);
	for (i = 0; i < r->n; i++)
	{
		r->volume[i] = 1 + (volumes == 0 ? 0 : volumes == 1 ? (int64_t) draw(src, 4) :
							draw_magnitude(src, volumes == 2 ? 1000000 : (INT64_C(1) << 60) / r->n));
		r->base[i] = alike ? one : (int64_t) draw(src, (uint64_t) most * (uint64_t) r->step + 1);
		if (draw(src, 10) == 0)
			r->base[i] = 0;
		if (signs == 1 || (signs == 0 && draw(src, 2)))
			r->base[i] = -r->base[i];
		if (nulls != 0 || draw(src, 5) != 0)
			r->flags[i] |= QD_HAS_WEIGHT;
		if (bounds > 0 && draw(src, 3) == 0)
		{
			r->flags[i] |= QD_HAS_FLOOR;
			r->floor[i] = (int64_t) draw(src, (uint64_t) most + 1);
			if (signs <= 1)
				r->floor[i] -= most;
		}
		if (bounds > 1 && draw(src, 3) == 0)
		{
			r->flags[i] |= QD_HAS_CAP;
			r->cap[i] = (signs <= 1 ? -most : 0) + (int64_t) draw(src, 2 * (uint64_t) most + 1);
			if ((r->flags[i] & QD_HAS_FLOOR) && r->cap[i] < r->floor[i])
				r->cap[i] = r->floor[i] + (int64_t) draw(src, 4);
		}
		r->floor[i] *= r->step;
		r->cap[i] *= r->step;
	}
	if (draw(src, 16) == 0)
	{
		/* all at the half, in pairs around the target: not all can go up */
		r->method = QD_RATE_SHIFT;
		r->step = 2;
		r->target = (20 + (int64_t) draw(src, 20)) * (signs == 0 ? -1 : 1);
		r->n = r->n > 1 ? r->n / 2 * 2 : r->n;
		for (i = 0; i < r->n; i++)
		{
			int64_t		off = 1 + 2 * (int64_t) draw(src, 10);

			r->flags[i] = QD_HAS_WEIGHT;
			r->volume[i] = volumes < 2 ? 1 : r->volume[i - i % 2];
			r->base[i] = i % 2 ? 4 * r->target - r->base[i - 1] : 2 * r->target + off;
		}
	}
	else if (draw(src, 4) == 0)
	{
		/* one that is there, or next to it */
		r->target = r->base[draw(src, (uint64_t) r->n)] / r->step + (int64_t) draw(src, 3) - 1;
	}
	else
		r->target = (signs == 1 ? -1 : 1) * (int64_t) draw(src, (uint64_t) most + most / 4 + 2);
	if (signs == 0 && r->step != 2 && draw(src, 2))
		r->target = -r->target;
	return r;
}

/* what the promises say about one instance */
typedef struct model
{
	const rates *r;
	bool		negative;
	bool		positive;
	bool		all_zero;
	int64_t		least;
	int64_t		most;
	qd_int128	volume;
} model;

static bool
in(const rates *r, int32_t i)
{
	return (r->flags[i] & QD_HAS_WEIGHT) != 0;
}

static long double
low_of(const model *m, int32_t i)
{
	if (m->r->flags[i] & QD_HAS_FLOOR)
		return (long double) m->r->floor[i];
	return m->negative ? -INFINITY : 0;
}

static long double
high_of(const model *m, int32_t i)
{
	if (m->r->flags[i] & QD_HAS_CAP)
		return (long double) m->r->cap[i];
	return m->negative && !m->positive ? 0 : INFINITY;
}

/* where t takes a row, before its bounds; raising: towards the most */
static long double
at(const model *m, int32_t i, long double t, bool raising)
{
	long double base = (long double) m->r->base[i];

	switch (m->r->method)
	{
		case QD_RATE_SHIFT:
			return base + t;
		case QD_RATE_SCALE:
			return m->all_zero ? t : base + t * fabsl(base);
		default:
			return base + (raising ? t : -t) * ((long double) (raising ? m->most : m->least) - base);
	}
}

static long double
clipped(const model *m, int32_t i, long double x)
{
	return fminl(fmaxl(x, low_of(m, i)), high_of(m, i));
}

static long double
mean(const model *m, long double t, bool raising)
{
	long double sum = 0;
	int32_t		i;

	for (i = 0; i < m->r->n; i++)
		if (in(m->r, i))
			sum += (long double) m->r->volume[i] * clipped(m, i, at(m, i, t, raising));
	return sum / (long double) m->volume / (long double) m->r->step;
}

/* the exact sum at the far end of one side, in fine steps; false: there is none */
static bool
far_end(const model *m, bool up, qd_int128 *sum)
{
	int32_t		i;

	*sum = 0;
	for (i = 0; i < m->r->n; i++)
	{
		long double x;

		if (!in(m->r, i))
			continue;
		if (m->r->method == QD_RATE_CLOSE_GAP)
			x = clipped(m, i, (long double) (up ? m->most : m->least));
		else if (m->r->method == QD_RATE_SCALE && !m->all_zero && m->r->base[i] == 0)
			x = clipped(m, i, 0);
		else
			x = up ? high_of(m, i) : low_of(m, i);
		if (isinf(x))
			return false;
		*sum += (qd_int128) m->r->volume[i] * (qd_int128) x;
	}
	return true;
}

static qd_int128
rounded(qd_int128 a, qd_int128 b)
{
	qd_int128	q = a / b;
	qd_int128	rest = a % b;

	if (2 * (rest < 0 ? -rest : rest) >= b)
		q += a < 0 ? -1 : 1;
	return q;
}

static bool
check_one_t(const model *m, const rates_outcome *o, verdict *v)
{
	const rates *r = m->r;
	long double target = (long double) r->target;
	bool		raising = true;
	long double low;
	long double high;
	long double size = 1;
	int32_t		i;
	int			round;

	for (i = 0; i < r->n; i++)
		if (in(r, i))
			size = fmaxl(size, fabsl((long double) r->base[i]));
	if (r->method == QD_RATE_CLOSE_GAP)
		raising = target >= mean(m, 0, true);
	/* t grows with the mean, on both sides of where nothing moves */
	low = r->method == QD_RATE_CLOSE_GAP ? (raising ? 0 : -1) : -1;
	high = r->method == QD_RATE_CLOSE_GAP ? (raising ? 1 : 0) : 1;
	for (round = 0; r->method != QD_RATE_CLOSE_GAP && round < 200 && mean(m, low, true) > target; round++)
		low *= 2;
	for (round = 0; r->method != QD_RATE_CLOSE_GAP && round < 200 && mean(m, high, true) < target; round++)
		high *= 2;
	for (round = 0; round < 160; round++)
	{
		long double middle = (low + high) / 2;

		if (mean(m, middle, raising) < target)
			low = middle;
		else
			high = middle;
	}
	for (i = 0; i < r->n; i++)
	{
		int64_t		whole;
		int64_t		millionths;
		long double exact;
		long double a;
		long double b;
		long double slack;

		if (!in(r, i))
			continue;
		a = clipped(m, i, at(m, i, low, raising)) / (long double) r->step;
		b = clipped(m, i, at(m, i, high, raising)) / (long double) r->step;
		if (!qd_rates_exact(&o->rates, i, &whole, &millionths))
			return test_broken(v, "row %d: no exact rate", i);
		exact = (long double) whole + (long double) millionths / 1000000;
		/* a mean made of far larger numbers says little about the small ones */
		slack = 1e-5L + 1e-13L * (fabsl(exact) + fabsl(target) + size / (long double) r->step) *
			fmaxl(1, (long double) m->volume / (long double) r->volume[i]);
		if (exact < a - slack || exact > b + slack)
			return test_broken(v, "row %d: exact %.9Lg, one t gives %.9Lg to %.9Lg", i, exact, a, b);
	}
	return true;
}

bool
check_rates(const rates *r, verdict *v)
{
	rates_outcome *o = run_rates(r, NULL, true);
	model		m = {r, r->target < 0, r->target > 0, false, INT64_MAX, INT64_MIN, 0};
	bool		has_low;
	bool		has_high;
	qd_int128	low;
	qd_int128	high;
	qd_int128	sum = 0;
	bool		turned = false;
	bool		fine = true;
	int32_t		part = 0;
	int32_t		i;

	seen_rows += r->n;
	for (i = 0; i < r->n; i++)
	{
		if (!in(r, i))
			continue;
		part++;
		m.volume += r->volume[i];
		if (r->base[i] < m.least)
			m.least = r->base[i];
		if (r->base[i] > m.most)
			m.most = r->base[i];
		m.negative = m.negative || r->base[i] < 0 || ((r->flags[i] & QD_HAS_CAP) && r->cap[i] < 0);
		m.positive = m.positive || r->base[i] > 0 || ((r->flags[i] & QD_HAS_FLOOR) && r->floor[i] > 0);
	}
	m.all_zero = part > 0 && m.least == 0 && m.most == 0;
	if (part == 0)
	{
		for (i = 0; i < r->n; i++)
			if (o->status != QD_OK || o->rates.rule[i] != QD_RULE_NONE)
				fine = test_broken(v, "nobody takes part, but row %d has a rate", i);
		seen_ok++;
		rates_outcome_free(o);
		return fine;
	}
	has_low = far_end(&m, false, &low);
	has_high = far_end(&m, true, &high);
	low = has_low ? rounded(low, m.volume * r->step) : 0;
	high = has_high ? rounded(high, m.volume * r->step) : 0;
	if ((has_low && r->target < low) || (has_high && r->target > high))
	{
		seen_infeasible++;
		fine = o->status == QD_INFEASIBLE && o->problem.asked == r->target &&
			o->problem.unbounded_low == !has_low && o->problem.unbounded_high == !has_high &&
			o->problem.low == low && o->problem.high == high;
		if (!fine)
			test_broken(v, "cannot be reached, but status %d", (int) o->status);
		rates_outcome_free(o);
		return fine;
	}
	if (o->status == QD_OVERFLOW)
	{
		/* only where somebody small has to make up for much */
		seen_overflow++;
		rates_outcome_free(o);
		return true;
	}
	if (o->status != QD_OK)
	{
		fine = test_broken(v, "status %d", (int) o->status);
		rates_outcome_free(o);
		return fine;
	}
	seen_ok++;
	for (i = 0; i < r->n && fine; i++)
	{
		int64_t		whole;
		int64_t		millionths;
		long double off;
		uint8_t		rule = o->rates.rule[i];
		long double mine = (long double) o->rates.rate[i] * (long double) r->step;

		if (!in(r, i))
		{
			if (rule != QD_RULE_NONE)
				fine = test_broken(v, "row %d takes no part, but has a rule", i);
			continue;
		}
		sum += (qd_int128) r->volume[i] * o->rates.rate[i];
		if (mine < low_of(&m, i) || mine > high_of(&m, i))
			fine = test_broken(v, "row %d: %lld breaks a bound", i, (long long) o->rates.rate[i]);
		if (!qd_rates_exact(&o->rates, i, &whole, &millionths))
			fine = test_broken(v, "row %d: no exact rate", i);
		off = fabsl((long double) (o->rates.rate[i] - whole) - (long double) millionths / 1000000);
		if (off >= 1)
			fine = test_broken(v, "row %d: %lld is a step or more from its exact rate", i, (long long) o->rates.rate[i]);
		if (o->rates.rate[i] != whole + (millionths > 500000 || (millionths == 500000 && whole >= 0)))
			turned = true;
		if ((rule == QD_RULE_FLOOR && mine != low_of(&m, i)) || (rule == QD_RULE_CAP && mine != high_of(&m, i)))
			fine = test_broken(v, "row %d: its rule names a bound it is not at", i);
		if (rule != QD_RULE_FLOOR && rule != QD_RULE_CAP &&
			rule != (m.all_zero && r->method == QD_RATE_SCALE ? QD_RULE_EQUAL :
					 r->method == QD_RATE_SCALE && r->base[i] == 0 ? QD_RULE_ZERO : QD_RULE_SHARE))
			fine = test_broken(v, "row %d: rule %d", i, rule);
	}
	seen_turned += turned;
	/* the promise: the mean, rounded half away from zero, is the target */
	if (fine && rounded(sum, m.volume) != r->target)
		fine = test_broken(v, "the mean rounds to %s, not to %lld", int128_text(rounded(sum, m.volume)), (long long) r->target);
	if (fine)
		fine = check_one_t(&m, o, v);

	/* the other sign: the other rates */
	if (fine)
	{
		rates	   *other = rates_new(r->n);
		rates_outcome *p;

		other->method = r->method;
		other->target = -r->target;
		other->step = r->step;
		for (i = 0; i < r->n; i++)
		{
			other->flags[i] = (uint8_t) ((r->flags[i] & QD_HAS_WEIGHT) |
										 ((r->flags[i] & QD_HAS_FLOOR) ? QD_HAS_CAP : 0) |
										 ((r->flags[i] & QD_HAS_CAP) ? QD_HAS_FLOOR : 0));
			other->volume[i] = r->volume[i];
			other->base[i] = -r->base[i];
			other->floor[i] = -r->cap[i];
			other->cap[i] = -r->floor[i];
		}
		p = run_rates(other, NULL, false);
		/* where all is 0, only missing floors are 0 */
		for (i = 0; i < r->n && fine && (m.negative || m.positive); i++)
			if (in(r, i) && (p->status != QD_OK || p->rates.rate[i] != -o->rates.rate[i]))
				fine = test_broken(v, "row %d: %lld, with all signs changed %lld", i, (long long) o->rates.rate[i],
							  (long long) p->rates.rate[i]);
		rates_outcome_free(p);
		rates_free(other);
	}
	rates_outcome_free(o);
	return fine;
}
