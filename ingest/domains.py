"""Which domains a creator may have: any but the site's own hosts and what lies below them."""

from __future__ import annotations

from urllib.parse import urlsplit

from core.errors import BadInput
from core.profile import Profile
from core.settings import SiteSettings


def foreign(profile: Profile, site: SiteSettings) -> Profile:
    """The profile itself. Raises BadInput if its domain is the site's own, or below it."""
    for url in filter(None, (site.url, site.media_url)):
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        if profile.domain == host or profile.domain.endswith(f".{host}"):
            raise BadInput({"domain": f"must be a domain of your own, not one of {host}"})
    return profile
