/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets lost and connections reset by a network between two machines: the detector, n1 and n2 on
 * one side, n3 on the other. Where no network namespaces can be made these are skipped, and
 * test_links and test_traffic, through the proxy, have to do. */
#include "tests/support/network.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES     3
#define HITS      6    /* Packets that a fault must hit before it ends. */
#define MESSAGES  3000 /* That must arrive after it. */
#define TIMES     2
#define GLANCE_MS 20

static struct network network;
static const char *no_network; /* Why there is none. */

static int setup(void **state)
{
    if (stage_setup(state) != 0) return -1;
    if (network_make(&network, &no_network)) network_enter(&network, 0);
    return 0;
}

static int teardown(void **state)
{
    int failed = stage_teardown(state);
    network_leave(&network);
    return failed;
}

static void skip_without_network(void)
{
    if (network.home >= 0) return;
    print_message("%s\n", no_network);
    skip();
}

static void start_node(struct stage *stage, int index, const char *words)
{
    static const int sides[NODES] = {0, 0, 1};
    char name[16], bind[64], err[PROGRAM_PATH_BYTES], all[PUPPET_LINE_BYTES];
    const char *detector = stage->detectors[0]->endpoint;
    (void)snprintf(name, sizeof name, "n%d", index + 1);
    (void)snprintf(bind, sizeof bind, "tcp://%s:*", network_address(sides[index]));
    (void)snprintf(all, sizeof all, "allow_remote=1 %s %s%s", words,
                   detector[0] != '\0' ? "detector=" : "", detector);
    network_enter(&network, sides[index]);
    puppet_start(&stage->puppets[index], name, bind, stage_path(stage, name, err), all);
    network_enter(&network, 0);
}

static void start_nodes(struct stage *stage, const char *words)
{
    for (int i = 0; i < NODES; i++) start_node(stage, i, words);
    for (int i = 0; i < NODES; i++) {
        for (int k = 0; k < i; k++) puppet_join(&stage->puppets[i], &stage->puppets[k]);
    }
}

static const struct watched *start_detector(struct stage *stage, const char *words)
{
    char all[256];
    (void)snprintf(all, sizeof all, "--bind tcp://%s:7400 --allow-remote %s", network_address(0),
                   words);
    return stage_detector(stage, 0, all);
}

/* Wait until the fault has hit so many packets. */
static void await_hits(uint64_t wanted)
{
    int64_t deadline_ms = stage_now_ms() + PUPPET_LONG_MS;
    while (network_hits(&network) < wanted) {
        if (stage_now_ms() > deadline_ms) fail_msg("the fault hits nothing");
        (void)poll(NULL, 0, GLANCE_MS);
    }
}

/* Wait until so many more payloads and requests have arrived at @p puppet. */
static void await_arrivals(struct puppet *puppet, uint64_t more)
{
    int64_t deadline_ms = stage_now_ms() + PUPPET_LONG_MS;
    uint64_t before = puppet_number(puppet, "totals", "arrived");
    while (puppet_number(puppet, "totals", "arrived") < before + more) {
        if (stage_now_ms() > deadline_ms) fail_msg("nothing arrives at %s", puppet->name);
        (void)poll(NULL, 0, GLANCE_MS);
    }
}

/* Traffic between n1 and n3, through a fault that comes and goes. */
static void expect_nothing_lost(struct stage *stage, enum network_fault fault)
{
    static const char *const none[] = {"lost", "repeated", "reordered", "damaged", "reopened"};
    struct puppet *n1 = &stage->puppets[0], *n3 = &stage->puppets[2];
    start_node(stage, 0, "");
    start_node(stage, 2, "");
    puppet_join(n1, n3);
    (void)puppet_ask(n1, "traffic fresh 1 n3");
    (void)puppet_ask(n3, "traffic fresh 3 n1");
    (void)puppet_ask(n1, "flow");
    (void)puppet_ask(n3, "flow");
    for (int i = 0; i < TIMES; i++) {
        await_arrivals(n1, MESSAGES);
        network_spoil(&network, fault);
        await_hits(HITS);
        if (fault == NETWORK_LOSS) await_arrivals(n3, MESSAGES); /* Lossy, but not cut. */
        network_heal(&network);
        await_arrivals(n3, MESSAGES);
    }
    (void)puppet_ask(n1, "halt");
    (void)puppet_ask(n3, "halt");
    (void)puppet_await(n1, "settled");
    (void)puppet_await(n3, "settled");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(puppet_number(n1, "totals", none[i]), 0);
        assert_int_equal(puppet_number(n3, "totals", none[i]), 0);
    }
    puppet_await_number(n1, "status", "resources", 0);
    puppet_await_number(n3, "status", "resources", 0);
    uint64_t sent = puppet_number(n1, "status", "sent") + puppet_number(n3, "status", "sent");
    assert_int_equal(puppet_number(n1, "status", "taken") + puppet_number(n3, "status", "taken"),
                     sent);
}

static void packets_dropped_in_silence_lose_nothing(void **state)
{
    skip_without_network();
    expect_nothing_lost(*state, NETWORK_DROP);
}

static void connections_that_are_reset_lose_nothing(void **state)
{
    skip_without_network();
    expect_nothing_lost(*state, NETWORK_RESET);
}

static void random_loss_both_ways_loses_nothing(void **state)
{
    skip_without_network();
    expect_nothing_lost(*state, NETWORK_LOSS);
}

/* n3 is out of reach. The round ends without it and says so, the deadlock of the others is found,
 * and with the network everything comes back by itself. */
static void a_partition_hides_no_deadlock_and_heals(void **state)
{
    struct stage *stage = *state;
    struct puppet *n1 = &stage->puppets[0], *n3 = &stage->puppets[2];
    skip_without_network();
    const struct watched *detector =
        start_detector(stage, "--period 20 --deadline 200 --silence 1500");
    start_nodes(stage, "silence_ms=1500");
    stage_await_nodes(detector, NODES);
    json_decref(stage_await_round(detector, true));
    network_spoil(&network, NETWORK_DROP);
    json_t *round = stage_await_round(detector, false);
    const char *missing = json_string_value(json_array_get(json_object_get(round, "missing"), 0));
    assert_non_null(missing);
    assert_string_equal(missing, "n3");
    json_decref(round);
    stage_make_ring(n1, &stage->puppets[1]);
    watched_await_event(detector, "deadlock");
    (void)puppet_await(n1, "lost n3");
    (void)puppet_await(n3, "lost n1");
    stage_await_nodes(detector, 2);
    network_heal(&network);
    stage_await_nodes(detector, NODES);
    json_decref(stage_await_round(detector, true));
    (void)puppet_ask(n1, "await n3");
    (void)puppet_ask(n3, "await n1");
    (void)puppet_ask(n3, "lock T3 C n1");
    (void)puppet_await(n3, "granted T3 C");
    assert_int_equal(stage_events(detector, "deadlock", NULL, NULL), 1);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        RUN(packets_dropped_in_silence_lose_nothing),
        RUN(connections_that_are_reset_lose_nothing),
        RUN(random_loss_both_ways_loses_nothing),
        RUN(a_partition_hides_no_deadlock_and_heals),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
