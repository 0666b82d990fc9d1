/* SPDX-License-Identifier: MIT */
/** @file ledger.h  A node's books: who holds and who waits, on both sides of every request.
 *
 *  The ledger is pure: no I/O, clock, thread or random number. Its verbs change the books and hand
 *  out the lock messages to send; gdn_ledger_apply() takes an arrived one. Callers number and send
 *  what comes out in the same critical section (RULES 5, 7).
 *
 *      issuer (the requester's node)             home (the resource's node)
 *      request -> ticket waiting                 apply REQUEST -> queue entry
 *      apply GRANT -> ticket held                grant -> holder
 *      release, cancel, end -> ticket ended      apply -> holder or entry gone
 *
 *  Peers are numbered by the caller from 1; 0 is the node itself, which uses the same verbs: both
 *  columns change at once and no message comes out.
 *
 *  One thread at a time. A verb costs O(1), end costs O(tickets of the process); grant and next
 *  walk past the entries that stand before the one they find. */
#ifndef GORDIAN_LEDGER_H
#define GORDIAN_LEDGER_H

#include <gordian/id.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Lock modes ---- */

#define GDN_MODES_MAX      16
#define GDN_MODE_EXCLUSIVE 0 /**< Of the default matrix. */
#define GDN_MODE_SHARED    1

/** The modes of a lock manager and which of them exclude each other. */
struct gdn_modes {
    uint32_t count; /**< 1 to GDN_MODES_MAX. */
    const char *names[GDN_MODES_MAX];
    uint16_t conflicts[GDN_MODES_MAX]; /**< Bit h of conflicts[r]: a request in mode r must
                                            wait for a hold (or earlier entry) in mode h. */
};

/** exclusive (0) conflicts with both, shared (1) with exclusive. */
GDN_API struct gdn_modes gdn_modes_default(void);

/** Count in range, names valid and distinct, no conflict bit beyond count. */
GDN_API bool gdn_modes_are_valid(const struct gdn_modes *modes);

/** True when a request in mode @p request must wait for a hold in mode @p held. */
static inline bool gdn_modes_conflict(const struct gdn_modes *modes, uint8_t request, uint8_t held)
{
    return (modes->conflicts[request] >> held & 1) != 0;
}

/** True when whoever holds in all the modes of the bit set @p held needs to wait for nobody to
 *  hold in @p mode as well: it would wait for no more, and be in no more requests' way, than it
 *  does already. Such a request of a holder is free whatever else holds or queues (RULES 2). */
GDN_API bool gdn_modes_cover(const struct gdn_modes *modes, uint16_t held, uint8_t mode);

/* ---- Lock messages ---- */

/** The values are those of the wire. */
enum gdn_verb {
    GDN_VERB_REQUEST = 1,
    GDN_VERB_GRANT = 2,
    GDN_VERB_RELEASE = 3,
    GDN_VERB_CANCEL = 4,
    GDN_VERB_END = 5,
    GDN_VERB_WAKE = 6
};

#define GDN_REQUEST_BRIEF 0x01 /**< The hold will be brief (a latch). */
#define GDN_REQUEST_FRONT 0x02 /**< Join at the front instead of the tail. */
#define GDN_REQUEST_NO_WAIT                                                                        \
    0x04 /**< Grant at once or refuse; the process never waits. Once queued                        \
              it is as good as granted: nothing that excludes it is granted                        \
              or moved before it. */

/** A lock message as it travels. Its channel says who is issuer and who is home. */
struct gdn_message {
    enum gdn_verb verb;
    uint8_t mode;   /**< REQUEST, GRANT. */
    uint8_t flags;  /**< REQUEST: GDN_REQUEST_*. */
    uint32_t units; /**< REQUEST: as in struct gdn_request; so is the next. */
    uint32_t branch_id;
    uint64_t number;          /**< The ticket's. END: 0. WAKE: 0 means any current ticket. */
    gdn_process_id process;   /**< Whose ticket it is. */
    gdn_resource_id resource; /**< REQUEST, GRANT, RELEASE, CANCEL of a lock, WAKE of a lock. */
    gdn_process_id by;        /**< WAKE of a direct wait: the process it no longer waits for. */
};

