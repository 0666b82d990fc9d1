/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/truth_home.h"
#include <cmocka.h>
#include <gordian/site.h>
#include <string.h>

/* ---- Modes ---- */

bool truth_modes_conflict(uint8_t a, uint8_t b)
{
    return a == GDN_MODE_EXCLUSIVE || b == GDN_MODE_EXCLUSIVE;
}

bool truth_mode_covers(uint8_t mode, uint8_t other)
{
    return mode == GDN_MODE_EXCLUSIVE || other == GDN_MODE_SHARED;
}

/* ---- Lists ---- */

void truth_list_insert(struct truth_list *list, int at, struct truth_entry entry)
{
    assert_true(list->count < TRUTH_PLACES);
    memmove(&list->entries[at + 1], &list->entries[at], (size_t)(list->count - at) * sizeof entry);
    list->entries[at] = entry;
    list->count++;
}

static void remove_entry(struct truth_list *list, int at)
{
    list->count--;
    memmove(&list->entries[at], &list->entries[at + 1],
            (size_t)(list->count - at) * sizeof list->entries[0]);
}

static int find_entry(const struct truth_list *list, uint64_t incarnation, uint64_t number)
{
    for (int i = 0; i < list->count; i++) {
        const struct truth_entry *entry = &list->entries[i];
        if (!entry->orphan && entry->incarnation == incarnation && entry->number == number) {
            return i;
        }
    }
    return -1;
}

bool truth_list_has(const struct truth_list *list, int process)
{
    for (int i = 0; i < list->count; i++) {
        if (list->entries[i].process == process) return true;
    }
    return false;
}

bool truth_list_covers(const struct truth_list *holders, int process, uint8_t mode)
{
    for (int i = 0; i < holders->count; i++) {
        const struct truth_entry *holder = &holders->entries[i];
        if (holder->process == process && truth_mode_covers(holder->wish.mode, mode)) return true;
    }
    return false;
}

static bool conflicts_in(const struct truth_list *list, int end, int process, uint8_t mode)
{
    for (int i = 0; i < end; i++) {
        const struct truth_entry *other = &list->entries[i];
        if (other->process != process && truth_modes_conflict(other->wish.mode, mode)) return true;
    }
    return false;
}

static int units_in(const struct truth_list *list, int end)
{
    int units = 0;
    for (int i = 0; i < end; i++) units += list->entries[i].wish.units;
    return units;
}

/* ---- Places in the queue ---- */

static bool is_promised(const struct truth_list *queue, int at)
{
    return at < queue->count && (queue->entries[at].wish.flags & GDN_REQUEST_NO_WAIT) != 0;
}

static int first_place(const struct truth_list *queue)
{
    int at = 0;
    while (is_promised(queue, at)) at++;
    return at;
}

/* What does not wait stands before all, conversions before the others, in order of arrival; FRONT
 * is before all of its kind. */
static int place_of(const struct truth_home *home, bool conversion, struct truth_wish wish)
{
    bool front = (wish.flags & GDN_REQUEST_FRONT) != 0;
    if (!conversion && !front) return home->queue.count;
    int at = first_place(&home->queue);
    if (conversion && front) return at;
    while (at < home->queue.count && home->queue.entries[at].conversion) at++;
    return at;
}

/* What an entry at that place of the queue may not pass: all before it, or what is promised. */
static int blocking_end(const struct truth_home *home, int place)
{
    int end = 0;
    if (!home->unordered) return place;
    while (end < place && is_promised(&home->queue, end)) end++;
    return end;
}

/* ---- What may be granted ---- */

/* The units that are free are enough for it and for what it may not pass. */
static bool fits_at(const struct truth_home *home, int place, int units)
{
    int free = home->capacity - units_in(&home->holders, home->holders.count);
    return units_in(&home->queue, blocking_end(home, place)) + units <= free;
}

bool truth_home_is_free(const struct truth_home *home, int process, struct truth_wish wish)
{
    int place = place_of(home, truth_list_has(&home->holders, process), wish);
    int promised = first_place(&home->queue);
    if (home->capacity > 0) return fits_at(home, place, wish.units);
    if (conflicts_in(&home->holders, home->holders.count, process, wish.mode)) return false;
    if (conflicts_in(&home->queue, promised, process, wish.mode)) return false;
    return truth_list_covers(&home->holders, process, wish.mode) ||
           !conflicts_in(&home->queue, blocking_end(home, place), process, wish.mode);
}

