#!/usr/bin/env python3
"""What the digits eval's figures are worth: the same stream and queries without any learning of
features.

Reads the manifests and queries that digits.py writes. `nearest`: cosine over raw features, then the
wanted percept of the nearest stored episodes. `cca`: streaming canonical correlations on fixed random
features (cca.py). With --joint and --no-replay also the daemon itself, as digits.py runs it: shuffled,
and without replay. Needs numpy for its own part; README.md explains the figures.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

import digits
import figures

try:
    import numpy as np

    import cca
    import features
except ImportError:
    sys.exit("baselines: no numpy for this Python; install Debian's python3-numpy")

RIDGE, RANK, POWER = 0.03, 40, 4  # chosen on the validation part, at 6,000 episodes
BATCH = 64  # episodes that are added to the statistics at once
ALSO = [("image", "image"), ("audio", "audio")]  # asked of `nearest` beside the eval's directions


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="baselines", description=__doc__)
    digits.add_run_options(parser, flags=False)
    digits.add_stream_options(parser)
    parser.add_argument("--joint", action="store_true", help="also the daemon, shuffled")
    parser.add_argument("--no-replay", action="store_true", help="also the daemon without replay")
    args = parser.parse_args(argv)
    digits.check_args(parser, args)
    args.deterministic = False
    args.kill = False
    return args


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read_episodes(tenths):
    """The episodes of the manifests, in order of time: modality → content, and the digit."""
    episodes = {}
    for tenth in tenths:
        for event in read_lines(tenth["path"]):
            episode = episodes.setdefault(event["event_id"], {"digit": event["metadata"]["digit"]})
            for percept in event["percepts"]:
                episode[percept["modality"]] = percept.get("file") or percept["text"]
    return [episodes[key] for key in sorted(episodes)]


class Features:
    """Raw and fixed random features of whatever is named, each computed once."""

    def __init__(self, folder):
        self._folder = folder
        self._rows = {}  # (modality, content) → (raw row, fixed row)

    def load(self, contents):
        """Computes the rows of these (modality, content) that are not there yet."""
        wanted = {"image": [], "audio": [], "text": []}
        for modality, content in sorted(set(contents) - set(self._rows)):
            wanted[modality].append(content)
        paths = {kind: [os.path.join(self._folder, name) for name in wanted[kind]] for kind in wanted}
        if wanted["image"]:
            images = np.array([features.read_png(path) for path in paths["image"]])
            self._keep("image", wanted, images.reshape(len(images), -1), features.random_filters(images))
        if wanted["audio"]:
            raw = np.array([features.pooled_log_mel(path) for path in paths["audio"]])
            spectra = raw.reshape(len(raw), features.SEGMENTS, features.MEL_BANDS)
            self._keep("audio", wanted, raw, features.random_filters(spectra))
        if wanted["text"]:
            raw = np.array([features.hashed_ngrams(text) for text in wanted["text"]])
            self._keep("text", wanted, raw, raw)

    def _keep(self, modality, wanted, raw, fixed):
        for content, raw_row, fixed_row in zip(wanted[modality], cca.unit(raw), fixed):
            self._rows[modality, content] = raw_row.astype(np.float32), fixed_row.astype(np.float32)

    def raw(self, modality, contents):
        return np.array([self._rows[modality, content][0] for content in contents])

    def fixed(self, modality, contents):
        return np.array([self._rows[modality, content][1] for content in contents])


def scores(similarity, stored_digits, wanted_digits, k):
    """The eval's figures of a matrix of similarities, [queries, stored]."""
    sums = dict.fromkeys(figures.SUMMED, 0.0)
    for row, wanted in zip(similarity, wanted_digits):
        top = np.argsort(-row, kind="stable")[:k]
        relevant = stored_digits[top] == wanted
        found = int(relevant.sum())
        sums["p_at_1"] += bool(relevant[0])
        sums["p_at_k"] += found / k
        sums["mrr"] += 1 / (1 + int(np.argmax(relevant))) if found else 0
        sums["recall_at_k"] += found / max(1, int((stored_digits == wanted).sum()))
    return {key: value / len(similarity) for key, value in sums.items()}


def group_queries(queries):
    """(sorted modalities, wanted) → the queries, each as modality → content and its digit."""
    groups = {}
    for query in queries:
        asked = {p["modality"]: p.get("file") or p["text"] for p in query["percepts"]}
        key = (tuple(sorted(asked)), query["want"])
        groups.setdefault(key, []).append((asked, query["relevant"]["metadata"]["digit"]))
    for modality, want in ALSO:
        for (parts, _), group in list(groups.items()):
            if parts == (modality,) and (parts, want) not in groups:
                groups[parts, want] = group
    return groups


