/* SPDX-License-Identifier: MIT */
/* A node as its embedder meets it: real sockets and threads, several nodes in one program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <gordian/node.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define LONG_MS 10000 /* A deadline that only a broken program meets. */

static gdn_node *open_node(const struct gdn_node_options *options)
{
    char why[512] = "";
    gdn_node *node;
    enum gdn_err err = gdn_node_open(options, &node, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s: %s", gdn_err_name(err), why);
    return node;
}

static gdn_node *open_named(const char *name)
{
    struct gdn_node_options options = {.name = name, .bind = "tcp://127.0.0.1:*"};
    return open_node(&options);
}

static struct gdn_item take(gdn_node *node)
{
    struct gdn_item item;
    assert_int_equal(gdn_take(node, &item, LONG_MS), GDN_OK);
    return item;
}

static void expect_item(gdn_node *node, enum gdn_item_type type)
{
    struct gdn_item item = take(node);
    assert_int_equal(item.type, type);
    gdn_item_fini(&item);
}

static void join(gdn_node *from, gdn_node *to, const char *from_name, const char *to_name)
{
    assert_int_equal(gdn_connect(from, to_name, gdn_node_endpoint(to)), GDN_OK);
    assert_int_equal(gdn_await(from, gdn_node_named(to_name), LONG_MS), GDN_OK);
    assert_int_equal(gdn_await(to, gdn_node_named(from_name), LONG_MS), GDN_OK);
    expect_item(from, GDN_ITEM_PEER_UP);
    expect_item(to, GDN_ITEM_PEER_UP);
}

static struct gdn_request request_of(const char *process, const char *resource)
{
    return (struct gdn_request){.process = gdn_process_named(process),
                                .resource = gdn_resource_named(resource),
                                .label = resource,
                                .cookie = 42};
}

static bool is_readable(gdn_node *node)
{
    struct pollfd watched = {.fd = gdn_node_descriptor(node), .events = POLLIN};
    return poll(&watched, 1, 0) == 1;
}

/* One request, granted, released: the same on every transport. */
static void lock_and_release(gdn_node *issuer, gdn_node *home, const char *home_name)
{
    gdn_ticket ticket, next;
    struct gdn_request request = request_of("T1", "x");
    assert_int_equal(gdn_request(issuer, gdn_node_named(home_name), &request, &ticket), GDN_OK);
    struct gdn_item item = take(home);
    assert_int_equal(item.type, GDN_ITEM_REQUESTED);
    assert_true(gdn_ticket_equal(item.ticket, ticket));
    assert_int_equal(gdn_next(home, item.resource, &next), GDN_OK);
    assert_true(gdn_ticket_equal(next, ticket));
    assert_int_equal(gdn_grant(home, next), GDN_OK);
    item = take(issuer);
    assert_int_equal(item.type, GDN_ITEM_GRANTED);
    assert_int_equal(item.cookie, 42);
    assert_int_equal(gdn_release(issuer, request.process, request.resource), GDN_OK);
}

static void two_nodes_lock_over_tcp(void **state)
{
    (void)state;
    gdn_node *a = open_named("a"), *b = open_named("b");
    join(a, b, "a", "b");
    lock_and_release(a, b, "b");
    gdn_node_close(a);
    gdn_node_close(b);
}

static void two_nodes_lock_over_ipc(void **state)
{
    (void)state;
    char directory[] = "/tmp/gordian-node-XXXXXX", first[64], second[64];
    assert_non_null(mkdtemp(directory));
    (void)snprintf(first, sizeof first, "ipc://%s/a", directory);
    (void)snprintf(second, sizeof second, "ipc://%s/b", directory);
    gdn_node *a = open_node(&(struct gdn_node_options){.name = "a", .bind = first});
    gdn_node *b = open_node(&(struct gdn_node_options){.name = "b", .bind = second});
    join(a, b, "a", "b");
    lock_and_release(a, b, "b");
    gdn_node_close(a);
    gdn_node_close(b);
    assert_int_equal(rmdir(directory), 0); /* Nothing is left behind. */
}

static void two_nodes_lock_over_inproc_in_a_shared_context(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    gdn_node *a = open_node(
        &(struct gdn_node_options){.name = "a", .bind = "inproc://a", .zmq_context = context});
    gdn_node *b = open_node(
        &(struct gdn_node_options){.name = "b", .bind = "inproc://b", .zmq_context = context});
    join(a, b, "a", "b");
    lock_and_release(a, b, "b");
    gdn_node_close(a);
    gdn_node_close(b);
    zmq_ctx_term(context);
}

static void a_home_gives_out_units_and_refuses_what_it_has_not(void **state)
{
    (void)state;
    gdn_node *a = open_named("a"), *b = open_named("b");
    join(a, b, "a", "b");
    struct gdn_request request = request_of("T1", "pool");
    gdn_ticket first, second, third, next;
    assert_int_equal(gdn_set_capacity(b, request.resource, 3), GDN_OK);
    request.units = 2;
    assert_int_equal(gdn_request(b, gdn_node_named("b"), &request, &first), GDN_OK);
    assert_int_equal(take(b).units, 2);
    assert_int_equal(gdn_grant(b, first), GDN_OK);
    expect_item(b, GDN_ITEM_GRANTED);
    assert_int_equal(gdn_request(a, gdn_node_named("b"), &request, &second), GDN_OK);
    assert_int_equal(take(b).units, 2);
    assert_int_equal(gdn_next(b, request.resource, &next), GDN_ERR_EMPTY);
    assert_int_equal(gdn_grant(b, second), GDN_ERR_NOT_GRANTABLE);
    assert_int_equal(gdn_set_capacity(b, request.resource, 4), GDN_OK);
    expect_item(b, GDN_ITEM_RELEASED);
    assert_int_equal(gdn_grant(b, second), GDN_OK);
    expect_item(a, GDN_ITEM_GRANTED);
    request.units = 5;
    assert_int_equal(gdn_request(a, gdn_node_named("b"), &request, &third), GDN_OK);
    request.units = 0; /* One, and behind the other: when this is seen that was refused. */
    assert_int_equal(gdn_request(a, gdn_node_named("b"), &request, &next), GDN_OK);
    assert_int_equal(take(b).units, 1);
    struct gdn_item refused = take(a);
    assert_int_equal(refused.type, GDN_ITEM_REFUSED);
    assert_true(gdn_ticket_equal(refused.ticket, third));
    gdn_node_close(a);
    gdn_node_close(b);
}

/* "Readable exactly while an item waits": a host's event loop depends on both halves. */
static void the_descriptor_is_readable_exactly_while_an_item_waits(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    gdn_ticket ticket;
    struct gdn_request request = request_of("T1", "x");
    assert_false(is_readable(node));
    assert_int_equal(gdn_request(node, gdn_node_named("a"), &request, &ticket), GDN_OK);
    assert_true(is_readable(node));
    expect_item(node, GDN_ITEM_REQUESTED);
    assert_false(is_readable(node));
    assert_int_equal(gdn_grant(node, ticket), GDN_OK);
    assert_true(is_readable(node));
    expect_item(node, GDN_ITEM_GRANTED);
    assert_false(is_readable(node));
    gdn_node_close(node);
}

static void taking_from_an_empty_inbox_times_out(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    struct gdn_item item;
    assert_int_equal(gdn_take(node, &item, 0), GDN_ERR_TIMEOUT);
    assert_int_equal(gdn_take(node, &item, 20), GDN_ERR_TIMEOUT);
    gdn_node_close(node);
}

static void *take_until_closed(void *node)
{
    struct gdn_item item;
    return gdn_take(node, &item, -1) == GDN_ERR_CLOSED ? node : NULL;
}

static void stopping_wakes_every_thread_that_takes(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_until_closed, node), 0);
    }
    gdn_node_stop(node);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, node);
    }
    gdn_node_close(node);
}

