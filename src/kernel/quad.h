/*
 * quad.h
 *		Signed integers of 256 bits, as sign and magnitude: just the products,
 *		sums and quotients that exact rates need.
 */
#ifndef QD_QUAD_H
#define QD_QUAD_H

#include "kernel/kernel.h"

typedef struct qd_quad
{
	bool		negative;		/* never of 0 */
	uint64_t	word[4];		/* the lowest first */
} qd_quad;

static inline bool
qd_quad_is_zero(const qd_quad *a)
{
	return (a->word[0] | a->word[1] | a->word[2] | a->word[3]) == 0;
}

/* of the magnitudes */
static inline int
qd_quad_compare_magnitude(const qd_quad *a, const qd_quad *b)
{
	int			i;

	for (i = 3; i >= 0; i--)
		if (a->word[i] != b->word[i])
			return a->word[i] < b->word[i] ? -1 : 1;
	return 0;
}

static inline int
qd_quad_sign(const qd_quad *a)
{
	return qd_quad_is_zero(a) ? 0 : a->negative ? -1 : 1;
}

static inline qd_quad
qd_quad_from(qd_int128 a)
{
	qd_quad		r = {a < 0, {0, 0, 0, 0}};
	qd_uint128	m = a < 0 ? -(qd_uint128) a : (qd_uint128) a;

	r.word[0] = (uint64_t) m;
	r.word[1] = (uint64_t) (m >> 64);
	return r;
}

/* a * b; the magnitude of the product is below 2^256 */
static inline qd_quad
qd_quad_mul(qd_quad a, int64_t b)
{
	uint64_t	m = b < 0 ? -(uint64_t) b : (uint64_t) b;
	qd_uint128	carry = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		carry += (qd_uint128) a.word[i] * m;
		a.word[i] = (uint64_t) carry;
		carry >>= 64;
	}
	a.negative = a.negative != (b < 0) && !qd_quad_is_zero(&a);
	return a;
}

static inline qd_quad
qd_quad_product(qd_int128 a, int64_t b)
{
	return qd_quad_mul(qd_quad_from(a), b);
}

/* the magnitude of the sum is below 2^256 */
static inline qd_quad
qd_quad_add(qd_quad a, qd_quad b)
{
	qd_uint128	carry = 0;
	int			i;

	if (a.negative == b.negative)
	{
		for (i = 0; i < 4; i++)
		{
			carry += (qd_uint128) a.word[i] + b.word[i];
			a.word[i] = (uint64_t) carry;
			carry >>= 64;
		}
		return a;
	}
	if (qd_quad_compare_magnitude(&a, &b) < 0)
	{
		qd_quad		swap = a;

		a = b;
		b = swap;
	}
	for (i = 0; i < 4; i++)
	{
		qd_uint128	difference = (qd_uint128) a.word[i] - b.word[i] - carry;

		a.word[i] = (uint64_t) difference;
		carry = (difference >> 64) & 1;
	}
	if (qd_quad_is_zero(&a))
		a.negative = false;
	return a;
}

static inline long double
qd_quad_real(const qd_quad *a)
{
	long double r = 0;
	int			i;

	for (i = 3; i >= 0; i--)
		r = r * 18446744073709551616.0L + (long double) a->word[i];
	return a->negative ? -r : r;
}

/*
 * The floor of a / b, and what remains, 0 <= *rest < b; b > 0, below 2^192.
 * false when the floor is not within +-(2^63 - 1).  Floating point proposes
 * digits of the quotient, the exact remainder judges them.
 */
static inline bool
qd_quad_floor_div(qd_quad a, const qd_quad *b, int64_t *floor, qd_quad *rest)
{
	const long double divisor = qd_quad_real(b);
	qd_int128	quotient = 0;

	for (;;)
	{
		long double guess = qd_quad_real(&a) / divisor;
		int64_t		part;

		if (guess > 9.3e18L || guess < -9.3e18L)
			return false;
		if (guess > 9.2e18L)
			guess = 9.2e18L;
		if (guess < -9.2e18L)
			guess = -9.2e18L;
		part = (int64_t) guess;
		if (part == 0)
			break;
		quotient += part;
		a = qd_quad_add(a, qd_quad_mul(*b, -part));
	}
	/* within a divisor of 0 on either side, or just at it */
	while (a.negative)
	{
		a = qd_quad_add(a, *b);
		quotient--;
	}
	while (qd_quad_compare_magnitude(&a, b) >= 0)
	{
		a = qd_quad_add(a, qd_quad_mul(*b, -1));
		quotient++;
	}
	*floor = (int64_t) quotient;
	*rest = a;
	return quotient <= INT64_MAX && quotient >= -INT64_MAX;
}

#endif							/* QD_QUAD_H */
