/* SPDX-License-Identifier: MIT */
/* Who meets whom, whatever is lost, late or restarted. */
#include "mesh_fixture.h"

/* ---- Meeting ---- */

static void one_side_that_dials_is_enough(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
    assert_int_equal(box_incarnation_of(a, "B"), 2);
    assert_int_equal(box_incarnation_of(b, "A"), 1);
    box_send_text(a, "B", "hi");
    box_send_text(b, "A", "ho");
    box_carry(box);
    box_expect_events(a, "ho from B;");
    box_expect_events(b, "hi from A;");
}

static void both_sides_may_dial_at_once(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_dial(b, "A");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
    assert_int_equal(gdn__mesh_count(a->mesh), 2);
    assert_int_equal(gdn__mesh_count(b->mesh), 2);
}

static void three_meet_pairwise(void **state)
{
    struct box *box = *state;
    struct member *all[] = {box_start(box, "A", 1), box_start(box, "B", 2), box_start(box, "C", 3)};
    static const char *const names[] = {"A", "B", "C"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (i != k) box_dial(all[i], names[k]);
        }
    }
    box_pass(box, 10000);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = 0; k < 3; k++) {
            if (i != k) assert_int_equal(box_state_of(all[i], names[k]), GDN__PEER_UP);
        }
        assert_int_equal(gdn__mesh_count(all[i]->mesh), 3);
    }
}

static void dialling_twice_is_fine(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box_start(box, "B", 2);
    box_dial(a, "B");
    box_dial(a, "B");
    box_pass(box, 10000);
    box_dial(a, "B");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;up B;");
    assert_int_equal(gdn__mesh_count(a->mesh), 2);
}

static void nobody_dials_itself(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    assert_int_equal(gdn__mesh_dial(a->mesh, "A", "A", GDN__ROLE_NODE, 0), GDN_ERR_MISUSE);
    assert_int_equal(gdn__mesh_dial(a->mesh, "", "B", GDN__ROLE_NODE, 0), GDN_ERR_NAME);
    assert_int_equal(gdn__mesh_dial(a->mesh, "B", "", GDN__ROLE_NODE, 0), GDN_ERR_ADDRESS);
    assert_int_equal(gdn__mesh_count(a->mesh), 1);
}

/* HELLO is not numbered: nothing resends it but the one who wants the peer. */
static void a_lost_hello_is_said_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    assert_int_equal(box->flight_count, 1);
    box_drop_flights(box);
    box_pass(box, GDN__HELLO_FIRST_US - 1);
    box_expect_events(a, "");
    box_pass(box, 1 + 10000);
    box_expect_events(a, "opened B;up B;");
}

/* A silent endpoint is asked less and less often, but never given up. */
static void hellos_become_rarer(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    int64_t pause_us = GDN__HELLO_FIRST_US;
    box_dial(a, "B");
    box_carry(box);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(gdn__mesh_deadline(a->mesh), box->now_us + pause_us);
        box_pass(box, pause_us);
        pause_us = pause_us * 2 > GDN__HELLO_MAX_US ? GDN__HELLO_MAX_US : pause_us * 2;
        gdn__mesh_passed(a->mesh, box->now_us);
        box_pack(box);
        assert_int_equal(box->flight_count, 1);
        box_drop_flights(box);
    }
}

static void a_lost_answer_is_given_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    box_land_one(box);
    box_pack(box); /* B's HELLO and OPEN. */
    assert_int_equal(box->flight_count, 2);
    struct flight answer = box_keep_flight(box, "A", GDN__HELLO);
    free(answer.bytes);
    box_carry(box); /* The OPEN comes alone, from somebody A does not know. */
    box_expect_events(a, "");
    assert_true(box_said(a, "10.0.0.9"));
    box_pass(box, GDN__RESEND_US + GDN__HELLO_FIRST_US);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
}

static void a_lost_open_is_resent(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    box_land_one(box);
    box_pack(box);
    struct flight open = box_keep_flight(box, "A", GDN__OPEN);
    free(open.bytes);
    box_carry(box);
    box_expect_events(b, "opened A;");
    box_pass(box, GDN__RESEND_US + 20000);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "up A;");
}

