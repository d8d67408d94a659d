"""How far a step is: told about once a second at most, and never a reason for a step to fail."""

from __future__ import annotations

import pytest

from core.errors import Unavailable
from core.store import Making
from pipeline import telling as module
from pipeline.telling import telling


class Board:
    def __init__(self) -> None:
        self.told: list[tuple[str, Making]] = []

    def tell(self, media_id: str, making: Making) -> None:
        self.told.append((media_id, making))


def test_it_is_told_at_the_beginning_and_then_about_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    board, now = Board(), [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    told = telling(board, "film", "rung-360", 1, 4)  # type: ignore[arg-type]
    for quarter in range(16):
        now[0] += 0.25
        told(quarter / 16)
    assert [making.percent for _, making in board.told] == [0, 18, 43, 68, 93]
    assert board.told[-1] == ("film", Making("rung-360", 1, 4, 93))


@pytest.mark.parametrize(("share", "percent"), [(-1.0, 0), (7.0, 100), (0.999, 99)])
def test_a_share_beyond_its_bounds_is_none(
    share: float, percent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    board = Board()
    telling(board, "film", "mp4", 2, 4)(share)  # type: ignore[arg-type]
    assert board.told[-1][1].percent == percent


def test_a_store_that_is_away_keeps_nobody_from_working(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Making] = []

    def away(_: str, making: Making) -> None:
        tried.append(making)
        raise Unavailable("The store is away.")

    board = Board()
    monkeypatch.setattr(module, "EVERY_S", 0.0)
    monkeypatch.setattr(board, "tell", away)
    told = telling(board, "film", "mp4", 2, 4)  # type: ignore[arg-type]
    for share in (0.5, 0.9):
        told(share)
    assert [making.percent for making in tried] == [0, 50, 90], "and each time it tries again"
