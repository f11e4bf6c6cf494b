/*
 * cause.c
 *		Root causes of a deviation: likelihood ratios of all slices of all
 *		cuboids, the best one first, and again without its leaves.
 *
 * The leaves of one cause share one relative deviation; the rest is noise,
 * which is estimated from the leaves by their size and not assumed.  Three
 * models, by what the leaves are:
 *
 * SMOOTH	Each leaf's relative deviation d = (f - v) / max(|f|, |v|) is
 *			informative.  Noise of d is a median of |d| on the quieter side of
 *			0, since a cause leaves one side alone; by size of the leaf.  A slice
 *			scores the Gaussian likelihood of a mean and a spread of its own.
 * LUMPY	Single deals: most leaves are far off by themselves, only sums tell.
 *			A slice scores its sum's deviation by Bernstein's inequality, with
 *			the mean square and the largest deviation of leaves of that size.
 * RATIO	Numerators against what the leaf's expected ratio makes of its
 *			denominator: Poisson's likelihood, divided by the dispersion of
 *			leaves of that size, which is at least a binomial variate's;
 *			Bernstein's bound where they are no counts.
 *
 * From the score goes what a search this wide finds in noise.  A slice counts
 * only where no cuboid below it shows a fifth of it unaffected: then its
 * affected parts, or another slice that holds them, will be found instead.
 * (Ratios: seven tenths, since rates of small leaves are seen too dimly.)
 *
 * The idea of scanning with a likelihood ratio: Kulldorff, "A spatial scan
 * statistic" (1997); the task and the test sets: Kalander, "RiskLoc" (2022).
 * The constants were chosen on generated faults and noise of another generator
 * and on every second case of RobustSpot's data; the tests use seeds that nothing
 * was chosen on.
 */
#include "kernel/cause.h"

#include <math.h>
#include <string.h>

#include "kernel/group.h"

/* leaves of one slice may be closer together than noise has it, but not more */
#define SPREAD_PRIOR		3.0
#define SPREAD_LEAST		0.1
#define SPREAD_FLOOR		0.02
/* an effect is more than that part of the noise, and more than this at all */
#define EFFECT_NOISE		0.5
#define EFFECT_LEAST		0.02
/* no noise below this is believed; above the other, leaves are lumps */
#define NOISE_FLOOR			0.01
#define NOISE_LUMPY			0.45
/* evidence is no more than this */
#define CERTAIN				1e9
/* numbers of one kind vary at least by so much of their size */
#define DISPERSION_LEAST	1e-6
/* log odds against any cause: the less, the more of a bound the evidence is;
 * at a score of 0 noise gives a cause in less than so many cases */
#define PRIOR_SMOOTH		5.0
#define PRIOR_LUMPY			(-1.0)
#define PRIOR_RATIO			3.0
#define FALSE_ALARMS		0.05
/* among many leaves single ones owe this much less where they are this much clearer
 * than the clearest one on the other side of 0, which shows how far noise goes */
#define SINGLE_CREDIT		4.0
#define SINGLE_LEAVES		1000
#define SINGLE_CLEARER		1.5
/* the part of a slice that may be unaffected, and what a doubt must outweigh */
#define UNAFFECTED_MOST		0.2
#define UNAFFECTED_RATIO	0.7
#define UNAFFECTED_COST		1.0
/* noise of n leaves is known to a factor of 1 + this / n */
#define NOISE_FEW			5.0
#define DISPERSION_FEW		3.0
/* a trimmed mean square is too small by this, for tails as they are */
#define DISPERSION_TRIMMED	1.5
/* expected ratios are drawn towards the overall one as by so many mean leaves */
#define RATIO_PRIOR			5.0
/* ratios vary for reasons of their own: causes this much weaker than the
 * strongest are left out */
#define RATIO_NEXT			0.2
/* a group of leaves of like size: not fewer, and not more groups */
#define GROUP_LEAVES		24
#define GROUPS_MOST			24
/* so many leaves weighs the line through all groups */
#define GROUP_PRIOR			50.0
/* slices looked at more closely in one pass */
#define CANDIDATES			64

/* normal variates: standard deviation by median of magnitudes, variance by
 * median of squares */
#define MAD_TO_SD			1.4826
#define MEDIAN_CHI2			0.455

typedef enum model
{
	MODEL_SMOOTH,
	MODEL_LUMPY,
	MODEL_RATIO
} cause_model;

/*
 * An element of a cuboid, or a leaf.
 *				SMOOTH					LUMPY				RATIO
 *		a		Σ w, w = 1 / noise²		Σ variance			Σ expected
 *		b		Σ w d					Σ (f - v)			Σ actual
 *		c		Σ w d²					largest |f - v|		largest jump; 0: counts
 *		size	-						Σ |f|				-
 * (RATIO: each divided by the leaf's dispersion)
 */
