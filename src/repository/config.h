/*
 * Config: the object that says that a repository is there, and with which polynomial.
 *
 * Shapes    {"version":2,"id":"<64 digits>","chunker_polynomial":"<hex>"}, sealed, uncompressed.
 *           Other members are skipped, but a chunker that is not ours forbids writing.
 */
#ifndef REPOSITORY_CONFIG_H
#define REPOSITORY_CONFIG_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

#define CONFIG_NAME "config"

enum { CONFIG_ID_SIZE = 65, CONFIG_TEXT_MAX = 256, CONFIG_STORED_MAX = 64 * 1024 };

struct repository_config {
    unsigned version;
    char id[CONFIG_ID_SIZE]; /* 64 digits; "" if it has none */
    uint64_t polynomial;
    const char *read_only; /* NULL, or why nothing may be written; static text */
};

enum status config_read(const void *text, size_t len, struct repository_config *ret_config,
                        struct error *err) MUST_CHECK;

/* The text of a new one. */
enum status config_write(char text[CONFIG_TEXT_MAX], struct error *err) MUST_CHECK;

#endif
