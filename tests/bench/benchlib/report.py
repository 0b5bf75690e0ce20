# SPDX-License-Identifier: GPL-2.0
"""Makes the table for the terminal, and the JSON file."""

import dataclasses
import json

from . import figures, guest

NODES = ["compat", "native"]


def cell(results, row, node, group):
    """Returns a cost and its ratio."""
    cost, ratio = results.cost(row, node, group), results.ratio(row, node, group)
    return f"{'-' if cost is None else f'{cost:.0f}':>9}{'' if ratio is None else f'{ratio:.2f}':>6}"


def table(results):
    """Returns the lines of the table."""
    boots = max((len(figure.values) for figure in results.figures.values()), default=0)
    lines = [f"{results.arch}: instructions of an operation (Linux {results.about['kernel']}, "
             f"commit {results.about['commit']}, median of {boots} boots)", ""]
    for group, title in {"": "", **figures.GROUPS}.items():
        rows = results.rows(group)
        if not rows:
            continue
        lines.append(f"{title:<48}{'number':>7}{'sw_sync':>9}{'/dev/sw_sync':>15}{'native':>15}{'spread':>8}")
        for row, nodes in rows.items():
            of_row = [results.figures[group, row, node] for node in nodes]
            base = figures.KERNEL if figures.KERNEL in nodes else figures.BASE
            cost = results.cost(row, base, group)
            lines.append(f"{results.titles[row]:<48}{of_row[0].operations:>7}"
                         f"{'-' if cost is None else f'{cost:.0f}':>9}"
                         + "".join(cell(results, row, node, group) for node in NODES)
                         + f"{figures.spread(of_row):>8}")
        lines.append("")
    return lines + counts(results)


def counts(results):
    """Returns lines with the plugin's counts. For interrupts, that is the longest stretch with them off."""
    if not results.counts:
        return []
    lines = [f"{'counted':<48}{'':>7}{'sw_sync':>9}{'/dev/sw_sync':>15}{'native':>15}"]
    for row in dict.fromkeys(row for row, _ in results.counts):
        of_row = {node: results.counts.get((row, node))
                  for node in (figures.KERNEL, figures.BASE, *NODES)}
        base = of_row[figures.BASE] or of_row[figures.KERNEL]
        for what, form in (("atomics", "{:.1f}"), ("irqs_off", "{}")):
            if what == "irqs_off" and row not in ("signal_all", "close_pending", "signal_one"):
                continue
            title = {"atomics": "atomic operations", "irqs_off": "interrupts off"}[what]
            cells = [form.format(getattr(each, what)) if each else "-"
                     for each in (base, *(of_row[node] for node in NODES))]
            lines.append(f"{results.titles[row] + ': ' + title:<55}"
                         f"{cells[0]:>9}{cells[1]:>15}{cells[2]:>15}")
    return lines


def verdicts(judged):
    """Returns a line for each target."""
    lines = []
    for each in judged:
        word = {True: "met", False: "NOT MET", None: "-"}[each.met]
        lines.append(f"{word:<8}{each.what}, {each.node}: {each.text()}")
    met = sum(1 for each in judged if each.met)
    missed = sum(1 for each in judged if each.met is False)
    return [*lines, "", f"{met} targets met, {missed} not met"]


def write_json(results, judged):
    """Writes the results and the verdicts, for other programs."""
    data = {**results.as_dict(),
            "targets": [{**dataclasses.asdict(each), "met": each.met} for each in judged]}
    with open(f"{guest.OUT}/{results.arch}.json", "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.write("\n")


def read_json(arch):
    """Returns the results that were written for an architecture."""
    path = f"{guest.OUT}/{arch}.json"
    try:
        with open(path, encoding="utf-8") as file:
            return figures.Results.from_dict(json.load(file))
    except FileNotFoundError:
        raise guest.Failed(f"{path} is not there: measure first") from None
