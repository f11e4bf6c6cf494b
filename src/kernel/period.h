/*
 * period.h
 *		Years, quarters, months and weeks of the calendars companies plan by,
 *		in plain C on day numbers: no Datum, no palloc, no ereport.
 *
 * A day number counts days from 2000-01-01, as the server's date does, but in
 * 64 bits, so that nothing overflows at the ends of the date type.
 */
#ifndef QD_PERIOD_H
#define QD_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

typedef enum qd_grain
{
	QD_GRAIN_YEAR,
	QD_GRAIN_QUARTER,
	QD_GRAIN_MONTH,
	QD_GRAIN_WEEK,
	QD_GRAIN_MONTH_WEEK,		/* the week, cut at month ends */
	QD_GRAIN_DAY
} qd_grain;

typedef enum qd_pattern
{
	QD_PATTERN_MONTH,			/* years of calendar months */
	QD_PATTERN_ISO,				/* the rest: years of whole weeks */
	QD_PATTERN_445,
	QD_PATTERN_454,
	QD_PATTERN_544
} qd_pattern;

/*
 * Which year a week that crosses a year's end belongs to, as the day of the
 * week (0 to 6) that decides.  The fourth day: the year has most of the week,
 * and begins on the week start nearest the 1st.  The seventh: the year's 1st
 * is in its first week, which begins on or before it.
 */
typedef enum qd_anchor
{
	QD_ANCHOR_NEAREST = 3,
	QD_ANCHOR_LAST = 6
} qd_anchor;

typedef struct qd_year_rule
{
	qd_pattern	pattern;
	int			first_month;	/* 1 .. 12 */
	int			week_start;		/* 1 Monday .. 7 Sunday */
	qd_anchor	anchor;
} qd_year_rule;

#define QD_LABEL_SIZE	32

typedef struct qd_period
{
	int64_t		start;
	int64_t		end;			/* the day after the last */
	int32_t		fiscal_year;
	int32_t		fiscal_quarter; /* 1 .. 4; 0 for a whole year */
	int32_t		number;			/* in the fiscal year, from 1 */
	char		label[QD_LABEL_SIZE];
} qd_period;

extern void qd_period_find(const qd_year_rule *rule, qd_grain grain, int64_t day,
						   qd_period *period);
extern bool qd_is_weekday(int64_t day);
extern int64_t qd_weekdays_before(int64_t day);
extern int64_t qd_add_months(int64_t day, int64_t months);

#endif							/* QD_PERIOD_H */
