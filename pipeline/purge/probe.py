"""What readers get through a cache: a path in, whether it shows a rank or a newer one out, in every encoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.errors import Unavailable
from core.rank import Rank, Verdict, read_rank, verdict
from core.settings import SiteSettings
from pipeline.purge.targets import Address, addresses_of

ENCODINGS = ("br", "gzip", "identity")
"""What caches in front ask our edges for. They keep each by itself, so that one says nothing about the others."""

NOTHING_THERE = (404, 410)


def look(
    http: httpx.Client, url: str, who: str, encoding: str = "identity", **request: Any
) -> tuple[int, Rank | None]:
    """The status of the page there, and the rank in its bytes. Raises Unavailable, with `who`, when it can't be asked."""
    headers = {**request.pop("headers", {}), "Accept-Encoding": encoding}
    try:
        answer = http.get(url, headers=headers, **request)
    except httpx.HTTPError as error:
        raise Unavailable(f"{who} does not answer ({str(error) or type(error).__name__}).") from None
    return answer.status_code, read_rank(answer.content)


def covers(found: Rank | None, rank: Rank) -> bool:
    """Whether what was found is of that rank, or newer."""
    return found is not None and verdict(found, rank) is Verdict.LEAVE


class Probe:
    """Looks through one cache, at all the places of it that are known: a CDN's public origin, or each address of a proxy of
    ours, which is `thorough`: it is to have nothing left of what is gone."""

    def __init__(
        self, urls: Sequence[str], site: SiteSettings, timeout_s: float, *, own_network: bool
    ) -> None:
        self.urls, self.thorough = tuple(urls), own_network
        self._site, self._as_site = site, as_site(site.url)
        self._http = httpx.Client(
            timeout=timeout_s, trust_env=not own_network, headers={"User-Agent": "holdfast-purger"}
        )

    def shows(self, path: str, rank: Rank) -> bool:
        """Whether every reader gets that rank or a newer one at each of them. Raises Unavailable when one can't be asked,
        and no other shows an older one."""
        return self._everywhere(path, lambda _, found: covers(found, rank))

    def lacks(self, path: str) -> bool:
        """Whether no reader finds anything there, at any of them. Raises Unavailable as `shows` does."""
        return self._everywhere(path, lambda status, _: status in NOTHING_THERE)

    def _everywhere(self, path: str, is_right: Callable[[int, Rank | None], bool]) -> bool:
        away: list[str] = []
        for url in self.urls:
            try:
                for at, encoding in product(addresses_of(path, self._site), ENCODINGS):
                    if not is_right(*self._look(url, at, encoding)):
                        return False
            except Unavailable as error:
                away.append(str(error))
        if away:
            raise Unavailable(" ".join(away))
        return True

    def _look(self, url: str, at: Address, encoding: str) -> tuple[int, Rank | None]:
        request = {**self._as_site, "headers": {"Host": at.host}} if self.thorough else {}
        status, found = look(self._http, url + at.path, url, encoding, **request)
        if found is None and 300 <= status < 400:
            raise Unavailable(
                f"{url} sends readers elsewhere ({status}), so nobody can look: where it is TLS that it wants,"
                " name it with https://."
            )
        return status, found

    def close(self) -> None:
        self._http.close()


def as_site(url: str) -> dict[str, Any]:
    """What makes a request to an address of ours one for the site: its name, also where TLS asks for it."""
    parts = urlsplit(url)
    return {"headers": {"Host": parts.netloc}, "extensions": {"sni_hostname": parts.hostname or ""}}
