/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/traffic.h"

#include "tests/support/stream.h"
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAGIC   UINT64_C(0x1985c0ffee0a11ce)
#define RESOURCE_MAGIC  0x7c1e /* First bytes of a resource that only traffic uses. */
#define BURST           32     /* Messages to one peer before the next has its turn. */
#define ROOM_MS         2      /* Longest wait for one peer's room: another may have some before. */
#define REQUEST_EVERY   6      /* One in so many is a request. */
#define SMALL_BYTES     240
#define MEDIUM_BYTES    4096  /* One payload in 64. */
#define LARGE_BYTES     50000 /* One in 2048. */
#define TRAFFIC_COOKIES (UINT64_C(1) << 63)

struct payload {
    uint64_t magic;
    uint64_t incarnation; /* Of the sender. */
    uint64_t number;
    uint64_t is_last;
    uint64_t sum; /* Over all bytes, this one as 0. */
    uint8_t filler[LARGE_BYTES];
};

#define PAYLOAD_HEAD offsetof(struct payload, filler)

struct partner {
    gdn_node_id id;
    /* Out. */
    uint64_t next_number, next_request;
    uint64_t waiting; /* Requests that are neither granted nor refused. */
    bool finished;    /* The last payload is out. */
    /* In. */
    struct stream stream;
    struct stream grants;
    bool complete; /* Its last payload is in. */
};

struct traffic {
    gdn_node *node;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* Who is there, or whether to go on. */
    uint64_t changes;       /* How often. */
    pthread_t sender;
    bool has_sender, stopping, halting;
    struct partner partners[TRAFFIC_PEERS_MAX];
    int partner_count;
    uint64_t random;
    struct traffic_totals totals; /* But for what the streams count. */
    struct payload payload;       /* The sender's. */
};

/* ---- Bytes ---- */

static uint64_t next_random(struct traffic *traffic)
{
    traffic->random ^= traffic->random << 13;
    traffic->random ^= traffic->random >> 7;
    traffic->random ^= traffic->random << 17;
    return traffic->random;
}

/* Eight bytes at a time; the rest one by one. */
static uint64_t sum_of(const struct payload *payload, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)payload;
    uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ length;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, sizeof word);
        if (at == offsetof(struct payload, sum)) word = 0;
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    for (; at < length; at++) sum = (sum ^ bytes[at]) * UINT64_C(0x100000001b3);
    return sum;
}

static size_t choose_length(struct traffic *traffic)
{
    uint64_t random = next_random(traffic);
    size_t most = SMALL_BYTES;
    if (random % 2048 == 0)
        most = LARGE_BYTES;
    else if (random % 64 == 0)
        most = MEDIUM_BYTES;
    return PAYLOAD_HEAD + (size_t)(random >> 16) % most;
}

static size_t fill_payload(struct traffic *traffic, uint64_t number, bool is_last)
{
    struct payload *payload = &traffic->payload;
    size_t length = choose_length(traffic);
    payload->magic = PAYLOAD_MAGIC;
    payload->incarnation = gdn_node_incarnation(traffic->node);
    payload->number = number;
    payload->is_last = is_last;
    uint64_t word = next_random(traffic);
    for (size_t at = 0; at + 8 <= length - PAYLOAD_HEAD; at += 8, word += number | 1) {
        memcpy(payload->filler + at, &word, sizeof word);
    }
    payload->sum = sum_of(payload, length);
    return length;
}

/* ---- Ids that say who and which ---- */

