/* SPDX-License-Identifier: MIT */
/** @file site.h  Everything pure about one node: ledger, participant, channels and inbox behind one
 *  step function.
 *
 *  For embedders with a transport and clock of their own; others use gordian/node.h, which is a
 *  site plus sockets. Same state and same events give the same actions: no I/O, clock, thread,
 *  random number or print inside. The host's loop is always: something happens, gdn_site_step(),
 *  carry out the actions in order, wait until the deadline or the next event.
 *
 *  One thread at a time. */
#ifndef GORDIAN_SITE_H
#define GORDIAN_SITE_H

#include <gordian/ledger.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gdn_site gdn_site;

/** What an application takes from its inbox. */
enum gdn_item_type {
    GDN_ITEM_REQUESTED, /**< ticket (of @c peer) was queued on resource: loop gdn_next. */
    GDN_ITEM_RELEASED,  /**< resource may have something to grant: loop gdn_next. */
    GDN_ITEM_GRANTED,   /**< ticket: process holds resource now. */
    GDN_ITEM_REFUSED,   /**< ticket has ended without a grant; lost: its home is gone. */
    GDN_ITEM_WOKEN,     /**< ticket, a direct wait, has had its last need met. */
    GDN_ITEM_ABORTED,   /**< A detector chose ticket; it has ended. Roll back, gdn_end(process). */
    GDN_ITEM_PAYLOAD,   /**< bytes from peer. */
    GDN_ITEM_PEER_UP,   /**< peer (this incarnation) can be sent to. */
    GDN_ITEM_PEER_LOST  /**< peer (that incarnation) is gone; see gdn_drop_orphans(). */
};

struct gdn_item {
    enum gdn_item_type type;
    gdn_node_id peer;      /**< Who sent it; this node itself for local ones. */
    const char *peer_name; /**< Borrowed until the site is freed, or 1,024 others were lost after
                                that peer. */
    uint64_t peer_incarnation;
    gdn_ticket ticket;
    gdn_process_id process;
    gdn_resource_id resource;
    uint64_t cookie; /**< Of the ticket, where this node issued it. */
    gdn_id deadlock; /**< ABORTED: which. */
    uint8_t mode;
    uint8_t flags;  /**< REQUESTED: GDN_REQUEST_*. */
    uint32_t units; /**< REQUESTED: of a pool, at least 1; else 0. */
    bool lost;      /**< REFUSED. */
    uint8_t *bytes; /**< PAYLOAD: owned by the item. */
    size_t length;
    struct gdn_allocator allocator; /**< Of bytes. */
};

/* ---- Events: facts, in the order they happened ---- */

enum gdn_event_type {
    /* The network and the clock. */
    GDN_EVENT_FRAME_RECEIVED, /**< frame. Refused: GDN_ERR_FORMAT or _VERSION when malformed,
                                   GDN_ERR_UNKNOWN_NODE from a stranger. */
    GDN_EVENT_LINKS_READY,    /**< The host can send now: hands out everything that waits. */
    GDN_EVENT_TIME_PASSED,    /**< The deadline of the last actions has come. */
    GDN_EVENT_PEER_DIALLED,   /**< dial: the application wants this peer. */
    GDN_EVENT_CLOSING,        /**< Say goodbye to every peer. */
    /* The application's verbs: see the call of the same meaning in gordian/node.h. */
    GDN_EVENT_DESCRIBED,       /**< described */
    GDN_EVENT_REQUESTED,       /**< requested */
    GDN_EVENT_WAITED_ON,       /**< waited_on */
    GDN_EVENT_RELEASED,        /**< lock */
    GDN_EVENT_CANCELLED,       /**< ticket */
    GDN_EVENT_ENDED,           /**< lock.process */
    GDN_EVENT_WOKEN,           /**< woken */
    GDN_EVENT_GRANTED,         /**< ticket */
    GDN_EVENT_REFUSED,         /**< ticket */
    GDN_EVENT_REQUEUED,        /**< requeued */
    GDN_EVENT_UNORDERED,       /**< unordered */
    GDN_EVENT_CAPACITY_SET,    /**< capacity */
    GDN_EVENT_ORPHANS_DROPPED, /**< peer */
    GDN_EVENT_PAYLOAD_SENT,    /**< payload */
    GDN_EVENT_ITEM_TAKEN       /**< actions.item is the one; GDN_ERR_EMPTY when there is none. What
                                    the application does not hear of takes effect on the way,
                                    also if the item itself then finds no memory. */
};

