/*
 * random_cause.c
 *		Random tables of leaves: the promises, noise without a cause, faults
 *		that must be found.
 *
 *		random_cause ROUNDS SEED
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_cause.h"

static test_env env;

static int32_t
find_causes(const cause_table *t, qd_cause *cause, const char *what, int64_t i)
{
	verdict		v;
	int32_t		found;

	if (cause_run(t, &env.env, cause, &found) != QD_OK || !cause_check(t, cause, found, &v))
	{
		printf("%s %" PRId64 ": %s\n", what, i, v.message);
		exit(1);
	}
	return found;
}

/* the same again, twice as large, and the other way round: the same slices */
static void
check_alike(cause_table *t, bool mirror, int64_t i)
{
	qd_cause	cause[QD_CAUSE_MOST];
	qd_cause	other[QD_CAUSE_MOST];
	int32_t		found = find_causes(t, cause, "table", i);
	int			way;

	memset(other, 0, sizeof(other));
	for (way = 0; way < (mirror ? 3 : 1); way++)
	{
		double	   *swap = t->actual;
		int32_t		k;
		bool		same;

		/* powers of two change no digit of amounts; sizes keep to their groups */
		for (k = 0; k < t->n && way == 1; k++)
		{
			t->actual[k] *= 16;
			t->expected[k] *= 16;
		}
		if (way == 2)
		{
			t->actual = t->expected;
			t->expected = swap;
		}
		same = find_causes(t, other, "table", i) == found;
		for (k = 0; k < found && same; k++)
			same = cause[k].mask == other[k].mask && cause[k].leaf == other[k].leaf &&
				cause[k].leaves == other[k].leaves &&
				fabs(cause[k].score - other[k].score) <= 1e-6 * (1 + cause[k].score);
		if (!same)
		{
			printf("table %" PRId64 " has other causes %s\n", i,
				   way == 0 ? "the second time" : way == 1 ? "when it is larger" : "the other way round");
			exit(1);
		}
	}
}

int
main(int argc, char **argv)
{
	int64_t		rounds = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000;
	uint64_t	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607;
	int64_t		noises = rounds / 20 + 10;
	cause_score planted = {0};
	int64_t		with_cause = 0;
	int64_t		i;
	int			kind;

	test_env_init(&env);
	/* whatever there can be */
	for (i = 0; i < rounds; i++)
	{
		source		s = {NULL, 0, seed * UINT64_C(1000003) + (uint64_t) i};
		cause_table *t = cause_draw(&s);
		qd_cause	cause[QD_CAUSE_MOST];

		with_cause += find_causes(t, cause, "drawn table", i) > 0;
		cause_table_free(t);
	}
	/* noise */
	for (kind = 0; kind < CAUSE_NOISES; kind++)
	{
		int64_t		alarms = 0;

		for (i = 0; i < noises; i++)
		{
			cause_table *t = cause_pure_noise((cause_noise) kind, seed + (uint64_t) i);
			qd_cause	cause[QD_CAUSE_MOST];

			alarms += find_causes(t, cause, "noise", i) > 0;
			if (i % 10 == 0)
				check_alike(t, kind <= CAUSE_NOISE_LOGNORMAL, i);
			cause_table_free(t);
		}
		/* 5 % and three standard deviations of what so many cases can show */
		if ((double) alarms > 0.05 * (double) noises + 3 * sqrt(0.05 * (double) noises))
		{
			printf("noise of kind %d: a cause in %" PRId64 " of %" PRId64 " cases\n", kind, alarms, noises);
			return 1;
		}
		/* and a fault in it that nobody can overlook */
		for (i = 0; i < noises / 10; i++)
		{
			cause_table *t;
			qd_cause	cause[QD_CAUSE_MOST];

			if (kind != CAUSE_NOISE_RELATIVE && kind != CAUSE_NOISE_LOGNORMAL)
				break;
			t = cause_pure_noise((cause_noise) kind, seed + (uint64_t) i);
			cause_plant(t, seed + (uint64_t) i, 0.7);
			if (t->n > 100)
			{
				cause_compare(t, cause, find_causes(t, cause, "planted", i), &planted);
				check_alike(t, true, i);
			}
			cause_table_free(t);
		}
	}
	if (cause_f1(&planted) < 0.9)
	{
		printf("planted faults: %d found, %d missed, %d false\n", planted.right, planted.missed, planted.false_ones);
		return 1;
	}
	if (env.live != 0)
	{
		printf("%" PRId64 " allocations left\n", env.live);
		return 1;
	}
	printf("checked %" PRId64 " tables (seed %" PRIu64 "): %" PRId64 " of any kind, %" PRId64
		   " with a cause, %" PRId64 " of noise, F1 of planted faults %.3f; none wrong\n",
		   rounds + noises * CAUSE_NOISES, seed, rounds, with_cause, noises * CAUSE_NOISES, cause_f1(&planted));
	return 0;
}