static void put_number(uint8_t *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_number(const uint8_t *bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

static gdn_process_id process_of(uint64_t incarnation, uint64_t number)
{
    gdn_process_id process = {{{0}}};
    put_number(process.id.bytes, incarnation);
    put_number(process.id.bytes + 8, number);
    return process;
}

static gdn_resource_id resource_of(uint64_t incarnation, uint64_t ordinal)
{
    gdn_resource_id resource = {{{0}}};
    put_number(resource.id.bytes, incarnation << 16 | RESOURCE_MAGIC);
    put_number(resource.id.bytes + 8, ordinal);
    return resource;
}

static bool is_ours(gdn_resource_id resource)
{
    return (get_number(resource.id.bytes) & 0xffff) == RESOURCE_MAGIC;
}

/* ---- Sending ---- */

static enum gdn_err send_payload(struct traffic *traffic, struct partner *partner, bool is_last)
{
    size_t length = fill_payload(traffic, partner->next_number, is_last);
    enum gdn_err err = gdn_send(traffic->node, partner->id, &traffic->payload, length);
    if (err != GDN_OK) return err;
    partner->next_number++;
    partner->finished = is_last;
    traffic->totals.payloads++;
    return GDN_OK;
}

static enum gdn_err send_request(struct traffic *traffic, struct partner *partner)
{
    gdn_ticket ticket;
    uint64_t incarnation = gdn_node_incarnation(traffic->node);
    uint64_t index = (uint64_t)(partner - traffic->partners);
    struct gdn_request request = {.process = process_of(incarnation, partner->next_number),
                                  .resource = resource_of(incarnation, partner->next_request),
                                  .cookie = TRAFFIC_COOKIES | index};
    enum gdn_err err = gdn_request(traffic->node, partner->id, &request, &ticket);
    if (err != GDN_OK) return err;
    partner->next_number++;
    partner->next_request++;
    partner->waiting++;
    traffic->totals.requests++;
    return GDN_OK;
}

static bool send_one(struct traffic *traffic, struct partner *partner)
{
    enum gdn_err err;
    pthread_mutex_lock(&traffic->mutex);
    bool is_last = traffic->halting;
    if (partner->finished || traffic->stopping)
        err = GDN_ERR_EMPTY;
    else if (is_last || next_random(traffic) % REQUEST_EVERY != 0)
        err = send_payload(traffic, partner, is_last);
    else
        err = send_request(traffic, partner);
    if (err == GDN_ERR_FULL) traffic->totals.full++;
    pthread_mutex_unlock(&traffic->mutex);
    return err == GDN_OK;
}

/* Under the mutex. */
static void note_change(struct traffic *traffic)
{
    traffic->changes++;
    pthread_cond_signal(&traffic->changed);
}

static const struct partner *find_unfinished(const struct traffic *traffic)
{
    for (int i = 0; i < traffic->partner_count; i++) {
        if (!traffic->partners[i].finished) return &traffic->partners[i];
    }
    return NULL;
}

/* Nothing could be sent: until a peer has room; where none is there to have any, until that has
 * changed since @p seen. */
static void wait_for_room(struct traffic *traffic, uint64_t seen)
{
    pthread_mutex_lock(&traffic->mutex);
    const struct partner *partner = find_unfinished(traffic);
    pthread_mutex_unlock(&traffic->mutex);
    if (partner != NULL) {
        enum gdn_err err = gdn_await(traffic->node, partner->id, ROOM_MS);
        if (err == GDN_OK || err == GDN_ERR_TIMEOUT) return;
    }
    pthread_mutex_lock(&traffic->mutex);
    while (traffic->changes == seen) pthread_cond_wait(&traffic->changed, &traffic->mutex);
    pthread_mutex_unlock(&traffic->mutex);
}

/* False: it is all over. */
static bool goes_on(struct traffic *traffic, uint64_t *changes)
{
    pthread_mutex_lock(&traffic->mutex);
    *changes = traffic->changes;
    bool stopping = traffic->stopping;
    pthread_mutex_unlock(&traffic->mutex);
    return !stopping;
}

static void *send_all(void *started)
{
    struct traffic *traffic = started;
    uint64_t changes;
    while (goes_on(traffic, &changes)) {
        bool sent = false;
        for (int i = 0; i < traffic->partner_count; i++) {
            for (int k = 0; k < BURST && send_one(traffic, &traffic->partners[i]); k++) sent = true;
        }
        if (!sent) wait_for_room(traffic, changes);
    }
    return NULL;
}

/* ---- Receiving ---- */

static struct partner *partner_of(struct traffic *traffic, gdn_node_id id)
{
    for (int i = 0; i < traffic->partner_count; i++) {
        if (gdn_id_equal(traffic->partners[i].id.id, id.id)) return &traffic->partners[i];
    }
    return NULL;
}

static void payload_arrived(struct traffic *traffic, struct partner *partner,
                            const struct gdn_item *item)
{
    static struct payload payload; /* Under the mutex. */
    bool fits = item->length >= PAYLOAD_HEAD && item->length <= sizeof payload;
    if (fits) memcpy(&payload, item->bytes, item->length);
    if (!fits || payload.magic != PAYLOAD_MAGIC || payload.incarnation != item->peer_incarnation ||
        payload.sum != sum_of(&payload, item->length)) {
        traffic->totals.damaged++;
        return;
    }
    traffic->totals.arrived++;
    stream_arrive(&partner->stream, payload.number);
    partner->complete = payload.is_last;
}

static void request_arrived(struct traffic *traffic, struct partner *partner,
                            const struct gdn_item *item)
{
    traffic->totals.arrived++;
    if (get_number(item->process.id.bytes) != item->peer_incarnation) {
        traffic->totals.damaged++;
        return;
    }
    stream_arrive(&partner->stream, get_number(item->process.id.bytes + 8));
    /* It left meanwhile: its node is lost, and we shall hear of it. */
    (void)!gdn_grant(traffic->node, item->ticket);
}

static void grant_arrived(struct traffic *traffic, struct partner *partner,
                          const struct gdn_item *item)
{
    if (item->type == GDN_ITEM_GRANTED) {
        traffic->totals.grants++;
        stream_arrive(&partner->grants, get_number(item->resource.id.bytes + 8));
        enum gdn_err err = gdn_release(traffic->node, item->process, item->resource);
        if (err == GDN_OK) traffic->totals.releases++;
    }
    partner->waiting--;
}

static void peer_lost(struct traffic *traffic, struct partner *partner)
{
    traffic->totals.reopened++;
    stream_reopen(&partner->stream);
    stream_reopen(&partner->grants);
    partner->complete = false;
    partner->finished = false;
}

static struct partner *sender_of(struct traffic *traffic, const struct gdn_item *item)
{
    struct partner *partner = partner_of(traffic, item->peer);
    if (partner == NULL && (item->cookie & TRAFFIC_COOKIES) != 0 &&
        (item->cookie & ~TRAFFIC_COOKIES) < (uint64_t)traffic->partner_count) {
        partner = &traffic->partners[item->cookie & ~TRAFFIC_COOKIES];
    }
    return partner;
}

bool traffic_item(struct traffic *traffic, const struct gdn_item *item)
{
    bool ours = true;
    struct partner *partner = sender_of(traffic, item);
    if (partner == NULL) return false;
    pthread_mutex_lock(&traffic->mutex);
    switch (item->type) {
    case GDN_ITEM_PAYLOAD:
        payload_arrived(traffic, partner, item);
        break;
    case GDN_ITEM_REQUESTED:
        ours = is_ours(item->resource);
        if (ours) request_arrived(traffic, partner, item);
        break;
    case GDN_ITEM_GRANTED:
    case GDN_ITEM_REFUSED:
        ours = is_ours(item->resource);
        if (ours) grant_arrived(traffic, partner, item);
        break;
    case GDN_ITEM_PEER_LOST:
        peer_lost(traffic, partner);
        note_change(traffic);
        ours = false; /* Of interest to others too. */
        break;
    case GDN_ITEM_PEER_UP:
        note_change(traffic);
        ours = false;
        break;
    case GDN_ITEM_RELEASED:
    case GDN_ITEM_WOKEN:
    case GDN_ITEM_ABORTED:
        ours = false;
        break;
    }
    pthread_mutex_unlock(&traffic->mutex);
    return ours;
}

/* ---- Life ---- */

struct traffic *traffic_new(gdn_node *node, char *const peers[], int peer_count, bool rejoins,
                            uint64_t seed)
{
    struct traffic *traffic = peer_count <= TRAFFIC_PEERS_MAX ? calloc(1, sizeof *traffic) : NULL;
    if (traffic == NULL) return NULL;
    traffic->node = node;
    traffic->random = seed * 2 + 1;
    traffic->partner_count = peer_count;
    (void)pthread_mutex_init(&traffic->mutex, NULL);
    (void)pthread_cond_init(&traffic->changed, NULL);
    for (int i = 0; i < peer_count; i++) {
        traffic->partners[i].id = gdn_node_named(peers[i]);
        if (rejoins) stream_reopen(&traffic->partners[i].stream);
    }
    return traffic;
}

bool traffic_start(struct traffic *traffic)
{
    traffic->has_sender = pthread_create(&traffic->sender, NULL, send_all, traffic) == 0;
    return traffic->has_sender;
}

void traffic_free(struct traffic *traffic)
{
    if (traffic == NULL) return;
    pthread_mutex_lock(&traffic->mutex);
    traffic->stopping = true;
    note_change(traffic);
    pthread_mutex_unlock(&traffic->mutex);
    if (traffic->has_sender) (void)pthread_join(traffic->sender, NULL);
    (void)pthread_cond_destroy(&traffic->changed);
    (void)pthread_mutex_destroy(&traffic->mutex);
    free(traffic);
}

void traffic_halt(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->mutex);
    traffic->halting = true;
    note_change(traffic);
    pthread_mutex_unlock(&traffic->mutex);
}

bool traffic_is_settled(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->mutex);
    bool settled = traffic->halting;
    for (int i = 0; i < traffic->partner_count; i++) {
        const struct partner *partner = &traffic->partners[i];
        settled = settled && partner->finished && partner->complete && partner->waiting == 0;
    }
    pthread_mutex_unlock(&traffic->mutex);
    return settled;
}

struct traffic_totals traffic_totals(struct traffic *traffic)
{
    pthread_mutex_lock(&traffic->mutex);
    struct traffic_totals totals = traffic->totals;
    for (int i = 0; i < traffic->partner_count; i++) {
        const struct stream *const both[] = {&traffic->partners[i].stream,
                                             &traffic->partners[i].grants};
        for (int k = 0; k < 2; k++) {
            totals.lost += both[k]->lost;
            totals.repeated += both[k]->repeated;
            totals.reordered += both[k]->reordered;
        }
    }
    pthread_mutex_unlock(&traffic->mutex);
    return totals;
}
