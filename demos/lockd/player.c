/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/lockd/player.h"

#include "demos/common/clock.h"
#include "demos/common/words.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_US INT64_C(10000000)
#define GLANCE_US INT64_C(10000) /* Between two looks at what does not speak up by itself. */

/* What the parent knows of a transaction. */
struct standing {
    enum transaction_state state;
    char id[GDN_ID_TEXT_BYTES];
    const char *label;
    uint64_t ticket;  /* Of its last lock. */
    uint64_t blocked; /* The last ticket that its home said has to wait. */
    bool blocked_told;
    const struct step *lock; /* Its last. */
};

struct player {
    const struct player_options *options;
    const struct script *script;
    const struct step *step; /* The one under way. */
    int64_t began_us;
    int answered; /* The member whose answer came, or -1. */
    struct words answer;
    struct standing standings[SCRIPT_TRANSACTIONS_MAX];
};

static bool fail(const struct player *player, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false. */
static bool fail(const struct player *player, const char *format, ...)
{
    va_list values;
    (void)fprintf(stderr, "%s:%d: ", player->script->file, player->step->line);
    va_start(values, format);
    (void)vfprintf(stderr, format, values);
    va_end(values);
    (void)fputc('\n', stderr);
    return false;
}

static void tell(const struct player *player, int transaction, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One line of the story: when, who (unless it is -1), what. */
static void tell(const struct player *player, int transaction, const char *format, ...)
{
    va_list values;
    if (player->options->quiet) return;
    (void)printf("%8.1f ms  ", (double)(clock_us() - player->began_us) / 1000);
    if (transaction >= 0) {
        (void)printf("n%d  %s %s ", player->script->transactions[transaction].node + 1,
                     player->script->transactions[transaction].name,
                     player->standings[transaction].label);
    }
    va_start(values, format);
    (void)vprintf(format, values);
    va_end(values);
    (void)putchar('\n');
    (void)fflush(stdout); /* gordiand writes to the same place. */
}

static const char *mode_name(const struct step *lock)
{
    return lock->shared ? "shared" : "exclusive";
}

/* ---- What the members say ---- */

static int find_named(const struct player *player, const char *name)
{
    for (int i = 0; i < player->script->transaction_count; i++) {
        if (strcmp(player->script->transactions[i].name, name) == 0) return i;
        if (strcmp(player->standings[i].id, name) == 0) return i;
    }
    return -1;
}

static bool is_blocked(const struct standing *standing)
{
    return standing->state == TRANSACTION_WAITING && standing->ticket == standing->blocked &&
           standing->ticket != 0;
}

static void tell_if_blocked(struct player *player, int transaction)
{
    struct standing *standing = &player->standings[transaction];
    if (!is_blocked(standing) || standing->blocked_told) return;
    standing->blocked_told = true;
    tell(player, transaction, "waits for %s %s at n%d", mode_name(standing->lock),
         standing->lock->name, standing->lock->other + 1);
}

static void note_outcome(struct player *player, int transaction, enum transaction_state state)
{
    struct standing *standing = &player->standings[transaction];
    const struct step *lock = standing->lock;
    standing->state = state;
    if (state == TRANSACTION_GRANTED) {
        tell(player, transaction, "holds %s %s at n%d", mode_name(lock), lock->name,
             lock->other + 1);
    } else if (state == TRANSACTION_ABORTED) {
        tell(player, transaction, "is the victim: it is aborted and rolls back");
    } else {
        tell(player, transaction, "no longer waits for %s: %s", lock->name,
             transaction_state_names[state]);
    }
}

/* A line that is no answer to a command is news of a transaction. */
static void note_news(struct player *player, const struct words *news)
{
    if (news->count < 3) return;
    int transaction = find_named(player, news->word[1]);
    if (transaction < 0) return;
    if (words_is(news, 0, "blocked")) {
        player->standings[transaction].blocked = strtoull(news->word[2], NULL, 10);
        tell_if_blocked(player, transaction);
        return;
    }
    for (int state = TRANSACTION_GRANTED; state <= TRANSACTION_REFUSED; state++) {
        if (!words_is(news, 0, transaction_state_names[state])) continue;
        note_outcome(player, transaction, (enum transaction_state)state);
    }
}

/* Hear one line, of whatever kind, until @p deadline_us. False when the cluster is lost. */
static bool hear(struct player *player, int64_t deadline_us)
{
    char text[WORDS_LINE_BYTES];
    struct words words;
    int member = 0;
    enum heard heard =
        cluster_hear(player->options->cluster, deadline_us, &member, text, sizeof text, NULL);
    if (heard == HEARD_END) return fail(player, "the cluster has ended");
    if (heard == HEARD_NOTHING || words_split(&words, text) != NULL) return true;
    bool is_answer =
        words_is(&words, 0, "ok") || words_is(&words, 0, "asked") || words_is(&words, 0, "error");
    if (is_answer) {
        player->answered = member;
        (void)words_split(&player->answer, text);
    } else {
        note_news(player, &words);
    }
    return true;
}

/* ---- Commands ---- */

static bool command(struct player *player, int member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Send and wait for the answer; false, with the reason said, unless it is a good one. */
static bool command(struct player *player, int member, const char *format, ...)
{
    char text[WORDS_LINE_BYTES];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof text, format, values);
    va_end(values);
    int64_t deadline = clock_us() + ANSWER_US;
    player->answered = -1;
    if (!cluster_tell(player->options->cluster, member, "%s", text)) {
        return fail(player, "n%d has gone", member + 1);
    }
    while (player->answered != member) {
        if (clock_us() > deadline) return fail(player, "n%d does not answer", member + 1);
        if (!hear(player, deadline)) return false;
    }
    if (!words_is(&player->answer, 0, "error")) return true;
    (void)fprintf(stderr, "%s:%d: n%d says:", player->script->file, player->step->line, member + 1);
    for (int i = 1; i < player->answer.count; i++) {
        (void)fprintf(stderr, " %s", player->answer.word[i]);
    }
    (void)fputc('\n', stderr);
    return false;
}

static unsigned long long answered_number(const struct player *player)
{
    return player->answer.count > 1 ? strtoull(player->answer.word[1], NULL, 10) : 0;
}

static bool do_begin(struct player *player, const struct step *step)
{
    struct standing *standing = &player->standings[step->transaction];
    const char *name = player->script->transactions[step->transaction].name;
    *standing = (struct standing){.state = TRANSACTION_IDLE, .label = step->text};
    (void)gdn_id_format(gdn_process_named(name).id, standing->id);
    return command(player, step->node, "begin \"%s\" \"%s\" %ld %ld %d", name, step->text,
                   step->number, step->priority, step->abortable);
}

static bool do_lock(struct player *player, const struct step *step)
{
    struct standing *standing = &player->standings[step->transaction];
    const char *name = player->script->transactions[step->transaction].name;
    if (standing->state == TRANSACTION_WAITING) {
        return fail(player, "%s still waits for %s", name, standing->lock->name);
    }
    if (standing->state == TRANSACTION_ABORTED) {
        return fail(player, "%s was aborted; begin it again", name);
    }
    standing->lock = step;
    standing->blocked_told = false;
    standing->state = TRANSACTION_WAITING;
    if (!command(player, step->node, "lock \"%s\" \"%s\" %s n%d", name, step->name, mode_name(step),
                 step->other + 1)) {
        return false;
    }
    standing->ticket = answered_number(player);
    tell_if_blocked(player, step->transaction);
    return true;
}

static bool do_end(struct player *player, const struct step *step)
{
    struct standing *standing = &player->standings[step->transaction];
    const char *name = player->script->transactions[step->transaction].name;
    if (standing->state == TRANSACTION_WAITING) {
        return fail(player, "%s still waits for %s", name, standing->lock->name);
    }
    if (step->commits && standing->state == TRANSACTION_ABORTED) {
        return fail(player, "%s was aborted and cannot commit", name);
    }
    standing->state = TRANSACTION_ENDED;
    tell(player, step->transaction, step->commits ? "commits" : "rolls back");
    return command(player, step->node, "end \"%s\"", name);
}

static bool do_fill(struct player *player, const struct step *step)
{
    if (!command(player, step->node, "fill n%d %ld", step->other + 1, step->number)) return false;
    tell(player, -1, "the window n%d -> n%d is full after %llu payloads", step->node + 1,
         step->other + 1, answered_number(player));
    return true;
}

static bool do_detector(struct player *player)
{
    struct cluster *cluster = player->options->cluster;
    if (player->options->service == NULL || cluster->service->pid > 0) {
        return fail(player, "the detector is not ours to start now (see --late-detector)");
    }
    return service_start(cluster->service, player->options->service);
}

/* ---- Awaiting ---- */

static bool await_state(struct player *player, const struct step *step)
{
    const struct standing *standing = &player->standings[step->transaction];
    const char *name = player->script->transactions[step->transaction].name;
    int64_t deadline = clock_us() + (int64_t)player->options->timeout_ms * 1000;
    for (;;) {
        bool reached = step->state == TRANSACTION_BLOCKED ? is_blocked(standing)
                                                          : standing->state == step->state;
        if (reached) return true;
        const char *now =
            transaction_state_names[is_blocked(standing) ? TRANSACTION_BLOCKED : standing->state];
        if (standing->state != TRANSACTION_WAITING || clock_us() > deadline) {
            return fail(player, "%s is not %s, but %s", name, transaction_state_names[step->state],
                        now);
        }
        if (!hear(player, deadline)) return false;
    }
}

static bool await_event(struct player *player, const struct step *step)
{
    struct events *events = player->options->events;
    int64_t deadline = clock_us() + (int64_t)player->options->timeout_ms * 1000;
    if (events == NULL) return fail(player, "no event file is known (see --events)");
    for (;;) {
        if (!events_read(events)) return fail(player, "%s holds a bad line", events->path);
        unsigned long seen = events_seen(events, step->name);
        if (seen >= (unsigned long)step->number) return true;
        if (clock_us() > deadline) {
            return fail(player, "%lu of %ld '%s' events came in time", seen, step->number,
                        step->name);
        }
        if (!hear(player, clock_us() + GLANCE_US)) return false;
    }
}

/* Every node reports @p step->number more rounds than it has now. */
static bool await_rounds(struct player *player, const struct step *step)
{
    unsigned long long least[SCRIPT_NODES_MAX];
    int64_t deadline = clock_us() + (int64_t)player->options->timeout_ms * 1000;
    for (int i = 0; i < player->script->node_count; i++) {
        if (!command(player, i, "rounds")) return false;
        least[i] = answered_number(player) + (unsigned long long)step->number;
    }
    for (int i = 0; i < player->script->node_count; i++) {
        if (!command(player, i, "rounds")) return false;
        while (answered_number(player) < least[i]) {
            if (clock_us() > deadline) return fail(player, "n%d reports too few rounds", i + 1);
            if (!hear(player, clock_us() + GLANCE_US)) return false;
            if (!command(player, i, "rounds")) return false;
        }
    }
    return true;
}

/* ---- The play ---- */

static bool run_step(struct player *player, const struct step *step)
{
    const char *name = player->script->transactions[step->transaction].name;
    switch (step->verb) {
    case STEP_BEGIN:
        return do_begin(player, step);
    case STEP_LOCK:
        return do_lock(player, step);
    case STEP_RELEASE:
        tell(player, step->transaction, "releases %s", step->name);
        return command(player, step->node, "release \"%s\" \"%s\"", name, step->name);
    case STEP_CANCEL:
        return command(player, step->node, "cancel \"%s\"", name);
    case STEP_END:
        return do_end(player, step);
    case STEP_AWAIT_STATE:
        return await_state(player, step);
    case STEP_AWAIT_EVENT:
        return await_event(player, step);
    case STEP_AWAIT_ROUNDS:
        return await_rounds(player, step);
    case STEP_PAUSE:
        tell(player, -1, "n%d's application is busy: it takes nothing", step->node + 1);
        return command(player, step->node, "pause");
    case STEP_RESUME:
        tell(player, -1, "n%d's application goes on", step->node + 1);
        return command(player, step->node, "resume");
    case STEP_SERVE:
        return command(player, step->node, "serve \"%s\"", step->name);
    case STEP_FILL:
        return do_fill(player, step);
    case STEP_DETECTOR:
        return do_detector(player);
    case STEP_SAY:
        tell(player, -1, "%s", step->text);
        return true;
    }
    return false;
}

bool player_run(const struct player_options *options)
{
    struct player *player = calloc(1, sizeof *player);
    bool played = player != NULL;
    if (player == NULL) return false;
    player->options = options;
    player->script = options->script;
    player->began_us = clock_us();
    for (int i = 0; played && i < options->script->step_count; i++) {
        player->step = &options->script->steps[i];
        played = run_step(player, player->step);
    }
    free(player);
    return played;
}
