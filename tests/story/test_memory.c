/* SPDX-License-Identifier: MIT */
/* Every allocation fails once: the 1st, the 2nd, ... until none is asked for. A verb that fails for
 * it has changed nothing and is said again (world.h sees to both); what the network brings, and
 * the losses that nobody can refuse, are made good later. In the end all is as in a twin that never
 * wanted for memory, and nothing leaks. "A" and "B" are nodes, "D1" is a detector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/world.h"
#include "tests/support/faulty.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define X          GDN_MODE_EXCLUSIVE
#define TEXT_BYTES 65536
#define LINES_MAX  1024

/* Something that happens while memory is short at A. */
struct story {
    const char *name;
    void (*before)(struct world *);
    void (*event)(struct world *);
    const char *starved; /* NULL: A */
};

/* ---- Short ways to say things ---- */

static void say(struct world *world, const char *node, struct gdn_event event)
{
    assert_int_equal(world_event(world, node, &event, NULL), GDN_OK);
}

static gdn_ticket ask(struct world *world, const char *node, const char *home, const char *process,
                      const char *resource)
{
    gdn_ticket ticket;
    assert_int_equal(world_request(world, node, home, process, resource, X, &ticket), GDN_OK);
    return ticket;
}

static void arrive(struct world *world)
{
    world_settle(world);
    world_manage_all(world);
}

static gdn_ticket next_of(struct world *world, const char *node, const char *resource)
{
    gdn_ticket ticket;
    assert_true(gdn_site_next(world_site(world, node), gdn_resource_named(resource), &ticket));
    return ticket;
}

static gdn_ticket direct_wait(struct world *world, const char *node, const char *process)
{
    gdn_ticket ticket;
    struct gdn_need needs[] = {gdn_need_process(gdn_process_named("Q")), gdn_need_any(2),
                               gdn_need_process(gdn_process_named("R")),
                               gdn_need_process(gdn_process_named("S"))};
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on.process = gdn_process_named(process);
    event.as.waited_on.needs = needs;
    event.as.waited_on.count = 4;
    assert_int_equal(world_event(world, node, &event, &ticket), GDN_OK);
    return ticket;
}

static void wake(struct world *world, const char *node, gdn_ticket ticket, const char *by)
{
    struct gdn_event event = {.type = GDN_EVENT_WOKEN};
    event.as.woken.ticket = ticket;
    event.as.woken.process = gdn_process_named("T1");
    event.as.woken.by = gdn_process_named(by);
    say(world, node, event);
}

/* ---- What was before ---- */

static void nothing(struct world *world)
{
    (void)world;
}

/* A and B each hold and want something of the other and of their own. */
static void busy(struct world *world)
{
    static const char *const homes[] = {"A", "B"};
    for (int i = 0; i < 2; i++) {
        const char *here = homes[i], *there = homes[1 - i];
        (void)ask(world, here, here, i == 0 ? "TA" : "TB", i == 0 ? "a" : "b");
        arrive(world);
        (void)ask(world, here, there, i == 0 ? "TA" : "TB", i == 0 ? "b2" : "a2");
        arrive(world);
        (void)ask(world, here, here, i == 0 ? "UA" : "UB", i == 0 ? "a2" : "b2");
        (void)ask(world, here, there, i == 0 ? "UA" : "UB", i == 0 ? "b" : "a");
    }
    arrive(world);
}

static gdn_ticket kept;

static void a_request_of_b_waits(struct world *world)
{
    busy(world);
    kept = ask(world, "B", "A", "V", "v");
    world_settle(world);
    assert_true(world_take(world, "A", NULL));
}

static void two_requests_wait(struct world *world)
{
    (void)ask(world, "A", "A", "V", "v");
    assert_true(world_take(world, "A", NULL));
    kept = ask(world, "A", "A", "W", "v");
    assert_true(world_take(world, "A", NULL));
}

static void a_waits_directly(struct world *world)
{
    kept = direct_wait(world, "A", "T1");
}

static void b_waits_directly(struct world *world)
{
    kept = direct_wait(world, "B", "T1");
}

static void a_asked_b(struct world *world)
{
    busy(world);
    kept = ask(world, "A", "B", "V", "b");
    world_settle(world);
}

static void a_was_granted(struct world *world)
{
    (void)ask(world, "A", "B", "V", "v");
    world_settle(world);
    world_manage(world, "B");
    world_settle(world);
}

static void b_asked_a(struct world *world)
{
    busy(world);
    (void)ask(world, "B", "A", "new", "new");
    world_settle(world);
}

static void a_is_to_abort(struct world *world)
{
    busy(world);
    kept = ask(world, "A", "B", "V", "b");
    arrive(world);
    world_abort(world, "D1", kept, "V");
    world_settle(world);
}

static void letters_are_there(struct world *world)
{
    static char text[GDN__POOL_PIECE_MAX + 1];
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(world_send(world, "B", "A", "short"), GDN_OK);
    assert_int_equal(world_send(world, "B", "A", text), GDN_OK);
    world_settle(world);
}

