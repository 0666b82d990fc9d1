/* SPDX-License-Identifier: MIT */
#include "cut_fixture.h"

/* ---- Making ---- */

static bool describe(gdn_cut *cut, uint32_t process)
{
    struct gdn_cut_process *described = &cut->processes[process];
    described->described = true;
    described->started_us = -1700000000000001;
    described->work = UINT64_C(0x1122334455667788);
    described->priority = -5;
    described->abortable = false;
    return gdn_cut_name_process(cut, process, "first by name") == GDN_OK;
}

static bool add_tables(gdn_cut *cut)
{
    struct gdn_modes modes = {
        .count = 3, .names = {"exclusive", "shared", "intent"}, .conflicts = {7, 1, 5}};
    gdn_round_id round = {gdn_node_named("detector"), 99, UINT64_C(1) << 60};
    return gdn_cut_party(cut, "n1", 11) == 0 && gdn_cut_party(cut, "n2", UINT64_MAX) == 1 &&
           gdn_cut_party(cut, "only named", 0) == 2 &&
           gdn_cut_process(cut, P("T1"), "a label") == 0 &&
           gdn_cut_process(cut, P("T2"), NULL) == 1 &&
           gdn_cut_process(cut, P("T3"), "another") == 2 &&
           gdn_cut_resource(cut, R("r1"), "accounts") == 0 &&
           gdn_cut_resource(cut, R("r2"), NULL) == 1 && describe(cut, 0) &&
           gdn_cut_name_resource(cut, 1, "second") == GDN_OK &&
           gdn_cut_set_modes(cut, &modes) == GDN_OK &&
           gdn_cut_set_round(cut, "detector", round, 1234567) == GDN_OK &&
           gdn_cut_add_missing(cut, "only named") == GDN_OK &&
           gdn_cut_add_missing(cut, "expected") == GDN_OK;
}

static bool add_homes(gdn_cut *cut, uint32_t node)
{
    struct gdn_cut_home ordered = {.resource = 1, .capacity = 4};
    struct gdn_cut_home unordered = {.resource = 0, .unordered = true};
    struct gdn_cut_holder holder = {
        .process = 2, .issuer = 1, .ticket = 77, .units = 3, .mode = 2, .brief = true};
    struct gdn_cut_holder of_lock = holder;
    struct gdn_cut_holder other = {.process = 0, .issuer = 0, .ticket = 78, .mode = 1};
    struct gdn_cut_entry entry = {.process = 1,
                                  .issuer = 2,
                                  .ticket = 79,
                                  .waited_us = 5000,
                                  .units = 1,
                                  .branch_id = 6,
                                  .mode = 1,
                                  .brief = true};
    of_lock.units = 0;
    of_lock.branch_id = 5;
    return gdn_cut_add_home(cut, node, &ordered) == GDN_OK &&
           gdn_cut_add_holder(cut, node, &holder) == GDN_OK &&
           gdn_cut_add_entry(cut, node, &entry) == GDN_OK &&
           gdn_cut_add_home(cut, node, &unordered) == GDN_OK &&
           gdn_cut_add_holder(cut, node, &other) == GDN_OK &&
           gdn_cut_add_holder(cut, node, &of_lock) == GDN_OK;
}

/* A lock's wait, and a direct one: T1, and 1 of (T2's branch, 2 of (r2 at n2, T3 about r1)). */
static bool add_waits(gdn_cut *cut, uint32_t node)
{
    struct gdn_cut_wait lock = {.process = 0,
                                .resource = 1,
                                .home = 1,
                                .ticket = 81,
                                .waited_us = 6000,
                                .branch_id = UINT32_MAX,
                                .mode = 2};
    struct gdn_cut_wait direct = {
        .process = 1, .resource = GDN_NONE, .home = GDN_NONE, .ticket = 82, .waited_us = 7000};
    struct gdn_cut_need any = {.kind = GDN_NEED_GROUP, .at_least = 1, .child_count = 2};
    struct gdn_cut_need both = {.kind = GDN_NEED_GROUP, .at_least = 2, .child_count = 2};
    struct gdn_cut_need resource = {.kind = GDN_NEED_RESOURCE, .resource = 1, .home = 1};
    struct gdn_cut_need about = {.kind = GDN_NEED_PROCESS, .process = 2, .resource = 0};
    struct gdn_cut_need branch = {.kind = GDN_NEED_PROCESS, .process = 1, .branch = 0};
    struct gdn_cut_need whole = {.kind = GDN_NEED_PROCESS, .process = 0, .queued = true};
    any.process = any.resource = any.home = any.branch = GDN_NONE;
    both.process = both.resource = both.home = both.branch = GDN_NONE;
    resource.process = resource.branch = GDN_NONE;
    resource.units = 2;
    about.home = about.branch = GDN_NONE;
    branch.resource = branch.home = GDN_NONE;
    branch.branch_id = 1;
    branch.met = true;
    whole.resource = whole.home = whole.branch = GDN_NONE;
    const struct gdn_cut_need *needs[] = {&whole, &any, &branch, &both, &resource, &about};
    if (gdn_cut_add_wait(cut, node, &lock) != GDN_OK) return false;
    if (gdn_cut_add_wait(cut, node, &direct) != GDN_OK) return false;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (gdn_cut_add_need(cut, node, needs[i]) != GDN_OK) return false;
    }
    return true;
}

