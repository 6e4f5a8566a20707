#!/usr/bin/env python3
"""The poison eval: what a stretch of worthless episodes does to what was learned before it.

A clean digits stream is learned and published; then come images and sounds that tell nothing of
each other, learned at the same pace while the daemon publishes by itself. The clean digits are
asked before and after over the same stored items, and a roll-back has to bring the old answers back
exactly, and to last.
Needs what digits.py and memory_client.py need; README.md explains the figures.
"""
import argparse
import json
import os
import random
import statistics
import sys
import time
import wave

import digits
import digits_data
import figures
import lifecycle
import stored

SCENE = "poison"
CHUNKS = 10  # of the poison; the fixed questions are asked before each
NOISE_PIXELS = 28
NOISE_HZ = 8000
NOISE_SAMPLES = 4000
K = 10


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="poison", description=__doc__)
    lifecycle.add_options(parser, episodes=2000)
    parser.add_argument("--poison", choices=["noise", "mismatched"], default="noise")
    parser.add_argument(
        "--poison-events", type=int, default=2000, metavar="N", help="two to an episode"
    )
    parser.add_argument(
        "--consolidate-steps", type=int, default=0, metavar="N", help="after the clean stretch"
    )
    args = parser.parse_args(argv)
    if args.episodes < 100 or args.poison_events < 100:
        parser.error("--episodes, --poison-events: at least 100")
    return args


def mismatched(episodes, rng):
    """The episodes' images, each with a recording of another of them that says another digit; no
    words. Needs several digits, none of which most episodes have."""
    partners = list(range(len(episodes)))
    rng.shuffle(partners)

    def same(i, j):
        return episodes[i]["digit"] == episodes[j]["digit"]

    for i in range(len(episodes)):
        while same(i, partners[i]):
            j = rng.randrange(len(episodes))
            if not same(i, partners[j]) and not same(j, partners[i]):
                partners[i], partners[j] = partners[j], partners[i]
    return [
        {"digit": episode["digit"], "image": episode["image"], "audio": episodes[j]["audio"]}
        for episode, j in zip(episodes, partners)
    ]


def noise(count, folder, rng):
    """Episodes of an image of random pixels and a recording of white noise, written to `folder`."""
    os.makedirs(os.path.join(folder, "noise"), exist_ok=True)
    result = []
    for number in range(count):
        episode = {"digit": None}
        for kind, extension in (("image", "png"), ("audio", "wav")):
            episode[kind] = f"noise/{number:05d}.{extension}"
        pixels = rng.randbytes(NOISE_PIXELS * NOISE_PIXELS)
        path = os.path.join(folder, episode["image"])
        digits_data.write_png(path, pixels, NOISE_PIXELS, NOISE_PIXELS)
        with wave.open(os.path.join(folder, episode["audio"]), "wb") as out:
            out.setparams((1, 2, NOISE_HZ, 0, "NONE", "not compressed"))
            out.writeframes(rng.randbytes(2 * NOISE_SAMPLES))
        result.append(episode)
    return result


def old_mean(scores):
    """Means over the gate's cells of old probes: the candidate's and that of what served; None
    where there were none."""
    old = [score for score in scores if score["measure"].endswith(", old")]
    if not old:
        return {"candidate": None, "serving": None}
    return {key: statistics.fmean(s[key] for s in old) for key in ("candidate", "serving")}


def clean_score(periods, closed):
    """Mean over the probes of the periods that end within the first `closed` episodes."""
    clean = [period for period in periods if period["last_ordinal"] <= closed]
    probes = sum(period["probe_count"] for period in clean)
    if probes == 0:
        return None
    return sum(period["score"] * period["probe_count"] for period in clean) / probes


def judgements(listed, number, closed):
    """What the gate said of the clean probes, by candidate, from the clean generation on."""
    return [
        {key: entry[key] for key in ("number", "state", "trigger", "steps", "reason")}
        | {
            "old_probes": old_mean(entry.get("scores", [])),
            "clean_periods": clean_score(entry.get("periods", []), closed),
        }
        for entry in listed
        if entry["number"] >= number
    ]


def headline(result):
    names = {"published": len(result["published_after"]), "refused": len(result["refused_after"])}
    for point in ("before", "after"):
        for name, value in result[point]["figures"].items():
            names[f"{name}, {point}"] = value
    return names | {"largest drop": result["drop_max"]}


