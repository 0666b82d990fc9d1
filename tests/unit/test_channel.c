/* SPDX-License-Identifier: MIT */
/* What one channel does with each thing that can happen to it. */
#include "channel_fixture.h"

static const struct gdn__header nobody = {.source = 1, .destination = 2, .association = 1};

/* ---- Packing ---- */

static void records_share_a_frame(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 3; i++) number_message(&pair->a, 0);
    assert_true(gdn__channel_wants_to_send(&pair->a.channel, 0));
    assert_true(pack(&pair->a, 0));
    struct gdn__header header = header_of(&pair->a.frame);
    assert_int_equal(header.count, 3);
    assert_int_equal(header.sequence, 1);
    assert_int_equal(header.source, A_INCARNATION);
    assert_int_equal(header.destination, B_INCARNATION);
    assert_false(pack(&pair->a, 0));
    assert_false(gdn__channel_wants_to_send(&pair->a.channel, 0));
    carry(&pair->a, &pair->b, 0);
    assert_int_equal(pair->b.delivered, 3);
}

/* The soft limit keeps markers from waiting behind megabytes; a larger record goes all the same. */
static void a_frame_ends_at_the_soft_limit(void **state)
{
    struct pair *pair = *state;
    size_t half = GDN__FRAME_BYTES_SOFT / 2 - 8 - GDN__RECORD_HEADER_BYTES;
    number_message(&pair->a, half);
    number_message(&pair->a, half);
    number_message(&pair->a, GDN__FRAME_BYTES_SOFT);
    number_message(&pair->a, 0);
    static const uint32_t counts[] = {2, 1, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_true(pack(&pair->a, 0));
        assert_int_equal(header_of(&pair->a.frame).count, counts[i]);
        carry(&pair->a, &pair->b, 0);
    }
    assert_false(pack(&pair->a, 0));
    assert_int_equal(pair->b.delivered, 4);
}

static void a_frame_holds_no_more_records_than_its_maximum(void **state)
{
    struct pair *pair = *state;
    /* Empty bodies: 8 bytes a record, so the soft limit comes first; it is the smaller one. */
    for (uint32_t i = 0; i < GDN__RECORDS_MAX / 4; i++) number_message(&pair->a, 0);
    while (pack(&pair->a, 0)) {
        assert_true(header_of(&pair->a.frame).count <= GDN__RECORDS_MAX);
        carry(&pair->a, &pair->b, 0);
    }
    assert_int_equal(pair->b.delivered, GDN__RECORDS_MAX / 4);
}

/* ---- Acknowledging ---- */

static void an_acknowledgement_waits_for_company(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 100);
    assert_false(pack(&pair->b, 100));
    assert_int_equal(gdn__channel_deadline(&pair->b.channel), 100 + GDN__ACK_DELAY_US);
    assert_false(gdn__channel_wants_to_send(&pair->b.channel, 99 + GDN__ACK_DELAY_US));
    assert_true(gdn__channel_wants_to_send(&pair->b.channel, 100 + GDN__ACK_DELAY_US));
    assert_true(pack(&pair->b, 100 + GDN__ACK_DELAY_US));
    assert_int_equal(type_of(&pair->b.frame), GDN__ACK);
    assert_int_equal(header_of(&pair->b.frame).sequence, 0);
    assert_int_equal(header_of(&pair->b.frame).acknowledged, 1);
    carry(&pair->b, &pair->a, 200);
    assert_int_equal(gdn__channel_deadline(&pair->a.channel), 200 + GDN__WINDOW_ASK_US);
    assert_true(gdn__channel_deadline(&pair->b.channel) == INT64_MAX);
}

static void records_that_go_back_acknowledge(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    number_message(&pair->b, 0);
    assert_true(pack(&pair->b, 1));
    assert_int_equal(header_of(&pair->b.frame).acknowledged, 1);
    assert_int_equal(type_of(&pair->b.frame), GDN__PAYLOAD);
    assert_false(pack(&pair->b, 1 + GDN__ACK_DELAY_US));
}

/* Else a fast sender would fill its window while the receiver waits for its timer. */
static void many_records_are_acknowledged_at_once(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < GDN__ACK_EVERY; i++) number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    assert_true(pack(&pair->b, 0));
    assert_int_equal(header_of(&pair->b.frame).acknowledged, GDN__ACK_EVERY);
}

