"""Settings: one file, the environment above it, and every mistake at once with its key and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.purge_targets import Cloudflare, CloudFront, Fastly, Nginx, Varnish, WebhookTarget
from core.settings import Settings, load

SHIPPED = Path(__file__).parent.parent.parent / "site.toml"


def site(folder: Path, text: str) -> Path:
    file = folder / "site.toml"
    file.write_text(text, "utf-8")
    return file


def mistakes(file: Path, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(file, environ)
    return [one.replace(str(file), "site.toml") for one in caught.value.mistakes]


def test_without_a_file_and_environment_there_are_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Settings()


def test_the_shipped_file_holds_every_setting_with_its_default() -> None:
    text = SHIPPED.read_text("utf-8")
    assert load(SHIPPED, {}) == Settings()
    for section, field in Settings.model_fields.items():
        part = text.split(f"\n[{section}]\n")[1].split("\n[")[0]
        for key in type(field.default).model_fields:
            # A secret belongs into the environment, so it is only spoken of.
            assert re.search(rf"^(# )?{key}( =|:)", part, re.MULTILINE), f"[{section}] {key}"


def test_the_file_of_the_current_folder_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(tmp_path, '[site]\nname = "Here"')
    other = tmp_path / "other.toml"
    other.write_text('[site]\nname = "There"')
    monkeypatch.chdir(tmp_path)
    assert load(environ={}).site.name == "Here"
    assert load(environ={"HOLDFAST_SITE": str(other)}).site.name == "There"
    assert load(other, {"HOLDFAST_SITE": "nowhere"}).site.name == "There"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = site(tmp_path, '[edge]\nport = 9000\nhost = "::1"\n[purge]\nedges = ["http://a:1"]')
    environ = {
        "HOLDFAST_EDGE__PORT": "9001",
        "HOLDFAST_PURGE__EDGES": "http://b:1, https://c",
        "HOLDFAST_STUDIO__TRUSTED_PROXIES": '["10.0.0.0/8", "::1"]',
        "HOLDFAST_DATA__DIR": "/srv/holdfast",
        "HOLDFAST_TEST_REQUIRE": "all",
        "HOLDFAST_PORT": "tcp://10.0.0.1:80",  # as Kubernetes sets for a service of that name
        "PATH": "/bin",
    }
    settings = load(file, environ)
    assert (settings.edge.port, settings.edge.host) == (9001, "::1")
    assert settings.purge.edges == ("http://b:1", "https://c")
    assert settings.studio.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.data.dir == Path("/srv/holdfast")
    assert load(file, {"HOLDFAST_PURGE__EDGES": ""}).purge.edges == ()


def test_every_mistake_is_told_at_once_with_its_key_and_line(tmp_path: Path) -> None:
    file = site(
        tmp_path,
        """
studio.port = "many"

[site]
name = ""
url = "https://example.org/people"
path = "people/"
media_url = "https://media.example.org; script-src *"

[edge]  # a comment
port = 70000
colour = "blue"

[purge]
edges = ["http://a:1",
  "ftp://b"]

[wroker]
threads = 1
""",
    )
    told = mistakes(file, HOLDFAST_LOG__LEVEL="loud", HOLDFAST_EDGE__FRESH_S="soon", HOLDFAST_SHOP__OPEN="1")
    wanted = [
        r"environment variable HOLDFAST_EDGE__FRESH_S: .*number",
        r"environment variable HOLDFAST_LOG__LEVEL: must be one of 'debug', .*",
        r"environment variable HOLDFAST_SHOP__OPEN: is not a field here",
        r"site\.toml:2 \[studio\] port: .*integer.*",
        r"site\.toml:5 \[site\] name: is required",
        r"site\.toml:6 \[site\] url: must be scheme://host.*",
        r'site\.toml:7 \[site\] path: must be "" or begin with a slash.*',
        r'site\.toml:8 \[site\] media_url: must be "" or scheme://host.*',
        r"site\.toml:11 \[edge\] port: should be less than or equal to 65535",
        r"site\.toml:12 \[edge\] colour: is not a field here",
        r"site\.toml:15 \[purge\] edges\.1: must be scheme://host.*",
        r"site\.toml:18 \[wroker\]: is not a field here",
    ]
    assert len(told) == len(wanted)
    for pattern in wanted:
        assert [one for one in told if re.match(pattern, one)], f"{pattern} in {told}"


def test_a_mistake_in_a_list_of_the_environment_names_the_variable(tmp_path: Path) -> None:
    file = site(tmp_path, '[purge]\nedges = ["http://a:1"]\n')
    (told,) = mistakes(file, HOLDFAST_PURGE__EDGES="http://a:1,b")
    assert told.startswith("environment variable HOLDFAST_PURGE__EDGES: must be scheme://host")
    (told,) = mistakes(file, HOLDFAST_PURGE__EDGES='["http://a:1"')
    assert told.startswith("environment variable HOLDFAST_PURGE__EDGES: ")


def test_a_section_that_is_no_table_is_told_with_its_line(tmp_path: Path) -> None:
    (told,) = mistakes(site(tmp_path, "\nedge = 5\n"), HOLDFAST_STUDIO__PORT="1")
    assert told.startswith("site.toml:2 [edge]: ")


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (told,) = mistakes(site(tmp_path, "[site]\nname = Ann\n"))
    assert re.match(r"site\.toml is not TOML: .*line 2", told)


def test_a_file_that_can_not_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path / "missing.toml")
    assert "can't be read" in told
    assert "--site" in told
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[site]\nname = "\xe4"\n')
    assert "can't be read" in mistakes(latin)[0]


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    secret = "correct horse battery staple, twice over"
    settings = load(site(tmp_path, ""), {"HOLDFAST_PURGE__SECRET": secret})
    assert settings.purge.secret.get_secret_value() == secret
    assert secret not in repr(settings) + str(settings) + settings.model_dump_json()
    (told,) = mistakes(site(tmp_path, ""), HOLDFAST_PURGE__SECRET="hunter2")
    assert told == "environment variable HOLDFAST_PURGE__SECRET: must have at least 32 characters"


@pytest.mark.parametrize("url", ["http://x:8080", "https://example.org", "http://[::1]:8080"])
def test_an_origin_has_scheme_host_and_port_and_nothing_else(tmp_path: Path, url: str) -> None:
    assert load(site(tmp_path, f'[site]\nurl = "{url}"'), {}).site.url == url
    for wrong in (f"{url}/", f"{url}/people", f"{url}?x", url.removeprefix("http"), f"{url} "):
        (told,) = mistakes(site(tmp_path, f'[site]\nurl = "{wrong}"'))
        assert "[site] url" in told


# ── caches in front ──

TARGETS = """
[purge]
edges = []