class Run:
    """One run against one daemon."""

    def __init__(self, args, daemon, work):
        self._args, self._daemon, self._work = args, daemon, work
        self._stored = stored.Stored(daemon.address)
        self._say = lifecycle.Teller()
        self._answers = {}  # generation → its last answers to the fixed questions
        keys = ("poison", "episodes", "poison_events", "consolidate_steps", "seed")
        self.result = {key: getattr(args, key) for key in keys}
        self._write()

    def _write(self):
        """Writes the clean stream, the poison in chunks, one later event, and the queries."""
        args = self._args
        data = digits_data.Digits(args.data, self._work, args.seed, args.part)
        count = args.poison_events // 2
        episodes = data.episodes(args.episodes + count + 1, "shuffled", 1.0)
        clean, spare, later = episodes[: args.episodes], episodes[args.episodes : -1], episodes[-1]
        rng = random.Random(f"{args.poison} {args.seed}")
        if args.poison == "mismatched":
            poison = mismatched(spare, rng)
        else:
            poison = noise(count, self._work, rng)
        stream = clean + poison + [{key: later[key] for key in ("digit", "image")}]
        self._clean = os.path.join(self._work, "clean.jsonl")
        lifecycle.write_stretch(self._clean, stream, 0, len(clean), args.seed, "clean")
        self._chunks = []
        for chunk in range(CHUNKS):
            begin, end = (len(clean) + round(count * c / CHUNKS) for c in (chunk, chunk + 1))
            path = os.path.join(self._work, f"poison-{chunk}.jsonl")
            lifecycle.write_stretch(path, stream, begin, end, args.seed, SCENE, SCENE, False)
            self._chunks.append(path)
        self._later = os.path.join(self._work, "later.jsonl")
        end = len(stream)
        lifecycle.write_stretch(self._later, stream, end - 1, end, args.seed, "later", "later")
        with open(os.path.join(self._work, later["image"]), "rb") as file:
            self._later_content = ("image", file.read())
        self._queries = lifecycle.write_queries(data, "queries.jsonl", True, "clean")
        self._fixed = lifecycle.fixed_questions(self._queries, args.seed)

    def _ask_fixed(self):
        """Asks the fixed questions of the clean scene and remembers whose answers they are."""
        answers, numbers = self._stored.ask(self._fixed, K, scenes=["table"])
        if len(numbers) == 1:  # else a swap came in between
            self._answers[next(iter(numbers))] = answers
        return answers, numbers

    def _point(self):
        pairs = self._daemon.eval(self._queries)["pairs"]
        number = int(self._daemon.status()["serving"]["number"])
        return {"generation": number, "figures": figures.headline(pairs), "pairs": pairs}

    def clean(self):
        self._daemon.ingest(self._clean, lifecycle.ahead_events(3))
        self._daemon.wait_learned()
        self._daemon.consolidate(self._args.consolidate_steps)
        lifecycle.publish(self._daemon)
        self.result["before"] = self._point()
        self._closed = lifecycle.closed_episodes(self._daemon)
        self._say(f"clean: generation {self.result['before']['generation']} serves")

    def poison(self):
        for path in self._chunks:
            self._ask_fixed()
            self._daemon.ingest(path, lifecycle.ahead_events(2))
        self._daemon.wait_learned()
        self._settle()
        self._ask_fixed()
        lifecycle.publish(self._daemon)
        self.result["after"] = self._point()
        clean = self.result["before"]["generation"]
        listed = lifecycle.generations(self._daemon)
        published, refused = lifecycle.split(listed, clean)
        self.result["published_after"] = [entry["number"] for entry in published]
        self.result["refused_after"] = [entry["number"] for entry in refused]
        self.result["judgements"] = judgements(listed, clean, self._closed)
        lost = lifecycle.drops(self.result["before"]["figures"], self.result["after"]["figures"])
        self.result.update(drops=lost, drop_max=max(lost.values()))
        counts = {key: self.result[key] for key in ("published_after", "refused_after")}
        self._say(f"poisoned: {json.dumps(counts)}")

    def _settle(self):
        """Waits until no publish is under way."""
        while self._daemon.status().get("publishing"):
            time.sleep(0.2)

    def roll_back(self):
        """After a swap: the kept generation's answers, and whether it knows what came since.
        Then learning takes up again what followed, and what serves should stay."""
        keys = ("rollback_to", "rollback_exact", "later_found", "rollback_lasts")
        result = dict.fromkeys(keys)
        if self.result["published_after"]:
            self._daemon.ctl("learning", "pause")
            self._settle()
            self._daemon.ingest(self._later, lifecycle.ahead_events(2))
            self._daemon.ctl("watermarks", "--wait", "recallable", "--up-to", "all")
            answer = json.loads(self._daemon.ctl("generations", "rollback"))
            number = result["rollback_to"] = int(answer["serving"]["number"])
            before = self._answers.get(number)
            answers, numbers = self._ask_fixed()
            if before is not None:
                result["rollback_differing"] = lifecycle.differing(before, answers)
                result["rollback_exact"] = numbers == {number} and before == answers
            (found,), _ = self._stored.ask([(self._later_content, "image")], 1)
            result["later_found"] = self._stored.contents()[found[0][1]] == self._later_content
            self._daemon.ctl("learning", "resume")
            self._daemon.wait_learned()
            self._settle()
            result["rollback_lasts"] = int(self._daemon.status()["serving"]["number"]) == number
        self.result |= result

    def end(self):
        self.result["seconds"] = self._say.seconds()
        before, after = (self.result[point]["figures"] for point in ("before", "after"))
        print("\n" + lifecycle.drops_table("clean digits", before, after))
        for entry in self.result["judgements"]:
            score = entry["clean_periods"]
            shown = "-" if score is None else f"{score:.4f}"
            name = f"generation {entry['number']} ({entry['trigger']})"
            print(f"  {name}, clean probes {shown}: {entry['reason']}")
        keys = ("rollback_to", "rollback_exact", "later_found", "rollback_lasts", "seconds")
        print(json.dumps({key: self.result[key] for key in keys}), flush=True)


def run_one(args):
    with lifecycle.work_folder(args.keep) as work:
        with lifecycle.start(args, work, automatic="true") as daemon:
            run = Run(args, daemon, work)
            run.clean()
            run.poison()
            run.roll_back()
            run.end()
            return run.result


def summarise(runs):
    return {f"{runs[0]['poison']} poison": figures.over_seeds([headline(run) for run in runs])}


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "poison", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
