/*
 * margins_kernel.c
 *		The kernel of allocate_margins alone on a dense grid in a CSV file of
 *		row, column, weight, row total, column total, cells by row: CPU
 *		milliseconds of the second of two runs.  For sections/margins.sh.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/grid.h"

static void *
allocate(void *arg, size_t size)
{
	(void) arg;
	return malloc(size);
}

static void
release(void *arg, void *ptr)
{
	(void) arg;
	free(ptr);
}

static void *
array(size_t n, size_t size)
{
	void	   *result = calloc(n, size);

	if (!result)
		exit(3);
	return result;
}

int
main(int argc, char **argv)
{
	qd_env		env = {.alloc = allocate, .release = release};
	int			rows = argc > 3 ? atoi(argv[2]) : 0;
	int			columns = argc > 3 ? atoi(argv[3]) : 0;
	size_t		n = (size_t) rows * columns;
	int32_t    *row = array(n, 4);
	int32_t    *column = array(n, 4);
	int32_t    *rank = array(rows + columns, 4);
	int64_t    *row_total = array(rows, 8);
	int64_t    *column_total = array(columns, 8);
	int64_t    *given = array(n, 8);
	int64_t    *weight = array(n, 8);
	int64_t    *amount = array(n, 8);
	uint8_t    *flags = array(n, 1);
	uint8_t    *rule = array(n, 1);
	uint8_t    *conflict = array(rows + columns, 1);
	FILE	   *file = n ? fopen(argv[1], "r") : NULL;
	double		took = 0;
	size_t		i;
	int			run;

	if (!file)
		return 2;
	for (i = 0; i < n; i++)
	{
		double		w,
					r,
					c;

		if (fscanf(file, "%d,%d,%lf,%lf,%lf", &row[i], &column[i], &w, &r, &c) != 5)
			return 2;
		row_total[--row[i]] = llround(r * 100);
		column_total[--column[i]] = llround(c * 100);
		given[i] = llround(w * 100);
		flags[i] = QD_HAS_WEIGHT;
	}
	fclose(file);
	for (run = 0; run < rows + columns; run++)
		rank[run] = run;
	for (run = 0; run < 2; run++)
	{
		qd_grid		grid = {
			.n = (int32_t) n,.rows = rows,.columns = columns,.row = row,.column = column,
			.row_total = row_total,.column_total = column_total,.rank = rank,.flags = flags,
			.weight = weight,.amount = amount,.rule = rule,.conflict = conflict,
		};
		qd_problem	problem;
		clock_t		began;

		for (i = 0; i < n; i++)
			weight[i] = given[i];
		began = clock();
		if (qd_allocate_grid(&env, &grid, QD_HAMILTON, false, &problem) != QD_OK)
			return 1;
		took = (double) (clock() - began) * 1000 / CLOCKS_PER_SEC;
	}
	printf("%.3f\n", took);
	return 0;
}
