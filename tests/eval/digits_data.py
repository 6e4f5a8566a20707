"""The digits stream: an endless table at which digits are seen, heard and sometimes read.

Takes the Free Spoken Digit Dataset and MNIST as their usual files; gives manifests (JSON Lines)
with the media files they name, and queries over items that the stream never holds. Standard library
only. All chance comes from one seed. It knows nothing of the daemon: `digits.py` runs that.
"""
import gzip
import json
import os
import random
import struct
import zlib

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FOLDERS = ("fsdd/recordings", "mnist")
START_TIME_S = 1_700_000_000  # event time of the first episode
EPISODE_SPACING_S = 2.0
JITTER_S = 0.3  # each percept comes this much later than its episode, at most
SHUFFLE_S = 3.0  # an event is delivered behind others that are this much younger, at most
VALIDATION_IMAGES = 5000  # the last of MNIST's training part
QUERY_IMAGES = 3000
# Images that a recording is asked for words with: one alone says little of 300 recordings, of which
# a sound by itself has one or two wrong. They are others than those that are asked alone.
PARTNERS = 10
ANYTIME_PER_CLASS = (6, 12)  # recordings and images of each class that are asked after a tenth


def write_png(path, pixels, width, height):
    """Writes 8-bit grey pixels (bytes, row by row) as a PNG file."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        out.write(chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b""))


class Mnist:
    """One part of MNIST: images as bytes, labels as ints."""

    def __init__(self, folder, part):
        with gzip.open(os.path.join(folder, f"{part}-labels-idx1-ubyte.gz")) as file:
            magic, count = struct.unpack(">II", file.read(8))
            if magic != 0x801:
                raise ValueError(f"{part} labels: magic {magic:#x}, expected 0x801")
            self.labels = list(file.read(count))
        with gzip.open(os.path.join(folder, f"{part}-images-idx3-ubyte.gz")) as file:
            magic, count, self.height, self.width = struct.unpack(">IIII", file.read(16))
            if magic != 0x803 or count != len(self.labels):
                raise ValueError(f"{part} images: magic {magic:#x}, {count} images")
            self._pixels = file.read(count * self.height * self.width)

    def pixels(self, index):
        size = self.height * self.width
        return self._pixels[index * size : (index + 1) * size]


def missing(data_dir, parts=FOLDERS):
    """The first of these folders that is absent, or None."""
    absent = [part for part in parts if not os.path.isdir(os.path.join(data_dir, part))]
    return absent[0] if absent else None


def recordings(data_dir, indexes):
    """File names of the recordings whose index is in `indexes`, by digit."""
    found = {digit: [] for digit in range(10)}
    for name in sorted(os.listdir(os.path.join(data_dir, "fsdd", "recordings"))):
        stem, extension = os.path.splitext(name)
        parts = stem.split("_")
        if extension == ".wav" and len(parts) == 3 and int(parts[2]) in indexes:
            found[int(parts[0])].append(name)
    return found


def events_of(number, episode, rng):
    """An episode's events: one per percept that it has, each a little later than its start."""
    percepts = []
    for source, modality in (("camera", "image"), ("microphone", "audio")):
        if modality in episode:
            percepts.append((source, {"modality": modality, "file": episode[modality]}))
    if "word" in episode:
        percepts.append(("reader", {"modality": "text", "text": episode["word"]}))
    start = START_TIME_S + number * EPISODE_SPACING_S
    for source, percept in percepts:
        yield {
            "event_id": f"{number:06d}",
            "time": round(start + rng.random() * JITTER_S, 3),
            "source": source,
            "scene": "table",
            "percepts": [percept],
            "metadata": {"digit": str(episode["digit"])},
        }


def write_manifest(path, episodes, begin, end, rng):
    """Writes the events of episodes[begin:end] in the order of their delivery; returns how many."""
    events = []
    for number in range(begin, end):
        events.extend(events_of(number, episodes[number], rng))
    # Local disorder: what comes first is decided by a time blurred by SHUFFLE_S.
    events.sort(key=lambda event: event["time"] + rng.random() * SHUFFLE_S)
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(event) + "\n" for event in events)
    return len(events)


def ask(digit, percepts, want):
    """A query whose answers are of that digit."""
    relevant = {"metadata": {"digit": str(digit)}}
    return {"percepts": percepts, "want": want, "relevant": relevant, "k": 10}


def word_of(digit):
    return {"modality": "text", "text": WORDS[digit]}


def sounds_of(names):
    return [{"modality": "audio", "file": "recordings/" + name} for name in names]


def write_parts(path):
    """Writes each part of a file's queries of several modalities as a query of its own, beside that
    file. Returns the path, or None where there is no such query."""
    with open(path, encoding="utf-8") as file:
        mixed = [query for query in map(json.loads, file) if len(query["percepts"]) > 1]
    if not mixed:
        return None
    parts_path = os.path.splitext(path)[0] + "-parts.jsonl"
    with open(parts_path, "w", encoding="utf-8") as out:
        for query in mixed:
            for percept in query["percepts"]:
                out.write(json.dumps(query | {"percepts": [percept]}) + "\n")
    return parts_path