static void a_forked_child_is_refused(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    pid_t child = fork();
    if (child == 0) {
        struct gdn_item item;
        gdn_ticket ticket;
        struct gdn_request request = request_of("T1", "x");
        bool refused =
            gdn_take(node, &item, -1) == GDN_ERR_FORKED &&
            gdn_request(node, gdn_node_named("a"), &request, &ticket) == GDN_ERR_FORKED &&
            gdn_node_descriptor(node) == -1;
        gdn_node_close(node);
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    gdn_node_close(node);
}

/* The peer's next incarnation: the old one's hold stands until it is dropped, its tickets are
 * refused, and what waited at the lost home hears of it. */
static void a_restarted_peer_is_a_new_incarnation(void **state)
{
    (void)state;
    gdn_node *home = open_named("home"), *peer = open_named("peer");
    gdn_ticket ticket, own, next;
    join(peer, home, "peer", "home");
    struct gdn_request request = request_of("T1", "x");
    assert_int_equal(gdn_request(peer, gdn_node_named("home"), &request, &ticket), GDN_OK);
    expect_item(home, GDN_ITEM_REQUESTED);
    assert_int_equal(gdn_grant(home, ticket), GDN_OK);
    expect_item(peer, GDN_ITEM_GRANTED);
    request = request_of("T2", "y");
    assert_int_equal(gdn_request(home, gdn_node_named("peer"), &request, &own), GDN_OK);
    request = request_of("T3", "x");
    assert_int_equal(gdn_request(home, gdn_node_named("home"), &request, &own), GDN_OK);
    expect_item(home, GDN_ITEM_REQUESTED);
    uint64_t incarnation = gdn_node_incarnation(peer);
    gdn_node_close(peer);

    bool lost = false, refused = false;
    while (!lost || !refused) {
        struct gdn_item item = take(home);
        if (item.type == GDN_ITEM_PEER_LOST) {
            lost = true;
            assert_int_equal(item.peer_incarnation, incarnation);
            assert_string_equal(item.peer_name, "peer");
        } else {
            assert_int_equal(item.type, GDN_ITEM_REFUSED);
            assert_true(item.lost);
            refused = true;
        }
    }
    /* T1's hold stands ... */
    assert_int_equal(gdn_next(home, gdn_resource_named("x"), &next), GDN_ERR_EMPTY);
    assert_int_equal(gdn_grant(home, ticket), GDN_ERR_UNKNOWN_TICKET);
    /* ... until the application drops it. */
    assert_int_equal(gdn_drop_orphans(home, gdn_node_named("peer")), GDN_OK);
    expect_item(home, GDN_ITEM_RELEASED);
    assert_int_equal(gdn_next(home, gdn_resource_named("x"), &next), GDN_OK);
    assert_true(gdn_ticket_equal(next, own));

    peer = open_named("peer");
    join(peer, home, "peer", "home");
    gdn_node_close(peer);
    gdn_node_close(home);
}

static void a_full_window_refuses_requests_and_keeps_room_for_releases(void **state)
{
    (void)state;
    gdn_node *a = open_node(
        &(struct gdn_node_options){.name = "a", .bind = "tcp://127.0.0.1:*", .window = 8});
    gdn_node *b = open_named("b");
    gdn_ticket ticket;
    struct gdn_request request = request_of("T1", "x");
    join(a, b, "a", "b");
    assert_int_equal(gdn_request(a, gdn_node_named("b"), &request, &ticket), GDN_OK);
    expect_item(b, GDN_ITEM_REQUESTED);
    assert_int_equal(gdn_grant(b, ticket), GDN_OK);
    expect_item(a, GDN_ITEM_GRANTED);
    enum gdn_err err = GDN_OK;
    for (int i = 0; i < 9 && err == GDN_OK; i++) err = gdn_send(a, gdn_node_named("b"), "m", 1);
    assert_int_equal(err, GDN_ERR_FULL);
    request = request_of("T2", "y");
    assert_int_equal(gdn_request(a, gdn_node_named("b"), &request, &ticket), GDN_ERR_FULL);
    assert_int_equal(gdn_release(a, gdn_process_named("T1"), gdn_resource_named("x")), GDN_OK);
    gdn_node_close(a);
    gdn_node_close(b);
}

static void *take_four(void *node)
{
    for (int i = 0; i < 4; i++) {
        struct gdn_item item;
        if (gdn_take(node, &item, LONG_MS) != GDN_OK) return NULL;
        gdn_item_fini(&item);
    }
    return node;
}

static void who_awaits_a_peer_hears_when_its_window_has_room(void **state)
{
    (void)state;
    void *taken;
    pthread_t taker;
    gdn_node *b = open_named("b");
    gdn_node *a = open_node(
        &(struct gdn_node_options){.name = "a", .bind = "tcp://127.0.0.1:*", .window = 4});
    join(a, b, "a", "b");
    gdn_node_id to = gdn_node_named("b");
    for (int i = 0; i < 4; i++) assert_int_equal(gdn_send(a, to, "x", 1), GDN_OK);
    assert_int_equal(gdn_send(a, to, "x", 1), GDN_ERR_FULL);
    assert_int_equal(gdn_await(a, to, 0), GDN_ERR_TIMEOUT);
    assert_int_equal(pthread_create(&taker, NULL, take_four, b), 0);
    assert_int_equal(gdn_await(a, to, LONG_MS), GDN_OK);
    assert_int_equal(gdn_send(a, to, "x", 1), GDN_OK);
    assert_int_equal(pthread_join(taker, &taken), 0);
    assert_non_null(taken);
    gdn_node_close(a);
    gdn_node_close(b);
}

#define TAKERS   4
#define MESSAGES 20000

struct crowd {
    gdn_node *node;
    atomic_int times[MESSAGES]; /* Each message was taken. */
    atomic_int left;
};

static void *take_with_the_crowd(void *argument)
{
    struct crowd *crowd = argument;
    struct gdn_item item;
    while (gdn_take(crowd->node, &item, -1) == GDN_OK) {
        int number;
        if (item.type != GDN_ITEM_PAYLOAD || item.length != sizeof number) continue;
        memcpy(&number, item.bytes, sizeof number);
        gdn_item_fini(&item);
        atomic_fetch_add(&crowd->times[number], 1);
        if (atomic_fetch_sub(&crowd->left, 1) == 1) gdn_node_stop(crowd->node);
    }
    return NULL;
}

/* The one who watches the inbox changes all the time; what it leaves behind must reach another. */
static void many_takers_share_what_arrives_and_none_is_lost(void **state)
{
    (void)state;
    static struct crowd crowd;
    pthread_t takers[TAKERS];
    gdn_node *a = open_named("a"), *b = open_named("b");
    join(a, b, "a", "b");
    crowd.node = b;
    atomic_store(&crowd.left, MESSAGES);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(pthread_create(&takers[i], NULL, take_with_the_crowd, &crowd), 0);
    }
    gdn_node_id to = gdn_node_named("b");
    for (int i = 0; i < MESSAGES; i++) {
        while (gdn_send(a, to, &i, sizeof i) == GDN_ERR_FULL) {
            assert_int_equal(gdn_await(a, to, LONG_MS), GDN_OK);
        }
    }
    for (int i = 0; i < TAKERS; i++) assert_int_equal(pthread_join(takers[i], NULL), 0);
    for (int i = 0; i < MESSAGES; i++) assert_int_equal(atomic_load(&crowd.times[i]), 1);

    gdn_node_close(a);
    gdn_node_close(b);
}

