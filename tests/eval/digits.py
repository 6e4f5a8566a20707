#!/usr/bin/env python3
"""The digits eval: real data into a real daemon over a real socket, and back by recall.

`run` builds the stream (digits_data.py), starts `mixmatchd`, ingests at the learner's pace,
evaluates after each tenth, at the stream's end and after consolidation, prints a table and writes
JSON. `export` only writes the files. Standard library only; README.md explains the figures.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

import daemon as mixmatch
import digits_data

AHEAD_EPISODES = 64  # the stream is never farther ahead of what is learned
SKIPPED = 77

# Events come up to three seconds out of order (event time), so lateness is well above that. Growth
# publishing is off: the eval publishes by command, so that its figures belong to known moments.
CONFIG = """\
data_dir: {data_dir}
listen: "127.0.0.1:0"
seed: {seed}
episodes: {{gap: 1s, max_length: 30s, lateness: 6s, idle_close: 10s}}
model: {{preset: nano, device: auto}}
learning:
  {{enabled: true, threads: 1,
   flush_after: 2s, consolidate_when_idle: false}}
generations: {{probe_share: 0.05, automatic: false}}
"""


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="digits", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="stream into a daemon and evaluate")
    run.add_argument("data", metavar="DATA_DIR", help="folder with fsdd/recordings and mnist")
    run.add_argument("--json", metavar="FILE", help="write all figures there")
    run.add_argument("--build", metavar="DIR", help="build folder; default build/release")
    run.add_argument("--consolidate-steps", type=int, default=350, metavar="N")
    run.add_argument("--keep", metavar="DIR", help="work in DIR and keep it")
    export = commands.add_parser("export", help="only write manifests, files and queries")
    export.add_argument("--data", required=True, metavar="DIR")
    export.add_argument("--out", required=True, metavar="DIR")
    for command in (run, export):
        command.add_argument("--order", choices=["shuffled", "class"], default="shuffled")
        command.add_argument("--episodes", type=int, default=6000, metavar="N")
        command.add_argument("--named", type=float, default=1.0, metavar="SHARE")
        command.add_argument("--part", choices=["validation", "test"], default="validation")
        command.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    if args.episodes < 10:
        parser.error("--episodes: at least 10")
    if not 0 <= args.named <= 1:
        parser.error("--named: a share from 0 to 1")
    return args


def write_files(args, data_dir, out_dir):
    """Writes stream and queries. Returns the stream's tenths and the two kinds of query files."""
    data = digits_data.Digits(data_dir, out_dir, args.seed, args.part)
    tenths = data.write_stream(data.episodes(args.episodes, args.order, args.named), 10)
    with_text = args.named > 0
    for number, tenth in enumerate(tenths):
        name = f"queries-anytime-{number:02d}.jsonl"
        tenth["queries"] = data.write_queries(name, with_text, tenth["seen"])
    return tenths, data.write_queries("queries.jsonl", with_text)


def pair_name(pair):
    return "+".join(pair["query"]) + " → " + pair["want"]


def print_table(title, pairs):
    print(f"\n{title}")
    print(f"  {'query → wanted':<24}{'count':>7}{'P@1':>8}{'P@k':>8}{'MRR':>8}{'recall@k':>10}")
    for pair in pairs:
        figures = "".join(f"{pair[key]:>8.3f}" for key in ("p_at_1", "p_at_k", "mrr"))
        print(f"  {pair_name(pair):<24}{pair['count']:>7}{figures}{pair['recall_at_k']:>10.3f}")
    single = {(pair["query"][0], pair["want"]): pair for pair in pairs if len(pair["query"]) == 1}
    for pair in (pair for pair in pairs if len(pair["query"]) > 1):
        better = max(single[part, pair["want"]]["p_at_k"] for part in pair["query"])
        gain = pair["p_at_k"] - better
        print(f"  {pair_name(pair)}: {gain:+.3f} P@k against the better of its parts alone")
    sys.stdout.flush()


