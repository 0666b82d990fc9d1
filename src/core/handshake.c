/* SPDX-License-Identifier: MIT */
/* Who is met, comes up, and is met again after both had lost each other. */
#include "src/core/handshake.h"

#include "src/core/mem.h"
#include <string.h>

#define OPEN_RECORD_BYTES_MAX (GDN__RECORD_HEADER_BYTES + 20 + GDN__OPEN_ROUNDS_MAX * 32)

/* ---- Meeting ---- */

/* Who it is that we have to talk to from now on. */
struct meeting {
    const char *name;
    enum gdn__role role;
    uint32_t link;
    uint64_t incarnation;
    uint32_t association;
    uint64_t echo; /* Of its HELLO; 0: none. */
};

static struct gdn__key key_of_incarnation(uint64_t incarnation)
{
    return (struct gdn__key){incarnation, 1};
}

uint32_t gdn__mesh_find_incarnation(const gdn__mesh *mesh, uint64_t incarnation)
{
    return (uint32_t)gdn__map_get(&mesh->by_incarnation, key_of_incarnation(incarnation));
}

void gdn__mesh_forget_incarnation(gdn__mesh *mesh, uint64_t incarnation)
{
    (void)gdn__map_remove(&mesh->by_incarnation, key_of_incarnation(incarnation));
}

/* Undo a gdn__map_put() over @p before, the row that had this incarnation; 0: none. */
static void restore_incarnation(gdn__mesh *mesh, uint64_t incarnation, uint32_t before)
{
    if (before == 0) {
        gdn__mesh_forget_incarnation(mesh, incarnation);
    } else {
        (void)gdn__map_put(&mesh->by_incarnation, key_of_incarnation(incarnation), before);
    }
}

static enum gdn_err write_open(gdn__mesh *mesh, uint32_t number)
{
    struct gdn__channel *channel = &mesh->peers[number]->channel;
    struct gdn__open open = {.silence_ms = (uint32_t)(mesh->limits.silence_us / 1000),
                             .window = mesh->limits.window,
                             .window_bytes = mesh->limits.window_bytes};
    if (mesh->events.opening != NULL) {
        enum gdn_err err = mesh->events.opening(mesh->events.context, number, &open);
        if (err != GDN_OK) return err;
    }
    gdn__put_open(gdn__channel_begin(channel, GDN__OPEN), &open);
    return gdn__channel_end(channel) ? GDN_OK : GDN_ERR_MEMORY;
}

/* We know the peer's incarnation: our channel to it begins with OPEN. */
static enum gdn_err begin_channel(gdn__mesh *mesh, uint32_t number, const struct meeting *meeting,
                                  int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    uint32_t before = gdn__mesh_find_incarnation(mesh, meeting->incarnation);
    gdn__channel_fini(&peer->channel); /* Its clocks ran since it was dialled. */
    gdn__channel_init(&peer->channel, &mesh->allocator, &mesh->limits, now_us);
    /* Room first: what the owner does when the channel opens cannot be undone. */
    if (!gdn__channel_reserve(&peer->channel, OPEN_RECORD_BYTES_MAX) ||
        !gdn__map_put(&mesh->by_incarnation, key_of_incarnation(meeting->incarnation), number)) {
        return GDN_ERR_MEMORY;
    }
    enum gdn_err err = write_open(mesh, number);
    if (err != GDN_OK) {
        restore_incarnation(mesh, meeting->incarnation, before);
        return err;
    }
    gdn__formers_forget(&mesh->formers, meeting->incarnation);
    peer->incarnation = meeting->incarnation;
    peer->association = meeting->association;
    peer->state = GDN__PEER_OPENING;
    gdn__mesh_ready(mesh, peer);
    return GDN_OK;
}

static bool is_dialled(const gdn__mesh *mesh, uint32_t number)
{
    return number > 0 && number < mesh->peer_count &&
           mesh->peers[number]->state == GDN__PEER_DIALLED;
}

/* The row, dialled by nobody's name, whose HELLO this echo answers; 0: none. */
static uint32_t find_echoed(const gdn__mesh *mesh, uint64_t echo)
{
    uint32_t number = (uint32_t)echo;
    if (!is_dialled(mesh, number) || mesh->peers[number]->name != NULL) return 0;
    return mesh->peers[number]->nonce == echo ? number : 0;
}

