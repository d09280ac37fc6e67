/* The body of a POST, from its bytes on; and the same bytes as the fields of a damaged record. */
#include "core/json.h"
#include "model/app.h"
#include "model/backup.h"
#include "model/bucket.h"
#include "model/job.h"
#include "model/node.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Whatever was refused, the reason goes to the caller as JSON. */
static void require_text(const struct error *err)
{
    json_t *text = json_string(err->text);
    if (text == NULL || *err->text == '\0')
        abort();
    json_decref(text);
}

static void read_request(const char *bytes, size_t len)
{
    struct error err = {0};
    json_t *body = NULL;
    struct backup_request request = {0};
    if (json_read(bytes, len, &body, &err) != STATUS_OK)
        return;
    if (backup_request_read(body, &request, &err) != STATUS_OK) {
        require_text(&err);
    } else {
        if (*request.name != '\0' && !name_is_label(request.name))
            abort();
        if (*request.bucket != '\0' && !id_is_valid(request.bucket))
            abort();
        backup_request_done(&request);
    }
    json_decref(body);
}

/* A record that could be read can be shown. */
static void show(const struct backup *backup)
{
    struct error err = {0};
    json_t *json = NULL;
    if (backup_to_json(backup, &json, &err) != STATUS_OK)
        abort();
    char *text = json_write(json);
    if (text == NULL)
        abort();
    free(text);
    json_decref(json);
}

static void set_everywhere(struct backup *backup, const char *field, const char *value)
{
    struct error err = {0};
    struct app app = {0};
    struct node node = {0};
    struct job job = {0};
    struct bucket bucket = {0};
    if (backup_set_field(backup, field, value, &err) != STATUS_OK ||
        app_set_field(&app, field, value, &err) != STATUS_OK ||
        node_set_field(&node, field, value, &err) != STATUS_OK ||
        job_set_field(&job, field, value, &err) != STATUS_OK ||
        bucket_set_field(&bucket, field, value, &err) != STATUS_OK)
        require_text(&err);
    bucket_done(&bucket);
}

/* The input as lines "field=value". */
static void read_record(char *text)
{
    struct error err = {0};
    struct backup backup;
    if (backup_init(&backup, &err) != STATUS_OK)
        abort();
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *equals = strchr(line, '=');
        if (equals == NULL)
            continue;
        *equals = '\0';
        set_everywhere(&backup, line, equals + 1);
    }
    show(&backup);
    backup_done(&backup);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = malloc(len + 1);
    if (text == NULL)
        return 0;
    memcpy(text, bytes, len);
    text[len] = '\0';
    read_request(text, len);
    read_record(text);
    free(text);
    return 0;
}
