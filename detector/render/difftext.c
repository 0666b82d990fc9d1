/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A difference for people:
 *
 *     + came    - went    ~ changed    = stayed
 */
#include "diff.h"

#include "detector/cutfile/when.h"
#include "detector/render/shown.h"
#include <inttypes.h>

#define LINES_MAX 64 /* Of one section and sign; the JSON has them all. */
#define NAMES_MAX 12 /* Members of a deadlock. */

#define STRONG "\033[1m"
#define FAINT  "\033[2m"
#define OFF    "\033[0m"

struct text {
    const struct gdn__diff *diff;
    const struct gdn__diff_options *options;
    struct gdn__textbuf *out;
};

/* ---- Lines ---- */

enum sign { CAME, WENT, CHANGED, STAYED, SIGNS };

struct section {
    const char *title;
    const struct gdn__diff_pairs *pairs;
    enum sign (*sign_of)(const struct gdn__diff *diff, struct gdn__diff_pair pair);
    void (*add_line)(struct text *text, struct gdn__diff_pair pair);
};

static enum sign plain_sign(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    (void)diff;
    if (pair.from == GDN__DIFF_ABSENT) return CAME;
    return pair.to == GDN__DIFF_ABSENT ? WENT : STAYED;
}

static void add_title(struct text *text, const struct section *section, const size_t counts[SIGNS])
{
    static const char *const words[SIGNS] = {"came", "went", "changed", "stayed"};
    bool said = false;
    gdn__textbuf_addf(text->out, "%s:", section->title);
    for (size_t sign = 0; sign < SIGNS; sign++) {
        if (counts[sign] == 0) continue;
        gdn__textbuf_addf(text->out, "%s %zu %s", said ? "," : "", counts[sign], words[sign]);
        said = true;
    }
    gdn__textbuf_add(text->out, said ? "\n" : " none\n");
}

static void add_lines(struct text *text, const struct section *section, enum sign sign,
                      size_t count)
{
    static const char marks[SIGNS] = {'+', '-', '~', '='};
    const char *style = sign == STAYED ? FAINT : STRONG;
    size_t shown = 0;
    for (size_t i = 0; i < section->pairs->count && shown < LINES_MAX; i++) {
        struct gdn__diff_pair pair = section->pairs->pairs[i];
        if (section->sign_of(text->diff, pair) != sign) continue;
        if (text->options->colour) gdn__textbuf_add(text->out, style);
        gdn__textbuf_addf(text->out, "  %c ", marks[sign]);
        section->add_line(text, pair);
        if (text->options->colour) gdn__textbuf_add(text->out, OFF);
        gdn__textbuf_add_char(text->out, '\n');
        shown++;
    }
    if (count > shown) {
        gdn__textbuf_addf(text->out, "  %c and %zu more\n", marks[sign], count - shown);
    }
}

static void add_section(struct text *text, const struct section *section)
{
    size_t counts[SIGNS] = {0};
    for (size_t i = 0; i < section->pairs->count; i++) {
        counts[section->sign_of(text->diff, section->pairs->pairs[i])]++;
    }
    add_title(text, section, counts);
    for (int sign = 0; sign < SIGNS; sign++) {
        add_lines(text, section, (enum sign)sign, counts[sign]);
    }
}

/* ---- Nodes ---- */

static enum sign node_sign(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    enum sign sign = plain_sign(diff, pair);
    if (sign != STAYED) return sign;
    bool same = diff->from.nodes[pair.from].incarnation == diff->to.nodes[pair.to].incarnation;
    return same ? STAYED : CHANGED;
}

static void add_node(struct text *text, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = text->diff;
    const struct gdn__diff_node *from =
        pair.from == GDN__DIFF_ABSENT ? NULL : &diff->from.nodes[pair.from];
    const struct gdn__diff_node *to = pair.to == GDN__DIFF_ABSENT ? NULL : &diff->to.nodes[pair.to];
    const struct gdn__diff_node *node = to != NULL ? to : from;
    gdn__textbuf_add_shown(text->out, node->name);
    if (node_sign(diff, pair) == CHANGED) {
        gdn__textbuf_addf(text->out, "  restarted: incarnation %" PRIu64 ", then %" PRIu64,
                          from->incarnation, to->incarnation);
        return;
    }
    gdn__textbuf_addf(text->out, "  incarnation %" PRIu64, node->incarnation);
    if (to == NULL && gdn__diff_is_missing(&diff->to, node->name)) {
        gdn__textbuf_add(text->out, ", gave no report");
    } else if (from == NULL && gdn__diff_is_missing(&diff->from, node->name)) {
        gdn__textbuf_add(text->out, ", had given no report");
    }
}

/* ---- Deadlocks ---- */

static const struct gdn_deadlock *deadlock_of(const struct gdn__diff_side *side, size_t index)
{
    return index == GDN__DIFF_ABSENT ? NULL : &side->verdict->deadlocks[index];
}

static enum sign deadlock_sign(const struct gdn__diff *diff, struct gdn__diff_pair pair)
{
    enum sign sign = plain_sign(diff, pair);
    if (sign != STAYED) return sign;
    gdn_id from = deadlock_of(&diff->from, pair.from)->id;
    return gdn_id_equal(from, deadlock_of(&diff->to, pair.to)->id) ? STAYED : CHANGED;
}

