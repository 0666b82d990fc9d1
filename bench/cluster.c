/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/cluster.h"

#include "src/core/wire.h"
#include <gordian/node.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS    10000
#define SILENCE_MS     600000 /* Nobody is lost, however long he hangs. */
#define ENDPOINT_BYTES 128
#define NODES_MAX      256

struct member {
    pid_t pid;
    int line; /* To the process. */
    char endpoint[ENDPOINT_BYTES];
};

struct cluster {
    unsigned node_count;
    struct member members[NODES_MAX];
    gdn_detector *detector;
};

static const char *name_of(unsigned index, char name[16])
{
    (void)snprintf(name, 16, "n%u", index + 1);
    return name;
}

/* ---- In the child ---- */

static bool get(int line, char text[ENDPOINT_BYTES])
{
    return recv(line, text, ENDPOINT_BYTES, MSG_WAITALL) == ENDPOINT_BYTES;
}

static bool put(int line, const char *text)
{
    char block[ENDPOINT_BYTES] = "";
    (void)snprintf(block, sizeof block, "%s", text);
    return send(line, block, sizeof block, MSG_NOSIGNAL) == ENDPOINT_BYTES;
}

static bool connect_peers(gdn_node *node, int line, unsigned self, unsigned count)
{
    char endpoint[ENDPOINT_BYTES], name[16];
    for (unsigned i = 0; i < count; i++) {
        if (!get(line, endpoint)) return false;
        if (i != self && gdn_connect(node, name_of(i, name), endpoint) != GDN_OK) return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (i == self) continue;
        if (gdn_await(node, gdn_node_named(name_of(i, name)), PATIENCE_MS) != GDN_OK) return false;
    }
    return put(line, "ready");
}

/* A node that does nothing but take part, until its line is closed. */
static int be_node(int line, unsigned self, unsigned count)
{
    char detector[ENDPOINT_BYTES], name[16], why[256], end;
    gdn_node *node;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!get(line, detector)) return 1;
    const char *const detectors[] = {detector};
    struct gdn_node_options options = {.name = name_of(self, name),
                                       .bind = "tcp://127.0.0.1:*",
                                       .detectors = detectors,
                                       .detector_count = 1};
    if (gdn_node_open(&options, &node, why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "%s\n", why);
        return 1;
    }
    bool ready = put(line, gdn_node_endpoint(node)) && connect_peers(node, line, self, count);
    if (ready) (void)!recv(line, &end, 1, 0);
    gdn_node_close(node);
    return ready ? 0 : 1;
}

/* ---- In the parent ---- */

static bool fork_members(struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->node_count; i++) {
        int lines[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines) != 0) return false;
        pid_t pid = fork();
        if (pid == 0) {
            for (unsigned k = 0; k < i; k++) (void)close(cluster->members[k].line);
            (void)close(lines[0]);
            _exit(be_node(lines[1], i, cluster->node_count));
        }
        (void)close(lines[1]);
        cluster->members[i] = (struct member){.pid = pid, .line = lines[0]};
        if (pid < 0) return false;
    }
    return true;
}

/* The detector must work while the nodes register with it. */
static bool await_registration(struct cluster *cluster)
{
    struct gdn_detector_event event;
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (gdn_detector_node_count(cluster->detector) == cluster->node_count) return true;
        (void)!gdn_detector_next(cluster->detector, 1, &event);
    }
    return false;
}

static bool introduce(struct cluster *cluster)
{
    char ready[ENDPOINT_BYTES];
    bool done = true;
    for (unsigned i = 0; done && i < cluster->node_count; i++) {
        struct member *member = &cluster->members[i];
        done = put(member->line, gdn_detector_endpoint(cluster->detector)) &&
               get(member->line, member->endpoint);
    }
    for (unsigned i = 0; done && i < cluster->node_count; i++) {
        for (unsigned k = 0; done && k < cluster->node_count; k++) {
            done = put(cluster->members[i].line, cluster->members[k].endpoint);
        }
    }
    for (unsigned i = 0; done && i < cluster->node_count; i++) {
        done = get(cluster->members[i].line, ready);
    }
    return done && await_registration(cluster);
}

