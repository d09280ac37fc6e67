/* Every way in which appbackup.yaml can be wrong, with the exact text that the operator gets. */
#include "config/config.h"
#include "tests/support/scratch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCOUNT                                      \
    "accounts:\n"                                    \
    "  - id: 5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f\n" \
    "    name: main\n"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define TOKEN(name, hash, role) \
    "      - name: " name "\n        sha256: " hash "\n        role: " role "\n"
#define S3(provider) "  - name: a\n    provider: " provider "\n"
#define PREFIX_EXPECTED                                                                    \
    "1 to 256 characters of a-z, A-Z, 0-9, '.', '_', '-' and single '/' between them are " \
    "expected"
#define BUCKET(name)    "  - name: " name "\n    provider: directory\n    path: b\n"
#define UUID_EXPECTED   "a UUID of version 4 or 5 in lower case is expected, not "
#define LABEL_EXPECTED  "1 to 63 characters of a-z, 0-9 and '-', with no '-' at either end, not "
#define SHA256_EXPECTED "the SHA-256 of the token is expected: 64 digits 0-9 and a-f"
#define LISTEN(address) "http:\n  listeners:\n    - address: " address "\n"
#define LISTEN_EXPECTED "'IP:port', '[IPv6]:port' or 'unix:/path' is expected, not "
#define CLEAR                                                                        \
    "without it, only 127.0.0.0/8, [::1] and unix sockets may listen, since tokens " \
    "would go in clear"

