/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian diff: what changed between two saved cuts. */
#ifndef GDN_CLI_DIFF_H
#define GDN_CLI_DIFF_H

int gordian_diff(int argc, char **argv);

#endif
