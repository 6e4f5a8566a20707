#!/usr/bin/env python3
"""The digits eval: real data into a real daemon over a real socket, and back by recall.

`run` builds the stream (digits_data.py), starts `mixmatchd`, ingests at the learner's pace,
evaluates after each tenth, at the stream's end and after consolidation, prints tables and writes
JSON; with several seeds, one run after another and their means. `export` only writes the files.
Standard library only; README.md explains the figures.
"""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time

import daemon as mixmatch
import digits_data
import figures
import provenance

KILLED_TENTH = 5  # counted from 0
AHEAD_EPISODES = 64  # the stream is never farther ahead of what is learned


def seeds_of(text):
    return [int(part) for part in text.split(",")]


def add_stream_options(parser, with_order=True):
    if with_order:
        parser.add_argument("--order", choices=["shuffled", "class"], default="shuffled")
    parser.add_argument("--episodes", type=int, default=6000, metavar="N")
    parser.add_argument("--named", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--seed", type=int, default=1)


def add_run_options(parser, flags=True):
    parser.add_argument("data", metavar="DATA_DIR", help="folder with fsdd/recordings and mnist")
    parser.add_argument("--seeds", type=seeds_of, metavar="1,2,…", help="one run after another")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--build", metavar="DIR", help="build folder; default build/release")
    parser.add_argument("--consolidate-steps", type=int, default=350, metavar="N")
    parser.add_argument(
        "--consolidate-longer", type=int, default=0, metavar="N", help="as many more steps then"
    )
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and keep it")
    if not flags:
        return
    parser.add_argument("--no-replay", action="store_true", help="learn from new episodes alone")
    parser.add_argument(
        "--kill", action="store_true", help="kill -9 in the middle of the stream, start again"
    )
    parser.add_argument(
        "--deterministic", action="store_true", help="nothing by the clock; tell the weights' hash"
    )


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="digits", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="stream into a daemon and evaluate")
    add_run_options(run)
    export = commands.add_parser("export", help="only write manifests, files and queries")
    export.add_argument("--data", required=True, metavar="DIR")
    export.add_argument("--out", required=True, metavar="DIR")
    for command in (run, export):
        add_stream_options(command)
    args = parser.parse_args(argv)
    check_args(parser, args)
    return args


def check_args(parser, args):
    if args.episodes < 10:
        parser.error("--episodes: at least 10")
    if not 0 <= args.named <= 1:
        parser.error("--named: a share from 0 to 1")


def write_files(args, data_dir, out_dir):
    """Writes stream and queries. Returns the stream's tenths, each with its query files, and the
    query file of all directions."""
    data = digits_data.Digits(data_dir, out_dir, args.seed, args.part)
    tenths = data.write_stream(data.episodes(args.episodes, args.order, args.named), 10)
    with_text = args.named > 0
    for number, tenth in enumerate(tenths):
        name = f"queries-anytime-{number:02d}.jsonl"
        tenth["queries"] = data.write_queries(name, with_text, tenth["seen"])
    return tenths, data.write_queries("queries.jsonl", with_text)


PROVENANCE = provenance.provenance()  # at the start: a run takes long, and the tree may move on


def write_json(path, value):
    if path:
        with open(path, "w", encoding="utf-8") as out:
            json.dump(PROVENANCE | value, out, indent=1)
            out.write("\n")


