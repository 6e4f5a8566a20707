"""A large memory is copied under load and put back: how long ingest waits meanwhile, and whether
what comes back is the same.
"""
import os
import threading
import time

from loads import bench
from scene import judged

CONFIG = """\
episodes: {gap: 1s, lateness: 1s, idle_close: 1s}
generations: {automatic: false}
learning: {enabled: false}
"""
BYTES = 5 << 30
SIDE = (2048, 1024)  # of a grey picture
BATCH = 4
QUESTIONS = 1000
K = 10
LOAD_PER_S = 100
PAUSE_MS = 200


class _Pictures:
    """Sends made-up pictures by several calls at a time, until there are enough bytes."""

    def __init__(self, context, victim, total):
        self._api, self._victim = context.api, victim
        self._left = -(-total // (SIDE[0] * SIDE[1]))
        self._next = 0
        self._lock = threading.Lock()
        self.refused = 0

    def run(self):
        threads = [threading.Thread(target=self._send) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._next

    def _send(self):
        channel, stub = self._api.stub(self._victim.address)
        while True:
            with self._lock:
                if self._next >= self._left:
                    break
                first, self._next = self._next, self._next + BATCH
            request = self._api.memory.IngestBatchRequest()
            for number in range(first, first + BATCH):
                event = request.events.add(event_id=f"p{number}", source="camera", scene="wall")
                event.time.FromSeconds(1_600_000_000 + 2 * number)
                image = event.percepts.add(modality="image").image
                image.data = os.urandom(SIDE[0] * SIDE[1])
                image.media_type = "image/raw"
                image.width_px, image.height_px, image.channel_count = *SIDE, 1
            while not self._stored(stub, request):
                time.sleep(0.2)
        channel.close()

    def _stored(self, stub, request):
        """Whether all of it is; what is there already counts."""
        try:
            answer = stub.IngestBatch(request, timeout=120)
        except self._api.grpc.RpcError as error:
            if error.code() != self._api.grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            self.refused += 1
            return False
        refused = [one for one in answer.results
                   if one.outcome == self._api.memory.IngestResult.REJECTED]
        for one in refused:
            if one.error.code != 8:
                raise AssertionError(one.error.message)
        self.refused += len(refused)
        return not refused


def _answers(context, victim):
    channel, stub = context.api.stub(victim.address)
    answers = []
    for number in range(QUESTIONS):
        request = context.api.memory.RecallRequest(modalities=["image"], k=K)
        request.query.percepts.percepts.add().text.text = f"question {number}"
        answer = stub.Recall(request, timeout=60)
        answers.append([(one.event.sequence, one.similarity) for one in answer.experiences])
    channel.close()
    return answers


def snapshot_large(context):
    """A snapshot of 5 GiB under load: ingest waits little, and what is restored is whole and the
    same."""
    victim = context.make_victim(CONFIG)
    with judged(victim) as verdict:
        pictures = _Pictures(context, victim, BYTES)
        count = pictures.run()
        victim.ctl("--timeout", "600", "watermarks", "--wait", "recallable")
        before = _answers(context, victim)
        for cycle in range(context.cycles):
            load = ("--payload", "text", "--rate", str(LOAD_PER_S))
            calm = bench(victim, "ingest", 20, *load)["ingest"]
            results = {}
            loader = threading.Thread(
                target=lambda into=results: into.update(bench(victim, "ingest", 20, *load)))
            loader.start()
            time.sleep(2)
            begun = time.monotonic()
            made = victim.answer("--timeout", "300", "snapshot", "create", f"large-{cycle}")
            took = time.monotonic() - begun
            loader.join()
            during = results["ingest"]
            size = int(made["snapshot"]["bytes"])
            verdict.note(
                f"{size / 2**30:.2f} GiB, {count} pictures: made in {took:.1f} s with checksums; "
                f"ingest p99 {calm['p99_ms']:.0f} ms without, {during['p99_ms']:.0f} ms meanwhile "
                f"(most {during['max_ms']:.0f} ms)")
            verdict.expect(size >= BYTES, "it is as large as it should be")
            verdict.expect(during["p99_ms"] <= PAUSE_MS,
                           f"ingest goes on, its p99 at most {PAUSE_MS} ms")
            verdict.expect(during["failed"] + during["refused"] == 0, "nothing is refused")
            victim.ctl("--timeout", "600", "snapshot", "restore", f"large-{cycle}")
            verdict.expect(_answers(context, victim) == before,
                           f"{QUESTIONS} recalls answer as before")
            victim.stop()
            found = victim.run("fsck", "--data-dir", str(victim.data), timeout=900)
            verdict.expect(found.returncode == 0, f"fsck finds nothing: {found.stdout[-300:]}")
            victim.start()
            context.tell(cycle + 1, count, verdict)
    return verdict


CHECKS = {"snapshot_large": (snapshot_large, 1)}
