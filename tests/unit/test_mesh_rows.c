/* SPDX-License-Identifier: MIT */
/* Rows of lost peers serve others: when they may, when not, and what becomes of whose they were. */
#include "mesh_fixture.h"
#include "stranger.h"

#include "src/core/former.h"

#include <stdio.h>
#include <stdlib.h>

#define SILENCE_US (INT64_C(1000) * GDN__SILENCE_MS_DEFAULT)
#define ROWS_MAX   (4 * GDN__COLLECT_AFTER) /* However many come and go. */
#define STRANGERS  1000000                  /* Incarnations of strangers begin here. */

static void receive(struct member *member, struct gdn__buffer frame)
{
    (void)box_receive(member, frame.bytes, frame.length);
    gdn__buffer_fini(&frame);
}

static struct stranger stranger(const char *name, uint64_t incarnation)
{
    return (struct stranger){
        .name = name, .endpoint = name, .incarnation = incarnation, .to = 1, .association = 1};
}

static uint32_t come_up(struct member *a, struct stranger *from)
{
    receive(a, stranger_hello(from));
    uint32_t number = gdn__mesh_find_incarnation(a->mesh, from->incarnation);
    assert_int_not_equal(number, 0);
    from->association = gdn__mesh_peer(a->mesh, number)->association;
    struct gdn__buffer frame = stranger_begin(from, 1, 1);
    stranger_put_open(&frame);
    receive(a, frame);
    assert_int_equal(gdn__mesh_peer(a->mesh, number)->state, GDN__PEER_UP);
    return number;
}

/* A node that is restarted so often, each time at another place. */
static void restart_often(struct member *a, const char *name, int times)
{
    static uint64_t incarnation = STRANGERS;
    char endpoint[ENDPOINT];
    struct box *box = a->box;
    for (int i = 0; i < times; i++) {
        struct stranger from = stranger(name, ++incarnation);
        (void)snprintf(endpoint, sizeof endpoint, "%s-%d", name, i);
        from.endpoint = endpoint;
        (void)come_up(a, &from);
        box_pack(box);
        box_drop_flights(box);
        a->events[0] = a->log[0] = '\0';
    }
}

/* ---- Numbers ---- */

static void rows_and_links_of_the_dead_serve_the_living(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    restart_often(a, "B", 3000);
    assert_in_range(gdn__mesh_count(a->mesh), 2, ROWS_MAX);
    assert_in_range(a->link_count, 1, ROWS_MAX);
    size_t blocks = a->faulty.live;
    restart_often(a, "B", 3000);
    assert_in_range(a->faulty.live, 1, blocks + GDN__COLLECT_AFTER);
}

static void a_number_that_stands_in_the_owners_books_is_kept(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct stranger first = stranger("B", 7);
    a->pinned = come_up(a, &first);
    restart_often(a, "B", 1000);
    const struct gdn__peer *kept = gdn__mesh_peer(a->mesh, a->pinned);
    assert_int_equal(kept->state, GDN__PEER_LOST);
    assert_int_equal(kept->incarnation, 7);
    assert_string_equal(kept->name, "B");
    a->pinned = 0;
    restart_often(a, "B", ROWS_MAX);
    assert_int_not_equal(kept->incarnation, 7);
}

/* Numbers that are all in use are no reason to fail when one is given back. */
static void a_blank_row_is_used_before_a_new_one(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    restart_often(a, "B", 2 * GDN__COLLECT_AFTER);
    uint32_t count = gdn__mesh_count(a->mesh);
    a->faulty.allowed = 0;
    struct stranger late = stranger("C", 8);
    receive(a, stranger_hello(&late)); /* It could not be kept ... */
    a->faulty.allowed = SIZE_MAX;
    assert_int_equal(gdn__mesh_find_incarnation(a->mesh, 8), 0);
    (void)come_up(a, &late); /* ... and has left nothing behind. */
    assert_int_equal(gdn__mesh_count(a->mesh), count);
}

/* Each of them is wanted, so none is lost. */
static void one_peer_too_many_is_refused(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    char name[32];
    for (int i = 1; i < GDN__PEERS_MAX; i++) {
        (void)snprintf(name, sizeof name, "peer-%d", i);
        assert_ok(gdn__mesh_dial(a->mesh, name, "B", GDN__ROLE_NODE, 0));
    }
    size_t blocks = a->faulty.live;
    assert_int_equal(gdn__mesh_dial(a->mesh, "C", "B", GDN__ROLE_NODE, 0), GDN_ERR_LIMIT);
    assert_int_equal(gdn__mesh_find(a->mesh, gdn_node_named("C")), 0);
    assert_int_equal(a->faulty.live, blocks);
    assert_ok(gdn__mesh_dial(a->mesh, "peer-7", "B", GDN__ROLE_NODE, 0));
}

/* ---- Whose they were ---- */

