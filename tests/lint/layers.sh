#!/bin/sh
# Fail when a folder includes a header of a folder that it may not use: design in one table.
# Left: a folder of src/ and include/. Right: all that it may include besides itself.
set -eu
cd "$(dirname "$0")/../.."

allowed='
core:
model:      core
config:     core model
store:      core model
snapshot:   core model
hook:       core model
bucket:     core
repository: core bucket
stage:      core model snapshot hook repository bucket
service:    core
worker:     core model config store stage service
http:       core
api:        core model store http
ctl:        core model store config
'

status=0
for folder in src/*/ include/*/; do
    name=$(basename "$folder")
    [ "$name" = main ] && continue
    if ! printf '%s' "$allowed" | grep -q "^$name:"; then
        echo "$folder is in no row of the table in tests/lint/layers.sh"
        status=1
        continue
    fi
    may=$(printf '%s' "$allowed" | sed -n "s/^$name: *//p")
    for used in $(grep -rhoE '^#include "[a-z_]+/' "$folder" | sed 's/.*"//; s,/,,' | sort -u); do
        case " $name $may " in
        *" $used "*) ;;
        *)
            echo "$folder includes \"$used/...\", which $name may not use"
            status=1
            ;;
        esac
    done
done
exit $status
