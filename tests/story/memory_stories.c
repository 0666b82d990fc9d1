/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/story/memory_stories.h"
#include "tests/story/story_fixture.h"
#include <cmocka.h>
#include <string.h>

/* ---- Short ways to say things ---- */

static void say(struct world *world, const char *node, struct gdn_event event)
{
    assert_int_equal(world_event(world, node, &event, NULL), GDN_OK);
}

static gdn_ticket ask(struct world *world, const char *node, const char *home, const char *process,
                      const char *resource)
{
    return story_ask(world, node, home, process, resource, GDN_MODE_EXCLUSIVE);
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

/* ---- All of them ---- */

const struct memory_story memory_verbs[] = {
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
    {NULL, NULL, NULL, NULL},
};

const struct memory_story memory_items[] = {
    {"requested", b_asked_a, takes_all, NULL},
    {"granted", a_was_granted, takes_all, NULL},
    {"payload", letters_are_there, takes_all, NULL},
    {"aborted", a_is_to_abort, takes_all, NULL},
    {"lost", b_is_lost, takes_all, NULL},
    {NULL, NULL, NULL, NULL},
};

const struct memory_story memory_mail[] = {
    {"answers", busy, answers_come, NULL},
    {"a round", busy, a_round_is_taken, NULL},
    {"a round that is collected", busy, a_round_is_collected, NULL},
    {"an order", a_asked_b, an_abort_is_ordered, NULL},
    {NULL, NULL, NULL, NULL},
};

const struct memory_story memory_peers[] = {
    {"goodbye", busy, b_says_goodbye, NULL},
    {"goodbye at once", nothing, b_says_goodbye, NULL},
    {"goodbye to a full inbox", the_inbox_is_full, b_says_goodbye, NULL},
    {"restart", busy, b_restarts, NULL},
    {"restart, at the detector", busy, b_restarts, "D1"},
    {"silence", busy, both_are_silent, NULL},
    {"a third one", busy, c_comes, NULL},
    {"a third one, at the detector", busy, c_comes, "D1"},
    {"another detector", busy, d1_restarts, NULL},
    {NULL, NULL, NULL, NULL},
};
