/*
 * big.c
 *		Integers of any size: schoolbook arithmetic on 32-bit limbs.  Division
 *		is Knuth's algorithm D (The Art of Computer Programming 2, 4.3.1).
 */
#include "kernel/big.h"

#include <math.h>
#include <string.h>

#define BLOCK_LIMBS		1000	/* the least that is asked for */
#define POLL_STEPS		0x10000

void
qd_bigs_begin(qd_bigs *bigs, const qd_env *env)
{
	bigs->env = env;
	bigs->block = NULL;
	bigs->used = 0;
	bigs->steps = 0;
	bigs->failed = false;
}

/* all values are gone; the oldest block is kept for the next */
void
qd_bigs_reset(qd_bigs *bigs)
{
	while (bigs->block && bigs->block->next)
	{
		qd_big_block *old = bigs->block;

		bigs->block = old->next;
		bigs->env->release(bigs->env->arg, old);
	}
	bigs->used = 0;
	bigs->failed = false;
}

void
qd_bigs_end(qd_bigs *bigs)
{
	qd_bigs_reset(bigs);
	if (bigs->block)
		bigs->env->release(bigs->env->arg, bigs->block);
	bigs->block = NULL;
}

/* room for n limbs; NULL when there is none, or n is 0 */
static uint32_t *
get_limbs(qd_bigs *bigs, size_t n)
{
	uint32_t   *result;

	if (bigs->failed || n == 0)
		return NULL;
	if (!bigs->block || bigs->used + n > bigs->block->size)
	{
		size_t		size = n > BLOCK_LIMBS ? n : BLOCK_LIMBS;
		qd_big_block *block = bigs->env->alloc(bigs->env->arg, sizeof(qd_big_block) +
											   sizeof(uint32_t) * size);

		if (!block)
		{
			bigs->failed = true;
			return NULL;
		}
		block->next = bigs->block;
		block->size = size;
		bigs->block = block;
		bigs->used = 0;
	}
	result = bigs->block->limb + bigs->used;
	bigs->used += n;
	return result;
}

/* so much work was done */
static void
count_steps(qd_bigs *bigs, size_t n)
{
	if (n >= POLL_STEPS - bigs->steps)
	{
		bigs->steps = 0;
		if (bigs->env->poll)
			bigs->env->poll(bigs->env->arg);
	}
	else
		bigs->steps += (uint32_t) n;
}

/* a value of its limbs, without leading zeros */
static qd_big
make(const uint32_t *limb, size_t n, bool negative)
{
	qd_big		x;

	while (n > 0 && limb[n - 1] == 0)
		n--;
	x.n = (int32_t) n;
	x.negative = n > 0 && negative;
	x.limb = limb;
	return x;
}

qd_big
qd_big_zero(void)
{
	return make(NULL, 0, false);
}

qd_big
qd_big_from(qd_bigs *bigs, qd_int128 x)
{
	qd_uint128	m = x < 0 ? -(qd_uint128) x : (qd_uint128) x;
	uint32_t   *limb;
	int			n;

	if (m == 0 || !(limb = get_limbs(bigs, 4)))
		return qd_big_zero();
	for (n = 0; n < 4; n++)
		limb[n] = (uint32_t) (m >> (32 * n));
	return make(limb, 4, x < 0);
}

/* false where it does not fit */
bool
qd_big_to(qd_big x, qd_int128 *result)
{
	qd_uint128	m = 0;
	int32_t		i;

	if (x.n > 4)
		return false;
	for (i = x.n - 1; i >= 0; i--)
		m = m << 32 | x.limb[i];
	if (m >> 127)
		return false;
	*result = x.negative ? -(qd_int128) m : (qd_int128) m;
	return true;
}

/* the same in room of its own */
qd_big
qd_big_copy(qd_bigs *bigs, qd_big x)
{
	uint32_t   *limb = get_limbs(bigs, (size_t) x.n);

	if (!limb)
		return qd_big_zero();
	memcpy(limb, x.limb, sizeof(uint32_t) * (size_t) x.n);
	return make(limb, (size_t) x.n, x.negative);
}

qd_big
qd_big_negate(qd_big x)
{
	x.negative = x.n > 0 && !x.negative;
	return x;
}

static int
compare_magnitude(qd_big a, qd_big b)
{
	int32_t		i;

	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	for (i = a.n - 1; i >= 0; i--)
		if (a.limb[i] != b.limb[i])
			return a.limb[i] < b.limb[i] ? -1 : 1;
	return 0;
}

