/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One node's part in traffic whose every message is checked: to each peer one numbered stream of
 * payloads and requests mixed, back the grants, in the order of their requests, and for each grant
 * a release.
 *
 *     here    payload 0, request 1, payload 2, ...  -->  a stream, its checksums, one queue entry
 *     a stream of grants 0, 1, ...  <--                  for each request, granted at once
 *     releases                      -->                  nothing is held in the end
 *
 * It sends as fast as the peers take, until it is told to halt; then a last payload says that the
 * stream is complete. */
#ifndef TESTS_TRAFFIC_H
#define TESTS_TRAFFIC_H

#include <gordian/node.h>
#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_PEERS_MAX 8

struct traffic;

struct traffic_totals {
    uint64_t payloads, requests, releases; /* Sent. */
    uint64_t arrived;                      /* Payloads and requests of others. */
    uint64_t grants;
    uint64_t lost, repeated, reordered; /* Over all streams. */
    uint64_t damaged;                   /* A wrong checksum, or of a sender that is not its peer. */
    uint64_t full;                      /* Times that a peer had no room. */
    uint64_t reopened;                  /* Peers that were lost. */
};

/* With these peers, which are or will be connected. @p rejoins: they are in the middle of it, for
 * an earlier incarnation of this node took part. NULL: out of memory. */
struct traffic *traffic_new(gdn_node *node, char *const peers[], int peer_count, bool rejoins,
                            uint64_t seed);
/* Starts the thread that sends. */
bool traffic_start(struct traffic *traffic);
/* Ends that thread at once, and frees. NULL is fine. */
void traffic_free(struct traffic *traffic);

/* Take note of an item. True: it was one of ours, and needs nothing more. */
bool traffic_item(struct traffic *traffic, const struct gdn_item *item);

/* Send the last payloads, and no more. */
void traffic_halt(struct traffic *traffic);

/* Every stream in both directions is complete, and every request granted or refused. */
bool traffic_is_settled(struct traffic *traffic);

struct traffic_totals traffic_totals(struct traffic *traffic);

#endif
