#!/usr/bin/env python3
"""Skills over a real daemon: Split MNIST and FSDD taught once, few labels, what is unknown, the order
of teaching, and speed. README.md explains the figures.
"""
import argparse
import json
import os
import random
import statistics
import sys

import daemon as mixmatch
import digits
import digits_data
import figures
import lifecycle
import skills_client
import split_mnist

PARTS = ("split_mnist", "fsdd", "few_shot", "order", "unknown", "speed")
SHOTS = (1, 2, 5, 10, 50)
DRAWS = 5  # of the examples of a few-shot figure
LEFT_OUT_PAIRS = split_mnist.PAIRS
PERMUTATIONS = 10
TIMED_CALLS = 300
THOUSAND = 1000


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="skills", description=__doc__)
    lifecycle.add_options(parser, episodes=6000)
    parser.add_argument("--images", type=int, default=60000, metavar="N", help="of Split MNIST")
    parser.add_argument("--queries", type=int, metavar="N", help="images asked at most; default all")
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(PARTS), metavar=",".join(PARTS)
    )
    args = parser.parse_args(argv)
    unknown = sorted(set(args.only) - set(PARTS))
    if unknown:
        parser.error(f"--only: no part {unknown[0]}; there are {', '.join(PARTS)}")
    return args


def accuracy(counts):
    return counts["right"] / counts["count"]


def largest_difference(a, b):
    """Largest difference of a label's confidence between two lists of answers."""
    return max(
        abs(mine.get(label, 0) - theirs.get(label, 0))
        for mine, theirs in zip(a, b, strict=True)
        for label in set(mine) | set(theirs)
    )


def write_events(path, events):
    """Writes a manifest of single percepts: (id, modality, file, metadata)."""
    sources = {"image": "camera", "audio": "microphone"}
    with open(path, "w", encoding="utf-8") as out:
        for number, (name, modality, file, metadata) in enumerate(events):
            event = {
                "event_id": name,
                "time": digits_data.START_TIME_S + number * digits_data.EPISODE_SPACING_S,
                "source": sources[modality],
                "scene": "table",
                "percepts": [{"modality": modality, "file": file}],
                "metadata": metadata,
            }
            out.write(json.dumps(event) + "\n")


class Images:
    """MNIST's images as files in a folder: to stream and to ask with."""

    def __init__(self, data, work, part):
        folder = os.path.join(data, "mnist")
        self._work = work
        os.makedirs(os.path.join(work, "images"), exist_ok=True)
        self.train = digits_data.Mnist(folder, "train")
        held_out = digits_data.VALIDATION_IMAGES if part == "validation" else 0
        self.split = len(self.train.labels) - held_out
        if part == "test":
            self._asked = digits_data.Mnist(folder, "t10k")
            self._indexes = list(range(len(self._asked.labels)))
        else:
            self._asked = self.train
            self._indexes = list(range(self.split, len(self.train.labels)))

    def file(self, source, kind, index):
        name = f"images/{kind}-{index:05d}.png"
        path = os.path.join(self._work, name)
        if not os.path.exists(path):
            digits_data.write_png(path, source.pixels(index), source.width, source.height)
        return name

    def asked(self, seed, at_most=None):
        """Examples to ask with, drawn by the seed."""
        indexes = list(self._indexes)
        random.Random(f"skills queries {seed}").shuffle(indexes)
        return [
            (
                str(self._asked.labels[i]),
                "image",
                os.path.join(self._work, self.file(self._asked, "query", i)),
            )
            for i in indexes[:at_most]
        ]


def run_split_mnist(args, say, result):
    """Five pairs of classes, one after the other, every image stored and taught once."""
    with lifecycle.work_folder(args.keep and os.path.join(args.keep, "split")) as work:
        images = Images(args.data, work, args.part)
        labels = images.train.labels[: images.split]
        with lifecycle.start(args, work) as daemon:
            skills = skills_client.Skills(daemon.address)
            skills.create("digit", "image")
            number = 0
            for pair, indexes in zip(
                split_mnist.PAIRS, split_mnist.stream_order(labels, args.images, args.seed)
            ):
                path = os.path.join(work, "pair.jsonl")
                events = []
                for index in indexes:
                    metadata = {"digit": str(labels[index]), "thousand": str(number % THOUSAND)}
                    file = images.file(images.train, "train", index)
                    events.append((f"{number:06d}", "image", file, metadata))
                    number += 1
                write_events(path, events)
                daemon.ctl("ingest", "--manifest", path)
                values = [str(digit) for digit in pair]
                taught = skills.teach_events("digit", "digit", {"digit": values})
                say(f"split MNIST: pair {pair}, {taught} taught")
            choice = skills.choice("digit")
            say(f"split MNIST: settled: {choice}")
            counts = skills.evaluate("digit", images.asked(args.seed, args.queries))
            result["split_mnist"] = {
                "accuracy": accuracy(counts),
                "images": number,
                "asked": counts["count"],
                "confidence": counts["confidence"] / counts["count"],
                "resident_mb": daemon.resident_mb(),
                **choice,
            }
            say(f"split MNIST: accuracy {accuracy(counts):.4f} of {counts['count']}")
            if "speed" in args.only:
                run_speed(skills, daemon, images.asked(args.seed, TIMED_CALLS), number, say, result)