/* ---- What the caller says ---- */

struct gdn_request {
    gdn_process_id process;
    gdn_resource_id resource;
    const char *label; /**< The resource's name for people, or NULL. Copied. */
    uint8_t mode;
    uint8_t flags;   /**< GDN_REQUEST_*. */
    uint64_t cookie; /**< Comes back with the ticket's items. */
    uint32_t units;  /**< Of a pool (0 means 1), which then has no use for mode; 0 of all else. */
    uint32_t branch_id; /**< Which branch of the process asks; see "Branches" below. */
};

enum gdn_need_kind {
    GDN_NEED_PROCESS,  /**< Until that process ends (or its branch goes on). */
    GDN_NEED_RESOURCE, /**< Until the home serves it; only in cuts. */
    GDN_NEED_GROUP     /**< At least at_least of the count needs that follow it. */
};

/** What a direct wait is for: a process, or a group of needs. Needs are a flat array in prefix
 *  order, a group before its members, and the array's outermost level is all-of:
 *
 *      struct gdn_need needs[] = {gdn_need_process(p),     p, and
 *                                 gdn_need_any(2),         one of the next two:
 *                                 gdn_need_process(q),       q,
 *                                 gdn_need_all(2),           or both of
 *                                 gdn_need_hold(r, acct),      r, for what it holds on acct,
 *                                 gdn_need_process(s)};        and s
 *
 *  All zero but the process is a need of that process: the plain list of the common case. */
struct gdn_need {
    enum gdn_need_kind kind;
    gdn_process_id process;
    gdn_resource_id resource; /**< The hold it is about; used if has_resource. */
    bool has_resource;
    bool branch;           /**< Only until that process's work at this node goes on. */
    bool queued;           /**< Exists only because of queue order. */
    const char *branch_at; /**< The same for its work at the node of that name; NULL: no. Copied. */
    uint32_t branch_id;    /**< With branch or branch_at: which branch there; else 0. */
    uint32_t at_least;     /**< Of a group; else 0, as the next. */
    uint32_t count;        /**< Direct members of the group. */
};

static inline struct gdn_need gdn_need_process(gdn_process_id process)
{
    struct gdn_need need = {GDN_NEED_PROCESS, process, {{{0}}}, false, false, false, NULL, 0, 0, 0};
    return need;
}

/** Until the work of @p process at this node goes on that its manager calls @p branch_id. */
static inline struct gdn_need gdn_need_branch(gdn_process_id process, uint32_t branch_id)
{
    struct gdn_need need = gdn_need_process(process);
    need.branch = true;
    need.branch_id = branch_id;
    return need;
}

/** Until @p process gives back what it holds on @p resource: a release in flight meets it. */
static inline struct gdn_need gdn_need_hold(gdn_process_id process, gdn_resource_id resource)
{
    struct gdn_need need = gdn_need_process(process);
    need.resource = resource;
    need.has_resource = true;
    return need;
}

/** The head of a group: @p at_least of the @p count needs after it (a nested group is one). */
static inline struct gdn_need gdn_need_at_least(uint32_t at_least, uint32_t count)
{
    gdn_process_id none = {{{0}}};
    struct gdn_need need = gdn_need_process(none);
    need.kind = GDN_NEED_GROUP;
    need.at_least = at_least;
    need.count = count;
    return need;
}

static inline struct gdn_need gdn_need_any(uint32_t count)
{
    return gdn_need_at_least(1, count);
}

static inline struct gdn_need gdn_need_all(uint32_t count)
{
    return gdn_need_at_least(count, count);
}

/** A direct wait. Needs are borrowed until the call returns. */
struct gdn_wait {
    gdn_process_id process;
    const struct gdn_need *needs;
    size_t count;
    uint32_t branch_id; /**< Which branch of the process waits; see "Branches". */
    uint64_t cookie;    /**< Comes back with the ticket's items. */
};

