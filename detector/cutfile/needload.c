/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a wait needs, in prefix order: a group stands before its members. */
#include "jsonload.h"

#include <string.h>

static bool load_need(struct gdn__jsonin *in, const json_t *value, unsigned depth);

static bool add_need(struct gdn__jsonin *in, const struct gdn_cut_need *need)
{
    return gdn__built(in, gdn_cut_add_need(in->cut, in->node, need));
}

/* Members of a group, or of the outermost "all". */
static bool load_members(struct gdn__jsonin *in, const json_t *members, const char *key,
                         unsigned depth)
{
    size_t length = gdn__enter_key(in, key);
    for (size_t i = 0; i < json_array_size(members); i++) {
        size_t inner = gdn__enter_index(in, i);
        if (!load_need(in, json_array_get(members, i), depth)) return false;
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    return true;
}

/* "all", "any", or "at_least" with "of": the array's key, and how many of it are needed. */
static bool load_group(struct gdn__jsonin *in, const json_t *object, unsigned depth)
{
    static const char *const all[] = {"all", NULL};
    static const char *const any[] = {"any", NULL};
    static const char *const some[] = {"at_least", "of", NULL};
    const char *const *keys = json_object_get(object, "all") != NULL   ? all
                              : json_object_get(object, "any") != NULL ? any
                                                                       : some;
    const char *key = keys == some ? "of" : keys[0];
    json_t *members;
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_array(in, object, key, &members)) return false;
    size_t count = json_array_size(members);
    if (count == 0) return gdn__refuse_key(in, key, "a group of needs is empty");
    if (count > UINT32_MAX) return gdn__refuse_key(in, key, "too many needs");
    if (depth == GDN_NEEDS_DEPTH_MAX) {
        return gdn__refuse(in, "needs are nested deeper than %d", GDN_NEEDS_DEPTH_MAX);
    }
    uint64_t at_least = keys == all ? count : 1;
    if (keys == some) {
        if (json_object_get(object, "at_least") == NULL) {
            return gdn__refuse(in, "the key 'at_least' is missing");
        }
        if (!gdn__take_number(in, object, "at_least", 1, count, &at_least)) return false;
    }
    struct gdn_cut_need group = {.kind = GDN_NEED_GROUP,
                                 .process = GDN_NONE,
                                 .resource = GDN_NONE,
                                 .home = GDN_NONE,
                                 .branch = GDN_NONE,
                                 .at_least = (uint32_t)at_least,
                                 .child_count = (uint32_t)count};
    return add_need(in, &group) && load_members(in, members, key, depth + 1);
}

/* true: the work at this node; a name: at that node. */
static bool load_branch_party(struct gdn__jsonin *in, const json_t *object, uint32_t *branch)
{
    const json_t *value = json_object_get(object, "branch");
    if (json_is_string(value)) return gdn__take_party(in, object, "branch", branch);
    bool here = false;
    if (!gdn__take_bool(in, object, "branch", &here)) return false;
    if (here) *branch = in->party;
    return true;
}

static bool load_branch(struct gdn__jsonin *in, const json_t *object, struct gdn_cut_need *need)
{
    uint64_t id = 0;
    if (!load_branch_party(in, object, &need->branch)) return false;
    if (!gdn__take_number(in, object, "branch_id", 1, UINT32_MAX, &id)) return false;
    need->branch_id = (uint32_t)id;
    if (id == 0 || need->branch != GDN_NONE) return true;
    return gdn__refuse_key(in, "branch_id", "only a need with 'branch' has it");
}

static bool load_process_need(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"process",   "resource", "branch",
                                       "branch_id", "queued",   NULL};
    struct gdn_cut_need need = {
        .kind = GDN_NEED_PROCESS, .home = GDN_NONE, .branch = GDN_NONE, .resource = GDN_NONE};
    need.met = json_is_true(json_object_get(object, "x-met"));
    return gdn__check_object(in, object, keys) &&
           gdn__take_process(in, object, "process", true, &need.process) &&
           gdn__take_resource(in, object, false, &need.resource) &&
           load_branch(in, object, &need) && gdn__take_bool(in, object, "queued", &need.queued) &&
           add_need(in, &need);
}

static bool load_resource_need(struct gdn__jsonin *in, const json_t *object)
{
    static const char *const keys[] = {"resource", "home", "units", NULL};
    struct gdn_cut_need need = {
        .kind = GDN_NEED_RESOURCE, .process = GDN_NONE, .home = GDN_NONE, .branch = GDN_NONE};
    uint64_t units = 0;
    if (!gdn__check_object(in, object, keys)) return false;
    if (!gdn__take_resource(in, object, true, &need.resource)) return false;
    if (!gdn__take_party(in, object, "home", &need.home)) return false;
    if (!gdn__take_number(in, object, "units", 1, UINT32_MAX, &units)) return false;
    need.units = (uint32_t)units;
    return add_need(in, &need);
}

/* Recursion is bounded by GDN_NEEDS_DEPTH_MAX. */
static bool load_need(struct gdn__jsonin *in, const json_t *value, unsigned depth)
{
    if (json_is_string(value)) {
        struct gdn_cut_need need = {
            .kind = GDN_NEED_PROCESS, .resource = GDN_NONE, .home = GDN_NONE, .branch = GDN_NONE};
        const char *name;
        return gdn__check_name(in, value, &name) && gdn__add_process(in, name, &need.process) &&
               add_need(in, &need);
    }
    if (json_object_get(value, "process") != NULL) return load_process_need(in, value);
    if (json_object_get(value, "resource") != NULL) return load_resource_need(in, value);
    if (json_object_get(value, "all") != NULL || json_object_get(value, "any") != NULL ||
        json_object_get(value, "at_least") != NULL || json_object_get(value, "of") != NULL) {
        return load_group(in, value, depth);
    }
    return gdn__refuse(in, "a process, a resource, 'all', 'any' or 'at_least' is expected here");
}

bool gdn__needs_load(struct gdn__jsonin *in, const json_t *needs)
{
    static const char *const keys[] = {"all", NULL};
    json_t *all = json_object_get(needs, "all");
    /* The needs of a wait are all needed: its outermost "all" is no group of its own, and stands
     * there, said or not, as the first level of nesting. */
    if (all == NULL || json_object_size(needs) != 1) return load_need(in, needs, 1);
    json_t *members;
    return gdn__check_object(in, needs, keys) && gdn__take_array(in, needs, "all", &members) &&
           load_members(in, members, "all", 1);
}
