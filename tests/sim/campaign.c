/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/campaign.h"
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIALS_MAX    600
#define TRIAL_LIMIT_S 20

/* ---- The environment ---- */

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || *text == '\0' ? otherwise : strtoull(text, NULL, 10);
}

static int fault_called(const char *word, size_t length)
{
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        const char *known = sim_fault_word((enum sim_fault)f);
        if (strlen(known) == length && memcmp(known, word, length) == 0) return f;
    }
    return -1;
}

bool campaign_faults(const char *text, uint64_t *allowed)
{
    *allowed = text == NULL || *text == '\0' ? UINT64_MAX : 0;
    if (*allowed != 0 || strcmp(text, "none") == 0) return true;
    for (const char *word = text;; word++) {
        size_t length = strcspn(word, ",");
        int fault = fault_called(word, length);
        if (fault < 0) return false;
        *allowed |= UINT64_C(1) << fault;
        word += length;
        if (*word == '\0') return true;
    }
}

struct campaign campaign_from_environment(uint64_t runs)
{
    const char *faults = getenv("GDN_FAULTS");
    uint64_t allowed;
    if (!campaign_faults(faults, &allowed)) {
        print_error("GDN_FAULTS: \"%s\" is not a list of faults\n", faults);
        exit(2);
    }
    return (struct campaign){.first_seed = number_from("GDN_SEED", 1),
                             .runs = number_from("GDN_RUNS", runs),
                             .allowed = allowed,
                             .quiet = number_from("GDN_SHRINK", 1) == 0};
}

/* ---- Children ---- */

static void map_report(void)
{
    if (sim_report != NULL) return;
    sim_report =
        mmap(NULL, sizeof *sim_report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sim_report == MAP_FAILED) abort();
}

/* Failures of cmocka's assertions end a child, too. */
static void become_child(bool silent)
{
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (int s = 1; s < 32; s++) (void)signal(s, SIG_DFL);
    if (!silent) return;
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0) (void)dup2(null, STDERR_FILENO);
    if (null >= 0) (void)dup2(null, STDOUT_FILENO);
}

/* How a child ended: 0 well, else a number that tells different ends apart. */
static int outcome_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0) continue;
    if (sim_report->broken) return 1000 + (int)sim_report->oracle;
    if (WIFSIGNALED(status)) return 2000 + WTERMSIG(status);
    return WEXITSTATUS(status) == 0 ? 0 : 3000 + WEXITSTATUS(status);
}

static int try_plan(const struct sim_plan *plan, bool silent)
{
    (void)fflush(NULL);
    sim_report->broken = false;
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        struct sim_counts counts = {0};
        become_child(silent);
        (void)alarm(TRIAL_LIMIT_S);
        sim_try(plan, &counts);
        exit(0);
    }
    return outcome_of(child);
}

/* ---- Cutting down ---- */

static void without(struct sim_plan *to, const struct sim_plan *from, int at, int count)
{
    *to = *from;
    memmove(&to->steps[at], &to->steps[at + count],
            (size_t)(from->step_count - at - count) * sizeof to->steps[0]);
    to->step_count -= count;
}

/* Leave out ever smaller stretches of steps as long as it still breaks in the same way. */
static void shrink(struct sim_plan *plan, int outcome)
{
    static struct sim_plan trial;
    int trials = 0;
    for (int size = (plan->step_count + 1) / 2; size >= 1 && trials < TRIALS_MAX; size /= 2) {
        for (int at = 0; at + size <= plan->step_count && trials < TRIALS_MAX;) {
            without(&trial, plan, at, size);
            trials++;
            if (try_plan(&trial, true) == outcome) {
                *plan = trial;
            } else {
                at += size;
            }
        }
    }
}

static void say_outcome(int outcome)
{
    if (outcome >= 3000) {
        print_error("the run ended with status %d (a sanitizer's report?)\n", outcome - 3000);
    } else if (outcome >= 2000) {
        print_error("the run was killed by signal %d%s\n", outcome - 2000,
                    outcome - 2000 == SIGALRM ? " (it hung)" : "");
    } else {
        print_error("not true: [%s] %s\n", sim_oracle_word(sim_report->oracle), sim_report->why);
    }
}

