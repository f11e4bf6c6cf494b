/* fuzz_cause.c: libFuzzer on tables of leaves; the promises are the oracle */
#include <stdio.h>
#include <stdlib.h>

#include "support_cause.h"

int			LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	source		s = {data, size, 1};
	cause_table *t = cause_draw(&s);
	qd_cause	cause[QD_CAUSE_MOST];
	int32_t		found;
	test_env	env;
	verdict		v;

	test_env_init(&env);
	if (cause_run(t, &env.env, cause, &found) != QD_OK || env.live != 0)
		abort();
	if (!cause_check(t, cause, found, &v))
	{
		fprintf(stderr, "%s\n", v.message);
		abort();
	}
	cause_table_free(t);
	return 0;
}
