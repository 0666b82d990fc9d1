/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How long it takes until a deadlock of two nodes is found, from the request that closes it, while
 * a third node hangs (SIGSTOP), and while it does not, in turns. The one that hangs has a channel
 * to each of the others, so both miss its marker until the deadline of the round. */
#include "bench/cluster.h"
#include "bench/report.h"
#include <errno.h>
#include <getopt.h>
#include <gordian/node.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS     10000
#define PATIENCE_MS 10
#define TURNS_MAX   10000

struct settings {
    unsigned turns;
    int64_t deadline_ms;
    const char *json;
};

static const char usage[] = "usage: bench_hung [--turns N] [--deadline MS] [--json FILE]\n";

/* The two nodes in this process, and a third in one of its own. */
struct stage {
    struct cluster *cluster;
    gdn_node *nodes[2];
    unsigned ring; /* How many there were. */
};

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---- A lock manager for the ring ---- */

static gdn_process_id process_of(const struct stage *stage, int side)
{
    char name[32];
    (void)snprintf(name, sizeof name, "T%d-%u", side, stage->ring);
    return gdn_process_named(name);
}

static gdn_resource_id resource_of(int side)
{
    return gdn_resource_named(side == 0 ? "A" : "B");
}

/* Take what comes at that node, granting what can be granted, until such an item is there. */
static bool take_until(gdn_node *node, enum gdn_item_type wanted)
{
    struct gdn_item item;
    gdn_ticket ticket;
    while (gdn_take(node, &item, WAIT_MS) == GDN_OK) {
        enum gdn_item_type type = item.type;
        gdn_resource_id resource = item.resource;
        gdn_item_fini(&item);
        bool asks = type == GDN_ITEM_REQUESTED || type == GDN_ITEM_RELEASED;
        while (asks && gdn_next(node, resource, &ticket) == GDN_OK) {
            if (gdn_grant(node, ticket) != GDN_OK) return false;
        }
        if (type == wanted) return true;
    }
    return false;
}

static bool ask(struct stage *stage, int side, int home)
{
    gdn_ticket ticket;
    struct gdn_request request = {.process = process_of(stage, side),
                                  .resource = resource_of(home)};
    return gdn_request(stage->nodes[side], gdn_node_self(stage->nodes[home]), &request, &ticket) ==
           GDN_OK;
}

static bool hold_both(struct stage *stage)
{
    stage->ring++;
    for (int side = 0; side < 2; side++) {
        if (!ask(stage, side, side)) return false;
        if (!take_until(stage->nodes[side], GDN_ITEM_GRANTED)) return false;
    }
    return true;
}

static bool await_event(struct stage *stage, enum gdn_detector_event_type wanted, bool complete)
{
    struct gdn_detector_event event;
    double until = now_us() + WAIT_MS * 1e3;
    while (now_us() < until) {
        if (gdn_detector_next(cluster_detector(stage->cluster), 100, &event) != GDN_OK) continue;
        if (event.type != wanted) continue;
        if (wanted != GDN_DETECTOR_ROUND || event.verdict->complete == complete) return true;
    }
    return false;
}

/* Both end, and what they had asked of each other with them. */
static bool untie(struct stage *stage)
{
    struct gdn_item item;
    for (int side = 0; side < 2; side++) {
        if (gdn_end(stage->nodes[side], process_of(stage, side)) != GDN_OK) return false;
    }
    for (int side = 0; side < 2; side++) {
        double until = now_us() + WAIT_MS * 1e3;
        while (gdn_node_counters(stage->nodes[side]).ledger.resources > 0) {
            if (now_us() > until) return false;
            if (gdn_take(stage->nodes[side], &item, 1) == GDN_OK) gdn_item_fini(&item);
        }
    }
    return true;
}

/* From the last request to the news. */
static bool find_one(struct stage *stage, double *us)
{
    if (!hold_both(stage) || !ask(stage, 0, 1)) return false;
    if (!take_until(stage->nodes[1], GDN_ITEM_REQUESTED)) return false;
    double began = now_us();
    if (!ask(stage, 1, 0) || !await_event(stage, GDN_DETECTOR_DEADLOCK, false)) return false;
    *us = now_us() - began;
    return untie(stage);
}

/* ---- The stage ---- */

