/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cut_fixture.h"
#include "cutfile_fixture.h"

#include "detector/render/diff.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* n2's T1 holds a, and T2 waits for it by the ticket 5. */
#define HOME_N1                                                                                    \
    "{'node': 'n1', 'incarnation': '7', 'resources': [{'resource': 'a', 'holders': "               \
    "[{'process': 'T1', 'issuer': 'n2', 'ticket': '4'}], 'queue': [{'process': 'T2', "             \
    "'issuer': 'n2', 'ticket': '5', 'waited_ms': 20}]}]}"
#define WAITS_N2(ticket)                                                                           \
    "{'node': 'n2', 'incarnation': '8', 'waits': [{'process': 'T2', 'ticket': '" ticket            \
    "', 'resource': 'a', 'home': 'n1', 'waited_ms': 21}]}"
#define WHOLE NODES HOME_N1 ", " WAITS_N2("5") "]}"

struct two {
    gdn_cut *cuts[2];
    gdn_verdict *verdicts[2];
    struct gdn__diff diff;
};

static void compare(struct two *two, const char *from, const char *to)
{
    const char *texts[2] = {from, to};
    for (int i = 0; i < 2; i++) {
        two->cuts[i] = load_cut(texts[i]);
        enum gdn_err err =
            gdn_analyze(two->cuts[i], GDN_POLICY_NONE, &two->verdicts[i], why, sizeof why);
        if (err != GDN_OK) fail_msg("%s", why);
    }
    assert_int_equal(gdn__diff_init(&two->diff, two->verdicts[0], two->verdicts[1]), GDN_OK);
}

static void forget(struct two *two)
{
    gdn__diff_fini(&two->diff);
    for (int i = 0; i < 2; i++) {
        gdn_verdict_free(two->verdicts[i]);
        gdn_cut_free(two->cuts[i]);
    }
}

/* Caller frees. */
static char *text_of(const struct two *two)
{
    struct gdn__textbuf out = {0};
    struct gdn__diff_options options = {.from = "a", .to = "b"};
    gdn__diff_text(&two->diff, &options, &out);
    assert_false(out.failed);
    return out.text;
}

static void expect_text(const char *from, const char *to, const char *expected)
{
    struct two two;
    compare(&two, from, to);
    char *text = text_of(&two);
    assert_string_equal(text, expected);
    free(text);
    forget(&two);
}

static void expect_part(const char *from, const char *to, const char *expected)
{
    struct two two;
    compare(&two, from, to);
    char *text = text_of(&two);
    if (strstr(text, expected) == NULL) fail_msg("no '%s' in\n%s", expected, text);
    free(text);
    forget(&two);
}

/* ---- Tickets ---- */

static void the_same_cut_stayed(void **state)
{
    (void)state;
    expect_text(WHOLE, WHOLE,
                "a: offline cut, complete\n"
                "b: offline cut, complete\n"
                "nodes: 2 stayed\n"
                "  = n1  incarnation 7\n"
                "  = n2  incarnation 8\n"
                "deadlocks: none\n"
                "waits: 1 stayed\n"
                "  = T2 waits 21 ms for exclusive a at n1  (ticket 5 of n2)\n"
                "holds: 1 stayed\n"
                "  = T1 holds exclusive a at n1  (ticket 4 of n2)\n");
}

/* The same process, resource and mode: another wait all the same, for its ticket is another. */
static void a_new_ticket_is_a_new_wait(void **state)
{
    (void)state;
    expect_part(WHOLE, NODES HOME_N1 ", " WAITS_N2("6") "]}",
                "waits: 1 came, 1 went\n"
                "  + T2 waits 21 ms for exclusive a at n1  (ticket 6 of n2)\n"
                "  - T2 waited 21 ms for exclusive a at n1  (ticket 5 of n2)\n");
}

