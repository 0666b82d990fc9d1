/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The meaning of a cut, by definition: each message is looked up when it matters, each blocker is
 * listed by itself, and whoever can go on when all that can go on has gone is struck out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/truth.h"
#include <cmocka.h>
#include <string.h>

struct cut {
    const struct truth_node *nodes;
    int count;
    struct truth_judged *judged;
};

/* Requests of one resource that are effective, in the order in which they see each other. */
struct place {
    struct truth_entry entry;
    int channel; /* The sender of a request in flight; -1: it stands in the queue. */
};

struct line {
    struct truth_list holders;
    struct place places[2 * TRUTH_PLACES];
    int count;
};

const struct truth_message *truth_mail(const struct truth_node *nodes, int from, int to, int *count)
{
    const struct truth_end *out = &nodes[from].out[to], *in = &nodes[to].in[from];
    *count = 0;
    if (out->channel == NULL || out->channel->to != nodes[to].incarnation) return NULL;
    int taken = in->channel == out->channel ? in->count : 0;
    if (taken >= out->count) return NULL;
    *count = out->count - taken;
    return &out->channel->log[taken];
}

/* ---- What the mail says ---- */

/* Cancelled, released or ended by its issuer, and home does not know yet. @p after: only messages
 * behind that one of the channel count for END. */
static bool is_given_up(const struct cut *cut, int home, const struct truth_entry *entry, int after)
{
    int count;
    if (entry->orphan || entry->issuer == home) return false;
    if (cut->nodes[entry->issuer].incarnation != entry->incarnation) return false;
    const struct truth_message *mail = truth_mail(cut->nodes, entry->issuer, home, &count);
    for (int i = 0; i < count; i++) {
        bool names = mail[i].verb == GDN_VERB_RELEASE || mail[i].verb == GDN_VERB_CANCEL;
        if (names && mail[i].number == entry->number) return true;
        bool ends = mail[i].verb == GDN_VERB_END && mail[i].process == entry->process;
        if (ends && i > after) return true;
    }
    return false;
}

static bool is_answered(const struct cut *cut, int node, const struct truth_ticket *ticket)
{
    int count;
    if (ticket->home == node || ticket->home < 0) return false;
    const struct truth_message *mail = truth_mail(cut->nodes, ticket->home, node, &count);
    for (int i = 0; i < count; i++) {
        bool answer =
            mail[i].verb == GDN_VERB_GRANT || (mail[i].verb == GDN_VERB_WAKE && mail[i].refusal);
        if (answer && mail[i].number == ticket->number) return true;
    }
    return false;
}

static int wakes_in_flight(const struct cut *cut, int node, uint64_t number, int by)
{
    int wakes = 0;
    for (int from = 0; from < cut->count; from++) {
        int count;
        if (from == node) continue;
        const struct truth_message *mail = truth_mail(cut->nodes, from, node, &count);
        for (int i = 0; i < count; i++) {
            wakes += mail[i].verb == GDN_VERB_WAKE && !mail[i].refusal &&
                     mail[i].number == number && mail[i].by == by;
        }
    }
    return wakes;
}

/* ---- Tickets that wait ---- */

static void add_wait(const struct cut *cut, int node, const struct truth_ticket *ticket)
{
    struct truth_judged *judged = cut->judged;
    assert_true(judged->wait_count < TRUTH_WAITS);
    struct truth_wait *wait = &judged->waits[judged->wait_count++];
    memset(wait, 0, sizeof *wait);
    wait->node = node;
    wait->process = ticket->process;
    wait->incarnation = cut->nodes[node].incarnation;
    wait->number = ticket->number;
    wait->core = -1;
    for (int i = 0; i < ticket->need_count; i++) {
        int earlier = 0;
        for (int k = 0; k < i; k++) {
            earlier += !ticket->met[k] && ticket->needs[k] == ticket->needs[i];
        }
        if (ticket->met[i]) continue;
        if (wakes_in_flight(cut, node, ticket->number, ticket->needs[i]) > earlier) continue;
        wait->blocked_by[ticket->needs[i]] = true;
    }
}

/* True when all listings of a direct wait are met once the mail is delivered. */
static bool is_woken(const struct truth_judged *judged)
{
    const struct truth_wait *wait = &judged->waits[judged->wait_count - 1];
    for (int p = 0; p < TRUTH_PROCESSES; p++) {
        if (wait->blocked_by[p]) return false;
    }
    return true;
}

static void find_waits(const struct cut *cut)
{
    for (int n = 0; n < cut->count; n++) {
        const struct truth_node *node = &cut->nodes[n];
        for (int i = 0; i < node->ticket_count; i++) {
            const struct truth_ticket *ticket = &node->tickets[i];
            if (ticket->granted || is_answered(cut, n, ticket)) continue;
            add_wait(cut, n, ticket);
            bool direct = ticket->resource == TRUTH_DIRECT;
            if (direct && is_woken(cut->judged)) cut->judged->wait_count--;
        }
    }
}