typedef struct cell
{
	uint64_t	key;
	int32_t		leaf;			/* the first one */
	int32_t		n;				/* leaves */
	double		a;
	double		b;
	double		c;
	double		size;
} cause_cell;

/* one cuboid on the way down */
typedef struct level
{
	cause_cell *cell;
	int32_t		size;
	int32_t		capacity;
	uint32_t	mask;
	int			next;			/* in order[]: the next dimension to leave out */
} cuboid;

typedef struct search
{
	const qd_env *env;
	const qd_cause_leaves *in;
	cause_model model;
	bool		counts;			/* RATIO: numerators are counts */
	int			order[QD_CAUSE_MAX_DIMS];	/* dimensions, most elements first */
	bool		unique;			/* keys of different elements differ */
	uint64_t   *key_part[QD_CAUSE_MAX_DIMS];	/* [cardinality] */
	double	   *a;				/* [n], of each leaf */
	double	   *b;
	double	   *c;
	double	   *deviation;		/* [n] SMOOTH: d */
	double	   *size;			/* [n] what noise is estimated by */
	double	   *scratch;		/* [n] */
	int32_t    *live;			/* [n] leaves that no cause has taken */
	int32_t		live_size;
	int32_t    *inside;			/* [n] leaves of the slice looked into */
	int32_t    *slot;			/* hash table of a cuboid's cells */
	int32_t		slots;
	cuboid		level[QD_CAUSE_MAX_DIMS + 1];
	double		cost;			/* of choosing among the cuboids */
	double		prior;			/* odds against any cause */
	double		clearest[2];	/* SMOOTH: most evidence of one leaf, above 0
								 * and below */
	bool		common;			/* what all have in common has been found */
} cause_search;

/* a slice and its score */
typedef struct slice
{
	uint32_t	mask;
	int			dims;
	double		score;
	cause_cell	cell;
} cause_slice;

typedef struct ranking
{
	cause_slice top[CANDIDATES];
	int			size;
} cause_ranking;

/* ---- what the sums of a cell say ---- */

/* relative deviation; the sign is that of expected - actual */
static double
effect_of(const cause_search *s, const cause_cell *x)
{
	switch (s->model)
	{
		case MODEL_SMOOTH:
			return x->b / x->a;
		case MODEL_LUMPY:
			return x->size > 0 ? x->b / x->size : x->b < 0 ? -1 : 1;
		case MODEL_RATIO:
			return x->a > 0 ? 1 - x->b / x->a : -1;
	}
	return 0;
}

/* whether it is large enough to matter */
static bool
matters(const cause_search *s, const cause_cell *x)
{
	double		least = EFFECT_LEAST;

	if (s->model == MODEL_SMOOTH)
		least += EFFECT_NOISE * sqrt(x->n / x->a);
	return fabs(effect_of(s, x)) > least;
}

/* Bernstein's inequality: the logarithm of 1 / what it leaves to chance */
static double
bernstein(double deviation, double variance, double largest)
{
	double		score = 0.5 * deviation * deviation / (variance + fabs(deviation) * largest / 3);

	/* what cannot vary and does is certain: an expected rate of exactly 1 */
	return score < CERTAIN ? score : deviation != 0 ? CERTAIN : 0;
}

static double
evidence(const cause_search *s, const cause_cell *x)
{
	if (s->model == MODEL_SMOOTH)
	{
		double		n = x->n;
		double		rest = x->c - x->b * x->b / x->a;
		double		least = SPREAD_FLOOR * SPREAD_FLOOR * x->a / n;
		double		spread;

		/* most cells need no logarithm */
		if (x->c < 2)
			return -1;
		if (rest < 0)
			rest = 0;
		if (least < SPREAD_LEAST * SPREAD_LEAST)
			least = SPREAD_LEAST * SPREAD_LEAST;
		spread = (rest + SPREAD_PRIOR) / (n + SPREAD_PRIOR);
		if (spread < least)
			spread = least;
		if (spread > 1)
			spread = 1;
		return 0.5 * (x->c - rest / spread - n * log(spread) - log(n));
	}
	if (s->model == MODEL_LUMPY)
		return x->a > 0 ? bernstein(x->b, x->a, x->c) - 0.5 * log(x->n) : -1;
	if (!(x->a > 0))
		return -1;
	if (!s->counts)
		return bernstein(x->b - x->a, x->a, x->c);
	return (x->b > 0 ? x->b * log(x->b / x->a) : 0) - (x->b - x->a);
}

