-- Snapshots of shards. Disposable: the decision log is the only source of truth.
--
-- A checkpoint says up to which offset of the log the snapshots of its shard are complete. What an auction was at a checkpoint is
-- its newest head whose offset is not above the checkpoint's, and its rows from chunks and pieces not above it.

-- Locked first by whoever writes. "offset" is that of the newest checkpoint, -1 before the first.
create table snapshot_guards (
  shard integer primary key,
  life_id bytea not null,
  "offset" bigint not null
);

create table checkpoints (
  shard integer not null,
  "offset" bigint not null,
  life_id bytea not null,
  lsn bigint not null,
  running_hash bytea not null,
  claim bigint not null,
  nonce bytea not null,
  open boolean not null,
  time bigint not null,
  outage_from bigint not null,
  state_hash bytea not null,
  auctions integer not null,
  primary key (shard, "offset")
);

-- One version of an auction's head for each checkpoint that found it changed. closed_at is the time of that checkpoint for a
-- closed auction, else null.
create table snapshot_heads (
  shard integer not null,
  auction_id uuid not null,
  "offset" bigint not null,
  sequence bigint not null,
  closed_at bigint,
  state_hash bytea not null,
  head bytea not null
);
create unique index snapshot_heads_version on snapshot_heads (shard, auction_id, "offset" desc);
create index snapshot_heads_offset on snapshot_heads (shard, "offset");
create index snapshot_heads_live on snapshot_heads (shard, auction_id) where closed_at is null;
create index snapshot_heads_closed on snapshot_heads (shard, closed_at, auction_id) where closed_at is not null;

-- New and changed rows of an auction as one checkpoint found them, packed: kind, first row, length, bytes.
create table snapshot_pieces (
  shard integer not null,
  auction_id uuid not null,
  "offset" bigint not null,
  rows bytea not null,
  primary key (shard, auction_id, "offset")
);

-- Chunks of 1,024 rows that are full. Digests do not compress, so nobody tries.
create table snapshot_chunks (
  shard integer not null,
  auction_id uuid not null,
  kind smallint not null,
  chunk integer not null,
  "offset" bigint not null,
  rows bytea not null,
  primary key (shard, auction_id, kind, chunk, "offset")
);
alter table snapshot_chunks alter column rows set storage external;

-- Auctions whose pieces filled a chunk at that offset. They are merged once no kept checkpoint is older.
create table snapshot_merges (
  shard integer not null,
  "offset" bigint not null,
  auction_id uuid not null,
  primary key (shard, "offset", auction_id)
);
