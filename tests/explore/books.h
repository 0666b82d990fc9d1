/* SPDX-License-Identifier: MIT */
/* The books that a node's application keeps itself: what it sent and took, which tokens it has. The
 * facts grow from them, and what the node reports is compared with them. */
#ifndef TESTS_EXPLORE_BOOKS_H
#define TESTS_EXPLORE_BOOKS_H

#include "tests/explore/facts.h"

struct books {
    const struct layout *layout;
    int node;
    struct facts facts;
    uint8_t open, heard; /* Channels out and in that are open: a bit each, by place. */
    uint64_t tokens;
};

void books_open(struct books *books, const struct layout *layout, int node);

/* Something is not as it must be. The first time counts. */
void books_break(struct books *books, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The application acts; the number of the message. */
int books_send(struct books *books, int channel);
void books_take(struct books *books, int channel, int message);
/* Something leaves on a channel. */
void books_emit(struct books *books, int out, uint32_t item);

/* What the node can do now, by itself: send on the channels whose places have a bit in @p sends
 * while there are messages, take if @p takes, hear what is ordered next, open what is not open. */
void books_note_enabled(struct books *books, uint8_t sends, bool takes);

/* The node cuts: what the books say now belongs to the round. */
void books_record(struct books *books, int round);
/* A marker leaves; out: the channel's place. */
void books_marker(struct books *books, int round, int out);

/* A report, channel by channel. */
void books_report(struct books *books, int round);
void books_report_out(struct books *books, int round, int channel, uint64_t sent);
void books_report_in(struct books *books, int round, int channel, uint64_t taken, bool open);
/* The next recorded message of the channel is message @p message of channel @p of. */
void books_report_message(struct books *books, int round, int channel, int of, int message);
/* The recorded ledger: tokens of sent messages that wait, and of taken ones. */
void books_report_state(struct books *books, int round, uint64_t waiting, uint64_t queued);
/* The round ends here. */
void books_end_round(struct books *books, int round);
/* To be asked after everything that happens: has a newer round of its initiator ended the older? */
void books_check(struct books *books);
/* The same where only the number of rounds under way is told: those end that must. */
void books_end_rounds(struct books *books, int under_way);

#endif
