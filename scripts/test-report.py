"""Prints what a run of the tests has tested on which engine, and as the last line `N passed, N failed`.

Arguments: the output of `cargo test`, the file that the testkit has written (see crates/testkit/src/record.rs), and the
exit status of the run.
A test belongs to an engine when it has used it, or when its path names it, as in `sqlite::orders::a_shop_opens`.
"""

import re
import sys

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL", "mariadb": "MariaDB", "redis": "Redis"}
ORDER = ["SQLite", "PostgreSQL", "MariaDB", "Redis", "Redis Sentinel", "Redis Cluster", "localstripe"]


def main(log, recorded, status):
    used = {}
    with open(recorded, encoding="utf-8") as lines:
        for line in lines:
            binary, test, engine = line.rstrip("\n").split("\t")
            used.setdefault((binary, test), set()).add(engine)
    binary, rows, passed, failed, ignored = "", {}, 0, 0, 0
    named = {True: 0, False: 0}
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            running = re.match(r"\s+(?:Running .*\((?:.*/)?([^/()]+)\)|Doc-tests (\S+))", line)
            if running:
                binary = running[1] or running[2]
            result = re.match(r"test result: .* (\d+) passed; (\d+) failed; (\d+) ignored", line)
            if result:
                counts = [int(count) for count in result.groups()]
                passed, failed, ignored = passed + counts[0], failed + counts[1], ignored + counts[2]
            test = re.match(r"test (\S+)(?: - .*)? \.\.\. .*?(ok|FAILED)$", line)
            if test:
                is_ok = test[2] == "ok"
                engines = set(used.get((binary, test[1]), ()))
                parts = [part.split("_")[0] for part in test[1].split("::")[:-1]]
                engines |= {NAMES[part] for part in parts if part in NAMES}
                named[is_ok] += bool(engines)
                for engine in engines:
                    row = rows.setdefault(engine, {True: 0, False: 0})
                    row[is_ok] += 1
    if status != "0" and failed == 0:
        print("\nA test binary crashed or was not compiled; it counts as one failure.")
        failed = 1
    rest = {True: passed - named[True], False: failed - named[False]}
    print(f"\n{'tested on':<32} {'passed':>8} {'failed':>8}")
    for engine in sorted(rows, key=lambda engine: (ORDER + [engine]).index(engine)):
        print(f"{engine:<32} {rows[engine][True]:>8} {rows[engine][False]:>8}")
    print(f"{'no server (rules, memory, docs)':<32} {rest[True]:>8} {rest[False]:>8}")
    print("A test that uses two engines counts for both." + (f" {ignored} tests were ignored." if ignored else ""))
    print(f"\n{passed} passed, {failed} failed")


main(*sys.argv[1:])
