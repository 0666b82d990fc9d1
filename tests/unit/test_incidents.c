/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of deadlocks over many rounds, told as a trace. Cuts are written as JSON; the clock
 * is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "detector/cutfile/cutfile.h"
#include "detector/rounds/incidents.h"
#include "src/core/mem.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000)

struct desk {
    gdn__incidents *incidents;
    char trace[4096];
};

/* T1 and T2 each hold what the other wants; T2 is younger. */
static const char ring[] =
    "{\"format\":\"gordian-cut/1\",\"processes\":["
    "{\"process\":\"T1\",\"started\":\"2026-11-22T10:00:00Z\"},"
    "{\"process\":\"T2\",\"started\":\"2026-11-22T10:00:01Z\"}],\"nodes\":["
    "{\"node\":\"n1\",\"incarnation\":\"7\",\"resources\":[{\"resource\":\"x\",\"holders\":[{"
    "\"process\":\"T1\"}],\"queue\":[{\"process\":\"T2\",\"ticket\":\"9\",\"issuer\":\"n2\"}]}],"
    "\"waits\":[{\"process\":\"T1\",\"ticket\":\"5\",\"resource\":\"y\",\"home\":\"n2\"}]},"
    "{\"node\":\"n2\",\"incarnation\":\"8\",\"resources\":[{\"resource\":\"y\",\"holders\":[{"
    "\"process\":\"T2\"}],\"queue\":[{\"process\":\"T1\",\"ticket\":\"5\",\"issuer\":\"n1\"}]}],"
    "\"waits\":[{\"process\":\"T2\",\"ticket\":\"9\",\"resource\":\"x\",\"home\":\"n1\"}]}]}";

/* The same wait of T1, and T3 instead of T2: shares a ticket with the ring above. */
static const char next_ring[] =
    "{\"format\":\"gordian-cut/1\",\"processes\":["
    "{\"process\":\"T1\",\"started\":\"2026-11-22T10:00:00Z\"},"
    "{\"process\":\"T3\",\"started\":\"2026-11-22T10:00:02Z\"}],\"nodes\":["
    "{\"node\":\"n1\",\"incarnation\":\"7\",\"resources\":[{\"resource\":\"x\",\"holders\":[{"
    "\"process\":\"T1\"}],\"queue\":[{\"process\":\"T3\",\"ticket\":\"11\",\"issuer\":\"n2\"}]}],"
    "\"waits\":[{\"process\":\"T1\",\"ticket\":\"5\",\"resource\":\"y\",\"home\":\"n2\"}]},"
    "{\"node\":\"n2\",\"incarnation\":\"8\",\"resources\":[{\"resource\":\"y\",\"holders\":[{"
    "\"process\":\"T3\"}],\"queue\":[{\"process\":\"T1\",\"ticket\":\"5\",\"issuer\":\"n1\"}]}],"
    "\"waits\":[{\"process\":\"T3\",\"ticket\":\"11\",\"resource\":\"x\",\"home\":\"n1\"}]}]}";

/* T1 shares x, T2 wants it alone, T3 wants to share it and stands behind T2, T1 wants T3's y: the
 * ring closes only because T3 is served after T2. */
static const char queued_ring[] =
    "{\"format\":\"gordian-cut/1\",\"processes\":["
    "{\"process\":\"T3\",\"started\":\"2026-11-22T10:00:02Z\"}],\"nodes\":["
    "{\"node\":\"n1\",\"incarnation\":\"7\",\"resources\":["
    "{\"resource\":\"x\",\"holders\":[{\"process\":\"T1\",\"mode\":\"shared\"}],\"queue\":["
    "{\"process\":\"T2\",\"ticket\":\"2\"},{\"process\":\"T3\",\"ticket\":\"3\",\"mode\":"
    "\"shared\"}]},"
    "{\"resource\":\"y\",\"holders\":[{\"process\":\"T3\"}],\"queue\":["
    "{\"process\":\"T1\",\"ticket\":\"4\"}]}]}]}";

static const char quiet[] = "{\"format\":\"gordian-cut/1\",\"nodes\":[{\"node\":\"n1\"}]}";
static const char half[] =
    "{\"format\":\"gordian-cut/1\",\"missing\":[\"n2\"],\"nodes\":[{\"node\":\"n1\"}]}";

