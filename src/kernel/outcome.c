/*
 * outcome.c
 *		The distribution of a sum of independent deals, with certain bounds.
 *
 * Finding it exactly is #P-hard for arbitrary amounts.  So, by what fits:
 *
 * - All distinct sums one by one, while they are at most so many (2^16).
 * - On the lattice of the amounts' greatest common divisor, where the sums that
 *   matter fit the cells; that is as exact, but for ends of less than 1e-15
 *   together.
 * - On a coarser grid.  Each amount is a multiple of the step plus a rest of at
 *   most half a step.  The multiples are convolved; the rests make a remainder
 *   R = sum of rest * (0 or 1), which is a sum of independent bounded variables
 *   and thus close to its mean.  How close is certain, at any risk: by
 *   Bernstein's inequality, by that of Kearns and Saul ("Large deviation methods
 *   for approximate probabilistic inference", UAI 1998), whichever is tighter;
 *   and at no risk at all R is between the sums of its negative and of its
 *   positive rests, which is what rounding down and rounding up would give.
 *   Rounding each amount up and down leaves a gap that grows with n, this one
 *   with its root.
 *
 * A convolution only adds and multiplies numbers that are not negative, so its
 * relative error is at most (1 + u)^4n - 1.  Where all probabilities of sums
 * are multiples of 1/d, and the error is below 1/4d, the multiple is known: few
 * deals of rounded probabilities have exact answers.
 */
#include <math.h>
#include <string.h>

#include "kernel/outcome.h"
#include "kernel/wide.h"

#define POLL_CELLS		32768
#define UNIT_ROUNDOFF	1.1102230246251565e-16	/* 2^-53 */
/* ends of the window that hold less in a cell are dropped, and counted */
#define NEGLIGIBLE		1e-24
/* half the window, in standard deviations; it grows where that is not enough */
#define REACH			11.0

/* 1,000 deals: 20 ms, and a tenth of a percent between the bounds */
const qd_effort qd_usual_effort = {65536, 131072, 524288, 268435456.0};

/* 128-bit integers in arrays and structures, which palloc aligns to 8 bytes */
enum
{
	BASE, LEAST, MOST, STEP
};

static inline qd_int128
get_wide(const int64_t *word, int64_t i)
{
	return qd_deal_amount(word + 2 * i);
}

static inline void
set_wide(int64_t *word, int64_t i, qd_int128 value)
{
	qd_deal_set_amount(word + 2 * i, value);
}

static inline void
poll(const qd_env *env)
{
	if (env->poll)
		env->poll(env->arg);
}

/* ------------------------------------------------------------------ deals */

int
qd_deal_compare(const int64_t *a, const int64_t *b, int32_t scenarios)
{
	qd_int128	x = qd_deal_amount(a);
	qd_int128	y = qd_deal_amount(b);
	int32_t		s;

	if (x != y)
		return x < y ? -1 : 1;
	for (s = 0; s < scenarios; s++)
	{
		int64_t		p = a[QD_DEAL_PROBABILITY + s];
		int64_t		q = b[QD_DEAL_PROBABILITY + s];

		if (p != q)
			return p < q ? -1 : 1;
	}
	return 0;
}

