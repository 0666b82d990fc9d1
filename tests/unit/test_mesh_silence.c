/* SPDX-License-Identifier: MIT */
/* Peers of which nothing is heard: given up, and met again in a new association. */
#include "mesh_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define SILENCE_US (INT64_C(1000) * GDN__SILENCE_MS_DEFAULT)

/* A dialled B, and both are up. */
static void start_pair(struct box *box, struct member **a, struct member **b)
{
    *a = box_start(box, "A", 1);
    *b = box_start(box, "B", 2);
    box_dial(*a, "B");
    box_pass(box, 10000);
    box_expect_events(*a, "opened B;up B;");
    box_expect_events(*b, "opened A;up A;");
}

static void expect_talk(struct box *box, struct member *a, struct member *b)
{
    a->events[0] = b->events[0] = '\0';
    box_send_text(a, "B", "hi");
    box_send_text(b, "A", "ho");
    box_carry(box);
    box_expect_events(a, "ho from B;");
    box_expect_events(b, "hi from A;");
}

/* ---- Giving up ---- */

static void a_peer_of_which_nothing_is_heard_is_lost(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_kill(b);
    box_pass(box, SILENCE_US - 10000);
    box_expect_events(a, "");
    box_pass(box, 10000);
    box_expect_events(a, "lost B;");
    assert_true(box_said(a, "B lost: nothing heard for 10.0 s"));
}

/* What was sent and not acknowledged may have arrived or not: people are told how much it is. */
static void the_loss_tells_how_much_is_unknown(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_kill(b);
    box_send_text(a, "B", "one");
    box_send_text(a, "B", "two");
    box_pass(box, SILENCE_US);
    assert_true(box_said(a, "2 messages to it were not acknowledged"));
}

static void who_has_nothing_to_say_says_so(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    uint64_t before = box->carried;
    box_pass(box, 10 * SILENCE_US);
    box_expect_events(a, "");
    box_expect_events(b, "");
    /* A's HELLO each second and its answer, and no flood beside them. */
    uint64_t seconds = (uint64_t)(10 * SILENCE_US / 1000000);
    assert_in_range(box->carried - before, seconds, 4 * seconds);
}

/* Whoever is less patient is kept alive by the other all the same, for each OPEN tells. */
static void the_less_patient_side_sets_the_pace(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box->silence_ms = GDN__SILENCE_MS_MIN;
    struct member *b = box_start(box, "B", 2);
    box_dial(b, "A");
    box_pass(box, 10 * SILENCE_US);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
}

/* After SIGSTOP and SIGCONT, or on a laptop that slept: what the peers sent meanwhile is yet to be
 * read. */
static void our_own_sleep_is_not_the_peers_silence(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box->now_us += 7 * SILENCE_US;
    gdn__mesh_passed(a->mesh, box->now_us);
    gdn__mesh_passed(b->mesh, box->now_us);
    box_pass(box, SILENCE_US / 2);
    box_expect_events(a, "");
    box_expect_events(b, "");
    expect_talk(box, a, b);
}

/* A connecting ZeroMQ socket gives up for ever after a protocol error, and nobody says so. */
static void a_link_without_answer_is_opened_anew(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    assert_int_equal(a->dials, 1);
    box_pass(box, 2 * SILENCE_US);
    assert_int_equal(a->dials, 1); /* Not while all is well. */
    box->deaf = b;
    box_send_text(a, "B", "heard late");
    box_pass(box, GDN__STALL_US + GDN__RESEND_MAX_US);
    assert_int_equal(a->dials, 2);
    box->deaf = NULL;
    box_pass(box, GDN__RESEND_MAX_US);
    box_expect_events(b, "heard late from A;");
}

/* A connection that is half open swallows what is sent. Where peers are given up before their links
 * stall, both begin anew each time: then the loss is what must open another. */
static void a_link_to_a_peer_that_is_given_up_is_opened_anew(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    box->silence_ms = GDN__STALL_US / 1000 / 10;
    start_pair(box, &a, &b);
    box->deaf = b;
    box_pass(box, GDN__STALL_US / 4);
    box_expect_events(a, "lost B;");
    assert_int_equal(a->dials, 2);
}

/* The same for one that never answered: its port may have been another program's. */
static void a_dialled_link_without_answer_is_opened_anew(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box_dial(a, "B");
    box_pass(box, 10 * GDN__STALL_MAX_US);
    assert_in_range(a->dials, 5, 16); /* More and more rarely. */
}