static void on_news(void *context, const struct gdn__news *news)
{
    static const char *const states[] = {"asked", "aborted", "stale", "refused", "unknown"};
    struct desk *desk = context;
    size_t used = strlen(desk->trace);
    char line[128];
    switch (news->type) {
    case GDN__NEWS_FOUND:
        (void)snprintf(line, sizeof line, "found\n");
        break;
    case GDN__NEWS_ASK:
        (void)snprintf(line, sizeof line, "ask %s %s/%llu\n", news->order->shown, news->order->node,
                       (unsigned long long)news->order->ticket);
        break;
    case GDN__NEWS_OUTCOME:
        (void)snprintf(line, sizeof line, "%s %s after %lld ms\n", states[news->order->state],
                       news->order->shown, (long long)(news->after_us / MS));
        break;
    case GDN__NEWS_GONE:
        (void)snprintf(line, sizeof line, "gone after %lld ms\n", (long long)(news->after_us / MS));
        break;
    }
    (void)snprintf(desk->trace + used, sizeof desk->trace - used, "%s", line);
}

static int setup(void **state)
{
    struct desk *desk = calloc(1, sizeof *desk);
    assert_non_null(desk);
    struct gdn__incidents_options options = {
        .tell = on_news, .context = desk, .allocator = gdn__allocator_or_default(NULL)};
    desk->incidents = gdn__incidents_new(&options);
    assert_non_null(desk->incidents);
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    gdn__incidents_free(desk->incidents);
    free(desk);
    return 0;
}

/* A round that began at @p started_ms and ended one millisecond later. */
static void see(struct desk *desk, const char *json, enum gdn_policy policy, int64_t started_ms)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *cut;
    gdn_verdict *verdict;
    enum gdn_err err = gdn__cutfile_parse("cut", json, strlen(json), &cut, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    assert_int_equal(gdn_analyze(cut, policy, &verdict, why, sizeof why), GDN_OK);
    struct gdn__seen seen = {
        .verdict = verdict, .started_us = started_ms * MS, .now_us = (started_ms + 1) * MS};
    assert_int_equal(gdn__incidents_see(desk->incidents, &seen), GDN_OK);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static void expect(struct desk *desk, const char *trace)
{
    assert_string_equal(desk->trace, trace);
    desk->trace[0] = '\0';
}

/* "The same deadlock seen by many rounds is reported once." */
static void a_deadlock_is_reported_once_and_gone_once(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_NONE, 100);
    see(desk, ring, GDN_POLICY_NONE, 200);
    see(desk, ring, GDN_POLICY_NONE, 300);
    expect(desk, "found\n");
    assert_int_equal(gdn__incidents_count(desk->incidents), 1);
    assert_string_equal(gdn__incidents_at(desk->incidents, 0)->who, "T1, T2");
    see(desk, quiet, GDN_POLICY_NONE, 400);
    see(desk, quiet, GDN_POLICY_NONE, 500);
    expect(desk, "gone after 300 ms\n");
    assert_int_equal(gdn__incidents_count(desk->incidents), 0);
}

/* A silent node may hide it: only a complete view says that it is gone. */
static void an_incomplete_round_ends_nothing(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_NONE, 100);
    see(desk, half, GDN_POLICY_NONE, 200);
    expect(desk, "found\n");
    assert_int_equal(gdn__incidents_count(desk->incidents), 1);
}

/* RULES 15: a core that shares a ticket with a reported one is its continuation. */
static void a_core_that_shares_a_ticket_is_the_same_incident(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_NONE, 100);
    see(desk, next_ring, GDN_POLICY_NONE, 200);
    expect(desk, "found\n");
    assert_int_equal(gdn__incidents_count(desk->incidents), 1);
}

/* RULES 14: nothing is asked while an order naming one of the core's tickets is unanswered. */
static void an_unanswered_order_is_not_repeated(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    expect(desk, "found\nask T2 n2/9\n");
    see(desk, ring, GDN_POLICY_YOUNGEST, 200);
    see(desk, ring, GDN_POLICY_OLDEST, 300);
    expect(desk, "");
}