int
qd_big_compare(qd_big a, qd_big b)
{
	int			sign = qd_big_sign(a);

	if (sign != qd_big_sign(b))
		return sign < qd_big_sign(b) ? -1 : 1;
	return sign < 0 ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/* |a| + |b|, or |a| - |b| for |a| >= |b| */
static qd_big
combine_magnitudes(qd_bigs *bigs, qd_big a, qd_big b, bool subtract, bool negative)
{
	size_t		n = (size_t) (a.n > b.n ? a.n : b.n) + 1;
	uint32_t   *limb = get_limbs(bigs, n);
	int64_t		carry = 0;
	size_t		i;

	if (!limb)
		return qd_big_zero();
	for (i = 0; i < n; i++)
	{
		int64_t		x = i < (size_t) a.n ? a.limb[i] : 0;
		int64_t		y = i < (size_t) b.n ? b.limb[i] : 0;

		carry += subtract ? x - y : x + y;
		limb[i] = (uint32_t) carry;
		carry >>= 32;
	}
	count_steps(bigs, n);
	return make(limb, n, negative);
}

qd_big
qd_big_add(qd_bigs *bigs, qd_big a, qd_big b)
{
	if (a.n == 0)
		return b;
	if (b.n == 0)
		return a;
	if (a.negative == b.negative)
		return combine_magnitudes(bigs, a, b, false, a.negative);
	if (compare_magnitude(a, b) >= 0)
		return combine_magnitudes(bigs, a, b, true, a.negative);
	return combine_magnitudes(bigs, b, a, true, b.negative);
}

qd_big
qd_big_subtract(qd_bigs *bigs, qd_big a, qd_big b)
{
	return qd_big_add(bigs, a, qd_big_negate(b));
}

qd_big
qd_big_multiply(qd_bigs *bigs, qd_big a, qd_big b)
{
	size_t		n = (size_t) a.n + (size_t) b.n;
	uint32_t   *limb;
	int32_t		i;
	int32_t		j;

	if (a.n == 0 || b.n == 0 || !(limb = get_limbs(bigs, n)))
		return qd_big_zero();
	memset(limb, 0, sizeof(uint32_t) * n);
	for (i = 0; i < a.n; i++)
	{
		uint64_t	carry = 0;

		for (j = 0; j < b.n; j++)
		{
			carry += (uint64_t) a.limb[i] * b.limb[j] + limb[i + j];
			limb[i + j] = (uint32_t) carry;
			carry >>= 32;
		}
		limb[i + b.n] = (uint32_t) carry;
		count_steps(bigs, (size_t) b.n);
	}
	return make(limb, n, a.negative != b.negative);
}

/* |a| = b * quotient + rest; b is one limb */
static uint32_t
divide_by_limb(qd_bigs *bigs, qd_big a, uint32_t b, uint32_t *quotient)
{
	uint64_t	rest = 0;
	int32_t		i;

	for (i = a.n - 1; i >= 0; i--)
	{
		rest = rest << 32 | a.limb[i];
		quotient[i] = (uint32_t) (rest / b);
		rest %= b;
	}
	count_steps(bigs, (size_t) a.n);
	return (uint32_t) rest;
}

/* dst[0 .. n] = src[0 .. n - 1] << shift, for shift < 32 */
static void
shift_limbs(uint32_t *dst, const uint32_t *src, int32_t n, int shift)
{
	uint64_t	carry = 0;
	int32_t		i;

	for (i = 0; i < n; i++)
	{
		carry |= (uint64_t) src[i] << shift;
		dst[i] = (uint32_t) carry;
		carry >>= 32;
	}
	dst[n] = (uint32_t) carry;
}

/*
 * One digit of the quotient: u[0 .. n] less the multiple of v[0 .. n - 1] that
 * leaves less than v.  The top bit of v is set.
 */
static uint32_t
divide_step(uint32_t *u, const uint32_t *v, int32_t n)
{
	uint64_t	top = (uint64_t) u[n] << 32 | u[n - 1];
	uint64_t	guess = top / v[n - 1];
	uint64_t	left = top % v[n - 1];
	uint64_t	carry = 0;
	int64_t		borrow = 0;
	int32_t		i;

	/* at most two above the right one */
	while (guess > UINT32_MAX || guess * v[n - 2] > (left << 32 | u[n - 2]))
	{
		guess--;
		left += v[n - 1];
		if (left > UINT32_MAX)
			break;
	}
	for (i = 0; i < n; i++)
	{
		carry += guess * v[i];
		borrow += (int64_t) u[i] - (uint32_t) carry;
		u[i] = (uint32_t) borrow;
		carry >>= 32;
		borrow >>= 32;
	}
	borrow += (int64_t) u[n] - (int64_t) carry;
	u[n] = (uint32_t) borrow;
	if (borrow < 0)
	{
		/* one too many after all */
		guess--;
		carry = 0;
		for (i = 0; i < n; i++)
		{
			carry += (uint64_t) u[i] + v[i];
			u[i] = (uint32_t) carry;
			carry >>= 32;
		}
		u[n] += (uint32_t) carry;
	}
	return (uint32_t) guess;
}

/* |a| / |b|, for |a| >= |b|, both of two limbs or more; false: no memory */
static bool
divide_long(qd_bigs *bigs, qd_big a, qd_big b, qd_big *quotient, qd_big *rest)
{
	int			shift = __builtin_clz(b.limb[b.n - 1]);
	int32_t		digits = a.n - b.n + 1;
	uint32_t   *u = get_limbs(bigs, (size_t) a.n + 1);
	uint32_t   *v = get_limbs(bigs, (size_t) b.n + 1);
	uint32_t   *q = get_limbs(bigs, (size_t) digits);
	int32_t		i;

	if (!u || !v || !q)
		return false;
	shift_limbs(u, a.limb, a.n, shift);
	shift_limbs(v, b.limb, b.n, shift);
	for (i = digits - 1; i >= 0; i--)
	{
		q[i] = divide_step(u + i, v, b.n);
		count_steps(bigs, (size_t) b.n);
	}
	/* and the rest back */
	for (i = 0; shift > 0 && i < b.n; i++)
		u[i] = u[i] >> shift | u[i + 1] << (32 - shift);
	*quotient = make(q, (size_t) digits, false);
	*rest = make(u, (size_t) b.n, false);
	return true;
}

void
qd_big_divide(qd_bigs *bigs, qd_big a, qd_big b, qd_big *quotient, qd_big *rest)
{
	qd_big		q = qd_big_zero();
	qd_big		r = qd_big_zero();

	*quotient = q;
	*rest = r;
	if (b.n == 0)				/* only where memory has failed */
		return;
	if (compare_magnitude(a, b) < 0)
	{
		r = a;
		r.negative = false;
	}
	else if (b.n == 1)
	{
		uint32_t   *limb = get_limbs(bigs, (size_t) a.n + 1);

		if (!limb)
			return;
		limb[a.n] = divide_by_limb(bigs, a, b.limb[0], limb);
		q = make(limb, (size_t) a.n, false);
		r = make(limb + a.n, 1, false);
	}
	else if (!divide_long(bigs, a, b, &q, &r))
		return;
	if (a.negative)
	{
		q = qd_big_negate(q);
		if (r.n > 0)
		{
			q = qd_big_subtract(bigs, q, qd_big_from(bigs, 1));
			r = qd_big_subtract(bigs, b, r);
		}
	}
	*quotient = q;
	*rest = r;
}

qd_big
qd_big_round(qd_bigs *bigs, qd_big a, qd_big b)
{
	qd_big		magnitude = a;
	qd_big		twice;
	qd_big		quotient;
	qd_big		rest;

	magnitude.negative = false;
	twice = qd_big_add(bigs, qd_big_add(bigs, magnitude, magnitude), b);
	qd_big_divide(bigs, twice, qd_big_add(bigs, b, b), &quotient, &rest);
	return a.negative ? qd_big_negate(quotient) : quotient;
}

uint64_t
qd_big_fraction(qd_bigs *bigs, qd_big rest, qd_big b)
{
	size_t		n = (size_t) rest.n + 2;
	uint32_t   *limb;
	qd_big		quotient;
	qd_int128	result = 0;

	if (rest.n == 0 || !(limb = get_limbs(bigs, n)))
		return 0;
	limb[0] = 0;
	limb[1] = 0;
	memcpy(limb + 2, rest.limb, sizeof(uint32_t) * (size_t) rest.n);
	qd_big_divide(bigs, make(limb, n, false), b, &quotient, &rest);
	(void) qd_big_to(quotient, &result);
	return (uint64_t) result;
}

qd_big
qd_big_power10(qd_bigs *bigs, int n)
{
	qd_big		result = qd_big_from(bigs, 1);

	for (; n > 0; n -= n > 9 ? 9 : n)
	{
		static const uint32_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000};

		result = qd_big_multiply(bigs, result, qd_big_from(bigs, power[n > 9 ? 9 : n]));
	}
	return result;
}