qd_status
qd_deals_sort(const qd_env *env, qd_deals *deals)
{
	size_t		width = (size_t) QD_DEAL_WORDS(deals->scenarios);
	size_t		bytes = width * sizeof(int64_t);
	int64_t		n = deals->n;
	int64_t    *from = deals->word;
	int64_t    *into;
	int64_t    *spare;
	int64_t		kept = 0;
	int64_t		run;
	int64_t		i;
	int			polls = 0;

	for (i = 1; i < n; i++)
	{
		if ((i & 0xffff) == 0)
			poll(env);
		if (qd_deal_compare(from + (i - 1) * (int64_t) width, from + i * (int64_t) width, deals->scenarios) >= 0)
			break;
	}
	if (i >= n)
		return QD_OK;			/* nothing to do */

	spare = env->alloc(env->arg, (size_t) n * bytes);
	if (!spare)
		return QD_NOMEM;
	into = spare;
	for (run = 1; run < n; run *= 2)
	{
		int64_t    *swap = from;
		int64_t		start;

		for (start = 0; start < n; start += 2 * run)
		{
			int64_t		a = start;
			int64_t		a_end = start + run < n ? start + run : n;
			int64_t		b = a_end;
			int64_t		b_end = start + 2 * run < n ? start + 2 * run : n;

			for (i = start; i < b_end; i++)
			{
				int64_t		next;

				if ((++polls & 0xffff) == 0)
					poll(env);
				if (b == b_end)
					next = a++;
				else if (a == a_end)
					next = b++;
				else if (qd_deal_compare(from + a * (int64_t) width, from + b * (int64_t) width,
										 deals->scenarios) <= 0)
					next = a++;
				else
					next = b++;
				memcpy(into + i * (int64_t) width, from + next * (int64_t) width, bytes);
			}
		}
		from = into;
		into = swap;
	}
	/* from the one array or the other into the caller's */
	for (i = 0; i < n; i++)
	{
		const int64_t *deal = from + i * (int64_t) width;
		int64_t    *last = deals->word + (kept - 1) * (int64_t) width;

		if ((i & 0xffff) == 0)
			poll(env);
		if (kept > 0 && qd_deal_compare(last, deal, deals->scenarios) == 0)
			last[QD_DEAL_COUNT] += deal[QD_DEAL_COUNT];
		else
		{
			memmove(deals->word + kept * (int64_t) width, deal, bytes);
			kept++;
		}
	}
	env->release(env->arg, spare);
	deals->n = kept;
	return QD_OK;
}

/* ------------------------------------------------- what there is to convolve */

/* uncertain deals of one scenario, all amounts positive */
typedef struct open_deals
{
	int64_t		n;				/* kinds */
	double		deals;			/* of all kinds together */
	int64_t    *amount;			/* [2 * n] */
	double	   *win;			/* [n] their probability */
	double	   *lose;			/* [n] 1 - that */
	int64_t    *count;			/* [n] */
	qd_int128	base;			/* the sum where all are lost */
	qd_int128	span;			/* what they sum to where all are won */
	qd_int128	largest;
	qd_int128	divisor;		/* greatest common one of all amounts */
	double		variance;
	double		rounding;		/* probabilities that may be off by 1e-18 */
	int64_t		denominator;	/* of all sums' probabilities; 0: large */
} open_deals;

