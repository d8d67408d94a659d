"""A fresh clone can be set up: the locks are whole, the jobs are there, and what is missing is said in a sentence."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from core.settings import Settings, load

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"] + EXTRAS["build"],
    "requirements-dev.lock": PROJECT["dependencies"] + EXTRAS["build"] + EXTRAS["dev"],
}

PROGRAMS = (
    "bwrap",
    "chromium",
    "ffmpeg",
    "ffprobe",
    "mvn",
    "nginx",
    "openssl",
    "prometheus",
    "varnishd",
    "wrk",
)

# `name==1.2 ; marker \` and then its hashes, each on a line of its own.
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+)")


def entries(lock: str) -> list[str]:
    """The lock's requirements, each with its hashes on one line; comments left out."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / lock).read_text(), flags=re.MULTILINE)
    return text.replace("\\\n", " ").splitlines()


def pins(lock: str) -> set[tuple[str, str]]:
    found = [PIN.match(entry) for entry in entries(lock)]
    return {(canonicalize_name(pin["name"]), pin["version"]) for pin in found if pin}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_its_hashes(lock: str) -> None:
    assert entries(lock)
    for entry in entries(lock):
        assert PIN.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ ", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_library_we_ask_for_is_locked_within_its_range(lock: str) -> None:
    locked = pins(lock)
    for wish in map(Requirement, LOCKS[lock]):
        versions = [Version(version) for name, version in locked if name == canonicalize_name(wish.name)]
        assert versions, f"{wish.name} is not in {lock}: run `make lock`"
        assert all(version in wish.specifier for version in versions), f"{wish} in {lock}: run `make lock`"


def test_tests_run_on_the_versions_that_production_runs_on() -> None:
    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_make_alone_prints_every_job() -> None:
    listing = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    jobs = re.findall(r"^  make (\w+) +\S", listing, flags=re.MULTILINE)
    assert jobs == ["help", "run", "test", "check", "fix", "bench", "rehearsal", "servers", "lock", "clean"]


@pytest.fixture
def bare_path(tmp_path: Path) -> Path:
    """A folder for PATH with the plainest tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("cat", "grep", "rm", "sh"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


def put_program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run_script(name: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / name), *arguments],
        cwd=path.parent,
        env={"PATH": str(path), "JVMS": str(path.parent / "jvm"), "POLICY": str(path.parent / "policy-rc.d")},
        capture_output=True,
        text=True,
    )


def test_without_a_recent_python_the_set_up_says_so(bare_path: Path) -> None:
    put_program(bare_path, "python3", "exit 1")  # too old, by its own answer
    result = run_script("venv.sh", "requirements.lock", path=bare_path)
    assert result.returncode == 1
    assert "no Python 3.11 or newer was found" in result.stderr
    assert not (bare_path.parent / ".venv").exists()


def test_a_python_without_its_venv_module_is_told_from_none_at_all(bare_path: Path) -> None:
    put_program(bare_path, "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    result = run_script("venv.sh", "requirements.lock", path=bare_path)
    assert result.returncode == 1
    assert "its venv module is missing" in result.stderr
    assert "apt-get install python3-venv" in result.stderr


def test_servers_that_cannot_be_installed_are_named(bare_path: Path) -> None:
    put_program(bare_path, "ffmpeg", "")
    result = run_script("servers.sh", path=bare_path)
    assert result.returncode == 1
    assert (
        "missing: bwrap chromium ffprobe mvn nginx openssl prometheus varnishd wrk java-17" in result.stderr
    )
    assert "maven openjdk-17-jre-headless" in result.stderr


def test_a_java_that_cassandra_cannot_use_counts_as_missing(bare_path: Path) -> None:
    for program in PROGRAMS:
        put_program(bare_path, program, "")
    put_program(bare_path, "java", """echo 'openjdk version "21.0.8" 2025-07-15' >&2""")
    result = run_script("servers.sh", path=bare_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[0] == "servers: missing: java-17"


def test_with_all_programs_there_only_what_has_to_be_fetched_or_built_is(bare_path: Path) -> None:
    for program in PROGRAMS:
        put_program(bare_path, program, "")
    put_program(bare_path, "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    environment = bare_path.parent / ".venv" / "bin"
    environment.mkdir(parents=True)
    put_program(environment, "python", 'echo "python $*"')
    result = run_script("servers.sh", path=bare_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "python -m cli.ring.jars",
        "python -m cli.gateway.build",
        "servers: bubblewrap, chromium, ffmpeg, openssl, nginx, varnish, prometheus, wrk, cassandra, versitygw, minio and caddy are here.",
    ]


def test_what_is_installed_is_not_started_as_a_service(bare_path: Path) -> None:
    for tool in ("chmod", "mktemp"):
        (bare_path / tool).symlink_to(str(shutil.which(tool)))
    policy = bare_path.parent / "policy-rc.d"
    put_program(bare_path, "id", "echo 0")
    put_program(bare_path, "dpkg-query", "exit 1")
    put_program(bare_path, "apt-get", f"{policy}; echo $? >>{bare_path.parent}/answers; exit 100")
    result = run_script("servers.sh", path=bare_path)
    assert "apt-get could not install" in result.stderr
    assert (bare_path.parent / "answers").read_text() == "101\n", "a service may be started"
    assert not policy.exists()


def test_the_readmes_first_screen_shows_commands_that_the_makefile_has() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    shown = set(re.findall(r"^    make ([a-z]+)", first_screen, re.M))
    assert shown == {"run", "test"}
    assert shown <= targets


def test_site_toml_explains_every_setting_and_shows_its_default() -> None:
    text = (ROOT / "site.toml").read_text()
    assert load(ROOT / "site.toml", {}) == Settings()
    for section, field in Settings.model_fields.items():
        inside = text.split(f"\n[{section}]\n")[1].split("\n[")[0]
        for name in type(field.default).model_fields:
            explained = re.search(rf"^(# )?{name}\b.*[#:] \S", inside, re.M)
            assert explained, f"[{section}] {name} is not explained in site.toml"
