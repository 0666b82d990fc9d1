/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file report.h  How a benchmark tells what it measured: a table row for people, a JSON line
 *  for programs. */
#ifndef GORDIAN_BENCH_REPORT_H
#define GORDIAN_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** One series of equal measurements. */
struct report_row {
    const char *bench;   /**< What was measured: "round". Plain text without quotes. */
    const char *subject; /**< On what: "gordian", "bare ZeroMQ". Plain text without quotes. */
    unsigned nodes;
    size_t count; /**< Measurements. */
    double median_us;
    double p99_us;
    double floor_us; /**< Median of the floor or peer of the same run; 0: there is none. */
};

/** The smallest value that at least @p percent of the values do not exceed. @p sorted ascending,
 *  @p count at least 1. */
double report_percentile(const double *sorted, size_t count, double percent);

/** Processor time that this process has used, in microseconds. */
double report_cpu_us(void);

/** Sorts @p us and fills in count, median and 99th percentile. @p count at least 1. */
void report_measure(struct report_row *row, double *us, size_t count);

/** One series of rates, taken in turns with its peer's. */
struct report_rate {
    const char *bench;       /**< "rate tcp". Plain text without quotes. */
    const char *subject;     /**< As in struct report_row. */
    size_t bytes;            /**< Of one message. */
    size_t count;            /**< Turns. */
    double min, median, max; /**< Messages per second. */
    double ratio; /**< Median, over the turns, of the rate by the peer's of the same turn; 0: there
                       is no peer. */
    double near_ns, far_ns; /**< Processor time of each end for one message, over all turns. */
};

/** Fills in count, min, median, max; and the ratio, unless @p peer_per_second is NULL. Sorts
 *  @p per_second. @p count at least 1. False: out of memory. */
bool report_measure_rate(struct report_rate *rate, double *per_second,
                         const double *peer_per_second, size_t count);

void report_rate_heading(FILE *out);
void report_rate_line(FILE *out, const struct report_rate *rate);
/** As report_json(). */
bool report_rate_json(FILE *out, const struct report_rate *rate);

void report_heading(FILE *out);
void report_line(FILE *out, const struct report_row *row);

/** One JSON object on one line. False: it could not be written. */
bool report_json(FILE *out, const struct report_row *row);

#endif
