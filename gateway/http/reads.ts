// Reads of one auction: from the owner while it can be reached, else the newest view this gateway has seen, said to be old.
//
// R1. A view that did not come from the owner just now always says so: `Fairwarning-State: stale` and its `Age`.
// R2. A fresh read is never answered from what is kept here.
// R3. Both caches only spare work: losing an entry costs a read, and with Postgres away the lot of an auction.
// R4. Another life of the log makes the views kept here meaningless: they are forgotten at once.
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { AuctionView } from "../../engine/core/view.ts";
import type { Read, ReadResult } from "../../engine/protocol.ts";
import { CatalogueUnavailable } from "../ports.ts";
import type { LotAndSeller } from "./auction-json.ts";
import type { HttpContext } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";

/** About 3 KB each: enough for the auctions people look at while an owner is away. The oldest goes first. */
const VIEWS_MAX = 2_000;
/** At most a body of 64 KiB each, typically 1 KB. The oldest goes first. */
const LOTS_MAX = 2_000;
/** A lot that its seller edited is seen this late at other gateways. */
const LOT_KEPT_MS = 5_000;

/** Codes that mean: the owner cannot be asked just now. */
const AWAY: ReadonlySet<string> = new Set(["shard_moving", "shard_unowned", "log_unavailable", "overloaded", "outcome_unknown"]);

export interface FoundView {
  readonly view: AuctionView;
  /** 0 while live. */
  readonly ageMs: number;
}

/** Keeps what was read, so that an owner who is away does not make its auctions vanish. */
export class AuctionReader {
  readonly #parts: HttpParts;
  readonly #views = new Map<AuctionId, { readonly view: AuctionView; readonly at: Instant }>();
  readonly #lots = new Map<AuctionId, { readonly known: LotAndSeller; readonly at: number }>();

  constructor(parts: HttpParts) {
    this.#parts = parts;
    parts.engine.listen({ update: () => undefined, notice: () => undefined, stale: () => undefined, newLife: () => this.#views.clear() });
  }

  /** The public view. Refuses `no_such_auction`, and what keeps the owner from answering when nothing is kept here. */
  async view(auctionId: AuctionId, fresh: boolean, deadlineMs: number): Promise<FoundView> {
    const { engine } = this.#parts;
    const kept = fresh ? null : this.#kept(auctionId);
    if (kept !== null && engine.staleMs(auctionId) > 0) return kept;
    const outcome = await engine.read({ kind: "view", auctionId, fresh, history: 0, bidderId: null }, deadlineMs);
    if (outcome.kind === "ok" && outcome.result.kind === "view") {
      const { view } = outcome.result;
      remember(this.#views, auctionId, { view, at: this.#parts.clock.now() }, VIEWS_MAX);
      return { view, ageMs: 0 };
    }
    if (outcome.kind === "ok") throw new Refused("internal");
    const late = fresh || !AWAY.has(outcome.code) ? null : this.#kept(auctionId);
    if (late !== null) return late;
    throw new Refused(outcome.code, outcome.retryAfterMs > 0 ? { retryAfterMs: outcome.retryAfterMs } : {});
  }

  #kept(auctionId: AuctionId): FoundView | null {
    const kept = this.#views.get(auctionId);
    if (kept === undefined) return null;
    const { clock, engine } = this.#parts;
    return { view: kept.view, ageMs: Math.max(1, engine.staleMs(auctionId), clock.now() - kept.at) };
  }

  /** Lot and seller, or null where neither the catalogue nor this gateway knows them. Never rejects: an auction is shown without. */
  async lot(auctionId: AuctionId): Promise<LotAndSeller | null> {
    const { catalogue, clock, log } = this.#parts;
    const kept = this.#lots.get(auctionId);
    if (kept !== undefined && clock.monotonic() - kept.at < LOT_KEPT_MS) return kept.known;
    try {
      const entry = await catalogue.entry(auctionId);
      if (entry === null) return kept?.known ?? null;
      const known = { lot: entry.lot, seller: entry.seller };
      remember(this.#lots, auctionId, { known, at: clock.monotonic() }, LOTS_MAX);
      return known;
    } catch (error) {
      if (!(error instanceof CatalogueUnavailable)) log.warn({ err: error, auctionId }, "catalogue entry could not be read");
      return kept?.known ?? null;
    }
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  if (map.size >= max)
    for (const oldest of map.keys()) {
      map.delete(oldest);
      break;
    }
  map.set(key, value);
}

/** A read that only the owner can answer; refuses with the owner's code. */
export async function readOrRefuse<K extends ReadResult["kind"]>(
  parts: HttpParts,
  read: Read,
  deadlineMs: number,
  kind: K,
): Promise<Extract<ReadResult, { kind: K }>> {
  const outcome = await parts.engine.read(read, deadlineMs);
  if (outcome.kind === "refused") throw new Refused(outcome.code, outcome.retryAfterMs > 0 ? { retryAfterMs: outcome.retryAfterMs } : {});
  if (outcome.result.kind !== kind) throw new Refused("internal");
  return outcome.result as Extract<ReadResult, { kind: K }>;
}

/** Whether the caller's copy is the newest; sets the validators either way. `tag` is without quotes. */
export function isUnchanged(parts: HttpParts, c: HttpContext, tag: string): boolean {
  c.header("ETag", `"${tag}"`);
  c.header("Cache-Control", "no-cache");
  const known = c.req.header("if-none-match");
  const unchanged = known?.split(",").some((part) => part.trim() === "*" || part.trim().replace(/^W\//, "") === `"${tag}"`) ?? false;
  if (unchanged) parts.metrics.notModified();
  return unchanged;
}
