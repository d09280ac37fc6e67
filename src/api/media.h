/*
 * Media types: what a caller may send, and what it gets.
 *
 * A resource of type application/astra-X is sent and shown as application/astra-X+json or as
 * application/json; a list of them also as application/astra-Xs+json, since clients ask for that.
 * The answer has the resource's own type only if Accept names it; wildcards give application/json.
 *
 * Source    Astra Control API, "Conventions"; RFC 9110 section 12.5.1
 */
#ifndef API_MEDIA_H
#define API_MEDIA_H

#include <stdbool.h>

enum { MEDIA_SIZE = 64 };

enum media {
    MEDIA_NONE = 0, /* nothing that the caller accepts: 406 */
    MEDIA_JSON,
    MEDIA_RESOURCE,
    MEDIA_COLLECTION,
    MEDIA_COUNT
};

/* accept: the header, NULL if absent. type: "application/astra-appBackup". */
enum media media_negotiate(const char *accept, const char *type, bool is_list);

/* The Content-Type of a request body; NULL and "" are tolerated. */
bool media_is_readable(const char *content_type, const char *type);

void media_write(enum media media, const char *type, char text[MEDIA_SIZE]);

#endif
