/* SPDX-License-Identifier: MIT */
/* What docs/protocol.md says of the bytes is so: each of its test vectors is read, written again,
 * received by a node, cut short and mutated. */
#include "ledger_fixture.h"

#include "src/core/mem.h"
#include "src/core/mesh.h"
#include "vectors.h"
#include "wire_text.h"

#define SOURCE_BYTE 8 /* Of a frame's header. */

/* One of each record type, and what a reader of the document looks for. */
static const char *const required[] = {"hello",
                                       "hello-answer",
                                       "ack",
                                       "nack",
                                       "bye",
                                       "open",
                                       "open-in-a-round",
                                       "marker",
                                       "lock-request",
                                       "lock-request-units",
                                       "lock-request-branch",
                                       "lock-grant",
                                       "lock-release",
                                       "lock-cancel",
                                       "lock-end",
                                       "lock-wake",
                                       "payload",
                                       "empty-repeat",
                                       "start",
                                       "collect",
                                       "abandon",
                                       "abort",
                                       "report",
                                       "failed",
                                       "suspect",
                                       "aborted",
                                       "packed",
                                       "cut-empty",
                                       "cut-small",
                                       "cut-branches",
                                       "bad-short-header",
                                       "bad-magic",
                                       "bad-later-version",
                                       "bad-count-zero",
                                       "bad-count-too-large",
                                       "bad-count-above-the-records",
                                       "bad-count-below-the-records",
                                       "bad-length-beyond-the-frame",
                                       "bad-length-huge",
                                       "bad-bytes-after-the-records",
                                       "bad-type",
                                       "bad-verb",
                                       "bad-mode",
                                       "bad-marker-long",
                                       "bad-open-count",
                                       "bad-stranger",
                                       "bad-cut-magic",
                                       "bad-cut-later-version",
                                       "bad-cut-checksum",
                                       "bad-cut-count"};

static int setup(void **state)
{
    static struct vectors vectors;
    vectors = vectors_read();
    *state = &vectors;
    return 0;
}

static int teardown(void **state)
{
    if (*state != NULL) vectors_free(*state);
    return 0;
}

static struct gdn__buffer buffer(void)
{
    struct gdn__buffer made;
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    gdn__buffer_init(&made, &allocator);
    return made;
}

static uint64_t number_at(const struct vector *vector, size_t at)
{
    struct gdn__reader in = gdn__reader_of(vector->bytes, vector->length);
    (void)gdn__get_bytes(&in, at);
    return gdn__get_u64(&in);
}

/* ---- A node that receives ---- */

/* Each record's body is looked at as its owner would. */
static enum gdn_err on_record(void *context, uint32_t peer, const struct gdn__record *record)
{
    size_t *count = context;
    gdn_cut *cut;
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    (void)peer;
    if (!wire_recode(NULL, record)) return GDN_ERR_FORMAT;
    (*count)++;
    if (record->type != GDN__REPORT) return GDN_OK;
    if (!gdn__get_report(record, &round, &bytes, &length)) return GDN_ERR_FORMAT;
    enum gdn_err err = gdn_cut_decode(NULL, bytes, length, &cut, NULL, 0);
    if (err == GDN_OK) gdn_cut_free(cut);
    return GDN_OK; /* A report that cannot be read is its detector's affair. */
}

static enum gdn_err on_opened(void *context, uint32_t peer, const struct gdn__open *open)
{
    size_t *count = context;
    (void)peer;
    (void)open;
    (*count)++;
    return GDN_OK;
}

/* From memory of just that size, so that ASan sees every step too far. */
static enum gdn_err receive(gdn__mesh *mesh, const uint8_t *bytes, size_t length)
{
    uint8_t *exact = malloc(length == 0 ? 1 : length);
    assert_non_null(exact);
    if (length > 0) memcpy(exact, bytes, length);
    enum gdn_err err = gdn__mesh_receive(mesh, exact, length, NULL, 0);
    free(exact);
    return err;
}

/* Node n2, incarnation b2, as it is when the vector's frame comes: n1 has said HELLO and, unless
 * the frame begins the channel, OPEN. */
static gdn__mesh *receiver_of(const struct vectors *vectors, const struct vector *vector,
                              size_t *count)
{
    struct gdn__mesh_options options = {
        .name = "n2",
        .endpoint = "tcp://127.0.0.1:5002",
        .incarnation = 0xb2,
        .role = GDN__ROLE_NODE,
        .allocator = gdn__allocator_or_default(NULL),
        .limits = gdn__channel_limits_of(0, 0, 0),
        .events = {.context = count, .opened = on_opened, .arrived = on_record}};
    gdn__mesh *mesh = gdn__mesh_new(&options);
    assert_non_null(mesh);
    if (strncmp(vector->name, "hello", 5) == 0) return mesh;
    const struct vector *hello = vectors_find(vectors, "hello");
    const struct vector *open = vectors_find(vectors, "open");
    assert_ok(receive(mesh, hello->bytes, hello->length));
    bool begins =
        strncmp(vector->name, "open", 4) == 0 || strcmp(vector->name, "bad-open-count") == 0;
    if (!begins) assert_ok(receive(mesh, open->bytes, open->length));
    *count = 0;
    return mesh;
}

