/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A round of Gordian, from START to the verdict, beside the bare exchange of the same messages on
 * raw ZeroMQ sockets. Both meshes stand at the same time and take turns, so that what else the
 * machine does falls on both alike. */
#include "bench/cluster.h"
#include "bench/floor.h"
#include "bench/report.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN      25 /* Rounds of one before the other's turn. */
#define TURNS_MAX 40000
#define WARM      2 /* Turns that are thrown away. */

struct settings {
    unsigned turns;
    const char *json;
};

static const char usage[] = "usage: bench_round [--rounds N] [--json FILE]\n";

static bool parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"json", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'r') {
            settings->turns = (unsigned)((strtoul(optarg, NULL, 10) + TURN - 1) / TURN);
        } else if (option == 'j') {
            settings->json = optarg;
        } else {
            return false;
        }
    }
    return optind == argc && settings->turns >= 1 && settings->turns <= TURNS_MAX;
}

static bool take_turns(struct cluster *cluster, floor_mesh *mesh, unsigned turns, double *ours,
                       double *bare)
{
    for (unsigned turn = 0; turn < turns; turn++) {
        if (!floor_run(mesh, TURN, bare + (size_t)turn * TURN)) return false;
        if (!cluster_run(cluster, TURN, ours + (size_t)turn * TURN)) return false;
    }
    return true;
}

static bool measure(const struct settings *settings, unsigned nodes, FILE *json)
{
    size_t count = (size_t)settings->turns * TURN;
    size_t room = count > WARM * TURN ? count : WARM * TURN;
    double *ours = calloc(room, sizeof *ours);
    double *bare = calloc(room, sizeof *bare);
    struct cluster_options wanted = {.nodes = nodes};
    struct cluster_frames frames = cluster_frames(nodes);
    struct floor_options options = {.nodes = nodes,
                                    .start_bytes = frames.start,
                                    .marker_bytes = frames.marker,
                                    .report_bytes = frames.report};
    /* Both fork, and neither may do so while the other has threads here; the floor has none. */
    floor_mesh *mesh = floor_open(&options);
    struct cluster *cluster = mesh == NULL ? NULL : cluster_open(&wanted);
    bool done = ours != NULL && bare != NULL && cluster != NULL &&
                take_turns(cluster, mesh, WARM, ours, bare) &&
                take_turns(cluster, mesh, settings->turns, ours, bare);
    cluster_close(cluster);
    floor_close(mesh);
    if (done) {
        struct report_row floor = {.bench = "round", .subject = "bare ZeroMQ", .nodes = nodes};
        struct report_row row = {.bench = "round", .subject = "gordian", .nodes = nodes};
        report_measure(&floor, bare, count);
        report_measure(&row, ours, count);
        row.floor_us = floor.median_us;
        report_line(stdout, &floor);
        report_line(stdout, &row);
        if (json != NULL) done = report_json(json, &floor) && report_json(json, &row);
    } else {
        (void)fprintf(stderr, "bench_round: %u nodes: %s\n", nodes, strerror(errno));
    }
    free(ours);
    free(bare);
    return done;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {2, 4, 8, 16};
    struct settings settings = {.turns = 20};
    if (!parse_options(&settings, argc, argv)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    FILE *json = settings.json == NULL ? NULL : fopen(settings.json, "w");
    if (settings.json != NULL && json == NULL) {
        (void)fprintf(stderr, "bench_round: %s: %s\n", settings.json, strerror(errno));
        return 74;
    }
    bool done = true;
    report_heading(stdout);
    for (size_t i = 0; done && i < sizeof sizes / sizeof sizes[0]; i++) {
        done = measure(&settings, sizes[i], json);
    }
    if (json != NULL && fclose(json) != 0) done = false;
    return done ? 0 : 1;
}
