"""What a command did: how much, how much was there before, what was left out and why; told and written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evaluators.files import write_text
from evaluators.rejections import REJECTED, WARNINGS, Rejection, rejection_lines

NAMED = 5  # items of one reason that the terminal names


@dataclass(frozen=True)
class Outcome:
    """What came of the items of one command."""

    unit: str  # what is counted: videos, files
    done: int
    already: int = 0  # there before, and left as they were
    rejections: tuple[Rejection, ...] = ()
    lines: tuple[str, ...] = ()  # more to tell, such as where the result stands

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """Those that are not only warnings."""
        return tuple(rejection for rejection in self.rejections if not rejection.warning)


def write_rejections(folder: Path, rejections: Iterable[Rejection]) -> None:
    """Write ``rejected.jsonl`` and ``warnings.jsonl``; files of an earlier run go where nothing is left to say."""
    rejections = tuple(rejections)
    for name, warning in ((REJECTED, False), (WARNINGS, True)):
        text = rejection_lines(rejections, warning=warning)
        if text:
            write_text(folder / name, text)
        else:
            (folder / name).unlink(missing_ok=True)


def outcome_text(outcome: Outcome) -> str:
    """A few lines for the terminal: counts, and each reason with its first items."""
    parts = [f"{outcome.done:,} {outcome.unit} written"]
    parts += [f"{outcome.already:,} were there"] if outcome.already else []
    parts += [f"{len(outcome.rejected):,} rejected"] if outcome.rejected else []
    return "\n".join([", ".join(parts), *_reasons(outcome.rejections), *outcome.lines])


def _reasons(rejections: Iterable[Rejection]) -> Iterable[str]:
    rejections = list(rejections)
    for (warning, reason), count in sorted(Counter((r.warning, r.reason) for r in rejections).items()):
        these = [r for r in rejections if (r.warning, r.reason) == (warning, reason)]
        yield f"{'warning' if warning else 'rejected'} {reason}: {count:,}"
        yield from (f"  {r.item}: {r.message}" for r in these[:NAMED])
        if count > NAMED:
            yield f"  and {count - NAMED:,} more, in {WARNINGS if warning else REJECTED}"
