// SPDX-License-Identifier: Apache-2.0
// The observer alone, for installations without the command: `pfprof-steer --folder FOLDER`.
#include "pf-steering.h"

int main(int argc, char **argv) { return pf_steer_main(argc, argv); }
