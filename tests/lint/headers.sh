#!/bin/sh
# Each header compiles on its own: no reader has to guess what to include before it.
set -eu
cd "$(dirname "$0")/../.."

tests/lint/prepare
status=0
for header in $(find include src -name '*.h' | sort); do
    if ! printf '#include "%s"\n' "${header#include/}" |
        ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Iinclude -Ibuild/clang/generated \
            -I. -I"$(dirname "$header")" -x c -; then
        echo "$header does not compile alone"
        status=1
    fi
done
exit $status
