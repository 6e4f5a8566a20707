"""Asks a daemon many questions quickly, with Debian's python3-grpcio: several calls in flight.

Takes the daemon's address; makes the API's stubs from the protos in a temporary folder
(python3-grpc-tools). Gives neighbours and the words of episodes. It judges nothing.
"""
import collections
import glob
import importlib
import os
import subprocess
import sys
import tempfile
import time

IN_FLIGHT = 16
RETRIES = 8
TIMEOUT_S = 60
PACKAGES = "install Debian's python3-grpcio, python3-grpc-tools, python3-pkg-resources, python3-protobuf"


def make_stubs(protos, folder, names=("memory_pb2", "memory_pb2_grpc")):
    """Generates the API's Python modules into `folder` and imports those of these names."""
    files = sorted(glob.glob(os.path.join(protos, "mixmatch", "v1", "*.proto")))
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", protos]
    command += ["--python_out", folder, "--grpc_python_out", folder]
    try:
        subprocess.run(command + files, check=True)
        sys.path.insert(0, folder)
        return [importlib.import_module(f"mixmatch.v1.{name}") for name in names]
    except (ImportError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"the API's stubs cannot be made ({error}); {PACKAGES}") from error


class Memory:
    """A daemon's memory. Not thread-safe: one owner thread."""

    def __init__(self, address):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        with tempfile.TemporaryDirectory() as folder:
            self._api, services = make_stubs(os.path.join(root, "proto"), folder)
        import grpc  # Behind make_stubs, which says what to install where it is missing.

        self._grpc = grpc
        self._stub = services.MemoryStub(grpc.insecure_channel(address))
        self._words = {}  # episode id → word

    def _pipelined(self, call, requests):
        """The responses to all requests, in their order."""
        waiting = collections.deque()
        for request in requests:
            if len(waiting) == IN_FLIGHT:
                yield self._answer(call, *waiting.popleft())
            waiting.append((request, call.future(request, timeout=TIMEOUT_S)))
        while waiting:
            yield self._answer(call, *waiting.popleft())

    def _answer(self, call, request, future):
        """The response; a call that the daemon was too busy for is made again after a while."""
        for attempt in range(RETRIES):
            try:
                return future.result()
            except self._grpc.RpcError as error:
                if error.code() != self._grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
            time.sleep(0.1 * 2**attempt)
            future = call.future(request, timeout=TIMEOUT_S)
        return future.result()

    def _image_requests(self, paths, want, k):
        for path in paths:
            request = self._api.RecallRequest(modalities=[want], k=k)
            with open(path, "rb") as file:
                percept = request.query.percepts.percepts.add(modality="image")
                percept.image.data = file.read()
            yield request

    def _neighbours(self, paths, want, k):
        """For each image, its k nearest percepts of the wanted modality: (similarity, episode)."""
        for response in self._pipelined(self._stub.Recall, self._image_requests(paths, want, k)):
            yield [(found.similarity, found.episode.episode_id) for found in response.experiences]

    def _fetch_words(self, episodes):
        """Reads the word of each episode that is not known yet."""
        unknown = sorted(set(episodes) - set(self._words))
        requests = (self._api.GetEpisodeRequest(episode_id=number) for number in unknown)
        for response in self._pipelined(self._stub.GetEpisode, requests):
            for stored in response.episode.events:
                for percept in stored.event.percepts:
                    if percept.HasField("text"):
                        self._words[response.episode.episode_id] = percept.text.text

    def recalled_words(self, paths, want, k):
        """For each image, (similarity, word of the episode) of its k nearest percepts of the wanted
        modality, nearest first. The word is None where an episode has none."""
        answers = list(self._neighbours(paths, want, k))
        self._fetch_words(number for answer in answers for _, number in answer)
        return [[(near, self._words.get(number)) for near, number in answer] for answer in answers]
