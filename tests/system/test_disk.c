/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that is full: the service says so once, goes on, and writes again when there is room. */
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_SIZE "size=64k"
#define NEWS_MAX  40
#define GLANCE_MS 10

static char disk[PROGRAM_PATH_BYTES]; /* Where it is; empty: none, and why. */
static const char *no_disk;

/* A small disk that only this program and what it starts see: it is gone with them. */
static bool make_disk(const char *path)
{
    no_disk = "no mount namespace can be made here";
    if (unshare(CLONE_NEWNS) != 0) return false;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return false;
    no_disk = "no tmpfs can be mounted here";
    return mkdir(path, 0777) == 0 && mount("none", path, "tmpfs", 0, DISK_SIZE) == 0;
}

static int setup(void **state)
{
    disk[0] = '\0';
    if (stage_setup(state) != 0) return -1;
    char path[PROGRAM_PATH_BYTES];
    if (make_disk(stage_path(*state, "disk", path))) (void)strcpy(disk, path);
    return 0;
}

static int teardown(void **state)
{
    if (disk[0] != '\0') (void)umount2(disk, MNT_DETACH);
    return stage_teardown(state);
}

static char *on_disk(const char *name, char path[PROGRAM_PATH_BYTES])
{
    int length = snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", disk, name);
    assert_in_range(length, 1, PROGRAM_PATH_BYTES - 1);
    return path;
}

static void fill_disk(void)
{
    char path[PROGRAM_PATH_BYTES];
    static const char bytes[4096];
    int file = open(on_disk("filler", path), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(file >= 0);
    while (write(file, bytes, sizeof bytes) > 0) continue;
    (void)close(file);
}

static void make_room(void)
{
    char path[PROGRAM_PATH_BYTES];
    assert_int_equal(unlink(on_disk("filler", path)), 0);
}

static size_t count_complaints(const struct watched *detector, const char *words)
{
    char path[PROGRAM_PATH_BYTES];
    char *text = program_read_file(watched_path(detector, "service.err", path));
    size_t count = 0;
    assert_non_null(text);
    for (const char *at = text; (at = strstr(at, words)) != NULL; at += strlen(words)) count++;
    free(text);
    return count;
}

/* Something to tell, and a cut to keep: a deadlock that comes, is broken and goes. */
static void make_news(struct stage *stage)
{
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    stage_make_ring(n1, n2);
    (void)puppet_await(n2, "aborted T2"); /* It began last, and so it is at each time. */
    (void)puppet_await(n1, "granted T1 B");
    (void)puppet_ask(n1, "end T1");
    puppet_await_number(n1, "status", "resources", 0);
    puppet_await_number(n2, "status", "resources", 0);
}

/* What comes after the last newline may be on its way in or out. */
static void expect_whole_lines(const char *path)
{
    char *text = program_read_file(path);
    char *rest = text;
    assert_non_null(text);
    for (char *line = strsep(&rest, "\n"); rest != NULL; line = strsep(&rest, "\n")) {
        json_t *event = json_loads(line, 0, NULL);
        if (event == NULL) fail_msg("not a whole event: '%s'", line);
        json_decref(event);
    }
    free(text);
}

static void await_cut(void)
{
    int64_t deadline_ms = stage_now_ms() + WATCHED_START_MS;
    char pattern[PROGRAM_PATH_BYTES];
    glob_t found;
    while (glob(on_disk("*.cut", pattern), 0, NULL, &found) != 0) {
        if (stage_now_ms() > deadline_ms) fail_msg("no cut was kept");
        (void)poll(NULL, 0, GLANCE_MS);
    }
    globfree(&found);
}

static void remove_cuts(void)
{
    char pattern[PROGRAM_PATH_BYTES];
    glob_t found;
    if (glob(on_disk("*.cut", pattern), 0, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++) assert_int_equal(unlink(found.gl_pathv[i]), 0);
    globfree(&found);
}

/* Events in the middle of a line, cuts at their first byte: each is told once, however often it
 * happens. Nodes notice nothing. With room again there are events and cuts again, and no line is
 * torn. */
static void a_full_disk_is_told_once_and_the_service_goes_on(void **state)
{
    struct stage *stage = *state;
    char words[3 * PROGRAM_PATH_BYTES], events[PROGRAM_PATH_BYTES];
    if (disk[0] == '\0') {
        print_message("%s\n", no_disk);
        skip();
    }
    (void)snprintf(words, sizeof words, "--period 20 --resolve youngest --events %s --keep-cuts %s",
                   on_disk("events", events), disk);
    const struct watched *detector = stage_detector(stage, 0, words);
    stage_puppets(stage, 2, false, "");
    stage_await_nodes(detector, 2);
    fill_disk();
    for (int i = 0; count_complaints(detector, "--events") == 0; i++) {
        assert_true(i < NEWS_MAX);
        make_news(stage);
    }
    for (int i = 0; i < 3; i++) make_news(stage);
    assert_int_equal(count_complaints(detector, "--events"), 1);
    assert_int_equal(count_complaints(detector, "--keep-cuts"), 1);
    expect_whole_lines(events);
    remove_cuts();
    make_room();
    make_news(stage);
    await_cut();
    puppet_quit(&stage->puppets[1]);
    assert_true(program_await_text(events, "node_lost", WATCHED_START_MS));
    expect_whole_lines(events);
    assert_int_equal(count_complaints(detector, "--events"), 1);
}

static void a_report_that_cannot_be_written_is_told_once(void **state)
{
    struct stage *stage = *state;
    stage->detectors[0]->report = "/dev/full";
    const struct watched *detector = stage_detector(stage, 0, "--period 20 --resolve youngest");
    stage_puppets(stage, 2, false, "");
    stage_await_nodes(detector, 2);
    for (int i = 0; i < 3; i++) make_news(stage);
    json_decref(stage_await_round(detector, true));
    assert_int_equal(count_complaints(detector, "No space left on device"), 1);
    assert_int_equal(stage_events(detector, "aborted", NULL, NULL), 3);
}

static size_t count_cuts(const struct stage *stage)
{
    char pattern[PROGRAM_PATH_BYTES];
    glob_t found;
    int status = glob(stage_path(stage, "*.cut", pattern), 0, NULL, &found);
    if (status != 0) return 0;
    size_t count = found.gl_pathc;
    globfree(&found);
    return count;
}

/* A disk need not become full. */
static void the_newest_cuts_are_kept(void **state)
{
    struct stage *stage = *state;
    char words[2 * PROGRAM_PATH_BYTES];
    (void)snprintf(words, sizeof words, "--period 20 --resolve youngest --keep 2 --keep-cuts %s",
                   stage->detectors[0]->directory);
    const struct watched *detector = stage_detector(stage, 0, words);
    stage_puppets(stage, 2, false, "");
    stage_await_nodes(detector, 2);
    for (size_t i = 1; i <= 4; i++) {
        make_news(stage);
        json_decref(stage_await_round(detector, true)); /* A cut is written after its events. */
        assert_int_equal(count_cuts(stage), i < 2 ? i : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_once_and_the_service_goes_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_newest_cuts_are_kept, stage_setup, stage_teardown),
        cmocka_unit_test_setup_teardown(a_report_that_cannot_be_written_is_told_once, stage_setup,
                                        stage_teardown),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
