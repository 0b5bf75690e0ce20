# SPDX-License-Identifier: GPL-2.0
"""Writes the tables and the picture of docs/, and the short table of the README."""

import re

from . import figures, guest, profile, svg

NODES = ["compat", "native"]
SHORT = ["open_close", "life_1", "life_64", "signal_one", "signal_all", "close_pending", "names",
         "wait_wake", "merge_64"]


def write(all_results, wanted):
    """Writes the tables and the picture, from the results of all architectures."""
    with open(f"{guest.TOP}/docs/performance.svg", "w", encoding="utf-8") as file:
        file.write(svg.draw(all_results, wanted))
    for results in all_results:
        replace("docs/performance.md", results.arch, [*about(results), "", *table(results)])
        for group in figures.GROUPS:
            replace("docs/performance.md", f"{results.arch} {group}", table(results, group))
        replace("docs/performance.md", f"{results.arch} counted", counted(results))
        verdicts = wanted.judge(results)
        replace("docs/performance.md", f"{results.arch} targets", targets(verdicts))
        replace("docs/performance.md", f"{results.arch} missed", missed(results, verdicts))
    replace("README.md", "costs", [line for results in all_results for line in short(results)])


def replace(path, name, lines):
    """Replaces the lines between the two comments with a name in a file of the tree."""
    path = f"{guest.TOP}/{path}"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.S)
    if not pattern.search(text):
        raise guest.Failed(f"{path} has no place for '{name}'")
    body = "\n" + "\n".join(lines) + "\n\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(pattern.sub(lambda match: match[1] + body + match[2], text))


def about(results):
    """Returns lines that say what was measured."""
    boots = max(len(figure.values) for figure in results.figures.values())
    return [f"Linux {results.about['kernel']}, {results.about['compiler']}; the driver of commit "
            f"{results.about['commit']}; the median of {boots} boots."]


def with_ratio(results, row, node, group=""):
    """Returns a cost, followed by its ratio."""
    cost, ratio = results.cost(row, node, group), results.ratio(row, node, group)
    if cost is None:
        return ""
    return f"{cost:.0f}" if ratio is None else f"{cost:.0f} ({ratio:.2f})"


def table(results, group=""):
    """Returns the lines of a table, with the number of operations and the spread."""
    lines = ["| operation | number | sw_sync | `/dev/sw_sync` | native | spread |",
             "|---|--:|--:|--:|--:|--:|"]
    for row, nodes in results.rows(group).items():
        of_row = [results.figures[group, row, node] for node in nodes]
        base = figures.KERNEL if figures.KERNEL in nodes else figures.BASE
        cost = results.cost(row, base, group)
        cells = [results.titles[row], str(of_row[0].operations),
                 "" if cost is None else f"{cost:.0f}",
                 *(with_ratio(results, row, node, group) for node in NODES),
                 figures.spread(of_row)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def counted(results):
    """Returns the lines of the table of what the plugin counted."""
    lines = ["| of an operation | sw_sync | `/dev/sw_sync` | native |", "|---|--:|--:|--:|"]
    for row in dict.fromkeys(row for row, _ in results.counts):
        of_row = [results.counts.get((row, node)) for node in (figures.BASE, *NODES)]
        of_row[0] = of_row[0] or results.counts.get((row, figures.KERNEL))
        cells = [f"{each.atomics:.1f}" if each else "" for each in of_row]
        lines.append(f"| {results.titles[row]}: atomic operations | {' | '.join(cells)} |")
    for row in ("signal_all", "close_pending"):
        of_row = [results.counts.get((row, node)) for node in (figures.BASE, *NODES)]
        if all(of_row):
            cells = [str(each.irqs_off) for each in of_row]
            lines.append(f"| {results.titles[row].removesuffix(', per fence')}: longest with "
                         f"interrupts off | {' | '.join(cells)} |")
    return lines


def targets(verdicts):
    """Returns the lines of the table of targets, with whether each is met."""
    lines = ["| target | node | at most | is | |", "|---|---|--:|--:|---|"]
    for each in verdicts:
        lines.append(f"| {each.what} | {each.node} | {each.form.format(each.target)} | "
                     f"{'' if each.value is None else each.form.format(each.value)} | "
                     f"{ {True: 'met', False: '**not met**', None: 'not measured'}[each.met]} |")
    return lines


def missed(results, verdicts):
    """Returns lines that show, for each missed target, which functions take the instructions."""
    lines = []
    titles = {each.what for each in verdicts if each.met is False}
    for row in dict.fromkeys(row for row, _ in results.counts):
        nodes = [node for node in (figures.BASE, *NODES) if (row, node) in results.counts]
        if results.titles[row] not in titles or len(nodes) < 2:
            continue
        counts = [results.counts[row, node] for node in nodes]
        lines += [f"{results.titles[row]}:", "", f"| function | {' | '.join(nodes)} |",
                  "|---|" + "--:|" * len(nodes),
                  f"| all | {' | '.join(f'{each.instructions:.0f}' for each in counts)} |"]
        for name, values in profile.beside([each.functions for each in counts]):
            if max(value or 0 for value in values) < counts[0].instructions / 50:
                continue
            cells = ["" if value is None else f"{value:.0f}" for value in values]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        lines.append("")
    return lines or ["No target is missed."]


def short(results):
    """Returns the lines of the table for the README."""
    return [f"| {results.arch} | sw_sync | `/dev/sw_sync` | native |", "|---|--:|--:|--:|",
            *(f"| {results.titles[row]} | {results.cost(row, figures.BASE):.0f} | "
              f"{with_ratio(results, row, 'compat')} | {with_ratio(results, row, 'native')} |"
              for row in SHORT if results.cost(row, figures.BASE)), ""]
