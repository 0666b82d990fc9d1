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
    const char *transport; /* Only that one; NULL: all. */
    unsigned load;         /* Only that one, from 1; 0: all. */
    bool lone;             /* Only the lone round trip. */
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

#define LOADS (sizeof loads / sizeof loads[0])

static const char usage[] = "usage: bench_rate [--turns N] [--scale X] [--json FILE]\n"
                            "                  [--transport tcp|ipc] [--load NUMBER] [--lone]\n";

static bool parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"turns", required_argument, NULL, 't'},
                                            {"scale", required_argument, NULL, 's'},
                                            {"json", required_argument, NULL, 'j'},
                                            {"transport", required_argument, NULL, 'T'},
                                            {"load", required_argument, NULL, 'l'},
                                            {"lone", no_argument, NULL, 'L'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't') {
            settings->turns = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            settings->scale = strtod(optarg, NULL);
        } else if (option == 'j') {
            settings->json = optarg;
        } else if (option == 'T') {
            settings->transport = optarg;
        } else if (option == 'l') {
            settings->load = (unsigned)strtoul(optarg, NULL, 10);
            if (settings->load < 1 || settings->load > LOADS) return false;
        } else if (option == 'L') {
            settings->lone = true;
        } else {
            return false;
        }
    }
    return optind == argc && settings->turns >= 1 && settings->turns <= TURNS_MAX &&
           settings->scale >= 0.001 && settings->scale <= 30;
}

/* ---- One way ---- */

/* One side's turns. */
struct series {
    double per_second[TURNS_MAX];
    double cpu_us[2]; /* Of each end, all turns. */
};

static bool take_turn(struct pair *pair, enum pair_kind kind, size_t bytes, unsigned count,
                      struct series *series, unsigned turn)
{
    double before[2], after[2];
    bool done = pair_cpu(pair, before) &&
                pair_stream(pair, kind, bytes, count, &series->per_second[turn]) &&
                pair_cpu(pair, after);
    for (unsigned i = 0; done && i < 2; i++) series->cpu_us[i] += after[i] - before[i];
    return done;
}

static struct report_rate rate_of(const struct series *series, const char *bench,
                                  const char *subject, size_t bytes, double messages)
{
    return (struct report_rate){.bench = bench,
                                .subject = subject,
                                .bytes = bytes,
                                .near_ns = series->cpu_us[0] * 1e3 / messages,
                                .far_ns = series->cpu_us[1] * 1e3 / messages};
}

static bool report_rates(const struct load *load, const char *bench, struct series *ours,
                         struct series *bare, double count, unsigned turns, FILE *json)
{
    double messages = count * turns;
    struct report_rate peer = rate_of(bare, bench, "bare ZeroMQ", load->bytes, messages);
    struct report_rate rate = rate_of(ours, bench, load->subject, load->bytes, messages);
    if (!report_measure_rate(&rate, ours->per_second, bare->per_second, turns)) return false;
    if (!report_measure_rate(&peer, bare->per_second, NULL, turns)) return false;
    report_rate_line(stdout, &peer);
    report_rate_line(stdout, &rate);
    return json == NULL || (report_rate_json(json, &peer) && report_rate_json(json, &rate));
}

static bool measure_rate(const struct settings *settings, struct pair *pair, const char *bench,
                         const struct load *load, FILE *json)
{
    static struct series ours, bare;
    unsigned count = (unsigned)(load->count * settings->scale);
    if (!take_turn(pair, PAIR_BARE, load->bytes, count / 4, &bare, 0)) return false; /* Warm up. */
    if (!take_turn(pair, load->kind, load->bytes, count / 4, &ours, 0)) return false;
    ours = bare = (struct series){.cpu_us = {0, 0}};
    for (unsigned turn = 0; turn < settings->turns; turn++) {
        if (!take_turn(pair, PAIR_BARE, load->bytes, count, &bare, turn)) return false;
        if (!take_turn(pair, load->kind, load->bytes, count, &ours, turn)) return false;
    }
    return report_rates(load, bench, &ours, &bare, count, settings->turns, json);
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

static bool measure_rates(const struct settings *settings, struct pair *pair, const char *bench,
                          FILE *json)
{
    bool done = true;
    report_rate_heading(stdout);
    for (unsigned i = 0; done && i < LOADS; i++) {
        if (settings->load != 0 && settings->load != i + 1) continue;
        done = measure_rate(settings, pair, bench, &loads[i], json);
    }
    return done;
}

static bool measure(const struct settings *settings, const char *transport, FILE *json)
{
    char rate[16], lone[16];
    bool done = true;
    if (settings->transport != NULL && strcmp(settings->transport, transport) != 0) return true;
    struct pair *pair = pair_open(transport);
    if (pair == NULL) return false;
    (void)snprintf(rate, sizeof rate, "rate %s", transport);
    (void)snprintf(lone, sizeof lone, "lone %s", transport);
    if (!settings->lone) done = measure_rates(settings, pair, rate, json);
    if (settings->load == 0 && done) {
        report_heading(stdout);
        done = measure_lone(settings, pair, lone, json);
    }
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
