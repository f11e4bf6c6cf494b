/*
 * decimal.c
 *		numeric to and from integers, exactly.
 *
 * The server's own conversions cost several calls and allocations a value,
 * which is more than everything else this extension does with a row.  So
 * numeric is read and written here in its stored form: base-10000 digits
 * behind a header of two or four bytes.  That form is what pg_upgrade carries
 * from version to version; it has not changed since 9.1 (infinities: 14).
 */
#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "decimal.h"

#define BASE				10000
#define BASE_DIGITS			4

/* the header's first two bytes */
#define KIND_MASK			0xC000
#define KIND_NEGATIVE		0x4000
#define KIND_SHORT			0x8000
#define KIND_SPECIAL		0xC000
#define SPECIAL_NAN			0xC000
#define SPECIAL_NEGATIVE	0x2000
#define SHORT_NEGATIVE		0x2000
#define SHORT_SCALE_MASK	0x1F80
#define SHORT_SCALE_SHIFT	7
#define SHORT_SCALE_MAX		0x3F
#define SHORT_WEIGHT_SIGN	0x0040
#define SHORT_WEIGHT_MASK	0x003F
#define LONG_SCALE_MASK		0x3FFF

/* base-10000 digits that surely fit 128 bits */
#define MAX_DIGITS			9

const int64 qd_power10[19] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000), INT64CONST(10000),
	INT64CONST(100000), INT64CONST(1000000), INT64CONST(10000000), INT64CONST(100000000),
	INT64CONST(1000000000), INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000), INT64CONST(100000000000000),
	INT64CONST(1000000000000000), INT64CONST(10000000000000000),
	INT64CONST(100000000000000000), INT64CONST(1000000000000000000)
};

/* a numeric taken apart; digits may be unaligned */
typedef struct parts
{
	bool		special;
	bool		nan;
	bool		negative;
	int			weight;			/* of the first digit, in powers of 10000 */
	int			display_scale;
	int			count;			/* digits */
	const char *digits;
}			parts;

static inline int64
read_digit(const char *from)
{
	int16		digit;

	memcpy(&digit, from, sizeof(digit));
	return digit;
}

static inline int
digit_at(const parts * p, int i)
{
	return (int) read_digit(p->digits + i * sizeof(int16));
}

/* value may be toasted or have a short varlena header; nothing is copied
 * unless it is compressed or out of line */
static inline void
take_apart(Datum value, parts * p)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	const char *data;
	int			size;
	uint16		header;

	if (unlikely(VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v)))
		v = PG_DETOAST_DATUM_PACKED(value);
	data = VARDATA_ANY(v);
	size = VARSIZE_ANY_EXHDR(v);
	memcpy(&header, data, sizeof(header));

	p->special = (header & KIND_MASK) == KIND_SPECIAL;
	p->nan = false;
	if (likely((header & KIND_MASK) == KIND_SHORT))
	{
		p->negative = (header & SHORT_NEGATIVE) != 0;
		p->display_scale = (header & SHORT_SCALE_MASK) >> SHORT_SCALE_SHIFT;
		p->weight = (header & SHORT_WEIGHT_MASK);
		if (header & SHORT_WEIGHT_SIGN)
			p->weight -= SHORT_WEIGHT_MASK + 1;
		p->digits = data + sizeof(uint16);
		p->count = (size - (int) sizeof(uint16)) / (int) sizeof(int16);
	}
	else if (p->special)
	{
		p->nan = (header & ~KIND_MASK) == 0;
		p->negative = (header & SPECIAL_NEGATIVE) != 0;
		p->count = 0;
	}
	else
	{
		int16		weight;

		memcpy(&weight, data + sizeof(uint16), sizeof(weight));
		p->weight = weight;
		p->negative = (header & KIND_MASK) == KIND_NEGATIVE;
		p->display_scale = header & LONG_SCALE_MASK;
		p->digits = data + 2 * sizeof(uint16);
		p->count = (size - 2 * (int) sizeof(uint16)) / (int) sizeof(int16);
	}
}

/*
 * The common case in a few instructions: up to 16 decimal digits, which
 * trailing zeros of the fraction do not count to.  *scale is the least; false
 * when the value is anything else.
 */
