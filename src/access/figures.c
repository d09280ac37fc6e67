#include "access/figures.h"

#define BYTES_MOST (UINT64_C(1) << 53)

struct figures figures_of(const struct repository_snapshot *snapshot)
{
    int64_t taken_ms = (int64_t)snapshot->time.tv_sec * 1000 + snapshot->time.tv_nsec / 1000000;
    bool is_large = snapshot->bytes > BYTES_MOST;
    struct figures figures = {
        .taken_ms = taken_ms < 1 ? 1 : taken_ms,
        .bytes = (int64_t)(is_large ? BYTES_MOST : snapshot->bytes),
        .other_time = taken_ms < 1,
        .other_bytes = is_large,
    };
    if (!snapshot->tells_bytes)
        figures.bytes = -1;
    return figures;
}
