/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the messages in flight say, gathered before anything is judged (RULES 3, 4).
 *
 * Whatever ends a ticket ends it whenever it is taken, so the facts form sets without an order;
 * only END and requests of one channel are compared by their places. Parties that are known by
 * name alone stand for the report of that name: all facts use gdn__mail_party(). */
#ifndef GDN_ANALYSIS_MAIL_H
#define GDN_ANALYSIS_MAIL_H

#include "src/core/map.h"
#include <gordian/cut.h>

/* Key of each kind: first half | second half -> value. */
enum gdn__fact {
    GDN__FACT_ENDED,      /* (issuer, home) | ticket: cancelled or released there. */
    GDN__FACT_END,        /* (process, issuer) | home -> place of the last END, from 1. */
    GDN__FACT_DROPPED,    /* (process, resource) | (home, issuer): released without a ticket. */
    GDN__FACT_SERVED,     /* (issuer, 0) | ticket: granted, or woken by nobody in particular. */
    GDN__FACT_SERVED_ANY, /* (issuer, process) | resource: the same without a ticket. */
    GDN__FACT_NAMED,      /* (issuer, 0) | ticket: a wake names it. */
    GDN__FACT_WOKEN,      /* (issuer, by) | ticket -> how often. */
    GDN__FACT_WOKEN_ANY,  /* (issuer, by) | process -> how often, without a ticket. */
    GDN__FACT_GIVEN_BACK, /* (process, resource): its hold is being given back. */
    GDN__FACT_OPEN,       /* (issuer, home): the channel is still open. */
    GDN__FACT_REPORTING,  /* Node id -> 1 + its party. */
    GDN__FACT_COUNT
};

struct gdn__mail {
    const gdn_cut *cut;
    struct gdn__map facts[GDN__FACT_COUNT];
    uint32_t *party;  /* The party each party stands for. */
    bool *hears_more; /* By node: one of its incoming channels is open. */
    bool any_open;
    bool complete; /* No node missing, no channel open. */
};

static inline struct gdn__key gdn__pair(uint32_t high, uint32_t low, uint64_t rest)
{
    return (struct gdn__key){(uint64_t)high << 32 | low, rest};
}

/* Reads every message of the cut. gdn__mail_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__mail_init(struct gdn__mail *mail, const gdn_cut *cut);
void gdn__mail_fini(struct gdn__mail *mail);

static inline uintptr_t gdn__mail_says(const struct gdn__mail *mail, enum gdn__fact fact,
                                       struct gdn__key key)
{
    return mail->facts[fact].used == 0 ? 0 : gdn__map_get(&mail->facts[fact], key);
}

/* The node whose report @p party gave; NULL: it gave none. */
const struct gdn_cut_node *gdn__mail_report(const struct gdn__mail *mail, uint32_t party);

/* Whether a hold or queue entry at @p home can still be relied on: its issuer answered, and
 * nothing that gives it up can be on its way unseen (RULES 10). */
bool gdn__mail_is_certain(const struct gdn__mail *mail, uint32_t issuer, uint32_t home);

/* Whether a wait that its issuer lists has ended: its grant or its refusal is in flight. */
bool gdn__mail_ends_wait(const struct gdn__mail *mail, uint32_t issuer,
                         const struct gdn_cut_wait *wait);

/* Whether the ticket, queued or held at @p home, has been given up. @p place is where its request
 * stands in its channel, from 1; 0: it had arrived. */
bool gdn__mail_ends_ticket(const struct gdn__mail *mail, uint32_t home, uint32_t process,
                           uint32_t issuer, uint64_t ticket, size_t place);

/* Whether a release without a ticket drops this hold. */
bool gdn__mail_drops_hold(const struct gdn__mail *mail, uint32_t home, uint32_t resource,
                          const struct gdn_cut_holder *holder);

/* How many listings of @p by are met in that direct wait. */
size_t gdn__mail_wakes(const struct gdn__mail *mail, uint32_t issuer, uint32_t process,
                       uint64_t ticket, uint32_t by);

/* Whether @p process is giving back something on @p resource, or all it has somewhere. */
bool gdn__mail_gives_back(const struct gdn__mail *mail, uint32_t process, uint32_t resource);

#endif