/* ---- Meeting again ---- */

/* B hung; nobody could tell it that A gave it up. */
static void who_was_given_up_learns_it_and_begins_again(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box->deaf = a;
    box_pass(box, SILENCE_US);
    box_expect_events(a, "lost B;");
    box_expect_events(b, ""); /* It hears A's HELLOs. */
    box->deaf = NULL;
    box_pass(box, 2 * GDN__RESEND_MAX_US);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "lost A;opened A;up A;");
    expect_talk(box, a, b);
}

/* Nor does it matter who had dialled. */
static void who_never_dialled_is_met_again_too(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box->deaf = b;
    box_pass(box, SILENCE_US);
    box_expect_events(b, "lost A;");
    box->deaf = NULL;
    box_pass(box, 2 * GDN__RESEND_MAX_US);
    box_expect_events(b, "opened A;up A;");
    box_expect_events(a, "lost B;opened B;up B;");
    expect_talk(box, a, b);
}

static void both_that_gave_up_meet_again(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    for (int i = 0; i < 3; i++) {
        box->loss = 100;
        box_pass(box, 2 * SILENCE_US);
        box_expect_events(a, "lost B;");
        box_expect_events(b, "lost A;");
        box->loss = 0;
        box_pass(box, 2 * GDN__HELLO_MAX_US);
        box_expect_events(a, "opened B;up B;");
        box_expect_events(b, "opened A;up A;");
        expect_talk(box, a, b);
    }
    uint32_t number = gdn__mesh_find(a->mesh, gdn_node_named("B"));
    assert_int_equal(gdn__mesh_peer(a->mesh, number)->association, 4);
}

/* A detector dials nobody; its nodes know it by its place. */
static void a_detector_is_met_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct member *d = box_start_as(box, "detector", 5, "place", GDN__ROLE_DETECTOR);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    box_pass(box, 10000);
    box->deaf = a;
    box_pass(box, 2 * SILENCE_US);
    box->deaf = NULL;
    a->events[0] = d->events[0] = '\0';
    box_pass(box, 2 * GDN__RESEND_MAX_US);
    box_expect_events(a, "opened detector;up detector;");
    box_expect_events(d, "lost A;opened A;up A;");
    box->loss = 100;
    box_pass(box, 2 * SILENCE_US);
    box->loss = 0;
    box_pass(box, 2 * GDN__RESEND_MAX_US);
    box_expect_events(a, "lost detector;opened detector;up detector;");
    box_expect_events(d, "lost A;opened A;up A;");
}

/* What was on its way when a side gave up has been counted as lost: it must not come after all. */
static void frames_of_an_earlier_association_are_ignored(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_send_text(b, "A", "too late");
    box_pack(box);
    struct flight late = box_keep_flight(box, "A", GDN__PAYLOAD);
    box->loss = 100;
    box_pass(box, 2 * SILENCE_US);
    box->loss = 0;
    box_pass(box, 2 * GDN__HELLO_MAX_US);
    a->events[0] = '\0';
    box_land_kept(box, &late);
    box_pass(box, 10000);
    box_expect_events(a, "");
    expect_talk(box, a, b);
}

/* A goodbye is for ever: only another incarnation comes back. */
static void who_said_goodbye_is_not_met_again(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_send_text(b, "A", "late");
    box_pack(box);
    struct flight late = box_keep_flight(box, "A", GDN__PAYLOAD);
    gdn__mesh_close(b->mesh);
    box_carry(box);
    box_kill(b);
    box_expect_events(a, "lost B;");
    box_land_kept(box, &late);
    box_pass(box, 2 * SILENCE_US);
    box_expect_events(a, "");
    assert_int_equal(box_incarnation_of(a, "B"), 0);
}

/* ---- Memory ---- */

static void fail_once(size_t allowed)
{
    void *made;
    assert_int_equal(box_setup(&made), 0);
    struct box *box = made;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box->deaf = a;
    box_pass(box, SILENCE_US);
    a->faulty.allowed = allowed;
    box->deaf = NULL;
    box_pass(box, 100000);
    a->faulty.allowed = SIZE_MAX;
    box_pass(box, 2 * SILENCE_US);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
    assert_int_equal(box_state_of(b, "A"), GDN__PEER_UP);
    expect_talk(box, a, b);
    assert_int_equal(box_teardown(&made), 0);
}

