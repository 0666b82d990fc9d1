/* SPDX-License-Identifier: MIT */
/* Strangers, malformed frames, and a lack of memory. */
#include "mesh_fixture.h"

#include "src/core/mem.h"

/* ---- Strangers and mistakes ---- */

static void a_second_node_of_our_name_is_warned_about(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct member *twin = box_start_as(box, "A", 2, "elsewhere", GDN__ROLE_NODE);
    assert_ok(gdn__mesh_dial(twin->mesh, "B", "A", GDN__ROLE_NODE, 0));
    box_carry(box);
    assert_true(box_said(a, "!a node at 10.0.0.9 says it is A too: names must be unique"));
    assert_int_equal(gdn__mesh_count(a->mesh), 1);
}

/* One frame of @p count records, from incarnation 2 to 1. */
struct crafted {
    struct gdn__buffer bytes;
    struct gdn__header header;
};

static void craft(struct crafted *crafted, uint64_t sequence)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    gdn__buffer_init(&crafted->bytes, &allocator);
    crafted->header = (struct gdn__header){
        .source = 2, .destination = 1, .sequence = sequence, .count = 1, .association = 1};
}

static void begin(struct crafted *crafted)
{
    gdn__put_header(&crafted->bytes, &crafted->header);
}

static void add_record(struct crafted *crafted, enum gdn__record_type type, const char *body)
{
    size_t begun = gdn__begin_record(&crafted->bytes, type);
    gdn__put_bytes(&crafted->bytes, body, strlen(body));
    gdn__end_record(&crafted->bytes, begun);
}

/* A received the frame and refused it, naming where it came from; and goes on living. */
static void expect_refused(struct member *a, struct crafted *crafted, enum gdn_err expected)
{
    a->log[0] = '\0';
    uint8_t *exact = malloc(crafted->bytes.length);
    assert_non_null(exact);
    memcpy(exact, crafted->bytes.bytes, crafted->bytes.length);
    assert_int_equal(box_receive(a, exact, crafted->bytes.length), expected);
    free(exact);
    assert_true(box_said(a, "refused"));
    assert_true(box_said(a, "10.0.0.9"));
    gdn__buffer_fini(&crafted->bytes);
}

static void malformed_frames_are_refused_and_their_sender_named(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct crafted crafted;
    box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);

    box_expect_events(a, "opened B;up B;");
    craft(&crafted, 0); /* Nothing at all. */
    gdn__put_u8(&crafted.bytes, 'G');
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 2); /* More records than were announced. */
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "x");
    add_record(&crafted, GDN__PAYLOAD, "y");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 2); /* Fewer. */
    crafted.header.count = 2;
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "x");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 2); /* A record that is not numbered among numbered ones ... */
    crafted.header.count = 2;
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "x");
    add_record(&crafted, GDN__ACK, "");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 0); /* ... and the other way round. */
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "x");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 0); /* These have no body. */
    begin(&crafted);
    add_record(&crafted, GDN__BYE, "x");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 0); /* A HELLO travels alone. */
    crafted.header.count = 2;
    begin(&crafted);
    add_record(&crafted, GDN__ACK, "");
    add_record(&crafted, GDN__HELLO, "x");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);

    craft(&crafted, 0); /* A later version. */
    begin(&crafted);
    add_record(&crafted, GDN__ACK, "");
    crafted.bytes.bytes[2]++;
    expect_refused(a, &crafted, GDN_ERR_VERSION);

    craft(&crafted, 0); /* From nobody we know. */
    crafted.header.source = 77;
    begin(&crafted);
    add_record(&crafted, GDN__ACK, "");
    expect_refused(a, &crafted, GDN_ERR_UNKNOWN_NODE);
    craft(&crafted, 0); /* Of no association. */
    crafted.header.association = 0;
    begin(&crafted);
    add_record(&crafted, GDN__ACK, "");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);
    box_expect_events(a, "");
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
}

/* Resent, a record that makes no sense would make none either: its sender is lost, by name, and
 * both begin again. */
static void who_sends_what_no_correct_peer_sends_is_lost_and_met_again(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    struct crafted crafted;
    struct gdn__open open = {
        .silence_ms = GDN__SILENCE_MS_MIN, .window = 1, .window_bytes = GDN__WINDOW_BYTES_MIN};
    box_dial(a, "B");
    box_pass(box, 10000);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "opened A;up A;");
    craft(&crafted, 2); /* A second OPEN. */
    begin(&crafted);
    size_t begun = gdn__begin_record(&crafted.bytes, GDN__OPEN);
    gdn__put_open(&crafted.bytes, &open);
    gdn__end_record(&crafted.bytes, begun);
    expect_refused(a, &crafted, GDN_ERR_FORMAT);
    box_expect_events(a, "lost B;");
    box_pass(box, GDN__HELLO_MAX_US);
    box_expect_events(a, "opened B;up B;");
    box_expect_events(b, "lost A;opened A;up A;");
    box_send_text(a, "B", "again");
    box_carry(box);
    box_expect_events(b, "again from A;");
}

