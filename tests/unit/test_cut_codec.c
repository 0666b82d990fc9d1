/* SPDX-License-Identifier: MIT */
/* Cuts as bytes: from disks that tear and peers that lie. */
#include "cut_fixture.h"

#include "src/core/buffer.h"
#include "src/core/codec.h"
#include <stdio.h>

#define WHY_BYTES      512
#define CHECKSUM_BYTES 8

struct encoded {
    uint8_t *bytes;
    size_t length;
};

static struct encoded encode(const gdn_cut *cut)
{
    struct encoded encoded;
    assert_ok(gdn_cut_encode(cut, &encoded.bytes, &encoded.length));
    return encoded;
}

/* Make the checksum right again: the bytes are then as their writer meant them. */
static void seal(uint8_t *bytes, size_t length)
{
    uint64_t sum = gdn__checksum(bytes, length - CHECKSUM_BYTES);
    for (size_t i = 0; i < CHECKSUM_BYTES; i++) {
        bytes[length - CHECKSUM_BYTES + i] = (uint8_t)(sum >> (8 * i));
    }
}

/* From memory of just that size, so that ASan sees every step too far. */
static enum gdn_err decode(const uint8_t *bytes, size_t length, gdn_cut **cut, char *why)
{
    uint8_t *exact = malloc(length == 0 ? 1 : length);
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    enum gdn_err err = gdn_cut_decode(NULL, exact, length, cut, why, WHY_BYTES);
    free(exact);
    return err;
}

/* It is refused; or it is a cut, and its only encoding are these bytes. */
static bool decodes(const uint8_t *bytes, size_t length)
{
    char why[WHY_BYTES];
    gdn_cut *cut;
    enum gdn_err err = decode(bytes, length, &cut, why);
    if (err != GDN_OK) {
        assert_int_equal(err, GDN_ERR_FORMAT);
        assert_non_null(strstr(why, "byte "));
        return false;
    }
    struct encoded again = encode(cut);
    assert_int_equal(again.length, length);
    assert_memory_equal(again.bytes, bytes, length);
    free(again.bytes);
    gdn_cut_free(cut);
    return true;
}

/* ---- There and back ---- */

static void a_cut_comes_back_as_it_was(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    gdn_cut *cut = full_cut(NULL), *back;
    struct encoded encoded = encode(cut);
    assert_ok(decode(encoded.bytes, encoded.length, &back, why));
    assert_same_cut(cut, back);
    assert_true(decodes(encoded.bytes, encoded.length));
    free(encoded.bytes);
    gdn_cut_free(back);
    gdn_cut_free(cut);
}

static void an_empty_cut_comes_back_too(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    gdn_cut *cut = gdn_cut_new(NULL), *back;
    struct encoded encoded = encode(cut);
    assert_ok(decode(encoded.bytes, encoded.length, &back, why));
    assert_same_cut(cut, back);
    assert_false(back->has_round);
    assert_false(back->modes_given);
    free(encoded.bytes);
    gdn_cut_free(back);
    gdn_cut_free(cut);
}

/* ---- Damage ---- */

static void a_truncated_cut_is_refused_at_every_length(void **state)
{
    (void)state;
    gdn_cut *cut = full_cut(NULL), *back;
    struct encoded encoded = encode(cut);
    for (size_t length = 0; length < encoded.length; length++) {
        char why[WHY_BYTES];
        assert_int_not_equal(decode(encoded.bytes, length, &back, why), GDN_OK);
        /* The same, as if it had been written so. */
        if (length < CHECKSUM_BYTES) continue;
        uint8_t *sealed = malloc(length);
        assert_non_null(sealed);
        memcpy(sealed, encoded.bytes, length);
        seal(sealed, length);
        assert_int_not_equal(decode(sealed, length, &back, why), GDN_OK);
        free(sealed);
    }
    free(encoded.bytes);
    gdn_cut_free(cut);
}

