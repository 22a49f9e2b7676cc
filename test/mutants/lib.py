# SPDX-License-Identifier: Apache-2.0
# What lib/ computes, each with an edit that makes it wrong and the test that must then fail (scripts/pfmutants.py says
# what a test's name may be): diff, estimates, histograms, tables, the aggregator, samplers, the timeline.

MUTANTS = [
    # --- diff
    ("a sum of lines is known when next to nothing was not timed", "lib difference test_sum",
     [("lib/pf-difference-numbers.c", "run->unknown <= MOST_UNKNOWN * run->calls", "run->unknown <= 0")]),
]
