/* SPDX-License-Identifier: MIT */
#include "tests/explore/introduction.h"

#include "src/core/mem.h"
#include "src/core/mesh.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX  96  /* Of one site. */
#define FLYING_MAX  256 /* Frames under way at once. */
#define BEGINS_US   INT64_C(1000000)
#define MILLISECOND INT64_C(1000)
#define QUIET_MS    100 /* After so long all have met, and all is acknowledged. */

/* What a site went through. */
enum type { DIALLED, RECEIVED, PASSED, TOOK };

struct event {
    enum type type;
    uint32_t what; /* A place, or a frame. */
    int64_t now_us;
};

struct past {
    struct event events[EVENTS_MAX];
    int count;
};

struct flying {
    int from, to;
    uint32_t frame;
};

/* A detector: a bare mesh. */
struct initiator {
    gdn__mesh *mesh;
    int links[PLACES_MAX + 1];
};

/* The network while they meet. */
struct network {
    struct introduction *introduction;
    struct sender {
        struct network *network;
        int place;
    } senders[PLACES_MAX];
    struct host hosts[LAYOUT_NODES_MAX];
    struct initiator initiators[LAYOUT_INITIATORS_MAX];
    struct flying flying[FLYING_MAX];
    int flying_at, flying_end;
    int64_t now_us;
};

struct introduction {
    struct layout layout;
    struct frames *frames, *judged;
    struct past pasts[LAYOUT_NODES_MAX];
    uint32_t orders[LAYOUT_INITIATORS_MAX][LAYOUT_NODES_MAX][LAYOUT_ORDERS_MAX];
    int64_t now_us;
};

static struct introduction *kept;

/* ---- Going through it ---- */

static void go_through(const struct introduction *introduction, struct host *host,
                       const struct event *event)
{
    struct gdn_item item;
    enum gdn_err err = GDN_OK;
    size_t length;
    const uint8_t *bytes;
    switch (event->type) {
    case DIALLED:
        err = host_dial(host, (int)event->what, event->now_us);
        break;
    case RECEIVED:
        bytes = frames_get(introduction->frames, event->what, &length);
        err = host_receive(host, bytes, length, event->now_us);
        break;
    case PASSED:
        err = host_pass(host, event->now_us);
        break;
    case TOOK:
        err = host_take(host, event->now_us, &item);
        break;
    }
    assert(err == GDN_OK);
    (void)err;
}

void introduction_host(const struct introduction *introduction, int node, struct host *host)
{
    const struct past *past = &introduction->pasts[node];
    host_open(host, node);
    for (int i = 0; i < past->count; i++) go_through(introduction, host, &past->events[i]);
}

static void happens(struct network *network, int node, enum type type, uint32_t what)
{
    struct past *past = &network->introduction->pasts[node];
    assert(past->count < EVENTS_MAX);
    struct event *event = &past->events[past->count++];
    *event = (struct event){type, what, network->now_us};
    go_through(network->introduction, &network->hosts[node], event);
}

/* ---- The network ---- */

static void send_frame(void *context, int to, const uint8_t *bytes, size_t length)
{
    const struct sender *sender = context;
    struct network *network = sender->network;
    assert(network->flying_end < FLYING_MAX);
    network->flying[network->flying_end++] = (struct flying){
        sender->place, to, frames_number(network->introduction->frames, bytes, length)};
}

static void flush_initiator(struct network *network, int i)
{
    struct initiator *initiator = &network->initiators[i];
    const struct gdn__packed *packed;
    const uint8_t *bytes;
    const char *endpoint;
    uint32_t link;
    while (gdn__mesh_take_dial(initiator->mesh, &link, &endpoint)) {
        assert(link <= PLACES_MAX);
        initiator->links[link] = place_named(endpoint);
    }
    size_t count = gdn__mesh_pack(initiator->mesh, network->now_us, &packed, &bytes);
    for (size_t k = 0; k < count; k++) {
        send_frame(&network->senders[PLACE_INITIATOR + i], initiator->links[packed[k].link],
                   bytes + packed[k].at, packed[k].length);
    }
}

static void arrive_at_initiator(struct network *network, int i, uint32_t frame)
{
    size_t length;
    const uint8_t *bytes = frames_get(network->introduction->frames, frame, &length);
    enum gdn_err err =
        gdn__mesh_receive(network->initiators[i].mesh, bytes, length, NULL, network->now_us);
    assert(err == GDN_OK);
    (void)err;
    flush_initiator(network, i);
}

static void deliver_all(struct network *network)
{
    while (network->flying_at < network->flying_end) {
        struct flying flying = network->flying[network->flying_at++];
        if (flying.to < PLACE_INITIATOR) {
            happens(network, flying.to, RECEIVED, flying.frame);
        } else {
            arrive_at_initiator(network, flying.to - PLACE_INITIATOR, flying.frame);
        }
    }
    network->flying_at = network->flying_end = 0;
}

static int initiator_count(const struct layout *layout)
{
    int count = 0;
    for (int r = 0; r < layout->round_count; r++) {
        if (layout->rounds[r].initiator >= count) count = layout->rounds[r].initiator + 1;
    }
    return count;
}

