/* SPDX-License-Identifier: MIT */
/* The ledger's books, shared by its files:
 *
 *     ledger.c         making, processes and their accounts, counters
 *     ticket.c         a ticket's life at its issuer
 *     entry.c          a ticket's life at its home: holders, queue, who may go next
 *     ledger_issuer.c  the requester's verbs
 *     ledger_home.c    the manager's verbs
 *     ledger_apply.c   lock messages that arrived
 *     ledger_peers.c   a peer is lost; orphans
 *     needs.c          what a direct wait is for
 *     capture.c        recording for a round
 *
 *     process -- account (one for each peer it deals with) -+- tickets: ours, homed at the peer
 *        |                                                  '- entries: the peer's, homed here
 *        '- description (shared with the tickets issued under it)
 *
 *     resource -+- holders: entries that were granted
 *               '- queue:   entries that were not, in the order they are to be served
 *
 * A ticket whose home is this node has both records, a ticket and an entry, and both hang on the
 * account with peer 0. So has a direct wait, but only the ticket.
 *
 * Every verb validates, then allocates, then changes the books and cannot fail any more. Records
 * made while allocating (a process, an account, a resource without entries) mean nothing by
 * themselves; the settle functions take them away again. */
#ifndef GDN_CORE_LEDGER_H
#define GDN_CORE_LEDGER_H

#include "list.h"
#include "map.h"
#include <gordian/ledger.h>
#include <string.h>

#define GDN__TICKETS_DEFAULT ((size_t)4 << 20)

/* What a process is, immutable: tickets keep the one they were issued under. */
struct gdn__description {
    size_t users;
    struct gdn_process_info info; /* label: NULL or text[]. */
    char text[];
};

struct gdn__process {
    gdn_process_id id;
    struct gdn__description *description; /* NULL: not described. */
    struct gdn__link accounts;
    struct gdn__link directs; /* Its direct tickets, by their ring, in order of issue. */
    size_t entry_count;       /* Over all accounts. */
};

struct gdn__account {
    struct gdn__process *process;
    struct gdn__link of_process;
    struct gdn__link tickets; /* In order of issue. */
    struct gdn__link entries; /* In order of arrival. */
    uint32_t peer;
};

enum gdn__ticket_state {
    GDN__TICKET_WAITING, /* In the ledger's waiting list. */
    GDN__TICKET_ASKING,  /* A NO_WAIT request without an answer: its process does not wait. */
    GDN__TICKET_GRANTED
};

/* See needs.h. */
struct gdn__need {
    struct gdn_need need;
    uint32_t group;   /* Index of the group it is a member of; GDN__OUTERMOST: of none. */
    uint32_t missing; /* How many of a group's members must still be met; a process: 1 until it
                         has woken. */
};

struct gdn__ticket {
    struct gdn__account *account; /* Its peer is the home; 0 for a direct wait. */
    struct gdn__link of_account;
    struct gdn__link in_line; /* Among the waiting, among the orphans, or in no list. */
    struct gdn__link ring;    /* Tickets of one process and resource; direct: of one process. */
    struct gdn__description *description; /* As of its issue; NULL: none. */
    uint64_t number;
    uint64_t cookie;
    int64_t since_us;
    gdn_resource_id resource;
    const char *label; /* Of the resource, in tail[]; NULL: none. */
    enum gdn__ticket_state state;
    uint8_t mode;
    uint8_t flags;
    uint32_t need_count;     /* 0: not a direct wait. */
    uint32_t unmet_count;    /* Needs of the outermost level that are not met. */
    uint32_t branch_id;      /* Of its process at this node. */
    struct gdn__need tail[]; /* A direct wait's needs and its names; a label's characters; of an
                                orphan the id of the node that had issued it. */
};

struct gdn__entry {
    struct gdn__account *account; /* Its peer is the issuer. */
    struct gdn__resource *resource;
    struct gdn__link of_account;
    struct gdn__link place; /* Among the holders or in the queue. */
    uint64_t number;
    int64_t since_us;   /* When it arrived. */
    uint32_t units;     /* Of a pool, at least 1; else 0. */
    uint32_t branch_id; /* Of its process at the issuer. */
    uint8_t mode;
    uint8_t flags;
    bool held;
    bool conversion; /* Its process held the resource when it arrived. Never changes. */
};

