/* SPDX-License-Identifier: MIT */
/* Frames that are lost, repeated and overtaken. Each line printed is the command that replays its
 * run; the last one before a failure is the one that failed. */
#include "channel_fixture.h"

struct flying {
    int64_t arrives_us;
    bool to_b;
    uint8_t *bytes;
    size_t length;
};

struct network {
    uint64_t seed;
    int64_t now_us;
    uint32_t loss, repetition, refusal; /* Of 100. */
    uint32_t jitter_us;
    struct flying *flying;
    size_t count, capacity;
    uint64_t carried;
};

static bool happens(struct network *network, uint32_t of_100)
{
    return below(&network->seed, 100) < of_100;
}

static void launch(struct network *network, const struct gdn__buffer *frame, bool to_b)
{
    if (happens(network, network->loss)) return;
    for (int copies = happens(network, network->repetition) ? 2 : 1; copies > 0; copies--) {
        struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
        assert_true(gdn__grow(&allocator, &network->flying, network->count, &network->capacity,
                              sizeof *network->flying));
        struct flying *new = &network->flying[network->count++];
        *new = (struct flying){.arrives_us =
                                   network->now_us + below(&network->seed, network->jitter_us + 1),
                               .to_b = to_b,
                               .bytes = malloc(frame->length),
                               .length = frame->length};
        assert_non_null(new->bytes);
        memcpy(new->bytes, frame->bytes, frame->length);
    }
}

static void send_all(struct network *network, struct end_of_pair *end, bool to_b)
{
    bool wants = gdn__channel_wants_to_send(&end->channel, network->now_us);
    bool sent = false;
    while (pack(end, network->now_us)) {
        sent = true;
        launch(network, &end->frame, to_b);
    }
    assert_true(sent == wants);
    assert_false(gdn__channel_wants_to_send(&end->channel, network->now_us));
}

static void land(struct network *network, struct pair *pair)
{
    for (size_t i = 0; i < network->count;) {
        struct flying landed = network->flying[i];
        if (landed.arrives_us > network->now_us) {
            i++;
            continue;
        }
        network->flying[i] = network->flying[--network->count];
        network->carried++;
        receive(landed.to_b ? &pair->b : &pair->a, landed.bytes, landed.length, network->now_us,
                happens(network, network->refusal));
        free(landed.bytes);
    }
}

static void take_some(struct network *network, struct end_of_pair *end, bool all)
{
    while (end->taken < end->delivered && (all || happens(network, 70))) {
        end->taken++;
        gdn__channel_took(&end->channel, end->sizes[end->taken % SIZES], network->now_us);
    }
}

/* What must hold at every moment: counters of the one side never run ahead of the other's. */
static void check_counters(const struct end_of_pair *sender, const struct end_of_pair *receiver)
{
    assert_true(sender->channel.acknowledged <= receiver->delivered);
    assert_true(receiver->delivered < sender->channel.next);
    assert_true(receiver->channel.expected == receiver->delivered + 1);
    assert_true(sender->channel.peer_taken <= receiver->taken);
    assert_true(gdn__channel_in_flight(&sender->channel) >= sender->numbered - receiver->taken);
}

static void step(struct network *network, struct pair *pair)
{
    land(network, pair);
    gdn__channel_passed(&pair->a.channel, network->now_us);
    gdn__channel_passed(&pair->b.channel, network->now_us);
    send_all(network, &pair->a, true);
    send_all(network, &pair->b, false);
    check_counters(&pair->a, &pair->b);
    check_counters(&pair->b, &pair->a);
}

/* To the next thing that will happen by itself; false when nothing will. */
static bool advance(struct network *network, const struct pair *pair)
{
    int64_t next_us = gdn__channel_deadline(&pair->a.channel);
    int64_t other_us = gdn__channel_deadline(&pair->b.channel);
    if (other_us < next_us) next_us = other_us;
    for (size_t i = 0; i < network->count; i++) {
        if (network->flying[i].arrives_us < next_us) next_us = network->flying[i].arrives_us;
    }
    if (next_us == INT64_MAX) return false;
    if (next_us > network->now_us) network->now_us = next_us;
    return true;
}

