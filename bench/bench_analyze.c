/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `gordian analyze` costs on large cuts of known shapes: the judging beside reading the file
 * and beside igraph on the whole graph, in turns, and the program as a whole with its memory.
 *
 * Each measurement has a process of its own, so that none inherits the other's memory; times are
 * processor time, since all of it is work of one thread. */
#include "bench/graphpeer.h"
#include "bench/report.h"
#include "bench/shapes.h"
#include "detector/cutfile/cutfile.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <gordian/verdict.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE_FIRST 1000
#define SIZE_LAST  10000000
#define TURNS_MAX  15
#define PATH_BYTES 64

struct settings {
    enum shape_kind kind; /* SHAPE_COUNT: all of them. */
    size_t waits_min, waits_max;
    size_t turns; /* 0: as many as the size allows. */
    const char *json;
    char program[PATH_MAX]; /* `gordian`. */
};

/* One turn. */
struct turn {
    double read_us, judge_us, igraph_us, whole_us;
    double peak_kib; /* Of the whole program. */
};

/* One shape of one size. */
struct job {
    enum shape_kind kind;
    size_t waits;
    int file; /* In memory: gone with this process. */
    char path[PATH_BYTES];
    size_t turn_count;
    struct turn turns[TURNS_MAX];
};

static const char usage[] =
    "usage: bench_analyze [--shape NAME] [--min WAITS] [--max WAITS] [--turns N] [--json FILE]\n"
    "       shapes: chain, star, random, ring, clump, pairs; 1000 to 10000000 waits\n";

/* ---- In children ---- */

static bool write_all(int file, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(file, bytes, length);
        if (count < 0 && errno != EINTR) return false;
        if (count < 0) continue;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

static bool write_file(const struct job *job)
{
    struct shape shape;
    uint8_t *bytes;
    size_t length;
    if (!shape_init(&shape, job->kind, job->waits)) return false;
    gdn_cut *cut = shape_cut(&shape);
    return cut != NULL && gdn_cut_encode(cut, &bytes, &length) == GDN_OK &&
           write_all(job->file, bytes, length);
}

static bool is_found(const struct job *job, size_t deadlocks)
{
    switch (job->kind) {
    case SHAPE_CHAIN:
    case SHAPE_STAR:
        return deadlocks == 0;
    case SHAPE_RING:
    case SHAPE_CLUMP:
        return deadlocks == 1;
    case SHAPE_PAIRS:
        return deadlocks == job->waits / 2;
    case SHAPE_RANDOM:
        return deadlocks > 0;
    case SHAPE_COUNT:
        break;
    }
    return false;
}

static bool read_and_judge(const struct job *job, struct turn *turn)
{
    gdn_cut *cut;
    gdn_verdict *verdict;
    char why[GDN__CUTFILE_WHY_BYTES];
    double started = report_cpu_us();
    enum gdn_err err = gdn__cutfile_load(job->path, &cut, why, sizeof why);
    double read = report_cpu_us();
    if (err == GDN_OK) err = gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why);
    turn->read_us = read - started;
    turn->judge_us = report_cpu_us() - read;
    if (err == GDN_OK && is_found(job, verdict->deadlock_count)) return true;
    (void)fprintf(stderr, "bench_analyze: %s\n", err == GDN_OK ? "a wrong verdict" : why);
    return false;
}

static bool run_peer(const struct job *job, struct turn *turn)
{
    struct shape shape;
    size_t components;
    return shape_init(&shape, job->kind, job->waits) &&
           graphpeer_run(&shape, &turn->igraph_us, &components);
}

/* ---- Processes ---- */

static bool wait_for(pid_t pid, int *status, struct rusage *used)
{
    while (wait4(pid, status, 0, used) < 0) {
        if (errno != EINTR) return false;
    }
    return WIFEXITED(*status);
}

enum part { PART_WRITE, PART_JUDGE, PART_PEER };

/* What the child learns comes back over a pipe. */
static bool in_child(struct job *job, enum part part, struct turn *turn)
{
    int line[2], status;
    struct rusage used;
    if (pipe(line) != 0) return false;
    pid_t pid = fork();
    if (pid == 0) {
        bool done = part == PART_WRITE   ? write_file(job)
                    : part == PART_JUDGE ? read_and_judge(job, turn)
                                         : run_peer(job, turn);
        done = done && write(line[1], turn, sizeof *turn) == (ssize_t)sizeof *turn;
        _exit(done ? 0 : 1);
    }
    (void)close(line[1]);
    struct turn heard;
    bool done = pid > 0 && read(line[0], &heard, sizeof heard) == (ssize_t)sizeof heard;
    (void)close(line[0]);
    if (pid > 0) done = wait_for(pid, &status, &used) && WEXITSTATUS(status) == 0 && done;
    if (done) *turn = heard;
    return done;
}