int truth_find_wait(const struct truth_judged *judged, uint64_t incarnation, uint64_t number)
{
    for (int i = 0; i < judged->wait_count; i++) {
        const struct truth_wait *wait = &judged->waits[i];
        if (wait->incarnation == incarnation && wait->number == number) return i;
    }
    return -1;
}

/* ---- Who blocks whom ---- */

static void add_place(struct line *line, const struct truth_entry *entry, int channel)
{
    assert_true(line->count < 2 * TRUTH_PLACES);
    line->places[line->count++] = (struct place){*entry, channel};
}

static void add_requests(const struct cut *cut, int home, int resource, struct line *line)
{
    for (int from = 0; from < cut->count; from++) {
        int count;
        if (from == home) continue;
        const struct truth_message *mail = truth_mail(cut->nodes, from, home, &count);
        for (int i = 0; i < count; i++) {
            if (mail[i].verb != GDN_VERB_REQUEST || mail[i].resource != resource) continue;
            struct truth_entry entry = {.incarnation = cut->nodes[from].incarnation,
                                        .number = mail[i].number,
                                        .issuer = (int8_t)from,
                                        .process = mail[i].process,
                                        .mode = mail[i].mode};
            if (!is_given_up(cut, home, &entry, i)) add_place(line, &entry, from);
        }
    }
}

static void draw_line(const struct cut *cut, int home, int resource, struct line *line)
{
    const struct truth_home *at = &cut->nodes[home].homes[resource];
    line->count = line->holders.count = 0;
    for (int i = 0; i < at->holders.count; i++) {
        const struct truth_entry *holder = &at->holders.entries[i];
        if (is_given_up(cut, home, holder, -1)) continue;
        line->holders.entries[line->holders.count++] = *holder;
    }
    for (int i = 0; i < at->queue.count; i++) {
        const struct truth_entry *entry = &at->queue.entries[i];
        if (!is_given_up(cut, home, entry, -1)) add_place(line, entry, -1);
    }
    add_requests(cut, home, resource, line);
}

static bool modes_conflict(uint8_t a, uint8_t b)
{
    return a == GDN_MODE_EXCLUSIVE || b == GDN_MODE_EXCLUSIVE;
}

/* Between channels there is no order; a conversion in flight passes all that is queued. */
static bool stands_before(const struct place *earlier, const struct place *later, bool converting)
{
    if (later->channel < 0) return true;
    if (converting) return false;
    return earlier->channel < 0 || earlier->channel == later->channel;
}

static bool mode_covers(uint8_t mode, uint8_t other)
{
    return mode == GDN_MODE_EXCLUSIVE || other == GDN_MODE_SHARED;
}

static bool is_holding(const struct line *line, int process)
{
    for (int i = 0; i < line->holders.count; i++) {
        if (line->holders.entries[i].process == process) return true;
    }
    return false;
}

static bool is_covered(const struct line *line, const struct truth_entry *entry)
{
    for (int i = 0; i < line->holders.count; i++) {
        const struct truth_entry *holder = &line->holders.entries[i];
        if (holder->process == entry->process && mode_covers(holder->mode, entry->mode))
            return true;
    }
    return false;
}

static bool will_be_ahead(const struct line *line, int index)
{
    return line->places[index].channel >= 0 && is_holding(line, line->places[index].entry.process);
}

static struct truth_wait *wait_at(const struct cut *cut, const struct line *line, int index)
{
    const struct truth_entry *entry = &line->places[index].entry;
    int at = truth_find_wait(cut->judged, entry->incarnation, entry->number);
    return at < 0 ? NULL : &cut->judged->waits[at];
}

static bool is_in_the_way(const struct line *line, int earlier, int later)
{
    const struct truth_entry *a = &line->places[earlier].entry, *b = &line->places[later].entry;
    return a->process != b->process && modes_conflict(a->mode, b->mode) &&
           stands_before(&line->places[earlier], &line->places[later], will_be_ahead(line, later));
}

static bool others_between(const struct line *line, int after, int index)
{
    for (int i = after + 1; i < index; i++) {
        if (is_in_the_way(line, i, index)) return true;
    }
    return false;
}

/* What the same process asked for before covers this one once it is granted. Where others stand
 * between, they wait for it, so this one waits for what that one waits for. */
