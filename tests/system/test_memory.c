/* SPDX-License-Identifier: MIT */
/* A node's whole life over real sockets and threads, with each of its allocations failing once:
 * what fails says so, is tried again, and then all goes on as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/support/faulty.h"
#include <cmocka.h>
#include <gordian/detector.h>
#include <gordian/node.h>
#include <pthread.h>
#include <string.h>

#define LONG_MS 20000 /* A deadline that only a broken program meets. */

/* ---- Memory that several threads take ---- */

static struct faulty faulty;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;

static void *resize(void *context, void *block, size_t bytes)
{
    pthread_mutex_lock(&guard);
    void *resized = faulty_resize(context, block, bytes);
    pthread_mutex_unlock(&guard);
    return resized;
}

static bool has_failed(void)
{
    pthread_mutex_lock(&guard);
    bool failed = faulty.failed > 0;
    pthread_mutex_unlock(&guard);
    return failed;
}

/* Once more, if memory was short. */
#define AGAIN(call)                                                                                \
    do {                                                                                           \
        enum gdn_err again_err = (call);                                                           \
        if (again_err == GDN_ERR_MEMORY) again_err = (call);                                       \
        assert_int_equal(again_err, GDN_OK);                                                       \
    } while (false)

/* ---- A life ---- */

static size_t lines; /* Of the log, after something failed. */

static void count_line(void *context, enum gdn_log_level level, const char *line)
{
    (void)context;
    (void)level;
    if (has_failed()) lines += line[0] != '\0';
}

static gdn_node *open_node(const char *name, bool scarce)
{
    char why[512] = "";
    gdn_node *node;
    struct gdn_node_options options = {
        .name = name, .bind = "tcp://127.0.0.1:*", .log = {.write = scarce ? count_line : NULL}};
    if (scarce) options.allocator = (struct gdn_allocator){resize, &faulty};
    enum gdn_err err = gdn_node_open(&options, &node, why, sizeof why);
    if (err == GDN_ERR_MEMORY) {
        assert_non_null(strstr(why, "out of memory"));
        err = gdn_node_open(&options, &node, why, sizeof why);
    }
    if (err != GDN_OK) fail_msg("%s: %s", gdn_err_name(err), why);
    return node;
}

static void expect_item(gdn_node *node, enum gdn_item_type type, gdn_ticket *ticket)
{
    struct gdn_item item = {.bytes = NULL};
    AGAIN(gdn_take(node, &item, LONG_MS));
    assert_int_equal(item.type, type);
    if (ticket != NULL) *ticket = item.ticket;
    gdn_item_fini(&item);
}

static void live(void)
{
    gdn_ticket ticket, asked;
    gdn_node *a = open_node("A", true), *b = open_node("B", false);
    gdn_node_id to_a = gdn_node_named("A"), to_b = gdn_node_named("B");
    struct gdn_request request = {.process = gdn_process_named("T1"),
                                  .resource = gdn_resource_named("x")};
    AGAIN(gdn_connect(a, "B", gdn_node_endpoint(b)));
    AGAIN(gdn_await(a, to_b, LONG_MS));
    AGAIN(gdn_await(b, to_a, LONG_MS));
    expect_item(a, GDN_ITEM_PEER_UP, NULL);
    expect_item(b, GDN_ITEM_PEER_UP, NULL);
    AGAIN(gdn_request(a, to_b, &request, &ticket));
    expect_item(b, GDN_ITEM_REQUESTED, &asked);
    assert_int_equal(asked.number, ticket.number);
    AGAIN(gdn_grant(b, asked));
    expect_item(a, GDN_ITEM_GRANTED, NULL);
    AGAIN(gdn_send(a, to_b, "letter", 6));
    expect_item(b, GDN_ITEM_PAYLOAD, NULL);
    AGAIN(gdn_send(b, to_a, "answer", 6));
    expect_item(a, GDN_ITEM_PAYLOAD, NULL);
    AGAIN(gdn_end(a, request.process));
    gdn_node_close(b);
    expect_item(a, GDN_ITEM_PEER_LOST, NULL);
    gdn_node_close(a);
}

static void a_node_lives_on_whichever_allocation_fails(void **state)
{
    size_t allowed = 0;
    (void)state;
    for (bool failed = true; failed; allowed++) {
        faulty = (struct faulty){.allowed = allowed, .once = true};
        live();
        failed = faulty.failed > 0;
        assert_int_equal(faulty.live, 0);
    }
    assert_true(allowed > 30);
    assert_true(lines > 0); /* It goes on telling. */
}

static void a_detector_without_memory_is_not_opened(void **state)
{
    char why[512];
    gdn_detector *detector = NULL;
    struct gdn_detector_options options = {
        .name = "D", .bind = "tcp://127.0.0.1:*", .allocator = {resize, &faulty}};
    size_t allowed = 0;
    (void)state;
    for (; detector == NULL; allowed++) {
        faulty = (struct faulty){.allowed = allowed, .once = true};
        enum gdn_err err = gdn_detector_open(&options, &detector, why, sizeof why);
        if (err == GDN_OK) break;
        assert_int_equal(err, GDN_ERR_MEMORY);
        assert_non_null(strstr(why, "out of memory"));
        assert_int_equal(faulty.live, 0);
    }
    gdn_detector_close(detector);
    assert_int_equal(faulty.live, 0);
    assert_true(allowed > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_lives_on_whichever_allocation_fails),
        cmocka_unit_test(a_detector_without_memory_is_not_opened),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
