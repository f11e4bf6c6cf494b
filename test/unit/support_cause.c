/*
 * support_cause.c
 *		Tables of leaves for the root-cause kernel.
 *
 * Faults follow the description in Kalander, "RiskLoc: Localization of
 * Multi-dimensional Root Causes by Weighted Risk" (2022), section on
 * synthetic data: Weibull amounts, some of them 0, a relative error of the
 * forecast on either side, and one to three (L: one to five) faults of one to
 * three elements (L: one) of a random cuboid (L: of the finest one), which
 * take a share off all their leaves, against the direction of the total error.
 */
#include "support_cause.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct generator
{
	uint64_t	state;
	bool		spare_left;
	double		spare;
} generator;

static uint64_t
bits(generator *g)
{
	uint64_t	z = g->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double
uniform(generator *g, double low, double high)
{
	return low + (high - low) * (double) (bits(g) >> 11) / 9007199254740992.0;
}

/* low .. high */
static int
integer(generator *g, int low, int high)
{
	return low + (int) (bits(g) % (uint64_t) (high - low + 1));
}

static double
normal(generator *g)
{
	double		u;
	double		v;
	double		q;

	if (g->spare_left)
	{
		g->spare_left = false;
		return g->spare;
	}
	do
	{
		u = uniform(g, -1, 1);
		v = uniform(g, -1, 1);
		q = u * u + v * v;
	} while (q >= 1 || q == 0);
	q = sqrt(-2 * log(q) / q);
	g->spare = v * q;
	g->spare_left = true;
	return u * q;
}

static double
weibull(generator *g, double shape)
{
	return pow(-log(1 - uniform(g, 0, 1)), 1 / shape);
}

static int
poisson(generator *g, double mean)
{
	double		left = exp(-mean);
	double		u = uniform(g, 0, 1);
	double		sum = left;
	int			k = 0;

	while (u > sum && k < 1000)
	{
		left *= mean / ++k;
		sum += left;
	}
	return k;
}

static int
binomial(generator *g, int n, double p)
{
	int			k = 0;

	while (n-- > 0)
		k += uniform(g, 0, 1) < p;
	return k;
}

/* Marsaglia and Tsang, for shapes of 1 and more; boosted below */
static double
gamma_variate(generator *g, double shape)
{
	double		d;
	double		c;

	if (shape < 1)
	{
		double		u = uniform(g, 0, 1);

		return gamma_variate(g, shape + 1) * pow(u, 1 / shape);
	}
	d = shape - 1.0 / 3;
	c = 1 / sqrt(9 * d);
	for (;;)
	{
		double		x = normal(g);
		double		v = 1 + c * x;

		if (v <= 0)
			continue;
		v = v * v * v;
		if (log(uniform(g, 1e-300, 1)) < 0.5 * x * x + d - d * v + d * log(v))
			return d * v;
	}
}

/* every combination of the elements */
static cause_table *
full_table(int dims, const int *cardinality, bool ratio)
{
	cause_table *t = calloc(1, sizeof(cause_table));
	int32_t		i;
	int			j;

	t->dims = dims;
	t->n = 1;
	for (j = 0; j < dims; j++)
	{
		t->cardinality[j] = cardinality[j];
		t->n *= cardinality[j];
	}
	t->code = malloc(sizeof(int32_t) * (size_t) dims * (size_t) t->n);
	t->actual = calloc((size_t) t->n, sizeof(double));
	t->expected = calloc((size_t) t->n, sizeof(double));
	if (ratio)
	{
		t->actual_base = calloc((size_t) t->n, sizeof(double));
		t->expected_base = calloc((size_t) t->n, sizeof(double));
	}
	for (i = 0; i < t->n; i++)
	{
		int32_t		rest = i;

		for (j = dims - 1; j >= 0; j--)
		{
			t->code[(size_t) j * (size_t) t->n + (size_t) i] = rest % cardinality[j];
			rest /= cardinality[j];
		}
	}
	return t;
}

void
cause_table_free(cause_table *t)
{
	free(t->code);
	free(t->actual);
	free(t->expected);
	free(t->actual_base);
	free(t->expected_base);
	free(t);
}

static bool
in_element(const cause_table *t, uint32_t mask, const int32_t *element, int32_t leaf)
{
	int			j;

	for (j = 0; j < t->dims; j++)
		if ((mask >> j & 1) && t->code[(size_t) j * (size_t) t->n + (size_t) leaf] != element[j])
			return false;
	return true;
}

typedef struct fault
{
	uint32_t	mask;
	int			first;			/* its truths */
	int			size;
	double		severity;
	double		deviation;
} fault;

/*
 * Chooses the elements of a fault: none overlaps another fault's element of
 * the same dimension, no cuboid is used twice but the finest, and there is
 * something in a leaf.  false: bad luck.
 */
static bool
choose_elements(generator *g, cause_table *t, fault *f, int faults, int layer)
{
	const fault *mine = &f[faults];
	int			order[QD_CAUSE_MAX_DIMS];
	uint32_t	mask = 0;
	int			i;
	int			j;
	int			k;

	for (j = 0; j < t->dims; j++)
		order[j] = j;
	for (j = 0; j < layer; j++)
	{
		int			other = integer(g, j, t->dims - 1);
		int			swap = order[j];

		order[j] = order[other];
		order[other] = swap;
		mask |= UINT32_C(1) << order[j];
	}
	for (k = 0; k < faults; k++)
		if (f[k].mask == mask && layer < t->dims)
			return false;
	f[faults].mask = mask;
	for (j = 0; j < t->dims; j++)
	{
		int			choice[256];
		int			choices = 0;
		int			value;

		if (!(mask >> j & 1))
			continue;
		for (value = 0; value < t->cardinality[j]; value++)
		{
			bool		used = false;

			for (k = 0; k < faults; k++)
				for (i = 0; i < f[k].size && (f[k].mask >> j & 1); i++)
					used = used || t->element[f[k].first + i][j] == value;
			if (!used)
				choice[choices++] = value;
		}
		if (choices == 0)
			return false;
		for (i = 0; i < mine->size; i++)
			t->element[mine->first + i][j] = choice[integer(g, 0, choices - 1)];
	}
	for (i = 0; i < mine->size; i++)
	{
		int32_t		leaf;

		t->mask[mine->first + i] = mask;
		for (k = 0; k < i; k++)
		{
			bool		same = true;

			for (j = 0; j < t->dims; j++)
				same = same && (!(mask >> j & 1) ||
								t->element[mine->first + i][j] == t->element[mine->first + k][j]);
			if (same)
				return false;
		}
		for (leaf = 0; leaf < t->n && layer == t->dims; leaf++)
			if (t->actual[leaf] == 0 && in_element(t, mask, t->element[mine->first + i], leaf))
				return false;
	}
	return true;
}

cause_table *
cause_faults(cause_set set, uint64_t seed)
{
	static const int sizes[2][5] = {{10, 12, 10, 8, 5}, {10, 24, 10, 15}};
	bool		is_s = set == CAUSE_SET_S;
	generator	g = {seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t) set, false, 0};

	for (;;)
	{
		cause_table *t = full_table(is_s ? 5 : 4, sizes[set], false);
		double		zeros = uniform(&g, 0, 0.25);
		double		noise = uniform(&g, 0, is_s ? 0.25 : 0.1);
		double		shape = uniform(&g, 0.5, 1);
		int			faults = integer(&g, 1, is_s ? 3 : 5);
		double		actual = 0;
		double		expected = 0;
		fault		f[5];
		int			tries = 0;
		int			made = 0;
		int32_t		i;
		int			k;

		for (i = 0; i < t->n; i++)
		{
			double		x = uniform(&g, 0, 1) < zeros ? 0 : 100 * weibull(&g, shape);
			double		y = x * (1 + noise * normal(&g));
			bool		swap = integer(&g, 0, 1);

			t->expected[i] = fmax(swap ? x : y, 0);
			t->actual[i] = swap ? y : x;
			actual += t->actual[i];
			expected += t->expected[i];
		}
		while (made < faults && tries++ < 2000)
		{
			int			layer = is_s ? integer(&g, 1, t->dims) : t->dims;

			f[made].first = t->truths;
			f[made].size = integer(&g, 1, is_s ? 3 : 1);
			f[made].severity = uniform(&g, is_s ? 0.2 : 0.5, 1) + noise;
			f[made].deviation = uniform(&g, 0, is_s ? 0.1 : 0);
			if (choose_elements(&g, t, f, made, layer))
				t->truths += f[made++].size;
		}
		if (made < faults)
		{
			/* there is no room left for another fault: start again */
			cause_table_free(t);
			continue;
		}
		for (k = 0; k < faults; k++)
		{
			for (i = 0; i < t->n; i++)
			{
				bool		hit = false;
				double		left;
				int			e;

				for (e = 0; e < f[k].size && !hit; e++)
					hit = in_element(t, f[k].mask, t->element[f[k].first + e], i);
				if (!hit)
					continue;
				left = 1 - (f[k].severity + f[k].deviation * normal(&g));
				/* without noise, and in the direction that the noise has in all */
				if (actual > expected)
					t->expected[i] = fmax(t->actual[i] * left, 0);
				else
					t->actual[i] = fmax(t->expected[i] * left, 0);
			}
		}
		return t;
	}
}