/* Branches. Where several threads of one process work at one node (parallel workers of a query),
 * each is a branch of its own: give it a number, and say it in every request and direct wait of
 * that thread. A brief hold, and a need with `branch`, wait until that branch goes on, which is
 * when the tickets issued here under that number have been served. 0, for whoever says nothing, is
 * a number like the others: the branch of a node where each process has one. A process is stuck
 * when one of its branches is, and an abort ends them all. Locks stay the whole process's: its
 * threads are not in each other's way, and a release gives back what all of them have of the
 * resource; one gives back its own by cancelling its ticket. */

/** What people and victim policies want to know of a process; fixed in a ticket when issued. */
struct gdn_process_info {
    const char *label;  /**< Or NULL. Copied. */
    int64_t started_us; /**< Microseconds since 1970, UTC; 0: not known. */
    uint64_t work;      /**< In units of the manager's choice. */
    int32_t priority;   /**< Larger is more important. */
    bool abortable;
};

#define GDN_LEDGER_NEEDS_MAX 1024 /**< Needs of one direct wait, groups counted. */
#define GDN_NEEDS_DEPTH_MAX  32   /**< Levels of nesting; the outermost is the first. */

/** A lock message and the peer it goes to. */
struct gdn_outgoing {
    uint32_t peer;
    struct gdn_message message;
};

/** Names a ticket seen from this ledger: the peer that issued it (0: this node) and its number. */
struct gdn_ticket_ref {
    uint32_t issuer;
    uint64_t number;
};

/* ---- The ledger ---- */

typedef struct gdn_ledger gdn_ledger;

struct gdn_ledger_options {
    const struct gdn_modes *modes;         /**< Copied, but for the names; NULL: the default. */
    size_t tickets_max;                    /**< Live tickets, both sides together (one of our own
                                                home counts on both); 0: 4 Mi. */
    const struct gdn_allocator *allocator; /**< Copied; NULL: malloc(). */
};

/** NULL: out of memory, or the modes are not valid. Caller frees with gdn_ledger_free(). */
GDN_API gdn_ledger *gdn_ledger_new(const struct gdn_ledger_options *options);
/** Captures are freed first. NULL is fine. */
GDN_API void gdn_ledger_free(gdn_ledger *ledger);

/* -- Issuer's side -- */

/** Tell what @p process is; holds for tickets issued from now on. Copies. Kept until
 *  gdn_ledger_end(), also with no ticket. GDN_ERR_MEMORY, GDN_ERR_ID, GDN_ERR_NAME (label). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_describe(gdn_ledger *ledger, gdn_process_id process,
                                                      const struct gdn_process_info *info);

/** T asks home (a peer, or 0) for a resource and waits, unless GDN_REQUEST_NO_WAIT. For a remote
 *  home @p out is the message to send; for home 0 the entry is queued at once (a NO_WAIT request
 *  that cannot be granted at once then fails with GDN_ERR_NOT_GRANTABLE) and out->verb is 0.
 *  Every request is a ticket of its own, also where its process has one there already; if it holds
 *  one, it is a conversion and stands before all that are none. A home that cannot serve it ever
 *  (no such mode; units of what is no pool, or more than its capacity) refuses it: for home 0 that
 *  is GDN_ERR_MISUSE.
 *  GDN_ERR_LIMIT, GDN_ERR_MEMORY, GDN_ERR_ID (process or resource), GDN_ERR_NAME (label),
 *  GDN_ERR_MISUSE (mode or flags). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_request(gdn_ledger *ledger, uint32_t home,
                                                     const struct gdn_request *request,
                                                     int64_t now_us, uint64_t *number,
                                                     struct gdn_message *out);

/** T waits until the wait's needs are met, cancels or ends. A wake by a process meets one listing
 *  of it, the first that has not been met, wherever that stands: what is met does not depend on the
 *  order in which wakes of different processes are taken. Copies. GDN_ERR_MEMORY, GDN_ERR_ID (the
 *  process, or one of a need), GDN_ERR_NAME (a branch_at), GDN_ERR_MISUSE (no needs; a group that
 *  asks for none or for more than its members, or whose members are missing; a resource need; a
 *  branch_id without a branch), GDN_ERR_LIMIT (tickets_max, GDN_LEDGER_NEEDS_MAX,
 *  GDN_NEEDS_DEPTH_MAX). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_wait_on(gdn_ledger *ledger,
                                                     const struct gdn_wait *wait, int64_t now_us,
                                                     uint64_t *number);

/** The home of each message that the next release(process, resource) or end(process) will give, in
 *  that order: make room for them first, so that the verb itself cannot fail. Returns how many
 *  there are, of which the first @p room are in @p homes; 0 where all is at home here. */
