"""Importing what others wrote: every profile comes in, whatever is wrong with some of its fields."""

from __future__ import annotations

import csv
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.adopting import _merged
from core.backends import Backends
from core.errors import OutcomeUnknown
from core.ids import digest
from core.media import Media, Rendition, RenditionFile
from core.profile import Snapshot, TestimonialsSection, TimelineSection
from core.store import Account
from core.store.naming import owner_of
from tests.cli.conftest import Holdfast

Load = Callable[[str], Snapshot]

ANN: dict[str, Any] = {
    "name": "Ann Ōkubo 🎨",
    "type": "personal",
    "layout": "split",
    "bio": "Paints *boats*.",
    "tags": ["Boats", "boats", "Oil paint"],
    "socials": [
        {"icon": "FaGithub", "url": "https://github.com/ann"},
        {"icon": "FaMastodon", "url": "https://mastodon.social/@ann"},
    ],
    "links": [
        {"name": "Code", "url": "github.com/ann", "icon": "FaGithub", "color": "red"},
        {"name": "Shop", "url": "https://ann.example/shop", "icon": "SiEtsy", "group": "Buy"},
    ],
    "milestones": [
        {"title": "First boat", "date": "Spring 2019", "icon": "FaTrophy", "description": "Small."}
    ],
    "testimonials": [
        {"username": "bob", "title": "Lovely", "description": "Bought two.", "date": "2023-01-01"},
        "carl",
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "profiles"
    made.mkdir()
    return made


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(json.dumps(content), "utf-8")
    return path


def notes_on(report: Any, file: str) -> str:
    return "\n".join(note for one in report["left_out"] if one["file"] == file for note in one["notes"])


def reason_for(report: Any, file: str) -> str:
    return next((str(one["reason"]) for one in report["skipped"] if one["file"] == file), "")


def test_a_biodrop_profile_becomes_a_page_of_ours(holdfast: Holdfast, folder: Path, profile: Load) -> None:
    write(folder, "Ann.json", ANN)
    ran = holdfast("import", folder, "--json")
    assert ran.code == 0
    assert (ran.json["created"], ran.json["skipped"]) == (1, [])
    ann = profile("ann").head.profile
    assert (ann.name, ann.bio, ann.tags) == ("Ann Ōkubo 🎨", "Paints *boats*.", ("Boats", "Oil paint"))
    assert [(link.label, link.url, link.icon, link.group) for link in ann.links] == [
        ("Code", "https://github.com/ann", "github", ""),
        ("Shop", "https://ann.example/shop", "etsy", "Buy"),
        # The other social is the same address as a link.
        ("mastodon.social", "https://mastodon.social/@ann", "mastodon", "Elsewhere"),
    ]
    timeline, testimonials = ann.sections
    assert isinstance(timeline, TimelineSection)
    assert isinstance(testimonials, TestimonialsSection)
    assert [(one.title, one.date, one.icon) for one in timeline.milestones] == [
        ("First boat", "Spring 2019", "trophy")
    ]
    assert [(one.name, one.quote) for one in testimonials.testimonials] == [
        ("bob", "**Lovely**\n\nBought two.")
    ]
    assert '"carl" comes without words' in notes_on(ran.json, "Ann.json")


def test_a_bad_field_is_left_out_and_named_and_the_profile_is_kept(
    holdfast: Holdfast, folder: Path, profile: Load
) -> None:
    ugly = {
        "name": "Bo\nRamp \u202e",
        "bio": "b" * 7000,
        "tags": ["ok", 7, None, {"a": 1}, "t" * 60],
        "socials": "none",
        "links": [
            {"name": "Evil", "url": "javascript:alert(1)"},
            {"name": "Nowhere", "url": "not an address"},
            {"name": "No address"},
            {"url": "example.org/no-label"},
            {"name": "l" * 150, "url": "https://example.org/long"},
            {"name": "Long", "url": "https://example.org/" + "x" * 3000},
            "https://example.org/bare",
        ],
        "milestones": [
            {"date": "2020"},
            {"title": "Fine", "url": "data:text/html,x", "description": ["no"]},
        ],
    }
    write(folder, "bo.json", ugly)
    ran = holdfast("import", folder, "--json")
    assert ran.json["created"] == 1
    bo = profile("bo").head.profile
    assert bo.name == "Bo Ramp"
    assert bo.bio == "b" * 5000
    assert bo.tags == ("ok", "7", "t" * 40)
    assert [(link.label, link.url) for link in bo.links] == [
        ("example.org", "https://example.org/no-label"),
        ("l" * 100, "https://example.org/long"),
    ]
    (timeline,) = bo.sections
    assert isinstance(timeline, TimelineSection)
    assert [(one.title, one.url, one.description) for one in timeline.milestones] == [("Fine", "", "")]
    said = notes_on(ran.json, "bo.json")
    for part in (
        "bio: may have at most 5000 characters; cut",
        "javascript:alert(1)",
        "not an address",
        '"No address"): has no address',
        "links.6: is not an object",
        "milestones.0: has no title",
        "milestones.1.url",
        "socials: is not a list",
        "tags.3: is not text",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("example.org/me", "https://example.org/me"),
        ("//example.org", "https://example.org"),
        ("https:/example.org", "https://example.org"),
        ("https//example.org", "https://example.org"),
        ("https://https://example.org", "https://example.org"),
        ("example.org:8080/x", "https://example.org:8080/x"),
        (" www.example.org/my page ", "https://www.example.org/my%20page"),
        ("ann@example.org", "mailto:ann@example.org"),
        ("http://example.org", "http://example.org"),
        ("tel:+4912345", "tel:+4912345"),
    ],
)
def test_a_link_is_mended(holdfast: Holdfast, folder: Path, profile: Load, written: str, meant: str) -> None:
    write(folder, "ann.json", {"name": "Ann", "links": [{"name": "L", "url": written}]})
    assert holdfast("import", folder).code == 0
    assert [link.url for link in profile("ann").head.profile.links] == [meant]


@pytest.mark.parametrize(
    "written",
    ["#", "/about", "nothing", "java\nscript:x", " JAVASCRIPT:x", "data:,x", "file:///etc", "https://[", 5],
)
def test_a_link_that_cannot_be_mended_is_left_out(
    holdfast: Holdfast, folder: Path, profile: Load, written: object
) -> None:
    write(folder, "ann.json", {"name": "Ann", "links": [{"name": "L", "url": written}]})
    ran = holdfast("import", folder, "--json")
    assert profile("ann").head.profile.links == ()
    assert "can't be used as an address" in notes_on(ran.json, "ann.json")


def test_what_is_no_profile_is_named_and_the_others_go_on(holdfast: Holdfast, folder: Path) -> None:
    secret = write(folder.parent, "secret.json", {"name": "Secret"})
    write(folder, "ann.json", b"\xef\xbb\xbf" + json.dumps(ANN).encode())
    write(folder, "zoe.json", json.dumps({"bio": "No name."}).encode("utf-16"))
    write(folder, "broken.json", b'{"name": ')
    write(folder, "binary.json", b"\x00\xff\xfe" * 50)
    write(folder, "deep.json", b"[" * 200_000)
    write(folder, "list.json", ["Ann"])
    write(folder, "other.json", {"version": 3, "dependencies": {}})
    write(folder, "huge.json", b" " * (17 << 20))
    write(folder, "admin.json", {"name": "Admin"})
    write(folder, "a b.json", {"name": "Spaced"})
    write(folder, "\x1b[31mred.json", {"name": "Red"})
    write(folder, "notes.txt", b"not looked at")
    (folder / "link.json").symlink_to(secret)
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    ran = holdfast("import", folder, "--json")
    assert ran.code == 0
    assert ran.json["created"] == 2
    assert "zoe stands in" in notes_on(ran.json, "zoe.json")
    reasons = {
        "broken.json": "not JSON",
        "binary.json": "not JSON",
        "deep.json": "nested too deeply",
        "list.json": "an object is expected",
        "other.json": "none of a profile's fields",
        "huge.json": "larger than 16 MB",
        "admin.json": "reserved",
        "a b.json": "can't be a username",
        r"\x1b[31mred.json": "can't be a username",
        "link.json": "symbolic link",
        "folder.json": "no plain file",
        "pipe.json": "no plain file",
    }
    assert len(ran.json["skipped"]) == len(reasons)
    for file, reason in reasons.items():
        assert reason in reason_for(ran.json, file), file


def test_nothing_that_strangers_wrote_reaches_the_terminal_raw(holdfast: Holdfast, folder: Path) -> None:
    write(folder, "ann.json", {"name": "Ann", "links": [{"name": "[red]\x1b]0;x\x07", "url": "\x1b[2J"}]})
    write(folder, "bob.json", {"name": "Bob", "links": [{"name": "[/]", "url": "nowhere"}]})
    ran = holdfast("import", folder)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "[/]" in ran.out


def test_two_files_of_one_username_do_not_fight(holdfast: Holdfast, folder: Path, profile: Load) -> None:
    write(folder, "Ann.json", {"name": "First"})
    write(folder, "ann.json", {"name": "Second"})
    ran = holdfast("import", folder, "--json")
    assert "Ann.json has the same username" in reason_for(ran.json, "ann.json")
    assert profile("ann").head.profile.name == "First"


def test_importing_again_changes_only_what_differs(holdfast: Holdfast, folder: Path, profile: Load) -> None:
    write(folder, "ann.json", ANN)
    write(folder, "bob.json", {"name": "Bob", "bio": "Old."})
    holdfast("import", folder)
    before = profile("ann").head.revision, profile("bob").head.revision
    write(folder, "bob.json", {"name": "Bob", "bio": "New."})
    ran = holdfast("import", folder, "--json")
    assert (ran.json["created"], ran.json["changed"], ran.json["unchanged"]) == (0, 1, 1)
    assert ran.json["claim_links"] == 0
    assert (profile("ann").head.revision, profile("bob").head.revision) == (before[0], before[1] + 1)
    assert profile("bob").head.profile.bio == "New."


def rows(file: Path) -> list[list[str]]:
    return list(csv.reader(file.read_text().splitlines()))


def test_each_profile_gets_one_claim_link_that_only_the_operator_can_read(
    holdfast: Holdfast, folder: Path, backends: Backends, tmp_path: Path
) -> None:
    write(folder, "ann.json", ANN)
    file = tmp_path / "links.csv"
    file.write_text("")
    file.chmod(0o644)
    ran = holdfast("import", folder, "--claim-links", file, "--studio", "127.0.0.1:4321")
    assert str(file) in ran.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ((username, link),) = rows(file)[1:]
    address, _, token = link.rpartition("/")
    assert (username, address) == ("ann", "http://127.0.0.1:4321/claim")
    assert token not in ran.out + ran.err
    assert backends.store.accounts.invited(digest(token)) == owner_of(backends.store, "ann")
    holdfast("import", folder, "--claim-links", file)
    assert len(rows(file)) == 2
    holdfast("import", folder, "--claim-links", file, "--new-links")
    newer = rows(file)[2][1].rpartition("/")[2]
    assert backends.store.accounts.invited(digest(token)) is None
    assert backends.store.accounts.invited(digest(newer)) == owner_of(backends.store, "ann")


def claimed(backends: Backends, username: str) -> None:
    owner = owner_of(backends.store, username)
    assert owner is not None
    backends.store.accounts.create(Account(id="a1", email="a@example.org", password_hash="x", created_at=1))
    backends.store.accounts.allow("a1", owner)


def test_what_an_owner_wrote_is_left_alone_unless_the_operator_insists(
    holdfast: Holdfast, folder: Path, backends: Backends, profile: Load
) -> None:
    write(folder, "ann.json", ANN)
    holdfast("import", folder)
    claimed(backends, "ann")
    assert holdfast("import", folder, "--json").json["unchanged"] == 1
    write(folder, "ann.json", ANN | {"bio": "The file's."})
    ran = holdfast("import", folder, "--json")
    assert "--overwrite" in reason_for(ran.json, "ann.json")
    assert profile("ann").head.profile.bio == "Paints *boats*."
    assert ran.code == 1  # nothing came in at all
    ran = holdfast("import", folder, "--overwrite", "--json")
    assert (ran.json["changed"], ran.json["claim_links"]) == (1, 0)
    assert profile("ann").head.profile.bio == "The file's."


def test_what_the_file_does_not_speak_of_stays(
    holdfast: Holdfast, folder: Path, backends: Backends, profile: Load
) -> None:
    write(folder, "ann.json", ANN)
    write(
        folder,
        "own.json",
        {
            "format": "holdfast-profile",
            "version": 1,
            "profile": {"name": "Own", "theme": "dusk", "sections": [{"kind": "text", "body": "Mine"}]},
        },
    )
    holdfast("import", folder)
    (folder / "own.json").unlink()
    write(folder, "own.json", ANN)
    assert holdfast("import", folder, "--json").json["changed"] == 1
    own = profile("own").head.profile
    assert own.theme == "dusk"
    assert [section.kind for section in own.sections] == ["timeline", "testimonials", "text"]
    assert holdfast("import", folder, "--json").json["unchanged"] == 2


def test_a_former_name_and_a_deleted_profiles_name_stay_where_they_are(
    holdfast: Holdfast, folder: Path, backends: Backends, profile: Load
) -> None:
    from core.store.naming import rename
    from core.store.revise import revise

    write(folder, "ann.json", ANN)
    write(folder, "bob.json", {"name": "Bob"})
    holdfast("import", folder)
    rename(backends.store, profile("ann").head.id, "anna")
    revise(
        backends.store,
        profile("bob").head.id,
        lambda old: old.model_copy(update={"head": old.head.model_copy(update={"deleted": True})}),
        writer="w",
        what="deleted",
        by_creator=True,
    )
    ran = holdfast("import", folder, "--json")
    assert "a former one of @anna" in reason_for(ran.json, "ann.json")
    assert "deleted profile" in reason_for(ran.json, "bob.json")


def test_an_import_that_died_between_two_steps_is_finished_by_the_next(
    holdfast: Holdfast, folder: Path, backends: Backends, profile: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.store.sqlite.names import SqliteNames

    write(folder, "ann.json", ANN)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    take = SqliteNames.take

    def take_and_die(*arguments: Any) -> None:
        take(*arguments)
        die()

    with monkeypatch.context() as patch:
        patch.setattr(SqliteNames, "take", take_and_die)
        assert holdfast("import", folder).code == 130
    ran = holdfast("import", folder, "--json")
    assert ran.json["claim_links"] == 1
    name = profile("ann").head.name
    assert name is not None
    assert name.username == "ann"
    assert holdfast("import", folder, "--json").json["unchanged"] == 1


def test_a_crash_before_its_claim_link_costs_no_profile_its_link(
    holdfast: Holdfast, folder: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cli.importing import ClaimLinks

    write(folder, "ann.json", ANN)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ClaimLinks, "make", die)
        assert holdfast("import", folder).code == 130
    assert holdfast("import", folder, "--json").json["claim_links"] == 1


def test_one_file_can_be_imported_and_a_missing_one_is_a_sentence(holdfast: Holdfast, folder: Path) -> None:
    path = write(folder, "ann.json", ANN)
    assert holdfast("import", path, "--json").json["created"] == 1
    for wrong in (folder / "nobody", folder.parent / "data"):
        ran = holdfast("import", wrong)
        assert ran.code == 1
        assert "Traceback" not in ran.err
        assert ".json" in ran.err or "JSON" in ran.err


def test_a_used_claim_link_needs_no_other_and_is_none_that_is_out(
    holdfast: Holdfast, folder: Path, backends: Backends
) -> None:
    write(folder, "ann.json", ANN)
    holdfast("import", folder)
    owner = owner_of(backends.store, "ann")
    assert owner is not None
    assert backends.store.accounts.invite_of(owner)
    backends.store.accounts.invite("d" * 64, owner)
    backends.store.accounts.create(Account(id="a1", email="a@example.org", password_hash="x", created_at=1))
    assert backends.store.accounts.redeem("d" * 64, "a1") == owner
    assert not backends.store.accounts.invite_of(owner)
    assert holdfast("import", folder, "--json").json["claim_links"] == 0


def test_profiles_side_by_side_are_told_of_in_their_order(
    holdfast: Holdfast, folder: Path, backends: Backends, tmp_path: Path
) -> None:
    names = [f"artist{number:02}" for number in range(40)]
    for name in names:
        write(folder, f"{name}.json", ANN | {"name": name, "tags": [None, name]})
    write(folder, "Artist07.json", {"name": "First"})
    write(folder, "artist20.json", b"{")
    links = tmp_path / "links.csv"
    ran = holdfast("import", folder, "--jobs", 8, "--claim-links", links, "--json")
    assert ran.json["created"] == 39
    assert [one["file"] for one in ran.json["skipped"]] == ["artist07.json", "artist20.json"]
    kept = [name for name in names if name not in ("artist07", "artist20")]
    assert [one["username"] for one in ran.json["left_out"]] == kept
    assert [name for name, _ in rows(links)[1:]] == ["artist07", *kept]
    for username, link in rows(links)[1:]:
        token = link.rpartition("/")[2]
        assert backends.store.accounts.invited(digest(token)) == owner_of(backends.store, username)
    again = holdfast("import", folder, "--jobs", 8, "--json").json
    assert (again["unchanged"], again["claim_links"]) == (39, 0)


def test_a_store_that_is_away_for_a_moment_is_asked_again(
    holdfast: Holdfast, folder: Path, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.store.sqlite.accounts import SqliteAccounts
    from core.store.sqlite.changes import SqliteChanges

    away = {"schedule": 1, "invite": 1}

    def sometimes(act: Any, name: str) -> Any:
        def acting(*arguments: Any) -> Any:
            if away[name]:
                away[name] -= 1
                raise OutcomeUnknown
            return act(*arguments)

        return acting

    monkeypatch.setattr(SqliteChanges, "schedule", sometimes(SqliteChanges.schedule, "schedule"))
    monkeypatch.setattr(SqliteAccounts, "invite", sometimes(SqliteAccounts.invite, "invite"))
    write(folder, "ann.json", ANN)
    assert holdfast("import", folder, "--json").json["created"] == 1
    owner = owner_of(backends.store, "ann")
    assert owner is not None
    assert backends.store.accounts.invite_of(owner)


def test_a_rendition_that_comes_while_its_profile_is_imported_stays() -> None:
    looked_up = Media(id="medium1234", kind="image", state="making", alt="A boat.", position=3)
    file = RenditionFile(name="640.webp", type="image/webp", bytes=9)
    still = Rendition(recipe="still", attempt="attempt1", files=(file,))
    now = looked_up.with_rendition(still).model_copy(update={"state": "ready", "revision": 7})
    after = _merged(now, looked_up.model_copy(update={"alt": "Our boat.", "position": 1}))
    assert (after.state, after.revision, after.renditions) == ("ready", 7, (still,))
    assert (after.alt, after.position) == ("Our boat.", 1)