static void what_was_taken_is_told_too(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    number_message(&pair->a, 0);
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 2);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    assert_true(pack(&pair->b, GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, GDN__ACK_DELAY_US);
    /* It has arrived, but the room in the inbox is still in use. */
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 2);
    gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 10000);
    assert_int_equal(gdn__channel_deadline(&pair->b.channel), 10000 + GDN__ACK_DELAY_US);
    assert_true(pack(&pair->b, 10000 + GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, 20000);
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 1);
}

/* Else one lost frame would leave the sender's window full for ever: when all is acknowledged,
 * nothing else is resent that would bring the word again. */
static void a_lost_word_of_taking_is_asked_for(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    assert_true(pack(&pair->b, GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, 10000);
    gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 20000);
    assert_true(pack(&pair->b, 20000 + GDN__ACK_DELAY_US)); /* Lost. */
    int64_t now_us = gdn__channel_deadline(&pair->a.channel);
    assert_int_equal(now_us, 10000 + GDN__WINDOW_ASK_US);
    gdn__channel_passed(&pair->a.channel, now_us);
    assert_true(gdn__channel_wants_to_send(&pair->a.channel, now_us));
    assert_true(pack(&pair->a, now_us));
    assert_false(pack(&pair->a, now_us));
    carry(&pair->a, &pair->b, now_us);
    assert_int_equal(pair->b.delivered, 1); /* The question is no record. */
    assert_true(pack(&pair->b, now_us));
    carry(&pair->b, &pair->a, now_us);
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 0);
    assert_true(gdn__channel_deadline(&pair->a.channel) == INT64_MAX);
}

static void many_that_were_taken_are_told_at_once(void **state)
{
    struct pair *pair = *state;
    const int many = GDN__WINDOW_DEFAULT / GDN__ACK_PARTS;
    for (int i = 0; i <= many; i++) number_message(&pair->a, 0);
    while (pack(&pair->a, 0)) carry(&pair->a, &pair->b, 0);
    assert_true(pack(&pair->b, 0));
    for (int i = 1; i < many; i++) gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 1);
    assert_false(pack(&pair->b, 1));
    gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 1);
    assert_true(pack(&pair->b, 1));
    assert_int_equal(header_of(&pair->b.frame).taken, many);
}

/* While more waits to be taken, a batch is told of as one; who has taken all tells sooner. */
static void who_has_taken_all_tells_sooner(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < GDN__ACK_TAKEN; i++) number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    for (int i = 1; i < GDN__ACK_TAKEN; i++) {
        gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 1);
    }
    assert_false(pack(&pair->b, 1));
    gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 1);
    assert_true(pack(&pair->b, 1));
    assert_int_equal(header_of(&pair->b.frame).taken, GDN__ACK_TAKEN);
}

/* Our word was lost, or the frame was duplicated: without a new word the sender goes on. */
static void a_repeat_is_dropped_and_acknowledged_again(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    carry(&pair->a, &pair->b, 0);
    assert_true(pack(&pair->b, GDN__ACK_DELAY_US));
    carry(&pair->a, &pair->b, 9000);
    assert_int_equal(pair->b.delivered, 1);
    assert_true(pack(&pair->b, 9000));
    assert_int_equal(header_of(&pair->b.frame).acknowledged, 1);
}

/* A peer that acknowledges or takes what it was never sent is wrong or hostile. */
static void a_word_about_records_never_sent_is_ignored(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    struct gdn__header header = {.acknowledged = 2, .taken = 2};
    gdn__channel_heard(&pair->a.channel, &header, 1);
    header = (struct gdn__header){.acknowledged = UINT64_MAX, .taken = UINT64_MAX};
    gdn__channel_heard(&pair->a.channel, &header, 1);
    assert_int_equal(pair->a.channel.acknowledged, 0);
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 1);
    assert_int_equal(gdn__channel_deadline(&pair->a.channel), GDN__RESEND_US);
}

/* Frames of two connections mix: an old word may come after a newer one. */
static void an_old_word_takes_nothing_back(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 5; i++) number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    struct gdn__header header = {.acknowledged = 4, .taken = 3};
    gdn__channel_heard(&pair->a.channel, &header, 1);
    header = (struct gdn__header){.acknowledged = 2, .taken = 1};
    gdn__channel_heard(&pair->a.channel, &header, 2);
    assert_int_equal(pair->a.channel.acknowledged, 4);
    assert_int_equal(gdn__channel_in_flight(&pair->a.channel), 2);
}

