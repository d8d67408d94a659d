"""Accounts: sign up, log in, claim an imported profile, change the password, delete it all."""

from __future__ import annotations

import time
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, StringConstraints

from core import keys
from core.errors import BadInput, Conflict, KeyReused, NotAllowed, NotFound, NotSignedIn
from core.fields import LINE, chars
from core.ids import digest, new_id
from core.log import get_logger
from core.media import Frozen
from core.profile import Head, Profile, Snapshot
from core.store import Account, Store
from core.store.naming import found, owner_of, rename, require_free
from core.store.revise import Asked
from ingest import edits, passwords
from ingest.access import heads_of, name_of
from ingest.edits import answered
from ingest.passwords import Passwords

log = get_logger("ingest")

EMAIL_CHARS_MAX = 254
PROFILES_PER_ACCOUNT_MAX = 50
_NO_MATCH = "This e-mail address and password don't belong together."
_HAS_ACCOUNT = "has an account already; please log in instead"


def _email(text: str) -> str:
    try:
        checked = validate_email(text.strip(), check_deliverability=False)
    except EmailNotValidError:
        raise ValueError("doesn't look like an e-mail address") from None
    # Only the domain is case-insensitive by the letter (RFC 5321, 2.4); in practice all of it is.
    return checked.normalized.lower()


def _password(text: str) -> str:
    if not passwords.CHARS_MIN <= len(text) <= passwords.CHARS_MAX:
        raise ValueError(f"must have {passwords.CHARS_MIN} to {passwords.CHARS_MAX} characters")
    return text


def _username(text: str) -> str:
    try:
        return keys.username(text)
    except BadInput as error:
        raise ValueError(error.fields["username"]) from None


Email = Annotated[str, StringConstraints(max_length=EMAIL_CHARS_MAX), AfterValidator(_email)]
NewPassword = Annotated[str, AfterValidator(_password)]
Username = Annotated[str, AfterValidator(_username)]
DisplayName = Annotated[str, chars(80), LINE]


class Credentials(Frozen):
    """What a new account needs."""

    email: Email
    password: NewPassword


class SignUp(Credentials):
    """A new account with its first profile. `name` is the display name; the username serves if it is empty."""

    username: Username
    name: DisplayName = ""


class FirstWords(Frozen):
    """What a new profile begins with; the username serves as its display name if there is none."""

    username: Username
    name: DisplayName = ""


class LogIn(Frozen):
    email: Annotated[str, StringConstraints(max_length=EMAIL_CHARS_MAX)]
    password: str


def sign_up(
    store: Store, hashes: Passwords, wish: SignUp, asked: Asked | None = None
) -> tuple[Account, Snapshot]:
    """Makes an account and its first profile. Who repeats one that was cut short goes on where it ended.

    Raises BadInput (also when the e-mail address is somebody's account), NameTaken, KeyReused.
    """
    known = store.accounts.by_email(wish.email)
    if known is None:
        require_free(store, wish.username)
    account = _account(store, hashes, wish, known)
    first = FirstWords(username=wish.username, name=wish.name)
    if asked and (made := _made_before(store, account.id, first, asked)):
        return account, made
    for profile_id in store.accounts.profiles_of(account.id):
        head = store.profiles.head(profile_id)
        if head and not head.deleted and name_of(head) not in ("", wish.username):
            raise BadInput({"email": _HAS_ACCOUNT})
    snapshot = new_profile(store, account.id, first, asked)
    log.info("signed_up", account=account.id, profile=snapshot.head.id, username=wish.username)
    return account, snapshot


def new_profile(store: Store, account_id: str, wish: FirstWords, asked: Asked | None = None) -> Snapshot:
    """Gives the account a profile under that name: a new one, or one of its own whose making was cut short.

    Sending it again gives the same profile. Raises BadInput, NameTaken, KeyReused.
    """
    if asked and (made := _made_before(store, account_id, wish, asked)):
        return made
    username = keys.username(wish.username)
    mine = store.accounts.profiles_of(account_id)
    owner = owner_of(store, username)
    snapshot = store.profiles.load(owner) if owner and owner in mine else None
    if snapshot and not snapshot.head.deleted and name_of(snapshot.head) == username:
        return snapshot
    require_free(store, username, owner if owner and owner in mine else "")
    profile = Profile(name=wish.name or username)
    # A keyed request makes the profile of its own key, and leaves alone what another one has begun.
    for profile_id in () if asked else mine:
        head = store.profiles.head(profile_id)
        if head is None:
            return found(store, username, profile, profile_id, asked)
        if head.name is None and not head.deleted:
            return rename(store, profile_id, username)
    profile_id = _profile_id(account_id, asked) if asked else new_id()
    # Before the profile is there, so that a crash can't leave one that nobody may edit.
    store.accounts.allow(account_id, profile_id)
    return found(store, username, profile, profile_id, asked)


def _profile_id(account_id: str, asked: Asked) -> str:
    """The id of the profile that a keyed request makes: so that its repetition finds it."""
    return digest(f"{account_id} {asked.key}")[:20]


