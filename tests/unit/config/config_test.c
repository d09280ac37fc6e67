#include "config/config.h"

#include "config/credentials.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID1    "5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f"
#define ID2    "6a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f"
#define HASH_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(config, .init = set_up, .fini = tear_down);

static struct config *load(const char *yaml)
{
    struct config *config = NULL;
    struct error err = {0};
    scratch_write(&scratch, "appbackup.yaml", yaml, 0644);
    cr_assert(eq(int, (int)config_load(scratch_path(&scratch, "appbackup.yaml"), &config, &err),
                 (int)STATUS_OK),
              "%s", err.text);
    return config;
}

static void expect_below(const char *path, const char *name)
{
    cr_expect(eq(str, (char *)path, (char *)scratch_path(&scratch, name)));
}

Test(config, has_a_default_for_everything_but_the_account)
{
    CLEANUP(config_freep)
    struct config *config = load("accounts:\n  - id: " ID1 "\n    name: main\n");

    char host[256];
    cr_assert(eq(int, gethostname(host, sizeof(host)), 0));
    cr_expect(eq(int, strcasecmp(config->node, host), 0));
    expect_below(config->path, "appbackup.yaml");
    expect_below(config->apps_directory, "apps.d");
    expect_below(config->master_key_file, "master.key");
    cr_expect(eq(str, config->state_directory, "/var/lib/appbackup"));
    cr_expect(eq(str, config->redis.address, "127.0.0.1:6379"));
    cr_expect(eq(ptr, config->redis.username, NULL));
    cr_expect(eq(ptr, config->redis.password, NULL));
    cr_expect(eq(i64, config->redis.database, 0));
    cr_expect(eq(i64, config->redis.timeout_ms, 800));
    cr_assert(eq(sz, config->http.listener_count, 1));
    cr_expect(eq(str, config->http.listeners[0].address, "127.0.0.1:8080"));
    cr_expect(eq(ptr, config->http.listeners[0].certificate, NULL));
    cr_expect(eq(sz, config->http.body_bytes_max, 1024 * 1024));
    cr_expect(eq(sz, config->http.header_bytes_max, 32 * 1024));
    cr_expect(eq(sz, config->http.bodies_bytes_max, 64 * 1024 * 1024));
    cr_expect(eq(sz, config->http.replies_bytes_max, 64 * 1024 * 1024));
    cr_expect(eq(sz, config->http.connections_max, 1024));
    cr_expect(eq(i64, config->http.idle_timeout_ms, 60000));
    cr_expect(eq(i64, config->http.request_timeout_ms, 30000));
    cr_expect(eq(i64, config->worker.slots, 2));
    cr_expect(eq(i64, config->worker.lease_ms, 15000));
    cr_expect(eq(i64, config->worker.kills_max, 3));
    cr_expect(eq(i64, config->worker.retries_max, 5));
    cr_expect(eq(sz, config->worker.retry_delay_count, 3));
    cr_expect(eq(i64, config->worker.retry_delays_s[2], 120));
    cr_assert(eq(sz, config->account_count, 1));
    cr_expect(eq(sz, config->accounts[0].token_count, 0));
    cr_expect(eq(sz, config->bucket_count, 0));
}

Test(config, takes_sections_and_lists_with_nothing_in_them)
{
    CLEANUP(config_freep)
    struct config *config = load("accounts:\n  - id: " ID1 "\n    name: main\n    tokens:\n"
                                 "redis:\nhttp:\n  listeners:\nworker:\nbuckets:\n");

    cr_expect(eq(i64, config->worker.slots, 2));
    cr_expect(eq(sz, config->http.listener_count, 1));
    cr_expect(eq(sz, config->bucket_count, 0));
}

