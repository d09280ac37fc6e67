#include "kinds.h"

#define KIND_PLACE(job, name) [job] = &kind_##name,
static const struct kind *const kinds[JOB_KIND_COUNT] = {JOB_KINDS_EACH(KIND_PLACE)};

const struct kind *kind_of(enum job_kind kind)
{
    return (unsigned)kind < JOB_KIND_COUNT ? kinds[kind] : NULL;
}

void kind_give_up(const struct node_directories *directories, const struct job *job)
{
    const struct kind *kind = kind_of(job->kind);
    if (kind != NULL && kind->give_up != NULL)
        kind->give_up(directories, job);
}