static const struct truth_wait *deciding(const struct cut *cut, const struct line *line, int index)
{
    const struct place *place = &line->places[index];
    if (will_be_ahead(line, index)) return NULL;
    for (int i = index - 1; i >= 0; i--) {
        const struct place *own = &line->places[i];
        bool covers = own->entry.process == place->entry.process &&
                      mode_covers(own->entry.mode, place->entry.mode);
        if (!covers || !stands_before(own, place, false)) continue;
        const struct truth_wait *wait = wait_at(cut, line, i);
        if (wait != NULL && others_between(line, i, index)) return wait;
    }
    for (int i = 0; i < line->count; i++) {
        const struct truth_entry *own = &line->places[i].entry;
        if (own->process != place->entry.process || !will_be_ahead(line, i)) continue;
        if (!mode_covers(own->mode, place->entry.mode)) continue;
        if (others_between(line, -1, index)) return wait_at(cut, line, i);
    }
    return NULL;
}

static void block_in_line(const struct cut *cut, const struct line *line, int index)
{
    const struct truth_entry *entry = &line->places[index].entry;
    struct truth_wait *wait = wait_at(cut, line, index);
    if (wait == NULL || is_covered(line, entry)) return;
    const struct truth_wait *other = deciding(cut, line, index);
    if (other != NULL) {
        memcpy(wait->blocked_by, other->blocked_by, sizeof wait->blocked_by);
        return;
    }
    for (int i = 0; i < line->holders.count; i++) {
        const struct truth_entry *holder = &line->holders.entries[i];
        if (holder->process == entry->process) continue;
        if (modes_conflict(holder->mode, entry->mode)) wait->blocked_by[holder->process] = true;
    }
    for (int i = 0; i < index; i++) {
        if (is_in_the_way(line, i, index)) wait->blocked_by[line->places[i].entry.process] = true;
    }
}

/* What will stand ahead of the queue first: others may wait for what it waits for. */
static void find_blockers(const struct cut *cut)
{
    struct line line;
    for (int home = 0; home < cut->count; home++) {
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            draw_line(cut, home, r, &line);
            for (int i = 0; i < line.count; i++) {
                if (will_be_ahead(&line, i)) block_in_line(cut, &line, i);
            }
            for (int i = 0; i < line.count; i++) {
                if (!will_be_ahead(&line, i)) block_in_line(cut, &line, i);
            }
        }
    }
}

/* ---- Who is stuck, and in which core ---- */

static bool is_served(const struct truth_judged *judged, const struct truth_wait *wait)
{
    for (int p = 0; p < TRUTH_PROCESSES; p++) {
        if (wait->blocked_by[p] && judged->stuck[p]) return false;
    }
    return true;
}

/* A process is stuck when one of its tickets is; all that wait at first. */
static void find_stuck(struct truth_judged *judged)
{
    bool changed = true;
    for (int i = 0; i < judged->wait_count; i++) {
        judged->waits[i].stuck = true;
        judged->stuck[judged->waits[i].process] = true;
    }
    while (changed) {
        changed = false;
        bool stuck[TRUTH_PROCESSES] = {false};
        for (int i = 0; i < judged->wait_count; i++) {
            struct truth_wait *wait = &judged->waits[i];
            if (wait->stuck && is_served(judged, wait)) {
                wait->stuck = false;
                changed = true;
            }
            stuck[wait->process] |= wait->stuck;
        }
        memcpy(judged->stuck, stuck, sizeof stuck);
    }
}

static void find_reach(struct truth_judged *judged)
{
    int count = judged->wait_count;
    for (int i = 0; i < count; i++) {
        struct truth_wait *from = &judged->waits[i];
        for (int k = 0; k < count; k++) {
            const struct truth_wait *to = &judged->waits[k];
            from->reach[k] = from->stuck && to->stuck && from->blocked_by[to->process];
        }
    }
    for (int via = 0; via < count; via++) {
        for (int i = 0; i < count; i++) {
            if (!judged->waits[i].reach[via]) continue;
            for (int k = 0; k < count; k++) {
                if (judged->waits[via].reach[k]) judged->waits[i].reach[k] = true;
            }
        }
    }
}

void truth_judge(const struct truth_node *nodes, int count, struct truth_judged *judged)
{
    struct cut cut = {nodes, count, judged};
    judged->wait_count = 0;
    judged->core_count = 0;
    memset(judged->stuck, 0, sizeof judged->stuck);
    find_waits(&cut);
    if (judged->wait_count < 2) {
        for (int i = 0; i < judged->wait_count; i++) judged->waits[i].stuck = false;
        return; /* Nobody waits for himself. */
    }
    find_blockers(&cut);
    find_stuck(judged);
    bool any = false;
    for (int p = 0; p < TRUTH_PROCESSES; p++) any |= judged->stuck[p];
    if (!any) return;
    find_reach(judged);
    for (int i = 0; i < judged->wait_count; i++) {
        struct truth_wait *wait = &judged->waits[i];
        for (int k = 0; k <= i; k++) {
            if (!wait->reach[k] || !judged->waits[k].reach[i]) continue;
            wait->core = k;
            break;
        }
        if (wait->core == i) judged->core_count++;
    }
}
