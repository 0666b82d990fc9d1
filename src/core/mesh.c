/* SPDX-License-Identifier: MIT */
#include "src/core/mesh.h"

#include "src/core/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct link {
    char *endpoint;
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
    struct link *links;
    size_t link_count, link_capacity;
    size_t links_taken;             /* Handed out by gdn__mesh_take_dial(). */
    struct gdn__map by_incarnation; /* Known incarnations, lost ones too -> number. */
    struct gdn__map by_id;          /* Live peers with a name -> number. */
    bool dirty;                     /* Something may wait for a pack. */
    int64_t deadline_us;            /* No peer wants to be looked at before. */
    bool closing;                   /* Say goodbye with the next pack. */
    struct gdn__buffer out;
    struct gdn__packed *packed;
    size_t packed_count, packed_capacity;
};

__attribute__((format(printf, 2, 3))) static void say(gdn__mesh *mesh, const char *format, ...)
{
    char line[3 * GDN_NAME_MAX + 128];
    if (mesh->events.say == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    mesh->events.say(mesh->events.context, line);
}

gdn__mesh *gdn__mesh_new(const struct gdn__mesh_options *options)
{
    const struct gdn_allocator *allocator = &options->allocator;
    gdn__mesh *mesh = gdn__calloc(allocator, sizeof *mesh);
    if (mesh == NULL) return NULL;
    mesh->allocator = *allocator;
    mesh->events = options->events;
    mesh->id = gdn_node_named(options->name);
    mesh->incarnation = options->incarnation;
    mesh->role = options->role;
    mesh->peer_count = 1;
    mesh->deadline_us = INT64_MAX;
    gdn__map_init(&mesh->by_incarnation, allocator);
    gdn__map_init(&mesh->by_id, allocator);
    gdn__buffer_init(&mesh->out, allocator);
    mesh->name = gdn__strdup(allocator, options->name);
    mesh->endpoint = gdn__strdup(allocator, options->endpoint);
    size_t unused = 0;
    bool grown = gdn__grow(allocator, &mesh->peers, unused, &mesh->peer_capacity,
                           sizeof(struct gdn__peer *));
    if (mesh->name == NULL || mesh->endpoint == NULL || !grown) {
        gdn__mesh_free(mesh);
        return NULL;
    }
    mesh->peers[0] = NULL;
    return mesh;
}

static void free_peer(gdn__mesh *mesh, struct gdn__peer *peer)
{
    if (peer == NULL) return;
    gdn__channel_fini(&peer->channel);
    gdn__free(&mesh->allocator, peer->name);
    gdn__free(&mesh->allocator, peer);
}

void gdn__mesh_free(gdn__mesh *mesh)
{
    if (mesh == NULL) return;
    struct gdn_allocator allocator = mesh->allocator;
    for (size_t i = 1; mesh->peers != NULL && i < mesh->peer_count; i++) {
        free_peer(mesh, mesh->peers[i]);
    }
    for (size_t i = 0; i < mesh->link_count; i++) gdn__free(&allocator, mesh->links[i].endpoint);
    gdn__map_fini(&mesh->by_incarnation);
    gdn__map_fini(&mesh->by_id);
    gdn__buffer_fini(&mesh->out);
    gdn__free(&allocator, mesh->packed);
    gdn__free(&allocator, mesh->peers);
    gdn__free(&allocator, mesh->links);
    gdn__free(&allocator, mesh->name);
    gdn__free(&allocator, mesh->endpoint);
    gdn__free(&allocator, mesh);
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
                   sizeof(struct gdn__peer *))) {
        return GDN_ERR_MEMORY;
    }
    struct gdn__peer *peer = gdn__calloc(&mesh->allocator, sizeof *peer);
    if (peer == NULL) return GDN_ERR_MEMORY;
    gdn__channel_init(&peer->channel, &mesh->allocator);
    if (name != NULL) {
        peer->name = gdn__strdup(&mesh->allocator, name);
        peer->id = gdn_node_named(name);
        if (peer->name == NULL) {
            free_peer(mesh, peer);
            return GDN_ERR_MEMORY;
        }
    }
    peer->role = role;
    peer->link = link;
    peer->hello_at_us = INT64_MAX;
    peer->hello_after_us = GDN__HELLO_FIRST_US;
    *number = (uint32_t)mesh->peer_count;
    mesh->peers[mesh->peer_count++] = peer;
    return GDN_OK;
}