/* ---- Windows ---- */

static void a_window_has_room_for_so_many_messages_and_bytes(void **state)
{
    struct pair *pair = *state;
    struct gdn__channel *channel = &pair->a.channel;
    gdn__channel_agree(channel, &(struct gdn__channel_limits){INT64_MAX, 3, 100});
    assert_true(gdn__channel_has_room(channel, 100));
    assert_false(gdn__channel_has_room(channel, 101));
    number_message(&pair->a, 0);
    assert_true(gdn__channel_has_room(channel, 100 - MESSAGE_BYTES));
    assert_false(gdn__channel_has_room(channel, 101 - MESSAGE_BYTES));
    number_message(&pair->a, 0);
    number_message(&pair->a, 0);
    assert_false(gdn__channel_has_room(channel, 0));
    while (pack(&pair->a, 0)) carry(&pair->a, &pair->b, 0);
    gdn__channel_took(&pair->b.channel, MESSAGE_BYTES, 0);
    assert_true(pack(&pair->b, GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, GDN__ACK_DELAY_US);
    assert_true(gdn__channel_has_room(channel, 100 - 2 * MESSAGE_BYTES));
    assert_false(gdn__channel_has_room(channel, 101 - 2 * MESSAGE_BYTES));
}

/* One that sends more than it was told is found out, and nothing else is taken for it. */
static void what_exceeds_the_window_is_noticed(void **state)
{
    struct pair *pair = *state;
    struct gdn__channel *channel = &pair->b.channel;
    channel->ours.window = 2;
    channel->ours.window_bytes = 100;
    gdn__channel_arrived(channel, 90);
    assert_true(gdn__channel_may_arrive(channel, 10));
    assert_false(gdn__channel_may_arrive(channel, 11));
    gdn__channel_arrived(channel, 10);
    assert_false(gdn__channel_may_arrive(channel, 0));
    gdn__channel_took(channel, 90, 0);
    assert_true(gdn__channel_may_arrive(channel, 90));
}

/* What always fits (a release, say) may pass the window; then the rest waits until it is taken. */
static void a_window_that_is_exceeded_by_what_always_fits_is_full(void **state)
{
    struct pair *pair = *state;
    gdn__channel_agree(&pair->a.channel, &(struct gdn__channel_limits){INT64_MAX, 9, 10});
    number_message(&pair->a, 0);
    number_message(&pair->a, 0);
    assert_false(gdn__channel_has_room(&pair->a.channel, 0));
}

/* ---- Resending ---- */

/* The last record of a burst has none behind it that would show the gap: only a timer finds it. */
static void silence_brings_a_probe_that_doubles_its_pause(void **state)
{
    struct pair *pair = *state;
    int64_t now_us = 0, pause_us = GDN__RESEND_US;
    number_message(&pair->a, GDN__FRAME_BYTES_SOFT);
    number_message(&pair->a, GDN__FRAME_BYTES_SOFT);
    while (pack(&pair->a, 0)) continue;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(gdn__channel_deadline(&pair->a.channel), now_us + pause_us);
        gdn__channel_passed(&pair->a.channel, now_us + pause_us - 1);
        assert_false(pack(&pair->a, now_us + pause_us - 1));
        now_us += pause_us;
        gdn__channel_passed(&pair->a.channel, now_us);
        /* One frame only, however much there is: the peer may be gone. */
        assert_true(pack(&pair->a, now_us));
        assert_int_equal(header_of(&pair->a.frame).sequence, 1);
        assert_false(pack(&pair->a, now_us));
        assert_false(gdn__channel_wants_to_send(&pair->a.channel, now_us));
        pause_us = pause_us * 2 > GDN__RESEND_MAX_US ? GDN__RESEND_MAX_US : pause_us * 2;
    }
    /* An answer lets the rest go. */
    carry(&pair->a, &pair->b, now_us);
    assert_true(pack(&pair->b, now_us + GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, now_us);
    assert_true(pack(&pair->a, now_us));
    assert_int_equal(header_of(&pair->a.frame).sequence, 2);
    assert_int_equal(gdn__channel_deadline(&pair->a.channel), now_us + GDN__RESEND_US);
    carry(&pair->a, &pair->b, now_us);
    assert_int_equal(pair->b.delivered, 2);
    /* And the pauses are short again. */
    gdn__channel_passed(&pair->a.channel, now_us + GDN__RESEND_US);
    assert_int_equal(gdn__channel_deadline(&pair->a.channel), now_us + 3 * GDN__RESEND_US);
}

/* What is numbered while a probe is out waits too, and goes with the answer. */
static void nothing_follows_a_probe_until_it_is_answered(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    gdn__channel_passed(&pair->a.channel, GDN__RESEND_US);
    assert_true(pack(&pair->a, GDN__RESEND_US));
    number_message(&pair->a, 0);
    assert_false(pack(&pair->a, GDN__RESEND_US + 1));
    carry(&pair->a, &pair->b, GDN__RESEND_US + 2);
    assert_true(pack(&pair->b, GDN__RESEND_US + 2 + GDN__ACK_DELAY_US));
    carry(&pair->b, &pair->a, GDN__RESEND_US + 3 + GDN__ACK_DELAY_US);
    assert_true(pack(&pair->a, GDN__RESEND_US + 3 + GDN__ACK_DELAY_US));
    assert_int_equal(header_of(&pair->a.frame).sequence, 2);
}

/* A gap: FIFO is restored by asking for what is missing, but not once for each early frame. */
static void an_early_record_is_dropped_and_asked_for_once_in_a_pause(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0)); /* Lost. */
    for (int i = 0; i < 3; i++) {
        number_message(&pair->a, 0);
        assert_true(pack(&pair->a, 0));
        carry(&pair->a, &pair->b, 10);
    }
    assert_int_equal(pair->b.delivered, 0);
    assert_true(pack(&pair->b, 10));
    assert_int_equal(type_of(&pair->b.frame), GDN__NACK);
    assert_int_equal(header_of(&pair->b.frame).acknowledged, 0);
    assert_false(pack(&pair->b, 10));
    carry(&pair->a, &pair->b, 9 + GDN__NACK_PAUSE_US);
    assert_false(pack(&pair->b, 9 + GDN__NACK_PAUSE_US));

    carry(&pair->b, &pair->a, 20);
    assert_true(pack(&pair->a, 20));
    assert_int_equal(header_of(&pair->a.frame).sequence, 1);
    assert_int_equal(header_of(&pair->a.frame).count, 4);
    carry(&pair->a, &pair->b, 30);
    assert_int_equal(pair->b.delivered, 4);
}

