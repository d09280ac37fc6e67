/*
 * Key files: the master key, sealed with a key that scrypt makes from the passphrase.
 *
 * Shapes    {"created","username","hostname","kdf":"scrypt","N","r","p","salt","data"}
 * Limits    foreign scrypt parameters that would take over 128 MiB or half a minute are refused
 */
#ifndef REPOSITORY_KEY_H
#define REPOSITORY_KEY_H

#include "core/buffer.h"
#include "core/error.h"
#include "crypto.h"

#include <stdbool.h>
#include <stddef.h>

/* *ret_opened false: of another passphrase. CORRUPT or UNSUPPORTED: not a key file that we know. */
enum status key_file_open(const void *text, size_t len, const char *passphrase,
                          struct crypto_keys *ret_keys, bool *ret_opened, struct error *err)
    MUST_CHECK;

/* Appends the text of a new key file. */
enum status key_file_write(const struct crypto_keys *keys, const char *passphrase,
                           struct buffer *text, struct error *err) MUST_CHECK;

enum status crypto_keys_random(struct crypto_keys *ret_keys, struct error *err) MUST_CHECK;

#endif