/* The text stands behind the file's path. */
static const struct {
    const char *yaml, *text;
} cases[] = {
    {"worker:\n  retry_delays_s: [5, 86401]\n" ACCOUNT,
     ":2: worker.retry_delays_s[1]: a number from 0 to 86400 is expected, not '86401'"},
    {"worker:\n  retry_delays_s: [soon]\n" ACCOUNT,
     ":2: worker.retry_delays_s[0]: a number from 0 to 86400 is expected, not 'soon'"},
    /* not YAML, or not ours */
    {"a: [\n", ":2: not YAML: while parsing a flow node, did not find expected node content"},
    {"node: \"x\n", ":2: not YAML: while scanning a quoted scalar, found unexpected end of stream"},
    {"node: a\nredis:\n\taddress: x\n", ":3: not YAML: while scanning for the next token, found "
                                        "character that cannot start any token"},
    {"# \n# \nnode: \xff\n", ":3: not YAML: invalid leading UTF-8 octet"},
    {"", ":1: keys with values are expected"},
    {"# nothing\n", ":1: keys with values are expected"},
    {"- a\n", ":1: keys with values are expected"},
    {"abc\n", ":1: keys with values are expected"},
    {ACCOUNT "---\nnode: a\n", ":4: one document is expected, not a second"},
    {"node: &a x\nstate_directory: *a\n", ":2: aliases are not supported"},
    {"? [a]\n: b\n", ":1: a key must be plain text"},
    {"a:\n  b: [[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]\n", ":2: nested too deeply"},
    {ACCOUNT "node: \"a\\0b\"\n", ":4: text without NUL characters is expected"},
    /* keys */
    {ACCOUNT "redis:\n  adress: x\n", ":5: redis.adress: unknown key, expected one of: address, "
                                      "username, password_file, database, timeout_ms"},
    {ACCOUNT "redis:\n  database: 1\n\n  zzz: x\n",
     ":7: redis.zzz: unknown key, expected one of: address, username, password_file, database, "
     "timeout_ms"},
    {"colour: red\n" ACCOUNT,
     ":1: colour: unknown key, expected one of: node, state_directory, "
     "apps_directory, tokens_directory, master_key_file, redis, http, worker, accounts, "
     "buckets"},
    {ACCOUNT "worker:\n  restore_directories: [/a, b]\n",
     ":5: worker.restore_directories[1]: an absolute path without '..' is expected, not 'b'"},
    {"node: a\n", ":1: accounts: required, but missing"},
    {"node: a\n" ACCOUNT "  - name: second\n    tokens: []\n",
     ":5: accounts[1].id: required, but missing"},
    {ACCOUNT "    tokens:\n      - role: owner\n        name: a\n",
     ":5: accounts[0].tokens[0].sha256: required, but missing"},
    {ACCOUNT "node: a\nworker: {}\nnode: b\n", ":6: node: given twice"},
    {ACCOUNT "worker:\n  slots: 1\n  lease_ms: 4000\n  slots: 1\n",
     ":7: worker.slots: given twice"},
    /* kinds of values */
    {"accounts: []\n", ":1: accounts: a list of 1 to 1024 entries is expected"},
    {"accounts: 3\n", ":1: accounts: a list of 1 to 1024 entries is expected"},
    {"accounts:\n  - x\n", ":2: accounts[0]: keys with values are expected"},
    {ACCOUNT "redis: 3\n", ":4: redis: keys with values are expected"},
    {ACCOUNT "node:\n", ":4: node: text of 1 to 4095 bytes is expected"},
    {ACCOUNT "node: {a: b}\n", ":4: node: text of 1 to 4095 bytes is expected"},
    {ACCOUNT "worker:\n  slots: [1]\n", ":5: worker.slots: a number of 1 to 19 digits is expected"},
    {ACCOUNT "worker:\n  slots: 00000000000000000001\n",
     ":5: worker.slots: a number of 1 to 19 digits is expected"},
    {ACCOUNT LISTEN("127.0.0.1:1") "    - {address: '127.0.0.1:2', colour: red}\n",
     ":7: http.listeners[1].colour: unknown key, expected one of: address, certificate, key"},
    /* numbers */
    {ACCOUNT "worker:\n  slots: 0\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not '0'"},
    {ACCOUNT "worker: {slots: 65}\n",
     ":4: worker.slots: a number from 1 to 64 is expected, not '65'"},
    {ACCOUNT "worker:\n  slots: 1.5\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not '1.5'"},
    {ACCOUNT "worker:\n  slots: -1\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not '-1'"},
    {ACCOUNT "worker:\n  slots: 0x2\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not '0x2'"},
    {ACCOUNT "worker:\n  slots: 2k\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not '2k'"},
    {ACCOUNT "http:\n  body_bytes_max: 9999999999999999999\n",
     ":5: http.body_bytes_max: a number from 1024 to 16777216 is expected, not "
     "'9999999999999999999'"},
    {ACCOUNT "worker:\n  slots: ' 2'\n",
     ":5: worker.slots: a number from 1 to 64 is expected, not ' 2'"},
    /* node */
    {ACCOUNT "node: Web_1\n",
     ":4: node: a host name of a-z, 0-9, '-' and '.' is expected, not 'Web_1'"},
    /* redis */
    {ACCOUNT "redis:\n  address: localhost\n",
     ":5: redis.address: 'unix:/path' or 'host:port' is expected, not 'localhost'"},
    {ACCOUNT "redis:\n  address: unix:run/redis\n",
     ":5: redis.address: 'unix:/path' or 'host:port' is expected, not 'unix:run/redis'"},
    {ACCOUNT "redis:\n  address: localhost:65536\n",
     ":5: redis.address: 'unix:/path' or 'host:port' is expected, not 'localhost:65536'"},
    {ACCOUNT "redis:\n  username: a\n",
     ":4: redis.password_file: required with redis.username, but missing"},
    /* listeners */
    {ACCOUNT "http:\n  listeners: []\n",
     ":5: http.listeners: a list of 1 to 16 entries is expected"},
    {ACCOUNT LISTEN("localhost:80"),
     ":6: http.listeners[0].address: " LISTEN_EXPECTED "'localhost:80'"},
    {ACCOUNT LISTEN("'8080'"), ":6: http.listeners[0].address: " LISTEN_EXPECTED "'8080'"},
    {ACCOUNT LISTEN("127.0.0.1:0"),
     ":6: http.listeners[0].address: " LISTEN_EXPECTED "'127.0.0.1:0'"},
    {ACCOUNT LISTEN("127.0.0.1:70000"),
     ":6: http.listeners[0].address: " LISTEN_EXPECTED "'127.0.0.1:70000'"},
    {ACCOUNT LISTEN("'::1:80'"), ":6: http.listeners[0].address: " LISTEN_EXPECTED "'::1:80'"},
    {ACCOUNT LISTEN("'[127.0.0.1]:80'"),
     ":6: http.listeners[0].address: " LISTEN_EXPECTED "'[127.0.0.1]:80'"},
    {ACCOUNT LISTEN("unix:here"), ":6: http.listeners[0].address: " LISTEN_EXPECTED "'unix:here'"},
    {ACCOUNT LISTEN("0.0.0.0:80"),
     ":6: http.listeners[0].certificate: required for '0.0.0.0:80': " CLEAR},
    {ACCOUNT LISTEN("127.0.0.1:80") "    - address: '[::]:80'\n",
     ":7: http.listeners[1].certificate: required for '[::]:80': " CLEAR},
    {ACCOUNT LISTEN("'[::ffff:127.0.0.1]:80'"),
     ":6: http.listeners[0].certificate: required for '[::ffff:127.0.0.1]:80': " CLEAR},
    {ACCOUNT LISTEN("0.0.0.0:80") "      certificate: c\n",
     ":6: http.listeners[0].key: required with certificate, but missing"},
    {ACCOUNT LISTEN("127.0.0.1:80") "      key: c\n",
     ":6: http.listeners[0].certificate: required with key, but missing"},
    {ACCOUNT LISTEN("127.0.0.1:80") "    - address: 127.0.0.1:80\n",
     ":7: http.listeners[1].address: '127.0.0.1:80' is that of http.listeners[0] already"},
    /* accounts and tokens */
    {"accounts:\n  - id: 5A8CBF4E-7D5B-4F44-9B4E-0D8E9B1C2D3F\n    name: a\n",
     ":2: accounts[0].id: " UUID_EXPECTED "'5A8CBF4E-7D5B-4F44-9B4E-0D8E9B1C2D3F'"},
    {"accounts:\n  - id: main\n    name: a\n", ":2: accounts[0].id: " UUID_EXPECTED "'main'"},
    {"accounts:\n  - id: " ID_NIL "\n    name: a\n",
     ":2: accounts[0].id: " UUID_EXPECTED "'" ID_NIL "'"},
    {"accounts:\n  - name: Main\n    id: 5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f\n",
     ":2: accounts[0].name: " LABEL_EXPECTED "'Main'"},
    {ACCOUNT "  - id: 5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f\n    name: b\n",
     ":4: accounts[1].id: '5a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f' is the id of accounts[0] already"},
    {ACCOUNT "  - id: 6a8cbf4e-7d5b-4f44-9b4e-0d8e9b1c2d3f\n    name: main\n",
     ":5: accounts[1].name: 'main' is the name of accounts[0] already"},
    {ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A, "king"),
     ":7: accounts[0].tokens[0].role: expected one of: viewer, member, admin, owner"},
    {ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A, "3"),
     ":7: accounts[0].tokens[0].role: expected one of: viewer, member, admin, owner"},
    {ACCOUNT "    tokens:\n" TOKEN("ci", "abcd", "owner"),
     ":6: accounts[0].tokens[0].sha256: " SHA256_EXPECTED},
    {ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A "00", "owner"),
     ":6: accounts[0].tokens[0].sha256: " SHA256_EXPECTED},
    {ACCOUNT "    tokens:\n" TOKEN(
         "ci", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "owner"),
     ":6: accounts[0].tokens[0].sha256: " SHA256_EXPECTED},
    {ACCOUNT "    tokens:\n" TOKEN("C I", HASH_A, "owner"),
     ":5: accounts[0].tokens[0].name: " LABEL_EXPECTED "'C I'"},
    {ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A, "owner") TOKEN("ci", HASH_B, "owner"),
     ":8: accounts[0].tokens[1].name: 'ci' is the name of tokens[0] already"},
    {ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A, "owner") TOKEN("cd", HASH_A, "owner"),
     ":9: accounts[0].tokens[1].sha256: this is the token of tokens[0] already"},
    /* buckets */
    {ACCOUNT "buckets:\n  - name: a\n    provider: s3\n    path: b\n",
     ":6: buckets[0].provider: expected one of: directory, generic-s3, aws, storagegrid-s3, "
     "ontap-s3"},
    {ACCOUNT "buckets:\n  - name: a\n    provider: directory\n",
     ":5: buckets[0].path: required, but missing"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    region: b\n",
     ":8: buckets[0].region: not a setting of provider 'directory'"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    upload_limit: 100\n",
     ":8: buckets[0].upload_limit: a number from 16384 to 1000000000000 is expected, not '100'"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    compression: max\n",
     ":8: buckets[0].compression: expected one of: auto, fast, better, off"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    extra_verify: none\n",
     ":8: buckets[0].extra_verify: expected one of: sample, all"},
    {ACCOUNT "buckets:\n" S3("generic-s3") "    path: /b\n",
     ":7: buckets[0].path: not a setting of provider 'generic-s3'"},
    {ACCOUNT "buckets:\n" S3("generic-s3"), ":5: buckets[0].server_url: required, but missing"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: https://host/path\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://host/path'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: https://u:p@host\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://u:p@host'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: https://host:99999\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://host:99999'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: 'https://host:'\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://host:'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: https://:9000\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://:9000'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: https://a:b:9000\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://a:b:9000'"},
    {ACCOUNT "buckets:\n" S3("ontap-s3") "    server_url: 'https://[::1]:0'\n",
     ":7: buckets[0].server_url: 'https://host[:port]' is expected, not 'https://[::1]:0'"},
    {ACCOUNT "buckets:\n" S3("aws"), ":5: buckets[0].bucket_name: required, but missing"},
    {ACCOUNT "buckets:\n" S3("aws") "    bucket_name: a/b\n",
     ":7: buckets[0].bucket_name: 1 to 63 characters of a-z, A-Z, 0-9, '.', '_' and '-' are "
     "expected"},
    {ACCOUNT "buckets:\n" S3("aws") "    bucket_name: b\n",
     ":5: buckets[0].credentials_file: required, but missing"},
    {ACCOUNT "buckets:\n" S3("aws") "    prefix: a//b\n",
     ":7: buckets[0].prefix: " PREFIX_EXPECTED},
    {ACCOUNT "buckets:\n" S3("aws") "    prefix: a/../b\n",
     ":7: buckets[0].prefix: " PREFIX_EXPECTED},
    {ACCOUNT "buckets:\n" S3("aws") "    region: a b\n",
     ":7: buckets[0].region: 1 to 64 characters of a-z, 0-9 and '-' are expected"},
    {ACCOUNT "buckets:\n" BUCKET("A"), ":5: buckets[0].name: " LABEL_EXPECTED "'A'"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    account: other\n",
     ":8: buckets[0].account: the name or id of an account is expected, not 'other'"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    default: yes\n",
     ":8: buckets[0].default: expected one of: false, true"},
    {ACCOUNT "buckets:\n" BUCKET("a") BUCKET("a") "    account: main\n",
     ":8: buckets[1].name: 'a' is the name of buckets[0] already, which the same account may use"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    default: true\n" BUCKET("b") "    default: true\n",
     ":12: buckets[1].default: one default bucket per account is expected, and buckets[0] is one "
     "already"},
    {ACCOUNT "buckets:\n" BUCKET("a") "    default: true\n    account: main\n" BUCKET(
         "b") "    default: true\n",
     ":13: buckets[1].default: one default bucket per account is expected, and buckets[0] is one "
     "already"},
};

