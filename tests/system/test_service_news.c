/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What gordiand tells: to who asks for status and waits, in its events, its report and its cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/watched.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Questions ---- */

static void status_without_nodes_is_no_error(void **state)
{
    struct watched *watched = *state;
    watched_start(watched, "--expect n1");
    struct watched_said said = watched_ask(watched, "status", "");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.err, "");
    assert_non_null(strstr(said.out, "0 nodes\n"));
    assert_non_null(strstr(said.out, "no round yet\n"));
    assert_non_null(strstr(said.out, "0 deadlocks stand\n"));
    watched_forget(&said);
    json_t *document = watched_ask_json(watched, "status", 0);
    assert_string_equal(json_string_value(json_object_get(document, "format")), "gordian-status/1");
    assert_true(json_is_null(json_object_get(document, "last_round")));
    assert_int_equal(json_array_size(json_object_get(document, "nodes")), 0);
    json_decref(document);
    watched_end(watched);
}

static void expect_incomplete(const struct watched *watched, const char *command)
{
    struct watched_said said = watched_ask(watched, command, "");
    assert_int_equal(said.status, 3);
    watched_forget(&said);
}

static void expect_wait(const json_t *wait, const char *process, const char *resource,
                        const char *holder)
{
    const json_t *held_by = json_object_get(wait, "held_by");
    assert_string_equal(json_string_value(json_object_get(wait, "process")), process);
    assert_string_equal(json_string_value(json_object_get(wait, "resource")), resource);
    assert_string_equal(json_string_value(json_object_get(wait, "mode")), "exclusive");
    assert_string_equal(json_string_value(json_object_get(wait, "home")), "n1");
    assert_string_equal(json_string_value(json_object_get(wait, "node")), "n1");
    assert_int_equal(json_array_size(held_by), 1);
    assert_string_equal(json_string_value(json_array_get(held_by, 0)), holder);
}

/* `waits` takes a snapshot of its own: nobody waits, so nothing else does. */
static void nobody_waits_and_waits_says_so(void **state)
{
    struct watched *watched = *state;
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    watched_await_event(watched, "node_joined");
    struct watched_said said = watched_ask(watched, "waits", "");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.out, "nobody waits\n");
    assert_string_equal(said.err, "");
    watched_forget(&said);
    watched_close_node(watched);
    watched_end(watched);
}

static void waits_lists_who_waits_for_whom_longest_first(void **state)
{
    struct watched *watched = *state;
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    watched_await_event(watched, "node_joined");
    json_t *document = watched_ask_json(watched, "waits", 0);
    const json_t *waits = json_object_get(document, "waits");
    assert_true(json_is_true(json_object_get(document, "complete")));
    assert_int_equal(json_array_size(waits), 2);
    expect_wait(json_array_get(waits, 0), "T1", "B", "T2");
    expect_wait(json_array_get(waits, 1), "T2", "A", "T1");
    json_decref(document);
    struct watched_said said = watched_ask(watched, "waits", "");
    assert_int_equal(said.status, 0);
    const char *first = strstr(said.out, "waits for exclusive B at n1, held by T2\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "waits for exclusive A at n1, held by T1\n"));
    watched_forget(&said);
    said = watched_ask(watched, "waits", "-o json");
    const char *waited = strstr(said.out, "\"waited_ms\": ");
    assert_non_null(waited);
    const char *fraction = waited + strcspn(waited, ".,");
    assert_true(strcspn(fraction, ",") <= 4); /* Microseconds, and no 4034.5680000000002. */
    watched_forget(&said);
    watched_close_node(watched);
    watched_end(watched);
}

/* T1 has 2 of the 3 units, T2 waits for 2 more, and T3 for either of the two. */
static void waits_tells_units_of_pools_and_needs(void **state)
{
    struct watched *watched = *state;
    const struct gdn_need either[] = {gdn_need_any(2), gdn_need_process(gdn_process_named("T1")),
                                      gdn_need_process(gdn_process_named("T2"))};
    struct gdn_wait wait = {
        .process = gdn_process_named("T3"), .needs = either, .count = 3, .branch_id = 7};
    gdn_ticket ticket;
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    watched_make_pool(watched->node);
    assert_int_equal(gdn_wait_on(watched->node, &wait, &ticket), GDN_OK);
    watched_await_event(watched, "node_joined");
    struct watched_said said = watched_ask(watched, "waits", "");
    assert_int_equal(said.status, 0);
    assert_non_null(strstr(said.out, "waits for 2 of P at n1 (2 of 3 in use), held by T1\n"));
    assert_non_null(strstr(said.out, " of n1, branch 7,  waits for any of ("));
    watched_forget(&said);
    json_t *document = watched_ask_json(watched, "waits", 0);
    const json_t *first = json_array_get(json_object_get(document, "waits"), 0);
    assert_int_equal(json_integer_value(json_object_get(first, "units")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "capacity")), 3);
    assert_int_equal(json_integer_value(json_object_get(first, "in_use")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "holders")), 1);
    assert_true(json_is_null(json_object_get(first, "mode")));
    json_decref(document);
    watched_close_node(watched);
    watched_end(watched);
}