static void both_meet_again_whichever_allocation_failed_once(void **state)
{
    (void)state;
    for (size_t allowed = 0; allowed < 20; allowed++) fail_once(allowed);
}

/* ---- Whatever happens ---- */

/* Texts are numbers that rise. What arrives must rise too, for ever: a loss may leave a gap, and
 * only a loss. */
static void check_texts(const struct member *member, uint64_t seed)
{
    long last = 0;
    bool lost = true; /* The first may be any. */
    char events[EVENT_BYTES], *rest;
    (void)snprintf(events, sizeof events, "%s", member->events);
    for (char *event = strtok_r(events, ";", &rest); event != NULL;
         event = strtok_r(NULL, ";", &rest)) {
        if (strncmp(event, "lost", 4) == 0) lost = true;
        if (strstr(event, " from ") == NULL) continue;
        long number = strtol(event, NULL, 10);
        if (lost ? number <= last : number != last + 1) {
            fail_msg("%ld after %ld; replay: GDN_SEED=%llu GDN_RUNS=1 "
                     "build/tests/unit/test_mesh_silence",
                     number, last, (unsigned long long)seed);
        }
        last = number;
        lost = false;
    }
}

static void send_number(struct member *member, const char *to, long *number)
{
    char text[32];
    uint32_t peer = gdn__mesh_find(member->mesh, gdn_node_named(to));
    if (peer == 0 || gdn__mesh_peer(member->mesh, peer)->state != GDN__PEER_UP) return;
    (void)snprintf(text, sizeof text, "%ld", ++*number);
    box_send_text(member, to, text);
}

static void live_once(uint64_t seed)
{
    void *made;
    assert_int_equal(box_setup(&made), 0);
    struct box *box = made;
    struct member *a, *b;
    long a_sent = 0, b_sent = 0;
    start_pair(box, &a, &b);
    box->seed = seed;
    box->shuffled = true;
    box->repetition = below(&box->seed, 30);
    for (int i = 0; i < 40; i++) {
        box->loss = box_happens(box, 30) ? 100 : below(&box->seed, 40);
        box->deaf = box_happens(box, 70) ? NULL : box_happens(box, 50) ? a : b;
        for (uint32_t n = below(&box->seed, 4); n > 0; n--) send_number(a, "B", &a_sent);
        for (uint32_t n = below(&box->seed, 4); n > 0; n--) send_number(b, "A", &b_sent);
        box_pass(box, below(&box->seed, 12) * 500000);
    }
    box->loss = box->repetition = 0;
    box->deaf = NULL;
    box_pass(box, 2 * SILENCE_US);
    check_texts(a, seed);
    check_texts(b, seed);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
    assert_int_equal(box_state_of(b, "A"), GDN__PEER_UP);
    expect_talk(box, a, b);
    assert_int_equal(box_teardown(&made), 0);
}

static void whatever_is_silent_nothing_is_repeated_or_reordered(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 200);
    print_message("replay: GDN_SEED=%llu GDN_RUNS=%llu build/tests/unit/test_mesh_silence\n",
                  (unsigned long long)seed, (unsigned long long)runs);
    for (uint64_t i = 0; i < runs; i++) live_once(seed + i);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_peer_of_which_nothing_is_heard_is_lost),
        TEST(the_loss_tells_how_much_is_unknown),
        TEST(who_has_nothing_to_say_says_so),
        TEST(the_less_patient_side_sets_the_pace),
        TEST(our_own_sleep_is_not_the_peers_silence),
        TEST(a_link_without_answer_is_opened_anew),
        TEST(a_link_to_a_peer_that_is_given_up_is_opened_anew),
        TEST(a_dialled_link_without_answer_is_opened_anew),
        TEST(who_was_given_up_learns_it_and_begins_again),
        TEST(who_never_dialled_is_met_again_too),
        TEST(both_that_gave_up_meet_again),
        TEST(a_detector_is_met_again),
        TEST(frames_of_an_earlier_association_are_ignored),
        TEST(who_said_goodbye_is_not_met_again),
        cmocka_unit_test(both_meet_again_whichever_allocation_failed_once),
        cmocka_unit_test(whatever_is_silent_nothing_is_repeated_or_reordered),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