class Eval:
    """One run against one daemon."""

    def __init__(self, args, daemon):
        self._args = args
        self._daemon = daemon
        self._start_s = time.monotonic()
        self._last_tenth_s = 0.0
        self.result = {"order": args.order, "named": args.named, "part": args.part}
        self.result.update(seed=args.seed, episodes=args.episodes, replay=not args.no_replay)
        self.result.update(deterministic=args.deterministic, killed=args.kill, seconds_by_stage={})

    def say(self, text):
        print(f"[{time.monotonic() - self._start_s:6.1f} s] {text}", flush=True)

    def timed(self, stage, call, *arguments):
        begin_s = time.monotonic()
        result = call(*arguments)
        stages = self.result["seconds_by_stage"]
        stages[stage] = round(stages.get(stage, 0) + time.monotonic() - begin_s, 2)
        return result

    def ask(self, queries):
        """The pairs of a file of queries."""
        return self.timed("eval", self._daemon.eval, queries)["pairs"]

    def with_parts(self, pairs, queries):
        """These pairs of a file of queries, those of several modalities with their parts' own."""
        parts = digits_data.write_parts(queries)
        return pairs if parts is None else figures.with_parts(pairs, self.ask(parts))

    def publish(self):
        return self.timed("publish", self._daemon.publish)

    def stream(self, tenths, after_tenth=None):
        """Ingests tenth by tenth. `after_tenth(index)`, where given, adds to the entry."""
        self.result["resident_idle_mb"] = self._daemon.resident_mb()
        ahead = int(AHEAD_EPISODES * (2 + self._args.named))
        self.result["anytime"] = []
        for number, tenth in enumerate(tenths):
            self.timed("stream", self._ingest, number, tenth, ahead)
            generation = self.publish()
            pairs = self.ask(tenth["queries"])
            entry = {"episodes": tenth["episodes"], "classes": tenth["seen"]}
            entry.update(generation=generation, pairs=pairs)
            if after_tenth is not None:
                entry.update(after_tenth(number))
            self.result["anytime"].append(entry)
            shown = ", ".join(
                f"{figures.pair_name(p)} {p['p_at_k']:.3f}" for p in pairs if len(p["query"]) == 1
            )
            self.say(f"{tenth['episodes']} episodes, generation {generation}; P@k {shown}")
        self.result["anytime_summary"] = figures.anytime_summary(self.result["anytime"])
        print("\nAnytime, over the classes seen so far")
        print(figures.anytime_table(self.result["anytime_summary"]), flush=True)

    def _ingest(self, number, tenth, ahead):
        begin_s = time.monotonic()
        killer = None
        if self._args.kill and number == KILLED_TENTH:
            killer = threading.Timer(self._last_tenth_s / 2, self._daemon.kill)
            killer.start()
        try:
            self._daemon.ingest(tenth["path"], ahead)
        except mixmatch.Failed:
            if killer is None:
                raise
            self.say("killed in the middle of a tenth")
        if killer is not None:
            killer.join()
            self._daemon.__enter__()
            self._daemon.ingest(tenth["path"], ahead)  # what is stored already is stored once
        self._last_tenth_s = time.monotonic() - begin_s

    def _wait_learned(self):
        if self._args.deterministic:
            self._daemon.wait_settled(mixmatch.BLOCK_EPISODES)
        else:
            self._daemon.wait_learned()

    def stream_end(self, queries):
        self.timed("stream", self._wait_learned)
        generation = self.publish()
        pairs = self.with_parts(self.ask(queries), queries)
        self.result["stream_end"] = pairs
        self.result["steps_stream"] = self._daemon.learning()["steps_stream"]
        self.result["resident_stream_mb"] = self._daemon.resident_mb()
        print(f"\nEnd of the stream (generation {generation})\n{figures.pairs_table(pairs)}")

    def consolidate(self, queries):
        self.say(f"consolidating: {self._args.consolidate_steps} steps")
        self.timed("consolidation", self._daemon.consolidate, self._args.consolidate_steps)
        generation = self.publish()
        report = self.timed("eval", self._daemon.eval, queries)
        learning = self._daemon.learning()
        pairs = self.with_parts(report["pairs"], queries)
        self.result.update(k=report["k"], pairs=pairs, generation=generation)
        self.result["steps_stream"] = learning["steps_stream"]
        self.result["steps_consolidation"] = learning["steps_consolidation"]
        self.result["weights_hash"] = self._daemon.weights_hash()
        self.result["resident_mb"] = self._daemon.resident_mb()
        self.result["resident_peak_mb"] = self._daemon.resident_mb("VmHWM")
        self.result["seconds"] = round(time.monotonic() - self._start_s, 1)
        print(f"\nAfter consolidation (generation {generation})")
        print(figures.pairs_table(pairs), flush=True)

    def consolidate_longer(self, queries):
        """Goes on consolidating, where that is asked for, and evaluates once more."""
        more = self._args.consolidate_longer
        if more == 0:
            return
        self.say(f"consolidating longer: {more} steps more")
        self.timed("longer", self._daemon.consolidate, more)
        generation = self.publish()
        self.result["longer"] = self.with_parts(self.ask(queries), queries)
        self.result["steps_longer"] = self._daemon.learning()["steps_consolidation"]
        self.result["seconds_longer"] = round(time.monotonic() - self._start_s, 1)
        print(f"\nAfter consolidating longer (generation {generation})")
        print(figures.pairs_table(self.result["longer"]), flush=True)

    def note_refusals(self):
        """What the gate refused in the whole run, and why."""
        self.result["refusals"] = self._daemon.refusals()
        for refusal in self.result["refusals"]:
            print(f"generation {refusal['generation']} was refused: {refusal['reason']}")

    def print_end(self):
        result = self.result
        print(
            f"\n{result['seconds']} s; {result['steps_stream']} steps in the stream, "
            f"{result['steps_consolidation']} of consolidation; resident {result['resident_mb']} MB "
            f"(idle {result['resident_idle_mb']}, peak {result['resident_peak_mb']})"
        )
        if self._args.deterministic:
            print(f"weights: {result['weights_hash'] or 'the daemon tells no weights_hash'}")
        sys.stdout.flush()


