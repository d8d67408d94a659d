"""`holdfast import`: profiles from JSON files, straight into the store; a worker publishes them when it runs."""

from __future__ import annotations

import csv
import json
import os
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple, TextIO, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import templates
from cli.adopting import Adopted, House, adopt
from cli.archive import Candidate, Refused, profile_files, read_candidate
from cli.bar import bar_of
from cli.options import AsJson, Flags, settings_for, with_flags
from core.backends import open_backends
from core.errors import OperatorError, Unavailable
from core.ids import digest, new_secret
from core.log import configure
from core.settings import LogSettings, Settings
from generator.icons import Icons

SHOWN_MAX = 50
"""Files that the table names; --json names all."""
CLUSTER_JOBS = 16
"""Profiles at once on a cluster, where each waits for several round trips; SQLite takes one writer at a time."""
AHEAD = 2
"""Files that are read before their turn, for each job: what bounds the memory."""
TRIES = 6
T = TypeVar("T")


class Said(NamedTuple):
    """What there is to say about one file: why it was skipped, or what was left out of its profile."""

    file: str
    username: str
    skipped: str
    notes: list[str]


@with_flags
def import_(
    flags: Flags,
    source: Annotated[Path, typer.Argument(metavar="FOLDER|FILE", help="JSON profiles, or one of them.")],
    claim_links: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where new claim links go (default: a file in the data folder)."),
    ] = None,
    new_links: Annotated[
        bool, typer.Option("--new-links", help="Make new claim links for all of them; unused old ones end.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also replace what the owners of claimed profiles wrote.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help=f"Profiles at once (default: {CLUSTER_JOBS} on a cluster, else 1)."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import profiles: BioDrop's JSON files, or what `holdfast export` wrote. Importing again changes what differs."""
    settings = settings_for(flags)
    configure(LogSettings(level="error"))
    files = profile_files(source)
    backends = open_backends(settings)
    house = House(backends.store, backends.private, settings.uploads, settings.site, overwrite)
    links = ClaimLinks(claim_links or _default_file(settings), settings.studio.url)
    job = _Import(house, links, new_links)
    at_once = jobs or (1 if settings.store.backend == "sqlite" else CLUSTER_JOBS)
    started = time.monotonic()
    bar = bar_of("import", Console(stderr=True, quiet=as_json))
    try:
        with bar:
            task = bar.add_task("import", total=len(files))
            job.run(files, at_once, lambda: bar.advance(task))
    finally:
        links.close()
        backends.close()
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps(job.report(seconds)))
    else:
        _show(job, seconds, settings)
    if not job.counts.keys() - {"skipped"}:
        raise typer.Exit(1)


class ClaimLinks:
    """The file that new claim links are added to, one a line; only its owner can read it. Begun with the first link."""

    def __init__(self, path: Path, studio_url: str) -> None:
        self.path, self.made = path, 0
        self._studio_url = studio_url
        self._file: TextIO | None = None

    def make(self, username: str) -> str:
        """The digest of a new link, which works once the store knows it. The link is kept before that, so that a crash
        can't leave one that works and that nobody has."""
        token = new_secret()
        file = self._file = self._file or self._open()
        csv.writer(file).writerow([username, f"{self._studio_url}/claim/{token}"])
        file.flush()
        os.fdatasync(file.fileno())
        self.made += 1
        return digest(token)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _open(self) -> TextIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            os.fchmod(handle, 0o600)
        except OSError as error:
            raise OperatorError(
                f"Claim links can't be written to {self.path} ({error.strerror}):"
                " name another file with --claim-links FILE"
            ) from None
        file = os.fdopen(handle, "a", encoding="utf-8", newline="")
        if file.tell() == 0:
            csv.writer(file).writerow(["username", "link"])
        return file


class _Taken(NamedTuple):
    """What became of one file's profile; `needs_link` says that nobody can claim it yet."""

    adopted: Adopted
    candidate: Candidate
    needs_link: bool


class _Import:
    """One run over many files, each on its own: memory grows only with what there is to say about them.

    Files are read and told of in their order, and claim links are written in it; between the two their profiles go into
    the store side by side.
    """

    def __init__(self, house: House, links: ClaimLinks, new_links: bool) -> None:
        self.counts: Counter[str] = Counter()
        self.said: list[Said] = []
        self.links = links
        self._house, self._new_links = house, new_links
        self._icons = Icons.read((Path(templates.__file__).parent / "icons" / "icons.json").read_bytes())
        self._files: dict[str, str] = {}

    def run(self, files: list[Path], jobs: int, advance: Callable[[], None]) -> None:
        """Takes all files, `jobs` profiles at once, and calls `advance` after each. What goes wrong with the store ends
        the run; importing again goes on from there."""
        begun: deque[tuple[Path, Future[_Taken] | str]] = deque()
        inviting: deque[Future[None]] = deque()
        pool = ThreadPoolExecutor(jobs, "import")

        def end(ahead: int) -> None:
            """Until no more than so many are under way."""
            while len(begun) > ahead:
                inviting.extend(self._end(pool, *begun.popleft()))
                advance()
            while len(inviting) > ahead:
                inviting.popleft().result()

        try:
            for path in files:
                begun.append((path, self._begin(pool, path)))
                end(jobs * AHEAD)
            end(0)
        finally:
            pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor, path: Path) -> Future[_Taken] | str:
        """Sets one file to work, or says why not. Whatever is wrong with it concerns no other."""
        try:
            candidate = read_candidate(path, self._icons)
        except Refused as error:
            return str(error)
        earlier = self._files.setdefault(candidate.username, path.name)
        if earlier != path.name:
            return f"{earlier} has the same username"
        return pool.submit(_patiently, lambda: self._take(candidate))

    def _take(self, candidate: Candidate) -> _Taken:
        # Notes of its own, since it may be called again.
        candidate = candidate._replace(notes=[*candidate.notes])
        adopted = adopt(self._house, candidate)
        unclaimed = adopted.state != "skipped" and not adopted.is_owned
        needed = unclaimed and (
            adopted.state == "created" or not self._house.store.accounts.invite_of(adopted.profile_id)
        )
        return _Taken(adopted, candidate, needed or (self._new_links and adopted.state != "skipped"))

    def _end(
        self, pool: ThreadPoolExecutor, path: Path, begun: Future[_Taken] | str
    ) -> Iterator[Future[None]]:
        """Waits for one file's profile and tells of it; a claim link is on its way to the store then."""
        if isinstance(begun, str):
            self._note(path, "", begun, [])
            return
        adopted, candidate, needs_link = begun.result()
        self._note(path, candidate.username, adopted.reason, candidate.notes)
        if adopted.state != "skipped":
            self.counts[adopted.state] += 1
        if needs_link:
            link, accounts = self.links.make(candidate.username), self._house.store.accounts
            yield pool.submit(_patiently, lambda: accounts.invite(link, adopted.profile_id))

    def report(self, seconds: float) -> dict[str, object]:
        return {
            **{state: self.counts[state] for state in ("created", "changed", "unchanged")},
            "skipped": [{"file": one.file, "reason": one.skipped} for one in self.said if one.skipped],
            "left_out": [
                {"file": one.file, "username": one.username, "notes": one.notes}
                for one in self.said
                if one.notes and not one.skipped
            ],
            "claim_links": self.links.made,
            "claim_links_file": str(self.links.path.absolute()) if self.links.made else None,
            "seconds": round(seconds, 3),
        }

    def _note(self, path: Path, username: str, skipped: str, notes: list[str]) -> None:
        self.counts["skipped"] += bool(skipped)
        if skipped or notes:
            self.said.append(Said(_safe(path.name), username, _safe(skipped), [_safe(one) for one in notes]))


