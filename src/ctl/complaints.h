/*
 * Complaints: the places in Redis where something is wrong, as one look at all of it finds them.
 * Limits    COMPLAINTS_MAX of one look; the others are found by the next.
 */
#ifndef CTL_COMPLAINTS_H
#define CTL_COMPLAINTS_H

#include "core/error.h"
#include "store/doctor.h"

#include <stddef.h>

enum { COMPLAINTS_MAX = 100000 };

struct complaint {
    struct store_finding finding;
    char *memory; /* holds what the finding points to */
};

struct complaints {
    struct complaint *items;
    size_t count, capacity;
};

void complaints_done(struct complaints *complaints); /* all zeros is fine */

/* Looks at everything, page by page, while others work. What has to be mended first comes first. */
enum status complaints_look(struct store *store, struct complaints *complaints, struct error *err)
    MUST_CHECK;

/* A key, and which member of it, printable: other bytes become '?'. */
enum { PLACE_TEXT_SIZE = 256 };

void complaint_place_text(const struct store_place *place, char text[PLACE_TEXT_SIZE]);

#endif
