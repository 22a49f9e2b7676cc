// SPDX-License-Identifier: Apache-2.0
// Profiled scopes in the summary: their names, what they took, and what of it was output.
#include "pf-process.h"
#include "pf-symbol.h"
#include "pf-text.h"

#define MOST_SCOPES 15
#define NAME_WIDTH 33
// Fewer timed calls than that, on either side, are no ground for a share.
#define LEAST_TIMED 30

const struct pf_scope *pf_summary_scope(const struct pf_summary *summary, uint64_t site) {
    struct pf_scopes *all =
        summary->segment != NULL ? pf_at(summary->segment, summary->segment->scopes) : NULL;
    if (all == NULL) {
        return NULL;
    }
    uint32_t link = all->chain[(site * PF_KEY_MULTIPLIER) >> 56 & (PF_SCOPE_CHAINS - 1)];
    while (link != 0) {
        const struct pf_scope *scope = pf_at(summary->segment, link);
        if (scope->site == site) {
            return scope;
        }
        link = scope->next;
    }
    return NULL;
}

enum { FUNCTION, NAME, FILE_NAME, CLASS, GROUP };

static const char *text_of(const struct pf_scope *scope, unsigned which) {
    const char *at = scope->text;
    for (unsigned i = 0; i < which; i++) {
        at += scope->size[i];
    }
    return at;
}

void pf_summary_scope_name(struct pf_out *out, const struct pf_summary *summary,
                           const struct pf_row *row) {
    const struct pf_scope *scope = pf_summary_scope(summary, row->site);
    if (scope == NULL) {
        struct pf_symbol symbol;
        if (pf_symbol_find(row->site + 1, &symbol) &&
            symbol.name[0] != 0) { // it is no return address
            pf_out(out, symbol.name);
        } else {
            pf_out_hex(out, row->site);
        }
        return;
    }
    unsigned klass = scope->size[GROUP] != 0 ? GROUP : CLASS;
    if (scope->size[klass] != 0) {
        pf_out_bytes(out, text_of(scope, klass), scope->size[klass]);
        pf_out(out, "::");
    }
    pf_out_bytes(out, text_of(scope, FUNCTION), scope->size[FUNCTION]);
    if (scope->size[NAME] != 0) {
        pf_out(out, ": ");
        pf_out_bytes(out, text_of(scope, NAME), scope->size[NAME]);
    }
    if (scope->group != 0 && scope->size[GROUP] == 0) {
        pf_out(out, " ");
        pf_out_hex(out, scope->group);
    }
}

// Both are sums over independent samples, so the relative variances of numerator and denominator add.
bool pf_summary_output_share(const struct pf_stats *stats, double *ret_share, double *ret_half) {
    bool exact = stats->output_variance == 0 && stats->whole_variance == 0;
    if (stats->whole_ns <= 0 || stats->output_ns > stats->whole_ns ||
        (!exact && stats->whole_count < LEAST_TIMED) ||
        (stats->output_variance > 0 && stats->output_count < LEAST_TIMED)) {
        return false;
    }
    double share = stats->output_ns / stats->whole_ns;
    double relative = stats->whole_variance / stats->whole_ns / stats->whole_ns;
    if (stats->output_ns > 0) {
        relative += stats->output_variance / stats->output_ns / stats->output_ns;
    }
    double root = relative > 1 ? relative : 1; // Newton, from above: we have no libm
    for (unsigned i = 0; i < 60 && relative > 0; i++) {
        root = (root + relative / root) / 2;
    }
    *ret_share = share;
    *ret_half = relative > 0 ? 1.96 * share * root : 0;
    return true;
}

static void put_name(struct pf_out *out, const struct pf_summary *summary,
                     const struct pf_row *row) {
    char text[400];
    struct pf_out words = {.text = text, .size = sizeof text - 1};
    pf_summary_scope_name(&words, summary, row);
    text[words.used] = 0;
    pf_text_plain(out, text, NAME_WIDTH);
}

static void put_duration(struct pf_out *out, double ns) {
    if (ns < 0) {
        pf_out(out, "–");
    } else {
        pf_out_duration(out, ns);
    }
}

static void put_share(struct pf_out *out, const struct pf_stats *stats) {
    double share;
    double half;
    if (!pf_summary_output_share(stats, &share, &half)) {
        pf_out(out, "–");
        return;
    }
    pf_out_fixed(out, 100 * share, 1);
    pf_out(out, " %");
    if (half > 0) {
        pf_out(out, " ±");
        pf_out_fixed(out, 100 * half, 1);
    }
}

void pf_text_scopes(struct pf_out *out, const struct pf_summary *summary) {
    size_t shown = 0;
    for (size_t i = 0; i < summary->scope_count; i++) {
        const struct pf_group *group = &summary->scopes[i];
        const struct pf_stats *stats = &group->stats;
        if (pf_calls[group->first->call].never_timed || shown == MOST_SCOPES) {
            continue;
        }
        if (shown++ == 0) {
            pf_out(out, "\n  profiled scopes                      calls   total     p50     p99"
                        "  of it output\n");
        }
        pf_out(out, "  ");
        LEFT(out, NAME_WIDTH, put_name(out, summary, group->first));
        RIGHT(out, 8, pf_out_count(out, (double)stats->calls));
        RIGHT(out, 8, pf_text_total(out, stats));
        RIGHT(out, 8, put_duration(out, stats->quantile_ns[0]));
        RIGHT(out, 8, put_duration(out, stats->quantile_ns[2]));
        RIGHT(out, 14, put_share(out, stats));
        if (stats->begun > stats->calls) {
            pf_out(out, "  ");
            pf_out_count(out, (double)(stats->begun - stats->calls));
            pf_out(out, " never ended");
        }
        pf_out(out, "\n");
    }
    if (summary->all_scopes > shown && shown == MOST_SCOPES) {
        pf_out(out, "  and ");
        pf_out_uint(out, summary->all_scopes - shown);
        pf_out(out, " more\n");
    }
}
