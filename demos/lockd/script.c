/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/lockd/script.h"

#include "demos/common/member.h"
#include "demos/common/words.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 1000000000L

const char *const transaction_state_names[] = {"idle",    "waiting",   "blocked", "granted",
                                               "aborted", "cancelled", "refused", "ended"};

struct reader {
    struct script *script;
    struct words words;
    struct step step; /* Under way. */
    int line;
};

static bool complain(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false, so that a check can return it. */
static bool complain(const struct reader *reader, const char *format, ...)
{
    va_list values;
    (void)fprintf(stderr, "%s:%d: ", reader->script->file, reader->line);
    va_start(values, format);
    (void)vfprintf(stderr, format, values);
    va_end(values);
    (void)fputc('\n', stderr);
    return false;
}

/* ---- Words that name something ---- */

static bool read_node(struct reader *reader, int i, int *node)
{
    struct words *words = &reader->words;
    const char *word = i < words->count ? words->word[i] : "";
    char *end = NULL;
    long number =
        word[0] == 'n' && word[1] >= '1' && word[1] <= '9' ? strtol(word + 1, &end, 10) : 0;
    if (number < 1 || number > SCRIPT_NODES_MAX || *end != '\0') {
        return complain(reader, "'%s' is no node: they are n1 to n%d", word, SCRIPT_NODES_MAX);
    }
    *node = (int)number - 1;
    if (number > reader->script->node_count) reader->script->node_count = (int)number;
    return true;
}

static bool read_name(struct reader *reader, int i, const char *what, char name[SCRIPT_NAME_BYTES])
{
    const char *word = i < reader->words.count ? reader->words.word[i] : NULL;
    if (word == NULL) return complain(reader, "the %s is missing", what);
    if (!gdn_name_is_valid(word) || strlen(word) >= SCRIPT_NAME_BYTES) {
        return complain(reader, "the %s's name is empty, longer than %d bytes or not printable",
                        what, SCRIPT_NAME_BYTES - 1);
    }
    (void)strcpy(name, word);
    return true;
}

static int find_transaction(const struct script *script, const char *name)
{
    for (int i = 0; i < script->transaction_count; i++) {
        if (strcmp(script->transactions[i].name, name) == 0) return i;
    }
    return -1;
}

static bool read_count(struct reader *reader, int i, long least, long *number)
{
    if (words_number(&reader->words, i, NUMBER_MOST, number) && *number >= least) return true;
    return complain(reader, "a number from %ld to %ld is expected", least, NUMBER_MOST);
}

static bool read_end(const struct reader *reader, int i)
{
    if (i >= reader->words.count) return true;
    return complain(reader, "'%s' is one word too many", reader->words.word[i]);
}

/* ---- Steps of a transaction: NODE TRANSACTION VERB … ---- */

static bool read_begin(struct reader *reader)
{
    struct words *words = &reader->words;
    struct step *step = &reader->step;
    int i = 3;
    step->verb = STEP_BEGIN;
    step->abortable = true;
    bool has_label = i < words->count && !words_is(words, i, "work") &&
                     !words_is(words, i, "priority") && !words_is(words, i, "unabortable");
    if (has_label) (void)snprintf(step->text, sizeof step->text, "%s", words->word[i++]);
    while (i < words->count) {
        bool is_work = words_is(words, i, "work");
        if (is_work || words_is(words, i, "priority")) {
            if (!read_count(reader, i + 1, 0, is_work ? &step->number : &step->priority)) {
                return false;
            }
            i += 2;
        } else if (words_is(words, i, "unabortable")) {
            step->abortable = false;
            i++;
        } else {
            return read_end(reader, i);
        }
    }
    return true;
}

static bool read_lock(struct reader *reader)
{
    struct step *step = &reader->step;
    step->verb = STEP_LOCK;
    if (!read_name(reader, 3, "resource", step->name)) return false;
    step->shared = words_is(&reader->words, 4, "shared");
    if (reader->words.count > 4 && !step->shared && !words_is(&reader->words, 4, "exclusive")) {
        return complain(reader, "the mode is 'exclusive' or 'shared', not '%s'",
                        reader->words.word[4]);
    }
    return read_end(reader, 5);
}

static bool open_transaction(struct reader *reader, const char *name)
{
    struct script *script = reader->script;
    int index = find_transaction(script, name);
    if (index < 0) {
        if (script->transaction_count == SCRIPT_TRANSACTIONS_MAX) {
            return complain(reader, "more than %d transactions", SCRIPT_TRANSACTIONS_MAX);
        }
        index = script->transaction_count++;
        (void)strcpy(script->transactions[index].name, name);
    } else if (script->transactions[index].open &&
               script->transactions[index].node != reader->step.node) {
        return complain(reader, "%s is open at n%d", name, script->transactions[index].node + 1);
    }
    script->transactions[index].node = reader->step.node;
    script->transactions[index].open = true;
    reader->step.transaction = index;
    return true;
}

static bool read_transaction(struct reader *reader)
{
    struct script *script = reader->script;
    struct step *step = &reader->step;
    char name[SCRIPT_NAME_BYTES];
    if (!read_node(reader, 0, &step->node)) return false;
    if (!read_name(reader, 1, "transaction", name)) return false;
    if (words_is(&reader->words, 2, "begin")) {
        return open_transaction(reader, name) && read_begin(reader);
    }
    step->transaction = find_transaction(script, name);
    if (step->transaction < 0 || !script->transactions[step->transaction].open ||
        script->transactions[step->transaction].node != step->node) {
        return complain(reader, "%s has not begun at n%d", name, step->node + 1);
    }
    if (words_is(&reader->words, 2, "lock")) return read_lock(reader);
    if (words_is(&reader->words, 2, "release")) {
        step->verb = STEP_RELEASE;
        return read_name(reader, 3, "resource", step->name) && read_end(reader, 4);
    }
    step->commits = words_is(&reader->words, 2, "commit");
    if (step->commits || words_is(&reader->words, 2, "rollback")) {
        script->transactions[step->transaction].open = false;
        step->verb = STEP_END;
        return read_end(reader, 3);
    }
    step->verb = STEP_CANCEL;
    if (words_is(&reader->words, 2, "cancel")) return read_end(reader, 3);
    return complain(reader, "a transaction can begin, lock, release, cancel, commit or rollback");
}

/* ---- The other steps ---- */

static bool read_resource(struct reader *reader)
{
    struct script *script = reader->script;
    int home = script->home_count;
    if (home == SCRIPT_HOMES_MAX) return complain(reader, "more than %d homes", SCRIPT_HOMES_MAX);
    if (!read_name(reader, 1, "resource", script->homes[home].name)) return false;
    if (!words_is(&reader->words, 2, "home")) {
        return complain(reader, "expected: resource NAME home NODE");
    }
    for (int i = 0; i < script->step_count; i++) {
        const struct step *step = &script->steps[i];
        if (step->verb == STEP_LOCK && strcmp(step->name, script->homes[home].name) == 0) {
            return complain(reader, "%s is used before, in line %d", step->name, step->line);
        }
    }
    script->home_count++;
    return read_node(reader, 3, &script->homes[home].node) && read_end(reader, 4);
}

static bool read_await(struct reader *reader)
{
    struct step *step = &reader->step;
    if (words_is(&reader->words, 1, "event")) {
        step->verb = STEP_AWAIT_EVENT;
        step->number = 1;
        return read_name(reader, 2, "event", step->name) &&
               (reader->words.count == 3 || read_count(reader, 3, 1, &step->number)) &&
               read_end(reader, 4);
    }
    if (words_is(&reader->words, 1, "rounds")) {
        step->verb = STEP_AWAIT_ROUNDS;
        return read_count(reader, 2, 1, &step->number) && read_end(reader, 3);
    }
    char name[SCRIPT_NAME_BYTES];
    step->verb = STEP_AWAIT_STATE;
    if (!read_name(reader, 1, "transaction", name)) return false;
    step->transaction = find_transaction(reader->script, name);
    if (step->transaction < 0) return complain(reader, "%s has not begun", name);
    for (int state = TRANSACTION_BLOCKED; state <= TRANSACTION_REFUSED; state++) {
        if (!words_is(&reader->words, 2, transaction_state_names[state])) continue;
        step->state = (enum transaction_state)state;
        return read_end(reader, 3);
    }
    return complain(reader, "expected: await %s blocked, granted, aborted, cancelled or refused",
                    name);
}

static bool read_plain(struct reader *reader)
{
    struct words *words = &reader->words;
    struct step *step = &reader->step;
    if (words_is(words, 0, "pause") || words_is(words, 0, "resume")) {
        step->verb = words_is(words, 0, "pause") ? STEP_PAUSE : STEP_RESUME;
        return read_node(reader, 1, &step->node) && read_end(reader, 2);
    }
    if (words_is(words, 0, "serve")) {
        step->verb = STEP_SERVE;
        return read_name(reader, 1, "resource", step->name) && read_end(reader, 2);
    }
    if (words_is(words, 0, "fill")) {
        step->verb = STEP_FILL;
        return read_node(reader, 1, &step->node) && read_node(reader, 2, &step->other) &&
               read_count(reader, 3, 1, &step->number) && read_end(reader, 4);
    }
    if (words_is(words, 0, "detector")) {
        step->verb = STEP_DETECTOR;
        return read_end(reader, 1);
    }
    step->verb = STEP_SAY;
    if (words->count != 2) return complain(reader, "expected: say \"some words\"");
    (void)snprintf(step->text, sizeof step->text, "%s", words->word[1]);
    return true;
}

static bool read_line(struct reader *reader)
{
    static const char *const plain[] = {"pause", "resume", "serve", "fill", "detector", "say"};
    struct words *words = &reader->words;
    struct script *script = reader->script;
    bool valid = false, is_plain = false;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        is_plain = is_plain || words_is(words, 0, plain[i]);
    }
    reader->step = (struct step){.line = reader->line};
    if (words_is(words, 0, "resource")) return read_resource(reader);
    if (script->step_count == SCRIPT_STEPS_MAX) {
        return complain(reader, "more than %d steps", SCRIPT_STEPS_MAX);
    }
    if (is_plain) {
        valid = read_plain(reader);
    } else if (words_is(words, 0, "await")) {
        valid = read_await(reader);
    } else {
        valid = read_transaction(reader);
    }
    if (valid) script->steps[script->step_count++] = reader->step;
    return valid;
}