/* The answer to the first sending may come after we went back to send again. */
static void an_answer_that_overtakes_the_resending_moves_it_on(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 3; i++) number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    gdn__channel_go_back(&pair->a.channel);
    struct gdn__header header = {.acknowledged = 2};
    gdn__channel_heard(&pair->a.channel, &header, 1);
    assert_true(pack(&pair->a, 2));
    assert_int_equal(header_of(&pair->a.frame).sequence, 3);
    assert_int_equal(header_of(&pair->a.frame).count, 1);
}

static void a_record_that_could_not_be_kept_comes_again(void **state)
{
    struct pair *pair = *state;
    number_message(&pair->a, 0);
    number_message(&pair->a, 0);
    assert_true(pack(&pair->a, 0));
    receive(&pair->b, pair->a.frame.bytes, pair->a.frame.length, 0, true);
    assert_int_equal(pair->b.delivered, 0);
    assert_true(pack(&pair->b, GDN__ACK_DELAY_US));
    assert_int_equal(header_of(&pair->b.frame).acknowledged, 0);
    carry(&pair->b, &pair->a, GDN__ACK_DELAY_US);
    gdn__channel_passed(&pair->a.channel, GDN__RESEND_US);
    assert_true(pack(&pair->a, GDN__RESEND_US));
    carry(&pair->a, &pair->b, GDN__RESEND_US);
    assert_int_equal(pair->b.delivered, 2);
}

/* ---- Memory ---- */

