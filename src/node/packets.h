/* SPDX-License-Identifier: MIT */
/* Memory for long frames on their way out, used again and again.
 *
 * libzmq would allocate each in the thread that sends and free it in its own; malloc() gives such
 * large pieces back to the system at once and fetches them anew, page by page, which costs more
 * than all else that is done with a frame.
 *
 *     packet   spare -> filled, in a message of libzmq -> sent -> spare
 *
 * A packet comes back in whatever thread of libzmq has sent it, perhaps (with a borrowed context)
 * after its node was closed. So, like the messages of libzmq itself, packets are malloc()'s. */
#ifndef GDN_NODE_PACKETS_H
#define GDN_NODE_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#define GDN__PACKETS_SPARE_MAX 8

struct gdn__packets;

/* NULL: out of memory. */
struct gdn__packets *gdn__packets_new(void);
/* It is freed with its last packet. NULL is fine. */
void gdn__packets_free(struct gdn__packets *packets);

/* Make @p message, which is not initialised yet, with a copy of @p bytes. False: out of memory.
 * Caller closes or sends it. */
bool gdn__packets_fill(struct gdn__packets *packets, zmq_msg_t *message, const uint8_t *bytes,
                       size_t length);

#endif