static void a_damaged_bit_is_found(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    gdn_cut *cut = full_cut(NULL), *back;
    struct encoded encoded = encode(cut);
    for (size_t bit = 0; bit < 8 * encoded.length; bit++) {
        uint8_t mask = (uint8_t)(1 << bit % 8);
        encoded.bytes[bit / 8] ^= mask;
        enum gdn_err err = decode(encoded.bytes, encoded.length, &back, why);
        assert_int_equal(err, bit < 32   ? GDN_ERR_FORMAT
                              : bit < 64 ? GDN_ERR_VERSION
                                         : GDN_ERR_CHECKSUM);
        encoded.bytes[bit / 8] ^= mask;
    }
    free(encoded.bytes);
    gdn_cut_free(cut);
}

static void what_follows_the_cut_is_refused(void **state)
{
    (void)state;
    gdn_cut *cut = full_cut(NULL);
    struct encoded encoded = encode(cut);
    uint8_t *longer = calloc(1, encoded.length + 1);
    assert_non_null(longer);
    memcpy(longer, encoded.bytes, encoded.length);
    seal(longer, encoded.length + 1);
    assert_false(decodes(longer, encoded.length + 1));
    free(longer);
    free(encoded.bytes);
    gdn_cut_free(cut);
}

/* ---- Lies: the checksum is right, the rest is not ---- */

static void every_byte_may_be_anything(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, 1, 2, 3, 0x10, 0x7f, 0x80, 0xff};
    gdn_cut *cut = full_cut(NULL);
    struct encoded encoded = encode(cut);
    size_t accepted = 0, refused = 0;
    for (size_t at = 8; at < encoded.length - CHECKSUM_BYTES; at++) {
        uint8_t was = encoded.bytes[at];
        for (size_t i = 0; i < sizeof values + 2; i++) {
            uint8_t value = i < sizeof values ? values[i] : (uint8_t)(was + (i % 2 ? 1 : -1));
            encoded.bytes[at] = value;
            seal(encoded.bytes, encoded.length);
            *(decodes(encoded.bytes, encoded.length) ? &accepted : &refused) += 1;
        }
        encoded.bytes[at] = was;
    }
    /* Numbers may be any; what they refer to may not. */
    assert_true(accepted > 1000);
    assert_true(refused > 1000);
    free(encoded.bytes);
    gdn_cut_free(cut);
}

static void many_bytes_may_be_anything(void **state)
{
    (void)state;
    uint64_t first = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 3000);
    gdn_cut *cut = full_cut(NULL);
    struct encoded encoded = encode(cut);
    uint8_t *bytes = malloc(encoded.length);
    assert_non_null(bytes);
    print_message("replay: GDN_SEED=%llu GDN_RUNS=%llu build/tests/unit/test_cut_codec\n",
                  (unsigned long long)first, (unsigned long long)runs);
    for (uint64_t run = 0; run < runs; run++) {
        uint64_t seed = first + run;
        memcpy(bytes, encoded.bytes, encoded.length);
        size_t length = 8 + CHECKSUM_BYTES + below(&seed, (uint32_t)encoded.length - 15);
        for (uint32_t n = 1 + below(&seed, 6); n > 0; n--) {
            bytes[8 + below(&seed, (uint32_t)length - 8)] = (uint8_t)draw(&seed);
        }
        seal(bytes, length);
        (void)decodes(bytes, length);
    }
    free(bytes);
    free(encoded.bytes);
    gdn_cut_free(cut);
}

/* An allocator that counts bytes. */
struct metered {
    size_t live, peak;
};

static void *metered_resize(void *context, void *block, size_t bytes)
{
    struct metered *metered = context;
    size_t *sized = block == NULL ? NULL : (size_t *)block - 2;
    if (sized != NULL) metered->live -= *sized;
    if (bytes == 0) {
        free(sized);
        return NULL;
    }
    size_t *grown = realloc(sized, bytes + 2 * sizeof *grown);
    assert_non_null(grown);
    *grown = bytes;
    metered->live += bytes;
    if (metered->live > metered->peak) metered->peak = metered->live;
    return grown + 2;
}

