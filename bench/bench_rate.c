/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many messages a second go from one process to another, and how long a lone one takes there
 * and back, beside the same bytes on a bare ZeroMQ PUSH and PULL. Both ways stand at the same time
 * and take turns. */
#include "bench/pair.h"
#include "bench/report.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURNS_MAX  1000
#define LONE_BYTES 64

struct settings {
    unsigned turns;
    double scale; /* Of the number of messages in a turn. */
    const char *json;
};

struct load {
    enum pair_kind kind;
    const char *subject;
    size_t bytes;
    unsigned count; /* In one turn: about a tenth of a second. */
};

static const struct load loads[] = {{PAIR_PAYLOAD, "gordian", 64, 300000},
                                    {PAIR_PAYLOAD, "gordian", 256, 150000},
                                    {PAIR_PAYLOAD, "gordian", 1024, 60000},
                                    {PAIR_LOCKS, "lock messages", PAIR_LOCK_BYTES, 100000}};

static const char usage[] = "usage: bench_rate [--turns N] [--scale X] [--json FILE]\n";

static bool parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"turns", required_argument, NULL, 't'},
                                            {"scale", required_argument, NULL, 's'},
                                            {"json", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't') {
            settings->turns = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            settings->scale = strtod(optarg, NULL);
        } else if (option == 'j') {
            settings->json = optarg;
        } else {
            return false;
        }
    }
    return optind == argc && settings->turns >= 1 && settings->turns <= TURNS_MAX &&
           settings->scale >= 0.001 && settings->scale <= 30;
}

/* ---- One way ---- */

static bool report_rates(const struct load *load, const char *bench, double *ours, double *bare,
                         unsigned turns, FILE *json)
{
    struct report_rate peer = {.bench = bench, .subject = "bare ZeroMQ", .bytes = load->bytes};
    struct report_rate rate = {.bench = bench, .subject = load->subject, .bytes = load->bytes};
    if (!report_measure_rate(&rate, ours, bare, turns)) return false;
    if (!report_measure_rate(&peer, bare, NULL, turns)) return false;
    report_rate_line(stdout, &peer);
    report_rate_line(stdout, &rate);
    return json == NULL || (report_rate_json(json, &peer) && report_rate_json(json, &rate));
}

static bool measure_rate(const struct settings *settings, struct pair *pair, const char *bench,
                         const struct load *load, FILE *json)
{
    double ours[TURNS_MAX], bare[TURNS_MAX];
    unsigned count = (unsigned)(load->count * settings->scale);
    if (!pair_stream(pair, PAIR_BARE, load->bytes, count / 4, bare)) return false; /* Warm up. */
    if (!pair_stream(pair, load->kind, load->bytes, count / 4, ours)) return false;
    for (unsigned turn = 0; turn < settings->turns; turn++) {
        if (!pair_stream(pair, PAIR_BARE, load->bytes, count, &bare[turn])) return false;
        if (!pair_stream(pair, load->kind, load->bytes, count, &ours[turn])) return false;
    }
    return report_rates(load, bench, ours, bare, settings->turns, json);
}

/* ---- There and back ---- */

static bool report_lone(const char *bench, double *ours, double *bare, size_t count, FILE *json)
{
    struct report_row floor = {.bench = bench, .subject = "bare ZeroMQ", .nodes = 2};
    struct report_row row = {.bench = bench, .subject = "gordian", .nodes = 2};
    report_measure(&floor, bare, count);
    report_measure(&row, ours, count);
    row.floor_us = floor.median_us;
    report_line(stdout, &floor);
    report_line(stdout, &row);
    return json == NULL || (report_json(json, &floor) && report_json(json, &row));
}

static bool measure_lone(const struct settings *settings, struct pair *pair, const char *bench,
                         FILE *json)
{
    unsigned each = (unsigned)(250 * settings->scale);
    if (each == 0) each = 1;
    size_t count = (size_t)each * settings->turns;
    double *ours = calloc(count, sizeof *ours), *bare = calloc(count, sizeof *bare);
    bool done = ours != NULL && bare != NULL;
    for (unsigned turn = 0; done && turn < settings->turns; turn++) {
        size_t at = (size_t)turn * each;
        done = pair_ping(pair, PAIR_BARE, LONE_BYTES, each, bare + at) &&
               pair_ping(pair, PAIR_PAYLOAD, LONE_BYTES, each, ours + at);
    }
    done = done && report_lone(bench, ours, bare, count, json);
    free(ours);
    free(bare);
    return done;
}

/* ---- All ---- */

static bool measure(const struct settings *settings, const char *transport, FILE *json)
{
    char rate[16], lone[16];
    bool done = true;
    struct pair *pair = pair_open(transport);
    if (pair == NULL) return false;
    (void)snprintf(rate, sizeof rate, "rate %s", transport);
    (void)snprintf(lone, sizeof lone, "lone %s", transport);
    report_rate_heading(stdout);
    for (size_t i = 0; done && i < sizeof loads / sizeof loads[0]; i++) {
        done = measure_rate(settings, pair, rate, &loads[i], json);
    }
    if (done) report_heading(stdout);
    done = done && measure_lone(settings, pair, lone, json);
    pair_close(pair);
    return done;
}

int main(int argc, char **argv)
{
    struct settings settings = {.turns = 15, .scale = 1};
    if (!parse_options(&settings, argc, argv)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    FILE *json = settings.json == NULL ? NULL : fopen(settings.json, "w");
    if (settings.json != NULL && json == NULL) {
        (void)fprintf(stderr, "bench_rate: %s: %s\n", settings.json, strerror(errno));
        return 74;
    }
    bool done = measure(&settings, "tcp", json) && measure(&settings, "ipc", json);
    if (json != NULL && fclose(json) != 0) done = false;
    return done ? 0 : 1;
}
