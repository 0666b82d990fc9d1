/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with a cut once it has been read. */
#ifndef TESTS_FUZZ_JUDGED_H
#define TESTS_FUZZ_JUDGED_H

#include <gordian/verdict.h>

/* Judge it, if it may be judged, and show the verdict in every form but SVG, which takes a run
 * of Graphviz (picture.c); compare it with itself; write it down as a document, and that again. */
void fuzz_judge(gdn_cut *cut, uint8_t choice);

/* The last eight bytes of a saved cut, if it has as many: else no fuzzer comes behind them. */
void fuzz_put_checksum_right(uint8_t *bytes, size_t length);

#endif