qd_big
qd_big_parse(qd_bigs *bigs, const char *digits, size_t n, bool negative)
{
	size_t		most = n / 9 + 1;	/* limbs: nine digits are below 2^30 */
	uint32_t   *limb = get_limbs(bigs, most);
	size_t		used = 0;
	size_t		i;

	if (!limb)
		return qd_big_zero();
	for (i = 0; i < n;)
	{
		uint32_t	factor = 1;
		uint64_t	carry = 0;
		size_t		j;

		for (j = 0; j < 9 && i < n; j++, i++)
		{
			carry = carry * 10 + (uint32_t) (digits[i] - '0');
			factor *= 10;
		}
		for (j = 0; j < used; j++)
		{
			carry += (uint64_t) limb[j] * factor;
			limb[j] = (uint32_t) carry;
			carry >>= 32;
		}
		if (carry > 0)
			limb[used++] = (uint32_t) carry;
		count_steps(bigs, used);
	}
	return make(limb, used, negative);
}

size_t
qd_big_print_size(qd_big x, int scale)
{
	/* a limb has less than ten digits; sign, point, a digit before it, end */
	return (size_t) x.n * 10 + (size_t) scale + 4;
}

bool
qd_big_print(qd_bigs *bigs, qd_big x, int scale, char *text)
{
	uint32_t   *limb = get_limbs(bigs, (size_t) x.n);
	size_t		room = qd_big_print_size(x, scale);
	char	   *at = text +room;
	int			decimals = 0;
	qd_big		left;

	if (x.n > 0 && !limb)
		return false;
	if (x.n > 0)
		memcpy(limb, x.limb, sizeof(uint32_t) * (size_t) x.n);
	left = make(limb, (size_t) x.n, false);
	*--at = '\0';
	while (left.n > 0 || decimals <= scale)
	{
		uint32_t	nine = left.n > 0 ? divide_by_limb(bigs, left, 1000000000, limb) : 0;
		int			i;

		left = make(limb, (size_t) left.n, false);
		for (i = 0; i < 9; i++)
		{
			if (left.n == 0 && nine == 0 && decimals > scale)
				break;
			*--at = (char) ('0' + nine % 10);
			nine /= 10;
			if (++decimals == scale)
				*--at = '.';
		}
	}
	if (x.negative)
		*--at = '-';
	memmove(text, at, (size_t) (text +room - at));
	return true;
}

