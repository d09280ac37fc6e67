/*
 * Document: the text of one YAML file and the place of every key in it, so that whoever finds a
 * value wrong, libcyaml or a later check, can say where it stands. libcyaml knows a value's place
 * only while it loads, and not that of a missing, unknown or repeated key: hence this pass before.
 *
 * Keys      written as in "accounts[0].tokens[1].role"; "" is the whole file
 * Limits    DOCUMENT_BYTES_MAX bytes, DOCUMENT_KEYS_MAX keys, DOCUMENT_DEPTH_MAX levels. Aliases
 *           are refused (they make small files huge), as are second documents and NUL characters.
 * Errors    INVALID, or what opening the file gives: "<file>:<line>: <key>: what was expected"
 */
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include "core/attributes.h"
#include "core/buffer.h"
#include "core/cleanup.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    DOCUMENT_BYTES_MAX = 1024 * 1024,
    DOCUMENT_KEYS_MAX = 65536,
    DOCUMENT_DEPTH_MAX = 16,
    DOCUMENT_KEY_SIZE = 256 /* longer keys are cut: none that is known is that long */
};

struct document_place {
    char *key;
    size_t line; /* from 1 */
};

struct document_options {
    bool without_secrets; /* files with secrets are not read */
    bool without_tokens;  /* those of tokens.d */
};

struct document {
    char *path; /* for the errors */
    struct buffer text;
    struct document_place *places; /* in the order of the file */
    size_t place_count;
    size_t place_capacity;
    struct document_options options;
};

/* Reads from the descriptor, which stays the caller's. Caller owns *ret_document. */
enum status document_read(int fd, const char *path, struct document **ret_document,
                          struct error *err) MUST_CHECK;
void document_free(struct document *document);
DEFINE_CLEANUP(struct document *, document_free)

/* Frees the text, which is no longer needed once the values are read. The places stay. */
void document_forget_text(struct document *document);

/* The line of the key; of the closest one above it where it does not stand in the file; of the last
 * where it stands there several times. */
size_t document_line(const struct document *document, const char *key);

/* INVALID: "<file>:<line>: <key>: <text>". */
enum status document_refuse(const struct document *document, const char *key, struct error *err,
                            const char *format, ...) PRINTF_LIKE(4, 5) MUST_CHECK;

/* Puts "<file>:<line>: <key>: " in front of a failure; its status stays. */
enum status document_refuse_in(const struct document *document, const char *key, struct error *err)
    MUST_CHECK;

/* A key made on the spot, for the calls above: KEY("accounts[%zu].id", i). */
#define KEY(...) document_key((char[DOCUMENT_KEY_SIZE]){0}, __VA_ARGS__)
const char *document_key(char key[DOCUMENT_KEY_SIZE], const char *format, ...) PRINTF_LIKE(2, 3);

#endif