/* a table of a few to a few thousand leaves */
static cause_table *
some_table(generator *g, bool ratio)
{
	static const int sizes[6][4] = {
		{4, 5, 6, 0}, {5, 4, 0, 0}, {6, 5, 7, 4}, {12, 10, 3, 0}, {20, 12, 7, 0}, {3, 15, 7, 12}
	};
	int			which = integer(g, 0, 5);
	int			dims = 2;

	while (dims < 4 && sizes[which][dims] > 0)
		dims++;
	return full_table(dims, sizes[which], ratio);
}

/* so many deals of heavy-tailed size with a mean of 100 */
static double
deals(generator *g, int number)
{
	double		sum = 0;

	while (number-- > 0)
		sum += 100 * weibull(g, 0.8) / 1.133;
	return sum;
}

cause_table *
cause_pure_noise(cause_noise kind, uint64_t seed)
{
	generator	g = {seed * UINT64_C(0xd1342543de82ef95) + (uint64_t) kind, false, 0};
	bool		ratio = kind >= CAUSE_NOISE_COUNTS;
	cause_table *t = some_table(&g, ratio);
	double		noise = uniform(&g, 0.02, 0.32);
	double		shape = uniform(&g, 0.5, 2);
	double		rate = kind == CAUSE_NOISE_RARE_COUNTS ? uniform(&g, 0.02, 0.07) : uniform(&g, 0.2, 0.6);
	double		size = 3 * pow(60, uniform(&g, 0, 1));
	double		scale = pow(10, uniform(&g, -3, 3));
	int32_t		i;

	for (i = 0; i < t->n; i++)
	{
		double		x = 100 * weibull(&g, shape);
		double		mean = 0.2 + 3 * uniform(&g, 0, 1) * uniform(&g, 0, 1);
		int			actual_base = 1 + (int) (size * weibull(&g, 0.8));
		int			expected_base = 1 + (int) (actual_base * uniform(&g, 0.8, 1.2));
		double		p = fmin(rate * uniform(&g, 0.5, 1.5), 0.95);
		double		p_expected = p;
		double		y = x;

		switch (kind)
		{
			case CAUSE_NOISE_RELATIVE:
				y = fmax(x * (1 + noise * normal(&g)), 0);
				if (integer(&g, 0, 1))
				{
					double		swap = x;

					x = y;
					y = swap;
				}
				break;
			case CAUSE_NOISE_BY_SIZE:
				y = fmax(x * (1 + noise * fmin(3, sqrt(100 / (x + 1))) * normal(&g)), 0);
				break;
			case CAUSE_NOISE_LOGNORMAL:
				y = x * exp(noise * normal(&g));
				break;
			case CAUSE_NOISE_DEALS:
				x = 100 * mean;
				y = deals(&g, poisson(&g, mean));
				break;
			case CAUSE_NOISE_DEALS_TWICE:
				x = deals(&g, poisson(&g, mean));
				y = deals(&g, poisson(&g, mean));
				break;
			case CAUSE_NOISE_CLUSTERED_COUNTS:
				/* a rate of its own each time: beta variates */
				x = gamma_variate(&g, 20 * p);
				p_expected = x / (x + gamma_variate(&g, 20 * (1 - p)));
				x = gamma_variate(&g, 20 * p);
				p = x / (x + gamma_variate(&g, 20 * (1 - p)));
				/* FALLTHROUGH */
			case CAUSE_NOISE_COUNTS:
			case CAUSE_NOISE_RARE_COUNTS:
				x = binomial(&g, expected_base, p_expected);
				y = binomial(&g, actual_base, p);
				break;
			case CAUSE_NOISE_PRICES:
				x = expected_base * p * exp(0.1 * normal(&g)) * scale;
				y = actual_base * p * exp(0.1 * normal(&g)) * scale;
				break;
			default:
				x = scale * deals(&g, expected_base);
				y = scale * deals(&g, actual_base);
				break;
		}
		t->expected[i] = x;
		t->actual[i] = y;
		if (ratio)
		{
			t->actual_base[i] = actual_base;
			t->expected_base[i] = expected_base;
		}
	}
	return t;
}

