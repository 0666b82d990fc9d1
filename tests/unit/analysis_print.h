/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that a verdict says of a small world's cut, by names and never by table index: two verdicts
 * that say the same print the same. */
#ifndef GDN_TESTS_ANALYSIS_PRINT_H
#define GDN_TESTS_ANALYSIS_PRINT_H

#include <gordian/verdict.h>

struct analysis_print {
    char text[16384];
    size_t length;
};

void analysis_print(struct analysis_print *print, const gdn_verdict *verdict);

#endif