bool
qd_decimal_small(Datum value, int64 *mantissa, int *scale)
{
	parts		p;
	int64		m = 0;
	int			exponent;
	int			i;

	take_apart(value, &p);
	if (p.special || p.count > 4)
		return false;
	for (i = 0; i < p.count; i++)
		m = m * BASE + digit_at(&p, i);
	exponent = p.count == 0 ? 0 : p.weight - p.count + 1;
	*scale = 0;
	if (exponent > 0)
	{
		if (p.count + exponent > 4)
			return false;
		m *= qd_power10[BASE_DIGITS * exponent];
	}
	else if (exponent < 0)
	{
		if (exponent < -4)
			return false;
		*scale = -BASE_DIGITS * exponent;
		while (m % 10 == 0)		/* the last digit of a numeric is not 0 */
		{
			m /= 10;
			(*scale)--;
		}
	}
	*mantissa = p.negative ? -m : m;
	return true;
}

/* how many decimals a finite value shows; 0 for NaN and infinity */
int
qd_decimal_display_scale(Datum value)
{
	parts		p;

	take_apart(value, &p);
	return p.special ? 0 : p.display_scale;
}

/*
 * A value >= 0 in steps of 10^-scale, where that is exact and quick to find
 * out; -1 when not, which says nothing about the value.  This is done for
 * every row: a value as it is in a tuple, with up to 16 decimal digits.
 */
int64
qd_decimal_at_scale(Datum value, int scale)
{
	const char *data = DatumGetPointer(value);
	unsigned	size;
	uint16		header;
	int			weight;
	int			count;
	int64		m;

	if (!VARATT_IS_1B(data) || VARATT_IS_1B_E(data))
		return -1;
	size = VARSIZE_1B(data) - VARHDRSZ_SHORT;
	data += VARHDRSZ_SHORT;
	memcpy(&header, data, sizeof(header));
	if ((header & (KIND_MASK | SHORT_NEGATIVE)) != KIND_SHORT)
		return -1;
	data += sizeof(header);
	count = (int) (size / sizeof(int16)) - 1;
	/* sign extension of seven bits */
	weight = ((header & (SHORT_WEIGHT_SIGN | SHORT_WEIGHT_MASK)) ^ SHORT_WEIGHT_SIGN) -
		SHORT_WEIGHT_SIGN;

	switch (count)
	{
#define DIGIT(i) (read_digit(data + (i) * sizeof(int16)))
		case 0:
			return 0;
		case 1:
			m = DIGIT(0);
			break;
		case 2:
			m = DIGIT(0) * BASE + DIGIT(1);
			break;
		case 3:
			m = (DIGIT(0) * BASE + DIGIT(1)) * BASE + DIGIT(2);
			break;
		case 4:
			m = ((DIGIT(0) * BASE + DIGIT(1)) * BASE + DIGIT(2)) * BASE + DIGIT(3);
			break;
#undef DIGIT
		default:
			return -1;
	}
	/* how many more decimals the digits have than the scale */
	switch ((count - 1 - weight) * BASE_DIGITS - scale)
	{
		case -2:
			return m * 100;
		case -1:
			return m * 10;
		case 0:
			return m;
		case 1:
			return m % 10 == 0 ? m / 10 : -1;
		case 2:
			return m % 100 == 0 ? m / 100 : -1;
		case 3:
			return m % 1000 == 0 ? m / 1000 : -1;
		default:
			return -1;
	}
}

/* any numeric */
void
qd_decimal_decode(Datum value, qd_decimal *out)
{
	parts		p;
	qd_int128	m = 0;
	int			used;
	int			exponent;
	int			i;

	take_apart(value, &p);
	out->mantissa = 0;
	out->scale = 0;
	out->negative = p.negative;
	out->display_scale = 0;
	if (p.special)
	{
		out->kind = p.nan ? QD_DECIMAL_NAN : QD_DECIMAL_INFINITE;
		return;
	}
	out->display_scale = p.display_scale;
	out->kind = QD_DECIMAL_EXACT;
	if (p.count == 0)
		return;
	if (p.weight >= MAX_DIGITS)
	{
		out->kind = QD_DECIMAL_HUGE;
		return;
	}
	used = Min(p.count, MAX_DIGITS);
	if (used < p.count)
		out->kind = QD_DECIMAL_TRUNCATED;
	for (i = 0; i < used; i++)
		m = m * BASE + digit_at(&p, i);
	exponent = p.weight - used + 1;
	for (; exponent > 0; exponent--)
		m *= BASE;
	if (exponent < 0)
	{
		out->scale = -BASE_DIGITS * exponent;
		while (out->scale > 0 && m % 10 == 0 && m != 0)
		{
			m /= 10;
			out->scale--;
		}
	}
	out->mantissa = p.negative ? -m : m;
}

