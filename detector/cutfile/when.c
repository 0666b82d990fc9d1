/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "when.h"

#include <stdio.h>

#define DAY_SECONDS INT64_C(86400)
#define SECOND_US   INT64_C(1000000)

/* 9999-12-31T23:59:59.999999Z. */
#define LAST_US INT64_C(253402300799999999)

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 to the first of January of @p year, which is 1970 or later. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;
    int64_t since_one = y * 365 + y / 4 - y / 100 + y / 400;
    return since_one - 719162; /* What the line above gives for 1970. */
}

/* Reads exactly @p digits digits and moves on. */
static bool take_number(const char **at, int digits, int *value)
{
    *value = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, int64_t *days)
{
    int year, month, day;
    if (!take_number(at, 4, &year) || !take_char(at, '-')) return false;
    if (!take_number(at, 2, &month) || !take_char(at, '-')) return false;
    if (!take_number(at, 2, &day)) return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1) return false;
    if (day > month_days(year, month)) return false;
    *days = days_before_year(year) + day - 1;
    for (int m = 1; m < month; m++) *days += month_days(year, m);
    return true;
}

static bool take_time(const char **at, int64_t *seconds)
{
    int hour, minute, second;
    if (!take_number(at, 2, &hour) || !take_char(at, ':')) return false;
    if (!take_number(at, 2, &minute) || !take_char(at, ':')) return false;
    if (!take_number(at, 2, &second)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    *seconds = (int64_t)hour * 3600 + minute * 60 + second;
    return true;
}

/* An optional fraction; digits beyond the sixth are dropped. */
static bool take_fraction(const char **at, int64_t *us)
{
    *us = 0;
    if (!take_char(at, '.')) return true;
    int64_t unit = SECOND_US / 10;
    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; (*at)++, unit /= 10) *us += (**at - '0') * unit;
    return true;
}

static bool take_zone(const char **at, int64_t *seconds)
{
    *seconds = 0;
    if (take_char(at, 'Z') || take_char(at, 'z')) return true;
    bool east = **at == '+';
    if (!east && **at != '-') return false;
    (*at)++;
    int hour, minute;
    if (!take_number(at, 2, &hour) || !take_char(at, ':')) return false;
    if (!take_number(at, 2, &minute) || hour > 23 || minute > 59) return false;
    *seconds = ((int64_t)hour * 60 + minute) * (east ? 60 : -60);
    return true;
}

bool gdn__when_parse(const char *text, int64_t *us)
{
    int64_t days, seconds, fraction, zone;
    if (!take_date(&text, &days)) return false;
    if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' ')) return false;
    if (!take_time(&text, &seconds) || !take_fraction(&text, &fraction)) return false;
    if (!take_zone(&text, &zone) || *text != '\0') return false;
    int64_t when = (days * DAY_SECONDS + seconds - zone) * SECOND_US + fraction;
    if (when < 0) return false;
    *us = when;
    return true;
}

const char *gdn__when_format(int64_t us, char text[GDN__WHEN_BYTES])
{
    if (us < 0) us = 0;
    if (us > LAST_US) us = LAST_US;
    int64_t days = us / SECOND_US / DAY_SECONDS;
    int second = (int)(us / SECOND_US % DAY_SECONDS);
    int64_t year = 1970 + days / 366; /* At most a few years early. */
    while (days_before_year(year + 1) <= days) year++;
    int day = (int)(days - days_before_year(year));
    int month = 1;
    while (day >= month_days(year, month)) day -= month_days(year, month++);

    char fraction[16] = "";
    unsigned rest = (unsigned)(us % SECOND_US);
    if (rest != 0) (void)snprintf(fraction, sizeof fraction, ".%06u", rest % 1000000);
    (void)snprintf(text, GDN__WHEN_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u%.7sZ",
                   (unsigned)year % 10000, (unsigned)month % 100, (unsigned)(day + 1) % 100,
                   (unsigned)(second / 3600) % 100, (unsigned)(second / 60 % 60) % 100,
                   (unsigned)(second % 60) % 100, fraction);
    return text;
}
