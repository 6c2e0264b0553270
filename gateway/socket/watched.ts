// What this gateway knows of one auction that somebody watches: newest committed state, newest rows, recent updates, lot and seller.
//
// Owns: that knowledge, and that it only moves forward. One read serves every viewer. Must not: send, wait, or read a clock.
//
// State     entered when                              left when                              there
// loading   somebody subscribes                       the owner's view comes, or a refusal   updates are kept for when the view is there
// known     the view came                             a new life of the log                  updates move it forward; each is told to viewers
// absent    the owner says that there is none         nobody asks any more                   subscriptions get `no_such_auction`
//
// Y1. Knowledge moves forward in pairs. What is not above the newest pair changes nothing.
// Y2. An update that overlaps what is known is cut to what is new, so that no row is told twice in one chain.
// Y3. After the owner was away the view is read again; what was missed becomes one update, so that the viewers' chain goes on.
// Y4. The rows kept are the newest ones without a hole: where an update tells of rows it leaves out, or begins beyond what is known,
//     older rows are forgotten, so that no snapshot shows a list with rows missing in between.
import type { AuctionId } from "../../engine/core/ids.ts";
import type { AuctionView, PublicRow, PublicState, PublicTerms } from "../../engine/core/view.ts";
import type { Update, UpdateEvent } from "../../engine/protocol.ts";
import type { Lot, Seller } from "../ports.ts";
import type { Channel } from "./fanout.ts";
import type { SocketLimits } from "./limits.ts";
import { comparePairs, History, newestRows } from "./resume.ts";
import type { Subscription } from "./viewer.ts";

/** Rows asked for and kept, the most a snapshot can show. */
export const ROWS_KEPT = 100;
/** Updates kept while the first view is being read, a few milliseconds. At the limit the oldest goes and the chain begins later. */
const EARLY_MAX = 256;

export interface Known {
  readonly kind: "known";
  readonly terms: PublicTerms;
  readonly history: History;
  state: PublicState;
  /** Newest first. */
  rows: readonly PublicRow[];
}

export type Knowledge = { readonly kind: "loading"; readonly early: Update[] } | Known | { readonly kind: "absent" };

export class Watched {
  readonly auctionId: AuctionId;
  readonly channel: Channel;
  readonly subscriptions = new Set<Subscription>();
  knowledge: Knowledge = { kind: "loading", early: [] };
  /** The owner is out of reach: what is known is old. */
  stale = false;
  /** A view is being read; another read waits for it. */
  reading = false;
  /** Monotonic ms before which a refused read is not tried again; null: nothing is to be read. */
  readAgainAt: number | null = null;
  lot: Lot | null = null;
  seller: Seller | null = null;
  /** The catalogue has answered once, or could not be waited for any longer. */
  lotTried = false;
  lotAskedAt = Number.NEGATIVE_INFINITY;
  /** Monotonic ms since when nobody watches; null while somebody does. */
  idleSince: number | null = null;

  constructor(auctionId: AuctionId, channel: Channel) {
    this.auctionId = auctionId;
    this.channel = channel;
  }
}

type HistoryLimits = Pick<SocketLimits, "historyUpdates" | "historyMs">;

/** Takes one update. Returns what is new of it, or null: nothing is, or it waits for the view. */
export function takeUpdate(watched: Watched, update: Update, now: number): Update | null {
  const { knowledge } = watched;
  if (knowledge.kind === "loading") {
    if (knowledge.early.push(update) > EARLY_MAX) knowledge.early.shift();
    return null;
  }
  return knowledge.kind === "known" ? forward(knowledge, update, now) : null;
}

/** Takes the owner's view. Returns what viewers that were already told something have missed (Y3), or null. */
export function takeView(watched: Watched, view: AuctionView, rows: readonly PublicRow[], limits: HistoryLimits, now: number): Update | null {
  const { knowledge } = watched;
  if (knowledge.kind === "known") {
    if (comparePairs(view, knowledge.history.pair) < 0) return null;
    const missed = missedUpdate(knowledge, view, rows);
    knowledge.rows = rows.slice(0, ROWS_KEPT);
    if (missed === null) return null;
    knowledge.state = view.state;
    knowledge.history.add(missed, now);
    return missed;
  }
  const known: Known = { kind: "known", terms: view.terms, history: new History(view, limits), state: view.state, rows: rows.slice(0, ROWS_KEPT) };
  watched.knowledge = known;
  if (knowledge.kind === "loading") for (const update of knowledge.early) forward(known, update, now);
  return null;
}

