// What this client knows of one auction, and how each frame changes it. Pure: a state and a frame give the next state.
//
// Owns: order by pairs, the rows of the bid list, one's own standing. Must not: send, wait or read a clock.
// P1. A pair (epoch, sequence) names one state, compared epoch first. A public frame whose pair is not above the last one
//     applied is dropped, except a snapshot and a resumed update, which are always applied.
// P2. A frame's `state` is complete, so the newest frame alone makes the view right; missing rows are only missing rows.
// P3. `extended` and `hammer` come beside updates and may bear the same pair. What they alone tell (the extension, how it ended)
//     is always taken; the state only if their pair is not below; and `extended` never moves the pair, or it would void the
//     update that comes after it.
// P4. One's own answer and the public update travel apart: either may come first. `you` is what follows from both.
import type { AnswerFields, ExtendedFrame, HammerFrame, NoticeFrame, SnapshotFrame, UpdateFrame } from "./frames.ts";
import type { Auction, AuctionState, AuctionTerms, Bid, BidKind, Ending, Extension, Lot, Standing } from "./types.ts";

export interface Pair {
  readonly epoch: number;
  readonly sequence: number;
}

/** Rows of the bid list held per auction, the newest. A page shows fewer; older ones come over HTTP on demand. */
const ROWS_KEPT_MAX = 500;
const EXTENSIONS_KEPT_MAX = 100;
/** Own bid ids held to find one's number in the public rows; one match is enough. */
const OWN_BIDS_KEPT_MAX = 32;

export interface Followed {
  readonly auctionId: string;
  /** null: nothing applied yet, or the pairs were forgotten. */
  readonly pair: Pair | null;
  /** null before the first snapshot. */
  readonly known: Known | null;
  /** The owner is out of reach, says the server. */
  readonly stale: boolean;
}

export interface Known {
  readonly auction: AuctionTerms;
  readonly state: AuctionState;
  readonly bids: readonly Bid[];
  readonly bidsMissing: boolean;
  readonly you: Standing | null;
  readonly ownBids: readonly number[];
  readonly watchers: number;
  readonly extensions: readonly Extension[];
  readonly ending: Ending | null;
}

/** An auction of which nothing is known yet. */
export function unseen(auctionId: string): Followed {
  return { auctionId, pair: null, known: null, stale: false };
}

/** Below zero, zero, above zero: epoch first. */
export function comparePairs(a: Pair, b: Pair): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}

const pairOf = ({ epoch, sequence }: Pair): Pair => ({ epoch, sequence });

/** Always applied (P1). Extensions heard of before stay, rows before it go. */
export function applySnapshot(before: Followed, frame: SnapshotFrame): Followed {
  const known: Known = {
    auction: frame.auction,
    state: frame.state,
    bids: mergeRows([], frame.bids),
    bidsMissing: false,
    you: frame.you,
    ownBids: before.known?.ownBids ?? [],
    watchers: frame.watchers ?? 0,
    extensions: before.known?.extensions ?? [],
    ending: endingOf(frame.state, before.known?.ending ?? null),
  };
  return { auctionId: before.auctionId, pair: pairOf(frame), known: withNumber(known), stale: false };
}

/** null: dropped by P1, or nothing is known that it could change. */
export function applyUpdate(before: Followed, frame: UpdateFrame): Followed | null {
  const { known, pair } = before;
  if (known === null || pair === null) return null;
  const newer = comparePairs(frame, pair) > 0;
  if (!newer && frame.resumed !== true) return null;
  const missing = frame.bidsOmitted > 0 || frame.previousSequence > pair.sequence;
  const next: Known = {
    ...known,
    state: newer ? frame.state : known.state,
    bids: mergeRows(known.bids, frame.bids),
    bidsMissing: known.bidsMissing || missing,
    watchers: frame.watchers ?? known.watchers,
    ending: endingOf(newer ? frame.state : known.state, known.ending),
  };
  return { ...before, pair: newer ? pairOf(frame) : pair, known: withNumber(next), stale: false };
}