static void add_deadlock(struct text *text, struct gdn__diff_pair pair)
{
    const struct gdn__diff *diff = text->diff;
    const struct gdn__diff_side *side = pair.to == GDN__DIFF_ABSENT ? &diff->from : &diff->to;
    const struct gdn_deadlock *from = deadlock_of(&diff->from, pair.from);
    const struct gdn_deadlock *to = deadlock_of(&diff->to, pair.to);
    const struct gdn_deadlock *shown = to != NULL ? to : from;
    gdn__show_short_id(text->out, side->verdict, shown);
    if (deadlock_sign(diff, pair) == CHANGED) {
        gdn__textbuf_add(text->out, ", before ");
        gdn__show_short_id(text->out, diff->from.verdict, from);
    }
    gdn__textbuf_addf(text->out, ": %zu %s: ", shown->member_count,
                      shown->member_count == 1 ? "process" : "processes");
    for (size_t i = 0; i < shown->member_count && i < NAMES_MAX; i++) {
        if (i > 0) gdn__textbuf_add(text->out, ", ");
        gdn__show_process(text->out, side->verdict, shown->members[i], true);
    }
    if (shown->member_count > NAMES_MAX) {
        gdn__textbuf_addf(text->out, " and %zu more", shown->member_count - NAMES_MAX);
    }
}

/* ---- Tickets ---- */

static void add_place(struct text *text, const gdn_verdict *verdict,
                      const struct gdn__diff_ticket *ticket)
{
    const struct gdn_modes *modes = &verdict->cut->modes;
    if (ticket->resource == GDN_NONE) return;
    gdn__textbuf_add_char(text->out, ' ');
    if (ticket->units != 0) {
        gdn__textbuf_addf(text->out, "%" PRIu32 " of ", ticket->units);
    } else if (ticket->home[0] != '\0' && ticket->mode < modes->count) {
        gdn__textbuf_add_shown(text->out, modes->names[ticket->mode]);
        gdn__textbuf_add_char(text->out, ' ');
    }
    gdn__show_resource(text->out, verdict, ticket->resource);
    gdn__textbuf_add(text->out, " at ");
    gdn__textbuf_add_shown(text->out, ticket->home);
}

static void add_ticket_name(struct text *text, const struct gdn__diff_ticket *ticket)
{
    gdn__textbuf_addf(text->out, "  (ticket %" PRIu64 " of ", ticket->number);
    gdn__textbuf_add_shown(text->out, ticket->node);
    gdn__textbuf_add_char(text->out, ')');
}

static void add_wait(struct text *text, struct gdn__diff_pair pair)
{
    bool went = pair.to == GDN__DIFF_ABSENT;
    const struct gdn__diff_side *side = went ? &text->diff->from : &text->diff->to;
    const struct gdn__diff_ticket *ticket = &side->waits[went ? pair.from : pair.to];
    gdn__show_process(text->out, side->verdict, ticket->process, true);
    gdn__textbuf_add(text->out, went ? " waited" : " waits");
    if (ticket->waited_us > 0) {
        gdn__textbuf_add_char(text->out, ' ');
        gdn__show_duration(text->out, ticket->waited_us);
    }
    gdn__textbuf_add(text->out, ticket->resource == GDN_NONE ? " for others" : " for");
    add_place(text, side->verdict, ticket);
    add_ticket_name(text, ticket);
}

static void add_hold(struct text *text, struct gdn__diff_pair pair)
{
    bool went = pair.to == GDN__DIFF_ABSENT;
    const struct gdn__diff_side *side = went ? &text->diff->from : &text->diff->to;
    const struct gdn__diff_ticket *ticket = &side->holds[went ? pair.from : pair.to];
    gdn__show_process(text->out, side->verdict, ticket->process, true);
    gdn__textbuf_add(text->out, went ? " held" : " holds");
    add_place(text, side->verdict, ticket);
    add_ticket_name(text, ticket);
}

/* ---- The whole ---- */

static void add_side(struct text *text, const char *file, const struct gdn__diff_side *side)
{
    const gdn_cut *cut = side->verdict->cut;
    char when[GDN__WHEN_BYTES];
    gdn__textbuf_add_shown(text->out, file);
    if (cut->has_round) {
        gdn__textbuf_add(text->out, ": round ");
        gdn__textbuf_add_shown(text->out, cut->initiator);
        gdn__textbuf_addf(text->out, "/%" PRIu64, cut->round.number);
        if (cut->started_us > 0) {
            gdn__textbuf_addf(text->out, " of %s", gdn__when_format(cut->started_us, when));
        }
    } else {
        gdn__textbuf_add(text->out, ": offline cut");
    }
    gdn__textbuf_add(text->out, side->verdict->complete ? ", complete" : ", incomplete");
    for (size_t i = 0; i < cut->missing_count && i < NAMES_MAX; i++) {
        gdn__textbuf_add(text->out, i == 0 ? ": no report from " : ", ");
        gdn__textbuf_add_shown(text->out, cut->missing[i]);
    }
    if (cut->missing_count > NAMES_MAX) {
        gdn__textbuf_addf(text->out, " and %zu more", cut->missing_count - NAMES_MAX);
    }
    gdn__textbuf_add_char(text->out, '\n');
}

void gdn__diff_text(const struct gdn__diff *diff, const struct gdn__diff_options *options,
                    struct gdn__textbuf *out)
{
    const struct section sections[] = {
        {"nodes", &diff->nodes, node_sign, add_node},
        {"deadlocks", &diff->deadlocks, deadlock_sign, add_deadlock},
        {"waits", &diff->waits, plain_sign, add_wait},
        {"holds", &diff->holds, plain_sign, add_hold},
    };
    struct text text = {.diff = diff, .options = options, .out = out};
    add_side(&text, options->from, &diff->from);
    add_side(&text, options->to, &diff->to);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        add_section(&text, &sections[i]);
    }
    if (diff->to.verdict->complete && diff->from.verdict->complete) return;
    gdn__textbuf_add(out, "What an incomplete cut does not show need not have come or gone.\n");
}
