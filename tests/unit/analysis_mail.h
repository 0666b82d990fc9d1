/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the messages of a small world say, each looked up when it matters. */
#ifndef GDN_TESTS_ANALYSIS_MAIL_H
#define GDN_TESTS_ANALYSIS_MAIL_H

#include "analysis_world.h"

/* A node did not report, or a channel stayed open. */
bool mail_is_incomplete(const struct world *w);

/* What @p home says of the tickets of @p issuer can be relied on. */
bool mail_is_certain(const struct world *w, int issuer, int home);

/* @p position: of the request among all messages; NOWHERE: it had arrived. */
bool mail_gives_up(const struct world *w, int home, int process, int issuer, uint64_t ticket,
                   int position);

/* Nothing that was recorded gives the hold up. */
bool mail_leaves(const struct world *w, const struct world_hold *hold);

bool mail_is_certain_hold(const struct world *w, const struct world_hold *hold);

/* A grant or a wake on its way ends the wait. */
bool mail_ends(const struct world *w, const struct world_wait *wait);

/* A channel to its node stayed open. */
bool mail_may_wake(const struct world *w, const struct world_wait *wait);

/* The need is met without the process that it is about. */
bool mail_meets(const struct world *w, const struct world_wait *wait, int index);

#endif
