/* SPDX-License-Identifier: MIT */
#include "src/core/wire.h"

#include <string.h>

#define MAGIC_0     'G'
#define MAGIC_1     'D'
#define VERSION     1
#define ROUND_BYTES 32

/* ---- Frames ---- */

void gdn__put_header(struct gdn__buffer *out, const struct gdn__header *header)
{
    gdn__put_u8(out, MAGIC_0);
    gdn__put_u8(out, MAGIC_1);
    gdn__put_u8(out, VERSION);
    gdn__put_u8(out, 0);
    gdn__put_u32(out, header->count);
    gdn__put_u64(out, header->source);
    gdn__put_u64(out, header->destination);
    gdn__put_u64(out, header->sequence);
    gdn__put_u64(out, header->acknowledged);
    gdn__put_u64(out, header->taken);
    gdn__put_u64(out, header->taken_bytes);
    gdn__put_u32(out, header->epoch);
    gdn__put_u32(out, header->association);
}

enum gdn_err gdn__get_header(struct gdn__reader *in, struct gdn__header *header)
{
    uint8_t magic_0 = gdn__get_u8(in);
    uint8_t magic_1 = gdn__get_u8(in);
    uint8_t version = gdn__get_u8(in);
    (void)gdn__get_u8(in);
    if (in->failed || magic_0 != MAGIC_0 || magic_1 != MAGIC_1) return GDN_ERR_FORMAT;
    if (version != VERSION) return GDN_ERR_VERSION;
    header->count = gdn__get_u32(in);
    header->source = gdn__get_u64(in);
    header->destination = gdn__get_u64(in);
    header->sequence = gdn__get_u64(in);
    header->acknowledged = gdn__get_u64(in);
    header->taken = gdn__get_u64(in);
    header->taken_bytes = gdn__get_u64(in);
    header->epoch = gdn__get_u32(in);
    header->association = gdn__get_u32(in);
    if (in->failed || header->source == 0) return GDN_ERR_FORMAT;
    if (header->count == 0 || header->count > GDN__RECORDS_MAX) return GDN_ERR_FORMAT;
    return GDN_OK;
}

static bool is_known_type(uint32_t type)
{
    return (type >= GDN__HELLO && type <= GDN__BYE) ||
           (type >= GDN__OPEN && type <= GDN__PAYLOAD) ||
           (type >= GDN__START && type <= GDN__ABORT) ||
           (type >= GDN__REPORT && type <= GDN__ABORTED);
}

bool gdn__next_record(struct gdn__reader *in, struct gdn__record *record)
{
    if (gdn__reader_left(in) == 0) return false;
    uint32_t type = gdn__get_u32(in);
    uint32_t length = gdn__get_u32(in);
    const uint8_t *body = gdn__get_bytes(in, length);
    if (body == NULL || !is_known_type(type)) {
        gdn__reader_fail(in);
        return false;
    }
    *record = (struct gdn__record){(enum gdn__record_type)type, body, length};
    return true;
}

static struct gdn__reader body_of(const struct gdn__record *record)
{
    return gdn__reader_of(record->body, record->length);
}

/* ---- HELLO ---- */

void gdn__put_hello(struct gdn__buffer *out, const struct gdn__hello *hello)
{
    gdn__put_u8(out, (uint8_t)hello->role);
    gdn__put_u64(out, hello->nonce);
    gdn__put_u64(out, hello->echo);
    gdn__put_text(out, hello->name);
    gdn__put_text(out, hello->endpoint);
}

bool gdn__get_hello(const struct gdn__record *record, struct gdn__hello *hello)
{
    struct gdn__reader in = body_of(record);
    uint8_t role = gdn__get_u8(&in);
    hello->nonce = gdn__get_u64(&in);
    hello->echo = gdn__get_u64(&in);
    gdn__get_text(&in, hello->name);
    gdn__get_text(&in, hello->endpoint);
    hello->role = role == GDN__ROLE_DETECTOR ? GDN__ROLE_DETECTOR : GDN__ROLE_NODE;
    /* Nonce 0 could not be told from no answer. */
    return gdn__reader_done(&in) && hello->nonce != 0 &&
           (role == GDN__ROLE_NODE || role == GDN__ROLE_DETECTOR);
}

