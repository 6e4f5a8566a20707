"""Too much work, and work for a long time: `mixmatchctl bench` asks for it, and the daemon's memory,
files and threads are watched meanwhile.
"""
import contextlib
import json
import os
import statistics
import subprocess
import threading
import time

from scene import judged

BUDGET_MB = 2000
CONFIG = f"""\
episodes: {{gap: 1s, lateness: 1s, idle_close: 1s}}
limits: {{memory_bytes: {BUDGET_MB << 20}}}
"""
# A cache that is full within the first third, as a larger one is after hours.
SOAKED = CONFIG + "storage: {block_cache_bytes: 16MiB}\n"
# A query costs more the more is stored: with less, two minutes of overload would change what normal is.
STORED_FIRST = 300_000
OVERLOAD_S = 120
ENOUGH = 0.9  # of what is asked for, as long as it can be done
# Parts of what can be done of each alone: half of it together, eight tenths, four times as much.
NORMAL, BUSY, TOO_MUCH = 0.25, 0.4, 2
LOAD_S = 20
TURNS = 3  # of a load; its p99 is their median, since that of one differs by twice without a cause
SLOWER = 3  # how much slower than when it is busy what is accepted may become
BATCH = 16  # events of a call
# What a stored event may add to resident memory: its two embeddings (percept and episode) with their
# places in the index, twice while a generation is kept, and what is known of its episode.
KIB_PER_EVENT = 3
SAMPLE_S = 5
WARM_MINUTES = 20  # a soak of fewer shows that nothing breaks, no more


class Sampler:
    """Keeps what `take` returns every few moments, called on a thread of its own while within."""

    def __init__(self, every_s, take):
        self._every_s, self._take = every_s, take
        self._samples = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self._every_s):
            self._samples.append(self._take())

    def since_last(self):
        """The samples since the last call."""
        taken, self._samples = self._samples, []
        return taken

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def held_by(victim, every_s):
    """A Sampler of (resident MB, files, threads) of the daemon."""
    def take():
        folder = f"/proc/{victim.pid}"
        return (victim.resident_mb(), len(os.listdir(f"{folder}/fd")),
                len(os.listdir(f"{folder}/task")))
    return Sampler(every_s, take)


