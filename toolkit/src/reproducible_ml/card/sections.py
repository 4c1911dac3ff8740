"""The parts of a model card that the pipeline knows, each as Markdown."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reproducible_ml.card.catalog import CATALOG
from reproducible_ml.card.facts import Facts, Json
from reproducible_ml.card.fields import FIELDS
from reproducible_ml.card.markdown import code, front_matter, plain, prose, table
from reproducible_ml.core.errors import one_line
from reproducible_ml.modeling.metrics.intervals import BASELINE, describe_intervals

# Directions of metrics: whether higher is better, by name.
Directions = Mapping[str, bool]

TASKS = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
}

NOT_SAID = "**not said yet**"

# Fields of data/catalog.yaml that are texts, and how a table calls them.
CATALOG_FIELDS = {
    "source": "source",
    "owner": "owner",
    "license": "license",
    "updates": "changes",
    "contact": "contact",
}

# Columns and values that are listed.
LISTED = 100
VALUES = 10

# Metrics that are shown of each protected group.
OF_GROUPS = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "accuracy",
    "mean_prediction",
    "mae",
    "predicted_minus_observed",
)

# Rows of a class or group below which an interval says little.
FEW = 30


def title(facts: Facts) -> str:
    """Return the name of the model, on one line."""
    given = " ".join(" ".join(facts.human.name).split())
    return one_line(given or f"Prediction of {facts.data.target}")


def metadata(facts: Facts) -> str:
    """Return the front matter, as the Hugging Face Hub reads it."""
    kind = TASKS[facts.data.task]
    license = one_line(" ".join(" ".join(facts.human.license).split())).lower()
    results = [
        {"type": name, "name": name, "value": found["value"]}
        for name, found in facts.evaluation["metrics"].items()
        if found["value"] is not None
    ]
    values = {
        **({"license": license} if license else {}),
        "library_name": "sklearn",
        "tags": ["sklearn", "skops", kind],
        "model_format": "skops",
        "model_file": "model.skops",
        "model-index": [
            {
                "name": title(facts),
                "results": [
                    {
                        "task": {"type": kind},
                        "dataset": {"type": "tabular", "name": _table_name(facts)},
                        "metrics": results,
                    }
                ],
            }
        ],
    }
    return front_matter(values)


def _table_name(facts: Facts) -> str:
    contract = facts.contract
    name = contract.title or contract.name or facts.data.target
    return one_line(f"{name}, test rows")


def human(facts: Facts, name: str) -> str:
    """Return a field of docs/model_card.yaml; if it is empty, say so."""
    if said := prose(getattr(facts.human, name)):
        return said
    return f"**Not said yet**: {code(name)} in {code(FIELDS)} is empty."


def what_it_predicts(facts: Facts) -> str:
    """Return a sentence on the task."""
    target = code(facts.data.target)
    if facts.data.task == "binary":
        positive = code(facts.data.positive)
        return f"Predicts the probability that {target} is {positive}."
    if facts.data.task == "multiclass":
        return f"Predicts which of {len(_classes(facts))} classes {target} is."
    return f"Predicts {target}, a number."


def _classes(facts: Facts) -> list[Any]:
    return list(facts.contract.columns[facts.data.target].isin or ())


def rows(facts: Facts) -> str:
    """Return how many rows there were, and what became of them."""
    cells = [["read", f"{facts.validation['rows']:,}", _shares(facts.validation)]]
    for name, words in (
        ("duplicates", "dropped as duplicates"),
        ("missing", "training rows dropped for a missing value"),
        ("outliers", "training rows dropped as outliers"),
    ):
        if count := facts.cleaning.get(name):
            cells.append([words, f"{count:,}", ""])
    for side, words in (("train", "to train"), ("test", "to test")):
        found = facts.split[side]
        cells.append([words, f"{found['rows']:,}", _shares(found)])
    return table(["rows", "number", "of these"], cells)


def _shares(found: Json) -> str:
    """Return the rows of each class, or the numbers that describe the target."""
    if classes := found.get("classes"):
        shown = [f"{code(n)} {k:,}" for n, k in [*classes.items()][:VALUES]]
        more = f" and {len(classes) - VALUES} more" if len(classes) > VALUES else ""
        return ", ".join(shown) + more
    return ", ".join(
        f"{plain(name)} {number(value)}"
        for name, value in _flat(found)
        if name not in ("rows", "missing") and isinstance(value, int | float)
    )


def _flat(found: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def catalog(facts: Facts) -> str:
    """Return what data/catalog.yaml says of the raw table."""
    found = facts.catalog
    cells = [
        [words, plain(" ".join(getattr(found, name))) or NOT_SAID]
        for name, words in CATALOG_FIELDS.items()
    ]
    cells.insert(3, ["personal data", _personal(facts)])
    if found.personal:
        cells[4:4] = [
            [name.replace("_", " "), plain(" ".join(getattr(found, name)))]
            for name in ("legal_basis", "retention")
        ]
    elif kept := plain(" ".join(found.retention)):
        cells.insert(4, ["retention", kept])
    parts = [table(["of the raw table", f"says {code(CATALOG)}"], cells)]
    if raw := found.table:
        rows = "" if raw.rows is None else f", {raw.rows:,} rows"
        parts.append(
            f"{code(raw.path)}: {raw.bytes:,} bytes{rows}, MD5 {code(raw.md5)}."
        )
        if raw.rows not in (None, facts.validation["rows"]):
            parts.append(
                f"**Out of date**: {facts.validation['rows']:,} rows were read, so this"
                " is about another version of the table. Fix: `rml catalog`."
            )
    return "\n\n".join(parts)


def _personal(facts: Facts) -> str:
    """Return whether rows are about people, and which columns are."""
    found = facts.catalog
    if found.personal is None:
        return NOT_SAID
    if not found.personal:
        return "no"
    names = found.personal_among(facts.contract.columns)
    if len(names) == len(facts.contract.columns):
        return "yes, every column"
    shown = ", ".join(code(name) for name in names[:VALUES])
    more = f" and {len(names) - VALUES} more" if len(names) > VALUES else ""
    return f"yes: {shown}{more}"


def period(facts: Facts) -> str:
    """Return from when the rows are, if they have a time."""
    name = facts.data.time
    found = facts.profile.get("columns", {}).get(name) if name else None
    if not found or len(found.get("bins", ())) < 2:
        return ""
    first, last = (str(found["bins"][place])[:10] for place in (0, -1))
    return (
        f"Period: nine tenths of the rows have a {code(name)} from {first} to {last}"
        " (the twentieths at both ends are left out)."
    )


def held_out(facts: Facts, split: Json) -> str:
    """Return how test rows were chosen; `split` is that section of params.yaml."""
    share = f"{100 * split['test_size']:g} %"
    ways = {
        "hash": f"{share} of the rows, by a hash of the row",
        "group": f"{share} of the groups of {code(facts.data.group)}, by a hash",
        "time": f"rows whose {code(facts.data.time)} is {split['cutoff']} or later",
    }
    way = ways.get(split["method"], f"by the method {code(split['method'])}")
    return f"Test rows, which the model never saw: {way}."


def columns(facts: Facts) -> str:
    """Return what the contract says of the columns that the model uses."""
    features = facts.contract.features(facts.data)
    cells = [
        [
            code(name),
            code(column.dtype),
            "yes" if column.nullable else "no",
            plain(column.description or ""),
        ]
        for name, column in [*features.items()][:LISTED]
    ]
    more = len(features) - len(cells)
    note = f"\n\nAnd {more} more: data/schema.yaml." if more else ""
    header = ["column", "type", "may be missing", "meaning"]
    return f"{len(features)} columns are used:\n\n{table(header, cells)}{note}"


def metrics(facts: Facts, directions: Directions) -> str:
    """Return the metrics on the test rows, with intervals and baseline."""
    found = facts.evaluation
    cells = [
        [
            _with_direction(name, directions),
            number(metric["value"]),
            interval(metric),
            number(metric["baseline"]["value"]),
        ]
        for name, metric in found["metrics"].items()
    ]
    note = (
        f"{found['rows']:,} test rows; 95 % bootstrap"
        f" {plain(describe_intervals(found))}. The baseline knows only"
        f" {BASELINE[facts.data.task]}. ↑ higher is better, ↓ lower is better."
    )
    worse = ", ".join(map(code, found.get("no_better_than_baseline", ())))
    if worse:
        note += f"\n\n**Warning**: {worse}: the model is no better than the baseline."
    return f"{table(['metric', 'value', '95 % interval', 'baseline'], cells)}\n\n{note}"


def _with_direction(name: str, directions: Directions) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[directions.get(name)]
    return f"{code(name)}{arrow}"


def number(value: float | None) -> str:
    """Return a number with four decimals where its size allows, a dash for None."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    if 0 < abs(value) < 0.0001:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def interval(metric: Json) -> str:
    """Return the ends of an interval; a dash if the metric is not defined."""
    if metric["low"] is None or metric["high"] is None:
        return "-"
    return f"{number(metric['low'])} to {number(metric['high'])}"