/* Before OPEN there is no channel whose messages could be counted. */
static void a_channel_begins_with_open(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct crafted crafted;
    box_start(box, "B", 2);
    box_dial(a, "B");
    box_pack(box);
    box_land_one(box);
    box_pack(box);
    struct flight hello = box_keep_flight(box, "A", GDN__HELLO);
    box_drop_flights(box);
    box_land_kept(box, &hello);
    craft(&crafted, 1);
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "x");
    expect_refused(a, &crafted, GDN_ERR_FORMAT);
    box_expect_events(a, "lost B;");
}

/* A frame is believed as a whole or not at all: a good record before a bad one has no effect. */
static void nothing_of_a_malformed_frame_takes_effect(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct crafted crafted;
    box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    craft(&crafted, 2);
    crafted.header.count = 2;
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "good");
    gdn__put_u32(&crafted.bytes, GDN__PAYLOAD);
    gdn__put_u32(&crafted.bytes, 100); /* Longer than what is there. */
    expect_refused(a, &crafted, GDN_ERR_FORMAT);
    box_expect_events(a, "opened B;up B;");

    craft(&crafted, 2);
    begin(&crafted);
    add_record(&crafted, GDN__PAYLOAD, "good");
    assert_ok(box_receive(a, crafted.bytes.bytes, crafted.bytes.length));
    gdn__buffer_fini(&crafted.bytes);
    box_expect_events(a, "good from B;");
}

/* ---- Memory ---- */

/* Its owner has no room for a record: the channel offers it again, and those after it. */
static void a_record_that_was_not_kept_comes_again_in_order(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    box_dial(a, "B");
    box_pass(box, 10000);
    b->events[0] = '\0';
    b->refuse = GDN_ERR_MEMORY;
    box_send_text(a, "B", "one");
    box_send_text(a, "B", "two");
    box_carry(box);
    box_expect_events(b, "");
    b->refuse = GDN_OK;
    box_pass(box, 2 * GDN__RESEND_US);
    box_expect_events(b, "one from A;two from A;");
}

/* A talks to B after its memory failed once, whoever dialled. */
static void fail_once(size_t allowed, bool a_dials)
{
    void *made;
    assert_int_equal(box_setup(&made), 0);
    struct box *box = made;
    struct member *a = box_start(box, "A", 1), *b = box_start(box, "B", 2);
    a->faulty.allowed = allowed;
    if (a_dials) (void)gdn__mesh_dial(a->mesh, "B", "B", GDN__ROLE_NODE, 0);
    box_dial(b, "A");
    box_pass(box, 100000);
    a->faulty.allowed = SIZE_MAX;
    if (a_dials) box_dial(a, "B");
    box_pass(box, 2 * GDN__RESEND_MAX_US);
    box_send_text(a, "B", "hi");
    box_send_text(b, "A", "ho");
    box_pass(box, 10000);
    assert_non_null(strstr(a->events, "ho from B;"));
    assert_non_null(strstr(b->events, "hi from A;"));
    assert_null(strstr(a->events, "lost"));
    assert_int_equal(gdn__mesh_count(a->mesh), 2); /* Each try left nothing behind. */
    assert_int_equal(box_teardown(&made), 0);
}

/* Whichever allocation fails, nothing leaks, and when memory is back both meet and talk. */
static void every_allocation_may_fail_once(void **state)
{
    (void)state;
    for (size_t allowed = 0; allowed < 40; allowed++) {
        fail_once(allowed, true);
        fail_once(allowed, false);
    }
}

static void making_a_mesh_may_fail(void **state)
{
    (void)state;
    for (size_t allowed = 0;; allowed++) {
        struct faulty faulty = {.allowed = allowed};
        struct gdn__mesh_options options = {.name = "A",
                                            .endpoint = "A",
                                            .incarnation = 1,
                                            .role = GDN__ROLE_NODE,
                                            .limits = gdn__channel_limits_of(0, 0, 0),
                                            .allocator = {faulty_resize, &faulty}};
        gdn__mesh *mesh = gdn__mesh_new(&options);
        gdn__mesh_free(mesh);
        assert_int_equal(faulty.live, 0);
        if (mesh == NULL) continue;
        assert_true(allowed > 2);
        return;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_second_node_of_our_name_is_warned_about),
        TEST(malformed_frames_are_refused_and_their_sender_named),
        TEST(who_sends_what_no_correct_peer_sends_is_lost_and_met_again),
        TEST(a_channel_begins_with_open),
        TEST(nothing_of_a_malformed_frame_takes_effect),
        TEST(a_record_that_was_not_kept_comes_again_in_order),
        cmocka_unit_test(every_allocation_may_fail_once),
        cmocka_unit_test(making_a_mesh_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
