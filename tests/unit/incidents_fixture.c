/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "incidents_fixture.h"

#include "src/core/mem.h"
#include <stdio.h>

struct told told;

/* ---- What is told ---- */

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int written =
        vsnprintf(told.trace + told.length, sizeof told.trace - told.length, format, arguments);
    va_end(arguments);
    assert_true(written >= 0 && told.length + (size_t)written < sizeof told.trace);
    told.length += (size_t)written;
}

char told_letter(gdn_id id)
{
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        if (gdn_id_equal(id, gdn_id_from_bytes(&letter, 1))) return letter;
    }
    return '?';
}

static void note_order(const struct gdn__news *news, const char *what)
{
    const struct gdn__order *order = news->order;
    assert_int_equal(told_letter(order->deadlock), told_letter(news->id));
    assert_true(gdn_id_equal(order->process.id, gdn_id_from_name(order->shown)));
    note("%c: %s %s at %s/%llu, ticket %llu", told_letter(news->id), what, order->shown,
         order->node, (unsigned long long)order->incarnation, (unsigned long long)order->ticket);
}

static void tell(void *context, const struct gdn__news *news)
{
    static const char *const outcomes[] = {"asked", "aborted", "stale", "refused", "unknown"};
    assert_ptr_equal(context, &told);
    note("%3lld ", (long long)(told.now_us / 1000));
    switch (news->type) {
    case GDN__NEWS_FOUND:
        note("%c: found, number %zu", told_letter(news->id), news->deadlock);
        break;
    case GDN__NEWS_ASK:
        assert_int_equal(news->order->state, GDN__ORDER_ASKED);
        note_order(news, "abort");
        break;
    case GDN__NEWS_OUTCOME:
        note_order(news, outcomes[news->order->state]);
        note(" after %lld", (long long)(news->after_us / 1000));
        break;
    case GDN__NEWS_GONE:
        note("%c: gone after %lld", told_letter(news->id), (long long)(news->after_us / 1000));
        break;
    }
    note("\n");
}

void told_expect(const char *expected)
{
    told.trace[told.length] = '\0';
    assert_string_equal(told.trace, expected);
    told.length = 0;
}

/* ---- What happens ---- */

bool told_open(const struct gdn_allocator *allocator)
{
    struct gdn__incidents_options options = {.order_us = TOLD_ORDER_MS * 1000,
                                             .tell = tell,
                                             .context = &told,
                                             .allocator = gdn__allocator_or_default(allocator)};
    told = (struct told){.incidents = gdn__incidents_new(&options)};
    return told.incidents != NULL;
}

int told_setup(void **state)
{
    (void)state;
    return told_open(NULL) ? 0 : -1;
}

int told_teardown(void **state)
{
    (void)state;
    gdn__incidents_free(told.incidents);
    told.incidents = NULL;
    return 0;
}

static uint32_t add_process(gdn_cut *cut, uint32_t ticket)
{
    char name[16];
    (void)snprintf(name, sizeof name, "T%u", ticket);
    uint32_t process = gdn_cut_process(cut, gdn_process_named(name), NULL);
    assert_int_not_equal(process, GDN_NONE);
    assert_int_equal(gdn_cut_name_process(cut, process, name), GDN_OK);
    return process;
}

static uint32_t add_issuer(gdn_cut *cut, uint32_t ticket, uint32_t incarnation)
{
    char name[16];
    (void)snprintf(name, sizeof name, "n%u", ticket);
    uint32_t party = gdn_cut_party(cut, name, incarnation + ticket);
    assert_int_not_equal(party, GDN_NONE);
    return party;
}

static void make_deadlock(struct told_made *made, size_t index, const struct told_core *core,
                          uint32_t incarnation)
{
    struct gdn_deadlock *deadlock = &made->deadlocks[index];
    *deadlock = (struct gdn_deadlock){.id = gdn_id_from_name(core->letter),
                                      .members = made->members[index],
                                      .tickets = made->tickets[index],
                                      .victims = made->victims[index]};
    for (const uint32_t *ticket = core->tickets; *ticket != 0; ticket++) {
        uint32_t issuer = add_issuer(made->cut, *ticket, incarnation);
        made->members[index][deadlock->member_count++] = add_process(made->cut, *ticket);
        made->tickets[index][deadlock->ticket_count++] =
            (struct gdn_cut_ticket){.issuer = issuer, .number = *ticket};
    }
    for (const uint32_t *victim = core->victims; *victim != 0; victim++) {
        made->victims[index][deadlock->victim_count++] =
            (struct gdn_victim){.process = add_process(made->cut, *victim),
                                .party = add_issuer(made->cut, *victim, incarnation),
                                .ticket = *victim};
    }
}

void told_make_verdict(struct told_made *made, const struct told_core *cores, uint32_t incarnation)
{
    *made = (struct told_made){.cut = gdn_cut_new(NULL)};
    assert_non_null(made->cut);
    while (cores[made->verdict.deadlock_count].letter != NULL) {
        size_t index = made->verdict.deadlock_count++;
        make_deadlock(made, index, &cores[index], incarnation);
    }
    made->verdict.cut = made->cut;
    made->verdict.complete = true;
    made->verdict.deadlocks = made->deadlocks;
    assert_int_equal(gdn__names_init(&made->names, made->cut), GDN_OK);
    made->verdict.names = &made->names;
}

enum gdn_err told_see_verdict(const gdn_verdict *verdict, int64_t started_ms)
{
    struct gdn__seen seen = {.verdict = verdict,
                             .round = {gdn_node_named("watcher"), 1, ++told.rounds},
                             .started_us = started_ms * 1000,
                             .now_us = told.now_us,
                             .utc_us = 1000000000 + told.now_us};
    return gdn__incidents_see(told.incidents, &seen);
}

/* A round that began at @p started_ms and has its verdict at @p now_ms. */
enum gdn_err told_try_see(int64_t started_ms, int64_t now_ms, const struct told_core *cores,
                          bool complete, uint32_t incarnation)
{
    struct told_made made;
    told_make_verdict(&made, cores, incarnation);
    made.verdict.complete = complete;
    told.now_us = now_ms * 1000;
    enum gdn_err err = told_see_verdict(&made.verdict, started_ms);
    gdn__names_fini(&made.names);
    gdn_cut_free(made.cut);
    return err;
}

void told_answer(uint32_t ticket, int64_t now_ms, enum gdn__order_state outcome)
{
    char node[16];
    (void)snprintf(node, sizeof node, "n%u", ticket);
    told.now_us = now_ms * 1000;
    gdn__incidents_answer(told.incidents, node, 100 + ticket, ticket, outcome, told.now_us);
}

void told_pass(int64_t now_ms)
{
    told.now_us = now_ms * 1000;
    gdn__incidents_pass(told.incidents, told.now_us);
}
