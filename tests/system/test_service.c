/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordiand as its operator meets it: starting, refusing, answering, ending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/support/program.h"
#include <cmocka.h>
#include <gordian/node.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LONG_MS 20000

struct service {
    char directory[64];
    char out[96], err[96], events[96];
    char endpoint[128], control[128];
    pid_t pid;
};

static int setup(void **state)
{
    struct service *service = calloc(1, sizeof *service);
    assert_non_null(service);
    (void)snprintf(service->directory, sizeof service->directory, "/tmp/gordian-service-XXXXXX");
    assert_non_null(mkdtemp(service->directory));
    (void)snprintf(service->out, sizeof service->out, "%s/out", service->directory);
    (void)snprintf(service->err, sizeof service->err, "%s/err", service->directory);
    (void)snprintf(service->events, sizeof service->events, "%s/events", service->directory);
    service->pid = -1;
    *state = service;
    return 0;
}

static int teardown(void **state)
{
    struct service *service = *state;
    if (service->pid > 0) (void)program_end(service->pid, SIGKILL, LONG_MS);
    (void)unlink(service->out);
    (void)unlink(service->err);
    (void)unlink(service->events);
    (void)rmdir(service->directory);
    free(service);
    return 0;
}

/* Runs a program with up to six options to its end; its exit status. */
static int run(struct service *service, const char *name, const char *const options[])
{
    char program[PROGRAM_PATH_BYTES];
    char *argv[10] = {program_path(program, name)};
    for (int i = 0; i < 8 && options[i] != NULL; i++) argv[i + 1] = (char *)(size_t)options[i];
    return program_end(program_start(argv, service->out, service->err), 0, LONG_MS);
}

static char *said(const char *path)
{
    char *text = program_read_file(path);
    assert_non_null(text);
    return text;
}

/* The word behind @p before in what gordiand said. */
static void find_endpoint(const char *text, const char *before, char endpoint[128])
{
    const char *found = strstr(text, before);
    assert_non_null(found);
    assert_int_equal(sscanf(found + strlen(before), "%127s", endpoint), 1);
}

static void start_expecting(struct service *service, const char *policy, const char *expected)
{
    char program[PROGRAM_PATH_BYTES];
    char *argv[] = {program_path(program, "gordiand"),
                    "--bind",
                    "tcp://127.0.0.1:*",
                    "--period",
                    "50",
                    "--events",
                    service->events,
                    "--resolve",
                    (char *)(size_t)policy,
                    "--expect",
                    (char *)(size_t)expected,
                    NULL};
    service->pid = program_start(argv, service->out, service->err);
    assert_true(service->pid > 0);
    assert_true(program_await_text(service->err, "listening on tcp://", LONG_MS));
    char *text = said(service->err);
    find_endpoint(text, "listening on ", service->endpoint);
    find_endpoint(text, "ask at ", service->control);
    free(text);
}

static void start(struct service *service, const char *policy)
{
    start_expecting(service, policy, "n1");
}

static void expect_clean_end(struct service *service, int signal)
{
    assert_int_equal(program_end(service->pid, signal, LONG_MS), 0);
    service->pid = -1;
}

static void sigterm_ends_it_with_status_0(void **state)
{
    struct service *service = *state;
    start(service, "none");
    expect_clean_end(service, SIGTERM);
}

static void sigint_ends_it_with_status_0(void **state)
{
    struct service *service = *state;
    start(service, "none");
    expect_clean_end(service, SIGINT);
}

struct refusal {
    const char *options[6];
    int status;
    const char *said;
};

