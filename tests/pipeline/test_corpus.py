"""The corpus of bad and tricky files through the whole worker: nothing of it ends it, stays in its folders or in storage."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from core import keys
from core.media import Media
from core.media_types import HEAD_BYTES, identify
from core.objects import Headers
from core.settings import WorkerSettings
from pipeline.media.make import Limits
from pipeline.media.recipes import StillRecipe
from pipeline.worker import Worker
from tests.media.corpus import CASES
from tests.pipeline.little_site import Site

LIMITS = Limits(probe_wall_s=30, image_wall_s=30, video_wall_s=30)
EVERY = 4
PATIENCE_S = 280.0


@pytest.fixture
def worker(site: Site) -> Iterator[Worker]:
    settings = WorkerSettings(threads=2, media_jobs=2, attempts=2, sweep_s=1000)
    worker = Worker(site.tools, settings, LIMITS, StillRecipe(), 1000, site.folder / "scratch")
    thread = threading.Thread(target=worker.run)
    thread.start()
    yield worker
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_all_kinds_of_files_go_through_one_worker(site: Site, worker: Worker) -> None:
    ann = site.sign_up("ann")
    wanted = upload(site, ann)
    ends = time.monotonic() + PATIENCE_S
    while any(site.medium(ann, one).state not in ("ready", "failed") for one in wanted) or waiting(site):
        assert time.monotonic() < ends, waiting(site)
        time.sleep(0.2)
    made = {one: site.medium(ann, one) for one in wanted}
    for media_id, medium in made.items():
        case = CASES[medium.filename]
        if case.refused is not None:
            assert (medium.state == "failed") == case.refused, f"{medium.filename}: {medium.failure}"
        assert medium.state == "ready" or case.says in medium.failure
        assert "on our side" not in medium.failure
        assert stored(site, media_id) == named(medium)
    assert list(site.store.failures.all()) == []
    assert list((site.folder / "scratch").glob("*/*")) == []
    site.edit(ann, bio="Still here.")
    while b"Still here." not in site.public.get("ann/index.html").body:
        assert time.monotonic() < ends
        time.sleep(0.1)


def upload(site: Site, profile_id: str) -> list[str]:
    """Some of each family that the door lets in; the others never get as far as a worker."""
    inside = [case for case in CASES.values() if identify(case.build()[:HEAD_BYTES])]
    media = []
    for number, case in enumerate(inside[::EVERY]):
        content = case.build()
        found = identify(content[:HEAD_BYTES])
        assert found
        kind, mime = found
        medium = Media(
            id=f"medium{number:04}",
            kind=kind,
            filename=case.name,
            original_type=mime,
            original_bytes=len(content),
        )
        site.private.put(keys.original(medium.id), content, Headers())
        media.append(medium)
    assert len(media) >= 35
    site.change(profile_id, lambda old: old.model_copy(update={"media": tuple(media)}))
    return [one.id for one in media]


def waiting(site: Site) -> list[str]:
    return [task.media_id for task in site.store.media_work.pending(100)]


def stored(site: Site, media_id: str) -> set[str]:
    return set(site.private.walk(keys.rendition_folder(media_id)))


def named(medium: Media) -> set[str]:
    """What its row knows of."""
    return {
        keys.rendition(medium.id, made.recipe, made.attempt, part.name)
        for made in medium.renditions
        for part in made.parts()
    }
