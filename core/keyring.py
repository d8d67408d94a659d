"""The secrets that processes share: from the settings, else made once in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from typing import Literal

from core.errors import OperatorError
from core.grants import Grants
from core.settings import Settings


def shared_secret(settings: Settings, name: Literal["studio", "purge"]) -> bytes:
    """The secret of that section; made in `data.dir/secrets` when neither file nor setting is there."""
    section = settings.studio if name == "studio" else settings.purge
    if given := section.secret.get_secret_value():
        return given.encode()
    return _kept(settings, name, f"HOLDFAST_{name.upper()}__SECRET")


def grants_of(settings: Settings) -> Grants:
    """Signs and opens grants, with the secrets of [grants], else with one that is made as the others are."""
    given = [secret.get_secret_value().encode() for secret in settings.grants.secrets]
    return Grants(given or [_kept(settings, "grants", "HOLDFAST_GRANTS__SECRETS")])


def _kept(settings: Settings, name: str, variable: str) -> bytes:
    folder = settings.data.dir / "secrets"
    path = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temp = folder / f".{name}.{os.getpid()}"
        temp.touch(mode=0o600)
        temp.write_text(secrets.token_urlsafe(48))
        try:
            os.link(temp, path)  # fails if another process was first: then its secret counts
        except FileExistsError:
            pass
        finally:
            temp.unlink()
        return path.read_text().encode()
    except OSError as error:
        raise OperatorError(f"The secret in {path} can't be read or made ({error}): set {variable}") from None