/* Undo add_peer() for the peer added last. */
static void drop_last_peer(gdn__mesh *mesh)
{
    free_peer(mesh, mesh->peers[--mesh->peer_count]);
}

static void say_hello_now(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    peer->hello_at_us = now_us;
    mesh->dirty = true;
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

enum gdn_err gdn__mesh_dial(gdn__mesh *mesh, const char *name, const char *endpoint,
                            enum gdn__role role, int64_t now_us)
{
    if (name != NULL && !gdn_name_is_valid(name)) return GDN_ERR_NAME;
    if (!gdn_name_is_valid(endpoint)) return GDN_ERR_ADDRESS;
    if (name != NULL && strcmp(name, mesh->name) == 0) return GDN_ERR_MISUSE;
    if (name != NULL && gdn__mesh_find(mesh, gdn_node_named(name)) != 0) return GDN_OK;
    uint32_t link, number;
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
        say(mesh, "!%s cannot be dialled again: out of memory", gone->name);
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

static void lose(gdn__mesh *mesh, uint32_t number, const char *reason, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    bool was_known = peer->state == GDN__PEER_OPENING || peer->state == GDN__PEER_UP;
    peer->state = GDN__PEER_LOST;
    peer->hello_at_us = INT64_MAX;
    gdn__channel_fini(&peer->channel);
    if (peer->name != NULL && gdn__mesh_find(mesh, peer->id) == number) {
        (void)gdn__map_remove(&mesh->by_id, gdn__key_of_id(peer->id.id));
    }
    if (!was_known) return;
    say(mesh, "%s lost: %s", peer->name, reason);
    if (mesh->events.lost != NULL) mesh->events.lost(mesh->events.context, number);
    if (peer->wanted) dial_again(mesh, peer, now_us);
}

/* We know the peer's incarnation: our channel to it begins with OPEN. */
static enum gdn_err begin_channel(gdn__mesh *mesh, uint32_t number, uint64_t incarnation)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (!gdn__map_put(&mesh->by_incarnation, key_of_incarnation(incarnation), number)) {
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
    mesh->dirty = true;
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
    if (*number == 0) {
        uint32_t link;
        enum gdn_err err = link_to(mesh, hello->endpoint, &link);
        if (err == GDN_OK) err = add_peer(mesh, NULL, link, hello->role, number);
        if (err != GDN_OK) return err;
    }
    struct gdn__peer *peer = mesh->peers[*number];
    if (peer->role != hello->role) {
        say(mesh, "!%s answered as a %s, not as a %s", hello->name,
            hello->role == GDN__ROLE_DETECTOR ? "detector" : "node",
            peer->role == GDN__ROLE_DETECTOR ? "detector" : "node");
        return GDN_ERR_FORMAT;
    }
    enum gdn_err err = name_peer(mesh, *number, hello->name);
    if (err == GDN_OK) err = begin_channel(mesh, *number, incarnation);
    return err;
}

static enum gdn_err receive_hello(gdn__mesh *mesh, const struct gdn__header *header,
                                  const struct gdn__record *record, const char *from,
                                  int64_t now_us)
{
    struct gdn__hello hello;
    if (!gdn__get_hello(record, &hello)) return GDN_ERR_FORMAT;
    if (header->source == mesh->incarnation || strcmp(hello.name, mesh->name) == 0) {
        say(mesh, "!a node at %s says it is %s too: names must be unique", from, hello.name);
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
    /* It has answered: no need to say HELLO, but to a detector, which may restart unseen. */
    bool repeats = peer->wanted && peer->role == GDN__ROLE_DETECTOR;
    peer->hello_at_us = repeats ? now_us + GDN__DETECTOR_HELLO_US : INT64_MAX;
    if (hello.echo == 0) {
        peer->hello_echo = hello.nonce;
        say_hello_now(mesh, peer, now_us);
    }
    return GDN_OK;
}

/* Its OPEN names us: it lives, so whoever had its name before does not. */
static enum gdn_err take_over_name(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    uint32_t before = gdn__mesh_find(mesh, peer->id);
    if (before == number) return GDN_OK;
    if (!gdn__map_reserve(&mesh->by_id, 1)) return GDN_ERR_MEMORY;
    if (before != 0) {
        peer->wanted = mesh->peers[before]->wanted;
        mesh->peers[before]->wanted = false;
        lose(mesh, before, "a new incarnation took its place", now_us);
    }
    return gdn__map_put(&mesh->by_id, gdn__key_of_id(peer->id.id), number) ? GDN_OK
                                                                           : GDN_ERR_MEMORY;
}

static void come_up_if_open(gdn__mesh *mesh, uint32_t number)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state != GDN__PEER_OPENING || !peer->opened) return;
    if (peer->channel.acknowledged == 0) return;
    peer->state = GDN__PEER_UP;
    say(mesh, "%s up", peer->name);
    if (mesh->events.up != NULL) mesh->events.up(mesh->events.context, number);
}

static enum gdn_err receive_open(gdn__mesh *mesh, uint32_t number, const struct gdn__record *record,
                                 int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->opened) return GDN_ERR_FORMAT;
    enum gdn_err err = take_over_name(mesh, number, now_us);
    if (err == GDN_OK && mesh->events.opened != NULL) {
        err = mesh->events.opened(mesh->events.context, number, record);
    }
    if (err == GDN_OK) peer->opened = true;
    return err;
}

