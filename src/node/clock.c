/* SPDX-License-Identifier: MIT */
#include "src/node/node.h"

#include <time.h>

static int64_t read_clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t gdn__node_now(gdn_node *node)
{
    node->tick_us = read_clock_us(CLOCK_MONOTONIC_COARSE);
    node->now_us = read_clock_us(CLOCK_MONOTONIC);
    return node->now_us;
}

int64_t gdn__node_now_about(gdn_node *node)
{
    bool ticked = read_clock_us(CLOCK_MONOTONIC_COARSE) != node->tick_us;
    return ticked ? gdn__node_now(node) : node->now_us;
}

struct timespec gdn__time_in(int timeout_ms)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    if (timeout_ms < 0) return deadline;
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}
