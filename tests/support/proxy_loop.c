/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/proxy_loop.h"

#include "tests/support/ports.h"
#include "tests/support/proxy_flow.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS 2 /* To the node, from the node. */

struct connection {
    bool used;
    int gate;
    int peer, node; /* Descriptors. */
    struct flow flows[FLOWS];
    int fault; /* Under way on it: index, or -1. */
};

struct under_way {
    bool used;
    bool took_effect;
    struct proxy_fault fault;
    int connection; /* -1: none yet (NEXT), or none at all (REFUSE). */
    int64_t ends_at_us;
};

struct gate {
    int port, node_port;
    int listener;
    bool refusing;
};

struct loop {
    int control, done;
    struct gate gates[PROXY_GATES_MAX];
    int gate_count;
    struct connection connections[PROXY_CONNECTIONS_MAX];
    struct under_way faults[PROXY_FAULTS_MAX];
    struct proxy_counts counts;
    int64_t now_us;
};

static int64_t clock_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- Connections ---- */

static void end_fault(struct loop *loop, int index)
{
    struct under_way *over = &loop->faults[index];
    struct proxy_done done = {over->fault.kind, over->fault.gate, over->took_effect};
    if (over->took_effect) loop->counts.faults[over->fault.kind]++;
    over->used = false;
    (void)send(loop->done, &done, sizeof done, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void close_connection(struct loop *loop, struct connection *connection, bool reset)
{
    struct linger hard = {.l_onoff = 1};
    const int sockets[] = {connection->peer, connection->node};
    for (int i = 0; i < 2; i++) {
        if (reset) (void)setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        if (!reset) (void)shutdown(sockets[i], SHUT_RDWR); /* FIN, though bytes are unread. */
        (void)close(sockets[i]);
    }
    for (int i = 0; i < FLOWS; i++) {
        loop->counts.bytes += connection->flows[i].passed;
        flow_fini(&connection->flows[i]);
    }
    connection->used = false;
    if (connection->fault >= 0) end_fault(loop, connection->fault);
}

static void close_gate(struct loop *loop, int gate)
{
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        struct connection *connection = &loop->connections[i];
        if (connection->used && connection->gate == gate) close_connection(loop, connection, true);
    }
}

static int dial_node(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* On the loopback this does not wait: a listener answers, or nobody does. */
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
    (void)close(fd);
    return -1;
}

static struct connection *free_connection(struct loop *loop)
{
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        if (!loop->connections[i].used) return &loop->connections[i];
    }
    return NULL;
}

/* ---- Faults ---- */

static void apply_to(struct loop *loop, int index, struct connection *connection)
{
    struct under_way *begun = &loop->faults[index];
    const struct proxy_fault *fault = &begun->fault;
    struct flow *flow = &connection->flows[fault->from_node ? 1 : 0];
    begun->connection = (int)(connection - loop->connections);
    begun->took_effect = true;
    connection->fault = index;
    switch (fault->kind) {
    case PROXY_FIN:
    case PROXY_RESET:
        flow->cut_at_passed = flow->passed + fault->after_bytes;
        return;
    case PROXY_STALL:
        flow->stalled = true;
        return;
    case PROXY_SWALLOW:
        flow->swallowing = true;
        return;
    case PROXY_DELAY:
        flow->late_us = (int64_t)fault->amount * 1000;
        return;
    case PROXY_THROTTLE:
        flow->bytes_per_ms = fault->amount;
        return;
    case PROXY_REFUSE:
    case PROXY_KINDS:
        return;
    }
}

static bool is_choosable(const struct connection *connection, int gate)
{
    return connection->used && connection->gate == gate && connection->fault < 0;
}

static struct connection *choose(struct loop *loop, const struct proxy_fault *fault)
{
    uint32_t count = 0;
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        if (is_choosable(&loop->connections[i], fault->gate)) count++;
    }
    if (count == 0) return NULL;
    uint32_t left = fault->which % count;
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        if (is_choosable(&loop->connections[i], fault->gate) && left-- == 0) {
            return &loop->connections[i];
        }
    }
    return NULL;
}

static void refuse_all(struct loop *loop, int index)
{
    struct gate *gate = &loop->gates[loop->faults[index].fault.gate];
    loop->faults[index].took_effect = !gate->refusing;
    if (gate->refusing) {
        end_fault(loop, index);
        return;
    }
    gate->refusing = true;
    (void)close(gate->listener);
    gate->listener = port_bind(gate->port);
    close_gate(loop, loop->faults[index].fault.gate);
}