/* Of whom its node said nothing there is an id, and whom to ask about it. */
static void waits_says_whose_an_unknown_holder_is(void **state)
{
    struct watched *watched = *state;
    char id[GDN_ID_TEXT_BYTES], expected[128];
    const char *const askers[] = {"U1", "U2"};
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    for (size_t i = 0; i < 2; i++) {
        gdn_ticket ticket;
        struct gdn_request wanted = {.process = gdn_process_named(askers[i]),
                                     .resource = gdn_resource_named("A"),
                                     .label = "A"};
        gdn_node *node = watched->node;
        assert_int_equal(gdn_request(node, gdn_node_self(node), &wanted, &ticket), GDN_OK);
        if (i == 0) assert_int_equal(gdn_grant(node, ticket), GDN_OK);
    }
    watched_await_event(watched, "node_joined");
    struct watched_said said = watched_ask(watched, "waits", "");
    (void)snprintf(expected, sizeof expected, ", held by %s of n1\n",
                   gdn_id_format(gdn_process_named("U1").id, id));
    assert_non_null(strstr(said.out, expected));
    watched_forget(&said);
    watched_close_node(watched);
    watched_end(watched);
}

static void a_missing_node_shows_in_the_exit_status(void **state)
{
    struct watched *watched = *state;
    watched_start_with_events(watched, "--period 0 --expect n1,n9");
    watched_open_node(watched, "n1");
    watched_await_event(watched, "node_joined");
    expect_incomplete(watched, "waits");
    expect_incomplete(watched, "status");
    json_t *document = watched_ask_json(watched, "status", 3);
    const json_t *missing = json_object_get(json_object_get(document, "last_round"), "missing");
    assert_int_equal(json_array_size(missing), 1);
    assert_string_equal(json_string_value(json_array_get(missing, 0)), "n9");
    json_decref(document);
    watched_close_node(watched);
    watched_end(watched);
}

/* ---- News ---- */

/* Every line by itself is a document of the one format, with a time. */
static json_t *read_events(const char *path)
{
    char *text = program_read_file(path), *rest = text;
    json_t *events = json_array();
    assert_non_null(text);
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        if (*line == '\0') continue;
        json_error_t error;
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (event == NULL) fail_msg("%s: %s", error.text, line);
        assert_string_equal(json_string_value(json_object_get(event, "format")), "gordian-event/1");
        const char *time = json_string_value(json_object_get(event, "time"));
        assert_int_equal(time[strlen(time) - 1], 'Z');
        assert_int_equal(json_array_append_new(events, event), 0);
    }
    free(text);
    return events;
}

static const json_t *find_event(const json_t *events, const char *kind)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (strcmp(json_string_value(json_object_get(event, "event")), kind) == 0) return event;
    }
    fail_msg("no %s", kind);
    return NULL;
}

static void expect_id(const json_t *event, const char *id)
{
    assert_string_equal(json_string_value(json_object_get(event, "id")), id);
}

