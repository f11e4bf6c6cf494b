/*
 * t_reconcile.c
 *		Reconciliation: known cases, refusals and the nodes they name, a dense
 *		solution of the normal equations, depth, memory that runs out, polls.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support_reconcile.h"
#include "tap.h"

#define NONE INT64_MIN

typedef struct row
{
	int32_t		parent;
	double		value;
	double		trust;			/* infinite: locked */
	int64_t		floor;
	int64_t		cap;
} row;

#define V(parent, value) {parent, value, 1, NONE, NONE}
#define T(parent, value, trust) {parent, value, trust, NONE, NONE}
#define I(parent) {parent, 0, 0, NONE, NONE}
#define COUNT(rows) ((int32_t) (sizeof(rows) / sizeof((rows)[0])))
#define LIST(...) ((const int64_t[]) {__VA_ARGS__})
#define FITS(...) ((const double[]) {__VA_ARGS__})

static plan *
make(const row *rows, int32_t n)
{
	plan	   *p = plan_new(n);
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		p->parent[i] = rows[i].parent;
		if (isinf(rows[i].trust))
		{
			p->flags[i] |= QD_LOCKED;
			p->lock[i] = (int64_t) rows[i].value;
		}
		else
		{
			p->value[i] = (int64_t) floor(rows[i].value);
			p->fraction[i] = (uint64_t) ((rows[i].value - floor(rows[i].value)) * 0x1p64);
			p->trust[i] = rows[i].trust;
		}
		if (rows[i].floor != NONE)
		{
			p->flags[i] |= QD_HAS_FLOOR;
			p->floor[i] = rows[i].floor;
		}
		if (rows[i].cap != NONE)
		{
			p->flags[i] |= QD_HAS_CAP;
			p->cap[i] = rows[i].cap;
		}
	}
	return p;
}

/* amounts (NONE: none), fitted values unless NULL, rules by their first letters */
static void
expect(const row *rows, int32_t n, const int64_t *amount, const double *fit, const char *rules, const char *what)
{
	plan	   *p = make(rows, n);
	plan_outcome *o = run_plan(p, NULL, true);
	source		s = {NULL, 0, 1};
	verdict		v;
	bool		same = o->status == QD_OK;
	int32_t		i;

	for (i = 0; i < n && same; i++)
	{
		double		x = (double) o->tree.exact[i] + (double) o->tree.exact_fraction[i] * 0x1p-64;
		bool		none = o->tree.rule[i] == QD_RULE_NONE;

		if (none ? amount[i] != NONE : o->tree.amount[i] != amount[i])
			same = false;
		if (fit && !none && fabs(x - fit[i]) > 1e-9)
			same = false;
		if (rules && (none ? rules[i] != '-' : qd_rule_name(o->tree.rule[i])[0] != rules[i]))
			same = false;
	}
	ok(same, "%s", what);
	if (!same)
	{
		printf("# status %d:", (int) o->status);
		for (i = 0; i < n && o->status == QD_OK; i++)
			printf(" %lld (%.10g, %s)", (long long) o->tree.amount[i],
				   (double) o->tree.exact[i] + (double) o->tree.exact_fraction[i] * 0x1p-64,
				   o->tree.rule[i] == QD_RULE_NONE ? "-" : qd_rule_name(o->tree.rule[i]));
		printf("\n");
	}
	if (!ok(check_plan(p, &s, &v), "%s: promises", what))
		printf("# %s\n", v.message);
	plan_outcome_free(o);
	plan_free(p);
}

