"""The ratios as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.figures import Cell
from benchmarks.report import names
from benchmarks.servers import ALONE, OURS
from benchmarks.targets import rate

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.figures import Ratio, Results

WIDE = 10
"""How many times the least ratio the greatest may be, before the small ones cannot be told apart on a linear scale."""
COLOURS = ("#2a6f97", "#e09f3e", "#6a994e", "#9e2a2b")


def ratios(results: Results) -> dict[str, dict[str, Ratio]]:
    """Return by server and workload how many times as fast this service is."""
    found: dict[str, dict[str, Ratio]] = {}
    for name in names():
        for server in dict.fromkeys(cell.server for cell in results.figures):
            ratio = results.ratio(Cell(OURS, name), Cell(server, name), rate)
            if ratio and server not in {OURS, ALONE}:
                found.setdefault(server, {})[name] = ratio
    return found


def draw(results: Results, path: Path) -> None:
    """Draw a panel for each other server, a bar for each workload; nothing where nothing was compared."""
    found = ratios(results)
    if not found:
        return
    mpl.use("agg")
    rows = max(len(panel) for panel in found.values())
    figure, panels = plt.subplots(1, len(found), figsize=(5.5 * len(found), 1.6 + 0.35 * rows), squeeze=False)
    for axes, (server, panel), colour in zip(panels[0], found.items(), COLOURS * len(found), strict=False):
        middles = [ratio.middle for ratio in panel.values()]
        spans = [
            [each.middle - each.least for each in panel.values()],
            [each.most - each.middle for each in panel.values()],
        ]
        bars = axes.barh(list(panel), middles, xerr=spans, color=colour, ecolor="#555555", capsize=3)
        axes.axvline(1, color="#555555", linewidth=1)
        axes.invert_yaxis()
        axes.set_title(f"requests/s of todo_api, in those of {server}")
        if max(middles) > WIDE * min(middles):
            axes.set_xscale("log")
        axes.bar_label(bars, fmt="%.2f", padding=6)
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
