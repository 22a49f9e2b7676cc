# SPDX-License-Identifier: Apache-2.0
# Who is said to call through a wrapper, of a sample of the stacks.
import machinekit  # noqa: F401  (finds the others)
import test_sites


def measure_callers_by_chance(table):
    """How far the farthest share of a caller is from the truth, with one stack of four calls."""
    off = []
    for _ in table.rounds(40):
        callers = test_sites.callers_by_chance()
        off.append(100 * max(abs(callers.get(name, 0) - share)
                             for name, share in test_sites.SHARES.items()))
    table.at_most("farthest share of a caller, of 250 stacks", off, 5, "points")
