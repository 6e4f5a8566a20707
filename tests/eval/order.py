#!/usr/bin/env python3
"""The order test: does the memory depend on the order in which it saw things?

Runs the digits stream (digits.py) twice over a real daemon each, shuffled and class by class, with
the same seed and figures; prints both side by side with the gap before and after consolidation, and
what each class lost against its own best moment. Standard library only; README.md explains it.
"""
import argparse
import statistics
import sys

import digits
import digits_data
import figures

CLASS_SAMPLE = (30, 60)  # recordings and images of each class that are asked at every point
ORDERS = ("shuffled", "class")


def parse_args(argv):
    parser = argparse.ArgumentParser(prog="order", description=__doc__)
    digits.add_run_options(parser)
    digits.add_stream_options(parser, with_order=False)
    args = parser.parse_args(argv)
    digits.check_args(parser, args)
    return args


def forgetting(moments, last):
    """Mean over classes of a class's best figure at any earlier moment less its last; by figure.

    `moments`: class → figures, one a moment, of the classes seen by then; `last`: the same, at the
    end. Negative where classes are better at the end than ever before.
    """
    lost = {}
    for label, final in last.items():
        for name, value in final.items():
            earlier = [moment[label][name] for moment in moments if label in moment]
            if earlier:
                lost.setdefault(name, []).append(max(earlier) - value)
    return {name: statistics.fmean(values) for name, values in lost.items()}


def gap(shuffled, ordered):
    """How much better each figure is where the stream was shuffled."""
    return {
        name: shuffled[name] - ordered[name]
        for name in shuffled
        if name in ordered and None not in (shuffled[name], ordered[name])
    }


def ask_classes(evaluation, files, classes):
    """The direct figures of each class by itself, asked with queries of that class alone."""
    names = [name for *_, name in figures.DIRECT]
    result = {}
    for label in classes:
        found = figures.headline(evaluation.ask(files[label]))
        result[str(label)] = {name: found[name] for name in names if name in found}
    return result


def run_order(args):
    """One run in args.order. Returns digits.py's result with figures by class, and forgetting."""

    def call(daemon, work):
        tenths, queries = digits.write_files(args, args.data, work)
        data = digits_data.Digits(args.data, work, args.seed, args.part)
        files = {
            label: data.write_queries(
                f"queries-class-{label}.jsonl", args.named > 0, [label], CLASS_SAMPLE
            )
            for label in range(10)
        }
        evaluation = digits.Eval(args, daemon)
        evaluation.say(f"{args.order} order, seed {args.seed}, working in {work}")
        evaluation.stream(
            tenths,
            lambda number: {"by_class": ask_classes(evaluation, files, tenths[number]["seen"])},
        )
        evaluation.stream_end(queries)
        at_end = ask_classes(evaluation, files, range(10))
        evaluation.consolidate(queries)
        result = evaluation.result
        result["by_class_stream_end"] = at_end
        result["by_class"] = ask_classes(evaluation, files, range(10))
        moments = [entry["by_class"] for entry in result["anytime"]]
        result["forgetting_stream_end"] = forgetting(moments, at_end)
        result["forgetting"] = forgetting(moments + [at_end], result["by_class"])
        evaluation.print_end()
        return result

    return digits.with_daemon(args, call)


def run_both(args):
    """Both orders with one seed."""
    runs = {}
    for order in ORDERS:
        keep = args.keep and f"{args.keep}/{order}"
        runs[order] = run_order(digits.variant(args, order=order, keep=keep))
    shuffled, ordered = (runs[order] for order in ORDERS)
    result = {"seed": args.seed} | runs
    for key, point in (("gap_stream_end", "stream_end"), ("gap", "pairs")):
        result[key] = gap(figures.headline(shuffled[point]), figures.headline(ordered[point]))
    print_both(result)
    return result


def columns_of(run):
    """What the tables show of a run: by column, figure → number."""
    points = {"end": "stream_end", "consolidated": "pairs"}
    columns = {}
    for title, point in points.items():
        for order in ORDERS:
            columns[f"{order}, {title}"] = figures.headline(run[order][point])
        columns[f"gap, {title}"] = run["gap_stream_end" if title == "end" else "gap"]
    columns["forgotten, end"] = run["class"]["forgetting_stream_end"]
    columns["forgotten, consolidated"] = run["class"]["forgetting"]
    return columns


def print_both(run):
    print(f"\nBoth orders, seed {run['seed']}; gap: shuffled less class by class")
    joined = {title: figures.over_seeds([column]) for title, column in columns_of(run).items()}
    print(figures.summary_table(joined, 3), flush=True)


def summarise(runs):
    columns = [columns_of(run) for run in runs]
    return {
        title: figures.over_seeds([column[title] for column in columns]) for title in columns[0]
    }


def main():
    args = parse_args(sys.argv[1:])
    return digits.guarded(
        "order",
        args.data,
        lambda: digits.run(args, one=run_both, summary=summarise, columns=3),
    )


if __name__ == "__main__":
    sys.exit(main())
