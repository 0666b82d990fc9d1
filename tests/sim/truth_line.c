/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/truth_line.h"
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
    int home, capacity;
    bool unordered;
    struct truth_list holders;
    struct place places[2 * TRUTH_PLACES];
    int count;
};

/* ---- Who stands there ---- */

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
            /* Granted or refused on arrival. */
            if ((mail[i].wish.flags & GDN_REQUEST_NO_WAIT) != 0) continue;
            struct truth_entry entry = {.incarnation = cut->nodes[from].incarnation,
                                        .number = mail[i].number,
                                        .issuer = (int8_t)from,
                                        .process = mail[i].process,
                                        .wish = mail[i].wish};
            if (!is_given_up(cut, home, &entry, i)) add_place(line, &entry, from);
        }
    }
}

static void draw_line(const struct cut *cut, int home, int resource, struct line *line)
{
    const struct truth_home *at = &cut->nodes[home].homes[resource];
    line->home = home;
    line->capacity = at->capacity;
    line->unordered = at->unordered;
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

/* Between channels there is no order; a conversion in flight, or a request for the front, passes
 * all that is queued. */
static bool stands_before(const struct place *earlier, const struct place *later, bool converting)
{
    if (later->channel < 0) return true;
    if (converting) return false;
    return earlier->channel < 0 || earlier->channel == later->channel;
}

static bool will_be_ahead(const struct line *line, int index)
{
    const struct place *place = &line->places[index];
    bool front = (place->entry.wish.flags & GDN_REQUEST_FRONT) != 0;
    return place->channel >= 0 && (front || truth_list_has(&line->holders, place->entry.process));
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
    return !line->unordered && a->process != b->process &&
           truth_modes_conflict(a->wish.mode, b->wish.mode) &&
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
                      truth_mode_covers(own->entry.wish.mode, place->entry.wish.mode);
        if (!covers || !stands_before(own, place, false)) continue;
        const struct truth_wait *wait = wait_at(cut, line, i);
        if (wait != NULL && others_between(line, i, index)) return wait;
    }
    for (int i = 0; i < line->count; i++) {
        const struct truth_entry *own = &line->places[i].entry;
        if (own->process != place->entry.process || !will_be_ahead(line, i)) continue;
        if (!truth_mode_covers(own->wish.mode, place->entry.wish.mode)) continue;
        if (others_between(line, -1, index)) return wait_at(cut, line, i);
    }
    return NULL;
}

/* A brief hold is waited for only until its branch goes on; an orphan is of its home. */
static int branch_of(const struct line *line, const struct truth_entry *entry)
{
    if ((entry->wish.flags & GDN_REQUEST_BRIEF) == 0) return TRUTH_WHOLE;
    return entry->orphan ? line->home : entry->issuer;
}

static void add_share(const struct line *line, struct truth_wait *wait,
                      const struct truth_entry *entry)
{
    assert_true(wait->share_count < 3 * TRUTH_PLACES);
    wait->shares[wait->share_count++] =
        (struct truth_share){entry->process, (int8_t)branch_of(line, entry), entry->wish.units};
}

static void block_in_pool(const struct cut *cut, const struct line *line, int index)
{
    struct truth_wait *wait = wait_at(cut, line, index);
    if (wait == NULL) return;
    bool holders_alone = line->unordered || will_be_ahead(line, index);
    wait->allowance = line->capacity - line->places[index].entry.wish.units;
    for (int i = 0; i < line->holders.count; i++) {
        add_share(line, wait, &line->holders.entries[i]);
    }
    for (int i = 0; i < index && !holders_alone; i++) {
        if (!stands_before(&line->places[i], &line->places[index], false)) continue;
        add_share(line, wait, &line->places[i].entry);
    }
}

static void block_in_line(const struct cut *cut, const struct line *line, int index)
{
    const struct truth_entry *entry = &line->places[index].entry;
    struct truth_wait *wait = wait_at(cut, line, index);
    if (wait == NULL || truth_list_covers(&line->holders, entry->process, entry->wish.mode)) return;
    const struct truth_wait *other = deciding(cut, line, index);
    if (other != NULL) {
        memcpy(wait->blocked_by, other->blocked_by, sizeof wait->blocked_by);
        return;
    }
    for (int i = 0; i < line->holders.count; i++) {
        const struct truth_entry *holder = &line->holders.entries[i];
        if (holder->process == entry->process) continue;
        if (!truth_modes_conflict(holder->wish.mode, entry->wish.mode)) continue;
        wait->blocked_by[holder->process][branch_of(line, holder)] = true;
    }
    for (int i = 0; i < index; i++) {
        const struct truth_entry *earlier = &line->places[i].entry;
        if (!is_in_the_way(line, i, index)) continue;
        wait->blocked_by[earlier->process][branch_of(line, earlier)] = true;
    }
}

/* What will stand ahead of the queue first: others may wait for what it waits for. */
void truth_find_blockers(const struct truth_node *nodes, int count, struct truth_judged *judged)
{
    const struct cut whole = {.nodes = nodes, .count = count, .judged = judged}, *cut = &whole;
    struct line line;
    for (int home = 0; home < cut->count; home++) {
        for (int r = 0; r < TRUTH_RESOURCES; r++) {
            draw_line(cut, home, r, &line);
            for (int i = 0; i < line.count && line.capacity > 0; i++) block_in_pool(cut, &line, i);
            if (line.capacity > 0) continue;
            for (int i = 0; i < line.count; i++) {
                if (will_be_ahead(&line, i)) block_in_line(cut, &line, i);
            }
            for (int i = 0; i < line.count; i++) {
                if (!will_be_ahead(&line, i)) block_in_line(cut, &line, i);
            }
        }
    }
}