class Eval:
    """One run against one daemon."""

    def __init__(self, args, daemon):
        self._args = args
        self._daemon = daemon
        self._start_s = time.monotonic()
        self.result = {"order": args.order, "named": args.named, "part": args.part}
        self.result.update(seed=args.seed, episodes=args.episodes, seconds_by_stage={})

    def say(self, text):
        print(f"[{time.monotonic() - self._start_s:6.1f} s] {text}", flush=True)

    def _timed(self, stage, call, *arguments):
        begin_s = time.monotonic()
        result = call(*arguments)
        stages = self.result["seconds_by_stage"]
        stages[stage] = round(stages.get(stage, 0) + time.monotonic() - begin_s, 2)
        return result

    def _publish(self):
        published = self._timed("publish", self._daemon.publish)
        return published

    def stream(self, tenths):
        self.result["resident_idle_mb"] = self._daemon.resident_mb()
        ahead = int(AHEAD_EPISODES * (2 + self._args.named))
        self.result["anytime"] = []
        for number, tenth in enumerate(tenths):
            self._timed("stream", self._daemon.ingest, tenth["path"], ahead)
            generation = self._publish()
            report = self._timed("eval", self._daemon.eval, tenth["queries"])
            entry = {"episodes": tenth["episodes"], "classes": tenth["seen"]}
            entry.update(generation=generation, pairs=report["pairs"])
            self.result["anytime"].append(entry)
            figures = ", ".join(
                f"{pair_name(p)} {p['p_at_k']:.3f}" for p in report["pairs"] if len(p["query"]) == 1
            )
            self.say(f"{tenth['episodes']} episodes, generation {generation}; P@k {figures}")

    def stream_end(self, queries):
        self._timed("stream", self._daemon.wait_learned)
        generation = self._publish()
        report = self._timed("eval", self._daemon.eval, queries)
        self.result["stream_end"] = report["pairs"]
        self.result["steps_stream"] = self._daemon.learning()["steps_stream"]
        self.result["resident_stream_mb"] = self._daemon.resident_mb()
        print_table(f"End of the stream (generation {generation})", report["pairs"])

    def consolidate(self, queries):
        self.say(f"consolidating: {self._args.consolidate_steps} steps")
        self._timed("consolidation", self._daemon.consolidate, self._args.consolidate_steps)
        generation = self._publish()
        report = self._timed("eval", self._daemon.eval, queries)
        learning = self._daemon.learning()
        self.result.update(k=report["k"], pairs=report["pairs"], generation=generation)
        self.result["steps_stream"] = learning["steps_stream"]
        self.result["steps_consolidation"] = learning["steps_consolidation"]
        self.result["resident_mb"] = self._daemon.resident_mb()
        self.result["resident_peak_mb"] = self._daemon.resident_mb("VmHWM")
        self.result["seconds"] = round(time.monotonic() - self._start_s, 1)
        print_table(f"After consolidation (generation {generation})", report["pairs"])


def run(args):
    if not os.path.isdir(os.path.join(args.data, "fsdd", "recordings")):
        print(f"digits: skipped: no fsdd/recordings under '{args.data}'", file=sys.stderr)
        return SKIPPED
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    build = args.build or os.path.join(root, "build", "release")
    work = args.keep or tempfile.mkdtemp(prefix="mixmatch-digits-")
    os.makedirs(work, exist_ok=True)
    try:
        tenths, queries = write_files(args, args.data, work)
        config = CONFIG.format(data_dir=json.dumps(os.path.join(work, "memory")), seed=args.seed)
        with mixmatch.Daemon(build, work, config) as daemon:
            evaluation = Eval(args, daemon)
            evaluation.say(f"daemon at {daemon.address}, working in {work}")
            evaluation.stream(tenths)
            evaluation.stream_end(queries)
            evaluation.consolidate(queries)
            result = evaluation.result
        if args.json:
            with open(args.json, "w", encoding="utf-8") as out:
                json.dump(result, out, indent=1)
                out.write("\n")
        print(
            f"\n{result['seconds']} s; {result['steps_stream']} steps in the stream, "
            f"{result['steps_consolidation']} of consolidation; resident "
            f"{result['resident_mb']} MB (idle {result['resident_idle_mb']}, peak {result['resident_peak_mb']})"
        )
        return 0
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


def main():
    args = parse_args(sys.argv[1:])
    # Being told to stop ends the daemon too, by way of the usual unwinding.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if args.command == "export":
        os.makedirs(args.out, exist_ok=True)
        tenths, queries = write_files(args, args.data, args.out)
        print(
            f"{sum(tenth['events'] for tenth in tenths)} events in {len(tenths)} manifests; "
            f"queries in {queries}"
        )
        return 0
    try:
        return run(args)
    except mixmatch.Failed as error:
        print(f"digits: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
