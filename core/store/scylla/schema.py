"""The tables, and beside each how it is read and written. CQL that ScyllaDB and Apache Cassandra 5 both accept.

No ALLOW FILTERING, no secondary index, no counter, no materialised view. A row that LWTs write is never written plainly.
Every partition is bounded: by the limits of one profile or account, by an hour, or by a number of shards.
"""

from __future__ import annotations

from typing import NamedTuple

from core.settings import StoreSettings

VERSION = 5
SLOTS = 16
"""Partitions that failures are spread over."""


class Table(NamedTuple):
    """`cql` makes it, after its name; `paths` says how it is used."""

    name: str
    cql: str
    paths: str


ACCOUNTS = (
    Table(
        "emails",
        "(email text PRIMARY KEY, account_id text, password_hash text, created_at bigint)",
        "The account itself, and the uniqueness of its address. Read by address at log-in; made, changed and removed by LWT.",
    ),
    Table(
        "accounts",
        "(id text PRIMARY KEY, email text, created_at bigint)",
        "Where an id's account is. Read by id; only `emails` says whether it is so. Written once, before `emails`.",
    ),
    Table(
        "session_epochs",
        "(account_id text PRIMARY KEY, epoch bigint)",
        "Moved by LWT to end all sessions of an account: those of another epoch have ended. Read with each session.",
    ),
    Table(
        "sessions",
        "(digest text PRIMARY KEY, account_id text, epoch bigint, expires_at bigint, ended boolean)",
        "One session or token. Read by digest at each request; opened and ended by LWT, with a TTL.",
    ),
    Table(
        "editors",
        "(account_id text, profile_id text, PRIMARY KEY (account_id, profile_id))",
        "Who may edit what: the truth. Read by account at each request; rows come and go by LWT (50 profiles at most).",
    ),
    Table(
        "editors_of",
        "(profile_id text, account_id text, PRIMARY KEY (profile_id, account_id))",
        "Who was ever let in, for looking it up by profile; each is then asked for in `editors`. Rows are only added.",
    ),
    Table(
        "invites",
        "(digest text PRIMARY KEY, profile_id text, used_by text)",
        "Claim links. Read by digest; used up by LWT.",
    ),
    Table(
        "newest_invites",
        "(profile_id text PRIMARY KEY, digest text)",
        "The claim link of a profile that counts. Read by profile; replaced by LWT.",
    ),
)

PROFILES = (
    Table(
        "claims",
        "(username text PRIMARY KEY, number bigint, state text, profile_id text, attempt text)",
        "Who owns a name. Read SERIAL by name; written by LWT on its number; never deleted.",
    ),
    Table(
        "profiles",
        "(profile_id text, kind text, id text, revision bigint static, walked bigint static, body text,"
        " PRIMARY KEY (profile_id, kind, id))",
        "A profile: rows `head` (again as `brief`, for who needs no more), `post`, `media`, `edit` (history; id = revision"
        " modulo 200, so the newest overwrites the oldest), `answer` (idempotency keys, with a TTL). Read by partition and"
        " kind; all of it walked by token range with its revision (`walked`). Written by one conditional batch on `revision`.",
    ),
    Table(
        "published",
        "(profile_id text, replica text, life bigint, stage text, slot int, revision bigint, rollout bigint,"
        " at_ms bigint, PRIMARY KEY (profile_id, replica, life, stage, slot))",
        "How far a profile has got (slot -1), and its last transitions (slot = revision modulo 64). Read by profile and"
        " replica; plain writes whose timestamp is the rank, so an older one never wins, whatever clocks say.",
    ),
    Table(
        "listings",
        "(life bigint, shard int, profile_id text, username text, edited_at bigint, listed boolean,"
        " PRIMARY KEY ((life, shard), profile_id))",
        "What lists of the site show. Read by shard, one in 256 of the site; plain writes whose timestamp is the rank.",
    ),
)

