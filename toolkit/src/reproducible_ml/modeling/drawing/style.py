"""The look of all pictures, and what their titles and legends say."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.style

from reproducible_ml.core.errors import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
from typing import NamedTuple

import numpy as np
import pandas as pd

# On its first use on a machine, it reports that it has listed the fonts.
logging.getLogger("matplotlib.font_manager").setLevel(logging.WARNING)

# Of Okabe and Ito, which the colour-blind can tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
GREY, DARK = "#6E6E6E", "#222222"

# How lines of chance and of perfection look.
REFERENCE: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 1.2}

# Characters of a name, at most.
WIDTH = 16

# Numbers of this size get commas; larger ones are written as powers of ten.
THOUSANDS = (10_000, 1_000_000)

# Fonts for what the first one lacks; those that are not installed are left out.
FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
)

# `text.parse_math`: names of columns may hold $ and are no formulas.
SETTINGS = {
    "text.parse_math": False,
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "font.size": 10.5,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.titlesize": 12,
    "legend.fontsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": f"cycler(color=['{BLUE}', '{ORANGE}'])",
    "lines.linewidth": 2,
    # Ticks: 0.0001 and 1,000,000 are written out, beyond is a power of ten.
    "axes.formatter.limits": (-4, 6),
    "axes.formatter.useoffset": False,
}


@contextmanager
def project_style() -> Iterator[None]:
    """Draw in the style of the project, whatever that of the user is."""
    from matplotlib.font_manager import get_font_names

    known = set(get_font_names())
    fonts = [name for name in FONTS if name in known]
    with (
        matplotlib.style.context(["default", SETTINGS | {"font.family": fonts}]),
        warnings.catch_warnings(),
    ):
        # A box is drawn instead.
        warnings.filterwarnings("ignore", r"Glyph .* missing from")
        yield


def short(name: object, width: int = WIDTH) -> str:
    """Return a name on one line, cut to a width."""
    return _cut_end(_shown(name), width)


def short_names(names: Sequence[object], width: int = WIDTH) -> list[str]:
    """Return names cut to a width such that different ones stay different."""
    texts = [_shown(name) for name in names]
    cuts: tuple[Callable[[str, int], str], ...] = (_cut_end, _cut_middle)
    for cut in cuts:
        found = [cut(text, width) for text in texts]
        if len({*found}) == len({*texts}):
            return found
    return [
        text if len(text) <= width else f"{_cut_end(text, width - 4)} {number}"
        for number, text in enumerate(texts, start=1)
    ]


def _shown(name: object) -> str:
    return one_line(str(name)) or "(empty)"


def _cut_end(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cut_middle(text: str, width: int) -> str:
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return f"{text[: width - 1 - end]}…{text[-end:]}"


def few_ticks(
    axes: "Axes", x: int = 5, y: int | None = 6, *, whole: bool = False
) -> None:
    """Leave room between the numbers along the axes, and write them legibly.

    Args:
        axes: After everything is drawn.
        x: Parts of the x-axis, at most.
        y: Parts of the y-axis, at most; None: it has no numbers.
        whole: The x-axis has whole numbers.
    """
    from matplotlib.ticker import StrMethodFormatter

    axes.locator_params(axis="x", nbins=x, integer=whole)
    if y:
        axes.locator_params(axis="y", nbins=y)
    for axis in (axes.xaxis, axes.yaxis) if y else (axes.xaxis,):
        if THOUSANDS[0] <= max(map(abs, axis.get_view_interval())) < THOUSANDS[1]:
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def name_ticks(axes: "Axes", names: Sequence[str], room: int) -> None:
    """Put names below the plot, upright unless `room` characters are enough."""
    upright = len(names) * max(map(len, names), default=0) > room
    axes.set_xticks(range(len(names)), names, rotation=90 if upright else 0)


def logarithmic(axes: "Axes") -> None:
    """Make the x-axis logarithmic; its numbers are no formulas, as in 10^-2."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3), numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def legend(axes: "Axes", place: Literal["best", "lower right"] = "best") -> None:
    """Show the legend, where it hides least."""
    axes.legend(loc=place, framealpha=0.8, edgecolor="none")


class Facts(NamedTuple):
    """What is predicted, and how well.

    Attributes:
        target: Name of the column that is predicted.
        metrics: Values of metrics by name.
        estimator: Name of the model's class.
        threshold: Probability from which the positive class is predicted.
        positive: Of two classes, the one whose probability is predicted.
        rows: Number of test rows, if known.
        positives: Share of rows of the positive class, if known.
        rates: False positive rate, recall and precision at the threshold, if known;
            NaN where it is not defined.
    """

    target: str = ""
    metrics: dict[str, Any] = {}
    estimator: str = ""
    threshold: float | None = None
    positive: str = ""
    rows: int | None = None
    positives: float | None = None
    rates: tuple[float, float, float] | None = None

    def metric(self, name: str) -> float | None:
        """Return the value of a metric, None if there is none."""
        value = self.metrics.get(name)
        return value if isinstance(value, int | float) else None

    def with_tables(self, tables: dict[str, pd.DataFrame], task: str) -> "Facts":
        """Return the facts and what the tables tell of the test rows."""
        for name in ("confusion_matrix", "residual_histogram"):
            if name in tables:
                found = self._replace(rows=int(tables[name]["rows"].sum()))
                binary = task == "binary" and len(tables[name]) == 4
                return found._with_rates(tables[name]) if binary else found
        return self

    def _with_rates(self, counts: pd.DataFrame) -> "Facts":
        """Return the facts with those of two classes, of which the second is positive.

        Args:
            counts: The confusion matrix.
        """
        (tn, fp), (fn, tp) = counts["rows"].to_numpy(float).reshape(2, 2)
        return self._replace(
            positive=str(counts["actual"].iloc[-1]),
            positives=_share(fn + tp, tn + fp),
            rates=(_share(fp, tn), _share(tp, fn), _share(tp, fp)),
        )


def _share(part: float, rest: float) -> float:
    return float(part / (part + rest)) if part + rest else float(np.nan)


def percent(share: float) -> str:
    """Return a share in words, such as 1.6 %."""
    return f"{100 * share:.1f} %"
