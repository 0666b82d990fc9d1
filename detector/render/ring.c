/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring of a deadlock, drawn with box characters: one row of processes from left to right, one
 * back from right to left. A victim's box has double lines, an edge that only queue order makes is
 * dashed.
 *
 *       column 0                column 1
 *       ╭────╮  acct/42 @ n2  ╭────╮          0   box, label above the line
 *       │ T1 │───────────────▶│ T2 │          1
 *       ╰────╯                ╰────╯          2
 *          ▲    acct/99 @ n3    │             3   label of the right-hand edge
 *          │ acct/17 @ n1       ▼             4   label of the left-hand edge
 *       ╭────╮                ╭────╮          5
 *       │ T4 │◀───────────────│ T3 │          6
 *       ╰────╯                ╰────╯          7
 *
 * With an odd number the lower row is one box short, and the last edge of the upper row turns into
 * it around the corner. Two processes stand side by side with both edges between them. */
#include "render.h"

#include "detector/render/shown.h"
#include "detector/render/width.h"
#include <string.h>

#define ROWS          8
#define INDENT        2
#define BOX_MIN       8
#define GAP_MIN       8
#define LOWER_ROW     5
#define PAIR_ROWS     5
#define LABEL_CODES   64 /* Longest label that is looked at. */
#define ELLIPSIS      0x2026
#define COVERED       1 /* The right half of a wide character to the left. */
#define VICTIM_COLOUR "\033[1;31m"
#define OFF           "\033[0m"

struct canvas {
    uint32_t codes[ROWS][GDN__RING_COLUMNS]; /* 0: blank. */
    bool marked[ROWS][GDN__RING_COLUMNS];    /* Belongs to a victim. */
};

/* Some text in code points, already safe to show. Marks that take no column are left out of it. */
struct label {
    uint32_t codes[LABEL_CODES];
    size_t count;
    size_t width; /* Columns. */
};

struct ring {
    const gdn_verdict *verdict;
    const struct gdn_deadlock *deadlock;
    size_t count;   /* Processes, and edges. */
    size_t columns; /* Boxes in the upper row. */
    size_t box, gap;
    struct label names[GDN__RING_MAX];
    struct label edges[GDN__RING_MAX]; /* edges[i]: from process i to the next. */
    bool failed;                       /* A label found no memory. */
    struct canvas canvas;
};

/* ---- What stands at it ---- */

static void add_code(struct label *label, uint32_t code)
{
    size_t width = gdn__code_width(code);
    if (width == 0) return;
    label->codes[label->count++] = code;
    label->width += width;
}

/* What is longer than a label can be ends in an ellipsis. */
static void set_label(struct ring *ring, struct label *label, const struct gdn__textbuf *text)
{
    label->count = label->width = 0;
    if (text->failed) ring->failed = true;
    if (text->failed || text->text == NULL) return;
    for (const char *at = text->text; *at != '\0';) {
        size_t bytes;
        uint32_t code;
        (void)gdn__next_code(at, &code, &bytes);
        at += bytes;
        if (label->count + 1 == LABEL_CODES && *at != '\0') {
            add_code(label, ELLIPSIS);
            return;
        }
        add_code(label, code);
    }
}

static void label_name(struct ring *ring, size_t i)
{
    struct gdn__textbuf text = {0};
    gdn__show_process(&text, ring->verdict, ring->deadlock->witness[i].waiter, false);
    set_label(ring, &ring->names[i], &text);
    gdn__textbuf_fini(&text);
}

static void label_edge(struct ring *ring, size_t i)
{
    const struct gdn_edge *edge = &ring->deadlock->witness[i];
    struct gdn__textbuf text = {0};
    if (edge->resource != GDN_NONE) gdn__show_resource(&text, ring->verdict, edge->resource);
    if (edge->home != GDN_NONE) {
        gdn__textbuf_add(&text, " @ ");
        gdn__show_party(&text, ring->verdict, edge->home);
    }
    set_label(ring, &ring->edges[i], &text);
    gdn__textbuf_fini(&text);
}

static size_t widest(const struct label *labels, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) most = labels[i].width > most ? labels[i].width : most;
    return most;
}

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Boxes get what they need up to a share of the line, gaps what is then left. */
static void lay_out(struct ring *ring)
{
    static const size_t box_max[] = {0, 0, 28, 22, 17};
    size_t room = GDN__RING_COLUMNS - INDENT;
    ring->columns = ring->count == 2 ? 2 : (ring->count + 1) / 2;
    ring->box = clamp(widest(ring->names, ring->count) + 4, BOX_MIN, box_max[ring->columns]);
    size_t gap_max = (room - ring->columns * ring->box) / (ring->columns - 1);
    ring->gap = clamp(widest(ring->edges, ring->count) + 4, GAP_MIN, gap_max);
}

