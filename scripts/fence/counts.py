# SPDX-License-Identifier: GPL-2.0
"""Counts of the results of tests."""


class Counts:
    """How many tests passed, failed and were skipped."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self.failures: list[str] = []

    def take(self, where: str, name: str, outcome: str) -> None:
        """Counts one test. Prints its name unless it has passed."""
        if outcome == "pass":
            self.passed += 1
            return
        if outcome == "skip":
            self.skipped += 1
        else:
            self.failed += 1
            self.failures.append(f"{where}: {name}")
        print(f"  {outcome.upper()} {where}: {name}", flush=True)

    def add(self, other: "Counts") -> None:
        """Adds the counts of other tests, whose failures were printed."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def summary(self) -> int:
        """Prints the failures and the last line, and returns the exit status.

        A run that has counted no test has failed.
        """
        if not self.passed + self.failed + self.skipped:
            self.take("no test", "nothing has run", "fail")
        for failure in self.failures:
            print("FAILED", failure)
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{skipped}")
        return int(self.failed > 0)
