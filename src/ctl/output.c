#include "output.h"

#include <stdio.h>

static enum status dump(const json_t *json, struct error *err)
{
    if (json_dumpf(json, stdout, JSON_INDENT(2)) != 0)
        return FAIL(err, STATUS_INTERNAL, "stdout: the JSON could not be written");
    return STATUS_OK;
}

enum status output_json(const json_t *json, struct error *err)
{
    if (dump(json, err) != STATUS_OK)
        return error_status(err);
    (void)fputc('\n', stdout);
    return STATUS_OK;
}

enum status output_array_add(struct output_array *array, const json_t *json, struct error *err)
{
    (void)fputs(array->begun ? ",\n" : "[\n", stdout);
    array->begun = true;
    return dump(json, err);
}

void output_array_end(struct output_array *array)
{
    (void)fputs(array->begun ? "\n]\n" : "[]\n", stdout);
}

enum status output_flush(struct error *err)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return FAIL_ERRNO(err, "stdout");
    return STATUS_OK;
}