static bool add_channels(gdn_cut *cut, uint32_t node)
{
    struct gdn_cut_channel out = {.peer = 1, .counted = true, .count = 9};
    struct gdn_cut_channel in = {
        .peer = 1, .incoming = true, .open = true, .counted = true, .count = 3, .untagged = 2};
    struct gdn_cut_channel unknown = {.peer = 2, .incoming = true};
    struct gdn_cut_message messages[] = {
        {GDN_VERB_REQUEST, 0, 1, GDN_NONE, 91, 0, 8, 2, GDN_REQUEST_BRIEF},
        {GDN_VERB_GRANT, 1, 0, GDN_NONE, 92, 5, 0, 1, 0},
        {GDN_VERB_RELEASE, 2, 0, GDN_NONE, 93, 0, 0, 0, 0},
        {GDN_VERB_CANCEL, 0, GDN_NONE, GDN_NONE, 94, 0, 0, 0, 0},
        {GDN_VERB_END, 1, GDN_NONE, GDN_NONE, 0, 0, 0, 0, 0},
        {GDN_VERB_WAKE, 2, GDN_NONE, 0, 95, 0, 0, 0, 0},
    };
    if (gdn_cut_add_channel(cut, node, &out) != GDN_OK) return false;
    if (gdn_cut_add_channel(cut, node, &in) != GDN_OK) return false;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        if (gdn_cut_add_message(cut, node, &messages[i]) != GDN_OK) return false;
    }
    return gdn_cut_add_channel(cut, node, &unknown) == GDN_OK;
}

gdn_cut *full_cut(const struct gdn_allocator *allocator)
{
    uint32_t first, second;
    gdn_cut *cut = gdn_cut_new(allocator);
    if (cut == NULL) return NULL;
    cut->scope = GDN_SCOPE_FULL;
    if (add_tables(cut) && gdn_cut_add_node(cut, 0, &first) == GDN_OK && add_homes(cut, first) &&
        add_waits(cut, first) && add_channels(cut, first) &&
        gdn_cut_add_node(cut, 1, &second) == GDN_OK) {
        cut->nodes[first].waits_listed = true;
        cut->nodes[second].observed = true;
        cut->nodes[second].aborts_unanswered = true;
        cut->nodes[first].given_up_by_others = true;
        return cut;
    }
    gdn_cut_free(cut);
    return NULL;
}

gdn_cut *report_of(const char *name, uint32_t *node)
{
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, name, 1), node));
    return cut;
}

void add_channel(gdn_cut *cut, uint32_t node, const char *peer, bool incoming, uint64_t count)
{
    struct gdn_cut_channel channel = {
        .peer = gdn_cut_party(cut, peer, 1), .incoming = incoming, .counted = true, .count = count};
    assert_ok(gdn_cut_add_channel(cut, node, &channel));
}

/* ---- Comparing ---- */

static void assert_same_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a != NULL) assert_string_equal(a, b);
}

#define SAME(field) assert_true(x->field == y->field)
#define EACH(array, count)                                                                         \
    assert_int_equal(a->count, b->count);                                                          \
    for (size_t i = 0; i < a->count; i++)

