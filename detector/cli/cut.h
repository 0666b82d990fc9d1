/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian cut: ask a running service for a cut, and save it. */
#ifndef GDN_CLI_CUT_H
#define GDN_CLI_CUT_H

int gordian_cut(int argc, char **argv);

#endif