static double microseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

/* `gordian analyze FILE`, its report thrown away. */
static bool run_program(const struct settings *settings, const struct job *job, struct turn *turn)
{
    int status;
    struct rusage used;
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0) _exit(74);
        (void)execl(settings->program, "gordian", "analyze", job->path, (char *)NULL);
        _exit(69);
    }
    if (pid < 0 || !wait_for(pid, &status, &used)) return false;
    turn->whole_us = microseconds(used.ru_utime) + microseconds(used.ru_stime);
    turn->peak_kib = (double)used.ru_maxrss;
    bool free = job->kind == SHAPE_CHAIN || job->kind == SHAPE_STAR;
    return WEXITSTATUS(status) == (free ? 0 : 1);
}

/* ---- One job ---- */

static size_t turns_for(size_t waits)
{
    if (waits <= 1000) return 15;
    if (waits <= 10000) return 9;
    return waits <= 100000 ? 5 : 3;
}

static bool take_turns(const struct settings *settings, struct job *job)
{
    struct turn none = {0};
    if (!in_child(job, PART_WRITE, &none)) return false;
    for (size_t i = 0; i < job->turn_count; i++) {
        struct turn *turn = &job->turns[i];
        if (!in_child(job, PART_JUDGE, turn) || !in_child(job, PART_PEER, turn)) return false;
        if (!run_program(settings, job, turn)) return false;
    }
    return true;
}

/* Median, over the turns, of what @p value says of each. */
static double median(const struct job *job, double (*value)(const struct turn *))
{
    double values[TURNS_MAX];
    struct report_row row;
    for (size_t i = 0; i < job->turn_count; i++) values[i] = value(&job->turns[i]);
    report_measure(&row, values, job->turn_count);
    return row.median_us;
}

static double read_us(const struct turn *turn)
{
    return turn->read_us;
}

static double judge_us(const struct turn *turn)
{
    return turn->judge_us;
}

static double igraph_us(const struct turn *turn)
{
    return turn->igraph_us;
}

static double whole_us(const struct turn *turn)
{
    return turn->whole_us;
}

static double peak_kib(const struct turn *turn)
{
    return turn->peak_kib;
}

static double by_reading(const struct turn *turn)
{
    return turn->judge_us / turn->read_us;
}

static double by_igraph(const struct turn *turn)
{
    return turn->judge_us / turn->igraph_us;
}

static double whole_by_reading(const struct turn *turn)
{
    return turn->whole_us / turn->read_us;
}

/* ---- Telling ---- */

static void print_heading(void)
{
    (void)printf("%-8s %-7s %9s %6s %10s %10s %9s %10s %9s %10s %9s %9s %7s\n", "bench", "shape",
                 "waits", "turns", "read ms", "judge ms", "x read", "igraph ms", "x igraph",
                 "whole ms", "x read", "peak MiB", "B/wait");
}

static void print_job(const struct job *job)
{
    double peak = median(job, peak_kib);
    (void)printf("%-8s %-7s %9zu %6zu %10.2f %10.2f %9.2f %10.2f %9.2f %10.2f %9.2f %9.1f %7.0f\n",
                 "analyze", shape_name(job->kind), job->waits, job->turn_count,
                 median(job, read_us) / 1e3, median(job, judge_us) / 1e3, median(job, by_reading),
                 median(job, igraph_us) / 1e3, median(job, by_igraph), median(job, whole_us) / 1e3,
                 median(job, whole_by_reading), peak / 1024, peak * 1024 / (double)job->waits);
    (void)fflush(stdout);
}

