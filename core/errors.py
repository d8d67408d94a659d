"""Every error that Holdfast raises on purpose: one tree, each with its public status and words.

HoldfastError
├── BadInput                422  fields that don't hold what they should, all at once
├── NotSignedIn             401
├── NotAllowed              403
├── NotFound                404  no such profile, post, medium, upload or name
├── Conflict                409  the state does not allow it
│   ├── NameTaken           409
│   ├── EditConflict        412  somebody edited in between (If-Match)
│   ├── OffsetConflict      409  an upload goes on at another offset
│   ├── KeyReused           422  an Idempotency-Key came again with another body
│   └── RevisionConflict    409  a conditional batch lost its race; revise() retries it
├── PreconditionMissing     428  If-Match is required
├── TooSlow                 408  a body that stopped arriving
├── TooLarge                413
├── TooMany                 429
├── UnsupportedMedia        415  bytes that are not a format of the allow-list, or not decodable
├── Unavailable             503  a backend is away; try again
│   ├── BackendAway         503  a store or a bucket can't be used just now
│   │   └── AccessRefused   503  it doesn't let us in, until an operator mends it
│   └── OutcomeUnknown      503  it may or may not have been written
├── ObjectError                  from an object store
│   ├── ObjectMissing       404
│   └── PreconditionFailed  412  If-Match or If-None-Match did not hold
├── Stale                        a render of an older revision or roll-out; load again
├── RankDefect                   equal rank, other bytes: a defect to be reported
└── OperatorError                for the one at the command line; ends with what to do
    └── SettingsError            site.toml or HOLDFAST_… holds mistakes, all listed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class HoldfastError(Exception):
    """The root: `status` and `title` are public, and travel with the error (RFC 9457)."""

    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title


class BadInput(HoldfastError):
    """Input that breaks a rule. `fields` maps a field's path ("links.2.url") to what is wrong with it."""

    status = 422
    title = "Some fields need another look"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = dict(fields)


class NotSignedIn(HoldfastError):
    status = 401
    title = "Please log in"


class NotAllowed(HoldfastError):
    status = 403
    title = "Not allowed"


class NotFound(HoldfastError):
    status = 404
    title = "Not found"


class Conflict(HoldfastError):
    status = 409
    title = "That is not possible right now"


class NameTaken(Conflict):
    title = "This username is taken"


class EditConflict(Conflict):
    """If-Match named an edit that is no longer the newest; `edit` is."""

    status = 412
    title = "Changed in the meantime"

    def __init__(self, edit: int) -> None:
        super().__init__(f"The profile was edited meanwhile; its newest edit is {edit}.")
        self.edit = edit


class OffsetConflict(Conflict):
    """An append that does not begin where the upload ends; `offset` (bytes) is where it goes on."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"The upload goes on at byte {offset}.")
        self.offset = offset


class KeyReused(Conflict):
    status = 422
    title = "This Idempotency-Key was used for another request"


class RevisionConflict(Conflict):
    title = "Another change came first"


class PreconditionMissing(HoldfastError):
    status = 428
    title = "If-Match is required"


class TooSlow(HoldfastError):
    status = 408
    title = "The request took too long to arrive"


class TooLarge(HoldfastError):
    status = 413
    title = "Too large"


class TooMany(HoldfastError):
    """A limit on how often; `retry_after_s` says when to come back."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str = "", retry_after_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class UnsupportedMedia(HoldfastError):
    status = 415
    title = "This file can't be used"


class Unavailable(HoldfastError):
    status = 503
    title = "Unavailable for the moment"


class BackendAway(Unavailable):
    """Its words name hosts and settings: they are for logs and operators, who read `str(error)`. Whom we serve hears the
    title alone."""

    def __init__(self, words: str = "") -> None:
        super().__init__(words)
        self.detail = self.title


class AccessRefused(BackendAway):
    """Its words say what was refused, and what mends it."""


class OutcomeUnknown(Unavailable):
    title = "Not known yet whether this was saved; send it again with the same Idempotency-Key"


class ObjectError(HoldfastError):
    status = 503
    title = "Object storage failed"


class ObjectMissing(ObjectError):
    status = 404
    title = "No such object"


class PreconditionFailed(ObjectError):
    status = 412
    title = "The object has changed"


class Stale(HoldfastError):
    title = "A newer revision or roll-out exists"


class RankDefect(HoldfastError):
    title = "Two renders of one rank differ"


class OperatorError(HoldfastError):
    """For the operator: a sentence that says what is wrong, and the command or key that mends it."""

    title = "That did not work"


class SettingsError(OperatorError):
    """All mistakes of the settings at once, one sentence each."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = list(mistakes)
