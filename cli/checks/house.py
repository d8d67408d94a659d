"""Checks of what is kept: database, buckets, secrets, release, what was put aside, uploads that nobody finished."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2 import TemplateError

from cli.checks import Check
from cli.checks.buckets import buckets
from core.backends import DATABASE, Backends, folder_of, is_made, open_backends, region_of
from core.errors import HoldfastError, OperatorError
from core.settings import Settings
from core.store import Store
from core.store.sqlite.database import Database
from core.store.sqlite.schema import STEPS
from generator.release import Release, load_release

BACKUP = "restore it from a backup, or set data.dir (--data DIR) to another folder"
NOT_YET = "`holdfast run` begins it"


def house(settings: Settings) -> Iterator[Check]:
    """All checks of what is kept, as far as they can be made."""
    yield from secrets(settings.data.dir / "secrets")
    release, check = load(settings)
    yield check
    if not is_made(settings):
        yield Check("Database", "warn", "nothing is kept here yet", NOT_YET)
        return
    failed = False
    for check in kept_in(settings):
        failed = failed or check.state == "fail"
        yield check
    if failed:
        return
    try:
        backends = open_backends(settings)
    except (HoldfastError, OSError) as error:
        yield Check("Storage", "fail", str(error), "see that the buckets in data.dir can be written")
        return
    try:
        yield from _opened(backends, settings, release)
    finally:
        backends.close()


def kept_in(settings: Settings) -> Iterator[Check]:
    """The store's own checks."""
    if settings.store.backend == "sqlite":
        yield database(settings.data.dir / DATABASE)
        return
    from cli.checks.cluster import cluster

    yield from cluster(settings.store)


def _opened(backends: Backends, settings: Settings, release: Release | None) -> Iterator[Check]:
    yield from buckets(backends, region_of(settings, settings.worker.replica))
    if release:
        yield _guarded("Roll-out", lambda: rollout(backends.store, release))
    yield _guarded("Failures", lambda: failures(backends.store))
    if settings.objects.backend == "folder":
        yield uploads(folder_of(settings, settings.objects) / "private", settings.uploads.idle_hours)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except HoldfastError as error:
        return Check(name, "fail", str(error), BACKUP)


def secrets(folder: Path) -> Iterator[Check]:
    """The files that only their owner may read; those that are made when first needed may be missing."""
    found = [folder, *sorted(folder.iterdir())] if folder.is_dir() else []
    for path in found:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            remedy = f"`chmod go= {path}`; who may have read it is kept out by deleting it: a new one is made"
            yield Check("Secrets", "fail", f"{path} can be read by others (mode {mode:o})", remedy)
            return
    yield Check("Secrets", "ok", "only their owner can read them" if found else "none made yet")


def load(settings: Settings) -> tuple[Release | None, Check]:
    """Whether templates and static files are whole: every template is parsed."""
    remedy = "install Holdfast again (`make clean`, `make run`), or mend the template it names"
    try:
        release = load_release(settings.site)
        for name in release.environment.list_templates(extensions=["html"]):
            release.environment.get_template(name)
    except TemplateError as error:
        where = f"{getattr(error, 'name', '')}:{getattr(error, 'lineno', '')}"
        return None, Check("Release", "fail", f"a template can't be used: {where} {error}", remedy)
    except (OSError, ValueError, KeyError) as error:
        return None, Check("Release", "fail", f"it does not load: {error}", remedy)
    return release, Check("Release", "ok", release.fingerprint[:12])


def database(path: Path) -> Check:
    """SQLite opens it, it has our schema, and its log is written ahead."""
    opened: Database | None = None
    try:
        opened = Database(path)
        (version,) = opened.row("pragma user_version") or (0,)
        (mode,) = opened.row("pragma journal_mode") or ("",)
        opened.rows("select count(*) from meta")
    except OperatorError as error:
        return Check("Database", "fail", str(error), f"if a newer Holdfast wrote it, upgrade; else {BACKUP}")
    except (HoldfastError, sqlite3.Error) as error:
        return Check("Database", "fail", f"{path} can't be used ({error})", BACKUP)
    finally:
        if opened is not None:
            opened.close()
    if version != len(STEPS):
        return Check("Database", "fail", f"{path} has schema {version}, not {len(STEPS)}", BACKUP)
    if str(mode).lower() != "wal":
        said = f"{path} has the journal mode {mode}: its disk can't keep a write-ahead log"
        return Check("Database", "fail", said, "set data.dir (--data DIR) to a disk of this machine")
    return Check("Database", "ok", f"schema {version}, write-ahead log")


def rollout(store: Store, release: Release) -> Check:
    current = store.rollouts.current()
    if current is None:
        return Check("Roll-out", "warn", "no release was promoted yet", "`holdfast run` promotes this one")
    if current.fingerprint != release.fingerprint:
        said = f"roll-out {current.number} is of release {current.fingerprint[:12]}, not of this one"
        return Check(
            "Roll-out", "fail", said, "`holdfast rebuild --all` promotes this one, or restart `holdfast run`"
        )
    return Check("Roll-out", "ok", f"{current.number}, of this release")


def failures(store: Store) -> Check:
    found = list(store.failures.all())
    if found:
        said = f"{len(found)} put aside, the last: {found[-1].reason}"
        return Check(
            "Failures", "fail", said, "`holdfast failures` lists them, `holdfast retry --all` tries again"
        )
    return Check("Failures", "ok", "nothing was put aside")


def uploads(bucket: Path, idle_hours: int) -> Check:
    """Unfinished uploads of the folder backend, by the time of their last byte."""
    ages = [time.time() - path.stat().st_mtime for path in (bucket / ".uploads").glob("*") if not path.suffix]
    old = sum(age_s > idle_hours * 3600 for age_s in ages)
    if old:
        said = f"{old} unfinished for longer than uploads.idle_hours ({idle_hours})"
        return Check(
            "Uploads", "warn", said, "a running worker drops them: `holdfast run`, or `holdfast worker`"
        )
    return Check("Uploads", "ok", f"{len(ages)} under way" if ages else "none under way")
