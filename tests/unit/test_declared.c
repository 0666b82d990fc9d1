/* SPDX-License-Identifier: MIT */
/* What a manager declares about itself when it opens its node, and every report then says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gordian/cut.h>
#include <gordian/site.h>

static void expect_declared(bool aborts_unanswered, bool given_up_by_others)
{
    struct gdn_site_options options = {.name = "n1",
                                       .endpoint = "ipc://n1",
                                       .incarnation = 7,
                                       .aborts_unanswered = aborts_unanswered,
                                       .given_up_by_others = given_up_by_others};
    gdn_site *site = gdn_site_new(&options);
    gdn_cut *cut;
    assert_non_null(site);
    assert_int_equal(gdn_site_inspect(site, 0, &cut), GDN_OK);
    assert_int_equal(cut->nodes[0].aborts_unanswered, aborts_unanswered);
    assert_int_equal(cut->nodes[0].given_up_by_others, given_up_by_others);
    gdn_cut_free(cut);
    gdn_site_free(site);
}

static void a_report_says_what_its_manager_declared(void **state)
{
    (void)state;
    expect_declared(false, false);
    expect_declared(true, false);
    expect_declared(false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_report_says_what_its_manager_declared)};
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
