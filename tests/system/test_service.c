/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordiand as a service: its options, its files, its questions and answers, and how it ends. The
 * nodes it watches here live in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/program.h"
#include <gordian/node.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MS      20000
#define STOP_MS       20000
#define ARGUMENTS_MAX 16
#define ENDPOINT_MAX  256

/* One test's directory, and the gordiand that runs in it, if any. */
struct service {
    char directory[64];
    pid_t pid; /* -1: none. */
    char endpoint[ENDPOINT_MAX], control[ENDPOINT_MAX];
    gdn_node *node; /* Registered with it; NULL: none. */
};

/* What a program that ended has said. */
struct said {
    int status;
    char *out, *err;
};

/* ---- Programs ---- */

static char *path_in(const struct service *service, const char *name, char path[PROGRAM_PATH_BYTES])
{
    (void)snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", service->directory, name);
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

static pid_t start_in(const struct service *service, const char *program, const char *words,
                      const char *out, const char *err)
{
    char path[PROGRAM_PATH_BYTES], out_path[PROGRAM_PATH_BYTES], err_path[PROGRAM_PATH_BYTES];
    char copy[1024], *argv[ARGUMENTS_MAX + 1] = {program_path(path, program)};
    assert_true((size_t)snprintf(copy, sizeof copy, "%s", words) < sizeof copy);
    read_words(copy, argv);
    pid_t pid =
        program_start(argv, path_in(service, out, out_path), path_in(service, err, err_path));
    assert_true(pid > 0);
    return pid;
}

/* Let it run to its end. @p words: arguments separated by blanks. */
static struct said run(const struct service *service, const char *program, const char *words)
{
    char path[PROGRAM_PATH_BYTES];
    pid_t pid = start_in(service, program, words, "run.out", "run.err");
    struct said said = {.status = program_end(pid, 0, STOP_MS)};
    said.out = program_read_file(path_in(service, "run.out", path));
    said.err = program_read_file(path_in(service, "run.err", path));
    assert_true(said.out != NULL && said.err != NULL);
    return said;
}

static void forget(struct said *said)
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
static void expect_refused(const struct service *service, const char *program, const char *words,
                           int status, const char *why)
{
    struct said said = run(service, program, words);
    if (said.status != status || said.out[0] != '\0' || count_lines(said.err) != 1 ||
        strstr(said.err, why) == NULL) {
        fail_msg("%s %s: status %d, stdout '%s', stderr '%s'", program, words, said.status,
                 said.out, said.err);
    }
    forget(&said);
}

/* ---- The service ---- */

static void read_word_after(const char *text, const char *prefix, char word[ENDPOINT_MAX])
{
    const char *found = strstr(text, prefix);
    assert_non_null(found);
    found += strlen(prefix);
    (void)snprintf(word, ENDPOINT_MAX, "%.*s", (int)strcspn(found, "\n"), found);
}

/* Start gordiand on a free port with more options, and wait until it listens. */
static void start_service(struct service *service, const char *words)
{
    char all[1024], err[PROGRAM_PATH_BYTES];
    (void)snprintf(all, sizeof all, "--bind tcp://127.0.0.1:* %s", words);
    service->pid = start_in(service, "gordiand", all, "service.out", "service.err");
    bool listens = program_await_text(path_in(service, "service.err", err),
                                      "gordiand: listening on ", START_MS);
    char *said = program_read_file(err);
    if (!listens) fail_msg("gordiand %s says: %s", all, said);
    read_word_after(said, "listening on ", service->endpoint);
    read_word_after(said, "ask at ", service->control);
    free(said);
}

static void end_service(struct service *service)
{
    int status = program_end(service->pid, SIGTERM, STOP_MS);
    service->pid = -1;
    assert_int_equal(status, 0);
}

static struct said ask(const struct service *service, const char *command, const char *more)
{
    char words[ENDPOINT_MAX + 64];
    (void)snprintf(words, sizeof words, "%s --connect %s %s", command, service->control, more);
    return run(service, "gordian", words);
}

static json_t *ask_json(const struct service *service, const char *command, int status)
{
    struct said said = ask(service, command, "-o json");
    json_error_t error;
    json_t *document = json_loads(said.out, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL || said.status != status) {
        fail_msg("%s: status %d, stdout '%s', stderr '%s'", command, said.status, said.out,
                 said.err);
    }
    forget(&said);
    return document;
}

/* ---- A node with two transactions ---- */

static void open_node(struct service *service, const char *name)
{
    char why[256];
    const char *detectors[] = {service->endpoint};
    struct gdn_node_options options = {
        .name = name, .bind = "tcp://127.0.0.1:*", .detectors = detectors, .detector_count = 1};
    if (gdn_node_open(&options, &service->node, why, sizeof why) != GDN_OK) fail_msg("%s", why);
}

static void close_node(struct service *service)
{
    gdn_node_close(service->node);
    service->node = NULL;
}

static void request(gdn_node *node, const char *process, const char *resource)
{
    gdn_ticket ticket;
    struct gdn_request wanted = {.process = gdn_process_named(process),
                                 .resource = gdn_resource_named(resource),
                                 .label = resource};
    struct gdn_process_info info = {.label = process, .abortable = true};
    assert_int_equal(gdn_describe(node, wanted.process, &info), GDN_OK);
    assert_int_equal(gdn_request(node, gdn_node_self(node), &wanted, &ticket), GDN_OK);
    if (gdn_next(node, wanted.resource, &ticket) == GDN_OK) {
        assert_int_equal(gdn_grant(node, ticket), GDN_OK);
    }
}

/* What is told of a local wait needs no manager: take what comes, so that the books are up. */
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

/* T1 and T2 hold A and B; T1 waits for B, and, if so wanted, T2 for A. */
static void make_waits(gdn_node *node, bool ring)
{
    request(node, "T1", "A");
    take_all(node);
    request(node, "T2", "B");
    take_all(node);
    request(node, "T1", "B");
    take_all(node);
    if (ring) request(node, "T2", "A");
    take_all(node);
}

/* ---- Options ---- */

/* Each of these, accepted by mistake, would watch the wrong thing all night. */
static void a_bad_value_is_bad_configuration(void **state)
{
    static const struct {
        const char *words, *why;
    } bad[] = {
        {"--bind nonsense", "--bind nonsense is no endpoint"},
        {"--bind tcp://127.0.0.1", "has no port"},
        {"--bind tcp://10.1.2.3:7400", "not a loopback address"},
        {"--bind tcp://127.example.org:7400", "not a loopback address"},
        {"--period soon", "--period soon: a whole number"},
        {"--period -1", "--period -1: a whole number"},
        {"--period 1000ms", "a whole number"},
        {"--deadline 0", "--deadline 0: a whole number"},
        {"--deadline 99999999999999999999", "a whole number"},
        {"--keep 0", "--keep 0: a whole number"},
        {"--resolve eldest", "--resolve eldest: no such policy"},
        {"--expect n1,,n2", "--expect"},
        {"--keep-cuts /nonexistent/cuts", "--keep-cuts /nonexistent/cuts: No such file"},
        {"--events /nonexistent/events", "--events /nonexistent/events: No such file"},
    };
    struct service *service = *state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused(service, "gordiand", bad[i].words, 78, bad[i].why);
    }
}