/* Whatever stands where a count is, memory is taken for what is there, not for what is claimed. */
static void a_hostile_count_allocates_nothing(void **state)
{
    (void)state;
    static const uint32_t claims[] = {0x100, 0x10000, 0x1000000, 0x7fffffff, 0xffffffff};
    char why[WHY_BYTES];
    gdn_cut *cut = full_cut(NULL);
    struct encoded encoded = encode(cut);
    struct metered metered = {0};
    struct gdn_allocator allocator = {metered_resize, &metered};
    gdn_cut *back;
    assert_ok(gdn_cut_decode(&allocator, encoded.bytes, encoded.length, &back, why, WHY_BYTES));
    gdn_cut_free(back);
    size_t honest = metered.peak;
    for (size_t at = 8; at + 4 <= encoded.length - CHECKSUM_BYTES; at++) {
        uint8_t was[4];
        memcpy(was, encoded.bytes + at, 4);
        for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
            for (int k = 0; k < 4; k++)
                encoded.bytes[at + (size_t)k] = (uint8_t)(claims[i] >> 8 * k);
            seal(encoded.bytes, encoded.length);
            metered = (struct metered){0};
            if (gdn_cut_decode(&allocator, encoded.bytes, encoded.length, &back, why, WHY_BYTES) ==
                GDN_OK) {
                gdn_cut_free(back);
            }
            assert_true(metered.peak <= 4 * honest);
            assert_int_equal(metered.live, 0);
        }
        memcpy(encoded.bytes + at, was, 4);
    }
    free(encoded.bytes);
    gdn_cut_free(cut);
}

/* What the builder would never do; each is refused, or the analysis would stumble over it. */
enum lie {
    LIE_NONE,
    LIE_HOLDER_PROCESS,
    LIE_HOLDER_MODE,
    LIE_ENTRY_ISSUER,
    LIE_HOLDER_UNNUMBERED,
    LIE_ENTRY_UNNUMBERED,
    LIE_WAIT_UNNUMBERED,
    LIE_HOME_RESOURCE,
    LIE_WAIT_PROCESS,
    LIE_WAIT_HOME_ALONE,
    LIE_LOCK_WITH_NEEDS,
    LIE_NEED_NOBODY,
    LIE_NEED_NOTHING,
    LIE_NEED_NONE_OF,
    LIE_NEED_MORE_THAN_LISTED,
    LIE_NEED_BEYOND_THE_WAIT,
    LIE_NEED_BRANCH_OF_NOWHERE,
    LIE_NEED_BRANCH_OF_A_GROUP,
    LIE_CHANNEL_PEER,
    LIE_OUTGOING_OPEN,
    LIE_OUTGOING_UNTAGGED,
    LIE_OUTGOING_MESSAGES,
    LIE_MESSAGE_VERB,
    LIE_MESSAGE_NOBODY,
    LIE_REQUEST_OF_NOTHING,
    LIE_GRANT_OF_NOTHING,
    LIE_RELEASE_OF_NOTHING,
    LIE_END_OF_SOMETHING,
    LIE_GRANT_BY,
    LIE_GRANT_BRANCH,
    LIE_MISSING_UNSORTED,
    LIE_MISSING_TWICE,
    LIE_PARTY_TWICE,
    LIE_PROCESS_TWICE,
    LIE_RESOURCE_TWICE,
    LIE_REPORT_TWICE,
    LIE_NODE_PARTY,
    LIE_CONTROL_CHARACTER,
    LIE_MODE_CONFLICT,
    LIE_COUNT
};

static void tell_message_lie(struct gdn_cut_message *messages, enum lie lie)
{
    if (lie == LIE_MESSAGE_VERB) messages[0].verb = (enum gdn_verb)7;
    if (lie == LIE_MESSAGE_NOBODY) messages[0].process = GDN_NONE;
    if (lie == LIE_REQUEST_OF_NOTHING) messages[0].resource = GDN_NONE;
    if (lie == LIE_GRANT_OF_NOTHING) messages[1].resource = GDN_NONE;
    if (lie == LIE_RELEASE_OF_NOTHING) messages[2].resource = GDN_NONE;
    if (lie == LIE_END_OF_SOMETHING) messages[4].resource = 0;
    if (lie == LIE_GRANT_BY) messages[1].by = 0;
    if (lie == LIE_GRANT_BRANCH) messages[1].branch_id = 1;
}

