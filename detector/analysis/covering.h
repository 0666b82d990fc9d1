/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one process has at the home under way, and what it may be granted at one of its places that
 * covers what it asks for at another (RULES 2): see docs/correctness.md, "One process, several
 * requests for one lock". */
#ifndef GDN_ANALYSIS_COVERING_H
#define GDN_ANALYSIS_COVERING_H

#include "detector/analysis/prefix.h"

/* By process. Stale unless home matches. */
struct gdn__own {
    uint32_t home;    /* 1 + index. */
    uint32_t last;    /* 1 + its last hold or recorded place. */
    uint32_t channel; /* The channel that last_in_flight is of. */
    uint32_t last_in_flight;
    uint32_t ahead; /* 1 + its first in ahead[]; 0: none. */
    uint32_t place_count;
    bool gives_up;               /* It may give some of its places up; then: */
    uint32_t option;             /* 1 + its first in options[]; 0: none. */
    uint16_t modes, modes_twice; /* Of its places, and of two or more of them. */
    uint16_t held_modes;
    uint16_t coming_modes; /* Of its places so far: what they may come to hold. */
};

/* The last places that a request in one mode must wait for: of whom, and the last of another. From
 * 1; 0: none. */
struct gdn__latest {
    uint32_t process;
    uint32_t at, at_of_another;
};

struct gdn__covering {
    const struct gdn__fold *fold;
    struct gdn__line *line;
    struct gdn__own *own; /* By process. */

    /* Of the home under way. */
    uint32_t holds;   /* Items that are holds. */
    uint32_t channel; /* Whose places are looked at; 0: still the recorded. */
    struct gdn__ahead *ahead;
    size_t ahead_count, ahead_capacity;
    struct gdn__option *options;
    size_t option_count, option_capacity;
    bool may_give_up; /* Somebody may give a place up. */

    /* By mode. */
    struct gdn__latest latest[GDN_MODES_MAX];          /* Of what a place looked at now can see, */
    struct gdn__latest latest_recorded[GDN_MODES_MAX]; /* and of the recorded ones. */
};

/* Both are borrowed. gdn__covering_fini() also after an error. */
GDN_MUST_USE enum gdn_err gdn__covering_init(struct gdn__covering *covering,
                                             const struct gdn__fold *fold, struct gdn__line *line);
void gdn__covering_fini(struct gdn__covering *covering);

/* Beside gdn__line_enter(). */
void gdn__covering_enter(struct gdn__covering *covering);

/* Behind the last recorded place, and behind each channel. */
void gdn__covering_enter_channel(struct gdn__covering *covering, uint32_t channel);

struct gdn__own *gdn__covering_own(struct gdn__covering *covering, uint32_t process);

/* The process's last item that a place of the channel under way can see, from 1; 0: none. */
uint32_t gdn__covering_last(const struct gdn__covering *covering, const struct gdn__own *own);

static inline uint16_t gdn__mode_bit(uint8_t mode)
{
    return (uint16_t)(1u << mode);
}

/* Its process has what it asks for. */
bool gdn__covering_by_holds(struct gdn__covering *covering, const struct gdn__place *place);

/* Each place of the home, before any is drawn. */
void gdn__covering_count(struct gdn__covering *covering, const struct gdn__place *place);

/* A place that will stand before all that is queued, and what it waits for; before any is drawn. */
GDN_MUST_USE enum gdn_err gdn__covering_add_ahead(struct gdn__covering *covering,
                                                  const struct gdn__place *place,
                                                  struct gdn__blockers waits);

/* The last item of the line is a place. */
void gdn__covering_note(struct gdn__covering *covering);

/* A process with several places here, in a queue where some may be given up: what one waits for
 * is settled among the firm ones (gdn__covering_find()), and or'ed with what else may cover it. */
bool gdn__covering_is_firm(const struct gdn__covering *covering, const struct gdn__own *own);

/* What its process awaits before the place would cover it. Where others stand between, they wait
 * for that, so this one cannot be served before it, and waits for no more than it does. False:
 * nothing does. */
bool gdn__covering_find(const struct gdn__covering *covering, const struct gdn__place *place,
                        const struct gdn__own *own, struct gdn__blockers *blockers);

/* Of a process that may give a place up here, for a choice or because a wake may be on an open
 * channel (RULES 10): any other of its places may be granted before the one
 * that gdn__covering_find() knows, and cover this one. */
GDN_MUST_USE enum gdn_err gdn__covering_or_else(struct gdn__covering *covering,
                                                const struct gdn__place *place,
                                                struct gdn__blockers *blockers);

#endif
