/*
 * support_outcome.c
 *		See support_outcome.h.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_outcome.h"

int64_t		seen_sums = 0;
int64_t		seen_lattices = 0;
int64_t		seen_grids = 0;
int64_t		seen_fractions = 0;

#define TRUE_CELLS	60000		/* of the true distribution */

static void *
need(size_t size)
{
	void	   *ptr = malloc(size ? size : 1);

	if (!ptr)
		abort();
	return ptr;
}

deal_pile *
pile_new(int32_t scenarios)
{
	deal_pile  *pile = need(sizeof(deal_pile));
	int32_t		i;

	pile->scenarios = scenarios;
	pile->n = 0;
	for (i = 0; i < MAX_TEST_SCENARIOS; i++)
		pile->weight[i] = 1;
	return pile;
}

void
pile_add(deal_pile *pile, qd_int128 amount, int64_t count, const int64_t *probability)
{
	int64_t    *deal = pile->word + pile->n * QD_DEAL_WORDS(pile->scenarios);
	int32_t		s;

	if (pile->n == MAX_TEST_DEALS)
		abort();
	qd_deal_set_amount(deal, amount);
	deal[QD_DEAL_COUNT] = count;
	for (s = 0; s < pile->scenarios; s++)
		deal[QD_DEAL_PROBABILITY + s] = probability[s];
	pile->n++;
}

qd_deals
pile_deals(deal_pile *pile)
{
	qd_deals	deals = {pile->n, pile->scenarios, pile->word};

	return deals;
}

void
print_pile(const deal_pile *pile)
{
	int64_t		i;
	int32_t		s;

	for (s = 0; s < pile->scenarios; s++)
		printf("%s%lld", s ? "|" : "weights ", (long long) pile->weight[s]);
	printf("\n");
	for (i = 0; i < pile->n; i++)
	{
		const int64_t *deal = pile->word + i * QD_DEAL_WORDS(pile->scenarios);

		printf("%s *%lld", int128_text(qd_deal_amount(deal)), (long long) deal[QD_DEAL_COUNT]);
		for (s = 0; s < pile->scenarios; s++)
			printf(" %lld", (long long) deal[QD_DEAL_PROBABILITY + s]);
		printf("\n");
	}
}

static int64_t
draw_probability(source *s)
{
	switch (draw(s, 8))
	{
		case 0:
			return 0;
		case 1:
			return QD_CERTAIN;
		case 2:
			return (int64_t) draw(s, (uint64_t) QD_CERTAIN + 1);
		case 3:
			return 1 + (int64_t) draw(s, 3);
		case 4:
			return QD_CERTAIN / 2;
		default:
			return (int64_t) draw(s, 101) * (QD_CERTAIN / 100);
	}
}

/*
 * Amounts are small * 10^k + bits of noise: k and the noise make the sums many
 * or few, and true_grid() can still hold them all, or there are few deals.
 */
deal_pile *
draw_pile(source *s, int32_t most_deals)
{
	static const int64_t factors[] = {1, 1, 10, 1000, 12345, INT64_C(1000000000000)};
	deal_pile  *pile = pile_new(1 + (int32_t) (draw(s, 4) == 0 ? draw(s, MAX_TEST_SCENARIOS) : 0));
	bool		few = draw(s, 2) == 0;
	int32_t		n = (int32_t) draw(s, few ? 13 : (uint64_t) most_deals);
	int64_t		factor = factors[draw(s, 6)];
	int64_t		spread = 1 + (int64_t) draw(s, few ? 1000000 : 3000);
	bool		negative = draw(s, 4) == 0;
	bool		alike = draw(s, 4) == 0;
	int32_t		i;
	int32_t		k;

	for (k = 0; k < pile->scenarios; k++)
		pile->weight[k] = 1 + (int64_t) draw(s, 5);
	for (i = 0; i < n; i++)
	{
		int64_t		p[MAX_TEST_SCENARIOS];
		qd_int128	amount = (qd_int128) (int64_t) draw(s, (uint64_t) (alike ? 5 : spread)) * factor;

		if (few && draw(s, 4) == 0)
			amount = (amount << draw(s, 50)) + (int64_t) draw(s, 1000);
		if (negative && draw(s, 3) == 0)
			amount = -amount;
		for (k = 0; k < pile->scenarios; k++)
			p[k] = draw_probability(s);
		pile_add(pile, amount, 1 + (few ? 0 : draw(s, 8) == 0 ? (int64_t) draw(s, 20) : 0), p);
	}
	return pile;
}

/* ---- the truth ---- */

