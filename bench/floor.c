/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/floor.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { ENDPOINT_BYTES = 64, SILENCE_MS = 10000 };

enum kind { KIND_HELLO = 1, KIND_START, KIND_MARKER, KIND_REPORT };

/** What stands at the front of every message; the rest of it is padding. */
struct head {
    uint64_t kind;
    uint64_t round;
};
_Static_assert(sizeof(struct head) <= FLOOR_BYTES_MIN, "every message has room for its head");

struct floor_mesh {
    pid_t coordinator;
    int commands; /**< To the coordinator: how many rounds. From it: their times. */
};

/** One process of the mesh. Place 0 is the coordinator, 1 to nodes are the nodes. */
struct member {
    struct floor_options options;
    unsigned place;
    void *context;
    void *inbox;
    void *to[FLOOR_NODES_MAX + 1]; /**< By place; NULL at its own. */
    char padding[FLOOR_BYTES_MAX];
};

/* ---- Bytes through a socket pair ---- */

static bool read_all(int descriptor, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read(descriptor, at, size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool write_all(int descriptor, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t put = send(descriptor, at, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        at += put;
        size -= (size_t)put;
    }
    return true;
}

/* ---- A member's sockets ---- */

static void *open_socket(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    if (socket == NULL) return NULL;
    int none = 0, silence_ms = SILENCE_MS;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    if (type == ZMQ_PUSH) zmq_setsockopt(socket, ZMQ_SNDTIMEO, &silence_ms, sizeof silence_ms);
    return socket;
}

static bool bind_inbox(struct member *member, char endpoint[ENDPOINT_BYTES])
{
    size_t size = ENDPOINT_BYTES;
    member->context = zmq_ctx_new();
    if (member->context == NULL) return false;
    member->inbox = open_socket(member->context, ZMQ_PULL);
    return member->inbox != NULL && zmq_bind(member->inbox, "tcp://127.0.0.1:*") == 0 &&
           zmq_getsockopt(member->inbox, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0;
}

static bool dial_all(struct member *member, char (*endpoints)[ENDPOINT_BYTES])
{
    for (unsigned place = 0; place <= member->options.nodes; place++) {
        if (place == member->place) continue;
        void *socket = open_socket(member->context, ZMQ_PUSH);
        if (socket == NULL || zmq_connect(socket, endpoints[place]) != 0) return false;
        member->to[place] = socket;
    }
    return true;
}

static bool send_to(struct member *member, unsigned place, enum kind kind, uint64_t round,
                    size_t bytes)
{
    struct head head = {.kind = kind, .round = round};
    memcpy(member->padding, &head, sizeof head);
    return zmq_send(member->to[place], member->padding, bytes, 0) >= 0;
}

static bool send_to_nodes(struct member *member, enum kind kind, uint64_t round, size_t bytes)
{
    for (unsigned place = 1; place <= member->options.nodes; place++) {
        if (place == member->place) continue;
        if (!send_to(member, place, kind, round, bytes)) return false;
    }
    return true;
}

static bool receive(struct member *member, struct head *head)
{
    int got = zmq_recv(member->inbox, member->padding, sizeof member->padding, 0);
    if (got < (int)sizeof *head) return false;
    memcpy(head, member->padding, sizeof *head);
    return true;
}

static bool expect(struct member *member, unsigned count, enum kind kind, uint64_t round)
{
    for (unsigned i = 0; i < count; i++) {
        struct head head;
        if (!receive(member, &head) || head.kind != kind || head.round != round) return false;
    }
    return true;
}

/* ---- A node ---- */

/** Serves rounds until it is killed. Rounds do not overlap, but a START may come after markers of
 *  its round, and even after those of the next. */
static void serve_rounds(struct member *node)
{
    const struct floor_options *options = &node->options;
    uint64_t current = 0;
    unsigned markers = 0;
    struct head head;
    while (receive(node, &head)) {
        if (head.round > current) {
            current = head.round;
            markers = 0;
            if (!send_to_nodes(node, KIND_MARKER, current, options->marker_bytes)) return;
        }
        if (head.kind != KIND_MARKER || ++markers < options->nodes - 1) continue;
        if (!send_to(node, 0, KIND_REPORT, current, options->report_bytes)) return;
    }
}

/** Every channel is up before the coordinator hears from the node: round 0 is one message on each
 *  of them. */
static void run_node(struct member *node, int coordinator)
{
    char endpoints[FLOOR_NODES_MAX + 1][ENDPOINT_BYTES] = {{0}};
    size_t table_bytes = (node->options.nodes + 1) * sizeof endpoints[0];
    if (bind_inbox(node, endpoints[node->place]) &&
        write_all(coordinator, endpoints[node->place], ENDPOINT_BYTES) &&
        read_all(coordinator, endpoints, table_bytes) && dial_all(node, endpoints) &&
        send_to_nodes(node, KIND_HELLO, 0, FLOOR_BYTES_MIN) &&
        expect(node, node->options.nodes - 1, KIND_HELLO, 0) &&
        send_to(node, 0, KIND_HELLO, 0, FLOOR_BYTES_MIN)) {
        serve_rounds(node);
    }
}

/* ---- The coordinator ---- */

/** fork(), with the child bound to end when its parent does. 0 in the child. */
static pid_t fork_bound(void)
{
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* It died before the line above. */
    return 0;
}

static pid_t fork_node(struct member *member, unsigned place, int commands, int *link)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return -1;
    pid_t child = fork_bound();
    if (child == 0) {
        close(commands); /* Its end is how the caller learns of the coordinator's. */
        close(pair[0]);
        member->place = place;
        run_node(member, pair[1]);
        _exit(1);
    }
    close(pair[1]);
    *link = pair[0];
    return child;
}

/** Tell everyone of everyone, and wait for them to say that they are connected. */
static bool introduce(struct member *member, const int *links)
{
    unsigned nodes = member->options.nodes;
    char endpoints[FLOOR_NODES_MAX + 1][ENDPOINT_BYTES] = {{0}};
    if (!bind_inbox(member, endpoints[0])) return false;
    for (unsigned place = 1; place <= nodes; place++) {
        if (!read_all(links[place], endpoints[place], ENDPOINT_BYTES)) return false;
        endpoints[place][ENDPOINT_BYTES - 1] = '\0';
    }
    for (unsigned place = 1; place <= nodes; place++) {
        if (!write_all(links[place], endpoints, (nodes + 1) * sizeof endpoints[0])) return false;
    }
    int silence_ms = SILENCE_MS;
    zmq_setsockopt(member->inbox, ZMQ_RCVTIMEO, &silence_ms, sizeof silence_ms);
    return dial_all(member, endpoints) && expect(member, nodes, KIND_HELLO, 0);
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static bool time_round(struct member *member, uint64_t round, double *us)
{
    double began_us = now_us();
    if (!send_to_nodes(member, KIND_START, round, member->options.start_bytes)) return false;
    if (!expect(member, member->options.nodes, KIND_REPORT, round)) return false;
    *us = now_us() - began_us;
    return true;
}

/** Answers each count with that many times, until the caller closes its end or something fails. */
static void serve_caller(struct member *member, int commands)
{
    const double ready = 0;
    uint32_t count;
    uint64_t round = 0;
    if (!write_all(commands, &ready, sizeof ready)) return;
    while (read_all(commands, &count, sizeof count)) {
        double *us = calloc(count, sizeof *us);
        bool done = us != NULL;
        for (uint32_t i = 0; done && i < count; i++) done = time_round(member, ++round, &us[i]);
        done = done && write_all(commands, us, count * sizeof *us);
        free(us);
        if (!done) return;
    }
}

static void run_coordinator(struct member *member, int commands)
{
    pid_t children[FLOOR_NODES_MAX + 1];
    int links[FLOOR_NODES_MAX + 1];
    unsigned forked = 0;
    while (forked < member->options.nodes) {
        unsigned place = forked + 1;
        children[place] = fork_node(member, place, commands, &links[place]);
        if (children[place] < 0) break;
        forked = place;
    }
    if (forked == member->options.nodes && introduce(member, links)) {
        serve_caller(member, commands);
    }
    /* They keep nothing, so the quickest end will do. */
    for (unsigned place = 1; place <= forked; place++) kill(children[place], SIGKILL);
    for (unsigned place = 1; place <= forked; place++) waitpid(children[place], NULL, 0);
}

/* ---- The caller ---- */

static bool set_size(size_t *bytes, size_t otherwise)
{
    if (*bytes == 0) *bytes = otherwise;
    return *bytes >= FLOOR_BYTES_MIN && *bytes <= FLOOR_BYTES_MAX;
}

static bool set_defaults(struct floor_options *options)
{
    return options->nodes >= 2 && options->nodes <= FLOOR_NODES_MAX &&
           set_size(&options->start_bytes, 80) && set_size(&options->marker_bytes, 80) &&
           set_size(&options->report_bytes, 300);
}

static bool fork_coordinator(floor_mesh *mesh, const struct floor_options *options)
{
    int pair[2];
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL) return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(member);
        return false;
    }
    member->options = *options;
    mesh->coordinator = fork_bound();
    if (mesh->coordinator == 0) {
        close(pair[0]);
        run_coordinator(member, pair[1]);
        _exit(0);
    }
    mesh->commands = pair[0];
    close(pair[1]);
    free(member);
    return mesh->coordinator > 0;
}

floor_mesh *floor_open(const struct floor_options *options)
{
    struct floor_options checked = *options;
    if (!set_defaults(&checked)) {
        errno = EINVAL;
        return NULL;
    }
    floor_mesh *mesh = calloc(1, sizeof *mesh);
    if (mesh == NULL) return NULL;
    mesh->commands = -1;
    double ready;
    if (fork_coordinator(mesh, &checked)) {
        if (read_all(mesh->commands, &ready, sizeof ready)) return mesh;
        errno = ECONNABORTED;
    }
    int why = errno;
    floor_close(mesh);
    errno = why;
    return NULL;
}

bool floor_run(floor_mesh *mesh, unsigned count, double *us)
{
    uint32_t rounds = count;
    if (write_all(mesh->commands, &rounds, sizeof rounds) &&
        read_all(mesh->commands, us, count * sizeof *us)) {
        return true;
    }
    errno = ECONNABORTED;
    return false;
}

void floor_close(floor_mesh *mesh)
{
    if (mesh == NULL) return;
    if (mesh->commands >= 0) close(mesh->commands);
    while (mesh->coordinator > 0 && waitpid(mesh->coordinator, NULL, 0) < 0 && errno == EINTR) {
    }
    free(mesh);
}