/* ---- Rounds ---- */

void gdn__put_round_id(struct gdn__buffer *out, gdn_round_id round)
{
    gdn__put_id(out, round.initiator.id);
    gdn__put_u64(out, round.incarnation);
    gdn__put_u64(out, round.number);
}

static gdn_round_id read_round_id(struct gdn__reader *in)
{
    gdn_round_id round = {.initiator = {gdn__get_id(in)}};
    round.incarnation = gdn__get_u64(in);
    round.number = gdn__get_u64(in);
    if (round.incarnation == 0 || round.number == 0) gdn__reader_fail(in);
    return round;
}

bool gdn__get_round_id(const struct gdn__record *record, gdn_round_id *round)
{
    struct gdn__reader in = body_of(record);
    *round = read_round_id(&in);
    return gdn__reader_done(&in);
}

void gdn__put_open(struct gdn__buffer *out, const struct gdn__open *open)
{
    gdn__put_u32(out, open->silence_ms);
    gdn__put_u32(out, open->window);
    gdn__put_u64(out, open->window_bytes);
    gdn__put_u32(out, (uint32_t)open->count);
    for (size_t i = 0; i < open->count; i++) gdn__put_round_id(out, open->rounds[i]);
}

bool gdn__get_open(const struct gdn__record *record, struct gdn__open *open)
{
    struct gdn__reader in = body_of(record);
    open->silence_ms = gdn__get_u32(&in);
    open->window = gdn__get_u32(&in);
    open->window_bytes = gdn__get_u64(&in);
    open->count = gdn__get_count(&in, ROUND_BYTES);
    if (open->count > GDN__OPEN_ROUNDS_MAX) return false;
    for (size_t i = 0; i < open->count; i++) open->rounds[i] = read_round_id(&in);
    return gdn__reader_done(&in) && open->silence_ms >= GDN__SILENCE_MS_MIN && open->window > 0 &&
           open->window_bytes >= GDN__WINDOW_BYTES_MIN;
}

/* ---- Lock messages: the verb says which fields follow ---- */

#define HAS_UNITS  0x08 /* In the flags of a request: its units follow. */
#define HAS_BRANCH 0x10 /* The same of its branch id, behind the units. */

static bool names_resource(enum gdn_verb verb)
{
    return verb != GDN_VERB_END;
}

void gdn__put_lock(struct gdn__buffer *out, const struct gdn_message *message)
{
    uint8_t flags = message->flags;
    if (message->units != 0) flags |= HAS_UNITS;
    if (message->branch_id != 0) flags |= HAS_BRANCH;
    gdn__put_u8(out, (uint8_t)message->verb);
    gdn__put_u8(out, message->mode);
    gdn__put_u8(out, flags);
    gdn__put_u8(out, 0);
    gdn__put_u64(out, message->number);
    gdn__put_id(out, message->process.id);
    if (names_resource(message->verb)) gdn__put_id(out, message->resource.id);
    if (message->verb == GDN_VERB_WAKE) gdn__put_id(out, message->by.id);
    if (message->units != 0) gdn__put_u32(out, message->units);
    if (message->branch_id != 0) gdn__put_u32(out, message->branch_id);
}

/* What a flag of the request says is there; it would not be if it were 0, for each message has one
 * form. */
static uint32_t get_optional(struct gdn__reader *in, struct gdn_message *message, uint8_t flag)
{
    if (message->verb != GDN_VERB_REQUEST || (message->flags & flag) == 0) return 0;
    message->flags &= (uint8_t)~flag;
    uint32_t value = gdn__get_u32(in);
    if (value == 0) gdn__reader_fail(in);
    return value;
}

/* Who, and for all but a cancel or a wake what of. */
static bool has_its_ids(const struct gdn_message *message)
{
    bool may_lack = message->verb == GDN_VERB_CANCEL || message->verb == GDN_VERB_END ||
                    message->verb == GDN_VERB_WAKE;
    return gdn_id_is_set(message->process.id) && (may_lack || gdn_id_is_set(message->resource.id));
}

