/* Blob id: the SHA-256 of a blob's plaintext, its name; and the kinds of blobs. */
#ifndef REPOSITORY_BLOB_ID_H
#define REPOSITORY_BLOB_ID_H

#include <stdbool.h>

enum { BLOB_ID_BYTES = 32, BLOB_ID_TEXT_SIZE = 65 };

struct blob_id {
    unsigned char bytes[BLOB_ID_BYTES];
};

enum blob_type { BLOB_DATA = 0, BLOB_TREE = 1 };

/* 64 hexadecimal digits, in lower case. */
void blob_id_to_text(const struct blob_id *id, char text[BLOB_ID_TEXT_SIZE]);
bool blob_id_from_text(const char *text, struct blob_id *ret_id);

#endif