static void assert_same_tables(const gdn_cut *a, const gdn_cut *b)
{
    EACH(parties, party_count)
    {
        const struct gdn_cut_party *x = &a->parties[i], *y = &b->parties[i];
        assert_same_text(x->name, y->name);
        assert_true(gdn_id_equal(x->id.id, y->id.id));
        SAME(incarnation);
        SAME(node);
    }
    EACH(processes, process_count)
    {
        const struct gdn_cut_process *x = &a->processes[i], *y = &b->processes[i];
        assert_true(gdn_id_equal(x->id.id, y->id.id));
        assert_same_text(x->name, y->name);
        assert_same_text(x->label, y->label);
        SAME(described);
        SAME(started_us);
        SAME(work);
        SAME(priority);
        SAME(abortable);
    }
    EACH(resources, resource_count)
    {
        const struct gdn_cut_resource *x = &a->resources[i], *y = &b->resources[i];
        assert_true(gdn_id_equal(x->id.id, y->id.id));
        assert_same_text(x->name, y->name);
        assert_same_text(x->label, y->label);
    }
    EACH(missing, missing_count) assert_same_text(a->missing[i], b->missing[i]);
}

static void assert_same_homes(const struct gdn_cut_node *a, const struct gdn_cut_node *b)
{
    EACH(homes, home_count)
    {
        const struct gdn_cut_home *x = &a->homes[i], *y = &b->homes[i];
        SAME(resource);
        SAME(capacity);
        SAME(unordered);
        SAME(holder_first);
        SAME(holder_count);
        SAME(entry_first);
        SAME(entry_count);
    }
    EACH(holders, holder_count)
    {
        const struct gdn_cut_holder *x = &a->holders[i], *y = &b->holders[i];
        SAME(process);
        SAME(issuer);
        SAME(ticket);
        SAME(units);
        SAME(branch_id);
        SAME(mode);
        SAME(brief);
    }
    EACH(queue, entry_count)
    {
        const struct gdn_cut_entry *x = &a->queue[i], *y = &b->queue[i];
        SAME(process);
        SAME(issuer);
        SAME(ticket);
        SAME(waited_us);
        SAME(units);
        SAME(branch_id);
        SAME(mode);
        SAME(brief);
    }
}

static void assert_same_waits(const struct gdn_cut_node *a, const struct gdn_cut_node *b)
{
    EACH(waits, wait_count)
    {
        const struct gdn_cut_wait *x = &a->waits[i], *y = &b->waits[i];
        SAME(process);
        SAME(resource);
        SAME(home);
        SAME(ticket);
        SAME(waited_us);
        SAME(branch_id);
        SAME(mode);
        SAME(need_first);
        SAME(need_count);
    }
    EACH(needs, need_count)
    {
        const struct gdn_cut_need *x = &a->needs[i], *y = &b->needs[i];
        SAME(kind);
        SAME(process);
        SAME(resource);
        SAME(home);
        SAME(branch);
        SAME(branch_id);
        SAME(units);
        SAME(at_least);
        SAME(child_count);
        SAME(queued);
        SAME(met);
    }
}

static void assert_same_channels(const struct gdn_cut_node *a, const struct gdn_cut_node *b)
{
    EACH(channels, channel_count)
    {
        const struct gdn_cut_channel *x = &a->channels[i], *y = &b->channels[i];
        SAME(peer);
        SAME(incoming);
        SAME(open);
        SAME(counted);
        SAME(count);
        SAME(untagged);
        SAME(message_first);
        SAME(message_count);
    }
    EACH(messages, message_count)
    {
        const struct gdn_cut_message *x = &a->messages[i], *y = &b->messages[i];
        SAME(verb);
        SAME(process);
        SAME(resource);
        SAME(by);
        SAME(ticket);
        SAME(units);
        SAME(branch_id);
        SAME(mode);
        SAME(flags);
    }
}

static void assert_same_head(const gdn_cut *x, const gdn_cut *y)
{
    SAME(has_round);
    SAME(round.incarnation);
    SAME(round.number);
    assert_true(gdn_id_equal(x->round.initiator.id, y->round.initiator.id));
    assert_same_text(x->initiator, y->initiator);
    SAME(scope);
    SAME(started_us);
    SAME(modes_given);
    SAME(modes.count);
    for (uint32_t i = 0; i < x->modes.count; i++) {
        SAME(modes.conflicts[i]);
        assert_same_text(x->modes.names[i], y->modes.names[i]);
    }
}

void assert_same_cut(const gdn_cut *a, const gdn_cut *b)
{
    assert_same_head(a, b);
    assert_same_tables(a, b);
    EACH(nodes, node_count)
    {
        const struct gdn_cut_node *x = &a->nodes[i], *y = &b->nodes[i];
        SAME(party);
        SAME(waits_listed);
        SAME(observed);
        SAME(aborts_unanswered);
        SAME(given_up_by_others);
        assert_same_homes(x, y);
        assert_same_waits(x, y);
        assert_same_channels(x, y);
    }
}
