/* SPDX-License-Identifier: MIT */
/* One participant alone: what it does with rounds of an initiator's several lives, and with more
 * rounds and initiators than it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gordian/participant.h>

#define PEER     1
#define OLD_LIFE 10
#define NEW_LIFE 20

/* With a channel to and from one peer. */
static int make_participant(void **state)
{
    struct gdn_participant_options options = {.recording_max = 1024};
    struct gdn_participant_actions actions;
    gdn_participant *participant = gdn_participant_new(&options);
    if (participant == NULL) return -1;
    *state = participant;
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_OPENED_OUT, .channel = PEER};
    if (gdn_participant_step(participant, &event, &actions) != GDN_OK) return -1;
    event.type = GDN_PARTICIPANT_OPENED_IN;
    return gdn_participant_step(participant, &event, &actions) == GDN_OK ? 0 : -1;
}

static int free_participant(void **state)
{
    gdn_participant_free(*state);
    return 0;
}

static gdn_round_id round_of(uint64_t incarnation, uint64_t number)
{
    return (gdn_round_id){
        .initiator = gdn_node_named("D1"), .incarnation = incarnation, .number = number};
}

static size_t step(gdn_participant *participant, enum gdn_participant_event_type type,
                   gdn_round_id round, enum gdn_participant_action_type counted)
{
    struct gdn_participant_event event = {.type = type, .round = round, .channel = PEER};
    struct gdn_participant_actions actions;
    assert_int_equal(gdn_participant_step(participant, &event, &actions), GDN_OK);
    size_t count = 0;
    for (size_t i = 0; i < actions.count; i++) count += actions.list[i].type == counted;
    return count;
}

/* The detector came back; the START of its earlier life, sent before, is read only now. */
static void a_late_start_of_a_dead_initiator_voids_no_living_round(void **state)
{
    gdn_round_id old = round_of(OLD_LIFE, 1), living = round_of(NEW_LIFE, 1);
    step(*state, GDN_PARTICIPANT_START_ARRIVED, old, GDN_PARTICIPANT_REPORT);
    step(*state, GDN_PARTICIPANT_START_ARRIVED, living, GDN_PARTICIPANT_REPORT);
    gdn_round_id late = round_of(OLD_LIFE, 2);
    assert_int_equal(
        step(*state, GDN_PARTICIPANT_START_ARRIVED, late, GDN_PARTICIPANT_FORGET_STATE), 0);
    assert_int_equal(step(*state, GDN_PARTICIPANT_MARKER_ARRIVED, living, GDN_PARTICIPANT_REPORT),
                     1);
}

/* And what was cut is never cut again, though its marker comes after all that. */
static void a_round_is_cut_once_whatever_other_lives_begin(void **state)
{
    gdn_round_id old = round_of(OLD_LIFE, 1), living = round_of(NEW_LIFE, 1);
    assert_int_equal(step(*state, GDN_PARTICIPANT_START_ARRIVED, old, GDN_PARTICIPANT_SEND_MARKER),
                     1);
    assert_int_equal(
        step(*state, GDN_PARTICIPANT_START_ARRIVED, living, GDN_PARTICIPANT_SEND_MARKER), 1);
    assert_int_equal(step(*state, GDN_PARTICIPANT_MARKER_ARRIVED, old, GDN_PARTICIPANT_SEND_MARKER),
                     0);
    assert_int_equal(
        step(*state, GDN_PARTICIPANT_MARKER_ARRIVED, living, GDN_PARTICIPANT_SEND_MARKER), 0);
}

/* The first word of a new life frees what nobody will ask for again. */
static void a_new_life_of_the_initiator_voids_the_rounds_of_the_old(void **state)
{
    gdn_round_id old = round_of(OLD_LIFE, 1), living = round_of(NEW_LIFE, 1);
    step(*state, GDN_PARTICIPANT_START_ARRIVED, old, GDN_PARTICIPANT_REPORT);
    assert_int_equal(
        step(*state, GDN_PARTICIPANT_START_ARRIVED, living, GDN_PARTICIPANT_FORGET_STATE), 1);
    assert_int_equal(step(*state, GDN_PARTICIPANT_MARKER_ARRIVED, old, GDN_PARTICIPANT_REPORT), 0);
}

/* ---- Bounds ---- */

static gdn_round_id round_by(uint8_t initiator)
{
    return (gdn_round_id){
        .initiator = {.id = {{initiator}}}, .incarnation = initiator, .number = 1};
}

/* Those under way go on, and when one has ended there is room for another. */
static void one_round_too_many_fails_by_name(void **state)
{
    gdn_participant *participant = *state;
    struct gdn_participant_actions actions;
    for (uint8_t i = 1; i <= GDN_ROUNDS_MAX; i++) {
        assert_int_equal(step(participant, GDN_PARTICIPANT_START_ARRIVED, round_by(i),
                              GDN_PARTICIPANT_RECORD_STATE),
                         1);
    }
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_START_ARRIVED,
                                          .round = round_by(GDN_ROUNDS_MAX + 1)};
    assert_int_equal(gdn_participant_step(participant, &event, &actions), GDN_OK);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.list[0].type, GDN_PARTICIPANT_FAIL);
    assert_string_equal(actions.list[0].reason, "too many rounds are under way");
    assert_int_equal(
        step(participant, GDN_PARTICIPANT_MARKER_ARRIVED, round_by(1), GDN_PARTICIPANT_REPORT), 1);
    assert_int_equal(step(participant, GDN_PARTICIPANT_START_ARRIVED, round_by(GDN_ROUNDS_MAX + 2),
                          GDN_PARTICIPANT_RECORD_STATE),
                     1);
}

static void the_initiator_idle_longest_is_forgotten_first(void **state)
{
    gdn_participant *participant = *state;
    gdn_round_id rounds[GDN_INITIATORS_MAX];
    for (uint8_t i = 1; i <= GDN_INITIATORS_MAX + 1; i++) {
        step(participant, GDN_PARTICIPANT_START_ARRIVED, round_by(i), GDN_PARTICIPANT_REPORT);
        step(participant, GDN_PARTICIPANT_ROUND_ABANDONED, round_by(i), GDN_PARTICIPANT_REPORT);
    }
    size_t count = gdn_participant_cut_rounds(participant, rounds);
    assert_int_equal(count, GDN_INITIATORS_MAX);
    for (size_t i = 0; i < count; i++) assert_int_not_equal(rounds[i].incarnation, 1);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_participant, free_participant)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(a_late_start_of_a_dead_initiator_voids_no_living_round),
        fact(a_round_is_cut_once_whatever_other_lives_begin),
        fact(a_new_life_of_the_initiator_voids_the_rounds_of_the_old),
        fact(one_round_too_many_fails_by_name),
        fact(the_initiator_idle_longest_is_forgotten_first),
    };
    return cmocka_run_group_tests_name("participant", tests, NULL, NULL);
}
