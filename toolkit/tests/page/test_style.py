"""Colours: readable in light and dark, by the WCAG's definition of contrast."""

import re
from itertools import product

import pytest

from reproducible_ml.page.frame import asset

# Colours of text, and what they stand on.
TEXT = ("text", "quiet", "link")
PANELS = ("page", "panel")
WORDS = [
    *product(TEXT, (*PANELS, "good-panel", "bad-panel")),
    ("good", "good-panel"),
    ("bad", "bad-panel"),
    ("page", "text"),  # tooltips
    ("on", "s0"),  # dark fields of a matrix
]

# What has to be seen, but not read: lines, bars, borders of buttons.
SHAPES = [*product((*(f"s{number}" for number in range(6)), "edge"), PANELS)]


def schemes() -> dict[str, dict[str, str]]:
    """Return the colours of both schemes by name."""
    light, dark = asset("style.css").split("@media (prefers-color-scheme: dark)")[:2]
    found = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part.split("\n}")[0]))
        for part in (light, dark)
    ]
    assert found[0].keys() == found[1].keys()
    return {"light": found[0], "dark": found[1]}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_shapes_stand_out(scheme: str) -> None:
    colours = schemes()[scheme]
    low = [
        (one, other, round(found, 2))
        for pairs, least in ((WORDS, 4.5), (SHAPES, 3.0))
        for one, other in pairs
        if (found := contrast(colours[one], colours[other])) < least
    ]
    assert low == []


def test_no_other_colours_are_used() -> None:
    body = asset("style.css").split("* { box-sizing")[1]
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|hsl", body)