/* ---- Receiving ---- */

/* Every record is well framed and as many as the header says, before any takes effect. */
static enum gdn_err check_records(struct gdn__reader in, const struct gdn__header *header)
{
    struct gdn__record record;
    uint32_t count = 0;
    bool numbered = header->sequence != 0;
    while (gdn__next_record(&in, &record)) {
        if ((record.type >= GDN__OPEN) != numbered) return GDN_ERR_FORMAT;
        count++;
    }
    return in.failed || count != header->count ? GDN_ERR_FORMAT : GDN_OK;
}

static enum gdn_err receive_numbered(gdn__mesh *mesh, uint32_t number,
                                     const struct gdn__header *header, struct gdn__reader in,
                                     int64_t now_us)
{
    struct gdn__record record;
    uint64_t sequence = header->sequence;
    enum gdn_err err = GDN_OK;
    while (err == GDN_OK && gdn__next_record(&in, &record)) {
        struct gdn__peer *peer = mesh->peers[number];
        if (peer->state == GDN__PEER_LOST) return GDN_OK;
        if (!gdn__channel_accept(&peer->channel, sequence++, now_us)) continue;
        if (record.type == GDN__OPEN) {
            err = receive_open(mesh, number, &record, now_us);
        } else if (!peer->opened) {
            err = GDN_ERR_FORMAT;
        } else if (mesh->events.arrived != NULL) {
            err = mesh->events.arrived(mesh->events.context, number, &record);
        }
        if (err != GDN_OK && peer->state != GDN__PEER_LOST) {
            gdn__channel_unaccept(&peer->channel);
        }
    }
    return err;
}

static enum gdn_err receive_unnumbered(gdn__mesh *mesh, uint32_t number, struct gdn__reader in,
                                       int64_t now_us)
{
    struct gdn__record record;
    while (gdn__next_record(&in, &record)) {
        if (record.type == GDN__NACK) gdn__channel_go_back(&mesh->peers[number]->channel);
        if (record.type == GDN__BYE) {
            lose(mesh, number, "it said goodbye", now_us);
            return GDN_OK;
        }
    }
    return GDN_OK;
}

