/* SPDX-License-Identifier: MIT */
/* Every allocation fails once: the 1st, the 2nd, ... until none is asked for. A verb that fails for
 * it has changed nothing and is said again (world.h sees to both); what the network brings, and
 * the losses that nobody can refuse, are made good later. In the end all is as in a twin that never
 * wanted for memory, and nothing leaks. "A" and "B" are nodes, "D1" is a detector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/story/memory_stories.h"
#include "tests/story/story_fixture.h"
#include "tests/support/faulty.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 65536
#define LINES_MAX  1024

/* ---- The harness ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the applications heard, whatever the order. */
static void tell_items(char *heard, char *text)
{
    char *lines[LINES_MAX] = {NULL};
    size_t count = 0;
    for (char *line = strtok(heard, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strstr(line, " took ") == NULL) continue;
        assert_true(count < LINES_MAX);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof lines[0], by_text);
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, TEXT_BYTES - used, "%.80s\n", lines[i]);
    }
}

/* What a round says once all is well again. */
static void tell_cut(struct world *world, char *text)
{
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 3000);
    gdn_cut *cut = world_round_cut(world, "D1", round, GDN_OK);
    (void)snprintf(text, TEXT_BYTES, "%s", world_describe_cut(world, cut));
    gdn_cut_free(cut);
}

/* One life; false: memory was never short. */
static bool live_through(const struct memory_story *story, size_t allowed, char *text)
{
    char *heard = NULL;
    size_t length;
    struct world *world = story_world(2, 1, NULL, NULL);
    story->before(world);
    FILE *narrator = open_memstream(&heard, &length);
    assert_non_null(narrator);
    world_narrate(world, narrator);
    world_starve(world, story->starved == NULL ? "A" : story->starved, allowed);
    story->event(world);
    bool starved = world_starved(world) > 0;
    world_feed_all(world);
    world_pass_ms(world, 3000);
    world_manage_all(world);
    world_pass_ms(world, 3000);
    tell_cut(world, text);
    assert_int_equal(fclose(narrator), 0);
    tell_items(heard, text);
    free(heard);
    world_narrate(world, NULL);
    world_free(world);
    return starved;
}

static size_t fail_each(const struct memory_story *story)
{
    static char twin[TEXT_BYTES], text[TEXT_BYTES];
    size_t allowed = 0;
    assert_false(live_through(story, SIZE_MAX, twin));
    while (live_through(story, allowed, text)) {
        if (strcmp(text, twin) != 0) {
            print_error("%s, allocation %zu:\n", story->name, allowed + 1);
            assert_string_equal(text, twin);
        }
        allowed++;
    }
    return allowed;
}

/* Some need none where the room is there already; all together need some. */
static void fail_all(const struct memory_story *stories, size_t at_least)
{
    size_t failures = 0;
    for (; stories->name != NULL; stories++) failures += fail_each(stories);
    assert_true(failures >= at_least);
}

/* ---- Stories, each beside its twin ---- */

static void a_verb_without_memory_is_as_if_never_said(void **state)
{
    (void)state;
    fail_all(memory_verbs, 40);
}

static void an_item_without_memory_stays_to_be_taken(void **state)
{
    (void)state;
    fail_all(memory_items, 5);
}

static void what_the_network_brings_comes_again(void **state)
{
    (void)state;
    fail_all(memory_mail, 30);
}

static void peers_come_and_go_whatever_the_memory(void **state)
{
    (void)state;
    fail_all(memory_peers, 30);
}

/* ---- Detectors ---- */

/* Nobody says twice that it is up. */
static void a_detector_registers_later_whom_it_had_no_memory_for(void **state)
{
    size_t failures = 0;
    (void)state;
    for (size_t starved = 1; starved > 0; failures += starved) {
        struct world *world = world_new();
        world_add_node(world, "A", NULL);
        world_add_watch(world, "D1", &(struct world_watch){.deadline_us = 1000000});
        world_starve(world, "D1", failures);
        world_dial(world, "A", "D1");
        world_pass_ms(world, 100);
        starved = world_starved(world);
        world_feed_all(world);
        world_pass_ms(world, 3000);
        assert_int_equal(gdn__watch_node_count(world_watch(world, "D1")), 1);
        world_free(world);
    }
    assert_true(failures > 10);
}

/* T1 holds x and wants y, T2 the other way round. One life with memory short at @p starved from
 * then on; false: it never was. */
