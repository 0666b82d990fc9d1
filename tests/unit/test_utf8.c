/* SPDX-License-Identifier: MIT */
/* What UTF-8 is and is not, byte by byte, and what a name may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/core/utf8.h"
#include <gordian/id.h>
#include <string.h>

/* Written out by the table of the standard: which bytes may follow which lead. */
static size_t sequence_by_table(const unsigned char *s)
{
    if (s[0] < 0x80) return 1;
    unsigned char least = 0x80, most = 0xbf;
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    if (s[0] == 0xe0) least = 0xa0;
    if (s[0] == 0xed) most = 0x9f;
    if (s[0] == 0xf0) least = 0x90;
    if (s[0] == 0xf4) most = 0x8f;
    if (s[1] < least || s[1] > most) return 0;
    for (size_t i = 2; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    return length;
}

/* All pairs of first bytes, each with what tells the third and the fourth apart. */
static void a_sequence_is_what_the_table_says(void **state)
{
    static const unsigned char rest[] = {0, 0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    (void)state;
    for (unsigned i = 0; i < 0xff * 256U * sizeof rest * sizeof rest; i++) {
        unsigned tail = i % (sizeof rest * sizeof rest), head = i / (sizeof rest * sizeof rest);
        unsigned char text[5] = {(unsigned char)(1 + head / 256), (unsigned char)(head % 256),
                                 rest[tail / sizeof rest], rest[tail % sizeof rest], 0};
        uint32_t code;
        size_t bytes, expected = sequence_by_table(text);
        bool valid = gdn__next_code((const char *)text, &code, &bytes);
        assert_int_equal(valid, expected != 0);
        assert_int_equal(bytes, expected != 0 ? expected : 1);
        if (!valid || bytes == 1) assert_int_equal(code, text[0]);
    }
}

static void a_name_is_utf8_without_control_characters(void **state)
{
    static const char *const good[] = {"n1",
                                       " ",
                                       "acct/17",
                                       "caf\xc3\xa9",
                                       "\xe8\xb3\x87\xe6\x96\x99",
                                       "\xf0\x9f\x94\x92",
                                       "\xe2\x80\xae",
                                       "\xc2\xa0"};
    static const char *const bad[] = {
        "",          "a\n",      "\x7f",         "caf\xe9",          "\xc3",
        "\x80",      "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff",
        "a\xc3\x28", "\xc2\x80", "a\xc2\x9b;m",  "\xc2\x9f"};
    (void)state;
    assert_false(gdn_name_is_valid(NULL));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_true(gdn_name_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(gdn_name_is_valid(bad[i]));
}

static void a_name_has_so_many_bytes_at_most(void **state)
{
    char name[GDN_NAME_MAX + 2];
    (void)state;
    memset(name, 'a', sizeof name);
    name[GDN_NAME_MAX] = '\0';
    assert_true(gdn_name_is_valid(name));
    memcpy(name + GDN_NAME_MAX - 2, "\xc3\xa9", 2); /* The last letter takes two. */
    assert_true(gdn_name_is_valid(name));
    memcpy(name + GDN_NAME_MAX - 1, "\xc3\xa9", 3);
    assert_false(gdn_name_is_valid(name));
}

static void a_text_is_cut_between_letters(void **state)
{
    static const char text[] = "a\xc3\xa9\xe8\xb3\x87\xf0\x9f\x94\x92z"; /* Of 1 2 3 4 1 bytes. */
    static const size_t lengths[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    (void)state;
    for (size_t most = 0; most < sizeof lengths / sizeof *lengths; most++) {
        assert_int_equal(gdn__text_cut(text, most), lengths[most]);
    }
    assert_int_equal(gdn__text_cut("", 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_is_what_the_table_says),
        cmocka_unit_test(a_name_is_utf8_without_control_characters),
        cmocka_unit_test(a_name_has_so_many_bytes_at_most),
        cmocka_unit_test(a_text_is_cut_between_letters),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