/* The first words of a life are lost, repeated and shuffled; then the network recovers. */
static void everybody_meets_whatever_was_lost(void **state)
{
    (void)state;
    static const char *const names[] = {"A", "B", "C"};
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 100);
    for (uint64_t run = 0; run < runs; run++) {
        void *made;
        assert_int_equal(box_setup(&made), 0);
        struct box *box = made;
        box->seed = seed + run;
        struct member *all[3];
        for (size_t i = 0; i < 3; i++) all[i] = box_start(box, names[i], i + 1);
        box->loss = below(&box->seed, 90);
        box->repetition = below(&box->seed, 50);
        box->shuffled = true;
        for (size_t i = 0; i < 3; i++) {
            for (size_t k = 0; k < 3; k++) {
                /* At least one of each pair. */
                if (i < k || (i > k && box_happens(box, 50))) box_dial(all[i], names[k]);
            }
        }
        box_pass(box, below(&box->seed, 1000000));
        box->loss = 0;
        box_pass(box, 2 * GDN__RESEND_MAX_US);
        for (size_t i = 0; i < 3; i++) {
            for (size_t k = 0; k < 3; k++) {
                if (i == k || box_state_of(all[i], names[k]) == GDN__PEER_UP) continue;
                fail_msg("%s has not met %s; replay: GDN_SEED=%llu GDN_RUNS=1 "
                         "build/tests/unit/test_mesh",
                         names[i], names[k], (unsigned long long)(seed + run));
            }
        }
        assert_int_equal(box_teardown(&made), 0);
    }
}

/* What was lost is asked for by who misses it, not only by a timer. */
static void a_gap_is_closed_at_once(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    b->events[0] = '\0';
    box_send_text(a, "B", "lost");
    box_pack(box);
    box_drop_flights(box);
    box_send_text(a, "B", "early");
    box_carry(box);
    box_expect_events(b, "lost from A;early from A;");
}

/* ---- Restarts ---- */

static void a_restarted_peer_replaces_its_predecessor(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    uint32_t before = gdn__mesh_find(a->mesh, gdn_node_named("B"));
    box_expect_events(a, "opened B;up B;");
    box_kill(b);
    b = box_start(box, "B", 20);
    box_dial(b, "A");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;lost B;up B;");
    box_expect_events(b, "opened A;up A;");
    assert_int_equal(box_incarnation_of(a, "B"), 20);
    /* Its number is never used again, and it keeps its name. */
    assert_int_not_equal(gdn__mesh_find(a->mesh, gdn_node_named("B")), before);
    assert_int_equal(gdn__mesh_peer(a->mesh, before)->state, GDN__PEER_LOST);
    assert_string_equal(gdn__mesh_peer(a->mesh, before)->name, "B");
    assert_int_equal(gdn__mesh_find_incarnation(a->mesh, 2), before);
}

/* Its predecessor died between HELLO and OPEN, and the next one dials nobody: it has to be asked
 * again, although somebody of that name has answered. */
static void a_peer_that_died_in_the_handshake_is_asked_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    box_land_one(box);
    box_pack(box);
    struct flight hello = box_keep_flight(box, "A", GDN__HELLO);
    box_drop_flights(box);
    box_kill(b);
    box_land_kept(box, &hello);
    box_start(box, "B", 20);
    box_pass(box, 2 * GDN__HELLO_MAX_US);
    assert_int_equal(box_incarnation_of(a, "B"), 20);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
}

/* At a bound socket the backlog of an old connection mixes with the new one's frames. */
static void a_late_hello_of_the_dead_takes_nothing_over(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(b, "A");
    box_pack(box);
    struct flight late = box_keep_flight(box, "A", GDN__HELLO);
    box_kill(b);
    b = box_start(box, "B", 20);
    box_dial(b, "A");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;up B;");
    box_land_kept(box, &late);
    box_pass(box, 10 * GDN__RESEND_MAX_US);
    box_expect_events(a, "lost B;"); /* The dead one, of whom nothing more was heard. */
    box_expect_events(b, "opened A;up A;");
    assert_int_equal(box_incarnation_of(a, "B"), 20);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
    box_send_text(b, "A", "alive");
    box_carry(box);
    box_expect_events(a, "alive from B;");
}