static void send_piece(struct world *world)
{
    static const char text[sizeof(struct gdn__arrival) - 64];
    struct gdn_event event = {.type = GDN_EVENT_PAYLOAD_SENT};
    event.as.payload.to = gdn_node_named("A");
    event.as.payload.bytes = text;
    event.as.payload.length = sizeof text;
    say(world, "B", event);
    world_settle(world);
}

/* How many pieces A's pool takes until it begins its next block. */
static size_t fill_block(struct world *world)
{
    const gdn_site *site = world_site(world, "A");
    const struct gdn__pool_block *filling = site->pool.filling;
    size_t pieces = 0;
    for (; site->pool.filling == filling; pieces++) send_piece(world);
    return pieces;
}

/* The next notice needs a block of its own. */
static void the_inbox_is_full(struct world *world)
{
    (void)fill_block(world);
    size_t pieces = fill_block(world);
    while (--pieces > 0) send_piece(world);
}

static void b_is_lost(struct world *world)
{
    busy(world);
    world_remove(world, "B", true);
    world_settle(world);
}

/* ---- Verbs ---- */

static void describes(struct world *world)
{
    struct gdn_process_info info = {.label = "label", .abortable = true};
    assert_int_equal(world_describe(world, "A", "new", &info), GDN_OK);
}

static void requests_here(struct world *world)
{
    (void)ask(world, "A", "A", "new", "new");
}

static void requests_there(struct world *world)
{
    (void)ask(world, "A", "B", "new", "new");
}

static void tries(struct world *world)
{
    struct gdn_request request = {.process = gdn_process_named("new"),
                                  .resource = gdn_resource_named("new"),
                                  .flags = GDN_REQUEST_NO_WAIT};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    event.as.requested.request = &request;
    event.as.requested.home = gdn_node_named("A");
    say(world, "A", event);
    event.as.requested.home = gdn_node_named("B");
    say(world, "A", event);
}

static void waits_on(struct world *world)
{
    (void)direct_wait(world, "A", "T1");
}

static void releases(struct world *world)
{
    assert_int_equal(world_release_lock(world, "A", "TA", "a"), GDN_OK);
    assert_int_equal(world_release_lock(world, "A", "TA", "b2"), GDN_OK);
}

static void cancels(struct world *world)
{
    assert_int_equal(world_cancel(world, "A", kept), GDN_OK);
}

static void ends(struct world *world)
{
    assert_int_equal(world_end(world, "A", "TA"), GDN_OK);
    assert_int_equal(world_end(world, "A", "UA"), GDN_OK);
}

static void wakes(struct world *world)
{
    wake(world, "A", kept, "Q");
    wake(world, "A", kept, "S");
}

static void grants(struct world *world)
{
    assert_int_equal(world_grant(world, "A", "v"), 1);
}

static void refuses(struct world *world)
{
    struct gdn_event event = {.type = GDN_EVENT_REFUSED};
    event.as.ticket = next_of(world, "A", "v");
    say(world, "A", event);
}

static void requeues(struct world *world)
{
    struct gdn_event event = {.type = GDN_EVENT_REQUEUED};
    event.as.requeued.ticket = kept;
    event.as.requeued.before = next_of(world, "A", "v");
    say(world, "A", event);
}

static void sets_up_resources(struct world *world)
{
    struct gdn_event event = {.type = GDN_EVENT_UNORDERED};
    event.as.unordered.resource = gdn_resource_named("unordered");
    event.as.unordered.on = true;
    say(world, "A", event);
    event = (struct gdn_event){.type = GDN_EVENT_CAPACITY_SET};
    event.as.capacity.resource = gdn_resource_named("pool");
    event.as.capacity.units = 3;
    say(world, "A", event);
}

static void drops_orphans(struct world *world)
{
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = gdn_node_named("B");
    say(world, "A", event);
}

static void sends_letters(struct world *world)
{
    assert_int_equal(world_send(world, "A", "B", "one"), GDN_OK);
    assert_int_equal(world_send(world, "A", "B", "two"), GDN_OK);
}

static void takes_all(struct world *world)
{
    while (world_take(world, "A", NULL)) continue;
}

static void dials(struct world *world)
{
    struct gdn_event event = {.type = GDN_EVENT_PEER_DIALLED};
    event.as.dial.name = "C";
    event.as.dial.endpoint = "C";
    say(world, "A", event);
    event.as.dial.name = NULL;
    event.as.dial.endpoint = "D2";
    event.as.dial.detector = true;
    say(world, "A", event);
}

/* ---- What the network brings ---- */

static void answers_come(struct world *world)
{
    (void)ask(world, "A", "B", "V", "v");
    (void)ask(world, "B", "A", "W", "w");
    arrive(world);
    (void)direct_wait(world, "B", "T1");
    assert_int_equal(world_send(world, "B", "A", "letter"), GDN_OK);
    assert_int_equal(world_end(world, "B", "TB"), GDN_OK);
    arrive(world);
}

static void a_round_is_taken(struct world *world)
{
    (void)ask(world, "B", "A", "V", "a");
    (void)ask(world, "A", "B", "V", "b");
    (void)world_start(world, "D1");
    world_settle(world);
}