/* log likelihood ratio of no effect against this one */
static double
doubt(const cause_search *s, const cause_cell *x, double effect)
{
	double		due;

	switch (s->model)
	{
		case MODEL_SMOOTH:
			return (0.5 * x->a * effect - x->b) * effect;
		case MODEL_LUMPY:
			due = effect * x->size;
			return x->a > 0 ? (0.5 * due - x->b) * due / (x->a + fabs(due) * x->c / 3) : 0;
		case MODEL_RATIO:
			due = x->a * (1 - effect);
			if (!s->counts)
			{
				double		by = due - x->a;

				return x->a > 0 ? (0.5 * by - (x->b - x->a)) * by / (x->a + fabs(by) * x->c / 3) : 0;
			}
			return (x->b > 0 && due > 0 ? x->b * log(x->a / due) : 0) - (x->a - due);
	}
	return 0;
}

/* ---- cuboids ---- */

static bool
same_element(const qd_cause_leaves *in, uint32_t mask, int32_t a, int32_t b)
{
	int			j;

	for (j = 0; j < in->dims; j++)
	{
		const int32_t *code = in->code + (size_t) j * (size_t) in->n;

		if ((mask >> j & 1) && code[a] != code[b])
			return false;
	}
	return true;
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/*
 * A cell's key is the sum of a part for each of its dimensions, so that
 * leaving one out is a subtraction: digits of a mixed radix where 64 bits hold
 * them all, else random ones, whose cells have to be compared.
 */
static void
prepare_keys(cause_search *s)
{
	const qd_cause_leaves *in = s->in;
	uint64_t	stride = 1;
	int			j;

	s->unique = true;
	for (j = 0; j < in->dims; j++)
	{
		int			k = j;

		for (; k > 0 && in->cardinality[s->order[k - 1]] < in->cardinality[j]; k--)
			s->order[k] = s->order[k - 1];
		s->order[k] = j;
		if (__builtin_mul_overflow(stride, (uint64_t) in->cardinality[j], &stride))
			s->unique = false;
	}
	stride = 1;
	for (j = 0; j < in->dims; j++)
	{
		int32_t		code;

		for (code = 0; code < in->cardinality[j]; code++)
		{
			QD_POLL(s->env, code);
			s->key_part[j][code] = s->unique ? stride * (uint64_t) code :
				mix(((uint64_t) code << 8) + (uint64_t) j + 1);
		}
		stride *= (uint64_t) in->cardinality[j];
	}
	s->cost = log((double) (UINT32_C(1) << in->dims));
}

static bool
reserve(cause_search *s, cuboid *l, int32_t size)
{
	if (l->capacity >= size)
		return true;
	if (l->cell)
		s->env->release(s->env->arg, l->cell);
	l->capacity = 0;
	l->cell = s->env->alloc(s->env->arg, sizeof(cause_cell) * (size_t) size);
	if (!l->cell)
		return false;
	l->capacity = size;
	return true;
}

/* the most elements that a cuboid can have */
static int32_t
elements_most(const qd_cause_leaves *in, uint32_t mask, int32_t most)
{
	int64_t		product = 1;
	int			j;

	for (j = 0; j < in->dims && product < most; j++)
	{
		if (mask >> j & 1)
			product *= in->cardinality[j];
	}
	return product < most ? (int32_t) product : most;
}

/* the cuboid of a parent's dimensions but one */
static bool
leave_out(cause_search *s, const cuboid *parent, cuboid *child, int dim)
{
	const qd_cause_leaves *in = s->in;
	const uint64_t *part = s->key_part[dim];
	const int32_t *code = in->code + (size_t) dim * (size_t) in->n;
	bool		largest = s->model != MODEL_SMOOTH;
	int32_t		most;
	int32_t		slots = 16;
	int			shift = 60;
	int32_t		i;

	child->mask = parent->mask & ~(UINT32_C(1) << dim);
	child->size = 0;
	most = elements_most(in, child->mask, parent->size);
	if (!reserve(s, child, most))
		return false;
	for (; slots < 2 * (int64_t) most; slots *= 2)
		shift--;
	memset(s->slot, 0xff, sizeof(int32_t) * (size_t) slots);
	for (i = 0; i < parent->size; i++)
	{
		const cause_cell *from = &parent->cell[i];
		uint64_t	key = from->key - part[code[from->leaf]];
		int32_t		at = (int32_t) ((key * UINT64_C(0x9e3779b97f4a7c15)) >> shift);
		cause_cell *to;

		QD_POLL(s->env, i);
		for (;; at = (at + 1) & (slots - 1))
		{
			if (s->slot[at] < 0)
			{
				s->slot[at] = child->size;
				to = &child->cell[child->size++];
				*to = *from;
				to->key = key;
				break;
			}
			to = &child->cell[s->slot[at]];
			if (to->key == key &&
				(s->unique || same_element(in, child->mask, to->leaf, from->leaf)))
			{
				to->n += from->n;
				to->a += from->a;
				to->b += from->b;
				to->size += from->size;
				if (!largest)
					to->c += from->c;
				else if (to->c < from->c)
					to->c = from->c;
				break;
			}
		}
	}
	return true;
}

/* the finest cuboid: the leaves themselves */
static void
begin_leaves(cause_search *s, const int32_t *leaf, int32_t size)
{
	cuboid	   *l = &s->level[0];
	const qd_cause_leaves *in = s->in;
	int32_t		i;

	l->size = size;
	l->mask = (UINT32_C(1) << in->dims) - 1;
	l->next = 0;
	for (i = 0; i < size; i++)
	{
		cause_cell *x = &l->cell[i];
		int32_t		row = leaf[i];
		int			j;

		QD_POLL(s->env, i);
		x->key = 0;
		for (j = 0; j < in->dims; j++)
			x->key += s->key_part[j][in->code[(size_t) j * (size_t) in->n + (size_t) row]];
		x->leaf = row;
		x->n = 1;
		x->a = s->a[row];
		x->b = s->b[row];
		x->c = s->c[row];
		x->size = s->size[row];
	}
}

static bool
better(const cause_slice *x, const cause_slice *y)
{
	if (x->score != y->score)
		return x->score > y->score;
	if (x->dims != y->dims)
		return x->dims < y->dims;
	if (x->mask != y->mask)
		return x->mask < y->mask;
	return x->cell.leaf < y->cell.leaf;
}

static void
insert_slice(cause_ranking *r, const cause_slice *x)
{
	int			i;

	if (r->size < CANDIDATES)
		r->size++;
	else if (!better(x, &r->top[CANDIDATES - 1]))
		return;
	for (i = r->size - 1; i > 0 && better(x, &r->top[i - 1]); i--)
		r->top[i] = r->top[i - 1];
	r->top[i] = *x;
}

/* ranks the elements of a cuboid */
static void
judge(const cause_search *s, const cuboid *l, cause_ranking *r)
{
	double		cost = log(l->size) + s->cost + s->prior;
	cause_slice x;
	int32_t		i;

	x.mask = l->mask;
	x.dims = __builtin_popcount(l->mask);
	for (i = 0; i < l->size; i++)
	{
		QD_POLL(s->env, i);
		x.score = evidence(s, &l->cell[i]);
		if (l->cell[i].n == 1 && s->model == MODEL_SMOOTH &&
			x.score > SINGLE_CLEARER * s->clearest[l->cell[i].b > 0])
			x.score += SINGLE_CREDIT;
		x.score -= cost;
		if (!(x.score > 0))
			continue;
		/* what all have in common is to be known even where it is small */
		if (l->mask == 0 ? s->common : !matters(s, &l->cell[i]))
			continue;
		x.cell = l->cell[i];
		insert_slice(r, &x);
	}
}

/* the part of a slice that a cuboid below it shows to be unaffected */
static double
unaffected(const cause_search *s, const cuboid *l, const cause_slice *whole)
{
	double		effect = effect_of(s, &whole->cell);
	double		cost = log(l->size) + s->cost + UNAFFECTED_COST;
	double		sum = 0;
	double		all = 0;
	int32_t		i;

	for (i = 0; i < l->size; i++)
	{
		const cause_cell *x = &l->cell[i];
		double		weight = s->model == MODEL_LUMPY ? x->size : x->a;

		QD_POLL(s->env, i);
		all += weight;
		if (doubt(s, x, effect) > cost)
			sum += weight;
	}
	return all > 0 ? sum / all : 0;
}

/*
 * Goes through every cuboid of these leaves that has the fixed_dims dimensions,
 * each made from one of one dimension more: no more of them at a time than
 * there are dimensions.  Ranks their elements in r, or else finds the largest
 * unaffected part of a slice.
 */
static qd_status
visit(cause_search *s, const int32_t *leaf, int32_t size, uint32_t fixed_dims, cause_ranking *r,
	  const cause_slice *whole, double *part)
{
	int			depth = 0;
	bool		fresh = true;

	begin_leaves(s, leaf, size);
	while (depth >= 0)
	{
		cuboid	   *l = &s->level[depth];

		/* loops over one cuboid may all be too short for a poll of their own */
		if (s->env->poll)
			s->env->poll(s->env->arg);
		if (fresh && r)
			judge(s, l, r);
		else if (fresh)
		{
			double		p = unaffected(s, l, whole);

			if (p > *part)
				*part = p;
		}
		fresh = false;
		while (l->next < s->in->dims && (fixed_dims >> s->order[l->next] & 1))
			l->next++;
		if (l->next < s->in->dims)
		{
			int			position = l->next++;

			if (!leave_out(s, l, &s->level[depth + 1], s->order[position]))
				return QD_NOMEM;
			s->level[++depth].next = position + 1;
			fresh = true;
		}
		else
			depth--;
	}
	return QD_OK;
}

/* ---- noise ---- */

/* the k-th smallest, from 0, of x[n]; disorders x; O(n) expected */
static double
select_kth(const qd_env *env, double *x, int32_t n, int32_t k)
{
	uint64_t	seed = UINT64_C(88172645463325252);
	int32_t		low = 0;
	int32_t		high = n - 1;

	while (low < high)
	{
		double		pivot = x[low + (int32_t) (qd_random(&seed) % (uint64_t) (high - low + 1))];
		int32_t		i = low;
		int32_t		j = high;

		while (i <= j)
		{
			while (x[i] < pivot)
				i++;
			while (x[j] > pivot)
				j--;
			if (i <= j)
			{
				double		swap = x[i];

				QD_POLL(env, i);
				x[i++] = x[j];
				x[j--] = swap;
			}
		}
		if (k <= j)
			high = j;
		else if (k >= i)
			low = i;
		else
			break;
	}
	return x[k];
}

/* sizes by powers of two */
#define BINS 256

static int
bin_of(double size)
{
	int			exponent;

	if (!(size > 0))
		return 0;
	(void) frexp(size, &exponent);
	exponent += BINS / 2;
	return exponent < 1 ? 1 : exponent >= BINS ? BINS - 1 : exponent;
}

/* something of leaves, a logarithm, by their size */
typedef struct profile
{
	int			group[BINS];	/* neighbouring bins that have enough leaves */
	int			groups;
	double		middle[BINS];	/* of a group, in bins */
	double		number[BINS];	/* of its leaves */
	double		value[BINS];
} size_profile;

static void
profile_begin(const cause_search *s, size_profile *p)
{
	int32_t		count[BINS] = {0};
	int32_t		least = s->live_size / GROUPS_MOST;
	int32_t		here = 0;
	int			start = 0;
	int32_t		i;
	int			k;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < s->live_size; i++)
	{
		QD_POLL(s->env, i);
		count[bin_of(s->size[s->live[i]])]++;
	}
	if (least < GROUP_LEAVES)
		least = GROUP_LEAVES;
	for (k = 0; k < BINS; k++)
	{
		p->group[k] = p->groups;
		here += count[k];
		if (here >= least)
		{
			p->groups++;
			here = 0;
			start = k + 1;
		}
	}
	/* what is left over belongs to the last full group */
	for (k = start; k < BINS && p->groups > 0; k++)
		p->group[k] = p->groups - 1;
	if (p->groups == 0)
		p->groups = 1;
	for (k = 0; k < BINS; k++)
	{
		p->number[p->group[k]] += count[k];
		p->middle[p->group[k]] += (double) count[k] * k;
	}
	for (k = 0; k < p->groups; k++)
		p->middle[k] /= p->number[k] > 0 ? p->number[k] : 1;
}