static void a_flush_ends_when_all_has_arrived(void **state)
{
    (void)state;
    gdn_node *a = open_named("a");
    gdn_node *b = open_named("b");
    uint64_t unacknowledged = 99;
    join(a, b, "a", "b");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(gdn_send(a, gdn_node_named("b"), "m", 1), GDN_OK);
    }
    assert_int_equal(gdn_flush(a, 5000, &unacknowledged), GDN_OK);
    assert_int_equal(unacknowledged, 0);
    assert_int_equal(gdn_node_counters(b).items_waiting, 1000);
    gdn_node_close(a);
    gdn_node_close(b);
}

/* Sent, closed at once, and all of it arrives: the goodbye does not overtake the messages. */
static void a_close_flushes_first(void **state)
{
    (void)state;
    gdn_node *a = open_named("a");
    gdn_node *b = open_named("b");
    join(a, b, "a", "b");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(gdn_send(a, gdn_node_named("b"), "m", 1), GDN_OK);
    }
    gdn_node_close(a);
    for (int i = 0; i < 1000; i++) expect_item(b, GDN_ITEM_PAYLOAD);
    expect_item(b, GDN_ITEM_PEER_LOST);
    gdn_node_close(b);
}

static void verbs_refuse_what_is_not_there(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    gdn_ticket ticket = {
        .issuer = gdn_node_self(node), .incarnation = gdn_node_incarnation(node), .number = 99};
    struct gdn_request request = request_of("T1", "x");
    assert_int_equal(gdn_request(node, gdn_node_named("nobody"), &request, &ticket),
                     GDN_ERR_UNKNOWN_NODE);
    assert_int_equal(gdn_cancel(node, ticket), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_grant(node, ticket), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_release(node, request.process, request.resource), GDN_ERR_NOT_HELD);
    assert_int_equal(gdn_next(node, request.resource, &ticket), GDN_ERR_EMPTY);
    assert_int_equal(gdn_connect(node, "b", "tcp://127.0.0.1:9"), GDN_OK);
    assert_int_equal(gdn_request(node, gdn_node_named("b"), &request, &ticket),
                     GDN_ERR_NOT_CONNECTED);
    assert_int_equal(gdn_await(node, gdn_node_named("b"), 10), GDN_ERR_TIMEOUT);
    gdn_node_close(node);
}