static void a_round_is_collected(struct world *world)
{
    world_hold(world, "B", "A");
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    world_collect(world, "D1", round);
    world_settle(world);
    world_release(world, "B", "A");
    world_settle(world);
}

static void an_abort_is_ordered(struct world *world)
{
    world_abort(world, "D1", kept, "V");
    arrive(world);
}

static void b_says_goodbye(struct world *world)
{
    world_remove(world, "B", true);
    world_settle(world);
}

static void b_restarts(struct world *world)
{
    world_remove(world, "B", false);
    world_add_node(world, "B", NULL);
    world_dial(world, "B", "A");
    world_dial(world, "B", "D1");
    world_pass_ms(world, 100);
}

static void both_are_silent(struct world *world)
{
    world_hold(world, "A", "B");
    world_hold(world, "B", "A");
    world_pass_ms(world, GDN__SILENCE_MS_DEFAULT + 100);
    world_release(world, "A", "B");
    world_release(world, "B", "A");
    world_pass_ms(world, 100);
}

static void c_comes(struct world *world)
{
    world_add_node(world, "C", NULL);
    world_dial(world, "C", "A");
    world_dial(world, "C", "D1");
    world_pass_ms(world, 100);
}

static void d1_restarts(struct world *world)
{
    world_remove(world, "D1", true);
    world_settle(world);
    world_add_detector(world, "D1");
    world_pass_ms(world, 100);
}

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
static bool live_through(const struct story *story, size_t allowed, char *text)
{
    char *heard = NULL;
    size_t length;
    struct world *world = world_new();
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_detector(world, "D1");
    world_connect_all(world);
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

static size_t fail_each(const struct story *story)
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
static void fail_all(const struct story *stories, size_t count, size_t at_least)
{
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) failures += fail_each(&stories[i]);
    assert_true(failures >= at_least);
}

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static void a_verb_without_memory_is_as_if_never_said(void **state)
{
    static const struct story stories[] = {
        {"describe", nothing, describes, NULL},
        {"request here", nothing, requests_here, NULL},
        {"request there", busy, requests_there, NULL},
        {"no wait", nothing, tries, NULL},
        {"wait on", nothing, waits_on, NULL},
        {"release", busy, releases, NULL},
        {"cancel there", a_asked_b, cancels, NULL},
        {"cancel here", two_requests_wait, cancels, NULL},
        {"end", busy, ends, NULL},
        {"wake here", a_waits_directly, wakes, NULL},
        {"wake there", b_waits_directly, wakes, NULL},
        {"grant here", two_requests_wait, grants, NULL},
        {"grant there", a_request_of_b_waits, grants, NULL},
        {"refuse here", two_requests_wait, refuses, NULL},
        {"refuse there", a_request_of_b_waits, refuses, NULL},
        {"requeue", two_requests_wait, requeues, NULL},
        {"unordered, capacity", nothing, sets_up_resources, NULL},
        {"drop orphans", b_is_lost, drops_orphans, NULL},
        {"payload", nothing, sends_letters, NULL},
        {"dial", nothing, dials, NULL},
    };
    (void)state;
    fail_all(stories, COUNT(stories), 40);
}

static void an_item_without_memory_stays_to_be_taken(void **state)
{
    static const struct story stories[] = {
        {"requested", b_asked_a, takes_all, NULL},
        {"granted", a_was_granted, takes_all, NULL},
        {"payload", letters_are_there, takes_all, NULL},
        {"aborted", a_is_to_abort, takes_all, NULL},
        {"lost", b_is_lost, takes_all, NULL},
    };
    (void)state;
    fail_all(stories, COUNT(stories), 5);
}

static void what_the_network_brings_comes_again(void **state)
{
    static const struct story stories[] = {
        {"answers", busy, answers_come, NULL},
        {"a round", busy, a_round_is_taken, NULL},
        {"a round that is collected", busy, a_round_is_collected, NULL},
        {"an order", a_asked_b, an_abort_is_ordered, NULL},
    };
    (void)state;
    fail_all(stories, COUNT(stories), 30);
}

static void peers_come_and_go_whatever_the_memory(void **state)
{
    static const struct story stories[] = {
        {"goodbye", busy, b_says_goodbye, NULL},
        {"goodbye at once", nothing, b_says_goodbye, NULL},
        {"goodbye to a full inbox", the_inbox_is_full, b_says_goodbye, NULL},
        {"restart", busy, b_restarts, NULL},
        {"restart, at the detector", busy, b_restarts, "D1"},
        {"silence", busy, both_are_silent, NULL},
        {"a third one", busy, c_comes, NULL},
        {"a third one, at the detector", busy, c_comes, "D1"},
        {"another detector", busy, d1_restarts, NULL},
    };
    (void)state;
    fail_all(stories, COUNT(stories), 30);
}

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
    (void)ask(world, "A", "A", "T1", "x");
    (void)ask(world, "B", "B", "T2", "y");
    arrive(world);
    (void)ask(world, "A", "B", "T1", "y");
    (void)ask(world, "B", "A", "T2", "x");
    arrive(world);
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
    struct gdn_request request = {.label = "label"};
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
