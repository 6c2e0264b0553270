// Seeds that once failed, each with its story. A seed is kept as its whole option set, so that it plays the same events however the
// drawing of options changes. None is ever removed.
import type { SimOptions } from "./options.ts";

/** A run that once showed a fault. */
export interface KeptSeed {
  readonly seed: number;
  /** What differs from CALM. */
  readonly options: Partial<SimOptions>;
  /** What the faults were, what broke, what mends it. */
  readonly story: string;
}

/** Nothing goes wrong: what a kept seed says is all that does. */
export const CALM: SimOptions = {
  nodes: 3,
  gateways: 1,
  shards: 1,
  lanes: true,
  auctions: 2,
  bidders: 3,
  asks: 6,
  faultsMs: 3_000,
  timeIdleMs: 300,
  heartbeatMs: 500,
  leaseMs: 500,
  waitingMax: 16_384,
  turnDecisionsMax: 512,
  appendMsMax: 10,
  appendLimitMs: 1_000,
  requestLost: 0,
  answerLost: 0,
  lateLanding: 0,
  lateMsMax: 1_000,
  storedTwice: 0,
  refused: 0,
  outages: 0,
  readsFail: false,
  readMsMax: 1,
  readListMax: 64,
  damagedReads: 0,
  strangers: 0,
  lowRoom: 0,
  brokerClock: true,
  snapshots: 0,
  storeMsMax: 1,
  storeFails: 0,
  storeLingers: 0,
  storeAway: 0,
  closedKeptMs: 86_400_000,
  trims: 0,
  lostTails: 0,
  kills: 0,
  stops: 0,
  pauses: 0,
  pauseMsMax: 300,
  restartMsMax: 50,
  restartAll: false,
  clockOffsetMs: 0,
  clockSteps: 0,
  clockStepMs: 200,
  placed: true,
  standby: true,
  detectMs: 500,
  moves: 0,
  lies: 0,
  linkMsMax: 1,
  cuts: 0,
  gatewayKills: 0,
  answerRepeated: 0,
  replyLost: 0,
  otherGateway: 0,
  lateRepeat: 0,
  keyReused: 0,
  givesUp: 0,
  reads: 0,
  unheeded: [],
};

const SLOW_STORE: Partial<SimOptions> = { placed: false, storeMsMax: 400, storeFails: 0.3, snapshots: 4, lies: 3, moves: 2 };

const DAMAGED: Partial<SimOptions> = { damagedReads: 0.1, kills: 1, moves: 2, readListMax: 4 };

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 55,
    options: SLOW_STORE,
    story:
      "a standby waited for the snapshot store; its node was called and claimed; then the waiting one went on and loaded an older state over the served one. A reading that another overtook touches nothing (recovery R4, claim T10)",
  },
  {
    seed: 35,
    options: SLOW_STORE,
    story: "the same, but the waiting one read the owner's own records while their outcome was under way, and the log seemed shorter than it was",
  },
  {
    seed: 59,
    options: SLOW_STORE,
    story: "the same between two standbys of one shard that was left and followed again: two readings, one state made of both",
  },
  {
    seed: 3,
    options: DAMAGED,
    story: "a bit of one record flipped on its way to a standby, which stopped at once. What came damaged is read again before it is judged (J4)",
  },
  {
    seed: 4,
    options: DAMAGED,
    story: "the same within the first four bytes: the record looked like a stranger's, void here and counted elsewhere. So that is read again as well",
  },
];