static bool save_job(FILE *json, const struct job *job)
{
    (void)fprintf(json,
                  "{\"bench\": \"analyze\", \"subject\": \"%s\", \"waits\": %zu, \"count\": %zu, "
                  "\"read_us\": %.1f, \"judge_us\": %.1f, \"judge_by_read\": %.3f, "
                  "\"igraph_us\": %.1f, \"judge_by_igraph\": %.3f, \"whole_us\": %.1f, "
                  "\"whole_by_read\": %.3f, \"peak_kib\": %.0f}\n",
                  shape_name(job->kind), job->waits, job->turn_count, median(job, read_us),
                  median(job, judge_us), median(job, by_reading), median(job, igraph_us),
                  median(job, by_igraph), median(job, whole_us), median(job, whole_by_reading),
                  median(job, peak_kib));
    return fflush(json) == 0 && !ferror(json);
}

static bool measure(const struct settings *settings, enum shape_kind kind, size_t waits, FILE *json)
{
    struct job job = {.kind = kind, .waits = waits, .turn_count = turns_for(waits)};
    if (settings->turns != 0) job.turn_count = settings->turns;
    job.file = memfd_create("cut", 0);
    if (job.file < 0) return false;
    (void)snprintf(job.path, sizeof job.path, "/proc/self/fd/%d", job.file);
    bool done = take_turns(settings, &job);
    (void)close(job.file);
    if (!done) {
        (void)fprintf(stderr, "bench_analyze: %s of %zu: failed\n", shape_name(kind), waits);
        return false;
    }
    print_job(&job);
    return json == NULL || save_job(json, &job);
}

/* ---- All ---- */

static bool choose_shape(struct settings *settings, const char *name)
{
    int kind = 0;
    while (kind < SHAPE_COUNT && strcmp(name, shape_name((enum shape_kind)kind)) != 0) kind++;
    settings->kind = (enum shape_kind)kind;
    return kind < SHAPE_COUNT;
}

static bool parse_options(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"shape", required_argument, NULL, 's'}, {"min", required_argument, NULL, 'n'},
        {"max", required_argument, NULL, 'm'},   {"turns", required_argument, NULL, 't'},
        {"json", required_argument, NULL, 'j'},  {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 's') {
            if (!choose_shape(settings, optarg)) return false;
        } else if (option == 'n') {
            settings->waits_min = (size_t)strtoul(optarg, NULL, 10);
        } else if (option == 'm') {
            settings->waits_max = (size_t)strtoul(optarg, NULL, 10);
        } else if (option == 't') {
            settings->turns = (size_t)strtoul(optarg, NULL, 10);
        } else if (option == 'j') {
            settings->json = optarg;
        } else {
            return false;
        }
    }
    return optind == argc && settings->waits_min >= SIZE_FIRST &&
           settings->waits_max >= settings->waits_min && settings->waits_max <= SIZE_LAST &&
           settings->turns <= TURNS_MAX;
}

/* It lies two directories above: build/bench/bench_analyze, build/gordian. */
static bool find_program(struct settings *settings)
{
    char *program = settings->program;
    ssize_t length = readlink("/proc/self/exe", program, sizeof settings->program - 1);
    if (length < 0) return false;
    program[length] = '\0';
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(program, '/');
        if (slash == NULL) return false;
        *slash = '\0';
    }
    size_t left = sizeof settings->program - strlen(program);
    return snprintf(program + strlen(program), left, "/gordian") < (int)left &&
           access(program, X_OK) == 0;
}

static bool measure_all(const struct settings *settings, FILE *json)
{
    bool done = true;
    print_heading();
    for (int kind = 0; kind < SHAPE_COUNT; kind++) {
        bool wanted = settings->kind == SHAPE_COUNT || settings->kind == (enum shape_kind)kind;
        size_t waits = settings->waits_min;
        for (; wanted && done && waits <= settings->waits_max; waits *= 10) {
            done = measure(settings, (enum shape_kind)kind, waits, json);
        }
    }
    return done;
}

int main(int argc, char **argv)
{
    struct settings settings = {.kind = SHAPE_COUNT, .waits_min = SIZE_FIRST, .waits_max = 100000};
    if (!parse_options(&settings, argc, argv)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (!find_program(&settings)) {
        (void)fprintf(stderr, "bench_analyze: gordian is not built beside it\n");
        return 1;
    }
    FILE *json = settings.json == NULL ? NULL : fopen(settings.json, "w");
    if (settings.json != NULL && json == NULL) {
        (void)fprintf(stderr, "bench_analyze: %s: %s\n", settings.json, strerror(errno));
        return 74;
    }
    bool done = measure_all(&settings, json);
    if (json != NULL && fclose(json) != 0) done = false;
    return done ? 0 : 1;
}
