/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include "src/core/buffer.h"
#include "src/core/mem.h"

/* The wire is little-endian whatever the machine is: the bytes are the contract. */
static void numbers_are_written_least_significant_byte_first(void **state)
{
    static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f,
                                       0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08};
    (void)state;
    struct gdn__buffer buffer;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    gdn__buffer_init(&buffer, &allocator);
    gdn__put_u8(&buffer, 0x01);
    gdn__put_u16(&buffer, 0x0203);
    gdn__put_u32(&buffer, 0x04050607);
    gdn__put_u64(&buffer, UINT64_C(0x08090a0b0c0d0e0f));
    assert_int_equal(buffer.length, sizeof expected);
    assert_memory_equal(buffer.bytes, expected, sizeof expected);

    struct gdn__reader in = gdn__reader_of(buffer.bytes, buffer.length);
    assert_int_equal(gdn__get_u8(&in), 0x01);
    assert_int_equal(gdn__get_u16(&in), 0x0203);
    assert_int_equal(gdn__get_u32(&in), 0x04050607);
    assert_true(gdn__get_u64(&in) == UINT64_C(0x08090a0b0c0d0e0f));
    assert_true(gdn__reader_done(&in));
    gdn__buffer_fini(&buffer);
}

/* Every byte has its top bit set, so that a sign that creeps into a shift shows. */
static void large_numbers_keep_their_top_bits(void **state)
{
    (void)state;
    uint8_t bytes[15];
    memset(bytes, 0xff, sizeof bytes);
    struct gdn__reader in = gdn__reader_of(bytes, sizeof bytes);
    assert_int_equal(gdn__get_u8(&in), UINT8_MAX);
    assert_int_equal(gdn__get_u16(&in), UINT16_MAX);
    assert_int_equal(gdn__get_u32(&in), UINT32_MAX);
    assert_true(gdn__get_u64(&in) == UINT64_MAX);
}

/* A decoder reads straight down and asks once at the end; so nothing after a failure may read
 * bytes, and the place of the first failure is what a person needs. */
static void a_failed_reader_gives_zeros_and_remembers_the_place(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {9, 8, 7, 6, 5};
    struct gdn__reader in = gdn__reader_of(bytes, sizeof bytes);
    assert_int_equal(gdn__get_u16(&in), 0x0809);
    assert_int_equal(gdn__get_u32(&in), 0);
    assert_true(in.failed);
    assert_int_equal(gdn__get_u8(&in), 0);
    assert_int_equal(gdn__get_u16(&in), 0);
    assert_true(gdn__get_u64(&in) == 0);
    assert_null(gdn__get_bytes(&in, 0));
    assert_int_equal(gdn__reader_left(&in), 0);
    assert_false(gdn__reader_done(&in));
    assert_int_equal(in.failed_at, 2);
}

static void a_length_near_the_largest_number_does_not_wrap(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    struct gdn__reader in = gdn__reader_of(bytes, sizeof bytes);
    assert_int_equal(gdn__get_u8(&in), 1);
    assert_null(gdn__get_bytes(&in, SIZE_MAX));
    assert_true(in.failed);
}

/* ---- Texts and counts ---- */

static bool read_text(const char *bytes, size_t length, char text[GDN_NAME_MAX + 1])
{
    struct gdn__reader in = gdn__reader_of((const uint8_t *)bytes, length);
    gdn__get_text(&in, text);
    return gdn__reader_done(&in);
}

static void a_text_is_a_valid_name(void **state)
{
    (void)state;
    char text[GDN_NAME_MAX + 1];
    assert_true(read_text("\3abc", 4, text));
    assert_string_equal(text, "abc");
    assert_false(read_text("\0", 1, text));     /* Empty. */
    assert_false(read_text("\3ab", 3, text));   /* Cut short. */
    assert_false(read_text("\3a\0c", 4, text)); /* A NUL would hide what follows it. */
    assert_false(read_text("\3a\nc", 4, text)); /* A control character. */
    assert_false(read_text("", 0, text));
    assert_string_equal(text, "");
}

