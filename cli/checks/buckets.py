"""Checks of the buckets: whether they can be published to, and who else can read or write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from cli.checks import Check
from core import keys
from core.backends import THREADS, Backends
from core.errors import AccessRefused, HoldfastError, ObjectError, OperatorError, Unavailable
from core.ids import new_id
from core.objects import Headers, Objects
from core.objects.conditions import broken_conditions
from core.settings import RegionSettings

PLAIN = Headers(type="text/plain")
SECRET = ("_manifests/", "_originals/", "_renditions/")
"""What only workers read."""
GIVE = "set objects.reader_profile to credentials with the edges' rights, and no others (`holdfast objects rights`)"
ANOTHER = "use a store with conditional writes (docs/objects.md); nothing may be published to this one"


def buckets(backends: Backends, region: RegionSettings) -> Iterator[Check]:
    """All checks of both; those of who else has access only for S3, and only if the others found nothing."""
    found = [storage(backends.private, "private"), storage(backends.public, "public")]
    yield from found
    if region.backend == "s3" and all(check.state == "ok" for check in found):
        yield privacy(region)
        yield from _of_s3(backends, region)


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


def strangers(access: Access) -> Check:
    """Whether somebody without credentials reads private objects, or writes anything."""
    found = [*access.beyond, *(["reads what private profiles show"] if access.shown else [])]
    if found:
        remedy = (
            "remove the bucket policy that lets everybody in; `holdfast objects init` makes one that doesn't"
        )
        return Check("Strangers", "fail", f"who has no credentials {' and '.join(found)}", remedy)
    return Check("Strangers", "ok", "they can neither read private objects nor write")


def edges(access: Access) -> Iterator[Check]:
    """The edges' credentials should be good for reading pages and media, and nothing else."""
    if not access.public:
        yield Check(
            "Edges' access",
            "fail",
            "edges can't read the public bucket",
            f"`holdfast objects init` opens it to readers; or {GIVE}",
        )
    elif access.beyond:
        found = " and ".join(access.beyond)
        yield Check("Edges' access", "warn", f"who breaks into an edge {found}", GIVE)
    else:
        yield Check("Edges' access", "ok", "they can read pages and media only")
    if access.shown:
        yield Check("Private pages", "ok", "edges can read what they show")
    else:
        said = "edges can't read what they show, so no link to one opens"
        yield Check("Private pages", "warn", said, f"if creators are to have such links: {GIVE}")


class Access(NamedTuple):
    """What some credentials allow: to read the public bucket, and what private profiles `shown`; `beyond` is what else, in
    words."""

    public: bool
    shown: bool
    beyond: list[str]


def access(backends: Backends, region: RegionSettings, profile: str) -> Access:
    """By trying it, on objects of our own and (for reading alone) on one of each kind that is there. Raises OperatorError,
    Unavailable."""
    from core.objects.s3 import S3Objects
    from core.objects.s3_client import connect

    clients = connect(region, THREADS, profile)
    hidden, shown, written = keys.trial(new_id()), _shown_trial(), _shown_trial()
    public, private = S3Objects(clients, region.public), S3Objects(clients, region.private)
    ours = [(backends.public, hidden), (backends.private, hidden), (backends.private, shown)]
    try:
        for objects, key in ours:
            objects.put(key, b"trial", PLAIN)
        reads = _may(lambda: public.get(hidden)), _may(lambda: private.get(shown))
        secret = [next(iter(backends.private.walk(folder)), None) for folder in SECRET]
        read = [key for key in (hidden, *filter(None, secret)) if _may(partial(private.get, key))]
        folders = ", ".join(f"{key.partition('/')[0]}/" for key in read)
        tried = {
            f"reads private objects ({folders})": bool(read),
            "writes public ones": _may(lambda: public.put(written, b"theirs", PLAIN)),
            "writes private ones": _may(lambda: private.put(written, b"theirs", PLAIN)),
            "deletes": any([_may(lambda: public.delete(hidden)), _may(lambda: private.delete(shown))]),
        }
    finally:
        for objects, key in [*ours, (backends.public, written), (backends.private, written)]:
            objects.delete(key)
    return Access(*reads, [what for what, could in tried.items() if could])


def _shown_trial() -> str:
    return keys.media(new_id(), "trial", "trial", "trial", "trial")


def _may(call: Callable[[], object]) -> bool:
    try:
        call()
    except (AccessRefused, ObjectError):
        return False
    return True


def _of_s3(backends: Backends, region: RegionSettings) -> Iterator[Check]:
    from core.objects.s3_client import ANONYMOUS

    try:
        yield strangers(access(backends, region, ANONYMOUS))
        yield from edges(access(backends, region, region.reader_profile or region.profile))
    except OperatorError as error:
        yield Check("Edges' access", "fail", str(error), "mend objects.reader_profile")
    except Unavailable as error:
        yield Check("Edges' access", "fail", str(error), "see that it runs, and ask again")