static void
known_cases(void)
{
	const double inf = HUGE_VAL;

	{
		/* asked for 100, expected 87: 13 apart, in four parts */
		row			rows[] = {V(-1, 100), I(0), I(0), V(1, 30), V(1, 20), V(2, 37)};

		expect(rows, 6, LIST(97, 57, 40, 34, 23, 40), FITS(96.75, 56.5, 40.25, 33.25, 23.25, 40.25), "ssssss",
			   "all trusted alike");
		rows[0].trust = inf;
		expect(rows, 6, LIST(100, 59, 41, 35, 24, 41), NULL, "lsssss", "a fixed root");
		rows[0].trust = 0;
		expect(rows, 6, LIST(87, 50, 37, 30, 20, 37), FITS(87, 50, 37, 30, 20, 37), "ssssss", "only estimates");
		rows[0].trust = 1;
		rows[3].trust = rows[4].trust = rows[5].trust = 0;
		expect(rows, 6, LIST(100, 67, 33, 34, 33, 33), NULL, "seeeee", "only a target: a share for each leaf");
	}
	{
		/* trust is one over the variance: the root moves by 1 / (1 + 2 + 1), and so on */
		row			rows[] = {T(-1, 100, 1), T(0, 40, 0.5), T(0, 52, 1)};

		expect(rows, 3, LIST(98, 44, 54), FITS(98, 44, 54), "sss", "variances share what is missing");
	}
	{
		/* a node's two neighbours; its own opinion against the sum below */
		row			rows[] = {I(-1), T(0, 12, 1), T(1, 2, 1), T(1, 4, 1), T(0, 5, 1)};

		expect(rows, 5, LIST(15, 10, 4, 6, 5), FITS(15, 10, 4, 6, 5), "sssss", "an opinion in the middle");
	}
	{
		/* what nobody estimates takes all that is left, equally by leaf */
		row			rows[] = {V(-1, 100), V(0, 40), I(0), I(0), I(3), I(3)};

		expect(rows, 6, LIST(100, 40, 20, 40, 20, 20), FITS(100, 40, 20, 40, 20, 20), "sseeee", "leaves without an opinion");
		rows[1].value = 130;
		expect(rows, 6, LIST(115, 115, 0, 0, 0, 0), FITS(115, 115, 0, 0, 0, 0), "ssffff", "no negative quotas");
		rows[2].floor = rows[4].floor = -3;
		expect(rows, 6, LIST(112, 118, -3, -3, -3, 0), FITS(112, 118, -3, -3, -3, 0), "ssffff", "unless asked for");
		rows[1].value = 40;
		rows[4].cap = 7;
		expect(rows, 6, LIST(100, 40, 27, 33, 7, 26), FITS(100, 40, 26.5, 33.5, 7, 26.5), NULL, "a cap among them");
	}
	{
		/* bounds of their own at inner nodes */
		row			rows[] = {V(-1, 100), I(0), I(0), V(1, 30), V(1, 20), V(2, 37), V(2, 9)};

		rows[1].cap = 49;
		expect(rows, 7, LIST(98, 49, 49, 30, 19, 39, 10), NULL, "scsssss", "a cap in the middle");
		rows[1].cap = NONE;
		rows[2].floor = 60;
		expect(rows, 7, LIST(103, 43, 60, 27, 16, 44, 16), NULL, "ssfssss", "a floor in the middle");
		rows[3].cap = 10;
		rows[4].cap = 11;
		expect(rows, 7, LIST(89, 21, 68, 10, 11, 48, 20), NULL, "scsccss", "a node whose children are all at their caps");
	}
	{
		row			rows[] = {I(-1), I(0), I(0)};

		expect(rows, 3, LIST(NONE, NONE, NONE), NULL, "---", "no opinion at all is no answer");
		rows[1].floor = 5;
		expect(rows, 3, LIST(NONE, NONE, NONE), NULL, "---", "bounds are no opinion");
		rows[2].trust = 1;
		rows[2].value = 7.5;
		expect(rows, 3, LIST(13, 5, 8), FITS(12.5, 5, 7.5), "sfs", "one opinion is");
		rows[2].trust = inf;
		rows[2].value = -7;
		expect(rows, 3, LIST(-2, 5, -7), NULL, "ffl", "a negative lock was asked for");
	}
	{
		row			rows[] = {V(-1, 42.5)};

		expect(rows, 1, LIST(43), FITS(42.5), "s", "a root alone");
		rows[0].value = -42.5;
		expect(rows, 1, LIST(0), FITS(0), "f", "a root alone below 0");
		rows[0].floor = -100;
		expect(rows, 1, LIST(-43), FITS(-42.5), "s", "a root alone that may be below 0");
	}
	{
		/* two trees, one of them silent */
		row			rows[] = {V(-1, 10), I(-1), I(0), I(0), I(1)};

		expect(rows, 5, LIST(10, NONE, 5, 5, NONE), NULL, "s-ee-", "a forest");
	}
	expect(NULL, 0, LIST(0), NULL, NULL, "no rows");
}