/** null when this extension was heard of before. */
export function applyExtended(before: Followed, frame: ExtendedFrame): Followed | null {
  const { known, pair } = before;
  if (known === null || pair === null || known.extensions.some((each) => each.sequence === frame.sequence)) return null;
  const extension: Extension = {
    sequence: frame.sequence,
    fromAtMs: frame.fromAtMs,
    endsAtMs: frame.endsAtMs,
    extendedByMs: frame.extendedByMs,
    bidId: frame.bidId,
    count: frame.count,
    countLeft: frame.countLeft,
    atMs: frame.serverTimeMs,
  };
  const extensions = [...known.extensions, extension].slice(-EXTENSIONS_KEPT_MAX);
  const state = comparePairs(frame, pair) > 0 ? { ...known.state, endsAtMs: frame.endsAtMs, extensionCount: frame.count } : known.state;
  return { ...before, known: { ...known, extensions, state } };
}

/** null when an ending with all its words is known already. */
export function applyHammer(before: Followed, frame: HammerFrame): Followed | null {
  const { known, pair } = before;
  if (known === null || pair === null || known.ending?.by != null) return null;
  const ending: Ending = {
    outcome: frame.outcome,
    hammerPriceMinor: frame.hammerPriceMinor,
    winnerNumber: frame.winnerNumber,
    endedAtMs: frame.endedAtMs,
    by: frame.by,
  };
  const newer = comparePairs(frame, pair) >= 0;
  return { ...before, pair: newer ? pairOf(frame) : pair, known: withNumber({ ...known, state: newer ? frame.state : known.state, ending }) };
}

export interface OwnCommand {
  readonly type: string;
  readonly kind: BidKind | null;
  readonly amountMinor: number | null;
}

/** What one's own accepted bid says of one's standing (P4). Answers of rejections and of other commands change nothing here. */
export function applyAnswer(before: Followed, own: OwnCommand, answer: AnswerFields): Followed {
  const { known } = before;
  if (known === null || own.amountMinor === null || answer.verdict !== "accepted") return before;
  const was = known.you;
  const maximumMinor = own.kind === "flat" ? (was?.maximumMinor ?? null) : Math.max(own.amountMinor, was?.maximumMinor ?? 0);
  const you: Standing = {
    bidderNumber: was?.bidderNumber ?? null,
    leading: answer.standing === "leading",
    maximumMinor,
    highestBidMinor: Math.max(own.amountMinor, was?.highestBidMinor ?? 0),
    blocked: was?.blocked ?? false,
    authorisedLimitMinor: was?.authorisedLimitMinor ?? null,
  };
  const ownBids = [...known.ownBids, answer.sequence].slice(-OWN_BIDS_KEPT_MAX);
  const next = withNumber({ ...known, you, ownBids });
  return { ...before, known: isAhead(answer, before.pair) ? { ...next, you: { ...(next.you ?? you), leading: you.leading } } : next };
}

/** Lost or regained lead. A notice below the pair known is old and changes nothing. */
export function applyNotice(before: Followed, frame: NoticeFrame): Followed | null {
  const { known, pair } = before;
  if (known === null || known.you === null || (pair !== null && comparePairs(frame, pair) < 0)) return null;
  const leading = frame.type === "leading_again" || (frame.type === "bid_needed" && known.you.leading);
  return { ...before, known: { ...known, you: { ...known.you, leading } } };
}

/** The seller has edited the text. null before the first snapshot. */
export function applyLot(before: Followed, lot: Lot): Followed | null {
  return before.known === null ? null : { ...before, known: { ...before.known, auction: { ...before.known.auction, lot } } };
}

/** Rows fetched to fill a gap; `complete` when they reach back to before it. */
export function applyRows(before: Followed, rows: readonly Bid[], complete: boolean): Followed | null {
  const { known } = before;
  if (known === null) return null;
  return { ...before, known: withNumber({ ...known, bids: mergeRows(known.bids, rows), bidsMissing: known.bidsMissing && !complete }) };
}

