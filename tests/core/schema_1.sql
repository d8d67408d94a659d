-- A database that the schema 1 wrote: ann has a newer edit than is published, bob is unlisted, cy private, dee deleted,
-- eve has never been published. Dumped once; never to be made again with a newer schema.
pragma user_version=1;
BEGIN TRANSACTION;
CREATE TABLE accounts (id text primary key, email text not null unique, body text not null) without rowid;
CREATE TABLE answers (profile_id text, key text, expires_at integer not null, body text not null,
    primary key (profile_id, key)) without rowid;
CREATE TABLE changes (seq integer primary key autoincrement, profile_id text not null, revision integer not null);
INSERT INTO "changes" VALUES(1,'1ce7a9a152f2463f29b8',1);
INSERT INTO "changes" VALUES(2,'1ce7a9a152f2463f29b8',2);
INSERT INTO "changes" VALUES(3,'1146377f4591eff626b1',1);
INSERT INTO "changes" VALUES(4,'1146377f4591eff626b1',2);
INSERT INTO "changes" VALUES(5,'63d2342dd0a353db3f23',1);
INSERT INTO "changes" VALUES(6,'63d2342dd0a353db3f23',2);
INSERT INTO "changes" VALUES(7,'c14c933e9b3fac93e075',1);
INSERT INTO "changes" VALUES(8,'c14c933e9b3fac93e075',2);
INSERT INTO "changes" VALUES(9,'ab560a3b6b600ddb61c1',1);
INSERT INTO "changes" VALUES(10,'ab560a3b6b600ddb61c1',2);
INSERT INTO "changes" VALUES(11,'1ce7a9a152f2463f29b8',3);
INSERT INTO "changes" VALUES(12,'1146377f4591eff626b1',3);
INSERT INTO "changes" VALUES(13,'63d2342dd0a353db3f23',3);
INSERT INTO "changes" VALUES(14,'c14c933e9b3fac93e075',3);
INSERT INTO "changes" VALUES(15,'1ce7a9a152f2463f29b8',4);
CREATE TABLE claims (username text primary key, number integer not null, state text not null, profile_id text,
    attempt text not null) without rowid;
INSERT INTO "claims" VALUES('ann',1,'held','1ce7a9a152f2463f29b8','72989435cd515e1caca9');
INSERT INTO "claims" VALUES('bob',1,'held','1146377f4591eff626b1','4c866acb8c3c9cf12752');
INSERT INTO "claims" VALUES('cy',1,'held','63d2342dd0a353db3f23','7982d70f7228940fedf9');
INSERT INTO "claims" VALUES('dee',1,'held','c14c933e9b3fac93e075','7c4aa91187655b02d20d');
INSERT INTO "claims" VALUES('eve',1,'held','ab560a3b6b600ddb61c1','bc694591373d29b236eb');
CREATE TABLE due (at integer, profile_id text, primary key (at, profile_id)) without rowid;
INSERT INTO "due" VALUES(1795645665,'1146377f4591eff626b1');
INSERT INTO "due" VALUES(1795645665,'1ce7a9a152f2463f29b8');
INSERT INTO "due" VALUES(1795645665,'63d2342dd0a353db3f23');
INSERT INTO "due" VALUES(1795645665,'ab560a3b6b600ddb61c1');
INSERT INTO "due" VALUES(1795645665,'c14c933e9b3fac93e075');
CREATE TABLE editors (account_id text, profile_id text, primary key (account_id, profile_id)) without rowid;
CREATE TABLE failures (kind text, subject text, profile_id text not null, reason text not null,
    attempts integer not null, at integer not null, primary key (kind, subject)) without rowid;