static void
expect_status(const row *rows, int32_t n, qd_status status, qd_subject subject, int32_t at, const char *what)
{
	plan	   *p = make(rows, n);
	plan_outcome *o = run_plan(p, NULL, true);

	ok(o->status == status && o->problem.row == at && (status != QD_INFEASIBLE || o->problem.subject == subject),
	   "%s: status %d, row %d (is %d, row %d)", what, (int) status, at, (int) o->status, o->problem.row);
	plan_outcome_free(o);
	plan_free(p);
}

static void
refusals(void)
{
	const double inf = HUGE_VAL;
	row			rows[] = {T(-1, 100, HUGE_VAL), I(0), I(0), V(1, 30), V(1, 20), V(2, 37)};

	rows[1].trust = rows[2].trust = inf;
	rows[1].value = 60;
	rows[2].value = 39;
	expect_status(rows, 6, QD_INFEASIBLE, QD_ON_CHILDREN, 0, "fixed children of a fixed parent");
	rows[2].value = 40;
	expect(rows, 6, LIST(100, 60, 40, 35, 25, 40), NULL, "lllsss", "that agree");
	rows[3].floor = 61;
	expect_status(rows, 6, QD_INFEASIBLE, QD_ON_CHILDREN, 1, "a floor above a fixed parent");
	rows[3].floor = NONE;
	rows[1].cap = 59;
	expect_status(rows, 6, QD_INFEASIBLE, QD_ON_LOCK, 1, "fixed above the cap");
	rows[1].cap = NONE;
	rows[1].trust = rows[2].trust = 0;
	rows[3].cap = rows[4].cap = rows[5].cap = 33;
	expect_status(rows, 6, QD_INFEASIBLE, QD_ON_CHILDREN, 0, "caps below a fixed root");
	rows[3].cap = -1;
	expect_status(rows, 6, QD_INFEASIBLE, QD_ON_BOUND, 3, "a cap below the floor that is 0");
	rows[3].cap = NONE;
	rows[0].parent = 3;
	expect_status(rows, 6, QD_CYCLE, QD_ON_TOTAL, 0, "a cycle");
	{
		row			large[] = {I(-1), V(0, 0x1p60), V(0, 0x1p60), V(0, 0x1p59)};

		expect_status(large, 4, QD_OVERFLOW, QD_ON_TOTAL, 0, "a sum beyond 64 bits");
	}
	{
		row			large[] = {T(-1, 0x1p62, HUGE_VAL), I(0)};

		expect_status(large, 2, QD_OVERFLOW, QD_ON_TOTAL, 0, "a lock beyond what can be fitted");
	}
	{
		/* trusts as far apart as doubles go are no overflow */
		row			far[] = {T(-1, 100, 1e-300), T(0, 30, 1e308), T(0, 20, 4.9e-324)};

		expect(far, 3, LIST(100, 30, 70), FITS(100, 30, 70), "sss", "extreme trusts");
	}
}