/* From the first node to the last, in the events file, in the report and in the status. */
static void a_deadlock_is_told_everywhere(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES];
    watched_start_with_events(watched, "--period 20");
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    watched_await_event(watched, "deadlock");
    json_t *document = watched_ask_json(watched, "status", 1);
    const json_t *standing = json_array_get(json_object_get(document, "deadlocks"), 0);
    assert_string_equal(json_string_value(json_object_get(standing, "who")), "T1, T2");
    const json_t *node = json_array_get(json_object_get(document, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "node")), "n1");
    assert_string_equal(json_string_value(json_object_get(node, "endpoint")),
                        gdn_node_endpoint(watched->node));
    assert_int_equal(gdn_end(watched->node, gdn_process_named("T1")), GDN_OK);
    watched_await_event(watched, "gone");
    watched_close_node(watched);
    watched_await_event(watched, "node_lost");
    watched_end(watched);

    json_t *events = read_events(watched_path(watched, "events", path));
    const char *id = json_string_value(json_object_get(standing, "id"));
    const json_t *deadlock = find_event(events, "deadlock");
    expect_id(deadlock, id);
    expect_id(find_event(events, "gone"), id);
    assert_int_equal(json_array_size(json_object_get(deadlock, "members")), 2);
    assert_true(json_is_integer(json_object_get(deadlock, "latency_us")));
    assert_string_equal(
        json_string_value(json_object_get(find_event(events, "node_joined"), "node")), "n1");
    char *report = program_read_file(watched_path(watched, "service.out", path));
    assert_non_null(strstr(report, "2 processes"));
    assert_non_null(strstr(report, ": gone after "));
    free(report);
    json_decref(events);
    json_decref(document);
}

/* The report comes once. That it stands is said in a line, ever more rarely. */
static void a_standing_deadlock_is_told_by_its_id(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES], line[64];
    watched_start_with_events(watched, "--period 10");
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    (void)watched_path(watched, "service.out", path);
    assert_true(
        program_await_text(path, ": still there, seen in 16 rounds since 20", WATCHED_START_MS));
    json_t *document = watched_ask_json(watched, "status", 1);
    const json_t *standing = json_array_get(json_object_get(document, "deadlocks"), 0);
    assert_true(json_integer_value(json_object_get(standing, "rounds")) >= 16);
    watched_close_node(watched);
    watched_end(watched);
    char *report = program_read_file(path);
    (void)snprintf(line, sizeof line, "deadlock %.6s: still there, seen in 8 rounds since ",
                   json_string_value(json_object_get(standing, "id")));
    const char *said = strstr(report, line);
    assert_non_null(said);
    assert_null(strstr(said + strlen(line), "seen in 8 rounds"));
    const char *first = strstr(report, ": 2 processes");
    assert_non_null(first);
    assert_null(strstr(first + 1, ": 2 processes"));
    free(report);
    json_decref(document);
}

/* Names are untrusted: what a program reads stays JSON, and nothing that turns a terminal's writing
 * round reaches it. */
static void hostile_names_are_harmless_everywhere(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES];
    static const char *const commands[] = {"status", "waits"};
    watched_start_with_events(watched, "--period 20");
    watched_open_node(watched, "n1\xe2\x80\xae \"<&>");
    watched_make_ring(watched->node);
    watched_await_event(watched, "deadlock");
    for (size_t i = 0; i < 2; i++) {
        struct watched_said said = watched_ask(watched, commands[i], "");
        assert_null(strstr(said.out, "\xe2\x80\xae"));
        assert_non_null(strstr(said.out, "n1\\u{202e} \"<&>"));
        watched_forget(&said);
        json_decref(watched_ask_json(watched, commands[i], i == 0 ? 1 : 0));
    }
    watched_close_node(watched);
    watched_await_event(watched, "node_lost");
    watched_end(watched);
    json_t *events = read_events(watched_path(watched, "events", path));
    assert_true(json_is_string(json_object_get(find_event(events, "node_joined"), "node")));
    assert_true(json_is_string(json_object_get(find_event(events, "node_lost"), "node")));
    json_decref(events);
    char *report = program_read_file(watched_path(watched, "service.out", path));
    assert_null(strstr(report, "\xe2\x80\xae"));
    free(report);
}

