"""`holdfast edge-config`: whole configurations from the settings; what is shipped is what the default settings make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from cli.fronts import FILES, TEMPLATES, Kind, Wishes, draw
from core.errors import OperatorError
from core.settings import EdgeSettings, PurgeSettings, Settings, SiteSettings
from tests.front.conftest import EACH


def holdfast(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "edge-config", *arguments],
        cwd=folder,
        env=environment | settings | {"PYTHONPATH": str(TEMPLATES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", get_args(Kind))
def test_what_is_shipped_is_what_the_default_settings_make(kind: Kind) -> None:
    shipped = (TEMPLATES / FILES[kind]).read_text()
    assert shipped == draw(kind, Settings(), Wishes()), (
        f"run: holdfast edge-config {kind} --out deploy/{FILES[kind]}"
    )


def test_it_goes_to_a_file_or_is_printed(tmp_path: Path) -> None:
    printed = holdfast("varnish", folder=tmp_path)
    assert holdfast("varnish", "--out", "front.vcl", folder=tmp_path).returncode == 0
    assert (tmp_path / "front.vcl").read_text() == printed.stdout


def test_the_settings_and_the_flags_decide(tmp_path: Path) -> None:
    settings = {
        "HOLDFAST_SITE__URL": "https://people.example.org",
        "HOLDFAST_SITE__MEDIA_URL": "https://media.example.org",
        "HOLDFAST_PURGE__EDGES": "http://10.0.0.1:8080,http://[fd00::2]:8080",
        "HOLDFAST_EDGE__CDN_S": "60",
        "HOLDFAST_EDGE__STALE_S": "600",
        "HOLDFAST_EDGE__TRUSTED_PROXIES": "192.0.2.0/24",
    }
    flags = [
        "--listen",
        "8088",
        "--tls",
        "8443",
        "--certificate",
        "/etc/a.pem",
        "--key",
        "/etc/a.key",
        "--cache",
        "/srv/c",
    ]
    flags += ["--name", "Origin.example.org", "--purge-from", "10.0.0.0/8", "--rate", "50", "--outermost"]
    text = holdfast("nginx", *flags, folder=tmp_path, **settings).stdout
    for words in (
        "server 10.0.0.1:8080 ",
        "server [fd00::2]:8080 ",
        "listen 8088 ",
        "listen 8443 ssl http2 ",
        "ssl_certificate /etc/a.pem;",
        "proxy_set_header Host people.example.org;",
        "proxy_set_header Host media.example.org;",
        "server_name origin.example.org people.example.org www.people.example.org ",
        "proxy_cache_path /srv/c/pages ",
        "-mmin +11 ",
        "allow 10.0.0.0/8;",
        "rate=50r/s;",
        "set_real_ip_from 192.0.2.0/24;",
        "proxy_hide_header surrogate-key;",
        "return 301 https://people.example.org$request_uri;",
    ):
        assert words in text
    text = holdfast(
        "varnish", "--purge-from", "10.0.0.0/8", "--outermost", folder=tmp_path, **settings
    ).stdout
    for words in (
        '.host = "fd00::2";',
        '"10.0.0.0"/8;',
        "unset resp.http.surrogate-key;",
        'host = "people.example.org";',
    ):
        assert words in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nginx", "--tls", "443"], "--certificate"),
        (["nginx", "--listen", "here"], "--listen here is not an address"),
        (["nginx", "--cache", "/srv/a; b"], "--cache"),
        (["nginx", "--name", "https://a.example"], "--name https://a.example"),
        (["nginx", "--purge-from", "everybody"], "--purge-from everybody"),
        (["nginx", "--rate", "-1"], "--rate"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    told = holdfast(*arguments, folder=tmp_path)
    assert told.returncode != 0
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_edges_that_a_cache_could_not_ask_are_refused() -> None:
    mixed = Settings(purge=PurgeSettings(edges=("http://a.example", "https://b.example")))
    with pytest.raises(OperatorError, match="one scheme"):
        draw("nginx", mixed, Wishes())
    with pytest.raises(OperatorError, match="no TLS"):
        draw("varnish", mixed, Wishes())


@pytest.mark.parametrize("kind", EACH)
def test_the_servers_accept_what_every_option_makes(tmp_path: Path, kind: Kind) -> None:
    settings = Settings(
        site=SiteSettings(
            url=f"https://{'people.' * 30}example.org", media_url="https://media.example.org:8443"
        ),
        edge=EdgeSettings(trusted_proxies=("192.0.2.0/24", "2001:db8::/32")),
        purge=PurgeSettings(edges=("http://127.0.0.1:8080", "http://[::1]:8081")),
    )
    file = tmp_path / "conf"
    for wishes in (
        Wishes(cache=str(tmp_path)),
        Wishes(cache=str(tmp_path), outermost=True, per_s=0, user="", names=("origin.example.org",)),
    ):
        file.write_text(draw(kind, settings, wishes))
        check = ["nginx", "-t", "-e", "stderr", "-c", str(file), "-g", f"pid {tmp_path}/pid;"]
        if kind == "varnish":
            check = ["varnishd", "-C", "-j", "none", "-f", str(file), "-n", str(tmp_path / "work")]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
