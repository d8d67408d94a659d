"""HTTP calls to a target: a request in; nothing, or the error that says what to do about it, out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from pipeline.purge.probe import as_site
from pipeline.purge.targets import Barred, Busy, Gone, Refused, TooFast

RETRY_AFTER_S_MAX = 86_400.0
WORDS_MAX = 200


class Caller:
    """The HTTP client of one target. It follows no redirect: a purge that is answered by one didn't happen."""

    def __init__(
        self, name: str, timeout_s: float, *, own_network: str = "", remedy: str = "", may_end: bool = False
    ) -> None:
        """`own_network`: it is a machine of ours, which serves the site of that URL, and which no proxy of the environment
        leads to. `remedy` is told when it refuses us. `may_end`: its 410 means that it wants no more calls."""
        self._name, self._remedy, self._may_end = name, remedy, may_end
        self._http = httpx.Client(
            timeout=timeout_s, trust_env=not own_network, headers={"User-Agent": "holdfast-purger"}
        )
        self._as_site = as_site(own_network) if own_network else {"headers": {}}

    def call(self, method: str, url: str, fine: tuple[int, ...] = (), **request: Any) -> httpx.Response:
        """The answer, if it is 2xx or `fine`."""
        request = {
            **self._as_site,
            **request,
            "headers": self._as_site["headers"] | request.get("headers", {}),
        }
        try:
            answer = self._http.request(method, url, **request)
        except httpx.HTTPError as error:
            raise Busy(f"{self._name} does not answer ({str(error) or type(error).__name__}).") from None
        self.check(answer, fine)
        return answer

    def check(self, answer: httpx.Response, fine: tuple[int, ...] = ()) -> None:
        """Raises what the answer's status means."""
        status = answer.status_code
        if answer.is_success or status in fine:
            return
        said = f"{self._name} answered {status} to a purge{_words(answer)}."
        if status == 429 or status >= 500:
            kind = TooFast if status == 429 else Busy
            raise kind(said, retry_after_s(answer))
        if status == 410 and self._may_end:
            raise Gone(said)
        if status in (401, 403):
            raise Barred(f"{said} {self._remedy}")
        raise Refused(said)

    def close(self) -> None:
        self._http.close()


def at_each(addresses: Iterable[str], tell: Callable[[str], None]) -> None:
    """Tells every address, whatever others say. Then raises what they said: what an operator has to mend before what passes."""
    failed: list[tuple[str, Busy | Refused]] = []
    for address in addresses:
        try:
            tell(address)
        except (Busy, Refused) as error:
            failed.append((address, error))
    said = " ".join(f"{address}: {error}" for address, error in failed)
    for refusal in (Barred, Refused):
        if any(isinstance(error, refusal) for _, error in failed):
            raise refusal(said)
    busy = [error for _, error in failed if isinstance(error, Busy)]
    if busy:
        kind = TooFast if all(isinstance(error, TooFast) for error in busy) else Busy
        raise kind(said, max(error.retry_after_s for error in busy))


def retry_after_s(answer: httpx.Response) -> float:
    """RFC 9110, 10.2.3: seconds, or a date. No longer than a day, whatever it says."""
    value = answer.headers.get("retry-after", "")
    if value.isdecimal():
        return min(float(value), RETRY_AFTER_S_MAX)
    try:
        wait_s = parsedate_to_datetime(value).timestamp() - time.time()
        return min(max(0.0, wait_s), RETRY_AFTER_S_MAX)
    except ValueError:
        return 0.0


def parsed(answer: httpx.Response) -> Any:
    """The JSON of its body; None where it is something else (a proxy's own page)."""
    try:
        return answer.json()
    except ValueError:
        return None


def _words(answer: httpx.Response) -> str:
    text = " ".join(answer.text.split())[:WORDS_MAX]
    return f" ({text})" if text else ""
