/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traffic over bad links: nodes that send each other numbered payloads and lock messages as fast
 * as they can, while connections are cut, stalled, swallowed, delayed, throttled and refused, nodes
 * hang and the detector is killed. Nothing is lost, repeated or reordered; rounds go on.
 *
 * Short by default. `make campaign` runs it long; GDN_TRAFFIC_MESSAGES, GDN_TRAFFIC_FAULTS and
 * GDN_TRAFFIC_SEED say how long and which. */
#include "tests/support/ports.h"
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES              4
#define MESSAGES           200000
#define FAULTS             60
#define AT_ONCE            8    /* Faults under way. */
#define LOOK_MS            50   /* Between two looks at the counts. */
#define MESSAGES_PER_S_MIN 2000 /* Slower than that is stuck. */
#define SPARE_MS           60000
#define DETECTOR_GATE      0
#define FIRST_NODE_GATE    1

/* What the proxy cannot do. */
enum { HANG = PROXY_KINDS, DETECTOR_KILLED, KINDS };

struct campaign {
    struct stage *stage;
    uint64_t messages_wanted, faults_wanted;
    uint64_t random;
    uint64_t begun, over[KINDS], messages;
    uint64_t in_vain; /* There was nothing to spoil. */
    unsigned under_way;
    int hung; /* Node, or -1. */
    int64_t hung_until_ms, began_ms, deadline_ms;
    long rss_idle_kb, rss_early_kb, rss_end_kb; /* Of the largest node. */
    char detector_words[256];
};

static uint64_t next_random(struct campaign *campaign)
{
    campaign->random ^= campaign->random << 13;
    campaign->random ^= campaign->random >> 7;
    campaign->random ^= campaign->random << 17;
    return campaign->random;
}

