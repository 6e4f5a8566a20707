"""The faults, one function each: it does one thing to a daemon under load, as often as asked, and
says what was lost, doubled or wrong. `CHECKS` names them with their usual number of cycles.

A check takes the run's context; gives a Verdict. Every loop is bounded.
"""
import random
import socket
import time

import copies
import disks
import loads
from journal import look, wait
from scene import scene

LOOK_BACK_EVERY = 25  # cycles, after which the whole log is looked at again
CROWD = 200
JUNK = (b"", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64, b"\x16\x03\x01\x02\x00\x01")
REBUILT_S = 300
PARTS = ("keys", "features", "episodes", "embeddings", "index")  # of rebuild
FLOOD_S = 10
FLOOD_MB = 1200  # resident at most while clients do not read their answers


class Context:
    """One run: the API, the build, the random numbers, the number of cycles."""

    def __init__(self, api, make_victim, make_faulty, seed, cycles, tell):
        self.api, self.cycles, self.tell = api, cycles, tell
        self.make_victim, self.make_faulty = make_victim, make_faulty
        self.rng = random.Random(seed)


def _under_load(context, during):
    """Ingests by eight streams; in each cycle `during(victim)` works, and the daemon is killed and
    started again. Everything acknowledged must be there once, as it was sent."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        checked = 0
        for cycle in range(context.cycles):
            streams.go(victim.address)
            during(victim)
            victim.kill()
            streams.halt()
            victim.start()
            whole = (cycle + 1) % LOOK_BACK_EVERY == 0 or cycle + 1 == context.cycles
            checked = look(context, victim, journal, verdict, 0 if whole else checked)
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
    return verdict


def kill(context):
    """kill -9 at any moment."""
    return _under_load(context, lambda _: time.sleep(context.rng.uniform(0.05, 1.5)))


def kill_publish(context):
    """kill -9 while a generation is judged, re-embedded or swapped in."""

    def during(victim):
        time.sleep(0.5)
        command = victim.begin("generations", "publish")
        time.sleep(context.rng.uniform(0, 1.5))
        victim.kill()
        command.wait(60)

    return _under_load(context, during)


def kill_snapshot(context):
    """kill -9 while a snapshot is made; those that are listed afterwards are whole."""
    made = []

    def during(victim):
        for name in made[-1:]:
            victim.run("snapshot", "delete", name)  # whole or never there
        made.append(f"s{len(made)}")
        time.sleep(0.3)
        command = victim.begin("snapshot", "create", made[-1])
        time.sleep(context.rng.uniform(0, 0.5))
        victim.kill()
        command.wait(60)
        victim.start()
        for one in victim.answer("snapshot", "list")["snapshots"]:
            victim.ctl("snapshot", "verify", one["name"])

    return _under_load(context, during)


def kill_merge(context):
    """kill -9 while segments of the index are sealed and their graphs built."""

    def during(victim):
        # With seal_at 512 a segment fills every second or so.
        time.sleep(context.rng.uniform(0.5, 2.5))

    return _under_load(context, during)


def kill_restore(context):
    """kill -9 while a snapshot is restored: what is there afterwards is the snapshot's memory or
    the one before, whole."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        for cycle in range(context.cycles):
            streams.go(victim.address)
            time.sleep(0.5)
            streams.halt()
            victim.ctl("snapshot", "create", f"base-{cycle}")
            base = journal.copy()
            streams.go(victim.address)
            time.sleep(0.5)
            streams.halt()
            command = victim.begin("snapshot", "restore", f"base-{cycle}")
            time.sleep(context.rng.uniform(0, 1.5))
            victim.kill()
            command.kill()
            command.wait(60)
            victim.start()
            # Which of the two it is, its size says; then all of it must hold.
            count = int(victim.answer("status")["event_count"])
            restored = count == len(base.acknowledged)
            if restored:
                journal.acknowledged, journal.sent = base.acknowledged, base.sent
            look(context, victim, journal, verdict)
            for one in victim.answer("snapshot", "list")["snapshots"]:
                victim.ctl("snapshot", "delete", one["name"])
            context.tell(cycle + 1, count, verdict)
    return verdict


