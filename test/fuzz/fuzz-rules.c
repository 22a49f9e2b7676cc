// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any lines as a rules file, tried on a site whose names are those lines.  A line is a rule or an
// error that says why, never both.
// with: lib
#include "pf-rule.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    g_autofree gchar *text = g_strndup((const gchar *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 50);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;
        pf_rule *rule = pf_rule_parse(lines[i], "rules", i + 1, &error);
        if (rule != NULL && error != NULL) {
            abort();
        }
        if (rule != NULL) {
            const gchar *name = lines[(i + 1) % g_strv_length(lines)];
            PfSamplingStratum site = {
                .function = "write", .stream = name, .module = name, .template_text = name};
            pf_rule_matches(rule, &site);
            pf_rule_free(rule);
        }
    }
    return 0;
}