def too_good(facts: Facts) -> str:
    """Return a warning if a score is too good to be true."""
    found = facts.evaluation.get("too_good")
    if not found:
        return ""
    return (
        f"**Warning**: {code(found['metric'])} is {number(found['value'])}, but only"
        f" {number(found['alone'])} with the strongest single column"
        f" ({code(found['column'])}). A column may give the target away."
    )


def slices(facts: Facts, main: str) -> str:
    """Return a metric of each group of test rows, and the F1 score of each class."""
    every = [
        (f"{code(column)} {code(group['group'])}", group, main)
        for column, groups in facts.evaluation.get("slices", {}).items()
        for group in groups
    ]
    every += [
        (f"class {code(group['class'])}", group, "f1")
        for group in facts.evaluation.get("classes", [])
    ]
    cells = [
        [
            words,
            f"{group['rows']:,}{' (few)' if group['rows'] < FEW else ''}",
            code(name),
            number(group["metrics"][name]["value"]),
            interval(group["metrics"][name]),
        ]
        for words, group, name in every
        if name in group["metrics"]
    ]
    if not cells:
        return "No groups of rows were scored (`evaluate.slices` in params.yaml)."
    return table(["group", "test rows", "metric", "value", "95 % interval"], cells)


def protected(facts: Facts) -> str:
    """Return how much protected groups differ, and the metrics of each."""
    every = facts.evaluation.get("protected", {})
    if not every:
        return (
            "No column is declared as protected: differences between groups of people"
            " were not checked."
        )
    parts = [
        f"Checked: {', '.join(code(name) for name in every)}. A difference is that of"
        " the groups with the highest and the lowest value; its 95 % interval holds for"
        " all pairs of groups at once. Numbers do not decide what is fair."
    ]
    for column, found in every.items():
        parts += [_differences(column, found), _by_group(column, found)]
        parts += _few(column, found)
    return "\n\n".join(parts)


