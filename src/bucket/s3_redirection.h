/*
 * Redirection: where a server of S3 sends a request that it will not answer itself.
 *
 * Followed  to the same host, or to another one of its domain: the last two labels of both are the
 *           same, or the last three where the last one is a country's. Never from https to http,
 *           and only with the path and the query that were sent. An address has no domain.
 */
#ifndef BUCKET_S3_REDIRECTION_H
#define BUCKET_S3_REDIRECTION_H

#include "s3_place.h"

#include <stdbool.h>

struct s3_redirection {
    char origin[S3_HOST_SIZE + 8];
    char host[S3_HOST_SIZE]; /* as the header says it */
};

struct s3_redirection_from {
    const char *origin, *path, *query; /* "" for no query */
};

/* location: of the header. False: it is not to be followed. */
bool s3_redirection_read(const char *location, const struct s3_redirection_from *sent,
                         struct s3_redirection *ret_redirection);

#endif