def with_daemon(args, call, **learning):
    """Starts a daemon in a folder of its own for `call(daemon, folder)` and returns its result.
    `learning`: keys of that section of the configuration."""
    work = args.keep or tempfile.mkdtemp(prefix="mixmatch-eval-")
    os.makedirs(work, exist_ok=True)
    try:
        config = mixmatch.config(
            os.path.join(work, "memory"),
            args.seed,
            replay=not args.no_replay,
            deterministic=args.deterministic,
            **learning,
        )
        with mixmatch.Daemon(mixmatch.build_dir(args.build), work, config) as daemon:
            return call(daemon, work)
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)


def run_one(args):
    """One run with args.seed. Returns its result."""

    def call(daemon, work):
        tenths, queries = write_files(args, args.data, work)
        evaluation = Eval(args, daemon)
        evaluation.say(f"daemon at {daemon.address}, working in {work}, seed {args.seed}")
        evaluation.stream(tenths)
        evaluation.stream_end(queries)
        evaluation.consolidate(queries)
        evaluation.print_end()
        evaluation.consolidate_longer(queries)
        evaluation.note_refusals()
        return evaluation.result

    return with_daemon(args, call)


def variant(args, **changes):
    """The same arguments with some of them changed."""
    return argparse.Namespace(**(vars(args) | changes))


def summarise(runs):
    """Means and standard errors over runs that differ in their seed alone, by point."""
    over = figures.over_seeds
    points = {"end of stream": "stream_end", "consolidated": "pairs", "longer": "longer"}
    result = {
        title: over([figures.headline(run[point]) for run in runs])
        for title, point in points.items()
        if point in runs[0]
    }
    return result | {
        "anytime mean": over(
            [figures.anytime_headline(run["anytime_summary"], "mean") for run in runs]
        ),
        "anytime worst": over(
            [figures.anytime_headline(run["anytime_summary"], "worst") for run in runs]
        ),
    }


def run(args, one=run_one, summary=summarise, columns=4):
    """One run, or one a seed; then the JSON is written after each, so that an interrupted series
    is not lost."""
    if not args.seeds:
        write_json(args.json, one(args))
        return
    runs = []
    for seed in args.seeds:
        keep = args.keep and os.path.join(args.keep, f"seed-{seed}")
        runs.append(one(variant(args, seed=seed, keep=keep)))
        result = {"seeds": args.seeds[: len(runs)], "runs": runs, "summary": summary(runs)}
        write_json(args.json, result)
    print(f"\nMean ± standard error over seeds {', '.join(map(str, args.seeds))}")
    print(figures.summary_table(result["summary"], columns), flush=True)


def guarded(name, data, call, parts=digits_data.FOLDERS):
    """Runs an eval's `call()` and gives its exit status; 77 where one of the data's parts is
    absent."""
    missing = digits_data.missing(data, parts)
    if missing:
        print(f"{name}: skipped: no {missing} under '{data}'", file=sys.stderr)
        return mixmatch.SKIPPED
    # Being told to stop ends the daemon too, by way of the usual unwinding.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        call()
    except mixmatch.Failed as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


def export(args):
    os.makedirs(args.out, exist_ok=True)
    tenths, queries = write_files(args, args.data, args.out)
    print(
        f"{sum(tenth['events'] for tenth in tenths)} events in {len(tenths)} manifests; "
        f"queries in {queries}"
    )


def main():
    args = parse_args(sys.argv[1:])
    if args.command == "export":
        return guarded("digits", args.data, lambda: export(args))
    return guarded("digits", args.data, lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