static void what_is_no_option_is_wrong_usage(void **state)
{
    struct service *service = *state;
    expect_refused(service, "gordiand", "watch", 2, "'watch' is no option");
    static const char *const words[] = {"--nonsense", "--period", "--allow-remote=yes"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct said said = run(service, "gordiand", words[i]);
        assert_int_equal(said.status, 2);
        assert_string_equal(said.out, "");
        assert_non_null(strstr(said.err, "--help"));
        forget(&said);
    }
}

static void help_and_version_are_asked_for_on_stdout(void **state)
{
    struct service *service = *state;
    struct said said = run(service, "gordiand", "--help");
    assert_int_equal(said.status, 0);
    static const char *const options[] = {"--bind",    "--period",    "--deadline", "--expect",
                                          "--resolve", "--keep-cuts", "--events"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        assert_non_null(strstr(said.out, options[i]));
    }
    assert_string_equal(said.err, "");
    forget(&said);
    said = run(service, "gordiand", "--version");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.out, "gordiand " GDN_VERSION "\n");
    forget(&said);
}

/* ---- Places ---- */

/* Two detectors on one port would share the nodes' reports between them. */
static void a_place_that_is_taken_cannot_be_bound(void **state)
{
    struct service *service = *state;
    char words[ENDPOINT_MAX + 64];
    start_service(service, "");
    (void)snprintf(words, sizeof words, "--bind %s", service->endpoint);
    expect_refused(service, "gordiand", words, 69, "Address already in use");
    (void)snprintf(words, sizeof words, "--bind tcp://127.0.0.1:* --control %s", service->control);
    expect_refused(service, "gordiand", words, 69, "Address already in use");
    end_service(service);
}

