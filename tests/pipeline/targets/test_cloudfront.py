"""CloudFront's adapter, with boto3, against a local server that checks its calls, and answers, by Amazon's published API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.wiring import outboxes_of
from core.purge_targets import CloudFront
from core.settings import Settings, SiteSettings
from core.store.sqlite import SqliteStore
from pipeline.purge.targets import Busy, Full, Refused
from pipeline.purge.targets.cloudfront import CloudFrontTarget
from tests.clock import Clock
from tests.pipeline.targets.conftest import batch
from tests.pipeline.targets.vendor import Answer, Asked, Vendor

NAMESPACE = "{http://cloudfront.amazonaws.com/doc/2020-05-31/}"
SITE = SiteSettings(url="https://site.example", path="/people")


def api(asked: Asked) -> Answer:
    """Amazon CloudFront API Reference, "CreateInvalidation":
    https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html

    POST with the paths, their number and a CallerReference; answered 201. Errors are XML with a code.
    """
    if (asked.method, asked.path) != ("POST", "/2020-05-31/distribution/DIST1/invalidation"):
        return error(404, "NoSuchDistribution")
    if "AWS4-HMAC-SHA256 Credential=" not in asked.headers.get("authorization", ""):
        return error(403, "AccessDenied")
    wanted = items(asked)
    quantity = ElementTree.fromstring(asked.body).findtext(f"{NAMESPACE}Paths/{NAMESPACE}Quantity")
    if quantity != str(len(wanted)) or not all(one.startswith(("/", "#")) for one in wanted):
        return error(400, "InvalidArgument")
    made = (
        f'<Invalidation xmlns="{NAMESPACE[1:-1]}"><Id>I1</Id><Status>InProgress</Status>'
        "<CreateTime>2026-11-26T00:00:00Z</CreateTime></Invalidation>"
    )
    return Answer(201, made.encode(), {"Content-Type": "text/xml"})


class Distribution:
    """The same API, which takes no more at a time than Amazon does. Amazon CloudFront Developer Guide, "Concurrent invalidation
    request maximum": https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/InvalidationLimits.html

    3,000 files and 15 paths with a * may be in progress, each counted by itself. One is in progress for `takes_s`.
    """

    FILES_MAX, WILDCARDS_MAX = 3000, 15

    def __init__(self, clock: Clock, takes_s: float = 25.0) -> None:
        self.took: list[str] = []
        self._clock, self._takes_s = clock, takes_s
        self._in_progress: list[tuple[float, str]] = []

    def __call__(self, asked: Asked) -> Answer:
        answer = api(asked)
        if answer.status != 201:
            return answer
        now, wanted = self._clock(), items(asked)
        self._in_progress = [one for one in self._in_progress if one[0] > now]
        open_now = [*(item for _, item in self._in_progress), *wanted]
        wildcards = sum(item.endswith("*") for item in open_now)
        # One request of either kind stops at the limit of that kind alone.
        has_wildcards, has_files = any("*" in one for one in wanted), any("*" not in one for one in wanted)
        if (has_wildcards and wildcards > self.WILDCARDS_MAX) or (
            has_files and len(open_now) - wildcards > self.FILES_MAX
        ):
            return error(400, "TooManyInvalidationsInProgress")
        self._in_progress += [(now + self._takes_s, item) for item in wanted]
        self.took += wanted
        return answer


def error(status: int, code: str) -> Answer:
    body = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
    return Answer(status, body.encode(), {"Content-Type": "text/xml"})


def items(asked: Asked) -> list[str]:
    paths = ElementTree.fromstring(asked.body).iter(f"{NAMESPACE}Path")
    return [path.text or "" for path in paths]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of nobody")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def target(vendor: Vendor) -> Iterator[CloudFrontTarget]:
    target = opened(vendor)
    yield target
    target.close()


def opened(
    vendor: Vendor, site: SiteSettings = SITE, *, bare: bool = False, **changes: Any
) -> CloudFrontTarget:
    vendor.usual = api
    settings = {
        "kind": "cloudfront",
        "name": "aws",
        "distribution": "DIST1",
        "endpoint": vendor.url,
    } | changes
    return CloudFrontTarget(CloudFront.model_validate(settings), site, bare=bare)


def test_paths_are_invalidated_as_readers_ask_for_them(target: CloudFrontTarget, vendor: Vendor) -> None:
    # Amazon CloudFront Developer Guide, "What you need to know when invalidating files": paths as they are requested,
    # characters that aren't ASCII encoded.
    target.purge(batch(paths=("/ann", "/ann/tags/küche")))
    (asked,) = vendor.asked
    assert items(asked) == ["/people/ann", "/people/ann/tags/k%C3%BCche"]


def test_before_a_bare_bucket_keys_are_invalidated_too(vendor: Vendor) -> None:
    # "What you need to know when invalidating paths", "Changing the URI by using a Lambda function": both URIs. Ours is a
    # function for viewer requests, deploy/cdn/cloudfront-request.js:
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
    target = opened(vendor, SiteSettings(url="https://site.example"), bare=True)
    paths = ("/", "/ann", "/ann/tags/küche", "/ann/feed.xml", "/_data/ann.json", "/_media/m1/p1/photo.1-a1/")
    target.purge(batch(paths=paths))
    target.close()
    files, folders = [items(asked) for asked in vendor.asked]
    assert files == [
        *("/", "/index.html", "/ann", "/ann/index.html"),
        *("/ann/tags/k%C3%BCche", "/ann/tags/k%C3%BCche/index.html"),
        *("/ann/feed.xml", "/_data/ann.json"),
    ]
    assert folders == ["/_media/m1/*"]


@pytest.mark.parametrize(
    ("edges", "spellings"), [([], ["/ann", "/ann/index.html"]), (["http://127.0.0.1:8080"], ["/ann"])]
)
def test_a_site_without_edges_is_a_bare_bucket(
    tmp_path: Path, edges: list[str], spellings: list[str]
) -> None:
    target = {"kind": "cloudfront", "name": "aws", "distribution": "DIST1"}
    settings = Settings.model_validate({"purge": {"edges": edges, "target": [target]}})
    store = SqliteStore(tmp_path / "holdfast.db")
    (outbox,) = outboxes_of(settings, store)
    assert isinstance(outbox.target, CloudFrontTarget)
    assert outbox.target.spellings("/ann") == spellings
    outbox.target.close()
    store.close()


def test_before_a_bare_bucket_the_sub_path_is_cut_off(vendor: Vendor) -> None:
    target = opened(vendor, bare=True)
    target.purge(batch(paths=("/ann", *(f"/_media/m{number}/" for number in range(8)))))
    target.close()
    files, *folders = [items(asked) for asked in vendor.asked]
    assert files == ["/people/ann", "/ann/index.html"]
    assert folders[0][:2] == ["/people/_media/m0/*", "/_media/m0/*"]
    assert [len(some) for some in folders] == [14, 2], "15 at most may be in progress"


def test_a_folder_that_is_gone_is_invalidated_by_a_wildcard(target: CloudFrontTarget, vendor: Vendor) -> None:
    target.purge(batch(paths=("/ann", "/_media/m1/p1/photo.1-a1/", "/else/")))
    files, folders = [items(asked) for asked in vendor.asked]
    assert files == ["/people/ann"]
    assert folders == ["/people/_media/m1/*", "/people/else/*"]


def test_all_renditions_of_a_medium_are_one_wildcard(target: CloudFrontTarget, vendor: Vendor) -> None:
    # Each path of an invalidation is billed, one with a * as one ("Pay for file invalidation").
    target.purge(batch(paths=tuple(f"/_media/m1/p1/photo.{number}-a1/" for number in range(20))))
    (asked,) = vendor.asked
    assert items(asked) == ["/people/_media/m1/*"]


def test_a_large_purge_is_told_in_pieces_that_can_be_in_progress(target: CloudFrontTarget) -> None:
    whole = batch(paths=(*(f"/ann/posts/{n}" for n in range(1500)), *(f"/_media/m{n}/" for n in range(20))))
    pieces = target.pieces(whole)
    assert [len(one.paths) for one in pieces] == [1000, 500, 15, 5]
    assert [list(target.pieces(one)) for one in pieces] == [[one] for one in pieces]


def test_media_are_invalidated_as_their_own_host_has_them_too(vendor: Vendor) -> None:
    # "What you need to know when invalidating files": a path is that of all hosts of a distribution.
    for path, wanted in (
        (
            "/people",
            {"/people/ann", "/people/_media/m1/a", "/_media/m1/a", "/people/_media/m2/*", "/_media/m2/*"},
        ),
        ("", {"/ann", "/_media/m1/a", "/_media/m2/*"}),
    ):
        site = SiteSettings(url="https://site.example", path=path, media_url="https://media.example")
        target = opened(vendor, site)
        target.purge(batch(paths=("/ann", "/_media/m1/a", "/_media/m2/")))
        target.close()
        told = [one for asked in vendor.asked for one in items(asked)]
        assert (set(told), len(told)) == (wanted, len(wanted))
        vendor.asked.clear()


def test_tags_are_invalidated_by_their_sign(vendor: Vendor) -> None:
    # "What you need to know when invalidating tags":
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-tags.html
    target = opened(vendor, by="tags")
    target.purge(batch("p-1", "n-ann"))
    target.close()
    (asked,) = vendor.asked
    assert items(asked) == ["#p-1", "#n-ann"]


def test_each_invalidation_is_a_new_one(target: CloudFrontTarget, vendor: Vendor) -> None:
    # "InvalidationBatch": one with the CallerReference of an earlier one makes no invalidation.
    target.purge(batch())
    target.purge(batch())
    references = {
        ElementTree.fromstring(one.body).findtext(f"{NAMESPACE}CallerReference") for one in vendor.asked
    }
    assert len(references) == 2


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (error(400, "TooManyInvalidationsInProgress"), 30),
        (error(400, "Throttling"), 0),
        (error(503, "ServiceUnavailable"), 0),
    ],
    ids=["in progress", "throttled", "away"],
)
def test_what_passes_is_waited_for(
    target: CloudFrontTarget, vendor: Vendor, answer: Answer, wait_s: float
) -> None:
    # "CreateInvalidation", "Errors", and "Common Errors".
    vendor.next.append(answer)
    with pytest.raises(Busy) as caught:
        target.purge(batch())
    assert caught.value.retry_after_s == wait_s
    assert len(vendor.asked) == 1, "retries are the outbox's"


def test_too_many_wildcards_stop_no_files(target: CloudFrontTarget, vendor: Vendor) -> None:
    # "the maximum on wildcard invalidation requests allowed is independent of the maximum on invalidating files".
    for paths, is_full in (("/_media/m1/",), True), (("/ann",), False):
        vendor.next.append(error(400, "TooManyInvalidationsInProgress"))
        with pytest.raises(Busy) as caught:
            target.purge(batch(paths=paths))
        assert isinstance(caught.value, Full) is is_full


def test_credentials_that_are_refused_say_what_they_need(target: CloudFrontTarget, vendor: Vendor) -> None:
    vendor.next.append(error(403, "AccessDenied"))
    with pytest.raises(Refused, match="cloudfront:CreateInvalidation"):
        target.purge(batch())


def test_a_distribution_that_is_not_there_is_told(vendor: Vendor) -> None:
    target = opened(vendor, distribution="OTHER")
    with pytest.raises(Refused, match="NoSuchDistribution"):
        target.purge(batch())
    target.close()


def test_nobody_there_is_waited_for(target: CloudFrontTarget, vendor: Vendor) -> None:
    vendor.stop()
    with pytest.raises(Busy, match="aws can't be asked"):
        target.purge(batch())
