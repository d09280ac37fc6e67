/* Buckets: the default one, which clouds and clusters show as well. */
#ifndef API_BUCKETS_H
#define API_BUCKETS_H

#include "core/error.h"
#include "core/id.h"

#include <hiredis/hiredis.h>

/* From the reply to store_call_bucket_list(): the bucket that a backup without bucketID goes to,
 * the account's own before the one for all accounts; "" if there is none. */
enum status buckets_find_default(const redisReply *reply, char ret_id[ID_SIZE], struct error *err)
    MUST_CHECK;

#endif