static void explain(const struct campaign *campaign, uint64_t seed)
{
    static struct sim_plan plan;
    sim_draw(&plan, seed, campaign->allowed);
    int all = plan.step_count;
    int again = try_plan(&plan, true);
    if (again == 0) {
        print_error("alone it does not break: it needs the runs before it\n");
        return;
    }
    shrink(&plan, again);
    print_error("what matters of it (%d of %d steps; %d nodes, %d processes, %d resources):\n",
                plan.step_count, all, plan.shape.nodes, plan.shape.processes, plan.shape.resources);
    plan.narrate = true;
    say_outcome(try_plan(&plan, false));
    const char *faults = getenv("GDN_FAULTS");
    print_error("replay: make sim SEED=%llu RUNS=1%s%s\n", (unsigned long long)seed,
                faults == NULL || *faults == '\0' ? "" : " FAULTS=", faults == NULL ? "" : faults);
}

/* ---- Running ---- */

static void run_all(const struct campaign *campaign)
{
    static struct sim_plan plan;
    for (uint64_t i = 0; i < campaign->runs; i++) {
        sim_report->seed = campaign->first_seed + i;
        sim_draw(&plan, sim_report->seed, campaign->allowed);
        (void)alarm(TRIAL_LIMIT_S);
        sim_try(&plan, &sim_report->counts);
    }
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One that never happens proves nothing. */
static void say_faults(const struct sim_counts *counts)
{
    char line[512] = "";
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        size_t used = strlen(line);
        (void)snprintf(line + used, sizeof line - used, "%s %s %llu", f == 0 ? "" : ",",
                       sim_fault_word((enum sim_fault)f), (unsigned long long)counts->faults[f]);
    }
    print_message("faults:%s\n", line);
    print_message("during rounds: %llu channels opened, %llu closed; rounds abandoned: %llu before "
                  "any node had cut, %llu between, %llu after all had\n",
                  (unsigned long long)counts->opened, (unsigned long long)counts->closed,
                  (unsigned long long)counts->abandoned[0],
                  (unsigned long long)counts->abandoned[1],
                  (unsigned long long)counts->abandoned[2]);
}

static void say_counts(const struct sim_counts *counts, double took)
{
    print_message("%llu runs, %.0f a second: %llu steps, %llu rounds judged (%llu incomplete, "
                  "%llu failed for a reason), %llu deadlocks (%llu with a choice), %llu aborts, "
                  "%llu restored, %llu compared\n",
                  (unsigned long long)counts->runs, (double)counts->runs / took,
                  (unsigned long long)counts->steps, (unsigned long long)counts->rounds,
                  (unsigned long long)counts->incomplete, (unsigned long long)counts->failed,
                  (unsigned long long)counts->deadlocks, (unsigned long long)counts->choices,
                  (unsigned long long)counts->aborts, (unsigned long long)counts->restored,
                  (unsigned long long)counts->compared);
    say_faults(counts);
}

bool campaign_run(const struct campaign *campaign, struct sim_counts *counts)
{
    map_report();
    memset(sim_report, 0, sizeof *sim_report);
    print_message("seed %llu, %llu runs\n", (unsigned long long)campaign->first_seed,
                  (unsigned long long)campaign->runs);
    (void)fflush(NULL);
    double began = seconds();
    pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) {
        become_child(campaign->quiet);
        run_all(campaign);
        exit(0);
    }
    int outcome = outcome_of(child);
    *counts = sim_report->counts;
    say_counts(counts, seconds() - began);
    if (outcome == 0) return true;
    print_error("seed %llu broke at step %d\n", (unsigned long long)sim_report->seed,
                sim_report->step);
    say_outcome(outcome);
    if (!campaign->quiet) explain(campaign, sim_report->seed);
    return false;
}
