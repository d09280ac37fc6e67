#include "repository/blob_id.h"

#include "core/hex.h"

void blob_id_to_text(const struct blob_id *id, char text[BLOB_ID_TEXT_SIZE])
{
    hex_encode(id->bytes, BLOB_ID_BYTES, text);
}

bool blob_id_from_text(const char *text, struct blob_id *ret_id)
{
    struct blob_id id = {{0}};
    if (!hex_decode(text, id.bytes, BLOB_ID_BYTES))
        return false;
    *ret_id = id;
    return true;
}