static enum gdn_err receive_alone(const struct vectors *vectors, const struct vector *vector,
                                  const uint8_t *bytes, size_t length, size_t *count)
{
    gdn__mesh *mesh = receiver_of(vectors, vector, count);
    enum gdn_err err = receive(mesh, bytes, length);
    gdn__mesh_free(mesh);
    return err;
}

static enum gdn_err decode_cut(const uint8_t *bytes, size_t length)
{
    gdn_cut *cut;
    enum gdn_err err = gdn_cut_decode(NULL, bytes, length, &cut, NULL, 0);
    if (err == GDN_OK) gdn_cut_free(cut);
    return err;
}

/* ---- The vectors ---- */

static void every_vector_that_is_needed_is_there(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        (void)vectors_find(vectors, required[i]);
    }
    assert_true(vectors->count >= sizeof required / sizeof *required);
}

static void expect_text(const struct vector *vector, const struct gdn__buffer *text)
{
    assert_false(text->failed);
    if (text->length == strlen(vector->meaning) &&
        memcmp(text->bytes, vector->meaning, text->length) == 0) {
        return;
    }
    fail_msg("vector %s means\n%.*s", vector->name, (int)text->length, (const char *)text->bytes);
}

static void every_vector_means_what_is_said_of_it(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        struct gdn__buffer text = buffer();
        gdn_cut *cut;
        if (vector_refusal(vector) != NULL) continue;
        if (vector_is_cut(vector)) {
            assert_ok(gdn_cut_decode(NULL, vector->bytes, vector->length, &cut, NULL, 0));
            wire_text_of_cut(&text, cut);
            gdn_cut_free(cut);
        } else {
            assert_true(wire_text_of_frame(&text, vector->bytes, vector->length));
        }
        expect_text(vector, &text);
        gdn__buffer_fini(&text);
    }
}

static struct gdn__buffer encode_frame_again(const struct vector *vector)
{
    struct gdn__header header;
    struct gdn__record record;
    struct gdn__buffer out = buffer();
    struct gdn__reader in = gdn__reader_of(vector->bytes, vector->length);
    assert_ok(gdn__get_header(&in, &header));
    gdn__put_header(&out, &header);
    while (gdn__next_record(&in, &record)) assert_true(wire_recode(&out, &record));
    return out;
}

static void what_was_decoded_is_encoded_to_the_same_bytes(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        struct gdn__buffer out = buffer();
        gdn_cut *cut;
        if (vector_refusal(vector) != NULL) continue;
        if (vector_is_cut(vector)) {
            assert_ok(gdn_cut_decode(NULL, vector->bytes, vector->length, &cut, NULL, 0));
            assert_ok(gdn_cut_encode(cut, &out.bytes, &out.length));
            gdn_cut_free(cut);
        } else {
            out = encode_frame_again(vector);
        }
        assert_int_equal(out.length, vector->length);
        assert_memory_equal(out.bytes, vector->bytes, vector->length);
        gdn__buffer_fini(&out);
    }
}

/* ---- Receiving ---- */

static void a_node_takes_every_frame_that_is_right(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        size_t count = 0;
        if (vector_is_cut(vector) || vector_refusal(vector) != NULL) continue;
        enum gdn_err err = receive_alone(vectors, vector, vector->bytes, vector->length, &count);
        if (err != GDN_OK) fail_msg("vector %s: %s", vector->name, gdn_err_name(err));
        bool numbered = number_at(vector, 3 * SOURCE_BYTE) != 0;
        bool is_repeat = strcmp(vector->name, "empty-repeat") == 0;
        uint32_t records = (uint32_t)(number_at(vector, 0) >> 32);
        assert_int_equal(count, numbered && !is_repeat ? records : 0);
    }
}

static enum gdn_err refusal_code(const struct vector *vector)
{
    static const struct {
        const char *reason;
        enum gdn_err code;
    } codes[] = {{"format\n", GDN_ERR_FORMAT},
                 {"version\n", GDN_ERR_VERSION},
                 {"checksum\n", GDN_ERR_CHECKSUM},
                 {"stranger\n", GDN_ERR_UNKNOWN_NODE}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(vector_refusal(vector), codes[i].reason) == 0) return codes[i].code;
    }
    fail_msg("vector %s is refused for no known reason", vector->name);
    return GDN_OK;
}

static void every_invalid_vector_is_refused_for_its_reason(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        size_t count = 0;
        if (vector_refusal(vector) == NULL) continue;
        enum gdn_err err = vector_is_cut(vector) ? decode_cut(vector->bytes, vector->length)
                                                 : receive_alone(vectors, vector, vector->bytes,
                                                                 vector->length, &count);
        if (err != refusal_code(vector)) {
            fail_msg("vector %s: %s", vector->name, gdn_err_name(err));
        }
        assert_int_equal(count, 0); /* And nothing of it took effect. */
    }
}

/* ---- Damage ---- */

