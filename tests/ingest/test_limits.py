"""Limits, tokens and deadlines, each by itself."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from core import rate as rates
from core.addresses import client_address
from core.errors import TooMany
from core.profile import Profile
from core.rate import Rate
from core.store import naming
from ingest import edits, limits, passwords
from ingest.accounts import LogIn, log_in
from ingest.edits import Terms
from ingest.passwords import Passwords
from ingest.tokens import Signer
from tests.ingest.forms import made_of, sign_up, value
from tests.ingest.studios import PASSWORD, Browser, Creator, Studio


def test_a_rate_lets_a_minutes_worth_through_at_once_and_then_refills_evenly() -> None:
    now = 0.0
    rate = Rate(60, "changes", clock=lambda: now)
    for _ in range(60):
        rate.take("ann")
    with pytest.raises(TooMany) as refused:
        rate.take("ann")
    assert refused.value.retry_after_s == 1
    rate.take("bob")
    now = 1.0
    rate.take("ann")
    with pytest.raises(TooMany):
        rate.take("ann")


def test_a_rate_forgets_who_has_not_been_seen_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "KEYS_MAX", 10)
    rate = Rate(1, "changes", clock=lambda: 0.0)
    for number in range(11):
        rate.take(str(number))
    rate.take("0")
    with pytest.raises(TooMany):
        rate.take("10")


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "client"),
    [
        ("203.0.113.9", "", [], "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", [], "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.1", "", ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", "rubbish, 10.0.0.7", ["10.0.0.0/8"], "10.0.0.7"),
        ("2001:db8::1:2:3:4", "", [], "2001:db8::/64"),
        ("::ffff:203.0.113.9", "", [], "203.0.113.9"),
    ],
)
def test_a_client_is_who_the_last_trusted_proxy_says(
    peer: str, forwarded: str, trusted: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, trusted) == client


def test_a_token_is_good_for_its_purpose_and_secret_only() -> None:
    signer = Signer(b"sixteen bytes and more")
    token = signer.token("upload", {"profile": "x", "bytes": 7})
    assert signer.content("upload", token) == {"profile": "x", "bytes": 7}
    assert signer.content("form", token) is None
    assert Signer(b"another secret, as long").content("upload", token) is None
    for wrong in ("", "x", token[:-1], token + "A", "A" * len(token), "é"):
        assert signer.content("upload", wrong) is None
    with pytest.raises(ValueError, match="16 bytes"):
        Signer(b"short")


def test_a_password_hashed_with_old_parameters_is_hashed_anew_at_login(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = studio.store.accounts.by_email("ann@example.org")
    monkeypatch.setattr(
        passwords, "PasswordHasher", lambda: PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    )
    log_in(studio.store, Passwords(), LogIn(email="ann@example.org", password=PASSWORD))
    after = studio.store.accounts.by_email("ann@example.org")
    assert before and after and before.password_hash != after.password_hash
    log_in(studio.store, Passwords(), LogIn(email="ann@example.org", password=PASSWORD))
    assert studio.store.accounts.by_email("ann@example.org") == after
    assert ann.get().status_code == 200


def test_the_password_is_stored_as_argon2id(studio: Studio, ann: Creator) -> None:
    account = studio.store.accounts.by_email("ann@example.org")
    assert (
        account and account.password_hash.startswith("$argon2id$") and PASSWORD not in account.password_hash
    )


def test_an_edit_that_outlives_its_deadline_is_unknown_and_settled_by_its_key(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"if-match": ann.etag(), "idempotency-key": "slow"}
    monkeypatch.setattr(edits, "DEADLINE_S", -1.0)
    late = ann.http.patch(ann.path, json={"bio": "slow"}, headers=headers)
    assert late.status_code == 503 and "Idempotency-Key" in late.json()["title"]
    monkeypatch.undo()
    again = ann.http.patch(ann.path, json={"bio": "slow"}, headers=headers)
    assert again.status_code == 200 and ann.get().json()["profile"]["bio"] == "slow"


def test_a_write_to_a_deleted_profile_is_refused_inside_the_revision(studio: Studio) -> None:
    profile_id = naming.found(studio.store, "ada", Profile(name="Ada")).head.id
    edits.delete_profile(studio.store, profile_id, Terms())
    with pytest.raises(edits.NotFound):
        edits.change_profile(studio.store, profile_id, lambda old: old, Terms())


def test_a_body_that_stands_still_is_given_up(
    studio: Studio, ann: Creator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODY_S_MAX", 0.05)

    def body():  # type: ignore[no-untyped-def]
        yield b'{"bio": '
        ann.get()
        for _ in range(200):
            yield b" "
            ann.get()

    reply = ann.http.patch(
        ann.path, content=body(), headers={"if-match": "*", "content-type": "application/json"}
    )
    assert reply.status_code == 408


def test_all_that_the_fields_of_a_form_may_hold_can_be_sent(studio: Studio, browser: Browser) -> None:
    sign_up(browser)
    browser.visit("/@ann/sections")
    form = made_of(browser)
    for number in range(30):
        form |= {f"sections.{number}.kind": "text", f"sections.{number}.body": "ü" * 10_000}
    saved = browser.send("/@ann/sections", form)
    assert saved.status_code == 200 and len(saved.request.content or "") < 8_000_000
    assert value(browser.page, "sections.29.body") == "ü" * 10_000


def test_a_strangers_form_has_the_smaller_limit(browser: Browser) -> None:
    browser.visit("/login")
    assert browser.send("/login", {"email": "x" * 1_100_000, "password": "x"}).status_code == 413