/* sums and their probabilities in one scenario, in any order, not merged */
typedef struct truth
{
	int64_t		size;
	qd_int128  *sum;
	long double *chance;
} truth;

/* all outcomes of up to 13 deals */
static void
enumerate(const deal_pile *pile, int32_t scenario, truth *t)
{
	int64_t		i;

	t->sum = need(sizeof(qd_int128) << 13);
	t->chance = need(sizeof(long double) << 13);
	t->size = 1;
	t->sum[0] = 0;
	t->chance[0] = 1;
	for (i = 0; i < pile->n; i++)
	{
		const int64_t *deal = pile->word + i * QD_DEAL_WORDS(pile->scenarios);
		long double win = (long double) deal[QD_DEAL_PROBABILITY + scenario] / 1e18L;
		long double lose = (long double) (QD_CERTAIN - deal[QD_DEAL_PROBABILITY + scenario]) / 1e18L;
		int64_t		c;
		int64_t		j;

		for (c = 0; c < deal[QD_DEAL_COUNT]; c++)
		{
			for (j = 0; j < t->size; j++)
			{
				t->sum[t->size + j] = t->sum[j] + qd_deal_amount(deal);
				t->chance[t->size + j] = t->chance[j] * win;
				t->chance[j] *= lose;
			}
			t->size *= 2;
		}
	}
}

/* a cell for every sum there could be, in steps of divisor */
static void
walk_grid(const deal_pile *pile, int32_t scenario, qd_int128 least, qd_int128 divisor, int64_t cells, truth *t)
{
	int64_t		at = (int64_t) (-least / divisor);
	int64_t		i;

	t->size = cells;
	t->sum = need(sizeof(qd_int128) * (size_t) cells);
	t->chance = need(sizeof(long double) * (size_t) cells);
	for (i = 0; i < cells; i++)
	{
		t->sum[i] = least + divisor * i;
		t->chance[i] = i == at ? 1 : 0;
	}
	for (i = 0; i < pile->n; i++)
	{
		const int64_t *deal = pile->word + i * QD_DEAL_WORDS(pile->scenarios);
		long double win = (long double) deal[QD_DEAL_PROBABILITY + scenario] / 1e18L;
		long double lose = (long double) (QD_CERTAIN - deal[QD_DEAL_PROBABILITY + scenario]) / 1e18L;
		int64_t		k = (int64_t) (qd_deal_amount(deal) / divisor);
		int64_t		c;
		int64_t		j;

		for (c = 0; c < deal[QD_DEAL_COUNT] && k != 0; c++)
		{
			if (k > 0)
				for (j = cells - 1; j >= 0; j--)
					t->chance[j] = t->chance[j] * lose + (j >= k ? t->chance[j - k] * win : 0);
			else
				for (j = 0; j < cells; j++)
					t->chance[j] = t->chance[j] * lose + (j - k < cells ? t->chance[j - k] * win : 0);
		}
	}
}

static qd_int128
divisor_of(const deal_pile *pile)
{
	qd_int128	a = 0;
	int64_t		i;

	for (i = 0; i < pile->n; i++)
	{
		qd_int128	b = qd_deal_amount(pile->word + i * QD_DEAL_WORDS(pile->scenarios));

		if (b < 0)
			b = -b;
		while (b != 0)
		{
			qd_int128	rest = a % b;

			a = b;
			b = rest;
		}
	}
	return a;
}

/* the truth of all scenarios; false where it is too much work */
static bool
find_truth(const deal_pile *pile, truth *t)
{
	qd_int128	divisor = divisor_of(pile);
	qd_int128	least = 0;
	qd_int128	most = 0;
	int64_t		deals = 0;
	int64_t		i;
	int32_t		s;

	for (i = 0; i < pile->n; i++)
	{
		const int64_t *deal = pile->word + i * QD_DEAL_WORDS(pile->scenarios);
		qd_int128	amount = qd_deal_amount(deal) * deal[QD_DEAL_COUNT];

		if (amount < 0)
			least += amount;
		else
			most += amount;
		deals += deal[QD_DEAL_COUNT];
	}
	for (s = 0; s < pile->scenarios; s++)
	{
		if (divisor == 0 || ((most - least) / divisor < TRUE_CELLS && (most - least) / divisor * deals < 4000000))
			walk_grid(pile, s, least, divisor ? divisor : 1, divisor ? (int64_t) ((most - least) / divisor) + 1 : 1, &t[s]);
		else if (deals <= 13)
			enumerate(pile, s, &t[s]);
		else
			return false;
	}
	return true;
}

