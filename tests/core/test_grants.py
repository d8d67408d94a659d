"""Grants: what is signed opens, until its end; nothing else does."""

from __future__ import annotations

import base64
import hmac
import struct
from pathlib import Path

import pytest

from core.errors import SettingsError
from core.grants import DAY_S, HOUR_S, Grant, Grants, ends_at
from core.keyring import grants_of
from core.settings import load

OLD, NEW = b"an old secret, long enough", b"a new secret, long enough"
GRANT = Grant("page", "0123456789abcdef0123", 1_800_000_000, 3)
NOW = 1_799_999_999


@pytest.mark.parametrize("grant", [GRANT, GRANT._replace(kind="draft", post_id="f" * 20)])
def test_what_was_minted_opens_until_its_very_end(grant: Grant) -> None:
    grants = Grants([NEW])
    token = grants.mint(grant)
    assert grants.open(token, NOW) == grant
    assert grants.open(token, grant.expires_at) is None


def test_a_changed_cut_or_longer_token_opens_nothing() -> None:
    grants = Grants([NEW])
    token = grants.mint(GRANT)
    wrong = {token[:cut] for cut in range(len(token))} | {
        token + "A",
        token + "=",
        " " + token,
        token * 4,
        "é",
    }
    for place, letter in enumerate(token):
        wrong.add(token[:place] + ("A" if letter != "A" else "B") + token[place + 1 :])
    assert [one for one in wrong if grants.open(one, NOW) is not None] == []


def test_a_token_has_one_spelling() -> None:
    grants = Grants([NEW])
    # 50 bytes leave two bits of the last letter free: decoders take any for them.
    token = grants.mint(GRANT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    good = [letter for letter in alphabet if grants.open(token[:-1] + letter, NOW)]
    assert good == [token[-1]]


def test_secrets_change_one_after_the_other() -> None:
    before, both, after = Grants([OLD]), Grants([NEW, OLD]), Grants([NEW])
    old, new = before.mint(GRANT), both.mint(GRANT)
    assert both.open(old, NOW) == both.open(new, NOW) == after.open(new, NOW) == GRANT
    assert after.open(old, NOW) is None
    assert before.open(new, NOW) is None


def test_a_token_that_names_no_key_of_ours_opens_nothing_whoever_signed_it() -> None:
    body = struct.pack(">B4sII", 1, b"none", GRANT.expires_at, 0) + b"0123456789abcdef0123/"
    for secret in (b"", NEW):
        mac = hmac.digest(secret, b"holdfast grant\0" + body, "sha256")[:16]
        token = base64.urlsafe_b64encode(mac + body).rstrip(b"=").decode()
        assert Grants([NEW]).open(token, NOW) is None


def test_secrets_are_those_of_the_settings_or_one_that_is_made_once(tmp_path: Path) -> None:
    unset = load(environ={"HOLDFAST_DATA__DIR": str(tmp_path)})
    token = grants_of(unset).mint(GRANT)
    assert grants_of(unset).open(token, NOW) == GRANT
    assert (tmp_path / "secrets" / "grants").stat().st_mode & 0o077 == 0
    both = ",".join(["n" * 32, "o" * 32])
    given = load(environ={"HOLDFAST_DATA__DIR": str(tmp_path), "HOLDFAST_GRANTS__SECRETS": both})
    assert grants_of(given).open(token, NOW) is None
    assert grants_of(given).open(Grants([b"o" * 32]).mint(GRANT), NOW) == GRANT
    assert grants_of(given).mint(GRANT) == Grants([b"n" * 32]).mint(GRANT)
    with pytest.raises(SettingsError, match="HOLDFAST_GRANTS__SECRETS"):
        load(environ={"HOLDFAST_GRANTS__SECRETS": "short"})


@pytest.mark.parametrize(("days", "quantum_s"), [(1, HOUR_S), (6, HOUR_S), (7, DAY_S), (30, DAY_S)])
def test_links_of_one_quantum_end_together_and_never_early(days: int, quantum_s: int) -> None:
    start = 20_000 * DAY_S
    ends = {ends_at(start + second, days) for second in (1, quantum_s // 2, quantum_s)}
    assert ends == {start + quantum_s + days * DAY_S}
    assert ends_at(start + quantum_s + 0.5, days) >= start + quantum_s + days * DAY_S


def test_a_short_secret_is_refused() -> None:
    for secrets in ([], [b"short"]):
        with pytest.raises(ValueError, match="16 bytes"):
            Grants(secrets)