static void a_grant_in_flight_ends_the_wait_and_is_a_hold(void **state)
{
    (void)state;
    expect_part(WHOLE,
                NODES
                "{'node': 'n1', 'incarnation': '7', 'resources': [{'resource': 'a', 'holders': "
                "[{'process': 'T2', 'issuer': 'n2', 'ticket': '5'}]}], 'channels': [{'to': 'n2', "
                "'incarnation': '8', 'sent': '1'}]}, {'node': 'n2', 'incarnation': '8', "
                "'waits': [{'process': 'T2', 'ticket': '5', 'resource': 'a', 'home': 'n1', "
                "'waited_ms': 30}], 'channels': [{'from': 'n1', 'incarnation': '7', 'taken': '0', "
                "'messages': [{'verb': 'grant', 'process': 'T2', 'resource': 'a', 'ticket': "
                "'5'}]}]}]}",
                "waits: 1 went\n"
                "  - T2 waited 21 ms for exclusive a at n1  (ticket 5 of n2)\n"
                "holds: 1 came, 1 went\n"
                "  + T2 holds exclusive a at n1  (ticket 5 of n2)\n"
                "  - T1 held exclusive a at n1  (ticket 4 of n2)\n");
}

static void a_release_in_flight_ends_the_hold(void **state)
{
    (void)state;
    expect_part(WHOLE,
                NODES
                "{'node': 'n1', 'incarnation': '7', 'resources': [{'resource': 'a', 'holders': "
                "[{'process': 'T1', 'issuer': 'n2', 'ticket': '4'}]}], 'channels': [{'from': 'n2', "
                "'incarnation': '8', 'taken': '0', 'messages': [{'verb': 'release', 'process': "
                "'T1', 'resource': 'a', 'ticket': '4'}]}]}, {'node': 'n2', 'incarnation': '8', "
                "'channels': [{'to': 'n1', 'incarnation': '7', 'sent': '1'}]}]}",
                "holds: 1 went\n");
}

/* Only its home speaks of it: it is one wait with the one that its issuer lists. */
static void a_wait_that_only_its_home_lists_is_the_same(void **state)
{
    (void)state;
    expect_part(NODES HOME_N1 ", {'node': 'n2', 'incarnation': '8'}]}", WHOLE,
                "waits: 1 stayed\n"
                "  = T2 waits 21 ms for exclusive a at n1  (ticket 5 of n2)\n");
}

/* ---- Nodes ---- */

static void nodes_come_go_restart_and_fall_silent(void **state)
{
    (void)state;
    expect_part(NODES "{'node': 'n1', 'incarnation': '7'}, {'node': 'n2', 'incarnation': '8'}, "
                      "{'node': 'n3', 'incarnation': '1'}]}",
                HEAD "'missing': ['n2'], 'nodes': [{'node': 'n0', 'incarnation': '2'}, "
                     "{'node': 'n1', 'incarnation': '9'}]}",
                "b: offline cut, incomplete: no report from n2\n"
                "nodes: 1 came, 2 went, 1 changed\n"
                "  + n0  incarnation 2\n"
                "  - n2  incarnation 8, gave no report\n"
                "  - n3  incarnation 1\n"
                "  ~ n1  restarted: incarnation 7, then 9\n");
    expect_part(HEAD "'missing': ['n2'], 'nodes': []}", NODES "{'node': 'n2'}]}",
                ", had given no report\n");
}

/* The order in which the reports came says nothing. */
static void the_order_of_reports_does_not_matter(void **state)
{
    (void)state;
    struct two straight, turned;
    compare(&straight, WHOLE, NODES HOME_N1 ", " WAITS_N2("6") "]}");
    compare(&turned, NODES WAITS_N2("5") ", " HOME_N1 "]}", NODES WAITS_N2("6") ", " HOME_N1 "]}");
    char *a = text_of(&straight), *b = text_of(&turned);
    assert_string_equal(a, b);
    free(a);
    free(b);
    forget(&straight);
    forget(&turned);
}

/* ---- Deadlocks ---- */

#define WAIT(process, ticket, holder)                                                              \
    "{'process': '" process "', 'ticket': '" ticket "', 'needs': {'all': ['" holder "']}}"