def _differences(column: str, found: Json) -> str:
    cells = []
    for name, gap in found["gaps"].items():
        of_class = f" of {code(gap['class'])}" if "class" in gap else ""
        pair = [code(gap[end]) if end in gap else "-" for end in ("lowest", "highest")]
        ratio = gap.get("ratio", {"value": None})
        cells.append(
            [
                f"{code(name)}{of_class}",
                number(gap["difference"]["value"]),
                interval(gap["difference"]),
                number(ratio["value"]),
                *pair,
            ]
        )
    header = [f"difference by {code(column)}", "value", "95 % interval", "ratio"]
    return table([*header, "lowest", "highest"], cells)


def _by_group(column: str, found: Json) -> str:
    names = [n for n in OF_GROUPS if any(n in g["metrics"] for g in found["groups"])]
    cells = []
    for group in found["groups"]:
        values = [group["metrics"].get(name) for name in names]
        cells.append(
            [
                code(group["group"]),
                f"{group['rows']:,}{' (few)' if group['rows'] < FEW else ''}",
                f"{group['training_rows']:,}",
                *(
                    f"{number(v['value'])} ({interval(v)})" if v else "-"
                    for v in values
                ),
            ]
        )
    header = [code(column), "test rows", "training rows", *map(code, names)]
    more = "\n\nThose of each class are in `reports/evaluation.json`."
    return table(header, cells) + (more if "classes" in found["groups"][0] else "")


def _few(column: str, found: Json) -> Iterator[str]:
    """Yield what could not be compared, and groups that training rows lack."""
    few = {
        each["group"]
        for gap in found["gaps"].values()
        for each in gap["few"]
        if each["rows"] < FEW
    }
    listed = [code(g["group"]) for g in found["groups"] if g["group"] in few]
    if listed:
        yield (
            f"**Too few rows** for some metrics of {code(column)}, so that these say"
            f" little: {', '.join(listed)}. Where a metric is a share of no rows, it is"
            " not defined, and not in the differences."
        )
    if new := [g for g in found["groups"] if not g["training_rows"]]:
        names = ", ".join(code(group["group"]) for group in new)
        yield f"Without training rows: {names}."