/* One line says what is wrong, and the status whether it is usage, configuration or the address. */
static void bad_options_are_refused(void **state)
{
    const struct refusal refusals[] = {
        {{"--no-such-option"}, 2, "no-such-option"},
        {{"word"}, 2, "word"},
        {{"--period", "soon"}, 78, "--period soon"},
        {{"--deadline", "0"}, 78, "--deadline 0"},
        {{"--resolve", "everybody"}, 78, "everybody"},
        {{"--expect", "n1,,n2"}, 78, "expect"},
        {{"--bind", "tcp://0.0.0.0:*"}, 78, "loopback"},
        {{"--bind", "nonsense"}, 78, "nonsense"},
        {{"--bind", "tcp://127.0.0.1:*", "--keep-cuts", "/no/such/place"}, 78, "/no/such/place"},
        {{"--bind", "tcp://127.0.0.1:*", "--events", "/no/such/file"}, 78, "/no/such/file"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_int_equal(run(*state, "gordiand", refusals[i].options), refusals[i].status);
        char *text = said(((struct service *)*state)->err);
        if (strstr(text, refusals[i].said) == NULL) fail_msg("case %zu says: %s", i, text);
        free(text);
    }
}

static void an_endpoint_in_use_is_status_69(void **state)
{
    struct service *service = *state;
    start(service, "none");
    const char *const options[] = {"--bind", service->endpoint, NULL};
    char first[96];
    (void)snprintf(first, sizeof first, "%s", service->err);
    (void)snprintf(service->err, sizeof service->err, "%s/err2", service->directory);
    assert_int_equal(run(service, "gordiand", options), 69);
    char *text = said(service->err);
    assert_non_null(strstr(text, service->endpoint));
    free(text);
    (void)unlink(service->err);
    (void)snprintf(service->err, sizeof service->err, "%s", first);
    expect_clean_end(service, SIGTERM);
}

/* Asks the running service; its answer as JSON. */
static json_t *ask(struct service *service, const char *question, int expected)
{
    char program[PROGRAM_PATH_BYTES], out[96];
    char *argv[] = {program_path(program, "gordian"),
                    (char *)(size_t)question,
                    "--connect",
                    service->control,
                    "-o",
                    "json",
                    NULL};
    (void)snprintf(out, sizeof out, "%s/answer", service->directory);
    assert_int_equal(program_end(program_start(argv, out, NULL), 0, LONG_MS), expected);
    char *text = said(out);
    json_t *answer = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(answer);
    free(text);
    (void)unlink(out);
    return answer;
}

/* Nobody takes part, so no round is taken: the view is incomplete, and the command comes back. */
static void without_nodes_the_view_is_incomplete(void **state)
{
    struct service *service = *state;
    start(service, "none");
    json_t *waits = ask(service, "waits", 3);
    assert_int_equal(json_array_size(json_object_get(waits, "waits")), 0);
    json_decref(waits);
    json_t *answer = ask(service, "status", 0);
    assert_int_equal(json_array_size(json_object_get(answer, "nodes")), 0);
    assert_true(json_is_null(json_object_get(answer, "last_round")));
    json_decref(answer);
    expect_clean_end(service, SIGTERM);
}

static void asking_nobody_is_status_69(void **state)
{
    struct service *service = *state;
    const char *const options[] = {"status", "--connect", "ipc:///no/such/place/at/all", NULL};
    assert_int_equal(run(service, "gordian", options), 69);
    char *text = said(service->err);
    assert_non_null(strstr(text, "ipc:///no/such/place/at/all"));
    free(text);
}

/* One process waits for itself: the smallest deadlock there is. */
static gdn_node *open_waiting_node(const struct service *service)
{
    char why[256];
    gdn_node *node;
    gdn_ticket ticket;
    const char *const detectors[] = {service->endpoint};
    struct gdn_node_options options = {.name = "n1",
                                       .bind = "tcp://127.0.0.1:*",
                                       .detectors = detectors,
                                       .detector_count = 1,
                                       .patience_ms = 20};
    struct gdn_process_info info = {.label = "T1", .abortable = true};
    struct gdn_need need = {.process = gdn_process_named("T1")};
    assert_int_equal(gdn_node_open(&options, &node, why, sizeof why), GDN_OK);
    assert_int_equal(gdn_describe(node, need.process, &info), GDN_OK);
    struct gdn_wait wait = {.process = need.process, .needs = &need, .count = 1};
    assert_int_equal(gdn_wait_on(node, &wait, &ticket), GDN_OK);
    return node;
}

/* What `gordian waits` and `gordian status` say of it, and that the report is printed once. */
static void a_standing_deadlock_is_shown_and_reported_once(void **state)
{
    struct service *service = *state;
    start_expecting(service, "none", "n1,n2");
    gdn_node *node = open_waiting_node(service);
    assert_true(program_await_text(service->out, "deadlock ", LONG_MS));
    json_t *waits = ask(service, "waits", 3); /* n2 is expected and not there. */
    const json_t *missing = json_array_get(json_object_get(waits, "missing"), 0);
    assert_string_equal(json_string_value(missing), "n2");
    const json_t *wait = json_array_get(json_object_get(waits, "waits"), 0);
    assert_string_equal(json_string_value(json_object_get(wait, "process")), "T1");
    assert_string_equal(json_string_value(json_object_get(wait, "node")), "n1");
    json_decref(waits);
    for (int i = 0; i < 5; i++) json_decref(ask(service, "waits", 3)); /* Five more rounds. */
    json_t *status = ask(service, "status", 1);
    assert_int_equal(json_array_size(json_object_get(status, "deadlocks")), 1);
    assert_int_equal(json_array_size(json_object_get(status, "nodes")), 1);
    const json_t *totals = json_object_get(status, "totals");
    assert_int_equal(json_integer_value(json_object_get(totals, "deadlocks")), 1);
    json_decref(status);
    expect_clean_end(service, SIGTERM); /* While it stands: that it is gone would be told too. */
    gdn_node_close(node);
    char *report = said(service->out);
    const char *first = strstr(report, "deadlock ");
    assert_non_null(first);
    const char *rest = strchr(first, '\n'); /* What follows says how old it was. */
    assert_non_null(rest);
    assert_null(strstr(rest, " process, "));
    free(report);
}

/* Asked, aborted, gone: each in the event stream, each line complete. */
static void an_abort_is_told_in_the_event_stream(void **state)
{
    struct service *service = *state;
    start(service, "youngest");
    gdn_node *node = open_waiting_node(service);
    struct gdn_item item;
    do {
        assert_int_equal(gdn_take(node, &item, LONG_MS), GDN_OK);
    } while (item.type != GDN_ITEM_ABORTED);
    assert_int_equal(gdn_end(node, item.process), GDN_OK);
    assert_true(program_await_text(service->events, "\"event\":\"gone\"", LONG_MS));
    gdn_node_close(node);
    assert_true(program_await_text(service->events, "\"event\":\"node_lost\"", LONG_MS));
    expect_clean_end(service, SIGTERM);
    static const char *const kinds[] = {"node_joined", "deadlock", "abort_asked",
                                        "aborted",     "gone",     "node_lost"};
    char *text = said(service->events);
    char *rest = text;
    size_t next = 0;
    for (char *line = strsep(&rest, "\n"); line != NULL && *line != '\0';
         line = strsep(&rest, "\n")) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *kind = json_string_value(json_object_get(event, "event"));
        assert_non_null(kind);
        if (next < 6 && strcmp(kind, kinds[next]) == 0) next++;
        json_decref(event);
    }
    assert_int_equal(next, 6); /* All six, in this order. */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sigterm_ends_it_with_status_0, setup, teardown),
        cmocka_unit_test_setup_teardown(sigint_ends_it_with_status_0, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_options_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_endpoint_in_use_is_status_69, setup, teardown),
        cmocka_unit_test_setup_teardown(without_nodes_the_view_is_incomplete, setup, teardown),
        cmocka_unit_test_setup_teardown(asking_nobody_is_status_69, setup, teardown),
        cmocka_unit_test_setup_teardown(a_standing_deadlock_is_shown_and_reported_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_abort_is_told_in_the_event_stream, setup, teardown),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