GDN_API size_t gdn_ledger_release_homes(const gdn_ledger *ledger, gdn_process_id process,
                                        gdn_resource_id resource, uint32_t *homes, size_t room);
GDN_API size_t gdn_ledger_end_homes(const gdn_ledger *ledger, gdn_process_id process,
                                    uint32_t *homes, size_t room);

/** T gives back every granted ticket of its own on @p resource (orphans too); a pending conversion
 *  becomes an ordinary request, in the place where it stands. One message per remote ticket, in
 * ticket order. @p out has room for gdn_ledger_release_homes(). GDN_ERR_NOT_HELD. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_release(gdn_ledger *ledger, gdn_process_id process,
                                                     gdn_resource_id resource,
                                                     struct gdn_outgoing *out, size_t *out_count);

/** T gives up one ticket, waiting or granted (granted: it is released; T's other holds there
 *  stay). out->message.verb is 0
 *  when there is nothing to send. GDN_ERR_UNKNOWN_TICKET. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_cancel(gdn_ledger *ledger, uint64_t number,
                                                    struct gdn_outgoing *out);

/** All of T's tickets issued here end, and what gdn_ledger_describe told is forgotten: one END per
 *  remote home. @p out has room for gdn_ledger_end_homes(). A process that has nothing is fine. */
GDN_API void gdn_ledger_end(gdn_ledger *ledger, gdn_process_id process, struct gdn_outgoing *out,
                            size_t *out_count);

/** What the ledger knows of one of its own live tickets; false when it has ended. */
struct gdn_ticket_view {
    gdn_process_id process;
    gdn_resource_id resource;
    bool direct; /**< Of gdn_ledger_wait_on: resource is not used. */
    bool granted;
    bool abortable;
    uint32_t home;
    uint8_t mode;
    uint64_t cookie;
    int64_t since_us;
};
GDN_API bool gdn_ledger_ticket(const gdn_ledger *ledger, uint64_t number,
                               struct gdn_ticket_view *view);

/** The oldest ticket that waits (never a NO_WAIT one) and was issued after ticket @p after (0: the
 *  oldest of all); its number and when it began. False when there is none. O(1) for after = 0. */
GDN_API bool gdn_ledger_waiting_after(const gdn_ledger *ledger, uint64_t after, uint64_t *number,
                                      int64_t *since_us);

/* -- Home's side -- */

/** Resources are ordered unless told otherwise: an unordered one has no queue edges and
 *  gdn_ledger_next() may pass over blocked entries. An unordered resource keeps its record, used
 *  or not. GDN_ERR_MEMORY, GDN_ERR_ID. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_set_unordered(gdn_ledger *ledger,
                                                           gdn_resource_id resource,
                                                           bool unordered);

/** Make @p resource a pool of @p capacity units (0: none any more, an ordinary lock). What its
 *  holders have adds up to the capacity at most; modes play no part; each ticket counts by itself,
 *  also where one process has several. A pool keeps its record, used or not. GDN_ERR_MEMORY,
 *  GDN_ERR_ID; GDN_ERR_MISUSE: a resource in use cannot become or cease to be a pool, and a pool
 *  not smaller than what is held and promised (NO_WAIT) of it, or than any request in its queue. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_set_capacity(gdn_ledger *ledger,
                                                          gdn_resource_id resource,
                                                          uint32_t capacity);

/** The first entry of @p resource, in queue order, that may be granted now: it conflicts with no
 *  hold of another process and, if ordered, with no entry of another process before it; or what
 *  its process holds there covers it (gdn_modes_cover()). Of a pool: the units that are free are
 *  enough for it and, if ordered, for all entries before it. False: none. */
