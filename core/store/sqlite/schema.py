"""The tables of the SQLite file, as steps from each schema to the next: a new file takes all, an older one those it lacks.

A step that was released never changes again.
"""

from __future__ import annotations

_FIRST = """
create table meta (key text primary key, value text not null) without rowid;
create table accounts (id text primary key, email text not null unique, body text not null) without rowid;
create table sessions (digest text primary key, account_id text not null, expires_at integer not null,
    ended integer not null default 0) without rowid;
create index sessions_of on sessions (account_id);
create table editors (account_id text, profile_id text, primary key (account_id, profile_id)) without rowid;
create index editors_of on editors (profile_id);
create table invites (digest text primary key, profile_id text not null, used_by text) without rowid;
create index invites_of on invites (profile_id);
create table claims (username text primary key, number integer not null, state text not null, profile_id text,
    attempt text not null) without rowid;
-- A profile's partition: the tables below change together, by Profiles.commit alone.
create table heads (profile_id text primary key, revision integer not null, body text not null) without rowid;
create table rows (profile_id text, kind text, id text, body text not null,
    primary key (profile_id, kind, id)) without rowid;
create table history (profile_id text, revision integer, edit integer not null, writer text not null,
    what text not null, at_ms integer not null, primary key (profile_id, revision)) without rowid;
create table answers (profile_id text, key text, expires_at integer not null, body text not null,
    primary key (profile_id, key)) without rowid;
create table changes (seq integer primary key autoincrement, profile_id text not null, revision integer not null);
create table positions (replica text primary key, position text not null) without rowid;
create table due (at integer, profile_id text, primary key (at, profile_id)) without rowid;
create table media_work (media_id text primary key, profile_id text not null, added_at integer not null) without rowid;
create table published (profile_id text, replica text, life integer, stage text, revision integer not null,
    rollout integer not null, at_ms integer not null, primary key (profile_id, replica, life, stage)) without rowid;
create table transitions (seq integer primary key autoincrement, profile_id text not null, replica text not null,
    stage text not null, life integer not null, revision integer not null, rollout integer not null,
    at_ms integer not null);
create index transitions_of on transitions (profile_id, replica, seq);
create table purges (seq integer primary key autoincrement, replica text not null, id text not null,
    profile_id text not null, body text not null);
create unique index purge_of on purges (replica, id);
create table failures (kind text, subject text, profile_id text not null, reason text not null,
    attempts integer not null, at integer not null, primary key (kind, subject)) without rowid;
create table rollouts (number integer primary key, fingerprint text not null);
insert into meta values ('life', '1');
"""

# What has been published was listed by a walk over all profiles so far; from here on by a row for each of them.
_LISTINGS_AND_WORKERS = """
create index purges_of on purges (replica, profile_id, seq);
create table listings (life integer, shard integer, profile_id text, revision integer not null,
    rollout integer not null, username text, edited_at integer, primary key (life, shard, profile_id)) without rowid;
create table workers (worker_id text primary key, count integer not null, beaten_at integer not null) without rowid;
create table bookmarks (name text primary key, place text not null) without rowid;
insert into listings select published.life, (instr('0123456789abcdef', substr(heads.profile_id, 1, 1)) - 1) * 16
        + instr('0123456789abcdef', substr(heads.profile_id, 2, 1)) - 1,
    heads.profile_id, published.revision, published.rollout, json_extract(body, '$.name.username'),
    coalesce(json_extract(body, '$.edited_at'), 0)
    from heads join published using (profile_id)
    where published.replica = 'main' and published.stage = 'published'
        and json_extract(body, '$.name.username') is not null and not coalesce(json_extract(body, '$.deleted'), 0)
        and coalesce(json_extract(body, '$.profile.visibility'), 'public') = 'public';
"""

_REPLICAS = """
create table in_sync (epoch integer primary key, names text not null);
"""

# Each roll-out so far rewrote every file, so the next one has to.
_BARE = """
alter table rollouts add column bare_fingerprint text not null default '';
alter table rollouts add column bare integer not null default 0;
update rollouts set bare = number;
"""

# What waits already goes on in the videos' lane, where nobody waits for a picture in vain.
_LANES = """
alter table media_work add column lane text not null default 'video';
alter table media_work add column cost_s integer not null default 1;
alter table media_work add column later integer not null default 0;
alter table media_work add column remake integer not null default 0;
alter table media_work add column making text;
create index media_work_by_place on media_work (lane, remake, later, added_at + cost_s, media_id);
"""

# A million may wait for a CDN after a rebuild, and are looked at every second.
_PURGES_IN_ORDER = """
create index purges_in_order on purges (replica, seq);
"""

# A takedown must not wait behind a rebuild.
_HARD_PURGES_FIRST = """
alter table purges add column hard integer not null default 0;
update purges set hard = exists (select 1 from json_each(body, '$[1]') where json_extract(value, '$[2]'));
drop index purges_in_order;
create index purges_in_order on purges (replica, hard desc, seq);
"""

_TRIES = """
alter table purges add column failures integer not null default 0;
alter table purges add column due_at integer not null default 0;
"""

STEPS = (
    _FIRST,
    _LISTINGS_AND_WORKERS,
    _REPLICAS,
    _BARE,
    _LANES,
    _PURGES_IN_ORDER,
    _HARD_PURGES_FIRST,
    _TRIES,
)
"""As many as the newest schema's number, which the file keeps as its `user_version`."""