def run_speed(skills, daemon, asked, stored, say, result):
    """A skill of a thousand labels over the embedding, taught everything that is stored."""
    daemon.ctl("watermarks", "--wait", "recallable")
    skills.create("thousand", "image", "EMBEDDING")
    teller = lifecycle.Teller()
    taught = skills.teach_events("thousand", "thousand", {})
    answered_s = teller.seconds()
    skills.await_count("thousand", taught)
    solved_s = teller.seconds()
    skills.settled("thousand")
    times = [skills.seconds("thousand", example[1:]) for example in asked]
    predict, embed = (statistics.median(column) for column in zip(*times))
    result["teach_per_s"] = taught / solved_s
    result["predict_p50_ms"] = 1000 * (predict - embed)
    result["speed"] = {
        "taught": taught,
        "stored": stored,
        "answered_s": answered_s,
        "solved_s": solved_s,
        "predict_whole_p50_ms": 1000 * predict,
        "embed_p50_ms": 1000 * embed,
    }
    say(
        f"speed: {taught} taught in {solved_s} s; predict {1000 * predict:.2f} ms, embed "
        f"{1000 * embed:.2f} ms (medians)"
    )


def recordings(data, keep):
    """FSDD's recordings that `keep(speaker, index)` lets pass: (label, speaker, index, path)."""
    folder = os.path.join(data, "fsdd", "recordings")
    found = []
    for name in sorted(os.listdir(folder)):
        stem, extension = os.path.splitext(name)
        parts = stem.split("_")
        if extension == ".wav" and len(parts) == 3 and keep(parts[1], int(parts[2])):
            found.append((parts[0], parts[1], int(parts[2]), os.path.join(folder, name)))
    return found


def one_fsdd(args, name, known, asked, say):
    """Streams and teaches the known recordings into a daemon of their own; asks the others."""
    with lifecycle.work_folder(args.keep and os.path.join(args.keep, name)) as work:
        random.Random(f"fsdd {args.seed}").shuffle(known)
        path = os.path.join(work, "recordings.jsonl")
        events = [
            (f"{label}-{speaker}-{index}", "audio", file, {"digit": label})
            for label, speaker, index, file in known
        ]
        write_events(path, events)
        with lifecycle.start(args, work) as daemon:
            daemon.ctl("ingest", "--manifest", path)
            skills = skills_client.Skills(daemon.address)
            skills.create("digit", "audio")
            skills.teach_events("digit", "digit", {})
            choice = skills.choice("digit")
            counts = skills.evaluate("digit", [(r[0], "audio", r[3]) for r in asked])
    say(f"FSDD {name}: {accuracy(counts):.4f} of {counts['count']}; {choice}")
    return {"accuracy": accuracy(counts), "unknown": counts["unknown"] / counts["count"], **choice}


def run_fsdd(args, say, result):
    """The official split (recordings 0 to 4 are asked), and each speaker left out in turn. On the
    validation part, recordings 0 to 4 have no part in anything."""
    first_known, asked_of = (5, range(0, 5)) if args.part == "test" else (10, range(5, 10))
    official = one_fsdd(
        args,
        "official",
        recordings(args.data, lambda _, index: index >= first_known),
        recordings(args.data, lambda _, index: index in asked_of),
        say,
    )
    least = 0 if args.part == "test" else 5
    speakers = sorted({r[1] for r in recordings(args.data, lambda *_: True)})
    left_out = {
        speaker: one_fsdd(
            args,
            f"without {speaker}",
            recordings(args.data, lambda s, i, out=speaker: s != out and i >= least),
            recordings(args.data, lambda s, i, out=speaker: s == out and i >= least),
            say,
        )
        for speaker in speakers
    }
    result["fsdd"] = {
        "official": official["accuracy"],
        "leave_one_speaker_out": statistics.fmean(run["accuracy"] for run in left_out.values()),
        "runs": {"official": official, **left_out},
    }


class Unlabelled:
    """A daemon after a digits stream without names, with examples of its stored images."""

    def __init__(self, args, work, daemon, say):
        data = digits_data.Digits(args.data, work, args.seed, args.part)
        episodes = data.episodes(args.episodes, "shuffled", 0.0)
        tenths = data.write_stream(episodes, 10)
        for tenth in tenths:
            daemon.ingest(tenth["path"], 2 * digits.AHEAD_EPISODES)
        daemon.wait_learned()
        daemon.publish()
        say(f"unlabelled stream of {args.episodes} episodes learned and published")
        self.skills = skills_client.Skills(daemon.address)
        self.by_label = {str(digit): [] for digit in range(10)}
        for number, episode in enumerate(episodes):
            label = str(episode["digit"])
            self.by_label[label].append((label, "camera", f"{number:06d}"))
        self.asked = Images(args.data, work, args.part).asked(args.seed, args.queries or 3000)

    def draw(self, count, rng, labels=None):
        """`count` stored examples of each label."""
        drawn = []
        for label in labels or self.by_label:
            drawn += rng.sample(self.by_label[label], min(count, len(self.by_label[label])))
        return drawn


