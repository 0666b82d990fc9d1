/* SPDX-License-Identifier: MIT */
/* Peers of a mesh: dialled, met, up and lost. */
#include "src/core/handshake.h"

#include "src/core/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OPEN_RECORD_BYTES_MAX (GDN__RECORD_HEADER_BYTES + 4 + GDN__OPEN_ROUNDS_MAX * 32)

void gdn__mesh_say(gdn__mesh *mesh, const char *format, ...)
{
    char line[3 * GDN_NAME_MAX + 128];
    if (mesh->events.say == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    mesh->events.say(mesh->events.context, line);
}

void gdn__mesh_free_peer(gdn__mesh *mesh, struct gdn__peer *peer)
{
    if (peer == NULL) return;
    gdn__link_remove(&peer->ready);
    gdn__agenda_set(&mesh->agenda, &peer->wakes, INT64_MAX);
    gdn__channel_fini(&peer->channel);
    gdn__free(&mesh->allocator, peer->name);
    gdn__free(&mesh->allocator, peer);
}

/* ---- Peers and links ---- */

uint32_t gdn__mesh_count(const gdn__mesh *mesh)
{
    return (uint32_t)mesh->peer_count;
}

struct gdn__peer *gdn__mesh_peer(gdn__mesh *mesh, uint32_t peer)
{
    assert(peer > 0 && peer < mesh->peer_count);
    return mesh->peers[peer];
}

static struct gdn__key key_of_incarnation(uint64_t incarnation)
{
    return (struct gdn__key){incarnation, 1};
}

uint32_t gdn__mesh_find(const gdn__mesh *mesh, gdn_node_id id)
{
    return (uint32_t)gdn__map_get(&mesh->by_id, gdn__key_of_id(id.id));
}

uint32_t gdn__mesh_find_incarnation(const gdn__mesh *mesh, uint64_t incarnation)
{
    return (uint32_t)gdn__map_get(&mesh->by_incarnation, key_of_incarnation(incarnation));
}

/* The link to an endpoint, new if need be. */
static enum gdn_err link_to(gdn__mesh *mesh, const char *endpoint, uint32_t *link)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (strcmp(mesh->links[i].endpoint, endpoint) == 0) {
            *link = (uint32_t)i;
            return GDN_OK;
        }
    }
    if (mesh->link_count >= GDN__PEERS_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&mesh->allocator, &mesh->links, mesh->link_count, &mesh->link_capacity,
                   sizeof *mesh->links)) {
        return GDN_ERR_MEMORY;
    }
    char *copy = gdn__strdup(&mesh->allocator, endpoint);
    if (copy == NULL) return GDN_ERR_MEMORY;
    mesh->links[mesh->link_count].endpoint = copy;
    *link = (uint32_t)mesh->link_count++;
    return GDN_OK;
}

bool gdn__mesh_take_dial(gdn__mesh *mesh, uint32_t *link, const char **endpoint)
{
    if (mesh->links_taken == mesh->link_count) return false;
    *link = (uint32_t)mesh->links_taken;
    *endpoint = mesh->links[mesh->links_taken++].endpoint;
    return true;
}

/* A new peer, dialled, without an incarnation. @p name may be NULL. */
static enum gdn_err add_peer(gdn__mesh *mesh, const char *name, uint32_t link, enum gdn__role role,
                             uint32_t *number)
{
    if (mesh->peer_count >= GDN__PEERS_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&mesh->allocator, &mesh->peers, mesh->peer_count, &mesh->peer_capacity,
                   sizeof(struct gdn__peer *)) ||
        !gdn__agenda_reserve(&mesh->agenda, &mesh->allocator, mesh->peer_count)) {
        return GDN_ERR_MEMORY;
    }
    struct gdn__peer *peer = gdn__calloc(&mesh->allocator, sizeof *peer);
    if (peer == NULL) return GDN_ERR_MEMORY;
    gdn__channel_init(&peer->channel, &mesh->allocator);
    gdn__link_init(&peer->ready);
    peer->wakes.due_us = INT64_MAX;
    if (name != NULL) {
        peer->name = gdn__strdup(&mesh->allocator, name);
        peer->id = gdn_node_named(name);
        if (peer->name == NULL) {
            gdn__mesh_free_peer(mesh, peer);
            return GDN_ERR_MEMORY;
        }
    }
    peer->role = role;
    peer->link = link;
    peer->hello_at_us = INT64_MAX;
    peer->hello_after_us = GDN__HELLO_FIRST_US;
    *number = peer->number = (uint32_t)mesh->peer_count;
    mesh->peers[mesh->peer_count++] = peer;
    return GDN_OK;
}

