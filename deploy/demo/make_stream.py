#!/usr/bin/env python3
"""Makes the demo's own small world: ten letters that are seen, spoken and sometimes read.

Takes the machine's speech synthesiser (espeak-ng) and free fonts; gives manifests (JSON Lines) with
sounds and pictures, and queries in voices, fonts and distortions that the stream never has. All
chance comes from --seed. It knows nothing of the daemon.

  make_stream.py OUT_DIR [--episodes 1500] [--parts 4] [--seed 1]
"""
import argparse
import array
import concurrent.futures
import glob
import json
import math
import os
import random
import subprocess
import wave

from PIL import Image, ImageDraw, ImageFilter, ImageFont

# The words by which radio operators name letters: distinct to the ear, as the letters to the eye.
CONCEPTS = {
    "alpha": "A",
    "echo": "E",
    "kilo": "K",
    "mike": "M",
    "oscar": "O",
    "romeo": "R",
    "sierra": "S",
    "tango": "T",
    "yankee": "Y",
    "zulu": "Z",
}
STREAMED = {
    "accents": ["en-us", "en-gb", "en-gb-scotland"],
    "voices": ["m1", "m2", "m3", "m4", "m5", "m6", "f1", "f2", "f3"],
    "fonts": [
        "DejaVuSans",
        "DejaVuSans-Bold",
        "DejaVuSerif",
        "LiberationSans-Bold",
        "LiberationSerif-Regular",
        "LiberationSerif-Italic",
        "LiberationMono-Bold",
        "FreeSans",
        "FreeSansBold",
        "FreeSerifBold",
        "FreeMonoBold",
        "FreeSansOblique",
    ],
}
UNHEARD = {
    "accents": ["en-gb-x-rp", "en-us", "en-gb"],
    "voices": ["m7", "m8", "f4"],
    "fonts": [
        "DejaVuSerif-Bold",
        "DejaVuSansMono-Bold",
        "LiberationSans-Regular",
        "LiberationSerif-BoldItalic",
        "FreeSansBoldOblique",
        "FreeSerif",
    ],
}
NAMED_SHARE = 0.5  # of the episodes come with their word
QUERIES_PER_CONCEPT = 20
QUICK_QUERIES_PER_CONCEPT = 4
SIDE_PX = 40
START_TIME_S = 1_700_000_000
EPISODE_SPACING_S = 2.0


def font_path(name):
    found = glob.glob(f"/usr/share/fonts/truetype/*/{name}.ttf")
    if not found:
        raise SystemExit(f"make_stream: font {name} is missing; run deploy/install-deps.sh --demo")
    return found[0]


def speak(path, word, style, rng):
    """Speaks the word in a chance voice of the style into a WAV file, over some noise."""
    voice = f"{rng.choice(style['accents'])}+{rng.choice(style['voices'])}"
    speed, pitch = rng.randint(120, 190), rng.randint(25, 75)
    gain, noise, seed = rng.uniform(0.4, 1.0), rng.uniform(20, 250), rng.getrandbits(32)
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", path, word]

    def run():
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        with wave.open(path, "rb") as file:
            parameters, samples = file.getparams(), array.array(
                "h", file.readframes(file.getnframes())
            )
        own = random.Random(seed)
        hiss = [own.gauss(0, noise) for _ in range(997)]
        for i, sample in enumerate(samples):
            value = sample * gain + hiss[(i * 31 + i // 997) % 997]
            samples[i] = int(max(-32768, min(32767, value)))
        with wave.open(path, "wb") as file:
            file.setparams(parameters)
            file.writeframes(samples.tobytes())

    return run


def draw(path, letter, style, rng, unseen):
    """Draws the letter in a chance font of the style, turned, sheared, scaled and shifted; what was
    not streamed is bent by a wave and stained besides."""
    font = ImageFont.truetype(font_path(rng.choice(style["fonts"])), rng.randint(72, 100))
    canvas = Image.new("L", (160, 160), 0)
    pen = ImageDraw.Draw(canvas)
    left, top, right, bottom = pen.textbbox((0, 0), letter, font=font)
    at = (
        80 - (left + right) / 2 + rng.uniform(-10, 10),
        80 - (top + bottom) / 2 + rng.uniform(-10, 10),
    )
    pen.text(at, letter, fill=rng.randint(170, 255), font=font)
    canvas = canvas.rotate(rng.uniform(-15, 15), Image.BILINEAR)
    shear = rng.uniform(-0.2, 0.2)
    canvas = canvas.transform(
        canvas.size, Image.AFFINE, (1, shear, -80 * shear, 0, 1, 0), Image.BILINEAR
    )
    if unseen:
        height, length, phase = rng.uniform(2, 4), rng.uniform(40, 80), rng.uniform(0, 6.28)
        rows = Image.new("L", canvas.size, 0)
        for y in range(160):
            shift = round(height * math.sin(2 * math.pi * y / length + phase))
            rows.paste(canvas.crop((0, y, 160, y + 1)), (shift, y))
        canvas = rows
        pen = ImageDraw.Draw(canvas)
        for _ in range(8):
            x, y, size = rng.uniform(10, 150), rng.uniform(10, 150), rng.uniform(2, 6)
            pen.ellipse((x, y, x + size, y + size), fill=rng.choice([0, 200]))
    canvas = canvas.crop((25, 25, 135, 135)).resize((SIDE_PX, SIDE_PX), Image.BILINEAR)
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.7)))
    canvas.save(path)


