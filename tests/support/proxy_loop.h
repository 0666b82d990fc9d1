/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The proxy's own process, and what it is told. */
#ifndef TESTS_PROXY_LOOP_H
#define TESTS_PROXY_LOOP_H

#include "tests/support/proxy.h"

enum proxy_order_type { PROXY_ORDER_GATE, PROXY_ORDER_FAULT, PROXY_ORDER_HEAL, PROXY_ORDER_COUNT };

struct proxy_order {
    enum proxy_order_type type;
    int gate;      /* HEAL. */
    int node_port; /* GATE. */
    struct proxy_fault fault;
};

/* Every order has one. */
struct proxy_answer {
    int port; /* GATE. */
    bool ok;
    struct proxy_counts counts;
};

/* Serve until @p control is closed; faults that are over go to @p done. Returns the exit status. */
int proxy_loop_run(int control, int done);

#endif
