/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lockd under load: transfers between accounts that lock their two or three accounts in random
 * order, so that they deadlock, and audits that read some. Balances lie in memory which all node
 * processes share and only the distributed locks protect: lost exclusion would lose money. */
#ifndef DEMOS_LOCKD_LOAD_H
#define DEMOS_LOCKD_LOAD_H

#include "demos/common/cluster.h"
#include "demos/common/events.h"

struct load_options {
    int workers; /* For each node. */
    int seconds;
    int keys, hot; /* Accounts; half of all picks fall on the first @c hot of them. */
    uint64_t seed;
    int64_t *balances; /* Of load_accounts(). */
};

/* Shared memory for @p keys accounts of LOAD_BALANCE each; NULL: none to be had. Before forking. */
#define LOAD_BALANCE 1000
int64_t *load_accounts(int keys);

/* The member_role; its argument is the struct load_options. */
int load_role(struct member *member, const void *argument);

/* Wait for the members, print what they did, and check the money. @p events NULL: not followed.
 * True when all is well. */
bool load_watch(struct cluster *cluster, const struct load_options *options, struct events *events);

#endif