static void
combining(void)
{
	int64_t		value = 100;
	uint64_t	fraction = 0;
	double		trust = 3;

	qd_add_opinion(&value, &fraction, &trust, 60, 0, 1);
	ok(value == 90 && fraction == 0 && trust == 4, "two opinions: the mean by trust");
	qd_add_opinion(&value, &fraction, &trust, 7, 0, 0);
	ok(value == 90 && trust == 4, "nobody is believed who is not trusted");
	trust = 0;
	qd_add_opinion(&value, &fraction, &trust, -7, UINT64_C(1) << 63, 2);
	ok(value == -7 && fraction == UINT64_C(1) << 63 && trust == 2, "the first opinion");
	trust = 1.7e308;
	qd_add_opinion(&value, &fraction, &trust, -7, 0, 1.7e308);
	ok(isfinite(trust) && value == -7 && fraction == UINT64_C(1) << 62, "trusts do not add up to a lock");
}

/*
 * The normal equations of min sum trust (S b - y)^2 over the leaves b, by
 * Gaussian elimination; every leaf has an opinion.
 */
static bool
dense_agrees(const plan *p, const plan_outcome *o, double *worst)
{
	int32_t		n = p->n;
	int32_t    *leaf = calloc((size_t) n + 1, sizeof(int32_t));
	int			leaves = 0;
	long double *a;
	long double *x;
	int32_t		i;
	int			r;
	int			c;
	int			k;

	for (i = 0; i < n; i++)
		if (o->tree.child_start[i] == o->tree.child_start[i + 1])
			leaf[leaves++] = i;
	a = calloc((size_t) leaves * ((size_t) leaves + 1), sizeof(long double));
	x = calloc((size_t) n + 1, sizeof(long double));
	for (i = 0; i < n; i++)
	{
		bool	   *below = calloc((size_t) leaves + 1, sizeof(bool));

		for (r = 0; r < leaves; r++)
		{
			int32_t		j = leaf[r];

			while (j >= 0 && j != i)
				j = p->parent[j];
			below[r] = j == i;
		}
		for (r = 0; r < leaves; r++)
			if (below[r])
			{
				for (c = 0; c < leaves; c++)
					if (below[c])
						a[r * (leaves + 1) + c] += (long double) p->trust[i];
				a[r * (leaves + 1) + leaves] += (long double) p->trust[i] *
					((long double) p->value[i] + (long double) p->fraction[i] * 0x1p-64L);
			}
		free(below);
	}
	for (k = 0; k < leaves; k++)
	{
		int			pivot = k;

		for (r = k; r < leaves; r++)
			if (fabsl(a[r * (leaves + 1) + k]) > fabsl(a[pivot * (leaves + 1) + k]))
				pivot = r;
		for (c = 0; c <= leaves; c++)
		{
			long double swap = a[k * (leaves + 1) + c];

			a[k * (leaves + 1) + c] = a[pivot * (leaves + 1) + c];
			a[pivot * (leaves + 1) + c] = swap;
		}
		for (r = 0; r < leaves; r++)
		{
			long double by = r == k ? 0 : a[r * (leaves + 1) + k] / a[k * (leaves + 1) + k];

			for (c = k; c <= leaves && by != 0; c++)
				a[r * (leaves + 1) + c] -= by * a[k * (leaves + 1) + c];
		}
	}
	for (r = 0; r < leaves; r++)
	{
		int32_t		j;

		for (j = leaf[r]; j >= 0; j = p->parent[j])
			x[j] += a[r * (leaves + 1) + leaves] / a[r * (leaves + 1) + r];
	}
	for (i = 0; i < n; i++)
	{
		long double got = (long double) o->tree.exact[i] + (long double) o->tree.exact_fraction[i] * 0x1p-64L;
		double		off = (double) (fabsl(got - x[i]) / (1 + fabsl(x[i])));

		if (!(off <= *worst))
			*worst = off;
	}
	free(a);
	free(x);
	free(leaf);
	return true;
}

