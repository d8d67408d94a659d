"""The child process around the decoders, by bubblewrap and without: its limits hold, whatever it answers, and it dies with
whoever wants it. What bubblewrap alone holds is in test_confinement.py.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from core.errors import HoldfastError, OperatorError, Unavailable, UnsupportedMedia
from pipeline.media import make as making
from pipeline.media import sandbox
from pipeline.media.make import Limits, Probe, make, probe
from pipeline.media.sandbox import Bounds
from tests.media.conftest import Clip, Workbench, noise, processes_with, wait_for

VIDEO = Probe("video", "video/mp4", 64, 64, duration_s=1, frame_rate="10")


@pytest.fixture(
    autouse=True, params=[pytest.param("bubblewrap", marks=pytest.mark.server("bubblewrap")), "limits"]
)
def confined(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test with what a system may have, and with what every one has."""
    kind = str(request.param)
    if kind == "limits":
        monkeypatch.setattr(sandbox, "_tried", lambda: sandbox.Confinement(None, "as if there were none"))
    return kind


@pytest.fixture
def stuck(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ffmpeg that never comes to an end."""
    path = script(bench.folder / "stuck-ffmpeg", "sleep 100; exit 1")
    monkeypatch.setattr(making, "find_ffmpeg", lambda: str(path))
    return path


def script(path: Path, lines: str) -> Path:
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_step_that_takes_too_long_is_killed_with_all_it_started(bench: Workbench, stuck: Path) -> None:
    with pytest.raises(UnsupportedMedia, match="too long"):
        make(bench.put(b""), VIDEO, "mp4", bench.made("mp4"), Limits(video_wall_s=0.7))
    assert bench.leftovers() == []
    wait_for(lambda: processes_with(str(stuck)) == [])


def test_a_step_that_spins_is_ended_by_its_processor_time(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    spinning = script(bench.folder / "spinning-ffmpeg", "while :; do :; done")
    monkeypatch.setattr(making, "find_ffmpeg", lambda: str(spinning))
    # By the clock on the wall it would outlast the time limit of this test.
    monkeypatch.setattr(making, "bounds_of", lambda *_: Bounds(wall_s=1_000, memory_bytes=2 << 30, cpu_s=1))
    with pytest.raises(UnsupportedMedia, match="too long"):
        make(bench.put(b""), VIDEO, "mp4", bench.made("mp4"))
    assert bench.leftovers() == []


def test_a_step_that_wants_too_much_memory_is_refused(bench: Workbench) -> None:
    original = bench.picture(noise(2_000, 2_000), "PNG", compress_level=0)
    found = bench.probe(original)
    bench.limits = Limits(image_memory_bytes=150 << 20)
    with pytest.raises(UnsupportedMedia):
        make(original, found, "still", bench.made("still"), bench.limits)
    assert bench.leftovers() == []


def test_a_video_that_wants_too_much_memory_is_refused(bench: Workbench, clip: Clip) -> None:
    bench.limits = Limits(video_memory_bytes=400 << 20)
    original = clip("testsrc=size=1920x1080:rate=10")
    with pytest.raises(UnsupportedMedia):
        bench.make(original, "rung-1080")
    assert bench.leftovers() == []


def test_a_file_larger_than_allowed_is_never_written(bench: Workbench) -> None:
    original = bench.picture(noise(800, 800), "JPEG")
    bench.limits = Limits(file_bytes_max=20_000)
    with pytest.raises(UnsupportedMedia):
        bench.make(original, "still")
    assert bench.leftovers() == []


class Impostor:
    """Stands in for the child's Python: a script that answers as it likes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def says(self, lines: str) -> None:
        path = self.folder / "python" / "bin" / "impostor"
        path.parent.mkdir(parents=True)
        script(path, f"IFS= read -r job\n{lines}")
        self.monkeypatch.setattr(sys, "executable", str(path))


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Impostor:
    return Impostor(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "script",
    [
        "exit 0",
        "exit 3",
        "echo not json",
        "echo '[]'",
        "echo '{\"done\": 7}'",
        "echo '{\"done\": {}}'",
        'echo \'{"done": {"files": []}}\'',
        'echo \'{"done": {"files": [{"name": "../../escape", "type": "image/webp"}]}}\'',
        'echo \'{"done": {"files": [{"name": "1.webp", "type": "image/webp"}]}}\'',
        'ln -s /etc/passwd 1.webp; echo \'{"done": {"files": [{"name": "1.webp", "type": "image/webp"}]}}\'',
        'touch 1.webp; echo \'{"done": {"files": [{"name": "1.webp", "type": "image/webp"}],'
        ' "placeholder": "javascript:alert(1)"}}\'',
        'touch x.html; echo \'{"done": {"files": [{"name": "x.html", "type": "text/html"}]}}\'',
        'touch 1.webp; echo \'{"done": {"files": [{"name": "1.webp", "type": "text/html"}]}}\'',
        "yes",
        "kill -SEGV $$",
        "kill -KILL $$",
    ],
)
def test_whatever_a_broken_decoder_answers_the_worker_goes_on(
    bench: Workbench, impostor: Impostor, script: str
) -> None:
    impostor.says(script)
    original = bench.picture(Image.new("RGB", (1, 1)), "PNG")
    with pytest.raises(UnsupportedMedia, match="can't be read"):
        make(original, Probe("image", "image/png", 1, 1), "still", bench.made("still"))
    assert bench.leftovers() == []
    assert not (bench.folder / "escape").exists()


@pytest.mark.parametrize(
    "lie",
    [{"kind": "nonsense"}, {"kind": "video"}, {"type": "text/html"}, {"width": -1}, {"height": 1 << 40}],
)
def test_a_decoder_is_not_believed_what_can_not_be(
    bench: Workbench, impostor: Impostor, lie: dict[str, object]
) -> None:
    found = Probe("image", "image/png", 1, 1)._asdict() | lie
    impostor.says(f"echo '{json.dumps({'done': found})}'")
    original = bench.picture(Image.new("RGB", (1, 1)), "PNG")
    with pytest.raises(UnsupportedMedia, match="can't be read"):
        probe(original)


def test_a_decoder_that_falls_silent_is_ended(bench: Workbench, impostor: Impostor) -> None:
    impostor.says("exec >&-; sleep 100")
    original = bench.picture(Image.new("RGB", (1, 1)), "PNG")
    with pytest.raises(UnsupportedMedia):
        make(
            original,
            Probe("image", "image/png", 1, 1),
            "still",
            bench.made("still"),
            Limits(image_wall_s=0.7),
        )
    assert bench.leftovers() == []


def test_a_decoder_sees_no_secret_of_ours(
    bench: Workbench, impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_SECRET_KEY", "hunter2")
    impostor.says("env >&2")
    with pytest.raises(UnsupportedMedia) as caught:
        probe(bench.picture(Image.new("RGB", (1, 1)), "PNG"))
    spied = "".join(caught.value.__notes__)
    assert "PATH=" in spied
    assert "hunter2" not in spied
    assert "HOLDFAST" not in spied


def test_a_full_disk_is_never_the_pictures_fault(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    original = bench.put(b"\xff\xd8\xff rubbish")
    usage = SimpleNamespace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(Unavailable, match="disk is full"):
        make(original, Probe("image", "image/jpeg", 1, 1), "still", bench.made("still"))


def test_a_missing_ffmpeg_is_a_matter_for_the_operator(
    bench: Workbench, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = clip("testsrc=size=64x64:rate=10")
    found: Probe = bench.probe(original)
    monkeypatch.setattr(making, "find_ffmpeg", lambda: "/nowhere/ffmpeg")
    with pytest.raises(OperatorError, match="apt-get install ffmpeg"):
        make(original, found, "poster", bench.made("poster"))
    assert bench.leftovers() == []


def test_a_worker_that_stops_does_not_wait_for_a_long_step(bench: Workbench, stuck: Path) -> None:
    stop = threading.Event()
    errors: list[HoldfastError] = []

    def work() -> None:
        try:
            make(bench.put(b""), VIDEO, "mp4", bench.made("mp4"), stopping=stop.is_set)
        except HoldfastError as error:
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    wait_for(lambda: processes_with(str(stuck)) != [])
    stop.set()
    worker.join(timeout=20)
    assert [type(error) for error in errors] == [Unavailable]
    wait_for(lambda: processes_with(str(stuck)) == [])
    assert bench.leftovers() == []


def test_decoders_die_with_a_killed_worker(bench: Workbench, stuck: Path, confined: str) -> None:
    original = bench.put(b"")
    work = (
        "import sys; from pathlib import Path; from pipeline.media import make as making, sandbox;"
        f"{'sandbox._tried = lambda: sandbox.Confinement(None);' if confined == 'limits' else ''}"
        "making.find_ffmpeg = lambda: sys.argv[1];"
        f"making.make(Path(sys.argv[2]), making.{VIDEO}, 'mp4', Path('made'))"
    )
    worker = subprocess.Popen([sys.executable, "-c", work, str(stuck), str(original)], cwd=bench.folder)
    # The worker's own command line names it too.
    wait_for(lambda: len(processes_with(f"/bin/sh {stuck}")) == 1)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_for(lambda: processes_with(f"/bin/sh {stuck}") == [])


def test_the_job_that_the_child_reads_is_one_line(bench: Workbench, impostor: Impostor) -> None:
    """A file's name may hold anything; it must not end the line in which it is told."""
    impostor.says('printf "%s" "$job" >&2')
    original = bench.picture(Image.new("RGB", (1, 1)), "PNG").rename(bench.folder / 'a\n"b.png')
    with pytest.raises(UnsupportedMedia) as caught:
        probe(original)
    (note,) = caught.value.__notes__
    assert json.loads(note[note.index("{") :])["original"].endswith('a\n"b.png')
