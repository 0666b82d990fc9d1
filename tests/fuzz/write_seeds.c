/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write_seeds DIR: the seeds as files, DIR/TARGET/NAME. */
#include "tests/fuzz/seeds.h"
#include <stdio.h>
#include <sys/stat.h>

static int write_seed(const char *directory, const struct seed *seed)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", directory, seed->target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", directory, seed->target, seed->name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t written = fwrite(seed->bytes, 1, seed->length, file);
    int failed = fclose(file) != 0 || written != seed->length;
    if (failed) perror(path);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc != 2) {
        (void)fputs("usage: write_seeds DIR\n", stderr);
        return 2;
    }
    struct seeds seeds = seeds_read();
    for (size_t i = 0; i < seeds.count; i++) failed |= write_seed(argv[1], &seeds.list[i]);
    seeds_free(&seeds);
    return failed;
}
