/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian cut: what it saves of a running gordiand, and how it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/watched.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* Ask for a cut into the file @p name of the directory. */
static void save(const struct watched *watched, const char *name, const char *more, int status)
{
    char words[1024], path[PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "-o %s %s", watched_path(watched, name, path), more);
    struct watched_said said = watched_ask(watched, "cut", words);
    if (said.status != status) fail_msg("%s: status %d: %s", words, said.status, said.err);
    assert_string_equal(said.out, "");
    assert_int_equal(said.err[0] == '\0', status == 0);
    watched_forget(&said);
}

/* The verdict of a saved cut. Caller frees with json_decref(). */
static json_t *verdict_of(const struct watched *watched, const char *name)
{
    char words[1024], path[PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "analyze -o json %s", watched_path(watched, name, path));
    struct watched_said said = watched_run(watched, "gordian", words);
    json_t *verdict = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);
    if (verdict == NULL) fail_msg("%s: %s", words, said.err);
    watched_forget(&said);
    return verdict;
}

static size_t read_bytes(const struct watched *watched, const char *name, char bytes[65536])
{
    char path[PROGRAM_PATH_BYTES];
    FILE *file = fopen(watched_path(watched, name, path), "re");
    assert_non_null(file);
    size_t length = fread(bytes, 1, 65536, file);
    (void)fclose(file);
    assert_true(length < 65536);
    return length;
}

static void start_with_ring(struct watched *watched, const char *more)
{
    watched_start_with_events(watched, more);
    watched_open_node(watched, "n1");
    watched_make_ring(watched->node);
    watched_await_event(watched, "node_joined");
}

static void end(struct watched *watched)
{
    watched_close_node(watched);
    watched_end(watched);
}

/* ---- What it saves ---- */

static void a_cut_holds_what_stands_when_it_is_asked_for(void **state)
{
    struct watched *watched = *state;
    start_with_ring(watched, "--period 0");
    save(watched, "a.cut", "", 0);
    save(watched, "a.json", "--json", 0);
    json_t *binary = verdict_of(watched, "a.cut"), *json = verdict_of(watched, "a.json");
    assert_int_equal(json_array_size(json_object_get(binary, "deadlocks")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "deadlocks")), 1);
    assert_int_equal(gdn_end(watched->node, gdn_process_named("T1")), GDN_OK);
    save(watched, "a.cut", "", 0); /* Replaces the old one. */
    json_t *later = verdict_of(watched, "a.cut");
    assert_int_equal(json_array_size(json_object_get(later, "deadlocks")), 0);
    json_decref(binary);
    json_decref(json);
    json_decref(later);
    end(watched);
}

/* Nobody waits, so nothing but the question starts a round. */
static void the_last_cut_is_the_same_bytes_again(void **state)
{
    static char first[65536], again[65536];
    struct watched *watched = *state;
    watched_start_with_events(watched, "--period 0");
    watched_open_node(watched, "n1");
    watched_await_event(watched, "node_joined");
    save(watched, "first.cut", "", 0);
    save(watched, "again.cut", "--last", 0);
    size_t length = read_bytes(watched, "first.cut", first);
    assert_int_equal(read_bytes(watched, "again.cut", again), length);
    assert_memory_equal(first, again, length);
    end(watched);
}

static void without_a_file_it_goes_to_standard_output(void **state)
{
    struct watched *watched = *state;
    start_with_ring(watched, "--period 0");
    struct watched_said said = watched_ask(watched, "cut", "--json");
    assert_int_equal(said.status, 0);
    json_t *cut = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(cut, "format")), "gordian-cut/1");
    json_decref(cut);
    watched_forget(&said);
    end(watched);
}

