/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian status and gordian waits: ask a running service. */
#ifndef GDN_CLI_STATUS_H
#define GDN_CLI_STATUS_H

int gordian_status(int argc, char **argv);
int gordian_waits(int argc, char **argv);

#endif