struct gdn__resource {
    gdn_resource_id id;
    struct gdn__link holders, queue;
    struct gdn__link in_contested; /* While the queue is not empty. */
    struct gdn__link in_freed;     /* Until gdn_ledger_take_freed(), or the queue is empty. */
    size_t holder_count, queue_count;
    uint64_t stamp; /* Serial of the last capture when the holders last changed; see capture.c. */
    uint32_t capacity; /* Units of a pool; 0: no pool. A pool's record stays. */
    uint32_t used;     /* Units that the holders have. */
    bool unordered;    /* Such a record stays for good. */
    bool doubled;      /* Some queued entry's process has another record here: only then can a hold
                          or an entry be one's own. Reset when the queue is empty. */
    uint16_t held_modes;     /* Bit m: somebody holds in mode m. */
    uint32_t held_by_mode[]; /* One count for each mode. */
};

/* A ticket that ended when its home was lost, until somebody takes note. */
struct gdn__lost {
    struct gdn__link in_lost;
    uint64_t number;
    struct gdn_ticket_view view;
};

struct gdn_ledger {
    struct gdn_allocator allocator;
    struct gdn_modes modes; /* Without the names. */
    size_t tickets_max;
    uint64_t last_number; /* Of the ticket issued last. */
    struct gdn__map processes;
    struct gdn__map tickets; /* By number. */
    struct gdn__map pairs;   /* First ticket of the ring of a (process, resource). */
    struct gdn__map entries; /* By (issuer, number). */
    struct gdn__map resources;
    struct gdn__link waiting; /* Tickets, by in_line, in order of issue. */
    struct gdn__link orphans; /* Tickets, by in_line. */
    struct gdn__link lost;
    struct gdn__link contested, freed; /* Resources. */
    struct gdn__link captures;         /* Alive, oldest first. */
    uint64_t capture_serial;           /* Of the capture made last. */
    struct gdn_ledger_counters counters;
};

/* ---- ledger.c ---- */

/* True when @p more tickets or entries would pass the maximum. */
bool gdn__ledger_is_full(const struct gdn_ledger *ledger, size_t more);

struct gdn__process *gdn__process_find(const struct gdn_ledger *ledger, gdn_process_id id);
struct gdn__process *gdn__process_open(struct gdn_ledger *ledger, gdn_process_id id);

/* Takes away its accounts that say nothing, and then itself if it says nothing. */
void gdn__process_settle(struct gdn_ledger *ledger, struct gdn__process *process);

struct gdn__account *gdn__account_find(const struct gdn__process *process, uint32_t peer);
struct gdn__account *gdn__account_open(struct gdn_ledger *ledger, gdn_process_id id, uint32_t peer);

/* The same for one account only, and then the process. */
void gdn__account_settle(struct gdn_ledger *ledger, struct gdn__account *account);

void gdn__description_leave(struct gdn_ledger *ledger, struct gdn__description *description);

/* ---- ticket.c ---- */

struct gdn__ticket *gdn__ticket_find(const struct gdn_ledger *ledger, uint64_t number);

/* A ticket that nothing refers to yet, with room in the maps for it; NULL when out of memory.
 * @p tail_bytes follow it. gdn__ticket_discard() if it comes to nothing. */
struct gdn__ticket *gdn__ticket_prepare(struct gdn_ledger *ledger, struct gdn__account *account,
                                        size_t tail_bytes);
void gdn__ticket_discard(struct gdn_ledger *ledger, struct gdn__ticket *ticket);

/* Number it and enter it in the books, in its state. Cannot fail. */
void gdn__ticket_issue(struct gdn_ledger *ledger, struct gdn__ticket *ticket, int64_t now_us);

void gdn__ticket_grant(struct gdn_ledger *ledger, struct gdn__ticket *ticket);

/* The granted ticket of @p process on @p resource with the lowest number above @p after. */
struct gdn__ticket *gdn__ticket_granted_after(const struct gdn_ledger *ledger,
                                              gdn_process_id process, gdn_resource_id resource,
                                              uint64_t after);

/* It leaves the books of the issuer's side. The account is for the caller to settle. */
void gdn__ticket_drop(struct gdn_ledger *ledger, struct gdn__ticket *ticket);

/* As gdn__ticket_drop, and its entry leaves too if this node is its home. */
void gdn__ticket_end(struct gdn_ledger *ledger, struct gdn__ticket *ticket);