static bool is_hello(struct gdn__reader in, struct gdn__record *record)
{
    return gdn__next_record(&in, record) && record->type == GDN__HELLO;
}

static enum gdn_err receive(gdn__mesh *mesh, struct gdn__reader in, const char *from,
                            int64_t now_us)
{
    struct gdn__header header;
    struct gdn__record record;
    enum gdn_err err = gdn__get_header(&in, &header);
    if (err == GDN_OK) err = check_records(in, &header);
    if (err != GDN_OK) return err;
    if (is_hello(in, &record)) return receive_hello(mesh, &header, &record, from, now_us);

    uint32_t number = gdn__mesh_find_incarnation(mesh, header.source);
    if (header.destination != mesh->incarnation) return GDN_OK; /* Our predecessor's mail. */
    if (number == 0) return GDN_ERR_UNKNOWN_NODE;
    if (mesh->peers[number]->state == GDN__PEER_LOST) return GDN_OK;
    gdn__channel_heard(&mesh->peers[number]->channel, &header, now_us);
    err = header.sequence == 0 ? receive_unnumbered(mesh, number, in, now_us)
                               : receive_numbered(mesh, number, &header, in, now_us);
    come_up_if_open(mesh, number);
    return err;
}

enum gdn_err gdn__mesh_receive(gdn__mesh *mesh, const uint8_t *bytes, size_t length,
                               const char *from, int64_t now_us)
{
    if (from == NULL) from = "an unknown address";
    mesh->dirty = true;
    enum gdn_err err = receive(mesh, gdn__reader_of(bytes, length), from, now_us);
    if (err != GDN_OK) {
        say(mesh, "!frame of %zu bytes from %s refused: %s", length, from, gdn_err_text(err));
    }
    return err;
}

/* ---- Sending ---- */

struct gdn__buffer *gdn__mesh_begin(gdn__mesh *mesh, uint32_t peer, enum gdn__record_type type)
{
    return gdn__channel_begin(&gdn__mesh_peer(mesh, peer)->channel, type);
}

bool gdn__mesh_end(gdn__mesh *mesh, uint32_t peer)
{
    mesh->dirty = true;
    return gdn__channel_end(&gdn__mesh_peer(mesh, peer)->channel);
}

void gdn__mesh_touch(gdn__mesh *mesh, uint32_t peer)
{
    int64_t wanted = gdn__channel_deadline(&gdn__mesh_peer(mesh, peer)->channel);
    if (wanted >= mesh->deadline_us) return;
    mesh->deadline_us = wanted;
    mesh->dirty = true; /* The host waits for a later moment: tell it. */
}

bool gdn__mesh_wants_to_send(const gdn__mesh *mesh)
{
    return mesh->dirty;
}

/* Records what was appended to @c out since @p at as a frame. */
static void add_packed(gdn__mesh *mesh, uint32_t link, size_t at)
{
    if (mesh->out.failed || mesh->out.length == at ||
        !gdn__grow(&mesh->allocator, &mesh->packed, mesh->packed_count, &mesh->packed_capacity,
                   sizeof *mesh->packed)) {
        mesh->out.length = at; /* Not sent now; a timer sends it again. */
        mesh->out.failed = false;
        return;
    }
    mesh->packed[mesh->packed_count++] =
        (struct gdn__packed){.link = link, .at = at, .length = mesh->out.length - at};
}

