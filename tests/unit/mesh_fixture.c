/* SPDX-License-Identifier: MIT */
#include "mesh_fixture.h"

#include <stdio.h>

static void tell(struct member *member, const char *what, uint32_t peer)
{
    size_t length = strlen(member->events);
    (void)snprintf(member->events + length, EVENT_BYTES - length, "%s %s;", what,
                   gdn__mesh_peer(member->mesh, peer)->name);
}

static enum gdn_err on_opened(void *context, uint32_t peer, const struct gdn__open *open)
{
    struct member *member = context;
    (void)open;
    if (member->refuse != GDN_OK) return member->refuse;
    tell(member, "opened", peer);
    return GDN_OK;
}

static void on_up(void *context, uint32_t peer)
{
    tell(context, "up", peer);
}

static void on_lost(void *context, uint32_t peer)
{
    tell(context, "lost", peer);
}

static enum gdn_err on_arrived(void *context, uint32_t peer, const struct gdn__record *record)
{
    struct member *member = context;
    char what[32];
    if (member->refuse != GDN_OK) return member->refuse;
    (void)snprintf(what, sizeof what, "%.*s from", (int)record->length, (const char *)record->body);
    tell(member, what, peer);
    return GDN_OK;
}

static void on_refer(void *context)
{
    const struct member *member = context;
    if (member->pinned != 0) gdn__mesh_refer(member->mesh, member->pinned);
}

static void on_say(void *context, const char *line)
{
    struct member *member = context;
    size_t length = strlen(member->log);
    (void)snprintf(member->log + length, LOG_BYTES - length, "%s\n", line);
}

/* ---- Members ---- */

struct member *box_start_as(struct box *box, const char *name, uint64_t incarnation,
                            const char *endpoint, enum gdn__role role)
{
    assert_true(box->member_count < NODES);
    struct member *member = &box->members[box->member_count++];
    member->box = box;
    member->faulty.allowed = SIZE_MAX;
    member->allocator = (struct gdn_allocator){faulty_resize, &member->faulty};
    (void)snprintf(member->endpoint, ENDPOINT, "%s", endpoint);
    struct gdn__mesh_options options = {.name = name,
                                        .endpoint = endpoint,
                                        .incarnation = incarnation,
                                        .role = role,
                                        .limits = gdn__channel_limits_of(box->silence_ms, 0, 0),
                                        .allocator = member->allocator,
                                        .events = {.context = member,
                                                   .opened = on_opened,
                                                   .up = on_up,
                                                   .lost = on_lost,
                                                   .arrived = on_arrived,
                                                   .refer = on_refer,
                                                   .say = on_say}};
    member->mesh = gdn__mesh_new(&options);
    assert_non_null(member->mesh);
    return member;
}

struct member *box_start(struct box *box, const char *name, uint64_t incarnation)
{
    return box_start_as(box, name, incarnation, name, GDN__ROLE_NODE);
}

void box_kill(struct member *member)
{
    gdn__mesh_free(member->mesh);
    member->mesh = NULL;
    for (size_t i = 0; i < member->link_count; i++) free(member->links[i]);
    member->link_count = 0;
    member->endpoint[0] = '\0';
    assert_int_equal(member->faulty.live, 0);
}

void box_dial(struct member *member, const char *name)
{
    assert_ok(gdn__mesh_dial(member->mesh, name, name, GDN__ROLE_NODE, member->box->now_us));
}

enum gdn__peer_state box_state_of(const struct member *member, const char *name)
{
    uint32_t number = gdn__mesh_find(member->mesh, gdn_node_named(name));
    assert_int_not_equal(number, 0);
    return gdn__mesh_peer(member->mesh, number)->state;
}

uint64_t box_incarnation_of(const struct member *member, const char *name)
{
    uint32_t number = gdn__mesh_find(member->mesh, gdn_node_named(name));
    return number == 0 ? 0 : gdn__mesh_peer(member->mesh, number)->incarnation;
}

void box_send_text(struct member *member, const char *name, const char *text)
{
    uint32_t peer = gdn__mesh_find(member->mesh, gdn_node_named(name));
    assert_int_not_equal(peer, 0);
    gdn__put_bytes(gdn__mesh_begin(member->mesh, peer, GDN__PAYLOAD), text, strlen(text));
    assert_true(gdn__mesh_end(member->mesh, peer));
}

void box_expect_events(struct member *member, const char *expected)
{
    assert_string_equal(member->events, expected);
    member->events[0] = '\0';
}

bool box_said(const struct member *member, const char *text)
{
    return strstr(member->log, text) != NULL;
}

/* ---- Carrying ---- */

static void launch(struct box *box, const char *to, const uint8_t *bytes, size_t length)
{
    assert_true(box->flight_count < FRAMES_MAX);
    struct flight *flight = &box->flights[box->flight_count++];
    flight->bytes = malloc(length);
    assert_non_null(flight->bytes);
    memcpy(flight->bytes, bytes, length);
    flight->length = length;
    (void)snprintf(flight->to, ENDPOINT, "%s", to);
}

