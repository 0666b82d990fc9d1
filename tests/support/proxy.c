/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/proxy.h"

#include "tests/support/program.h"
#include "tests/support/proxy_loop.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define STOP_MS 5000

const char *const proxy_kind_names[PROXY_KINDS] = {
    [PROXY_FIN] = "fin",         [PROXY_RESET] = "reset", [PROXY_STALL] = "stall",
    [PROXY_SWALLOW] = "swallow", [PROXY_DELAY] = "delay", [PROXY_THROTTLE] = "throttle",
    [PROXY_REFUSE] = "refuse"};

static void become_proxy(const int control[2], const int done[2], pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)close(control[0]);
    (void)close(done[0]);
    if (getppid() != parent) _exit(1);
    _exit(proxy_loop_run(control[1], done[1]));
}

bool proxy_start(struct proxy *proxy)
{
    int control[2], done[2];
    pid_t parent = getpid();
    *proxy = (struct proxy){.pid = -1, .control = -1, .done = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0) return false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, done) != 0) {
        (void)close(control[0]);
        (void)close(control[1]);
        return false;
    }
    (void)fflush(NULL);
    proxy->pid = fork();
    if (proxy->pid == 0) become_proxy(control, done, parent);
    (void)close(control[1]);
    (void)close(done[1]);
    proxy->control = control[0];
    proxy->done = done[0];
    if (proxy->pid > 0) return true;
    proxy_stop(proxy);
    return false;
}

void proxy_stop(struct proxy *proxy)
{
    if (proxy->control >= 0) (void)close(proxy->control);
    if (proxy->done >= 0) (void)close(proxy->done);
    if (proxy->pid > 0) (void)program_end(proxy->pid, SIGTERM, STOP_MS);
    *proxy = (struct proxy){.pid = -1, .control = -1, .done = -1};
}

static bool order(struct proxy *proxy, const struct proxy_order *order, struct proxy_answer *answer)
{
    if (send(proxy->control, order, sizeof *order, MSG_NOSIGNAL) != (ssize_t)sizeof *order) {
        return false;
    }
    return recv(proxy->control, answer, sizeof *answer, 0) == (ssize_t)sizeof *answer && answer->ok;
}

int proxy_open_gate(struct proxy *proxy, int node_port)
{
    struct proxy_answer answer;
    struct proxy_order wanted = {.type = PROXY_ORDER_GATE, .node_port = node_port};
    return order(proxy, &wanted, &answer) ? answer.port : 0;
}

bool proxy_begin(struct proxy *proxy, const struct proxy_fault *fault)
{
    struct proxy_answer answer;
    struct proxy_order wanted = {.type = PROXY_ORDER_FAULT, .fault = *fault};
    return order(proxy, &wanted, &answer);
}

bool proxy_heal(struct proxy *proxy, int gate)
{
    struct proxy_answer answer;
    struct proxy_order wanted = {.type = PROXY_ORDER_HEAL, .gate = gate};
    return order(proxy, &wanted, &answer);
}

bool proxy_count(struct proxy *proxy, struct proxy_counts *counts)
{
    struct proxy_answer answer;
    struct proxy_order wanted = {.type = PROXY_ORDER_COUNT};
    if (!order(proxy, &wanted, &answer)) return false;
    *counts = answer.counts;
    return true;
}

bool proxy_next_done(struct proxy *proxy, struct proxy_done *done, int timeout_ms)
{
    struct pollfd ready = {.fd = proxy->done, .events = POLLIN};
    if (poll(&ready, 1, timeout_ms) != 1) return false;
    return recv(proxy->done, done, sizeof *done, 0) == (ssize_t)sizeof *done;
}