/* ---- Drawing ---- */

static void put(struct ring *ring, size_t row, size_t column, uint32_t code)
{
    if (row < ROWS && column < GDN__RING_COLUMNS) ring->canvas.codes[row][column] = code;
}

static size_t shown_width(const struct label *label, size_t room)
{
    return label->width < room ? label->width : room;
}

/* The codes from @p first on, as far as @p room columns go; how many they took. */
static size_t put_codes(struct ring *ring, size_t row, size_t column, const struct label *label,
                        size_t first, size_t room)
{
    size_t used = 0;
    for (size_t i = first; i < label->count; i++) {
        size_t width = gdn__code_width(label->codes[i]);
        if (used + width > room) break;
        put(ring, row, column + used, label->codes[i]);
        if (width == 2) put(ring, row, column + used + 1, COVERED);
        used += width;
    }
    return used;
}

/* Where the longest end of the label begins that @p room columns hold. */
static size_t end_of_label(const struct label *label, size_t room)
{
    size_t first = label->count, used = 0;
    while (first > 0 && used + gdn__code_width(label->codes[first - 1]) <= room) {
        used += gdn__code_width(label->codes[--first]);
    }
    return first;
}

/* At most @p room columns of the label from @p column on. A longer one is cut in the middle: names
 * often differ at their end. */
static void put_label(struct ring *ring, size_t row, size_t column, const struct label *label,
                      size_t room)
{
    if (label->width <= room) {
        (void)put_codes(ring, row, column, label, 0, room);
        return;
    }
    if (room == 0) return;
    size_t used = put_codes(ring, row, column, label, 0, (room - 1) - (room - 1) / 2);
    put(ring, row, column + used, ELLIPSIS);
    room -= used + 1;
    (void)put_codes(ring, row, column + used + 1, label, end_of_label(label, room), room);
}

static void put_centred(struct ring *ring, size_t row, size_t column, const struct label *label,
                        size_t room)
{
    put_label(ring, row, column + (room - shown_width(label, room)) / 2, label, room);
}

static size_t left_of(const struct ring *ring, size_t column)
{
    return INDENT + column * (ring->box + ring->gap);
}

static size_t centre_of(const struct ring *ring, size_t column)
{
    return left_of(ring, column) + ring->box / 2;
}

static bool is_dashed(const struct ring *ring, size_t edge)
{
    return ring->deadlock->witness[edge].queued;
}

static void draw_box(struct ring *ring, size_t i, size_t row, size_t rows, size_t column)
{
    static const uint32_t plain[] = {0x256d, 0x2500, 0x256e, 0x2502, 0x2570, 0x256f};
    static const uint32_t doubled[] = {0x2554, 0x2550, 0x2557, 0x2551, 0x255a, 0x255d};
    bool victim = gdn__is_victim(ring->deadlock, ring->deadlock->witness[i].waiter);
    const uint32_t *line = victim ? doubled : plain;
    size_t left = left_of(ring, column), right = left + ring->box - 1;
    size_t bottom = row + rows - 1;
    for (size_t x = left + 1; x < right; x++) {
        put(ring, row, x, line[1]);
        put(ring, bottom, x, line[1]);
    }
    for (size_t y = row + 1; y < bottom; y++) {
        put(ring, y, left, line[3]);
        put(ring, y, right, line[3]);
    }
    put(ring, row, left, line[0]);
    put(ring, row, right, line[2]);
    put(ring, bottom, left, line[4]);
    put(ring, bottom, right, line[5]);
    put_centred(ring, row + rows / 2, left + 2, &ring->names[i], ring->box - 4);
    for (size_t y = row; victim && y <= bottom; y++) {
        memset(&ring->canvas.marked[y][left], true, ring->box);
    }
}

/* From column @p from up to and without @p to, with the arrow's head at one end. */
static void draw_across(struct ring *ring, size_t edge, size_t row, size_t from, size_t to,
                        bool rightwards)
{
    for (size_t x = from; x < to; x++) put(ring, row, x, is_dashed(ring, edge) ? 0x254c : 0x2500);
    put(ring, row, rightwards ? to - 1 : from, rightwards ? 0x25b6 : 0x25c0);
}

/* The gap to the right of a box of that column, and a label over it. */
static void draw_gap(struct ring *ring, size_t edge, size_t line, size_t label, size_t column,
                     bool rightwards)
{
    size_t from = left_of(ring, column) + ring->box;
    draw_across(ring, edge, line, from, from + ring->gap, rightwards);
    put_centred(ring, label, from + 1, &ring->edges[edge], ring->gap - 2);
}

