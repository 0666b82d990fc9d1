/* SPDX-License-Identifier: MIT */
/** @file node.h  What a lock manager links: one node of the system, with its sockets and its
 * thread.
 *
 *  A node is a site (gordian/site.h: ledger, snapshots, channels, inbox) and its ZeroMQ sockets
 *  behind a mutex, with an engine thread of the library's own. A thread that sends or takes does
 *  the engine's work where it comes by; the engine does what is left, so a blocked or slow
 *  application delays no round (beyond the millisecond after which the engine takes over from a
 *  thread that has left gdn_take(), gdn_await() or gdn_flush()).
 *
 *      worker threads                 one manager thread, or more
 *      gdn_request -> ticket          gdn_take -> REQUESTED, RELEASED: loop gdn_next, gdn_grant
 *      sleep until woken                       -> GRANTED, REFUSED, ABORTED: wake the cookie's
 * thread gdn_cancel on timeout                   -> PEER_LOST, PAYLOAD gdn_end at commit, rollback,
 * abort
 *
 *  Thread safety: every call but gdn_node_close() may be made from any thread at any time. Only
 *  gdn_take() and gdn_await() block. Never call from a log or allocator hook, nor from a signal
 *  handler. A manager's own lock may be held around any call that does not block; the library
 *  calls back only without locks.
 *
 *  fork(): a child must not use a node of its parent (GDN_ERR_FORKED); it opens its own. */
#ifndef GORDIAN_NODE_H
#define GORDIAN_NODE_H

#include <gordian/cut.h>
#include <gordian/site.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdn_node gdn_node;

#define GDN_PATIENCE_MS_DEFAULT 100

/** Zero is the default of every field but name and bind. All is copied or used until return,
 *  except zmq_context. */
struct gdn_node_options {
    const char *name;             /**< Of this node; unique in the system. */
    const char *bind;             /**< "tcp://127.0.0.1:*" (a free port), "ipc://path",
                                       "inproc://name" (then share zmq_context). */
    const char *advertise;        /**< What peers dial; NULL: the endpoint that was bound. */
    const char *const *detectors; /**< Endpoints to register with; may be started later. */
    size_t detector_count;
    const struct gdn_modes *modes; /**< NULL: exclusive and shared. */
    uint32_t patience_ms;          /**< A wait that lasts longer is suspected; 0: 100. */
    uint32_t silence_ms;           /**< A peer heard nothing of for so long is lost; 0: 10000. At
                                        least 100. Whoever has nothing to say says so four times in
                                        that time. */
    uint32_t window;               /**< Messages on their way to a peer, not yet taken there, before
                                        requests and payloads get GDN_ERR_FULL; 0: 4096. */
    size_t window_bytes;           /**< The same in bytes; 0: 16 MiB. At least 1024. Of both windows
                                        the smaller of this node's and the peer's counts. */
    size_t payload_max;            /**< Bytes of one payload; 0: 1 MiB. */
    size_t recording_max;          /**< Bytes of messages one round may record; 0: 64 MiB. */
    size_t report_max;             /**< Bytes of what a round reports of this node; then that round
                                        fails by name. 0: 1 GiB less 4 KiB, which is the most. */
    size_t tickets_max;            /**< Live tickets; 0: 4 Mi. */
    size_t items_max;              /**< Items that nobody has taken, before own requests and direct
                                        waits, which would bring more, get GDN_ERR_FULL; 0: 1 Mi. */
    uint32_t close_ms;             /**< Longest gdn_node_close() waits for peers to acknowledge;
                                        0: 1000. */
    bool aborts_unanswered;        /**< Direct waits here are for messages, and whoever waits for an
                                        aborted process goes on waiting: then no victim is proposed
                                        for a deadlock with such a wait. Where an abort is an
                                        answer, as for locks and joins: false. */
    bool given_up_by_others;       /**< Others than a ticket's issuer and its home release or cancel
                                        it: then nothing about it is certain while a node is silent.
                                        */
    bool allow_remote;             /**< Bind or dial tcp addresses that are not loopback, though
                                        nothing is encrypted or authenticated. */
    void *zmq_context;             /**< Borrowed until close; NULL: a private one. For inproc. */
    struct gdn_allocator allocator; /**< resize NULL: malloc(). */
    struct gdn_log log;             /**< write NULL: silent. */
};

/** Bind, start the engine thread, dial the detectors. On failure *node is not set and @p why (of
 *  @p why_bytes, may be NULL) says what, where and what to do. GDN_ERR_NAME, GDN_ERR_ADDRESS,
 *  GDN_ERR_SYSTEM, GDN_ERR_MEMORY, GDN_ERR_MISUSE. Caller frees with gdn_node_close(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_node_open(const struct gdn_node_options *options,
                                                gdn_node **node, char *why, size_t why_bytes);

/** From now on gdn_take() and gdn_await() return GDN_ERR_CLOSED, also to threads that wait in them,
 *  and the descriptor stays readable. Call it, join your threads, then close. */