def kill_rebuild(context):
    """kill -9 while a part of the memory is made anew offline: the daemon starts over what is there,
    or it is begun again; everything is there, and fsck finds nothing."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        for cycle in range(context.cycles):
            streams.go(victim.address)
            time.sleep(0.5)
            streams.halt()
            victim.stop()
            rebuild = ("rebuild", "--what", context.rng.choice(PARTS), "--data-dir",
                       str(victim.data))
            command = victim.begin(*rebuild)
            time.sleep(context.rng.uniform(0, 0.6))
            command.kill()
            command.wait(60)
            if context.rng.random() < 0.5:
                again = victim.run(*rebuild)
                verdict.expect(again.returncode == 0, f"{rebuild[2]} again: {again.stderr[-300:]}")
            victim.start()
            # Everything there is may have to be embedded anew, in both generations.
            victim.ctl("--timeout", str(REBUILT_S), "watermarks", "--wait", "recallable")
            look(context, victim, journal, verdict)
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        victim.stop()
        found = victim.run("fsck", "--data-dir", str(victim.data), timeout=900)
        verdict.expect(found.returncode == 0, f"fsck finds nothing: {found.stdout[-300:]}")
        victim.start()
    return verdict


def freeze(context):
    """SIGSTOP for some seconds under load: clients wait, nothing else happens."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        streams.go(victim.address)
        for cycle in range(context.cycles):
            time.sleep(0.5)
            victim.freeze(context.rng.uniform(0.5, 3))
            before = len(journal.acknowledged)
            wait(lambda: len(journal.acknowledged) > before, 30, "ingest goes on after SIGCONT")
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        streams.halt()
        look(context, victim, journal, verdict)
    return verdict


def _address(victim):
    host, port = victim.address.rsplit(":", 1)
    return host, int(port)


def crowd(context):
    """200 connections that say nothing, or something that is not gRPC, beside eight that ingest."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        for cycle in range(context.cycles):
            sockets = [socket.create_connection(_address(victim), 5) for _ in range(CROWD)]
            for one in sockets:
                try:
                    one.sendall(context.rng.choice((*JUNK, context.rng.randbytes(200))))
                except OSError:
                    pass  # the daemon hung up: its right
            before = len(journal.acknowledged)
            streams.go(victim.address)
            wait(lambda: len(journal.acknowledged) > before + 500, 60, "ingest beside a crowd")
            streams.halt()
            for one in sockets:
                one.close()
            if not victim.alive():
                raise AssertionError("the daemon ended")
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        look(context, victim, journal, verdict)
    return verdict


def flood(context):
    """Clients that send as fast as they can and never read an answer: memory stays bounded, others
    are served, and afterwards all is as before."""
    victim = context.make_victim()
    with scene(context, victim) as (verdict, journal, streams):
        for cycle in range(context.cycles):
            greedy = [_Greedy(context.api, victim.address, f"greedy-{cycle}-{n}") for n in range(8)]
            streams.go(victim.address)
            top = 0.0
            until = time.monotonic() + FLOOD_S
            before = len(journal.acknowledged)
            while time.monotonic() < until:
                top = max(top, victim.resident_mb())
                time.sleep(0.2)
            served = len(journal.acknowledged) - before
            for one in greedy:
                one.end()
            streams.halt()
            verdict.note(f"cycle {cycle + 1}: {top:.0f} MB resident at most, {served} events of "
                         "well-behaved streams acknowledged")
            if top > FLOOD_MB or served == 0:
                verdict.wrong += 1
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
    return verdict


class _Greedy:
    """A client that never reads. Its events come back later as they like; nobody keeps a journal."""

    def __init__(self, api, address, source):
        self._ended = False
        self._channel, stub = api.stub(address)

        def requests():
            for number in range(1_000_000):
                if self._ended:
                    return
                event = api.event.Event(event_id=str(number), source=source, scene=source)
                event.time.FromSeconds(1_700_000_000 + number)
                event.percepts.add(modality="text").text.text = "x" * 20_000
                yield api.memory.IngestRequest(event=event)

        self._call = stub.Ingest(requests())

    def end(self):
        self._ended = True
        self._call.cancel()
        self._channel.close()


def flip(context):
    """One flipped bit in any file of the data directory: noticed, harmless or repaired; never a
    crash, and never another answer than before."""
    import flips  # Beside its own helpers, since it is the longest.

    return flips.run(context)


CHECKS = {
    "kill": (kill, 200),
    "kill_publish": (kill_publish, 20),
    "kill_snapshot": (kill_snapshot, 20),
    "kill_restore": (kill_restore, 20),
    "kill_merge": (kill_merge, 20),
    "kill_rebuild": (kill_rebuild, 20),
    "freeze": (freeze, 5),
    "crowd": (crowd, 3),
    "flood": (flood, 2),
    "flip": (flip, 500),
    **copies.CHECKS,
    **disks.CHECKS,
    **loads.CHECKS,
}