/* Else all who forgot to set it would be one process, and on the wire it means "none". */
static void verbs_refuse_an_id_that_nobody_set(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    gdn_ticket ticket = {.number = 0};
    const gdn_process_id no_process = {.id = {.bytes = {0}}}, process = gdn_process_named("T1");
    const gdn_resource_id no_resource = {.id = {.bytes = {0}}};
    struct gdn_request nobody = request_of("T1", "x"), nothing = request_of("T1", "x");
    struct gdn_need need = {.kind = GDN_NEED_PROCESS, .process = process};
    struct gdn_need no_need = {.kind = GDN_NEED_PROCESS};
    struct gdn_need about_nothing = need;
    nobody.process = no_process;
    nothing.resource = no_resource;
    about_nothing.has_resource = true;
    const struct gdn_wait waits[] = {
        {.process = no_process, .needs = &need, .count = 1},
        {.process = process, .needs = &no_need, .count = 1},
        {.process = process, .needs = &about_nothing, .count = 1},
    };
    assert_int_equal(gdn_request(node, gdn_node_self(node), &nobody, &ticket), GDN_ERR_ID);
    assert_int_equal(gdn_request(node, gdn_node_self(node), &nothing, &ticket), GDN_ERR_ID);
    assert_int_equal(gdn_try(node, gdn_node_self(node), &nobody, &ticket), GDN_ERR_ID);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gdn_wait_on(node, &waits[i], &ticket), GDN_ERR_ID);
    }
    ticket.issuer = gdn_node_self(node);
    assert_int_equal(gdn_wake(node, ticket, process, no_process), GDN_ERR_ID);
    assert_int_equal(gdn_wake(node, ticket, no_process, process), GDN_ERR_ID);
    assert_int_equal(gdn_describe(node, no_process, &(struct gdn_process_info){.work = 1}),
                     GDN_ERR_ID);
    assert_int_equal(gdn_end(node, no_process), GDN_ERR_ID);
    assert_int_equal(gdn_release(node, no_process, nobody.resource), GDN_ERR_NOT_HELD);
    assert_int_equal(gdn_set_capacity(node, no_resource, 3), GDN_ERR_ID);
    assert_int_equal(gdn_set_unordered(node, no_resource, true), GDN_ERR_ID);
    assert_int_equal(gdn_node_counters(node).ledger.resources, 0);
    gdn_node_close(node);
}

