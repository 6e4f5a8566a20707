#!/usr/bin/env python3
"""Turns what mixmatchctl says as JSON into what a person can check at a terminal.

  report.py progress STATUS.json EVAL.json       one line: how far learning is
  report.py recall QUERY RECALL.json             the answers to one query
  report.py picture TITLE WORK_DIR WHICH         a picture in letters: a file of the work folder, or
                                                 the nearest answer of a RECALL.json
  report.py table EVAL.json                      all directions; exits 1 where one falls short
Takes files; gives text and an exit status. It asks the daemon nothing.
"""
import json
import os
import sys

from PIL import Image

P_AT_K_MIN = 0.9
SHADES = " .:-=+*#%@"


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def name_of(pair):
    return f"{' + '.join(pair['query'])} -> {pair['want']}"


def progress(status_path, eval_path):
    status, pairs = load(status_path), load(eval_path)["pairs"]
    learning = status["learning"]
    recall = ", ".join(f"{name_of(pair)} {pair['p_at_k']:.2f}" for pair in pairs)
    print(
        f"learned: {status.get('episode_count', 0)} episodes, "
        f"{learning.get('steps_total', 0)} steps, loss {float(learning.get('loss', 0)):.3f}; "
        f"generation {status['serving'].get('number', 0)} recalls (P@10): {recall}"
    )
    return 0


def answers(path):
    for experience in load(path).get("experiences", []):
        event = experience["event"]["event"]
        yield float(experience.get("similarity", 0)), event.get("metadata", {}), event


def recall(query, path):
    print(f"asked with {query}:")
    for similarity, metadata, event in answers(path):
        text = " ".join(p["text"]["text"] for p in event.get("percepts", []) if "text" in p)
        what = metadata.get("file") or f'"{text}"'
        print(f"  {similarity:6.3f}  {what:<22} streamed together with '{metadata['concept']}'")
    return 0


def picture(title, work, which):
    name = which
    if which.endswith(".json"):
        name = next(metadata["file"] for _, metadata, _ in answers(which))
    image = Image.open(os.path.join(work, name)).convert("L").resize((40, 20))
    print(f"{title} ({name}):")
    for y in range(image.height):
        row = (image.getpixel((x, y)) * (len(SHADES) - 1) // 255 for x in range(image.width))
        line = "".join(SHADES[shade] for shade in row).rstrip()
        if line:
            print("    " + line)
    return 0


def table(path):
    result = load(path)
    print(f"{'query -> wanted':<26}{'queries':>8}{'P@1':>8}{'P@10':>8}")
    short = []
    for pair in result["pairs"]:
        mark = ""
        if len(pair["query"]) == 1 and pair["p_at_k"] < P_AT_K_MIN:
            short.append(name_of(pair))
            mark = f"  below {P_AT_K_MIN}"
        figures = f"{pair['p_at_1']:>8.3f}{pair['p_at_k']:>8.3f}"
        print(f"{name_of(pair):<26}{pair['count']:>8}{figures}{mark}")
    if short:
        print(f"FELL SHORT: P@10 below {P_AT_K_MIN} for {', '.join(short)}")
        return 1
    print(f"Every direction recalls with P@10 of at least {P_AT_K_MIN}.")
    return 0


def main():
    commands = {"progress": progress, "recall": recall, "picture": picture, "table": table}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
