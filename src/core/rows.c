/* SPDX-License-Identifier: MIT */
/* The rows of a mesh and their numbers (ADR 8). A number stands for a peer in the books of others:
 * in accounts of the ledger, channels of the participant, arrivals of the inbox. So the number of a
 * lost peer serves another only after the owner has said that it stands nowhere any more.
 *
 *     live --> lost, in order of loss --> blank --> live, for another peer
 *                                     |
 *                                     '-- its name and incarnation: among the formers */
#include "src/core/handshake.h"

#include "src/core/mem.h"
#include <string.h>

void gdn__mesh_free_peer(gdn__mesh *mesh, struct gdn__peer *peer)
{
    if (peer == NULL) return;
    gdn__link_remove(&peer->ready);
    gdn__link_remove(&peer->in_lost);
    gdn__agenda_set(&mesh->agenda, &peer->wakes, INT64_MAX);
    gdn__channel_fini(&peer->channel);
    gdn__free(&mesh->allocator, peer->name);
    gdn__free(&mesh->allocator, peer);
}

/* ---- From lost to blank ---- */

void gdn__mesh_refer(gdn__mesh *mesh, uint32_t number)
{
    gdn__mesh_peer(mesh, number)->referred = true;
}

static bool is_known_by(const gdn__mesh *mesh, const struct gdn__peer *peer)
{
    return peer->incarnation != 0 &&
           gdn__mesh_find_incarnation(mesh, peer->incarnation) == peer->number;
}

/* It may come back. */
static bool is_given_up(const gdn__mesh *mesh, const struct gdn__peer *peer)
{
    return !peer->gone && is_known_by(mesh, peer);
}

/* Nothing of it is left but its number. */
static void make_blank(gdn__mesh *mesh, struct gdn__peer *peer)
{
    gdn__link_remove(&peer->in_lost);
    gdn__link_insert(&mesh->blank, &peer->in_lost);
    mesh->links[peer->link].users--;
    peer->name = NULL;
    peer->incarnation = 0;
    peer->gone = true;
    peer->wanted = false;
}

/* Without memory it stays as it is. */
static void retire(gdn__mesh *mesh, struct gdn__peer *peer)
{
    bool known = is_known_by(mesh, peer);
    struct gdn__former former = {.incarnation = known ? peer->incarnation : 0,
                                 .association = peer->association,
                                 .gone = peer->gone,
                                 .id = peer->id,
                                 .name = peer->name};
    if (peer->incarnation == 0) {
        gdn__free(&mesh->allocator, peer->name); /* Nobody has heard of it. */
    } else if (!gdn__formers_add(&mesh->formers, &former)) {
        return;
    }
    if (known) gdn__mesh_forget_incarnation(mesh, peer->incarnation);
    make_blank(mesh, peer);
    mesh->lost_count--;
}

/* Someone still speaks of it, or it is to be dialled again. */
static bool is_pinned(const struct gdn__peer *peer)
{
    return peer->referred || peer->owed != 0 || peer->wakes.place != 0;
}

static size_t prepare_lost(gdn__mesh *mesh)
{
    size_t given_up = 0;
    GDN__EACH(link, &mesh->lost)
    {
        struct gdn__peer *peer = GDN__OF(link, struct gdn__peer, in_lost);
        peer->referred = false;
        given_up += is_given_up(mesh, peer) ? 1 : 0;
    }
    return given_up;
}

static void collect(gdn__mesh *mesh)
{
    size_t given_up = prepare_lost(mesh);
    if (mesh->events.refer != NULL) mesh->events.refer(mesh->events.context);
    struct gdn__link *next;
    for (struct gdn__link *link = mesh->lost.next; link != &mesh->lost; link = next) {
        struct gdn__peer *peer = GDN__OF(link, struct gdn__peer, in_lost);
        next = link->next;
        bool keep = is_given_up(mesh, peer) && given_up <= mesh->given_up_kept;
        if (keep || is_pinned(peer)) continue;
        if (is_given_up(mesh, peer)) given_up--;
        retire(mesh, peer);
    }
    /* A look costs as much as there is, so the next comes when there is twice as much. */
    mesh->collect_at = 2 * mesh->lost_count + mesh->collect_after;
}

