#include "s3_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *s3_environment(const char *name)
{
    const char *value = getenv(name);
    cr_assert(ne(ptr, (void *)value, NULL), "%s: run by tests/support/ceph_rgw.py", name);
    return value;
}

void s3_write_keys(struct s3_fixture *f, const char *access_key, const char *secret_key,
                   const char *token)
{
    char text[4096];
    (void)snprintf(text, sizeof(text), "access_key_id=%s\nsecret_access_key=%s\n%s%s\n", access_key,
                   secret_key, token[0] == '\0' ? "" : "session_token=", token);
    scratch_write(&f->scratch, "keys", text, 0600);
}

static void init(struct s3_fixture *f, const char *access_key, const char *secret_key)
{
    *f = (struct s3_fixture){.store = NULL};
    scratch_open(&f->scratch);
    s3_write_keys(f, access_key, secret_key, "");
    (void)snprintf(f->credentials, sizeof(f->credentials), "%s", scratch_path(&f->scratch, "keys"));
    f->options = (struct object_store_s3){
        .name = "nightly",
        .region = "us-east-1",
        .path_style = true,
        .credentials_file = f->credentials,
        .patience = {.connect_ms = 5000,
                     .stall_ms = 20000,
                     .request_ms = 60000,
                     .attempts = 4,
                     .backoff_ms = 1,
                     .again_ms = 1},
    };
}

void s3_fixture_init(struct s3_fixture *f, const char *prefix)
{
    init(f, s3_environment("S3_ACCESS_KEY"), s3_environment("S3_SECRET_KEY"));
    f->options.server = s3_environment("S3_ENDPOINT");
    f->options.bucket = s3_environment("S3_BUCKET");
    f->options.prefix = prefix;
}

void s3_fixture_open(struct s3_fixture *f)
{
    object_store_close(f->store);
    f->store = NULL;
    cr_assert(eq(int, (int)object_store_open_s3(&f->options, &f->store, &f->err), (int)STATUS_OK),
              "%s", f->err.text);
}

static void start_proxy(struct s3_fixture *f, const char *options, const char *target,
                        const char *faults)
{
    char command[1024];
    int input[2];
    int output[2];
    (void)snprintf(command, sizeof(command), "exec python3 -B " S3_PROXY " %s %s %s", options,
                   target, faults);
    cr_assert(zero(int, pipe2(input, O_CLOEXEC)));
    cr_assert(zero(int, pipe2(output, O_CLOEXEC)));
    f->proxy = fork();
    cr_assert(ge(int, f->proxy, 0));
    if (f->proxy == 0) {
        (void)dup2(input[0], STDIN_FILENO);
        (void)dup2(output[1], STDOUT_FILENO);
        (void)execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    f->proxy_stdin = input[1];
    FILE *said = fdopen(output[0], "r");
    cr_assert(ne(ptr, said, NULL));
    cr_assert(ne(ptr, fgets(f->proxy_url, sizeof(f->proxy_url), said), NULL));
    (void)fclose(said);
    f->proxy_url[strcspn(f->proxy_url, "\n")] = '\0';
    f->options.server = f->proxy_url;
}

void s3_fixture_proxy(struct s3_fixture *f, const char *options, const char *faults)
{
    start_proxy(f, options, s3_environment("S3_ENDPOINT"), faults);
}

void s3_fixture_init_memory(struct s3_fixture *f, const char *page, const char *faults)
{
    char target[32];
    init(f, "access", "secret");
    (void)snprintf(target, sizeof(target), "memory:%s", page);
    start_proxy(f, "", target, faults);
    f->options.bucket = "bucket";
    f->options.prefix = "some/where";
}

void s3_fixture_done(struct s3_fixture *f)
{
    object_store_close(f->store);
    if (f->proxy > 0) {
        (void)close(f->proxy_stdin);
        (void)waitpid(f->proxy, NULL, 0);
    }
    scratch_close(&f->scratch);
}
