"""Faults of the disk under a daemon: power cuts, errors, no space, a read-only file system; and a wall
clock that jumps. Done by mixmatchd_faulty, whose files and clock are under a test's control
(files/fault_plan.h says how).
"""
import itertools
import json
import time

from journal import Journal, Streams, Verdict, look, wait
from scene import STREAMS, scene
from victim import CONFIG

# Where the power is cut: everything that a memory does to its files. Each of them before and after.
POINTS = tuple(
    f"{when}:{operation}:{kind}"
    for operation, kind in (
        ("append", "log"), ("sync", "log"), ("create", "log"), ("delete", "log"),
        ("append", "table"), ("sync", "table"), ("create", "table"), ("delete", "table"),
        ("append", "blob"), ("sync", "blob"), ("create", "blob"),
        ("append", "manifest"), ("sync", "manifest"),
        ("append", "current"), ("sync", "current"), ("rename", "current"),
        ("create", "options"), ("rename", "options"), ("syncdir", "folder"))
    for when in ("before", "after"))
# How often such an operation happens in the seconds of a cycle, roughly: which one is meant.
OFTEN = {"append:log": 400, "sync:log": 400, "append:manifest": 20, "sync:manifest": 20,
         "append:table": 12, "append:blob": 12, "syncdir:folder": 12}
# Scenes are open for longer than following takes to come to rest.
CLOCK_CONFIG = CONFIG.replace("idle_close: 1s", "idle_close: 6s")
UNDER_LOAD_S = 3
ENDS_S = 30


def _switch(victim, name, on, text=""):
    path = victim.faults / name
    if on:
        path.write_text(text)
    else:
        path.unlink(missing_ok=True)


def _under_load(context, victim, streams, cycle):
    """Streams, with a publish or a snapshot now and then, until the power is cut."""
    streams.go(victim.address)
    commands = []
    if cycle % 3 == 0:
        commands.append(victim.begin("generations", "publish"))
    if cycle % 4 == 1:
        commands.append(victim.begin("snapshot", "create", f"cut-{cycle}"))
    until = time.monotonic() + UNDER_LOAD_S * context.rng.uniform(0.3, 1)
    while victim.alive() and time.monotonic() < until:
        time.sleep(0.02)
    reached = not victim.alive()
    _switch(victim, "cut", True)
    victim.await_end(ENDS_S)
    for command in commands:
        command.kill()
        command.wait(ENDS_S)
    streams.halt()
    _switch(victim, "cut", False)
    return reached


def power_cut(context):
    """The power is cut before or after a certain operation on a file; bytes that were not synced and
    changes of folders are gone, or some of them."""
    victim = context.make_faulty()
    checked = reached = while_starting = 0
    with scene(context, victim) as (verdict, journal, streams):
        for cycle, point in zip(range(context.cycles), itertools.cycle(POINTS)):
            victim.kill()
            often = OFTEN.get(point.split(":", 1)[1], 2)
            victim.plan(f"seed={context.rng.randrange(1 << 30)};"
                        f"cut={point}:{context.rng.randint(1, often)}")
            try:
                victim.start()
            except RuntimeError:
                while_starting += 1  # the power went before it served
            else:
                reached += _under_load(context, victim, streams, cycle)
            victim.plan("")
            victim.start()
            warnings = victim.caught_up()
            if warnings:
                verdict.wrong += 1
                verdict.note(f"cycle {cycle + 1}, {point}: {warnings}")
            whole = (cycle + 1) % 25 == 0 or cycle + 1 == context.cycles
            checked = look(context, victim, journal, verdict, 0 if whole else checked)
            for one in victim.answer("snapshot", "list")["snapshots"]:
                victim.ctl("snapshot", "verify", one["name"])
                victim.ctl("snapshot", "delete", one["name"])
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        found = victim.run("fsck", "--data-dir", str(victim.data), timeout=900)
        if found.returncode != 0:
            verdict.wrong += 1
            verdict.note(f"fsck: {found.stdout[-500:]}")
        verdict.note(f"{reached} at their point under load, {while_starting} while starting, "
                     f"{context.cycles - reached - while_starting} at any operation; "
                     f"{len(journal.acknowledged)} events acknowledged")
    return verdict


def power_cut_lies(context):
    """What the check of power cuts is worth: over a disk that says that it synced and did not, it
    must find losses."""
    verdict, found = Verdict(), Verdict()
    for cycle in range(context.cycles):
        # Another memory each time: what lost a file may not open again.
        victim, journal = context.make_faulty(), Journal()
        streams = Streams(context.api, journal, STREAMS)
        try:
            victim.kill()
            victim.plan(f"seed={context.rng.randrange(1 << 30)};lies=1")
            victim.start()
            _under_load(context, victim, streams, cycle)
            victim.plan("")
            victim.start()
            look(context, victim, journal, found)
        except (RuntimeError, context.api.grpc.RpcError):
            found.lost += 1  # it does not even open
        finally:
            victim.kill()
        context.tell(cycle + 1, len(journal.acknowledged), verdict)
    verdict.note(f"{found.lost} losses were found, as they should be")
    verdict.wrong += found.lost == 0
    return verdict


