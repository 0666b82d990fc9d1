/* SPDX-License-Identifier: MIT */
/* Nodes that die without a word, and nodes that were only unreachable: what becomes of waits, holds
 * and rounds. "A" and "B" are nodes, "D1" is a detector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/story/story_fixture.h"
#include <cmocka.h>
#include <string.h>

#define EXCLUSIVE  GDN_MODE_EXCLUSIVE
#define SILENCE_MS GDN__SILENCE_MS_DEFAULT

static gdn_ticket ask(struct world *world, const char *node, const char *home, const char *process)
{
    gdn_ticket ticket = story_ask(world, node, home, process, "x", EXCLUSIVE);
    world_settle(world);
    return ticket;
}

static struct gdn_item take(struct world *world, const char *node, enum gdn_item_type expected)
{
    struct gdn_item item;
    assert_true(world_take(world, node, &item));
    assert_int_equal(item.type, expected);
    return item;
}

static void part(struct world *world)
{
    world_hold(world, "A", "B");
    world_hold(world, "B", "A");
    world_pass_ms(world, SILENCE_MS + 100);
    world_drop(world, "A", "B");
    world_drop(world, "B", "A");
}

static void join(struct world *world)
{
    world_release(world, "A", "B");
    world_release(world, "B", "A");
    world_pass_ms(world, 3000);
}

static void drop_orphans(struct world *world, const char *node, const char *peer)
{
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = gdn_node_named(peer);
    assert_int_equal(world_event(world, node, &event, NULL), GDN_OK);
}

static void expect_complete_round(struct world *world)
{
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 300);
    assert_int_equal(world_reports(world, "D1", round), 2);
    gdn_cut_free(world_round_cut(world, "D1", round, GDN_OK));
}

/* ---- Death ---- */

/* B is killed and never comes back: what waits there ends by event, not never. */
static void a_wait_at_a_dead_home_ends(void **state)
{
    struct world *world = *state;
    gdn_ticket ticket = ask(world, "A", "B", "T1");
    world_remove(world, "B", false);
    world_pass_ms(world, SILENCE_MS - 100);
    assert_false(world_take(world, "A", NULL));
    world_pass_ms(world, 200);
    struct gdn_item item = take(world, "A", GDN_ITEM_REFUSED);
    assert_true(item.lost);
    assert_true(gdn_ticket_equal(item.ticket, ticket));
    item = take(world, "A", GDN_ITEM_PEER_LOST);
    assert_string_equal(item.peer_name, "B");
    assert_false(world_take(world, "A", NULL));
}

/* Its holds stand until the manager decides, for only the manager knows what they guard. */
static void what_a_dead_node_held_stands_until_it_is_dropped(void **state)
{
    struct world *world = *state;
    (void)ask(world, "B", "A", "T1");
    world_manage_all(world);
    (void)ask(world, "A", "A", "T2");
    world_remove(world, "B", false);
    world_pass_ms(world, SILENCE_MS + 100);
    world_manage_all(world);
    assert_int_equal(world_grant(world, "A", "x"), 0);
    drop_orphans(world, "A", "B");
    assert_int_equal(world_grant(world, "A", "x"), 1);
}

/* A detector that vanished in the middle of a round leaves nothing behind. */
static void a_round_of_a_dead_detector_is_freed(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    (void)world_start(world, "D1");
    world_settle(world);
    world_remove(world, "D1", false);
    world_release(world, "A", "B");
    world_pass_ms(world, SILENCE_MS + 1100);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).rounds_under_way, 0);
    assert_int_equal(gdn_site_counters(world_site(world, "B")).rounds_under_way, 0);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).detectors_connected, 0);
}

/* C lives and never sends its marker, and A has nobody who would end the round. */
static void a_round_that_nobody_ends_is_given_up(void **state)
{
    (void)state;
    struct world *world = world_new();
    world_add_node(world, "A", NULL);
    world_add_mute(world, "C");
    world_add_detector(world, "D1");
    world_dial(world, "A", "C");
    world_dial(world, "A", "D1");
    world_pass_ms(world, 50);
    (void)world_start(world, "D1");
    world_settle(world);
    world_pass_ms(world, GDN__ROUND_LIFE_US / 1000 - 1000);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).rounds_under_way, 1);
    world_pass_ms(world, 2000);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).rounds_under_way, 0);
    world_free(world);
}

/* ---- Coming back ---- */

/* Cut off from each other for long: neither goes on with what the other has given up. */
static void who_comes_back_has_lost_its_locks_on_both_sides(void **state)
{
    struct world *world = *state;
    (void)ask(world, "A", "B", "T1");
    world_manage_all(world);
    gdn_ticket waits = ask(world, "B", "B", "T2");
    world_manage_all(world);
    part(world);
    (void)take(world, "A", GDN_ITEM_PEER_LOST);
    (void)take(world, "B", GDN_ITEM_PEER_LOST);
    assert_int_equal(world_release_lock(world, "A", "T1", "x"), GDN_ERR_NOT_HELD);
    drop_orphans(world, "B", "A");
    world_manage_all(world);
    assert_int_equal(world_cancel(world, "B", waits), GDN_OK); /* It held x. */

    join(world);
    (void)take(world, "A", GDN_ITEM_PEER_UP);
    (void)take(world, "B", GDN_ITEM_PEER_UP);
    (void)ask(world, "A", "B", "T1");
    world_manage_all(world);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).ledger.tickets_granted, 1);
    expect_complete_round(world);
}