struct gdn_event {
    enum gdn_event_type type;
    int64_t now_us; /**< The host's monotonic clock. */
    union {
        struct {
            const uint8_t *bytes;
            size_t length;
            const char *from; /**< The transport's word for the sender; may be NULL. */
        } frame;
        struct {
            const char *name; /**< NULL: whoever answers there (a detector). */
            const char *endpoint;
            bool detector;
        } dial;
        struct {
            gdn_process_id process;
            const struct gdn_process_info *info;
        } described;
        struct {
            gdn_node_id home;
            const struct gdn_request *request;
        } requested;
        struct gdn_wait waited_on;
        struct {
            gdn_process_id process;
            gdn_resource_id resource;
        } lock;
        gdn_ticket ticket;
        struct {
            gdn_ticket ticket;
            gdn_process_id process, by;
        } woken;
        struct {
            gdn_ticket ticket, before;
        } requeued;
        struct {
            gdn_resource_id resource;
            bool on;
        } unordered;
        struct {
            gdn_resource_id resource;
            uint32_t units;
        } capacity;
        gdn_node_id peer;
        struct {
            gdn_node_id to;
            const void *bytes;
            size_t length;
        } payload;
    } as;
};

/* ---- Actions: imperatives, in order ---- */

/** Open a connection for link number @c link to @c endpoint; frames follow by that number. If it is
 *  open already it may be dead, or had led elsewhere: close it and open another; what waited in it
 *  will be resent. */
struct gdn_dial {
    uint32_t link;
    const char *endpoint;
};

struct gdn_frame {
    uint32_t link;
    const uint8_t *bytes;
    size_t length;
};

/** Filled by every step. Pointers are borrowed: dials, log until the next step; frames until the
 *  next GDN_EVENT_LINKS_READY. */
struct gdn_actions {
    const struct gdn_dial *dials;
    size_t dial_count;
    const struct gdn_frame *frames; /**< Only of GDN_EVENT_LINKS_READY. */
    size_t frame_count;
    bool wants_to_send;   /**< Something waits for a GDN_EVENT_LINKS_READY. */
    size_t bytes_to_send; /**< About how much: a host may let a frame fill up. */
    int64_t deadline_us;  /**< Send GDN_EVENT_TIME_PASSED then; INT64_MAX: never. */
    size_t items_waiting;
    bool peers_changed;   /**< A peer came up or was lost, or a full window may have room. */
    gdn_ticket ticket;    /**< REQUESTED, WAITED_ON: the one that was issued. */
    struct gdn_item item; /**< Only of ITEM_TAKEN, and only when one was taken. */
    const char *log;      /**< Lines for the host's log, each ended by a newline;
                               NULL: none. A line that begins with '!' is a warning. */
};

struct gdn_site_options {
    const char *name;
    const char *endpoint; /**< What peers dial. */
    uint64_t incarnation; /**< Random; never 0. */
    const struct gdn_modes *modes;
    uint32_t patience_ms, silence_ms, window; /**< As in struct gdn_node_options. */
    size_t window_bytes, payload_max, recording_max, report_max, tickets_max, items_max;
    bool aborts_unanswered, given_up_by_others;
    const struct gdn_allocator *allocator;
};

/** NULL: out of memory, or a name, the modes or a bound are not valid. Copies the options. Caller
 * frees with gdn_site_free(). */
GDN_API gdn_site *gdn_site_new(const struct gdn_site_options *options);
GDN_API void gdn_site_free(gdn_site *site);

/** Advance by one event; @p actions is filled whatever is returned. On error the site's books are
 *  unchanged. */
GDN_API GDN_MUST_USE enum gdn_err gdn_site_step(gdn_site *site, const struct gdn_event *event,
                                                struct gdn_actions *actions);

/** The first ticket that may be granted on a resource homed here. Changes nothing. */
GDN_API bool gdn_site_next(const gdn_site *site, gdn_resource_id resource, gdn_ticket *ticket);

/** True when a request to @p peer can be sent now: it is connected, its window has room, and so has
 * our inbox. If not, look again when peers_changed. GDN_ERR_UNKNOWN_NODE when nobody dialled it. */
GDN_API GDN_MUST_USE enum gdn_err gdn_site_can_send(gdn_site *site, gdn_node_id peer,
                                                    bool *can_send);

/** Messages (lock messages and payloads) to connected peers that have not acknowledged them. */
GDN_API uint64_t gdn_site_unacknowledged(const gdn_site *site);

/** The site's books as of now, as a cut of one node. Caller frees with gdn_cut_free(). */
GDN_API GDN_MUST_USE enum gdn_err gdn_site_inspect(gdn_site *site, int64_t now_us,
                                                   struct gdn_cut **cut);

struct gdn_site_counters {
    struct gdn_ledger_counters ledger;
    uint64_t messages_sent, messages_taken; /**< Lock messages and payloads, all peers. */
    uint64_t rounds_reported, rounds_abandoned;
    size_t rounds_under_way;
    uint64_t frames_refused; /**< Malformed, or from strangers. */
    size_t peers_connected, detectors_connected;
    size_t items_waiting;
};
GDN_API struct gdn_site_counters gdn_site_counters(const gdn_site *site);

#ifdef __cplusplus
}
#endif
#endif
