"""The figures of the evals: what is read from `mixmatchctl eval`'s pairs, and how runs are joined.

Takes `pairs` (clients/MANIFEST.md) of one or many evaluations; gives the figures that matter by name,
their summaries over a stream and over seeds, and tables as text. Pure; standard library only.
"""
import statistics

# The directions that every table shows: query, wanted, key, name.
DIRECT = [
    (["audio"], "image", "p_at_k", "audio→image P@10"),
    (["image"], "audio", "p_at_k", "image→audio P@10"),
    (["audio"], "text", "p_at_1", "audio→text P@1"),
    (["image"], "text", "p_at_1", "image→text P@1"),
]
MIXED = [(["audio", "image"], "text"), (["audio", "text"], "image"), (["image", "text"], "audio")]
SUMMED = ("p_at_1", "p_at_k", "mrr", "recall_at_k")


def pair_name(pair):
    return "+".join(pair["query"]) + " → " + pair["want"]


def find(pairs, query, want):
    """The pair of these modalities, or None."""
    for pair in pairs:
        if pair["query"] == query and pair["want"] == want:
            return pair
    return None


def with_parts(pairs, alone):
    """The pairs, those of several modalities with `parts`: the pair of each part of the same queries
    asked alone, out of `alone`."""
    return [
        pair | {"parts": [find(alone, [part], pair["want"]) for part in pair["query"]]}
        if len(pair["query"]) > 1
        else pair
        for pair in pairs
    ]


def gain(pairs, mixed, key="p_at_k"):
    """A figure of queries of several modalities less that of the better of their parts alone, asked
    the same; where these were not, over all queries of the part's modality. None where there are
    none."""
    alone = mixed.get("parts") or [find(pairs, [part], mixed["want"]) for part in mixed["query"]]
    if None in alone:
        return None
    return mixed[key] - max(pair[key] for pair in alone)


def headline(pairs):
    """The figures that matter, by name; a direction that was not asked is left out."""
    result = {}
    for query, want, key, name in DIRECT:
        pair = find(pairs, query, want)
        if pair is not None:
            result[name] = pair[key]
    for query, want in MIXED:
        pair = find(pairs, query, want)
        if pair is not None:
            name = "+".join(query) + "→" + want
            for short, key in (("P@1", "p_at_1"), ("P@10", "p_at_k")):
                result[f"{name} {short}"] = pair[key]
                result[f"{name} {short} gain"] = gain(pairs, pair, key)
    return result


def merge(reports):
    """One list of pairs out of several over different queries: means weighted by their counts."""
    sums = {}
    for pairs in reports:
        for pair in pairs:
            key = (len(pair["query"]), tuple(pair["query"]), pair["want"])
            entry = sums.setdefault(key, dict.fromkeys(("count",) + SUMMED, 0))
            entry["count"] += pair["count"]
            for name in SUMMED:
                entry[name] += pair["count"] * pair[name]
    return [
        {"query": list(query), "want": want, "count": entry["count"]}
        | {name: entry[name] / entry["count"] for name in SUMMED}
        for (_, query, want), entry in sorted(sums.items())
    ]


def anytime_summary(anytime):
    """Mean and worst of P@1 and P@k over the points of the stream, for each direction."""
    series = {}
    for entry in anytime:
        for pair in entry["pairs"]:
            series.setdefault((tuple(pair["query"]), pair["want"]), []).append(pair)
    result = []
    for (query, want), pairs in series.items():
        line = {"query": list(query), "want": want, "points": len(pairs)}
        for key in ("p_at_1", "p_at_k"):
            values = [pair[key] for pair in pairs]
            line[key] = {"mean": statistics.fmean(values), "worst": min(values)}
        result.append(line)
    return sorted(result, key=lambda line: (len(line["query"]), line["query"], line["want"]))


def anytime_headline(summary, which):
    """The headline's direct figures of an anytime summary; `which` is mean or worst."""
    result = {}
    for query, want, key, name in DIRECT:
        line = find(summary, query, want)
        if line is not None:
            result[name] = line[key][which]
    return result


def mean_error(values):
    """Mean and standard error of the mean of values over seeds; no error of a single value."""
    error = None
    if len(values) > 1:
        error = statistics.stdev(values) / len(values) ** 0.5
    return {"mean": statistics.fmean(values), "error": error, "values": list(values)}


def over_seeds(figures):
    """Joins dicts of figures, one a seed: name → mean_error of those that have it."""
    names = list(dict.fromkeys(name for one in figures for name in one))
    result = {}
    for name in names:
        values = [one[name] for one in figures if one.get(name) is not None]
        if values:
            result[name] = mean_error(values)
    return result


def with_error(entry, digits=3):
    if entry is None:
        return "-"
    error = "" if entry["error"] is None else f" ± {entry['error']:.{digits}f}"
    return f"{entry['mean']:.{digits}f}{error}"


def table(columns, rows):
    """Text: a first column of names to the left, the others to the right, as wide as they need."""
    cells = [list(map(str, row)) for row in [columns] + rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = []
    for row in cells:
        rest = "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))
        lines.append(f"  {row[0]:<{widths[0]}}{rest}")
    return "\n".join(lines)


def summary_table(points, columns=4):
    """Text: one line a figure, one column a point, so many points beside each other; `points` is
    name → over_seeds()."""
    texts = []
    for begin in range(0, len(points), columns):
        shown = dict(list(points.items())[begin : begin + columns])
        names = list(dict.fromkeys(name for point in shown.values() for name in point))
        rows = [[name] + [with_error(point.get(name)) for point in shown.values()] for name in names]
        texts.append(table(["figure"] + list(shown), rows))
    return "\n".join(texts)


def pairs_table(pairs):
    rows = []
    for pair in pairs:
        figures = [f"{pair[key]:.3f}" for key in SUMMED]
        rows.append([pair_name(pair), pair["count"]] + figures)
    text = table(["query → wanted", "count", "P@1", "P@k", "MRR", "recall@k"], rows)
    for pair in pairs:
        if len(pair["query"]) < 2 or gain(pairs, pair) is None:
            continue
        at_1, at_k = gain(pairs, pair, "p_at_1"), gain(pairs, pair)
        text += (
            f"\n  {pair_name(pair)}: {at_1:+.3f} P@1, {at_k:+.3f} P@k against the better of its "
            "parts alone"
        )
    return text


def anytime_table(summary):
    rows = []
    for line in summary:
        figures = [f"{line[key][which]:.3f}" for key in ("p_at_1", "p_at_k") for which in line[key]]
        rows.append([pair_name(line)] + figures)
    return table(["query → wanted", "P@1 mean", "worst", "P@k mean", "worst"], rows)
