/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replay: a saved cut gives, byte for byte, the verdict that the service gave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detector/cutfile/cutfile.h"
#include "detector/render/render.h"
#include "tests/support/watched.h"
#include <dirent.h>
#include <gordian/detector.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- By gordiand ---- */

static void analyze(const struct watched *watched, const char *options, const char *name,
                    struct watched_said *said)
{
    char words[1024], path[PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "analyze %s %s", options,
                   watched_path(watched, name, path));
    *said = watched_run(watched, "gordian", words);
    if (said->status != 1) fail_msg("%s: status %d: %s", words, said->status, said->err);
}

/* The name of the one kept cut. */
static void find_cut(const struct watched *watched, char name[256])
{
    DIR *directory = opendir(watched->directory);
    assert_non_null(directory);
    name[0] = '\0';
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        const char *end = strrchr(entry->d_name, '.');
        if (end == NULL || strcmp(end, ".cut") != 0) continue;
        assert_string_equal(name, "");
        (void)snprintf(name, 256, "%s", entry->d_name);
    }
    (void)closedir(directory);
    assert_string_not_equal(name, "");
}

/* The report on gordiand's standard output begins with what gordian analyze prints. */
static void gordiands_report_is_what_analyze_prints(void **state)
{
    struct watched *watched = *state;
    char words[1024], path[PROGRAM_PATH_BYTES], name[256];
    (void)snprintf(words, sizeof words, "--period 0 --resolve oldest --keep-cuts %s",
                   watched->directory);
    watched_start_with_events(watched, words);
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    watched_await_event(watched, "abort_asked");
    (void)watched_path(watched, "service.out", path);
    assert_true(program_await_text(path, "after its last request\n", WATCHED_START_MS));
    json_decref(watched_ask_json(watched, "status", 1)); /* The cut is written by now. */
    watched_close_node(watched);
    watched_end(watched);
    struct watched_said said;
    char *report = program_read_file(path);
    find_cut(watched, name);
    analyze(watched, "--victims oldest", name, &said);
    assert_true(strlen(said.out) < strlen(report));
    assert_memory_equal(report, said.out, strlen(said.out));
    assert_memory_equal(report + strlen(said.out), "deadlock ", 9);
    watched_forget(&said);
    free(report);
}

/* ---- By a detector in this process, in every form ---- */

#define NODES 2

struct system {
    gdn_detector *detector;
    gdn_node *nodes[NODES];
};

static void open_system(struct system *system)
{
    char refused[512];
    struct gdn_detector_options options = {
        .name = "d", .bind = "tcp://127.0.0.1:*", .policy = GDN_POLICY_YOUNGEST};
    assert_int_equal(gdn_detector_open(&options, &system->detector, refused, sizeof refused),
                     GDN_OK);
    const char *detectors[] = {gdn_detector_endpoint(system->detector)};
    for (int i = 0; i < NODES; i++) {
        struct gdn_node_options node = {.name = i == 0 ? "n1" : "n2",
                                        .bind = "tcp://127.0.0.1:*",
                                        .detectors = detectors,
                                        .detector_count = 1};
        assert_int_equal(gdn_node_open(&node, &system->nodes[i], refused, sizeof refused), GDN_OK);
    }
    assert_int_equal(gdn_connect(system->nodes[0], "n2", gdn_node_endpoint(system->nodes[1])),
                     GDN_OK);
}

static void close_system(struct system *system)
{
    for (int i = 0; i < NODES; i++) gdn_node_close(system->nodes[i]);
    gdn_detector_close(system->detector);
}

/* Labels are not the names that the ids were made of, one is shared and one is hostile. (What is
 * not UTF-8 would not survive JSON.) */
static void request(gdn_node *node, const char *home, const char *process, const char *label,
                    const char *resource)
{
    gdn_ticket ticket;
    struct gdn_item item;
    struct gdn_request wanted = {.process = gdn_process_named(process),
                                 .resource = gdn_resource_named(resource),
                                 .label = "a table"};
    struct gdn_process_info info = {
        .label = label, .started_us = INT64_C(1700000000123456), .work = 7, .abortable = true};
    assert_int_equal(gdn_describe(node, wanted.process, &info), GDN_OK);
    enum gdn_err err = gdn_request(node, gdn_node_named(home), &wanted, &ticket);
    for (int i = 0; err == GDN_ERR_NOT_CONNECTED && i < 1000; i++) {
        if (gdn_take(node, &item, 20) == GDN_OK) gdn_item_fini(&item);
        err = gdn_request(node, gdn_node_named(home), &wanted, &ticket);
    }
    assert_int_equal(err, GDN_OK);
    if (gdn_next(node, wanted.resource, &ticket) == GDN_OK) {
        assert_int_equal(gdn_grant(node, ticket), GDN_OK);
    }
}

