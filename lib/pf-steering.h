// SPDX-License-Identifier: Apache-2.0
// PfSteering: asks a sampler about a running program, and gives the program the answer.
#pragma once
#include "pf-config.h"
#include "pf-controller.h"
#include "pf-sampler.h"

G_BEGIN_DECLS

#define PF_TYPE_STEERING (pf_steering_get_type())
PF_API G_DECLARE_FINAL_TYPE(PfSteering, pf_steering, PF, STEERING, GObject)

PF_API PfSteering *pf_steering_new(PfController *controller, PfSampler *sampler);
PF_API gboolean pf_steering_step(PfSteering *self, GError **error);
PF_API guint pf_steering_get_delay_ms(PfSteering *self);
PF_API guint64 pf_steering_get_step_count(PfSteering *self);
PF_API guint64 pf_steering_get_change_count(PfSteering *self);

PF_API PfSampler *pf_sampler_new_from_config(const PfAdaptiveSamplingConfig *config,
                                             gdouble sample_rate, GError **error);
PF_API gint pf_steer_main(gint argc, gchar **argv);

G_END_DECLS
