"""The API's profiles: list, make, read, replace, patch, rename, delete."""

from __future__ import annotations

from starlette.responses import Response

from core.profile import Profile
from core.settings import SiteSettings
from core.store import Store
from core.store.revise import Revised
from ingest import accounts, edits
from ingest.access import heads_of, load, profile_id_of
from ingest.accounts import FirstWords
from ingest.api.models import MergePatch, ProfileList, ProfileView, Rename, profile_view
from ingest.api.operations import Operation, answer, answer_unless_known, read, terms
from ingest.calls import Call
from ingest.domains import foreign
from ingest.receipts import Written, written

PROFILE = "/api/v1/profiles/{profile}"


class ProfilesApi:
    def __init__(self, store: Store, site: SiteSettings) -> None:
        self._store = store
        self._site = site

    def operations(self) -> list[Operation]:
        return [*self._content(), *self._existence()]

    def _content(self) -> list[Operation]:
        return [
            Operation("GET", "/api/v1/profiles", "The profiles that I edit", self.mine, answer=ProfileList),
            Operation(
                "POST",
                "/api/v1/profiles",
                "Make another profile",
                self.make,
                body=FirstWords,
                answer=ProfileView,
                status=201,
                keyed=True,
                errors=(409, 422),
            ),
            Operation(
                "GET",
                PROFILE,
                "A profile, by its id or @username",
                self.get,
                answer=ProfileView,
                errors=(404,),
            ),
            Operation(
                "PUT",
                PROFILE,
                "Replace what stands under `profile`",
                self.replace,
                body=Profile,
                answer=Written,
                if_match="required",
                keyed=True,
                errors=(404, 422),
            ),
            Operation(
                "PATCH",
                PROFILE,
                "Change parts of what stands under `profile`",
                self.patch,
                body=MergePatch,
                answer=Written,
                if_match="required",
                keyed=True,
                errors=(404, 422),
            ),
        ]

    def _existence(self) -> list[Operation]:
        return [
            Operation(
                "POST",
                PROFILE + "/rename",
                "Give it another username; the old one redirects",
                self.rename,
                body=Rename,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404, 409, 422),
            ),
            Operation(
                "DELETE",
                PROFILE,
                "Delete it with all its pages",
                self.delete,
                answer=Written,
                if_match="optional",
                keyed=True,
                errors=(404,),
            ),
        ]

    def mine(self, call: Call) -> Response:
        heads = heads_of(self._store, call.account_id)
        return answer(ProfileList(profiles=[profile_view(head, self._site) for head in heads]))

    def make(self, call: Call) -> Response:
        wish = read(call, FirstWords)
        asked = terms(call).asked
        snapshot = accounts.another_profile(self._store, call.account_id, wish, asked)
        view = profile_view(snapshot.head, self._site)
        location = {"location": f"/api/v1/profiles/{view.id}"}
        return answer(view, 201, edit=view.edit, headers=location)

    def get(self, call: Call) -> Response:
        head = load(self._store, call.account_id, call.params["profile"]).head
        return answer_unless_known(call, profile_view(head, self._site), head.edit)

    def replace(self, call: Call) -> Response:
        profile_id = self._id(call)
        asked = terms(call, "required")
        profile = read(call, Profile)
        return self._written(
            edits.change_profile(self._store, profile_id, lambda _: foreign(profile, self._site), asked)
        )

    def patch(self, call: Call) -> Response:
        profile_id = self._id(call)
        asked = terms(call, "required")
        patch = call.json()
        return self._written(
            edits.change_profile(
                self._store, profile_id, lambda old: foreign(edits.patched(old, patch), self._site), asked
            )
        )

    def rename(self, call: Call) -> Response:
        profile_id = self._id(call)
        wish = read(call, Rename)
        return self._written(edits.rename(self._store, profile_id, wish.username, terms(call)))

    def delete(self, call: Call) -> Response:
        return self._written(edits.delete_profile(self._store, self._id(call), terms(call)))

    def _id(self, call: Call) -> str:
        return profile_id_of(self._store, call.account_id, call.params["profile"])

    def _written(self, done: Revised) -> Response:
        view = written(self._store, self._site, done)
        return answer(view, edit=view.edit)
