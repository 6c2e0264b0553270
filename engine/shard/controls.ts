// The records an owner sends beside frames: TIME and RELEASE, stamped and chained when they are sent.
import type { Instant } from "../core/ids.ts";
import type { TenureRecord } from "../core/validity.ts";
import type { AppendOutcome, RecordPlace, ReleaseReason, TimeReason } from "../ports.ts";
import type { ShardState } from "./shard-state.ts";
import type { Control } from "./world.ts";

type Landed = (outcome: AppendOutcome) => void;

/** What every record of this tenure bears if it is sent now. */
function placeOf(shard: ShardState): RecordPlace {
  const { lsn, hash } = shard.judge;
  return { shard: shard.number, epoch: shard.epoch, firstLsn: lsn + 1, prevHash: hash, at: shard.stamp() };
}

// What the judge sees of such a record. Its offset is filled in when it has landed.
function judged<Kind>(shard: ShardState, place: RecordPlace, kind: Kind, hash: Uint8Array) {
  const { at, ...placed } = place;
  return { ...placed, kind, offset: 0, lifeId: shard.world.lifeId, count: 1, timeFirst: at, timeLast: at, hash };
}

/** A TIME record. */
export function timeControl(shard: ShardState, reason: TimeReason, landed: Landed): Control {
  return {
    alone: false,
    landed,
    build: () => {
      const place = placeOf(shard);
      const { bytes, hash } = shard.world.codec.time(place, reason);
      const record: TenureRecord = { ...judged(shard, place, "time" as const, hash), reason };
      return { bytes, record };
    },
  };
}

/** Why a shard is given up, and to whom. `at`: the last logged time, where this node's clock is not to be believed. */
export interface Reason {
  readonly reason: ReleaseReason;
  readonly target: string | null;
  readonly at?: Instant;
}

/** A RELEASE. Nothing may be in flight when it is sent: it bears the state hash of that moment. */
export function releaseControl(shard: ShardState, reason: Reason, stateHash: () => Uint8Array, landed: Landed): Control {
  return {
    alone: false,
    landed,
    build: () => {
      const { at, target } = reason;
      const place = at === undefined ? placeOf(shard) : { ...placeOf(shard), at };
      const release = { stateHash: stateHash(), reason: reason.reason, target };
      const { bytes, hash } = shard.world.codec.release(place, release);
      const record: TenureRecord = { ...judged(shard, place, "release" as const, hash), ...release };
      return { bytes, record };
    },
  };
}
