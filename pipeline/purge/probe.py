"""What readers get through a cache: a path in, whether it shows a rank or a newer one out, in every encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from core.errors import Unavailable
from core.rank import Rank, Verdict, read_rank, verdict
from core.settings import SiteSettings

ENCODINGS = ("br", "gzip", "identity")
"""What caches in front ask our edges for. They keep each by itself, so that one says nothing about the others."""


def look(
    http: httpx.Client, url: str, path: str, who: str, encoding: str = "identity", **request: Any
) -> tuple[int, Rank | None]:
    """The status of the page at `url` + `path` (decoded), and the rank in its bytes. Raises Unavailable, with `who`, when it
    can't be asked."""
    headers = {**request.pop("headers", {}), "Accept-Encoding": encoding}
    try:
        answer = http.get(f"{url}{quote(path)}", headers=headers, **request)
    except httpx.HTTPError as error:
        raise Unavailable(f"{who} does not answer ({str(error) or type(error).__name__}).") from None
    return answer.status_code, read_rank(answer.content)


def covers(found: Rank | None, rank: Rank) -> bool:
    """Whether what was found is of that rank, or newer."""
    return found is not None and verdict(found, rank) is Verdict.LEAVE


class Probe:
    """Looks through one cache, at all the places of it that are known: a CDN's public origin, or each address of ours."""

    def __init__(
        self, urls: Sequence[str], site: SiteSettings, timeout_s: float, *, own_network: bool
    ) -> None:
        self.urls = tuple(urls)
        self._sub_path = site.path
        self._as_site = as_site(site.url) if own_network else {}
        self._http = httpx.Client(
            timeout=timeout_s, trust_env=not own_network, headers={"User-Agent": "holdfast-purger"}
        )

    def shows(self, path: str, rank: Rank) -> bool:
        """Whether every reader gets that rank or a newer one at each of them. Raises Unavailable when one can't be asked,
        and no other shows an older one."""
        away: list[str] = []
        for url in self.urls:
            try:
                if not all(
                    covers(self._look(url, self._sub_path + path, encoding), rank) for encoding in ENCODINGS
                ):
                    return False
            except Unavailable as error:
                away.append(str(error))
        if away:
            raise Unavailable(" ".join(away))
        return True

    def _look(self, url: str, path: str, encoding: str) -> Rank | None:
        status, found = look(self._http, url, path, url, encoding, **self._as_site)
        if found is None and 300 <= status < 400:
            raise Unavailable(
                f"{url} sends readers elsewhere ({status}), so nobody can look: where it is TLS that it wants,"
                " name it with https://."
            )
        return found

    def close(self) -> None:
        self._http.close()


def as_site(url: str) -> dict[str, Any]:
    """What makes a request to an address of ours one for the site: its name, also where TLS asks for it."""
    parts = urlsplit(url)
    return {"headers": {"Host": parts.netloc}, "extensions": {"sni_hostname": parts.hostname or ""}}