#define TWO   WAIT("P", "1", "Q") ", " WAIT("Q", "2", "P")
#define OTHER WAIT("X", "8", "Y") ", " WAIT("Y", "9", "X")
#define THREE                                                                                      \
    WAIT("P", "1", "Q") ", " WAIT("Q", "2", "P") ", " WAIT("R", "3", "P") ", " WAIT("P", "4", "R")
#define CUT(waits) NODES "{'node': 'n1', 'incarnation': '7', 'waits': [" waits "]}]}"

static void deadlocks_come_go_and_stay(void **state)
{
    (void)state;
    expect_part(CUT(TWO), CUT(TWO ", " OTHER),
                "deadlocks: 1 came, 1 stayed\n"
                "  + 5d82f9: 2 processes: X, Y\n");
    expect_part(CUT(TWO ", " OTHER), CUT(TWO),
                "deadlocks: 1 went, 1 stayed\n"
                "  - 5d82f9: 2 processes: X, Y\n");
}

/* It shares its tickets with the old one, so it is that one, grown. */
static void a_deadlock_that_shares_a_ticket_is_the_same_one_changed(void **state)
{
    (void)state;
    struct two two;
    compare(&two, CUT(TWO), CUT(THREE));
    assert_int_equal(two.diff.deadlocks.count, 1);
    char *text = text_of(&two);
    assert_non_null(strstr(text, "deadlocks: 1 changed\n  ~ "));
    assert_non_null(strstr(text, ": 3 processes: P, Q, R\n"));
    free(text);
    forget(&two);
}

/* ---- JSON ---- */

static size_t count_at(const json_t *root, const char *section, const char *list)
{
    const json_t *found = json_object_get(json_object_get(root, section), list);
    assert_true(json_is_array(found));
    return json_array_size(found);
}

static void the_document_says_the_same(void **state)
{
    (void)state;
    struct two two;
    struct gdn__textbuf out = {0};
    compare(&two, CUT(TWO), CUT(THREE));
    gdn__diff_json(&two.diff, &out);
    json_t *root = json_loads(out.text, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "format")), "gordian-diff/1");
    assert_int_equal(json_object_size(root), 7);
    assert_true(json_is_null(json_object_get(json_object_get(root, "from"), "round")));
    assert_int_equal(count_at(root, "nodes", "stayed"), 1);
    assert_int_equal(count_at(root, "deadlocks", "changed"), 1);
    assert_int_equal(count_at(root, "waits", "came"), 2);
    assert_int_equal(count_at(root, "waits", "went"), 0);
    assert_int_equal(count_at(root, "waits", "stayed"), 2);
    assert_int_equal(count_at(root, "holds", "stayed"), 0);
    const json_t *waits = json_object_get(json_object_get(root, "waits"), "came");
    const json_t *wait = json_array_get(waits, 0);
    assert_int_equal(json_object_size(wait), 8);
    assert_string_equal(json_string_value(json_object_get(wait, "process")), "R");
    assert_string_equal(json_string_value(json_object_get(wait, "ticket")), "3");
    assert_true(json_is_null(json_object_get(wait, "home")));
    json_decref(root);
    gdn__textbuf_fini(&out);
    forget(&two);
}

/* ---- Pools ---- */