static struct scratch scratch;

static void set_up(void)
{
    scratch_open(&scratch);
}

static void tear_down(void)
{
    scratch_close(&scratch);
}

TestSuite(config_load, .init = set_up, .fini = tear_down);

static enum status load(struct error *err)
{
    struct config *config = NULL;
    enum status status = config_load(scratch_path(&scratch, "appbackup.yaml"), &config, err);
    cr_expect(status == STATUS_OK || config == NULL);
    config_free(config);
    return status;
}

static void expect_text(const struct error *err, const char *text)
{
    char expected[ERROR_TEXT_MAX + 64];
    (void)snprintf(expected, sizeof(expected), "%s%s", scratch_path(&scratch, "appbackup.yaml"),
                   text);
    cr_expect(eq(str, (char *)err->text, expected));
}

Test(config_load, refuses_with_file_line_key_and_what_was_expected)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        scratch_write(&scratch, "appbackup.yaml", cases[i].yaml, 0600);
        cr_expect(eq(int, (int)load(&err), (int)STATUS_INVALID), "%s", cases[i].text);
        expect_text(&err, cases[i].text);
    }
}

Test(config_load, refuses_a_file_that_is_not_there)
{
    struct error err = {0};

    cr_expect(eq(int, (int)load(&err), (int)STATUS_NOT_FOUND));
    expect_text(&err, ": open: No such file or directory");
}

