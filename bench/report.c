/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/report.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double report_percentile(const double *sorted, size_t count, double percent)
{
    assert(count > 0);
    size_t rank = (size_t)ceil(percent / 100.0 * (double)count);
    if (rank < 1) rank = 1;
    if (rank > count) rank = count;
    return sorted[rank - 1];
}

void report_measure(struct report_row *row, double *us, size_t count)
{
    qsort(us, count, sizeof *us, compare_doubles);
    row->count = count;
    row->median_us = report_percentile(us, count, 50);
    row->p99_us = report_percentile(us, count, 99);
}

void report_heading(FILE *out)
{
    fprintf(out, "%-10s %-14s %5s %7s %10s %10s %9s\n", "bench", "subject", "nodes", "count",
            "median us", "p99 us", "x floor");
}

void report_line(FILE *out, const struct report_row *row)
{
    fprintf(out, "%-10s %-14s %5u %7zu %10.0f %10.0f", row->bench, row->subject, row->nodes,
            row->count, row->median_us, row->p99_us);
    if (row->floor_us > 0) fprintf(out, " %9.2f", row->median_us / row->floor_us);
    fputc('\n', out);
    fflush(out);
}

bool report_json(FILE *out, const struct report_row *row)
{
    fprintf(out,
            "{\"bench\": \"%s\", \"subject\": \"%s\", \"nodes\": %u, \"count\": %zu, "
            "\"median_us\": %.1f, \"p99_us\": %.1f",
            row->bench, row->subject, row->nodes, row->count, row->median_us, row->p99_us);
    if (row->floor_us > 0) {
        fprintf(out, ", \"floor_us\": %.1f, \"ratio\": %.3f", row->floor_us,
                row->median_us / row->floor_us);
    }
    fprintf(out, "}\n");
    return fflush(out) == 0 && !ferror(out);
}
