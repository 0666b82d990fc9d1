/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A cluster of node processes n1, n2, … on this machine. Each is forked, opens a node of its own
 * on tcp loopback, is told where the others are, dials them and then plays its role. The parent
 * and each member talk over a socket pair, one packet for each line:
 *
 *     parent   "peer n2 tcp://…"  "go"         "play"  commands of the role  "quit"
 *     member   "at tcp://…"           "ready"         answers and news
 */
#ifndef DEMOS_CLUSTER_H
#define DEMOS_CLUSTER_H

#include "demos/common/member.h"
#include "demos/common/service.h"

#include <stddef.h>

#define CLUSTER_MAX 32

struct cluster_options {
    int count;
    const char *detector; /* Endpoint, or NULL. */
    uint32_t window, patience_ms;
    member_role *role;
    const void *argument; /* For every role. */
};

struct cluster {
    int count;
    struct {
        pid_t pid;
        int control;
        char endpoint[128];
    } members[CLUSTER_MAX];
    struct service *service; /* Listened to meanwhile; or NULL. */
};

/* Returns when every member is connected with every other. On failure says why on stderr and
 * ends them all. */
bool cluster_start(struct cluster *cluster, const struct cluster_options *options);

/* False when the member has gone. */
bool cluster_tell(struct cluster *cluster, int member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum heard {
    HEARD_LINE,
    HEARD_NOTHING, /* The time is over. */
    HEARD_END      /* A member has ended, or a signal asked us to end; said on stderr. */
};

/* The next packet of any member. @p length may be NULL; @p text always ends in a NUL. */
enum heard cluster_hear(struct cluster *cluster, int64_t deadline_us, int *member, char *text,
                        size_t text_bytes, size_t *length);

/* Tell all to quit and wait. True when every one ended well. */
bool cluster_stop(struct cluster *cluster);

#endif
