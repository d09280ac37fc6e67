/*
 * Uploads: full packs on their way into the bucket, put by threads of their own, so that whoever
 * fills packs computes on while a disk syncs or a server answers.
 *
 * Limits    UPLOADS_MAX; who hands over one more waits until one is stored. Each holds a pack in
 *           memory.
 * Errors    the first failure is the repository's (repository_latch()): nothing more can be saved.
 * Threads   any may add; flush and close: one, and nobody adds meanwhile
 */
#ifndef REPOSITORY_UPLOADS_H
#define REPOSITORY_UPLOADS_H

struct packer;
struct repository;
struct uploads;

void uploads_init(struct uploads *uploads);
void uploads_done(struct repository *repository); /* what still waits is lost */

/* Takes a full packer, and makes it idle again when its pack is stored. The repository's mutex is
 * held, and let go of while this waits. */
void uploads_add_guarded(struct repository *repository, struct packer *packer);

/* Adds what is in packers that are not full, and returns when all are stored, or have failed. */
void uploads_finish(struct repository *repository);

#endif