WORK = (
    Table(
        "changes",
        "(shard int, hour bigint, at timeuuid, profile_id text, revision bigint, PRIMARY KEY ((shard, hour), at))",
        "The change log. Appended to by ingest; read by shard and hour behind a time. Nothing is ever deleted: TWCS and a TTL.",
    ),
    Table(
        "positions",
        "(replica text, shard int, at timeuuid, PRIMARY KEY (replica, shard))",
        "How far the log is done with. Read by replica; plain writes whose timestamp is the position's own time.",
    ),
    Table(
        "agenda",
        "(list text, slot bigint, at bigint, id text, added timeuuid, PRIMARY KEY ((list, slot), at, id, added))",
        "What waits, by time: media work, due work, purges. Read slot by slot; rows only point to the tables below. A slot"
        " whose rows have all been dealt with goes as a whole, so no reader ever meets the tombstones of single rows.",
    ),
    Table(
        "media_work",
        "(media_id text PRIMARY KEY, profile_id text, added_at bigint, lane text, cost_s bigint, later boolean, remake boolean,"
        " making text)",
        "A medium that waits for the decoders. Read and written by its id; `making` with a TTL, and it alone is no task.",
    ),
    Table(
        "due_work",
        "(profile_id text, at bigint, PRIMARY KEY (profile_id, at))",
        "What falls due for a profile, and when. Read and written by both.",
    ),
    Table(
        "purges",
        "(replica text, profile_id text, id text, body text, tries text, PRIMARY KEY ((replica, profile_id), id))",
        "Purges that aren't settled. Read by profile, written by id; `tries` with a TTL, and it alone is no purge.",
    ),
    Table(
        "workers",
        "(part text, id text, beat bigint, nudge text, PRIMARY KEY (part, id))",
        "Heartbeats, with a TTL of an hour. One partition of as many rows as there are workers, read every second.",
    ),
    Table(
        "failures",
        "(slot int, kind text, subject text, profile_id text, reason text, attempts int, at bigint,"
        " PRIMARY KEY (slot, kind, subject))",
        "What was put aside. Read in all its slots, by operators and the sweep; written by subject.",
    ),
    Table(
        "rollouts",
        "(part text, number bigint, fingerprint text, bare_fingerprint text, bare bigint, PRIMARY KEY (part, number)) WITH CLUSTERING ORDER BY (number DESC)",
        "Promotions of releases. The newest is read at each publish; the next number is taken by LWT.",
    ),
    Table(
        "in_sync",
        "(part text, epoch bigint, names text, PRIMARY KEY (part, epoch)) WITH CLUSTERING ORDER BY (epoch DESC)",
        "Which replicas readers may use. The newest is read for receipts and by workers; the next epoch is taken by LWT.",
    ),
    Table("bookmarks", "(name text PRIMARY KEY, place text)", "Where walks have got to. By name."),
)

META = Table(
    "meta",
    "(part text, key text, value text, PRIMARY KEY (part, key))",
    "Schema version, life, number of shards, when it all began, who decides. Read SERIAL at start; written by LWT.",
)
LOCK = Table(
    "schema_lock",
    "(name text PRIMARY KEY, holder text)",
    "Who is changing the schema. An LWT with a TTL, so that a holder that died doesn't hold it for ever.",
)
TABLES = (META, *ACCOUNTS, *PROFILES, *WORK)

SHORT_GRACE = ("media_work", "due_work", "purges", "agenda", "workers")
"""Tables whose deleted rows may come back without harm (work that is done again), so their tombstones go within the hour."""


def create(table: Table, settings: StoreSettings, *, is_scylla: bool) -> str:
    """The statement that makes a table.

    `is_scylla`: ScyllaDB drops tombstones after a repair, unless it is told to go by `gc_grace_seconds`.
    """
    options = [f"comment = '{table.paths.replace(chr(39), chr(39) * 2)}'"]
    if table.name == "changes":
        ttl_s = settings.log_days * 86400
        # Some twenty windows over the log's life is what the makers of TWCS advise.
        window_h = max(1, settings.log_days * 24 // 20)
        options += [
            "compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS',"
            f" 'compaction_window_size': '{window_h}'}}",
            f"default_time_to_live = {ttl_s}",
            "gc_grace_seconds = 10800",
        ]
    elif table.name in SHORT_GRACE:
        options.append("gc_grace_seconds = 3600")
    if is_scylla and any(one.startswith("gc_grace") for one in options):
        options.append("tombstone_gc = {'mode': 'timeout'}")
    joined = " AND ".join(options)
    word = "AND" if " WITH " in table.cql else "WITH"
    return f"CREATE TABLE IF NOT EXISTS {settings.keyspace}.{table.name} {table.cql} {word} {joined}"


def create_keyspace(settings: StoreSettings) -> str:
    """The statement that makes the keyspace, with copies by data centre."""
    copies = ", ".join(f"'{dc}': {count}" for dc, count in replication(settings).items())
    tablets = {
        "auto": "",
        "on": " AND tablets = {'enabled': true}",
        "off": " AND tablets = {'enabled': false}",
    }
    return (
        f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace}"
        f" WITH replication = {{'class': 'NetworkTopologyStrategy', {copies}}}{tablets[settings.tablets]}"
    )


def replication(settings: StoreSettings) -> dict[str, int]:
    """Copies by data centre."""
    split = (one.rpartition(":") for one in settings.replication)
    return {dc: int(count) for dc, _, count in split}
