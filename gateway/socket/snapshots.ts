// Snapshots and resumed updates, put together from what is known of an auction.
//
// K1. The large part of a snapshot (auction, state, bids) is encoded once per protocol and state, for all who ask: 5,000 viewers that
//     come back at once cost one encoding and 5,000 small ones.
// K2. A snapshot is put together when it is sent, from the newest committed state.
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { Protocol, ServerFrame, SnapshotWhy, WireStanding } from "./client-frames.ts";
import { ENCODINGS, type Members, type Payload } from "./frame-encode.ts";
import { updateFrame } from "./gather.ts";
import { hammerFrame, timeRemainingMs, wireAuction, wireBid, wireState } from "./public-frames.ts";
import type { Delta } from "./resume.ts";
import type { Known, Watched } from "./watched.ts";

/** What a snapshot says beside the auction itself. */
export interface SnapshotFor {
  readonly why: SnapshotWhy;
  readonly history: number;
  readonly you: WireStanding | null;
  readonly protocol: Protocol;
  readonly serverTimeMs: Instant;
}

interface Encoded {
  readonly of: { readonly state: unknown; readonly rows: unknown; readonly lot: unknown; readonly history: number };
  json: Members | null;
  msgpack: Members | null;
}

export class Snapshots {
  /** The latest large part of each auction; gone with the auction. */
  readonly #encoded = new WeakMap<Known, Encoded>();

  snapshot(watched: Watched, known: Known, asked: SnapshotFor): Payload {
    const { why, you, serverTimeMs } = asked;
    const { epoch, sequence } = known.history.pair;
    const encoding = ENCODINGS[asked.protocol];
    return encoding.assemble([
      encoding.members({ type: "snapshot", auctionId: watched.auctionId, epoch, sequence, serverTimeMs, why }),
      this.#large(watched, known, asked),
      encoding.members({ you, watchers: watched.channel.watchers, timeRemainingMs: timeRemainingMs(known.state, serverTimeMs) }),
    ]);
  }

  #large(watched: Watched, known: Known, { history, protocol }: SnapshotFor): Members {
    const { state, rows } = known;
    const { lot, seller } = watched;
    let encoded = this.#encoded.get(known);
    if (encoded === undefined || encoded.of.state !== state || encoded.of.rows !== rows || encoded.of.lot !== lot || encoded.of.history !== history) {
      encoded = { of: { state, rows, lot, history }, json: null, msgpack: null };
      this.#encoded.set(known, encoded);
    }
    const ready = encoded[protocol];
    if (ready !== null) return ready;
    const auction = wireAuction(known.terms, state.scheduledCloseAt, lot, seller);
    const made = ENCODINGS[protocol].members({ auction, state: wireState(state), bids: rows.slice(0, history).map(wireBid) });
    encoded[protocol] = made;
    return made;
  }
}

/** The frames of a resume that reached back: one update with the rows since, and the hammer if the client has not seen it. */
export function resumedFrames(
  known: Known,
  delta: Delta,
  around: { readonly auctionId: AuctionId; readonly watchers: number; readonly serverTimeMs: Instant },
): ServerFrame[] {
  const { auctionId, watchers, serverTimeMs } = around;
  const pair = known.history.pair;
  const update = updateFrame(
    auctionId,
    { ...delta, epoch: pair.epoch, sequence: pair.sequence, state: known.state },
    { watchers, serverTimeMs, resumed: true },
  );
  return delta.ended ? [update, hammerFrame({ auctionId, epoch: pair.epoch, sequence: pair.sequence, state: known.state }, serverTimeMs)] : [update];
}