static void pass(struct network *network)
{
    const struct layout *layout = &network->introduction->layout;
    network->now_us += MILLISECOND;
    for (int n = 0; n < layout->plan.nodes; n++) {
        if (network->hosts[n].deadline_us <= network->now_us) happens(network, n, PASSED, 0);
    }
    for (int i = 0; i < initiator_count(layout); i++) {
        gdn__mesh *mesh = network->initiators[i].mesh;
        if (gdn__mesh_deadline(mesh) <= network->now_us) gdn__mesh_passed(mesh, network->now_us);
        flush_initiator(network, i);
    }
    deliver_all(network);
}

/* ---- Meeting ---- */

static void open_places(struct network *network)
{
    const struct layout *layout = &network->introduction->layout;
    for (int p = 0; p < PLACES_MAX; p++) network->senders[p] = (struct sender){network, p};
    for (int n = 0; n < layout->plan.nodes; n++) {
        host_open(&network->hosts[n], n);
        network->hosts[n].sent = send_frame;
        network->hosts[n].context = &network->senders[n];
    }
    for (int i = 0; i < initiator_count(layout); i++) {
        struct gdn__mesh_options options = {.name = place_name(PLACE_INITIATOR + i),
                                            .endpoint = place_name(PLACE_INITIATOR + i),
                                            .incarnation = place_incarnation(PLACE_INITIATOR + i),
                                            .role = GDN__ROLE_DETECTOR,
                                            .limits = gdn__channel_limits_of(0, 0, 0),
                                            .allocator = gdn__allocator_or_default(NULL)};
        network->initiators[i].mesh = gdn__mesh_new(&options);
        if (network->initiators[i].mesh == NULL) abort();
    }
}

static void close_places(struct network *network)
{
    const struct layout *layout = &network->introduction->layout;
    for (int n = 0; n < layout->plan.nodes; n++) host_close(&network->hosts[n]);
    for (int i = 0; i < initiator_count(layout); i++) {
        gdn__mesh_free(network->initiators[i].mesh);
    }
}

static void dial_all(struct network *network)
{
    const struct layout *layout = &network->introduction->layout;
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        if (channel->late || channel->from > channel->to) continue;
        happens(network, channel->from, DIALLED, channel->to);
    }
    for (int n = 0; n < layout->plan.nodes; n++) {
        for (int i = 0; i < initiator_count(layout); i++) {
            happens(network, n, DIALLED, (uint32_t)(PLACE_INITIATOR + i));
        }
    }
}

/* That everybody is connected has been said. */
static void take_all(struct network *network)
{
    for (int n = 0; n < network->introduction->layout.plan.nodes; n++) {
        while (network->hosts[n].items_waiting > 0) happens(network, n, TOOK, 0);
    }
}

static void write_orders(struct network *network, int i, int node)
{
    static const enum gdn__record_type types[] = {[LAYOUT_START] = GDN__START,
                                                  [LAYOUT_COLLECT] = GDN__COLLECT,
                                                  [LAYOUT_ABANDON] = GDN__ABANDON};
    gdn__mesh *mesh = network->initiators[i].mesh;
    uint32_t peer = gdn__mesh_find(mesh, gdn_node_named(place_name(node)));
    for (int k = 0;; k++) {
        const struct layout_order *order = layout_order(&network->introduction->layout, i, node, k);
        if (order == NULL) return;
        gdn_round_id round = {gdn_node_named(place_name(PLACE_INITIATOR + i)),
                              place_incarnation(PLACE_INITIATOR + i), order->number};
        gdn__put_round_id(gdn__mesh_begin(mesh, peer, types[order->verb]), round);
        bool numbered = gdn__mesh_end(mesh, peer);
        assert(numbered);
        (void)numbered;
        flush_initiator(network, i);
        assert(network->flying_end == 1 && network->flying[0].to == node);
        network->introduction->orders[i][node][k] = network->flying[0].frame;
        network->flying_end = 0;
    }
}

static void meet(struct introduction *introduction)
{
    struct network *network = calloc(1, sizeof *network);
    if (network == NULL) abort();
    network->introduction = introduction;
    network->now_us = BEGINS_US;
    open_places(network);
    dial_all(network);
    deliver_all(network);
    for (int ms = 0; ms < QUIET_MS; ms++) pass(network);
    take_all(network);
    deliver_all(network);
    for (int i = 0; i < initiator_count(&introduction->layout); i++) {
        for (int n = 0; n < introduction->layout.plan.nodes; n++) write_orders(network, i, n);
    }
    introduction->now_us = network->now_us;
    close_places(network);
    free(network);
}

struct introduction *introduction_of(const struct layout *layout)
{
    if (kept != NULL && memcmp(&kept->layout, layout, sizeof *layout) == 0) return kept;
    if (kept != NULL) {
        frames_free(kept->frames);
        frames_free(kept->judged);
    }
    free(kept);
    kept = calloc(1, sizeof *kept);
    if (kept == NULL) abort();
    memcpy(&kept->layout, layout, sizeof *layout);
    kept->frames = frames_new();
    kept->judged = frames_new();
    meet(kept);
    return kept;
}

int64_t introduction_time_us(const struct introduction *introduction)
{
    return introduction->now_us;
}

uint32_t introduction_order(const struct introduction *introduction, int initiator, int node,
                            int position)
{
    return introduction->orders[initiator][node][position];
}

struct frames *introduction_frames(struct introduction *introduction)
{
    return introduction->frames;
}

struct frames *introduction_judged(struct introduction *introduction)
{
    return introduction->judged;
}