GDN_API bool gdn_ledger_next(const gdn_ledger *ledger, gdn_resource_id resource,
                             struct gdn_ticket_ref *ticket);

/** What home knows of a ticket, queued or held. */
struct gdn_entry_view {
    gdn_process_id process;
    gdn_resource_id resource;
    bool held;
    uint8_t mode;
    uint8_t flags;
    uint32_t units; /**< Of a pool, at least 1; else 0. */
};
GDN_API bool gdn_ledger_entry(const gdn_ledger *ledger, struct gdn_ticket_ref ticket,
                              struct gdn_entry_view *view);

/** Move a queued entry before @p before (same resource), or to the tail if before.number is 0;
 *  never before a NO_WAIT entry, and those stay in front.
 *  GDN_ERR_UNKNOWN_TICKET (either is not queued), GDN_ERR_MISUSE (another resource, or itself). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_requeue(gdn_ledger *ledger,
                                                     struct gdn_ticket_ref ticket,
                                                     struct gdn_ticket_ref before);

/** Make a queued entry a holder. For a remote issuer @p out is the GRANT; for a local one the
 *  ticket is granted at once and out->verb is 0. GDN_ERR_UNKNOWN_TICKET, GDN_ERR_NOT_GRANTABLE. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_grant(gdn_ledger *ledger, struct gdn_ticket_ref ticket,
                                                   struct gdn_message *out);

/** Turn a queued entry down: it leaves the queue; for a remote issuer @p out is the WAKE that ends
 *  its ticket, for a local one the ticket ends at once. GDN_ERR_UNKNOWN_TICKET (also if held). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_refuse(gdn_ledger *ledger,
                                                    struct gdn_ticket_ref ticket,
                                                    struct gdn_message *out);

/** Take the next resource, if any, whose queue may have become servable since it was last taken
 *  (a holder or an entry left while others are queued, an entry was moved, or the order was
 * lifted). Each is given once, in the order in which they were freed. */
GDN_API bool gdn_ledger_take_freed(gdn_ledger *ledger, gdn_resource_id *resource);
GDN_API bool gdn_ledger_has_freed(const gdn_ledger *ledger);

/* -- Messages and peers -- */

enum gdn_effect_type {
    GDN_EFFECT_NONE,      /**< Nothing the application needs to hear of: it crossed with an
                               end, or took effect through gdn_ledger_take_freed(). */
    GDN_EFFECT_REQUESTED, /**< A new queue entry; or refused at once, then reply is set. */
    GDN_EFFECT_GRANTED,
    GDN_EFFECT_REFUSED, /**< WAKE of a lock ticket. */
    GDN_EFFECT_WOKEN    /**< The last need of a direct wait was met. */
};

/** What follows the type is set unless it is NONE. */
struct gdn_effect {
    enum gdn_effect_type type;
    struct gdn_ticket_ref ticket;
    gdn_process_id process;
    gdn_resource_id resource;
    uint8_t mode;
    uint8_t flags;
    uint32_t units; /**< REQUESTED: of a pool, at least 1; else 0. */
    uint64_t cookie;
    bool has_reply; /**< A NO_WAIT request that cannot be granted: type is NONE and
                         @c reply, a WAKE, goes back to the issuer. */
    struct gdn_message reply;
};

