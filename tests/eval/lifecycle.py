"""What the evals of a memory's life share: a daemon in a folder that outlives it, stretches of a
stream, publishing by command, and answers and figures before and after something happened.

Takes the digits stream (digits_data.py) and a running daemon (daemon.py); `stored.py` asks it. It
judges nothing. Standard library only.
"""
import contextlib
import json
import os
import random
import re
import shutil
import tempfile
import time

import daemon as mixmatch
import digits
import digits_data
import figures

PER_CLASS = (30, 100)  # recordings and images of each class that are asked
FIXED_QUESTIONS = 50  # whose answers are compared one by one
PUBLISHED = ("SERVING", "KEPT", "RETIRED")


def add_options(parser, episodes):
    """The options of every such eval; `episodes` is the default length of its stream."""
    parser.add_argument("data", metavar="DATA_DIR", help="folder with fsdd/recordings and mnist")
    parser.add_argument("--episodes", type=int, default=episodes, metavar="N")
    parser.add_argument("--part", choices=["validation", "test"], default="validation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=digits.seeds_of, metavar="1,2,…", help="one after another")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--build", metavar="DIR", help="build folder; default build/release")
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and keep it")


@contextlib.contextmanager
def work_folder(keep):
    """The folder to work in: `keep`, or one that is removed at the end."""
    work = keep or tempfile.mkdtemp(prefix="mixmatch-eval-")
    os.makedirs(work, exist_ok=True)
    try:
        yield work
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


def start(args, work, **settings):
    """A daemon over the memory in `work`, as a context manager. `settings`: keys of the evals'
    configuration with other values."""
    config = mixmatch.config(os.path.join(work, "memory"), args.seed)
    for key, value in settings.items():
        config, found = re.subn(rf"\b{key}: \w+", f"{key}: {value}", config)
        if found != 1:
            raise ValueError(f"configuration: {key} occurs {found} times")
    return mixmatch.Daemon(mixmatch.build_dir(args.build), work, config)


class Teller:
    """Says what happens, and when."""

    def __init__(self):
        self._start_s = time.monotonic()

    def __call__(self, text):
        print(f"[{time.monotonic() - self._start_s:6.1f} s] {text}", flush=True)

    def seconds(self):
        return round(time.monotonic() - self._start_s, 1)


def rewrite(path, change):
    """Lets `change` alter every object of a file of JSON Lines."""
    with open(path, encoding="utf-8") as lines:
        objects = [json.loads(line) for line in lines]
    with open(path, "w", encoding="utf-8") as out:
        for entry in objects:
            change(entry)
            out.write(json.dumps(entry) + "\n")


def write_stretch(path, episodes, begin, end, seed, stretch, scene="table", with_digit=True):
    """Writes the events of episodes[begin:end], which carry the stretch's name in their metadata,
    and their digit unless none is to be told. Returns the number of events."""
    rng = random.Random(f"delivery {seed} {begin}")
    count = digits_data.write_manifest(path, episodes, begin, end, rng)

    def change(event):
        event["scene"] = scene
        event["metadata"]["stretch"] = stretch
        if not with_digit:
            del event["metadata"]["digit"]

    rewrite(path, change)
    return count


def write_queries(data, name, with_text, stretch=None):
    """Writes the queries of a sample of each class; with `stretch`, events of that stretch alone
    may answer. Returns the path."""
    path = data.write_queries(name, with_text, range(10), PER_CLASS)
    if stretch is not None:
        rewrite(path, lambda query: query.update(filter={"metadata": {"stretch": stretch}}))
    return path


def ahead_events(percepts):
    """How far the stream may be ahead of the learner, in events of so many to an episode."""
    return int(digits.AHEAD_EPISODES * percepts)


def publish(daemon):
    """Publishes by command. Returns whether the gate let it pass."""
    return json.loads(daemon.ctl("generations", "publish"))["phase"] == "PUBLISHED"


def generations(daemon):
    """All generations, oldest first, with ints where JSON carries text."""
    listed = json.loads(daemon.ctl("generations", "list")).get("generations", [])
    for entry in listed:
        for key in ("number", "steps", "learned", "embedding_count"):
            entry[key] = int(entry.get(key, 0))
        for period in entry.get("periods", []):
            for key in ("first_ordinal", "last_ordinal", "probe_count"):
                period[key] = int(period[key])
    return sorted(listed, key=lambda entry: entry["number"])


def closed_episodes(daemon):
    status = daemon.status()
    return int(status["episode_count"]) - int(status["open_episode_count"])


def fixed_questions(queries, seed):
    """Some of a file's queries of one percept, fixed by the seed: (content, wanted modality)."""
    folder = os.path.dirname(queries)
    with open(queries, encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    asked = [query for query in asked if len(query["percepts"]) == 1]
    result = []
    for query in random.Random(f"fixed {seed}").sample(asked, min(FIXED_QUESTIONS, len(asked))):
        (percept,) = query["percepts"]
        data = percept.get("text")
        if data is None:
            with open(os.path.join(folder, percept["file"]), "rb") as file:
                data = file.read()
        result.append(((percept["modality"], data), query["want"]))
    return result


def drops(before, after):
    """What each figure lost; gains of mixtures are differences already and are left out."""
    return {
        name: before[name] - after[name]
        for name in before
        if name in after and not name.endswith(" gain")
    }


def drops_table(title, before, after):
    """Text: the figures that both have, and what each lost."""
    rows = [
        [name, f"{before[name]:.4f}", f"{after[name]:.4f}", f"{lost:+.4f}"]
        for name, lost in drops(before, after).items()
    ]
    return figures.table([title, "before", "after", "drop"], rows)


def differing(before, after):
    """How many of the questions are answered otherwise: another item, or another similarity."""
    return sum(one != other for one, other in zip(before, after, strict=True))


def split(listed, number):
    """The generations after `number`: those that were published, and those refused."""
    later = [entry for entry in listed if entry["number"] > number]
    return (
        [entry for entry in later if entry["state"] in PUBLISHED],
        [entry for entry in later if entry["state"] == "REFUSED"],
    )
