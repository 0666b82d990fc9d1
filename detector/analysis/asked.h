/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many units of a pool a ticket waits for: its issuer does not know that the resource is a
 * pool; its home does, where it queues the request or has it in its mail. */
#ifndef GDN_ANALYSIS_ASKED_H
#define GDN_ANALYSIS_ASKED_H

#include "src/core/map.h"
#include <gordian/cut.h>

struct gdn__asked {
    const uint32_t *party;
    struct gdn__map units; /* (issuer, 0) | ticket -> units. */
};

/* Looks through the pools of @p cut. @p party, borrowed: which party each one stands for (see
 * mail.h); NULL: itself. False when out of memory. gdn__asked_fini() in any case. */
bool gdn__asked_init(struct gdn__asked *asked, const gdn_cut *cut, const uint32_t *party);
void gdn__asked_fini(struct gdn__asked *asked);

/* 0: not of a pool, or not known. */
uint32_t gdn__asked_units(const struct gdn__asked *asked, uint32_t issuer, uint64_t ticket);

#endif
