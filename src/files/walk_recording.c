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

void walk_recording_init(struct walk_recording *recording, size_t max)
{
    *recording = (struct walk_recording){.at = 0};
    buffer_init(&recording->steps, max);
}

void walk_recording_done(struct walk_recording *recording)
{
    buffer_done(&recording->steps);
    *recording = (struct walk_recording){.is_closed = true};
}

static bool add(struct walk_recording *recording, enum recording_kind kind, const struct seen *seen,
                const char *name)
{
    struct error full;
    size_t seen_len = seen == NULL ? 0 : sizeof(*seen);
    size_t name_len = name == NULL ? 0 : strlen(name) + 1;
    if (recording->is_closed ||
        buffer_reserve(&recording->steps, 1 + seen_len + name_len, &full) != STATUS_OK) {
        recording->is_closed = true;
        return false;
    }
    unsigned char *to = recording->steps.bytes + recording->steps.len;
    *to++ = (unsigned char)kind;
    if (seen_len > 0)
        memcpy(to, seen, seen_len);
    if (name_len > 0)
        memcpy(to + seen_len, name, name_len);
    recording->steps.len += 1 + seen_len + name_len;
    return true;
}

bool walk_recording_add_entry(struct walk_recording *recording, const char *name,
                              const struct stat *info)
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
    return add(recording, RECORDING_ENTRY, &seen, name);
}

void walk_recording_add_look(struct walk_recording *recording, const char *name)
{
    (void)add(recording, RECORDING_LOOK, NULL, name);
}

void walk_recording_add_leave(struct walk_recording *recording)
{
    (void)add(recording, RECORDING_LEAVE, NULL, NULL);
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

void walk_recording_next(struct walk_recording *recording, struct recording_step *ret_step)
{
    ret_step->kind = RECORDING_END;
    ret_step->name = NULL;
    if (recording->at >= recording->steps.len)
        return;
    const unsigned char *at = recording->steps.bytes + recording->at;
    ret_step->kind = (enum recording_kind) * at++;
    if (ret_step->kind == RECORDING_ENTRY) {
        recall(at, &ret_step->info);
        at += sizeof(struct seen);
    }
    if (ret_step->kind != RECORDING_LEAVE) {
        ret_step->name = (const char *)at;
        at += strlen(ret_step->name) + 1;
    }
    recording->at = (size_t)(at - recording->steps.bytes);
}

void walk_recording_skip(struct walk_recording *recording)
{
    struct recording_step step;
    size_t depth = 1;
    while (depth > 0) {
        walk_recording_next(recording, &step);
        if (step.kind == RECORDING_END)
            return;
        if (step.kind == RECORDING_LEAVE)
            depth--;
        else if (step.kind == RECORDING_ENTRY && S_ISDIR(step.info.st_mode))
            depth++;
    }
}