bool gdn__get_lock(const struct gdn__record *record, struct gdn_message *message)
{
    struct gdn__reader in = body_of(record);
    uint8_t verb = gdn__get_u8(&in);
    if (verb < GDN_VERB_REQUEST || verb > GDN_VERB_WAKE) return false;
    *message = (struct gdn_message){.verb = (enum gdn_verb)verb};
    message->mode = gdn__get_u8(&in);
    message->flags = gdn__get_u8(&in);
    (void)gdn__get_u8(&in);
    message->number = gdn__get_u64(&in);
    message->process.id = gdn__get_id(&in);
    if (names_resource(message->verb)) message->resource.id = gdn__get_id(&in);
    if (message->verb == GDN_VERB_WAKE) message->by.id = gdn__get_id(&in);
    message->units = get_optional(&in, message, HAS_UNITS);
    message->branch_id = get_optional(&in, message, HAS_BRANCH);
    return gdn__reader_done(&in) && message->mode < GDN_MODES_MAX && has_its_ids(message);
}

/* ---- Between detector and node ---- */

void gdn__put_failed(struct gdn__buffer *out, const struct gdn__failed *failed)
{
    gdn__put_round_id(out, failed->round);
    gdn__put_text(out, failed->reason);
}

bool gdn__get_failed(const struct gdn__record *record, struct gdn__failed *failed)
{
    struct gdn__reader in = body_of(record);
    failed->round = read_round_id(&in);
    gdn__get_text(&in, failed->reason);
    return gdn__reader_done(&in);
}

void gdn__put_suspect(struct gdn__buffer *out, const struct gdn__suspect *suspect)
{
    gdn__put_id(out, suspect->process.id);
    gdn__put_u64(out, suspect->ticket);
    gdn__put_u64(out, suspect->waited_us);
}

bool gdn__get_suspect(const struct gdn__record *record, struct gdn__suspect *suspect)
{
    struct gdn__reader in = body_of(record);
    suspect->process.id = gdn__get_id(&in);
    suspect->ticket = gdn__get_u64(&in);
    suspect->waited_us = gdn__get_u64(&in);
    return gdn__reader_done(&in);
}

void gdn__put_abort(struct gdn__buffer *out, const struct gdn__abort *abort)
{
    gdn__put_id(out, abort->deadlock);
    gdn__put_id(out, abort->process.id);
    gdn__put_u64(out, abort->ticket);
}

static void read_abort(struct gdn__reader *in, struct gdn__abort *abort)
{
    abort->deadlock = gdn__get_id(in);
    abort->process.id = gdn__get_id(in);
    abort->ticket = gdn__get_u64(in);
}

bool gdn__get_abort(const struct gdn__record *record, struct gdn__abort *abort)
{
    struct gdn__reader in = body_of(record);
    read_abort(&in, abort);
    return gdn__reader_done(&in);
}

void gdn__put_aborted(struct gdn__buffer *out, const struct gdn__aborted *aborted)
{
    gdn__put_abort(out, &aborted->what);
    gdn__put_u8(out, (uint8_t)aborted->outcome);
}

bool gdn__get_aborted(const struct gdn__record *record, struct gdn__aborted *aborted)
{
    struct gdn__reader in = body_of(record);
    read_abort(&in, &aborted->what);
    uint8_t outcome = gdn__get_u8(&in);
    if (outcome < GDN__OUTCOME_ABORTED || outcome > GDN__OUTCOME_REFUSED) return false;
    aborted->outcome = (enum gdn__outcome)outcome;
    return gdn__reader_done(&in);
}

void gdn__put_report(struct gdn__buffer *out, gdn_round_id round, const uint8_t *cut, size_t length)
{
    gdn__put_round_id(out, round);
    gdn__put_bytes(out, cut, length);
}

bool gdn__get_report(const struct gdn__record *record, gdn_round_id *round, const uint8_t **cut,
                     size_t *length)
{
    struct gdn__reader in = body_of(record);
    *round = read_round_id(&in);
    if (in.failed) return false;
    *length = gdn__reader_left(&in);
    *cut = gdn__get_bytes(&in, *length);
    return true;
}