GDN_API void gdn_node_stop(gdn_node *node);

/** Wait (at most close_ms) until connected peers have acknowledged what was sent, say goodbye to
 *  them, end the thread, free everything. What was not acknowledged is named in the log; call
 *  gdn_flush() before to know. Takes at most close_ms and half a second. No other call may be
 *  running. NULL is fine. In a forked child it frees nothing and returns at once. */
GDN_API void gdn_node_close(gdn_node *node);

/** The endpoint peers should dial. Borrowed until close. */
GDN_API const char *gdn_node_endpoint(const gdn_node *node);
GDN_API gdn_node_id gdn_node_self(const gdn_node *node);
/** Random, new at every open. */
GDN_API uint64_t gdn_node_incarnation(const gdn_node *node);

/** Dial a peer by name. Returns at once; the peer need not run yet. One side's dialling is enough
 *  for both directions. GDN_ERR_NAME, GDN_ERR_ADDRESS, GDN_ERR_LIMIT. */
GDN_API GDN_MUST_USE enum gdn_err gdn_connect(gdn_node *node, const char *name,
                                              const char *endpoint);

/** Wait until a request to @p peer can be sent: it is connected, its window has room, and so has
 * our own inbox. So this is what to do after GDN_ERR_FULL, while somebody takes. @p timeout_ms -1:
 * for ever. GDN_ERR_TIMEOUT, GDN_ERR_UNKNOWN_NODE, GDN_ERR_CLOSED. */
GDN_API GDN_MUST_USE enum gdn_err gdn_await(gdn_node *node, gdn_node_id peer, int timeout_ms);

/* ---- Verbs of the requester ---- */

/** T asks @p home (this node itself, or a connected peer) for a resource and waits from now on.
 *  GDN_ERR_ID: the process or the resource has none (gdn_id_is_set()); as in all verbs below.
 *  GDN_ERR_FULL and GDN_ERR_NOT_CONNECTED may pass; nothing has changed then. */
GDN_API GDN_MUST_USE enum gdn_err gdn_request(gdn_node *node, gdn_node_id home,
                                              const struct gdn_request *request,
                                              gdn_ticket *ticket);

/** As gdn_request, but never waits in a queue: GRANTED follows if it can be granted when home
 *  sees it, else REFUSED. If home is this node: GDN_ERR_NOT_GRANTABLE, and nothing follows. Such a
 *  process counts as running. */
GDN_API GDN_MUST_USE enum gdn_err gdn_try(gdn_node *node, gdn_node_id home,
                                          const struct gdn_request *request, gdn_ticket *ticket);

/** T gives back what it was granted on @p resource. Never FULL. GDN_ERR_NOT_HELD. */
GDN_API GDN_MUST_USE enum gdn_err gdn_release(gdn_node *node, gdn_process_id process,
                                              gdn_resource_id resource);

/** T gives up one ticket of this node, waiting or granted. Never FULL. A grant that is on its way
 *  is given back by the library. GDN_ERR_UNKNOWN_TICKET: it has ended. */
GDN_API GDN_MUST_USE enum gdn_err gdn_cancel(gdn_node *node, gdn_ticket ticket);

/** All of T's tickets issued at this node end, waiting or granted: one message for each home.
 *  Every node that requested for T ends T. Never FULL. */
GDN_API GDN_MUST_USE enum gdn_err gdn_end(gdn_node *node, gdn_process_id process);

/** Tell what T is; counts for tickets issued from now on, until gdn_end(). Copies. */
GDN_API GDN_MUST_USE enum gdn_err gdn_describe(gdn_node *node, gdn_process_id process,
                                               const struct gdn_process_info *info);

/** For managers with a lock table of their own: T waits for the wait's needs (all, any, at least k
 *  of processes, nested: struct gdn_need), until gdn_wake() has met them (then WOKEN), gdn_cancel()
 *  or gdn_end(). Copies. GDN_ERR_MISUSE (malformed needs), GDN_ERR_LIMIT (GDN_LEDGER_NEEDS_MAX,
 *  GDN_NEEDS_DEPTH_MAX, tickets_max), GDN_ERR_NAME (a branch_at), GDN_ERR_FULL (items_max). */
GDN_API GDN_MUST_USE enum gdn_err gdn_wait_on(gdn_node *node, const struct gdn_wait *wait,
                                              gdn_ticket *ticket);

