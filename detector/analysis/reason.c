/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/reason.h"

#include "detector/analysis/reorder.h"
#include "src/core/mem.h"
#include <stdarg.h>
#include <stdio.h>

#define DETAILS_MAX 4 /* Victims whose details are spelled out. */

/* Long enough for every sentence with the longest names. */
struct sentence {
    char text[8192];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(s->text + s->length, sizeof s->text - s->length, format, arguments);
    va_end(arguments);
    if (length < 0) return;
    s->length += (size_t)length;
    if (s->length >= sizeof s->text) s->length = sizeof s->text - 1;
}

static void say_order(struct sentence *s, const struct gdn__names *names,
                      const struct gdn_deadlock *deadlock)
{
    char first[GDN_SHOWN_NAME_BYTES], second[GDN_SHOWN_NAME_BYTES];
    say(s, "queue order alone closes it: serve");
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        if (gdn__reorder_is_repeated(deadlock, i)) continue;
        say(s, "%s %s before %s", i == 0 ? "" : ",",
            gdn__names_process(names, deadlock->reorder[i].first, first),
            gdn__names_process(names, deadlock->reorder[i].second, second));
    }
}

static void say_none(struct sentence *s, const struct gdn__choice *choice)
{
    if (choice->candidate_count == 0) {
        say(s, "no choice left: no member may be aborted");
    } else if (choice->candidate_count == 1) {
        say(s, "no choice left: the only one of %zu members that may be aborted does not free it",
            choice->member_count);
    } else {
        say(s, "no choice left: the %zu of %zu members that may be aborted do not free it",
            choice->candidate_count, choice->member_count);
    }
}

/* "youngest of 3", "the only one of 3 that may be aborted": among whom it was chosen. */
static void say_field(struct sentence *s, const char *word, const struct gdn__choice *choice)
{
    size_t members = choice->member_count, candidates = choice->candidate_count;
    bool all_do = choice->alone_count == candidates || choice->alone_count == 0;
    if (all_do && candidates == members) {
        say(s, "%s of %zu", word, members);
    } else if (all_do && candidates == 1) {
        say(s, "the only one of %zu that may be aborted", members);
    } else if (all_do) {
        say(s, "%s of the %zu of %zu that may be aborted", word, candidates, members);
    } else if (choice->alone_count == 1) {
        say(s, "the only one of %zu whose abort alone frees it", members);
    } else {
        say(s, "%s of the %zu whose abort alone frees it", word, choice->alone_count);
    }
}

static void say_one(struct sentence *s, const struct gdn__preference *preference,
                    const struct gdn__choice *choice)
{
    char detail[GDN__DETAIL_BYTES];
    uint32_t victim = choice->victims[0];
    say_field(s, gdn__preference_word(preference->policy), choice);
    if (choice->alone_count == 1) return; /* Nothing was weighed. */
    say(s, ": %s", gdn__preference_detail(preference, victim, detail));
    if (choice->runner_up != GDN_NONE &&
        gdn__preference_is_tie(preference, victim, choice->runner_up)) {
        say(s, ": ties by id");
    }
}

static void say_several(struct sentence *s, const struct gdn__preference *preference,
                        const struct gdn__choice *choice)
{
    char detail[GDN__DETAIL_BYTES];
    say(s, "%zu of %zu%s, %s first", choice->victim_count, choice->member_count,
        choice->minimal ? " (fewest, proved)" : " (greedy: perhaps fewer would do)",
        gdn__preference_word(preference->policy));
    for (size_t i = 0; i < choice->victim_count && i < DETAILS_MAX; i++) {
        say(s, "%s %s", i == 0 ? ":" : ",",
            gdn__preference_detail(preference, choice->victims[i], detail));
    }
    if (choice->victim_count > DETAILS_MAX) {
        say(s, " and %zu more", choice->victim_count - DETAILS_MAX);
    }
}

enum gdn_err gdn__reason_unanswered(const gdn_cut *cut, const char *node,
                                    struct gdn_deadlock *deadlock)
{
    struct sentence s = {.length = 0};
    say(&s, "nobody is proposed: an abort answers no message that is waited for at %s", node);
    deadlock->victim_reason = gdn__strdup(&cut->allocator, s.text);
    return deadlock->victim_reason == NULL ? GDN_ERR_MEMORY : GDN_OK;
}

enum gdn_err gdn__reason_write(const struct gdn__names *names,
                               const struct gdn__preference *preference,
                               const struct gdn__choice *choice, bool shared,
                               struct gdn_deadlock *deadlock)
{
    struct sentence s; /* Mostly empty: its text is not cleared. */
    s.length = 0;
    s.text[0] = '\0';
    if (deadlock->reorder_count > 0) {
        say_order(&s, names, deadlock);
    } else if (choice == NULL) {
        say(&s, "no victim was asked for");
    } else if (choice->victim_count == 0) {
        say_none(&s, choice);
    } else if (choice->victim_count == 1) {
        say_one(&s, preference, choice);
    } else {
        say_several(&s, preference, choice);
    }
    if (shared) say(&s, " (chosen together with the deadlocks that share a process with it)");
    deadlock->victim_reason = gdn__strdup(&names->cut->allocator, s.text);
    return deadlock->victim_reason == NULL ? GDN_ERR_MEMORY : GDN_OK;
}