function forward(known: Known, update: Update, now: number): Update | null {
  const pair = known.history.pair;
  if (comparePairs(update, pair) <= 0) return null;
  const news = update.previousSequence < pair.sequence ? cut(update, pair.sequence) : update;
  known.state = news.state;
  const hasHole = news.rowsOmitted > 0 || news.previousSequence > pair.sequence;
  known.rows = withRows(hasHole ? [] : known.rows, news);
  known.history.add(news, now);
  return news;
}

/** The part of an update after a sequence (Y2). */
function cut(update: Update, after: number): Update {
  return {
    ...update,
    previousSequence: after,
    rows: update.rows.filter((row) => row.sequence > after),
    extensions: update.extensions.filter((extension) => extension.sequence > after),
  };
}

function withRows(rows: readonly PublicRow[], { rows: added, removed }: Update): readonly PublicRow[] {
  if (added.length === 0 && removed.length === 0) return rows;
  const gone = new Set(removed);
  // Whether a bid was retracted or voided is not in the update; the rows are read again, and until then it counts as retracted.
  const marked = gone.size === 0 ? rows : rows.map((row) => (gone.has(row.bidId) && row.gone === null ? { ...row, gone: "retracted" as const } : row));
  return [...added.toReversed(), ...marked].slice(0, ROWS_KEPT);
}

/** One update from what was known to the view, as far as it can be told from the two. */
function missedUpdate(known: Known, view: AuctionView, rows: readonly PublicRow[]): Update | null {
  const { pair } = known.history;
  if (comparePairs(view, pair) === 0) return null;
  const added = rows.filter((row) => row.sequence > pair.sequence).toReversed();
  const shown = newestRows(added);
  const seen = rows.length < ROWS_KEPT || added.length < rows.length;
  const removed = newlyGone(known.rows, rows);
  return {
    auctionId: view.auctionId,
    epoch: view.epoch,
    sequence: view.sequence,
    previousSequence: pair.sequence,
    at: shown.at(-1)?.at ?? view.state.hammer?.endedAt ?? known.rows[0]?.at ?? 0,
    events: missedEvents(known.state, view.state, added.length > 0, removed.length > 0),
    state: view.state,
    rows: shown,
    // Where the view does not reach back to what is known, at least one row is missing; how many is not known here.
    rowsOmitted: added.length - shown.length + (seen ? 0 : 1),
    removed,
    extensions: [],
  };
}

function newlyGone(before: readonly PublicRow[], after: readonly PublicRow[]): number[] {
  const live = new Set(before.filter((row) => row.gone === null).map((row) => row.bidId));
  return [...new Set(after.filter((row) => row.gone !== null && live.has(row.bidId)).map((row) => row.bidId))];
}

function missedEvents(before: PublicState, after: PublicState, rows: boolean, removed: boolean): UpdateEvent[] {
  const happened: readonly (readonly [UpdateEvent, boolean])[] = [
    ["opened", notYetOpen(before) && !notYetOpen(after) && after.phase !== "closed"],
    ["bid_placed", rows],
    ["bids_removed", removed],
    ["reserve_met", before.reserveMet === false && after.reserveMet === true],
    ["buy_now_gone", before.buyNow !== null && after.buyNow === null],
    ["buy_now_back", before.buyNow === null && after.buyNow !== null],
    ["extended", after.extensionCount > before.extensionCount],
    ["end_moved", after.endsAt !== before.endsAt && after.extensionCount === before.extensionCount && after.phase !== "closed"],
    ["paused", before.phase !== "paused" && after.phase === "paused"],
    ["resumed", before.phase === "paused" && after.phase === "open"],
    ["ended", before.phase !== "closed" && after.phase === "closed"],
  ];
  return happened.filter(([, did]) => did).map(([event]) => event);
}

function notYetOpen(state: PublicState): boolean {
  return state.phase === "draft" || state.phase === "scheduled";
}

/** Pair, state and rows as they stand, for a snapshot. Null before the first view. */
export function knownOf(watched: Watched): Known | null {
  return watched.knowledge.kind === "known" ? watched.knowledge : null;
}
