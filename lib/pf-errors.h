// SPDX-License-Identifier: Apache-2.0
// The error domains and their codes.
#pragma once
#include "pf-macros.h"

G_BEGIN_DECLS

/**
 * PfProfilingError:
 * @PF_PROFILING_ERROR_FAILED: something that has no code of its own; the message says what
 * @PF_PROFILING_ERROR_EXISTS: a component or command of this name is registered already
 * @PF_PROFILING_ERROR_NOT_FOUND: no component or command of this name is registered
 * @PF_PROFILING_ERROR_BAD_NAME: a name is empty or holds something else than lower-case letters,
 *   digits, `-` and `_`
 *
 * What can go wrong with the parts of the library as a whole; the domain is %PF_PROFILING_ERROR.
 */
typedef enum {
    PF_PROFILING_ERROR_FAILED,
    PF_PROFILING_ERROR_EXISTS,
    PF_PROFILING_ERROR_NOT_FOUND,
    PF_PROFILING_ERROR_BAD_NAME,
} PfProfilingError;

/**
 * PfSamplingError:
 * @PF_SAMPLING_ERROR_FAILED: something that has no code of its own; the message says what
 * @PF_SAMPLING_ERROR_BAD_RATE: a sample rate is not a number from 0 to 1
 * @PF_SAMPLING_ERROR_BAD_RULE: a line of a rules file is not a rule; the message says which and why
 *
 * What can go wrong when messages are chosen for timing; the domain is %PF_SAMPLING_ERROR.
 */
typedef enum {
    PF_SAMPLING_ERROR_FAILED,
    PF_SAMPLING_ERROR_BAD_RATE,
    PF_SAMPLING_ERROR_BAD_RULE,
} PfSamplingError;

/**
 * PfExporterError:
 * @PF_EXPORTER_ERROR_FAILED: something that has no code of its own; the message says what
 * @PF_EXPORTER_ERROR_WRITE: the metrics could not be written to where they should go
 *
 * What can go wrong when metrics leave the process; the domain is %PF_EXPORTER_ERROR.
 */
typedef enum {
    PF_EXPORTER_ERROR_FAILED,
    PF_EXPORTER_ERROR_WRITE,
} PfExporterError;

/**
 * PfConfigurationError:
 * @PF_CONFIGURATION_ERROR_FAILED: something that has no code of its own; the message says what
 * @PF_CONFIGURATION_ERROR_UNKNOWN_NAME: there is no setting of this name
 * @PF_CONFIGURATION_ERROR_BAD_VALUE: a value is not allowed for its setting
 * @PF_CONFIGURATION_ERROR_UNREADABLE: a configuration file cannot be read
 * @PF_CONFIGURATION_ERROR_UNWRITABLE: a configuration file cannot be written
 *
 * What can go wrong with the configuration; the domain is %PF_CONFIGURATION_ERROR.
 */
typedef enum {
    PF_CONFIGURATION_ERROR_FAILED,
    PF_CONFIGURATION_ERROR_UNKNOWN_NAME,
    PF_CONFIGURATION_ERROR_BAD_VALUE,
    PF_CONFIGURATION_ERROR_UNREADABLE,
    PF_CONFIGURATION_ERROR_UNWRITABLE,
} PfConfigurationError;

/**
 * PF_PROFILING_ERROR:
 *
 * The domain of [error@ProfilingError].
 */
#define PF_PROFILING_ERROR (pf_profiling_error_quark())
/**
 * PF_SAMPLING_ERROR:
 *
 * The domain of [error@SamplingError].
 */
#define PF_SAMPLING_ERROR (pf_sampling_error_quark())
/**
 * PF_EXPORTER_ERROR:
 *
 * The domain of [error@ExporterError].
 */
#define PF_EXPORTER_ERROR (pf_exporter_error_quark())
/**
 * PF_CONFIGURATION_ERROR:
 *
 * The domain of [error@ConfigurationError].
 */
#define PF_CONFIGURATION_ERROR (pf_configuration_error_quark())

PF_API GQuark pf_profiling_error_quark(void);
PF_API GQuark pf_sampling_error_quark(void);
PF_API GQuark pf_exporter_error_quark(void);
PF_API GQuark pf_configuration_error_quark(void);

G_END_DECLS