/** One's own standing as read from the owner. */
export function applyStanding(before: Followed, you: Standing): Followed | null {
  return before.known === null ? null : { ...before, known: withNumber({ ...before.known, you }) };
}

/** An auction read over HTTP, while no socket can be had. null when it is not above what is known. */
export function applyRead(before: Followed, read: Auction): Followed | null {
  if (before.pair !== null && comparePairs(read, before.pair) <= 0) return null;
  const { known } = before;
  const next: Known = {
    auction: read,
    state: stateOf(read),
    bids: known?.bids ?? [],
    bidsMissing: true,
    you: known?.you ?? null,
    ownBids: known?.ownBids ?? [],
    watchers: known?.watchers ?? 0,
    extensions: known?.extensions ?? [],
    ending: endingOf(stateOf(read), read.hammer === null || read.outcome === null ? (known?.ending ?? null) : { ...read.hammer, outcome: read.outcome }),
  };
  return { ...before, pair: pairOf(read), known: withNumber(next) };
}

function stateOf(read: Auction): AuctionState {
  const { phase, outcome, currentPriceMinor, askingPriceMinor, totalBids, bidders, leaderNumber, reserveMet, buyNowMinor, endsAtMs, pausedAtMs } = read;
  const extensionCount = read.extensions?.count ?? 0;
  return {
    phase,
    outcome,
    currentPriceMinor,
    askingPriceMinor,
    totalBids,
    bidders,
    leaderNumber,
    reserveMet,
    buyNowMinor,
    endsAtMs,
    pausedAtMs,
    extensionCount,
  };
}

function isAhead(a: Pair, b: Pair | null): boolean {
  return b === null || comparePairs(a, b) > 0;
}

/** Newest first, each row once, a later word about a row wins. */
export function mergeRows(held: readonly Bid[], fresh: readonly Bid[]): readonly Bid[] {
  if (fresh.length === 0) return held;
  const byPlace = new Map<string, Bid>();
  for (const bid of held) byPlace.set(`${bid.sequence}.${bid.row}`, bid);
  for (const bid of fresh) byPlace.set(`${bid.sequence}.${bid.row}`, bid);
  return [...byPlace.values()].sort((a, b) => b.sequence - a.sequence || b.row - a.row).slice(0, ROWS_KEPT_MAX);
}

/** One's number is the one on the row of an own bid; with it, the public state says who leads. */
function withNumber(known: Known): Known {
  const { you, ownBids } = known;
  if (you === null) return known;
  const bidderNumber =
    you.bidderNumber ?? known.bids.find((bid) => bid.kind !== "recomputed" && bid.row === ownRow(known.bids, bid, ownBids))?.bidderNumber ?? null;
  if (bidderNumber === null) return known;
  return { ...known, you: { ...you, bidderNumber, leading: known.state.leaderNumber === bidderNumber } };
}

/** A decision's rows may be of two bidders (the bid and the rival's proxy bid); the own one is of kind `bid`. */
function ownRow(bids: readonly Bid[], bid: Bid, ownBids: readonly number[]): number {
  if (!ownBids.includes(bid.sequence)) return -1;
  return bids.find((each) => each.sequence === bid.sequence && each.kind === "bid")?.row ?? -1;
}

/** What the public state alone tells of the end; a heard hammer tells more and is kept. */
function endingOf(state: AuctionState, heard: Ending | null): Ending | null {
  if (state.phase !== "closed" || state.outcome === null) return null;
  if (heard?.by != null) return heard;
  const sold = state.outcome === "sold";
  return {
    outcome: state.outcome,
    hammerPriceMinor: sold ? state.currentPriceMinor : null,
    winnerNumber: sold ? state.leaderNumber : null,
    endedAtMs: state.endsAtMs,
    by: null,
  };
}
