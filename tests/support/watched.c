/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include <unistd.h>

#define ARGUMENTS_MAX 32

/* ---- Programs ---- */

char *watched_path(const struct watched *watched, const char *name, char path[PROGRAM_PATH_BYTES])
{
    if (name[0] == '/') {
        (void)snprintf(path, PROGRAM_PATH_BYTES, "%s", name);
    } else {
        (void)snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", watched->directory, name);
    }
    return path;
}

static void read_words(char *words, char **argv)
{
    size_t count = 1;
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count < ARGUMENTS_MAX);
        argv[count++] = word;
    }
    argv[count] = NULL;
}

static pid_t start_in(const struct watched *watched, const char *program, const char *words,
                      const char *out, const char *err)
{
    char path[PROGRAM_PATH_BYTES], out_path[PROGRAM_PATH_BYTES], err_path[PROGRAM_PATH_BYTES];
    char *copy = strdup(words), *argv[ARGUMENTS_MAX + 1] = {program_path(path, program)};
    assert_non_null(copy);
    read_words(copy, argv);
    /* An earlier run's words are no news. */
    if (out[0] != '/') (void)unlink(watched_path(watched, out, out_path));
    (void)unlink(watched_path(watched, err, err_path));
    pid_t pid = program_start(argv, watched_path(watched, out, out_path),
                              watched_path(watched, err, err_path));
    free(copy);
    assert_true(pid > 0);
    return pid;
}

/* Let it run to its end. @p words: arguments separated by blanks. */
struct watched_said watched_run(const struct watched *watched, const char *program,
                                const char *words)
{
    char path[PROGRAM_PATH_BYTES];
    pid_t pid = start_in(watched, program, words, "run.out", "run.err");
    struct watched_said said = {.status = program_end(pid, 0, WATCHED_STOP_MS)};
    said.out = program_read_file(watched_path(watched, "run.out", path));
    said.err = program_read_file(watched_path(watched, "run.err", path));
    assert_true(said.out != NULL && said.err != NULL);
    return said;
}

void watched_forget(struct watched_said *said)
{
    free(said->out);
    free(said->err);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) count += *text == '\n';
    return count;
}

/* It ends with that status, says nothing on stdout, and on stderr one line that holds @p why. */
void watched_expect_refused(const struct watched *watched, const char *program, const char *words,
                            int status, const char *why)
{
    struct watched_said said = watched_run(watched, program, words);
    if (said.status != status || said.out[0] != '\0' || count_lines(said.err) != 1 ||
        strstr(said.err, why) == NULL) {
        fail_msg("%s %s: status %d, stdout '%s', stderr '%s'", program, words, said.status,
                 said.out, said.err);
    }
    watched_forget(&said);
}

/* ---- The service ---- */

static void read_word_after(const char *text, const char *prefix, char word[WATCHED_ENDPOINT_MAX])
{
    const char *found = strstr(text, prefix);
    assert_non_null(found);
    found += strlen(prefix);
    (void)snprintf(word, WATCHED_ENDPOINT_MAX, "%.*s", (int)strcspn(found, "\n"), found);
}

/* Start gordiand on a free port with more options, and wait until it listens. */
void watched_start(struct watched *watched, const char *words)
{
    char all[1024], err[PROGRAM_PATH_BYTES];
    (void)snprintf(all, sizeof all, "--bind tcp://127.0.0.1:* %s", words);
    const char *report = watched->report != NULL ? watched->report : "service.out";
    watched->pid = start_in(watched, "gordiand", all, report, "service.err");
    bool listens = program_await_text(watched_path(watched, "service.err", err),
                                      "gordiand: listening on ", WATCHED_START_MS);
    char *said = program_read_file(err);
    if (!listens) fail_msg("gordiand %s says: %s", all, said);
    read_word_after(said, "listening on ", watched->endpoint);
    read_word_after(said, "ask at ", watched->control);
    free(said);
}

void watched_end(struct watched *watched)
{
    int status = program_end(watched->pid, SIGTERM, WATCHED_STOP_MS);
    watched->pid = -1;
    assert_int_equal(status, 0);
}

struct watched_said watched_ask(const struct watched *watched, const char *command,
                                const char *more)
{
    char words[WATCHED_ENDPOINT_MAX + 64];
    (void)snprintf(words, sizeof words, "%s --connect %s %s", command, watched->control, more);
    return watched_run(watched, "gordian", words);
}