static bool begin_fault(struct loop *loop, const struct proxy_fault *fault)
{
    int index = 0;
    while (index < PROXY_FAULTS_MAX && loop->faults[index].used) index++;
    if (index == PROXY_FAULTS_MAX || fault->gate < 0 || fault->gate >= loop->gate_count) {
        return false;
    }
    loop->faults[index] = (struct under_way){
        .used = true,
        .fault = *fault,
        .connection = -1,
        .ends_at_us =
            fault->for_ms == 0 ? INT64_MAX : loop->now_us + (int64_t)fault->for_ms * 1000};
    if (fault->kind == PROXY_REFUSE) {
        refuse_all(loop, index);
    } else if (fault->which != PROXY_NEXT) {
        struct connection *connection = choose(loop, fault);
        if (connection != NULL)
            apply_to(loop, index, connection);
        else
            end_fault(loop, index);
    }
    return true;
}

/* Its time is over. */
static void heal(struct loop *loop, int index)
{
    struct under_way *over = &loop->faults[index];
    struct gate *gate = &loop->gates[over->fault.gate];
    if (over->fault.kind == PROXY_REFUSE) {
        gate->refusing = false;
        (void)listen(gate->listener, SOMAXCONN);
        end_fault(loop, index);
        return;
    }
    if (over->connection < 0) {
        end_fault(loop, index);
        return;
    }
    struct connection *connection = &loop->connections[over->connection];
    struct flow *flow = &connection->flows[over->fault.from_node ? 1 : 0];
    if (over->fault.kind == PROXY_SWALLOW || over->fault.kind == PROXY_FIN ||
        over->fault.kind == PROXY_RESET) {
        close_connection(loop, connection, over->fault.kind != PROXY_FIN);
        return;
    }
    flow->stalled = false;
    flow->late_us = 0;
    flow->bytes_per_ms = 0;
    connection->fault = -1;
    end_fault(loop, index);
}

static void heal_gate(struct loop *loop, int gate)
{
    for (int i = 0; i < PROXY_FAULTS_MAX; i++) {
        if (loop->faults[i].used && loop->faults[i].fault.gate == gate) heal(loop, i);
    }
}

static void heal_due(struct loop *loop)
{
    for (int i = 0; i < PROXY_FAULTS_MAX; i++) {
        if (loop->faults[i].used && loop->faults[i].ends_at_us <= loop->now_us) heal(loop, i);
    }
}

/* ---- What happens ---- */

