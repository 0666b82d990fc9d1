/* SPDX-License-Identifier: MIT */
/* The inside of a site, shared by its files:
 *
 *     site.c      events in, actions out; suspicion
 *     arrive.c    what comes from the mesh: peers and records
 *     verbs.c     what the application says
 *     take.c      what the application takes from its inbox
 *     snapshot.c  rounds: recording, markers, reports */
#ifndef GDN_CORE_SITE_H
#define GDN_CORE_SITE_H

#include <gordian/participant.h>

#include "src/core/inbox.h"
#include "src/core/mesh.h"

#define GDN__PAYLOAD_DEFAULT     (UINT32_C(1) << 20)
#define GDN__RECORDING_DEFAULT   (UINT32_C(1) << 26)
#define GDN__REPORT_BYTES_MAX    (GDN__FRAME_BYTES_MAX - 4096) /* With what goes around it. */
#define GDN__ITEMS_DEFAULT       (UINT32_C(1) << 20)
#define GDN__PATIENCE_MS_DEFAULT 100
#define GDN__DETECTOR_BACKLOG    (UINT32_C(1) << 26) /* Unacknowledged, to one; then no more. */
#define GDN__ROUND_LIFE_US       INT64_C(120000000)  /* Of a round that nobody ends. */
#define GDN__OWED_RETRY_US       INT64_C(10000)      /* What waits for memory is tried again. */
#define GDN__LOCK_BODY_BYTES_MAX 64                  /* No lock message is longer. */
#define GDN__LOCK_RECORD_BYTES   (GDN__RECORD_HEADER_BYTES + GDN__LOCK_BODY_BYTES_MAX)
#define GDN__MARKER_RECORD_BYTES (GDN__RECORD_HEADER_BYTES + 32)

/* One round that we take part in: what we recorded at our cut. */
struct gdn__snapshot {
    gdn_cut *cut;  /* NULL: recording failed, or the slot is free. */
    uint32_t node; /* Ours, in that cut. */
    gdn_capture *capture;
    gdn_round_id round; /* Number 0: the slot is free. */
    int64_t ends_at_us; /* Given up then, whatever its initiator does. */
};

/* What a site owes about a peer when memory was short, in this order. The loss of a peer cannot be
 * refused, and nobody repeats it. */
enum gdn__owed {
    GDN__OWED_UP = 1,    /* The application does not know that it is up ... */
    GDN__OWED_BOOKS = 2, /* The ledger does not know that it is lost ... */
    GDN__OWED_LOST = 4   /* ... nor the application. */
};

struct gdn_site {
    struct gdn_allocator allocator;
    char *name;
    gdn_node_id self;
    uint64_t incarnation;
    struct gdn_modes modes;
    bool modes_given;
    bool aborts_unanswered, given_up_by_others; /* As the manager declared. */
    int64_t patience_us;
    size_t payload_max;
    size_t recording_max;
    size_t report_max;
    size_t items_max;   /* Untaken items before own requests stop. */
    size_t untaken_max; /* Messages of one peer; no correct one sends more. */

    gdn__mesh *mesh;
    gdn_ledger *ledger;
    gdn_participant *participant;
    struct gdn__pool pool; /* Of arrivals. */
    struct gdn__inbox inbox;
    struct gdn__snapshot snapshots[GDN_ROUNDS_MAX];

    int64_t now_us;          /* Of the event under way. */
    int64_t suspected_at_us; /* When detectors were last told of a long wait. */
    bool suspected;
    uint32_t rounds_under_way;
    bool owes; /* Something about some peer. */
    bool peers_changed;
    bool found_full;       /* Somebody met a full window ... */
    bool found_inbox_full; /* ... or our own inbox. */
    uint64_t messages_sent, messages_taken;
    uint64_t rounds_reported, rounds_abandoned, frames_refused;

    struct gdn_outgoing *outgoing; /* Scratch for release and end, ... */
    uint32_t *homes;               /* ... where they will go, ... */
    size_t outgoing_capacity;      /* ... and how many there is room for in both. */
    struct gdn_frame *frames;
    size_t frame_capacity;
    struct gdn_dial *dials;
    size_t dial_capacity;
    struct gdn__buffer log;
};

/* ---- site.c ---- */

/* A line for the host's log; '!' first marks a warning. */
void gdn__site_say(gdn_site *site, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room in the channel for @p count more lock messages, so that sending them cannot fail. */
bool gdn__site_reserve_locks(gdn_site *site, uint32_t peer, size_t count);
/* Number one lock message; its room was reserved. */
void gdn__site_send_lock(gdn_site *site, uint32_t peer, const struct gdn_message *message);

/* The ticket as the application sees it. */
gdn_ticket gdn__site_ticket(gdn_site *site, struct gdn_ticket_ref ref);
/* The other way; false: its issuer is not known here. */
bool gdn__site_ref(const gdn_site *site, gdn_ticket ticket, struct gdn_ticket_ref *ref);

/* ---- arrive.c ---- */

struct gdn__mesh_events gdn__site_mesh_events(gdn_site *site);
/* Do what there was no memory for. */
void gdn__site_pay(gdn_site *site);

/* ---- verbs.c ---- */

/* Whether this message must keep to the window. */
bool gdn__site_is_windowed(const struct gdn_message *message);

enum gdn_err gdn__site_verb(gdn_site *site, const struct gdn_event *event,
                            struct gdn_actions *actions);

/* ---- take.c ---- */

enum gdn_err gdn__site_take(gdn_site *site, struct gdn_item *item);
size_t gdn__site_items_waiting(const gdn_site *site);
/* Whether what is taken next may leave its time in the books. */
bool gdn__site_take_is_timed(const gdn_site *site);
/* A detector's order to abort has arrived. */
enum gdn_err gdn__site_abort_arrived(gdn_site *site, uint32_t peer, const struct gdn__abort *abort);
/* A peer's incarnation is gone: what has arrived of it takes effect, or means nothing. */
void gdn__site_settle_mail(gdn_site *site, uint32_t peer);

/* ---- snapshot.c ---- */

enum gdn_err gdn__site_participate(gdn_site *site, const struct gdn_participant_event *event);
enum gdn_err gdn__site_record_self(gdn_site *site, gdn_cut **cut, uint32_t *node,
                                   gdn_capture **capture);
/* When a round is to be given up that nobody ends, or INT64_MAX; and do it. */
int64_t gdn__site_rounds_deadline(const gdn_site *site);
void gdn__site_end_rounds(gdn_site *site);
/* Room for a marker on every open channel. */
bool gdn__site_reserve_markers(gdn_site *site);

#endif
