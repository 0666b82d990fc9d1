/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "analysis_fixture.h"

#include "cutfile_fixture.h"
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 4096

struct line {
    char text[LINE_BYTES];
    size_t length;
};

static void begin(struct line *line)
{
    line->length = 0;
    line->text[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->length, LINE_BYTES - line->length, format, arguments);
    va_end(arguments);
    line->length += (size_t)length;
    assert_true(line->length < LINE_BYTES);
}

static void put_name(struct line *line, const gdn_verdict *verdict, uint32_t process)
{
    char name[GDN_SHOWN_NAME_BYTES];
    put(line, "%s", gdn_verdict_process_name(verdict, process, name));
}

static void put_names(struct line *line, const gdn_verdict *verdict, const uint32_t *processes,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) put(line, " ");
        put_name(line, verdict, processes[i]);
    }
}

struct judged judge_as(const char *document, enum gdn_policy policy)
{
    struct judged judged = {.cut = load_cut(document)};
    char problem[256];
    if (gdn_analyze(judged.cut, policy, &judged.verdict, problem, sizeof problem) != GDN_OK) {
        fail_msg("%s", problem);
    }
    return judged;
}

struct judged judge(const char *document)
{
    return judge_as(document, GDN_POLICY_YOUNGEST);
}

void forget(struct judged judged)
{
    gdn_verdict_free(judged.verdict);
    gdn_cut_free(judged.cut);
}

const struct gdn_deadlock *only(struct judged judged)
{
    assert_int_equal(judged.verdict->deadlock_count, 1);
    return &judged.verdict->deadlocks[0];
}

const char *members_of(struct judged judged, const struct gdn_deadlock *deadlock)
{
    static struct line line;
    begin(&line);
    put_names(&line, judged.verdict, deadlock->members, deadlock->member_count);
    return line.text;
}

const char *tail_of(struct judged judged, const struct gdn_deadlock *deadlock)
{
    static struct line line;
    begin(&line);
    put_names(&line, judged.verdict, deadlock->tail, deadlock->tail_count);
    return line.text;
}

const char *victims_of(struct judged judged, const struct gdn_deadlock *deadlock)
{
    static struct line line;
    begin(&line);
    for (size_t i = 0; i < deadlock->victim_count; i++) {
        const struct gdn_victim *victim = &deadlock->victims[i];
        if (i > 0) put(&line, " ");
        put_name(&line, judged.verdict, victim->process);
        put(&line, "@%s/%llu", judged.cut->parties[victim->party].name,
            (unsigned long long)victim->ticket);
    }
    return line.text;
}

const char *witness_of(struct judged judged, const struct gdn_deadlock *deadlock)
{
    static struct line line;
    begin(&line);
    for (size_t i = 0; i < deadlock->witness_count; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        bool follows = i > 0 && deadlock->witness[i - 1].holder == edge->waiter;
        char name[GDN_SHOWN_NAME_BYTES] = "";
        if (edge->resource != GDN_NONE) {
            (void)gdn_verdict_resource_name(judged.verdict, edge->resource, name);
        }
        if (i > 0 && !follows) put(&line, ", ");
        if (!follows) put_name(&line, judged.verdict, edge->waiter);
        put(&line, " -%s%s%s%s> ", name, edge->in_flight ? "?" : "", edge->queued ? "+" : "",
            edge->branch ? "." : "");
        put_name(&line, judged.verdict, edge->holder);
    }
    return line.text;
}

const char *order_of(struct judged judged, const struct gdn_deadlock *deadlock)
{
    static struct line line;
    begin(&line);
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        if (i > 0) put(&line, " ");
        put_name(&line, judged.verdict, deadlock->reorder[i].first);
        put(&line, "<");
        put_name(&line, judged.verdict, deadlock->reorder[i].second);
    }
    return line.text;
}

const char *deadlocks_in(const char *document)
{
    static struct line line;
    struct judged judged = judge(document);
    begin(&line);
    for (size_t i = 0; i < judged.verdict->deadlock_count; i++) {
        const struct gdn_deadlock *deadlock = &judged.verdict->deadlocks[i];
        if (i > 0) put(&line, "; ");
        put_names(&line, judged.verdict, deadlock->members, deadlock->member_count);
    }
    forget(judged);
    return line.text;
}