/*
 * The 16 to 18 leading digits of a finite value >= 0: mantissa * 10^exponent,
 * cut, not rounded, never to 0.  false for NaN and infinity.
 */
bool
qd_decimal_leading(Datum value, int64 *mantissa, int *exponent)
{
	parts		p;
	int64		m = 0;
	int			used;
	int			i;

	take_apart(value, &p);
	if (p.special)
		return false;
	used = Min(p.count, 4);
	for (i = 0; i < used; i++)
		m = m * BASE + digit_at(&p, i);
	*exponent = BASE_DIGITS * (p.weight - used + 1);
	if (m == 0)
		*exponent = 0;
	/* fill up to 16 digits, from what follows, so that all cut alike */
	for (i = 4; m > 0 && m < INT64CONST(1000000000000000); i++)
	{
		int			next = i < p.count ? digit_at(&p, i) : 0;
		int			divisor = 1000;

		for (; divisor > 0 && m < INT64CONST(1000000000000000); divisor /= 10)
		{
			m = m * 10 + next / divisor % 10;
			(*exponent)--;
		}
	}
	*mantissa = p.negative ? -m : m;
	return true;
}

/*
 * mantissa * 10^-scale as a numeric that shows display_scale digits; scale <=
 * 36, and no digit of the value is beyond display_scale <= 63.
 */
Numeric
qd_make_numeric(qd_int128 mantissa, int scale, int display_scale)
{
	int16		digit[24];
	int			first = lengthof(digit);	/* grows downwards */
	int			last = lengthof(digit);
	int			weight;
	bool		negative = mantissa < 0;
	qd_uint128	m = negative ? -(qd_uint128) mantissa : (qd_uint128) mantissa;
	int			group = scale % BASE_DIGITS;
	int			count;
	uint64		small;
	uint16		header;
	char	   *result;
	Size		size;

	Assert(scale >= 0 && display_scale >= 0 && display_scale <= SHORT_SCALE_MAX);

	/*
	 * An incomplete group of decimals first, so that nothing can overflow; in
	 * 64 bits as soon as they do, where division is much cheaper.
	 */
	weight = -((scale + BASE_DIGITS - 1) / BASE_DIGITS);
	if (group > 0 && m > UINT64_MAX)
	{
		unsigned	divisor = (unsigned) qd_power10[group];

		digit[--first] = (int16) ((unsigned) (m % divisor) *
								  (unsigned) qd_power10[BASE_DIGITS - group]);
		m /= divisor;
		group = 0;
	}
	while (m > UINT64_MAX)
	{
		digit[--first] = (int16) (m % BASE);
		m /= BASE;
	}
	small = (uint64) m;
	if (group > 0)
	{
		unsigned	divisor = (unsigned) qd_power10[group];

		digit[--first] = (int16) ((unsigned) (small % divisor) *
								  (unsigned) qd_power10[BASE_DIGITS - group]);
		small /= divisor;
	}
	while (small > 0)
	{
		digit[--first] = (int16) (small % BASE);
		small /= BASE;
	}
	weight += last - first - 1;

	while (first < last && digit[first] == 0)
	{
		first++;
		weight--;
	}
	while (last > first && digit[last - 1] == 0)
		last--;
	count = last - first;
	if (count == 0)
	{
		weight = 0;
		negative = false;
	}

	header = KIND_SHORT | (negative ? SHORT_NEGATIVE : 0) |
		(uint16) (display_scale << SHORT_SCALE_SHIFT) |
		(weight < 0 ? SHORT_WEIGHT_SIGN : 0) | (weight & SHORT_WEIGHT_MASK);
	size = VARHDRSZ + sizeof(uint16) + count * sizeof(int16);
	result = palloc(size);
	SET_VARSIZE(result, size);
	memcpy(result + VARHDRSZ, &header, sizeof(header));
	memcpy(result + VARHDRSZ + sizeof(header), &digit[first], count * sizeof(int16));
	return (Numeric) result;
}

/* 10^n * x, false on overflow of 128 bits; n >= 0 */
static bool
scale_up(qd_int128 *x, int n)
{
	for (; n > 0 && *x != 0; n -= Min(n, 18))
		if (__builtin_mul_overflow(*x, (qd_int128) qd_power10[Min(n, 18)], x))
			return false;
	return true;
}

