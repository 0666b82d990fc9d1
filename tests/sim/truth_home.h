/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One resource at its home, as it really is: who holds it, who is in line, in which order, and what
 * may be granted there. Part of truth.h. */
#ifndef TESTS_SIM_TRUTH_HOME_H
#define TESTS_SIM_TRUTH_HOME_H

#include <stdbool.h>
#include <stdint.h>

#define TRUTH_PLACES 32 /* Holders or entries of one resource. */

/* How a process asks for a resource. */
struct truth_wish {
    uint8_t mode;
    uint8_t flags; /* GDN_REQUEST_*. */
    uint8_t units; /* Of a pool; else 0. */
};

/* A ticket, seen from its home. */
struct truth_entry {
    uint64_t incarnation, number; /* Of its issuer. */
    uint32_t association;         /* With its home. */
    int8_t issuer, process;
    struct truth_wish wish;
    bool conversion;
    bool orphan; /* Its issuer is gone; it has another number, of the home's own. */
};

struct truth_list {
    int count;
    struct truth_entry entries[TRUTH_PLACES];
};

struct truth_home {
    int capacity;   /* Of a pool; 0: a lock. */
    bool unordered; /* The queue's order blocks nobody. */
    struct truth_list holders, queue;
};

/* ---- Modes ---- */

bool truth_modes_conflict(uint8_t a, uint8_t b);
/* Who has the one needs not ask for the other. */
bool truth_mode_covers(uint8_t mode, uint8_t other);

/* ---- Lists ---- */

/* There must be room. */
void truth_list_insert(struct truth_list *list, int at, struct truth_entry entry);
bool truth_list_has(const struct truth_list *list, int process);
/* What the process holds there already allows all that is asked for. */
bool truth_list_covers(const struct truth_list *holders, int process, uint8_t mode);

/* ---- What may be granted ---- */

/* Such a request could be granted as soon as it is made, and whatever its process gives back. */
bool truth_home_is_free(const struct truth_home *home, int process, struct truth_wish wish);
/* What may be granted now, if anything: a copy in *entry. */
bool truth_home_next(const struct truth_home *home, struct truth_entry *entry);

/* ---- What happens there ---- */

/* A request takes its place in the queue. */
void truth_home_request(struct truth_home *home, struct truth_entry entry);
/* The next three: @p entry stands in the queue. */
void truth_home_grant(struct truth_home *home, struct truth_entry entry);
void truth_home_refuse(struct truth_home *home, struct truth_entry entry);
/* It moves before the entry at @p before; past the end: to the tail. */
void truth_home_requeue(struct truth_home *home, struct truth_entry entry, int before);

/* A ticket ends, queued, held or not there. */
void truth_home_finish(struct truth_home *home, uint64_t incarnation, uint64_t number);
/* All of a process that came from that incarnation. */
void truth_home_end(struct truth_home *home, int process, uint64_t incarnation);

/* The issuer is gone: what it asked for too, and what it held are orphans from now on. */
void truth_home_lose(struct truth_home *home, uint64_t incarnation, uint32_t association);
void truth_home_end_orphans(struct truth_home *home, int process);
void truth_home_drop_orphans(struct truth_home *home, int issuer);

#endif
