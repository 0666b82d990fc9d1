/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cut after its mail was delivered: a state the system can reach with empty channels.
 *
 *     waits[]   tickets that still wait, listed by their issuers or, failing that, by a home
 *     homes[]   resources, each with its holds, and the queue that can be relied on
 *                 holds[first..]
 *                 places[first..]  recorded entries in queue order, then requests that were in
 *                                  flight, channel by channel in channel order
 *
 * A wait and its place in a queue are one thing seen from two sides: the issuer says whether the
 * process waits, the home says for whom. */
#ifndef GDN_ANALYSIS_FOLD_H
#define GDN_ANALYSIS_FOLD_H

#include "detector/analysis/mail.h"

struct gdn__wait {
    uint32_t process;
    uint32_t issuer; /* Party. */
    uint64_t number;
    uint64_t waited_us;
    uint32_t home;      /* Party; GDN_NONE: a direct wait. */
    uint32_t resource;  /* GDN_NONE: a direct wait. */
    uint32_t node;      /* Whose needs[] these are; GDN_NONE: known only by its places. */
    uint32_t branch_id; /* Of its process at the issuer. */
    uint32_t need_first, need_count;
    uint32_t place; /* 1 + its first place; 0: no home knows it. */
    uint8_t mode;
    bool optional; /* Some group of its needs asks for fewer than all. */
};

struct gdn__place {
    uint32_t process;
    uint32_t issuer;
    uint64_t number;
    uint64_t waited_us;
    uint32_t home;      /* Index in homes[]. */
    uint32_t channel;   /* 0: recorded in the queue; else the channel it was in flight on. */
    uint32_t wait;      /* 1 + its wait; 0: its process does not wait for it. */
    uint32_t next;      /* 1 + the next place of the same wait. */
    uint32_t units;     /* Of a pool; else 0. */
    uint32_t branch_id; /* Of its process at the issuer. */
    uint8_t mode;
    uint8_t flags; /* GDN_REQUEST_*; 0 when recorded. */
};

struct gdn__hold {
    uint32_t process;
    uint32_t issuer;
    uint32_t home;      /* Index in homes[]. */
    uint32_t units;     /* Of a pool; else 0. */
    uint32_t branch_id; /* Of its process at the issuer. */
    uint8_t mode;
    bool brief;
    bool uncertain; /* It may have been given up unseen (RULES 10): it blocks nobody, but its own
                       process may still be covered by it. */
    bool queued;    /* Not held yet: an uncertain request, for what it may cover. */
};

struct gdn__home {
    uint32_t party;
    uint32_t resource;
    uint32_t capacity; /* 0: no pool. */
    bool unordered;
    uint32_t hold_first, hold_count;
    uint32_t place_first, place_count;
};

struct gdn__fold {
    const gdn_cut *cut;
    struct gdn__mail mail;
    struct gdn__wait *waits;
    size_t wait_count, wait_capacity;
    struct gdn__home *homes;
    size_t home_count, home_capacity;
    struct gdn__hold *holds;
    size_t hold_count, hold_capacity;
    struct gdn__place *places;
    size_t place_count, place_capacity;
    bool *waiting; /* By process: it waits, whether or not it is known for whom. */

    /* While it is made. */
    struct gdn__map wait_of; /* (issuer, 0) | ticket -> 1 + index in waits[]. */
    uint32_t *first_home;    /* By resource: 1 + the first of its homes[]; 0: it has none. */
    struct gdn__map home_of; /* (party, resource) -> 1 + index in homes[], of its other homes. */
};

/* Deliver the mail. gdn__fold_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__fold_init(struct gdn__fold *fold, const gdn_cut *cut);
void gdn__fold_fini(struct gdn__fold *fold);

/* The place of a wait on a resource; NULL: no home that answered knows it. @p party GDN_NONE:
 * any home. */
const struct gdn__place *gdn__fold_place(const struct gdn__fold *fold, const struct gdn__wait *wait,
                                         uint32_t party, uint32_t resource);

#endif
