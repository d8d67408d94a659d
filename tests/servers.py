"""A pytest plugin that knows the real servers and tools which tests may need, and what it costs to lack one.

A test asks for what it needs by `@pytest.mark.server("chromium")`, or by using a fixture of that name. Where
it is missing, the test is skipped and the closing summary says so; with HOLDFAST_TEST_REQUIRE=all it fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from playwright.sync_api import Browser, sync_playwright

from cli.fronts import PURGE_MODULE
from cli.gateway.build import program
from cli.ring.ring import Ring
from pipeline.media import sandbox
from tests.cluster import Keyspace, keyspace_on
from tests.gateway import CREDENTIALS, Gateway, gateway


@dataclass(frozen=True)
class Server:
    """Something real that stands outside of Python: programs on PATH, of Debian's packages, or one that was `built`.
    `fault` says why it doesn't work on this machine although it is there; nothing if it does."""

    programs: tuple[str, ...] = ()
    packages: str = ""
    built: Callable[[], Path] | None = None
    fault: Callable[[], str] = lambda: ""

    def here(self) -> bool:
        return self._there and not self.fault()

    @property
    def _there(self) -> bool:
        return all(shutil.which(name) for name in self.programs) and (not self.built or self.built().exists())

    @property
    def remedy(self) -> str:
        return f"make servers (Debian's package: {self.packages})" if self.packages else "make servers"

    @property
    def lack(self) -> str:
        if self._there:
            return self.fault()
        return f"Not built: {self.built()}" if self.built else f"Not on PATH: {', '.join(self.programs)}"


SERVERS = {
    "chromium": Server(programs=("chromium",), packages="chromium"),
    # Only for what needs the system's own, ffprobe say: the wheel's ffmpeg serves the other video tests.
    "ffmpeg": Server(programs=("ffmpeg", "ffprobe"), packages="ffmpeg"),
    # Needs user namespaces, too, which a container may forbid.
    "bubblewrap": Server(
        programs=("bwrap",), packages="bubblewrap", fault=lambda: sandbox.confinement().reason
    ),
    # Makes certificates.
    "openssl": Server(programs=("openssl",), packages="openssl"),
    "nginx": Server(
        programs=("nginx",),
        packages="nginx libnginx-mod-http-cache-purge",
        fault=lambda: "" if Path(PURGE_MODULE).exists() else f"Not there: {PURGE_MODULE}",
    ),
    # Its own compiler of configurations finds the modules; they lie where each distribution likes.
    "varnish": Server(programs=("varnishd", "cc"), packages="varnish varnish-modules gcc"),
    # Debian's package has its tool, too.
    "prometheus": Server(programs=("prometheus", "promtool"), packages="prometheus"),
    # Its jars come by Maven, and are kept in the user's cache.
    "cassandra": Server(programs=("java", "mvn"), packages="openjdk-17-jre-headless maven"),
    "versitygw": Server(built=lambda: program("versitygw")),
    "minio": Server(built=lambda: program("minio")),
    "caddy": Server(built=lambda: program("caddy")),
}
RING_TIMEOUT_S = 180

# What a report carries from an xdist worker to the summary: one property for each missing server.
MISSING = "missing_server"


def needed_by(item: pytest.Item) -> list[str]:
    """The servers a test asks for, each once, in its own order."""
    return list(dict.fromkeys(name for mark in item.iter_markers("server") for name in mark.args))


def mark_for_the_ring(item: pytest.Item) -> None:
    """All its tests go to one xdist worker (by --dist loadgroup), so that one ring runs, not one for each worker."""
    for mark in (pytest.mark.server("cassandra"), pytest.mark.slow, pytest.mark.xdist_group("ring")):
        item.add_marker(mark)
    if item.get_closest_marker("timeout") is None:
        # The first of them waits until the ring has started.
        item.add_marker(pytest.mark.timeout(RING_TIMEOUT_S))
    if item.config.getoption("loadgroup", False):
        # xdist 3.8 tells the group by a suffix of the test's id, which it can't set on pytest 9.2 (pytest-xdist#1386).
        item._id = NodeId.parse(f"{item.nodeid}@ring")