[[purge.target]]
kind = "cloudflare"
name = "cf"
zone = "0123456789abcdef0123456789abcdef"
token_env = "CF_TOKEN"

[[purge.target]]
kind = "webhook"
name = "hook"
url = "https://example.org/hooks"
secrets_env = "HOOK_SECRETS"
"""
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_targets_secrets_come_from_the_variables_it_names(tmp_path: Path) -> None:
    environ = {"CF_TOKEN": "the token of nobody", "HOOK_SECRETS": f"{WHSEC} {WHSEC}"}
    settings = load(site(tmp_path, TARGETS), environ)
    cloudflare, webhook = settings.purge.target
    assert isinstance(cloudflare, Cloudflare)
    assert cloudflare.token.get_secret_value() == "the token of nobody"
    assert isinstance(webhook, WebhookTarget)
    assert [one.get_secret_value() for one in webhook.secrets] == [WHSEC, WHSEC]
    for secret in environ.values():
        assert secret not in repr(settings) + str(settings) + settings.model_dump_json()


def test_who_needs_no_secret_of_a_target_does_without(tmp_path: Path) -> None:
    """An edge, which readers can reach, has no business with the token of a CDN."""
    targets = load(site(tmp_path, TARGETS), {}).purge.target
    assert [target.missing for target in targets] == ["CF_TOKEN", "HOOK_SECRETS"]


def test_a_target_may_come_from_the_environment_as_json(tmp_path: Path) -> None:
    table = '[{"kind": "nginx", "name": "front", "addresses": ["http://10.0.0.8:8081"]}]'
    (target,) = load(site(tmp_path, ""), {"HOLDFAST_PURGE__TARGET": table}).purge.target
    assert target.name == "front"


def test_every_mistake_of_a_target_is_told_with_the_line_it_begins_at(tmp_path: Path) -> None:
    more = """
[[purge.target]]
kind = "varnish"
name = "Cache"
addresses = ["http://10.0.0.7:6081/x"]
colour = "blue"

[[purge.target]]
kind = "squid"
name = "old"

[[purge.target]]
kind = "fastly"
name = "bare"
service = "s"
"""
    told = mistakes(site(tmp_path, TARGETS + more), HOOK_SECRETS="whsec_c2hvcnQ=")
    wanted = [
        r"site\.toml:11 \[purge\] target\.1\.secrets\.0: must be whsec_ and 24 to 64 random bytes in base64",
        r"site\.toml:17 \[purge\] target\.2\.name: is not written as it should be",
        r"site\.toml:17 \[purge\] target\.2\.addresses\.0: must be scheme://host",
        r"site\.toml:17 \[purge\] target\.2\.colour: is not a field here",
        r"site\.toml:23 \[purge\] target\.3\.kind: must be one of 'cloudflare', .*'webhook'",
        r"site\.toml:27 \[purge\] target\.4: needs token_env",
    ]
    assert len(told) == len(wanted)
    for pattern in wanted:
        assert [one for one in told if re.match(pattern, one)], f"{pattern} in {told}"
    assert "c2hvcnQ" not in str(told)


def test_two_targets_have_two_names(tmp_path: Path) -> None:
    twice = '[[purge.target]]\nkind = "varnish"\nname = "a"\naddresses = ["http://b"]\n' * 2
    (told,) = mistakes(site(tmp_path, twice))
    assert "must each have a name of its own" in told


def test_the_shipped_file_speaks_of_every_key_of_every_target() -> None:
    part = SHIPPED.read_text("utf-8").split("\n[purge]\n")[1].split("\n[")[0]
    kinds = (Cloudflare, CloudFront, Fastly, Nginx, Varnish, WebhookTarget)
    # A secret itself is given by the variable that its key with _env names.
    named = {key for kind in kinds for key in kind.model_fields} - {"token", "secrets"}
    assert [key for key in sorted(named) if not re.search(rf"\b{key}\b", part)] == []
