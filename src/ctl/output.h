/* Output: results on stdout, as JSON for programs or as text for people. */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include "core/error.h"

#include <jansson.h>

#include <stdbool.h>

/* Prints one document, indented, with a newline behind it. */
enum status output_json(const json_t *json, struct error *err) MUST_CHECK;

/* An array whose elements come one by one. */
struct output_array {
    bool begun;
};

enum status output_array_add(struct output_array *array, const json_t *json, struct error *err)
    MUST_CHECK;
void output_array_end(struct output_array *array);

/* Was everything written? For the end of a program: a full disk or a closed pipe shows late. */
enum status output_flush(struct error *err) MUST_CHECK;

#endif