static void tell_wait_lie(struct gdn_cut_node *node, enum lie lie)
{
    if (lie == LIE_WAIT_PROCESS) node->waits[0].process = 3;
    if (lie == LIE_WAIT_HOME_ALONE) node->waits[0].resource = GDN_NONE;
    if (lie == LIE_LOCK_WITH_NEEDS) node->waits[1].resource = node->waits[1].home = 0;
    if (lie == LIE_NEED_NOBODY) node->needs[0].process = GDN_NONE;
    if (lie == LIE_NEED_NOTHING) node->needs[4].resource = GDN_NONE;
    if (lie == LIE_NEED_NONE_OF) node->needs[1].at_least = 0;
    if (lie == LIE_NEED_MORE_THAN_LISTED) node->needs[1].at_least = 3;
    if (lie == LIE_WAIT_UNNUMBERED) node->waits[1].ticket = 0;
    if (lie == LIE_NEED_BRANCH_OF_NOWHERE) node->needs[0].branch_id = 1;
    if (lie == LIE_NEED_BRANCH_OF_A_GROUP) node->needs[1].branch_id = 1;
    if (lie == LIE_NEED_BEYOND_THE_WAIT) node->needs[3].child_count = 3;
}

static void tell_channel_lie(struct gdn_cut_node *node, enum lie lie)
{
    if (lie == LIE_CHANNEL_PEER) node->channels[0].peer = 3;
    if (lie == LIE_OUTGOING_OPEN) node->channels[0].open = true;
    if (lie == LIE_OUTGOING_UNTAGGED) node->channels[0].untagged = 1;
    if (lie == LIE_OUTGOING_MESSAGES) node->channels[1].incoming = node->channels[1].open = false;
    if (lie == LIE_OUTGOING_MESSAGES) node->channels[1].untagged = 0;
}

static void tell_table_lie(gdn_cut *cut, enum lie lie)
{
    if (lie == LIE_MISSING_UNSORTED) {
        char *first = cut->missing[0];
        cut->missing[0] = cut->missing[1];
        cut->missing[1] = first;
    }
    if (lie == LIE_MISSING_TWICE) strcpy(cut->missing[1], cut->missing[0]);
    if (lie == LIE_PARTY_TWICE) strcpy(cut->parties[1].name, "n1");
    if (lie == LIE_PARTY_TWICE) cut->parties[1].incarnation = 11;
    if (lie == LIE_PROCESS_TWICE) cut->processes[2].id = cut->processes[1].id;
    if (lie == LIE_RESOURCE_TWICE) cut->resources[1].id = cut->resources[0].id;
    if (lie == LIE_REPORT_TWICE) cut->nodes[1].party = 0;
    if (lie == LIE_NODE_PARTY) cut->nodes[1].party = 3;
    if (lie == LIE_CONTROL_CHARACTER) cut->processes[0].label[1] = '\n';
    if (lie == LIE_MODE_CONFLICT) cut->modes.conflicts[0] = 8;
}

static void tell_lie(gdn_cut *cut, enum lie lie)
{
    struct gdn_cut_node *node = &cut->nodes[0];
    if (lie == LIE_HOLDER_PROCESS) node->holders[0].process = 3;
    if (lie == LIE_HOLDER_MODE) node->holders[0].mode = 3;
    if (lie == LIE_HOLDER_UNNUMBERED) node->holders[1].ticket = 0;
    if (lie == LIE_ENTRY_UNNUMBERED) node->queue[0].ticket = 0;
    if (lie == LIE_ENTRY_ISSUER) node->queue[0].issuer = GDN_NONE;
    if (lie == LIE_HOME_RESOURCE) node->homes[1].resource = 2;
    tell_wait_lie(node, lie);
    tell_channel_lie(node, lie);
    tell_message_lie(node->messages, lie);
    tell_table_lie(cut, lie);
}