/* ZeroMQ would take the path away from the detector that serves it, and leave it behind. */
static void a_path_that_is_served_stays_with_its_owner(void **state)
{
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES], words[ENDPOINT_MAX + 64];
    (void)snprintf(words, sizeof words, "--bind ipc://%s", path_in(service, "place", path));
    start_service(service, words);
    assert_non_null(strstr(service->control, "place.control"));
    expect_refused(service, "gordiand", words, 69, "Address already in use");
    json_decref(ask_json(service, "status", 0));
    end_service(service);
    assert_int_equal(access(path, F_OK), -1);
    start_service(service, words); /* The place is free again. */
    end_service(service);
}

/* ---- Questions ---- */

static void status_without_nodes_is_no_error(void **state)
{
    struct service *service = *state;
    start_service(service, "--expect n1");
    struct said said = ask(service, "status", "");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.err, "");
    assert_non_null(strstr(said.out, "0 nodes\n"));
    assert_non_null(strstr(said.out, "no round yet\n"));
    assert_non_null(strstr(said.out, "0 deadlocks stand\n"));
    forget(&said);
    json_t *document = ask_json(service, "status", 0);
    assert_string_equal(json_string_value(json_object_get(document, "format")), "gordian-status/1");
    assert_true(json_is_null(json_object_get(document, "last_round")));
    assert_int_equal(json_array_size(json_object_get(document, "nodes")), 0);
    json_decref(document);
    end_service(service);
}

/* Both at once: each waits ten seconds before it gives up. */
static void a_service_that_is_not_there_cannot_be_reached(void **state)
{
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES];
    expect_refused(service, "gordian", "status --connect nonsense", 69, "nonsense");
    pid_t status = start_in(service, "gordian", "status --connect ipc:///nonexistent/control",
                            "status.out", "status.err");
    expect_refused(service, "gordian", "waits --connect ipc:///nonexistent/control", 69,
                   "is gordiand running");
    assert_int_equal(program_end(status, 0, STOP_MS), 69);
    char *said = program_read_file(path_in(service, "status.err", path));
    assert_non_null(strstr(said, "is gordiand running"));
    free(said);
}

static void expect_incomplete(const struct service *service, const char *command)
{
    struct said said = ask(service, command, "");
    assert_int_equal(said.status, 3);
    forget(&said);
}

static void await_event(const struct service *service, const char *event)
{
    char path[PROGRAM_PATH_BYTES], text[64];
    (void)snprintf(text, sizeof text, "\"event\":\"%s\"", event);
    if (program_await_text(path_in(service, "events", path), text, START_MS)) return;
    char *events = program_read_file(path);
    fail_msg("no %s among the events:\n%s", event, events);
}

static void start_with_events(struct service *service, const char *more)
{
    char words[1024], path[PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "--events %s %s", path_in(service, "events", path), more);
    start_service(service, words);
}