/* The row that we dialled and that this peer belongs to: it is of that name, answers our nonce, or
 * is a detector at that endpoint. */
static uint32_t match_dialled(const gdn__mesh *mesh, const struct meeting *meeting)
{
    uint32_t named = gdn__mesh_find(mesh, gdn_node_named(meeting->name));
    if (is_dialled(mesh, named)) return named;
    uint32_t echoed = find_echoed(mesh, meeting->echo);
    if (echoed != 0) return echoed;
    for (uint32_t i = 1; i < mesh->peer_count; i++) {
        const struct gdn__peer *peer = mesh->peers[i];
        if (peer->state == GDN__PEER_DIALLED && peer->name == NULL && peer->role == meeting->role &&
            peer->link == meeting->link) {
            return i;
        }
    }
    return 0;
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

/* Somebody new, a new incarnation of somebody known, or a new association. */
static enum gdn_err meet(gdn__mesh *mesh, const struct meeting *meeting, int64_t now_us,
                         uint32_t *number)
{
    *number = match_dialled(mesh, meeting);
    bool is_new = *number == 0;
    if (is_new) {
        enum gdn_err err =
            gdn__mesh_add_peer(mesh, NULL, meeting->link, meeting->role, now_us, number);
        if (err != GDN_OK) return err;
    }
    struct gdn__peer *peer = mesh->peers[*number];
    if (peer->role != meeting->role) {
        gdn__mesh_say(mesh, "!%s answered as a %s, not as a %s", meeting->name,
                      meeting->role == GDN__ROLE_DETECTOR ? "detector" : "node",
                      peer->role == GDN__ROLE_DETECTOR ? "detector" : "node");
        return GDN_ERR_FORMAT;
    }
    enum gdn_err err = name_peer(mesh, *number, meeting->name);
    if (err == GDN_OK) err = begin_channel(mesh, *number, meeting, now_us);
    if (err != GDN_OK && is_new) gdn__mesh_drop_peer(mesh, *number); /* It will be heard again. */
    return err;
}

/* The same incarnation once more, after one of us had lost the other. */
static enum gdn_err meet_again(gdn__mesh *mesh, uint32_t *number, uint32_t association,
                               int64_t now_us)
{
    struct gdn__peer *before = mesh->peers[*number];
    struct meeting meeting = {.name = before->name,
                              .role = before->role,
                              .link = before->link,
                              .incarnation = before->incarnation,
                              .association = association};
    gdn__link_remove(&before->in_lost); /* Its own row is not the one to be used again. */
    enum gdn_err err = meet(mesh, &meeting, now_us, number);
    gdn__link_insert(&mesh->lost, &before->in_lost);
    return err;
}

/* ---- Associations ---- */

/* The smallest that a frame allows; 0: any. A HELLO to whom its sender has not met names the
 * largest association that it has forgotten: it may be one with us. */
static uint32_t least_association(const struct gdn__header *header)
{
    if (header->destination != 0) return header->association;
    return header->association == UINT32_MAX ? 0 : header->association + 1;
}

/* One that neither side has ever used with the other. */
static uint32_t next_association(uint32_t last, const struct gdn__header *header)
{
    uint32_t least = least_association(header);
    if (least > last) return least;
    return last == UINT32_MAX ? 1 : last + 1;
}

enum gdn_err gdn__mesh_associate(gdn__mesh *mesh, uint32_t *number,
                                 const struct gdn__header *header, int64_t now_us, bool *current)
{
    struct gdn__peer *peer = mesh->peers[*number];
    uint32_t ours = peer->association;
    uint32_t theirs = header->destination != 0 ? header->association : 0;
    *current = false;
    if (peer->gone) return GDN_OK;
    if (peer->state == GDN__PEER_LOST) { /* It lives, and may not know that we gave it up. */
        uint32_t next = next_association(ours, header);
        enum gdn_err err = meet_again(mesh, number, next, now_us);
        *current = err == GDN_OK && theirs == next;
        return err;
    }
    if (theirs > ours) { /* It gave us up. */
        gdn__mesh_lose(mesh, *number, GDN__LOSS_GIVEN_UP, "it had heard nothing of us", now_us);
        enum gdn_err err = meet_again(mesh, number, theirs, now_us);
        *current = err == GDN_OK;
        return err;
    }
    *current = theirs == ours; /* A smaller one is of frames that came late. */
    return GDN_OK;
}

/* ---- HELLO ---- */

/* The row of whoever said this HELLO; *number 0: nobody whom we may meet. */
static enum gdn_err greet(gdn__mesh *mesh, const struct gdn__header *header,
                          const struct gdn__hello *hello, int64_t now_us, uint32_t *number)
{
    bool current;
    *number = gdn__mesh_find_incarnation(mesh, header->source);
    if (*number != 0) return gdn__mesh_associate(mesh, number, header, now_us, &current);
    const struct gdn__former *former = gdn__formers_find(&mesh->formers, header->source);
    if (former != NULL && former->gone) return GDN_OK;
    uint32_t last = former != NULL ? former->association : mesh->formers.association;
    struct meeting meeting = {.name = hello->name,
                              .role = hello->role,
                              .incarnation = header->source,
                              .association = next_association(last, header),
                              .echo = hello->echo};
    enum gdn_err err = gdn__mesh_link_to(mesh, hello->endpoint, &meeting.link);
    return err == GDN_OK ? meet(mesh, &meeting, now_us, number) : err;
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
    uint32_t number;
    enum gdn_err err = greet(mesh, header, &hello, now_us, &number);
    if (err != GDN_OK || number == 0) return err;
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state == GDN__PEER_LOST) return GDN_OK;
    peer->channel.heard_at_us = now_us;
    peer->hello_at_us = gdn__peer_next_hello(peer, now_us);
    if (hello.echo == 0) {
        peer->hello_echo = hello.nonce;
        gdn__mesh_hello_now(mesh, peer, now_us);
    }
    return GDN_OK;
}

