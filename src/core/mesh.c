/* SPDX-License-Identifier: MIT */
#include "src/core/handshake.h"

#include "src/core/mem.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

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
    mesh->limits = options->limits;
    mesh->seen_us = INT64_MIN;
    mesh->peer_count = 1;
    gdn__link_init(&mesh->ready);
    gdn__link_init(&mesh->lost);
    gdn__link_init(&mesh->blank);
    mesh->collect_after = mesh->collect_at = GDN__COLLECT_AFTER;
    mesh->given_up_kept = GDN__GIVEN_UP_KEPT;
    gdn__formers_init(&mesh->formers, allocator);
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

void gdn__mesh_free(gdn__mesh *mesh)
{
    if (mesh == NULL) return;
    struct gdn_allocator allocator = mesh->allocator;
    for (size_t i = 1; mesh->peers != NULL && i < mesh->peer_count; i++) {
        gdn__mesh_free_peer(mesh, mesh->peers[i]);
    }
    for (size_t i = 0; i < mesh->link_count; i++) gdn__free(&allocator, mesh->links[i].endpoint);
    gdn__formers_fini(&mesh->formers);
    gdn__map_fini(&mesh->by_incarnation);
    gdn__map_fini(&mesh->by_id);
    gdn__agenda_fini(&mesh->agenda, &allocator);
    gdn__buffer_fini(&mesh->out);
    gdn__free(&allocator, mesh->packed);
    gdn__free(&allocator, mesh->peers);
    gdn__free(&allocator, mesh->links);
    gdn__free(&allocator, mesh->name);
    gdn__free(&allocator, mesh->endpoint);
    gdn__free(&allocator, mesh);
}

/* ---- Our own sleep ---- */

/* While anybody is there we look at the clock several times in the silence that we endure. If we
 * did not, our whole process stood still, and what the peers sent meanwhile is yet to be read. */
static void notice_sleep(gdn__mesh *mesh, int64_t now_us)
{
    bool slept = mesh->seen_us != INT64_MIN && now_us - mesh->seen_us > mesh->limits.silence_us / 2;
    for (uint32_t i = 1; slept && i < mesh->peer_count; i++) {
        gdn__channel_slept(&mesh->peers[i]->channel, now_us - mesh->seen_us);
    }
    mesh->seen_us = now_us;
}

/* ---- Receiving ---- */

/* A record may stand in that frame: HELLO alone, and the other unnumbered ones say nothing but
 * what they are. */
static bool fits_frame(const struct gdn__record *record, const struct gdn__header *header)
{
    if ((record->type >= GDN__OPEN) != (header->sequence != 0)) return false;
    if (record->type == GDN__HELLO) return header->count == 1;
    return record->type > GDN__BYE || record->length == 0;
}