static qd_uint128
common_divisor(qd_uint128 a, qd_uint128 b)
{
	while (b != 0)
	{
		qd_uint128	rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* a * b; 0 where that is more than any double tells apart, or one of them is */
static int64_t
denominator_product(int64_t a, int64_t b)
{
	const int64_t most = INT64_C(1) << 50;

	if (a == 0 || b == 0 || a > most / b)
		return 0;
	return a * b;
}

static void
free_bets(const qd_env *env, open_deals *b)
{
	if (b->amount)
		env->release(env->arg, b->amount);
	if (b->win)
		env->release(env->arg, b->win);
	if (b->lose)
		env->release(env->arg, b->lose);
	if (b->count)
		env->release(env->arg, b->count);
}

/*
 * Certain deals become part of base.  A loss that comes with probability p is
 * the loss for certain, and its opposite with probability 1 - p.
 */
static qd_status
read_bets(const qd_env *env, const qd_deals *deals, int32_t scenario, open_deals *b)
{
	size_t		n = (size_t) (deals->n > 0 ? deals->n : 1);
	int64_t		i;

	memset(b, 0, sizeof(*b));
	b->denominator = 1;
	b->amount = env->alloc(env->arg, 2 * n * sizeof(int64_t));
	b->win = env->alloc(env->arg, n * sizeof(double));
	b->lose = env->alloc(env->arg, n * sizeof(double));
	b->count = env->alloc(env->arg, n * sizeof(int64_t));
	if (!b->amount || !b->win || !b->lose || !b->count)
	{
		free_bets(env, b);
		return QD_NOMEM;
	}
	for (i = 0; i < deals->n; i++)
	{
		const int64_t *deal = deals->word + i * QD_DEAL_WORDS(deals->scenarios);
		qd_int128	amount = qd_deal_amount(deal);
		int64_t		count = deal[QD_DEAL_COUNT];
		int64_t		p = deal[QD_DEAL_PROBABILITY + scenario];
		int64_t		c;

		if ((i & 0xffff) == 0)
			poll(env);
		if (amount == 0 || p == 0)
			continue;
		/* a last digit other than 0 may stand for more digits */
		if (p % 10 != 0)
		{
			b->rounding += (double) count;
			b->denominator = 0;
		}
		if (p == QD_CERTAIN || amount < 0)
			b->base += amount * count;
		if (p == QD_CERTAIN)
			continue;
		if (amount < 0)
		{
			amount = -amount;
			p = QD_CERTAIN - p;
		}
		set_wide(b->amount, b->n, amount);
		b->win[b->n] = (double) p / 1e18;
		b->lose[b->n] = (double) (QD_CERTAIN - p) / 1e18;
		b->count[b->n] = count;
		for (c = 0; c < count && b->denominator > 0; c++)
			b->denominator = denominator_product(b->denominator,
												 QD_CERTAIN / (int64_t) common_divisor((qd_uint128) p, QD_CERTAIN));
		b->deals += (double) count;
		b->span += amount * count;
		if (amount > b->largest)
			b->largest = amount;
		b->divisor = (qd_int128) common_divisor((qd_uint128) amount, (qd_uint128) b->divisor);
		b->variance += (double) count * b->win[b->n] * b->lose[b->n] * (double) amount * (double) amount;
		b->n++;
	}
	return QD_OK;
}

/* ------------------------------------------------------- one sum at a time */

/* a list of sums and their probabilities, ascending */
typedef struct sum_list
{
	int32_t		size;
	int64_t    *sum;
	double	   *chance;
} sum_list;

/* into := from with one more deal; false where there are too many sums */
static bool
add_to_sums(const sum_list *from, qd_int128 amount, double win, double lose, int32_t most, sum_list *into)
{
	int32_t		i = 0;
	int32_t		j = 0;
	int32_t		k = 0;

	/* what comes from j is always behind what comes from i: amount > 0 */
	while (j < from->size)
	{
		qd_int128	lost = i < from->size ? get_wide(from->sum, i) : 0;
		qd_int128	won = get_wide(from->sum, j) + amount;

		if (k == most)
			return false;
		if (i < from->size && lost <= won)
		{
			set_wide(into->sum, k, lost);
			into->chance[k] = from->chance[i++] * lose;
			if (lost == won)
				into->chance[k] += from->chance[j++] * win;
		}
		else
		{
			set_wide(into->sum, k, won);
			into->chance[k] = from->chance[j++] * win;
		}
		k++;
	}
	into->size = k;
	return true;
}

static void
free_sums(const qd_env *env, sum_list *s)
{
	if (s->sum)
		env->release(env->arg, s->sum);
	if (s->chance)
		env->release(env->arg, s->chance);
}

/*
 * Lists all sums.  *done is false, and nothing kept, where there are more than
 * most: one more deal never makes fewer.
 */
static qd_status
list_sums(const qd_env *env, const open_deals *b, int32_t most, qd_scenario *result, bool *done)
{
	sum_list	work[2];
	int			from = 0;
	qd_status	status = QD_OK;
	int64_t		i;
	int64_t		c;

	*done = false;
	/* so many deals make at least so many sums and one */
	if (b->deals >= most)
		return QD_OK;
	memset(work, 0, sizeof(work));
	for (i = 0; i < 2; i++)
	{
		work[i].sum = env->alloc(env->arg, 2 * (size_t) most * sizeof(int64_t));
		work[i].chance = env->alloc(env->arg, (size_t) most * sizeof(double));
		if (!work[i].sum || !work[i].chance)
			status = QD_NOMEM;
	}
	if (status == QD_OK)
	{
		work[0].size = 1;
		set_wide(work[0].sum, 0, 0);
		work[0].chance[0] = 1.0;
		*done = true;
		for (i = 0; i < b->n && *done; i++)
		{
			for (c = 0; c < b->count[i] && *done; c++)
			{
				poll(env);
				*done = add_to_sums(&work[from], get_wide(b->amount, i), b->win[i], b->lose[i],
									most, &work[1 - from]);
				from = 1 - from;
			}
		}
	}
	if (*done)
	{
		result->size = work[from].size;
		result->sum = work[from].sum;
		result->below = work[from].chance;
		work[from].sum = NULL;
		work[from].chance = NULL;
	}
	free_sums(env, &work[0]);
	free_sums(env, &work[1]);
	return status;
}

/* ----------------------------------------------------------------- in cells */

/* a window of cells on an infinite line of them */
typedef struct cell_window
{
	double	   *buffer;			/* [capacity] */
	double	   *cell;			/* [size] within it */
	int64_t		size;
	int64_t		first;			/* the number of cell[0] */
} cell_window;

/* gcc and clang: two doubles at once, wherever they are */
typedef double double_pair __attribute__((vector_size(16), aligned(8), may_alias));

static inline double_pair
load_pair(const double *from)
{
	double_pair x;

	memcpy(&x, from, sizeof(x));
	return x;
}

static inline void
store_pair(double *into, double_pair x)
{
	memcpy(into, &x, sizeof(x));
}

/* into[i] = lose * stay[i] + win * move[i]; either may be missing, not both */
static void
blend(const qd_env *env, double *into, const double *stay, const double *move, double lose, double win,
	  int64_t n)
{
	const		double_pair lose2 = {lose, lose};
	const		double_pair win2 = {win, win};
	int64_t		start;

	for (start = 0; start < n; start += POLL_CELLS)
	{
		int64_t		end = start + POLL_CELLS < n ? start + POLL_CELLS : n;
		int64_t		i = start;

		poll(env);
		if (stay && move)
		{
			for (; i + 4 <= end; i += 4)
			{
				double_pair a = load_pair(stay + i) * lose2 + load_pair(move + i) * win2;
				double_pair b = load_pair(stay + i + 2) * lose2 + load_pair(move + i + 2) * win2;

				store_pair(into + i, a);
				store_pair(into + i + 2, b);
			}
			for (; i < end; i++)
				into[i] = stay[i] * lose + move[i] * win;
		}
		else if (stay)
		{
			for (; i < end; i++)
				into[i] = stay[i] * lose;
		}
		else if (move)
		{
			for (; i < end; i++)
				into[i] = move[i] * win;
		}
		else
			memset(into + i, 0, (size_t) (end - i) * sizeof(double));
	}
}

/* drops ends that hold next to nothing, and says how much */
static double
trim(cell_window *c)
{
	double		dropped = 0;

	while (c->size > 1 && c->cell[0] < NEGLIGIBLE)
	{
		dropped += c->cell[0];
		c->cell++;
		c->first++;
		c->size--;
	}
	while (c->size > 1 && c->cell[c->size - 1] < NEGLIGIBLE)
		dropped += c->cell[--c->size];
	return dropped;
}

/*
 * Convolves on a grid.  *fits is false where the window outgrew capacity.  On
 * success *into is one of the two.
 */
static void
convolve(const qd_env *env, const open_deals *b, qd_int128 step, int64_t capacity, cell_window work[2], int *into,
		 double *missing, bool *fits)
{
	int			at = 0;
	int64_t		i;
	int64_t		c;

	*missing = 0;
	*fits = true;
	work[0].cell = work[0].buffer;
	work[0].cell[0] = 1.0;
	work[0].size = 1;
	work[0].first = 0;
	for (i = 0; i < b->n; i++)
	{
		qd_int128	wide = (get_wide(b->amount, i) + step / 2) / step;
		int64_t		k;

		if (wide >= capacity)
		{
			*fits = false;
			return;
		}
		k = (int64_t) wide;
		poll(env);
		for (c = 0; k > 0 && c < b->count[i]; c++)
		{
			const cell_window *from = &work[at];
			cell_window *to = &work[1 - at];
			int64_t		n = from->size;
			int64_t		shared = n > k ? n - k : 0;
			int64_t		before = n - shared;

			if (n + k > capacity)
			{
				*fits = false;
				return;
			}
			to->cell = to->buffer;
			to->size = n + k;
			to->first = from->first;
			blend(env, to->cell, from->cell, NULL, b->lose[i], b->win[i], before);
			if (k > n)
				blend(env, to->cell + n, NULL, NULL, 0, 0, k - n);
			blend(env, to->cell + k, from->cell + k, from->cell, b->lose[i], b->win[i], shared);
			blend(env, to->cell + k + shared, NULL, from->cell + shared, b->lose[i], b->win[i],
				  n - shared);
			*missing += trim(to);
			at = 1 - at;
		}
	}
	*into = at;
}

/* the variance factor of Kearns and Saul: at most 1/4, that of a fair coin */
static double
proxy_variance(double win, double lose)
{
	double		skew = fabs(lose - win);
	double		high = win > lose ? win : lose;
	double		low = win > lose ? lose : win;

	if (skew < 0.01 || low <= 0)
		return 0.25;
	return skew / (2 * log(high / low)) * (1 + 1e-9);
}

static void
set_remainder(qd_scenario *result, double risk, qd_int128 low, qd_int128 high)
{
	qd_remainder *r = &result->remainder[result->remainders++];

	r->risk = risk;
	set_wide(r->word, 0, low);
	set_wide(r->word, 1, high);
}

/* what the rests beyond multiples of step may sum to */
static void
bound_remainder(const qd_env *env, const open_deals *b, qd_int128 step, qd_scenario *result)
{
	static const double risks[QD_MAX_REMAINDERS - 1] = {1e-12, 1e-9, 1e-6, 1e-4};
	qd_int128	least = 0;
	qd_int128	most = 0;
	double		mean = 0;
	double		magnitude = 0;
	double		variance = 0;
	double		proxy = 0;
	double		largest = 0;
	double		doubt;
	int64_t		i;

	for (i = 0; i < b->n; i++)
	{
		qd_int128	amount = get_wide(b->amount, i);
		qd_int128	rest = amount - (amount + step / 2) / step * step;
		double		r = (double) rest;
		double		count = (double) b->count[i];

		if ((i & 0xffff) == 0)
			poll(env);
		if (rest < 0)
			least += rest * b->count[i];
		else
			most += rest * b->count[i];
		mean += count * r * b->win[i];
		magnitude += count * fabs(r) * b->win[i];
		variance += count * r * r * b->win[i] * b->lose[i];
		proxy += count * r * r * proxy_variance(b->win[i], b->lose[i]);
		if (fabs(r) > largest)
			largest = fabs(r);
	}
	result->lattice = least == 0 && most == 0;
	result->center = mean;
	result->remainders = 0;
	set_remainder(result, 0, least, most);
	if (result->lattice)
		return;
	/* of the mean's own floating-point sum, and of the roots below */
	doubt = 8 * ((double) b->n + 8) * UNIT_ROUNDOFF * magnitude + 1;
	for (i = 0; i < QD_MAX_REMAINDERS - 1; i++)
	{
		/* on each side; the two together are what is risked */
		double		l = log(2 / risks[i]);
		double		third = largest * l / 3;
		double		bernstein = third + sqrt(third * third + 2 * l * variance);
		double		kearns_saul = sqrt(2 * l * proxy);
		double		reach = bernstein < kearns_saul ? bernstein : kearns_saul;
		qd_int128	low;
		qd_int128	high;

		reach = reach * (1 + 1e-9) + doubt;
		low = (qd_int128) floor(mean - reach);
		high = (qd_int128) ceil(mean + reach);
		/* no wider than what is certain */
		set_remainder(result, risks[i] / 2, low > least ? low : least, high < most ? high : most);
	}
}

static qd_int128
wide_min(qd_int128 a, qd_int128 b)
{
	return a < b ? a : b;
}

/*
 * The distribution in cells: of the lattice where that fits, else of a step
 * that makes it fit.
 */
static qd_status
fill_cells(const qd_env *env, const open_deals *b, int64_t cells_wanted, qd_scenario *result)
{
	int64_t		capacity = 2 * cells_wanted + 2;
	double		reach = 2 * (REACH * sqrt(b->variance) + (double) b->largest);
	qd_int128	window = reach < (double) QD_MAX_OUTCOME ? wide_min((qd_int128) reach, b->span) : b->span;
	qd_int128	multiple = window / b->divisor / cells_wanted + 1;
	cell_window work[2];
	int			at = 0;
	bool		fits = false;
	qd_int128	step = 0;

	if (b->span / b->divisor <= cells_wanted)
		multiple = 1;
	memset(work, 0, sizeof(work));
	work[0].buffer = env->alloc(env->arg, (size_t) capacity * sizeof(double));
	work[1].buffer = env->alloc(env->arg, (size_t) capacity * sizeof(double));
	if (!work[0].buffer || !work[1].buffer)
	{
		if (work[0].buffer)
			env->release(env->arg, work[0].buffer);
		if (work[1].buffer)
			env->release(env->arg, work[1].buffer);
		return QD_NOMEM;
	}
	/* the window is a guess that few deals of rare, large amounts can break */
	for (; !fits; multiple *= 2)
	{
		step = b->divisor * multiple;
		convolve(env, b, step, capacity, work, &at, &result->missing, &fits);
	}
	bound_remainder(env, b, step, result);
	set_wide(result->word, STEP, step);
	env->release(env->arg, work[1 - at].buffer);
	result->size = (int32_t) work[at].size;
	result->first = work[at].first;
	result->below = env->alloc(env->arg, (size_t) result->size * sizeof(double));
	if (result->below)
		memcpy(result->below, work[at].cell, (size_t) result->size * sizeof(double));
	env->release(env->arg, work[at].buffer);
	return result->below ? QD_OK : QD_NOMEM;
}

/* probabilities become sums of probabilities, with a running correction */
static void
accumulate(const qd_env *env, qd_scenario *result)
{
	double		sum = 0;
	double		lost = 0;
	int32_t		i;

	for (i = 0; i < result->size; i++)
	{
		double		x = result->below[i];
		double		next = sum + x;

		if ((i & 0xffff) == 0)
			poll(env);
		lost += sum >= x ? (sum - next) + x : (x - next) + sum;
		sum = next;
		result->below[i] = sum + lost;
	}
}

static qd_status
build_scenario(const qd_env *env, const qd_deals *deals, int32_t scenario, const qd_effort *effort,
			   qd_scenario *result)
{
	open_deals	b;
	qd_status	status;
	bool		done = false;

	memset(result, 0, sizeof(*result));
	status = read_bets(env, deals, scenario, &b);
	if (status != QD_OK)
		return status;
	if (b.deals > QD_MAX_UNCERTAIN)
	{
		free_bets(env, &b);
		return QD_OVERFLOW;
	}
	set_wide(result->word, BASE, b.base);
	set_wide(result->word, LEAST, b.base);
	set_wide(result->word, MOST, b.base + b.span);
	result->lattice = true;
	if (b.n > 0)
	{
		double		each = effort->cells / b.deals / deals->scenarios;
		int64_t		wanted = each >= effort->most_cells ? effort->most_cells :
		each <= effort->least_cells ? effort->least_cells : (int64_t) each;

		if (b.span / b.divisor > wanted)
			status = list_sums(env, &b, effort->sums, result, &done);
		if (status == QD_OK && !done)
			status = fill_cells(env, &b, wanted, result);
		if (status == QD_OK)
			accumulate(env, result);
		/* 4 roundings a deal, some at the end, and rounding of the rounding */
		result->relative = 1.01 * (4 * b.deals + 6) * UNIT_ROUNDOFF;
		result->shift = b.rounding * 1.01e-18 + 1e-290;
		if ((double) b.denominator * (result->relative + result->shift + result->missing) < 0.25 && result->lattice)
			result->denominator = b.denominator;
	}
	else
		result->denominator = 1;
	free_bets(env, &b);
	return status;
}

void
qd_outcome_free(const qd_env *env, qd_outcome *outcome)
{
	int32_t		s;

	for (s = 0; s < outcome->scenarios; s++)
	{
		if (outcome->scenario[s].sum)
			env->release(env->arg, outcome->scenario[s].sum);
		if (outcome->scenario[s].below)
			env->release(env->arg, outcome->scenario[s].below);
	}
	outcome->scenarios = 0;
}

static int64_t
least_common_multiple(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return 0;
	return denominator_product(a, b / (int64_t) common_divisor((qd_uint128) a, (qd_uint128) b));
}

qd_status
qd_outcome_build(const qd_env *env, const qd_deals *deals, const int64_t *weight,
				 const qd_effort *effort, qd_outcome *outcome)
{
	int64_t		total = 0;
	int32_t		s;

	for (s = 0; s < deals->scenarios; s++)
		total += weight[s];
	outcome->scenarios = 0;
	outcome->total = total;
	outcome->denominator = 1;
	for (s = 0; s < deals->scenarios; s++)
	{
		qd_status	status = build_scenario(env, deals, s, effort, &outcome->scenario[s]);

		if (status != QD_OK)
		{
			qd_outcome_free(env, outcome);
			return status;
		}
		outcome->share[s] = (double) weight[s] / (double) total;
		outcome->weight[s] = weight[s];
		outcome->denominator = least_common_multiple(outcome->denominator, outcome->scenario[s].denominator);
		outcome->scenarios++;
	}
	outcome->denominator = denominator_product(outcome->denominator, total);
	return QD_OK;
}

/* ------------------------------------------------------------------ questions */

static inline double
clamp(double x)
{
	return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* how many of the listed sums are at most x */
static int32_t
sums_at_most(const qd_scenario *scenario, qd_int128 x)
{
	int32_t		low = 0;
	int32_t		high = scenario->size;

	while (low < high)
	{
		int32_t		middle = low + (high - low) / 2;

		if (get_wide(scenario->sum, middle) <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* P(cell <= k) as computed */
static inline double
cells_at_most(const qd_scenario *scenario, qd_int128 k)
{
	qd_int128	i = k - scenario->first;

	if (i < 0)
		return 0;
	return scenario->below[i < scenario->size ? (int32_t) i : scenario->size - 1];
}

/* P(sum <= amount) in one scenario, for least <= amount < most, bounded */
static void
bounded_at_most(const qd_scenario *scenario, qd_int128 amount, qd_chance *chance)
{
	qd_int128	x = amount - get_wide(scenario->word, BASE);
	qd_int128	step;
	int32_t		j;

	chance->low = 0;
	chance->high = 1;
	if (scenario->sum)
	{
		/* at least the one where all are lost */
		double		below = scenario->below[sums_at_most(scenario, x) - 1];

		chance->value = clamp(below);
		chance->low = clamp(below * (1 - scenario->relative) - scenario->shift);
		chance->high = clamp(below * (1 + scenario->relative) + scenario->shift);
		return;
	}
	step = get_wide(scenario->word, STEP);
	for (j = 0; j < scenario->remainders; j++)
	{
		const qd_remainder *r = &scenario->remainder[j];
		double		low = cells_at_most(scenario, qd_floor_div(x - get_wide(r->word, 1), step));
		double		high = cells_at_most(scenario, qd_floor_div(x - get_wide(r->word, 0), step));

		low = low * (1 - scenario->relative) - scenario->shift - r->risk;
		high = (high + scenario->missing) * (1 + scenario->relative) + scenario->shift + r->risk;
		if (low > chance->low)
			chance->low = low;
		if (high < chance->high)
			chance->high = high;
	}
	if (scenario->lattice)
		chance->value = cells_at_most(scenario, qd_floor_div(x, step));
	else
	{
		/* a cell's probability is spread over its width */
		qd_int128	y = x - (qd_int128) scenario->center + step / 2;
		qd_int128	k = qd_floor_div(y, step);
		double		part = (double) (y - k * step) / (double) step;
		double		before = cells_at_most(scenario, k - 1);

		chance->value = before + (cells_at_most(scenario, k) - before) * part;
	}
	if (chance->value < chance->low)
		chance->value = chance->low;
	if (chance->value > chance->high)
		chance->value = chance->high;
}

/* exactly this */
static void
set_fraction(qd_chance *chance, int64_t numerator, int64_t denominator)
{
	double		value = (double) numerator / (double) denominator;
	double		doubt = numerator % denominator == 0 ? 0 : 2 * UNIT_ROUNDOFF;

	chance->value = value;
	chance->low = value * (1 - doubt);
	chance->high = clamp(value * (1 + doubt));
	chance->numerator = numerator;
	chance->denominator = denominator;
}

/* P(sum <= amount) in one scenario */
static void
scenario_at_most(const qd_scenario *scenario, qd_int128 amount, qd_chance *chance)
{
	chance->denominator = 0;
	if (amount < get_wide(scenario->word, LEAST))
		set_fraction(chance, 0, 1);
	else if (amount >= get_wide(scenario->word, MOST))
		set_fraction(chance, 1, 1);
	else
	{
		bounded_at_most(scenario, amount, chance);
		if (scenario->denominator > 0)
			set_fraction(chance, (int64_t) rint(chance->value * (double) scenario->denominator), scenario->denominator);
	}
}

/* scenarios of exact probabilities */
static void
mix_fractions(const qd_outcome *outcome, qd_int128 amount, qd_chance *chance)
{
	int64_t		denominator = outcome->denominator / outcome->total;
	int64_t		sum = 0;
	int32_t		s;

	for (s = 0; s < outcome->scenarios; s++)
	{
		scenario_at_most(&outcome->scenario[s], amount, chance);
		sum += outcome->weight[s] * (denominator / chance->denominator * chance->numerator);
	}
	set_fraction(chance, sum, outcome->denominator);
}

void
qd_outcome_at_most(const qd_outcome *outcome, qd_int128 amount, qd_chance *chance)
{
	double		doubt = ((double) outcome->scenarios + 8) * UNIT_ROUNDOFF;
	qd_chance	sum = {0, 0, 0, 0, 0};
	bool		impossible = true;
	bool		certain = true;
	int32_t		s;

	if (outcome->scenarios == 1)
	{
		scenario_at_most(&outcome->scenario[0], amount, chance);
		return;
	}
	if (outcome->denominator > 0)
	{
		mix_fractions(outcome, amount, chance);
		return;
	}
	for (s = 0; s < outcome->scenarios; s++)
	{
		qd_chance	one;

		scenario_at_most(&outcome->scenario[s], amount, &one);
		impossible = impossible && one.high <= 0;
		certain = certain && one.low >= 1;
		sum.value += outcome->share[s] * one.value;
		sum.low += outcome->share[s] * one.low;
		sum.high += outcome->share[s] * one.high;
	}
	if (impossible || certain)
	{
		set_fraction(chance, certain ? 1 : 0, 1);
		return;
	}
	chance->low = clamp(sum.low * (1 - doubt));
	chance->high = clamp(sum.high * (1 + doubt));
	chance->value = sum.value < chance->low ? chance->low : sum.value > chance->high ? chance->high : sum.value;
	chance->denominator = 0;
}

void
qd_outcome_range(const qd_outcome *outcome, qd_int128 *least, qd_int128 *most)
{
	int32_t		s;

	*least = get_wide(outcome->scenario[0].word, LEAST);
	*most = get_wide(outcome->scenario[0].word, MOST);
	for (s = 1; s < outcome->scenarios; s++)
	{
		qd_int128	low = get_wide(outcome->scenario[s].word, LEAST);
		qd_int128	high = get_wide(outcome->scenario[s].word, MOST);

		if (low < *least)
			*least = low;
		if (high > *most)
			*most = high;
	}
}

typedef enum qd_answer
{
	BY_VALUE, BY_LOW, BY_HIGH
} qd_answer;

/*
 * The least amount in least .. most where the answer is at least p; there is
 * one, for the most is never exceeded.  exactly is p in counts of 10^-18, for
 * exact answers; 0 where it is not known that well.
 */
static qd_int128
least_amount(const qd_outcome *outcome, qd_int128 least, qd_int128 most, qd_answer which, double p, int64_t exactly)
{
	while (least < most)
	{
		qd_int128	middle = least + (most - least) / 2;
		qd_chance	c;
		bool		reached;

		qd_outcome_at_most(outcome, middle, &c);
		if (exactly > 0 && c.denominator > 0)
			reached = (qd_int128) c.numerator * QD_CERTAIN >= (qd_int128) exactly * c.denominator;
		else
			reached = (which == BY_LOW ? c.low : which == BY_HIGH ? c.high : c.value) >= p;
		if (reached)
			most = middle;
		else
			least = middle + 1;
	}
	return least;
}

void
qd_outcome_percentile(const qd_outcome *outcome, int64_t p, bool rounded,
					  qd_int128 *value, qd_int128 *low, qd_int128 *high)
{
	double		target = (double) p / 1e18;
	double		doubt = target * 4 * UNIT_ROUNDOFF + (rounded ? 1e-18 : 0);
	int64_t		exactly = rounded ? 0 : p;
	qd_int128	least;
	qd_int128	most;
	int32_t		s;

	qd_outcome_range(outcome, &least, &most);
	if (p == 0 || p == QD_CERTAIN)
	{
		*value = *low = *high = p == 0 ? least : most;
		return;
	}
	*low = least_amount(outcome, least, most, BY_HIGH, target - doubt, exactly);
	*high = least_amount(outcome, *low, most, BY_LOW, target + doubt, exactly);

	/*
	 * Where sums are exact, a probability that is reached but for rounding is
	 * reached.
	 */
	*value = *low;
	for (s = 0; s < outcome->scenarios; s++)
	{
		if (!outcome->scenario[s].lattice)
		{
			*value = least_amount(outcome, *low, *high, BY_VALUE, target, 0);
			break;
		}
	}
}
