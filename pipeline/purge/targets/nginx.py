"""nginx with its cache purge module, as our configuration in deploy/nginx sets it up: a PURGE for each path and encoding.

Media are purged on their own host, too, if they have one; creators' domains it doesn't keep. It knows no tags, and no folders: what lay in one that is gone is listed to it file by file. Where a publisher died between
removing the files and queueing the purge, nobody knows them any more; they stay in it until they expire, at most for
`edge.cdn_s` and `edge.stale_s` together.
"""

from __future__ import annotations

from typing import Literal

from core.purge_targets import Nginx
from core.settings import SiteSettings
from pipeline.purge.paths import is_folder
from pipeline.purge.probe import ENCODINGS
from pipeline.purge.targets import Batch, addresses_of
from pipeline.purge.targets.calling import Caller, at_each


class NginxTarget:
    by: Literal["tags", "paths"] = "paths"
    limit = 200

    def __init__(self, settings: Nginx, site: SiteSettings) -> None:
        self.name = settings.name
        self._addresses, self._site = settings.addresses, site
        remedy = "Allow this worker's address to PURGE in nginx's configuration."
        self._caller = Caller(self.name, settings.timeout_s, own_network=site.url, remedy=remedy)

    def purge(self, batch: Batch) -> None:
        files = [path.path for path in batch.paths if not is_folder(path.path)]
        known = [one for path in files for one in addresses_of(path, self._site)]

        def tell(address: str) -> None:
            for host, path in known:
                for encoding in ENCODINGS:
                    headers = {"Host": host, "Accept-Encoding": encoding}
                    # 404: it had nothing of it.
                    self._caller.call("PURGE", address + path, fine=(404,), headers=headers)

        at_each(self._addresses, tell)

    def close(self) -> None:
        self._caller.close()