/* draws what little is known of a small group towards the line through all */
static void
profile_settle(size_profile *p)
{
	double		n = 0;
	double		x = 0;
	double		y = 0;
	double		xx = 0;
	double		xy = 0;
	double		slope = 0;
	int			k;

	for (k = 0; k < p->groups; k++)
	{
		n += p->number[k];
		x += p->number[k] * p->middle[k];
		y += p->number[k] * p->value[k];
		xx += p->number[k] * p->middle[k] * p->middle[k];
		xy += p->number[k] * p->middle[k] * p->value[k];
	}
	if (!(n > 0))
		return;
	if (p->groups > 2)
		slope = (n * xy - x * y) / (n * xx - x * x);
	for (k = 0; k < p->groups; k++)
		p->value[k] = (p->number[k] * p->value[k] +
					   GROUP_PRIOR * (y - slope * x + n * slope * p->middle[k]) / n) /
			(p->number[k] + GROUP_PRIOR);
}

/* between the middles of two groups by interpolation */
static double
profile_at(const size_profile *p, double size)
{
	int			bin = bin_of(size);
	int			g = p->group[bin];
	int			next = bin > p->middle[g] ? g + 1 : g - 1;
	double		y = p->value[g];

	if (next >= 0 && next < p->groups)
		y += (p->value[next] - y) * (bin - p->middle[g]) / (p->middle[next] - p->middle[g]);
	return exp(y);
}

