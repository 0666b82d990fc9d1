/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The floor alone, for every number of nodes asked for. */
#include "bench/floor.h"
#include "bench/report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 1000000, SIZES_MAX = 16 };

struct settings {
    struct floor_options floor;
    unsigned sizes[SIZES_MAX]; /* Numbers of nodes. */
    unsigned size_count;
    unsigned rounds;
    unsigned warmup;
    const char *json;
};

static const char usage[] =
    "usage: bench_floor [--nodes N,N,...] [--rounds N] [--warmup N] [--start-bytes N]\n"
    "                   [--marker-bytes N] [--report-bytes N] [--json FILE]\n";

static unsigned parse_number(const char *option, const char *text, unsigned min, unsigned max)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && number >= min &&
        number <= max) {
        return (unsigned)number;
    }
    fprintf(stderr, "bench_floor: --%s: \"%s\" is not a number from %u to %u\n", option, text, min,
            max);
    exit(2);
}

static void parse_sizes(struct settings *settings, char *list)
{
    settings->size_count = 0;
    for (char *size = strtok(list, ","); size != NULL; size = strtok(NULL, ",")) {
        if (settings->size_count == SIZES_MAX) {
            fprintf(stderr, "bench_floor: --nodes: at most %d numbers\n", SIZES_MAX);
            exit(2);
        }
        settings->sizes[settings->size_count++] = parse_number("nodes", size, 2, FLOOR_NODES_MAX);
    }
}

static void parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"nodes", required_argument, NULL, 'n'},
        {"rounds", required_argument, NULL, 'r'},
        {"warmup", required_argument, NULL, 'w'},
        {"start-bytes", required_argument, NULL, 's'},
        {"marker-bytes", required_argument, NULL, 'm'},
        {"report-bytes", required_argument, NULL, 'p'},
        {"json", required_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct floor_options *floor = &settings->floor;
    int option, index = 0;
    while ((option = getopt_long(argc, argv, "", options, &index)) != -1) {
        const char *name = options[index].name;
        switch (option) {
        case 'n':
            parse_sizes(settings, optarg);
            break;
        case 'r':
            settings->rounds = parse_number(name, optarg, 1, ROUNDS_MAX);
            break;
        case 'w':
            settings->warmup = parse_number(name, optarg, 0, ROUNDS_MAX);
            break;
        case 's':
            floor->start_bytes = parse_number(name, optarg, FLOOR_BYTES_MIN, FLOOR_BYTES_MAX);
            break;
        case 'm':
            floor->marker_bytes = parse_number(name, optarg, FLOOR_BYTES_MIN, FLOOR_BYTES_MAX);
            break;
        case 'p':
            floor->report_bytes = parse_number(name, optarg, FLOOR_BYTES_MIN, FLOOR_BYTES_MAX);
            break;
        case 'j':
            settings->json = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind == argc && settings->size_count > 0) return;
    fputs(usage, stderr);
    exit(2);
}

/* One mesh, warmed up and measured. */
static bool measure(const struct settings *settings, unsigned nodes, double *us,
                    struct report_row *row)
{
    struct floor_options options = settings->floor;
    options.nodes = nodes;
    floor_mesh *mesh = floor_open(&options);
    bool done = mesh != NULL && floor_run(mesh, settings->warmup, us) &&
                floor_run(mesh, settings->rounds, us);
    if (!done) fprintf(stderr, "bench_floor: %u nodes: %s\n", nodes, strerror(errno));
    floor_close(mesh);
    if (!done) return false;

    *row = (struct report_row){.bench = "round", .subject = "bare ZeroMQ", .nodes = nodes};
    report_measure(row, us, settings->rounds);
    return true;
}

static bool run(const struct settings *settings, double *us, FILE *json)
{
    report_heading(stdout);
    for (unsigned i = 0; i < settings->size_count; i++) {
        struct report_row row;
        if (!measure(settings, settings->sizes[i], us, &row)) return false;
        report_line(stdout, &row);
        if (json != NULL && !report_json(json, &row)) {
            fprintf(stderr, "bench_floor: %s: %s\n", settings->json, strerror(errno));
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .sizes = {2, 4, 8, 16}, .size_count = 4, .rounds = 500, .warmup = 50};
    parse_options(&settings, argc, argv);

    FILE *json = settings.json == NULL ? NULL : fopen(settings.json, "w");
    if (settings.json != NULL && json == NULL) {
        fprintf(stderr, "bench_floor: %s: %s\n", settings.json, strerror(errno));
        return 74;
    }
    unsigned most = settings.rounds > settings.warmup ? settings.rounds : settings.warmup;
    double *us = calloc(most, sizeof *us);
    bool done = us != NULL && run(&settings, us, json);
    free(us);
    if (json != NULL && fclose(json) != 0) done = false;
    return done ? 0 : 1;
}