static bool open_node(struct stage *stage, int side)
{
    char why[256];
    const char *const detectors[] = {gdn_detector_endpoint(cluster_detector(stage->cluster))};
    struct gdn_node_options options = {.name = side == 0 ? "left" : "right",
                                       .bind = "tcp://127.0.0.1:*",
                                       .detectors = detectors,
                                       .detector_count = 1,
                                       .patience_ms = PATIENCE_MS,
                                       .silence_ms = 600000};
    if (gdn_node_open(&options, &stage->nodes[side], why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "bench_hung: %s\n", why);
        return false;
    }
    return gdn_connect(stage->nodes[side], "n1", cluster_endpoint(stage->cluster, 0)) == GDN_OK &&
           gdn_await(stage->nodes[side], gdn_node_named("n1"), WAIT_MS) == GDN_OK;
}

static bool open_stage(struct stage *stage, const struct settings *settings)
{
    struct cluster_options options = {.nodes = 1, .deadline_ms = settings->deadline_ms};
    stage->cluster = cluster_open(&options);
    if (stage->cluster == NULL || !open_node(stage, 0) || !open_node(stage, 1)) return false;
    if (gdn_connect(stage->nodes[0], "right", gdn_node_endpoint(stage->nodes[1])) != GDN_OK ||
        gdn_await(stage->nodes[0], gdn_node_named("right"), WAIT_MS) != GDN_OK ||
        gdn_await(stage->nodes[1], gdn_node_named("left"), WAIT_MS) != GDN_OK) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!await_event(stage, GDN_DETECTOR_NODE_JOINED, false)) return false;
    }
    return true;
}

static void close_stage(struct stage *stage)
{
    for (int side = 0; side < 2; side++) gdn_node_close(stage->nodes[side]);
    cluster_close(stage->cluster);
}

/* The one that hung takes part again. */
static bool wake(struct stage *stage)
{
    cluster_hang(stage->cluster, 0, false);
    gdn_detector_suspect(cluster_detector(stage->cluster));
    return await_event(stage, GDN_DETECTOR_ROUND, true);
}

static bool take_turns(struct stage *stage, unsigned turns, double *quiet, double *hung)
{
    for (unsigned i = 0; i < turns; i++) {
        if (!find_one(stage, &quiet[i])) return false;
        cluster_hang(stage->cluster, 0, true);
        if (!find_one(stage, &hung[i]) || !wake(stage)) return false;
    }
    return true;
}

static bool tell(const struct report_row *row, FILE *json)
{
    report_line(stdout, row);
    return json == NULL || report_json(json, row);
}

static bool measure(const struct settings *settings, FILE *json)
{
    struct stage stage = {.cluster = NULL};
    double *quiet = calloc(settings->turns, sizeof *quiet);
    double *hung = calloc(settings->turns, sizeof *hung);
    bool done = quiet != NULL && hung != NULL && open_stage(&stage, settings) &&
                take_turns(&stage, settings->turns, quiet, hung);
    close_stage(&stage);
    if (done) {
        struct report_row all = {.bench = "found", .subject = "all answer", .nodes = 3};
        struct report_row one = {.bench = "found", .subject = "one hangs", .nodes = 3};
        report_measure(&all, quiet, settings->turns);
        report_measure(&one, hung, settings->turns);
        one.floor_us = all.median_us;
        struct report_row deadline = one;
        deadline.subject = "/ deadline";
        deadline.floor_us = (double)settings->deadline_ms * 1e3;
        done = tell(&all, json) && tell(&one, json) && tell(&deadline, json);
    } else {
        (void)fprintf(stderr, "bench_hung: it did not get there in %d ms\n", WAIT_MS);
    }
    free(quiet);
    free(hung);
    return done;
}

static bool parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {{"turns", required_argument, NULL, 't'},
                                            {"deadline", required_argument, NULL, 'd'},
                                            {"json", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't') {
            settings->turns = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'd') {
            settings->deadline_ms = (int64_t)strtol(optarg, NULL, 10);
        } else if (option == 'j') {
            settings->json = optarg;
        } else {
            return false;
        }
    }
    return optind == argc && settings->turns >= 1 && settings->turns <= TURNS_MAX &&
           settings->deadline_ms >= 1 && settings->deadline_ms < WAIT_MS;
}

int main(int argc, char **argv)
{
    struct settings settings = {.turns = 20, .deadline_ms = 200};
    if (!parse_options(&settings, argc, argv)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    FILE *json = settings.json == NULL ? NULL : fopen(settings.json, "w");
    if (settings.json != NULL && json == NULL) {
        (void)fprintf(stderr, "bench_hung: %s: %s\n", settings.json, strerror(errno));
        return 74;
    }
    report_heading(stdout);
    bool done = measure(&settings, json);
    if (json != NULL && fclose(json) != 0) done = false;
    return done ? 0 : 1;
}
