# SPDX-License-Identifier: Apache-2.0
# How close sampled stacks come to what each line wrote.
import pfharness as pf
from test_reader import lines_of, show


def measure_lines_to_blame(table):
    """At rate 0.1 with a stack of each timed call, beside what the target did: 10,000, 5,000 and 1,000 calls."""
    lines = lines_of("wrapper")
    apart = {"order": [], "audit": [], "user": []}
    for _ in table.rounds(15):
        run = pf.execute([pf.build("wrapper"), "5000"], KEEP_SEGMENT="true", SAMPLE_RATE="0.1", STACKS="on")
        blamed = {(one.get("line"), one["function"]): one["message_count"]
                  for one in show(run, *run.segments())["real_sites"]}
        for name, count in (("order", 10000), ("audit", 5000), ("user", 1000)):
            for function in ("fprintf", "vfprintf"):
                told = blamed[lines[name], function]
                apart[name].append(max(told / count, count / told))
    for name, values in apart.items():
        table.at_most(f"{name}: too many or too few by", values, 3, "times")
