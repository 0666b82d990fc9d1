/* SPDX-License-Identifier: MIT */
/* What a node reaches its bounds with: memory where it is needed and no more, a named outcome at
 * each maximum. "A", "B" and "C" are nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/story/story_fixture.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SHARED    GDN_MODE_SHARED
#define EXCLUSIVE GDN_MODE_EXCLUSIVE

static int three_nodes(void **state)
{
    *state = story_world(3, 0, NULL, NULL);
    return 0;
}

/* ---- Memory ---- */

static size_t channel_capacity(struct world *world, const char *node, const char *peer)
{
    gdn__mesh *mesh = world_site(world, node)->mesh;
    uint32_t number = gdn__mesh_find(mesh, gdn_node_named(peer));
    assert_int_not_equal(number, 0);
    return gdn__mesh_peer(mesh, number)->channel.retained.capacity;
}

/* However many messages a release or an end gives, and however many peers there are. */
static void room_is_made_only_where_messages_go(void **state)
{
    enum { TICKETS = 200 };
    struct world *world = *state;
    size_t idle = channel_capacity(world, "A", "C");
    for (int i = 0; i < TICKETS; i++) {
        (void)story_ask(world, "A", "B", "T1", "x", SHARED);
    }
    world_manage_all(world);
    assert_int_equal(world_release_lock(world, "A", "T1", "x"), GDN_OK);
    assert_in_range(channel_capacity(world, "A", "B"), TICKETS * GDN__LOCK_RECORD_BYTES, SIZE_MAX);
    assert_int_equal(channel_capacity(world, "A", "C"), idle);
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).ledger.resources, 0);
}

/* ---- Payloads ---- */

static void a_payload_that_is_too_large_is_refused(void **state)
{
    struct world *world = *state;
    char *text = malloc(GDN__PAYLOAD_DEFAULT + 2);
    assert_non_null(text);
    memset(text, 'm', GDN__PAYLOAD_DEFAULT + 1);
    text[GDN__PAYLOAD_DEFAULT + 1] = '\0';
    assert_int_equal(world_send(world, "A", "B", text), GDN_ERR_LIMIT);
    text[GDN__PAYLOAD_DEFAULT] = '\0';
    assert_int_equal(world_send(world, "A", "B", text), GDN_OK);
    free(text);
}

/* ---- Our own inbox ---- */

#define ITEMS 8

static struct world *two_nodes_with(const struct world_options *options)
{
    struct world *world = story_world(2, 0, options, NULL);
    (void)world_take(world, "A", NULL); /* B is up. */
    return world;
}

static bool can_send(struct world *world, const char *node, const char *to)
{
    bool can;
    assert_int_equal(gdn_site_can_send(world_site(world, node), gdn_node_named(to), &can), GDN_OK);
    return can;
}

/* Timeouts without end while the thread that takes is stuck: a cancel ends the ticket and leaves
 * what it has brought. */
static void requests_stop_while_nobody_takes(void **state)
{
    (void)state;
    struct world_options options = {.items_max = ITEMS};
    struct world *world = two_nodes_with(&options);
    gdn_ticket ticket;
    const char *const homes[] = {"A", "B"};
    for (int home = 0; home < 2; home++) {
        int asked = 0;
        enum gdn_err err = GDN_OK;
        while (err == GDN_OK && asked <= ITEMS) {
            err = world_request(world, "A", homes[home], "T1", "x", SHARED, &ticket);
            if (err != GDN_OK) break;
            asked++;
            world_settle(world);
            world_manage(world, "B");
            assert_int_equal(world_cancel(world, "A", ticket), GDN_OK);
            world_settle(world);
        }
        assert_int_equal(err, GDN_ERR_FULL);
        assert_int_equal(asked, ITEMS);
        assert_false(can_send(world, "A", "A"));
        assert_false(can_send(world, "A", "B"));
        struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
        struct gdn_need need = gdn_need_process(gdn_process_named("T2"));
        event.as.waited_on =
            (struct gdn_wait){.process = gdn_process_named("T1"), .needs = &need, .count = 1};
        assert_int_equal(world_event(world, "A", &event, NULL), GDN_ERR_FULL);
        world_manage(world, "A"); /* There is room again, and whoever waits for it is told. */
        assert_true(can_send(world, "A", "B"));
    }
    world_free(world);
}

/* What the others are owed goes on: answers, releases and ends. */
static void a_full_inbox_stops_nobody_else(void **state)
{
    (void)state;
    struct world_options options = {.items_max = 1};
    struct world *world = two_nodes_with(&options);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_manage_all(world);
    (void)story_ask(world, "B", "A", "T2", "y", SHARED);
    (void)story_ask(world, "B", "A", "T3", "y", SHARED);
    world_settle(world);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).items_waiting, 2);
    assert_int_equal(world_end(world, "A", "T1"), GDN_OK);
    world_manage(world, "A");
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).ledger.tickets_granted, 2);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).ledger.resources, 0);
    world_free(world);
}

