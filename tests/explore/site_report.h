/* SPDX-License-Identifier: MIT */
/* What a site reports, compared with its application's books. Message m on channel A>B is a request
 * of the process "AB<m>" for a resource of that name at B: sent, it waits in A's ledger; taken, it
 * stands in B's queue; between the two it is on the channel. So a report shows each message where
 * it was at the cut. */
#ifndef TESTS_EXPLORE_SITE_REPORT_H
#define TESTS_EXPLORE_SITE_REPORT_H

#include "src/core/wire.h"
#include "tests/explore/books.h"
#include "tests/explore/frames.h"

/* Returns @p text. */
const char *site_message_name(const struct layout *layout, int channel, int message, char text[16]);
/* Of which channel the process is a message, and which; false: of none. */
bool site_message_find(const struct layout *layout, gdn_process_id process, int *channel,
                       int *message);
/* The layout's number for a round; -1: it has none. */
int site_round(const struct layout *layout, gdn_round_id id);

/* A REPORT record that leaves; its bytes are kept in @p frames. */
void site_report_read(struct books *books, struct frames *frames, const struct gdn__record *record);
/* The nodes' reports of each complete round, merged and checked as a detector does. False: @p why
 * says what is wrong with them. */
bool site_reports_judge(const struct layout *layout, const struct facts *const *facts, char *why,
                        size_t why_bytes);

#endif
