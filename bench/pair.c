/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/pair.h"

#include <errno.h>
#include <gordian/node.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { ENDPOINT_BYTES = 128, SILENCE_MS = 10000, HIGH_WATER = 16384, PROCESSES = 64 };

enum task { ONE_WAY, THERE_AND_BACK, TELL_CPU };

struct job {
    enum task task;
    enum pair_kind kind;
    size_t bytes;
    unsigned count;
};

struct endpoints {
    char bare[ENDPOINT_BYTES];
    char node[ENDPOINT_BYTES];
};

/* The near end is number 0, the far end 1. */
struct pair {
    pid_t pids[2];
    int lines[2];
};

/* One end, in its process. */
struct end {
    unsigned self;
    int line; /* To the parent. */
    void *context, *push, *pull;
    gdn_node *node;
    gdn_node_id peer;
    char bytes[PAIR_BYTES_MAX];
};

static double clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* ---- Between parent and ends ---- */

static bool read_all(int line, void *bytes, size_t size)
{
    return recv(line, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static bool write_all(int line, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t put = send(line, at, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

/* ---- Opening an end ---- */

static const char *const names[] = {"a", "b"};

static void *open_socket(struct end *end, int type)
{
    int none = 0, silence_ms = SILENCE_MS, high_water = HIGH_WATER;
    void *socket = zmq_socket(end->context, type);
    if (socket == NULL) return NULL;
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    (void)zmq_setsockopt(socket, ZMQ_SNDHWM, &high_water, sizeof high_water);
    (void)zmq_setsockopt(socket, ZMQ_RCVHWM, &high_water, sizeof high_water);
    (void)zmq_setsockopt(socket, ZMQ_SNDTIMEO, &silence_ms, sizeof silence_ms);
    (void)zmq_setsockopt(socket, ZMQ_RCVTIMEO, &silence_ms, sizeof silence_ms);
    return socket;
}

static void choose_endpoint(const struct end *end, const char *transport, const char *use,
                            char endpoint[ENDPOINT_BYTES])
{
    if (strcmp(transport, "tcp") == 0) {
        (void)snprintf(endpoint, ENDPOINT_BYTES, "tcp://127.0.0.1:*");
    } else { /* A name of its own, which needs no file. */
        (void)snprintf(endpoint, ENDPOINT_BYTES, "ipc://@gordian-bench-%ld-%s-%s", (long)getpid(),
                       names[end->self], use);
    }
}

static bool bind_bare(struct end *end, const char *transport, char endpoint[ENDPOINT_BYTES])
{
    size_t size = ENDPOINT_BYTES;
    end->context = zmq_ctx_new();
    if (end->context == NULL) return false;
    end->push = open_socket(end, ZMQ_PUSH);
    end->pull = open_socket(end, ZMQ_PULL);
    if (end->push == NULL || end->pull == NULL) return false;
    choose_endpoint(end, transport, "bare", endpoint);
    return zmq_bind(end->pull, endpoint) == 0 &&
           zmq_getsockopt(end->pull, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0;
}

static bool open_node(struct end *end, const char *transport, char endpoint[ENDPOINT_BYTES])
{
    char why[256];
    choose_endpoint(end, transport, "node", endpoint);
    struct gdn_node_options options = {.name = names[end->self], .bind = endpoint};
    if (gdn_node_open(&options, &end->node, why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "%s\n", why);
        return false;
    }
    (void)snprintf(endpoint, ENDPOINT_BYTES, "%s", gdn_node_endpoint(end->node));
    end->peer = gdn_node_named(names[1 - end->self]);
    return true;
}

static bool open_end(struct end *end, const char *transport)
{
    struct endpoints mine = {.bare = ""}, other;
    memset(end->bytes, 'x', sizeof end->bytes);
    return bind_bare(end, transport, mine.bare) && open_node(end, transport, mine.node) &&
           write_all(end->line, &mine, sizeof mine) && read_all(end->line, &other, sizeof other) &&
           zmq_connect(end->push, other.bare) == 0 &&
           gdn_connect(end->node, names[1 - end->self], other.node) == GDN_OK &&
           gdn_await(end->node, end->peer, SILENCE_MS) == GDN_OK &&
           write_all(end->line, "", 1); /* Ready. */
}

static void close_end(struct end *end)
{
    gdn_node_close(end->node);
    if (end->push != NULL) (void)zmq_close(end->push);
    if (end->pull != NULL) (void)zmq_close(end->pull);
    while (end->context != NULL && zmq_ctx_term(end->context) != 0 && errno == EINTR) continue;
}

/* ---- One message ---- */

/* Full: wait until the peer has taken some. */
static bool has_room_now(struct end *end, enum gdn_err err)
{
    return err == GDN_ERR_FULL && gdn_await(end->node, end->peer, SILENCE_MS) == GDN_OK;
}

static bool send_payload(struct end *end, size_t bytes)
{
    enum gdn_err err;
    do {
        err = gdn_send(end->node, end->peer, end->bytes, bytes);
    } while (has_room_now(end, err));
    return err == GDN_OK;
}

static bool send_request(struct end *end, unsigned number, gdn_ticket *ticket)
{
    enum gdn_err err;
    struct gdn_request request = {.process = {{{(uint8_t)(number % PROCESSES), 1}}},
                                  .resource = {{{(uint8_t)(number % PROCESSES), 2}}}};
    do {
        err = gdn_request(end->node, end->peer, &request, ticket);
    } while (has_room_now(end, err));
    return err == GDN_OK;
}

static bool send_one(struct end *end, const struct job *job)
{
    if (job->kind == PAIR_BARE) return zmq_send(end->push, end->bytes, job->bytes, 0) >= 0;
    return send_payload(end, job->bytes);
}

static bool take_item(struct end *end, enum gdn_item_type type)
{
    struct gdn_item item;
    while (gdn_take(end->node, &item, SILENCE_MS) == GDN_OK) {
        bool found = item.type == type;
        gdn_item_fini(&item);
        if (found) return true;
    }
    return false;
}

static bool receive_one(struct end *end, const struct job *job)
{
    char bytes[PAIR_BYTES_MAX];
    if (job->kind != PAIR_BARE) return take_item(end, GDN_ITEM_PAYLOAD);
    return zmq_recv(end->pull, bytes, sizeof bytes, 0) == (int)job->bytes;
}

/* ---- One way ---- */

static bool send_locks(struct end *end, unsigned count)
{
    gdn_ticket ticket;
    for (unsigned i = 0; i < count / 2; i++) {
        if (!send_request(end, i, &ticket)) return false;
        if (gdn_cancel(end->node, ticket) != GDN_OK) return false;
    }
    return true;
}

static bool send_stream(struct end *end, const struct job *job)
{
    if (job->kind == PAIR_LOCKS) return send_locks(end, job->count);
    for (unsigned i = 0; i < job->count; i++) {
        if (!send_one(end, job)) return false;
    }
    return true;
}

static bool receive_stream(struct end *end, const struct job *job)
{
    bool locks = job->kind == PAIR_LOCKS;
    unsigned items = locks ? job->count / 2 : job->count;
    double began = 0;
    for (unsigned i = 0; i < items; i++) {
        if (!(locks ? take_item(end, GDN_ITEM_REQUESTED) : receive_one(end, job))) return false;
        if (i == 0) began = now_us();
    }
    double took_us = now_us() - began;
    double per_second = (double)job->count * 1e6 / took_us;
    return write_all(end->line, &per_second, sizeof per_second);
}

/* ---- There and back ---- */

static bool ping(struct end *end, const struct job *job)
{
    bool done = true;
    double *us = calloc(job->count, sizeof *us);
    for (unsigned i = 0; us != NULL && done && i < job->count; i++) {
        double began = now_us();
        done = send_one(end, job) && receive_one(end, job);
        us[i] = now_us() - began;
    }
    done = us != NULL && done && write_all(end->line, us, job->count * sizeof *us);
    free(us);
    return done;
}

static bool echo(struct end *end, const struct job *job)
{
    for (unsigned i = 0; i < job->count; i++) {
        if (!receive_one(end, job) || !send_one(end, job)) return false;
    }
    return true;
}

/* ---- A process ---- */

static bool tell_cpu(const struct end *end)
{
    double us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    return write_all(end->line, &us, sizeof us);
}

static bool do_job(struct end *end, const struct job *job)
{
    bool near = end->self == 0;
    switch (job->task) {
    case ONE_WAY:
        return near ? send_stream(end, job) : receive_stream(end, job);
    case THERE_AND_BACK:
        return near ? ping(end, job) : echo(end, job);
    case TELL_CPU:
        return tell_cpu(end);
    }
    return false;
}

static int be_end(struct end *end, const char *transport)
{
    struct job job;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool done = open_end(end, transport);
    while (done && read_all(end->line, &job, sizeof job)) done = do_job(end, &job);
    if (!done) (void)fprintf(stderr, "bench_rate: end %s: %s\n", names[end->self], strerror(errno));
    (void)close(end->line);
    close_end(end);
    return done ? 0 : 1;
}

static bool fork_end(struct pair *pair, unsigned self, const char *transport)
{
    int lines[2];
    static struct end end;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines) != 0) return false;
    pid_t pid = fork();
    if (pid == 0) {
        if (self == 1) (void)close(pair->lines[0]);
        (void)close(lines[0]);
        end = (struct end){.self = self, .line = lines[1]};
        _exit(be_end(&end, transport));
    }
    (void)close(lines[1]);
    pair->lines[self] = lines[0];
    pair->pids[self] = pid;
    return pid > 0;
}

static bool introduce(struct pair *pair)
{
    struct endpoints ends[2];
    char ready;
    return read_all(pair->lines[0], &ends[0], sizeof ends[0]) &&
           read_all(pair->lines[1], &ends[1], sizeof ends[1]) &&
           write_all(pair->lines[0], &ends[1], sizeof ends[1]) &&
           write_all(pair->lines[1], &ends[0], sizeof ends[0]) &&
           read_all(pair->lines[0], &ready, 1) && read_all(pair->lines[1], &ready, 1);
}

struct pair *pair_open(const char *transport)
{
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) return NULL;
    if (fork_end(pair, 0, transport) && fork_end(pair, 1, transport) && introduce(pair)) {
        return pair;
    }
    (void)fprintf(stderr, "bench_rate: two processes over %s: %s\n", transport, strerror(errno));
    pair_close(pair);
    return NULL;
}

/* The far end first, so that it listens. */
static bool give(struct pair *pair, const struct job *job)
{
    return write_all(pair->lines[1], job, sizeof *job) &&
           write_all(pair->lines[0], job, sizeof *job);
}

bool pair_stream(struct pair *pair, enum pair_kind kind, size_t bytes, unsigned count,
                 double *per_second)
{
    struct job job = {.task = ONE_WAY, .kind = kind, .bytes = bytes, .count = count};
    return give(pair, &job) && read_all(pair->lines[1], per_second, sizeof *per_second);
}

bool pair_ping(struct pair *pair, enum pair_kind kind, size_t bytes, unsigned count, double *us)
{
    struct job job = {.task = THERE_AND_BACK, .kind = kind, .bytes = bytes, .count = count};
    return give(pair, &job) && read_all(pair->lines[0], us, count * sizeof *us);
}

bool pair_cpu(struct pair *pair, double us[2])
{
    struct job job = {.task = TELL_CPU};
    return give(pair, &job) && read_all(pair->lines[0], &us[0], sizeof us[0]) &&
           read_all(pair->lines[1], &us[1], sizeof us[1]);
}

void pair_close(struct pair *pair)
{
    if (pair == NULL) return;
    for (unsigned i = 0; i < 2; i++) {
        if (pair->pids[i] > 0) (void)close(pair->lines[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (pair->pids[i] > 0) (void)waitpid(pair->pids[i], NULL, 0);
    }
    free(pair);
}