/** Process @p by no longer blocks T (GDN_ERR_FULL may pass): meets one listing of @p by, the first
 *  not met, in @p ticket (of node ticket.issuer), or, if ticket.number is 0, in the oldest current
 *  direct wait of T at that node that has one. */
GDN_API GDN_MUST_USE enum gdn_err gdn_wake(gdn_node *node, gdn_ticket ticket,
                                           gdn_process_id process, gdn_process_id by);

/* ---- Verbs of the home ---- */

/** The next ticket of @p resource that may be granted now. GDN_ERR_EMPTY: none. */
GDN_API GDN_MUST_USE enum gdn_err gdn_next(gdn_node *node, gdn_resource_id resource,
                                           gdn_ticket *ticket);

/** Grant a queued ticket. Never FULL. GDN_ERR_NOT_GRANTABLE; GDN_ERR_UNKNOWN_TICKET: it has left
 *  the queue meanwhile, which is normal. */
GDN_API GDN_MUST_USE enum gdn_err gdn_grant(gdn_node *node, gdn_ticket ticket);

/** Turn a queued ticket down; its issuer gets REFUSED. */
GDN_API GDN_MUST_USE enum gdn_err gdn_refuse(gdn_node *node, gdn_ticket ticket);

/** Move a queued ticket before another of the same resource; before.number 0: to the tail. */
GDN_API GDN_MUST_USE enum gdn_err gdn_requeue(gdn_node *node, gdn_ticket ticket, gdn_ticket before);

/** Queue order of this resource blocks nobody: gdn_next() may pass over blocked entries. */
GDN_API GDN_MUST_USE enum gdn_err gdn_set_unordered(gdn_node *node, gdn_resource_id resource,
                                                    bool unordered);

/** Make a resource of this node a pool of @p capacity units (connections, memory, permits), or with
 *  0 an ordinary lock again. Requests then ask for gdn_request.units; gdn_next() and gdn_grant()
 *  count them. Set it before the first request: GDN_ERR_MISUSE when it is in use and was none, or
 *  smaller than what is held or asked for. */
GDN_API GDN_MUST_USE enum gdn_err gdn_set_capacity(gdn_node *node, gdn_resource_id resource,
                                                   uint32_t capacity);

/** End what processes of a lost peer still held here. Until this call their holds stand (kept),
 *  as holds of this node; gdn_end() at this node ends those of one process. */
GDN_API GDN_MUST_USE enum gdn_err gdn_drop_orphans(gdn_node *node, gdn_node_id peer);

/* ---- Messages ---- */

/** Send bytes of your own, in order with the lock messages. Copies. GDN_ERR_FULL, GDN_ERR_LIMIT
 *  (longer than payload_max), GDN_ERR_NOT_CONNECTED. */
GDN_API GDN_MUST_USE enum gdn_err gdn_send(gdn_node *node, gdn_node_id peer, const void *bytes,
                                           size_t length);

/** Wait until every message to a connected peer has been acknowledged: it has arrived there, and
 *  will be taken if that process lives on. @p unacknowledged (may be NULL): how many are not.
 *  @p timeout_ms 0: do not wait; -1: for ever. GDN_ERR_TIMEOUT, GDN_ERR_CLOSED. */
GDN_API GDN_MUST_USE enum gdn_err gdn_flush(gdn_node *node, int timeout_ms,
                                            uint64_t *unacknowledged);

/** Take the next item; it has taken effect on the books when this returns. @p timeout_ms 0: do not
 *  wait; -1: for ever. GDN_ERR_TIMEOUT, GDN_ERR_CLOSED, GDN_ERR_MEMORY (the item stays). Caller
 *  frees with gdn_item_fini(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_take(gdn_node *node, struct gdn_item *item, int timeout_ms);

/** Frees a payload; harmless for all other items. */
GDN_API void gdn_item_fini(struct gdn_item *item);

/** A descriptor to poll for reading: readable exactly while something waits to be taken, and for
 *  good after gdn_node_stop(). What waits may take effect without an item (a cancel, a grant that
 * crossed its cancel), so poll, then gdn_take() with timeout 0. It is kept up from the first call
 * on, which costs each item that nobody waits for two system calls. Close-on-exec. Never read or
 * close it. -1 in a forked child. */
GDN_API int gdn_node_descriptor(gdn_node *node);

/* ---- Looking inside ---- */

/** This node's books as of now, as a cut of one node: no round, no channels. For tools; pictures
 *  of several nodes taken this way are not consistent with each other. Caller frees with
 *  gdn_cut_free(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_inspect(gdn_node *node, gdn_cut **cut);

GDN_API struct gdn_site_counters gdn_node_counters(gdn_node *node);

#ifdef __cplusplus
}
#endif
#endif