def run_few_shot(args, memory, say, result):
    result["few_shot"] = {}
    result["few_shot_runs"] = {}
    for shots in SHOTS:
        reached, choices = [], []
        for draw in range(DRAWS):
            name = f"few-{shots}-{draw}"
            memory.skills.create(name, "image")
            rng = random.Random(f"few {args.seed} {shots} {draw}")
            memory.skills.teach(name, memory.draw(shots, rng))
            choices.append(memory.skills.choice(name))
            reached.append(accuracy(memory.skills.evaluate(name, memory.asked[:1000])))
            memory.skills.delete(name)
        result["few_shot"][str(shots)] = statistics.fmean(reached)
        result["few_shot_runs"][str(shots)] = {"draws": reached, "choices": choices}
        say(f"{shots} labels a class: {statistics.fmean(reached):.4f} ({choices[-1]})")


def run_order(args, memory, say, result):
    """The same 300 examples in ten orders; and 100 of them untaught against never taught."""
    skills = memory.skills
    rng = random.Random(f"order {args.seed}")
    examples = memory.draw(30, rng)
    questions = [example[1:] for example in memory.asked[:100]]
    answers = []
    for permutation in range(PERMUTATIONS):
        name = f"order-{permutation}"
        rng.shuffle(examples)
        skills.create(name, "image")
        for begin in range(0, len(examples), 50):
            skills.teach(name, examples[begin : begin + 50])
        skills.settled(name)
        answers.append([skills.predict(name, question) for question in questions])
        if permutation > 0:
            skills.delete(name)
    result["order_max_difference"] = max(largest_difference(answers[0], a) for a in answers[1:])
    taken, kept = examples[:100], examples[100:]
    skills.unteach("order-0", taken)
    skills.create("never", "image")
    skills.teach("never", kept)
    for name in ("order-0", "never"):
        skills.settled(name)
    pair = [[skills.predict(name, q) for q in questions] for name in ("order-0", "never")]
    result["unteach_max_difference"] = largest_difference(*pair)
    say(
        f"order of teaching: at most {result['order_max_difference']:.2e}; untaught against never "
        f"taught: at most {result['unteach_max_difference']:.2e}"
    )


def run_unknown(args, memory, say, result):
    """Eight digits taught, ten asked; each pair is left out in turn."""
    skills = memory.skills
    runs = []
    for pair in LEFT_OUT_PAIRS:
        out = {str(digit) for digit in pair}
        name = f"without-{pair[0]}{pair[1]}"
        skills.create(name, "image")
        values = [label for label in memory.by_label if label not in out]
        skills.teach_events(name, "digit", {"digit": values})
        choice = skills.choice(name)
        strange = skills.evaluate(name, [e for e in memory.asked if e[0] in out])
        known = skills.evaluate(name, [e for e in memory.asked if e[0] not in out])
        run = {
            "left_out": list(pair),
            "detected": strange["unknown"] / strange["count"],
            "false_unknown": known["unknown"] / known["count"],
            "accuracy": accuracy(known),
            **choice,
        }
        runs.append(run)
        say(f"unknown: {run}")
        skills.delete(name)
    result["unknown"] = {
        "detected": statistics.fmean(run["detected"] for run in runs),
        "false_unknown": statistics.fmean(run["false_unknown"] for run in runs),
        "runs": runs,
    }


def run_one(args):
    say = lifecycle.Teller()
    result = {"part": args.part, "seed": args.seed, "episodes": args.episodes}
    if "split_mnist" in args.only:
        run_split_mnist(args, say, result)
    if "fsdd" in args.only:
        run_fsdd(args, say, result)
    stream_parts = {"few_shot": run_few_shot, "order": run_order, "unknown": run_unknown}
    wanted = [part for part in stream_parts if part in args.only]
    if wanted:
        with lifecycle.work_folder(args.keep and os.path.join(args.keep, "unlabelled")) as work:
            with lifecycle.start(args, work) as daemon:
                memory = Unlabelled(args, work, daemon, say)
                for part in wanted:
                    stream_parts[part](args, memory, say, result)
    result["seconds"] = say.seconds()
    print(json.dumps(headline(result), indent=1), flush=True)
    return result


def headline(result):
    """The figures alone, as numbers by name."""
    shown = {}
    if "split_mnist" in result:
        shown["split MNIST"] = result["split_mnist"]["accuracy"]
    if "fsdd" in result:
        shown["FSDD official"] = result["fsdd"]["official"]
        shown["FSDD leave one speaker out"] = result["fsdd"]["leave_one_speaker_out"]
    for shots, reached in result.get("few_shot", {}).items():
        shown[f"{shots} labels a class"] = reached
    if "unknown" in result:
        shown["unknown detected"] = result["unknown"]["detected"]
        shown["false unknown"] = result["unknown"]["false_unknown"]
    names = ("order_max_difference", "unteach_max_difference", "teach_per_s", "predict_p50_ms")
    return shown | {name: result[name] for name in names if name in result}


def summarise(runs):
    return {"mean ± standard error": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "skills", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