CREATE TABLE heads (profile_id text primary key, revision integer not null, body text not null) without rowid;
INSERT INTO "heads" VALUES('1146377f4591eff626b1',3,'{"id":"1146377f4591eff626b1","profile":{"name":"Bob","visibility":"unlisted"},"name":{"username":"bob","claim":1},"edit":2,"revision":3,"frame_revision":3,"posts_revision":1,"created_at":1795645545,"edited_at":1795645545}');
INSERT INTO "heads" VALUES('1ce7a9a152f2463f29b8',4,'{"id":"1ce7a9a152f2463f29b8","profile":{"name":"Ann","bio":"Not published yet."},"name":{"username":"ann","claim":1},"edit":3,"revision":4,"frame_revision":2,"posts_revision":3,"created_at":1795645545,"edited_at":1795645545}');
INSERT INTO "heads" VALUES('63d2342dd0a353db3f23',3,'{"id":"63d2342dd0a353db3f23","profile":{"name":"Cy","visibility":"private"},"name":{"username":"cy","claim":1},"edit":2,"revision":3,"frame_revision":3,"posts_revision":1,"created_at":1795645545,"edited_at":1795645545}');
INSERT INTO "heads" VALUES('ab560a3b6b600ddb61c1',2,'{"id":"ab560a3b6b600ddb61c1","profile":{"name":"Eve"},"name":{"username":"eve","claim":1},"edit":1,"revision":2,"frame_revision":2,"posts_revision":1,"created_at":1795645545,"edited_at":1795645545}');
INSERT INTO "heads" VALUES('c14c933e9b3fac93e075',3,'{"id":"c14c933e9b3fac93e075","profile":{"name":"Dee"},"name":{"username":"dee","claim":1},"edit":2,"revision":3,"frame_revision":3,"posts_revision":1,"deleted":true,"created_at":1795645545,"edited_at":1795645545}');
CREATE TABLE history (profile_id text, revision integer, edit integer not null, writer text not null,
    what text not null, at_ms integer not null, primary key (profile_id, revision)) without rowid;
INSERT INTO "history" VALUES('1146377f4591eff626b1',1,1,'4c866acb8c3c9cf12752','sign-up',1795645545799);
INSERT INTO "history" VALUES('1146377f4591eff626b1',2,1,'d9654addf75671e7b3ff','named bob',1795645545800);
INSERT INTO "history" VALUES('1146377f4591eff626b1',3,2,'2bf8d8ece994c67864f7','test',1795645545805);
INSERT INTO "history" VALUES('1ce7a9a152f2463f29b8',1,1,'72989435cd515e1caca9','sign-up',1795645545797);
INSERT INTO "history" VALUES('1ce7a9a152f2463f29b8',2,1,'e54bcad5cf90cde79441','named ann',1795645545798);
INSERT INTO "history" VALUES('1ce7a9a152f2463f29b8',3,2,'e80510ec57f23253d324','test',1795645545804);
INSERT INTO "history" VALUES('1ce7a9a152f2463f29b8',4,3,'fbb9b12809fdbafe217f','test',1795645545875);
INSERT INTO "history" VALUES('63d2342dd0a353db3f23',1,1,'7982d70f7228940fedf9','sign-up',1795645545800);
INSERT INTO "history" VALUES('63d2342dd0a353db3f23',2,1,'72943d5be72c6ec70773','named cy',1795645545801);
INSERT INTO "history" VALUES('63d2342dd0a353db3f23',3,2,'3cc7df1c8b96088b73b1','test',1795645545805);
INSERT INTO "history" VALUES('ab560a3b6b600ddb61c1',1,1,'bc694591373d29b236eb','sign-up',1795645545803);
INSERT INTO "history" VALUES('ab560a3b6b600ddb61c1',2,1,'21cca6d73d219c10ad8c','named eve',1795645545804);
INSERT INTO "history" VALUES('c14c933e9b3fac93e075',1,1,'7c4aa91187655b02d20d','sign-up',1795645545802);
INSERT INTO "history" VALUES('c14c933e9b3fac93e075',2,1,'72335dd3c17f63e947a9','named dee',1795645545802);
INSERT INTO "history" VALUES('c14c933e9b3fac93e075',3,2,'af3510c9915b78f1a4f3','test',1795645545806);
CREATE TABLE invites (digest text primary key, profile_id text not null, used_by text) without rowid;
CREATE TABLE media_work (media_id text primary key, profile_id text not null, added_at integer not null) without rowid;
INSERT INTO "media_work" VALUES('photo','1ce7a9a152f2463f29b8',1000);
CREATE TABLE meta (key text primary key, value text not null) without rowid;
INSERT INTO "meta" VALUES('life','1');
CREATE TABLE positions (replica text primary key, position text not null) without rowid;
INSERT INTO "positions" VALUES('main','7');
CREATE TABLE published (profile_id text, replica text, life integer, stage text, revision integer not null,
    rollout integer not null, at_ms integer not null, primary key (profile_id, replica, life, stage)) without rowid;