/*
 * How many units a value is; QD_EXACTLY refuses what is no multiple, the
 * others round.  Counts are within +-(2^63 - 1).
 */
qd_count_status
qd_count_units(const qd_unit *unit, Datum value, qd_direction direction, int64 *count)
{
	qd_decimal	d;
	qd_int128	numerator;
	qd_int128	denominator = unit->multiple;
	qd_int128	quotient;
	bool		inexact;
	int			small_scale;
	int64		small;

	/* most values are a few digits in the very step of the unit, or coarser */
	if (unit->multiple == 1 && qd_decimal_small(value, &small, &small_scale) &&
		small_scale <= unit->scale && unit->scale - small_scale <= 2)
	{
		*count = small * qd_power10[unit->scale - small_scale];
		return QD_COUNT_OK;
	}

	qd_decimal_decode(value, &d);
	if (d.kind == QD_DECIMAL_NAN || d.kind == QD_DECIMAL_INFINITE)
		return QD_COUNT_NOT_FINITE;
	if (d.kind == QD_DECIMAL_HUGE)
		return QD_COUNT_TOO_LARGE;
	if (direction == QD_EXACTLY &&
		(d.kind == QD_DECIMAL_TRUNCATED || d.scale > unit->scale))
		return QD_COUNT_NOT_MULTIPLE;

	numerator = d.mantissa;
	if (!scale_up(&numerator, Max(unit->scale - d.scale, 0)))
		return QD_COUNT_TOO_LARGE;
	if (scale_up(&denominator, Max(d.scale - unit->scale, 0)))
	{
		quotient = numerator / denominator;
		inexact = numerator % denominator != 0;
	}
	else
	{
		/* the divisor alone is beyond every numerator */
		quotient = 0;
		inexact = numerator != 0;
	}
	inexact = inexact || d.kind == QD_DECIMAL_TRUNCATED;
	if (inexact && direction == QD_EXACTLY)
		return QD_COUNT_NOT_MULTIPLE;
	if (inexact && direction == QD_UP && !d.negative)
		quotient++;
	if (inexact && direction == QD_DOWN && d.negative)
		quotient--;
	if (quotient > PG_INT64_MAX || quotient < -PG_INT64_MAX)
		return QD_COUNT_TOO_LARGE;
	*count = (int64) quotient;
	return QD_COUNT_OK;
}

/*
 * How many units a value is, in fixed point: whole (rounded down) + fraction /
 * 2^64, to the nearest for values of up to 36 digits.  Within +-(2^63 - 1).
 * *exact: whether it is a multiple of the unit.
 */
qd_count_status
qd_fixed_units(const qd_unit *unit, Datum value, int64 *whole, uint64 *fraction, bool *exact)
{
	qd_count_status status = qd_count_units(unit, value, QD_EXACTLY, whole);
	qd_decimal	d;
	qd_int128	numerator;
	qd_int128	denominator = unit->multiple;
	qd_int128	quotient;
	qd_uint128	rest;
	int			digits;
	int			bit;

	*fraction = 0;
	*exact = status == QD_COUNT_OK;
	if (status != QD_COUNT_NOT_MULTIPLE)
		return status;

	/* what is no multiple of the unit has no fewer digits than it */
	qd_decimal_decode(value, &d);
	numerator = d.mantissa;
	digits = d.scale - unit->scale;
	/* digits far below 2^-64 would only make the divisor too large */
	for (; digits > 21; digits--)
		numerator /= 10;
	if (!scale_up(&numerator, Max(-digits, 0)) || !scale_up(&denominator, Max(digits, 0)))
		return QD_COUNT_TOO_LARGE;
	quotient = numerator / denominator;
	if (numerator % denominator < 0)
		quotient--;
	rest = (qd_uint128) (numerator - quotient * denominator);
	if (quotient > PG_INT64_MAX - 1 || quotient < -PG_INT64_MAX)
		return QD_COUNT_TOO_LARGE;
	*whole = (int64) quotient;
	/* the divisor is below 2^127: 10^21 * 10^15 */
	for (bit = 63; bit >= 0 && rest != 0; bit--)
	{
		rest *= 2;
		if (rest >= (qd_uint128) denominator)
		{
			rest -= (qd_uint128) denominator;
			*fraction |= UINT64CONST(1) << bit;
		}
	}
	if (rest * 2 >= (qd_uint128) denominator)
	{
		*fraction += 1;
		*whole += *fraction == 0 ? 1 : 0;
	}
	return QD_COUNT_OK;
}