def calibration(facts: Facts) -> str:
    """Return how often rows of each predicted probability were positive."""
    found = [
        (float(row["predicted"]), float(row["actual"]))
        for row in facts.rows("calibration")
    ]
    if not found:
        return ""
    cells = [[number(predicted), number(actual)] for predicted, actual in found]
    off = max(abs(predicted - actual) for predicted, actual in found)
    return (
        "Calibration: of rows that got about such a probability, how many were"
        f" positive. The largest difference is {number(off)}.\n\n"
        f"{table(['mean probability', 'share of positive rows'], cells)}"
    )


def threshold(facts: Facts) -> str:
    """Return from which probability the positive class is predicted, and why."""
    found = facts.manifest.get("threshold")
    if found is None:
        return ""
    set_ = facts.train["threshold"]
    why = "as `train.threshold` says"
    if isinstance(set_, dict):
        why = (
            f"the cheapest on training rows if a false alarm costs"
            f" {number(set_['false_positive'])} and a positive row that is not found"
            f" {number(set_['false_negative'])}"
        )
    positive = code(facts.data.positive)
    return f"{positive} is predicted from a probability of {number(found)}: {why}."


def training(facts: Facts) -> str:
    """Return the estimator and the parameters that it was fitted with."""
    train = facts.train
    search = train["search"]["method"]
    estimator = train["estimator"]
    chosen = {"class_weight": train["class_weight"], "seed": train["seed"]}
    cells = [
        [code(name), code(json.dumps(value, ensure_ascii=False), 200)]
        for name, value in {**estimator.get("arguments", {}), **chosen}.items()
    ]
    how = (
        "as params.yaml says"
        if search == "none"
        else f"found by a search ({code(search)}) with cross-validation on training"
        " rows"
    )
    return "\n\n".join(
        [
            f"{code(estimator['path'], 200)}, in one scikit-learn pipeline with the"
            f" features. Its parameters, {how}:",
            table(["parameter", "value"], cells),
            *_training_rows(facts),
        ]
    )


def _training_rows(facts: Facts) -> Iterator[str]:
    """Yield which rows the model knows, if not all, and how it saw them."""
    train, part = facts.train, facts.evaluation.get("trained_on")
    if part:
        used = f"It was trained on {part['rows']:,} of {part['of']:,} training rows"
        why = (
            f"chosen by a hash of their keys (`train.rows: {train['rows']}`)."
            if train.get("rows")
            else "those before the newest."
        )
        yield f"{used}: {why}"
    if not train.get("batch_rows"):
        return
    passes = train["passes"]
    yield (
        f"It was fitted in batches of {train['batch_rows']:,} rows, in the order of a"
        f" hash of their keys, {'once' if passes == 1 else f'{passes} times'}."
    )
    # Pages that are made of what is in Git do not have it.
    trained = facts.manifest.get("training_data", {})
    if "feature_rows" in trained:
        yield (
            "What makes features of columns was fitted to"
            f" {trained['feature_rows']:,} rows."
        )
    if len(learned := trained.get("increments", [])) > 1:
        cells = [
            [
                str(place),
                f"{each['rows']:,}",
                code(each["sha256"], 12),
                code(each.get("after", "-"), 12),
            ]
            for place, each in enumerate(learned, 1)
        ]
        header = ["", "rows", "SHA-256", "added after the commit"]
        yield f"It learned these rows one after the other:\n\n{table(header, cells)}"


def versions(facts: Facts) -> str:
    """Return the versions of packages that the model needs."""
    cells = [[code(name), code(v)] for name, v in facts.manifest["versions"].items()]
    return (
        f"{table(['package', 'version'], cells)}\n\nAll packages are locked in"
        " `environments/`. Loading the file runs no code from it."
    )


def hashes(facts: Facts) -> str:
    """Return what identifies the model and its training rows."""
    trained = facts.manifest["training_data"]
    cells = [
        ["model", code(facts.manifest["sha256"], 64)],
        ["training rows", code(trained["sha256"], 64)],
    ]
    return (
        f"{table(['SHA-256 of', 'hash'], cells)}\n\nThe first 12 digits of the first"
        " are the `model_version` in every answer of the service."
    )


def reproduce(_: Facts) -> str:
    """Return the commands that make the same model again."""
    return (
        "In a clone of the repository, at the commit of this file:\n\n"
        "```sh\nmake repro    # the same data, model and reports\n"
        "make verify   # elsewhere, from nothing; compares every hash\n```\n\n"
        "`dvc.lock` of that commit has the hash of every table and of the code."
    )