def nearest(rows, episodes, parts, want, asked):
    """Similarities of queries to the episodes that have all parts and the wanted: the mean, over
    the parts, of the cosine between raw features."""
    stored = [e for e in episodes if want in e and all(part in e for part in parts)]
    similarity = 0
    for part in parts:
        query = rows.raw(part, [question[part] for question, _ in asked])
        similarity = similarity + query @ rows.raw(part, [e[part] for e in stored]).T
    return similarity, stored


def accumulate(rows, episodes):
    """The statistics of the stream, taken in its order and in one pass."""
    widths = {}
    for episode in episodes:
        for modality in set(episode) - {"digit"} - set(widths):
            widths[modality] = rows.fixed(modality, [episode[modality]]).shape[1]
    statistics = cca.Statistics(widths)
    for begin in range(0, len(episodes), BATCH):
        groups = {}
        for episode in episodes[begin : begin + BATCH]:
            groups.setdefault(tuple(sorted(set(episode) - {"digit"})), []).append(episode)
        for modalities, group in groups.items():
            statistics.add({m: rows.fixed(m, [e[m] for e in group]) for m in modalities})
    return statistics


def correlated(statistics, rows, episodes, parts, want, asked):
    """Similarities of queries to all episodes that have the wanted modality."""
    space = cca.Space(statistics, parts, want, RIDGE, RANK, POWER)
    stored = [e for e in episodes if want in e]
    query = np.concatenate([rows.fixed(p, [question[p] for question, _ in asked]) for p in parts], 1)
    return space.query(query) @ space.stored(rows.fixed(want, [e[want] for e in stored])).T, stored


def evaluate(queries, k, similarity_of):
    """The pairs, as `mixmatchctl eval` gives them, of one way to compare."""
    pairs = []
    for (parts, want), asked in sorted(queries.items(), key=lambda item: (len(item[0][0]), item[0])):
        found = similarity_of(parts, want, asked)
        if found is None:
            continue
        similarity, stored = found
        stored_digits = np.array([int(e["digit"]) for e in stored])
        result = scores(similarity, stored_digits, [int(digit) for _, digit in asked], k)
        pairs.append({"query": list(parts), "want": want, "count": len(asked)} | result)
    return pairs


def closed_forms(args):
    """Both baselines on one seed's stream."""
    start_s = time.monotonic()
    work = args.keep or tempfile.mkdtemp(prefix="mixmatch-baselines-")
    try:
        tenths, query_file = digits.write_files(args, args.data, work)
        episodes, lines = read_episodes(tenths), read_lines(query_file)
        queries, k = group_queries(lines), lines[0]["k"]
        rows = Features(work)
        rows.load({(m, e[m]) for e in episodes for m in e if m != "digit"})
        rows.load({item for group in queries.values() for asked, _ in group for item in asked.items()})
        result = {"nearest": evaluate(queries, k, lambda *q: nearest(rows, episodes, *q))}
        statistics = accumulate(rows, episodes)

        def by_cca(parts, want, asked):
            if want in parts:
                return None
            return correlated(statistics, rows, episodes, parts, want, asked)

        result["cca"] = evaluate(queries, k, by_cca)
    finally:
        if not args.keep:
            shutil.rmtree(work, ignore_errors=True)
    seconds = round(time.monotonic() - start_s, 1)
    for name, pairs in result.items():
        print(f"\n{name}, seed {args.seed}, {args.episodes} episodes\n{figures.pairs_table(pairs)}")
    print(f"{seconds} s", flush=True)
    return {"seed": args.seed, "pairs": result, "seconds": seconds}


def run_one(args):
    result = closed_forms(args)
    keep = args.keep and os.path.join(args.keep, "daemon")
    plain = digits.variant(args, keep=keep, no_replay=False)
    if args.joint:
        result["pairs"]["joint"] = digits.run_one(digits.variant(plain, order="shuffled"))["pairs"]
    if args.no_replay:
        run = digits.run_one(digits.variant(plain, no_replay=True, consolidate_steps=0))
        result["pairs"]["no replay"] = run["pairs"]
    return result


def summarise(runs):
    return {
        name: figures.over_seeds([figures.headline(run["pairs"][name]) for run in runs])
        for name in runs[0]["pairs"]
    }


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "baselines", args.data, lambda: digits.run(args, one=run_one, summary=summarise)
    )


if __name__ == "__main__":
    sys.exit(main())
