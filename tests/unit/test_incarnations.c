/* SPDX-License-Identifier: MIT */
/* Months of restarts at one site: more incarnations than there are numbers of peers, with holds
 * that are kept and dropped, waits, mail that is not taken, and memory that stays what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "stranger.h"
#include <cmocka.h>
#include <gordian/node.h>
#include <malloc.h>
#include <stdlib.h>

#define INCARNATIONS 101000
#define WARM         20000 /* Then all that is kept of the dead is there. */
#define TAKE_EVERY   16
#define DROP_EVERY   128
#define SILENCE_MS   100

/* Bytes that live. */
static void *counting_resize(void *context, void *block, size_t bytes)
{
    size_t *live = context;
    *live -= malloc_usable_size(block);
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    void *grown = realloc(block, bytes);
    assert_non_null(grown);
    *live += malloc_usable_size(grown);
    return grown;
}

struct storm {
    gdn_site *site;
    int64_t now_us;
    uint64_t incarnation;
    size_t granted, lost, refused, dropped;
};

static struct gdn_actions step(struct storm *storm, struct gdn_event event, enum gdn_err expected)
{
    struct gdn_actions actions;
    event.now_us = storm->now_us;
    assert_int_equal(gdn_site_step(storm->site, &event, &actions), expected);
    return actions;
}

static void receive(struct storm *storm, struct gdn__buffer frame)
{
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED};
    event.as.frame.bytes = frame.bytes;
    event.as.frame.length = frame.length;
    (void)step(storm, event, GDN_OK);
    gdn__buffer_fini(&frame);
}

static void put_lock(struct gdn__buffer *frame, enum gdn_verb verb, uint64_t ticket,
                     const char *process, const char *resource)
{
    struct gdn_message message = {.verb = verb,
                                  .number = ticket,
                                  .process = gdn_process_named(process),
                                  .resource = gdn_resource_named(resource)};
    size_t begun = gdn__begin_record(frame, GDN__LOCK);
    gdn__put_lock(frame, &message);
    gdn__end_record(frame, begun);
}

static void put_payload(struct gdn__buffer *frame)
{
    size_t begun = gdn__begin_record(frame, GDN__PAYLOAD);
    gdn__put_u32(frame, 7);
    gdn__end_record(frame, begun);
}

/* One more incarnation: it comes up, asks for a lock that is its own and for one that all want,
 * sends a payload, and is never heard again. Every third has a name of its own. */
static void come_and_go(struct storm *storm)
{
    char name[32], endpoint[32];
    uint64_t number = ++storm->incarnation;
    (void)snprintf(name, sizeof name, number % 3 == 0 ? "pod-%llu" : "n2",
                   (unsigned long long)number);
    (void)snprintf(endpoint, sizeof endpoint, "at-%llu", (unsigned long long)number);
    struct stranger from = {.name = name, .endpoint = endpoint, .incarnation = number, .to = 1};
    receive(storm, stranger_hello(&from));
    gdn__mesh *mesh = storm->site->mesh;
    uint32_t peer = gdn__mesh_find_incarnation(mesh, number);
    assert_int_not_equal(peer, 0);
    from.association = gdn__mesh_peer(mesh, peer)->association;
    struct gdn__buffer frame = stranger_begin(&from, 1, 4);
    stranger_put_open(&frame);
    put_lock(&frame, GDN_VERB_REQUEST, 1, name, endpoint);
    put_lock(&frame, GDN_VERB_REQUEST, 2, name, "wanted by all");
    put_payload(&frame);
    receive(storm, frame);
    assert_int_equal(gdn__mesh_peer(mesh, peer)->state, GDN__PEER_UP);
    (void)step(storm, (struct gdn_event){.type = GDN_EVENT_LINKS_READY}, GDN_OK);
}

/* We wait at the newest, which will be gone before it answers. */
static void ask_there(struct storm *storm)
{
    struct gdn_request request = {.process = gdn_process_named("ours"),
                                  .resource = gdn_resource_named("theirs")};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    event.as.requested.home = gdn_node_named("n2");
    event.as.requested.request = &request;
    struct gdn_actions actions;
    event.now_us = storm->now_us;
    enum gdn_err err = gdn_site_step(storm->site, &event, &actions);
    assert_true(err == GDN_OK || err == GDN_ERR_UNKNOWN_NODE);
}

static void grant_all(struct storm *storm, gdn_resource_id resource)
{
    struct gdn_event event = {.type = GDN_EVENT_GRANTED};
    while (gdn_site_next(storm->site, resource, &event.as.ticket)) {
        (void)step(storm, event, GDN_OK);
        storm->granted++;
    }
}

static void drop_orphans(struct storm *storm, gdn_node_id node)
{
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = node;
    (void)step(storm, event, GDN_OK);
    storm->dropped++;
}