Test(config, takes_every_setting)
{
    scratch_write(&scratch, "p", " hunter2\n", 0600);
    CLEANUP(config_freep)
    struct config *config =
        load("node: web1.lan\nstate_directory: state\napps_directory: /etc/apps\n"
             "master_key_file: keys/master\n"
             "redis:\n  address: unix:/run/redis.sock\n  username: u\n  password_file: p\n"
             "  database: 7\n  timeout_ms: 500\n"
             "http:\n  listeners:\n    - address: '[::1]:80'\n    - address: unix:/run/a.sock\n"
             "    - address: 192.0.2.1:443\n      certificate: c.pem\n      key: /k.pem\n"
             "    - address: 127.9.9.9:80\n"
             "  body_bytes_max: 1024\n  header_bytes_max: 2048\n  connections_max: 3\n"
             "  bodies_bytes_max: 2000000\n  replies_bytes_max: 3000000\n"
             "  idle_timeout_ms: 4000\n  request_timeout_ms: 5000\n"
             "worker:\n  slots: 64\n  lease_ms: 3000\n  kills_max: 1\n  retries_max: 0\n"
             "  retry_delays_s: [0, 86400]\n"
             "  restore_directories: [/var//restore/, /srv/out]\n  prune_after_deletes: 0\n"
             "  prune_interval_s: 60\n  prune_timeout_s: 1\n  verify_interval_s: 0\n"
             "  verify_sample: 100\n  job_cpu_weight: 20\n  job_io_weight: 10000\n"
             "  job_memory_high_bytes: 1000000000\n"
             "accounts:\n  - id: " ID1 "\n    name: main\n");

    cr_expect(eq(str, config->node, "web1.lan"));
    expect_below(config->state_directory, "state");
    cr_expect(eq(str, config->apps_directory, "/etc/apps"));
    expect_below(config->master_key_file, "keys/master");
    cr_expect(eq(str, config->redis.address, "unix:/run/redis.sock"));
    cr_expect(eq(str, config->redis.username, "u"));
    cr_expect(eq(str, (char *)secret_text(config->redis.password), "hunter2"));
    cr_expect(eq(i64, config->redis.database, 7));
    cr_expect(eq(i64, config->redis.timeout_ms, 500));
    cr_assert(eq(sz, config->http.listener_count, 4));
    cr_expect(eq(str, config->http.listeners[1].address, "unix:/run/a.sock"));
    expect_below(config->http.listeners[2].certificate, "c.pem");
    cr_expect(eq(str, config->http.listeners[2].key, "/k.pem"));
    cr_expect(eq(sz, config->http.body_bytes_max, 1024));
    cr_expect(eq(sz, config->http.header_bytes_max, 2048));
    cr_expect(eq(sz, config->http.connections_max, 3));
    cr_expect(eq(sz, config->http.bodies_bytes_max, 2000000));
    cr_expect(eq(sz, config->http.replies_bytes_max, 3000000));
    cr_expect(eq(i64, config->http.idle_timeout_ms, 4000));
    cr_expect(eq(i64, config->http.request_timeout_ms, 5000));
    cr_expect(eq(i64, config->worker.slots, 64));
    cr_expect(eq(i64, config->worker.lease_ms, 3000));
    cr_expect(eq(i64, config->worker.kills_max, 1));
    cr_expect(eq(i64, config->worker.retries_max, 0));
    cr_expect(eq(sz, config->worker.retry_delay_count, 2));
    cr_expect(eq(i64, config->worker.retry_delays_s[1], 86400));
    cr_expect(eq(str, config->worker.restore_directories[0], "/var/restore"));
    cr_expect(eq(str, config->worker.restore_directories[1], "/srv/out"));
    cr_expect(config->worker.restore_directories[2] == NULL);
    cr_expect(eq(i64, config->worker.prune_after_deletes, 0));
    cr_expect(eq(i64, config->worker.prune_interval_s, 60));
    cr_expect(eq(i64, config->worker.prune_timeout_s, 1));
    cr_expect(eq(i64, config->worker.verify_interval_s, 0));
    cr_expect(eq(i64, config->worker.verify_sample, 100));
    cr_expect(eq(i64, config->worker.job_cpu_weight, 20));
    cr_expect(eq(i64, config->worker.job_io_weight, 10000));
    cr_expect(eq(i64, config->worker.job_memory_high_bytes, 1000000000));
    cr_expect(config_allows_target(config, "/var/restore/x"));
    cr_expect(not(config_allows_target(config, "/var/restored")));
    cr_expect(not(config_allows_target(config, "/var/restore/../x")));
}

static const char tenants[] =
    "node: web1\naccounts:\n"
    "  - id: " ID1 "\n    name: main\n    tokens:\n"
    "      - {name: ci, sha256: " HASH_A ", role: member}\n"
    "      - {name: ops, sha256: " HASH_B ", role: owner}\n"
    "  - id: " ID2 "\n    name: other\n"
    "    tokens: [{name: ci, sha256: " HASH_A ", role: viewer}]\n"
    "buckets:\n"
    "  - {name: a, account: main, provider: directory, path: /b/a, default: true}\n"
    "  - {name: a, account: " ID2 ", provider: directory, path: b, default: true}\n"
    "  - {name: shared, provider: directory, path: /b/s, default: false}\n";

Test(config, gives_accounts_and_tokens_their_ids_and_roles)
{
    CLEANUP(config_freep) struct config *config = load(tenants);

    const struct account *main_account = config_find_account(config, ID1);
    cr_assert(ne(ptr, (void *)main_account, NULL));
    cr_expect(eq(str, (char *)main_account->name, "main"));
    cr_assert(eq(sz, main_account->token_count, 2));
    const struct token *token = &main_account->tokens[0];
    cr_expect(eq(str, (char *)token->name, "ci"));
    cr_expect(eq(str, (char *)token->id, "168bbc06-696e-58c3-abf6-57d5a4cc5dc4"));
    cr_expect(eq(int, (int)token->role, (int)ROLE_MEMBER));
    cr_expect(eq(int, token->hash[0], 0));
    cr_expect(eq(int, token->hash[31], 31));
    cr_expect(eq(int, (int)main_account->tokens[1].role, (int)ROLE_OWNER));
    cr_expect(eq(int, (int)config_find_account(config, ID2)->tokens[0].role, (int)ROLE_VIEWER));
    cr_expect(eq(ptr, (void *)config_find_account(config, ID_NIL), NULL));
    cr_expect(eq(ptr, (void *)config_find_account(config, "main"), NULL), "by id only");
}