static void a_cut_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    for (enum lie lie = LIE_NONE; lie < LIE_COUNT; lie++) {
        gdn_cut *cut = full_cut(NULL);
        tell_lie(cut, lie);
        struct encoded encoded = encode(cut);
        if (decodes(encoded.bytes, encoded.length) != (lie == LIE_NONE)) fail_msg("lie %d", lie);
        free(encoded.bytes);
        gdn_cut_free(cut);
    }
}

/* ---- Bounds ---- */

static void what_exceeds_its_bound_is_not_encoded(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    gdn_cut *cut = full_cut(&allocator);
    struct encoded encoded = encode(cut), again;
    size_t live = faulty.live;
    assert_int_equal(gdn__cut_encode(cut, encoded.length - 1, &again.bytes, &again.length),
                     GDN_ERR_LIMIT);
    assert_int_equal(faulty.live, live);
    assert_ok(gdn__cut_encode(cut, encoded.length, &again.bytes, &again.length));
    assert_int_equal(again.length, encoded.length);
    (void)faulty_resize(&faulty, encoded.bytes, 0);
    (void)faulty_resize(&faulty, again.bytes, 0);
    gdn_cut_free(cut);
}

/* Its length alone is enough: nothing behind the magic is looked at. */
static void a_cut_beyond_the_bound_is_refused_unread(void **state)
{
    static const uint8_t magic[4] = {'G', 'D', 'N', 'C'};
    char why[WHY_BYTES];
    gdn_cut *cut;
    (void)state;
    assert_int_equal(
        gdn_cut_decode(NULL, magic, (size_t)GDN_CUT_BYTES_MAX + 1, &cut, why, sizeof why),
        GDN_ERR_FORMAT);
}

/* ---- Memory ---- */

static void encoding_may_fail_at_every_allocation(void **state)
{
    (void)state;
    for (size_t allowed = 0;; allowed++) {
        struct faulty faulty = {.allowed = SIZE_MAX};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        gdn_cut *cut = full_cut(&allocator);
        struct encoded encoded;
        faulty.allowed = allowed;
        enum gdn_err err = gdn_cut_encode(cut, &encoded.bytes, &encoded.length);
        if (err == GDN_OK) (void)faulty_resize(&faulty, encoded.bytes, 0);
        gdn_cut_free(cut);
        assert_int_equal(faulty.live, 0);
        if (err == GDN_OK) {
            assert_true(allowed > 1);
            return;
        }
        assert_int_equal(err, GDN_ERR_MEMORY);
    }
}

static void decoding_may_fail_at_every_allocation(void **state)
{
    (void)state;
    gdn_cut *cut = full_cut(NULL), *back;
    struct encoded encoded = encode(cut);
    for (size_t allowed = 0;; allowed++) {
        char why[WHY_BYTES] = "";
        struct faulty faulty = {.allowed = allowed};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        enum gdn_err err =
            gdn_cut_decode(&allocator, encoded.bytes, encoded.length, &back, why, sizeof why);
        if (err == GDN_OK) gdn_cut_free(back);
        assert_int_equal(faulty.live, 0);
        if (err == GDN_OK) {
            assert_true(allowed > 20);
            break;
        }
        assert_int_equal(err, GDN_ERR_MEMORY);
        assert_non_null(strstr(why, gdn_err_text(GDN_ERR_MEMORY)));
    }
    free(encoded.bytes);
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_comes_back_as_it_was),
        cmocka_unit_test(an_empty_cut_comes_back_too),
        cmocka_unit_test(a_truncated_cut_is_refused_at_every_length),
        cmocka_unit_test(a_damaged_bit_is_found),
        cmocka_unit_test(what_follows_the_cut_is_refused),
        cmocka_unit_test(every_byte_may_be_anything),
        cmocka_unit_test(many_bytes_may_be_anything),
        cmocka_unit_test(a_hostile_count_allocates_nothing),
        cmocka_unit_test(a_cut_that_contradicts_itself_is_refused),
        cmocka_unit_test(what_exceeds_its_bound_is_not_encoded),
        cmocka_unit_test(a_cut_beyond_the_bound_is_refused_unread),
        cmocka_unit_test(encoding_may_fail_at_every_allocation),
        cmocka_unit_test(decoding_may_fail_at_every_allocation),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
