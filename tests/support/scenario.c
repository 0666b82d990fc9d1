/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/scenario.h"

#include "tests/support/program.h"
#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PLAY_MS       90000
#define ANALYZE_MS    20000
#define OPTIONS_MAX   32
#define FOUND_STATUS  1 /* gordian analyze: deadlock found. */
#define EVENTS_FORMAT "gordian-event/1"

static char *inside(const struct scenario *scenario, const char *name, char *path)
{
    (void)snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", scenario->directory, name);
    return path;
}

int scenario_setup(void **state)
{
    struct scenario *scenario = calloc(1, sizeof *scenario);
    const char *base = getenv("TMPDIR");
    if (scenario == NULL) return -1;
    (void)snprintf(scenario->directory, sizeof scenario->directory, "%s/gordian-test-XXXXXX",
                   base != NULL ? base : "/tmp");
    *state = scenario;
    return mkdtemp(scenario->directory) != NULL ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int scenario_teardown(void **state)
{
    struct scenario *scenario = *state;
    (void)nftw(scenario->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(scenario->told);
    free(scenario->report);
    json_decref(scenario->events);
    json_decref(scenario->verdict);
    free(scenario);
    return 0;
}

static json_t *read_events(const char *path)
{
    json_t *events = json_array();
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t bytes = 0;
    while (file != NULL && getline(&line, &bytes, file) > 0) {
        json_error_t wrong;
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, &wrong);
        const char *format = json_string_value(json_object_get(event, "format"));
        if (format == NULL || strcmp(format, EVENTS_FORMAT) != 0) {
            fail_msg("not an event: %s", line);
        }
        (void)json_array_append_new(events, event);
    }
    free(line);
    if (file != NULL) (void)fclose(file);
    return events;
}

/* The verdict on one kept cut, by the command line; NULL when there is no deadlock in it. */
static json_t *judge(const struct scenario *scenario, const char *cut)
{
    char program[PROGRAM_PATH_BYTES], out[PROGRAM_PATH_BYTES], err[PROGRAM_PATH_BYTES];
    char path[2 * PROGRAM_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/cuts/%s", scenario->directory, cut);
    char *argv[] = {program_path(program, "gordian"), "analyze", path, "-o", "json", NULL};
    pid_t pid = program_start(argv, inside(scenario, "verdict.json", out),
                              inside(scenario, "analyze.err", err));
    if (program_end(pid, 0, ANALYZE_MS) != FOUND_STATUS) return NULL;
    return json_load_file(out, JSON_REJECT_DUPLICATES, NULL);
}

static int is_cut(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static json_t *judge_kept(const struct scenario *scenario)
{
    char path[PROGRAM_PATH_BYTES];
    struct dirent **entries = NULL;
    json_t *verdict = NULL;
    int count = scandir(inside(scenario, "cuts", path), &entries, is_cut, versionsort);
    for (int i = 0; i < count; i++) {
        if (verdict == NULL) verdict = judge(scenario, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return verdict;
}

static void write_script(const char *path, const char *script)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(script, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void run_lockd(struct scenario *scenario, char *const argv[])
{
    char out[PROGRAM_PATH_BYTES], err[PROGRAM_PATH_BYTES];
    pid_t pid =
        program_start(argv, inside(scenario, "story.txt", out), inside(scenario, "told.txt", err));
    assert_true(pid > 0);
    scenario->status = program_end(pid, 0, PLAY_MS);
    scenario->told = program_read_file(err);
    if (scenario->status == 0) return;
    char *story = program_read_file(out);
    print_error("%s%s\n", story != NULL ? story : "", scenario->told);
    free(story);
    fail_msg("lockd ended with status %d", scenario->status);
}

void scenario_play(struct scenario *scenario, const char *script, ...)
{
    char lockd[PROGRAM_PATH_BYTES], path[PROGRAM_PATH_BYTES], events[PROGRAM_PATH_BYTES];
    char report[PROGRAM_PATH_BYTES], cuts[PROGRAM_PATH_BYTES];
    char *argv[OPTIONS_MAX + 1] = {program_path(lockd, "demos/lockd"),
                                   "--script",
                                   inside(scenario, "script.lockd", path),
                                   "--events",
                                   inside(scenario, "events.jsonl", events),
                                   "--report",
                                   inside(scenario, "report.txt", report),
                                   "--keep-cuts",
                                   inside(scenario, "cuts", cuts),
                                   "--timeout",
                                   "20000",
                                   "--period",
                                   "20"};
    int count = 13;
    va_list options;
    va_start(options, script);
    while (count < OPTIONS_MAX && (argv[count] = va_arg(options, char *)) != NULL) count++;
    va_end(options);
    argv[count] = NULL;
    write_script(path, script);
    assert_int_equal(mkdir(cuts, 0777), 0);
    run_lockd(scenario, argv);
    scenario->report = program_read_file(report);
    scenario->events = read_events(events);
    scenario->verdict = judge_kept(scenario);
}

size_t scenario_count(const struct scenario *scenario, const char *kind)
{
    size_t count = 0, i;
    json_t *event;
    json_array_foreach(scenario->events, i, event)
    {
        const char *name = json_string_value(json_object_get(event, "event"));
        if (name != NULL && strcmp(name, kind) == 0) count++;
    }
    return count;
}

static json_t *deadlocks_of(const struct scenario *scenario)
{
    json_t *deadlocks = json_object_get(scenario->verdict, "deadlocks");
    if (!json_is_array(deadlocks)) fail_msg("no cut with a deadlock was kept");
    return deadlocks;
}

void scenario_expect_members(const struct scenario *scenario, size_t index, ...)
{
    json_t *deadlock = json_array_get(deadlocks_of(scenario), index);
    json_t *members = json_object_get(deadlock, "members");
    const char *expected;
    size_t i = 0;
    va_list names;
    assert_true(json_is_array(members));
    va_start(names, index);
    while ((expected = va_arg(names, const char *)) != NULL) {
        const char *member = json_string_value(json_array_get(members, i++));
        assert_non_null(member);
        assert_string_equal(member, expected);
    }
    va_end(names);
    assert_int_equal(json_array_size(members), i);
}

size_t scenario_marked_edges(const struct scenario *scenario, const char *mark)
{
    size_t count = 0, i, k;
    json_t *deadlock, *edge;
    json_array_foreach(deadlocks_of(scenario), i, deadlock)
    {
        json_array_foreach(json_object_get(deadlock, "witness"), k, edge)
        {
            if (json_is_true(json_object_get(edge, mark))) count++;
        }
    }
    return count;
}
