/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include "src/core/mem.h"
#include "src/core/pool.h"

#define PIECES 3000

struct piece {
    unsigned char *bytes;
    size_t length;
    unsigned char fill;
};

static void expect_intact(const struct piece *piece)
{
    for (size_t i = 0; i < piece->length; i++) assert_int_equal(piece->bytes[i], piece->fill);
}

/* Pieces that overlap, or a block that is used again too early, would change one another. */
static void pieces_keep_what_is_written_to_them(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    print_message("GDN_SEED=%llu build/tests/unit/test_pool\n", (unsigned long long)seed);
    static struct piece pieces[PIECES];
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__pool pool;
    gdn__pool_init(&pool, &allocator);
    for (int run = 0; run < 30000; run++) {
        struct piece *piece = &pieces[below(&seed, PIECES)];
        if (piece->bytes != NULL) {
            expect_intact(piece);
            gdn__pool_give(piece->bytes);
            piece->bytes = NULL;
            continue;
        }
        uint64_t longest = below(&seed, 8) == 0 ? GDN__POOL_PIECE_MAX : 100;
        piece->length = below(&seed, (uint32_t)longest + 1);
        piece->fill = (unsigned char)draw(&seed);
        piece->bytes = gdn__pool_take(&pool, piece->length);
        assert_non_null(piece->bytes);
        assert_ptr_equal(gdn__pool_of(piece->bytes), &pool);
        assert_int_equal((uintptr_t)piece->bytes % _Alignof(max_align_t), 0);
        memset(piece->bytes, piece->fill, piece->length);
    }
    for (int i = 0; i < PIECES; i++) {
        if (pieces[i].bytes == NULL) continue;
        expect_intact(&pieces[i]);
        gdn__pool_give(pieces[i].bytes);
        pieces[i].bytes = NULL;
    }
    gdn__pool_fini(&pool);
    assert_int_equal(faulty.live, 0);
}

/* Bursts of the same size come again and again: the second needs no memory. */
static void a_burst_uses_the_memory_of_the_one_before(void **state)
{
    (void)state;
    static void *pieces[1000];
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__pool pool;
    gdn__pool_init(&pool, &allocator);
    for (int burst = 0; burst < 3; burst++) {
        for (int i = 0; i < 1000; i++) {
            pieces[i] = gdn__pool_take(&pool, 150);
            assert_non_null(pieces[i]);
        }
        for (int i = 0; i < 1000; i++) gdn__pool_give(pieces[i]);
        faulty.allowed = 0;
    }
    gdn__pool_fini(&pool);
    assert_int_equal(faulty.live, 0);
}

static void without_memory_there_is_no_piece(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn__pool pool;
    gdn__pool_init(&pool, &allocator);
    assert_null(gdn__pool_take(&pool, 1));
    gdn__pool_fini(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_keep_what_is_written_to_them),
        cmocka_unit_test(a_burst_uses_the_memory_of_the_one_before),
        cmocka_unit_test(without_memory_there_is_no_piece),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
