/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who stands in a queue for a brief hold blocks those behind it only until its work at that node
 * goes on, whatever else holds up the process elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "detector/cutfile/cutfile.h"
#include <cmocka.h>
#include <gordian/verdict.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* T1 runs and holds x; T2 (branch n2) and behind it T3 want x. T2's other branch, at n1, waits for
 * y, which T3 holds. %s: what T2 asked for. */
static const char form[] =
    "{\"format\":\"gordian-cut/"
    "1\",\"nodes\":[{\"node\":\"n1\",\"incarnation\":\"7\",\"resources\":["
    "{\"resource\":\"x\",\"holders\":[{\"process\":\"T1\"}],\"queue\":["
    "{\"process\":\"T2\",\"ticket\":\"2\",\"issuer\":\"n2\"%s},"
    "{\"process\":\"T3\",\"ticket\":\"3\",\"issuer\":\"n2\"}]},"
    "{\"resource\":\"y\",\"holders\":[{\"process\":\"T3\",\"issuer\":\"n2\"}],\"queue\":["
    "{\"process\":\"T2\",\"ticket\":\"4\"}]}]},"
    "{\"node\":\"n2\",\"incarnation\":\"8\"}]}";

static size_t deadlocks_in(const gdn_cut *cut)
{
    char why[256];
    gdn_verdict *verdict;
    assert_int_equal(gdn_analyze(cut, GDN_POLICY_NONE, &verdict, why, sizeof why), GDN_OK);
    size_t count = verdict->deadlock_count;
    gdn_verdict_free(verdict);
    return count;
}

static gdn_cut *load(const char *wanted)
{
    char text[1024], why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *cut;
    (void)snprintf(text, sizeof text, form, wanted);
    enum gdn_err err = gdn__cutfile_parse("cut", text, strlen(text), &cut, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    return cut;
}

/* T1 ends, T2's branch at n2 has x briefly and goes on, T3 gets x and ends: nobody is stuck. */
static void a_queued_brief_request_makes_no_phantom(void **state)
{
    (void)state;
    gdn_cut *cut = load(",\"x-flags\":1");
    assert_int_equal(deadlocks_in(cut), 0);
    gdn_cut_free(cut);
}

/* The same, kept until the end: T3 waits for T2 and T2 for T3. */
static void the_same_request_to_end_is_a_deadlock(void **state)
{
    (void)state;
    gdn_cut *cut = load("");
    assert_int_equal(deadlocks_in(cut), 1);
    gdn_cut_free(cut);
}

/* What a node records reaches the detector as bytes. */
static void bytes_keep_that_a_request_is_brief(void **state)
{
    (void)state;
    char why[256];
    uint8_t *bytes;
    size_t length;
    gdn_cut *cut = load(",\"x-flags\":1"), *again;
    assert_int_equal(gdn_cut_encode(cut, &bytes, &length), GDN_OK);
    assert_int_equal(gdn_cut_decode(NULL, bytes, length, &again, why, sizeof why), GDN_OK);
    assert_true(again->nodes[0].queue[0].brief);
    assert_false(again->nodes[0].queue[1].brief);
    assert_int_equal(deadlocks_in(again), 0);
    free(bytes);
    gdn_cut_free(again);
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_brief_request_makes_no_phantom),
        cmocka_unit_test(the_same_request_to_end_is_a_deadlock),
        cmocka_unit_test(bytes_keep_that_a_request_is_brief),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