/*
 * Noise of d from one side of 0; all leaves, or those of a group.  0 where
 * there is nothing on that side; *n is how many are.
 */
static double
noise_of_side(cause_search *s, const size_profile *p, int group, int sign, int32_t *n)
{
	int32_t		i;

	*n = 0;
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		double		x = sign * s->deviation[leaf];

		QD_POLL(s->env, i);
		if (x > 0 && (!p || p->group[bin_of(s->size[leaf])] == group))
			s->scratch[(*n)++] = x;
	}
	if (*n == 0)
		return 0;
	return MAD_TO_SD * select_kth(s->env, s->scratch, *n, *n / 2) * (1 + NOISE_FEW / *n);
}

/* noise of d from the quieter side, unless that one has hardly any leaf */
static double
quiet_noise(cause_search *s, const size_profile *p, int group, double otherwise)
{
	int32_t		above;
	int32_t		below;
	double		noise_above = noise_of_side(s, p, group, 1, &above);
	double		noise_below = noise_of_side(s, p, group, -1, &below);

	if (above == 0 && below == 0)
		return otherwise;
	if (above == 0 || (above < 8 && below > above))
		return noise_below;
	if (below == 0 || (below < 8 && above > below))
		return noise_above;
	return noise_above < noise_below ? noise_above : noise_below;
}

