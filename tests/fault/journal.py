"""Streams into a daemon that may die at any moment, and the journal of what it acknowledged.

The journal is the oracle: it lives in this process, which no fault touches. Events are a function of
their stream and number, so that what is stored can be held against what was sent.
"""
import dataclasses
import itertools
import os
import random
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "eval"))
from memory_client import make_stubs  # noqa: E402

PAGE = 1000
CALL_S = 60
PAGE_TRIES = 30  # a second apart
WINDOW = 64  # events of a stream without an answer
START_S = 1_700_000_000


class Api:
    """The generated modules, and grpc. Made once."""

    def __init__(self):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with tempfile.TemporaryDirectory() as folder:
            self.event, self.memory, self.services = make_stubs(
                os.path.join(root, "proto"), folder, ("event_pb2", "memory_pb2", "memory_pb2_grpc"))
        # Behind make_stubs, which says what to install where they are missing.
        import grpc
        from google.protobuf import json_format

        self.grpc = grpc
        self.json_format = json_format

    def stub(self, address):
        """A channel of its own: a dead daemon's connection must not be waited for."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = self.grpc.insecure_channel(address, options)
        return channel, self.services.MemoryStub(channel)


def text_of(stream, number):
    """What event `number` of a stream says: a few words to some kilobytes."""
    rng = random.Random(f"{stream}/{number}")
    words = " ".join(rng.choice("bell drum horn lamp door rain".split()) for _ in range(4))
    return f"{words} {rng.randbytes(rng.choice((0, 40, 1500))).hex()}"


@dataclasses.dataclass
class Journal:
    """What was acknowledged: (stream, number) → sequence; and how far each stream has sent."""

    acknowledged: dict = dataclasses.field(default_factory=dict)
    sent: dict = dataclasses.field(default_factory=dict)
    rejected: list = dataclasses.field(default_factory=list)

    def copy(self):
        return Journal(dict(self.acknowledged), dict(self.sent), list(self.rejected))


class Streams:
    """Some streams at once. `go` starts them against an address, `halt` ends them; what was not
    acknowledged is sent again the next time, as a client does. Threads of its own."""

    def __init__(self, api, journal, count):
        self._api, self._journal, self._count = api, journal, count
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = []

    def go(self, address):
        self._stop.clear()
        self._threads = [
            threading.Thread(target=self._run, args=(address, f"stream-{number}"), daemon=True)
            for number in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    def alive(self):
        return all(thread.is_alive() for thread in self._threads)

    def halt(self):
        """Waits for the answers to what is on its way, where the daemon lives."""
        self._stop.set()
        for thread in self._threads:
            thread.join(CALL_S)
            if thread.is_alive():
                raise AssertionError("a stream does not end")

    def _event(self, stream, number):
        event = self._api.event.Event(event_id=str(number), source=stream, scene=stream)
        event.time.FromSeconds(START_S + 2 * number)
        event.percepts.add(modality="text").text.text = text_of(stream, number)
        return event

    def _run(self, address, stream):
        with self._lock:
            first = next_number = self._journal.sent.get(stream, 0)
            lost = [n for n in range(max(0, first - 4 * WINDOW), first)
                    if (stream, n) not in self._journal.acknowledged]
        order = []  # numbers in the order of sending
        room = threading.Semaphore(WINDOW)

        def requests():
            nonlocal next_number
            while True:
                while not room.acquire(timeout=0.05):
                    if self._stop.is_set():
                        return
                if self._stop.is_set():
                    return
                number = lost.pop(0) if lost else next_number
                if number == next_number:
                    next_number += 1
                    with self._lock:
                        self._journal.sent[stream] = next_number
                order.append(number)
                yield self._api.memory.IngestRequest(event=self._event(stream, number))

        channel, stub = self._api.stub(address)
        try:
            for response in stub.Ingest(requests()):
                for result in response.results:
                    self._note(stream, order, result)
                    for _ in range(result.event_count):
                        room.release()
        except self._api.grpc.RpcError:
            pass  # the daemon died: that is the point
        finally:
            channel.close()

    def _note(self, stream, order, result):
        with self._lock:
            for i in range(result.event_count):
                number = order[result.first_index + i]
                if result.outcome == self._api.memory.IngestResult.REJECTED:
                    self._journal.rejected.append((stream, number, result.error.message))
                    continue
                seq = result.first_sequence
                # Duplicates of one run may lie anywhere: only stored ones are numbered in a row.
                if result.outcome == self._api.memory.IngestResult.STORED:
                    seq += i
                elif result.event_count != 1:
                    seq = 0
                self._journal.acknowledged[(stream, number)] = seq


class Verdict:
    """What a look at the daemon's memory found, against the journal."""

    def __init__(self):
        self.lost = self.duplicated = self.wrong = 0
        self.notes = []

    def note(self, what):
        if len(self.notes) < 20:
            self.notes.append(what)

    def expect(self, holds, what):
        """What must hold."""
        if not holds:
            self.wrong += 1
            self.note(f"NOT: {what}")


class Reader:
    """Reads the log of a daemon, page by page, and holds it against the journal."""

    def __init__(self, api, address):
        self._api = api
        self._channel, self._stub = api.stub(address)

    def close(self):
        self._channel.close()

    def events(self, after=0):
        """(sequence, event) of all events behind a sequence number."""
        token = str(after) if after else ""
        while True:
            page = self._page(token)
            for stored in page.events:
                yield stored.sequence, stored.event
            token = page.next_page_token
            if not token:
                return

    def _page(self, token):
        """As any client does, it comes again where the daemon, on a busy machine, asks it to."""
        for attempt in itertools.count():
            try:
                return self._stub.ListEvents(
                    self._api.memory.ListEventsRequest(
                        page_size=PAGE, page_token=token, view=self._api.event.FULL),
                    timeout=CALL_S)
            except self._api.grpc.RpcError as error:
                full = error.code() == self._api.grpc.StatusCode.RESOURCE_EXHAUSTED
                if not full or attempt == PAGE_TRIES:
                    raise
                time.sleep(1)

    def check(self, journal, verdict, after=0):
        """Looks at everything behind `after`. Returns the last sequence number."""
        seen = {}
        last = after
        for seq, event in self.events(after):
            last = max(last, seq)
            key = (event.source, int(event.event_id))
            if key in seen:
                verdict.duplicated += 1
                verdict.note(f"{key} is there twice: {seen[key]} and {seq}")
            seen[key] = seq
            if key[1] >= journal.sent.get(key[0], 0):
                verdict.wrong += 1
                verdict.note(f"{key} was never sent")
            elif event.percepts[0].text.text != text_of(*key):
                verdict.wrong += 1
                verdict.note(f"{key} has other content than was sent")
        for key, seq in journal.acknowledged.items():
            if seq != 0 and seq <= after:
                continue
            if key not in seen:
                if seq != 0:
                    verdict.lost += 1
                    verdict.note(f"{key}, acknowledged as {seq}, is gone")
            elif seq not in (0, seen[key]):
                verdict.wrong += 1
                verdict.note(f"{key}, acknowledged as {seq}, is {seen[key]}")
        return last


def look(context, victim, journal, verdict, after=0):
    """Reader.check of a daemon."""
    reader = Reader(context.api, victim.address)
    try:
        return reader.check(journal, verdict, after)
    finally:
        reader.close()


def wait(condition, seconds, what):
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
