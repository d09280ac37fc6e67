/* Refusal: an error reply of Redis or of the library as an error of ours; one table. */
#ifndef STORE_REFUSAL_H
#define STORE_REFUSAL_H

#include "core/error.h"

#include <hiredis/hiredis.h>

#include <stdbool.h>

/* OK unless the reply is missing or an error reply. */
enum status refusal_check(const redisReply *reply, struct error *err) MUST_CHECK;

/* Said by a Redis that is not the primary any more, or has lost it: whoever hears that should
 * connect anew, to where the address leads by now. */
bool refusal_is_of_replica(const redisReply *reply);

#endif