static bool break_a_deadlock(const char *starved, size_t allowed, bool *found)
{
    static const struct world_watch options = {
        .deadline_us = 1000000, .order_us = 500000, .policy = GDN_POLICY_YOUNGEST};
    struct gdn_item item;
    int aborted = 0;
    struct world *world = world_new();
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_watch(world, "D1", &options);
    world_connect_all(world);
    (void)story_ask(world, "A", "A", "T1", "x", GDN_MODE_EXCLUSIVE);
    (void)story_ask(world, "B", "B", "T2", "y", GDN_MODE_EXCLUSIVE);
    world_settle(world);
    world_manage_all(world);
    (void)story_ask(world, "A", "B", "T1", "y", GDN_MODE_EXCLUSIVE);
    (void)story_ask(world, "B", "A", "T2", "x", GDN_MODE_EXCLUSIVE);
    world_settle(world);
    world_manage_all(world);
    world_starve(world, starved, allowed);
    world_pass_ms(world, 150); /* Patience, and a round. */
    bool short_of_memory = world_starved(world) > 0;
    world_feed_all(world);
    world_pass_ms(world, 1500);
    while (world_take(world, "A", &item)) aborted += item.type == GDN_ITEM_ABORTED;
    while (world_take(world, "B", &item)) aborted += item.type == GDN_ITEM_ABORTED;
    *found = aborted == 1;
    world_free(world);
    return short_of_memory;
}

static void a_deadlock_is_found_and_broken_whatever_the_memory(void **state)
{
    static const char *const places[] = {"A", "B", "D1"};
    size_t failures = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        bool found;
        size_t allowed = 0;
        for (; break_a_deadlock(places[i], allowed, &found); allowed++) {
            if (!found) fail_msg("%s, allocation %zu", places[i], allowed + 1);
        }
        assert_true(found);
        failures += allowed;
    }
    assert_true(failures > 100);
}

/* ---- Sites alone ---- */

static void a_site_without_memory_is_not_made(void **state)
{
    gdn_site *site = NULL;
    size_t allowed = 0;
    (void)state;
    for (; site == NULL; allowed++) {
        struct faulty faulty = {.allowed = allowed, .once = true};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        struct gdn_modes modes = gdn_modes_default();
        struct gdn_site_options options = {.name = "A",
                                           .endpoint = "A",
                                           .incarnation = 1,
                                           .modes = &modes,
                                           .allocator = &allocator};
        site = gdn_site_new(&options);
        gdn_site_free(site);
        assert_int_equal(faulty.live, 0);
    }
    assert_true(allowed > 8);
}

static void an_inspection_without_memory_can_be_asked_for_again(void **state)
{
    struct faulty faulty = {.allowed = SIZE_MAX, .once = true};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_site_options options = {
        .name = "A", .endpoint = "A", .incarnation = 1, .allocator = &allocator};
    struct gdn_request request = {
        .process = gdn_process_named("T1"), .resource = gdn_resource_named("x"), .label = "label"};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    struct gdn_actions actions;
    gdn_site *site = gdn_site_new(&options);
    gdn_cut *cut = NULL;
    size_t allowed = 0, live;
    (void)state;
    event.as.requested.home = gdn_node_named("A");
    event.as.requested.request = &request;
    assert_int_equal(gdn_site_step(site, &event, &actions), GDN_OK);
    live = faulty.live;
    for (; cut == NULL; allowed++) {
        faulty.allowed = allowed;
        enum gdn_err err = gdn_site_inspect(site, 0, &cut);
        faulty.allowed = SIZE_MAX;
        if (err != GDN_OK) assert_int_equal(err, GDN_ERR_MEMORY);
        if (err != GDN_OK) assert_int_equal(faulty.live, live);
    }
    assert_true(allowed > 10);
    assert_int_equal(cut->nodes[0].wait_count, 1);
    gdn_cut_free(cut);
    gdn_site_free(site);
    assert_int_equal(faulty.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verb_without_memory_is_as_if_never_said),
        cmocka_unit_test(an_item_without_memory_stays_to_be_taken),
        cmocka_unit_test(what_the_network_brings_comes_again),
        cmocka_unit_test(peers_come_and_go_whatever_the_memory),
        cmocka_unit_test(a_detector_registers_later_whom_it_had_no_memory_for),
        cmocka_unit_test(a_deadlock_is_found_and_broken_whatever_the_memory),
        cmocka_unit_test(a_site_without_memory_is_not_made),
        cmocka_unit_test(an_inspection_without_memory_can_be_asked_for_again),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