/* weights by noise; returns the noise of all leaves together */
static double
weigh_smooth(cause_search *s)
{
	size_profile p;
	double		whole = quiet_noise(s, NULL, 0, 0);
	int32_t		i;
	int			k;

	profile_begin(s, &p);
	for (k = 0; k < p.groups; k++)
	{
		double		noise = quiet_noise(s, &p, k, whole);

		p.value[k] = log(noise > NOISE_FLOOR ? noise : NOISE_FLOOR);
	}
	profile_settle(&p);
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		double		d = s->deviation[leaf];
		double		noise = profile_at(&p, s->size[leaf]);
		double		w = 1 / (noise * noise);

		QD_POLL(s->env, i);
		s->a[leaf] = w;
		s->b[leaf] = w * d;
		s->c[leaf] = w * d * d;
	}
	return whole;
}

/* mean square and largest of actual - expected by size of expected */
static void
weigh_lumpy(cause_search *s)
{
	const qd_cause_leaves *in = s->in;
	size_profile p;
	double		sum[BINS] = {0};
	double		largest[BINS] = {0};
	int32_t		i;

	for (i = 0; i < s->live_size; i++)
	{
		QD_POLL(s->env, i);
		s->size[s->live[i]] = fabs(in->expected[s->live[i]]);
	}
	profile_begin(s, &p);
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		double		by = in->expected[leaf] - in->actual[leaf];
		int			k = p.group[bin_of(s->size[leaf])];

		QD_POLL(s->env, i);
		sum[k] += by * by;
		if (largest[k] < fabs(by))
			largest[k] = fabs(by);
	}
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		int			k = p.group[bin_of(s->size[leaf])];

		QD_POLL(s->env, i);
		s->a[leaf] = sum[k] / p.number[k];
		s->b[leaf] = in->expected[leaf] - in->actual[leaf];
		s->c[leaf] = largest[k];
	}
}

/* relative deviations; leaves of nothing against nothing take no part */
static void
prepare_sum(cause_search *s)
{
	const qd_cause_leaves *in = s->in;
	int32_t		i;

	for (i = 0; i < in->n; i++)
	{
		double		f = fabs(in->expected[i]);
		double		v = fabs(in->actual[i]);

		QD_POLL(s->env, i);
		s->size[i] = f > v ? f : v;
		if (!(s->size[i] > 0))
			continue;
		s->deviation[i] = (in->expected[i] - in->actual[i]) / s->size[i];
		s->live[s->live_size++] = i;
	}
	s->model = MODEL_SMOOTH;
	s->prior = PRIOR_SMOOTH;
	if (weigh_smooth(s) > NOISE_LUMPY)
	{
		s->model = MODEL_LUMPY;
		s->prior = PRIOR_LUMPY;
		weigh_lumpy(s);
	}
}

/* how much more than by Poisson the leaves of a group vary */
static double
dispersion_of(cause_search *s, const size_profile *p, int group, double *largest)
{
	double		dispersion = 1e-300;
	double		m;
	int32_t		n = 0;
	int32_t		i;

	*largest = 0;
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		double		e = s->a[leaf];
		double		by = s->b[leaf] - e;

		QD_POLL(s->env, i);
		if (p->group[bin_of(s->size[leaf])] != group || !(e > 0))
			continue;
		if (*largest < fabs(by))
			*largest = fabs(by);
		/* the median of rare counts is not that of a normal variate */
		if (e >= 1 || !s->counts)
			s->scratch[n++] = by * by / e;
	}
	if (n == 0)
		return s->counts ? 1 : dispersion;
	m = select_kth(s->env, s->scratch, n, n / 2) / MEDIAN_CHI2 * (1 + DISPERSION_FEW / n);
	if (m > dispersion)
		dispersion = m;
	if (!s->counts)
	{
		/* amounts have heavier tails than counts */
		double		most = select_kth(s->env, s->scratch, n, n - 1 - n / 20);

		m = 0;
		for (i = 0; i < n; i++)
		{
			QD_POLL(s->env, i);
			if (s->scratch[i] <= most)
				m += s->scratch[i];
		}
		m *= DISPERSION_TRIMMED / n;
		if (m > dispersion)
			dispersion = m;
	}
	return dispersion;
}

