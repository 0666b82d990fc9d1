/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/lockd/actor.h"

#include "demos/common/clock.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILL_MOST  1000000 /* Payloads, should the window never fill. */
#define BYTES_MOST 1000000

struct actor {
    struct member *member;
    pthread_mutex_t mutex;
    pthread_cond_t fewer;
    int waiting; /* Threads; guarded by mutex. */
};

/* A transaction's thread, from its request to the outcome. */
struct errand {
    struct actor *actor;
    struct lock_call call;
    char name[64];
};

static const char *const result_words[] = {"pending", "granted",   "aborted",
                                           "refused", "cancelled", "cancelled"};

static void say_blocked(void *context, const struct gdn_item *item)
{
    char id[GDN_ID_TEXT_BYTES];
    struct actor *actor = context;
    member_say(actor->member, "blocked %s %" PRIu64, gdn_id_format(item->process.id, id),
               item->ticket.number);
}

/* Sleeps as a worker thread of a real lock manager would; a victim rolls back by itself. */
static void *run_errand(void *context)
{
    struct errand *errand = context;
    struct actor *actor = errand->actor;
    enum lock_result result = lockmgr_wait(actor->member->locks, &errand->call, -1);
    if (result == LOCK_ABORTED) lockmgr_end(actor->member->locks, errand->call.process);
    member_say(actor->member, "%s \"%s\" %" PRIu64, result_words[result], errand->name,
               errand->call.ticket.number);
    free(errand);
    (void)pthread_mutex_lock(&actor->mutex);
    actor->waiting--;
    (void)pthread_cond_signal(&actor->fewer);
    (void)pthread_mutex_unlock(&actor->mutex);
    return NULL;
}

static void start_thread(struct actor *actor, struct errand *errand)
{
    pthread_t thread;
    (void)pthread_mutex_lock(&actor->mutex);
    actor->waiting++;
    (void)pthread_mutex_unlock(&actor->mutex);
    if (pthread_create(&thread, NULL, run_errand, errand) == 0) {
        (void)pthread_detach(thread);
    } else {
        (void)lockmgr_cancel(actor->member->locks, errand->call.process);
        (void)run_errand(errand);
    }
}

static void do_lock(struct actor *actor, const struct words *words)
{
    struct member *member = actor->member;
    struct errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        member_say(member, "error out of memory");
        return;
    }
    errand->actor = actor;
    (void)snprintf(errand->name, sizeof errand->name, "%s", words->word[1]);
    enum gdn_err err =
        lockmgr_ask(member->locks, &errand->call, gdn_process_named(words->word[1]),
                    gdn_node_named(words->word[4]), words->word[2],
                    words_is(words, 3, "shared") ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE);
    if (err == GDN_OK) {
        member_say(member, "asked %" PRIu64, errand->call.ticket.number);
        start_thread(actor, errand);
        return;
    }
    member_say(member, "error %s", gdn_err_text(err));
    free(errand);
}

static void answer(struct actor *actor, enum gdn_err err)
{
    if (err == GDN_OK) {
        member_say(actor->member, "ok");
    } else {
        member_say(actor->member, "error %s", gdn_err_text(err));
    }
}

static void do_begin(struct actor *actor, const struct words *words)
{
    char label[WORDS_LINE_BYTES];
    (void)snprintf(label, sizeof label, "%s%s%s", words->word[1],
                   words->word[2][0] != '\0' ? " " : "", words->word[2]);
    struct gdn_process_info info = {.label = label,
                                    .started_us = clock_utc_us(),
                                    .work = strtoull(words->word[3], NULL, 10),
                                    .priority = (int32_t)strtol(words->word[4], NULL, 10),
                                    .abortable = words_is(words, 5, "1")};
    answer(actor, gdn_describe(actor->member->node, gdn_process_named(words->word[1]), &info));
}

static void do_fill(struct actor *actor, const struct words *words)
{
    long bytes = 0, sent = 0;
    void *payload = calloc(1, BYTES_MOST);
    enum gdn_err err = payload == NULL ? GDN_ERR_MEMORY : GDN_OK;
    if (!words_number(words, 2, BYTES_MOST, &bytes)) err = GDN_ERR_LIMIT;
    while (err == GDN_OK && sent < FILL_MOST) {
        err = gdn_send(actor->member->node, gdn_node_named(words->word[1]), payload, (size_t)bytes);
        if (err == GDN_OK) sent++;
    }
    free(payload);
    if (err == GDN_ERR_FULL) {
        member_say(actor->member, "ok %ld", sent);
    } else {
        member_say(actor->member, "error not full after %ld payloads: %s", sent, gdn_err_text(err));
    }
}

static void do_command(struct actor *actor, const struct words *words)
{
    struct member *member = actor->member;
    gdn_process_id process = gdn_process_named(words->count > 1 ? words->word[1] : "");
    if (words_is(words, 0, "begin")) {
        do_begin(actor, words);
    } else if (words_is(words, 0, "lock")) {
        do_lock(actor, words);
    } else if (words_is(words, 0, "release")) {
        bool held = lockmgr_release(member->locks, process, words->word[2]);
        answer(actor, held ? GDN_OK : GDN_ERR_NOT_HELD);
    } else if (words_is(words, 0, "cancel")) {
        answer(actor, lockmgr_cancel(member->locks, process) ? GDN_OK : GDN_ERR_UNKNOWN_TICKET);
    } else if (words_is(words, 0, "end")) {
        lockmgr_end(member->locks, process);
        member_say(member, "ok");
    } else if (words_is(words, 0, "pause")) {
        lockmgr_pause(member->locks);
        member_say(member, "ok");
    } else if (words_is(words, 0, "resume")) {
        lockmgr_resume(member->locks);
        member_say(member, "ok");
    } else if (words_is(words, 0, "serve")) {
        lockmgr_serve(member->locks, gdn_resource_named(words->word[1]));
        member_say(member, "ok");
    } else if (words_is(words, 0, "fill")) {
        do_fill(actor, words);
    } else if (words_is(words, 0, "rounds")) {
        member_say(member, "ok %" PRIu64, gdn_node_counters(member->node).rounds_reported);
    } else {
        member_say(member, "error no such command");
    }
}

int actor_role(struct member *member, const void *argument)
{
    struct actor actor = {.member = member};
    struct lockmgr_hooks hooks = {.context = &actor, .blocked = say_blocked};
    struct words words;
    (void)argument;
    member->locks = lockmgr_start(member->node, &hooks);
    if (member->locks == NULL) return 1;
    (void)pthread_mutex_init(&actor.mutex, NULL);
    (void)pthread_cond_init(&actor.fewer, NULL);
    while (member_hear(member, &words)) do_command(&actor, &words);
    lockmgr_resume(member->locks);
    lockmgr_cancel_all(member->locks);
    (void)pthread_mutex_lock(&actor.mutex);
    while (actor.waiting > 0) (void)pthread_cond_wait(&actor.fewer, &actor.mutex);
    (void)pthread_mutex_unlock(&actor.mutex);
    lockmgr_stop(member->locks);
    member->locks = NULL;
    return 0;
}
