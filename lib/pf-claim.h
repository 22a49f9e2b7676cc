// SPDX-License-Identifier: Apache-2.0
// Who steers a process.  Internal.
#pragma once
#include "pf-controller.h"

// True when the process of this controller is ours to steer until the controller is freed, or we end, however that
// happens: a lock on the bytes of pf_control.observer, which the kernel takes back.  The number in these bytes says
// who it was, and may be another process by now.  False: another controller has it.
gboolean pf_controller_claim(PfController *self);
