#include "files/walk_recording.h"

#include <stdint.h>
#include <string.h>

/* An entry as it is kept; its name follows, with its NUL. The others are a byte and their name. */
struct seen {
    uint64_t inode, device, special_device;
    int64_t size, mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
    uint32_t mode, links, uid, gid;
};

void trail_init(struct trail *trail, size_t max)
{
    *trail = (struct trail){.at = 0};
    buffer_init(&trail->steps, max);
}

void trail_done(struct trail *trail)
{
    buffer_done(&trail->steps);
    *trail = (struct trail){.is_closed = true};
}

static bool add(struct trail *trail, enum trail_kind kind, const struct seen *seen,
                const char *name)
{
    struct error full;
    size_t seen_len = seen == NULL ? 0 : sizeof(*seen);
    size_t name_len = name == NULL ? 0 : strlen(name) + 1;
    if (trail->is_closed ||
        buffer_reserve(&trail->steps, 1 + seen_len + name_len, &full) != STATUS_OK) {
        trail->is_closed = true;
        return false;
    }
    unsigned char *to = trail->steps.bytes + trail->steps.len;
    *to++ = (unsigned char)kind;
    if (seen_len > 0)
        memcpy(to, seen, seen_len);
    if (name_len > 0)
        memcpy(to + seen_len, name, name_len);
    trail->steps.len += 1 + seen_len + name_len;
    return true;
}

bool trail_add_entry(struct trail *trail, const char *name, const struct stat *info)
{
    const struct seen seen = {
        .inode = info->st_ino,
        .device = info->st_dev,
        .special_device = info->st_rdev,
        .size = info->st_size,
        .mtime_s = info->st_mtim.tv_sec,
        .ctime_s = info->st_ctim.tv_sec,
        .mtime_ns = (uint32_t)info->st_mtim.tv_nsec,
        .ctime_ns = (uint32_t)info->st_ctim.tv_nsec,
        .mode = info->st_mode,
        .links = info->st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)info->st_nlink,
        .uid = info->st_uid,
        .gid = info->st_gid,
    };
    return add(trail, TRAIL_ENTRY, &seen, name);
}

void trail_add_look(struct trail *trail, const char *name)
{
    (void)add(trail, TRAIL_LOOK, NULL, name);
}

void trail_add_leave(struct trail *trail)
{
    (void)add(trail, TRAIL_LEAVE, NULL, NULL);
}

static void recall(const unsigned char *from, struct stat *ret_info)
{
    struct seen seen;
    memcpy(&seen, from, sizeof(seen));
    *ret_info = (struct stat){
        .st_ino = seen.inode,
        .st_dev = seen.device,
        .st_rdev = seen.special_device,
        .st_size = seen.size,
        .st_mtim = {.tv_sec = seen.mtime_s, .tv_nsec = seen.mtime_ns},
        .st_ctim = {.tv_sec = seen.ctime_s, .tv_nsec = seen.ctime_ns},
        .st_mode = seen.mode,
        .st_nlink = seen.links,
        .st_uid = seen.uid,
        .st_gid = seen.gid,
    };
}

void trail_next(struct trail *trail, struct trail_step *ret_step)
{
    ret_step->kind = TRAIL_END;
    ret_step->name = NULL;
    if (trail->at >= trail->steps.len)
        return;
    const unsigned char *at = trail->steps.bytes + trail->at;
    ret_step->kind = (enum trail_kind) * at++;
    if (ret_step->kind == TRAIL_ENTRY) {
        recall(at, &ret_step->info);
        at += sizeof(struct seen);
    }
    if (ret_step->kind != TRAIL_LEAVE) {
        ret_step->name = (const char *)at;
        at += strlen(ret_step->name) + 1;
    }
    trail->at = (size_t)(at - trail->steps.bytes);
}

void trail_skip(struct trail *trail)
{
    struct trail_step step;
    size_t depth = 1;
    while (depth > 0) {
        trail_next(trail, &step);
        if (step.kind == TRAIL_END)
            return;
        if (step.kind == TRAIL_LEAVE)
            depth--;
        else if (step.kind == TRAIL_ENTRY && S_ISDIR(step.info.st_mode))
            depth++;
    }
}
