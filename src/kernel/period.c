/*
 * period.c
 *		Which period of a year a day is in, for years of calendar months and
 *		years of whole weeks.
 *
 * Every answer is computed from the day alone, in constant time: periods of a
 * grain follow each other without gap or overlap because each day has one.
 */
#include "kernel/period.h"

#include <stdio.h>

#define DAYS_IN_ERA		146097	/* 400 Gregorian years */
#define ERA_START		60		/* 2000-03-01, where an era begins: leap days
								 * come last */

/* weeks from a quarter's start to the end of its first, second, third month */
static const int month_ends[][3] = {
	[QD_PATTERN_ISO] = {4, 8, 13},
	[QD_PATTERN_445] = {4, 8, 13},
	[QD_PATTERN_454] = {4, 9, 13},
	[QD_PATTERN_544] = {5, 9, 13}
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t
floor_mod(int64_t a, int64_t b)
{
	return a - floor_div(a, b) * b;
}

/*
 * Months are counted from January of the year 0.  The month a day is in, and
 * the day of that month, from 1.
 */
static int64_t
month_of(int64_t day, int *day_of_month)
{
	int64_t		era = floor_div(day - ERA_START, DAYS_IN_ERA);
	int			day_of_era = (int) (day - ERA_START - era * DAYS_IN_ERA);
	int			year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
							   day_of_era / 146096) / 365;
	int			day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
											year_of_era / 100);
	int			from_march = (5 * day_of_year + 2) / 153;

	if (day_of_month)
		*day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
	return ((era + 5) * 400 + year_of_era) * 12 + from_march + 2;
}

/* the day number of a month's 1st */
static int64_t
month_start(int64_t month)
{
	int64_t		from_march = month - 2;
	int64_t		year = floor_div(from_march, 12);
	int64_t		era = floor_div(year, 400);
	int64_t		year_of_era = year - era * 400;

	return (era - 5) * DAYS_IN_ERA + ERA_START +
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		(153 * (from_march - year * 12) + 2) / 5;
}

/*
 * The day that many months later, or the last of its month where that is
 * shorter, as the server's date + interval has it.
 */
int64_t
qd_add_months(int64_t day, int64_t months)
{
	int			day_of_month;
	int64_t		month = month_of(day, &day_of_month) + months;
	int64_t		start = month_start(month);
	int64_t		length = month_start(month + 1) - start;

	return start + (day_of_month <= length ? day_of_month : length) - 1;
}

/* the last day on or before this one that weeks begin on; 1 is Monday */
static int64_t
week_start_of(int64_t day, int week_start)
{
	/* 2000-01-01 was a Saturday */
	return day - floor_mod(day + 6 - week_start, 7);
}

/* Monday to Friday */
bool
qd_is_weekday(int64_t day)
{
	return floor_mod(day + 5, 7) < 5;
}

/* Mondays to Fridays before the day, from some fixed Monday on: subtract two */
int64_t
qd_weekdays_before(int64_t day)
{
	int64_t		days = day + 5;
	int64_t		weeks = floor_div(days, 7);
	int64_t		rest = days - weeks * 7;

	return weeks * 5 + (rest < 5 ? rest : 5);
}

/* the month that begins the fiscal year which a month is in */
static int64_t
first_month_of_year(const qd_year_rule *rule, int64_t month)
{
	return month - floor_mod(month + 1 - rule->first_month, 12);
}

/*
 * The year a fiscal year is named after: the one it ends in, nominally.  A
 * year of weeks is named as the year of months that it follows, also where it
 * ends a few days earlier or later.
 */
static int32_t
fiscal_year_of(const qd_year_rule *rule, int64_t first_month)
{
	return (int32_t) (floor_div(first_month, 12) + (rule->first_month > 1 ? 1 : 0));
}

/* the first day of the week-year that follows the fiscal year of months */
static int64_t
week_year_start(const qd_year_rule *rule, int64_t first_month)
{
	return week_start_of(month_start(first_month) + 6 - rule->anchor, rule->week_start);
}

/* a year in a label: the calendar's or ISO's own, or with FY the company's */
static int
print_year(char *label, bool own, int64_t year)
{
	return snprintf(label, QD_LABEL_SIZE, "%s%s%04d", own ? "FY" : "",
					year < 0 ? "-" : "", (int) (year < 0 ? -year : year));
}

/* pieces that the ends of weeks cut a month into */
static int64_t
month_pieces(const qd_year_rule *rule, int64_t month)
{
	int64_t		first = week_start_of(month_start(month), rule->week_start);
	int64_t		last = week_start_of(month_start(month + 1) - 1, rule->week_start);

	return (last - first) / 7 + 1;
}

/* print_year() for a calendar month, and the month; returns the length */
static int
print_month(char *label, int64_t month)
{
	int			length = print_year(label, false, floor_div(month, 12));

	return length + snprintf(label + length, QD_LABEL_SIZE - length, "-%02d",
							 (int) floor_mod(month, 12) + 1);
}

static void
print_day(char *label, int64_t day)
{
	int			day_of_month;
	int			length = print_month(label, month_of(day, &day_of_month));

	snprintf(label + length, QD_LABEL_SIZE - length, "-%02d", day_of_month);
}

