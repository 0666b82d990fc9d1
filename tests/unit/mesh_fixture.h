/* SPDX-License-Identifier: MIT */
/* Meshes in memory, in one thread, with a virtual clock. The tests carry, lose, keep and repeat
 * their frames. */
#ifndef TESTS_UNIT_MESH_FIXTURE_H
#define TESTS_UNIT_MESH_FIXTURE_H

#include "ledger_fixture.h"

#include "src/core/mesh.h"

#define NODES       6
#define FRAMES_MAX  256
#define LINKS_MAX   256
#define LOG_BYTES   16384
#define ENDPOINT    64
#define EVENT_BYTES 8192

struct box;

/* One mesh and what it told its owner. */
struct member {
    struct box *box;
    gdn__mesh *mesh; /* NULL: not started, or dead. */
    struct gdn_allocator allocator;
    struct faulty faulty;
    char endpoint[ENDPOINT];
    char *links[LINKS_MAX]; /* Endpoint of each link that was opened. */
    size_t link_count;
    size_t dials;             /* Links opened, or opened anew. */
    char events[EVENT_BYTES]; /* "up B", "lost B", "opened B", "marker B", ... each with a ';'. */
    char log[LOG_BYTES];
    enum gdn_err refuse; /* What its owner answers to records; GDN_OK: it takes them. */
    uint32_t pinned;     /* A peer to which its owner refers, if it is lost; 0: none. */
};

/* A frame on its way. */
struct flight {
    uint8_t *bytes;
    size_t length;
    char to[ENDPOINT];
};

struct box {
    struct member members[NODES];
    size_t member_count;
    struct flight flights[FRAMES_MAX];
    size_t flight_count;
    int64_t now_us;
    uint64_t seed;
    uint32_t loss, repetition; /* Of 100. */
    const struct member *deaf; /* No frame reaches it. */
    uint32_t silence_ms;       /* Of members started from now on; 0: the default. */
    bool shuffled;
    uint64_t carried;
};

/* A cmocka setup and teardown: *state is an empty struct box. */
int box_setup(void **state);
int box_teardown(void **state);

/* ---- Members ---- */

struct member *box_start_as(struct box *box, const char *name, uint64_t incarnation,
                            const char *endpoint, enum gdn__role role);
/* A node that answers at its own name. */
struct member *box_start(struct box *box, const char *name, uint64_t incarnation);
/* Its process dies without a word. */
void box_kill(struct member *member);
void box_dial(struct member *member, const char *name);

/* How the member sees the peer of that name. */
enum gdn__peer_state box_state_of(const struct member *member, const char *name);
uint64_t box_incarnation_of(const struct member *member, const char *name);

void box_send_text(struct member *member, const char *name, const char *text);
/* Just that happened since it was last asked. */
void box_expect_events(struct member *member, const char *expected);
bool box_said(const struct member *member, const char *text);

/* ---- Carrying ---- */

/* What every mesh wants to send now is in flight. */
void box_pack(struct box *box);
/* The next frame in flight arrives, or whatever the network does with it. */
void box_land_one(struct box *box);
void box_drop_flights(struct box *box);
/* Deliver what can be delivered without time passing. */
void box_carry(struct box *box);
/* Let so much time pass, with everything that falls due on the way. */
void box_pass(struct box *box, int64_t us);
/* Take the frame out that goes to @p to and begins with a record of that type ... */
struct flight box_keep_flight(struct box *box, const char *to, enum gdn__record_type type);
/* ... and let it arrive. */
void box_land_kept(struct box *box, struct flight *flight);
enum gdn_err box_receive(struct member *member, const uint8_t *bytes, size_t length);
bool box_happens(struct box *box, uint32_t of_100);

#endif