class Digits:
    """Writes one stream and its queries into `out_dir`."""

    def __init__(self, data_dir, out_dir, seed, part):
        self._out = out_dir
        self._seed = seed
        os.makedirs(os.path.join(out_dir, "images"), exist_ok=True)
        link = os.path.join(out_dir, "recordings")
        if not os.path.islink(link):
            os.symlink(os.path.abspath(os.path.join(data_dir, "fsdd", "recordings")), link)
        folder = os.path.join(data_dir, "mnist")
        self._train = Mnist(folder, "train")
        split = len(self._train.labels) - VALIDATION_IMAGES
        self._train_images = range(split)
        self._train_audio = recordings(data_dir, range(10, 50))
        if part == "test":
            self._query = Mnist(folder, "t10k")
            self._query_images = list(range(QUERY_IMAGES))
            others = range(QUERY_IMAGES, min(2 * QUERY_IMAGES, len(self._query.labels)))
            self._partner_images = list(others)
            self._query_audio = recordings(data_dir, range(0, 5))
        else:
            self._query = self._train
            self._query_images = list(range(split, split + QUERY_IMAGES))
            self._partner_images = list(range(split + QUERY_IMAGES, len(self._train.labels)))
            self._query_audio = recordings(data_dir, range(5, 10))
        self._written = set()

    def _image(self, source, kind, index):
        name = f"images/{kind}-{index:05d}.png"
        if name not in self._written:
            self._written.add(name)
            path = os.path.join(self._out, name)
            write_png(path, source.pixels(index), source.width, source.height)
        return name

    def episodes(self, count, order, named):
        """The episodes in order of time: dicts of digit, image, audio and, for some, word."""
        rng = random.Random(f"stream {self._seed}")
        digits = [i % 10 for i in range(count)]
        rng.shuffle(digits)
        if order == "class":
            digits.sort()
        pools = {}
        for digit in range(10):
            pools["image", digit] = [
                i for i in self._train_images if self._train.labels[i] == digit
            ]
            pools["audio", digit] = list(self._train_audio[digit])
        decks = {key: [] for key in pools}

        def draw(kind, digit):  # every item once before any comes again
            deck = decks[kind, digit]
            if not deck:
                deck.extend(pools[kind, digit])
                rng.shuffle(deck)
            return deck.pop()

        result = []
        for digit in digits:
            episode = {
                "digit": digit,
                "image": self._image(self._train, "train", draw("image", digit)),
            }
            episode["audio"] = "recordings/" + draw("audio", digit)
            if rng.random() < named:
                episode["word"] = WORDS[digit]
            result.append(episode)
        return result

    def write_stream(self, episodes, parts):
        """Writes stream-00.jsonl ...: the stream cut into `parts` equal parts. Returns, for each
        part, its path, its events, the episodes up to its end and the digits seen by then."""
        rng = random.Random(f"delivery {self._seed}")
        result = []
        begin = 0
        for part in range(parts):
            end = round(len(episodes) * (part + 1) / parts)
            path = os.path.join(self._out, f"stream-{part:02d}.jsonl")
            count = write_manifest(path, episodes, begin, end, rng)
            seen = sorted({episode["digit"] for episode in episodes[:end]})
            result.append({"path": path, "events": count, "episodes": end, "seen": seen})
            begin = end
        return result

    def write_queries(self, name, with_text, seen=None, per_class=ANYTIME_PER_CLASS):
        """Writes the queries of all directions over items that are in no stream; with `seen`, a
        subset fixed by the seed, over these digits alone: of each so many recordings and images.
        Returns the path."""
        rng = random.Random(f"queries {self._seed}")
        images = self._by_digit(self._query_images)
        partners = self._by_digit(self._partner_images)
        audio = {digit: list(names) for digit, names in self._query_audio.items()}
        if seen is not None:
            for digit in range(10):
                rng.shuffle(images[digit])
                rng.shuffle(audio[digit])
                images[digit] = images[digit][: per_class[1]]
                audio[digit] = audio[digit][: per_class[0]]
        path = os.path.join(self._out, name)
        with open(path, "w", encoding="utf-8") as out:
            each = PARTNERS if seen is None else 1
            for digit in range(10) if seen is None else seen:
                for query in self._alone(digit, images[digit], audio[digit], with_text):
                    out.write(json.dumps(query) + "\n")
                if not with_text:
                    continue
                for query in self._together(digit, partners[digit], audio[digit], each):
                    out.write(json.dumps(query) + "\n")
        return path

    def _by_digit(self, indexes):
        """Those of the images that queries are of, by what they show."""
        images = {digit: [] for digit in range(10)}
        for index in indexes:
            images[self._query.labels[index]].append(index)
        return images

    def _sights(self, images):
        return [{"modality": "image", "file": self._image(self._query, "query", i)} for i in images]

    def _alone(self, digit, images, audio, with_text):
        sights = self._sights(images)
        sounds = sounds_of(audio)
        for sight in sights:
            yield ask(digit, [sight], "audio")
        for sound in sounds:
            yield ask(digit, [sound], "image")
        if not with_text:
            return
        for sight in sights:
            yield ask(digit, [sight], "text")
        for sound in sounds:
            yield ask(digit, [sound], "text")
        yield ask(digit, [word_of(digit)], "image")
        yield ask(digit, [word_of(digit)], "audio")

    def _together(self, digit, images, audio, each):
        """Two modalities in one query: each recording with `each` images of the same digit."""
        word = word_of(digit)
        sights = self._sights(images[: each * len(audio)])
        for number, sound in enumerate(sounds_of(audio)):
            for partner in range(each):
                sight = sights[(number * each + partner) % len(sights)]
                yield ask(digit, [sound, sight], "text")
            yield ask(digit, [sound, word], "image")
            yield ask(digit, [sights[number % len(sights)], word], "audio")
