/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/text.h"

#include "detector/render/textbuf.h"
#include <inttypes.h>

json_t *text_of(const char *name)
{
    json_t *text = json_string(name);
    if (text != NULL) return text;
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, name);
    text = shown.text != NULL ? json_string(shown.text) : NULL;
    gdn__textbuf_fini(&shown);
    return text;
}

json_t *number_text(uint64_t number)
{
    return json_sprintf("%" PRIu64, number);
}

char *document_of(json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(document);
    return text;
}