/* numerators against expected ratio times denominator, in units of dispersion */
static void
prepare_ratio(cause_search *s)
{
	const qd_cause_leaves *in = s->in;
	size_profile p;
	double		largest[BINS];
	double		numerator = 0;
	double		base = 0;
	double		prior;
	int32_t		i;
	int			k;

	s->model = MODEL_RATIO;
	s->prior = PRIOR_RATIO;
	s->counts = true;
	for (i = 0; i < in->n; i++)
	{
		QD_POLL(s->env, i);
		numerator += in->expected[i];
		base += in->expected_base[i];
		if (in->actual[i] < 0 || in->actual[i] > in->actual_base[i] ||
			floor(in->actual[i]) != in->actual[i] || floor(in->actual_base[i]) != in->actual_base[i])
			s->counts = false;
	}
	/* nothing is known of what was to be expected */
	if (!(base > 0))
		return;
	prior = RATIO_PRIOR * base / in->n;
	for (i = 0; i < in->n; i++)
	{
		double		ratio = (in->expected[i] + prior * (numerator / base)) /
		(in->expected_base[i] + prior);

		QD_POLL(s->env, i);
		s->a[i] = ratio * in->actual_base[i];
		s->b[i] = in->actual[i];
		s->c[i] = 0;
		s->size[i] = fabs(s->a[i]);
		if (in->actual_base[i] > 0)
			s->live[s->live_size++] = i;
	}
	profile_begin(s, &p);
	for (k = 0; k < p.groups; k++)
		p.value[k] = log(dispersion_of(s, &p, k, &largest[k]));
	profile_settle(&p);
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		double		dispersion = profile_at(&p, s->size[leaf]);

		QD_POLL(s->env, i);
		/* so many of so many vary at least as a binomial variate does */
		if (s->counts && dispersion < 1 - s->size[leaf] / in->actual_base[leaf])
			dispersion = 1 - s->size[leaf] / in->actual_base[leaf];
		/* an expected ratio of exactly 1 would leave nothing */
		if (!(dispersion > DISPERSION_LEAST))
			dispersion = DISPERSION_LEAST;
		s->a[leaf] /= dispersion;
		s->b[leaf] /= dispersion;
		if (!s->counts)
			s->c[leaf] = largest[p.group[bin_of(s->size[leaf])]] / dispersion;
	}
}

/* ---- the search ---- */

static int32_t
leaves_inside(cause_search *s, const cause_slice *x)
{
	int32_t		n = 0;
	int32_t		i;

	for (i = 0; i < s->live_size; i++)
	{
		QD_POLL(s->env, i);
		if (same_element(s->in, x->mask, s->live[i], x->cell.leaf))
			s->inside[n++] = s->live[i];
	}
	return n;
}

static void
remove_leaves(cause_search *s, const cause_slice *x)
{
	int32_t		n = 0;
	int32_t		i;

	for (i = 0; i < s->live_size; i++)
	{
		QD_POLL(s->env, i);
		if (!same_element(s->in, x->mask, s->live[i], x->cell.leaf))
			s->live[n++] = s->live[i];
	}
	s->live_size = n;
}

/* all have moved together: from here on deviations are from that */
static void
take_common(cause_search *s, const cause_slice *x)
{
	double		effect = effect_of(s, &x->cell);
	int32_t		i;

	s->common = true;
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];

		QD_POLL(s->env, i);
		switch (s->model)
		{
			case MODEL_SMOOTH:
				s->deviation[leaf] -= effect;
				break;
			case MODEL_LUMPY:
				s->b[leaf] -= effect * s->size[leaf];
				break;
			case MODEL_RATIO:
				s->a[leaf] *= 1 - effect;
				break;
		}
	}
	if (s->model == MODEL_SMOOTH)
		(void) weigh_smooth(s);
}

/* how clear single leaves are, on either side of 0 */
static void
find_clearest(cause_search *s)
{
	int32_t		i;

	s->clearest[0] = s->clearest[1] = s->live_size < SINGLE_LEAVES ? INFINITY : 0;
	for (i = 0; i < s->live_size; i++)
	{
		int32_t		leaf = s->live[i];
		cause_cell	x = {0, leaf, 1, s->a[leaf], s->b[leaf], s->c[leaf], 0};
		double		clear = evidence(s, &x);

		QD_POLL(s->env, i);
		if (s->clearest[x.b < 0] < clear)
			s->clearest[x.b < 0] = clear;
	}
}