@contextlib.contextmanager
def bare_syncs(folder):
    """A Sampler of the milliseconds that a sync of a file beside the daemon's takes, ten times a
    second: what the disk itself takes meanwhile."""
    file = os.open(os.path.join(folder, "syncs"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def take():
        begun = time.monotonic()
        os.write(file, bytes(4096))
        os.fdatasync(file)
        return (time.monotonic() - begun) * 1000
    try:
        with Sampler(0.1, take) as sampler:
            yield sampler
    finally:
        os.close(file)


def _p99(samples):
    return sorted(samples)[int(0.99 * len(samples))] if samples else 0.0


def bench(victim, kind, seconds, *options):
    """The loads that it reports: kind → figures."""
    command = victim.command("--json", "bench", kind, "--seconds", f"{seconds:.0f}", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
    if done.returncode != 0:
        raise AssertionError(f"bench {kind}: {done.stderr}")
    return {load["kind"].split(",")[0]: load for load in json.loads(done.stdout)["loads"]}


@contextlib.contextmanager
def on_cores(cores):
    """What is started within runs on these alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _mixed(victim, seconds, ingest, recall):
    return bench(victim, "mixed", seconds, "--ingest-rate", f"{ingest / BATCH:.1f}", "--batch",
                  str(BATCH), "--recall-rate", f"{recall:.1f}", "--connections", "8")


def _together(turns):
    """What several loads say together, of each kind: medians of rates and times, sums of counts."""
    kinds = {}
    for kind in turns[0]:
        loads = [turn[kind] for turn in turns]
        kinds[kind] = {key: statistics.median(load[key] for load in loads)
                       for key in ("per_s", "p99_ms")}
        kinds[kind] |= {key: sum(load[key] for load in loads) for key in ("refused", "failed")}
        kinds[kind]["turns_p99_ms"] = [load["p99_ms"] for load in loads]
    return kinds


def _capacity(victim, verdict):
    """Events a second that can be stored by calls of BATCH, asked for twice as many until too few
    are; and that can become recallable as well, which is what can be done for long: those of a load
    at that rate, until none waits. Streams store more, but nobody can offer a multiple of that by
    calls from as many cores."""
    def load(rate, seconds):
        figures = bench(victim, "ingest", seconds, "--rate", f"{rate:.0f}",
                        "--batch", str(BATCH))["ingest"]
        verdict.expect(figures["failed"] == 0,
                       f"ingest alone: {figures['failed']} failed: {figures['first_error']}")
        return figures["per_s"]

    rate, stored = 500, 0
    while True:
        per_s = load(rate, 5)
        stored = max(stored, per_s)
        if per_s < ENOUGH * rate * BATCH:
            break
        rate *= 2
    victim.ctl("watermarks", "--wait", "recallable")
    begun = time.monotonic()
    per_s = load(stored / BATCH, LOAD_S)
    victim.ctl("watermarks", "--wait", "recallable")
    return stored, per_s * LOAD_S / (time.monotonic() - begun)


def overload(context):
    """Four times as much as can be done, for two minutes, events and recalls twice each: memory
    within its budget, what is accepted not much slower than when the daemon is busy, what is refused
    told when to come again, and normal again within 5 s. Half of the cores are the daemon's, the
    others offer the work."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise AssertionError("one core cannot offer more than it can do: two are needed")
    with on_cores(cores[len(cores) // 2:]):
        victim = context.make_victim(CONFIG)
    with judged(victim) as verdict, on_cores(cores[:len(cores) // 2]):
        bench(victim, "ingest", 240, "--count", str(STORED_FIRST), "--wait")
        stored, followed = _capacity(victim, verdict)
        asked = bench(victim, "recall", 8, "--connections", "16")["recall"]["per_s"]
        verdict.note(f"alone {stored:.0f} events/s stored by calls, {followed:.0f} until recallable, "
                     f"{asked:.0f} recalls/s")

        disk = []  # p99 of bare syncs beside each load

        def load(share, seconds=LOAD_S):
            syncs.since_last()
            figures = _mixed(victim, seconds, share * followed, share * asked)
            disk.append(_p99(syncs.since_last()))
            return figures

        def steady(share):
            return _together([load(share) for _ in range(TURNS)])

        with bare_syncs(victim.folder) as syncs:
            normal, busy = steady(NORMAL), steady(BUSY)
            with held_by(victim, 0.2) as held:
                heavy = load(TOO_MUCH, OVERLOAD_S * context.cycles)
            top = max(megabytes for megabytes, _, _ in held.since_last())
            time.sleep(5)
            after = steady(NORMAL)
        verdict.note("a bare sync beside each of these loads: p99 " +
                     "/".join(f"{p99:.0f}" for p99 in disk) + " ms")
        for kind in ("ingest", "recall"):
            _judge_overload(verdict, kind, normal[kind], busy[kind], heavy[kind], after[kind])
        verdict.note(f"{top:.0f} MB resident at most of {BUDGET_MB}")
        verdict.expect(top <= BUDGET_MB, "memory stays within its budget")
        context.tell(context.cycles, 0, verdict)
    return verdict


def _turns(load):
    return "/".join(f"{p99:.0f}" for p99 in load["turns_p99_ms"])


def _judge_overload(verdict, kind, before, busy, during, later):
    offered = during["sent"] / (during["sent"] + during["unsent"])
    verdict.note(
        f"{kind}: p99 {_turns(before)} ms of {before['per_s']:.0f}/s, "
        f"{_turns(busy)} ms of {busy['per_s']:.0f}/s, then "
        f"{during['p99_ms']:.0f} ms of {during['per_s']:.0f}/s with {during['refused']} of "
        f"{during['sent']} refused ({100 * offered:.0f} % of what was due could be sent), then "
        f"{_turns(later)} ms with {later['refused']} refused and {later['failed']} failed")
    verdict.expect(offered >= ENOUGH, f"{kind}: twice what can be done was sent")
    verdict.expect(during["refused"] > 0, f"{kind}: there was too much to do")
    verdict.expect(during["p99_ms"] <= SLOWER * busy["p99_ms"],
                   f"{kind}: what is accepted takes at most {SLOWER} times as long")
    verdict.expect(during["refused_plainly"] == 0, f"{kind}: who is refused is told when to come")
    verdict.expect(during["failed"] == 0, f"{kind}: {during['failed']} failed: {during['first_error']}")
    verdict.expect(later["refused"] + later["failed"] == 0 and
                   later["p99_ms"] <= 2 * before["p99_ms"], f"{kind}: normal after 5 s")


def soak(context):
    """Mixed load, learning, publishing and snapshots for as many minutes as there are cycles: after
    the first third memory grows by what is stored alone, files and threads not at all."""
    victim = context.make_victim(SOAKED)
    with judged(victim) as verdict:
        minutes = context.cycles
        stored_by = []  # the end of each minute
        with held_by(victim, SAMPLE_S) as watch:
            for minute in range(minutes):
                _mixed(victim, 50, 60, 30)
                name = f"minute-{minute}"
                victim.ctl("snapshot", "create", name)
                if minute >= 3:
                    victim.ctl("snapshot", "delete", f"minute-{minute - 3}")
                if minute % 5 == 4:
                    victim.run("generations", "publish")
                stored_by.append(int(victim.answer("status")["event_count"]))
                context.tell(minute + 1, stored_by[-1], verdict)
        samples = watch.since_last()
        third = len(samples) // 3
        parts = samples[third:third * 2], samples[third * 2:]
        # The least of a part is what is held; the rest comes and goes.
        held = [min(megabytes for megabytes, _, _ in part) for part in parts]
        stored = stored_by[-1] - stored_by[minutes // 3]
        files, threads = ([max(sample[at] for sample in part) for part in parts] for at in (1, 2))
        verdict.note(f"{stored_by[-1]} events; {held[0]:.0f} then {held[1]:.0f} MB, files "
                     f"{files[0]} then {files[1]}, threads {threads[0]} then {threads[1]} (second and "
                     f"last third of {minutes} minutes); {stored} events stored since the first third")
        if minutes < WARM_MINUTES:
            verdict.note("too short a time to tell growth from warming up")
            return verdict
        verdict.expect(held[1] - held[0] <= stored * KIB_PER_EVENT / 1024 + 8,
                       "memory grows by what is stored alone")
        verdict.expect(files[1] <= files[0] * 1.2 + 8 and threads[1] <= threads[0] + 2,
                       "files and threads do not grow")
    return verdict


CHECKS = {"overload": (overload, 1), "soak": (soak, 30)}
