/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/turn.h"

#include "src/core/mem.h"

/* The order of a longer queue is left alone. */
#define QUEUE_MAX 4096

/* ---- Which links an order could turn ---- */

static const struct gdn__home *home_of(const struct gdn__redrawing *r, size_t place)
{
    const struct gdn__fold *fold = r->core->fold;
    return &fold->homes[fold->places[place].home];
}

/* How many places the process has in that queue; the first goes to @p first. */
static size_t count_places(const struct gdn__fold *fold, const struct gdn__home *home,
                           uint32_t process, size_t *first)
{
    size_t count = 0;
    for (size_t i = home->place_first + home->place_count; i > home->place_first; i--) {
        if (fold->places[i - 1].process != process) continue;
        *first = i - 1;
        count++;
    }
    return count;
}

static uint32_t vertex_of_process(const struct gdn__graph *graph, uint32_t process)
{
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        const struct gdn__vertex *vertex = &graph->vertices[v];
        if (vertex->kind == GDN__VERTEX_PROCESS && vertex->ref == process) return v;
    }
    return GDN_NONE;
}

/* The vertex of a wait's ticket; GDN_NONE: it is not in the core. */
static uint32_t ticket_of(const struct gdn__redrawing *r, size_t wait)
{
    uintptr_t found = gdn__map_get(&r->tickets, (struct gdn__key){wait, 0});
    return found == 0 ? GDN_NONE : (uint32_t)(found - 1);
}

/* Whether the entry at @p place comes to stand behind the one that is turned.
 *
 *     lock    any of the other's that is not behind it already: all else keeps its order, for two
 *             that do not conflict have none
 *     pool    everybody from the other's first entry on: there all that stand before count
 *
 * Of those in flight on different channels, who knows: they are taken for passed. */
static bool is_passed(const struct gdn__redrawing *r, const struct gdn__redrawn_link *link,
                      size_t place)
{
    const struct gdn__place *places = r->core->fold->places;
    const struct gdn__place *at = &places[place], *served = &places[link->served - 1];
    bool behind =
        place >= link->served - 1 && (served->channel == 0 || at->channel == served->channel);
    if (behind) return false;
    if (home_of(r, place)->capacity == 0) {
        return at->process == gdn__core_process(r->core, link->party) &&
               gdn_modes_conflict(&r->core->fold->cut->modes, at->mode, served->mode);
    }
    return place >= link->passed - 1 ||
           (served->channel != 0 && at->channel != 0 && at->channel != served->channel);
}

/* What is delayed when the entry at @p place is passed: its ticket, or where that is not in the
 * core its process, which needs it too. GDN_NONE: somebody outside the core, who was taken for free
 * and would be no longer. */
static uint32_t whom_it_delays(const struct gdn__redrawing *r, size_t place)
{
    const struct gdn__place *at = &r->core->fold->places[place];
    uint32_t ticket = ticket_of(r, at->wait - 1);
    if (ticket != GDN_NONE || r->core->graph.has_branches) return ticket;
    return vertex_of_process(&r->core->graph, at->process);
}

static bool passes_the_core_alone(const struct gdn__redrawing *r,
                                  const struct gdn__redrawn_link *link)
{
    const struct gdn__home *home = home_of(r, link->served - 1);
    const struct gdn__place *places = r->core->fold->places;
    for (size_t i = home->place_first; i < home->place_first + home->place_count; i++) {
        if (places[i].wait == 0 || !is_passed(r, link, i)) continue;
        if (whom_it_delays(r, i) == GDN_NONE) return false;
    }
    return true;
}

/* People are told of processes: in a pool, where each entry counts, it must be clear whose is
 * meant. "T before T" is an order for nobody. */
void gdn__turn_find(const struct gdn__redrawing *r, struct gdn__redrawn_link *link)
{
    const struct gdn__fold *fold = r->core->fold;
    const struct gdn__wait *wait = gdn__core_wait(r->core, link->ticket);
    uint32_t resource = gdn__info_resource(link->info);
    uint32_t process = wait->process, other = gdn__core_process(r->core, link->party);
    if ((link->info & GDN__INFO_QUEUED) == 0 || process == other) return;
    const struct gdn__place *place = gdn__fold_place(fold, wait, GDN_NONE, resource);
    link->turnable = place == NULL;
    if (place == NULL) return;
    const struct gdn__home *home = &fold->homes[place->home];
    size_t first = 0, passed = 0;
    if (home->place_count > QUEUE_MAX) return;
    if (home->capacity != 0 && count_places(fold, home, process, &first) != 1) return;
    if (count_places(fold, home, other, &passed) == 0) return;
    if (vertex_of_process(&r->core->graph, process) == GDN_NONE) return;
    link->served = (size_t)(place - fold->places) + 1;
    link->passed = passed + 1;
    link->turnable = passes_the_core_alone(r, link);
}