static void a_record_without_memory_is_not_numbered(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__channel channel;
    struct gdn__channel_limits limits = gdn__channel_limits_of(0, 0, 0);
    gdn__channel_init(&channel, &allocator, &limits, 0);
    assert_false(gdn__channel_reserve(&channel, 64));
    gdn__put_u64(gdn__channel_begin(&channel, GDN__PAYLOAD), 1);
    assert_false(gdn__channel_end(&channel));
    assert_int_equal(channel.next, 1);
    assert_false(gdn__channel_wants_to_send(&channel, 0));

    faulty.allowed = 1;
    assert_true(gdn__channel_reserve(&channel, 64));
    gdn__put_u64(gdn__channel_begin(&channel, GDN__PAYLOAD), 1);
    assert_true(gdn__channel_end(&channel));
    assert_int_equal(channel.next, 2);
    gdn__channel_fini(&channel);
    assert_int_equal(faulty.live, 0);
}

/* A frame for which there was no memory must not wait for the next one to be noticed: the peer may
 * be waiting for just this. */
static void a_frame_without_memory_is_tried_again_by_the_timer(void **state)
{
    struct pair *pair = *state;
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__buffer out;
    gdn__buffer_init(&out, &allocator);
    number_message(&pair->a, 0);
    assert_false(gdn__channel_pack(&pair->a.channel, &nobody, 50, &out));
    assert_int_equal(out.length, 0);
    assert_false(out.failed);
    assert_true(gdn__channel_deadline(&pair->a.channel) <= 50 + GDN__RESEND_US);
    gdn__channel_passed(&pair->a.channel, 50 + GDN__RESEND_US);
    assert_true(pack(&pair->a, 50 + GDN__RESEND_US));
    carry(&pair->a, &pair->b, 50 + GDN__RESEND_US);
    assert_int_equal(pair->b.delivered, 1);
    gdn__buffer_fini(&out);
}

static void a_request_for_what_is_missing_survives_a_lack_of_memory(void **state)
{
    struct pair *pair = *state;
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__buffer out;
    gdn__buffer_init(&out, &allocator);
    assert_false(gdn__channel_accept(&pair->b.channel, 2, 0));
    assert_false(gdn__channel_pack(&pair->b.channel, &nobody, 0, &out));
    assert_true(pack(&pair->b, 0));
    assert_int_equal(type_of(&pair->b.frame), GDN__NACK);
    gdn__buffer_fini(&out);
}

/* What was acknowledged is given back while the channel lives, not when it ends. */
static void acknowledged_records_take_no_memory(void **state)
{
    struct pair *pair = *state;
    for (int64_t i = 0; i < 20000; i++) {
        number_message(&pair->a, 100);
        assert_true(pack(&pair->a, i));
        carry(&pair->a, &pair->b, i);
        if (!pack(&pair->b, i)) continue;
        carry(&pair->b, &pair->a, i);
    }
    assert_int_equal(pair->b.delivered, 20000);
    assert_true(pair->a.channel.retained.capacity < 6 * GDN__ACK_EVERY * 108);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_share_a_frame),
        TEST(a_frame_ends_at_the_soft_limit),
        TEST(a_frame_holds_no_more_records_than_its_maximum),
        TEST(an_acknowledgement_waits_for_company),
        TEST(records_that_go_back_acknowledge),
        TEST(many_records_are_acknowledged_at_once),
        TEST(what_was_taken_is_told_too),
        TEST(a_lost_word_of_taking_is_asked_for),
        TEST(many_that_were_taken_are_told_at_once),
        TEST(a_repeat_is_dropped_and_acknowledged_again),
        TEST(a_word_about_records_never_sent_is_ignored),
        TEST(an_old_word_takes_nothing_back),
        TEST(a_window_has_room_for_so_many_messages_and_bytes),
        TEST(what_exceeds_the_window_is_noticed),
        TEST(a_window_that_is_exceeded_by_what_always_fits_is_full),
        TEST(silence_brings_a_probe_that_doubles_its_pause),
        TEST(nothing_follows_a_probe_until_it_is_answered),
        TEST(an_early_record_is_dropped_and_asked_for_once_in_a_pause),
        TEST(an_answer_that_overtakes_the_resending_moves_it_on),
        TEST(a_record_that_could_not_be_kept_comes_again),
        cmocka_unit_test(a_record_without_memory_is_not_numbered),
        TEST(a_frame_without_memory_is_tried_again_by_the_timer),
        TEST(a_request_for_what_is_missing_survives_a_lack_of_memory),
        TEST(acknowledged_records_take_no_memory),
        TEST(who_has_taken_all_tells_sooner),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