struct bad_options {
    struct gdn_node_options options;
    enum gdn_err expected;
    const char *said;
};

/* One clear line each: what, where, what to do. */
static void bad_options_are_refused_with_one_line(void **state)
{
    (void)state;
    static const char *const remote[] = {"tcp://192.0.2.1:7400"};
    const struct bad_options cases[] = {
        {{.name = "", .bind = "tcp://127.0.0.1:*"}, GDN_ERR_NAME, "name"},
        {{.name = "a\n", .bind = "tcp://127.0.0.1:*"}, GDN_ERR_NAME, "name"},
        {{.name = "caf\xe9", .bind = "tcp://127.0.0.1:*"}, GDN_ERR_NAME, "UTF-8"},
        {{.name = "a"}, GDN_ERR_ADDRESS, "bind"},
        {{.name = "a", .bind = "tcp://0.0.0.0:*"}, GDN_ERR_ADDRESS, "loopback"},
        {{.name = "a", .bind = "carrier-pigeon://x"}, GDN_ERR_ADDRESS, "endpoint"},
        {{.name = "a", .bind = "inproc://a"}, GDN_ERR_ADDRESS, "context"},
        {{.name = "a", .bind = "tcp://127.0.0.1:*", .detectors = remote, .detector_count = 1},
         GDN_ERR_ADDRESS,
         "detector"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[512] = "";
        gdn_node *node;
        assert_int_equal(gdn_node_open(&cases[i].options, &node, why, sizeof why),
                         cases[i].expected);
        if (strstr(why, cases[i].said) == NULL) fail_msg("case %zu says: %s", i, why);
        assert_null(strchr(why, '\n'));
    }
}

static void an_endpoint_in_use_is_refused_by_name(void **state)
{
    (void)state;
    char why[512];
    gdn_node *first = open_named("a"), *second;
    struct gdn_node_options options = {.name = "b", .bind = gdn_node_endpoint(first)};
    assert_int_equal(gdn_node_open(&options, &second, why, sizeof why), GDN_ERR_ADDRESS);
    assert_non_null(strstr(why, gdn_node_endpoint(first)));
    gdn_node_close(first);
}

static void keep_line(void *context, enum gdn_log_level level, const char *line)
{
    char *kept = context;
    if (level == GDN_LOG_WARNING) (void)snprintf(kept, 512, "%s", line);
}

/* Bytes from a stranger: dropped, counted, and the sender's address told. */
static void frames_from_strangers_are_refused_by_name(void **state)
{
    (void)state;
    static char kept[512];
    gdn_node *node = open_node(&(struct gdn_node_options){
        .name = "a", .bind = "tcp://127.0.0.1:*", .log = {keep_line, kept}});
    void *context = zmq_ctx_new();
    void *stranger = zmq_socket(context, ZMQ_PUSH);
    assert_int_equal(zmq_connect(stranger, gdn_node_endpoint(node)), 0);
    assert_int_equal(zmq_send(stranger, "garbage", 7, 0), 7);
    gdn_ticket ticket;
    struct gdn_request request = request_of("T1", "x");
    for (int i = 0; i < LONG_MS && gdn_node_counters(node).frames_refused == 0; i++) {
        struct gdn_item item;
        assert_int_equal(gdn_take(node, &item, 1), GDN_ERR_TIMEOUT);
    }
    assert_int_equal(gdn_node_counters(node).frames_refused, 1);
    assert_int_equal(gdn_request(node, gdn_node_named("a"), &request, &ticket), GDN_OK);
    int linger = 0;
    zmq_setsockopt(stranger, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(stranger);
    zmq_ctx_term(context);
    gdn_node_close(node); /* The log is told without the lock: only now it is surely there. */
    assert_non_null(strstr(kept, "127.0.0.1"));
}

static atomic_long live_blocks;

static void *counting_resize(void *context, void *block, size_t bytes)
{
    (void)context;
    if (bytes == 0) {
        if (block != NULL) atomic_fetch_sub(&live_blocks, 1);
        free(block);
        return NULL;
    }
    void *resized = realloc(block, bytes);
    if (block == NULL && resized != NULL) atomic_fetch_add(&live_blocks, 1);
    return resized;
}

static void all_memory_comes_from_and_returns_to_the_hook(void **state)
{
    (void)state;
    gdn_node *node = open_node(&(struct gdn_node_options){
        .name = "a", .bind = "tcp://127.0.0.1:*", .allocator = {counting_resize, NULL}});
    gdn_ticket ticket;
    struct gdn_request request = request_of("T1", "x");
    assert_int_equal(gdn_request(node, gdn_node_self(node), &request, &ticket), GDN_OK);
    assert_true(atomic_load(&live_blocks) > 0);
    gdn_node_close(node);
    assert_int_equal(atomic_load(&live_blocks), 0);
}

static void inspecting_shows_the_books(void **state)
{
    (void)state;
    gdn_node *node = open_named("a");
    gdn_cut *cut;
    gdn_ticket ticket;
    struct gdn_request request = request_of("T1", "x");
    assert_int_equal(gdn_request(node, gdn_node_self(node), &request, &ticket), GDN_OK);
    assert_int_equal(gdn_inspect(node, &cut), GDN_OK);
    assert_int_equal(cut->node_count, 1);
    assert_int_equal(cut->nodes[0].wait_count, 1);
    assert_int_equal(cut->nodes[0].waits[0].ticket, ticket.number);
    assert_string_equal(cut->resources[cut->nodes[0].waits[0].resource].label, "x");
    gdn_cut_free(cut);
    gdn_node_close(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_lock_over_tcp),
        cmocka_unit_test(two_nodes_lock_over_ipc),
        cmocka_unit_test(two_nodes_lock_over_inproc_in_a_shared_context),
        cmocka_unit_test(a_home_gives_out_units_and_refuses_what_it_has_not),
        cmocka_unit_test(the_descriptor_is_readable_exactly_while_an_item_waits),
        cmocka_unit_test(taking_from_an_empty_inbox_times_out),
        cmocka_unit_test(stopping_wakes_every_thread_that_takes),
        cmocka_unit_test(a_forked_child_is_refused),
        cmocka_unit_test(a_restarted_peer_is_a_new_incarnation),
        cmocka_unit_test(a_full_window_refuses_requests_and_keeps_room_for_releases),
        cmocka_unit_test(who_awaits_a_peer_hears_when_its_window_has_room),
        cmocka_unit_test(many_takers_share_what_arrives_and_none_is_lost),
        cmocka_unit_test(a_flush_ends_when_all_has_arrived),
        cmocka_unit_test(a_close_flushes_first),
        cmocka_unit_test(verbs_refuse_what_is_not_there),
        cmocka_unit_test(verbs_refuse_an_id_that_nobody_set),
        cmocka_unit_test(bad_options_are_refused_with_one_line),
        cmocka_unit_test(an_endpoint_in_use_is_refused_by_name),
        cmocka_unit_test(frames_from_strangers_are_refused_by_name),
        cmocka_unit_test(all_memory_comes_from_and_returns_to_the_hook),
        cmocka_unit_test(inspecting_shows_the_books),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
