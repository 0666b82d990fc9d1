/* SPDX-License-Identifier: MIT */
/* Who is wanted, where their frames go, and who is lost. */
#include "src/core/handshake.h"

#include "src/core/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

uint32_t gdn__mesh_find(const gdn__mesh *mesh, gdn_node_id id)
{
    return (uint32_t)gdn__map_get(&mesh->by_id, gdn__key_of_id(id.id));
}

bool gdn__mesh_knows_name(const gdn__mesh *mesh, gdn_node_id id)
{
    if (gdn__mesh_find(mesh, id) != 0 || gdn__formers_has_name(&mesh->formers, id)) return true;
    GDN__EACH(link, &mesh->lost)
    {
        if (gdn_id_equal(GDN__OF(link, struct gdn__peer, in_lost)->id.id, id.id)) return true;
    }
    return false;
}

/* A link that is nobody's any more, or a new one. */
static enum gdn_err take_link(gdn__mesh *mesh, uint32_t *link)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (mesh->links[i].users > 0) continue;
        *link = (uint32_t)i;
        return GDN_OK;
    }
    if (mesh->link_count >= GDN__PEERS_MAX) return GDN_ERR_LIMIT;
    if (!gdn__grow(&mesh->allocator, &mesh->links, mesh->link_count, &mesh->link_capacity,
                   sizeof *mesh->links)) {
        return GDN_ERR_MEMORY;
    }
    *link = (uint32_t)mesh->link_count;
    mesh->links[mesh->link_count++] = (struct gdn__mesh_link){.endpoint = NULL};
    return GDN_OK;
}

enum gdn_err gdn__mesh_link_to(gdn__mesh *mesh, const char *endpoint, uint32_t *link)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (strcmp(mesh->links[i].endpoint, endpoint) == 0) {
            *link = (uint32_t)i;
            return GDN_OK;
        }
    }
    char *copy = gdn__strdup(&mesh->allocator, endpoint);
    if (copy == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = take_link(mesh, link);
    if (err != GDN_OK) {
        gdn__free(&mesh->allocator, copy);
        return err;
    }
    gdn__free(&mesh->allocator, mesh->links[*link].endpoint);
    mesh->links[*link].endpoint = copy;
    gdn__mesh_want_link(mesh, *link);
    return GDN_OK;
}

void gdn__mesh_want_link(gdn__mesh *mesh, uint32_t link)
{
    if (mesh->links[link].wanted) return;
    mesh->links[link].wanted = true;
    mesh->links_wanted++;
}

bool gdn__mesh_take_dial(gdn__mesh *mesh, uint32_t *link, const char **endpoint)
{
    if (mesh->links_wanted == 0) return false;
    uint32_t i = 0;
    while (!mesh->links[i].wanted) i++;
    mesh->links[i].wanted = false;
    mesh->links_wanted--;
    *link = i;
    *endpoint = mesh->links[i].endpoint;
    return true;
}

void gdn__mesh_hello_now(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
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
    if (!peer->wanted && peer->state == GDN__PEER_OPENING) gdn__mesh_hello_now(mesh, peer, now_us);
    peer->wanted = true;
}

/* A row for a name or for whoever answers there, dialled at once. */
static enum gdn_err dial(gdn__mesh *mesh, const char *name, uint32_t link, enum gdn__role role,
                         int64_t now_us, uint32_t *number)
{
    enum gdn_err err = gdn__mesh_add_peer(mesh, name, link, role, now_us, number);
    if (err != GDN_OK) return err;
    struct gdn__peer *peer = mesh->peers[*number];
    if (name != NULL && !gdn__map_put(&mesh->by_id, gdn__key_of_id(peer->id.id), *number)) {
        gdn__mesh_drop_peer(mesh, *number);
        return GDN_ERR_MEMORY;
    }
    peer->wanted = true;
    gdn__mesh_hello_now(mesh, peer, now_us);
    return GDN_OK;
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
    enum gdn_err err = gdn__mesh_link_to(mesh, endpoint, &link);
    if (err != GDN_OK) return err;
    if (name == NULL && (number = find_nameless(mesh, link, role)) != 0) {
        want_known(mesh, mesh->peers[number], now_us);
        return GDN_OK;
    }
    return dial(mesh, name, link, role, now_us, &number);
}

/* ---- Losing ---- */

/* Its next incarnation answers at the same place. */
void gdn__mesh_dial_again(gdn__mesh *mesh, struct gdn__peer *gone, int64_t now_us)
{
    const char *name = gone->role == GDN__ROLE_DETECTOR ? NULL : gone->name;
    uint32_t number =
        name == NULL ? find_nameless(mesh, gone->link, gone->role) : gdn__mesh_find(mesh, gone->id);
    if (number != 0) { /* Perhaps one that will not last either. */
        want_known(mesh, mesh->peers[number], now_us);
        return;
    }
    gdn__link_remove(&gone->in_lost); /* Its own row is not the one to be used again. */
    enum gdn_err err = dial(mesh, name, gone->link, gone->role, now_us, &number);
    gdn__link_insert(&mesh->lost, &gone->in_lost);
    if (err == GDN_OK) {
        mesh->peers[number]->hello_after_us = GDN__HELLO_MAX_US;
        return;
    }
    gdn__mesh_say(mesh, "!%s cannot be dialled again now: %s", gone->name, gdn_err_text(err));
    gdn__agenda_set(&mesh->agenda, &gone->wakes, now_us + GDN__HELLO_MAX_US);
}

/* Of messages on their way nobody can say whether they arrived. */
static void say_lost(gdn__mesh *mesh, const struct gdn__peer *peer, const char *reason)
{
    uint64_t unknown = gdn__channel_unacknowledged(&peer->channel);
    gdn__mesh_say(mesh, "%s lost: %s; %llu messages to it were not acknowledged", peer->name,
                  reason, (unsigned long long)unknown);
}

void gdn__mesh_lose(gdn__mesh *mesh, uint32_t number, enum gdn__loss loss, const char *reason,
                    int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    bool was_known = peer->state == GDN__PEER_OPENING || peer->state == GDN__PEER_UP;
    peer->state = GDN__PEER_LOST;
    peer->gone = loss == GDN__LOSS_GONE;
    peer->hello_at_us = INT64_MAX;
    gdn__link_remove(&peer->ready);
    gdn__link_insert(&mesh->lost, &peer->in_lost);
    mesh->lost_count++;
    gdn__agenda_set(&mesh->agenda, &peer->wakes, INT64_MAX);
    if (was_known) say_lost(mesh, peer, reason);
    gdn__channel_fini(&peer->channel);
    if (peer->name != NULL && gdn__mesh_find(mesh, peer->id) == number) {
        (void)gdn__map_remove(&mesh->by_id, gdn__key_of_id(peer->id.id));
    }
    if (!was_known) return;
    if (mesh->events.lost != NULL) mesh->events.lost(mesh->events.context, number);
    /* Perhaps it was the connection: one that is half open is never told so. */
    if (loss == GDN__LOSS_GIVEN_UP) gdn__mesh_want_link(mesh, peer->link);
    if (peer->wanted) gdn__mesh_dial_again(mesh, peer, now_us);
}