static void an_abort_is_answered_and_the_deadlock_gone(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    gdn__incidents_answer(desk->incidents, "n2", 8, 9, GDN__ORDER_ABORTED, 104 * MS);
    see(desk, quiet, GDN_POLICY_YOUNGEST, 200);
    expect(desk, "found\nask T2 n2/9\naborted T2 after 3 ms\ngone after 100 ms\n");
}

/* A picture taken before the answer may show what the answer has broken. */
static void a_picture_from_before_the_answer_asks_for_nothing(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    gdn__incidents_answer(desk->incidents, "n2", 8, 9, GDN__ORDER_STALE, 150 * MS);
    see(desk, ring, GDN_POLICY_YOUNGEST, 149);
    expect(desk, "found\nask T2 n2/9\nstale T2 after 49 ms\n");
    see(desk, ring, GDN_POLICY_YOUNGEST, 151);
    expect(desk, "ask T2 n2/9\n");
}

/* An innocent is never hit, nor counted: answers nobody asked for change nothing. */
static void an_answer_nobody_asked_for_is_ignored(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    gdn__incidents_answer(desk->incidents, "n2", 99, 9, GDN__ORDER_ABORTED, 104 * MS);
    gdn__incidents_answer(desk->incidents, "n1", 7, 5, GDN__ORDER_ABORTED, 104 * MS);
    gdn__incidents_answer(desk->incidents, "n9", 8, 9, GDN__ORDER_ABORTED, 104 * MS);
    expect(desk, "found\nask T2 n2/9\n");
}

/* Nothing is heard within the bound: unknown, and it may be asked again. A late answer still tells
 * what became of it. */
static void an_order_without_an_answer_becomes_unknown(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    assert_int_equal(gdn__incidents_deadline(desk->incidents), 101 * MS + GDN__ORDER_US);
    gdn__incidents_pass(desk->incidents, 2100 * MS);
    expect(desk, "found\nask T2 n2/9\n");
    gdn__incidents_pass(desk->incidents, 2101 * MS);
    expect(desk, "unknown T2 after 2000 ms\n");
    gdn__incidents_answer(desk->incidents, "n2", 8, 9, GDN__ORDER_ABORTED, 2200 * MS);
    expect(desk, "aborted T2 after 2099 ms\n");
}

static void a_lost_node_answers_no_more(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    gdn__incidents_lose(desk->incidents, "n2", 8, 120 * MS);
    expect(desk, "found\nask T2 n2/9\nunknown T2 after 19 ms\n");
}

/* The manager said no: asking the same again would change nothing. */
static void a_refused_order_is_not_repeated(void **state)
{
    struct desk *desk = *state;
    see(desk, ring, GDN_POLICY_YOUNGEST, 100);
    gdn__incidents_answer(desk->incidents, "n2", 8, 9, GDN__ORDER_REFUSED, 104 * MS);
    see(desk, ring, GDN_POLICY_YOUNGEST, 200);
    expect(desk, "found\nask T2 n2/9\nrefused T2 after 3 ms\n");
}

/* The advice (serve T3 first) gets one round; what still stands then is broken by an abort. */
static void a_ring_that_queue_order_closes_is_broken_in_its_second_round(void **state)
{
    struct desk *desk = *state;
    see(desk, queued_ring, GDN_POLICY_YOUNGEST, 100);
    expect(desk, "found\n");
    see(desk, queued_ring, GDN_POLICY_YOUNGEST, 200);
    expect(desk, "ask T3 n1/3\n");
    see(desk, queued_ring, GDN_POLICY_YOUNGEST, 300);
    expect(desk, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deadlock_is_reported_once_and_gone_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_incomplete_round_ends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_core_that_shares_a_ticket_is_the_same_incident, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_unanswered_order_is_not_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(an_abort_is_answered_and_the_deadlock_gone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_picture_from_before_the_answer_asks_for_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_nobody_asked_for_is_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(an_order_without_an_answer_becomes_unknown, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lost_node_answers_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_order_is_not_repeated, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_ring_that_queue_order_closes_is_broken_in_its_second_round, setup, teardown),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
