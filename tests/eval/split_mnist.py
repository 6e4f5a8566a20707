#!/usr/bin/env python3
"""Split MNIST: ten classes in five pairs, one pair after the other, a single pass, over a real daemon.

Each training image is an episode with its word. After each pair the memory publishes and is asked
for the nearest stored images of unseen ones; the words of their episodes vote, and all classes seen
so far compete. Needs MNIST alone. README.md explains the figures.
"""
import argparse
import collections
import os
import random
import statistics
import sys
import time

import daemon as mixmatch
import digits
import digits_data
import figures
import memory_client

PAIRS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
NEIGHBOURS = 5
TRAIN_IMAGES = 60000


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="split_mnist", description=__doc__)
    digits.add_run_options(parser)
    parser.set_defaults(consolidate_steps=0)
    parser.add_argument("--episodes", type=int, default=TRAIN_IMAGES, metavar="N", help="at most")
    parser.add_argument("--queries", type=int, metavar="N", help="at most; default all")
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--block", type=int, default=mixmatch.BLOCK_EPISODES, metavar="N")
    parser.add_argument("--steps-per-block", type=int, default=1, metavar="N")
    parser.add_argument("--batch", type=int, metavar="N", help="default: two blocks, at least 64")
    args = parser.parse_args(argv)
    args.batch = args.batch or max(64, 2 * args.block)
    if args.episodes < 20:
        parser.error("--episodes: at least 20")
    if args.batch < args.block:
        parser.error("--batch: it must hold a block")
    return args


def stream_order(labels, episodes, seed):
    """Indexes of images, pair by pair, shuffled inside each pair; each pair gets its share of
    `episodes`. Returns one list a pair."""
    rng = random.Random(f"split {seed}")
    members = [[i for i, label in enumerate(labels) if label in pair] for pair in PAIRS]
    share = min(1.0, episodes / max(1, len(labels)))
    result = []
    for indexes in members:
        rng.shuffle(indexes)
        result.append(indexes[: max(1, round(len(indexes) * share))])
    return result


def vote(neighbours):
    """The label that most of [(similarity, label)] have; of equally many, the nearer ones' by sum
    of similarity. None where nothing was found."""
    counts = collections.Counter(label for _, label in neighbours)
    nearness = collections.Counter()
    for similarity, label in neighbours:
        nearness[label] += similarity
    return max(counts, key=lambda label: (counts[label], nearness[label]), default=None)


def accuracies(truth, guesses):
    """Accuracy over everything, by pair (None where nothing was asked), and by class."""
    right = {label: [] for label in range(10)}
    for label, guess in zip(truth, guesses):
        right[label].append(guess == digits_data.WORDS[label])
    by_pair = [[hit for label in pair for hit in right[label]] for pair in PAIRS]
    return {
        "accuracy": statistics.fmean(hit for hits in right.values() for hit in hits),
        "by_pair": [statistics.fmean(hits) if hits else None for hits in by_pair],
        "by_class": {str(k): statistics.fmean(hits) for k, hits in right.items() if hits},
    }


def forgetting(matrix):
    """Mean over all pairs but the last of the best accuracy at an earlier moment less the last."""
    last = len(matrix) - 1
    lost = [max(row[j] for row in matrix[j:last]) - matrix[last][j] for j in range(last)]
    return statistics.fmean(lost)


class SplitMnist:
    """Writes the stream's manifests and the query images into a folder."""

    def __init__(self, args, work):
        folder = os.path.join(args.data, "mnist")
        self._work = work
        os.makedirs(os.path.join(work, "images"), exist_ok=True)
        train = digits_data.Mnist(folder, "train")
        held_out = digits_data.VALIDATION_IMAGES if args.part == "validation" else 0
        split = len(train.labels) - held_out
        if args.part == "test":
            source, indexes = digits_data.Mnist(folder, "t10k"), range(10000)
        else:
            source, indexes = train, range(split, len(train.labels))
        indexes = list(indexes)
        random.Random(f"split queries {args.seed}").shuffle(indexes)
        indexes = sorted(indexes[: args.queries])
        self.truth = [source.labels[i] for i in indexes]
        self.paths = [os.path.join(work, self._image(source, "query", i)) for i in indexes]
        self._write_stream(train, stream_order(train.labels[:split], args.episodes, args.seed), args)

    def _image(self, source, kind, index):
        name = f"images/{kind}-{index:05d}.png"
        path = os.path.join(self._work, name)
        digits_data.write_png(path, source.pixels(index), source.width, source.height)
        return name

    def _write_stream(self, train, order, args):
        rng = random.Random(f"split delivery {args.seed}")
        self.manifests, self.episodes = [], []
        for number, indexes in enumerate(order):
            begin = len(self.episodes)
            for index in indexes:
                episode = {"digit": train.labels[index], "word": digits_data.WORDS[train.labels[index]]}
                episode["image"] = self._image(train, "train", index)
                self.episodes.append(episode)
            path = os.path.join(self._work, f"pair-{number}.jsonl")
            digits_data.write_manifest(path, self.episodes, begin, len(self.episodes), rng)
            self.manifests.append(path)

    def queries(self, pairs):
        """Truth and paths of the query images of the first so many pairs."""
        seen = {label for pair in PAIRS[:pairs] for label in pair}
        chosen = [i for i, label in enumerate(self.truth) if label in seen]
        return [self.truth[i] for i in chosen], [self.paths[i] for i in chosen]


