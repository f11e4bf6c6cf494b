/*
 * t_period.c
 *		Periods against the C library's calendar, day by day, and at the ends
 *		of the server's dates.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/period.h"
#include "tap.h"

#define EPOCH_2000	946684800	/* seconds from 1970 to 2000 */
#define FIRST_DAY	(-2451545)	/* 4714-11-24 BC */
#define LAST_DAY	2145031948	/* 5874897-12-31 */

/* every grain on every day: holds it, begins where the one before ends */
static bool
follow_each_other(const qd_year_rule *rule, int64_t from, int64_t to)
{
	int			grain;

	for (grain = QD_GRAIN_YEAR; grain <= QD_GRAIN_DAY; grain++)
	{
		qd_period	p;
		qd_period	last;
		int64_t		day;

		memset(&last, 0, sizeof(last));
		for (day = from; day < to; day++)
		{
			qd_period_find(rule, (qd_grain) grain, day, &p);
			if (p.start > day || p.end <= day || p.number < 1 ||
				strlen(p.label) == 0 || strlen(p.label) >= QD_LABEL_SIZE)
				return false;
			if (day > from && day < last.end &&
				(p.start != last.start || p.end != last.end || p.number != last.number ||
				 p.fiscal_year != last.fiscal_year || strcmp(p.label, last.label) != 0))
				return false;
			if (day > from && day == last.end &&
				(p.start != day || strcmp(p.label, last.label) == 0 ||
				 (p.fiscal_year == last.fiscal_year ? p.number != last.number + 1 :
				  p.fiscal_year != last.fiscal_year + 1 || p.number != 1)))
				return false;
			last = p;
		}
	}
	return true;
}

/* all rules there are, over the same days */
static int
wrong_rules(int64_t from, int64_t to)
{
	int			pattern;
	int			first_month;
	int			week_start;
	int			wrong = 0;

	for (pattern = QD_PATTERN_MONTH; pattern <= QD_PATTERN_544; pattern++)
	{
		for (first_month = 1; first_month <= 12; first_month++)
		{
			for (week_start = 1; week_start <= 7; week_start++)
			{
				qd_year_rule rule = {(qd_pattern) pattern, first_month, week_start, QD_ANCHOR_NEAREST};

				wrong += !follow_each_other(&rule, from, to);
				rule.anchor = QD_ANCHOR_LAST;
				wrong += !follow_each_other(&rule, from, to);
			}
		}
	}
	return wrong;
}

int
main(void)
{
	const qd_year_rule calendar = {QD_PATTERN_MONTH, 1, 1, QD_ANCHOR_NEAREST};
	const qd_year_rule iso = {QD_PATTERN_ISO, 1, 1, QD_ANCHOR_NEAREST};
	int64_t		day;
	int64_t		weekdays = qd_weekdays_before(-400000);
	int			wrong_label = 0;
	int			wrong_week = 0;
	int			wrong_weekday = 0;
	int			wrong_count = 0;

	for (day = -400000; day < 400000; day++)	/* years 904 to 3095 */
	{
		time_t		seconds = (time_t) (EPOCH_2000 + day * 86400);
		struct tm	tm;
		char		text[32];
		qd_period	p;

		gmtime_r(&seconds, &tm);
		strftime(text, sizeof(text), "%Y-%m-%d", &tm);
		if (tm.tm_year < -900)	/* the C library does not pad */
		{
			memmove(text + 1, text, strlen(text) + 1);
			text[0] = '0';
		}
		qd_period_find(&calendar, QD_GRAIN_DAY, day, &p);
		wrong_label += strcmp(p.label, text) != 0 || p.number != tm.tm_yday + 1 ||
			p.fiscal_quarter != tm.tm_mon / 3 + 1;
		strftime(text, sizeof(text), "%V", &tm);
		qd_period_find(&iso, QD_GRAIN_WEEK, day, &p);
		wrong_week += p.number != atoi(text) || day - p.start != (tm.tm_wday + 6) % 7;
		wrong_weekday += qd_is_weekday(day) != (tm.tm_wday >= 1 && tm.tm_wday <= 5);
		wrong_count += qd_weekdays_before(day) != weekdays;
		weekdays += qd_is_weekday(day);
	}
	ok(wrong_label == 0, "days are the C library's");
	ok(wrong_week == 0, "ISO weeks are the C library's");
	ok(wrong_weekday == 0, "weekdays are the C library's");
	ok(wrong_count == 0, "weekdays are counted one by one");

	ok(wrong_rules(9000, 9900) == 0, "periods of every rule follow each other");
	ok(wrong_rules(FIRST_DAY, FIRST_DAY + 500) == 0, "from the server's first day on");
	ok(wrong_rules(LAST_DAY - 500, LAST_DAY + 1) == 0, "up to the server's last day");

	ok(qd_add_months(30, 1) == 59, "31 January 2000 and a month: 29 February");
	ok(qd_add_months(59, 12) == 424, "29 February 2000 and a year: 28 February");
	ok(qd_add_months(59, 48) == 1520, "29 February 2000 and four years: 29 February");
	ok(qd_add_months(59, -1) == 28, "29 February 2000 less a month: 29 January");
	return tap_done();
}