/* takes a share off one slice, at random, of at least a tenth of the leaves */
void
cause_plant(cause_table *t, uint64_t seed, double effect)
{
	generator	g = {seed, false, 0};
	int			dim = integer(&g, 0, t->dims - 1);
	int32_t		i;

	while (t->cardinality[dim] > 10)
		dim = (dim + 1) % t->dims;
	t->truths = 1;
	t->mask[0] = UINT32_C(1) << dim;
	t->element[0][dim] = integer(&g, 0, t->cardinality[dim] - 1);
	for (i = 0; i < t->n; i++)
		if (in_element(t, t->mask[0], t->element[0], i))
			t->actual[i] *= 1 - effect;
}

/* anything at all: a few distinct leaves, values of any size and sign */
cause_table *
cause_draw(source *s)
{
	cause_table *t = calloc(1, sizeof(cause_table));
	int32_t		most = 1 + (int32_t) draw(s, 200);
	bool		ratio = draw(s, 3) == 0;
	int			style = (int) draw(s, 5);
	int32_t		i;
	int			j;

	t->dims = 1 + (int) draw(s, draw(s, 8) == 0 ? QD_CAUSE_MAX_DIMS : 4);
	for (j = 0; j < t->dims; j++)
		t->cardinality[j] = 1 + (int32_t) draw(s, draw(s, 16) == 0 ? 100000 : draw(s, 4) == 0 ? 300 : 6);
	t->code = malloc(sizeof(int32_t) * (size_t) t->dims * (size_t) most);
	t->actual = malloc(sizeof(double) * (size_t) most);
	t->expected = malloc(sizeof(double) * (size_t) most);
	t->actual_base = ratio ? malloc(sizeof(double) * (size_t) most) : NULL;
	t->expected_base = ratio ? malloc(sizeof(double) * (size_t) most) : NULL;

	/* by leaf first: its codes are those of a number, so that none is twice */
	t->n = most;
	for (i = 0; i < most; i++)
	{
		uint64_t	rest = (uint64_t) i;
		bool		overflow = false;

		for (j = 0; j < t->dims; j++)
		{
			t->code[(size_t) j * (size_t) most + (size_t) i] = (int32_t) (rest % (uint64_t) t->cardinality[j]);
			rest /= (uint64_t) t->cardinality[j];
		}
		overflow = rest > 0;
		if (overflow)
			break;
	}
	if (i < most)
	{
		/* fewer combinations than leaves: pack the dimensions again */
		int32_t		n = i;

		for (j = 1; j < t->dims; j++)
			memmove(t->code + (size_t) j * (size_t) n, t->code + (size_t) j * (size_t) most,
					sizeof(int32_t) * (size_t) n);
		t->n = n;
	}
	for (i = 0; i < t->n; i++)
	{
		double		x[4];
		int			k;

		for (k = 0; k < 4; k++)
		{
			double		scale = draw(s, 6) == 0 ? ldexp(1, (int) draw(s, 240) - 120) : 1;
			double		m = (double) draw(s, style == 0 ? 3 : 1000);

			x[k] = (style == 1 && k < 2 && draw(s, 4) == 0 ? -m : m) * scale;
			if (style == 2)
				x[k] = 7;
		}
		if (style == 3)
			x[0] = x[1];
		if (style == 4 && draw(s, 2) == 0)
			x[0] = 0;
		t->actual[i] = x[0];
		t->expected[i] = x[1];
		if (ratio)
		{
			t->actual_base[i] = x[2];
			t->expected_base[i] = x[3];
		}
	}
	return t;
}

