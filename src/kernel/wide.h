/*
 * wide.h
 *		Fixed-point numbers with 64 fractional bits, and the few products that
 *		need more than 128 bits.
 */
#ifndef QD_WIDE_H
#define QD_WIDE_H

#include "kernel/kernel.h"

/* whole + fraction / 2^64; whole is the floor, also below zero */
typedef struct qd_fixed
{
	int64_t		whole;
	uint64_t	fraction;
} qd_fixed;

static inline qd_int128
qd_fixed_bits(qd_fixed x)
{
	return (qd_int128) (((qd_uint128) (uint64_t) x.whole << 64) | x.fraction);
}

static inline qd_fixed
qd_fixed_from_bits(qd_int128 bits)
{
	qd_fixed	x;

	x.whole = (int64_t) (bits >> 64);
	x.fraction = (uint64_t) bits;
	return x;
}

/* a + b, modulo 2^64 in the whole part: only differences are looked at */
static inline qd_fixed
qd_fixed_add(qd_fixed a, qd_fixed b)
{
	return qd_fixed_from_bits((qd_int128) ((qd_uint128) qd_fixed_bits(a) +
										   (qd_uint128) qd_fixed_bits(b)));
}

static inline qd_fixed
qd_fixed_sub(qd_fixed a, qd_fixed b)
{
	return qd_fixed_from_bits((qd_int128) ((qd_uint128) qd_fixed_bits(a) -
										   (qd_uint128) qd_fixed_bits(b)));
}

/* floor(a / b) for b > 0 */
static inline qd_int128
qd_floor_div(qd_int128 a, qd_int128 b)
{
	qd_int128	q = a / b;

	return (a % b < 0) ? q - 1 : q;
}

/*
 * x * weight / weight_sum to the nearest 2^-64, half away from zero; 0 <=
 * weight <= weight_sum < 2^62.  Monotone in weight and in x, and exact where
 * the quotient is a whole number: bounds that hold for rationals still hold.
 * 0 where nothing has a weight.
 */
static inline qd_fixed
qd_fixed_share(qd_fixed x, int64_t weight, int64_t weight_sum)
{
	qd_int128	bits = qd_fixed_bits(x);
	bool		negative = bits < 0;
	qd_uint128	magnitude = negative ? -(qd_uint128) bits : (qd_uint128) bits;
	uint64_t	divisor = (uint64_t) weight_sum;
	qd_uint128	low = (qd_uint128) (uint64_t) magnitude * (uint64_t) weight + divisor / 2;
	qd_uint128	high = (magnitude >> 64) * (uint64_t) weight + (low >> 64);
	qd_uint128	quotient;
	qd_uint128	rest;

	if (divisor == 0)
		return qd_fixed_from_bits(0);
	quotient = high / divisor;
	rest = ((high % divisor) << 64) | (uint64_t) low;
	quotient = (quotient << 64) | (rest / divisor);
	return qd_fixed_from_bits((qd_int128) (negative ? -quotient : quotient));
}

/* sign of a - (whole + fraction / 2^64) * q, for q > 0 and |a| < 2^126 */
static inline int
qd_compare_scaled(qd_int128 a, qd_int128 whole, uint64_t fraction, int64_t q)
{
	qd_uint128	low = (qd_uint128) fraction * (uint64_t) q;
	qd_int128	b;

	if (__builtin_mul_overflow(whole, (qd_int128) q, &b) ||
		__builtin_add_overflow(b, (qd_int128) (low >> 64), &b))
		return whole < 0 ? 1 : -1;
	if (a != b)
		return a < b ? -1 : 1;
	return (uint64_t) low != 0 ? -1 : 0;
}

#endif							/* QD_WIDE_H */