/* the best slice that is affected as a whole; mask and leaf, if any */
static qd_status
best_slice(cause_search *s, cause_slice *result, bool *any)
{
	cause_ranking r;
	qd_status	status;
	int			i;

	*any = false;
	r.size = 0;
	if (s->model == MODEL_SMOOTH)
		find_clearest(s);
	status = visit(s, s->live, s->live_size, 0, &r, NULL, NULL);
	for (i = 0; i < r.size && status == QD_OK && !*any; i++)
	{
		const cause_slice *x = &r.top[i];
		double		part = 0;

		if (x->cell.n > 1)
			status = visit(s, s->inside, leaves_inside(s, x), x->mask, NULL, x, &part);
		if (part <= (s->model == MODEL_RATIO && x->mask != 0 ? UNAFFECTED_RATIO : UNAFFECTED_MOST))
		{
			*result = *x;
			*any = true;
		}
	}
	return status;
}

/*
 * Whether the sums go where most of the leaves go.  A few large leaves can
 * outweigh them; then the slice is not what explains the deviation.
 */
static bool
sums_agree(cause_search *s, const cause_slice *x)
{
	const qd_cause_leaves *in = s->in;
	int32_t		n = leaves_inside(s, x);
	double		f = 0;
	double		v = 0;
	double		by;
	int32_t		i;

	if (s->model != MODEL_SMOOTH || s->common)
		return true;
	for (i = 0; i < n; i++)
	{
		QD_POLL(s->env, i);
		f += in->expected[s->inside[i]];
		v += in->actual[s->inside[i]];
	}
	by = fabs(f) > fabs(v) ? fabs(f) : fabs(v);
	by = by > 0 ? (f - v) / by : 0;
	return by / effect_of(s, &x->cell) > 0.25;
}

static qd_status
search_causes(cause_search *s, qd_cause *cause, int32_t *found)
{
	prepare_keys(s);
	if (s->in->expected_base)
		prepare_ratio(s);
	else
		prepare_sum(s);
	if (!reserve(s, &s->level[0], s->live_size))
		return QD_NOMEM;
	while (s->live_size > 0 && *found < QD_CAUSE_MOST)
	{
		cause_slice x;
		bool		any;
		qd_status	status = best_slice(s, &x, &any);
		qd_cause   *next = &cause[*found];

		if (status != QD_OK)
			return status;
		if (!any ||
			(s->model == MODEL_RATIO && *found > 0 && x.score < RATIO_NEXT * cause[0].score))
			break;
		if (matters(s, &x.cell) && sums_agree(s, &x))
		{
			next->mask = x.mask;
			next->leaf = x.cell.leaf;
			next->leaves = x.cell.n;
			next->score = x.score;
			next->confidence = 1 - FALSE_ALARMS * exp(-x.score);
			(*found)++;
		}
		if (x.mask == 0)
			take_common(s, &x);
		else
			remove_leaves(s, &x);
	}
	return QD_OK;
}

qd_status
qd_find_causes(const qd_env *env, const qd_cause_leaves *leaves, qd_cause *cause, int32_t *found)
{
	cause_search s;
	size_t		n = (size_t) leaves->n;
	qd_status	status = QD_NOMEM;
	bool		fine = true;
	double	   *values;
	int			j;

	*found = 0;
	if (n == 0)
		return QD_OK;
	memset(&s, 0, sizeof(s));
	s.env = env;
	s.in = leaves;
	for (s.slots = 16; s.slots < 2 * (int64_t) leaves->n;)
		s.slots *= 2;
	values = env->alloc(env->arg, sizeof(double) * n * 6);
	s.live = env->alloc(env->arg, sizeof(int32_t) * n * 2);
	s.slot = env->alloc(env->arg, sizeof(int32_t) * (size_t) s.slots);
	for (j = 0; j < leaves->dims; j++)
	{
		s.key_part[j] = env->alloc(env->arg, sizeof(uint64_t) * (size_t) leaves->cardinality[j]);
		fine = fine && s.key_part[j];
	}
	if (fine && values && s.live && s.slot)
	{
		s.a = values;
		s.b = s.a + n;
		s.c = s.b + n;
		s.deviation = s.c + n;
		s.size = s.deviation + n;
		s.scratch = s.size + n;
		s.inside = s.live + n;
		status = search_causes(&s, cause, found);
	}
	for (j = 0; j < leaves->dims; j++)
	{
		if (s.key_part[j])
			env->release(env->arg, s.key_part[j]);
	}
	for (j = 0; j <= leaves->dims; j++)
	{
		if (s.level[j].cell)
			env->release(env->arg, s.level[j].cell);
	}
	if (values)
		env->release(env->arg, values);
	if (s.live)
		env->release(env->arg, s.live);
	if (s.slot)
		env->release(env->arg, s.slot);
	return status;
}