static void a_frame_is_refused_when_cut_short_at_any_byte(void **state)
{
    const struct vectors *vectors = *state;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        if (vector_refusal(vector) != NULL) continue;
        for (size_t length = 0; length < vector->length; length++) {
            size_t count = 0;
            enum gdn_err err = vector_is_cut(vector)
                                   ? decode_cut(vector->bytes, length)
                                   : receive_alone(vectors, vector, vector->bytes, length, &count);
            if (err == GDN_OK) fail_msg("vector %s at %zu", vector->name, length);
            assert_int_equal(count, 0);
        }
    }
}

/* A mutated frame may mean something else; but it is received or refused, and the node lives on. */
static void mutate(const struct vectors *vectors, const struct vector *vector, uint64_t *seed)
{
    uint8_t *bytes = malloc(vector->length);
    size_t count = 0;
    assert_non_null(bytes);
    memcpy(bytes, vector->bytes, vector->length);
    bytes[below(seed, (uint32_t)vector->length)] ^= (uint8_t)(1 + below(seed, 255));
    enum gdn_err err = vector_is_cut(vector)
                           ? decode_cut(bytes, vector->length)
                           : receive_alone(vectors, vector, bytes, vector->length, &count);
    bool expected = err == GDN_OK || err == GDN_ERR_FORMAT || err == GDN_ERR_VERSION ||
                    err == GDN_ERR_CHECKSUM || err == GDN_ERR_UNKNOWN_NODE;
    if (!expected) fail_msg("vector %s: %s", vector->name, gdn_err_name(err));
    free(bytes);
}

static void a_mutated_frame_is_received_or_refused(void **state)
{
    const struct vectors *vectors = *state;
    uint64_t seed = number_from_environment("GDN_SEED", 1);
    uint64_t runs = number_from_environment("GDN_RUNS", 200);
    print_message("replay: GDN_SEED=%llu GDN_RUNS=%llu build/tests/unit/test_wire\n",
                  (unsigned long long)seed, (unsigned long long)runs);
    for (uint64_t run = 0; run < runs; run++) {
        for (size_t i = 0; i < vectors->count; i++) mutate(vectors, &vectors->list[i], &seed);
    }
}

/* ---- Limits ---- */

static struct gdn__open open_with_rounds(size_t count)
{
    struct gdn__open open = {.silence_ms = GDN__SILENCE_MS_MIN,
                             .window = 1,
                             .window_bytes = GDN__WINDOW_BYTES_MIN,
                             .count = count};
    for (size_t i = 0; i < count; i++) {
        open.rounds[i] = (gdn_round_id){gdn_node_named("d"), 1, i + 1};
    }
    return open;
}

static void an_open_lists_no_more_rounds_than_its_maximum(void **state)
{
    (void)state;
    struct gdn__open open = open_with_rounds(GDN__OPEN_ROUNDS_MAX), back;
    struct gdn__buffer out = buffer();
    gdn__put_open(&out, &open);
    struct gdn__record record = {GDN__OPEN, out.bytes, out.length};
    assert_true(gdn__get_open(&record, &back));
    assert_int_equal(back.count, GDN__OPEN_ROUNDS_MAX);
    assert_int_equal(back.rounds[GDN__OPEN_ROUNDS_MAX - 1].number, GDN__OPEN_ROUNDS_MAX);

    gdn__poke_u32(&out, 16, GDN__OPEN_ROUNDS_MAX + 1); /* One more, and its bytes are there. */
    gdn__put_round_id(&out, open.rounds[0]);
    record = (struct gdn__record){GDN__OPEN, out.bytes, out.length};
    assert_false(gdn__get_open(&record, &back));
    gdn__buffer_fini(&out);
}

/* With a silence of 0 two nodes would do nothing but keep each other alive; with a window of 0
 * nothing could ever be sent. */
static void an_open_asks_for_nothing_impossible(void **state)
{
    (void)state;
    struct gdn__open good = open_with_rounds(0), back;
    struct gdn__open bad[3] = {good, good, good};
    bad[0].silence_ms = GDN__SILENCE_MS_MIN - 1;
    bad[1].window = 0;
    bad[2].window_bytes = GDN__WINDOW_BYTES_MIN - 1;
    for (size_t i = 0; i < 3; i++) {
        struct gdn__buffer out = buffer();
        gdn__put_open(&out, &bad[i]);
        assert_false(gdn__get_open(&(struct gdn__record){GDN__OPEN, out.bytes, out.length}, &back));
        gdn__buffer_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_that_is_needed_is_there),
        cmocka_unit_test(every_vector_means_what_is_said_of_it),
        cmocka_unit_test(what_was_decoded_is_encoded_to_the_same_bytes),
        cmocka_unit_test(a_node_takes_every_frame_that_is_right),
        cmocka_unit_test(every_invalid_vector_is_refused_for_its_reason),
        cmocka_unit_test(a_frame_is_refused_when_cut_short_at_any_byte),
        cmocka_unit_test(a_mutated_frame_is_received_or_refused),
        cmocka_unit_test(an_open_lists_no_more_rounds_than_its_maximum),
        cmocka_unit_test(an_open_asks_for_nothing_impossible),
    };
    return !!cmocka_run_group_tests(tests, setup, teardown);
}