/* ---- Coming up ---- */

/* Those that were given up under its name do not come back. */
static void end_namesakes(gdn__mesh *mesh, const struct gdn__peer *living)
{
    GDN__EACH(link, &mesh->lost)
    {
        struct gdn__peer *lost = GDN__OF(link, struct gdn__peer, in_lost);
        if (lost->incarnation == living->incarnation) continue;
        if (gdn_id_equal(lost->id.id, living->id.id)) lost->gone = true;
    }
    gdn__formers_replace(&mesh->formers, living->id);
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
    gdn__mesh_lose(mesh, before, GDN__LOSS_GONE, "a new incarnation took its place", now_us);
    return GDN_OK;
}

enum gdn_err gdn__mesh_come_up(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state != GDN__PEER_OPENING || !peer->opened) return GDN_OK;
    if (peer->channel.acknowledged == 0) return GDN_OK;
    enum gdn_err err = take_over_name(mesh, number, now_us);
    if (err != GDN_OK) return err;
    end_namesakes(mesh, peer);
    peer->state = GDN__PEER_UP;
    peer->was_up = true;
    if (peer->hello_echo == 0) peer->hello_at_us = gdn__peer_next_hello(peer, now_us);
    gdn__mesh_say(mesh, "%s up", peer->name);
    if (mesh->events.up != NULL) mesh->events.up(mesh->events.context, number);
    return GDN_OK;
}

enum gdn_err gdn__mesh_open_received(gdn__mesh *mesh, uint32_t number,
                                     const struct gdn__record *record)
{
    struct gdn__peer *peer = mesh->peers[number];
    struct gdn__open open;
    if (peer->opened || !gdn__get_open(record, &open)) return GDN_ERR_FORMAT;
    if (mesh->events.opened != NULL) {
        enum gdn_err err = mesh->events.opened(mesh->events.context, number, &open);
        if (err != GDN_OK) return err;
    }
    gdn__channel_agree(&peer->channel,
                       &(struct gdn__channel_limits){.silence_us = (int64_t)open.silence_ms * 1000,
                                                     .window = open.window,
                                                     .window_bytes = open.window_bytes});
    peer->opened = true;
    return GDN_OK;
}
