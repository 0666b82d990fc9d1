/* SPDX-License-Identifier: MIT */
/* Who takes part: peers, their incarnations, the handshake, and one channel pair with each. Shared
 * by sites and detectors. Pure: frames and time come in; dials, frames and a deadline go out.
 *
 *     A  HELLO (name, endpoint, nonce) --------->  B      repeated until answered
 *     A  <--------- HELLO (echo = the nonce), OPEN  B      B knows A: channel from B to A
 *     A  OPEN ---------------------------------->  B      A knows B: channel from A to B
 *
 * A peer is up when its OPEN has arrived and ours is acknowledged.
 *
 * A frame counts only if it names our incarnation as its destination, so a restarted node never
 * takes its predecessor's mail. A peer's new incarnation replaces the old one when it comes up: an
 * acknowledgement of our OPEN proves that it lives. A HELLO, and even an OPEN, may be late ones of
 * the dead, for frames of two connections come in any order.
 *
 * A peer that is silent for too long, or sends what no correct peer sends, is given up. Its process
 * may live on, and not know: whoever hears the other again opens a new *association* of the same
 * two incarnations, numbered one higher, and both sides lose the old one before they use it.
 *
 *     A  (gave B up: 1)            B  (hung, and wakes)
 *     A  <--------------- ACK, 1   B
 *     A  OPEN, 2 ---------------->  B      B loses A in 1, begins 2
 *     A  <--------------- OPEN, 2   B
 *
 * A lost peer keeps its number and name for as long as the owner refers to them; then its number
 * serves another peer, and what must be known of it is kept among the formers (ADR 8). */
#ifndef GDN_CORE_MESH_H
#define GDN_CORE_MESH_H

#include "src/core/agenda.h"
#include "src/core/channel.h"
#include "src/core/list.h"
#include "src/core/map.h"

#define GDN__PEERS_MAX      65536
#define GDN__HELLO_FIRST_US INT64_C(20000) /* Doubles up to the next. */
#define GDN__HELLO_MAX_US   INT64_C(1000000)
#define GDN__KNOWN_HELLO_US INT64_C(1000000) /* So that a restarted peer is met again. */
#define GDN__COLLECT_AFTER  64 /* So many more lost rows are looked through for use again ... */
#define GDN__GIVEN_UP_KEPT  64 /* ... but the newest of those who may come back keep theirs. */

enum gdn__peer_state {
    GDN__PEER_DIALLED, /* Incarnation not known yet. */
    GDN__PEER_OPENING, /* Our OPEN is numbered; theirs or its acknowledgement is missing. */
    GDN__PEER_UP,
    GDN__PEER_LOST
};

struct gdn__peer {
    enum gdn__peer_state state;
    enum gdn__role role;
    uint32_t number;
    uint64_t nonce; /* Of its HELLOs; no other row ever has the same. */
    char *name; /* NULL: dialled by endpoint alone, and not answered yet; or the row is blank. */
    gdn_node_id id;
    uint64_t incarnation; /* 0 while dialled. */
    uint32_t association; /* Of our incarnation and its; counts their losses of each other. */
    uint32_t link;        /* Where its frames go. */
    bool opened;          /* Its OPEN has arrived. */
    bool was_up;
    bool gone;           /* Lost for ever, not only given up. */
    bool wanted;         /* We dialled it: dial again when it is lost. */
    int64_t hello_at_us; /* When to say HELLO (again); INT64_MAX: no need. */
    int64_t hello_after_us;
    uint64_t hello_echo; /* Answer this nonce with the next HELLO; 0: none. */
    struct gdn__channel channel;
    unsigned owed;                  /* The owner's: what it could not do yet for want of memory. */
    bool referred;                  /* By the owner; see refer below. */
    struct gdn__link in_lost;       /* In the mesh's list of the lost, or of the blank. */
    struct gdn__link ready;         /* In the mesh's list of those to look at with the next pack. */
    struct gdn__agenda_entry wakes; /* When to look at it, if nothing happens before. */
};

typedef struct gdn__mesh gdn__mesh;

