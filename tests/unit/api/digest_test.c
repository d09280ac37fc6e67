#include "src/api/digest.h"

#include "core/hex.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

Test(digest, gives_the_known_answers_time_and_again)
{
    CLEANUP(digest_freep) struct digest *digest = NULL;
    struct error err = {.status = STATUS_OK};
    cr_assert(eq(int, (int)digest_new(&digest, &err), (int)STATUS_OK));

    for (int i = 0; i < 2; i++) {
        unsigned char hash[DIGEST_SHA256_SIZE];
        char text[2 * DIGEST_SHA256_SIZE + 1];
        char tag[DIGEST_TAG_SIZE];
        cr_assert(digest_sha256(digest, "abc", 3, hash));
        hex_encode(hash, sizeof(hash), text);
        cr_expect(
            eq(str, text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        cr_assert(digest_tag(digest, "abc", 3, tag));
        cr_expect(eq(str, tag, "\"900150983cd24fb0d6963f7d28e17f72\""));
    }
}
