/* SPDX-License-Identifier: MIT */
/* The ZeroMQ sockets of one node or detector: one PULL that everybody sends to, and one PUSH for
 * each link that its mesh dials.
 *
 *     every peer --> PULL (bound)   wires   PUSH [link] --> that peer's PULL
 *
 * Frames may be lost here and nothing is repeated: the channel above numbers and resends. A link
 * that takes no frame (its queue is full, or libzmq has given up on it after a protocol error,
 * which it does for ever) gets a new socket, at most once a second.
 *
 * One thread at a time, except the endpoint, which never changes. */
#ifndef GDN_NODE_WIRES_H
#define GDN_NODE_WIRES_H

#include "src/node/endpoint.h"
#include "src/node/packets.h"

#include "src/core/wire.h"
#include <sys/types.h>
#include <zmq.h>

struct gdn__wires_options {
    void *context;          /* Borrowed; NULL: a private one. */
    const char *bind;       /* Copied. */
    bool allow_remote;      /* See struct gdn__endpoint_rules. */
    size_t frame_bytes_max; /* Larger ones end their connection; 0: GDN__FRAME_BYTES_MAX. */
    struct gdn_allocator allocator;
};

struct gdn__wire {
    void *socket;   /* NULL: could not be opened. */
    char *endpoint; /* NULL: memory was short. */
    int64_t opened_at_us;
    bool refused; /* The endpoint is not allowed here. */
};

struct gdn__wires {
    struct gdn_allocator allocator;
    struct gdn__endpoint_rules rules;
    void *context;
    bool owns_context;
    void *inbox;
    int inbox_fd;
    zmq_msg_t frame; /* The one received last. */
    struct gdn__packets *packets;
    char endpoint[GDN__ENDPOINT_MAX + 1];
    dev_t path_device; /* Of the bound ipc path; inode 0: none. */
    ino_t path_inode;
    struct gdn__wire *links;
    size_t link_count, link_capacity;
    uint64_t frames_dropped; /* Not taken by their link. */
};

struct gdn__arrived {
    const uint8_t *bytes;
    size_t length;
    const char *from; /* Address of the sender; NULL where the transport has none. */
};

/* Bind. GDN_ERR_ADDRESS, GDN_ERR_SYSTEM, GDN_ERR_MEMORY: @p why says what and where, and there is
 * nothing to undo. */
GDN_MUST_USE enum gdn_err gdn__wires_init(struct gdn__wires *wires,
                                          const struct gdn__wires_options *options, char *why,
                                          size_t why_bytes);

/* Close everything; frames sent just before get a moment (200 ms) to leave. */
void gdn__wires_fini(struct gdn__wires *wires);

/* What was bound, with the port that the kernel chose. Borrowed until fini. */
const char *gdn__wires_endpoint(const struct gdn__wires *wires);

/* Have link number @p link lead to @p endpoint: the next number (links are dialled in order), or
 * one that is there, which is opened anew, or leads to another endpoint from now on. After an error
 * the link exists and drops its frames. */
GDN_MUST_USE enum gdn_err gdn__wires_dial(struct gdn__wires *wires, uint32_t link,
                                          const char *endpoint, char *why, size_t why_bytes);

/* Copies. False: the link did not take it. */
bool gdn__wires_send(struct gdn__wires *wires, uint32_t link, const uint8_t *bytes, size_t length);

/* The next frame that has arrived; false when there is none. Borrowed until the next call. */
bool gdn__wires_receive(struct gdn__wires *wires, struct gdn__arrived *frame);

/* Sleep until a frame arrives, @p extra_fd (-1: none) is readable, a signal comes or the time is
 * over. @p timeout_us below 0: for ever. False after a signal. */
bool gdn__wires_wait(struct gdn__wires *wires, int extra_fd, int64_t timeout_us);

#endif
