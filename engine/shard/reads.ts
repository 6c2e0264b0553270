// Reads of committed state for gateways: a view, rows of the bid list, one bidder's standing.
//
// A plain read may be up to a second old after a takeover and says its pair; a fresh one waits for a record appended after it.
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionState } from "../core/state.ts";
import { auctionView, publicRows, rowAfter, rowBefore, standingOf } from "../core/view.ts";
import type { Read, ReadResult } from "../protocol.ts";
import type { Shard } from "./shard.ts";

/** Rows in one answer. */
export const ROWS_MAX = 100;

/** Reads and calls back, at once or when the state is fresh enough. Unknown auctions are refused `no_such_auction`. */
export function answerRead(shard: Shard, read: Read, then: (result: ReadResult | RefusalCode) => void): void {
  if ((shard.phase === "unowned" || shard.phase === "stopped") && !shard.logDown) {
    then("shard_unowned");
    return;
  }
  const fresh = read.kind === "view" && read.fresh;
  const answer = (code: RefusalCode | null): void => {
    const state = shard.actors.get(read.auctionId)?.committed ?? null;
    if (code !== null) then(code);
    else then(state === null || state.phase === null ? "no_such_auction" : readState(state, read));
  };
  const awake = (code: RefusalCode | null): void => {
    if (code !== null) then(code);
    else if (fresh) shard.barrier(answer);
    else if ((shard.actors.get(read.auctionId)?.committed ?? null) === null) shard.whenFresh(answer);
    else answer(null);
  };
  const actor = shard.actors.get(read.auctionId);
  if (actor === undefined ? shard.evicted === 0 : !actor.loading) awake(null);
  else if (shard.world.wakeAuction(shard, read.auctionId, awake) === null) then("overloaded");
}

function readState(state: AuctionState, read: Read): ReadResult {
  switch (read.kind) {
    case "view": {
      const history = Math.min(ROWS_MAX, Math.max(0, read.history));
      const rows = publicRows(state, Math.max(0, state.rowCount - history), state.rowCount);
      return { kind: "view", view: auctionView(state), rows, you: read.bidderId === null ? null : standingOf(state, read.bidderId) };
    }
    case "rows_after": {
      const from = rowAfter(state, read.sequence);
      const to = Math.min(state.rowCount, from + limitOf(read.limit));
      return { kind: "rows", rows: publicRows(state, from, to), more: to < state.rowCount, sequence: state.publicSequence };
    }
    case "rows_before": {
      const to = read.sequence === null ? state.rowCount : rowBefore(state, read.sequence, read.row);
      const from = Math.max(0, to - limitOf(read.limit));
      return { kind: "rows", rows: publicRows(state, from, to).toReversed(), more: from > 0, sequence: state.publicSequence };
    }
    case "standing":
      return { kind: "standing", standing: standingOf(state, read.bidderId), sequence: state.publicSequence };
  }
}

function limitOf(limit: number): number {
  return Math.min(ROWS_MAX, Math.max(1, limit));
}