/* Every record is well framed and as many as the header says, before any takes effect. */
static enum gdn_err check_records(struct gdn__reader in, const struct gdn__header *header)
{
    struct gdn__record record;
    uint32_t count = 0;
    while (gdn__next_record(&in, &record)) {
        if (!fits_frame(&record, header)) return GDN_ERR_FORMAT;
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
            err = gdn__mesh_open_received(mesh, number, &record);
        } else if (!peer->opened) {
            err = GDN_ERR_FORMAT;
        } else if (mesh->events.arrived != NULL) {
            err = mesh->events.arrived(mesh->events.context, number, &record);
        }
        if (err == GDN_OK || peer->state == GDN__PEER_LOST) continue;
        if (err == GDN_ERR_MEMORY) {
            gdn__channel_unaccept(&peer->channel);
        } else { /* Resent, it would be no better. */
            gdn__mesh_lose(mesh, number, GDN__LOSS_GIVEN_UP, gdn_err_text(err), now_us);
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
            gdn__mesh_lose(mesh, number, GDN__LOSS_GONE, "it said goodbye", now_us);
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
    if (is_hello(in, &record))
        return gdn__mesh_hello_received(mesh, &header, &record, from, now_us);

    uint32_t number = gdn__mesh_find_incarnation(mesh, header.source);
    if (header.destination != mesh->incarnation) return GDN_OK; /* Our predecessor's mail. */
    if (number == 0 && gdn__formers_find(&mesh->formers, header.source) != NULL) {
        return GDN_OK; /* If it may come back, its HELLO says where it is. */
    }
    if (number == 0) return GDN_ERR_UNKNOWN_NODE;
    if (header.association == 0) return GDN_ERR_FORMAT;
    bool current;
    err = gdn__mesh_associate(mesh, &number, &header, now_us, &current);
    if (err != GDN_OK || !current) return err;
    gdn__mesh_ready(mesh, mesh->peers[number]);
    gdn__channel_heard(&mesh->peers[number]->channel, &header, now_us);
    err = gdn__mesh_come_up(mesh, number, now_us);
    if (err != GDN_OK) return err;
    err = header.sequence == 0 ? receive_unnumbered(mesh, number, in, now_us)
                               : receive_numbered(mesh, number, &header, in, now_us);
    return err == GDN_OK ? gdn__mesh_come_up(mesh, number, now_us) : err;
}

enum gdn_err gdn__mesh_receive(gdn__mesh *mesh, const uint8_t *bytes, size_t length,
                               const char *from, int64_t now_us)
{
    if (from == NULL) from = "an unknown address";
    notice_sleep(mesh, now_us);
    enum gdn_err err = receive(mesh, gdn__reader_of(bytes, length), from, now_us);
    if (err != GDN_OK) {
        gdn__mesh_say(mesh, "!frame of %zu bytes from %s refused: %s", length, from,
                      gdn_err_text(err));
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
    struct gdn__channel *channel = &gdn__mesh_peer(mesh, peer)->channel;
    gdn__mesh_ready(mesh, gdn__mesh_peer(mesh, peer));
    if (!gdn__channel_end(channel)) return false;
    mesh->fresh_bytes += channel->retained.length - channel->open_record;
    return true;
}

void gdn__mesh_ready(gdn__mesh *mesh, struct gdn__peer *peer)
{
    if (peer->state == GDN__PEER_LOST || gdn__link_is_used(&peer->ready)) return;
    gdn__link_insert(&mesh->ready, &peer->ready);
}

static int64_t deadline_of(const struct gdn__peer *peer)
{
    if (peer->state == GDN__PEER_DIALLED) return peer->hello_at_us;
    int64_t channel = gdn__channel_deadline(&peer->channel);
    return peer->hello_at_us < channel ? peer->hello_at_us : channel;
}

void gdn__mesh_touch(gdn__mesh *mesh, uint32_t number)
{
    struct gdn__peer *peer = gdn__mesh_peer(mesh, number);
    if (peer->state == GDN__PEER_LOST) return;
    int64_t wanted = deadline_of(peer);
    if (wanted == peer->wakes.due_us) return;
    gdn__agenda_set(&mesh->agenda, &peer->wakes, wanted);
}

bool gdn__mesh_wants_to_send(const gdn__mesh *mesh)
{
    return gdn__link_is_used(&mesh->ready) || mesh->closing || mesh->links_wanted > 0;
}

size_t gdn__mesh_bytes_to_send(const gdn__mesh *mesh)
{
    return mesh->fresh_bytes;
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

/* To whom we have not met, the association is one to go beyond. */
static struct gdn__header header_to(const gdn__mesh *mesh, const struct gdn__peer *peer)
{
    bool met = peer->incarnation != 0;
    return (struct gdn__header){.source = mesh->incarnation,
                                .destination = peer->incarnation,
                                .association = met ? peer->association : mesh->formers.association};
}

static void pack_hello(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    struct gdn__header header = header_to(mesh, peer);
    header.count = 1;
    struct gdn__hello hello = {.role = mesh->role, .nonce = peer->nonce, .echo = peer->hello_echo};
    (void)snprintf(hello.name, sizeof hello.name, "%s", mesh->name);
    (void)snprintf(hello.endpoint, sizeof hello.endpoint, "%s", mesh->endpoint);
    size_t at = mesh->out.length;
    gdn__put_header(&mesh->out, &header);
    size_t begun = gdn__begin_record(&mesh->out, GDN__HELLO);
    gdn__put_hello(&mesh->out, &hello);
    gdn__end_record(&mesh->out, begun);
    add_packed(mesh, peer->link, at);

    peer->hello_echo = 0;
    peer->hello_at_us = gdn__peer_next_hello(peer, now_us);
    peer->hello_after_us *= 2;
    if (peer->hello_after_us > GDN__HELLO_MAX_US) peer->hello_after_us = GDN__HELLO_MAX_US;
}

static void pack_goodbye(gdn__mesh *mesh, const struct gdn__peer *peer)
{
    struct gdn__header header = header_to(mesh, peer);
    header.count = 1;
    size_t at = mesh->out.length;
    gdn__put_header(&mesh->out, &header);
    gdn__end_record(&mesh->out, gdn__begin_record(&mesh->out, GDN__BYE));
    add_packed(mesh, peer->link, at);
}

static void pack_peer(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    if (peer->hello_at_us <= now_us) pack_hello(mesh, peer, now_us);
    if (peer->state == GDN__PEER_DIALLED) return;
    size_t at = mesh->out.length;
    struct gdn__header pair = header_to(mesh, peer);
    while (gdn__channel_pack(&peer->channel, &pair, now_us, &mesh->out)) {
        add_packed(mesh, peer->link, at);
        at = mesh->out.length;
    }
    if (mesh->closing) pack_goodbye(mesh, peer);
}

/* The next peer whose time has come, ready for the pack, which enters it again; NULL: no more. */
static struct gdn__peer *take_due(gdn__mesh *mesh, int64_t now_us)
{
    while (gdn__agenda_deadline(&mesh->agenda) <= now_us) {
        struct gdn__agenda_entry *due = gdn__agenda_first(&mesh->agenda);
        struct gdn__peer *peer = GDN__OF(due, struct gdn__peer, wakes);
        gdn__agenda_set(&mesh->agenda, due, INT64_MAX);
        if (peer->state == GDN__PEER_LOST) {
            gdn__mesh_dial_again(mesh, peer, now_us); /* There was no memory for it before. */
            continue;
        }
        gdn__mesh_ready(mesh, peer);
        return peer;
    }
    return NULL;
}

size_t gdn__mesh_pack(gdn__mesh *mesh, int64_t now_us, const struct gdn__packed **frames,
                      const uint8_t **bytes)
{
    notice_sleep(mesh, now_us);
    gdn__buffer_clear(&mesh->out);
    mesh->packed_count = 0;
    while (take_due(mesh, now_us) != NULL) continue;
    while (gdn__link_is_used(&mesh->ready)) {
        struct gdn__peer *peer = GDN__OF(mesh->ready.next, struct gdn__peer, ready);
        gdn__link_remove(&peer->ready);
        pack_peer(mesh, peer, now_us);
        gdn__agenda_set(&mesh->agenda, &peer->wakes, deadline_of(peer));
    }
    mesh->closing = false;
    mesh->fresh_bytes = 0;
    *frames = mesh->packed;
    *bytes = mesh->out.bytes;
    return mesh->packed_count;
}

void gdn__mesh_close(gdn__mesh *mesh)
{
    mesh->closing = true;
    for (uint32_t i = 1; i < mesh->peer_count; i++) {
        struct gdn__peer *peer = mesh->peers[i];
        uint64_t unknown = gdn__channel_unacknowledged(&peer->channel);
        if (peer->state == GDN__PEER_UP && unknown > 0) {
            gdn__mesh_say(mesh, "!closing, though %s has not acknowledged %llu messages",
                          peer->name, (unsigned long long)unknown);
        }
        gdn__mesh_ready(mesh, peer);
    }
}

/* ---- Time ---- */

int64_t gdn__mesh_deadline(const gdn__mesh *mesh)
{
    return gdn__agenda_deadline(&mesh->agenda);
}

static void time_passed(gdn__mesh *mesh, struct gdn__peer *peer, int64_t now_us)
{
    char reason[64];
    if (gdn__channel_take_stall(&peer->channel, now_us)) gdn__mesh_want_link(mesh, peer->link);
    if (peer->state == GDN__PEER_DIALLED) return;
    if (gdn__channel_is_silent(&peer->channel, now_us)) {
        (void)snprintf(reason, sizeof reason, "nothing heard for %.1f s",
                       (double)mesh->limits.silence_us / 1e6);
        gdn__mesh_lose(mesh, peer->number, GDN__LOSS_GIVEN_UP, reason, now_us);
        return;
    }
    gdn__channel_passed(&peer->channel, now_us);
}

void gdn__mesh_passed(gdn__mesh *mesh, int64_t now_us)
{
    notice_sleep(mesh, now_us);
    struct gdn__peer *peer;
    while ((peer = take_due(mesh, now_us)) != NULL) time_passed(mesh, peer, now_us);
}