static void take_all(struct storm *storm, bool drop)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_ITEM_TAKEN, .now_us = storm->now_us};
    while (gdn_site_step(storm->site, &event, &actions) == GDN_OK) {
        const struct gdn_item *item = &actions.item;
        assert_true(item->type == GDN_ITEM_RELEASED || item->peer_name[0] != '\0');
        if (item->type == GDN_ITEM_REQUESTED || item->type == GDN_ITEM_RELEASED) {
            grant_all(storm, item->resource);
        }
        if (item->type == GDN_ITEM_PEER_LOST) storm->lost++;
        if (item->type == GDN_ITEM_REFUSED) storm->refused++;
        /* One of n2's keeps what the last ones held for a while. */
        bool pod = item->type == GDN_ITEM_PEER_LOST && item->peer_name[0] == 'p';
        if (pod || (drop && item->type == GDN_ITEM_PEER_LOST)) drop_orphans(storm, item->peer);
        gdn_item_fini(&actions.item);
    }
}

static void memory_stays_flat_through_more_incarnations_than_there_are_numbers(void **state)
{
    (void)state;
    size_t live = 0, warm = 0;
    struct gdn_allocator allocator = {counting_resize, &live};
    struct gdn_site_options options = {.name = "n1",
                                       .endpoint = "n1",
                                       .incarnation = 1,
                                       .silence_ms = SILENCE_MS,
                                       .allocator = &allocator};
    struct storm storm = {.site = gdn_site_new(&options), .now_us = 1, .incarnation = 1};
    assert_non_null(storm.site);
    assert_true(INCARNATIONS > GDN__PEERS_MAX);
    for (int i = 1; i <= INCARNATIONS; i++) {
        come_and_go(&storm);
        if (i % TAKE_EVERY == 1) ask_there(&storm);
        if (i % TAKE_EVERY == 0) take_all(&storm, i % DROP_EVERY == 0);
        storm.now_us += 1000;
        (void)step(&storm, (struct gdn_event){.type = GDN_EVENT_TIME_PASSED}, GDN_OK);
        if (i == WARM) warm = live;
        if (i >= WARM && i % DROP_EVERY == 0) assert_in_range(live, 1, warm + warm / 4);
    }
    print_message("%d incarnations: %u rows, %zu KiB after %d and %zu KiB after all; %zu lost, "
                  "%zu granted, %zu refused\n",
                  INCARNATIONS, gdn__mesh_count(storm.site->mesh) - 1, warm / 1024, WARM,
                  live / 1024, storm.lost, storm.granted, storm.refused);
    assert_in_range(storm.lost, INCARNATIONS - 1000, INCARNATIONS);
    assert_in_range(storm.granted, INCARNATIONS / 3, 2 * INCARNATIONS);
    assert_in_range(storm.refused, INCARNATIONS / TAKE_EVERY / 4, INCARNATIONS);
    assert_in_range(gdn__mesh_count(storm.site->mesh), 2, 1000);
    gdn_site_free(storm.site);
    assert_int_equal(live, 0);
}

/* Releases need no window, so that they always fit. But each is of a ticket, and nobody has so
 * many. */
static void who_sends_more_than_can_be_owed_is_lost(void **state)
{
    (void)state;
    enum { MAX = 4, BOUND = 2 * 3 * MAX };
    struct gdn_site_options options = {.name = "n1",
                                       .endpoint = "n1",
                                       .incarnation = 1,
                                       .window = MAX,
                                       .tickets_max = MAX,
                                       .items_max = MAX};
    struct storm storm = {.site = gdn_site_new(&options), .now_us = 1};
    assert_non_null(storm.site);
    struct stranger from = {.name = "n2", .endpoint = "n2", .incarnation = 2, .to = 1};
    receive(&storm, stranger_hello(&from));
    from.association = 1;
    struct gdn__buffer frame = stranger_begin(&from, 1, 1 + BOUND);
    stranger_put_open(&frame);
    for (int i = 0; i < BOUND; i++) put_lock(&frame, GDN_VERB_RELEASE, 1, "T1", "x");
    receive(&storm, frame);
    assert_int_equal(gdn_site_counters(storm.site).peers_connected, 1);
    frame = stranger_begin(&from, 2 + BOUND, 1);
    put_lock(&frame, GDN_VERB_RELEASE, 1, "T1", "x");
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED};
    event.as.frame.bytes = frame.bytes;
    event.as.frame.length = frame.length;
    struct gdn_actions actions = step(&storm, event, GDN_ERR_LIMIT);
    assert_non_null(strstr(actions.log, "n2 lost: "));
    gdn__buffer_fini(&frame);
    assert_int_equal(gdn_site_counters(storm.site).peers_connected, 0);
    gdn_site_free(storm.site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_sends_more_than_can_be_owed_is_lost),
        cmocka_unit_test(memory_stays_flat_through_more_incarnations_than_there_are_numbers),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
