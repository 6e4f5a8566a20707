"""Runs fault checks and says what held. run.sh has the usage; standard library and grpcio only."""
import argparse
import collections
import json
import os
import sys
import tempfile
import time
import traceback

SKIPPED = 77
LAST_LINES = 20  # of what a daemon said

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "eval"))
import provenance  # noqa: E402

try:
    import checks
    import journal
    import victim
except ImportError as error:
    print(f"skipped: {error}; install Debian's python3-grpcio", file=sys.stderr)
    sys.exit(SKIPPED)


def parse():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME[,NAME…]")
    parser.add_argument("--cycles", type=int, help="of each check; default as many as each has")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--build", default=os.path.join(root, "build", "release"))
    parser.add_argument("--log", metavar="FILE",
                        help="what the daemons say; without, its end is shown where a check fails")
    parser.add_argument("--list", action="store_true", help="name the checks")
    args = parser.parse_args()
    args.names = args.only.split(",") if args.only else list(checks.CHECKS)
    for name in args.names:
        if name not in checks.CHECKS:
            parser.error(f"no check is called {name}; --list names them")
    if args.cycles is not None and args.cycles < 1:
        parser.error("--cycles must be 1 or more")
    return args


class Teller:
    """One line for a cycle on a terminal, else one every ten seconds; what was noted at once."""

    def __init__(self, name, cycles):
        self._name, self._cycles, self._begun, self._told = name, cycles, time.monotonic(), 0.0
        self._noted = 0

    def __call__(self, cycle, acknowledged, verdict):
        now = time.monotonic()
        for note in verdict.notes[self._noted:]:
            print(f"{self._name}, cycle {cycle}: {note}", file=sys.stderr, flush=True)
        self._noted = len(verdict.notes)
        if not sys.stderr.isatty() and now < self._told + 10 and cycle < self._cycles:
            return
        self._told = now
        left = (now - self._begun) / cycle * (self._cycles - cycle)
        print(f"{self._name}: {cycle} of {self._cycles}, {acknowledged} acknowledged, lost "
              f"{verdict.lost}, doubled {verdict.duplicated}, wrong {verdict.wrong}; "
              f"{left:.0f} s left", file=sys.stderr, flush=True)


def tell_end(log):
    """What the daemon said last."""
    with open(log, encoding="utf-8", errors="replace") as said:
        for line in collections.deque(said, LAST_LINES):
            print(f"  daemon: {line.rstrip()}", file=sys.stderr)


def run(name, args, api):
    check, usual = checks.CHECKS[name]
    cycles = args.cycles or usual
    context = checks.Context(
        api, lambda config=victim.CONFIG: victim.Victim(args.build, args.log, config),
        lambda config=victim.CONFIG: victim.FaultyVictim(args.build, args.log, config),
        f"{args.seed}/{name}", cycles, Teller(name, cycles))
    result = {"name": name, "cycles": cycles}
    try:
        verdict = check(context)
        result.update(lost=verdict.lost, duplicated=verdict.duplicated, wrong=verdict.wrong,
                      restart_max_s=round(getattr(verdict, "restart_max_s", 0.0), 2),
                      notes=verdict.notes,
                      passed=verdict.lost + verdict.duplicated + verdict.wrong == 0)
    except Exception as error:  # a check that cannot be finished has failed; the next one may run
        traceback.print_exc()
        tell_end(args.log)
        result.update(lost=0, duplicated=0, wrong=0, restart_max_s=0.0, notes=[repr(error)],
                      passed=False)
    return result


def main():
    args = parse()
    if args.list:
        for name, (check, cycles) in checks.CHECKS.items():
            print(f"{name:14} {cycles:4} cycles  {' '.join(check.__doc__.split())}")
        return 0
    origin = provenance.provenance()  # at the start: the tree may move on
    api = journal.Api()
    with tempfile.NamedTemporaryFile(prefix="mixmatch-fault-", suffix=".log") as log:
        args.log = args.log or log.name
        results = [run(name, args, api) for name in args.names]
    print(f"{'check':14} {'cycles':>6} {'lost':>5} {'doubled':>8} {'wrong':>6} {'restart':>9}")
    for one in results:
        print(f"{one['name']:14} {one['cycles']:6} {one['lost']:5} {one['duplicated']:8} "
              f"{one['wrong']:6} {one['restart_max_s']:7.2f} s  "
              f"{'passed' if one['passed'] else 'FAILED'}")
        for note in one["notes"]:
            print(f"  {note}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(origin | {"seed": args.seed, "checks": results}, out, indent=1)
    return 0 if all(one["passed"] for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