def _patiently(act: Callable[[], T]) -> T:
    """Among thousands of profiles some meet a store that is away for a moment; all that an import does may be repeated."""
    for tries in range(TRIES - 1):
        with suppress(Unavailable):
            return act()
        time.sleep(random.uniform(0.1, 0.2) * 2**tries)
    return act()


def _safe(text: str) -> str:
    """What strangers wrote, fit for a terminal: it can't move the cursor, set a title or turn the writing round."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _default_file(settings: Settings) -> Path:
    return settings.data.dir / time.strftime("claim-links-%Y%m%d-%H%M%S.csv")


def _show(job: _Import, seconds: float, settings: Settings) -> None:
    out = Console(highlight=False)
    if job.said:
        table = Table("File", "What", box=None)
        for one in sorted(job.said, key=lambda said: not said.skipped)[:SHOWN_MAX]:
            what = f"skipped: {one.skipped}" if one.skipped else "\n".join(one.notes)
            table.add_row(Text(one.file), Text(what), style="yellow" if one.skipped else "")
        out.print(table)
        if len(job.said) > SHOWN_MAX:
            out.print(f"… and {len(job.said) - SHOWN_MAX} files more: --json names all.")
        out.print()
    counts = Table("Created", "Changed", "Unchanged", "Skipped", box=None)
    counts.add_row(*(str(job.counts[state]) for state in ("created", "changed", "unchanged", "skipped")))
    out.print(counts)
    total = sum(job.counts.values())
    out.print(f"{total} files in {seconds:.1f} s ({total / seconds if seconds else 0:.0f}/s).")
    if job.links.made:
        out.print(
            f"{job.links.made} one-time claim links for their owners: {job.links.path.absolute()}",
            markup=False,
            soft_wrap=True,
        )
    if job.counts["created"] + job.counts["changed"]:
        out.print(
            f"A running worker publishes them: {settings.site.url}{settings.site.path}/<username>",
            markup=False,
        )