/* P(sum <= x) over all scenarios */
static long double
true_at_most(const deal_pile *pile, const truth *t, qd_int128 x)
{
	long double result = 0;
	long double weights = 0;
	int32_t		s;

	for (s = 0; s < pile->scenarios; s++)
		weights += (long double) pile->weight[s];
	for (s = 0; s < pile->scenarios; s++)
	{
		long double sum = 0;
		long double lost = 0;	/* in adding up so many */
		int64_t		i;

		for (i = 0; i < t[s].size; i++)
		{
			long double chance = t[s].chance[i];
			long double next = sum + chance;

			if (t[s].sum[i] > x)
				continue;
			lost += sum >= chance ? (sum - next) + chance : (chance - next) + sum;
			sum = next;
		}
		sum += lost;
		result += sum * (long double) pile->weight[s] / weights;
	}
	return result;
}

/* ---- checks ---- */

/* of the truth itself: it has 64 bits where the bounds are made for 53 */
static long double
truth_error(const deal_pile *pile)
{
	int64_t		deals = 0;
	int64_t		i;

	for (i = 0; i < pile->n; i++)
		deals += pile->word[i * QD_DEAL_WORDS(pile->scenarios) + QD_DEAL_COUNT];
	return (long double) (4 * deals + 50) * 1.1e-19L;
}

static bool
check_at_most(const deal_pile *pile, const truth *t, const qd_outcome *o, qd_int128 x, bool exact, verdict *v)
{
	long double truth = true_at_most(pile, t, x);
	qd_chance	c;

	qd_outcome_at_most(o, x, &c);
	if (!(c.low >= 0 && c.low <= c.value && c.value <= c.high && c.high <= 1))
		return test_broken(v, "P(<= %s) is %.17g, in %.17g to %.17g", int128_text(x), c.value, c.low, c.high);
	if (truth < (long double) c.low - truth_error(pile) || truth > (long double) c.high + truth_error(pile))
		return test_broken(v, "P(<= %s) is %.20Lg, not in %.17g to %.17g", int128_text(x), truth, c.low, c.high);
	if (c.denominator > 0)
	{
		seen_fractions++;
		if (fabsl(truth - (long double) c.numerator / (long double) c.denominator) > truth_error(pile))
			return test_broken(v, "P(<= %s) is %.20Lg, not %lld / %lld", int128_text(x), truth, (long long) c.numerator,
						 (long long) c.denominator);
	}
	if (exact && c.high - c.low > 1e-11)
		return test_broken(v, "P(<= %s) is exact, but %.17g to %.17g", int128_text(x), c.low, c.high);
	return true;
}

/* x is a percentile: it is enough, and less is not */
static bool
check_percentile(const deal_pile *pile, const truth *t, const qd_outcome *o, int64_t p, verdict *v)
{
	qd_int128	value;
	qd_int128	low;
	qd_int128	high;
	qd_int128	least;
	qd_int128	most;
	long double target = (long double) p / 1e18L;

	qd_outcome_range(o, &least, &most);
	qd_outcome_percentile(o, p, false, &value, &low, &high);
	if (!(least <= low && low <= value && value <= high && high <= most))
		return test_broken(v, "percentile %lld is %s", (long long) p, int128_text(value));
	/* high is not below the percentile, low is not above it */
	if (true_at_most(pile, t, high) < target - truth_error(pile))
		return test_broken(v, "percentile %lld: at most %s is wrong", (long long) p, int128_text(high));
	if (p > 0 && true_at_most(pile, t, low - 1) > target + truth_error(pile))
		return test_broken(v, "percentile %lld: at least %s is wrong", (long long) p, int128_text(low));
	return true;
}

static bool
check_answers(deal_pile *pile, const truth *t, const qd_outcome *o, source *s, verdict *v)
{
	bool		exact = true;
	qd_int128	least;
	qd_int128	most;
	int32_t		i;

	for (i = 0; i < o->scenarios; i++)
	{
		const qd_scenario *one = &o->scenario[i];

		exact = exact && one->lattice;
		if (one->sum)
			seen_sums++;
		else if (one->lattice)
			seen_lattices++;
		else
			seen_grids++;
	}
	qd_outcome_range(o, &least, &most);
	if (true_at_most(pile, t, most) < 1 - truth_error(pile) || true_at_most(pile, t, least - 1) > 0)
		return test_broken(v, "the range is wrong");
	for (i = 0; i < 12; i++)
	{
		int32_t		k = (int32_t) draw(s, (uint64_t) pile->scenarios);
		qd_int128	x = t[k].sum[draw(s, (uint64_t) t[k].size)] - (int64_t) draw(s, 2);

		if (i == 0)
			x = least - 1;
		if (i == 1)
			x = most;
		if (!check_at_most(pile, t, o, x, exact, v))
			return false;
	}
	for (i = 0; i < 6; i++)
	{
		int64_t		p = draw(s, 2) ? (int64_t) draw(s, 101) * (QD_CERTAIN / 100) :
			(int64_t) draw(s, (uint64_t) QD_CERTAIN + 1);

		if (!check_percentile(pile, t, o, p, v))
			return false;
	}
	return true;
}

