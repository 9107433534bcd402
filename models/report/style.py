"""What the figures share: colours, size and the bytes they become."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

# Okabe and Ito's colours tell apart under every kind of colour blindness.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"
COLOURS = (
    BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#882255", "#999933",
    "#332288",
)  # fmt: skip
INK = "#1B1B1F"
_VARIABLES = {BLUE: "blue", ORANGE: "orange", GREY: "grey", INK: "ink"}


def blank(height: float = 5.6) -> Figure:
    """Return an empty figure, 10 inches wide."""
    # White, whatever the page behind it: the labels stay readable on a dark one.
    return Figure(figsize=(10.0, height), dpi=110, layout="constrained", facecolor="white")


@contextlib.contextmanager
def inked() -> Iterator[None]:
    """Draw text and axes in the one colour that `inline_svg` knows for them."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever a user has set for figures of their own
        mpl.rc("text", color=INK)
        mpl.rc("axes", labelcolor=INK, edgecolor=INK)
        mpl.rc("xtick", color=INK)
        mpl.rc("ytick", color=INK)
        yield


def freeze(figure: Figure) -> None:
    """Lay a figure out for good: its solver's last digits depend on where the memory is."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(float(x), 6) for x in axes.get_position().bounds)
        axes.set_position((left, bottom, width, height))


def png(figure: Figure) -> bytes:
    """Return a figure as PNG; equal figures give equal bytes."""
    content = io.BytesIO()
    with inked():
        # Software would name the version that drew it.
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure, *, title: str, description: str) -> bytes:
    """Return a figure as an SVG file that names and describes itself; equal figures, equal bytes.

    Letters are drawn as paths: the picture looks the same without its font,
    and the title and the description say to a screen reader what it shows.
    """
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + _drawn(figure, "p", title, description)
    ).encode()


def inline_svg(figure: Figure, *, name: str, title: str, description: str) -> str:
    """Return a figure as part of an HTML page, in the page's own colours."""
    drawn = _drawn(figure, name, title, description, transparent=True)
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(colour.lower(), f"var(--{variable})")
    return drawn


def _drawn(
    figure: Figure, name: str, title: str, description: str, *, transparent: bool = False
) -> str:
    content = io.StringIO()
    with inked(), mpl.rc_context({"svg.hashsalt": "altseason", "svg.fonttype": "path"}):
        figure.savefig(content, format="svg", metadata={"Date": None}, transparent=transparent)
    drawn = content.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"\s*<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', drawn)
    drawn = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', drawn)
    drawn = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", drawn)
    labels = (
        f' role="img" aria-labelledby="{name}-title" aria-describedby="{name}-desc">\n'
        f'<title id="{name}-title">{escape(title)}</title>\n'
        f'<desc id="{name}-desc">{escape(description)}</desc>'
    )
    return re.sub(r"(<svg[^>]*)>", lambda match: match[1] + labels, drawn, count=1)
