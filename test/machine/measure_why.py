# SPDX-License-Identifier: Apache-2.0
# Shares of time by cause, of programs whose own clock tells where their time went.
import os

import machinekit  # noqa: F401  (finds the others)
import pfharness as pf

POINTS = 5


def run_mode(mode, rate="1", **options):
    """(shares in percent, the function's row, what the target says) of one run."""
    run = pf.execute([pf.build("why"), mode], SAMPLE_RATE=rate, timeout=300, **options)
    with open(os.path.join(run.work, "why"), encoding="ascii") as file:
        truth = {name: int(value) for name, value in (line.split() for line in file)
                 if name != "flushed_in"}
    (found,) = [f for f in run.only()["functions"] if f["name"] in ("fprintf", "write")]
    return {name: 100 * cause["share"] for name, cause in found["why"].items()}, found, truth


def measure_waiting_for_a_file(table):
    """Four threads that share a FILE without a buffer, whose writer sleeps."""
    lock, blocked = [], []
    for _ in table.rounds(15):
        shares, _, truth = run_mode("lock")
        writing = 100 * truth["writer"] / truth["calls"]
        if writing < 50:  # the threads did meet
            lock.append(abs(shares["lock"] - (100 - writing)))
            blocked.append(abs(shares["blocked"] - writing))
    table.at_most("lock: share apart from the target's own clock", lock, POINTS, "points")
    table.at_most("blocked in its writer: apart likewise", blocked, POINTS, "points")


def measure_a_pipe_that_is_read_slowly(table):
    """Nearly all of the time of a write into it is blocked, with perf events and without."""
    found = {pf.LIB: [], pf.build("libnoperf"): []}
    for _ in table.rounds(15):
        for library, readings in found.items():
            readings.append(100 - run_mode("pipe", preload=[library, pf.LIB])[0]["blocked"])
    with_events, without = found.values()
    table.at_most("a slow pipe: share that is not blocked", with_events, POINTS, "points")
    table.at_most("a slow pipe, without perf events: likewise", without, POINTS, "points")


def measure_an_unbuffered_stderr(table):
    """A pipe whose reader is quick: each line goes to the kernel, and formatting is a small part."""
    table.at_most("unbuffered stderr: share of formatting",
                  [run_mode("stderr")[0]["format"] for _ in table.rounds(15)], POINTS, "points")


def measure_a_buffer_that_is_flushed_once_in_200_calls(table):
    """A call from which other programs took the processor is blocked, and no part of this."""
    for rate in ("1", "0.5"):
        apart = []
        for _ in table.rounds(15):
            shares, found, truth = run_mode("buffer", rate)
            writing = found["why"]["flush"]["count"] * 500000
            formatting = found["why"]["format"]["count"] * (truth["format"] - truth["clock"])
            ours = 100 * shares["flush"] / (shares["flush"] + shares["format"])
            apart.append(abs(ours - 100 * writing / (writing + formatting)))
        table.at_most(f"flush, one call in 200, at rate {rate}: apart from the target's own clock",
                      apart, POINTS, "points")


def measure_nothing_but_formatting(table):
    """A buffer that never fills: no call flushes."""
    apart = []
    for _ in table.rounds(15):
        shares, _, _ = run_mode("stdio")
        apart.append(100 - shares["format"] - shares["blocked"])
    table.at_most("formatting alone: share of anything else", apart, POINTS, "points")
