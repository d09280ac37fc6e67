/* Saving: how blobs are compressed and verified, and what was saved. */
#ifndef REPOSITORY_SAVING_H
#define REPOSITORY_SAVING_H

#include <stdint.h>

/* How hard blobs are compressed. Data that do not shrink are stored as they are. */
enum compression {
    COMPRESSION_AUTO,   /* as small as restic's within 5 %, at half the price: zstd 1 */
    COMPRESSION_FAST,   /* zstd -1 */
    COMPRESSION_BETTER, /* zstd 7 */
    COMPRESSION_OFF,    /* trees and indexes are compressed all the same */
    COMPRESSION_COUNT
};

/* Which blobs are decrypted, expanded and compared once more, after they were sealed and before
 * anything refers to them: an error of memory, processor or library shows at once, and the backup
 * fails. Trees always are. */
enum extra_verify {
    EXTRA_VERIFY_SAMPLE, /* one in EXTRA_VERIFY_EVERY */
    EXTRA_VERIFY_ALL,
};

enum { EXTRA_VERIFY_EVERY = 16 };

struct repository_statistics {
    uint64_t data_blobs, tree_blobs; /* stored by this handle, known ones not counted */
    uint64_t bytes_added;            /* plaintext of those */
    uint64_t bytes_stored;           /* what they take in packs */
    uint64_t blobs_verified;         /* of those: read back before they were stored */
};

#endif