/* What the owner is told, in order. Peers by number (from 1). Any may be NULL. */
struct gdn__mesh_events {
    void *context;
    /* Channel to the peer begins: name in @p open the rounds that we have cut. GDN_ERR_MEMORY: not
     * now. */
    enum gdn_err (*opening)(void *context, uint32_t peer, struct gdn__open *open);
    /* Its channel to us begins with this OPEN. GDN_ERR_MEMORY: not now, it will be resent. */
    enum gdn_err (*opened)(void *context, uint32_t peer, const struct gdn__open *open);
    void (*up)(void *context, uint32_t peer);
    void (*lost)(void *context, uint32_t peer);
    /* A numbered record, in order, exactly once. GDN_ERR_MEMORY: not now, it will be resent.
     * GDN_ERR_FORMAT, GDN_ERR_LIMIT: no correct peer sends this; the peer is lost. */
    enum gdn_err (*arrived)(void *context, uint32_t peer, const struct gdn__record *record);
    /* Call gdn__mesh_refer() for each lost peer whose number stands anywhere in your books; the
     * others' will be used again. NULL: it never stands anywhere once it is lost. */
    void (*refer)(void *context);
    /* A line for the log; '!' first marks a warning. */
    void (*say)(void *context, const char *line);
};

struct gdn__mesh_options {
    const char *name;
    const char *endpoint;
    uint64_t incarnation;
    enum gdn__role role;
    struct gdn__channel_limits limits; /* silence_us at least GDN__SILENCE_MS_MIN. */
    struct gdn_allocator allocator;
    struct gdn__mesh_events events;
};

/* Copies the options. NULL: out of memory. */
gdn__mesh *gdn__mesh_new(const struct gdn__mesh_options *options);
void gdn__mesh_free(gdn__mesh *mesh);

/* Want a peer: by name, or (name NULL) whoever answers there. Dialling twice is fine. */
enum gdn_err gdn__mesh_dial(gdn__mesh *mesh, const char *name, const char *endpoint,
                            enum gdn__role role, int64_t now_us);

/* One frame arrived. GDN_ERR_FORMAT, GDN_ERR_VERSION: refused, and said why with @p from. */
enum gdn_err gdn__mesh_receive(gdn__mesh *mesh, const uint8_t *bytes, size_t length,
                               const char *from, int64_t now_us);

/* Number a record for a peer that is OPENING or UP: write the body between the two calls. False
 * from end: out of memory, nothing was sent. */
struct gdn__buffer *gdn__mesh_begin(gdn__mesh *mesh, uint32_t peer, enum gdn__record_type type);
bool gdn__mesh_end(gdn__mesh *mesh, uint32_t peer);

/* Look at the peer's channel again (after using it directly). */
void gdn__mesh_touch(gdn__mesh *mesh, uint32_t peer);

/* Frames to send now, as link and range of *bytes; borrowed until the next call. */
struct gdn__packed {
    uint32_t link;
    size_t at, length;
};
size_t gdn__mesh_pack(gdn__mesh *mesh, int64_t now_us, const struct gdn__packed **frames,
                      const uint8_t **bytes);
bool gdn__mesh_wants_to_send(const gdn__mesh *mesh);
/* Bytes of records numbered since the last pack. */
size_t gdn__mesh_bytes_to_send(const gdn__mesh *mesh);

/* The next link to open; false when there is none. One that has been handed out before is to be
 * opened anew: the connection may be dead, and what waits in it will be resent. */
bool gdn__mesh_take_dial(gdn__mesh *mesh, uint32_t *link, const char **endpoint);

int64_t gdn__mesh_deadline(const gdn__mesh *mesh);
void gdn__mesh_passed(gdn__mesh *mesh, int64_t now_us);

/* Say goodbye to everyone with the next pack. */
void gdn__mesh_close(gdn__mesh *mesh);

/* See the event refer. */
void gdn__mesh_refer(gdn__mesh *mesh, uint32_t peer);

/* Peers 1 .. count - 1. */
uint32_t gdn__mesh_count(const gdn__mesh *mesh);
/* Borrowed until the next dial or receive. */
struct gdn__peer *gdn__mesh_peer(gdn__mesh *mesh, uint32_t peer);
/* Somebody of that name is known, or was among the last that were. */
bool gdn__mesh_knows_name(const gdn__mesh *mesh, gdn_node_id id);
/* The live peer of that name (id), or 0. */
uint32_t gdn__mesh_find(const gdn__mesh *mesh, gdn_node_id id);
/* The peer with that incarnation, lost ones too while they have their row, or 0. */
uint32_t gdn__mesh_find_incarnation(const gdn__mesh *mesh, uint64_t incarnation);

#endif
