/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/names.h"

#include "src/core/map.h"
#include "src/core/mem.h"
#include <gordian/verdict.h>
#include <stdio.h>
#include <stdlib.h>

#define ID_DIGITS (GDN_ID_TEXT_BYTES - 1)

/* A thing with an id that may have a name or at least a label. */
struct thing {
    const char *name, *label;
    gdn_id id;
};

static struct thing process_of(const gdn_cut *cut, uint32_t index)
{
    const struct gdn_cut_process *process = &cut->processes[index];
    return (struct thing){process->name, process->label, process->id.id};
}

static struct thing resource_of(const gdn_cut *cut, uint32_t index)
{
    const struct gdn_cut_resource *resource = &cut->resources[index];
    return (struct thing){resource->name, resource->label, resource->id.id};
}

/* NULL: only its id can be shown. */
static const char *word_for(const struct thing *thing)
{
    return thing->name != NULL ? thing->name : thing->label;
}

/* ---- Who looks the same ---- */

/* A word that reads like the id of another thing is shown with its own. */
static bool reads_like_another_id(const struct thing *thing)
{
    const char *word = word_for(thing);
    gdn_id id;
    if (strlen(word) != ID_DIGITS || gdn_id_from_text(word, &id) != GDN_OK) return false;
    return !gdn_id_equal(id, thing->id);
}

static enum gdn_err mark_shared(const gdn_cut *cut, size_t count,
                                struct thing (*thing_of)(const gdn_cut *, uint32_t), bool *shared)
{
    struct gdn__map first; /* Word -> 1 + who has it first. */
    enum gdn_err err = GDN_OK;
    gdn__map_init(&first, &cut->allocator);
    for (uint32_t i = 0; err == GDN_OK && i < count; i++) {
        struct thing thing = thing_of(cut, i);
        const char *word = word_for(&thing);
        if (word == NULL) continue;
        size_t length = strnlen(word, GDN_NAME_MAX);
        struct gdn__key key = gdn__key_of_id(gdn_id_from_bytes(word, length));
        uintptr_t other = gdn__map_get(&first, key);
        shared[i] = reads_like_another_id(&thing) || other != 0;
        if (other != 0) shared[other - 1] = true;
        if (other == 0 && !gdn__map_put(&first, key, (uintptr_t)i + 1)) err = GDN_ERR_MEMORY;
    }
    gdn__map_fini(&first);
    return err;
}

enum gdn_err gdn__names_init(struct gdn__names *names, const gdn_cut *cut)
{
    *names = (struct gdn__names){.cut = cut};
    names->process_shared = gdn__calloc(&cut->allocator, cut->process_count * sizeof(bool));
    names->resource_shared = gdn__calloc(&cut->allocator, cut->resource_count * sizeof(bool));
    if (names->process_shared == NULL || names->resource_shared == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = mark_shared(cut, cut->process_count, process_of, names->process_shared);
    if (err != GDN_OK) return err;
    return mark_shared(cut, cut->resource_count, resource_of, names->resource_shared);
}

void gdn__names_fini(struct gdn__names *names)
{
    gdn__free(&names->cut->allocator, names->process_shared);
    gdn__free(&names->cut->allocator, names->resource_shared);
}

/* ---- Showing ---- */

static const char *show(const struct thing *thing, bool shared, char *text)
{
    char digits[GDN_ID_TEXT_BYTES];
    const char *word = word_for(thing);
    if (word == NULL) return gdn_id_format(thing->id, text);
    if (!shared) {
        size_t length = strnlen(word, GDN_NAME_MAX);
        memcpy(text, word, length);
        text[length] = '\0';
    } else {
        (void)gdn_id_format(thing->id, digits);
        (void)snprintf(text, GDN_SHOWN_NAME_BYTES, "%.*s (%s)", GDN_NAME_MAX, word, digits);
    }
    return text;
}

const char *gdn__names_process(const struct gdn__names *names, uint32_t process, char *text)
{
    struct thing thing = process_of(names->cut, process);
    return show(&thing, names->process_shared[process], text);
}

const char *gdn__names_resource(const struct gdn__names *names, uint32_t resource, char *text)
{
    struct thing thing = resource_of(names->cut, resource);
    return show(&thing, names->resource_shared[resource], text);
}

/* ---- Order ---- */

int gdn__names_compare(const gdn_cut *cut, uint32_t process_a, uint32_t process_b)
{
    struct thing a = process_of(cut, process_a), b = process_of(cut, process_b);
    char digits_a[GDN_ID_TEXT_BYTES], digits_b[GDN_ID_TEXT_BYTES];
    const char *word_a = word_for(&a), *word_b = word_for(&b);
    if (word_a != NULL || word_b != NULL) {
        if (word_a == NULL) word_a = gdn_id_format(a.id, digits_a);
        if (word_b == NULL) word_b = gdn_id_format(b.id, digits_b);
        int order = strncmp(word_a, word_b, GDN_NAME_MAX);
        if (order != 0) return order;
    }
    return gdn_id_compare(a.id, b.id);
}

uint64_t gdn__names_key(const gdn_cut *cut, uint32_t process)
{
    struct thing thing = process_of(cut, process);
    char digits[GDN_ID_TEXT_BYTES];
    const char *word = word_for(&thing);
    if (word == NULL) word = gdn_id_format(thing.id, digits);
    uint64_t key = 0;
    for (int i = 0; i < 8; i++) {
        key = key << 8 | (uint8_t)*word;
        if (*word != '\0') word++;
    }
    return key;
}

static int compare_for_sort(const void *a, const void *b, void *cut)
{
    return gdn__names_compare(cut, *(const uint32_t *)a, *(const uint32_t *)b);
}

void gdn__names_sort(const gdn_cut *cut, uint32_t *processes, size_t count)
{
    if (count > 1) qsort_r(processes, count, sizeof *processes, compare_for_sort, (void *)cut);
}

int gdn__names_compare_tickets(const gdn_cut *cut, struct gdn_cut_ticket a, struct gdn_cut_ticket b)
{
    const struct gdn_cut_party *issuer_a = &cut->parties[a.issuer];
    const struct gdn_cut_party *issuer_b = &cut->parties[b.issuer];
    int order = strcmp(issuer_a->name, issuer_b->name);
    if (order != 0) return order;
    if (issuer_a->incarnation != issuer_b->incarnation) {
        return issuer_a->incarnation < issuer_b->incarnation ? -1 : 1;
    }
    return a.number < b.number ? -1 : a.number > b.number;
}