/* Even its OPEN may be late: it names us, but it does not answer ours. */
static void a_late_open_of_the_dead_takes_nothing_over(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    box_land_one(box); /* A's HELLO to B. */
    box_pack(box);
    struct flight hello = box_keep_flight(box, "A", GDN__HELLO);
    struct flight open = box_keep_flight(box, "A", GDN__OPEN);
    box_kill(b);
    b = box_start(box, "B", 20);
    box_pass(box, GDN__HELLO_FIRST_US + 10000); /* A says HELLO again, and B's successor answers. */
    box_expect_events(a, "opened B;up B;");
    box_land_kept(box, &hello);
    box_land_kept(box, &open);
    box_pass(box, 10 * GDN__RESEND_MAX_US);
    assert_int_equal(box_incarnation_of(a, "B"), 20);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
    box_expect_events(a, "opened B;lost B;"); /* The dead one's. */
    box_send_text(a, "B", "still there");
    box_carry(box);
    assert_non_null(strstr(b->events, "still there from A;"));
}

/* A restarted node must not take what was meant for its predecessor. */
static void the_mail_of_a_predecessor_is_ignored(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    box_send_text(a, "B", "for 2");
    box_pack(box);
    box_kill(b);
    b = box_start(box, "B", 20);
    b->log[0] = '\0';
    while (box->flight_count > 0) box_land_one(box);
    box_expect_events(b, "");
    assert_string_equal(b->log, "");
    assert_int_equal(gdn__mesh_count(b->mesh), 1);
}

static void frames_of_a_lost_peer_are_ignored(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    box_send_text(a, "B", "unanswered");
    box_pack(box);
    box_land_one(box);
    box_send_text(b, "A", "too late"); /* And acknowledges what A retained until it lost B. */
    box_pack(box);
    struct flight late = box_keep_flight(box, "A", GDN__PAYLOAD);
    gdn__mesh_close(b->mesh);
    box_pack(box);
    struct flight goodbye = box_keep_flight(box, "A", GDN__BYE);
    box_land_kept(box, &goodbye);
    box_expect_events(a, "opened B;up B;lost B;");
    box_land_kept(box, &late);
    /* It said goodbye: not even a HELLO brings that incarnation back. */
    box_pass(box, 5 * GDN__HELLO_MAX_US);
    box_expect_events(a, "");
}

/* In another life our nonce stood for another endpoint. */
static void an_answer_to_a_predecessor_is_ignored(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box_start_as(box, "first detector", 5, "place", GDN__ROLE_DETECTOR);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    box_pack(box);
    box_land_one(box);
    box_pack(box);
    struct flight answer = box_keep_flight(box, "A", GDN__HELLO);
    box_drop_flights(box);
    box_kill(a);
    a = box_start(box, "A", 10);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "elsewhere", GDN__ROLE_DETECTOR, 0));
    box_land_kept(box, &answer);
    assert_int_equal(gdn__mesh_count(a->mesh), 2);
    assert_int_equal(gdn__mesh_peer(a->mesh, 1)->state, GDN__PEER_DIALLED);
}

static void a_goodbye_is_dialled_again_by_who_wants_the_peer(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    gdn__mesh_close(b->mesh);
    box_carry(box);
    box_expect_events(a, "opened B;up B;lost B;");
    assert_true(box_said(a, "goodbye"));
    box_kill(b);
    box_pass(box, 5000000);
    b = box_start(box, "B", 20);
    box_pass(box, 2 * GDN__HELLO_MAX_US);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
}