double
qd_big_double(qd_big x, int *exponent)
{
	double		result = 0.0;
	int32_t		i;

	*exponent = 0;
	/* 96 leading bits are enough for the nearest but one double */
	for (i = x.n - 1; i >= 0 && i >= x.n - 3; i--)
		result = result * 4294967296.0 + x.limb[i];
	if (x.n == 0)
		return 0.0;
	result = frexp(result, exponent);
	*exponent += 32 * (i + 1);
	return x.negative ? -result : result;
}

qd_big
qd_big_from_double(qd_bigs *bigs, double fraction, int exponent)
{
	int			own;
	double		mantissa = ldexp(frexp(fraction, &own), 53);
	int64_t		whole = (int64_t) fabs(mantissa);
	int			shift = exponent + own - 53;
	uint32_t   *limb;
	size_t		zeros;
	int			i;

	if (whole == 0 || shift < -53)
		return qd_big_zero();
	if (shift < 0)
	{
		whole >>= -shift;
		return qd_big_from(bigs, fraction < 0.0 ? -whole : whole);
	}
	zeros = (size_t) shift / 32;
	limb = get_limbs(bigs, zeros + 3);
	if (!limb)
		return qd_big_zero();
	memset(limb, 0, sizeof(uint32_t) * zeros);
	for (i = 0; i < 3; i++)
		limb[zeros + (size_t) i] = (uint32_t) (((qd_uint128) (uint64_t) whole << (shift % 32)) >> (32 * i));
	return make(limb, zeros + 3, fraction < 0.0);
}