static void
dense(void)
{
	double		worst = 0;
	int			solved = 0;
	int			round;
	source		s = {NULL, 0, 77};

	for (round = 0; round < 3000; round++)
	{
		int32_t		n = 1 + (int32_t) draw(&s, 24);
		plan	   *p = plan_new(n);
		plan_outcome *o;
		int32_t		i;

		for (i = 0; i < n; i++)
		{
			p->parent[i] = i == 0 ? -1 : (int32_t) draw(&s, (uint64_t) i);
			p->value[i] = (int64_t) draw(&s, 1000000) - 300000;
			p->fraction[i] = draw(&s, UINT64_C(1) << 62) << 2;
			p->trust[i] = ldexp(1 + (double) draw(&s, 7), (int) draw(&s, 12) - 6);
			/* so that nothing is in the way */
			p->flags[i] = QD_HAS_FLOOR;
			p->floor[i] = -INT64_C(1000000000000);
		}
		/* inner nodes may be silent */
		for (i = 0; i < n; i++)
			if (draw(&s, 2) == 0)
				p->trust[p->parent[i] < 0 ? 0 : p->parent[i]] = n > 1 ? 0 : 1;
		o = run_plan(p, NULL, false);
		if (o->status == QD_OK && dense_agrees(p, o, &worst))
			solved++;
		plan_outcome_free(o);
		plan_free(p);
	}
	ok(solved == round && worst < 1e-13, "%d dense solutions, at most %.1e away", solved, worst);
}

/* half a million levels, each with a leaf that has a cap */
static plan *
chain(int32_t n, double most_trust)
{
	plan	   *p = plan_new(n);
	source		s = {NULL, 0, 5};
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		p->parent[i] = i == 0 ? -1 : i % 2 ? i - 1 : i - 2;
		p->value[i] = i % 2 ? (int64_t) draw(&s, 100000) : (int64_t) (n - i) * 20000;
		p->trust[i] = i % 2 || i % 1000 == 0 ? 1 + (double) draw(&s, 4) : 0;
		if (i == 2)
			p->trust[i] = most_trust;
		if (i % 2)
		{
			p->flags[i] |= QD_HAS_CAP;
			p->cap[i] = 50000 + (int64_t) draw(&s, 50000);
		}
	}
	return p;
}

/* one family of so many, half of them with a cap */
static plan *
star(int32_t n)
{
	plan	   *p = plan_new(n);
	source		s = {NULL, 0, 8};
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		p->parent[i] = i == 0 ? -1 : 0;
		p->value[i] = i == 0 ? (int64_t) n * 1000 : (int64_t) draw(&s, 10000) - 1000;
		p->trust[i] = 1 + (double) draw(&s, 3);
		p->flags[i] = i % 2 ? QD_HAS_CAP : 0;
		p->cap[i] = 3000;
	}
	return p;
}

static void
depth(void)
{
	const int32_t n = 1000000;
	plan	   *p = chain(n, 1);
	source		s = {NULL, 0, 6};
	verdict		v;

	if (!ok(check_plan(p, &s, &v), "half a million levels: promises"))
		printf("# %s\n", v.message);
	plan_free(p);
	p = star(30000);
	if (!ok(check_plan(p, &s, &v), "a family of thirty thousand: promises"))
		printf("# %s\n", v.message);
	plan_free(p);
	/* only lists, where trusts are far apart */
	p = chain(3000, 0x1p100);
	if (!ok(check_plan(p, &s, &v), "trusts far apart: promises"))
		printf("# %s\n", v.message);
	plan_free(p);
}

