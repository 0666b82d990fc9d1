/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why these victims, or why none: one sentence for people. */
#ifndef GDN_ANALYSIS_REASON_H
#define GDN_ANALYSIS_REASON_H

#include "detector/analysis/names.h"
#include "detector/analysis/victims.h"

/* What there is to say of one deadlock whose victims and reorder are set. @p choice NULL: nobody
 * was asked for, or its order was to be changed. @p shared: it was chosen together with that of
 * other deadlocks. Sets victim_reason. */
GDN_MUST_USE enum gdn_err gdn__reason_write(const struct gdn__names *names,
                                            const struct gdn__preference *preference,
                                            const struct gdn__choice *choice, bool shared,
                                            struct gdn_deadlock *deadlock);

/* That nobody is proposed, for at @p node there are waits that no abort answers. */
GDN_MUST_USE enum gdn_err gdn__reason_unanswered(const gdn_cut *cut, const char *node,
                                                 struct gdn_deadlock *deadlock);

#endif
