# SPDX-License-Identifier: GPL-2.0
"""Draws the picture: costs as fractions of those of sw_sync, and costs with many fences pending."""

import math
from html import escape

COLORS = {"sw_sync": "#8a8a8a", "compat": "#3b6ea5", "native": "#d9822b"}
NAMES = {"sw_sync": "the kernel's sw_sync", "compat": "/dev/sw_sync", "native": "/dev/fence_exporter"}
BARS = ["open_close", "life_1", "life_8", "life_64", "signal_one", "signal_all", "close_pending",
        "names", "first_poll", "wait_wake", "merge_2", "merge_64"]
PENDING = [10, 1000, 10000, 100000]
LABELS, PANEL, GAP = 270, 300, 64
ROW, TOP, PLOT = 34, 84, 170


class Picture:
    """The elements of an SVG."""

    def __init__(self, width, height):
        self.size = (width, height)
        self.elements = []

    def line(self, x1, y1, x2, y2, color="#cccccc", dash="", width=1):
        """Adds a straight line."""
        self.elements.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
            f'stroke-width="{width}"{f" stroke-dasharray={chr(34)}{dash}{chr(34)}" if dash else ""}/>')

    def text(self, x, y, text, anchor="start", size=12, color="#222222"):
        """Adds a line of text."""
        self.elements.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
                             f'font-size="{size}" fill="{color}" stroke="#ffffff" '
                             f'stroke-width="3" paint-order="stroke">{escape(text)}</text>')

    def bar(self, x, y, width, height, color):
        """Adds a filled box."""
        self.elements.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                             f'height="{height:.1f}" fill="{color}"/>')

    def path(self, points, color):
        """Adds a line through points, with a dot at each."""
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(f'<polyline points="{through}" fill="none" stroke="{color}" '
                             'stroke-width="2"/>')
        self.elements += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
                          for x, y in points]

    def __str__(self):
        width, height = self.size
        return "\n".join([
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *self.elements, "</svg>", ""])


def draw(all_results, wanted):
    """Returns the picture as text."""
    rows = [row for row in BARS if all(each.ratio(row, "native") for each in all_results)]
    bottom = TOP + len(rows) * ROW
    picture = Picture(LABELS + len(all_results) * (PANEL + GAP), bottom + PLOT + 100)
    picture.text(16, 28, "Instructions of an operation, as a part of what the kernel's sw_sync takes",
                 size=16)
    for i, node in enumerate(("compat", "native")):
        picture.bar(16 + 150 * i, 42, 12, 12, COLORS[node])
        picture.text(34 + 150 * i, 53, NAMES[node])
    picture.line(330, 41, 330, 55, "#c0392b", width=2)
    picture.text(338, 53, "target")
    for i, row in enumerate(rows):
        picture.text(LABELS - 12, TOP + i * ROW + 20, all_results[0].titles[row], "end")
    most = max(each.ratio(row, node) for each in all_results for row in rows
               for node in ("compat", "native"))
    for i, results in enumerate(all_results):
        left = LABELS + i * (PANEL + GAP)
        draw_ratios(picture, results, rows, wanted, left, PANEL / max(1.2, most * 1.12))
        draw_growth(picture, results, left, bottom + 70)
    picture.text(16, bottom + 46, "Instructions to create a fence, by the number of fences pending", size=16)
    for i, node in enumerate(COLORS):
        picture.bar(16, bottom + 84 + 20 * i, 12, 12, COLORS[node])
        picture.text(34, bottom + 95 + 20 * i, NAMES[node])
    return str(picture)


def draw_ratios(picture, results, rows, wanted, left, scale):
    """Draws two bars for each row."""
    bottom = TOP + len(rows) * ROW
    picture.text(left, TOP - 12, results.arch, size=13)
    for part in (0, 0.5, 1):
        x = left + part * scale
        picture.line(x, TOP - 6, x, bottom, "#555555" if part == 1 else "#dddddd")
        picture.text(x, bottom + 14, f"{part:g}", "middle", 11)
    targets = {each["row"]: each["target"] for each in wanted.all["ratio"]}
    for i, row in enumerate(rows):
        y = TOP + i * ROW + 4
        for k, node in enumerate(("compat", "native")):
            picture.bar(left, y + 13 * k, results.ratio(row, node) * scale, 11, COLORS[node])
        if row in targets:
            x = left + targets[row] * scale
            picture.line(x, y - 2, x, y + 26, "#c0392b", width=2)
        for k, node in enumerate(("compat", "native")):
            ratio = results.ratio(row, node)
            picture.text(left + ratio * scale + 5, y + 13 * k + 10, f"{ratio:.2f}", size=10)


def draw_growth(picture, results, left, top):
    """Draws the costs by the number of pending fences, on a scale of powers of ten."""
    costs = {node: [results.cost(f"create_among_{n}", node) for n in PENDING] for node in COLORS}
    if not all(all(of_node) for of_node in costs.values()):
        return
    most = max(max(of_node) for of_node in costs.values()) * 1.1
    step = 10 ** math.floor(math.log10(most))
    for value in range(0, int(most) + 1, step):
        y = top + PLOT - value / most * PLOT
        picture.line(left, y, left + PANEL, y, "#dddddd")
        picture.text(left - 6, y + 4, str(value), "end", 11)

    def x_of(number):
        return left + math.log10(number / PENDING[0]) / math.log10(PENDING[-1] / PENDING[0]) * PANEL

    for number in PENDING:
        picture.text(x_of(number), top + PLOT + 16, str(number), "middle", 11)
    for node, of_node in costs.items():
        picture.path([(x_of(number), top + PLOT - cost / most * PLOT)
                      for number, cost in zip(PENDING, of_node, strict=True)], COLORS[node])