/* It is saved all the same, and who is silent is named. */
static void an_incomplete_cut_is_saved_and_exits_with_3(void **state)
{
    struct watched *watched = *state;
    char words[1024], path[PROGRAM_PATH_BYTES];
    start_with_ring(watched, "--period 0 --expect n1,n9");
    (void)snprintf(words, sizeof words, "-o %s", watched_path(watched, "a.cut", path));
    struct watched_said said = watched_ask(watched, "cut", words);
    assert_int_equal(said.status, 3);
    assert_string_equal(said.err, "gordian cut: the view is incomplete: no report from n9\n");
    watched_forget(&said);
    json_t *verdict = verdict_of(watched, "a.cut");
    assert_true(json_is_false(json_object_get(verdict, "complete")));
    json_decref(verdict);
    end(watched);
}

/* ---- How it fails ---- */

static void expect_failure(const struct watched *watched, const char *more, int status,
                           const char *why)
{
    char words[2048];
    (void)snprintf(words, sizeof words, "cut --connect %s %s", watched->control, more);
    watched_expect_refused(watched, "gordian", words, status, why);
}

static void what_cannot_be_written_exits_with_74(void **state)
{
    struct watched *watched = *state;
    char words[1024];
    start_with_ring(watched, "--period 0");
    expect_failure(watched, "-o /dev/full", 74, "/dev/full: cannot be written: No space left");
    expect_failure(watched, "-o /nonexistent/a.cut", 74, "/nonexistent/a.cut: cannot be written");
    (void)snprintf(words, sizeof words, "-o %s", watched->directory);
    expect_failure(watched, words, 74, "cannot be written: Is a directory");
    DIR *directory = opendir(watched->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        assert_null(strstr(entry->d_name, ".new")); /* Nothing half-written is left. */
    }
    (void)closedir(directory);
    end(watched);
}

static void without_anything_to_cut_it_exits_with_69(void **state)
{
    struct watched *watched = *state;
    watched_start(watched, "--period 0");
    expect_failure(watched, "-o /dev/null", 69, "no node takes part");
    expect_failure(watched, "-o /dev/null --last", 69, "no round has ended yet");
    watched_end(watched);
    expect_failure(watched, "-o /dev/null extra", 2, "'extra' is not wanted here");
}

/* Whoever answers at the endpoint, the terminal and the file get nothing of it. */
static void an_answer_that_is_no_cut_is_refused(void **state)
{
    static const struct {
        const char *answer, *why;
    } answers[] = {
        {"", "cut: tcp://127.0.0.1:"},
        {"GDNC and no more", "cut: tcp://127.0.0.1:"},
        {"{\"error\":\"\\u001b[31m\"}", ": \\u{1b}[31m\n"},
        {"{\"no\":1}", "that is no cut"},
        {"{", "that is no answer of a gordiand"},
    };
    struct watched *watched = *state;
    char program[PROGRAM_PATH_BYTES], out[PROGRAM_PATH_BYTES], err[PROGRAM_PATH_BYTES];
    size_t bytes = sizeof watched->control;
    int patience = WATCHED_START_MS;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REP);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, watched->control, &bytes), 0);
    char *argv[] = {program_path(program, "gordian"), "cut", "--connect", watched->control, NULL};
    (void)watched_path(watched, "out", out);
    (void)watched_path(watched, "err", err);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        char question[16];
        pid_t pid = program_start(argv, out, err);
        assert_int_equal(zmq_recv(socket, question, sizeof question, 0), 3);
        assert_memory_equal(question, "cut", 3);
        size_t length = strlen(answers[i].answer);
        assert_int_equal(zmq_send(socket, answers[i].answer, length, 0), length);
        assert_int_equal(program_end(pid, 0, WATCHED_STOP_MS), 69);
        char *said = program_read_file(err), *saved = program_read_file(out);
        if (strstr(said, answers[i].why) == NULL) fail_msg("%s: %s", answers[i].answer, said);
        assert_string_equal(saved, "");
        free(said);
        free(saved);
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, watched_setup, watched_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_cut_holds_what_stands_when_it_is_asked_for),
        RUN(the_last_cut_is_the_same_bytes_again),
        RUN(without_a_file_it_goes_to_standard_output),
        RUN(an_incomplete_cut_is_saved_and_exits_with_3),
        RUN(what_cannot_be_written_exits_with_74),
        RUN(without_anything_to_cut_it_exits_with_69),
        RUN(an_answer_that_is_no_cut_is_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