static void the_longest_text_survives(void **state)
{
    (void)state;
    char name[GDN_NAME_MAX + 1], text[GDN_NAME_MAX + 1];
    struct gdn__buffer buffer;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    memset(name, 'n', GDN_NAME_MAX);
    name[GDN_NAME_MAX] = '\0';
    gdn__buffer_init(&buffer, &allocator);
    gdn__put_text(&buffer, name);
    assert_int_equal(buffer.length, GDN_NAME_MAX + 1);
    assert_true(read_text((const char *)buffer.bytes, buffer.length, text));
    assert_string_equal(text, name);
    gdn__buffer_fini(&buffer);
}

/* A count is believed only as far as bytes are there for it: nothing is allocated for more. */
static void a_count_beyond_the_bytes_that_follow_is_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {2, 0, 0, 0, 'a', 'b', 'c', 'd', 'e', 'f'};
    struct gdn__reader in = gdn__reader_of(bytes, sizeof bytes);
    assert_int_equal(gdn__get_count(&in, 3), 2);
    assert_false(in.failed);
    in = gdn__reader_of(bytes, sizeof bytes);
    assert_int_equal(gdn__get_count(&in, 4), 0);
    assert_true(in.failed);
}

/* ---- Memory ---- */

static void a_full_memory_is_remembered_and_nothing_is_half_written(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 1};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__buffer buffer;
    uint8_t filler[300] = {0};
    gdn__buffer_init(&buffer, &allocator);
    gdn__put_u32(&buffer, 7);
    assert_false(buffer.failed);
    gdn__put_bytes(&buffer, filler, sizeof filler);
    assert_true(buffer.failed);
    assert_int_equal(buffer.length, 4);
    gdn__put_u8(&buffer, 1); /* Would fit, but what came before it is missing. */
    assert_int_equal(buffer.length, 4);
    gdn__poke_u32(&buffer, 0, 8);
    assert_int_equal(buffer.bytes[0], 7);

    gdn__buffer_clear(&buffer);
    gdn__put_u8(&buffer, 1);
    assert_false(buffer.failed);
    assert_int_equal(buffer.length, 1);
    gdn__buffer_fini(&buffer);
    assert_int_equal(faulty.live, 0);
}

/* Room that was made is what lets a verb change the books first and write afterwards. */
static void writing_into_reserved_room_cannot_fail(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 1};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__buffer buffer;
    uint8_t filler[5000] = {0};
    gdn__buffer_init(&buffer, &allocator);
    assert_true(gdn__buffer_reserve(&buffer, sizeof filler));
    gdn__put_bytes(&buffer, filler, sizeof filler);
    assert_false(buffer.failed);
    assert_false(gdn__buffer_reserve(&buffer, SIZE_MAX));
    assert_false(buffer.failed); /* Only writing fails a buffer. */
    gdn__buffer_fini(&buffer);
}

static void a_number_can_be_filled_in_later(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0xaa, 0x44, 0x33, 0x22, 0x11, 0xbb};
    struct gdn__buffer buffer;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    gdn__buffer_init(&buffer, &allocator);
    gdn__put_u8(&buffer, 0xaa);
    gdn__put_u32(&buffer, 0);
    gdn__put_u8(&buffer, 0xbb);
    gdn__poke_u32(&buffer, 1, 0x11223344);
    assert_memory_equal(buffer.bytes, expected, sizeof expected);
    gdn__buffer_fini(&buffer);
}

/* The published test values of FNV-1a, 64 bits: saved cuts outlive the program. */
static void the_checksum_is_fnv_1a(void **state)
{
    (void)state;
    assert_true(gdn__checksum((const uint8_t *)"", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(gdn__checksum((const uint8_t *)"a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(gdn__checksum((const uint8_t *)"foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_least_significant_byte_first),
        cmocka_unit_test(large_numbers_keep_their_top_bits),
        cmocka_unit_test(a_failed_reader_gives_zeros_and_remembers_the_place),
        cmocka_unit_test(a_length_near_the_largest_number_does_not_wrap),
        cmocka_unit_test(a_text_is_a_valid_name),
        cmocka_unit_test(the_longest_text_survives),
        cmocka_unit_test(a_count_beyond_the_bytes_that_follow_is_refused),
        cmocka_unit_test(a_full_memory_is_remembered_and_nothing_is_half_written),
        cmocka_unit_test(writing_into_reserved_room_cannot_fail),
        cmocka_unit_test(a_number_can_be_filled_in_later),
        cmocka_unit_test(the_checksum_is_fnv_1a),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
