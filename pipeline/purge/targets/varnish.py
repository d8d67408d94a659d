"""Varnish with xkey, as our configuration in deploy/varnish sets it up: one purge by tag at each address, bans for folders.

The interface: `PURGE /` with `Xkey-Purge: tag tag` (gone) or `Xkey-Softpurge: tag tag` (stale, and served while a fresh
one is fetched), and `BAN /` with `X-Ban-Path: ^/path/`, a pattern of paths at any host.
"""

from __future__ import annotations

import re
from typing import Literal

from core.purge_targets import Varnish
from core.settings import SiteSettings
from pipeline.purge.paths import is_folder
from pipeline.purge.targets import Batch, addresses_of, slices
from pipeline.purge.targets.calling import Caller, at_each


class VarnishTarget:
    by: Literal["tags", "paths"] = "tags"
    limit = 100
    """Of a header line Varnish takes 8 KB (varnishd(1), http_req_hdr_len)."""

    def __init__(self, settings: Varnish, site: SiteSettings) -> None:
        self.name = settings.name
        self._addresses, self._site = settings.addresses, site
        remedy = "Allow this worker's address in the VCL's list of purgers."
        self._caller = Caller(self.name, settings.timeout_s, own_network=site.url, remedy=remedy)

    def purge(self, batch: Batch) -> None:
        header = "Xkey-Purge" if batch.hard else "Xkey-Softpurge"
        folders = {
            one.path
            for path in batch.paths
            if is_folder(path.path)
            for one in addresses_of(path.path, self._site)
        }

        def tell(address: str) -> None:
            for tags in slices(batch.tags, self.limit):
                self._caller.call("PURGE", f"{address}/", headers={header: " ".join(tags)})
            for folder in sorted(folders):
                pattern = "^" + re.escape(folder)
                self._caller.call("BAN", f"{address}/", headers={"X-Ban-Path": pattern})

        at_each(self._addresses, tell)

    def close(self) -> None:
        self._caller.close()
