// SPDX-License-Identifier: Apache-2.0
// Everything that libpf-profiling-1 offers; the only header that a program includes.
//
// Thread-safety: any thread may call any function here unless its comment says otherwise.  Nothing may
// be called from a signal handler.  The library never writes anything but where it is asked to.
#pragma once
#include "pf-calls.h"
#include "pf-cli.h"
#include "pf-component.h"
#include "pf-config.h"
#include "pf-controller.h"
#include "pf-difference.h"
#include "pf-enum-types.h"
#include "pf-errors.h"
#include "pf-export-result.h"
#include "pf-findings.h"
#include "pf-format.h"
#include "pf-histogram.h"
#include "pf-hub.h"
#include "pf-human.h"
#include "pf-macros.h"
#include "pf-metrics.h"
#include "pf-processor.h"
#include "pf-register.h"
#include "pf-report.h"
#include "pf-rows.h"
#include "pf-salvage.h"
#include "pf-session.h"
#include "pf-snapshot.h"
#include "pf-symbolizer.h"
#include "pf-target.h"
#include "pf-timeline.h"
#include "pf-version.h"