Test(config, takes_secrets_from_systemd)
{
    char path[128];
    scratch_shell(&scratch, "umask 077; mkdir credentials; echo secret >credentials/redis; "
                            "echo worker >credentials/user");
    (void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "credentials"));
    setenv("CREDENTIALS_DIRECTORY", path, 1);
    CLEANUP(config_freep)
    struct config *config = load("master_key_file: credential:key\n"
                                 "redis:\n"
                                 "  username: credential:user\n"
                                 "  password_file: credential:redis\n"
                                 "http:\n"
                                 "  listeners:\n"
                                 "    - address: 0.0.0.0:8443\n"
                                 "      certificate: credential:certificate\n"
                                 "      key: tls/key\n"
                                 "accounts:\n  - id: " ID1 "\n    name: main\n");

    cr_expect(eq(str, (char *)secret_text(config->redis.password), "secret"));
    expect_below(config->master_key_file, "credentials/key");
    expect_below(config->http.listeners[0].certificate, "credentials/certificate");
    expect_below(config->http.listeners[0].key, "tls/key");
}

Test(config, is_read_without_secrets_where_none_are_given)
{
    struct config *config = NULL;
    struct error err = {0};
    setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1);
    scratch_write(&scratch, "appbackup.yaml",
                  "redis:\n  username: credential:user\n  password_file: credential:redis\n"
                  "accounts:\n  - id: " ID1 "\n    name: main\n",
                  0644);
    const char *path = scratch_path(&scratch, "appbackup.yaml");

    cr_expect(not(config_may_read_secrets()));
    cr_expect(eq(int, (int)config_load(path, &config, &err), (int)STATUS_NOT_FOUND));
    cr_assert(eq(int, (int)config_load_public(path, &config, &err), (int)STATUS_OK), "%s",
              err.text);
    cr_expect(eq(ptr, (void *)config->redis.password, NULL));
    config_free(config);
    unsetenv("CREDENTIALS_DIRECTORY");
    cr_expect(config_may_read_secrets());
}

Test(config, takes_them_from_where_systemd_would_when_started_by_hand)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    CLEANUP(config_freep)
    struct config *config = load("master_key_file: credential:appbackup-test.none\n"
                                 "accounts:\n  - id: " ID1 "\n    name: main\n");

    cr_expect(eq(str, config->master_key_file, "/etc/credstore/appbackup-test.none"));
}

static const char s3_buckets[] = "accounts:\n"
                                 "  - id: " ID1 "\n"
                                 "    name: main\n"
                                 "buckets:\n"
                                 "  - name: amazon\n"
                                 "    provider: aws\n"
                                 "    region: eu-central-1\n"
                                 "    bucket_name: my.bucket\n"
                                 "    credentials_file: $CREDENTIALS_DIRECTORY/amazon\n"
                                 "  - name: own\n"
                                 "    provider: storagegrid-s3\n"
                                 "    server_url: https://grid:8082\n"
                                 "    bucket_name: nightly\n"
                                 "    prefix: backups/web1\n"
                                 "    path_style: false\n"
                                 "    ca_file: ca.pem\n"
                                 "    credentials_file: keys\n"
                                 "    upload_limit: 20000\n"
                                 "    compression: better\n"
                                 "    extra_verify: all\n";

