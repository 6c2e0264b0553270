// What the gateway needs of the world: the engine (through its link), the catalogue, identities, presence, limits.
// Types only. engine-link.ts, identity.ts, admission.ts and persistence implement them.
import type { Command } from "../engine/core/command.ts";
import type { RefusalCode } from "../engine/core/decision.ts";
import type { AuctionId, Instant, Minor, Sequence } from "../engine/core/ids.ts";
import type { Notice, Read, ReadResult, ShardStatus, Update } from "../engine/protocol.ts";

/** Whoever waits for the answer to one command. Exactly one of the two is called, once. */
export interface CommandReply {
  /** 64 bytes of `rows` from byte `at` on (readAnswer of engine/core/answers.ts); valid during the call only. */
  answer(auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void;
  refused(code: RefusalCode, retryAfterMs: number): void;
}

export type ReadOutcome =
  | { readonly kind: "ok"; readonly result: ReadResult }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly retryAfterMs: number };

export interface EngineListener {
  update(update: Update): void;
  notice(notice: Notice): void;
  /** The owner of these watched auctions went out of reach (true) or is back (false). After a return a fresh view is needed. */
  stale(auctionIds: readonly AuctionId[], stale: boolean): void;
  /** Another log: every pair a client holds is meaningless. */
  newLife(lifeId: string): void;
}

/** The engine as the gateway sees it. Commands are held while the owner is away or moving and repeated under their key; when
 *  the deadline passes they are refused: `outcome_unknown` if they were ever sent, else a refusal without effect. */
export interface Engine {
  command(command: Command, deadlineMs: number, reply: CommandReply): void;
  read(read: Read, deadlineMs: number): Promise<ReadOutcome>;
  /** Interest in updates; counted, so each watch needs its unwatch. */
  watch(auctionId: AuctionId): void;
  unwatch(auctionId: AuctionId): void;
  listen(listener: EngineListener): void;
  /** Ms since the owner of this auction was last heard, or 0 while it is live. */
  staleMs(auctionId: AuctionId): number;
  /** null before the first link was up. */
  lifeId(): string | null;
  shards(): readonly ShardStatus[];
  links(): readonly { readonly address: string; readonly up: boolean; readonly roundTripMs: number | null }[];
  inFlight(): number;
  held(): number;
  close(): Promise<void>;
}

export interface Lot {
  readonly lotId: string;
  readonly version: number;
  readonly title: string;
  readonly description: string;
  readonly category: string | null;
  readonly images: readonly string[];
  readonly location: { readonly latitude: number; readonly longitude: number } | null;
  readonly shippingFree: boolean | null;
}

export interface Seller {
  readonly sellerId: string;
  readonly name: string;
  readonly reputation: number | null;
}

/** What the catalogue knows of one auction: lot and seller (exact), and public columns (seconds behind). */
export interface CatalogueEntry {
  readonly auctionId: AuctionId;
  readonly lot: Lot | null;
  readonly seller: Seller;
  readonly sequence: Sequence;
  readonly phase: string;
  readonly outcome: string | null;
  readonly currency: string;
  readonly opening: Minor;
  readonly price: Minor | null;
  readonly askingPrice: Minor | null;
  readonly totalBids: number;
  readonly bidders: number;
  readonly leaderNumber: number | null;
  readonly reserveMet: boolean | null;
  readonly buyNow: Minor | null;
  readonly opensAt: Instant | null;
  readonly endsAt: Instant | null;
}

export interface ListQuery {
  readonly phase?: string | undefined;
  readonly category?: string | undefined;
  readonly sellerId?: string | undefined;
  readonly currency?: string | undefined;
  readonly endsBefore?: Instant | undefined;
  readonly endsAfter?: Instant | undefined;
  readonly sort: "ending_soon" | "newest";
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface SearchQuery {
  readonly q: string;
  readonly category?: string | undefined;
  readonly priceMin?: Minor | undefined;
  readonly priceMax?: Minor | undefined;
  readonly currency?: string | undefined;
  readonly phase: string;
  readonly sort: "ending_soon" | "price_asc" | "price_desc" | "popular" | "relevance";
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface CataloguePage {
  readonly entries: readonly CatalogueEntry[];
  readonly next: string | null;
  readonly asOf: Instant;
}

/** Lots and listings. Rejects with CatalogueUnavailable when the store is away, with InvalidCursor for a foreign cursor. */
export interface Catalogue {
  /** Lot and catalogue row at `create`, so that lists show it within a second. A repeat changes nothing; a checkpoint later
   *  overwrites the columns by sequence. */
  add(entry: CatalogueEntry): Promise<void>;
  entry(auctionId: AuctionId): Promise<CatalogueEntry | null>;
  entries(auctionIds: readonly AuctionId[]): Promise<readonly CatalogueEntry[]>;
  list(query: ListQuery): Promise<CataloguePage>;
  search(query: SearchQuery): Promise<CataloguePage & { readonly total: number }>;
  healthy(): boolean;
  close(): Promise<void>;
}

export class CatalogueUnavailable extends Error {}
export class InvalidCursor extends Error {}

export type Tier = "free" | "premium" | "enterprise";

/** A verified token's claims. */
export interface Identity {
  readonly userId: string;
  readonly name: string | null;
  readonly tier: Tier;
  readonly roles: readonly ("bidder" | "seller" | "operator" | "auditor")[];
  readonly guest: boolean;
  readonly expiresAt: Instant;
}

export type AddressFamily = "ipv4" | "ipv6";

export type TokenFault = "unauthenticated" | "token_expired";

export interface Identities {
  /** Rejects when the keys that judge a token cannot be had; that says nothing of the token. */
  verify(token: string): Promise<Identity | TokenFault>;
  /** One-use tickets of 30 s for opening one socket, from an address of the family it was issued to; null: any, or not known. */
  issueTicket(identity: Identity, family?: AddressFamily | null): { readonly ticket: string; readonly expiresAt: Instant };
  spendTicket(ticket: string, family?: AddressFamily | null): Identity | null;
  /** null when guests are off. With a guest's identity the token is renewed under the same user id. */
  issueGuest(name: string | null, again?: Identity | null): Promise<{ readonly token: string; readonly identity: Identity } | null>;
}

/** How many watch an auction now, over sockets of this gateway (and, with a shared store, of all). */
export interface Presence {
  watchers(auctionId: AuctionId): number;
}