static void pack_hello(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    struct gdn__header header = {
        .source = mesh->incarnation, .destination = peer->incarnation, .count = 1};
    struct gdn__hello hello = {.role = mesh->role, .nonce = number, .echo = peer->hello_echo};
    (void)snprintf(hello.name, sizeof hello.name, "%s", mesh->name);
    (void)snprintf(hello.endpoint, sizeof hello.endpoint, "%s", mesh->endpoint);
    size_t at = mesh->out.length;
    gdn__put_header(&mesh->out, &header);
    size_t begun = gdn__begin_record(&mesh->out, GDN__HELLO);
    gdn__put_hello(&mesh->out, &hello);
    gdn__end_record(&mesh->out, begun);
    add_packed(mesh, peer->link, at);

    peer->hello_echo = 0;
    peer->hello_at_us = INT64_MAX;
    if (peer->wanted && peer->role == GDN__ROLE_DETECTOR && peer->state != GDN__PEER_DIALLED) {
        peer->hello_at_us = now_us + GDN__DETECTOR_HELLO_US;
    }
    if (peer->state != GDN__PEER_DIALLED) return;
    peer->hello_at_us = now_us + peer->hello_after_us;
    peer->hello_after_us *= 2;
    if (peer->hello_after_us > GDN__HELLO_MAX_US) peer->hello_after_us = GDN__HELLO_MAX_US;
}

static void pack_goodbye(gdn__mesh *mesh, const struct gdn__peer *peer)
{
    struct gdn__header header = {
        .source = mesh->incarnation, .destination = peer->incarnation, .count = 1};
    size_t at = mesh->out.length;
    gdn__put_header(&mesh->out, &header);
    gdn__end_record(&mesh->out, gdn__begin_record(&mesh->out, GDN__BYE));
    add_packed(mesh, peer->link, at);
}

static void pack_peer(gdn__mesh *mesh, uint32_t number, int64_t now_us)
{
    struct gdn__peer *peer = mesh->peers[number];
    if (peer->state == GDN__PEER_LOST) return;
    if (peer->hello_at_us <= now_us) pack_hello(mesh, number, now_us);
    if (peer->state == GDN__PEER_DIALLED) return;
    size_t at = mesh->out.length;
    while (gdn__channel_pack(&peer->channel, mesh->incarnation, peer->incarnation, now_us,
                             &mesh->out)) {
        add_packed(mesh, peer->link, at);
        at = mesh->out.length;
    }
    if (mesh->closing) pack_goodbye(mesh, peer);
}

static int64_t earliest_deadline(const gdn__mesh *mesh)
{
    int64_t deadline = INT64_MAX;
    for (uint32_t i = 1; i < mesh->peer_count; i++) {
        const struct gdn__peer *peer = mesh->peers[i];
        if (peer->state == GDN__PEER_LOST) continue;
        int64_t wanted = gdn__channel_deadline(&peer->channel);
        if (peer->hello_at_us < wanted) wanted = peer->hello_at_us;
        if (wanted < deadline) deadline = wanted;
    }
    return deadline;
}

size_t gdn__mesh_pack(gdn__mesh *mesh, int64_t now_us, const struct gdn__packed **frames,
                      const uint8_t **bytes)
{
    gdn__buffer_clear(&mesh->out);
    mesh->packed_count = 0;
    for (uint32_t i = 1; i < mesh->peer_count; i++) pack_peer(mesh, i, now_us);
    mesh->dirty = false;
    mesh->closing = false;
    mesh->deadline_us = earliest_deadline(mesh);
    *frames = mesh->packed;
    *bytes = mesh->out.bytes;
    return mesh->packed_count;
}

void gdn__mesh_close(gdn__mesh *mesh)
{
    mesh->closing = mesh->dirty = true;
}

/* ---- Time ---- */

int64_t gdn__mesh_deadline(const gdn__mesh *mesh)
{
    return mesh->deadline_us;
}

void gdn__mesh_passed(gdn__mesh *mesh, int64_t now_us)
{
    if (mesh->deadline_us > now_us) return;
    mesh->dirty = true; /* The pack that follows finds the next deadline. */
    for (uint32_t i = 1; i < mesh->peer_count; i++) {
        struct gdn__peer *peer = mesh->peers[i];
        if (peer->state == GDN__PEER_LOST) continue;
        if (peer->state != GDN__PEER_DIALLED) gdn__channel_passed(&peer->channel, now_us);
    }
}