/* Only now is it known how many nodes the hash has to choose from. */
static void settle_homes(struct script *script)
{
    for (int i = 0; i < script->step_count; i++) {
        struct step *step = &script->steps[i];
        if (step->verb != STEP_LOCK && step->verb != STEP_SERVE) continue;
        int home = member_home_of(step->name, script->node_count);
        for (int k = 0; k < script->home_count; k++) {
            if (strcmp(script->homes[k].name, step->name) == 0) home = script->homes[k].node;
        }
        if (step->verb == STEP_LOCK) step->other = home;
        if (step->verb == STEP_SERVE) step->node = home;
    }
}

bool script_read(struct script *script, FILE *in, const char *file, int nodes_min)
{
    struct reader reader = {.script = script};
    char line[WORDS_LINE_BYTES];
    memset(script, 0, sizeof *script);
    script->file = file;
    script->node_count = nodes_min;
    while (fgets(line, sizeof line, in) != NULL) {
        reader.line++;
        const char *wrong = words_split(&reader.words, line);
        if (strlen(line) + 1 == sizeof line) wrong = "the line is too long";
        if (wrong != NULL) return complain(&reader, "%s", wrong);
        if (reader.words.count > 0 && !read_line(&reader)) return false;
    }
    if (script->step_count == 0) return complain(&reader, "the script has no steps");
    settle_homes(script);
    return true;
}
