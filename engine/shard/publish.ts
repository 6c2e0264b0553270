// What watchers and bidders are told after a commit: one update per auction and commit, and a notice to each bidder whose
// standing changed by somebody else's doing.
//
// U1. Everything here is read from committed state, in the release loop and nowhere else.
// U2. An update is made only for an auction that some gateway watches; a notice goes to every linked gateway.
import type { Decision } from "../core/decision.ts";
import type { Sequence } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import { leaderId, publicRows, publicState, reserveMetOf, yourBid } from "../core/view.ts";
import type { UpdateSink } from "../ports.ts";
import type { Notice, Update, UpdateEvent } from "../protocol.ts";

/** Rows told in one update; the others are counted and can be asked for. */
export const UPDATE_ROWS_MAX = 50;

/** What gathers for one auction while a frame is released. */
export interface UpdateDraft {
  readonly previousSequence: Sequence;
  readonly fromRow: number;
  readonly events: UpdateEvent[];
  removed: readonly Sequence[];
  extensions: Update["extensions"];
}

const NOTHING: readonly never[] = Object.freeze([]);

/** A draft that begins at the committed state before the first decision of this release. `state` is null at a create. */
export function beginDraft(state: AuctionState | null): UpdateDraft {
  return { previousSequence: state?.publicSequence ?? 0, fromRow: state?.rowCount ?? 0, events: [], removed: NOTHING, extensions: NOTHING };
}

/** Adds what one decision changed. `metBefore` is reserveMet before it; `state` is the committed state after it. */
export function addToDraft(draft: UpdateDraft, decision: Decision, state: AuctionState, metBefore: boolean | null): void {
  const effects = decision.effects;
  const tell = (event: UpdateEvent): void => {
    if (!draft.events.includes(event)) draft.events.push(event);
  };
  if (effects.bidTaken !== null) tell("bid_placed");
  if (metBefore === false && reserveMetOf(state) === true) tell("reserve_met");
  if (effects.extended !== null) {
    tell("extended");
    const cap = state.settings?.softClose?.cap.count ?? null;
    const count = state.extensionCount;
    const { from, to, bidId } = effects.extended;
    draft.extensions = [...draft.extensions, { sequence: decision.sequence, from, to, bidId, count, countLeft: cap === null ? null : cap - count }];
  }
  if (effects.buyNow !== null) tell(effects.buyNow.available ? "buy_now_back" : "buy_now_gone");
  if (effects.ended !== null) tell("ended");
  if (effects.bidsRemoved !== null) {
    tell("bids_removed");
    draft.removed = [...draft.removed, ...effects.bidsRemoved.bidIds];
  }
  if (effects.opened !== null) tell("opened");
  if (effects.reserveLowered !== null) tell("reserve_lowered");
  if (effects.endMoved !== null) tell("end_moved");
  if (effects.paused !== null) tell("paused");
  if (effects.resumed !== null) tell("resumed");
}

/** The update a draft amounts to, or null when nothing public changed. */
export function finishDraft(draft: UpdateDraft, state: AuctionState): Update | null {
  if (state.publicSequence === draft.previousSequence || state.phase === null) return null;
  const from = Math.max(draft.fromRow, state.rowCount - UPDATE_ROWS_MAX);
  return {
    auctionId: state.auctionId,
    epoch: state.publicEpoch,
    sequence: state.publicSequence,
    previousSequence: draft.previousSequence,
    at: state.lastAt,
    events: draft.events,
    state: publicState(state),
    rows: publicRows(state, from, state.rowCount),
    rowsOmitted: from - draft.fromRow,
    removed: draft.removed,
    extensions: draft.extensions,
  };
}

function notice(kind: Notice["kind"], bidderId: string, decision: Decision, state: AuctionState, price: number | null, askingPrice: number | null): Notice {
  const type = decision.command.body.type;
  const why = kind === "leading_again" ? (type === "retract_bid" ? "retraction" : "void") : null;
  const { auctionId, epoch, sequence, at } = decision;
  const yours = yourBid(state, bidderId) ?? 0;
  return { kind, why, bidderId, auctionId, epoch, sequence, at, price, askingPrice, yourBid: yours, endsAt: state.endsAt ?? at };
}

/** Tells whoever lost the lead, got it back, or has to bid again because a lowered reserve cut the maximum. */
export function noticesOf(decision: Decision, state: AuctionState, leaderBefore: string | null, sink: Pick<UpdateSink, "notice">): void {
  const effects = decision.effects;
  if (effects.ended !== null) return;
  const leader = leaderId(state);
  const cut = effects.reserveLowered !== null && effects.reserveLowered.cutTo !== null;
  if (leader === leaderBefore && !cut) return;
  const { price, askingPrice } = publicState(state);
  if (cut && leader !== null) sink.notice(notice("bid_needed", leader, decision, state, price, askingPrice));
  if (leader === leaderBefore) return;
  if (effects.bidTaken !== null && leaderBefore !== null) sink.notice(notice("outbid", leaderBefore, decision, state, price, askingPrice));
  if (effects.bidsRemoved !== null && leader !== null) sink.notice(notice("leading_again", leader, decision, state, price, askingPrice));
}
