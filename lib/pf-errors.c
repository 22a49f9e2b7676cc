// SPDX-License-Identifier: Apache-2.0
// Registers the error domains.
#include "pf-errors.h"

/**
 * pf_profiling_error_quark:
 *
 * The domain of [error@ProfilingError].
 *
 * Returns: the quark
 */
GQuark pf_profiling_error_quark(void) {
    return g_quark_from_static_string("pf-profiling-error-quark");
}

/**
 * pf_sampling_error_quark:
 *
 * The domain of [error@SamplingError].
 *
 * Returns: the quark
 */
GQuark pf_sampling_error_quark(void) {
    return g_quark_from_static_string("pf-sampling-error-quark");
}

/**
 * pf_exporter_error_quark:
 *
 * The domain of [error@ExporterError].
 *
 * Returns: the quark
 */
GQuark pf_exporter_error_quark(void) {
    return g_quark_from_static_string("pf-exporter-error-quark");
}

/**
 * pf_configuration_error_quark:
 *
 * The domain of [error@ConfigurationError].
 *
 * Returns: the quark
 */
GQuark pf_configuration_error_quark(void) {
    return g_quark_from_static_string("pf-configuration-error-quark");
}
