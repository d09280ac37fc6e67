#include "repository_internal.h"
#include "uploads.h"

#include <stdlib.h>
#include <string.h>

static void packer_free(struct packer *packer)
{
    if (packer == NULL)
        return;
    sealer_done(&packer->sealer);
    free(packer->bytes);
    free(packer->entries);
    free(packer);
}

DEFINE_CLEANUP(struct packer *, packer_free)

static enum status packer_new(const struct repository *repository, enum blob_type type,
                              struct packer **ret_packer, struct error *err)
{
    CLEANUP(packer_freep) struct packer *packer = calloc(1, sizeof(*packer));
    if (packer == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "a pack");
    packer->type = type;
    if (sealer_init(&packer->sealer, &repository->keys, err) != STATUS_OK)
        return error_status(err);
    *ret_packer = STEAL(packer);
    return STATUS_OK;
}

enum status packer_take(struct repository *repository, enum blob_type type,
                        struct packer **ret_packer, struct error *err)
{
    repository_guard(repository);
    struct packer *packer = repository->idle[type];
    if (packer != NULL)
        repository->idle[type] = packer->next_idle;
    repository_release(repository);
    if (packer == NULL) {
        if (packer_new(repository, type, &packer, err) != STATUS_OK)
            return error_status(err);
        repository_guard(repository);
        packer->next = repository->packers;
        repository->packers = packer;
        repository_release(repository);
    }
    *ret_packer = packer;
    return STATUS_OK;
}

void packer_make_idle_guarded(struct repository *repository, struct packer *packer)
{
    packer->next_idle = repository->idle[packer->type];
    repository->idle[packer->type] = packer;
}

void packer_make_idle_last_guarded(struct repository *repository, struct packer *packer)
{
    struct packer **end = &repository->idle[packer->type];
    while (*end != NULL)
        end = &(*end)->next_idle;
    packer->next_idle = NULL;
    *end = packer;
}

void packer_give(struct repository *repository, struct packer *packer)
{
    repository_guard(repository);
    if (packer->full)
        uploads_add_guarded(repository, packer);
    else
        packer_make_idle_guarded(repository, packer);
    repository_release(repository);
}

void packers_done(struct repository *repository)
{
    while (repository->packers != NULL) {
        struct packer *packer = repository->packers;
        repository->packers = packer->next;
        packer_free(packer);
    }
}

bool repository_is_dirty(struct repository *repository)
{
    repository_guard(repository);
    bool dirty = repository->unindexed.count > 0;
    for (const struct packer *packer = repository->packers; packer != NULL; packer = packer->next)
        dirty |= packer->count > 0;
    repository_release(repository);
    return dirty;
}
