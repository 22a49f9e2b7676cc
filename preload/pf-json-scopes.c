// SPDX-License-Identifier: Apache-2.0
// The JSON of profiled scopes.
#include "pf-json.h"

// Profiled functions, scopes and spans; of spans, how many have begun and not ended.
void pf_json_scopes(struct pf_out *out, const struct pf_summary *summary) {
    static const char *const kinds[] = {"function", "scope", "type", "object", "span"};
    pf_json_name(out, "scopes");
    pf_out(out, "[");
    for (size_t i = 0; i < summary->scope_count; i++) {
        const struct pf_group *group = &summary->scopes[i];
        const struct pf_stats *stats = &group->stats;
        const struct pf_scope *scope = pf_summary_scope(summary, group->first->site);
        unsigned kind = scope != NULL ? scope->kind : 0;
        double share;
        double half;
        char text[400];
        struct pf_out words = {.text = text, .size = sizeof text};
        if (pf_calls[group->first->call].never_timed) {
            continue; // PF_PROFILE_CONTEXT()
        }
        pf_summary_scope_name(&words, summary, group->first);
        pf_json_element(out);
        pf_json_name(out, "name");
        pf_out_json(out, text, words.used);
        pf_json_text(out, "kind", kind < sizeof kinds / sizeof *kinds ? kinds[kind] : "function");
        if (scope != NULL) {
            pf_json_name(out, "file");
            pf_out_json(out, scope->text + scope->size[0] + scope->size[1], scope->size[2]);
            pf_json_uint(out, "line", scope->line);
        } else {
            pf_json_place(out, group->first->site);
        }
        pf_json_uint(out, "call_count", stats->calls);
        pf_json_uint(out, "sampled_count", stats->timed);
        pf_json_uint(out, "total_duration_ns", stats->timed_ns);
        pf_json_estimate(out, &stats->estimate);
        pf_json_quantiles(out, stats);
        pf_json_uint(out, "max_ns", stats->max_ns);
        if (kind == 4) {
            pf_json_uint(out, "open_count",
                         stats->begun > stats->calls ? stats->begun - stats->calls : 0);
        }
        pf_json_uint(out, "output_sampled_count", stats->output_count);
        pf_json_fixed(out, "estimated_output_ns", stats->output_ns, 0);
        pf_json_name(out, "output_share");
        if (pf_summary_output_share(stats, &share, &half)) {
            pf_out_fixed(out, share, 6);
            pf_json_fixed(out, "output_share_half_interval", half, 6);
        } else {
            pf_out(out, "null");
        }
        pf_out(out, "}");
    }
    pf_out(out, "]");
}