def _made_before(store: Store, account_id: str, wish: FirstWords, asked: Asked) -> Snapshot | None:
    """The profile that the same request has made, or at least begun; None for a new request. Raises KeyReused."""
    profile_id = _profile_id(account_id, asked)
    snapshot = store.profiles.load(profile_id)
    if snapshot is None:
        return None
    head = snapshot.head
    names = {one.username for one in (head.name, head.pending_name, *head.former_names) if one}
    # Answers are forgotten after a while; the id isn't, and can't be given twice.
    if answered(store, profile_id, asked) is None and wish.username not in names:
        raise KeyReused
    unnamed = head.name is None and not head.deleted
    return rename(store, profile_id, wish.username) if unnamed else snapshot


def another_profile(store: Store, account_id: str, wish: FirstWords, asked: Asked | None = None) -> Snapshot:
    """Like `new_profile`, with a limit on how many an account may have. Raises Conflict."""
    if asked and (made := _made_before(store, account_id, wish, asked)):
        return made
    if len(heads_of(store, account_id)) >= PROFILES_PER_ACCOUNT_MAX:
        raise Conflict(f"An account can have {PROFILES_PER_ACCOUNT_MAX} profiles at most.")
    return new_profile(store, account_id, wish, asked)


def log_in(store: Store, hashes: Passwords, wish: LogIn) -> Account:
    """The account with that e-mail address and password; raises NotSignedIn, which doesn't tell which one is wrong."""
    try:
        email = _email(wish.email)
    except ValueError:
        email = ""
    account = store.accounts.by_email(email) if email else None
    if not hashes.match(account.password_hash if account else None, wish.password) or account is None:
        raise NotSignedIn(_NO_MATCH)
    if hashes.is_old(account.password_hash):
        store.accounts.set_password(account.id, hashes.hash(wish.password))
    return account


def claimed_head(store: Store, token: str) -> Head:
    """Whose page a claim link is for; raises NotFound once it has been used or replaced."""
    profile_id = store.accounts.invited(digest(token))
    head = store.profiles.head(profile_id) if profile_id else None
    if head is None or head.deleted:
        raise NotFound("This link has been used already, or was replaced by a newer one.")
    return head


def claim(store: Store, token: str, account_id: str) -> str:
    """Uses the link up and lets the account edit its profile; returns the profile's id. Raises NotFound."""
    claimed_head(store, token)
    profile_id = store.accounts.redeem(digest(token), account_id)
    if profile_id is None:
        raise NotFound("This link has just been used by somebody else.")
    log.info("profile_claimed", account=account_id, profile=profile_id)
    return profile_id


def claim_with_sign_up(store: Store, hashes: Passwords, token: str, wish: Credentials) -> tuple[Account, str]:
    """Makes an account for the link's profile. Raises BadInput, NotFound."""
    claimed_head(store, token)
    account = _account(store, hashes, wish, store.accounts.by_email(wish.email))
    return account, claim(store, token, account.id)


def change_password(store: Store, hashes: Passwords, account_id: str, old: str, new: str) -> None:
    """Sets a new password and ends every session. Raises BadInput."""
    account = require_password(store, hashes, account_id, old)
    try:
        _password(new)
    except ValueError as error:
        raise BadInput({"new_password": str(error)}) from None
    store.accounts.set_password(account.id, hashes.hash(new))
    store.accounts.end_sessions(account.id)


def delete_account(store: Store, hashes: Passwords, account_id: str, password: str) -> None:
    """Deletes the profiles that nobody else edits, then the account and its sessions.

    Returns when all of it is done. Who asks again after it was cut short goes on where it ended. Raises BadInput.
    """
    account = require_password(store, hashes, account_id, password)
    for profile_id in store.accounts.profiles_of(account.id):
        if list(store.accounts.editors_of(profile_id)) != [account.id]:
            store.accounts.disallow(account.id, profile_id)
            if store.accounts.editors_of(profile_id):
                continue
            # The other editor left at the same moment.
            store.accounts.allow(account.id, profile_id)
        if store.profiles.head(profile_id):
            edits.delete_profile(store, profile_id, edits.Terms())
    store.accounts.remove(account.id)
    log.info("account_deleted", account=account.id)


def require_password(store: Store, hashes: Passwords, account_id: str, password: str) -> Account:
    """The account, if that is its password; raises BadInput."""
    account = store.accounts.get(account_id)
    if account is None:
        raise NotSignedIn
    if not hashes.match(account.password_hash, password):
        raise BadInput({"password": "is not right"})
    return account


def require_open(signup: str) -> None:
    if signup != "open":
        raise NotAllowed("New accounts are made by invitation here.")


def _account(store: Store, hashes: Passwords, wish: Credentials, known: Account | None) -> Account:
    """The account of that e-mail address and password, made if it isn't there. Raises BadInput."""
    if known is None:
        account = Account(
            id=new_id(),
            email=wish.email,
            password_hash=hashes.hash(wish.password),
            created_at=int(time.time()),
        )
        if store.accounts.create(account):
            return account
        known = store.accounts.by_email(wish.email)
    if known is None or not hashes.match(known.password_hash, wish.password):
        raise BadInput({"email": _HAS_ACCOUNT})
    return known
