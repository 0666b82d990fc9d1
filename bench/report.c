/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/report.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

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

double report_cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void report_measure(struct report_row *row, double *us, size_t count)
{
    qsort(us, count, sizeof *us, compare_doubles);
    row->count = count;
    row->median_us = report_percentile(us, count, 50);
    row->p99_us = report_percentile(us, count, 99);
}

bool report_measure_rate(struct report_rate *rate, double *per_second,
                         const double *peer_per_second, size_t count)
{
    rate->ratio = 0;
    if (peer_per_second != NULL) {
        double *ratios = calloc(count, sizeof *ratios);
        if (ratios == NULL) return false;
        for (size_t i = 0; i < count; i++) ratios[i] = per_second[i] / peer_per_second[i];
        qsort(ratios, count, sizeof *ratios, compare_doubles);
        rate->ratio = report_percentile(ratios, count, 50);
        free(ratios);
    }
    qsort(per_second, count, sizeof *per_second, compare_doubles);
    rate->count = count;
    rate->min = per_second[0];
    rate->median = report_percentile(per_second, count, 50);
    rate->max = per_second[count - 1];
    return true;
}

void report_rate_heading(FILE *out)
{
    fprintf(out, "%-10s %-14s %5s %7s %10s %10s %10s %8s %8s %9s\n", "bench", "subject", "bytes",
            "turns", "min /s", "median /s", "max /s", "near ns", "far ns", "x bare");
}

void report_rate_line(FILE *out, const struct report_rate *rate)
{
    fprintf(out, "%-10s %-14s %5zu %7zu %10.0f %10.0f %10.0f %8.0f %8.0f", rate->bench,
            rate->subject, rate->bytes, rate->count, rate->min, rate->median, rate->max,
            rate->near_ns, rate->far_ns);
    if (rate->ratio > 0) fprintf(out, " %9.2f", rate->ratio);
    fputc('\n', out);
    fflush(out);
}

bool report_rate_json(FILE *out, const struct report_rate *rate)
{
    fprintf(out,
            "{\"bench\": \"%s\", \"subject\": \"%s\", \"bytes\": %zu, \"count\": %zu, "
            "\"min_per_s\": %.0f, \"median_per_s\": %.0f, \"max_per_s\": %.0f, "
            "\"near_cpu_ns\": %.1f, \"far_cpu_ns\": %.1f",
            rate->bench, rate->subject, rate->bytes, rate->count, rate->min, rate->median,
            rate->max, rate->near_ns, rate->far_ns);
    if (rate->ratio > 0) fprintf(out, ", \"ratio\": %.3f", rate->ratio);
    fprintf(out, "}\n");
    return fflush(out) == 0 && !ferror(out);
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