struct gdn_ticket_view gdn__ticket_view(const struct gdn__ticket *ticket);

/* ---- entry.c ---- */

struct gdn__entry *gdn__entry_find(const struct gdn_ledger *ledger, uint32_t issuer,
                                   uint64_t number);

struct gdn__resource *gdn__resource_find(const struct gdn_ledger *ledger, gdn_resource_id id);
struct gdn__resource *gdn__resource_open(struct gdn_ledger *ledger, gdn_resource_id id);

/* Takes the record away if it says nothing. */
void gdn__resource_settle(struct gdn_ledger *ledger, struct gdn__resource *resource);

/* Whether its capacity may become that much; see gdn_ledger_set_capacity(). */
bool gdn__resource_may_have(const struct gdn__resource *resource, uint32_t capacity);

/* It is given once by gdn_ledger_take_freed(), if anybody queues for it. */
void gdn__resource_mark_freed(struct gdn_ledger *ledger, struct gdn__resource *resource);

/* The first entry that may be granted now; NULL: none. */
const struct gdn__entry *gdn__resource_next(const struct gdn_ledger *ledger,
                                            const struct gdn__resource *resource);

/* Whether so many units can ever be granted: some of a pool, none of anything else. */
bool gdn__resource_has_units(const struct gdn_ledger *ledger, gdn_resource_id id, uint32_t units);

/* What a request asks its home for. */
struct gdn__wanted {
    gdn_resource_id resource;
    uint32_t units;
    uint32_t branch_id;
    uint8_t mode;
    uint8_t flags;
};

/* An entry in no list yet, with room in the maps for it; NULL when out of memory. */
struct gdn__entry *gdn__entry_prepare(struct gdn_ledger *ledger, struct gdn__account *account,
                                      struct gdn__wanted wanted);
void gdn__entry_discard(struct gdn_ledger *ledger, struct gdn__entry *entry);

/* Whether a prepared entry could be granted as soon as it is queued. */
bool gdn__entry_would_be_free(const struct gdn_ledger *ledger, struct gdn__entry *entry);

/* Whether a queued entry may be granted now (RULES 1, 2). */
bool gdn__entry_is_free(const struct gdn_ledger *ledger, const struct gdn__entry *entry);

/* Enter it in the books and the queue. Cannot fail. */
void gdn__entry_queue(struct gdn_ledger *ledger, struct gdn__entry *entry, uint64_t number,
                      int64_t now_us);

/* Move it in the queue before another, or to the tail (NULL); never before a NO_WAIT entry, and
 * such a one stays where it is. Cannot fail. */
void gdn__entry_requeue(struct gdn_ledger *ledger, struct gdn__entry *entry,
                        struct gdn__entry *before);

/* From the queue to the holders. Cannot fail. */
void gdn__entry_grant(struct gdn_ledger *ledger, struct gdn__entry *entry);

/* It leaves queue or holders and the books. The account is for the caller to settle. */
void gdn__entry_leave(struct gdn_ledger *ledger, struct gdn__entry *entry);

/* A hold passes to another account and number of the same process. Cannot fail. */
void gdn__entry_rename(struct gdn_ledger *ledger, struct gdn__entry *entry,
                       struct gdn__account *account, uint64_t number);

/* ---- ledger_peers.c ---- */

/* Calls @p each with the home of each ticket that gdn_ledger_take_lost() has yet to give. */
void gdn__ledger_each_lost(const struct gdn_ledger *ledger,
                           void (*each)(void *context, uint32_t home), void *context);

/* ---- capture.c ---- */

/* To be called before the holder list of @p resource changes. */
void gdn__captures_save(struct gdn_ledger *ledger, struct gdn__resource *resource);

static inline void gdn__holders_will_change(struct gdn_ledger *ledger,
                                            struct gdn__resource *resource)
{
    if (gdn__link_is_used(&ledger->captures)) gdn__captures_save(ledger, resource);
}

/* ---- small words ---- */

static inline struct gdn__key gdn__number_key(uint32_t peer, uint64_t number)
{
    return (struct gdn__key){number, peer};
}

static inline bool gdn__same_process(gdn_process_id a, gdn_process_id b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static inline bool gdn__same_resource(gdn_resource_id a, gdn_resource_id b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

#endif