# First, so that `-m "not server"` already sees the marks given here.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for name in SERVERS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server(name))
        if "ring" in getattr(item, "fixturenames", ()) or "cassandra" in needed_by(item):
            mark_for_the_ring(item)
        for name in needed_by(item):
            if name not in SERVERS:
                raise pytest.UsageError(
                    f"{item.nodeid} asks for the server {name!r}; tests/servers.py knows {', '.join(SERVERS)}"
                )


# First, so that no fixture is set up for a test that can't run.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [name for name in needed_by(item) if not SERVERS[name].here()]
    if not missing:
        return
    item.user_properties.extend((MISSING, name) for name in missing)
    reason = f"needs {' and '.join(missing)}, which `make servers` installs"
    if os.environ.get("HOLDFAST_TEST_REQUIRE") == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    cost: dict[str, set[str]] = {}
    for outcome in ("skipped", "error", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for key, name in getattr(report, "user_properties", ()):
                if key == MISSING:
                    cost.setdefault(name, set()).add(report.nodeid)
    if not cost:
        return
    required = os.environ.get("HOLDFAST_TEST_REQUIRE") == "all"
    terminalreporter.section("missing servers", red=required, yellow=not required)
    for name, tests in sorted(cost.items()):
        count = f"{len(tests)} test{'s' if len(tests) > 1 else ''}"
        fate = "could not run and failed" if required else "skipped"
        server = SERVERS[name]
        terminalreporter.line(f"{name}: {count} {fate}. {server.lack}.")
        terminalreporter.line(f"  To have it: {server.remedy}.")
        for test in sorted(tests):
            terminalreporter.line(f"  {test}")


# The last three switches keep it to this machine; the others are what a browser run by root in a small box needs.
CHROMIUM_SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE *.localhost , EXCLUDE 127.0.0.1",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, with an empty profile; it reaches loopback only.

    One for each module, not each session: as long as Playwright's sync API runs, its event loop counts as
    running in this thread, and asyncio.run() in any later test would refuse. It starts in half a second.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    """Three nodes of a real Cassandra, for all tests together.

    HOLDFAST_TEST_RING names the folder of a ring that runs already (`holdfast dev-cluster`), to save the start.
    """
    if folder := os.environ.get("HOLDFAST_TEST_RING"):
        yield Ring.existing(Path(folder)).wait()
        return
    running = Ring(tmp_path_factory.mktemp("ring"), nodes=3)
    try:
        yield running.start()
    finally:
        running.destroy()


@pytest.fixture(scope="session")
def keyspace(ring: Ring) -> Iterator[Keyspace]:
    """A store on the ring; each test that uses it empties it first."""
    with keyspace_on(ring) as made:
        yield made


@pytest.fixture
def whole_ring(ring: Ring) -> Iterator[Ring]:
    """The ring for a test that hurts it; what is then paused or dead is mended before the next test begins."""
    yield ring
    ring.mend()


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file in which boto3's own chain finds the keys of the servers that tests start."""
    file = tmp_path_factory.mktemp("aws") / "credentials"
    before, os.environ[CREDENTIALS] = os.environ.get(CREDENTIALS), str(file)
    yield file
    if before is None:
        del os.environ[CREDENTIALS]
    else:
        os.environ[CREDENTIALS] = before


@pytest.fixture(scope="session")
def versitygw(credentials: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A real S3 server."""
    with gateway("versitygw", tmp_path_factory.mktemp("versitygw")) as started:
        yield started


@pytest.fixture(scope="session")
def minio(credentials: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another one, whose faults are others: a second opinion."""
    with gateway("minio", tmp_path_factory.mktemp("minio")) as started:
        yield started