static bool may_be_granted(const struct truth_home *home, int at)
{
    const struct truth_entry *entry = &home->queue.entries[at];
    if (home->capacity > 0) return fits_at(home, at, entry->wish.units);
    if (truth_list_covers(&home->holders, entry->process, entry->wish.mode)) return true;
    return !conflicts_in(&home->holders, home->holders.count, entry->process, entry->wish.mode) &&
           !conflicts_in(&home->queue, blocking_end(home, at), entry->process, entry->wish.mode);
}

bool truth_home_next(const struct truth_home *home, struct truth_entry *entry)
{
    for (int i = 0; i < home->queue.count; i++) {
        if (!may_be_granted(home, i)) continue;
        *entry = home->queue.entries[i];
        return true;
    }
    return false;
}

/* ---- What happens there ---- */

void truth_home_request(struct truth_home *home, struct truth_entry entry)
{
    entry.conversion = truth_list_has(&home->holders, entry.process);
    int at = place_of(home, entry.conversion, entry.wish);
    if ((entry.wish.flags & GDN_REQUEST_NO_WAIT) != 0) at = first_place(&home->queue);
    truth_list_insert(&home->queue, at, entry);
}

void truth_home_grant(struct truth_home *home, struct truth_entry entry)
{
    remove_entry(&home->queue, find_entry(&home->queue, entry.incarnation, entry.number));
    truth_list_insert(&home->holders, home->holders.count, entry);
}

void truth_home_refuse(struct truth_home *home, struct truth_entry entry)
{
    remove_entry(&home->queue, find_entry(&home->queue, entry.incarnation, entry.number));
}

void truth_home_requeue(struct truth_home *home, struct truth_entry entry, int before)
{
    struct truth_list *queue = &home->queue;
    int at = find_entry(queue, entry.incarnation, entry.number);
    if (is_promised(queue, at)) return;
    remove_entry(queue, at);
    if (before > at) before--;
    int first = first_place(queue);
    truth_list_insert(queue, before < first ? first : before, entry);
}

void truth_home_finish(struct truth_home *home, uint64_t incarnation, uint64_t number)
{
    int at = find_entry(&home->holders, incarnation, number);
    if (at >= 0) remove_entry(&home->holders, at);
    at = find_entry(&home->queue, incarnation, number);
    if (at >= 0) remove_entry(&home->queue, at);
}

static void end_in_list(struct truth_list *list, int process, uint64_t incarnation)
{
    for (int i = list->count; i-- > 0;) {
        const struct truth_entry *entry = &list->entries[i];
        bool ends =
            !entry->orphan && entry->process == process && entry->incarnation == incarnation;
        if (ends) remove_entry(list, i);
    }
}

void truth_home_end(struct truth_home *home, int process, uint64_t incarnation)
{
    end_in_list(&home->holders, process, incarnation);
    end_in_list(&home->queue, process, incarnation);
}

/* ---- The issuer is gone ---- */

static bool is_of(const struct truth_entry *entry, uint64_t incarnation, uint32_t association)
{
    return entry->incarnation == incarnation && entry->association == association;
}

void truth_home_lose(struct truth_home *home, uint64_t incarnation, uint32_t association)
{
    for (int i = home->queue.count; i-- > 0;) {
        if (is_of(&home->queue.entries[i], incarnation, association)) remove_entry(&home->queue, i);
    }
    for (int i = 0; i < home->holders.count; i++) {
        struct truth_entry *holder = &home->holders.entries[i];
        if (is_of(holder, incarnation, association)) holder->orphan = true;
    }
}

void truth_home_end_orphans(struct truth_home *home, int process)
{
    for (int i = home->holders.count; i-- > 0;) {
        const struct truth_entry *holder = &home->holders.entries[i];
        if (holder->orphan && holder->process == process) remove_entry(&home->holders, i);
    }
}

void truth_home_drop_orphans(struct truth_home *home, int issuer)
{
    for (int i = home->holders.count; i-- > 0;) {
        const struct truth_entry *holder = &home->holders.entries[i];
        if (holder->orphan && holder->issuer == issuer) remove_entry(&home->holders, i);
    }
}