/* Undo add_peer() for the peer added last. */
static void drop_last_peer(gdn__mesh *mesh)
{
    uint32_t number = (uint32_t)mesh->peer_count - 1;
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->name != NULL && gdn__mesh_find(mesh, peer->id) == number) {
        (void)gdn__map_remove(&mesh->by_id, gdn__key_of_id(peer->id.id));
    }
    gdn__mesh_free_peer(mesh, peer);
    mesh->peer_count--;
}

static void say_hello_now(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    peer->hello_at_us = now_us;
    gdn__mesh_ready(mesh, peer);
}

int64_t gdn__peer_next_hello(const struct gdn__peer *peer, int64_t now_us)
{
    if (peer->state == GDN__PEER_DIALLED) return now_us + peer->hello_after_us;
    if (!peer->wanted) return INT64_MAX;
    if (peer->state == GDN__PEER_OPENING) return now_us + GDN__HELLO_MAX_US;
    return now_us + GDN__KNOWN_HELLO_US; /* It may restart unseen, and not dial us. */
}

/* A peer dialled at that link by nobody's name (a detector), whatever its state but lost. */
static uint32_t find_nameless(gdn__mesh *mesh, uint32_t link, enum gdn__role role)
{
    for (uint32_t i = 1; i < mesh->peer_count; i++) {
        const struct gdn__peer *peer = mesh->peers[i];
        if (peer->link == link && peer->role == role && peer->state != GDN__PEER_LOST) return i;
    }
    return 0;
}

/* It dialled us first, or was dialled before. */
static void want_known(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    if (!peer->wanted && peer->state == GDN__PEER_OPENING) say_hello_now(mesh, peer, now_us);
    peer->wanted = true;
}

enum gdn_err gdn__mesh_dial(gdn__mesh *mesh, const char *name, const char *endpoint,
                            enum gdn__role role, int64_t now_us)
{
    if (name != NULL && !gdn_name_is_valid(name)) return GDN_ERR_NAME;
    if (!gdn_name_is_valid(endpoint)) return GDN_ERR_ADDRESS;
    if (name != NULL && strcmp(name, mesh->name) == 0) return GDN_ERR_MISUSE;
    uint32_t link, number;
    if (name != NULL && (number = gdn__mesh_find(mesh, gdn_node_named(name))) != 0) {
        want_known(mesh, mesh->peers[number], now_us);
        return GDN_OK;
    }
    enum gdn_err err = link_to(mesh, endpoint, &link);
    if (err != GDN_OK) return err;
    if (name == NULL && find_nameless(mesh, link, role) != 0) return GDN_OK;
    err = add_peer(mesh, name, link, role, &number);
    if (err != GDN_OK) return err;
    if (name != NULL &&
        !gdn__map_put(&mesh->by_id, gdn__key_of_id(mesh->peers[number]->id.id), number)) {
        drop_last_peer(mesh);
        return GDN_ERR_MEMORY;
    }
    mesh->peers[number]->wanted = true;
    say_hello_now(mesh, mesh->peers[number], now_us);
    return GDN_OK;
}

/* ---- The handshake ---- */

/* A peer that we want is gone: its next incarnation answers at the same place. */
static void dial_again(gdn__mesh *mesh, const struct gdn__peer *gone, int64_t now_us)
{
    uint32_t number;
    const char *name = gone->role == GDN__ROLE_DETECTOR ? NULL : gone->name;
    if (add_peer(mesh, name, gone->link, gone->role, &number) != GDN_OK) {
        gdn__mesh_say(mesh, "!%s cannot be dialled again: out of memory", gone->name);
        return;
    }
    struct gdn__peer *peer = mesh->peers[number];
    if (name != NULL && !gdn__map_put(&mesh->by_id, gdn__key_of_id(peer->id.id), number)) {
        drop_last_peer(mesh);
        return;
    }
    peer->wanted = true;
    peer->hello_after_us = GDN__HELLO_MAX_US;
    say_hello_now(mesh, peer, now_us);
}