static void accept_peer(struct loop *loop, int gate)
{
    int on = 1;
    int peer = accept4(loop->gates[gate].listener, NULL, NULL, SOCK_CLOEXEC);
    if (peer < 0) return;
    struct connection *connection = free_connection(loop);
    int node = connection != NULL ? dial_node(loop->gates[gate].node_port) : -1;
    if (node < 0) {
        (void)close(peer);
        return;
    }
    (void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(node, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *connection =
        (struct connection){.used = true, .gate = gate, .peer = peer, .node = node, .fault = -1};
    flow_init(&connection->flows[0], peer, node);
    flow_init(&connection->flows[1], node, peer);
    loop->counts.connections++;
    for (int i = 0; i < PROXY_FAULTS_MAX; i++) {
        const struct under_way *waiting = &loop->faults[i];
        if (!waiting->used || waiting->connection >= 0 || waiting->fault.gate != gate ||
            waiting->fault.kind == PROXY_REFUSE) {
            continue;
        }
        apply_to(loop, i, connection);
        return;
    }
}

static void count_now(struct loop *loop, struct proxy_counts *counts)
{
    *counts = loop->counts;
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        const struct connection *connection = &loop->connections[i];
        if (!connection->used) continue;
        counts->open[connection->gate]++;
        counts->bytes += connection->flows[0].passed + connection->flows[1].passed;
    }
    for (int i = 0; i < PROXY_FAULTS_MAX; i++) counts->under_way += loop->faults[i].used;
}

static int open_gate(struct loop *loop, int node_port)
{
    if (loop->gate_count == PROXY_GATES_MAX) return 0;
    struct gate *gate = &loop->gates[loop->gate_count];
    *gate = (struct gate){.port = port_free(), .node_port = node_port};
    gate->listener = port_bind(gate->port);
    if (gate->listener < 0 || listen(gate->listener, SOMAXCONN) != 0) return 0;
    loop->gate_count++;
    return gate->port;
}

/* False when nobody gives orders any more. */
static bool take_order(struct loop *loop)
{
    struct proxy_order order;
    struct proxy_answer answer = {.ok = true};
    if (recv(loop->control, &order, sizeof order, 0) != (ssize_t)sizeof order) return false;
    switch (order.type) {
    case PROXY_ORDER_GATE:
        answer.port = open_gate(loop, order.node_port);
        answer.ok = answer.port != 0;
        break;
    case PROXY_ORDER_FAULT:
        answer.ok = begin_fault(loop, &order.fault);
        break;
    case PROXY_ORDER_HEAL:
        heal_gate(loop, order.gate);
        break;
    case PROXY_ORDER_COUNT:
        count_now(loop, &answer.counts);
        break;
    }
    return send(loop->control, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

static bool move_bytes(struct loop *loop, struct connection *connection, short peer, short node)
{
    const short readable[FLOWS] = {peer, node};
    for (int i = 0; i < FLOWS; i++) {
        struct flow *flow = &connection->flows[i];
        bool ready = (readable[i] & (POLLIN | POLLHUP | POLLERR)) != 0;
        if (ready && flow_wants_to_read(flow) && !flow_read(flow, loop->now_us)) return false;
        if (flow_wants_to_write(flow, loop->now_us) && !flow_write(flow, loop->now_us)) {
            return false;
        }
    }
    return true;
}

static void serve(struct loop *loop, struct connection *connection, short peer, short node)
{
    if (!move_bytes(loop, connection, peer, node)) {
        close_connection(loop, connection, true);
        return;
    }
    for (int i = 0; i < FLOWS; i++) {
        const struct flow *flow = &connection->flows[i];
        if (flow_is_cut(flow)) {
            enum proxy_kind kind = loop->faults[connection->fault].fault.kind;
            close_connection(loop, connection, kind == PROXY_RESET);
            return;
        }
        if (flow_is_over(flow)) {
            close_connection(loop, connection, false);
            return;
        }
    }
}

/* ---- Waiting ---- */

struct watch {
    struct pollfd fds[1 + PROXY_GATES_MAX + 2 * PROXY_CONNECTIONS_MAX];
    int connections[PROXY_CONNECTIONS_MAX]; /* In the order of their descriptors. */
    int connection_count;
    nfds_t count;
};

static short wanted_events(const struct flow *in, const struct flow *out)
{
    short events = 0;
    if (flow_wants_to_read(in)) events |= POLLIN;
    if (out->blocked) events |= POLLOUT;
    return events;
}

/* A descriptor of which nothing is wanted must not wake us because it hung up. */
static struct pollfd watched(int fd, short events)
{
    return (struct pollfd){.fd = events != 0 ? fd : -1, .events = events};
}

static void fill_watch(const struct loop *loop, struct watch *watch)
{
    watch->count = 0;
    watch->connection_count = 0;
    watch->fds[watch->count++] = watched(loop->control, POLLIN);
    for (int i = 0; i < loop->gate_count; i++) {
        const struct gate *gate = &loop->gates[i];
        watch->fds[watch->count++] = watched(gate->listener, gate->refusing ? 0 : POLLIN);
    }
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        const struct connection *connection = &loop->connections[i];
        if (!connection->used) continue;
        const struct flow *to = &connection->flows[0], *from = &connection->flows[1];
        watch->fds[watch->count++] = watched(connection->peer, wanted_events(to, from));
        watch->fds[watch->count++] = watched(connection->node, wanted_events(from, to));
        watch->connections[watch->connection_count++] = i;
    }
}

static int timeout_ms(const struct loop *loop)
{
    int64_t deadline = INT64_MAX;
    for (int i = 0; i < PROXY_FAULTS_MAX; i++) {
        if (loop->faults[i].used && loop->faults[i].ends_at_us < deadline) {
            deadline = loop->faults[i].ends_at_us;
        }
    }
    for (int i = 0; i < PROXY_CONNECTIONS_MAX; i++) {
        for (int k = 0; loop->connections[i].used && k < FLOWS; k++) {
            int64_t wanted = flow_deadline(&loop->connections[i].flows[k]);
            if (wanted < deadline) deadline = wanted;
        }
    }
    if (deadline == INT64_MAX) return -1;
    return deadline <= loop->now_us ? 0 : (int)((deadline - loop->now_us + 999) / 1000);
}

int proxy_loop_run(int control, int done)
{
    static struct loop loop;
    static struct watch watch;
    loop.control = control;
    loop.done = done;
    for (;;) {
        fill_watch(&loop, &watch);
        loop.now_us = clock_us();
        if (poll(watch.fds, watch.count, timeout_ms(&loop)) < 0 && errno != EINTR) return 1;
        loop.now_us = clock_us();
        const struct pollfd *fd = &watch.fds[1 + loop.gate_count];
        for (int i = 0; i < watch.connection_count; i++, fd += 2) {
            serve(&loop, &loop.connections[watch.connections[i]], fd[0].revents, fd[1].revents);
        }
        for (int i = 0; i < loop.gate_count; i++) {
            if (watch.fds[1 + i].revents != 0) accept_peer(&loop, i);
        }
        heal_due(&loop);
        if (watch.fds[0].revents != 0 && !take_order(&loop)) return 0;
    }
}
