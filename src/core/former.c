/* SPDX-License-Identifier: MIT */
#include "src/core/former.h"

#include "src/core/mem.h"

static struct gdn__key key_of(uint64_t incarnation)
{
    return (struct gdn__key){incarnation, 2};
}

void gdn__formers_init(struct gdn__formers *formers, const struct gdn_allocator *allocator)
{
    *formers = (struct gdn__formers){.allocator = *allocator};
    gdn__map_init(&formers->by_incarnation, allocator);
}

void gdn__formers_fini(struct gdn__formers *formers)
{
    for (size_t i = 0; i < formers->count; i++) {
        gdn__free(&formers->allocator, formers->ring[i].name);
    }
    gdn__free(&formers->allocator, formers->ring);
    gdn__map_fini(&formers->by_incarnation);
}

static void forget_oldest(struct gdn__formers *formers)
{
    struct gdn__former *oldest = &formers->ring[formers->oldest];
    if (oldest->incarnation != 0) {
        (void)gdn__map_remove(&formers->by_incarnation, key_of(oldest->incarnation));
        if (oldest->association > formers->association) {
            formers->association = oldest->association;
        }
    }
    gdn__free(&formers->allocator, oldest->name);
}

bool gdn__formers_add(struct gdn__formers *formers, const struct gdn__former *former)
{
    if (!gdn__map_reserve(&formers->by_incarnation, 1)) return false;
    size_t place = formers->count;
    if (formers->count < GDN__FORMERS_MAX) {
        if (!gdn__grow(&formers->allocator, &formers->ring, formers->count, &formers->capacity,
                       sizeof *formers->ring)) {
            return false;
        }
        formers->count++;
    } else {
        place = formers->oldest;
        forget_oldest(formers);
        formers->oldest = (formers->oldest + 1) % GDN__FORMERS_MAX;
    }
    formers->ring[place] = *former;
    if (former->incarnation != 0) {
        (void)gdn__map_put(&formers->by_incarnation, key_of(former->incarnation), place + 1);
    }
    return true;
}

const struct gdn__former *gdn__formers_find(const struct gdn__formers *formers,
                                            uint64_t incarnation)
{
    size_t place = gdn__map_get(&formers->by_incarnation, key_of(incarnation));
    return place == 0 ? NULL : &formers->ring[place - 1];
}

void gdn__formers_forget(struct gdn__formers *formers, uint64_t incarnation)
{
    size_t place = gdn__map_remove(&formers->by_incarnation, key_of(incarnation));
    if (place != 0) formers->ring[place - 1].incarnation = 0;
}

void gdn__formers_replace(struct gdn__formers *formers, gdn_node_id id)
{
    for (size_t i = 0; i < formers->count; i++) {
        struct gdn__former *former = &formers->ring[i];
        if (gdn_id_equal(former->id.id, id.id)) former->gone = true;
    }
}

bool gdn__formers_has_name(const struct gdn__formers *formers, gdn_node_id id)
{
    for (size_t i = 0; i < formers->count; i++) {
        if (gdn_id_equal(formers->ring[i].id.id, id.id)) return true;
    }
    return false;
}
