"""Settings of one region in, boto3's clients of it out; and what the errors of S3 mean to us.

Credentials come by boto3's own chain: the environment, shared files, a web identity, the machine's role.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from urllib3.exceptions import HTTPError

from core.errors import (
    AccessRefused,
    BackendAway,
    HoldfastError,
    ObjectMissing,
    OperatorError,
    OutcomeUnknown,
    PreconditionFailed,
)
from core.settings import RegionSettings

ANONYMOUS = "anonymous"
SPARE_CONNECTIONS = 4
CREDENTIALS = "renew them where boto3 finds them (AWS_ACCESS_KEY_ID, or the profile of objects.profile)"
_TELL = {
    "NoSuchBucket": "run `holdfast objects init`, or name the right one in site.toml",
    "PermanentRedirect": "set objects.region to the bucket's own",
    "AuthorizationHeaderMalformed": "set objects.region to the bucket's own",
    "RequestTimeTooSkewed": "set this machine's clock right (NTP)",
    "NotImplemented": "use a store that knows conditional writes (docs/objects.md)",
    "InsufficientStorage": "make room there",
    "XMinioStorageFull": "make room there",
}
# A server of another maker says 404 where AWS says 403, of a key that it doesn't know.
_NO_ACCESS = {"XAdminUserNotFound", "NoSuchBucket", "PermanentRedirect"}
# What OpenSSL makes of an answer in plain HTTP; the second from 3.2 on (urllib3's pull request 3271).
_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}


class Clients(NamedTuple):
    """Two of one bucket. `steady` sends again what got no answer; `once` doesn't, for conditional writes: sent again,
    one may be refused because of its own success."""

    steady: Any
    once: Any
    where: str
    attempts: int


def connect(region: RegionSettings, threads: int, profile: str) -> Clients:
    """Clients for so many threads. `profile` names credentials of the shared files, "" leaves it to boto3's chain,
    ANONYMOUS signs nothing. Raises OperatorError for a profile that isn't there."""
    endpoint = region.endpoint or None
    shared = {
        "signature_version": UNSIGNED if profile == ANONYMOUS else "s3v4",
        "s3": {"addressing_style": _addressing(region)},
        "connect_timeout": region.connect_s,
        "read_timeout": region.read_s,
        "max_pool_connections": threads + SPARE_CONNECTIONS,
        # Else boto3 sends a checksum as a trailer over HTTPS, which some stores keep as part of the object.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }

    def client(attempts: int) -> Any:
        retries = {"mode": "standard", "total_max_attempts": attempts}
        return session.client(
            "s3",
            endpoint_url=endpoint,
            region_name=region.region,
            verify=region.tls_ca or None,
            config=Config(retries=retries, **shared),
        )

    try:
        session = boto3.session.Session(profile_name=None if profile in ("", ANONYMOUS) else profile)
        return Clients(client(region.attempts), client(1), endpoint or "AWS S3", region.attempts)
    except ProfileNotFound:
        raise OperatorError(
            f"There are no credentials of a profile {profile!r}: mend objects.profile (or reader_profile), or add it to "
            "~/.aws/credentials"
        ) from None
    except ValueError as error:
        raise OperatorError(f"objects.endpoint can't be used ({error}): mend it in site.toml") from None


def _addressing(region: RegionSettings) -> str:
    if region.path_style == "auto":
        return "path" if region.endpoint else "virtual"
    return "path" if region.path_style == "on" else "virtual"


# ── errors ──


def status_of(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def of_one(error: Mapping[str, str], call: str) -> ClientError:
    """What a call that was about many objects says of one, as if it had been about that one alone."""
    status = 403 if error.get("Code") in {"AccessDenied", *_NO_ACCESS} else 500
    return ClientError({"Error": dict(error), "ResponseMetadata": {"HTTPStatusCode": status}}, call)


def is_missing(error: ClientError) -> bool:
    """Whether the key isn't there. Some servers answer 409 for what lies under another object."""
    return code_of(error) == "ObjectParentIsFile" or (
        status_of(error) == 404 and code_of(error) not in _NO_ACCESS
    )


@contextmanager
def s3_errors(clients: Clients, bucket: str, key: str = "", *, writes: bool = False) -> Iterator[None]:
    """What boto3 raises becomes ours. `writes`: where no answer came, the write may have been done."""
    place = f"The bucket {bucket} at {clients.where}"
    try:
        yield
    except ClientError as error:
        raise _meaning(error, place, key, writes) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise AccessRefused(
            f"{place} can't be used, for want of credentials: give them to boto3 (AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or the profile of objects.profile)"
        ) from error
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise BackendAway(f"{place} can't be reached: check objects.endpoint, and that it runs") from error
    except SSLError as error:
        raise _of_tls(error, place, writes) from error
    except (BotoCoreError, HTTPError) as error:
        # HTTPError: of a read that was answered by an error whose body broke off, which boto3 doesn't translate.
        words = f"{place} did not answer ({type(error).__name__})."
        raise (_unknown(words) if writes else BackendAway(words)) from error


def _meaning(error: ClientError, place: str, key: str, writes: bool) -> HoldfastError:
    status, code = status_of(error), code_of(error)
    if is_missing(error):
        return ObjectMissing(f"There is no object {key}.")
    if status == 412:
        return PreconditionFailed(f"{key} is not as expected.")
    if code in _TELL:
        return AccessRefused(f"{place} can't be used ({code}): {_TELL[code]}")
    if status in (400, 401, 403) or code in _NO_ACCESS:
        return AccessRefused(
            f"{place} refuses us ({code}): {CREDENTIALS}, and see the rights that `holdfast objects rights` prints"
        )
    if writes and status >= 500 and code != "SlowDown":
        return _unknown(f"{place} failed ({status} {code}).")
    return BackendAway(f"{place} is too busy or failed ({status} {code}).")


def _of_tls(error: SSLError, place: str, writes: bool) -> HoldfastError:
    """Operators mend whom we don't trust. A line that broke is nobody's fault, and what was sent by it may have come."""
    cause = next(iter(error.kwargs["error"].args), error)
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        words = f"{place} broke off a connection by TLS."
        return _unknown(words) if writes else BackendAway(words)
    reason = getattr(cause, "reason", None) or ""
    if reason in _NO_TLS:
        return AccessRefused(f"{place} speaks no TLS: turn it on there, or set objects.endpoint to http://…")
    why = getattr(cause, "verify_message", "") or reason or getattr(cause, "strerror", None) or cause
    return AccessRefused(
        f"{place} isn't trusted ({why}): set objects.tls_ca (or AWS_CA_BUNDLE) to the PEM file of who signed its "
        "certificate, and objects.endpoint to a name that stands in that"
    )


def _unknown(words: str) -> OutcomeUnknown:
    """Its words for logs, as of `BackendAway`."""
    error = OutcomeUnknown(words)
    error.detail = error.title
    return error