/* From @p low to @p high. */
static uint32_t between(struct campaign *campaign, uint32_t low, uint32_t high)
{
    return low + (uint32_t)((next_random(campaign) >> 20) % (high - low + 1));
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* ---- Setting up ---- */

static void start_detector(struct campaign *campaign)
{
    struct stage *stage = campaign->stage;
    assert_true(proxy_start(&stage->proxy));
    int port = port_free();
    int gate = proxy_open_gate(&stage->proxy, port);
    (void)snprintf(campaign->detector_words, sizeof campaign->detector_words,
                   "--bind tcp://127.0.0.1:%d --advertise tcp://127.0.0.1:%d --period 20 "
                   "--deadline 500",
                   port, gate);
    (void)stage_detector(stage, 0, campaign->detector_words);
}

static void start_traffic(struct campaign *campaign)
{
    struct puppet *puppets = campaign->stage->puppets;
    for (int i = 0; i < NODES; i++) {
        char others[64] = "";
        for (int k = 0; k < NODES; k++) {
            if (k == i) continue;
            size_t used = strlen(others);
            (void)snprintf(others + used, sizeof others - used, " n%d", k + 1);
        }
        (void)puppet_ask(&puppets[i], "traffic fresh %" PRIu64 "%s",
                         next_random(campaign) % 1000000, others);
    }
    for (int i = 0; i < NODES; i++) (void)puppet_ask(&puppets[i], "flow");
}

/* ---- Faults ---- */

static void choose_cut(struct campaign *campaign, struct proxy_fault *fault)
{
    fault->for_ms = 500;
    switch (between(campaign, 0, 5)) {
    case 0: /* In the greeting, or the handshake behind it. */
        fault->which = PROXY_NEXT;
        fault->from_node = between(campaign, 0, 1) == 1;
        fault->after_bytes = between(campaign, 0, 130);
        return;
    case 1:
        fault->after_bytes = between(campaign, 0, 300);
        return;
    default:
        fault->after_bytes = between(campaign, 0, 300000);
    }
}

static struct proxy_fault choose_fault(struct campaign *campaign, enum proxy_kind kind)
{
    struct proxy_fault fault = {.kind = kind,
                                .gate = (int)between(campaign, 0, NODES),
                                .which = between(campaign, 0, 1000),
                                .for_ms = between(campaign, 20, 300)};
    switch (kind) {
    case PROXY_FIN:
    case PROXY_RESET:
        choose_cut(campaign, &fault);
        break;
    case PROXY_DELAY:
        fault.amount = between(campaign, 1, 30);
        break;
    case PROXY_THROTTLE:
        fault.amount = between(campaign, 50, 1000);
        break;
    case PROXY_STALL:
    case PROXY_SWALLOW:
    case PROXY_REFUSE:
    case PROXY_KINDS:
        break;
    }
    return fault;
}

static void begin_hang(struct campaign *campaign)
{
    if (campaign->hung >= 0) return;
    campaign->hung = (int)between(campaign, 0, NODES - 1);
    campaign->hung_until_ms = stage_now_ms() + between(campaign, 20, 300);
    campaign->begun++;
    puppet_signal(&campaign->stage->puppets[campaign->hung], SIGSTOP);
}

static void end_hang(struct campaign *campaign)
{
    if (campaign->hung < 0) return;
    puppet_signal(&campaign->stage->puppets[campaign->hung], SIGCONT);
    campaign->hung = -1;
    campaign->over[HANG]++;
}

/* Locks are granted at once here: whatever deadlock it reports is none. */
static void expect_no_phantom(const struct campaign *campaign)
{
    assert_int_equal(stage_events(campaign->stage->detectors[0], "deadlock", NULL, NULL), 0);
}

static void kill_detector(struct campaign *campaign)
{
    expect_no_phantom(campaign);
    stage_kill_detector(campaign->stage, 0);
    (void)stage_detector(campaign->stage, 0, campaign->detector_words);
    campaign->begun++;
    campaign->over[DETECTOR_KILLED]++;
}

static void begin_fault(struct campaign *campaign)
{
    uint32_t choice = between(campaign, 0, 199);
    if (choice < 2) {
        kill_detector(campaign);
    } else if (choice < 22) {
        begin_hang(campaign);
    } else {
        struct proxy_fault fault = choose_fault(campaign, choice % PROXY_KINDS);
        assert_true(proxy_begin(&campaign->stage->proxy, &fault));
        campaign->begun++;
        campaign->under_way++;
    }
}

static void note_done(struct campaign *campaign, int timeout_ms)
{
    struct proxy_done done;
    while (proxy_next_done(&campaign->stage->proxy, &done, timeout_ms)) {
        campaign->under_way--;
        if (done.took_effect) {
            campaign->over[done.kind]++;
        } else {
            campaign->begun--;
            campaign->in_vain++;
        }
        timeout_ms = 0;
    }
}

/* As many as the messages so far call for, so that they spread over the whole run. */
static bool wants_fault(const struct campaign *campaign)
{
    if (campaign->under_way >= AT_ONCE || campaign->begun >= campaign->faults_wanted) return false;
    return campaign->begun * campaign->messages_wanted <=
           (campaign->messages + 1) * campaign->faults_wanted;
}

/* ---- Counting ---- */

static uint64_t sum(struct campaign *campaign, const char *question, const char *key)
{
    uint64_t total = 0;
    for (int i = 0; i < NODES; i++) {
        if (i == campaign->hung) end_hang(campaign); /* It could not answer. */
        total += puppet_number(&campaign->stage->puppets[i], question, key);
    }
    return total;
}

static long largest_rss_kb(struct campaign *campaign)
{
    long largest = 0;
    for (int i = 0; i < NODES; i++) {
        if (i == campaign->hung) end_hang(campaign);
        long now = (long)puppet_number(&campaign->stage->puppets[i], "status", "rss_kb");
        if (now > largest) largest = now;
    }
    return largest;
}

static void look(struct campaign *campaign)
{
    campaign->messages = sum(campaign, "status", "taken");
    if (campaign->rss_early_kb == 0 && campaign->messages * 10 > campaign->messages_wanted) {
        campaign->rss_early_kb = largest_rss_kb(campaign);
    }
    if (stage_now_ms() > campaign->deadline_ms) {
        fail_msg("stuck at %" PRIu64 " messages and %" PRIu64 " faults", campaign->messages,
                 campaign->begun);
    }
}

static uint64_t faults_over(const struct campaign *campaign)
{
    uint64_t total = 0;
    for (int i = 0; i < KINDS; i++) total += campaign->over[i];
    return total;
}

static void run(struct campaign *campaign)
{
    int64_t look_at_ms = 0;
    while (campaign->messages < campaign->messages_wanted ||
           faults_over(campaign) < campaign->faults_wanted) {
        if (wants_fault(campaign)) begin_fault(campaign);
        note_done(campaign, 5);
        int64_t now_ms = stage_now_ms();
        if (campaign->hung >= 0 && now_ms >= campaign->hung_until_ms) end_hang(campaign);
        if (campaign->hung >= 0 || now_ms < look_at_ms) continue;
        look(campaign);
        look_at_ms = now_ms + LOOK_MS;
    }
}

/* All is well with the links again: what was sent arrives. */
static void settle(struct campaign *campaign)
{
    struct puppet *puppets = campaign->stage->puppets;
    end_hang(campaign);
    for (int gate = 0; gate <= NODES; gate++) {
        assert_true(proxy_heal(&campaign->stage->proxy, gate));
    }
    note_done(campaign, 0);
    for (int i = 0; i < NODES; i++) (void)puppet_ask(&puppets[i], "halt");
    for (int i = 0; i < NODES; i++) (void)puppet_await(&puppets[i], "settled");
    /* The last releases bring no item: the books say that they came. */
    for (int i = 0; i < NODES; i++) puppet_await_number(&puppets[i], "status", "resources", 0);
    campaign->messages = sum(campaign, "status", "taken");
    campaign->rss_end_kb = largest_rss_kb(campaign);
}

/* ---- The table ---- */

static long long total_of(const json_t *status, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(status, "totals"), key));
}

