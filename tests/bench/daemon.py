"""Rates and latencies of the whole daemon, as `mixmatchctl bench` sees them, over many embeddings:
durable ingest, recall by vectors, recall beside ingest, a publish of everything, a
restart, and forgetting a tenth. See daemon.sh.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "eval"))
import bare_sync
import daemon as mixmatch
import figures
import lifecycle
import provenance

CONFIG = """\
data_dir: {data_dir}
listen: "127.0.0.1:0"
episodes: {{gap: 1s, lateness: 1s, idle_close: 1s}}
model: {{preset: nano}}
learning: {{enabled: {learning}}}
generations: {{automatic: false}}
"""
STREAMS = 16
ASKERS = 8
TURNS = 3
SETTLE_S_PER_EVENT = 60e-6  # two embeddings each, percept and episode: lists over both are merged
RECALL_RATE = 1600
BESIDE_S_PER_EVENT = 75e-6  # a publish embeds some 15,000 a second
FORGOTTEN = 100  # of the 1,000 values of a metadata key


class Bench:
    def __init__(self, args, work):
        self.args = args
        self.work = work
        self.result = {"events": args.events}
        self.say = lifecycle.Teller()

    def daemon(self, learning):
        path = os.path.join(self.work, "memory")
        config = CONFIG.format(data_dir=json.dumps(path), learning=str(learning).lower())
        return mixmatch.Daemon(mixmatch.build_dir(self.args.build), self.work, config)

    def load(self, daemon, kind, seconds, *options):
        """One load's figures, or those of each where it is mixed."""
        asked = daemon.ctl("bench", kind, "--seconds", seconds, *options)
        loads = json.loads(asked)["loads"]
        for load in loads:
            if load["failed"] > 0:
                raise mixmatch.Failed(f"bench {kind}: {load['failed']} failed: {load['first_error']}")
        return loads if len(loads) > 1 else loads[0]

    def fill(self, daemon):
        """Everything is stored by streams, and awaited until it is recallable."""
        load = self.load(daemon, "ingest", 3600, "--connections", STREAMS, "--count",
                         self.args.events, "--wait", "--seed", self.args.seed)
        self.result["ingest"] = {"streams": STREAMS, "acknowledged_per_s": load["per_s"],
                                 "recallable_per_s": load["recallable_per_s"],
                                 "p50_ms": load["p50_ms"], "p99_ms": load["p99_ms"]}
        self.say(f"{self.args.events} events by {STREAMS} streams: {load['per_s']:.0f}/s "
                 f"acknowledged, {load['recallable_per_s']:.0f}/s until recallable")

    def short_ingest(self, daemon, name, *options):
        load = self.load(daemon, "ingest", self.args.seconds, "--wait", *options)
        self.result[name] = {"acknowledged_per_s": load["per_s"],
                             "recallable_per_s": load["recallable_per_s"],
                             "p50_ms": load["p50_ms"], "p99_ms": load["p99_ms"]}
        self.say(f"{name}: {load['per_s']:.0f}/s acknowledged, p50 {load['p50_ms']:.2f} ms, "
                 f"{load['recallable_per_s']:.0f}/s until recallable")
        return load

    def recall(self, daemon):
        """Once what came last is merged."""
        time.sleep(self.args.settle)
        for query in ("embedding", "percept"):
            self.load(daemon, "recall", 3, "--connections", ASKERS, "--query", query)  # warms up
            load = self.load(daemon, "recall", self.args.seconds, "--connections", ASKERS, "--query",
                             query)
            self.result[f"recall_{query}"] = {key: load[key] for key in
                                              ("per_s", "p50_ms", "p90_ms", "p99_ms", "p999_ms")}
            self.say(f"recall by {query}, {ASKERS} clients: {load['per_s']:.0f}/s, p50 "
                     f"{load['p50_ms']:.2f} ms, p99 {load['p99_ms']:.2f} ms")
        load = self.load(daemon, "recall", self.args.seconds, "--connections", ASKERS, "--query",
                         "embedding", "--rate", RECALL_RATE)
        self.result["recall_at_rate"] = {"rate": RECALL_RATE} | {
            key: load[key] for key in ("per_s", "p50_ms", "p90_ms", "p99_ms", "p999_ms")}
        self.say(f"recall by embedding at {RECALL_RATE}/s: {load['per_s']:.0f}/s, p50 "
                 f"{load['p50_ms']:.2f} ms, p99 {load['p99_ms']:.2f} ms")

    def beside(self, daemon):
        """Recalls a second in a closed loop while ingest runs at a rate, and at twice the rate, in
        turns."""
        recalls = {1: [], 2: []}
        for times in (1, 2) * TURNS:
            rate = times * self.args.ingest_rate
            loads = self.load(daemon, "mixed", self.args.seconds, "--batch", 100, "--ingest-rate",
                              rate / 100, "--connections", ASKERS, "--query", "embedding")
            by_kind = {load["kind"].split(",")[0]: load for load in loads}
            recalls[times].append(by_kind["recall"]["per_s"])
            self.say(f"beside {by_kind['ingest']['per_s']:.0f} events/s: "
                     f"{recalls[times][-1]:.0f} recalls/s")
        once, twice = (statistics.mean(recalls[times]) for times in (1, 2))
        self.result["beside_ingest"] = {"ingest_per_s": self.args.ingest_rate,
                                        "recall_per_s": recalls[1],
                                        "recall_per_s_twice": recalls[2],
                                        "drop": 1 - twice / once}
        self.say(f"recalls drop by {100 * (1 - twice / once):.1f} % where ingest doubles")

    def publish(self, daemon):
        """Acknowledgements at a steady rate in turns, without and then with a publish of everything
        beside; after it recalls, until the publish ends. A disk that others use, too, stands for
        some tenths of a second now and then: the median of the turns counts, and all are shown,
        with what a bare sync of a file of its own takes in the same turn."""
        rate = ("--rate", self.args.ingest_rate / 10, "--batch", 10)
        turns = max(1, int(BESIDE_S_PER_EVENT * self.args.events / self.args.seconds))

        def acknowledged():
            figures_of = {"ack_p50_ms": [], "ack_p99_ms": [], "bare_sync_p99_ms": []}
            for _ in range(turns):
                with bare_sync.BareSync(self.work) as bare:
                    load = self.load(daemon, "ingest", self.args.seconds, *rate)
                figures_of["ack_p50_ms"].append(load["p50_ms"])
                figures_of["ack_p99_ms"].append(load["p99_ms"])
                figures_of["bare_sync_p99_ms"].append(bare.p99_ms)
            return figures_of

        daemon.ctl("learning", "pause")
        time.sleep(self.args.settle)
        without = acknowledged()
        ended = threading.Event()
        outcome = {}

        def run():
            begun = time.monotonic()
            outcome["done"] = subprocess.run(daemon.command("generations", "publish"),
                                             capture_output=True, text=True, check=False)
            outcome["seconds"] = time.monotonic() - begun
            ended.set()

        thread = threading.Thread(target=run)
        thread.start()
        during = acknowledged()
        whole = not ended.is_set()
        recalls = []
        while not recalls or not ended.is_set():
            recalls.append(self.load(daemon, "recall", 3, "--connections", 1, "--query",
                                     "embedding"))
        thread.join()
        if outcome["done"].returncode != 0:
            raise mixmatch.Failed(f"generations publish: {outcome['done'].stderr}")
        phase = json.loads(outcome["done"].stdout)["phase"]
        self.result["publish"] = {
            "phase": phase, "seconds": outcome["seconds"],
            "ack_turn_seconds": self.args.seconds, "ack_within_publish": whole,
            "recall_p99_ms_with": max(load["p99_ms"] for load in recalls)}
        for name, turns_of in (("without", without), ("with", during)):
            for key, values in turns_of.items():
                self.result["publish"][f"{key}_{name}"] = statistics.median(values)
                self.result["publish"][f"{key}_{name}_turns"] = values
        without_ms, with_ms, bare_without_ms, bare_with_ms = (
            statistics.median(turns_of[key]) for key in ("ack_p99_ms", "bare_sync_p99_ms")
            for turns_of in (without, during))
        self.say(f"publish: {phase} after {outcome['seconds']:.0f} s; acknowledgements p99 "
                 f"{without_ms:.2f} ms without, {with_ms:.2f} ms meanwhile: "
                 f"{with_ms / without_ms:.2f} times (a bare sync: {bare_without_ms:.2f} and "
                 f"{bare_with_ms:.2f} ms)")

    def restart(self, name):
        begun = time.monotonic()
        with self.daemon(False) as daemon:
            self.load(daemon, "recall", 60, "--connections", 1, "--count", 1, "--query", "embedding")
            seconds = time.monotonic() - begun
            self.result[name] = seconds
            self.say(f"{name}: first recall answered after {seconds:.2f} s")

    def forgotten_found(self, daemon):
        """How many answers of a few hundred were forgotten, and how many came with the filter."""
        gone = {str(number) for number in range(FORGOTTEN)}
        found = 0
        for number in range(FORGOTTEN // 10):
            vector = ",".join(str((number * 7 + i * 3) % 11 - 5) for i in range(128))
            asked = ("recall", "--vector", f"bench-128={vector}", "--want", "bench-128", "-k", 100)
            for filters in ((), ("--filter", f"number={number}")):
                answers = json.loads(daemon.ctl(*asked, *filters)).get("experiences", [])
                found += sum(one["event"]["event"]["metadata"]["number"] in gone for one in answers)
        return found

    def forget(self):
        """A tenth of everything goes, and is not found: at once, later, and after a restart."""
        with self.daemon(False) as daemon:
            before = int(daemon.status()["event_count"])
            there = self.forgotten_found(daemon)
            begun = time.monotonic()
            filters = [word for number in range(FORGOTTEN)
                       for word in ("--filter", f"number={number}")]
            daemon.ctl("forget", *filters)
            seconds = time.monotonic() - begun
            after = int(daemon.status()["event_count"])
            found = [self.forgotten_found(daemon)]
            time.sleep(10)  # merges what has become small, when nothing comes
            found.append(self.forgotten_found(daemon))
        with self.daemon(False) as daemon:
            found.append(self.forgotten_found(daemon))
        self.result["forget"] = {"events": before - after, "of": before, "seconds": seconds,
                                 "found_before": there, "found_after": found}
        self.say(f"forgot {before - after} of {before} events in {seconds:.0f} s; found of them: "
                 f"{there} before, {found} after")

    def run(self):
        with self.daemon(True) as daemon:
            daemon.ctl("learning", "pause")
            self.fill(daemon)
            self.result["resident_mb"] = daemon.resident_mb()
        self.restart("restart_s")
        with self.daemon(True) as daemon:
            daemon.ctl("learning", "pause")
            self.short_ingest(daemon, "one_by_one", "--connections", 1, "--window", 1)
            self.recall(daemon)
            self.beside(daemon)  # after what came before is embedded and merged: one load alone
            self.short_ingest(daemon, "ingest_paused", "--connections", STREAMS)
            daemon.ctl("learning", "resume")
            self.short_ingest(daemon, "ingest_learning", "--connections", STREAMS)
            if self.args.publish:
                self.publish(daemon)
        self.restart("restart_with_kept_s" if self.args.publish else "restart_with_more_s")
        if self.args.forget:
            self.forget()
        return self.result


def parse_args(arguments):
    parser = argparse.ArgumentParser(prog="daemon.sh", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, metavar="N")
    parser.add_argument("--seconds", type=int, default=15, help="of each load")
    parser.add_argument("--ingest-rate", type=float, default=1000, help="events a second beside")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settle", type=float, metavar="S",
                        help="rest before recalls are measured; default 60 s for a million events")
    parser.add_argument("--no-publish", dest="publish", action="store_false")
    parser.add_argument("--forget", action="store_true", help="a tenth of it at the end")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--build", metavar="DIR", help="build folder; default build/release")
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and keep it")
    args = parser.parse_args(arguments)
    if args.settle is None:
        args.settle = 5 + SETTLE_S_PER_EVENT * args.events
    return args


def flat(prefix, value):
    """Names and texts of all figures in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(f"{prefix}.{key}" if prefix else key, inner)
    elif isinstance(value, float):
        yield [prefix, f"{value:.6g}"]
    else:
        yield [prefix, value]


def main():
    args = parse_args(sys.argv[1:])
    with lifecycle.work_folder(args.keep) as work:
        try:
            bench = Bench(args, work)
            result = bench.run()
        except mixmatch.Failed as failure:
            print(f"daemon.sh: {failure}", file=sys.stderr)
            return 1
    result |= provenance.provenance() | {"seconds": bench.say.seconds()}
    if args.json:
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)
    print(figures.table(["figure", "value"], list(flat("", result))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
