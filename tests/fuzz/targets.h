/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What takes bytes from outside, fed with any bytes. Each returns, whatever it is given, and leaves
 * nothing behind; what must hold behind the door is checked there, and ends the program if it does
 * not (FUZZ_MUST). `make fuzz` lets libFuzzer choose the bytes, test_fuzz.c feeds the seeds. */
#ifndef TESTS_FUZZ_TARGETS_H
#define TESTS_FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Frames, well-formed and not, between takings, verbs and the passing of time, at a site that has
 * a peer and a detector (the steps: frames.c). */
void fuzz_frames(const uint8_t *bytes, size_t length);

/* The same at a whole detector whose nodes report whatever they like (detector.c). */
void fuzz_detector(const uint8_t *bytes, size_t length);

/* A saved cut whose checksum is put right: decoded, judged, shown, written down. */
void fuzz_cut(const uint8_t *bytes, size_t length);

/* The same of a document. */
void fuzz_document(const uint8_t *bytes, size_t length);

/* Names of what is in a deadlock, one in a line behind a byte for the scheme: drawn as SVG by
 * Graphviz, whose program dot must be there (picture.c). */
void fuzz_picture(const uint8_t *bytes, size_t length);

#define FUZZ_MUST(what)                                                                            \
    do {                                                                                           \
        if (what) break;                                                                           \
        (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                   \
        abort();                                                                                   \
    } while (0)

#endif
