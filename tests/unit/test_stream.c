/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system tests believe this counter, so it must see what it is there for. */
#include "tests/support/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(const uint64_t *numbers, size_t count, uint64_t lost, uint64_t repeated,
                   uint64_t reordered)
{
    struct stream stream = {0};
    for (size_t i = 0; i < count; i++) stream_arrive(&stream, numbers[i]);
    assert_int_equal(stream.arrived, count);
    assert_int_equal(stream.lost, lost);
    assert_int_equal(stream.repeated, repeated);
    assert_int_equal(stream.reordered, reordered);
}

#define EXPECT(lost, repeated, reordered, ...)                                                     \
    expect((const uint64_t[]){__VA_ARGS__},                                                        \
           sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), lost, repeated, reordered)

static void a_stream_in_order_is_without_fault(void **state)
{
    (void)state;
    EXPECT(0, 0, 0, 0, 1, 2, 3);
}

static void what_never_comes_is_lost(void **state)
{
    (void)state;
    EXPECT(1, 0, 0, 1);
    EXPECT(3, 0, 0, 0, 2, 3, 6);
}

static void what_comes_twice_is_repeated(void **state)
{
    (void)state;
    EXPECT(0, 1, 0, 0, 1, 1, 2);
    EXPECT(0, 2, 0, 0, 1, 2, 0, 1, 3);
}

static void what_comes_late_is_reordered_and_not_lost(void **state)
{
    (void)state;
    EXPECT(0, 0, 1, 0, 2, 1, 3);
    EXPECT(1, 0, 3, 4, 1, 0, 2, 5); /* 3 never comes. */
}

static void what_comes_late_a_second_time_is_repeated(void **state)
{
    (void)state;
    EXPECT(0, 1, 1, 0, 2, 1, 1);
}

static void a_stream_opened_anew_goes_on_at_any_number(void **state)
{
    (void)state;
    struct stream stream = {0};
    stream_arrive(&stream, 0);
    stream_reopen(&stream);
    stream_arrive(&stream, 70);
    stream_arrive(&stream, 71);
    stream_arrive(&stream, 73);
    assert_int_equal(stream.lost, 1);
    assert_int_equal(stream.repeated + stream.reordered, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_in_order_is_without_fault),
        cmocka_unit_test(what_never_comes_is_lost),
        cmocka_unit_test(what_comes_twice_is_repeated),
        cmocka_unit_test(what_comes_late_is_reordered_and_not_lost),
        cmocka_unit_test(what_comes_late_a_second_time_is_repeated),
        cmocka_unit_test(a_stream_opened_anew_goes_on_at_any_number),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
