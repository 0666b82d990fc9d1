/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plays a script on a cluster of actors, step by step, and tells what happens. */
#ifndef DEMOS_LOCKD_PLAYER_H
#define DEMOS_LOCKD_PLAYER_H

#include "demos/common/cluster.h"
#include "demos/common/events.h"
#include "demos/lockd/script.h"

struct player_options {
    const struct script *script;
    struct cluster *cluster;
    struct events *events;                 /* NULL: awaiting one is an error. */
    const struct service_options *service; /* For the step "detector"; NULL: an error. */
    int timeout_ms;                        /* Of each await. */
    bool quiet;
};

/* True when every step did what it says. Else one line on stderr, "FILE:LINE: what". */
bool player_run(const struct player_options *options);

#endif