/* ---- Tickets ---- */

/* Whoever asks must hear of it. */
static void a_home_that_is_full_refuses(void **state)
{
    (void)state;
    struct world_options options = {.tickets_max = 2};
    struct world *world = two_nodes_with(&options);
    struct gdn_item item;
    for (int i = 0; i < 3; i++) {
        (void)story_ask(world, "B", "A", "T1", "x", SHARED);
    }
    gdn_ticket ticket = story_ask(world, "A", "B", "T2", "x", SHARED);
    world_settle(world);
    world_manage(world, "A");
    world_settle(world);
    size_t refused = 0;
    while (world_take(world, "B", &item)) refused += item.type == GDN_ITEM_REFUSED ? 1 : 0;
    assert_int_equal(refused, 2);
    assert_int_equal(world_request(world, "A", "B", "T3", "x", SHARED, &ticket), GDN_ERR_LIMIT);
    world_free(world);
}

/* ---- Rounds ---- */

/* A detector that takes no more reports gets no more, and the others theirs. */
static void a_detector_that_does_not_keep_up_gets_no_more_reports(void **state)
{
    (void)state;
    struct world *world = story_world(2, 2, NULL, NULL);
    gdn__mesh *mesh = world_site(world, "A")->mesh;
    uint32_t number = gdn__mesh_find(mesh, gdn_node_named("D1"));
    struct gdn__buffer *body = gdn__mesh_begin(mesh, number, GDN__REPORT);
    assert_true(gdn__buffer_reserve(body, GDN__DETECTOR_BACKLOG));
    memset(body->bytes + body->length, 0, GDN__DETECTOR_BACKLOG);
    body->length += GDN__DETECTOR_BACKLOG;
    world_hold(world, "A", "D1");
    assert_true(gdn__mesh_end(mesh, number));
    (void)world_start(world, "D1");
    world_settle(world);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).rounds_reported, 0);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).rounds_under_way, 0);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).rounds_reported, 1);
    uint64_t round = world_start(world, "D2");
    world_settle(world);
    assert_int_equal(world_reports(world, "D2", round), 2);
    world_free(world);
}

/* What lies in the inbox at the cut counts like what comes after it. */
static void a_round_that_begins_with_too_much_fails_by_name(void **state)
{
    (void)state;
    struct world_options options = {.recording_max = 100};
    struct world *world = story_world(2, 1, NULL, &options);
    for (int i = 0; i < 4; i++) {
        (void)story_ask(world, "A", "B", "T1", "x", SHARED);
    }
    world_settle(world);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    assert_non_null(strstr(world_failure(world, "D1", round), "maximum"));
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).ledger.tickets_granted, 4);
    round = world_start(world, "D1");
    world_pass_ms(world, 300);
    assert_int_equal(world_reports(world, "D1", round), 2);
    world_free(world);
}

/* The others' rounds go on, and so does this node's work: only what it says is too much. */
static void a_report_that_is_too_large_fails_its_round_by_name(void **state)
{
    (void)state;
    struct world_options options = {.report_max = 400};
    struct world *world = story_world(2, 1, NULL, &options);
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 300);
    assert_int_equal(world_reports(world, "D1", round), 2);
    for (int i = 0; i < 8; i++) (void)story_ask(world, "A", "B", "T1", "x", SHARED);
    world_settle(world);
    round = world_start(world, "D1");
    world_pass_ms(world, 300);
    assert_string_equal(world_failure(world, "D1", round), "its report would exceed report_max");
    assert_int_equal(world_reports(world, "D1", round), 1);
    world_manage_all(world);
    (void)world_end(world, "A", "T1");
    world_pass_ms(world, 300);
    world_manage_all(world);
    round = world_start(world, "D1");
    world_pass_ms(world, 300);
    assert_int_equal(world_reports(world, "D1", round), 2);
    world_free(world);
}

int main(void)
{
#define STORY(name) cmocka_unit_test_setup_teardown(name, three_nodes, story_end)
    const struct CMUnitTest tests[] = {
        STORY(room_is_made_only_where_messages_go),
        STORY(a_payload_that_is_too_large_is_refused),
        cmocka_unit_test(a_detector_that_does_not_keep_up_gets_no_more_reports),
        cmocka_unit_test(requests_stop_while_nobody_takes),
        cmocka_unit_test(a_full_inbox_stops_nobody_else),
        cmocka_unit_test(a_home_that_is_full_refuses),
        cmocka_unit_test(a_round_that_begins_with_too_much_fails_by_name),
        cmocka_unit_test(a_report_that_is_too_large_fails_its_round_by_name),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