qd_status
cause_run(const cause_table *t, const qd_env *env, qd_cause *cause, int32_t *found)
{
	qd_cause_leaves leaves = {t->n, t->dims, t->code, t->cardinality, t->actual, t->expected,
	t->actual_base, t->expected_base};

	return qd_find_causes(env, &leaves, cause, found);
}

void
cause_compare(const cause_table *t, const qd_cause *cause, int32_t found, cause_score *score)
{
	int			right = 0;
	int32_t		i;
	int			k;

	for (i = 0; i < found; i++)
		for (k = 0; k < t->truths; k++)
			right += cause[i].mask == t->mask[k] &&
				in_element(t, t->mask[k], t->element[k], cause[i].leaf);
	score->right += right;
	score->false_ones += found - right;
	score->missed += t->truths - right;
}

double
cause_f1(const cause_score *score)
{
	return 2.0 * score->right / (2.0 * score->right + score->false_ones + score->missed);
}

bool
cause_check(const cause_table *t, const qd_cause *cause, int32_t found, verdict *v)
{
	int32_t		i;
	int32_t		k;
	int			j;

	v->message[0] = '\0';
	if (found < 0 || found > QD_CAUSE_MOST)
	{
		snprintf(v->message, sizeof(v->message), "%d causes", (int) found);
		return false;
	}
	for (i = 0; i < found; i++)
	{
		const qd_cause *c = &cause[i];
		int32_t		leaves = 0;
		const char *wrong = NULL;

		if (c->mask >> t->dims != 0)
			wrong = "dimension that there is not";
		else if (c->leaf < 0 || c->leaf >= t->n)
			wrong = "leaf that there is not";
		else if (!(c->score > 0) || isinf(c->score))
			wrong = "score";
		else if (!(c->confidence >= 0.95) || c->confidence > 1)
			wrong = "confidence";
		for (k = 0; k < t->n && !wrong; k++)
		{
			int32_t		element[QD_CAUSE_MAX_DIMS];

			for (j = 0; j < t->dims; j++)
				element[j] = t->code[(size_t) j * (size_t) t->n + (size_t) c->leaf];
			leaves += in_element(t, c->mask, element, k);
		}
		if (!wrong && (c->leaves < 1 || c->leaves > leaves))
			wrong = "number of leaves";
		for (k = 0; k < i && !wrong; k++)
		{
			bool		same = cause[k].mask == c->mask;

			for (j = 0; j < t->dims && same; j++)
				same = !(c->mask >> j & 1) ||
					t->code[(size_t) j * (size_t) t->n + (size_t) c->leaf] ==
					t->code[(size_t) j * (size_t) t->n + (size_t) cause[k].leaf];
			if (same)
				wrong = "slice that was there before";
		}
		if (wrong)
		{
			snprintf(v->message, sizeof(v->message), "cause %d has a wrong thing: %s", (int) i, wrong);
			return false;
		}
	}
	return true;
}