/* A request that was on its way when they parted has ended as lost: it is not queued afterwards. */
static void what_was_on_its_way_stays_lost(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_hold(world, "B", "A");
    world_pass_ms(world, SILENCE_MS + 100);
    join(world); /* Its frames are delivered, late. */
    assert_true(take(world, "A", GDN_ITEM_REFUSED).lost);
    (void)take(world, "A", GDN_ITEM_PEER_LOST);
    (void)take(world, "A", GDN_ITEM_PEER_UP);
    (void)take(world, "B", GDN_ITEM_PEER_LOST);
    (void)take(world, "B", GDN_ITEM_PEER_UP);
    assert_false(world_take(world, "B", NULL));
    expect_complete_round(world);
}

/* A round that spans the loss fails by name, and the next one is whole. */
static void a_round_across_a_loss_fails_by_name(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    world_hold(world, "B", "A");
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, SILENCE_MS + 100);
    assert_non_null(strstr(world_failure(world, "D1", round), "a peer was lost during it"));
    join(world);
    expect_complete_round(world);
}

/* The reason has room for a part of the peer's name: one that ends in the middle of a letter would
 * be no text, and the detector would give up whoever said it. */
static void the_reason_holds_whole_letters_of_a_long_name(void **state)
{
    char name[2 * 60 + 1] = "";
    (void)state;
    for (int i = 0; i < 60; i++) strcat(name, i == 0 ? "n" : "\xc3\xa9");
    struct world *world = world_new();
    world_add_node(world, "A", &(struct world_options){.silence_ms = SILENCE_MS});
    world_add_node(world, name, &(struct world_options){.silence_ms = SILENCE_MS});
    world_add_detector(world, "D1");
    world_connect_all(world);
    world_hold(world, "A", name);
    world_hold(world, name, "A");
    world_hold(world, name, "D1"); /* A's reason is the one to be heard. */
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, SILENCE_MS + 100);
    const char *failure = world_failure(world, "D1", round);
    const char *shown = strstr(failure, "channel with n");
    assert_non_null(shown);
    assert_int_equal(strlen(shown), strlen("channel with n") + 88);
    world_free(world);
}

/* Late words of two dead lives of a detector reach A, one after the other, and A believes either
 * for a while. When it has given both up it dials the living one. */
static void late_words_of_dead_detectors_do_not_keep_the_living_one_away(void **state)
{
    (void)state;
    struct world *world = world_new();
    world_add_node(world, "A", &(struct world_options){.silence_ms = 200});
    world_add_detector(world, "D1");
    world_dial(world, "A", "D1");
    world_hold(world, "D1", "A");
    for (int life = 0; life < 2; life++) {
        assert_true(world_deliver_from(world, "A", "D1")); /* One HELLO, and it answers. */
        world_remove(world, "D1", false);
        world_add_detector(world, "D1");
        world_hold(world, "A", "D1");
        world_pass_ms(world, life == 0 ? 30 : 1); /* A says HELLO to its next life. */
        world_release(world, "A", "D1");
    }
    world_release(world, "D1", "A");
    world_pass_ms(world, 5000);
    assert_int_equal(gdn_site_counters(world_site(world, "A")).detectors_connected, 1);
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 100);
    assert_int_equal(world_reports(world, "D1", round), 1);
    world_free(world);
}

/* ---- Windows ---- */

/* The smaller of both sides' windows counts, in bytes too, and what is taken makes room. */
static void a_window_in_bytes_is_the_receivers_room(void **state)
{
    (void)state;
    struct world_options options = {.window_bytes = 1024};
    struct world *world = story_world(2, 0, NULL, &options);
    char text[1026];
    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(world_send(world, "A", "B", text), GDN_ERR_LIMIT); /* It would never fit. */
    text[1024] = '\0';
    assert_int_equal(world_send(world, "A", "B", text), GDN_OK);
    assert_int_equal(world_send(world, "A", "B", "m"), GDN_ERR_FULL);
    assert_int_equal(world_send(world, "B", "A", text), GDN_OK);
    world_manage_all(world);
    world_pass_ms(world, 20);
    assert_int_equal(world_send(world, "A", "B", "m"), GDN_OK);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_OF_TWO(a_wait_at_a_dead_home_ends),
        STORY_OF_TWO(what_a_dead_node_held_stands_until_it_is_dropped),
        STORY_OF_TWO(a_round_of_a_dead_detector_is_freed),
        cmocka_unit_test(a_round_that_nobody_ends_is_given_up),
        STORY_OF_TWO(who_comes_back_has_lost_its_locks_on_both_sides),
        STORY_OF_TWO(what_was_on_its_way_stays_lost),
        STORY_OF_TWO(a_round_across_a_loss_fails_by_name),
        cmocka_unit_test(the_reason_holds_whole_letters_of_a_long_name),
        cmocka_unit_test(late_words_of_dead_detectors_do_not_keep_the_living_one_away),
        cmocka_unit_test(a_window_in_bytes_is_the_receivers_room),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
