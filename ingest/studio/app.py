"""The studio put together: its pages as routes."""

from __future__ import annotations

from starlette.routing import BaseRoute

from core.objects import UploadObjects
from core.rate import Rate
from core.settings import Settings
from core.store import Store
from ingest.calls import Door
from ingest.crossing import Crossing
from ingest.forgery import FormTokens
from ingest.limits import Slots
from ingest.links import Links
from ingest.passwords import Passwords
from ingest.sessions import Sessions
from ingest.studio.captions_form import CaptionsForm
from ingest.studio.draft_page import DraftPage
from ingest.studio.front import Front
from ingest.studio.media_tab import MediaTab
from ingest.studio.pages import Pages
from ingest.studio.post_tab import PostTab
from ingest.studio.preview import Drawing, Preview
from ingest.studio.profile_tabs import ProfileTabs
from ingest.studio.settings_tab import SettingsTab
from ingest.studio.static_files import StaticFiles
from ingest.studio.upload_form import UploadForm
from ingest.tokens import Signer
from ingest.uploads import Uploads


class StudioApp:
    """Pages for people. Everything they do goes through the same functions as the API."""

    def __init__(
        self,
        store: Store,
        private: UploadObjects,
        settings: Settings,
        sessions: Sessions,
        signer: Signer,
        links: Links,
    ) -> None:
        self._store = store
        self._private = private
        self._settings = settings
        self._sessions = sessions
        self._links = links
        self._static = StaticFiles()
        self.pages = Pages(settings, sessions, FormTokens(signer), self._static)

    def routes(
        self, door: Door, crossing: Crossing, uploads: Uploads, slots: Slots, hashes: Passwords, logins: Rate
    ) -> list[BaseRoute]:
        store, site, pages = self._store, self._settings.site, self.pages
        drawing = Drawing(self._private, self._settings)
        return [
            self._static.route(),
            *Front(store, self._settings, pages, self._sessions, hashes, logins).routes(door),
            *ProfileTabs(store, site, pages).routes(door),
            *UploadForm(store, site, pages, uploads, crossing, slots).routes(door),
            *CaptionsForm(store, self._private, site, pages, crossing).routes(door),
            *MediaTab(store, self._private, site, pages).routes(door),
            *Preview(store, drawing, self._settings).routes(door),
            *DraftPage(self._links, drawing, self._settings).routes(door),
            *PostTab(store, site, pages, self._links).routes(door),
            *SettingsTab(store, site, pages, self._sessions, hashes, logins, self._links).routes(door),
        ]
