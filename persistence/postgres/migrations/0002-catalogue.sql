-- Lots, sellers and the public columns that lists and search read. Amounts are minor units, instants epoch ms.

create extension if not exists pg_trgm;

create table sellers (
  seller_id text primary key,
  name text not null,
  reputation double precision
);

create table lots (
  lot_id text primary key,
  version integer not null,
  title text not null,
  description text not null,
  category text,
  images text[] not null,
  latitude double precision,
  longitude double precision,
  shipping_free boolean,
  title_words tsvector not null generated always as (to_tsvector('english', title)) stored
);
create index lots_title_words on lots using gin (title_words);
create index lots_title_trigrams on lots using gin (title gin_trgm_ops);
create index lots_category on lots (category);

-- `added` orders by arrival. ends_key and price_key make what is absent sortable: no end yet comes last, no bid yet counts as the
-- opening price. No index holds a price or a count, and pages keep room, so that a bid changes a row in its place and no index.
create table catalogue (
  auction_id uuid primary key,
  added bigint not null generated always as identity,
  sequence bigint not null,
  phase text not null,
  outcome text,
  currency text not null,
  seller_id text not null,
  lot_id text,
  opening bigint not null,
  price bigint,
  asking_price bigint,
  total_bids bigint not null,
  bidders bigint not null,
  leader_number bigint,
  reserve_met boolean,
  buy_now bigint,
  opens_at bigint,
  ends_at bigint,
  ends_key bigint not null generated always as (coalesce(ends_at, 9007199254740991)) stored,
  price_key bigint not null generated always as (coalesce(price, opening)) stored
) with (fillfactor = 70);
create index catalogue_ending on catalogue (phase, ends_key, auction_id);
create index catalogue_added on catalogue (added);
create index catalogue_seller on catalogue (seller_id);
create index catalogue_lot on catalogue (lot_id);