class Run:
    """One run against one daemon."""

    def __init__(self, args, daemon, data):
        self._args, self._daemon, self._data = args, daemon, data
        self._memory = memory_client.Memory(daemon.address)
        self._eval = digits.Eval(digits.variant(args, order="pairs", named=1.0), daemon)
        self.result = self._eval.result
        keys = ("block", "steps_per_block", "batch")
        self.result.update({key: getattr(args, key) for key in keys})
        self.result.update(episodes=len(data.episodes), queries=len(data.truth), matrix=[])

    def _ask(self, pairs, want="image", k=NEIGHBOURS):
        truth, paths = self._data.queries(pairs)
        answers = self._eval.timed("eval", self._memory.recalled_words, paths, want, k)
        return accuracies(truth, [vote(answer) for answer in answers])

    def _ingest(self, manifest):
        ahead_episodes = max(digits.AHEAD_EPISODES, 2 * self._args.block)
        self._eval.timed("stream", self._daemon.ingest, manifest, 2 * ahead_episodes)

    def _wait(self):
        if self._args.deterministic:
            self._daemon.wait_settled(self._args.block)
        else:
            self._daemon.wait_learned()

    def stream(self):
        planned = len(self._data.episodes) // self._args.block * self._args.steps_per_block
        self._eval.say(
            f"{len(self._data.episodes)} episodes, about {planned} steps: {self._args.steps_per_block}"
            f" per {self._args.block} new episodes, {self._args.batch} episodes each"
        )
        for number, manifest in enumerate(self._data.manifests):
            self._ingest(manifest)
            if number == len(PAIRS) - 1:
                self._eval.timed("stream", self._wait)
            generation = self._eval.publish()
            found = self._ask(number + 1)
            self.result["matrix"].append(found["by_pair"][: number + 1])
            shown = " ".join(f"{value:.4f}" for value in self.result["matrix"][-1])
            steps = self._daemon.learning()["steps_stream"]
            self._eval.say(
                f"pair {PAIRS[number]}: generation {generation}, {steps} steps; {found['accuracy']:.4f}"
                f" over the classes so far; by pair {shown}"
            )
        self.result.update(found)
        self.result["forgetting"] = forgetting(self.result["matrix"])
        self.result["accuracy_word"] = self._ask(len(PAIRS), "text", 1)["accuracy"]

    def consolidate(self):
        if self._args.consolidate_steps > 0:
            steps = self._args.consolidate_steps
            self._eval.timed("consolidation", self._daemon.consolidate, steps)
            self._eval.publish()
            found = self._ask(len(PAIRS))
            found["accuracy_word"] = self._ask(len(PAIRS), "text", 1)["accuracy"]
            self.result["consolidated"] = found

    def end(self, start_s):
        learning = self._daemon.learning()
        for key in ("steps_stream", "steps_consolidation"):
            self.result[key] = learning[key]
        self.result["weights_hash"] = self._daemon.weights_hash()
        self.result["resident_peak_mb"] = self._daemon.resident_mb("VmHWM")
        self.result["seconds"] = round(time.monotonic() - start_s, 1)
        for name, value in headline(self.result).items():
            print(f"  {name}: {value:.4f}")
        print(
            f"{self.result['seconds']} s ({self.result['seconds_by_stage']}); "
            f"{learning['steps_stream']} steps in the stream, {learning['steps_consolidation']} of "
            f"consolidation; resident at most {self.result['resident_peak_mb']} MB",
            flush=True,
        )


def headline(result):
    names = {"accuracy": "accuracy", "accuracy_word": "accuracy, word recalled"}
    shown = {text: result[key] for key, text in names.items()} | {"forgetting": result["forgetting"]}
    if "consolidated" in result:
        shown |= {f"{text}, consolidated": result["consolidated"][key] for key, text in names.items()}
    return shown


def run_one(args):
    start_s = time.monotonic()

    def call(daemon, work):
        data = SplitMnist(args, work)
        run = Run(args, daemon, data)
        run.stream()
        run.consolidate()
        run.end(start_s)
        return run.result

    learning = {"block_episodes": args.block, "batch_episodes": args.batch}
    return digits.with_daemon(args, call, steps_per_block=args.steps_per_block, **learning)


def summarise(runs):
    return {"mean ± standard error": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "split_mnist",
        args.data,
        lambda: digits.run(args, one=run_one, summary=summarise),
        parts=["mnist"],
    )


if __name__ == "__main__":
    sys.exit(main())