Test(config_load, refuses_a_directory)
{
    struct error err = {0};
    scratch_shell(&scratch, "mkdir appbackup.yaml");

    cr_expect(eq(int, (int)load(&err), (int)STATUS_INVALID));
    expect_text(&err, ": a regular file is expected");
}

Test(config_load, does_not_hang_on_a_fifo)
{
    struct error err = {0};
    scratch_shell(&scratch, "mkfifo -m 600 appbackup.yaml");

    cr_expect(eq(int, (int)load(&err), (int)STATUS_INVALID));
    expect_text(&err, ": a regular file is expected");
}

Test(config_load, refuses_a_file_that_others_may_write)
{
    static const int modes[] = {0620, 0602, 0666};
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        char expected[128];
        (void)snprintf(expected, sizeof(expected),
                       ": others may write to it (mode %04o): chmod go-w it", (unsigned)modes[i]);
        scratch_write(&scratch, "appbackup.yaml", ACCOUNT, modes[i]);

        cr_expect(eq(int, (int)load(&err), (int)STATUS_FORBIDDEN));
        expect_text(&err, expected);
    }
}

Test(config_load, refuses_a_file_of_somebody_else)
{
    struct error err = {0};
    scratch_write(&scratch, "appbackup.yaml", ACCOUNT, 0644);
    if (geteuid() == 0) {
        cr_assert(eq(int, chown(scratch_path(&scratch, "appbackup.yaml"), 12345, 0), 0));
        cr_expect(eq(int, (int)load(&err), (int)STATUS_FORBIDDEN));
        expect_text(&err, ": it must belong to root or to us, not to user 12345");
    } else {
        struct config *config = NULL;
        cr_expect(ne(int, (int)config_load("/proc/1/environ", &config, &err), (int)STATUS_OK));
    }
}

