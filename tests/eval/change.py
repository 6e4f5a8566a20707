#!/usr/bin/env python3
"""The change eval: a memory whose world changes, and then its model.

First a modality comes late: digits are seen and heard, published, and only then read as well. Then
the daemon is stopped and started over the same memory with a larger preset: what served has to
answer as before until a new learner, trained by replay, passes the gate.
Needs what digits.py and memory_client.py need; README.md explains the figures.
"""
import argparse
import json
import os
import sys

import digits
import digits_data
import figures
import lifecycle
import stored

K = 10
WANTED_DROP = 0.01  # of an old direction, at most, when a modality comes late


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="change", description=__doc__)
    lifecycle.add_options(parser, episodes=1500)
    parser.add_argument("--late-episodes", type=int, default=500, metavar="N", help="with words")
    parser.add_argument("--preset", default="small", help="of the second start")
    parser.add_argument("--steps", type=int, default=400, metavar="N", help="of its consolidation")
    args = parser.parse_args(argv)
    if args.episodes < 100 or args.late_episodes < 20:
        parser.error("--episodes: at least 100; --late-episodes: at least 20")
    return args


def with_modality(pairs, modality):
    """The pairs in whose query or answer the modality occurs."""
    return [pair for pair in pairs if modality in pair["query"] + [pair["want"]]]


def compare(before, after):
    """Figures before and after, what each lost and the largest loss."""
    lost = lifecycle.drops(before, after)
    return {"before": before, "after": after, "drops": lost, "drop_max": max(lost.values())}


def headline(result):
    late, preset = result["late"], result["preset"]
    return {
        "late modality: largest drop of the old directions": late["drop_max"],
        **{f"late modality: {name}": value for name, value in late["new"].items()},
        "preset: answers changed before the publish": preset["changed_answers"],
        "preset: published": int(preset["published"]),
        "preset: largest drop": preset["drop_max"],
    }


class Run:
    """One run over one memory, through two daemons."""

    def __init__(self, args, work):
        self._args, self._work = args, work
        self._say = lifecycle.Teller()
        self._daemon = self._stored = None
        self.result = {"seed": args.seed, "episodes": args.episodes}
        self.result["late_episodes"] = args.late_episodes
        data = digits_data.Digits(args.data, work, args.seed, args.part)
        stream = data.episodes(args.episodes + args.late_episodes, "shuffled", 1.0)
        for episode in stream[: args.episodes]:
            del episode["word"]
        self._paths = [os.path.join(work, f"{name}.jsonl") for name in ("early", "late")]
        begin = 0
        for path, end in zip(self._paths, (args.episodes, len(stream))):
            name = os.path.splitext(os.path.basename(path))[0]
            lifecycle.write_stretch(path, stream, begin, end, args.seed, name)
            begin = end
        self._old = lifecycle.write_queries(data, "queries-old.jsonl", False, "early")
        self._all = lifecycle.write_queries(data, "queries-all.jsonl", True)
        self._fixed = lifecycle.fixed_questions(self._all, args.seed)

    def take(self, daemon):
        self._daemon, self._stored = daemon, stored.Stored(daemon.address)

    def _pairs(self, queries):
        return self._daemon.eval(queries)["pairs"]

    def _serving(self):
        return int(self._daemon.status()["serving"]["number"])

    def _learn(self, path, percepts):
        self._daemon.ingest(path, lifecycle.ahead_events(percepts))
        self._daemon.wait_learned()
        return lifecycle.publish(self._daemon)

    def late_modality(self):
        early, late = self._paths
        self._learn(early, 2)
        before = figures.headline(self._pairs(self._old))
        self._say(f"without words: generation {self._serving()} serves")
        published = self._learn(late, 3)
        late = compare(before, figures.headline(self._pairs(self._old)))
        every = self._pairs(self._all)
        late.update(published=published, kept=late["drop_max"] <= WANTED_DROP)
        late.update(new=figures.headline(with_modality(every, "text")), pairs=every)
        self.result["late"] = late
        self._say(f"with words: generation {self._serving()} serves")
        self._print("old directions, old items", late)
        print(figures.pairs_table(with_modality(every, "text")), flush=True)

    def remember(self):
        """What has to stay as it is while the daemon is stopped and started anew."""
        self._number = self._serving()
        self._answers, _ = self._stored.ask(self._fixed, K)
        self._model = self._daemon.status()["learning"]["parameter_count"]

    def _changed(self):
        """Fixed questions that are not answered by the old generation as before."""
        answers, numbers = self._stored.ask(self._fixed, K)
        if numbers != {self._number}:
            return len(self._fixed)
        return lifecycle.differing(self._answers, answers)

    def other_preset(self):
        preset = {"preset": self._args.preset, "generation_before": self._number}
        preset["changed_at_start"] = self._changed()
        learning = self._daemon.status()["learning"]
        preset["parameters"] = [int(self._model), int(learning["parameter_count"])]
        preset["steps_at_start"] = int(learning["steps_total"])
        preset["published_early"] = lifecycle.publish(self._daemon)
        outcome = "published" if preset["published_early"] else "refused"
        self._say(f"{self._args.preset} after {preset['steps_at_start']} steps: {outcome}")
        if preset["published_early"]:  # go on as if the gate had held
            self._daemon.ctl("generations", "rollback")
        self._daemon.wait_learned()
        self._daemon.consolidate(self._args.steps)
        learning = self._daemon.learning()
        preset.update({key: learning[key] for key in ("steps_stream", "steps_consolidation")})
        preset["changed_answers"] = self._changed()
        before = self._pairs(self._all)
        preset["published"] = lifecycle.publish(self._daemon)
        after = self._pairs(self._all)
        preset |= compare(figures.headline(before), figures.headline(after))
        judged = lifecycle.generations(self._daemon)[-1]
        preset.update(generation_after=self._serving(), reason=judged["reason"])
        preset["scores"] = judged.get("scores", [])
        self.result["preset"] = preset
        self._say(f"trained: generation {judged['number']} {judged['reason']}")

    def roll_back(self):
        """Back over the change of preset: the old generation has to answer as it did."""
        preset = self.result["preset"]
        preset["rollback_changed"] = None
        if preset["published"]:
            self._daemon.ctl("learning", "pause")
            self._daemon.ctl("generations", "rollback")
            preset["rollback_changed"] = self._changed()

    def _print(self, title, compared):
        text = lifecycle.drops_table(title, compared["before"], compared["after"])
        print("\n" + text, flush=True)

    def end(self):
        preset = self.result["preset"]
        self.result["seconds"] = self._say.seconds()
        self._print(f"preset {self._args.preset}", preset)
        keys = ("changed_at_start", "changed_answers", "rollback_changed")
        keys += ("published_early", "published", "parameters")
        print(json.dumps({key: preset[key] for key in keys}))
        print(f"of {len(self._fixed)} fixed questions; {self.result['seconds']} s", flush=True)


def run_one(args):
    with lifecycle.work_folder(args.keep) as work:
        run = Run(args, work)
        with lifecycle.start(args, work) as daemon:
            run.take(daemon)
            run.late_modality()
            run.remember()
        with lifecycle.start(args, work, preset=args.preset) as daemon:
            run.take(daemon)
            run.other_preset()
            run.roll_back()
            run.end()
        return run.result


def summarise(runs):
    return {"mean ± standard error": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "change", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
