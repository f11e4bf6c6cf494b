/*
 * decimal.h
 *		numeric to and from integers, exactly.
 */
#ifndef QD_DECIMAL_H
#define QD_DECIMAL_H

#include "compat.h"

#include "utils/numeric.h"

#include "kernel/kernel.h"

typedef enum qd_decimal_kind
{
	QD_DECIMAL_EXACT,			/* mantissa * 10^-scale is the value */
	QD_DECIMAL_TRUNCATED,		/* has further digits, below 36 leading ones */
	QD_DECIMAL_HUGE,			/* 10^36 or more in magnitude */
	QD_DECIMAL_NAN,
	QD_DECIMAL_INFINITE
} qd_decimal_kind;

typedef struct qd_decimal
{
	qd_decimal_kind kind;
	int			scale;			/* >= 0, the least that holds the mantissa */
	int			display_scale;
	bool		negative;		/* of HUGE, TRUNCATED and INFINITE too */
	qd_int128	mantissa;
} qd_decimal;

/* the step of all amounts: multiple * 10^-scale */
typedef struct qd_unit
{
	int64		multiple;
	int			scale;
	int			display_scale;
} qd_unit;

typedef enum qd_direction
{
	QD_EXACTLY,
	QD_DOWN,
	QD_UP
} qd_direction;

typedef enum qd_count_status
{
	QD_COUNT_OK,
	QD_COUNT_NOT_MULTIPLE,
	QD_COUNT_NOT_FINITE,
	QD_COUNT_TOO_LARGE
} qd_count_status;

#define QD_MAX_UNIT_SCALE 30

extern const int64 qd_power10[19];

extern void qd_decimal_decode(Datum value, qd_decimal *out);
extern bool qd_decimal_small(Datum value, int64 *mantissa, int *scale);
extern int	qd_decimal_display_scale(Datum value);
extern int64 qd_decimal_at_scale(Datum value, int scale);
extern bool qd_decimal_leading(Datum value, int64 *mantissa, int *exponent);
extern Numeric qd_make_numeric(qd_int128 mantissa, int scale, int display_scale);
extern qd_count_status qd_count_units(const qd_unit *unit, Datum value,
									  qd_direction direction, int64 *count);
extern qd_count_status qd_fixed_units(const qd_unit *unit, Datum value, int64 *whole,
									  uint64 *fraction, bool *exact);
extern Datum qd_units_numeric(const qd_unit *unit, int64 count);
extern Datum qd_millionths_numeric(const qd_unit *unit, qd_int128 millionths);
extern qd_int128 qd_fixed_millionths(int64 whole, uint64 fraction);
extern char *qd_units_text(const qd_unit *unit, qd_int128 count);
extern char *qd_numeric_text(Datum value);

#endif							/* QD_DECIMAL_H */
