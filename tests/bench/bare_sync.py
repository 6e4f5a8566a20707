"""What the disk alone does meanwhile: one file, appended to and synced at a steady rate."""

import os
import tempfile
import threading
import time

BYTES = 16 << 10  # a call of ten events and what its write-ahead log adds
RATE = 100


class BareSync:
    """As a context: appends and syncs in `folder` until it is left; `p99_ms` afterwards."""

    def __init__(self, folder):
        self.folder = folder
        self.p99_ms = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        block = os.urandom(BYTES)
        times = []
        with tempfile.TemporaryFile(dir=self.folder) as file:
            begun = time.monotonic()
            while not self.ended.is_set():
                due = begun + len(times) / RATE  # one that had to wait counts its wait, as in a load
                time.sleep(max(0, due - time.monotonic()))
                os.write(file.fileno(), block)
                os.fdatasync(file.fileno())
                times.append(1e3 * (time.monotonic() - due))
        self.p99_ms = sorted(times)[int(0.99 * len(times))]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
