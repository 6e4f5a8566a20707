#!/usr/bin/env python3
"""The generations eval: what every generation keeps, and how often the gate refuses its equal.

A digits stream in class order is published five times; after each, stored events are asked with
their own payloads and should find themselves, and no published generation may be below the gate's
rule in any cell. Then, on the plateau, candidates a few steps from what serves are judged again and
again.
Needs what digits.py and memory_client.py need; README.md explains the figures.
"""
import argparse
import json
import random
import sys

import digits
import digits_data
import figures
import lifecycle
import stored

ROUNDING = 1e-9  # of figures that went through JSON


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="generations", description=__doc__)
    lifecycle.add_options(parser, episodes=3000)
    parser.add_argument("--publishes", type=int, default=5, metavar="N", help="of the stream")
    parser.add_argument("--sample", type=int, default=2000, metavar="N", help="asked; 0: all")
    parser.add_argument("--plateau-steps", type=int, default=400, metavar="N")
    parser.add_argument("--trials", type=int, default=50, metavar="N", help="of equal candidates")
    parser.add_argument("--trial-steps", type=int, default=5, metavar="N")
    args = parser.parse_args(argv)
    if args.episodes < 10 * args.publishes or args.publishes < 1:
        parser.error("--episodes: at least 10 for each of --publishes")
    if args.trials < 1 or args.trial_steps < 1:
        parser.error("--trials, --trial-steps: at least 1")
    return args


def self_recall(pairs):
    """Share of [(own content, first answer's content or None)] in which both are the same; over
    everything and by modality. The same word stored again counts as itself."""
    hits = {}
    for own, first in pairs:
        hits.setdefault(own[0], []).append(own == first)
    every = [hit for found in hits.values() for hit in found]
    return {
        "asked": len(every),
        "found": sum(every),
        "self_recall_at_1": sum(every) / len(every) if every else None,
        "by_modality": {
            modality: {"asked": len(found), "found": sum(found)}
            for modality, found in sorted(hits.items())
        },
    }


def below_rule(listed):
    """The cells of published generations that are lower than the gate allows: (number, measure).
    Returns them and how many cells were looked at."""
    judged = [
        (entry["number"], score)
        for entry in listed
        if entry["state"] in lifecycle.PUBLISHED
        for score in entry.get("scores", [])
    ]
    failed = [
        (number, score["measure"])
        for number, score in judged
        if score["candidate"] < score["serving"] - score["tolerance"] - ROUNDING
    ]
    return failed, len(judged)


def headline(result):
    return {
        "self-recall@1": result["self_recall_at_1"],
        "self-recall@1, worst generation": min(
            entry["self_recall_at_1"] for entry in result["by_publish"]
        ),
        "cells below the rule": result["cells_below_rule"],
        "equal candidates refused": result["equal_refused"] / result["equal_trials"],
    }


class Run:
    """One run against one daemon."""

    def __init__(self, args, daemon):
        self._args, self._daemon = args, daemon
        self._stored = stored.Stored(daemon.address)
        self._say = lifecycle.Teller()
        self.result = {"episodes": args.episodes, "seed": args.seed, "by_publish": []}

    def _ask_stored(self):
        """Asks a sample of everything stored with its own content."""
        contents = self._stored.contents()
        items = sorted(contents)
        if 0 < self._args.sample < len(items):
            items = random.Random(f"stored {self._args.seed}").sample(items, self._args.sample)
        questions = [(contents[item], contents[item][0]) for item in items]
        answers, _ = self._stored.ask(questions, k=1)
        firsts = [contents[answer[0][1]] if answer else None for answer in answers]
        return self_recall([(contents[item], first) for item, first in zip(items, firsts)])

    def stream(self, parts):
        for part in parts:
            self._daemon.ingest(part["path"], lifecycle.ahead_events(3))
            self._daemon.wait_learned()
            published = lifecycle.publish(self._daemon)
            number = int(self._daemon.status()["serving"]["number"])
            entry = {"episodes": part["episodes"], "published": published, "generation": number}
            entry |= self._ask_stored()
            self.result["by_publish"].append(entry)
            self._say(
                f"{entry['episodes']} episodes, generation {number}"
                f"{'' if published else ' (the candidate was refused)'}: "
                f"{entry['found']} of {entry['asked']} stored events find themselves first"
            )
        for key in ("self_recall_at_1", "asked", "found", "by_modality"):
            self.result[key] = entry[key]

    def equal_candidates(self):
        """Publishes candidates that a few steps on the plateau made, and counts refusals."""
        self._daemon.consolidate(self._args.plateau_steps)
        plateau = lifecycle.publish(self._daemon)
        self._say(f"plateau {'published' if plateau else 'refused'}; {self._args.trials} trials")
        refused = 0
        for trial in range(self._args.trials):
            self._daemon.consolidate(self._args.trial_steps)
            refused += not lifecycle.publish(self._daemon)
            if (trial + 1) % 10 == 0:
                self._say(f"{trial + 1} trials, {refused} refused")
        self.result.update(plateau_published=plateau, equal_trials=self._args.trials)
        self.result.update(equal_refused=refused, trial_steps=self._args.trial_steps)

    def end(self):
        listed = lifecycle.generations(self._daemon)
        failed, judged = below_rule(listed)
        self.result.update(cells_below_rule=len(failed), below_rule=failed, cells_judged=judged)
        keys = ("number", "state", "trigger", "reason", "steps", "scores")
        self.result["generations"] = [
            {key: entry[key] for key in keys if key in entry} for entry in listed
        ]
        self.result["seconds"] = self._say.seconds()
        rows = [[name, f"{value:.4f}"] for name, value in headline(self.result).items()]
        print("\n" + figures.table(["figure", "value"], rows))
        rows = [[name] + list(found.values()) for name, found in self.result["by_modality"].items()]
        print("\n" + figures.table(["stored", "asked", "found"], rows))
        for entry in listed:
            if entry["state"] == "REFUSED":
                print(f"  generation {entry['number']} {entry['reason']}")
        print(f"{judged} cells of published generations; {json.dumps(failed)} below the rule")
        print(f"{self.result['seconds']} s", flush=True)


def run_one(args):
    with lifecycle.work_folder(args.keep) as work:
        data = digits_data.Digits(args.data, work, args.seed, args.part)
        episodes = data.episodes(args.episodes, "class", 1.0)
        parts = data.write_stream(episodes, args.publishes)
        with lifecycle.start(args, work) as daemon:
            run = Run(args, daemon)
            run.stream(parts)
            run.equal_candidates()
            run.end()
            return run.result


def summarise(runs):
    return {"mean ± standard error": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "generations", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
