/*
 * support.h
 *		What the kernel's unit tests, random tests and fuzzers share: an
 *		environment that counts and can fail, instances, a generator that reads
 *		random numbers or a fuzzer's bytes, and checkers that know the promises
 *		but not the methods.
 */
#ifndef QD_SUPPORT_H
#define QD_SUPPORT_H

#include "kernel/kernel.h"

/* ---- environment ---- */
typedef struct test_env
{
	qd_env		env;
	int64_t		live;			/* allocations not yet released */
	int64_t		allocs;
	int64_t		fail_at;		/* this allocation (from 1) and all later fail; 0: none */
	bool		fail_once;		/* only this one */
	int64_t		polls;
	double		last_poll;		/* seconds, when watching the clock */
	double		longest;
	bool		watch;
	const int32_t *peer_group;	/* rows of the same number are peers */
} test_env;

extern void test_env_init(test_env *env);
extern double test_clock(void);
extern test_env *test_env_begin(test_env *given, test_env *own);
extern void test_env_end(test_env *env, const test_env *own);

/* a longjmp-free way for a poll to say stop is not needed: kernels own nothing */

/* arrays of [count], to be freed; out of memory ends the test */
extern void *test_zeroed(size_t count, size_t size);
extern void *test_copied(const void *from, size_t count, size_t size);

/* the flags that any of [n] rows has */
extern uint8_t test_all_flags(const uint8_t *flags, int32_t n);

/* ---- one partition ---- */
typedef struct partition
{
	int32_t		n;
	int64_t		total;
	qd_rounding rounding;
	uint8_t    *flags;
	int64_t    *weight;
	int64_t    *floor;			/* read where the flag says so */
	int64_t    *cap;
	int64_t    *lock;
} partition;

extern partition *partition_new(int32_t n);
extern void partition_free(partition *p);

typedef struct outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_rows		rows;			/* arrays of its own */
} outcome;

/* runs the kernel on a copy */
extern outcome *run_partition(const partition *p, test_env *env, bool explain);
extern void outcome_free(outcome *o);

/* ---- a forest ---- */
typedef struct forest
{
	int32_t		n;
	qd_rounding rounding;
	int32_t    *parent;
	uint8_t    *flags;
	int64_t    *weight;
	int64_t    *floor;
	int64_t    *cap;
	int64_t    *lock;
	int64_t    *uplift;			/* in millionths; NULL: none */
	int64_t    *total;
} forest;

#define UPLIFT_ONE 1000000

extern forest *forest_new(int32_t n);
extern void forest_free(forest *f);

typedef struct forest_outcome
{
	qd_status	status;
	qd_problem	problem;
	qd_tree		tree;
} forest_outcome;

extern forest_outcome *run_forest(const forest *f, test_env *env, bool explain);
extern void forest_outcome_free(forest_outcome *o);

/* ---- where random choices come from ---- */
typedef struct source
{
	const uint8_t *data;		/* a fuzzer's bytes; NULL: the generator below */
	size_t		size;
	uint64_t	state;
} source;

extern uint64_t draw(source *s, uint64_t below);	/* 0 .. below - 1 */
extern int64_t draw_magnitude(source *s, int64_t most);	/* log-uniform, 0 .. most */

/* whether bounds, locks and so on; every kind of partition the promises cover */
extern partition *draw_partition(source *s, int32_t most_rows, int64_t most_total);
extern forest *draw_forest(source *s, int32_t most_rows, int64_t most_total);

/* ---- the promises; what is broken is told in message, true if none ---- */
typedef struct verdict
{
	char		message[512];
} verdict;

/* says what is broken; false, for the checker to return */
extern bool test_broken(verdict *v, const char *format,...) __attribute__((format(printf, 2, 3)));

extern bool check_partition(const partition *p, source *s, verdict *v);
extern bool check_forest(const forest *f, source *s, verdict *v);

/* how many instances went which way, for the summary */
extern int64_t seen_ok;
extern int64_t seen_infeasible;
extern int64_t seen_overflow;
extern int64_t seen_other;
extern int64_t seen_rows;

/* an instance in words, for a bug report */
extern void print_partition(const partition *p);
extern void print_forest(const forest *f);
extern const char *int128_text(qd_int128 x);

#endif							/* QD_SUPPORT_H */