class World:
    """Files under one folder. Sounds are spoken two at a time; `close` waits for them."""

    def __init__(self, out_dir, seed):
        self._out = out_dir
        self._seed = seed
        self._pool = concurrent.futures.ThreadPoolExecutor(2)
        self._jobs = []
        for folder in ("sights", "sounds"):
            os.makedirs(os.path.join(out_dir, folder), exist_ok=True)

    def close(self):
        for job in self._jobs:
            job.result()
        self._pool.shutdown()

    def sight(self, name, word, rng, unseen=False):
        style = UNHEARD if unseen else STREAMED
        draw(os.path.join(self._out, "sights", name), CONCEPTS[word], style, rng, unseen)
        return {"modality": "image", "file": f"sights/{name}"}

    def sound(self, name, word, rng, unseen=False):
        style = UNHEARD if unseen else STREAMED
        run = speak(os.path.join(self._out, "sounds", name), word, style, rng)
        self._jobs.append(self._pool.submit(run))
        return {"modality": "audio", "file": f"sounds/{name}"}

    def _write(self, name, lines):
        with open(os.path.join(self._out, name), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(line) + "\n" for line in lines)

    def stream(self, count, parts):
        """Writes stream-0.jsonl ...: every percept an event of its own, of its own source."""
        rng = random.Random(f"stream {self._seed}")
        words = [list(CONCEPTS)[i % len(CONCEPTS)] for i in range(count)]
        rng.shuffle(words)
        events = []
        for number, word in enumerate(words):
            percepts = [("camera", self.sight(f"{number:05d}.png", word, rng))]
            percepts.append(("microphone", self.sound(f"{number:05d}.wav", word, rng)))
            if rng.random() < NAMED_SHARE:
                percepts.append(("reader", {"modality": "text", "text": word}))
            for source, percept in percepts:
                time_s = START_TIME_S + number * EPISODE_SPACING_S + rng.uniform(0, 0.3)
                event = {"event_id": f"{number:05d}", "time": round(time_s, 3), "source": source}
                event.update(scene="radio room", percepts=[percept], metadata={"concept": word})
                if "file" in percept:
                    event["metadata"]["file"] = percept["file"]
                events.append((number * parts // count, event))
        for part in range(parts):
            self._write(f"stream-{part}.jsonl", [event for at, event in events if at == part])

    def queries(self):
        """Writes queries.jsonl (all directions) and queries-quick.jsonl (two of them, fewer)."""
        rng = random.Random(f"queries {self._seed}")
        every, quick = [], []
        for word in CONCEPTS:
            relevant = {"metadata": {"concept": word}}

            def ask(percepts, want):
                return {"percepts": percepts, "want": want, "relevant": relevant, "k": 10}

            text = {"modality": "text", "text": word}
            every += [ask([text], "image"), ask([text], "audio")]
            for i in range(QUERIES_PER_CONCEPT):
                sight = self.sight(f"query-{word}-{i:02d}.png", word, rng, unseen=True)
                sound = self.sound(f"query-{word}-{i:02d}.wav", word, rng, unseen=True)
                one = [ask([sound], "image"), ask([sight], "audio")]
                every += one + [ask([sound], "text"), ask([sight], "text")]
                every += [ask([sound, sight], "text"), ask([sound, text], "image")]
                every += [ask([sight, text], "audio")]
                if i < QUICK_QUERIES_PER_CONCEPT:
                    quick += one
        self._write("queries.jsonl", every)
        self._write("queries-quick.jsonl", quick)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--episodes", type=int, default=1500)
    parser.add_argument("--parts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    world = World(args.out, args.seed)
    world.stream(args.episodes, args.parts)
    world.queries()
    world.close()


if __name__ == "__main__":
    main()
