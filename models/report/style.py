"""What the figures share: colours and size."""

from __future__ import annotations

from matplotlib.figure import Figure

# Okabe and Ito's colours tell apart under every kind of colour blindness.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6B6B6B"
COLOURS = (
    BLUE, ORANGE, GREEN, "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#882255", "#999933",
)  # fmt: skip


def blank(height: float = 5.6) -> Figure:
    """Return an empty figure, 10 inches wide."""
    # White, whatever the page behind it: the labels stay readable on a dark one.
    return Figure(figsize=(10.0, height), dpi=110, layout="constrained", facecolor="white")