/** Take one arrived message from @p peer. Whatever crossed on the way is normal and counted, not
 *  an error, and a request that cannot be queued (tickets_max, an unknown mode, units that there
 *  are not) is answered with a WAKE. GDN_ERR_MEMORY; GDN_ERR_FORMAT for a message that no correct
 * peer sends (a ticket requested twice, an answer to a request that was made elsewhere or is
 * answered, a live ticket of another process); then nothing changed. From peer 0, this node, only
 * the WAKE of a direct wait is taken (else GDN_ERR_MISUSE). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_apply(gdn_ledger *ledger, uint32_t peer,
                                                   const struct gdn_message *message,
                                                   int64_t now_us, struct gdn_effect *effect);

/** A peer's incarnation is gone. Its queue entries leave; its holds become this node's own
 *  ("orphans" of @p node, whose peer it was: issued here, by fresh numbers), until
 *  gdn_ledger_drop_orphans(). Tickets of ours at that home end, waiting or granted. Direct waits
 *  stay. Afterwards the peer's number stands nowhere in the ledger but in what
 *  gdn_ledger_take_lost() has yet to give, and may serve another peer. Costs O(all tickets); needs
 *  memory, and changed nothing when it fails: GDN_ERR_MEMORY, GDN_ERR_MISUSE (peer 0). */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_peer_lost(gdn_ledger *ledger, uint32_t peer,
                                                       gdn_node_id node, int64_t now_us);

/** The next ticket that ended because its home was lost before it was granted (a NO_WAIT one too),
 *  as it was then; its process may have ended since. False: none. */
GDN_API bool gdn_ledger_take_lost(gdn_ledger *ledger, uint64_t *number,
                                  struct gdn_ticket_view *view);
GDN_API bool gdn_ledger_has_lost(const gdn_ledger *ledger);

/** End every orphan of @p node, of whichever incarnation; how many there were. */
GDN_API size_t gdn_ledger_drop_orphans(gdn_ledger *ledger, gdn_node_id node);

/** Counted since the ledger was made. */
struct gdn_ledger_counters {
    uint64_t requests, grants, releases, cancels, ends, wakes; /**< Verbs done, and messages
                                   applied; a release for each ticket, a refusal is a wake. */
    uint64_t crossed;       /**< Messages for tickets that had ended. */
    size_t tickets_waiting; /**< Now, issued here; direct ones too, NO_WAIT ones not. */
    size_t tickets_granted; /**< Now, issued here; orphans too. */
    size_t resources;       /**< Now, homed here, held or queued for. */
    size_t contested;       /**< Now, homed here, with a queue. */
};
GDN_API struct gdn_ledger_counters gdn_ledger_counters(const gdn_ledger *ledger);

/* ---- Recording ---- */

/** A ledger's state as of one instant, for one round. While it lives, the first change of an
 *  uncontested resource's holder list saves the old list (copy on first change), so that a
 *  request in flight still finds its holders as of the cut. */
typedef struct gdn_capture gdn_capture;

struct gdn_cut;

/** Which party (of the cut under way) a peer is; GDN_NONE when out of memory. 0 is this node. It is
 *  asked until the capture is freed, also for peers lost since, as of their incarnation then. */
typedef uint32_t gdn_party_of(void *context, struct gdn_cut *cut, uint32_t peer);

/** Record now: append to node @p node of @p cut every contested resource (holders and queue) and
 *  every waiting ticket with what is known of its process (of a direct wait, the needs not yet
 *  met). Costs time in proportion to those. The only error is GDN_ERR_MEMORY; @p cut is then to be
 *  thrown away. Caller frees with gdn_capture_free(); @p cut is borrowed until then. */
GDN_API GDN_MUST_USE enum gdn_err gdn_ledger_capture(gdn_ledger *ledger, struct gdn_cut *cut,
                                                     uint32_t node, gdn_party_of *party_of,
                                                     void *context, int64_t now_us,
                                                     gdn_capture **capture);

/** Append the holders of @p resource as of the capture, unless it is already there (a request for
 *  it was in flight). A resource nobody held adds a home without holders. GDN_ERR_MEMORY (also
 *  when the capture had failed): the cut is to be thrown away. */
GDN_API GDN_MUST_USE enum gdn_err gdn_capture_resource(gdn_capture *capture,
                                                       gdn_resource_id resource);

/** True once a saved list could not be kept (out of memory): the round cannot be reported. */
GDN_API bool gdn_capture_failed(const gdn_capture *capture);

/** Ends copy-on-first-change for this capture. NULL is fine. */
GDN_API void gdn_capture_free(gdn_capture *capture);

#ifdef __cplusplus
}
#endif
#endif