static void start_pair(struct box *box, struct member **a, struct member **b)
{
    *a = box_start(box, "A", 1);
    *b = box_start(box, "B", 2);
}

/* B stands still, as after SIGSTOP, and A gives it up; then so many others come and go, and B
 * wakes: to it nothing has happened. */
static void lose_and_forget(struct box *box, struct member *a, int others)
{
    box_pass(box, 10000);
    assert_int_equal(box_state_of(a, "B"), GDN__PEER_UP);
    gdn__mesh *stopped = box->members[1].mesh;
    box->members[1].mesh = NULL;
    while (gdn__mesh_find(a->mesh, gdn_node_named("B")) != 0 &&
           box_state_of(a, "B") == GDN__PEER_UP) {
        box_pass(box, 100000);
    }
    for (int i = 0; i < GDN__GIVEN_UP_KEPT + 1; i++) { /* Of these none is ever heard again. */
        char name[32];
        (void)snprintf(name, sizeof name, "silent-%d", i);
        struct stranger silent = stranger(name, (uint64_t)(100 + i));
        (void)come_up(a, &silent);
        box_drop_flights(box);
    }
    box_pass(box, SILENCE_US + 10000);
    restart_often(a, "C", others);
    assert_int_equal(gdn__mesh_find_incarnation(a->mesh, 2), 0);
    box_drop_flights(box);
    box->members[1].events[0] = '\0';
    box->members[1].mesh = stopped;
}

static void expect_met_again(struct box *box, struct member *a, struct member *b)
{
    box_pass(box, 2 * SILENCE_US);
    box_expect_events(b, "lost A;opened A;up A;");
    uint32_t number = gdn__mesh_find(a->mesh, gdn_node_named("B"));
    assert_int_not_equal(number, 0);
    assert_int_equal(gdn__mesh_peer(a->mesh, number)->incarnation, 2);
    assert_in_range(gdn__mesh_peer(a->mesh, number)->association, 2, 9);
    a->events[0] = b->events[0] = '\0';
    box_send_text(a, "B", "hi");
    box_send_text(b, "A", "ho");
    box_carry(box);
    assert_non_null(strstr(a->events, "ho from B;"));
    box_expect_events(b, "hi from A;");
}

/* What it had in the first association it must not take into the next. */
static void who_was_given_up_and_lost_its_row_is_met_again(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_dial(a, "B");
    lose_and_forget(box, a, 500);
    expect_met_again(box, a, b);
}

static void who_had_dialled_us_is_met_again_too(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_dial(b, "A");
    lose_and_forget(box, a, 500);
    expect_met_again(box, a, b);
}

/* Nothing at all is known of it: it is met beyond all that was forgotten. */
static void who_was_forgotten_is_met_beyond_its_last_association(void **state)
{
    struct box *box = *state;
    struct member *a, *b;
    start_pair(box, &a, &b);
    box_dial(b, "A");
    lose_and_forget(box, a, 2 * GDN__FORMERS_MAX);
    assert_false(gdn__mesh_knows_name(a->mesh, gdn_node_named("B")));
    expect_met_again(box, a, b);
}

/* Two processes of one name, of which the older was stopped and then replaced: were it met again,
 * it would take the name back, and the application would lose the one that it works with. */
static void who_was_replaced_while_it_was_given_up_stays_out(void **state)
{
    struct box *box = *state;
    struct member *a = box_start(box, "A", 1);
    struct stranger older = stranger("B", 10), newer = stranger("B", 11);
    (void)come_up(a, &older);
    box_pass(box, SILENCE_US + 10000);
    uint32_t number = come_up(a, &newer);
    a->events[0] = '\0';
    receive(a, stranger_ack(&older)); /* It wakes. */
    receive(a, stranger_hello(&older));
    box_expect_events(a, "");
    assert_int_equal(gdn__mesh_find(a->mesh, gdn_node_named("B")), number);
    restart_often(a, "C", 500); /* Also when its row serves another. */
    assert_int_equal(gdn__mesh_find_incarnation(a->mesh, 10), 0);
    receive(a, stranger_ack(&older));
    receive(a, stranger_hello(&older));
    assert_int_equal(gdn__mesh_find_incarnation(a->mesh, 10), 0);
    assert_int_equal(gdn__mesh_find(a->mesh, gdn_node_named("B")), number);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_and_links_of_the_dead_serve_the_living),
        TEST(a_number_that_stands_in_the_owners_books_is_kept),
        TEST(a_blank_row_is_used_before_a_new_one),
        TEST(one_peer_too_many_is_refused),
        TEST(who_was_given_up_and_lost_its_row_is_met_again),
        TEST(who_had_dialled_us_is_met_again_too),
        TEST(who_was_forgotten_is_met_beyond_its_last_association),
        TEST(who_was_replaced_while_it_was_given_up_stays_out),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
