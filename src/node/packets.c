/* SPDX-License-Identifier: MIT */
#include "src/node/packets.h"

#include "src/core/wire.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES (GDN__FRAME_BYTES_SOFT + GDN__FRAME_HEADER_BYTES)
#define SHORT_BYTES  2048 /* Up to here malloc() is as good. */

struct packet {
    struct packet *next; /* Spare. */
    uint8_t bytes[PACKET_BYTES];
};

struct gdn__packets {
    pthread_mutex_t mutex; /* Of all below; brief. */
    struct packet *spares;
    size_t spare_count;
    size_t out_count; /* In messages. */
    bool closed;
};

struct gdn__packets *gdn__packets_new(void)
{
    struct gdn__packets *packets = calloc(1, sizeof *packets);
    if (packets != NULL) pthread_mutex_init(&packets->mutex, NULL);
    return packets;
}

static void free_all(struct gdn__packets *packets)
{
    while (packets->spares != NULL) {
        struct packet *next = packets->spares->next;
        free(packets->spares);
        packets->spares = next;
    }
    pthread_mutex_destroy(&packets->mutex);
    free(packets);
}

void gdn__packets_free(struct gdn__packets *packets)
{
    if (packets == NULL) return;
    pthread_mutex_lock(&packets->mutex);
    packets->closed = true;
    bool last = packets->out_count == 0;
    pthread_mutex_unlock(&packets->mutex);
    if (last) free_all(packets);
}

static struct packet *take(struct gdn__packets *packets)
{
    pthread_mutex_lock(&packets->mutex);
    struct packet *packet = packets->spares;
    if (packet != NULL) {
        packets->spares = packet->next;
        packets->spare_count--;
    }
    packets->out_count++;
    pthread_mutex_unlock(&packets->mutex);
    return packet != NULL ? packet : malloc(sizeof *packet);
}

static void give(struct gdn__packets *packets, struct packet *packet)
{
    pthread_mutex_lock(&packets->mutex);
    bool keep = packet != NULL && packets->spare_count < GDN__PACKETS_SPARE_MAX;
    if (keep) {
        packet->next = packets->spares;
        packets->spares = packet;
        packets->spare_count++;
    }
    bool last = --packets->out_count == 0 && packets->closed;
    pthread_mutex_unlock(&packets->mutex);
    if (!keep) free(packet);
    if (last) free_all(packets);
}

/* Called by libzmq, in any thread. */
static void come_back(void *bytes, void *packets)
{
    give(packets, (struct packet *)(void *)((uint8_t *)bytes - offsetof(struct packet, bytes)));
}

static bool copy(zmq_msg_t *message, const uint8_t *bytes, size_t length)
{
    if (zmq_msg_init_size(message, length) != 0) return false;
    memcpy(zmq_msg_data(message), bytes, length);
    return true;
}

bool gdn__packets_fill(struct gdn__packets *packets, zmq_msg_t *message, const uint8_t *bytes,
                       size_t length)
{
    if (length <= SHORT_BYTES || length > PACKET_BYTES) return copy(message, bytes, length);
    struct packet *packet = take(packets);
    if (packet != NULL) {
        memcpy(packet->bytes, bytes, length);
        if (zmq_msg_init_data(message, packet->bytes, length, come_back, packets) == 0) return true;
    }
    give(packets, packet);
    return false;
}