Test(config_load, refuses_a_file_over_the_limit)
{
    struct error err = {0};
    scratch_write(&scratch, "appbackup.yaml", ACCOUNT, 0600);
    cr_assert(eq(int, truncate(scratch_path(&scratch, "appbackup.yaml"), 1024 * 1024 + 1), 0));

    cr_expect(eq(int, (int)load(&err), (int)STATUS_TOO_LARGE));
    expect_text(&err, ": more than 1048576 bytes");
}

Test(config_load, refuses_more_keys_than_the_limit)
{
    struct error err = {0};
    scratch_shell(&scratch, "umask 077; yes -- '- x' | head -n 65537 >appbackup.yaml");

    cr_expect(eq(int, (int)load(&err), (int)STATUS_INVALID));
    expect_text(&err, ": at most 65536 keys are expected");
}

Test(config_load, refuses_a_password_file_that_is_not_there)
{
    struct error err = {0};
    char expected[256];
    scratch_write(&scratch, "appbackup.yaml", ACCOUNT "redis:\n  password_file: gone\n", 0600);

    cr_expect(eq(int, (int)load(&err), (int)STATUS_NOT_FOUND));
    (void)snprintf(expected, sizeof(expected),
                   ":5: redis.password_file: secret '%s': No such file or directory",
                   scratch_path(&scratch, "gone"));
    expect_text(&err, expected);
}

Test(config_load, refuses_an_empty_password_file)
{
    struct error err = {0};
    char expected[256];
    scratch_write(&scratch, "appbackup.yaml", ACCOUNT "redis:\n  password_file: p\n", 0600);
    scratch_write(&scratch, "p", "\n", 0600);

    cr_expect(eq(int, (int)load(&err), (int)STATUS_INVALID));
    (void)snprintf(expected, sizeof(expected), ":5: redis.password_file: secret '%s': it is empty",
                   scratch_path(&scratch, "p"));
    expect_text(&err, expected);
}

Test(config_load, refuses_a_password_file_that_others_may_read)
{
    struct error err = {0};
    char expected[256];
    scratch_write(&scratch, "appbackup.yaml", ACCOUNT "redis:\n  password_file: p\n", 0600);
    scratch_write(&scratch, "p", "hunter2\n", 0604);

    cr_expect(eq(int, (int)load(&err), (int)STATUS_FORBIDDEN));
    (void)snprintf(expected, sizeof(expected),
                   ":5: redis.password_file: secret '%s': others may use it (mode 0604): chmod o= "
                   "it",
                   scratch_path(&scratch, "p"));
    expect_text(&err, expected);
}

Test(config_load, survives_any_truncation_of_a_good_file)
{
    static const char yaml[] = ACCOUNT "    tokens:\n" TOKEN("ci", HASH_A, "owner")
        LISTEN("'[::1]:80'") "buckets:\n" BUCKET("a") "    default: true\n";
    for (size_t len = 0; len < sizeof(yaml) - 1; len++) {
        struct error err = {0};
        char text[sizeof(yaml)];
        memcpy(text, yaml, len);
        text[len] = '\0';
        scratch_write(&scratch, "appbackup.yaml", text, 0600);
        enum status status = load(&err);
        cr_expect(status == STATUS_OK || (status == STATUS_INVALID && *err.text != '\0'));
    }
}