void box_pack(struct box *box)
{
    for (size_t m = 0; m < box->member_count; m++) {
        struct member *member = &box->members[m];
        if (member->mesh == NULL) continue;
        const struct gdn__packed *frames;
        const uint8_t *bytes;
        const char *endpoint;
        uint32_t link;
        while (gdn__mesh_take_dial(member->mesh, &link, &endpoint)) {
            member->dials++;
            if (link < member->link_count) { /* Once more, or to somebody else. */
                free(member->links[link]);
            } else {
                assert_int_equal(link, member->link_count);
                assert_true(member->link_count++ < LINKS_MAX);
            }
            member->links[link] = strdup(endpoint);
            assert_non_null(member->links[link]);
        }
        size_t count = gdn__mesh_pack(member->mesh, box->now_us, &frames, &bytes);
        for (size_t i = 0; i < count; i++) {
            assert_true(frames[i].link < member->link_count);
            launch(box, member->links[frames[i].link], bytes + frames[i].at, frames[i].length);
        }
        assert_false(gdn__mesh_wants_to_send(member->mesh));
    }
}

static struct flight take_flight(struct box *box, size_t index)
{
    assert_true(index < box->flight_count);
    struct flight taken = box->flights[index];
    memmove(&box->flights[index], &box->flights[index + 1],
            (--box->flight_count - index) * sizeof taken);
    return taken;
}

enum gdn_err box_receive(struct member *member, const uint8_t *bytes, size_t length)
{
    return gdn__mesh_receive(member->mesh, bytes, length, "10.0.0.9", member->box->now_us);
}

/* The frame reaches whoever serves its endpoint now, if anybody does. */
static void land(struct box *box, const struct flight *flight)
{
    for (size_t m = 0; m < box->member_count; m++) {
        struct member *member = &box->members[m];
        if (member->mesh == NULL || member == box->deaf) continue;
        if (strcmp(member->endpoint, flight->to) != 0) continue;
        box->carried++;
        /* The receiver reads from memory of just that size, so that ASan sees every step too far.
         */
        (void)box_receive(member, flight->bytes, flight->length);
    }
}

void box_drop_flights(struct box *box)
{
    while (box->flight_count > 0) free(take_flight(box, 0).bytes);
}

bool box_happens(struct box *box, uint32_t of_100)
{
    return of_100 > 0 && below(&box->seed, 100) < of_100;
}

void box_land_one(struct box *box)
{
    size_t index = box->shuffled ? below(&box->seed, (uint32_t)box->flight_count) : 0;
    struct flight flight = take_flight(box, index);
    if (!box_happens(box, box->loss)) land(box, &flight);
    if (box_happens(box, box->repetition)) land(box, &flight);
    free(flight.bytes);
}

void box_carry(struct box *box)
{
    box_pack(box);
    while (box->flight_count > 0) {
        while (box->flight_count > 0) box_land_one(box);
        box_pack(box);
    }
}

static void time_passed(struct box *box)
{
    for (size_t m = 0; m < box->member_count; m++) {
        if (box->members[m].mesh != NULL) gdn__mesh_passed(box->members[m].mesh, box->now_us);
    }
}

void box_pass(struct box *box, int64_t us)
{
    int64_t until_us = box->now_us + us;
    time_passed(box); /* What fell due just when the last pass ended. */
    for (;;) {
        box_carry(box);
        int64_t next_us = until_us;
        for (size_t m = 0; m < box->member_count; m++) {
            if (box->members[m].mesh == NULL) continue;
            int64_t wanted_us = gdn__mesh_deadline(box->members[m].mesh);
            if (wanted_us < next_us) next_us = wanted_us;
        }
        /* A deadline that has passed would hang a host: it waits for none again and again. */
        assert_true(next_us > box->now_us || next_us == until_us);
        box->now_us = next_us;
        if (next_us == until_us) return;
        time_passed(box);
    }
}

struct flight box_keep_flight(struct box *box, const char *to, enum gdn__record_type type)
{
    for (size_t i = 0; i < box->flight_count; i++) {
        struct gdn__header header;
        struct gdn__record record;
        struct gdn__reader in = gdn__reader_of(box->flights[i].bytes, box->flights[i].length);
        assert_ok(gdn__get_header(&in, &header));
        assert_true(gdn__next_record(&in, &record));
        if (record.type == type && strcmp(box->flights[i].to, to) == 0) return take_flight(box, i);
    }
    fail_msg("no such frame to %s", to);
    return (struct flight){.bytes = NULL};
}

void box_land_kept(struct box *box, struct flight *flight)
{
    land(box, flight);
    free(flight->bytes);
}

int box_setup(void **state)
{
    struct box *box = calloc(1, sizeof *box);
    *state = box;
    return box == NULL;
}

int box_teardown(void **state)
{
    struct box *box = *state;
    box_drop_flights(box);
    for (size_t m = 0; m < box->member_count; m++) {
        if (box->members[m].mesh != NULL) box_kill(&box->members[m]);
    }
    free(box);
    return 0;
}
