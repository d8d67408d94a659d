"""The bar that a long verb draws on a terminal: how many of how many, and how long the rest takes; elsewhere nothing."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


def bar_of(verb: str, out: Console, *more: ProgressColumn) -> Progress:
    """Nothing is drawn on a quiet console."""
    return Progress(
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        *more,
        TimeRemainingColumn(),
        console=out,
        disable=out.quiet or not out.is_terminal,
    )
