"""Fixed features for the baselines: nothing in them is learned, and nothing depends on the stream.

Takes the media files of a manifest (digits_data.py writes them); gives rows of numbers, float64. Needs
numpy. Images: pixels. Sounds: log-mel spectra brought to one length. Of both also the responses to
random filters, rectified and pooled. Words: hashed character n-grams.
"""
import struct
import wave
import zlib

import numpy as np

MEL_BANDS = 40
WINDOW_S = 0.032
HOP_S = 0.010
SEGMENTS = 40  # of time, to which every sound is brought
FILTERS, FILTER_SIZE, POOLED = 24, 7, 6  # filters, their width, cells a side
TEXT_BUCKETS = 256


def read_png(path):
    """The pixels, [height, width] from 0 to 1, of a grey PNG as digits_data.write_png writes it."""
    with open(path, "rb") as file:
        data = file.read()
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            packed += body
        place += length + 12
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, width + 1)
    if rows[:, 0].any():
        raise ValueError(f"{path}: rows are filtered; only unfiltered ones are read")
    return rows[:, 1:] / 255.0


def read_wav(path):
    """Samples from -1 to 1 and their rate, of a 16-bit WAV file with one channel."""
    with wave.open(path, "rb") as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise ValueError(f"{path}: not 16 bits, one channel")
        frames = file.readframes(file.getnframes())
        return np.frombuffer(frames, "<i2") / 32768.0, file.getframerate()


def mel_filters(rate, size):
    """Triangles even in mel up to half the rate: [MEL_BANDS, size // 2 + 1]."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    hertz = np.arange(size // 2 + 1) * rate / size
    rising = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(samples, rate):
    """Log-mel spectrum, [frames, MEL_BANDS]; the level of the whole sound is taken out."""
    size, hop = int(WINDOW_S * rate), int(HOP_S * rate)
    samples = np.pad(samples, (0, max(0, size - len(samples))))
    count = 1 + (len(samples) - size) // hop
    frames = samples[np.arange(count)[:, None] * hop + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, 2 * size)) ** 2
    level = np.log(power @ mel_filters(rate, 2 * size).T + 1e-6)
    return level - level.mean()


def pooled_log_mel(path):
    """One sound as [SEGMENTS * MEL_BANDS], of unit length: the mean spectrum of equal parts."""
    spectrum = log_mel(*read_wav(path))
    bounds = np.linspace(0, len(spectrum), SEGMENTS + 1)
    parts = [
        spectrum[int(begin) : max(int(np.ceil(end)), int(begin) + 1)].mean(0)
        for begin, end in zip(bounds[:-1], bounds[1:])
    ]
    row = np.concatenate(parts)
    return row / np.linalg.norm(row)


def hashed_ngrams(text):
    """One text as [TEXT_BUCKETS], of unit length: its character bigrams and trigrams, hashed."""
    row = np.zeros(TEXT_BUCKETS)
    marked = f"<{text}>"
    for length in (2, 3):
        for place in range(len(marked) - length + 1):
            row[zlib.crc32(marked[place : place + length].encode()) % TEXT_BUCKETS] += 1
    return row / np.linalg.norm(row)


def random_filters(images, seed=0):
    """[count, height, width] → [count, FILTERS * 2 * POOLED²], of unit length: the root of both signs
    of the response to random filters of mean zero, averaged over a grid of cells."""
    weights = np.random.default_rng(seed).normal(size=(FILTERS, FILTER_SIZE, FILTER_SIZE))
    weights -= weights.mean((1, 2), keepdims=True)
    weights = (weights / np.linalg.norm(weights, axis=(1, 2), keepdims=True)).reshape(FILTERS, -1)
    result = []
    for begin in range(0, len(images), 250):
        margin = FILTER_SIZE // 2
        padded = np.pad(images[begin : begin + 250], ((0, 0), (margin, margin), (margin, margin)))
        windows = np.lib.stride_tricks.sliding_window_view(
            padded, (FILTER_SIZE, FILTER_SIZE), axis=(1, 2)
        )
        count, height, width = windows.shape[:3]
        response = windows.reshape(count, height, width, -1) @ weights.T
        both = np.concatenate([np.maximum(response, 0), np.maximum(-response, 0)], -1)
        rows = np.array_split(np.arange(height), POOLED)
        columns = np.array_split(np.arange(width), POOLED)
        cells = [
            both[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean((1, 2)) for r in rows for c in columns
        ]
        result.append(np.sqrt(np.concatenate(cells, 1)))
    result = np.concatenate(result)
    return result / np.maximum(np.linalg.norm(result, axis=1, keepdims=True), 1e-12)