/* Each has a lock at home and waits for the other's: the requests cross the wire. */
static void make_deadlock(struct system *system)
{
    struct gdn_item item;
    static const char hostile[] = "T2 \"<&>\\ \xe2\x80\xae \xe8\xb3\x87";
    request(system->nodes[0], "n1", "p1", "worker", "a");
    request(system->nodes[1], "n2", "p2", hostile, "b");
    for (int i = 0; i < NODES; i++) {
        while (gdn_take(system->nodes[i], &item, 0) == GDN_OK) gdn_item_fini(&item);
    }
    request(system->nodes[0], "n2", "p1", "worker", "b");
    request(system->nodes[1], "n1", "p2", hostile, "a");
    request(system->nodes[1], "n1", "p3", "worker", "a");
}

/* Work until a round finds the deadlock with @p tail behind it. The event is borrowed. */
static void await_verdict(struct system *system, size_t tail, struct gdn_detector_event *event)
{
    for (int i = 0; i < 1000; i++) {
        struct gdn_item item;
        for (int n = 0; n < NODES; n++) { /* Requests that arrive are queued. */
            while (gdn_take(system->nodes[n], &item, 0) == GDN_OK) gdn_item_fini(&item);
        }
        if (gdn_detector_next(system->detector, 20, event) != GDN_OK) {
            gdn_detector_suspect(system->detector);
            continue;
        }
        if (event->type != GDN_DETECTOR_ROUND || event->verdict->deadlock_count != 1) continue;
        if (event->verdict->deadlocks[0].tail_count == tail) return;
    }
    fail_msg("no such deadlock was found");
}

static void expect_form(const struct watched *watched, const char *cut, const char *form,
                        const struct gdn__textbuf *told)
{
    char options[64];
    struct watched_said said;
    (void)snprintf(options, sizeof options, "-o %s", form);
    assert_false(told->failed);
    analyze(watched, options, cut, &said);
    if (strcmp(said.out, told->text) != 0) {
        fail_msg("%s of %s: analyze says\n%s\nthe service said\n%s", form, cut, said.out,
                 told->text);
    }
    watched_forget(&said);
}

static void expect_forms(const struct watched *watched, const gdn_verdict *verdict, const char *cut)
{
    static const struct gdn__render_options options;
    struct gdn__textbuf told[5] = {0};
    char refused[256];
    gdn__render_text(verdict, &options, &told[0]);
    gdn__render_json(verdict, false, &told[1]);
    gdn__render_json(verdict, true, &told[2]);
    gdn__render_dot(verdict, &options, &told[3]);
    assert_int_equal(gdn__render_svg(verdict, &options, &told[4], refused, sizeof refused), GDN_OK);
    static const char *const forms[] = {"text", "json", "jsonl", "dot", "svg"};
    for (size_t i = 0; i < 5; i++) {
        expect_form(watched, cut, forms[i], &told[i]);
        gdn__textbuf_fini(&told[i]);
    }
}

static void every_form_is_the_same_from_a_saved_cut(void **state)
{
    struct watched *watched = *state;
    struct system system;
    struct gdn_detector_event event;
    char path[PROGRAM_PATH_BYTES], refused[GDN__CUTFILE_WHY_BYTES];
    open_system(&system);
    make_deadlock(&system);
    await_verdict(&system, 1, &event);
    assert_int_equal(gdn__cutfile_save(event.cut, watched_path(watched, "a.cut", path),
                                       GDN__CUTFILE_BINARY, refused, sizeof refused),
                     GDN_OK);
    assert_int_equal(gdn__cutfile_save(event.cut, watched_path(watched, "a.json", path),
                                       GDN__CUTFILE_JSON, refused, sizeof refused),
                     GDN_OK);
    expect_forms(watched, event.verdict, "a.cut");
    expect_forms(watched, event.verdict, "a.json");
    close_system(&system);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)
    const struct CMUnitTest tests[] = {
        RUN(gordiands_report_is_what_analyze_prints),
        RUN(every_form_is_the_same_from_a_saved_cut),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
