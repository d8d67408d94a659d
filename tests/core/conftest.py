"""How properties are tried in core: no example is judged by its time, since machines are busy at times."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", deadline=None)
settings.load_profile("core")
