#!/usr/bin/env python3
"""The knowledge graph over a real daemon: a stream of its own making in which things follow each
other, among things that mean nothing. README.md explains the figures.
"""
import argparse
import collections
import json
import os
import random
import statistics
import sys
import tempfile
import time

import daemon as mixmatch
import digits
import digits_data
import lifecycle
import memory_client

START_TIME_S = 1_700_000_000
DIMENSION = 16
SPREAD = 0.25  # of a thing's poses about its own, whose numbers are about 1
NAMED = 0.5  # share of the poses that come with their word
FOLLOWED = 0.95  # probability of the next thing of a chain
JITTER = 0.05  # of a delay
# Chains of things with the delays between them in seconds.
CHAINS = [(0, 2.0, 1, 3.0, 2), (3, 4.0, 4, 2.5, 5), (6, 6.0, 7, 3.5, 8), (9, 8.0, 10, 3.0, 11)]
NOISE = [12, 13, 14, 15, 16, 17]  # occur by themselves, the first two as often as chains begin
PAUSE_S = (14.0, 30.0)  # between the beginnings of chains
TRACKED = 400  # items whose concepts are compared between generations
BELIEVED = 1000  # associations read at most
TIMEOUT_S = 60
SETTLE_S = 120


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="graph", description=__doc__)
    parser.add_argument("--chains", type=int, default=1500, metavar="N", help="that begin")
    parser.add_argument("--generations", type=int, default=5, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--digits", metavar="DATA_DIR", help="concepts of a digits stream, too")
    parser.add_argument("--episodes", type=int, default=6000, metavar="N", help="of that stream")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--build", metavar="DIR", help="build folder; default build/release")
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and keep it")
    return parser.parse_args(argv)


def planted():
    """(thing, next thing) → seconds."""
    edges = {}
    for chain in CHAINS:
        for at in range(0, len(chain) - 1, 2):
            edges[chain[at], chain[at + 2]] = chain[at + 1]
    return edges


def happenings(chains, seed):
    """What happens when: [(seconds, thing)], by time."""
    rng = random.Random(f"graph {seed}")
    found = []
    now = 0.0
    for _ in range(chains):
        now += rng.uniform(*PAUSE_S)
        chain = rng.choice(CHAINS)
        at = now
        found.append((at, chain[0]))
        for step in range(1, len(chain), 2):
            if rng.random() > FOLLOWED:
                break
            at += chain[step] * rng.uniform(1 - JITTER, 1 + JITTER)
            found.append((at, chain[step + 1]))
    for place, thing in enumerate(NOISE):
        for _ in range(chains if place < 2 else chains // 4):
            found.append((rng.uniform(0, now), thing))
    return sorted(found)


def write_parts(folder, stream, parts, seed):
    """Writes the stream in equal parts as manifests. Returns their paths; event n is of thing
    stream[n][1]."""
    rng = random.Random(f"graph poses {seed}")
    poses = [[rng.gauss(0, 1) for _ in range(DIMENSION)] for _ in range(len(NOISE) + 12)]
    paths = []
    for part in range(parts):
        path = os.path.join(folder, f"part-{part}.jsonl")
        paths.append(path)
        begin, end = (len(stream) * (part + i) // parts for i in (0, 1))
        with open(path, "w", encoding="utf-8") as out:
            for number in range(begin, end):
                seconds, thing = stream[number]
                values = [value + rng.gauss(0, SPREAD) for value in poses[thing]]
                percepts = [{"modality": "pose", "vector": values}]
                if rng.random() < NAMED:
                    percepts.append({"modality": "text", "text": name_of(thing)})
                event = {
                    "event_id": f"{number:06d}",
                    "time": round(START_TIME_S + seconds, 3),
                    "source": "yard",
                    "scene": "yard",
                    "percepts": percepts,
                }
                out.write(json.dumps(event) + "\n")
    return paths


def name_of(thing):
    """A word like no other thing's."""
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    rng = random.Random(f"word {thing}")
    return "".join(rng.choice(consonants) + rng.choice(vowels) for _ in range(4))


class GraphClient:
    """A daemon's graph. Not thread-safe: one owner thread."""

    def __init__(self, address):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with tempfile.TemporaryDirectory() as folder:
            names = ("graph_pb2", "graph_pb2_grpc")
            made = memory_client.make_stubs(os.path.join(root, "proto"), folder, names)
        self.api, services = made
        import grpc  # Behind make_stubs, which says what to install where it is missing.

        self._grpc = grpc
        self._stub = services.GraphStub(grpc.insecure_channel(address))

    def concepts(self):
        return self._stub.ListConcepts(self.api.ListConceptsRequest(), timeout=TIMEOUT_S)

    def await_counted(self, generation, episodes):
        """Waits until the graph is of this generation and has counted so many episodes."""
        deadline_s = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline_s:
            try:
                answer = self.concepts()
                if answer.generation == generation and answer.episode_count >= episodes:
                    return answer
            except self._grpc.RpcError as error:
                if error.code() != self._grpc.StatusCode.UNAVAILABLE:
                    raise
            time.sleep(0.2)
        raise mixmatch.Failed(f"graph: generation {generation} not counted after {SETTLE_S} s")

    def concept_of(self, source, event_id):
        """The concept that most of an event is of; 0 for none."""
        request = self.api.GetConceptRequest()
        request.target.event.source, request.target.event.event_id = source, event_id
        try:
            return self._stub.GetConcept(request, timeout=TIMEOUT_S).node.concept_id
        except self._grpc.RpcError as error:
            if error.code() == self._grpc.StatusCode.NOT_FOUND:
                return 0
            raise

    def successions(self):
        request = self.api.ListAssociationsRequest(kind="SUCCESSION", limit=BELIEVED)
        return list(self._stub.ListAssociations(request, timeout=TIMEOUT_S).associations)

    def next(self, concept):
        request = self.api.PredictNextRequest(k=3)
        request.target.concept_id = concept
        return list(self._stub.PredictNext(request, timeout=TIMEOUT_S).next)


def majority(pairs):
    """key → its commonest value, of (key, value) pairs."""
    counts = collections.defaultdict(collections.Counter)
    for key, value in pairs:
        counts[key][value] += 1
    return {key: count.most_common(1)[0][0] for key, count in counts.items()}


def succession_figures(found, thing_of, edges):
    """How the strongest successions, as many as were planted, compare with the planted ones; and what
    else is believed. `found`: (from, to) concepts, strongest first."""
    things = [(thing_of.get(a), thing_of.get(b)) for a, b in found]
    things = [pair for pair in things if None not in pair and pair[0] != pair[1]]
    distinct = list(dict.fromkeys(things))
    strongest = distinct[: len(edges)]
    hits = sum(pair in edges for pair in strongest)
    return {
        "precision": hits / len(strongest) if strongest else 0.0,
        "recall": hits / len(edges),
        "reversed": sum((b, a) in edges for a, b in distinct),
        "chance_pairs": sum(a in NOISE or b in NOISE for a, b in distinct),
        "believed": len(distinct),
    }


def names_right(concepts, thing_of, word_of=name_of):
    """Share of the concepts of known things whose first name is that thing's word."""
    known = [node for node in concepts if node.concept_id in thing_of]
    hits = [
        bool(node.names) and node.names[0] == word_of(thing_of[node.concept_id]) for node in known
    ]
    return statistics.fmean(hits) if hits else 0.0


def run_digits(args, daemon, work, say):
    """Concepts of digits that are seen and heard, one in ten of them named."""
    data = digits_data.Digits(args.digits, work, args.seed, "validation")
    episodes = data.episodes(args.episodes, "shuffled", 0.1)
    for tenth in data.write_stream(episodes, 10):
        daemon.ingest(tenth["path"], 2 * digits.AHEAD_EPISODES)
    daemon.wait_learned()
    generation = daemon.publish()
    client = GraphClient(daemon.address)
    answer = client.await_counted(generation, lifecycle.closed_episodes(daemon))
    rng = random.Random(f"graph digits {args.seed}")
    tracked = rng.sample(range(len(episodes)), min(TRACKED, len(episodes)))
    pairs = []
    for number in tracked:
        for source in ("camera", "microphone"):
            concept = client.concept_of(source, f"{number:06d}")
            if concept:
                pairs.append((concept, episodes[number]["digit"]))
    digit_of = majority(pairs)
    result = {
        "concepts": len(answer.concepts),
        "names": names_right(answer.concepts, digit_of, lambda digit: digits_data.WORDS[digit]),
        "purity": statistics.fmean(digit_of[concept] == digit for concept, digit in pairs),
        "assigned": len(pairs) / (2 * len(tracked)),
        "digits_told_apart": len(set(digit_of.values())),
    }
    say(f"digits: {result}")
    return result


def run(args, daemon, work, say):
    stream = happenings(args.chains, args.seed)
    paths = write_parts(work, stream, args.generations, args.seed)
    client = None
    rng = random.Random(f"graph tracked {args.seed}")
    tracked = sorted(rng.sample(range(len(stream) // args.generations), TRACKED))
    before, stable, sizes, moves = None, [], [], []
    for path in paths:
        daemon.ingest(path, 2 * digits.AHEAD_EPISODES)
        daemon.wait_learned()
        generation = daemon.publish()
        client = client or GraphClient(daemon.address)
        closed = lifecycle.closed_episodes(daemon)
        answer = client.await_counted(generation, closed)
        now = [client.concept_of("yard", f"{number:06d}") for number in tracked]
        if before is not None:
            stable.append(statistics.fmean(a == b for a, b in zip(before, now, strict=True)))
            moved = collections.Counter(
                (stream[number][1], a, b)
                for number, a, b in zip(tracked, before, now, strict=True)
                if a != b
            )
            moves.append([[*move, count] for move, count in moved.most_common()])
        before = now
        sizes.append(len(answer.concepts))
        say(
            f"generation {generation}: {len(answer.concepts)} concepts, {answer.unassigned_count} "
            f"percepts of none, {answer.episode_count} episodes; as before "
            f"{f'{stable[-1]:.4f}' if stable else '-'}"
        )
    thing_of = majority((concept, stream[n][1]) for n, concept in zip(tracked, now) if concept)
    concept_of = majority((stream[n][1], concept) for n, concept in zip(tracked, now) if concept)
    edges = planted()
    found = [(getattr(a, "from"), a.to) for a in client.successions()]
    result = {"succession": succession_figures(found, thing_of, edges)}
    hits, delays = [], []
    for (first, second), seconds in edges.items():
        following = client.next(concept_of[first]) if first in concept_of else []
        hits.append(bool(following) and thing_of.get(following[0].node.concept_id) == second)
        if hits[-1]:
            delay_s = following[0].delay.seconds + following[0].delay.nanos / 1e9
            delays.append(abs(delay_s / seconds - 1))
    result["predict_next"] = {
        "first": statistics.fmean(hits),
        "delay_error_max": max(delays, default=1.0),
        "delays_within_a_fifth": statistics.fmean(e <= 0.2 for e in delays) if delays else 0.0,
    }
    result["id_stability"] = {"worst": min(stable), "mean": statistics.fmean(stable), "all": stable}
    result["moves"] = moves
    result["names"] = names_right(answer.concepts, thing_of)
    result["concepts"] = sizes
    result["things"] = len(NOISE) + 12
    result["things_told_apart"] = len(set(concept_of.values()))
    return result


def main():
    args = parse_args(sys.argv[1:])
    say = lifecycle.Teller()

    def call():
        result = {"seed": args.seed, "chains": args.chains}
        with lifecycle.work_folder(args.keep) as work:
            with lifecycle.start(args, work) as daemon:
                result.update(run(args, daemon, work, say))
        if args.digits:
            with lifecycle.work_folder(args.keep and os.path.join(args.keep, "digits")) as work:
                with lifecycle.start(args, work) as daemon:
                    result["digits"] = run_digits(args, daemon, work, say)
        result["seconds"] = say.seconds()
        print(json.dumps(result, indent=1), flush=True)
        digits.write_json(args.json, result)

    try:
        call()
    except mixmatch.Failed as error:
        print(f"graph: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