INSERT INTO "published" VALUES('1146377f4591eff626b1','main',1,'live',3,1,1795645545866);
INSERT INTO "published" VALUES('1146377f4591eff626b1','main',1,'published',3,1,1795645545865);
INSERT INTO "published" VALUES('1146377f4591eff626b1','main',1,'purged',3,1,1795645545865);
INSERT INTO "published" VALUES('1ce7a9a152f2463f29b8','main',1,'live',3,1,1795645545858);
INSERT INTO "published" VALUES('1ce7a9a152f2463f29b8','main',1,'published',3,1,1795645545857);
INSERT INTO "published" VALUES('1ce7a9a152f2463f29b8','main',1,'purged',3,1,1795645545858);
INSERT INTO "published" VALUES('63d2342dd0a353db3f23','main',1,'live',3,1,1795645545873);
INSERT INTO "published" VALUES('63d2342dd0a353db3f23','main',1,'published',3,1,1795645545873);
INSERT INTO "published" VALUES('63d2342dd0a353db3f23','main',1,'purged',3,1,1795645545873);
INSERT INTO "published" VALUES('c14c933e9b3fac93e075','main',1,'live',3,1,1795645545875);
INSERT INTO "published" VALUES('c14c933e9b3fac93e075','main',1,'published',3,1,1795645545875);
INSERT INTO "published" VALUES('c14c933e9b3fac93e075','main',1,'purged',3,1,1795645545875);
CREATE TABLE purges (seq integer primary key autoincrement, replica text not null, id text not null,
    profile_id text not null, body text not null);
INSERT INTO "purges" VALUES(3,'main','waiting','1ce7a9a152f2463f29b8','[[1, 3, 1], [["/ann", "1.1.3.1", false]], 1000]');
CREATE TABLE rollouts (number integer primary key, fingerprint text not null);
INSERT INTO "rollouts" VALUES(1,'6dc51e209d11d18794d1b8b4220260f2');
CREATE TABLE rows (profile_id text, kind text, id text, body text not null,
    primary key (profile_id, kind, id)) without rowid;
INSERT INTO "rows" VALUES('1ce7a9a152f2463f29b8','post','ab76aa1621d0ec754466','{"id":"ab76aa1621d0ec754466","slug":"boats","title":"Boats","date":"2026-11-01","state":"published","edit":2,"revision":3}');
CREATE TABLE sessions (digest text primary key, account_id text not null, expires_at integer not null,
    ended integer not null default 0) without rowid;
CREATE TABLE transitions (seq integer primary key autoincrement, profile_id text not null, replica text not null,
    stage text not null, life integer not null, revision integer not null, rollout integer not null,
    at_ms integer not null);
INSERT INTO "transitions" VALUES(1,'1ce7a9a152f2463f29b8','main','published',1,3,1,1795645545857);
INSERT INTO "transitions" VALUES(2,'1ce7a9a152f2463f29b8','main','purged',1,3,1,1795645545858);
INSERT INTO "transitions" VALUES(3,'1ce7a9a152f2463f29b8','main','live',1,3,1,1795645545858);
INSERT INTO "transitions" VALUES(4,'1146377f4591eff626b1','main','published',1,3,1,1795645545865);
INSERT INTO "transitions" VALUES(5,'1146377f4591eff626b1','main','purged',1,3,1,1795645545865);
INSERT INTO "transitions" VALUES(6,'1146377f4591eff626b1','main','live',1,3,1,1795645545866);
INSERT INTO "transitions" VALUES(7,'63d2342dd0a353db3f23','main','published',1,3,1,1795645545873);
INSERT INTO "transitions" VALUES(8,'63d2342dd0a353db3f23','main','purged',1,3,1,1795645545873);
INSERT INTO "transitions" VALUES(9,'63d2342dd0a353db3f23','main','live',1,3,1,1795645545873);
INSERT INTO "transitions" VALUES(10,'c14c933e9b3fac93e075','main','published',1,3,1,1795645545875);
INSERT INTO "transitions" VALUES(11,'c14c933e9b3fac93e075','main','purged',1,3,1,1795645545875);
INSERT INTO "transitions" VALUES(12,'c14c933e9b3fac93e075','main','live',1,3,1,1795645545875);
CREATE INDEX sessions_of on sessions (account_id);
CREATE INDEX editors_of on editors (profile_id);
CREATE INDEX invites_of on invites (profile_id);
CREATE INDEX transitions_of on transitions (profile_id, replica, seq);
CREATE UNIQUE INDEX purge_of on purges (replica, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('changes',15);
INSERT INTO "sqlite_sequence" VALUES('purges',3);
INSERT INTO "sqlite_sequence" VALUES('transitions',12);
COMMIT;
