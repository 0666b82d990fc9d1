/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/lockd/load.h"

#include "demos/common/clock.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define WORKERS_MAX    64
#define LOCKS_MOST     3
#define LOCK_MS        5000 /* A deadlock that nobody breaks ends by itself. */
#define FINISH_US      INT64_C(30000000)
#define AUDITS_PERCENT 20

struct tally {
    unsigned long committed, aborted, timeouts, failed;
    int64_t waited_us; /* For locks that were granted. */
};

struct worker {
    struct member *member;
    const struct load_options *options;
    uint64_t random;
    int64_t deadline_us;
    struct tally tally;
};

/* splitmix64 */
static uint64_t next_random(struct worker *worker)
{
    uint64_t z = worker->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int pick(struct worker *worker, int below)
{
    return (int)(next_random(worker) % (uint64_t)below);
}

int64_t *load_accounts(int keys)
{
    size_t bytes = (size_t)keys * sizeof(int64_t);
    int64_t *balances =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (balances == MAP_FAILED) return NULL;
    for (int i = 0; i < keys; i++) balances[i] = LOAD_BALANCE;
    return balances;
}

/* Different accounts, in the order they were picked: no global order, hence deadlocks. */
static void pick_accounts(struct worker *worker, int *accounts, int count)
{
    for (int i = 0; i < count;) {
        bool hot = pick(worker, 2) == 0;
        accounts[i] = pick(worker, hot ? worker->options->hot : worker->options->keys);
        bool is_new = true;
        for (int k = 0; k < i; k++) is_new = is_new && accounts[k] != accounts[i];
        if (is_new) i++;
    }
}

/* False when it was not granted; the tally says why. */
static bool lock_account(struct worker *worker, gdn_process_id process, int account, uint8_t mode)
{
    char name[32];
    struct lock_call call;
    struct lockmgr *locks = worker->member->locks;
    (void)snprintf(name, sizeof name, "acct/%d", account);
    gdn_node_id home = member_node(member_home_of(name, worker->member->count));
    int64_t asked = clock_us();
    if (lockmgr_ask(locks, &call, process, home, name, mode) != GDN_OK) {
        worker->tally.failed++;
        return false;
    }
    switch (lockmgr_wait(locks, &call, LOCK_MS)) {
    case LOCK_GRANTED:
        worker->tally.waited_us += clock_us() - asked;
        return true;
    case LOCK_ABORTED:
        worker->tally.aborted++;
        return false;
    case LOCK_TIMEOUT:
        worker->tally.timeouts++;
        return false;
    case LOCK_PENDING:
    case LOCK_REFUSED:
    case LOCK_CANCELLED:
        worker->tally.failed++;
        return false;
    }
    return false;
}

/* Strict two-phase locking: every lock before the first change, all released at the end. */
static void transact(struct worker *worker)
{
    int accounts[LOCKS_MOST];
    char label[48];
    bool audit = pick(worker, 100) < AUDITS_PERCENT;
    int count = 2 + pick(worker, LOCKS_MOST - 1);
    gdn_process_id process = {gdn_id_from_counter(member_node(worker->member->index),
                                                  worker->options->seed + worker->random)};
    pick_accounts(worker, accounts, count);
    (void)snprintf(label, sizeof label, "%s %d-%d", audit ? "audit" : "transfer", accounts[0],
                   accounts[1]);
    struct gdn_process_info info = {
        .label = label, .started_us = clock_utc_us(), .abortable = true};
    bool locked = gdn_describe(worker->member->node, process, &info) == GDN_OK;
    for (int i = 0; locked && i < count; i++) {
        locked = lock_account(worker, process, accounts[i],
                              audit ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE);
    }
    if (locked && !audit) {
        int64_t amount = pick(worker, 10);
        worker->options->balances[accounts[0]] -= amount;
        worker->options->balances[accounts[1]] += amount;
    }
    if (locked) worker->tally.committed++;
    lockmgr_end(worker->member->locks, process);
}

static void *work(void *context)
{
    struct worker *worker = context;
    while (clock_us() < worker->deadline_us) transact(worker);
    return NULL;
}

int load_role(struct member *member, const void *argument)
{
    const struct load_options *options = argument;
    struct worker workers[WORKERS_MAX];
    pthread_t threads[WORKERS_MAX];
    struct tally all = {.committed = 0};
    struct words words;
    int started = 0;
    member->locks = lockmgr_start(member->node, NULL);
    if (member->locks == NULL || options->workers > WORKERS_MAX) return 1;
    while (started < options->workers) {
        workers[started] = (struct worker){
            .member = member,
            .options = options,
            .random = options->seed * 1000003 + (uint64_t)(member->index * WORKERS_MAX + started),
            .deadline_us = clock_us() + (int64_t)options->seconds * 1000000};
        if (pthread_create(&threads[started], NULL, work, &workers[started]) != 0) break;
        started++;
    }
    for (int i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
        all.committed += workers[i].tally.committed;
        all.aborted += workers[i].tally.aborted;
        all.timeouts += workers[i].tally.timeouts;
        all.failed += workers[i].tally.failed;
        all.waited_us += workers[i].tally.waited_us;
    }
    member_say(member, "done %lu %lu %lu %lu %" PRId64, all.committed, all.aborted, all.timeouts,
               all.failed, all.waited_us);
    while (member_hear(member, &words)) {
    } /* Others may still need locks that live here. */
    return started == options->workers ? 0 : 1;
}

static bool money_is_all_there(const struct load_options *options)
{
    int64_t total = 0;
    for (int i = 0; i < options->keys; i++) total += options->balances[i];
    int64_t expected = (int64_t)options->keys * LOAD_BALANCE;
    (void)printf("money        %" PRId64 " of %" PRId64 "%s\n", total, expected,
                 total == expected ? ", all there" : ": LOST");
    return total == expected;
}

static bool print_tally(const struct load_options *options, const struct tally *all,
                        struct events *events)
{
    (void)printf("committed    %lu transactions, %.0f a second\n", all->committed,
                 (double)all->committed / options->seconds);
    if (events != NULL && events_read(events)) {
        (void)printf("deadlocks    %lu found, %lu victims aborted, %lu orders came too late\n",
                     events_seen(events, "deadlock"), events_seen(events, "aborted"),
                     events_seen(events, "stale"));
    }
    (void)printf("rolled back  %lu as victims, %lu timed out, %lu failed\n", all->aborted,
                 all->timeouts, all->failed);
    return money_is_all_there(options) && all->failed == 0 && all->committed > 0;
}

bool load_watch(struct cluster *cluster, const struct load_options *options, struct events *events)
{
    struct tally all = {.committed = 0};
    int64_t deadline = clock_us() + (int64_t)options->seconds * 1000000 + FINISH_US;
    for (int i = 0; i < cluster->count; i++) {
        char text[WORDS_LINE_BYTES];
        struct tally one;
        int member = 0;
        if (cluster_hear(cluster, deadline, &member, text, sizeof text, NULL) != HEARD_LINE ||
            sscanf(text, "done %lu %lu %lu %lu %" SCNd64, &one.committed, &one.aborted,
                   &one.timeouts, &one.failed, &one.waited_us) != 5) {
            (void)fprintf(stderr, "a node did not finish\n");
            return false;
        }
        all.committed += one.committed;
        all.aborted += one.aborted;
        all.timeouts += one.timeouts;
        all.failed += one.failed;
        all.waited_us += one.waited_us;
    }
    return print_tally(options, &all, events);
}
