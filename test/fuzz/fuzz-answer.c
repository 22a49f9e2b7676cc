// SPDX-License-Identifier: Apache-2.0
// libFuzzer: what a collector answers to OTLP, as JSON where the first byte is odd.
// with: lib
#include "pf-otlp.h"
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) {
        g_autoptr(GString) answer = g_string_new_len((const gchar *)data + 1, (gssize)size - 1);
        g_autofree gchar *message = NULL;
        pf_otlp_rejected(answer, data[0] & 1, &message);
        g_assert(message == NULL || g_utf8_validate(message, -1, NULL));
    }
    return 0;
}
