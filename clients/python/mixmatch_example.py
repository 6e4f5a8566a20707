#!/usr/bin/env python3
"""Streams a few events into a Mix-Match daemon and recalls them, with Debian's python3-grpcio.

Takes the daemon's address and the folder with the protos, from which it makes the stubs in a
temporary folder (python3-grpc-tools). Prints what it stored and what it found; exits with 1 when the
daemon does not find what was just streamed. Run it again: the events are stored once.
"""
import argparse
import glob
import importlib
import os
import subprocess
import sys
import tempfile
import time

import grpc

WAIT_S = 60
# Words, and where each lies on a little map of colours (red, green, blue).
COLOURS = {
    "red": [1.0, 0.0, 0.0],
    "green": [0.0, 1.0, 0.0],
    "blue": [0.0, 0.0, 1.0],
    "yellow": [1.0, 1.0, 0.0],
    "white": [1.0, 1.0, 1.0],
}


def make_stubs(protos, folder):
    """Generates the API's Python modules into `folder` and imports what is needed."""
    files = sorted(glob.glob(os.path.join(protos, "mixmatch", "v1", "*.proto")))
    if not files:
        raise SystemExit(f"{protos}: no mixmatch/v1/*.proto there; give --protos DIR")
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", protos]
    subprocess.run(
        command + ["--python_out", folder, "--grpc_python_out", folder] + files, check=True
    )
    sys.path.insert(0, folder)
    modules = ("event_pb2", "memory_pb2", "memory_pb2_grpc")
    return [importlib.import_module(f"mixmatch.v1.{name}") for name in modules]


class Memory:
    """The few calls that the example makes."""

    def __init__(self, server, event_pb2, memory_pb2, memory_pb2_grpc):
        self._event = event_pb2
        self._api = memory_pb2
        self._stub = memory_pb2_grpc.MemoryStub(grpc.insecure_channel(server))

    def _requests(self, start_s):
        for number, (word, colour) in enumerate(COLOURS.items()):
            event = self._event.Event(event_id=word, source="python", scene="palette")
            # Five seconds apart, so that each colour is an episode of its own.
            event.time.FromSeconds(start_s + 5 * number)
            event.percepts.add(modality="text").text.text = word
            event.percepts.add(modality="colour").vector.values.extend(colour)
            event.metadata["colour"] = word
            yield self._api.IngestRequest(event=event)

    def ingest(self, start_s):
        """Streams all events; returns the highest sequence number."""
        last = 0
        for response in self._stub.Ingest(self._requests(start_s), timeout=WAIT_S):
            for result in response.results:
                outcome = self._api.IngestResult.Outcome.Name(result.outcome)
                if result.outcome == self._api.IngestResult.REJECTED:
                    raise SystemExit(f"event {result.first_index}: {result.error.message}")
                last = max(last, result.first_sequence + result.event_count - 1)
                print(f"{outcome.lower()}: {result.event_count} from {result.first_sequence} on")
        return last

    def wait_recallable(self, sequence):
        """Blocks until everything up to `sequence` can be recalled."""
        deadline_s = time.monotonic() + WAIT_S
        while True:
            marks = self._stub.GetWatermarks(
                self._api.GetWatermarksRequest(), timeout=WAIT_S
            ).watermarks
            if marks.recallable >= sequence:
                return
            if time.monotonic() > deadline_s:
                raise SystemExit(f"recallable is {marks.recallable} of {sequence} after {WAIT_S} s")
            time.sleep(0.05)

    def recall(self, want, k=3, **payload):
        """The nearest experiences of the wanted modality among this example's events."""
        percept = self._event.Percept(**payload)
        request = self._api.RecallRequest(modalities=[want], k=k)
        request.query.percepts.percepts.append(percept)
        request.filter.sources.append("python")
        return self._stub.Recall(request, timeout=WAIT_S).experiences


def show(question, found):
    """Prints the answers. Returns the colour of the first one."""
    print(question)
    for experience in found:
        colour = experience.event.event.metadata["colour"]
        print(f"  {experience.similarity:6.3f}  {colour}")
    return found[0].event.event.metadata["colour"] if found else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:7077", help="HOST:PORT of the daemon")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument(
        "--protos", default=os.path.join(root, "proto"), help="folder of the protos"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        event_pb2, memory_pb2, memory_pb2_grpc = make_stubs(args.protos, folder)
        memory = Memory(args.server, event_pb2, memory_pb2, memory_pb2_grpc)
        try:
            memory.wait_recallable(memory.ingest(start_s=1_700_000_000))
            word = show(
                "the word 'blue' recalls the words",
                memory.recall("text", modality="text", text=event_pb2.Text(text="blue")),
            )
            colour = show(
                "the colour (1, 0, 0) recalls the colours",
                memory.recall(
                    "colour", modality="colour", vector=event_pb2.Vector(values=[1, 0, 0])
                ),
            )
        except grpc.RpcError as error:
            print(f"{args.server}: {error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    return 0 if (word, colour) == ("blue", "red") else 1


if __name__ == "__main__":
    sys.exit(main())