/* the period of a year of calendar months */
static void
find_in_months(const qd_year_rule *rule, qd_grain grain, int64_t day, qd_period *period)
{
	char	   *label = period->label;
	bool		own = rule->first_month != 1;
	int64_t		month = month_of(day, NULL);
	int64_t		first_month = first_month_of_year(rule, month);
	int64_t		number = month - first_month;	/* of the month, from 0 */
	int64_t		week = week_start_of(day, rule->week_start);
	int64_t		other;
	int			length;

	period->fiscal_year = fiscal_year_of(rule, first_month);
	period->fiscal_quarter = (int32_t) (number / 3) + 1;

	switch (grain)
	{
		case QD_GRAIN_YEAR:
			period->start = month_start(first_month);
			period->end = month_start(first_month + 12);
			period->fiscal_quarter = 0;
			period->number = 1;
			print_year(label, own, period->fiscal_year);
			break;

		case QD_GRAIN_QUARTER:
			period->start = month_start(month - number % 3);
			period->end = month_start(month - number % 3 + 3);
			period->number = period->fiscal_quarter;
			length = print_year(label, own, period->fiscal_year);
			snprintf(label + length, QD_LABEL_SIZE - length, "-Q%d", period->number);
			break;

		case QD_GRAIN_MONTH:
			period->start = month_start(month);
			period->end = month_start(month + 1);
			period->number = (int32_t) number + 1;
			print_month(label, month);
			break;

		case QD_GRAIN_WEEK:
			/* whole weeks do not nest: one belongs where its deciding day is */
			month = month_of(week + rule->anchor, NULL);
			first_month = first_month_of_year(rule, month);
			period->fiscal_year = fiscal_year_of(rule, first_month);
			period->fiscal_quarter = (int32_t) ((month - first_month) / 3) + 1;
			period->start = week;
			period->end = week + 7;
			period->number = (int32_t) ((week - week_year_start(rule, first_month)) / 7) + 1;
			/* without FY it shall be the ISO week */
			if (rule->week_start != 1 || rule->anchor != QD_ANCHOR_NEAREST)
				own = true;
			length = print_year(label, own, period->fiscal_year);
			snprintf(label + length, QD_LABEL_SIZE - length, "-W%02d", period->number);
			break;

		case QD_GRAIN_MONTH_WEEK:
			period->start = month_start(month);
			number = (week - week_start_of(period->start, rule->week_start)) / 7 + 1;
			length = print_month(label, month);
			snprintf(label + length, QD_LABEL_SIZE - length, "-W%d", (int) number);
			if (period->start < week)
				period->start = week;
			period->end = month_start(month + 1);
			if (period->end > week + 7)
				period->end = week + 7;
			for (other = first_month; other < month; other++)
				number += month_pieces(rule, other);
			period->number = (int32_t) number;
			break;

		case QD_GRAIN_DAY:
			period->start = day;
			period->end = day + 1;
			period->number = (int32_t) (day - month_start(first_month)) + 1;
			print_day(label, day);
			break;
	}
}

/* the period of a year of whole weeks */
static void
find_in_weeks(const qd_year_rule *rule, qd_grain grain, int64_t day, qd_period *period)
{
	const int  *ends = month_ends[rule->pattern];
	char	   *label = period->label;
	int64_t		week = week_start_of(day, rule->week_start);
	int64_t		first_month = first_month_of_year(rule, month_of(week + rule->anchor, NULL));
	int64_t		year_start = week_year_start(rule, first_month);
	int64_t		year_end = week_year_start(rule, first_month + 12);
	int			number = (int) ((week - year_start) / 7);	/* of the week, from 0 */
	int			quarter = number / 13 < 4 ? number / 13 : 3;	/* 53 is in the fourth */
	int			month = 0;
	int			month_week;
	int			length = 0;

	while (month < 2 && number - quarter * 13 >= ends[month])
		month++;
	month_week = quarter * 13 + (month > 0 ? ends[month - 1] : 0);

	period->fiscal_year = fiscal_year_of(rule, first_month);
	period->fiscal_quarter = quarter + 1;
	if (grain != QD_GRAIN_DAY)
		length = print_year(label, rule->pattern != QD_PATTERN_ISO || grain != QD_GRAIN_WEEK,
							period->fiscal_year);

	switch (grain)
	{
		case QD_GRAIN_YEAR:
			period->start = year_start;
			period->end = year_end;
			period->fiscal_quarter = 0;
			period->number = 1;
			break;

		case QD_GRAIN_QUARTER:
			period->start = year_start + (int64_t) quarter * 91;
			period->end = quarter == 3 ? year_end : period->start + 91;
			period->number = quarter + 1;
			snprintf(label + length, QD_LABEL_SIZE - length, "-Q%d", period->number);
			break;

		case QD_GRAIN_MONTH:
			period->start = year_start + (int64_t) month_week * 7;
			period->end = quarter == 3 && month == 2 ? year_end :
				year_start + ((int64_t) quarter * 13 + ends[month]) * 7;
			period->number = quarter * 3 + month + 1;
			snprintf(label + length, QD_LABEL_SIZE - length, "-M%02d", period->number);
			break;

		case QD_GRAIN_WEEK:
			period->start = week;
			period->end = week + 7;
			period->number = number + 1;
			snprintf(label + length, QD_LABEL_SIZE - length, "-W%02d", period->number);
			break;

		case QD_GRAIN_MONTH_WEEK:
			/* months are whole weeks here: there is nothing to cut */
			period->start = week;
			period->end = week + 7;
			period->number = number + 1;
			snprintf(label + length, QD_LABEL_SIZE - length, "-M%02d-W%d",
					 quarter * 3 + month + 1, number - month_week + 1);
			break;

		case QD_GRAIN_DAY:
			period->start = day;
			period->end = day + 1;
			period->number = (int32_t) (day - year_start) + 1;
			print_day(label, day);
			break;
	}
}

/*
 * The period of this grain that holds the day: whole, also where it reaches
 * beyond the days the server knows.  The label is always terminated.
 */
void
qd_period_find(const qd_year_rule *rule, qd_grain grain, int64_t day, qd_period *period)
{
	if (rule->pattern == QD_PATTERN_MONTH)
		find_in_months(rule, grain, day, period);
	else
		find_in_weeks(rule, grain, day, period);
}
