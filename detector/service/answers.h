/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON documents of the control socket. Each is text that the caller frees with free(); NULL:
 * out of memory. */
#ifndef GDN_SERVICE_ANSWERS_H
#define GDN_SERVICE_ANSWERS_H

#include "detector/service/control.h"

/* gordian-status/1 */
char *answers_status(const struct control *control, const gdn_detector *detector);
/* The names of missing nodes, as a JSON array. */
char *answers_missing(const gdn_cut *cut);
char *answers_error(const char *what);

#endif
