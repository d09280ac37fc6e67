/*
 * Text as restic writes it. Two layers: Go's strconv.Quote, which makes any bytes printable, and a
 * JSON string as Go's encoding/json writes it. File names go through both, everything else through
 * the second alone.
 */
#ifndef REPOSITORY_QUOTE_H
#define REPOSITORY_QUOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for what the writers below make of len bytes. */
#define QUOTED_MAX(len) (6 * (len) + 2)

/* The two write a JSON string, quotation marks included, and return its end; no NUL. */
char *quote_name(char *to, const char *name, size_t len);
char *quote_json(char *to, const char *text, size_t len);

/* Is the text UTF-8, so that quote_json() replaces nothing in it? */
bool quote_is_lossless(const char *text, size_t len);

/* Undoes the first layer, in place; the result is not longer. False: not what Quote makes. */
bool unquote(char *text, size_t len, size_t *ret_len);

/* As Go's strconv.IsPrint decides. */
bool rune_is_printable(uint32_t rune);

#endif
