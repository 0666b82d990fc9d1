/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two clocks the demos read. */
#ifndef DEMOS_CLOCK_H
#define DEMOS_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Microseconds of the monotonic clock: for deadlines and durations. */
static inline int64_t clock_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

/* Microseconds since 1970, UTC: when a transaction began. */
static inline int64_t clock_utc_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

/* What is left until @p deadline_us, as poll() wants it: rounded up, never negative. */
static inline int clock_left_ms(int64_t deadline_us)
{
    int64_t left = deadline_us - clock_us();
    return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

#endif
