#include "model/app.h"
#include "raw.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A section or list that may be absent or empty. */
#define OPTIONAL (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL)

/* NOLINTBEGIN(bugprone-macro-parentheses): a member cannot be parenthesised */
#define TEXT(key, type, member)                                                            \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1, \
                           TEXT_BYTES_MAX)
#define TEXTS(key, flags, type, member, entry, min, max)                              \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | (flags), type, member.items, \
                               member.count, entry, min, max)

/* NOLINTEND(bugprone-macro-parentheses) */

static const cyaml_strval_t booleans[] = {{"false", RAW_FALSE}, {"true", RAW_TRUE}};
static const cyaml_strval_t outcomes[] = {{"continue", RAW_CONTINUE}, {"abort", RAW_ABORT}};
static const cyaml_strval_t concurrent[] = {{"queue", RAW_QUEUE}, {"refuse", RAW_REFUSE}};
static const cyaml_strval_t drivers[] = {
    {"auto", 1 + APP_SNAPSHOT_AUTO},
    {"btrfs", 1 + APP_SNAPSHOT_BTRFS},
    {"reflink", 1 + APP_SNAPSHOT_REFLINK},
    {"none", 1 + APP_SNAPSHOT_NONE},
};

static const cyaml_schema_value_t text_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, TEXT_BYTES_MAX),
};
static const cyaml_schema_value_t pattern_schema = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, EXCLUDE_BYTES_MAX),
};

static const cyaml_schema_field_t hook_fields[] = {
    TEXT("name", struct raw_hook, name),
    TEXTS("command", CYAML_FLAG_DEFAULT, struct raw_hook, command, &text_schema, 1, ARGUMENTS_MAX),
    TEXT("user", struct raw_hook, user),
    CYAML_FIELD_STRING_PTR("timeout_s", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_hook,
                           timeout_s, 1, NUMBER_DIGITS_MAX),
    CYAML_FIELD_ENUM("on_failure", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_hook,
                     on_failure, outcomes, COUNT_OF(outcomes)),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t hook_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_hook, hook_fields),
};

/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define HOOKS(stage)                                                                          \
    CYAML_FIELD_SEQUENCE_COUNT(#stage, OPTIONAL, struct raw_stages, stage.items, stage.count, \
                               &hook_schema, 0, HOOKS_MAX)
/* NOLINTEND(bugprone-macro-parentheses) */

static const cyaml_schema_field_t stage_fields[] = {
    HOOKS(pre_backup),  HOOKS(pre_snapshot), HOOKS(post_snapshot), HOOKS(post_backup),
    HOOKS(pre_restore), HOOKS(post_restore), CYAML_FIELD_END,
};

static const cyaml_schema_field_t app_fields[] = {
    TEXT("name", struct raw_app, name),
    TEXT("account", struct raw_app, account),
    TEXTS("volumes", CYAML_FLAG_DEFAULT, struct raw_app, volumes, &text_schema, 1, VOLUMES_MAX),
    TEXTS("excludes", OPTIONAL, struct raw_app, excludes, &pattern_schema, 0, EXCLUDES_MAX),
    CYAML_FIELD_ENUM("exclude_caches", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_app,
                     exclude_caches, booleans, COUNT_OF(booleans)),
    CYAML_FIELD_ENUM("snapshot", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_app, snapshot,
                     drivers, COUNT_OF(drivers)),
    CYAML_FIELD_ENUM("concurrent_backups", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct raw_app,
                     concurrent_backups, concurrent, COUNT_OF(concurrent)),
    CYAML_FIELD_MAPPING_PTR("hooks", OPTIONAL, struct raw_app, hooks, stage_fields),
    CYAML_FIELD_END,
};
const cyaml_schema_value_t raw_app_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_app, app_fields),
};
