/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts in files: binary (gdn_cut_encode) or gordian-cut/1 JSON, told apart by their content.
 *
 * What goes wrong is said in one line: "FILE: PLACE: what is wrong". FILE and PLACE come from
 * outside and are made safe for a terminal. Any thread. */
#ifndef GDN_CUTFILE_CUTFILE_H
#define GDN_CUTFILE_CUTFILE_H

#include <gordian/cut.h>

/* Room that always suffices for a whole line. */
#define GDN__CUTFILE_WHY_BYTES 2048

/* Largest JSON document that is read; a binary cut may have GDN_CUT_BYTES_MAX. */
#define GDN__CUTFILE_JSON_BYTES_MAX (UINT32_C(256) << 20)

enum gdn__cutfile_form { GDN__CUTFILE_BINARY, GDN__CUTFILE_JSON };

/* Read and check (gdn_cut_check) the cut in @p path; "-" is standard input. Caller frees *cut with
 * gdn_cut_free(). GDN_ERR_SYSTEM: the file cannot be read; else what is wrong with its content:
 * GDN_ERR_FORMAT, _VERSION, _CHECKSUM, _DISAGREE, _UNBALANCED, _LIMIT, _MEMORY. */
GDN_MUST_USE enum gdn_err gdn__cutfile_load(const char *path, gdn_cut **cut, char *why,
                                            size_t why_bytes);

/* The same for @p length bytes in memory; @p name stands for the file. */
GDN_MUST_USE enum gdn_err gdn__cutfile_parse(const char *name, const void *bytes, size_t length,
                                             gdn_cut **cut, char *why, size_t why_bytes);

/* Write @p cut to @p path, which afterwards is the whole new file or what it was before: the bytes
 * go to a new file beside it, to the disk, and then take its name. A crash can leave that new file
 * behind. A device or a pipe is written to as it is; "-" is standard output. GDN_ERR_SYSTEM: it
 * cannot be written; GDN_ERR_LIMIT, GDN_ERR_MEMORY: not encoded. */
GDN_MUST_USE enum gdn_err gdn__cutfile_save(const gdn_cut *cut, const char *path,
                                            enum gdn__cutfile_form form, char *why,
                                            size_t why_bytes);

#endif