/* It dialled us before we dialled it: we want it all the same. */
static void who_was_met_before_it_was_dialled_is_dialled_again_too(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(b, "A");
    box_pass(box, 10000);
    box_dial(a, "B");
    gdn__mesh_close(b->mesh);
    box_carry(box);
    box_kill(b);
    box_start(box, "B", 20);
    box_pass(box, 2 * GDN__HELLO_MAX_US);
    box_expect_events(a, "opened B;up B;lost B;opened B;up B;");
}

static void who_was_never_dialled_is_not_dialled_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(b, "A");
    box_pass(box, 10000);
    gdn__mesh_close(b->mesh);
    box_carry(box);
    box_kill(b);
    box_expect_events(a, "opened B;up B;lost B;");
    assert_int_equal(gdn__mesh_find(a->mesh, gdn_node_named("B")), 0);
    assert_true(gdn__mesh_deadline(a->mesh) == INT64_MAX);
}

/* ---- Detectors ---- */

/* A node knows where its detector answers, not what it is called. */
static void a_detector_is_dialled_by_endpoint_alone(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct member *d = box_start_as(box, "detector", 5, "place", GDN__ROLE_DETECTOR);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    assert_int_equal(gdn__mesh_count(a->mesh), 2);
    box_pass(box, 10000);
    box_expect_events(a, "opened detector;up detector;");
    box_expect_events(d, "opened A;up A;");
    assert_int_equal(
        gdn__mesh_peer(a->mesh, gdn__mesh_find(a->mesh, gdn_node_named("detector")))->role,
        GDN__ROLE_DETECTOR);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    assert_int_equal(gdn__mesh_count(a->mesh), 2);
}

/* A detector dials nobody: its nodes must notice its restart by themselves. */
static void a_restarted_detector_is_met_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct member *d = box_start_as(box, "detector", 5, "place", GDN__ROLE_DETECTOR);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    box_pass(box, 10000);
    for (uint64_t incarnation = 50; incarnation < 53; incarnation++) {
        box_kill(d);
        a->events[0] = '\0';
        d = box_start_as(box, "detector", incarnation, "place", GDN__ROLE_DETECTOR);
        box_pass(box, 2 * GDN__KNOWN_HELLO_US);
        box_expect_events(a, "opened detector;lost detector;up detector;");
        box_expect_events(d, "opened A;up A;");
        assert_int_equal(box_incarnation_of(a, "detector"), incarnation);
    }
}

static void who_answers_in_another_role_is_refused(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    box_start_as(box, "B", 2, "place", GDN__ROLE_NODE);
    assert_ok(gdn__mesh_dial(a->mesh, NULL, "place", GDN__ROLE_DETECTOR, 0));
    box_pass(box, 10000);
    box_expect_events(a, "");
    assert_true(box_said(a, "!B answered as a node, not as a detector"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_side_that_dials_is_enough),
        TEST(both_sides_may_dial_at_once),
        TEST(three_meet_pairwise),
        TEST(dialling_twice_is_fine),
        TEST(nobody_dials_itself),
        TEST(a_lost_hello_is_said_again),
        TEST(hellos_become_rarer),
        TEST(a_lost_answer_is_given_again),
        TEST(a_lost_open_is_resent),
        cmocka_unit_test(everybody_meets_whatever_was_lost),
        TEST(a_gap_is_closed_at_once),
        TEST(a_restarted_peer_replaces_its_predecessor),
        TEST(a_peer_that_died_in_the_handshake_is_asked_again),
        TEST(a_late_hello_of_the_dead_takes_nothing_over),
        TEST(a_late_open_of_the_dead_takes_nothing_over),
        TEST(the_mail_of_a_predecessor_is_ignored),
        TEST(frames_of_a_lost_peer_are_ignored),
        TEST(an_answer_to_a_predecessor_is_ignored),
        TEST(a_goodbye_is_dialled_again_by_who_wants_the_peer),
        TEST(who_was_met_before_it_was_dialled_is_dialled_again_too),
        TEST(who_was_never_dialled_is_not_dialled_again),
        TEST(a_detector_is_dialled_by_endpoint_alone),
        TEST(a_restarted_detector_is_met_again),
        TEST(who_answers_in_another_role_is_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
