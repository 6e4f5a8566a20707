#!/usr/bin/env python3
"""The latency eval: how much longer does a recall take while the memory learns and re-embeds?

A digits stream is stored and learned. Then recalls are asked at a steady rate, in turns of two
kinds: `off`, learning is paused; `on`, the learner makes steps all the time and publishes one
generation after another, each of which embeds everything again. A recall's time counts from the
moment at which it was due, so that a stall is seen by all that wait behind it.
Needs what digits.py and memory_client.py need; README.md explains the figures.
"""
import argparse
import itertools
import random
import subprocess
import sys
import threading
import time

import daemon as mixmatch
import digits
import digits_data
import figures
import lifecycle
import memory_client
import stored

K = 10
CHUNK_S = 0.5  # between two looks at whether the load still runs


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="latency", description=__doc__)
    lifecycle.add_options(parser, episodes=3000)
    parser.add_argument("--rate", type=float, default=100, metavar="N", help="recalls a second")
    parser.add_argument("--turns", type=int, default=4, metavar="N", help="of either kind")
    parser.add_argument("--turn-seconds", type=float, default=30, metavar="S")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="of the learner")
    args = parser.parse_args(argv)
    if args.rate <= 0 or args.turns < 1 or args.turn_seconds <= 0:
        parser.error("--rate, --turns, --turn-seconds: more than 0")
    return args


def percentile(values, share):
    """The smallest value that at least `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[min(len(ordered), int(rank)) - 1]


def spread(values):
    """The figures of recalls' times, ms."""
    return {
        "count": len(values),
        "p50_ms": percentile(values, 0.50),
        "p90_ms": percentile(values, 0.90),
        "p99_ms": percentile(values, 0.99),
        "max_ms": max(values),
    }


def headline(result):
    return {
        "p99 off, ms": result["off"]["p99_ms"],
        "p99 on, ms": result["on"]["p99_ms"],
        "p99 on / off": result["p99_ratio"],
        "p50 on / off": result["on"]["p50_ms"] / result["off"]["p50_ms"],
    }


def join_turns(off, on):
    """The figures of turns' times, [[ms]] of either kind. The ratio is that of all turns together;
    those of single turns show how noisy the machine is."""
    together = {"off": spread(sum(off, [])), "on": spread(sum(on, []))}
    together["p99_ratio"] = together["on"]["p99_ms"] / together["off"]["p99_ms"]
    for name, turns in (("off", off), ("on", on)):
        together[name]["p99_ms_by_turn"] = [percentile(turn, 0.99) for turn in turns]
    return together


class Asker(stored.Stored):
    """Asks at a steady rate, however long answers take."""

    def __init__(self, address, questions, rate):
        super().__init__(address)
        self._requests_round = itertools.cycle(list(self._requests(questions, K, ())))
        self._every_s = 1 / rate

    def ask_for(self, seconds):
        """Times in ms of the recalls that were due in the next `seconds`."""
        times, lock, waiting = [], threading.Lock(), []
        begin = time.monotonic()
        for number in range(int(seconds / self._every_s)):
            due = begin + number * self._every_s
            time.sleep(max(0.0, due - time.monotonic()))

            def done(call, due=due):
                taken_ms = (time.monotonic() - due) * 1e3
                call.result()
                with lock:
                    times.append(taken_ms)

            call = self._stub.Recall.future(
                next(self._requests_round), timeout=memory_client.TIMEOUT_S
            )
            call.add_done_callback(done)
            waiting.append(call)
        for call in waiting:
            call.result()  # an error ends the eval
        while len(times) < len(waiting):
            time.sleep(0.01)
        return times


class Load:
    """The learner at work: steps without end, and one publish after another."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._ending = threading.Event()
        self._threads = []
        self.published = 0
        self.refused = 0

    def __enter__(self):
        self._daemon.ctl("learning", "resume")
        for work in (self._consolidate, self._publish):
            self._threads.append(threading.Thread(target=work))
            self._threads[-1].start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._daemon.ctl("learning", "pause")

    def _run(self, *arguments):
        # Behind client and daemon: that this program starts over and over is no part of the question.
        return subprocess.run(
            ["nice", "-n", "19"] + self._daemon.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    def _consolidate(self):
        while not self._ending.is_set():
            self._run("consolidate", "--steps", 10)

    def _publish(self):
        while not self._ending.is_set():
            # A candidate that is as good as what serves may be refused, which embeds nothing.
            if '"PUBLISHED"' in self._run("generations", "publish").stdout:
                self.published += 1
            else:
                self.refused += 1
            self._ending.wait(CHUNK_S)


class Run:
    """One run against one daemon."""

    def __init__(self, args, daemon):
        self._args, self._daemon = args, daemon
        self._say = lifecycle.Teller()
        self.result = {"episodes": args.episodes, "seed": args.seed, "rate": args.rate}
        self.result.update(turn_seconds=args.turn_seconds, threads=args.threads)

    def _questions(self):
        """Some of the contents that are stored, each wanting another modality."""
        contents = stored.Stored(self._daemon.address).contents()
        items = random.Random(f"latency {self._args.seed}").sample(sorted(contents), 500)
        others = {"image": "audio", "audio": "image", "text": "image"}
        return [(contents[item], others[contents[item][0]]) for item in items]

    def go(self, manifest):
        self._daemon.ingest(manifest, lifecycle.ahead_events(3))
        self._daemon.wait_learned()
        lifecycle.publish(self._daemon)
        self._daemon.ctl("learning", "pause")
        asker = Asker(self._daemon.address, self._questions(), self._args.rate)
        asker.ask_for(5)  # warms both sides up
        off, on = [], []
        published = refused = 0
        steps = self._daemon.learning()["steps_consolidation"]
        for turn in range(self._args.turns):
            off.append(asker.ask_for(self._args.turn_seconds))
            with Load(self._daemon) as load:
                on.append(asker.ask_for(self._args.turn_seconds))
            published += load.published
            refused += load.refused
            self._say(
                f"turn {turn + 1}: p99 off {percentile(off[-1], 0.99):.1f} ms, on "
                f"{percentile(on[-1], 0.99):.1f} ms; {load.published} published"
            )
        self.result |= join_turns(off, on)
        self.result.update(published=published, refused=refused)
        self.result["steps"] = self._daemon.learning()["steps_consolidation"] - steps
        if self.result["steps"] == 0 or published == 0:
            raise mixmatch.Failed("nothing was learned or published while it was on: no figure")
        self.result["seconds"] = self._say.seconds()
        keys = ("count", "p50_ms", "p90_ms", "p99_ms", "max_ms")
        rows = [
            [name] + [f"{self.result[name][key]:.1f}" if key != "count" else self.result[name][key]
                      for key in keys]
            for name in ("off", "on")
        ]
        print("\n" + figures.table(["learning"] + list(keys), rows))
        print(
            f"p99 on / off {self.result['p99_ratio']:.2f}; {self.result['steps']} steps, "
            f"{published} generations published, {refused} refused; "
            f"{self.result['seconds']} s",
            flush=True,
        )


def run_one(args):
    with lifecycle.work_folder(args.keep) as work:
        data = digits_data.Digits(args.data, work, args.seed, args.part)
        (part,) = data.write_stream(data.episodes(args.episodes, "shuffled", 1.0), 1)
        with lifecycle.start(args, work, threads=args.threads) as daemon:
            run = Run(args, daemon)
            run.go(part["path"])
            return run.result


def summarise(runs):
    return {"mean ± standard error": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "latency", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
