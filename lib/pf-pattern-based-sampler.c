// SPDX-License-Identifier: Apache-2.0
// The first rule that a site meets gives it its rate.
#include "pf-pattern-based-sampler.h"
#include "pf-errors.h"
#include "pf-rule.h"

/**
 * PfPatternBasedSampler:
 *
 * Gives each site the rate of the first rule that it meets; a site that meets none keeps the rate that
 * the program was started with.  A rule is a line of conditions, all of which must hold, and a rate:
 *
 * ```
 * # nothing about debug messages, everything about the audit log
 * level=debug                                -> off
 * stream=/var/log/audit* level>=warning      -> 1
 * function=*printf* module=libcurl.so.*      -> 1/1000
 * site=orderd+0x41f0a                        -> 100%
 * template~"user [0-9]+ logged (in|out)"     -> 0.1
 *                                            -> 0.01
 * ```
 *
 * `function`, `stream`, `module` and `site` are compared with `*` and `?` standing for anything and for one
 * character, `template` too, or with `~` as a regular expression.  `level>=warning` means warning and what is
 * more severe.  A rule without conditions is for all others.
 */
struct _PfPatternBasedSampler {
    GObject parent_instance;
    GPtrArray *rules; // pf_rule
    gdouble initial_rate;
    gboolean has_initial_rate;
};

static void sampler_init(PfSamplerInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(PfPatternBasedSampler, pf_pattern_based_sampler, G_TYPE_OBJECT,
                              G_IMPLEMENT_INTERFACE(PF_TYPE_SAMPLER, sampler_init))

static const pf_rule *find(PfPatternBasedSampler *self, const PfSamplingStratum *stratum) {
    for (guint i = 0; i < self->rules->len; i++) {
        const pf_rule *rule = g_ptr_array_index(self->rules, i);
        if (pf_rule_matches(rule, stratum)) {
            return rule;
        }
    }
    return NULL;
}

static void decide(PfSampler *sampler, const PfSamplingContext *context,
                   PfSamplingDecision *decision) {
    PfPatternBasedSampler *self = PF_PATTERN_BASED_SAMPLER(sampler);
    if (!self->has_initial_rate) {
        self->has_initial_rate = TRUE;
        self->initial_rate = context->default_rate;
    }
    for (gsize i = 0; i < context->stratum_count; i++) {
        const pf_rule *rule = find(self, &context->strata[i]);
        pf_sampling_decision_set_rate(decision, i, rule != NULL ? rule->rate : self->initial_rate);
    }
}

static void finalize(GObject *object) {
    g_ptr_array_unref(PF_PATTERN_BASED_SAMPLER(object)->rules);
    G_OBJECT_CLASS(pf_pattern_based_sampler_parent_class)->finalize(object);
}

static void sampler_init(PfSamplerInterface *iface) { iface->decide = decide; }

static void pf_pattern_based_sampler_class_init(PfPatternBasedSamplerClass *klass) {
    G_OBJECT_CLASS(klass)->finalize = finalize;
}

static void pf_pattern_based_sampler_init(PfPatternBasedSampler *self) {
    self->rules = g_ptr_array_new_with_free_func((GDestroyNotify)pf_rule_free);
}

/**
 * pf_pattern_based_sampler_new:
 *
 * Makes a sampler from the text of a rules file.
 *
 * Returns: (transfer full): a sampler without rules
 */
PfPatternBasedSampler *pf_pattern_based_sampler_new(void) {
    return g_object_new(PF_TYPE_PATTERN_BASED_SAMPLER, NULL);
}

/**
 * pf_pattern_based_sampler_load:
 * @self: a sampler
 * @text: rules, a line each
 * @name: what messages call them: the file's name
 * @error: return location for an error
 *
 * Takes rules over in place of those it has.  Fails with %PF_SAMPLING_ERROR_BAD_RULE, and keeps those it has,
 * when a line is not a rule; the message begins with `NAME:LINE: `.
 *
 * Returns: whether all lines were understood
 */
gboolean pf_pattern_based_sampler_load(PfPatternBasedSampler *self, const gchar *text,
                                       const gchar *name, GError **error) {
    g_return_val_if_fail(PF_IS_PATTERN_BASED_SAMPLER(self), FALSE);
    g_return_val_if_fail(text != NULL && name != NULL, FALSE);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func((GDestroyNotify)pf_rule_free);
    for (guint i = 0; lines[i] != NULL; i++) {
        GError *local = NULL;
        pf_rule *rule = pf_rule_parse(lines[i], name, i + 1, &local);
        if (local != NULL) {
            g_propagate_error(error, local);
            return FALSE;
        }
        if (rule != NULL) {
            g_ptr_array_add(rules, rule);
        }
    }
    g_ptr_array_unref(self->rules);
    self->rules = g_steal_pointer(&rules);
    return TRUE;
}

/**
 * pf_pattern_based_sampler_load_file:
 * @self: a sampler
 * @path: a rules file
 * @error: return location for an error
 *
 * As [method@PatternBasedSampler.load]; fails also with %PF_CONFIGURATION_ERROR_UNREADABLE.
 *
 * Returns: whether the file was read and understood
 */
gboolean pf_pattern_based_sampler_load_file(PfPatternBasedSampler *self, const gchar *path,
                                            GError **error) {
    g_return_val_if_fail(PF_IS_PATTERN_BASED_SAMPLER(self), FALSE);
    g_return_val_if_fail(path != NULL, FALSE);
    g_autofree gchar *text = NULL;
    g_autoptr(GError) local = NULL;
    if (!g_file_get_contents(path, &text, NULL, &local)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE, "%s",
                    local->message);
        return FALSE;
    }
    if (!g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, PF_CONFIGURATION_ERROR, PF_CONFIGURATION_ERROR_UNREADABLE,
                    "%s: not UTF-8", path);
        return FALSE;
    }
    return pf_pattern_based_sampler_load(self, text, path, error);
}

/**
 * pf_pattern_based_sampler_get_rule_count:
 * @self: a sampler
 *
 * How many rules there are.
 *
 * Returns: how many rules it has
 */
guint pf_pattern_based_sampler_get_rule_count(PfPatternBasedSampler *self) {
    g_return_val_if_fail(PF_IS_PATTERN_BASED_SAMPLER(self), 0);
    return self->rules->len;
}

/**
 * pf_pattern_based_sampler_get_line:
 * @self: a sampler
 * @stratum: a site
 *
 * Which rule decided about a site.
 *
 * Returns: the line of the rule that the site meets first; 0: it meets none
 */
guint pf_pattern_based_sampler_get_line(PfPatternBasedSampler *self,
                                        const PfSamplingStratum *stratum) {
    g_return_val_if_fail(PF_IS_PATTERN_BASED_SAMPLER(self), 0);
    const pf_rule *rule = find(self, stratum);
    return rule != NULL ? rule->line : 0;
}
