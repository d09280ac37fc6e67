#include "src/snapshot/links.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

static struct error err;

static struct stat file(dev_t device, ino_t inode, nlink_t names)
{
    return (struct stat){.st_dev = device, .st_ino = inode, .st_nlink = names};
}

Test(links, finds_the_first_name_until_the_last_has_been_seen)
{
    struct links links = {.buckets = NULL};
    struct stat three = file(1, 7, 3);

    cr_expect(eq(ptr, (void *)links_find(&links, &three), NULL));
    cr_assert(eq(int, (int)links_add(&links, &three, "d", "first", &err), STATUS_OK));
    cr_expect(eq(str, (char *)links_find(&links, &three), "d/first"));
    links_count(&links, &three);
    cr_expect(eq(str, (char *)links_find(&links, &three), "d/first"));
    links_count(&links, &three);
    cr_expect(eq(ptr, (void *)links_find(&links, &three), NULL));
    cr_expect(eq(sz, links.count, 0), "it takes no more memory");

    links_done(&links);
}

Test(links, tells_devices_apart)
{
    struct links links = {.buckets = NULL};
    struct stat here = file(1, 7, 2), there = file(2, 7, 2);

    cr_assert(eq(int, (int)links_add(&links, &here, ".", "here", &err), STATUS_OK));
    cr_expect(eq(ptr, (void *)links_find(&links, &there), NULL));
    cr_assert(eq(int, (int)links_add(&links, &there, ".", "there", &err), STATUS_OK));
    cr_expect(eq(str, (char *)links_find(&links, &here), "./here"));
    cr_expect(eq(str, (char *)links_find(&links, &there), "./there"));

    links_done(&links);
}

Test(links, holds_very_many)
{
    enum { MANY = 20000 };
    struct links links = {.buckets = NULL};
    char name[16];

    for (ino_t i = 0; i < MANY; i++) {
        struct stat info = file(5, i * 1024, 2);
        (void)snprintf(name, sizeof(name), "f%lu", (unsigned long)i);
        cr_assert(eq(int, (int)links_add(&links, &info, "d", name, &err), STATUS_OK));
    }

    cr_expect(eq(sz, links.count, MANY));
    for (ino_t i = 0; i < MANY; i++) {
        struct stat info = file(5, i * 1024, 2);
        (void)snprintf(name, sizeof(name), "d/f%lu", (unsigned long)i);
        cr_assert(eq(str, (char *)links_find(&links, &info), name));
        if (i % 2 == 0)
            links_count(&links, &info);
    }
    cr_expect(eq(sz, links.count, MANY / 2));
    links_done(&links);
}