/*
 * An amount as numeric, at the unit's display scale.  This is done for every
 * row, so amounts of up to four base-10000 digits have a way of their own that
 * builds them in a register.
 */
Datum
qd_units_numeric(const qd_unit *unit, int64 count)
{
#ifndef WORDS_BIGENDIAN
	int64		mantissa;
	uint64		m;
	uint64		digits = 0;		/* the first one lowest */
	int			bytes = 0;
	int			weight = -(int) ((unsigned) (unit->scale + BASE_DIGITS - 1) / BASE_DIGITS) - 1;
	uint16		header = KIND_SHORT | (uint16) (unit->display_scale << SHORT_SCALE_SHIFT);
	char	   *result;

	if (likely(!__builtin_mul_overflow(count, unit->multiple, &mantissa) &&
			   mantissa < INT64CONST(10000000000000) &&
			   mantissa > -INT64CONST(10000000000000)))
	{
		m = (uint64) mantissa;
		if (mantissa < 0)
		{
			m = -m;
			header |= SHORT_NEGATIVE;
		}
		if (m != 0)
		{
			/* constant divisors become multiplications */
			switch ((unsigned) unit->scale % BASE_DIGITS)
			{
				case 1:
					digits = m % 10 * 1000;
					m /= 10;
					weight++;
					break;
				case 2:
					digits = m % 100 * 100;
					m /= 100;
					weight++;
					break;
				case 3:
					digits = m % 1000 * 10;
					m /= 1000;
					weight++;
					break;
				default:
					break;
			}
			/* zeros at the end are not stored */
			if (digits != 0)
				bytes = sizeof(int16);
			for (; m > 0; m /= BASE)
			{
				digits = digits << 16 | m % BASE;
				if (digits != 0)
					bytes += sizeof(int16);
				weight++;
			}
			header |= (uint16) (weight & (SHORT_WEIGHT_SIGN | SHORT_WEIGHT_MASK));
		}
		result = palloc(VARHDRSZ + sizeof(header) + sizeof(digits));
		SET_VARSIZE(result, VARHDRSZ + sizeof(header) + bytes);
		memcpy(result + VARHDRSZ, &header, sizeof(header));
		memcpy(result + VARHDRSZ + sizeof(header), &digits, sizeof(digits));
		return PointerGetDatum(result);
	}
#endif
	return NumericGetDatum(qd_make_numeric((qd_int128) count * unit->multiple,
										   unit->scale, unit->display_scale));
}

/* millionths of a unit as numeric, six digits past the unit */
Datum
qd_millionths_numeric(const qd_unit *unit, qd_int128 millionths)
{
	qd_int128	mantissa;
	int64		multiple = unit->multiple;
	int			digits = unit->scale + 6;

	/* a unit of 1000 is three digits coarser than one of 1 */
	for (; digits > 0 && multiple % 10 == 0; multiple /= 10)
		digits--;
	if (__builtin_mul_overflow(millionths, (qd_int128) multiple, &mantissa))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("exact share is out of range for a unit of %s",
						qd_units_text(unit, 1)),
				 errdetail("It is counted in millionths of the unit's last digit, in 128 bits."),
				 errhint("Use a coarser or rounder unit.")));
	return NumericGetDatum(qd_make_numeric(mantissa, digits, Max(digits, unit->display_scale)));
}

/* whole + fraction / 2^64 in millionths, half away from zero */
qd_int128
qd_fixed_millionths(int64 whole, uint64 fraction)
{
	qd_uint128	parts = (qd_uint128) fraction * 1000000;
	uint64		rest = (uint64) parts;
	uint64		half = UINT64CONST(1) << 63;
	qd_int128	result = (qd_int128) whole * 1000000 + (int64) (parts >> 64);

	/* the part cut off counts upwards, also below zero */
	if (rest > half || (rest == half && whole >= 0))
		result++;
	return result;
}

/* an amount for a message; beyond 128 bits it says so */
char *
qd_units_text(const qd_unit *unit, qd_int128 count)
{
	qd_int128	mantissa;

	if (__builtin_mul_overflow(count, (qd_int128) unit->multiple, &mantissa))
		return pstrdup(count < 0 ? "less than -10^38 units" : "more than 10^38 units");
	return qd_numeric_text(NumericGetDatum(qd_make_numeric(mantissa, unit->scale,
														   unit->display_scale)));
}

char *
qd_numeric_text(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}
