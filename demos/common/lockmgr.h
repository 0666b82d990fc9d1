/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A distributed lock manager in two hundred lines: what embedding Gordian looks like.
 *
 * The node keeps the lock table: holders and queues of the resources that live here, and what our
 * own processes wait for elsewhere. What remains is to serve queues and to wake sleepers:
 *
 *     worker threads                         the manager thread
 *     lockmgr_ask   gdn_request              gdn_take  REQUESTED, RELEASED -> gdn_next, gdn_grant
 *     lockmgr_wait  sleeps               <-            GRANTED, REFUSED, ABORTED: wakes
 *     lockmgr_end   gdn_end                            PEER_LOST: drops what it held
 *
 * Any thread may call. A process is a transaction, and waits for one lock at a time. */
#ifndef DEMOS_LOCKMGR_H
#define DEMOS_LOCKMGR_H

#include <gordian/node.h>

struct lockmgr;

enum lock_result {
    LOCK_PENDING,
    LOCK_GRANTED,
    LOCK_ABORTED,   /* A detector chose it. Roll back: undo, then lockmgr_end(). */
    LOCK_REFUSED,   /* Its home is gone. */
    LOCK_CANCELLED, /* Somebody called lockmgr_cancel(). */
    LOCK_TIMEOUT
};

/* One call for a lock, in its caller's hands from lockmgr_ask() to the end of lockmgr_wait(). */
struct lock_call {
    gdn_process_id process;
    gdn_ticket ticket;
    gdn_id deadlock; /* LOCK_ABORTED: which. */
    enum lock_result result;
    uint64_t number; /* The ticket's cookie. */
    struct lock_call *next;
};

/* Told by the manager thread, with no lock held. Any may be NULL. */
struct lockmgr_hooks {
    void *context;
    /* A request, queued here, has to wait. */
    void (*blocked)(void *context, const struct gdn_item *item);
};

/* Starts the manager thread. Borrows @p node until lockmgr_stop(). NULL: out of memory or
 * threads. */
struct lockmgr *lockmgr_start(gdn_node *node, const struct lockmgr_hooks *hooks);

/* Stops the node, ends the thread and frees. Nobody may wait any more: see lockmgr_cancel_all. */
void lockmgr_stop(struct lockmgr *locks);

/* Ask for @p resource at @p home. Waits only while the window is full, at most a second. */
enum gdn_err lockmgr_ask(struct lockmgr *locks, struct lock_call *call, gdn_process_id process,
                         gdn_node_id home, const char *resource, uint8_t mode);

/* Sleep until it is decided, @p timeout_ms at most (-1: for ever). Never LOCK_PENDING. */
enum lock_result lockmgr_wait(struct lockmgr *locks, struct lock_call *call, int timeout_ms);

/* The process gives up what it waits for. False: it waits for nothing. */
bool lockmgr_cancel(struct lockmgr *locks, gdn_process_id process);
void lockmgr_cancel_all(struct lockmgr *locks);

/* Early release of one lock; false: it does not hold it. */
bool lockmgr_release(struct lockmgr *locks, gdn_process_id process, const char *resource);

/* Commit or rollback: all of its locks go. */
void lockmgr_end(struct lockmgr *locks, gdn_process_id process);

/* Grant what can be granted of a resource that lives here. The manager thread does it by itself. */
void lockmgr_serve(struct lockmgr *locks, gdn_resource_id resource);

/* Play an application that is busy with something else: returns when the manager thread takes no
 * items any more. */
void lockmgr_pause(struct lockmgr *locks);
void lockmgr_resume(struct lockmgr *locks);

#endif