/* some scenarios of a truth, and none of the rest, can be freed */
static void
free_truth(truth *t)
{
	int32_t		s;

	for (s = 0; s < MAX_TEST_SCENARIOS; s++)
	{
		free(t[s].sum);
		free(t[s].chance);
	}
}

bool
check_pile(deal_pile *pile, source *s, verdict *v)
{
	truth		t[MAX_TEST_SCENARIOS];
	qd_outcome *o;
	qd_deals	deals;
	test_env	env;
	bool		fine;

	/* mostly with little effort: then there is something to bound */
	qd_effort	effort = {1 + (int32_t) draw(s, 300), 2 + (int32_t) draw(s, 100), 102 + (int32_t) draw(s, 1000), 1e5};

	if (!s->data && draw(s, 16) == 0)
		effort = qd_usual_effort;
	if (!check_sort(pile, s, v))
		return false;
	memset(t, 0, sizeof(t));
	o = need(sizeof(qd_outcome));
	deals = pile_deals(pile);
	test_env_init(&env);
	if (qd_outcome_build(&env.env, &deals, pile->weight, &effort, o) != QD_OK)
	{
		free(o);
		return test_broken(v, "no outcome");
	}
	fine = !find_truth(pile, t) || check_answers(pile, t, o, s, v);
	free_truth(t);
	qd_outcome_free(&env.env, o);
	free(o);
	if (fine && env.live != 0)
		return test_broken(v, "%lld allocations are left", (long long) env.live);
	return fine;
}

/* how many deals like this there are */
static int64_t
count_alike(const int64_t *word, int64_t n, int32_t scenarios, const int64_t *deal)
{
	int64_t		count = 0;
	int64_t		i;

	for (i = 0; i < n; i++)
		if (qd_deal_compare(word + i * QD_DEAL_WORDS(scenarios), deal, scenarios) == 0)
			count += word[i * QD_DEAL_WORDS(scenarios) + QD_DEAL_COUNT];
	return count;
}

bool
check_sort(deal_pile *pile, source *s, verdict *v)
{
	int64_t		width = QD_DEAL_WORDS(pile->scenarios);
	size_t		bytes = sizeof(int64_t) * (size_t) (pile->n * width);
	int64_t    *before = need(bytes);
	qd_deals	deals = pile_deals(pile);
	qd_deals	other = deals;
	test_env	env;
	bool		fine = true;
	int64_t		i;

	test_env_init(&env);
	memcpy(before, pile->word, bytes);
	other.word = need(bytes);
	memcpy(other.word, pile->word, bytes);
	for (i = other.n - 1; i > 0; i--)
	{
		int64_t		j = (int64_t) draw(s, (uint64_t) i + 1);
		int64_t		k;

		for (k = 0; k < width; k++)
		{
			int64_t		swap = other.word[i * width + k];

			other.word[i * width + k] = other.word[j * width + k];
			other.word[j * width + k] = swap;
		}
	}
	if (qd_deals_sort(&env.env, &deals) != QD_OK || qd_deals_sort(&env.env, &other) != QD_OK)
		fine = test_broken(v, "cannot sort");
	else if (deals.n != other.n || memcmp(deals.word, other.word, sizeof(int64_t) * (size_t) (deals.n * width)) != 0)
		fine = test_broken(v, "sorted from two orders, deals differ");
	for (i = 0; i < deals.n && fine; i++)
	{
		const int64_t *deal = deals.word + i * width;

		if (i > 0 && qd_deal_compare(deal - width, deal, pile->scenarios) >= 0)
			fine = test_broken(v, "deal %lld is not in order", (long long) i);
		if (i < 50 && deal[QD_DEAL_COUNT] != count_alike(before, pile->n, pile->scenarios, deal))
			fine = test_broken(v, "deal %lld is not counted right", (long long) i);
	}
	free(before);
	free(other.word);
	pile->n = deals.n;
	if (fine && env.live != 0)
		fine = test_broken(v, "%lld allocations are left by sorting", (long long) env.live);
	return fine;
}