void gdn__mesh_lose(gdn__mesh *mesh, uint32_t number, const char *reason, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    bool was_known = peer->state == GDN__PEER_OPENING || peer->state == GDN__PEER_UP;
    peer->state = GDN__PEER_LOST;
    peer->hello_at_us = INT64_MAX;
    gdn__link_remove(&peer->ready);
    gdn__agenda_set(&mesh->agenda, &peer->wakes, INT64_MAX);
    gdn__channel_fini(&peer->channel);
    if (peer->name != NULL && gdn__mesh_find(mesh, peer->id) == number) {
        (void)gdn__map_remove(&mesh->by_id, gdn__key_of_id(peer->id.id));
    }
    if (!was_known) return;
    gdn__mesh_say(mesh, "%s lost: %s", peer->name, reason);
    if (mesh->events.lost != NULL) mesh->events.lost(mesh->events.context, number);
    if (peer->wanted) dial_again(mesh, peer, now_us);
}

/* We know the peer's incarnation: our channel to it begins with OPEN. */
static enum gdn_err begin_channel(gdn__mesh *mesh, uint32_t number, uint64_t incarnation)
{
    struct gdn__peer *peer = mesh->peers[number];
    /* Room first: what the owner does when the channel opens cannot be undone. */
    if (!gdn__channel_reserve(&peer->channel, OPEN_RECORD_BYTES_MAX) ||
        !gdn__map_put(&mesh->by_incarnation, key_of_incarnation(incarnation), number)) {
        return GDN_ERR_MEMORY;
    }
    struct gdn__buffer *body = gdn__channel_begin(&peer->channel, GDN__OPEN);
    if (mesh->events.opening != NULL) {
        mesh->events.opening(mesh->events.context, number, body);
    } else {
        gdn__put_open(body, NULL, 0);
    }
    if (!gdn__channel_end(&peer->channel)) {
        (void)gdn__map_remove(&mesh->by_incarnation, key_of_incarnation(incarnation));
        return GDN_ERR_MEMORY;
    }
    peer->incarnation = incarnation;
    peer->state = GDN__PEER_OPENING;
    gdn__mesh_ready(mesh, peer);
    return GDN_OK;
}

/* The peer we dialled that this HELLO belongs to: it answers our nonce, or is of that name. */
static uint32_t match_dialled(gdn__mesh *mesh, const struct gdn__hello *hello, gdn_node_id id)
{
    uint32_t named = gdn__mesh_find(mesh, id);
    if (named != 0 && mesh->peers[named]->state == GDN__PEER_DIALLED) return named;
    if (hello->echo == 0 || hello->echo >= mesh->peer_count) return 0;
    struct gdn__peer *peer = mesh->peers[hello->echo];
    return peer->state == GDN__PEER_DIALLED && peer->name == NULL ? (uint32_t)hello->echo : 0;
}

/* Gives a peer that was dialled by endpoint alone its name. */
static enum gdn_err name_peer(gdn__mesh *mesh, uint32_t number, const char *name)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->name != NULL) return GDN_OK;
    gdn_node_id id = gdn_node_named(name);
    char *copy = gdn__strdup(&mesh->allocator, name);
    if (copy == NULL) return GDN_ERR_MEMORY;
    /* While an earlier incarnation of that name lives, the new one is known by number alone. */
    if (gdn__mesh_find(mesh, id) == 0 &&
        !gdn__map_put(&mesh->by_id, gdn__key_of_id(id.id), number)) {
        gdn__free(&mesh->allocator, copy);
        return GDN_ERR_MEMORY;
    }
    peer->name = copy;
    peer->id = id;
    return GDN_OK;
}