static void print_table(struct campaign *campaign)
{
    static const char *const others[] = {"hang", "detector killed"};
    struct watched_said said = watched_ask(campaign->stage->detectors[0], "status", "-o json");
    json_t *status = json_loads(said.out, 0, NULL);
    double seconds = (double)(stage_now_ms() - campaign->began_ms) / 1000;
    print_message("messages            %10" PRIu64 "  (%.1f s)\n", campaign->messages, seconds);
    print_message("faults              %10" PRIu64 "\n", faults_over(campaign));
    for (int i = 0; i < KINDS; i++) {
        print_message("  %-17s %10" PRIu64 "\n",
                      i < PROXY_KINDS ? proxy_kind_names[i] : others[i - PROXY_KINDS],
                      campaign->over[i]);
    }
    static const char *const keys[] = {"lost", "repeated", "reordered", "damaged"};
    for (int i = 0; i < 4; i++) {
        print_message("%-19s %10" PRIu64 "\n", keys[i], sum(campaign, "totals", keys[i]));
    }
    print_message("rounds reported     %10" PRIu64 "  by nodes\n",
                  sum(campaign, "status", "reported"));
    print_message("rounds abandoned    %10" PRIu64 "  by nodes\n",
                  sum(campaign, "status", "abandoned"));
    print_message(
        "rounds finished     %10lld  by the last detector, %lld incomplete, %lld failed\n",
        total_of(status, "rounds"), total_of(status, "rounds_incomplete"),
        total_of(status, "rounds_failed"));
    print_message("resident KiB        idle %ld, at a tenth %ld, at the end %ld\n",
                  campaign->rss_idle_kb, campaign->rss_early_kb, campaign->rss_end_kb);
    json_decref(status);
    watched_forget(&said);
}

static void expect_all_well(struct campaign *campaign)
{
    static const char *const none[] = {"lost", "repeated", "reordered", "damaged", "reopened"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(sum(campaign, "totals", none[i]), 0);
    }
    uint64_t payloads = sum(campaign, "totals", "payloads");
    uint64_t requests = sum(campaign, "totals", "requests");
    assert_int_equal(sum(campaign, "totals", "arrived"), payloads + requests);
    assert_int_equal(sum(campaign, "totals", "grants"), requests);
    assert_int_equal(sum(campaign, "totals", "releases"), requests);
    assert_int_equal(sum(campaign, "status", "sent"), campaign->messages);
    assert_int_equal(campaign->messages, payloads + 3 * requests);
    assert_int_equal(sum(campaign, "status", "crossed"), 0);
    assert_int_equal(sum(campaign, "status", "granted"), 0);
    assert_true(sum(campaign, "status", "reported") > 0);
    expect_no_phantom(campaign);
}

static void bad_links_lose_repeat_and_reorder_nothing(void **state)
{
    static struct campaign campaign;
    campaign = (struct campaign){.stage = *state,
                                 .messages_wanted = number_from("GDN_TRAFFIC_MESSAGES", MESSAGES),
                                 .faults_wanted = number_from("GDN_TRAFFIC_FAULTS", FAULTS),
                                 .hung = -1,
                                 .began_ms = stage_now_ms()};
    uint64_t seed = number_from("GDN_TRAFFIC_SEED", (uint64_t)stage_now_ms() % 1000000);
    print_message("replay with GDN_TRAFFIC_SEED=%" PRIu64 "\n", seed);
    campaign.random = seed * 2 + 1;
    campaign.deadline_ms = campaign.began_ms + SPARE_MS +
                           (int64_t)(campaign.messages_wanted * 1000 / MESSAGES_PER_S_MIN);
    start_detector(&campaign);
    stage_puppets(campaign.stage, NODES, true, "");
    stage_await_nodes(campaign.stage->detectors[0], NODES);
    campaign.rss_idle_kb = largest_rss_kb(&campaign);
    start_traffic(&campaign);
    run(&campaign);
    settle(&campaign);
    /* And the detector sees everybody again. */
    json_decref(stage_await_round(campaign.stage->detectors[0], true));
    print_table(&campaign);
    expect_all_well(&campaign);
    for (int i = 0; i < NODES; i++) puppet_quit(&campaign.stage->puppets[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bad_links_lose_repeat_and_reorder_nothing, stage_setup,
                                        stage_teardown),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
