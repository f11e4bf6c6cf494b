/*
 * time_denton.c
 *		For the benchmark: disaggregates a series of PIECES, SIZE in a bucket, with
 *		an indicator and lengths, and prints the seconds of processor time the
 *		kernel took, the least of five.
 *
 *		time_denton PIECES SIZE
 */
#include <stdio.h>
#include <stdlib.h>

#include "support_denton.h"

int
main(int argc, char **argv)
{
	int32_t		n = argc > 1 ? atoi(argv[1]) : 1200000;
	int32_t		size = argc > 2 ? atoi(argv[2]) : 3;
	series	   *s = series_new(n, (n + size - 1) / size);
	source		src = {NULL, 0, 1};
	double		best = 1e9;
	int32_t		i;
	int			round;

	for (i = 0; i < s->buckets; i++)
	{
		s->start[i] = i * size;
		s->has_total[i] = 1;
		s->total[i] = 1000000 + (int64_t) draw(&src, 1000000);
	}
	s->start[s->buckets] = n;
	for (i = 0; i < n; i++)
	{
		s->flags[i] = QD_HAS_WEIGHT;
		s->indicator[i] = 50 + (double) draw(&src, 100);
		s->days[i] = 28 + (double) draw(&src, 4);
	}
	for (round = 0; round < 5; round++)
	{
		double		began = test_clock();
		series_outcome *o = run_series(s, NULL);
		double		took = test_clock() - began;

		if (o->status != QD_OK)
			return 1;
		if (took < best)
			best = took;
		series_outcome_free(o);
	}
	printf("%.4f\n", best);
	series_free(s);
	return 0;
}
