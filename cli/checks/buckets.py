"""Checks of the buckets: whether they can be published to, and who else can read or write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from cli.checks import Check
from core import keys
from core.backends import THREADS, Backends
from core.errors import HoldfastError, ObjectError, OperatorError, Unavailable
from core.ids import new_id
from core.objects import Headers, Objects
from core.objects.conditions import broken_conditions
from core.settings import RegionSettings

PLAIN = Headers(type="text/plain")
ANOTHER = "use a store with conditional writes (docs/objects.md); nothing may be published to this one"


def buckets(backends: Backends, region: RegionSettings) -> Iterator[Check]:
    """All checks of both; those of who else has access only for S3, and only if the others found nothing."""
    found = [storage(backends.private, "private"), storage(backends.public, "public")]
    yield from found
    if region.backend == "s3" and all(check.state == "ok" for check in found):
        yield privacy(region)
        yield strangers(backends, region)
        yield edges(backends, region)


def storage(objects: Objects, name: str) -> Check:
    """Conditional writes are what keeps an older page from replacing a newer one."""
    try:
        wrong = broken_conditions(objects)
    except Unavailable as error:
        said, _, remedy = str(error).partition(": ")
        return Check(f"Storage ({name})", "fail", said, remedy or "see that it runs, and has room")
    except (HoldfastError, OSError) as error:
        return Check(f"Storage ({name})", "fail", str(error), "see that data.dir can be written and has room")
    if wrong:
        return Check(f"Storage ({name})", "fail", f"{objects}: {' '.join(wrong)}", ANOTHER)
    return Check(f"Storage ({name})", "ok", "conditional writes are honoured")


def privacy(region: RegionSettings) -> Check:
    """What is sent holds originals and private pages."""
    if region.endpoint.startswith("http://") and not region.endpoint.startswith(
        ("http://127.", "http://localhost", "http://[::1]")
    ):
        said = f"what is sent to {region.endpoint} can be read and changed on its way"
        return Check(
            "Storage's network",
            "warn",
            said,
            "set objects.endpoint to https://…, and objects.tls_ca if needed",
        )
    return Check("Storage's network", "ok", region.endpoint or "AWS S3, by TLS")


def strangers(backends: Backends, region: RegionSettings) -> Check:
    """Whether somebody without credentials reads private objects, or writes anything."""
    from core.objects.s3_client import ANONYMOUS

    found = _access(backends, region, ANONYMOUS)
    if found:
        remedy = (
            "remove the bucket policy that lets everybody in; `holdfast objects init` makes one that doesn't"
        )
        return Check("Strangers", "fail", f"who has no credentials {' and '.join(found)}", remedy)
    return Check("Strangers", "ok", "they can neither read private objects nor write")


def edges(backends: Backends, region: RegionSettings) -> Check:
    """The edges' credentials should be good for reading pages and media, and nothing else."""
    try:
        found = _access(backends, region, region.reader_profile or region.profile)
    except OperatorError as error:
        return Check("Edges' access", "fail", str(error), "mend objects.reader_profile")
    if found:
        remedy = "set objects.reader_profile to credentials that can only read (`holdfast objects rights`)"
        return Check("Edges' access", "warn", f"who breaks into an edge {' and '.join(found)}", remedy)
    return Check("Edges' access", "ok", "they can read pages and media only")


def _access(backends: Backends, region: RegionSettings, profile: str) -> list[str]:
    """What these credentials allow beyond reading pages and media, in words."""
    from core.objects.s3 import S3Objects
    from core.objects.s3_client import connect

    clients, key, found = connect(region, THREADS, profile), keys.trial(new_id()), []
    backends.private.put(key, b"private", PLAIN)
    try:
        with suppress(ObjectError, Unavailable):
            S3Objects(clients, region.private).get(key)
            found.append("reads private objects")
        with suppress(ObjectError, Unavailable):
            S3Objects(clients, region.public).put(key, b"by a stranger", PLAIN)
            found.append("writes public ones")
    finally:
        backends.private.delete(key)
        backends.public.delete(key)
    return found