/* `waits` takes a snapshot of its own: with no period nothing else does. */
static void waits_lists_who_waits_for_whom_now(void **state)
{
    struct service *service = *state;
    start_with_events(service, "--period 0");
    open_node(service, "n1");
    await_event(service, "node_joined");
    struct said said = ask(service, "waits", "");
    assert_int_equal(said.status, 0);
    assert_string_equal(said.out, "nobody waits\n");
    forget(&said);

    make_waits(service->node, false);
    json_t *document = ask_json(service, "waits", 0);
    const json_t *waits = json_object_get(document, "waits");
    assert_true(json_is_true(json_object_get(document, "complete")));
    assert_int_equal(json_array_size(waits), 1);
    const json_t *wait = json_array_get(waits, 0);
    assert_string_equal(json_string_value(json_object_get(wait, "process")), "T1");
    assert_string_equal(json_string_value(json_object_get(wait, "resource")), "B");
    assert_string_equal(json_string_value(json_object_get(wait, "mode")), "exclusive");
    assert_string_equal(json_string_value(json_object_get(wait, "home")), "n1");
    assert_string_equal(json_string_value(json_object_get(wait, "node")), "n1");
    const json_t *held_by = json_object_get(wait, "held_by");
    assert_int_equal(json_array_size(held_by), 1);
    assert_string_equal(json_string_value(json_array_get(held_by, 0)), "T2");
    json_decref(document);

    said = ask(service, "waits", "");
    assert_int_equal(said.status, 0);
    assert_non_null(strstr(said.out, "waits for exclusive B at n1, held by T2\n"));
    forget(&said);
    close_node(service);
    end_service(service);
}

static void a_missing_node_shows_in_the_exit_status(void **state)
{
    struct service *service = *state;
    start_with_events(service, "--period 0 --expect n1,n9");
    open_node(service, "n1");
    await_event(service, "node_joined");
    expect_incomplete(service, "waits");
    expect_incomplete(service, "status");
    json_t *document = ask_json(service, "status", 3);
    const json_t *missing = json_object_get(json_object_get(document, "last_round"), "missing");
    assert_int_equal(json_array_size(missing), 1);
    assert_string_equal(json_string_value(json_array_get(missing, 0)), "n9");
    json_decref(document);
    close_node(service);
    end_service(service);
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
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES];
    start_with_events(service, "--period 20");
    open_node(service, "n1");
    make_waits(service->node, true);
    await_event(service, "deadlock");
    json_t *document = ask_json(service, "status", 1);
    const json_t *standing = json_array_get(json_object_get(document, "deadlocks"), 0);
    assert_string_equal(json_string_value(json_object_get(standing, "who")), "T1, T2");
    const json_t *node = json_array_get(json_object_get(document, "nodes"), 0);
    assert_string_equal(json_string_value(json_object_get(node, "node")), "n1");
    assert_string_equal(json_string_value(json_object_get(node, "endpoint")),
                        gdn_node_endpoint(service->node));
    assert_int_equal(gdn_end(service->node, gdn_process_named("T1")), GDN_OK);
    await_event(service, "gone");
    close_node(service);
    await_event(service, "node_lost");
    end_service(service);

    json_t *events = read_events(path_in(service, "events", path));
    const char *id = json_string_value(json_object_get(standing, "id"));
    const json_t *deadlock = find_event(events, "deadlock");
    expect_id(deadlock, id);
    expect_id(find_event(events, "gone"), id);
    assert_int_equal(json_array_size(json_object_get(deadlock, "members")), 2);
    assert_true(json_is_integer(json_object_get(deadlock, "latency_us")));
    assert_string_equal(
        json_string_value(json_object_get(find_event(events, "node_joined"), "node")), "n1");
    char *report = program_read_file(path_in(service, "service.out", path));
    assert_non_null(strstr(report, "2 processes"));
    assert_non_null(strstr(report, ": gone after "));
    free(report);
    json_decref(events);
    json_decref(document);
}