/* a million of 10^9 each, and a fraction of a unit */
static void
large_sums(void)
{
	const int32_t n = 1000001;
	plan	   *p = plan_new(n);
	plan_outcome *o;
	qd_int128	sum = 0;
	qd_int128	want = 0;
	bool		fine = true;
	int32_t		i;
	source		s = {NULL, 0, 9};

	for (i = 0; i < n; i++)
	{
		p->parent[i] = i == 0 ? -1 : 0;
		p->value[i] = INT64_C(100000000000) + (int64_t) draw(&s, 1000000007);
		p->trust[i] = i > 0;
		want += i > 0 ? p->value[i] : 0;
	}
	o = run_plan(p, NULL, false);
	for (i = 1; i < n; i++)
	{
		sum += o->tree.amount[i];
		fine = fine && o->tree.amount[i] == p->value[i] && o->tree.exact_fraction[i] == 0;
	}
	ok(o->status == QD_OK && fine && sum == want && o->tree.amount[0] == want, "a million estimates of 10^11 units are left as they are");
	plan_outcome_free(o);

	/* a unit and a quarter more than they sum to, over a million */
	p->trust[0] = ldexp(1, 60);
	p->value[0] = (int64_t) want + 1;
	p->fraction[0] = UINT64_C(1) << 62;
	o = run_plan(p, NULL, false);
	sum = 0;
	for (i = 1; i < n; i++)
	{
		int64_t		off = o->tree.amount[i] - p->value[i];

		sum += o->tree.amount[i];
		fine = fine && (off == 0 || off == 1);
	}
	ok(o->status == QD_OK && fine && sum == want + 1 && o->tree.amount[0] == want + 1, "and not a unit is lost on the way");
	plan_outcome_free(o);
	plan_free(p);
}

static void
out_of_memory(void)
{
	int			k;

	for (k = 0; k < 3; k++)
	{
		int			fail;
		int			met = 0;
		bool		fine = true;

		for (fail = 1; fail < 100; fail++)
		{
			plan	   *p = k == 2 ? star(9000) : chain(k == 0 ? 9 : 999, 1);
			test_env	env;
			plan_outcome *o;
			bool		done;

			test_env_init(&env);
			env.fail_at = fail;
			o = run_plan(p, &env, true);
			done = env.allocs < fail;
			if (env.live != 0 || o->status != (done ? QD_OK : QD_NOMEM))
				fine = false;
			if (!done)
				met++;
			plan_outcome_free(o);
			plan_free(p);
			if (done)
				break;
		}
		ok(fine && met > 8 + k && fail < 100, "each of %d allocations may fail", met);
	}
}

/* without the test's own filling of memory, which takes time */
static void *
plain_alloc(void *arg, size_t size)
{
	(void) arg;
	return calloc(1, size ? size : 1);
}

static void
plain_release(void *arg, void *ptr)
{
	(void) arg;
	free(ptr);
}

static void
polls(void)
{
	static const char *const kind[] = {"flat", "fan-out 10", "chain", "no bound in the way"};
	const int32_t n = 1000000;
	int			k;

	for (k = 0; k < 4; k++)
	{
		plan	   *p = k == 2 ? chain(n, 1) : plan_new(n);
		source		s = {NULL, 0, (uint64_t) k};
		test_env	env;
		plan_outcome *o;
		int32_t		i;

		for (i = 0; i < n && k != 2; i++)
		{
			p->parent[i] = i == 0 ? -1 : k == 0 ? 0 : (i - 1) / 10;
			p->trust[i] = k == 0 || (int64_t) i * 10 + 1 >= n || i == 0;
			p->value[i] = i == 0 ? INT64_C(300000000000) : 1 + (int64_t) draw(&s, 1000000);
			if (k == 3)
				p->value[i] += 2000000;
		}
		test_env_init(&env);
		env.env.alloc = plain_alloc;
		env.env.release = plain_release;
		env.watch = true;
		o = run_plan(p, &env, true);
		ok(o->status == QD_OK && env.polls >= 3 * (n / 65536), "%s: %lld polls", kind[k], (long long) env.polls);
#ifndef QD_SLOW
		ok(env.longest < 0.05, "%s: at most %.1f ms without a poll", kind[k], env.longest * 1000);
#endif
		plan_outcome_free(o);
		plan_free(p);
	}
}

int
main(void)
{
	known_cases();
	refusals();
	combining();
	dense();
	depth();
	large_sums();
	out_of_memory();
	polls();
	return tap_done();
}