def _obstacle(context, switch, heals):
    """Ingest meets the fault and is refused or waits; recall goes on; once it is gone, ingest goes on
    with no restart where `heals`, else after one; nothing acknowledged is lost."""
    victim = context.make_faulty()
    with scene(context, victim) as (verdict, journal, streams):
        for cycle in range(context.cycles):
            streams.go(victim.address)
            wait(lambda: _recalls(victim), 60, "something is recallable")
            time.sleep(context.rng.uniform(0.5, 1.5))
            _switch(victim, switch, True)
            time.sleep(context.rng.uniform(1, 2))
            during = len(journal.acknowledged)
            time.sleep(1)
            verdict.expect(len(journal.acknowledged) == during,
                           f"cycle {cycle + 1}: nothing is acknowledged that cannot be written")
            verdict.expect(_recalls(victim), f"cycle {cycle + 1}: recall is answered")
            _switch(victim, switch, False)
            if not heals:
                streams.halt()
                victim.kill()
                victim.start()
                streams.go(victim.address)
            goes_on = len(journal.acknowledged)
            try:
                wait(lambda: _more(streams, journal, goes_on, victim), 60, "ingest goes on")
            except AssertionError as error:
                verdict.wrong += 1
                verdict.note(f"cycle {cycle + 1}: {error}; {victim.run('status').stdout[-300:]}")
            streams.halt()
            look(context, victim, journal, verdict)
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        victim.kill()
        victim.start()
        look(context, victim, journal, verdict)
    return verdict


def _recalls(victim):
    """Whether a recall finds something."""
    done = victim.run("recall", "--text", "bell drum", "--want", "text", "--json")
    return done.returncode == 0 and bool(json.loads(done.stdout)["experiences"])


def _more(streams, journal, than, victim):
    """Whether more was acknowledged. What was refused is sent again, as a client does."""
    if not streams.alive():
        streams.halt()
        streams.go(victim.address)
    return len(journal.acknowledged) > than + 50


def no_space(context):
    """ENOSPC from every write, for some seconds."""
    return _obstacle(context, "enospc", heals=True)


def write_error(context):
    """EIO from every write and sync, for some seconds."""
    return _obstacle(context, "eio", heals=True)


def read_only(context):
    """Every write fails as on a file system that was remounted read-only, for some seconds."""
    return _obstacle(context, "readonly", heals=True)


def read_error(context):
    """EIO from every read of a table or blob, for some seconds: errors, no other answers, no end."""
    victim = context.make_faulty()
    question = ("recall", "--text", "bell drum horn lamp", "--want", "text", "-k", "5")
    with scene(context, victim, 4) as (verdict, journal, streams):
        streams.go(victim.address)
        wait(lambda: len(journal.acknowledged) > 1000, 60, "the memory is filled")
        streams.halt()
        victim.ctl("watermarks", "--wait", "recallable")
        for cycle in range(context.cycles):
            _switch(victim, "eio-read", True)
            time.sleep(0.1)
            streams.go(victim.address)
            victim.run(*question)
            time.sleep(context.rng.uniform(0.5, 2))
            _switch(victim, "eio-read", False)
            time.sleep(0.5)
            if not victim.alive():
                raise AssertionError("the daemon ended")
            # Where a flush met the error, nothing is taken in until the daemon has started anew.
            goes_on = len(journal.acknowledged)
            wait(lambda: _more(streams, journal, goes_on, victim), 60, "ingest goes on")
            streams.halt()
            wait(lambda: victim.run(*question).returncode == 0, 60, "recall is answered")
            look(context, victim, journal, verdict)
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
    return verdict


def _open(victim):
    return int(victim.answer("status").get("open_episode_count", 0))


def clock(context):
    """The wall clock jumps by up to a year, both ways, under load."""
    victim = context.make_faulty(CLOCK_CONFIG)
    with scene(context, victim, 4) as (verdict, journal, streams):
        streams.go(victim.address)
        for cycle in range(context.cycles):
            seconds = context.rng.choice((-1, 1)) * 10 ** context.rng.uniform(0, 7.5)
            _switch(victim, "clock", True, f"{seconds:.0f}\n")
            before = len(journal.acknowledged)
            wait(lambda: len(journal.acknowledged) > before + 100, 60, "ingest goes on")
            victim.ctl("recall", "--text", "bell", "--want", "text")
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        streams.halt()
        # Who closes what is open wakes by itself, also where the clock is two hours behind, or ahead
        # of, the system's.
        for seconds in (-7200, 7200):
            before = len(journal.acknowledged)
            streams.go(victim.address)
            wait(lambda: len(journal.acknowledged) > before + 100, 60, "ingest goes on")
            streams.halt()
            _switch(victim, "clock", True, f"{seconds}\n")
            victim.ctl("watermarks", "--wait", "recallable")
            wait(lambda: _open(victim) == 0, 60, "silent scenes are closed")
        victim.kill()
        victim.start()
        look(context, victim, journal, verdict)
    return verdict


CHECKS = {
    "power_cut": (power_cut, 100),
    "power_cut_lies": (power_cut_lies, 3),
    "no_space": (no_space, 5),
    "write_error": (write_error, 5),
    "read_only": (read_only, 5),
    "read_error": (read_error, 5),
    "clock": (clock, 20),
}
