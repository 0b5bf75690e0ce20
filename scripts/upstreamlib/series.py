# SPDX-License-Identifier: GPL-2.0
"""The three series: their patches, and the messages of the patches."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from . import DATA, OUT, TOP, die, found, git, read, replace_once, write
from .tree import DMA_BUF, RCU_FREE_BOX, Tree, fresh_copy

Change = Callable[[Tree], None]

# A figure in a message: `{ARCHITECTURE/ROW/COLUMN}` of the first table of docs/performance.md.
FIGURE = re.compile(r"\{(\w+)/([^/{}]+)/(\w+)\}")
COLUMNS = {"sw_sync": 2, "compat": 3, "native": 4}


def figure(match: re.Match[str]) -> str:
    """Returns a figure that was measured, without its ratio."""
    arch, row, column = match.groups()
    table = found(rf"<!-- {arch} -->\n(.*?)<!-- /{arch} -->", read(f"{TOP}/docs/performance.md"), re.S)[1]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == row:
            return re.sub(r" \(.*\)", "", cells[COLUMNS[column]])
    return die(f"docs/performance.md has no row {row!r} for {arch}")


@dataclass(frozen=True)
class Series:
    """Patches in order, on top of the previous series. Each has the name of its message's file."""
    name: str
    patches: dict[str, Change]

    def messages(self) -> dict[str, str]:
        parts = re.split(r"^== (.*)\n", read(f"{DATA}/{self.name}"), flags=re.M)
        texts = dict(zip(parts[1::2], (text.strip("\n") + "\n" for text in parts[2::2]),
                         strict=True))
        if set(texts) != {"cover", *self.patches}:
            raise SystemExit(f"scripts/upstream.d/{self.name}: messages and patches differ: "
                             f"{sorted(set(texts) ^ {'cover', *self.patches})}")
        return {name: FIGURE.sub(figure, text) for name, text in texts.items()}

    def files(self) -> list[str]:
        """Returns the patch files that were written, without the cover letter."""
        return sorted(f"{OUT}/{self.name}/{name}" for name in os.listdir(f"{OUT}/{self.name}")
                      if not name.startswith("0000"))


SERIES = (
    Series("rcu", {
        "rcu-box": Tree.rcu_box,
        "xarray-invariant": lambda tree: tree.apply("xarray-invariant.diff"),
        "xarray-load": lambda tree: tree.apply("xarray-load.diff"),
        "free-box": lambda tree: tree.add_rcu(*RCU_FREE_BOX),
        "poll": lambda tree: tree.apply("poll.diff"),
        "rcu-tests": Tree.rcu_suite,
    }),
    Series("fences", {
        "helpers": Tree.fence_helpers,
        "fence": lambda tree: tree.add_dma_buf(*DMA_BUF["fence"]),
        "sync-file": lambda tree: tree.add_dma_buf(*DMA_BUF["sync-file"]),
        "signalling": lambda tree: tree.add_dma_buf(*DMA_BUF["signalling"]),
        "waiter": lambda tree: tree.add_dma_buf(*DMA_BUF["waiter"]),
        "timeline": Tree.timeline,
        "dma-buf-tests": Tree.dma_buf_suite,
    }),
    Series("driver", {
        "rcu-view": Tree.rcu_view,
        "str": lambda tree: tree.extend("str", "array"),
        "task": Tree.task,
        "taint": Tree.taint,
        "file-poll": Tree.file_poll,
        "view-tests": Tree.view_suite,
        "trace": Tree.trace,
        "abi": Tree.abi,
        "driver": Tree.driver,
        "selftests": Tree.selftests,
        "document": Tree.document,
    }),
)


def make(source: str, scratch: str) -> None:
    """Writes build/upstream: a repository with a branch for each series, and their patches."""
    path = f"{scratch}/make"
    fresh_copy(source, path)
    tree = Tree(path, source)
    shutil.rmtree(OUT, ignore_errors=True)
    for series in SERIES:
        texts = series.messages()
        git(path, "checkout", "-q", "-b", series.name)
        for name, change in series.patches.items():
            change(tree)
            tree.format()
            git(path, "add", "-A", "-f", ".")
            git(path, "commit", "-q", "-s", "-F", "-", input=texts[name])
        directory = f"{OUT}/{series.name}"
        git(path, "format-patch", "-q", "--cover-letter", "--zero-commit", "--no-signature",
            "--abbrev=12", "-o", directory, "HEAD~" + str(len(series.patches)))
        cover = f"{directory}/0000-cover-letter.patch"
        subject, _, body = texts["cover"].partition("\n\n")
        text = replace_once(read(cover), "*** SUBJECT HERE ***", subject, cover)
        write(cover, replace_once(text, "*** BLURB HERE ***", body.rstrip("\n"), cover))
        # A mailbox is the concatenation of its messages, and each file is one.
        write(f"{OUT}/{series.name}.mbox", "".join(read(file) for file in [cover, *series.files()]))
    tree.complete()
    shutil.move(path, f"{OUT}/tree")