json_t *watched_ask_json(const struct watched *watched, const char *command, int status)
{
    struct watched_said said = watched_ask(watched, command, "-o json");
    json_error_t error;
    json_t *document = json_loads(said.out, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL || said.status != status) {
        fail_msg("%s: status %d, stdout '%s', stderr '%s'", command, said.status, said.out,
                 said.err);
    }
    watched_forget(&said);
    return document;
}

/* ---- A node with two transactions ---- */

void watched_open_node(struct watched *watched, const char *name)
{
    char why[256];
    const char *detectors[] = {watched->endpoint};
    struct gdn_node_options options = {
        .name = name, .bind = "tcp://127.0.0.1:*", .detectors = detectors, .detector_count = 1};
    if (gdn_node_open(&options, &watched->node, why, sizeof why) != GDN_OK) fail_msg("%s", why);
}

void watched_close_node(struct watched *watched)
{
    gdn_node_close(watched->node);
    watched->node = NULL;
}

static void request_units(gdn_node *node, const char *process, const char *resource, uint32_t units)
{
    gdn_ticket ticket;
    struct gdn_request wanted = {.process = gdn_process_named(process),
                                 .resource = gdn_resource_named(resource),
                                 .label = resource,
                                 .units = units};
    struct gdn_process_info info = {.label = process, .abortable = true};
    assert_int_equal(gdn_describe(node, wanted.process, &info), GDN_OK);
    assert_int_equal(gdn_request(node, gdn_node_self(node), &wanted, &ticket), GDN_OK);
    if (gdn_next(node, wanted.resource, &ticket) == GDN_OK) {
        assert_int_equal(gdn_grant(node, ticket), GDN_OK);
    }
}

static void request(gdn_node *node, const char *process, const char *resource)
{
    request_units(node, process, resource, 0);
}

/* A lock manager that is never busy: grants what can be granted, until nothing is left. */
static void take_all(gdn_node *node)
{
    struct gdn_item item;
    gdn_ticket ticket;
    while (gdn_take(node, &item, 0) == GDN_OK) {
        if (item.type == GDN_ITEM_REQUESTED && gdn_next(node, item.resource, &ticket) == GDN_OK) {
            assert_int_equal(gdn_grant(node, ticket), GDN_OK);
        }
        gdn_item_fini(&item);
    }
}

/* T1 and T2 hold A and B; then T1 waits for B, and after it T2 for A. */
void watched_make_ring(gdn_node *node)
{
    request(node, "T1", "A");
    take_all(node);
    request(node, "T2", "B");
    take_all(node);
    request(node, "T1", "B");
    take_all(node);
    request(node, "T2", "A");
    take_all(node);
}

void watched_make_pool(gdn_node *node)
{
    assert_int_equal(gdn_set_capacity(node, gdn_resource_named("P"), 3), GDN_OK);
    request_units(node, "T1", "P", 2);
    take_all(node);
    request_units(node, "T2", "P", 2);
    take_all(node);
}

void watched_await_event(const struct watched *watched, const char *event)
{
    char path[PROGRAM_PATH_BYTES], text[64];
    (void)snprintf(text, sizeof text, "\"event\":\"%s\"", event);
    if (program_await_text(watched_path(watched, "events", path), text, WATCHED_START_MS)) return;
    char *events = program_read_file(path);
    fail_msg("no %s among the events:\n%s", event, events);
}

void watched_start_with_events(struct watched *watched, const char *more)
{
    char words[1024], path[PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "--events %s %s", watched_path(watched, "events", path),
                   more);
    watched_start(watched, words);
}

/* ---- Setup ---- */

int watched_setup(void **state)
{
    struct watched *watched = calloc(1, sizeof *watched);
    const char *temporary = getenv("TMPDIR");
    if (watched == NULL) return -1;
    watched->pid = -1;
    (void)snprintf(watched->directory, sizeof watched->directory, "%s/gordian-XXXXXX",
                   temporary != NULL && strlen(temporary) < 32 ? temporary : "/tmp");
    *state = watched;
    return mkdtemp(watched->directory) == NULL ? -1 : 0;
}

int watched_teardown(void **state)
{
    struct watched *watched = *state;
    char *const remove[] = {(char *)(uintptr_t) "/bin/rm", (char *)(uintptr_t) "-rf",
                            watched->directory, NULL};
    gdn_node_close(watched->node);
    if (watched->pid > 0) (void)program_end(watched->pid, SIGKILL, WATCHED_STOP_MS);
    (void)program_end(program_start(remove, NULL, NULL), 0, WATCHED_STOP_MS);
    free(watched);
    return 0;
}