/* ---- An entry moves ---- */

/* The entry of @p ticket in a pool counts what stands before it; else it waits for all of that. */
static bool is_weighed(const struct gdn__redrawing *r, uint32_t ticket, uint32_t resource)
{
    for (size_t i = 0; i < r->pool_count; i++) {
        if (r->pools[i].ticket == ticket && gdn__info_resource(r->pools[i].info) == resource) {
            return true;
        }
    }
    return false;
}

/* What is passed waits for who was served before it. */
static enum gdn_err hold_up(struct gdn__redrawing *r, const struct gdn__redrawn_link *move,
                            uint32_t whom, struct gdn__graph *graph)
{
    uint32_t resource = gdn__info_resource(move->info);
    uint32_t process = gdn__core_process(r->core, move->ticket);
    uint32_t served = vertex_of_process(&r->core->graph, process);
    if (!is_weighed(r, whom, resource)) return gdn__graph_link(graph, whom, served, 0);
    if (!gdn__grow(&r->core->graph.memory, &r->shares, r->share_count, &r->share_capacity,
                   sizeof *r->shares)) {
        return GDN_ERR_MEMORY;
    }
    uint32_t units = r->core->fold->places[move->served - 1].units;
    r->shares[r->share_count++] = (struct gdn__redrawn_share){whom, resource, served, units};
    return GDN_OK;
}

static enum gdn_err move_entry(struct gdn__redrawing *r, const struct gdn__redrawn_link *move,
                               struct gdn__graph *graph)
{
    const struct gdn__home *home = home_of(r, move->served - 1);
    const struct gdn__place *places = r->core->fold->places;
    enum gdn_err err = GDN_OK;
    for (size_t i = home->place_first; i < home->place_first + home->place_count; i++) {
        if (err != GDN_OK) return err;
        if (places[i].wait == 0 || !is_passed(r, move, i)) continue;
        err = hold_up(r, move, whom_it_delays(r, i), graph);
    }
    return err;
}

/* Of the moves of one entry in a pool the farthest counts. */
static bool goes_farthest(const struct gdn__redrawing *r, size_t link)
{
    const struct gdn__redrawn_link *move = &r->links[link];
    for (size_t i = 0; i < r->link_count; i++) {
        const struct gdn__redrawn_link *other = &r->links[i];
        if (r->fate[i] != GDN__FATE_TURNED || other->served != move->served) continue;
        if (other->passed < move->passed || (other->passed == move->passed && i < link))
            return false;
    }
    return true;
}

/* Where two entries of one pool move, what stands before a third depends on both. */
static bool moves_alone(const struct gdn__redrawing *r, size_t link)
{
    const struct gdn__redrawn_link *move = &r->links[link];
    for (size_t i = 0; i < r->link_count; i++) {
        const struct gdn__redrawn_link *other = &r->links[i];
        bool moves = r->fate[i] == GDN__FATE_TURNED && other->served != 0;
        if (!moves || other->served == move->served) continue;
        if (home_of(r, other->served - 1) == home_of(r, move->served - 1)) return false;
    }
    return true;
}

/* The entry does no longer wait for the other; in a pool, for any whose entries it has all passed.
 */
static enum gdn_err turn(struct gdn__redrawing *r, size_t link, struct gdn__graph *graph)
{
    const struct gdn__redrawn_link *move = &r->links[link];
    r->out[link] = true;
    if (move->served == 0) return GDN_OK;
    if (home_of(r, move->served - 1)->capacity == 0) return move_entry(r, move, graph);
    r->possible = r->possible && moves_alone(r, link);
    if (!r->possible || !goes_farthest(r, link)) return GDN_OK;
    for (size_t i = 0; i < r->link_count; i++) {
        const struct gdn__redrawn_link *other = &r->links[i];
        bool also = other->turnable && other->served == move->served;
        if (also && other->passed >= move->passed) r->out[i] = true;
    }
    return move_entry(r, move, graph);
}

enum gdn_err gdn__turn_all(struct gdn__redrawing *r, struct gdn__graph *graph)
{
    enum gdn_err err = GDN_OK;
    r->possible = true;
    r->share_count = 0;
    for (size_t i = 0; i < r->link_count; i++) r->out[i] = r->fate[i] == GDN__FATE_DROPPED;
    for (size_t i = 0; err == GDN_OK && i < r->link_count; i++) {
        if (r->fate[i] == GDN__FATE_TURNED) err = turn(r, i, graph);
    }
    return err;
}
