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

/** Sorts @p us and fills in count, median and 99th percentile. @p count at least 1. */
void report_measure(struct report_row *row, double *us, size_t count);

void report_heading(FILE *out);
void report_line(FILE *out, const struct report_row *row);

/** One JSON object on one line. False: it could not be written. */
bool report_json(FILE *out, const struct report_row *row);

#endif
