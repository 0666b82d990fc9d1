/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

/* IS, IX, S, SIX, X: the matrix every database has. */
static struct gdn_modes intention_modes(void)
{
    return (struct gdn_modes){
        .count = 5,
        .names = {"IS", "IX", "S", "SIX", "X"},
        .conflicts = {0x10, 0x1c, 0x1a, 0x1e, 0x1f},
    };
}

static void default_modes_are_exclusive_and_shared(void **state)
{
    (void)state;
    struct gdn_modes modes = gdn_modes_default();
    assert_true(gdn_modes_are_valid(&modes));
    assert_true(gdn_modes_conflict(&modes, X, X));
    assert_true(gdn_modes_conflict(&modes, X, S));
    assert_true(gdn_modes_conflict(&modes, S, X));
    assert_false(gdn_modes_conflict(&modes, S, S));
}

/* They come from the manager and go to strangers: nothing may index beyond the count. */
static void modes_out_of_range_or_unnamed_are_not_valid(void **state)
{
    (void)state;
    struct gdn_modes good = intention_modes(), bad;
    assert_true(gdn_modes_are_valid(&good));
    assert_false(gdn_modes_are_valid(NULL));
    bad = good;
    bad.count = 0;
    assert_false(gdn_modes_are_valid(&bad));
    bad.count = GDN_MODES_MAX + 1;
    assert_false(gdn_modes_are_valid(&bad));
    bad = good;
    bad.conflicts[2] = 0x20;
    assert_false(gdn_modes_are_valid(&bad));
    bad = good;
    bad.names[3] = NULL;
    assert_false(gdn_modes_are_valid(&bad));
    bad.names[3] = "";
    assert_false(gdn_modes_are_valid(&bad));
    bad.names[3] = "IX";
    assert_false(gdn_modes_are_valid(&bad));
}

static void sixteen_modes_are_valid(void **state)
{
    (void)state;
    struct gdn_modes modes = {.count = GDN_MODES_MAX};
    static const char *const names[GDN_MODES_MAX] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                                     "i", "j", "k", "l", "m", "n", "o", "p"};
    for (int m = 0; m < GDN_MODES_MAX; m++) {
        modes.names[m] = names[m];
        modes.conflicts[m] = UINT16_MAX;
    }
    assert_true(gdn_modes_are_valid(&modes));
}

/* What is held decides together: S and IX are as good as SIX, though neither is alone. */
static void holds_cover_by_their_union(void **state)
{
    (void)state;
    struct gdn_modes modes = intention_modes();
    enum { IS, IX, SH, SIX, EX };
    assert_true(gdn_modes_cover(&modes, 1u << EX, SH));
    assert_true(gdn_modes_cover(&modes, 1u << SH, IS));
    assert_false(gdn_modes_cover(&modes, 1u << SH, IX));
    assert_false(gdn_modes_cover(&modes, 1u << SH, SIX));
    assert_false(gdn_modes_cover(&modes, 1u << IX, SIX));
    assert_true(gdn_modes_cover(&modes, 1u << SH | 1u << IX, SIX));
    assert_false(gdn_modes_cover(&modes, 1u << SIX, EX));
    assert_false(gdn_modes_cover(&modes, 0, IS));
}

/* Shared (0), update (1), exclusive (2): an update hold lets no new reader in, but is itself
 * granted beside readers. Neither half of the rule alone would do. */
static void cover_needs_both_halves_of_an_asymmetric_matrix(void **state)
{
    (void)state;
    struct gdn_modes modes = {.count = 3, .names = {"S", "U", "X"}, .conflicts = {0x6, 0x6, 0x7}};
    assert_true(gdn_modes_cover(&modes, 1u << 1, 0));  /* A reader's rights are among them. */
    assert_false(gdn_modes_cover(&modes, 1u << 0, 1)); /* It would shut out new readers. */
    struct gdn_modes turned = {.count = 3, .names = {"S", "U", "X"}, .conflicts = {0x4, 0x7, 0x7}};
    assert_false(gdn_modes_cover(&turned, 1u << 0, 1)); /* It would have to wait for readers. */
    assert_true(gdn_modes_cover(&turned, 1u << 1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_modes_are_exclusive_and_shared),
        cmocka_unit_test(modes_out_of_range_or_unnamed_are_not_valid),
        cmocka_unit_test(sixteen_modes_are_valid),
        cmocka_unit_test(holds_cover_by_their_union),
        cmocka_unit_test(cover_needs_both_halves_of_an_asymmetric_matrix),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
