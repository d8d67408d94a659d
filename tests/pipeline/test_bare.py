"""Bare files (data document, icon): a new template leaves them as they are, and they stand in nobody's way."""

from __future__ import annotations

from dataclasses import replace

from core import keys
from core.ids import new_id
from core.objects import Headers
from pipeline.verify import differences
from tests.pipeline.little_site import Site


def test_new_templates_write_pages_and_leave_bare_files_as_they_are(site: Site) -> None:
    ann = site.sign_up("ann")
    site.post(ann, "first")
    pages = site.publish(ann)
    _new_templates(site)
    assert site.publish(ann) == pages - {keys.data("ann"), keys.icon("ann")}
    assert site.publish(ann, trust=False) == set()


def test_a_bare_file_that_is_lost_or_damaged_is_mended_whatever_the_roll_out(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    _new_templates(site)
    site.public.inner.put(keys.data("ann"), b"rubbish", Headers())
    site.public.delete(keys.icon("ann"))
    assert {keys.data("ann"), keys.icon("ann")} <= site.publish(ann, trust=False)
    assert differences(site.tools, ann) == []


def test_new_templates_stand_in_no_ones_way_who_goes_private_and_comes_back(site: Site) -> None:
    ann = site.sign_up("ann")
    site.publish(ann)
    for visibility in ("private", "public", "private"):
        _new_templates(site)
        site.edit(ann, visibility=visibility)
        site.publish(ann)
        assert (keys.data("ann") in site.shown()) == (visibility == "public")
        assert differences(site.tools, ann) == []


def _new_templates(site: Site) -> None:
    release = replace(site.tools.release, fingerprint=new_id())
    site.tools = site.tools._replace(release=release)
    site.store.rollouts.promote(release.fingerprint, release.bare_fingerprint)
