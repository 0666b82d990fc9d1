/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notes on a sheet of Graphviz: what is said of a deadlock beside its waits. */
#ifndef GDN_RENDER_NOTES_H
#define GDN_RENDER_NOTES_H

#include "detector/render/picture.h"

/* The label's text follows, then gdn__note_close(): it hangs below the anchor. */
void gdn__note_open(struct gdn__picture *picture, const char *name);
void gdn__note_close(struct gdn__picture *picture, const char *name);

/* Members that are not drawn, who is stuck behind, and the way out; as far as there are any. */
void gdn__notes_add(struct gdn__picture *picture);

#endif