/* With events on stdout nothing else may stand there: a program reads it. */
static void events_on_stdout_are_alone_there(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES];
    watched_start(watched, "--period 20 --events - --resolve youngest");
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    (void)watched_path(watched, "service.out", path);
    assert_true(program_await_text(path, "\"event\":\"abort_asked\"", WATCHED_START_MS));
    struct gdn_item item;
    do {
        assert_int_equal(gdn_take(watched->node, &item, WATCHED_START_MS), GDN_OK);
        gdn_item_fini(&item);
    } while (item.type != GDN_ITEM_ABORTED);
    assert_true(program_await_text(path, "\"event\":\"aborted\"", WATCHED_START_MS));
    watched_close_node(watched);
    watched_end(watched);
    json_t *events = read_events(path);
    const json_t *aborted = find_event(events, "aborted");
    expect_id(aborted, json_string_value(json_object_get(find_event(events, "deadlock"), "id")));
    assert_string_equal(json_string_value(json_object_get(aborted, "node")), "n1");
    assert_true(json_is_string(json_object_get(aborted, "ticket")));
    assert_true(json_is_integer(json_object_get(aborted, "after_us")));
    json_decref(events);
}

/* Rotation: the old file is moved away, SIGHUP, and what follows is in a new one. */
static void sighup_opens_the_events_file_anew(void **state)
{
    struct watched *watched = *state;
    char path[PROGRAM_PATH_BYTES], old[PROGRAM_PATH_BYTES];
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    watched_await_event(watched, "node_joined");
    assert_int_equal(
        rename(watched_path(watched, "events", path), watched_path(watched, "events.1", old)), 0);
    assert_int_equal(kill(watched->pid, SIGHUP), 0);
    json_decref(
        watched_ask_json(watched, "status", 0)); /* It still answers: it has seen the signal. */
    watched_close_node(watched);
    watched_await_event(watched, "node_lost");
    watched_end(watched);
    json_t *before = read_events(old), *after = read_events(path);
    assert_int_equal(json_array_size(before), 1);
    (void)find_event(before, "node_joined");
    (void)find_event(after, "node_lost");
    json_decref(before);
    json_decref(after);
}

/* A cut with news is kept under the detector's name, and `gordian analyze` finds it again. */
static void a_cut_with_news_is_kept(void **state)
{
    struct watched *watched = *state;
    char words[1024], path[PROGRAM_PATH_BYTES], name[64];
    (void)snprintf(words, sizeof words, "--period 20 --name a/b --keep-cuts %s",
                   watched->directory);
    watched_start_with_events(watched, words);
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    watched_await_event(watched, "deadlock");
    /* The cut is written after its events; the next answer comes after both. */
    json_decref(watched_ask_json(watched, "status", 1));
    json_t *events = read_events(watched_path(watched, "events", path));
    const char *round = json_string_value(json_object_get(find_event(events, "deadlock"), "round"));
    (void)snprintf(name, sizeof name, "a_b-%s.cut", round);
    (void)snprintf(words, sizeof words, "analyze %s", watched_path(watched, name, path));
    struct watched_said said = watched_run(watched, "gordian", words);
    if (said.status != 1) fail_msg("%s: %d %s", words, said.status, said.err);
    assert_non_null(strstr(said.out, "2 processes"));
    watched_forget(&said);
    json_decref(events);
    watched_close_node(watched);
    watched_end(watched);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)
    const struct CMUnitTest tests[] = {
        RUN(status_without_nodes_is_no_error),
        RUN(nobody_waits_and_waits_says_so),
        RUN(waits_lists_who_waits_for_whom_longest_first),
        RUN(waits_tells_units_of_pools_and_needs),
        RUN(waits_says_whose_an_unknown_holder_is),
        RUN(a_missing_node_shows_in_the_exit_status),
        RUN(a_deadlock_is_told_everywhere),
        RUN(a_standing_deadlock_is_told_by_its_id),
        RUN(hostile_names_are_harmless_everywhere),
        RUN(events_on_stdout_are_alone_there),
        RUN(sighup_opens_the_events_file_anew),
        RUN(a_cut_with_news_is_kept),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
