/* SPDX-License-Identifier: MIT */
/* The inside of a mesh, shared by its files:
 *
 *     mesh.c        frames in and out, time
 *     peers.c       who is dialled and who is lost; links
 *     rows.c        the rows of peers, used again
 *     former.c      what is known of those that have none any more
 *     handshake.c   who is met, comes up, and is met again */
#ifndef GDN_CORE_HANDSHAKE_H
#define GDN_CORE_HANDSHAKE_H

#include "src/core/former.h"
#include "src/core/mesh.h"

struct gdn__mesh_link {
    char *endpoint;
    uint32_t users; /* Rows; without any it may be used for another endpoint. */
    bool wanted;    /* To be handed out by gdn__mesh_take_dial(). */
};

enum gdn__loss {
    GDN__LOSS_GIVEN_UP, /* Of this association: the same incarnation may be met again. */
    GDN__LOSS_GONE      /* For ever: it said goodbye, or another has taken its place. */
};

struct gdn__mesh {
    struct gdn_allocator allocator;
    struct gdn__mesh_events events;
    char *name;
    char *endpoint;
    gdn_node_id id;
    uint64_t incarnation;
    enum gdn__role role;
    struct gdn__peer **peers; /* [0] is unused: number 0 is the node itself. */
    size_t peer_count, peer_capacity;
    struct gdn__mesh_link *links;
    size_t link_count, link_capacity;
    size_t links_wanted;
    struct gdn__channel_limits limits;
    int64_t seen_us;                /* Last time we looked at the clock; INT64_MIN: never. */
    struct gdn__link lost;          /* Rows, those lost first first ... */
    size_t lost_count;              /* ... and how many; from so many on ... */
    size_t collect_at;              /* ... they are looked through for rows to be used again. */
    size_t collect_after;           /* GDN__COLLECT_AFTER, ... */
    size_t given_up_kept;           /* ... GDN__GIVEN_UP_KEPT; tests are in more of a hurry. */
    struct gdn__link blank;         /* Rows to be used again. */
    uint64_t rows_reused;           /* How often. */
    struct gdn__formers formers;    /* Whose they were. */
    struct gdn__map by_incarnation; /* Known incarnations, lost ones too -> newest number. */
    struct gdn__map by_id;          /* Live peers with a name -> number. */
    struct gdn__link ready;         /* Peers for which something may wait for a pack. */
    struct gdn__agenda agenda;      /* When each peer wants to be looked at. */
    bool closing;                   /* Say goodbye with the next pack. */
    size_t fresh_bytes;             /* Of records numbered since the last pack. */
    struct gdn__buffer out;
    struct gdn__packed *packed;
    size_t packed_count, packed_capacity;
};

/* A line for the owner's log; '!' first marks a warning. */
void gdn__mesh_say(gdn__mesh *mesh, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Look at the peer with the next pack. */
void gdn__mesh_ready(gdn__mesh *mesh, struct gdn__peer *peer);

/* When to say HELLO again to a peer that we have just heard or told. Until it is up it may turn
 * out to be a late HELLO of the dead, and a detector may restart unseen. */
int64_t gdn__peer_next_hello(const struct gdn__peer *peer, int64_t now_us);

/* ---- rows.c ---- */

/* A row for a peer that is dialled, without an incarnation; @p name may be NULL. One that nobody
 * refers to is used again. GDN_ERR_LIMIT: there are GDN__PEERS_MAX, all in use. */
enum gdn_err gdn__mesh_add_peer(gdn__mesh *mesh, const char *name, uint32_t link,
                                enum gdn__role role, int64_t now_us, uint32_t *number);
/* Undo it. */
void gdn__mesh_drop_peer(gdn__mesh *mesh, uint32_t number);
void gdn__mesh_free_peer(gdn__mesh *mesh, struct gdn__peer *peer);

/* ---- peers.c ---- */

void gdn__mesh_hello_now(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us);

/* The link to an endpoint, new if need be. */
enum gdn_err gdn__mesh_link_to(gdn__mesh *mesh, const char *endpoint, uint32_t *link);
/* Have the link's connection opened, or opened anew. */
void gdn__mesh_want_link(gdn__mesh *mesh, uint32_t link);

/* The channels to and from the peer end. */
void gdn__mesh_lose(gdn__mesh *mesh, uint32_t number, enum gdn__loss loss, const char *reason,
                    int64_t now_us);

/* Dial again a lost peer that we want; without memory, try once more in a while. */
void gdn__mesh_dial_again(gdn__mesh *mesh, struct gdn__peer *gone, int64_t now_us);

/* A frame that names the peer @p *number came. Where one side has lost the other, both meet again
 * in a new association: then *number is the new row. *current: the frame belongs to the association
 * that stands now. GDN_ERR_MEMORY: with the next frame. */
enum gdn_err gdn__mesh_associate(gdn__mesh *mesh, uint32_t *number,
                                 const struct gdn__header *header, int64_t now_us, bool *current);

void gdn__mesh_forget_incarnation(gdn__mesh *mesh, uint64_t incarnation);

enum gdn_err gdn__mesh_hello_received(gdn__mesh *mesh, const struct gdn__header *header,
                                      const struct gdn__record *record, const char *from,
                                      int64_t now_us);
enum gdn_err gdn__mesh_open_received(gdn__mesh *mesh, uint32_t number,
                                     const struct gdn__record *record);
/* Up, if both OPENs are there and ours is acknowledged. GDN_ERR_MEMORY: with the next frame. */
enum gdn_err gdn__mesh_come_up(gdn__mesh *mesh, uint32_t number, int64_t now_us);

#endif
