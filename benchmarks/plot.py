"""The ratios as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.figures import Cell
from benchmarks.servers import ALONE, SERVICE
from benchmarks.targets import rate
from benchmarks.workloads import OPEN, workload_names

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.figures import Ratio, Results

LINEAR_MAX = 10
"""The largest ratio divided by the smallest, above which the scale is logarithmic."""
COLOURS = ("#2a6f97", "#e09f3e", "#6a994e", "#9e2a2b")


def ratios(results: Results) -> dict[str, dict[str, Ratio]]:
    """Return the requests per second of this service divided by those of each other server, by server and workload."""
    panels: dict[str, dict[str, Ratio]] = {}
    for name in workload_names():
        if name.endswith(OPEN):
            continue  # the rate is the load's
        for server in dict.fromkeys(cell.server for cell in results.figures):
            ratio = results.ratio(Cell(SERVICE, name), Cell(server, name), rate)
            if ratio and server not in {SERVICE, ALONE}:
                panels.setdefault(server, {})[name] = ratio
    return panels


def draw(results: Results, path: Path) -> None:
    """Draw a panel for each other server, with a bar for each workload. Without other servers, draw nothing."""
    panels = ratios(results)
    if not panels:
        return
    mpl.use("agg")
    rows = max(len(panel) for panel in panels.values())
    figure, all_axes = plt.subplots(1, len(panels), figsize=(5.5 * len(panels), 1.6 + 0.35 * rows), squeeze=False)
    for axes, (server, panel), colour in zip(all_axes[0], panels.items(), COLOURS * len(panels), strict=False):
        medians = [ratio.median for ratio in panel.values()]
        errors = [
            [ratio.median - ratio.minimum for ratio in panel.values()],
            [ratio.maximum - ratio.median for ratio in panel.values()],
        ]
        bars = axes.barh(list(panel), medians, xerr=errors, color=colour, ecolor="#555555", capsize=3)
        axes.axvline(1, color="#555555", linewidth=1)
        axes.invert_yaxis()
        axes.set_title(f"requests/s of todo_api / requests/s of {server}")
        if max(medians) > LINEAR_MAX * min(medians):
            axes.set_xscale("log")
        axes.bar_label(bars, fmt="%.2f", padding=6)
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