/* ---- From blank to live ---- */

/* What a row is before it is anybody's. */
static void init_row(gdn__mesh *mesh, struct gdn__peer *peer, uint32_t number, int64_t now_us)
{
    *peer = (struct gdn__peer){.number = number,
                               .nonce = mesh->rows_reused << 32 | number,
                               .hello_at_us = INT64_MAX,
                               .hello_after_us = GDN__HELLO_FIRST_US,
                               .wakes = {.due_us = INT64_MAX}};
    gdn__channel_init(&peer->channel, &mesh->allocator, &mesh->limits, now_us);
    gdn__channel_expect_answer(&peer->channel, now_us);
    gdn__link_init(&peer->ready);
    gdn__link_init(&peer->in_lost);
}

static enum gdn_err new_row(gdn__mesh *mesh, int64_t now_us, struct gdn__peer **row)
{
    if (mesh->peer_count >= GDN__PEERS_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&mesh->allocator, &mesh->peers, mesh->peer_count, &mesh->peer_capacity,
                   sizeof(struct gdn__peer *)) ||
        !gdn__agenda_reserve(&mesh->agenda, &mesh->allocator, mesh->peer_count)) {
        return GDN_ERR_MEMORY;
    }
    struct gdn__peer *peer = gdn__alloc(&mesh->allocator, sizeof *peer);
    if (peer == NULL) return GDN_ERR_MEMORY;
    init_row(mesh, peer, (uint32_t)mesh->peer_count, now_us);
    mesh->peers[mesh->peer_count++] = peer;
    *row = peer;
    return GDN_OK;
}

static enum gdn_err take_row(gdn__mesh *mesh, int64_t now_us, struct gdn__peer **row)
{
    bool full = mesh->peer_count >= GDN__PEERS_MAX || mesh->lost_count >= mesh->collect_at;
    if (!gdn__link_is_used(&mesh->blank) && full) collect(mesh);
    if (!gdn__link_is_used(&mesh->blank)) return new_row(mesh, now_us, row);
    *row = GDN__OF(mesh->blank.next, struct gdn__peer, in_lost);
    gdn__link_remove(&(*row)->in_lost);
    mesh->rows_reused++;
    init_row(mesh, *row, (*row)->number, now_us);
    return GDN_OK;
}

enum gdn_err gdn__mesh_add_peer(gdn__mesh *mesh, const char *name, uint32_t link,
                                enum gdn__role role, int64_t now_us, uint32_t *number)
{
    char *copy = name == NULL ? NULL : gdn__strdup(&mesh->allocator, name);
    struct gdn__peer *peer;
    if (name != NULL && copy == NULL) return GDN_ERR_MEMORY;
    mesh->links[link].users++; /* It stays, whoever loses his row now. */
    enum gdn_err err = take_row(mesh, now_us, &peer);
    if (err != GDN_OK) {
        mesh->links[link].users--;
        gdn__free(&mesh->allocator, copy);
        return err;
    }
    if (name != NULL) peer->id = gdn_node_named(name);
    peer->name = copy;
    peer->role = role;
    peer->link = link;
    *number = peer->number;
    return GDN_OK;
}

void gdn__mesh_drop_peer(gdn__mesh *mesh, uint32_t number)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->name != NULL && gdn__mesh_find(mesh, peer->id) == number) {
        (void)gdn__map_remove(&mesh->by_id, gdn__key_of_id(peer->id.id));
    }
    gdn__link_remove(&peer->ready);
    gdn__agenda_set(&mesh->agenda, &peer->wakes, INT64_MAX);
    gdn__channel_fini(&peer->channel);
    gdn__free(&mesh->allocator, peer->name);
    peer->state = GDN__PEER_LOST;
    make_blank(mesh, peer);
}