/* Somebody new, or a new incarnation of somebody known. */
static enum gdn_err meet(gdn__mesh *mesh, const struct gdn__hello *hello, uint64_t incarnation,
                         uint32_t *number)
{
    gdn_node_id id = gdn_node_named(hello->name);
    *number = match_dialled(mesh, hello, id);
    bool is_new = *number == 0;
    if (is_new) {
        uint32_t link;
        enum gdn_err err = link_to(mesh, hello->endpoint, &link);
        if (err == GDN_OK) err = add_peer(mesh, NULL, link, hello->role, number);
        if (err != GDN_OK) return err;
    }
    struct gdn__peer *peer = mesh->peers[*number];
    if (peer->role != hello->role) {
        gdn__mesh_say(mesh, "!%s answered as a %s, not as a %s", hello->name,
                      hello->role == GDN__ROLE_DETECTOR ? "detector" : "node",
                      peer->role == GDN__ROLE_DETECTOR ? "detector" : "node");
        return GDN_ERR_FORMAT;
    }
    enum gdn_err err = name_peer(mesh, *number, hello->name);
    if (err == GDN_OK) err = begin_channel(mesh, *number, incarnation);
    if (err != GDN_OK && is_new) drop_last_peer(mesh); /* It says HELLO again. */
    return err;
}

enum gdn_err gdn__mesh_hello_received(gdn__mesh *mesh, const struct gdn__header *header,
                                      const struct gdn__record *record, const char *from,
                                      int64_t now_us)
{
    struct gdn__hello hello;
    if (!gdn__get_hello(record, &hello)) return GDN_ERR_FORMAT;
    if (header->source == mesh->incarnation || strcmp(hello.name, mesh->name) == 0) {
        gdn__mesh_say(mesh, "!a node at %s says it is %s too: names must be unique", from,
                      hello.name);
        return GDN_ERR_FORMAT;
    }
    if (hello.echo != 0 && header->destination != mesh->incarnation) return GDN_OK;
    uint32_t number = gdn__mesh_find_incarnation(mesh, header->source);
    if (number == 0) {
        enum gdn_err err = meet(mesh, &hello, header->source, &number);
        if (err != GDN_OK) return err;
    }
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state == GDN__PEER_LOST) return GDN_OK;
    peer->hello_at_us = gdn__peer_next_hello(peer, now_us);
    if (hello.echo == 0) {
        peer->hello_echo = hello.nonce;
        say_hello_now(mesh, peer, now_us);
    }
    return GDN_OK;
}

/* It lives now, so whoever had its name before does not. */
static enum gdn_err take_over_name(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    uint32_t before = gdn__mesh_find(mesh, peer->id);
    if (before == number) return GDN_OK;
    if (!gdn__map_put(&mesh->by_id, gdn__key_of_id(peer->id.id), number)) return GDN_ERR_MEMORY;
    if (before == 0) return GDN_OK;
    peer->wanted = peer->wanted || mesh->peers[before]->wanted;
    mesh->peers[before]->wanted = false;
    gdn__mesh_lose(mesh, before, "a new incarnation took its place", now_us);
    return GDN_OK;
}

enum gdn_err gdn__mesh_come_up(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state != GDN__PEER_OPENING || !peer->opened) return GDN_OK;
    if (peer->channel.acknowledged == 0) return GDN_OK;
    enum gdn_err err = take_over_name(mesh, number, now_us);
    if (err != GDN_OK) return err;
    peer->state = GDN__PEER_UP;
    if (peer->hello_echo == 0) peer->hello_at_us = gdn__peer_next_hello(peer, now_us);
    gdn__mesh_say(mesh, "%s up", peer->name);
    if (mesh->events.up != NULL) mesh->events.up(mesh->events.context, number);
    return GDN_OK;
}

enum gdn_err gdn__mesh_open_received(gdn__mesh *mesh, uint32_t number,
                                     const struct gdn__record *record)
{
    struct gdn__peer *peer = mesh->peers[number];
    enum gdn_err err = GDN_OK;
    if (peer->opened) return GDN_ERR_FORMAT;
    if (mesh->events.opened != NULL) {
        err = mesh->events.opened(mesh->events.context, number, record);
    }
    if (err == GDN_OK) peer->opened = true;
    return err;
}