struct cluster *cluster_open(const struct cluster_options *options)
{
    char why[256] = "it did not come up in time";
    struct cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL || options->nodes > NODES_MAX) {
        free(cluster);
        return NULL;
    }
    cluster->node_count = options->nodes;
    struct gdn_detector_options detector = {
        .name = "bench",
        .bind = "tcp://127.0.0.1:*",
        .silence_ms = SILENCE_MS,
        .deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : PATIENCE_MS};
    if (fork_members(cluster) &&
        gdn_detector_open(&detector, &cluster->detector, why, sizeof why) == GDN_OK &&
        introduce(cluster)) {
        return cluster;
    }
    (void)fprintf(stderr, "a cluster of %u nodes: %s\n", options->nodes, why);
    cluster_close(cluster);
    return NULL;
}

gdn_detector *cluster_detector(struct cluster *cluster)
{
    return cluster->detector;
}

const char *cluster_endpoint(const struct cluster *cluster, unsigned index)
{
    return cluster->members[index].endpoint;
}

void cluster_hang(struct cluster *cluster, unsigned index, bool hangs)
{
    (void)kill(cluster->members[index].pid, hangs ? SIGSTOP : SIGCONT);
}

static bool run_one(struct cluster *cluster, double *us)
{
    struct gdn_detector_event event;
    gdn_detector_suspect(cluster->detector);
    while (gdn_detector_next(cluster->detector, PATIENCE_MS, &event) == GDN_OK) {
        if (event.type == GDN_DETECTOR_ROUND_FAILED) return false;
        if (event.type != GDN_DETECTOR_ROUND) continue;
        *us = (double)event.latency_us;
        return event.verdict->complete;
    }
    return false;
}

bool cluster_run(struct cluster *cluster, unsigned count, double *us)
{
    for (unsigned i = 0; i < count; i++) {
        if (!run_one(cluster, &us[i])) return false;
    }
    return true;
}

/* An idle node's report, built as the node builds it. */
static size_t report_bytes(unsigned nodes)
{
    char name[16];
    uint8_t *bytes = NULL;
    size_t length = 0;
    uint32_t node;
    gdn_cut *cut = gdn_cut_new(NULL);
    uint32_t self = gdn_cut_party(cut, name_of(0, name), 1);
    enum gdn_err err = gdn_cut_add_node(cut, self, &node);
    for (unsigned i = 1; err == GDN_OK && i < nodes; i++) {
        struct gdn_cut_channel channel = {.counted = true};
        channel.peer = gdn_cut_party(cut, name_of(i, name), i + 1);
        err = gdn_cut_add_channel(cut, node, &channel);
        channel.incoming = true;
        if (err == GDN_OK) err = gdn_cut_add_channel(cut, node, &channel);
    }
    if (err == GDN_OK) err = gdn_cut_encode(cut, &bytes, &length);
    free(bytes);
    gdn_cut_free(cut);
    return err == GDN_OK ? length : 0;
}

struct cluster_frames cluster_frames(unsigned nodes)
{
    const size_t round_id = 32;
    size_t order = GDN__FRAME_HEADER_BYTES + GDN__RECORD_HEADER_BYTES + round_id;
    return (struct cluster_frames){order, order, order + report_bytes(nodes)};
}

void cluster_close(struct cluster *cluster)
{
    if (cluster == NULL) return;
    for (unsigned i = 0; i < cluster->node_count; i++) {
        if (cluster->members[i].pid <= 0) continue;
        cluster_hang(cluster, i, false);
        (void)close(cluster->members[i].line);
    }
    gdn_detector_close(cluster->detector);
    for (unsigned i = 0; i < cluster->node_count; i++) {
        if (cluster->members[i].pid > 0) (void)waitpid(cluster->members[i].pid, NULL, 0);
    }
    free(cluster);
}