static uint32_t upright(const struct ring *ring, size_t edge)
{
    return is_dashed(ring, edge) ? 0x254e : 0x2502;
}

/* The last process back up to the first. */
static void draw_left(struct ring *ring)
{
    size_t edge = ring->count - 1, x = centre_of(ring, 0);
    put(ring, 3, x, 0x25b2);
    put(ring, 4, x, upright(ring, edge));
    put_label(ring, 4, x + 2, &ring->edges[edge], centre_of(ring, 1) - x - 3);
}

/* From the end of the upper row straight down. */
static void draw_right(struct ring *ring)
{
    size_t edge = ring->columns - 1, x = centre_of(ring, ring->columns - 1);
    size_t room = x - centre_of(ring, ring->columns - 2) - 3;
    const struct label *label = &ring->edges[edge];
    put(ring, 3, x, upright(ring, edge));
    put(ring, 4, x, 0x25bc);
    put_label(ring, 3, x - 1 - shown_width(label, room), label, room);
}

/* From the end of the upper row down and around the corner. */
static void draw_corner(struct ring *ring)
{
    size_t edge = ring->columns - 1, x = centre_of(ring, ring->columns - 1);
    size_t from = left_of(ring, ring->columns - 2) + ring->box;
    for (size_t row = 3; row < LOWER_ROW + 1; row++) put(ring, row, x, upright(ring, edge));
    draw_across(ring, edge, LOWER_ROW + 1, from, x, false);
    put(ring, LOWER_ROW + 1, x, 0x256f);
    put_centred(ring, LOWER_ROW, from + 1, &ring->edges[edge], x - from - 2);
}

static void draw_ring(struct ring *ring)
{
    size_t lower = ring->count - ring->columns;
    for (size_t i = 0; i < ring->columns; i++) {
        draw_box(ring, i, 0, 3, i);
        if (i + 1 < ring->columns) draw_gap(ring, i, 1, 0, i, true);
    }
    for (size_t k = 0; k < lower; k++) {
        size_t column = lower - 1 - k; /* Right to left. */
        draw_box(ring, ring->columns + k, LOWER_ROW, 3, column);
        if (column > 0) {
            draw_gap(ring, ring->columns + k, LOWER_ROW + 1, LOWER_ROW, column - 1, false);
        }
    }
    draw_left(ring);
    if (lower == ring->columns) draw_right(ring);
    if (lower < ring->columns) draw_corner(ring);
}

static void draw_pair(struct ring *ring)
{
    draw_box(ring, 0, 0, PAIR_ROWS, 0);
    draw_box(ring, 1, 0, PAIR_ROWS, 1);
    draw_gap(ring, 0, 1, 0, 0, true);
    draw_gap(ring, 1, 3, 4, 0, false);
}

/* ---- Out ---- */

static void add_row(const struct ring *ring, size_t row, bool colour, struct gdn__textbuf *out)
{
    const uint32_t *codes = ring->canvas.codes[row];
    const bool *marked = ring->canvas.marked[row];
    size_t end = GDN__RING_COLUMNS;
    while (end > 0 && codes[end - 1] == 0) end--;
    bool lit = false;
    for (size_t x = 0; x < end; x++) {
        if (colour && marked[x] != lit) gdn__textbuf_add(out, lit ? OFF : VICTIM_COLOUR);
        lit = marked[x];
        if (codes[x] == COVERED) continue;
        gdn__textbuf_add_code(out, codes[x] == 0 ? ' ' : codes[x]);
    }
    if (colour && lit) gdn__textbuf_add(out, OFF);
    gdn__textbuf_add_char(out, '\n');
}

void gdn__render_ring(const gdn_verdict *verdict, const struct gdn_deadlock *deadlock, bool colour,
                      struct gdn__textbuf *out)
{
    if (deadlock->witness_count > GDN__RING_MAX || !gdn__is_ring(deadlock)) return;
    struct ring ring = {.verdict = verdict, .deadlock = deadlock, .count = deadlock->witness_count};
    for (size_t i = 0; i < ring.count; i++) {
        label_name(&ring, i);
        label_edge(&ring, i);
    }
    if (ring.failed) out->failed = true;
    lay_out(&ring);
    if (ring.count == 2) draw_pair(&ring);
    if (ring.count > 2) draw_ring(&ring);
    size_t rows = ring.count == 2 ? PAIR_ROWS : ROWS;
    for (size_t row = 0; row < rows; row++) add_row(&ring, row, colour, out);
}
