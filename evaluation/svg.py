"""Matplotlib figures as SVG that lives inside an HTML page: unique ids, the page's colours, text as text."""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import Any

# Stand-ins that no data uses; in the page they become the colours of its light or dark scheme.
INK = "#010203"
MUTED = "#010204"
GRID = "#010205"
PAPER = "#fdfcfb"
SCHEME = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"}

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "budgetgym",
    "text.parse_math": False,  # a "$" in somebody's agent name is a dollar sign
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.facecolor": "none",
}


def inline_svg(figure: Any, prefix: str, label: str) -> str:
    """An `<svg>` element for a page.

    Args:
        figure: A matplotlib figure drawn under `STYLE`.
        prefix: Starts every id inside the element, so must differ between the figures of a page.
        label: What a screen reader says instead of the picture.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The browser, not matplotlib, draws the text: its fonts have the glyphs that matplotlib's may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Its style sheet would apply to the whole page, and its font list would win over the page's.
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"font: (?:(\w+) )?([\d.]+px) [^;\"]*", r"font-size: \2; font-weight: \1", text)
    text = text.replace("; font-weight: ;", ";").replace('; font-weight: "', '"')
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    for stand_in, variable in SCHEME.items():
        text = text.replace(stand_in, variable)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