/* T1 has 2 of the 3; T2's request for 2 is queued, and that of T3 for one is on its way. */
static void of_a_pool_the_units_are_told(void **state)
{
    (void)state;
    struct two two;
    struct gdn__textbuf out = {0};
    compare(&two, CUT(""),
            NODES "{'node': 'n1', 'incarnation': '7', 'resources': [{'resource': 'p', 'capacity': "
                  "3, 'holders': [{'process': 'T1', 'units': 2, 'issuer': 'n2', 'ticket': '4'}], "
                  "'queue': [{'process': 'T2', 'units': 2, 'issuer': 'n2', 'ticket': '5'}]}], "
                  "'channels': [{'from': 'n2', 'incarnation': '8', 'messages': [{'verb': "
                  "'request', 'process': 'T3', 'resource': 'p', 'ticket': '6'}]}]}, "
                  "{'node': 'n2', 'incarnation': '8', 'waits': ["
                  "{'process': 'T2', 'ticket': '5', 'resource': 'p', 'home': 'n1'}, "
                  "{'process': 'T3', 'ticket': '6', 'resource': 'p', 'home': 'n1'}]}]}");
    char *text = text_of(&two);
    assert_non_null(strstr(text, "+ T1 holds 2 of p at n1"));
    assert_non_null(strstr(text, "+ T2 waits for 2 of p at n1"));
    assert_non_null(strstr(text, "+ T3 waits for 1 of p at n1"));
    assert_null(strstr(text, "exclusive"));
    gdn__diff_json(&two.diff, &out);
    json_t *root = json_loads(out.text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *came = json_object_get(json_object_get(root, "holds"), "came");
    const json_t *hold = json_array_get(came, 0);
    assert_int_equal(json_integer_value(json_object_get(hold, "units")), 2);
    assert_true(json_is_null(json_object_get(hold, "mode")));
    json_decref(root);
    gdn__textbuf_fini(&out);
    free(text);
    forget(&two);
}

/* ---- Hostile names, and no memory ---- */

#define HOSTILE "\\u202eT\\\\<b>&\\u2028"

static void hostile_names_are_harmless_in_both_forms(void **state)
{
    (void)state;
    struct two two;
    struct gdn__textbuf out = {0};
    compare(&two, CUT(WAIT(HOSTILE, "1", "Q")), CUT(WAIT(HOSTILE, "2", "Q")));
    char *text = text_of(&two);
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_null(strstr(text, "\xe2\x80\xa8"));
    assert_non_null(strstr(text, "\\u{202e}T\\<b>&\\u{2028} waits for others"));
    gdn__diff_json(&two.diff, &out);
    json_t *root = json_loads(out.text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *came = json_object_get(json_object_get(root, "waits"), "came");
    assert_string_equal(json_string_value(json_object_get(json_array_get(came, 0), "process")),
                        "\xe2\x80\xaeT\\<b>&\xe2\x80\xa8");
    json_decref(root);
    gdn__textbuf_fini(&out);
    free(text);
    forget(&two);
}

/* Each allocation fails once, and nothing is leaked (the sanitizers see to that). */
static void without_memory_it_says_so(void **state)
{
    (void)state;
    struct two two;
    compare(&two, CUT(TWO), WHOLE);
    struct gdn_allocator usual = two.cuts[0]->allocator;
    enum gdn_err err = GDN_ERR_MEMORY;
    size_t allowed = 0;
    for (; err != GDN_OK; allowed++) {
        struct gdn__diff diff;
        struct faulty faulty = {.allowed = allowed};
        struct gdn_allocator scarce = faulty_allocator(&faulty);
        two.cuts[0]->allocator = two.cuts[1]->allocator = scarce;
        err = gdn__diff_init(&diff, two.verdicts[0], two.verdicts[1]);
        gdn__diff_fini(&diff);
        two.cuts[0]->allocator = two.cuts[1]->allocator = usual;
        if (err != GDN_OK) assert_int_equal(err, GDN_ERR_MEMORY);
        assert_true(allowed < 1000);
    }
    assert_true(allowed > 10);
    forget(&two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_cut_stayed),
        cmocka_unit_test(a_new_ticket_is_a_new_wait),
        cmocka_unit_test(a_grant_in_flight_ends_the_wait_and_is_a_hold),
        cmocka_unit_test(a_release_in_flight_ends_the_hold),
        cmocka_unit_test(a_wait_that_only_its_home_lists_is_the_same),
        cmocka_unit_test(nodes_come_go_restart_and_fall_silent),
        cmocka_unit_test(the_order_of_reports_does_not_matter),
        cmocka_unit_test(deadlocks_come_go_and_stay),
        cmocka_unit_test(a_deadlock_that_shares_a_ticket_is_the_same_one_changed),
        cmocka_unit_test(the_document_says_the_same),
        cmocka_unit_test(of_a_pool_the_units_are_told),
        cmocka_unit_test(hostile_names_are_harmless_in_both_forms),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