static void expect_quiet(const struct end_of_pair *sender, const struct end_of_pair *receiver)
{
    assert_true(receiver->delivered == sender->numbered);
    assert_true(sender->channel.acknowledged == sender->numbered);
    assert_true(sender->channel.retained.length == sender->channel.retained_at);
    assert_true(sender->channel.peer_taken == receiver->taken);
    assert_true(sender->channel.peer_taken_bytes == sender->channel.bytes_sent);
    assert_true(receiver->channel.bytes_arrived == sender->channel.bytes_sent);
    assert_true(gdn__channel_unacknowledged(&sender->channel) == 0);
    assert_true(gdn__channel_in_flight(&sender->channel) == 0);
}

/* Each side has its own; a channel runs by the smaller. */
static void choose_windows(struct network *network, struct pair *pair)
{
    struct gdn__channel *a = &pair->a.channel, *b = &pair->b.channel;
    a->ours.window = 1 + below(&network->seed, 200);
    b->ours.window = 1 + below(&network->seed, 200);
    a->ours.window_bytes = 1024 + below(&network->seed, 500000);
    b->ours.window_bytes = 1024 + below(&network->seed, 500000);
    pair->a.windowed = pair->b.windowed = true;
    gdn__channel_agree(a, &b->ours);
    gdn__channel_agree(b, &a->ours);
}

/* One life of a pair: a while of traffic and faults, then the faults end and all must arrive. */
static void live_once(uint64_t seed)
{
    void *state;
    (void)pair_setup(&state);
    struct pair *pair = state;
    struct network network = {.seed = seed};
    network.loss = below(&network.seed, 50);
    network.repetition = below(&network.seed, 40);
    network.refusal = below(&network.seed, 10);
    network.jitter_us = below(&network.seed, 4) == 0 ? 0 : below(&network.seed, 100000);
    uint32_t large = below(&network.seed, 5);
    choose_windows(&network, pair);
    for (int i = 0; i < 300; i++) {
        for (uint32_t n = below(&network.seed, 4); n > 0; n--) {
            struct end_of_pair *end = happens(&network, 50) ? &pair->a : &pair->b;
            size_t more =
                happens(&network, large) ? below(&network.seed, 80000) : below(&network.seed, 50);
            if (!gdn__channel_has_room(&end->channel, MESSAGE_BYTES + more)) continue;
            number_message(end, more);
        }
        take_some(&network, &pair->a, false);
        take_some(&network, &pair->b, false);
        if (happens(&network, 50)) {
            network.now_us += below(&network.seed, 20000);
        } else {
            (void)advance(&network, pair);
        }
        step(&network, pair);
    }
    network.loss = network.repetition = network.refusal = 0;
    int64_t faults_end_us = network.now_us;
    do {
        step(&network, pair);
        take_some(&network, &pair->a, true);
        take_some(&network, &pair->b, true);
    } while (advance(&network, pair));
    expect_quiet(&pair->a, &pair->b);
    expect_quiet(&pair->b, &pair->a);
    /* The longest pause between probes, and a few round trips. */
    assert_true(network.now_us - faults_end_us < GDN__RESEND_MAX_US + 2 * GDN__WINDOW_ASK_US);
    free(network.flying);
    (void)pair_teardown(&state);
}

static void every_record_arrives_once_and_in_order_whatever_the_network_does(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 60);
    for (uint64_t run = 0; run < runs; run++) {
        print_message("GDN_SEED=%llu GDN_RUNS=1 build/tests/unit/test_channel_faults\n",
                      (unsigned long long)(seed + run));
        live_once(seed + run);
    }
}

/* Resending must cost nothing where nothing is lost. */
static void nothing_is_sent_twice_when_nothing_is_lost(void **state)
{
    struct pair *pair = *state;
    struct network network = {.seed = 5, .jitter_us = 0};
    uint64_t frames = 0;
    for (int i = 0; i < 1000; i++) {
        number_message(&pair->a, 10);
        send_all(&network, &pair->a, true);
        frames++;
        network.now_us += 100;
        step(&network, pair);
        take_some(&network, &pair->b, true);
    }
    while (advance(&network, pair)) step(&network, pair);
    expect_quiet(&pair->a, &pair->b);
    uint64_t answers = network.carried - frames;
    /* One for every 5 ms, or for so many records, or for so many taken. */
    assert_true(answers <= 1000 * 100 / (uint64_t)GDN__ACK_DELAY_US + 1000 / GDN__ACK_EVERY +
                               1000 / GDN__ACK_TAKEN + 2);
    free(network.flying);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_arrives_once_and_in_order_whatever_the_network_does),
        TEST(nothing_is_sent_twice_when_nothing_is_lost),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
