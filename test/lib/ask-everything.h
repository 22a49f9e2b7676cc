// SPDX-License-Identifier: Apache-2.0
// Asks a snapshot everything that can be asked, so that a wrong number anywhere is used as such.
#pragma once
#include <pf-profiling.h>

// FALSE with an error when the bytes are no segment.
static inline gboolean ask_everything(GBytes *bytes, GError **error) {
    PfSnapshot *snapshot = pf_snapshot_new_from_bytes(bytes, PF_SNAPSHOT_RECENT, error);
    if (snapshot == NULL) {
        g_assert(error == NULL || *error != NULL);
        return FALSE;
    }
    g_autofree gchar *json = pf_snapshot_to_json(snapshot, NULL);
    g_autofree gchar *text = pf_snapshot_to_text(snapshot, NULL, 80, TRUE);
    g_assert(g_utf8_validate(json, -1, NULL));
    g_assert(g_utf8_validate(text, -1, NULL));
    const PfStats *messages = pf_snapshot_get_messages(snapshot);
    g_assert(messages->message_count == messages->sampled_count + messages->dropped_count);
    PfSnapshot *delta = pf_snapshot_delta(snapshot, snapshot, NULL);
    g_assert(delta != NULL);
    PfSnapshot *both[] = {snapshot, snapshot};
    PfSnapshot *sum = pf_snapshot_merge(both, 2);
    g_object_unref(sum);
    g_object_unref(delta);
    g_object_unref(snapshot);
    return TRUE;
}