/* With events on stdout nothing else may stand there: a program reads it. */
static void events_on_stdout_are_alone_there(void **state)
{
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES];
    start_service(service, "--period 20 --events - --resolve youngest");
    open_node(service, "n1");
    make_waits(service->node, true);
    (void)path_in(service, "service.out", path);
    assert_true(program_await_text(path, "\"event\":\"abort_asked\"", START_MS));
    struct gdn_item item;
    do {
        assert_int_equal(gdn_take(service->node, &item, START_MS), GDN_OK);
        gdn_item_fini(&item);
    } while (item.type != GDN_ITEM_ABORTED);
    assert_true(program_await_text(path, "\"event\":\"aborted\"", START_MS));
    close_node(service);
    end_service(service);
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
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES], old[PROGRAM_PATH_BYTES];
    start_with_events(service, "--period 0");
    open_node(service, "n1");
    await_event(service, "node_joined");
    assert_int_equal(rename(path_in(service, "events", path), path_in(service, "events.1", old)),
                     0);
    assert_int_equal(kill(service->pid, SIGHUP), 0);
    json_decref(ask_json(service, "status", 0)); /* It still answers: it has seen the signal. */
    close_node(service);
    await_event(service, "node_lost");
    end_service(service);
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
    struct service *service = *state;
    char words[1024], path[PROGRAM_PATH_BYTES], name[64];
    (void)snprintf(words, sizeof words, "--period 20 --name a/b --keep-cuts %s",
                   service->directory);
    start_with_events(service, words);
    open_node(service, "n1");
    make_waits(service->node, true);
    await_event(service, "deadlock");
    /* The cut is written after its events; the next answer comes after both. */
    json_decref(ask_json(service, "status", 1));
    json_t *events = read_events(path_in(service, "events", path));
    const char *round = json_string_value(json_object_get(find_event(events, "deadlock"), "round"));
    (void)snprintf(name, sizeof name, "a_b-%s.cut", round);
    (void)snprintf(words, sizeof words, "analyze %s", path_in(service, name, path));
    struct said said = run(service, "gordian", words);
    if (said.status != 1) fail_msg("%s: %d %s", words, said.status, said.err);
    assert_non_null(strstr(said.out, "2 processes"));
    forget(&said);
    json_decref(events);
    close_node(service);
    end_service(service);
}

/* ---- */

static int setup(void **state)
{
    struct service *service = calloc(1, sizeof *service);
    const char *temporary = getenv("TMPDIR");
    if (service == NULL) return -1;
    service->pid = -1;
    (void)snprintf(service->directory, sizeof service->directory, "%s/gordian-XXXXXX",
                   temporary != NULL && strlen(temporary) < 32 ? temporary : "/tmp");
    *state = service;
    return mkdtemp(service->directory) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct service *service = *state;
    char path[PROGRAM_PATH_BYTES];
    char *const remove[] = {(char *)(uintptr_t) "/bin/rm", (char *)(uintptr_t) "-rf",
                            service->directory, NULL};
    gdn_node_close(service->node);
    if (service->pid > 0) (void)program_end(service->pid, SIGKILL, STOP_MS);
    (void)path_in(service, "", path);
    (void)program_end(program_start(remove, NULL, NULL), 0, STOP_MS);
    free(service);
    return 0;
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_bad_value_is_bad_configuration),
        RUN(what_is_no_option_is_wrong_usage),
        RUN(help_and_version_are_asked_for_on_stdout),
        RUN(a_place_that_is_taken_cannot_be_bound),
        RUN(a_path_that_is_served_stays_with_its_owner),
        RUN(status_without_nodes_is_no_error),
        RUN(a_service_that_is_not_there_cannot_be_reached),
        RUN(waits_lists_who_waits_for_whom_now),
        RUN(a_missing_node_shows_in_the_exit_status),
        RUN(a_deadlock_is_told_everywhere),
        RUN(events_on_stdout_are_alone_there),
        RUN(sighup_opens_the_events_file_anew),
        RUN(a_cut_with_news_is_kept),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
