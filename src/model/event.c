#include "model/event.h"

#include <assert.h>

/* An id stands for one event for ever: filters and alarms are built on it. */
/* clang-format off */
static const struct log_message messages[EVENT_KIND_COUNT] = {
    [EVENT_BACKUP_REQUESTED] = {"a9fcccb8e551e8a6b7f5b140fa9e53af", "backup requested"},
    [EVENT_BACKUP_CANCEL_REQUESTED] = {"3a972364cf54a174daf7766514ed5282", "cancel of a backup requested"},
    [EVENT_BACKUP_DELETE_REQUESTED] = {"29f8b9f1eab610cec808a205bc5e875d", "deletion of a backup requested"},
    [EVENT_TASK_REQUESTED] = {"15f3bfed4a87858df7b10f1b863cbc34", "task requested"},
    [EVENT_JOB_CLAIMED] = {"9f83a9a55a9fae1f101739e133067d62", "job claimed"},
    [EVENT_JOB_STARTED] = {"af681e577b0edd43ede203f7436cd515", "job starts"},
    [EVENT_STAGE_STARTED] = {"0843c869a0891fd82105ede54b3bb122", "stage starts"},
    [EVENT_STAGE_ENDED] = {"459fbd6b5bd779cee424028b623682b2", "stage ends"},
    [EVENT_SNAPSHOT_PLANNED] = {"44d3878d40404464b36dda4c051841a6", "snapshot planned"},
    [EVENT_HOOK_ENDED] = {"9146824a2a8a8d166e48c930eb75209c", "hook has run"},
    [EVENT_HOOK_FAILED] = {"a31906703f31ceb3c43722d141c0f0d7", "hook failed"},
    [EVENT_WARNING] = {"7b19f75e8112cf6400e0ec6f28cfef7d", "job goes on with a warning"},
    [EVENT_JOB_COMPLETED] = {"bc6596ff7facddc5261e4482d2b2e229", "job completed"},
    [EVENT_JOB_FAILED] = {"89df6b618076f455b78a02a8e96c89f4", "job failed"},
    [EVENT_JOB_CANCELED] = {"b786fa9e5322cc85cfd4480bf7ef11c3", "job canceled"},
    [EVENT_JOB_RETRIED] = {"58ddf1e5b721df3ac21130b73bb61436", "job failed, will be retried"},
    [EVENT_JOB_RELEASED] = {"f2762e1de21cf961b5745fb0e10c7e6f", "job handed back"},
    [EVENT_JOB_LOST] = {"da8acaabae96e1a215213b004770463b", "job's lease lost, stopping it"},
    [EVENT_JOB_DIED] = {"8ce22641d3cb704d474cf8d12f8a914f", "job died"},
    [EVENT_JOB_QUARANTINED] = {"4343a803b81467ece930b583bf9c20e5", "job died once too often, now in quarantine"},
    [EVENT_JOB_HANGS] = {"96c4316d2dd5fd0e089ed9b317809ef8", "the job hangs beyond its deadline"},
    [EVENT_LEASE_LATE] = {"020a57d982295073a54d5b50e3b951f9", "lease not renewed, trying again"},
    [EVENT_LEASE_RENEWED] = {"160957eb560b3cc1888f6837c3ea74f1", "lease renewed again"},
    [EVENT_UNWOUND] = {"b3937c30d9da6f739b75d1acb1d37201", "unwound what dead jobs left"},
    [EVENT_UNWIND_FAILED] = {"1559fc9c2b336b407ac788c840dbd2a0", "not all that a dead job left is unwound"},
    [EVENT_WORKER_STARTED] = {"15cad296bfa5664728c3af188fd858ac", "worker started"},
    [EVENT_WORKER_STOPPING] = {"3641b66c9da526885b83d1df4380b729", "worker stopping"},
    [EVENT_WORKER_STOPPED] = {"e0980180b79ed480d0f5bf90cbf55199", "worker stopped"},
    [EVENT_FRONT_END_STARTED] = {"273648d77880f66c0c320fa794b12b32", "appbackupd is up"},
    [EVENT_FRONT_END_STOPPING] = {"22ec9f67603e537fe152975b98c61ca7", "appbackupd stopping"},
    [EVENT_FRONT_END_STOPPED] = {"de8e1b94852fa9b25325e5d432961555", "appbackupd has stopped"},
    [EVENT_START_FAILED] = {"8928c140e01835fdc6cf4e39defbb1ec", "cannot start"},
    [EVENT_CONFIG_REFUSED] = {"a59f2bd83ca35abaa347300114b6be1c", "configuration not usable"},
    [EVENT_CONFIG_READ] = {"22630ecf9b6f5330ab4b99d72ac449f9", "configuration read again"},
    [EVENT_BUCKET_FAILED] = {"0a2485044f30faccc98f4601643205b1", "bucket not usable"},
    [EVENT_REDIS_LOST] = {"8b55aedb5c04ea47118ad472155cca4e", "Redis lost, trying again"},
    [EVENT_REDIS_BACK] = {"1bdb54f4c6d713c441d9c4dc05db281f", "Redis is back"},
    [EVENT_REDIS_UNSAFE] = {"358eba043a2be7ebd13087f7f7f26dc0", "Redis is not safe, going on, not ready"},
    [EVENT_REDIS_SAFE] = {"cf961ffe037669a14d7b2482872bb5d7", "Redis is safe again"},
    [EVENT_CATALOG_EMPTY] = {"3675900cf74dd093924119df45fa2b7b", "no record of any backup, reading the bucket"},
    [EVENT_TOKEN_REFUSED] = {"f938ef4bd7d6fd7b9dc6f265c2455e2b", "token refused"},
    [EVENT_REQUEST_FAILED] = {"9dc12fa6a80a4b2c3b5ded45f09f0f38", "request failed"},
    [EVENT_SERVICE_FAULT] = {"92453d8030d9f54f015b2dfd5ca0b155", "no sign of life to the service manager until it is mended"},
};

/* clang-format on */

const struct log_message *event_message(enum event_kind kind)
{
    assert((unsigned)kind < EVENT_KIND_COUNT);
    return &messages[kind];
}
