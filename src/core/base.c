/* SPDX-License-Identifier: MIT */
#include <gordian/base.h>

struct error {
    const char *name;
    const char *text;
};

static const struct error errors[] = {
#define ERROR_ROW(name, sentence) {"GDN_" #name, sentence},
    GDN_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

static const struct error *error_of(enum gdn_err err)
{
    static const struct error unknown = {"GDN_ERR_?", "not one of Gordian's errors"};
    size_t row = (size_t)err;
    return row < sizeof errors / sizeof errors[0] ? &errors[row] : &unknown;
}

const char *gdn_err_name(enum gdn_err err)
{
    return error_of(err)->name;
}

const char *gdn_err_text(enum gdn_err err)
{
    return error_of(err)->text;
}