Test(config, says_where_s3_buckets_are)
{
    CLEANUP(config_freep) struct config *config = load(s3_buckets);
    const struct bucket_definition *amazon = &config->buckets[0];
    const struct bucket_definition *own = &config->buckets[1];

    cr_expect(eq(int, (int)amazon->bucket.provider, (int)BUCKET_AWS));
    cr_expect(eq(str, (char *)amazon->bucket.server_url, "https://s3.eu-central-1.amazonaws.com"));
    cr_expect(eq(str, (char *)amazon->bucket.bucket_name, "my.bucket"));
    cr_expect(eq(str, amazon->s3.prefix, ""));
    cr_expect(eq(str, amazon->s3.credentials_file, "$CREDENTIALS_DIRECTORY/amazon"));
    cr_expect(eq(ptr, amazon->s3.ca_file, NULL));
    cr_expect(eq(ptr, amazon->path, NULL));
    cr_expect(not(amazon->s3.path_style));
    cr_expect(zero(i64, amazon->upload_limit));
    cr_expect(eq(int, (int)amazon->compression, (int)BUCKET_COMPRESSION_AUTO));
    cr_expect(eq(int, (int)amazon->extra_verify, (int)BUCKET_EXTRA_VERIFY_SAMPLE));
    cr_expect(eq(str, (char *)own->bucket.server_url, "https://grid:8082"));
    cr_expect(eq(str, own->s3.prefix, "backups/web1"));
    cr_expect(eq(str, own->s3.region, "us-east-1"));
    cr_expect(not(own->s3.path_style));
    expect_below(own->s3.ca_file, "ca.pem");
    expect_below(own->s3.credentials_file, "keys");
    cr_expect(eq(str, own->s3.cache_directory, "/var/lib/appbackup/cache"));
    cr_expect(eq(ptr, own->seen_directory, NULL));
    cr_expect(eq(i64, own->upload_limit, 20000));
    cr_expect(zero(i64, own->download_limit));
    cr_expect(eq(int, (int)own->compression, (int)BUCKET_COMPRESSION_BETTER));
    cr_expect(eq(int, (int)own->extra_verify, (int)BUCKET_EXTRA_VERIFY_ALL));
    cr_expect(zero(i64, own->bucket.jobs_max));
}

Test(config, gives_buckets_their_records)
{
    CLEANUP(config_freep) struct config *config = load(tenants);
    char id[ID_SIZE];
    bucket_id(ID1, "a", id);

    const struct bucket_definition *definition = config_find_bucket(config, id);

    cr_assert(ne(ptr, (void *)definition, NULL));
    cr_expect(eq(str, (char *)definition->path, "/b/a"));
    cr_expect(eq(str, definition->seen_directory, "/var/lib/appbackup/seen-buckets"));
    cr_expect(eq(str, (char *)definition->bucket.account, ID1));
    cr_expect(eq(str, (char *)definition->bucket.server_url, "file://web1"));
    cr_expect(eq(str, (char *)definition->bucket.bucket_name, "a"));
    cr_expect(eq(int, (int)definition->bucket.provider, (int)BUCKET_DIRECTORY));
    cr_expect(eq(int, (int)definition->bucket.state, (int)BUCKET_AVAILABLE));
    cr_expect(definition->bucket.is_default);
    expect_below(config->buckets[1].path, "b");
    bucket_id("", "shared", id);
    definition = config_find_bucket(config, id);
    cr_expect(eq(str, (char *)definition->bucket.account, ""));
    cr_expect(eq(int, definition->bucket.is_default, 0));
    cr_expect(eq(ptr, (void *)config_find_bucket(config, ID_NIL), NULL));
}

Test(config, takes_the_only_bucket_as_the_default_unless_told_otherwise)
{
#define ONE                   "accounts:\n  - {id: " ID1 ", name: main}\nbuckets:\n"
#define DIRECTORY(name, more) "  - {name: " name ", provider: directory, path: b" more "}\n"
    CLEANUP(config_freep) struct config *one = load(ONE DIRECTORY("a", ""));
    CLEANUP(config_freep) struct config *told = load(ONE DIRECTORY("a", ", default: false"));
    CLEANUP(config_freep) struct config *two = load(ONE DIRECTORY("a", "") DIRECTORY("b", ""));

    cr_expect(eq(int, one->buckets[0].bucket.is_default, 1));
    cr_expect(eq(int, told->buckets[0].bucket.is_default, 0));
    cr_expect(eq(int, two->buckets[0].bucket.is_default, 0));
    cr_expect(eq(int, two->buckets[1].bucket.is_default, 0));
}

Test(config, makes_paths_absolute_where_the_file_is_named_from_here)
{
    struct config *config = NULL;
    struct error err = {0};
    scratch_write(&scratch, "appbackup.yaml", "accounts:\n  - {id: " ID1 ", name: main}\n", 0600);
    cr_assert(eq(int, chdir(scratch.path), 0));

    cr_assert(eq(int, (int)config_load("appbackup.yaml", &config, &err), (int)STATUS_OK), "%s",
              err.text);

    expect_below(config->path, "appbackup.yaml");
    expect_below(config->apps_directory, "apps.d");
    config_free(config);
}

Test(config, may_be_a_symbolic_link)
{
    struct config *config = NULL;
    struct error err = {0};
    scratch_write(&scratch, "real.yaml", "accounts:\n  - {id: " ID1 ", name: main}\n", 0600);
    cr_assert(eq(int, symlink("real.yaml", scratch_path(&scratch, "link.yaml")), 0));

    cr_expect(eq(int, (int)config_load(scratch_path(&scratch, "link.yaml"), &config, &err),
                 (int)STATUS_OK),
              "%s", err.text);

    config_free(config);
    config_free(NULL);
}
