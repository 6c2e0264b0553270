// What a seed expands to: the shape of the simulated cluster, the load, and each fault with its rate. Drawn first, and printed whole, so
// that a run that failed can be read and be kept even when the drawing changes.
//
// Every fault is off in about half of all seeds: faults that are always all on hide what only a few of them can show.
import type { Random } from "./random.ts";

/** Times in ms of virtual time; rates from 0 to 1, per call; counts over the whole phase of faults. */
export interface SimOptions {
  readonly nodes: number;
  readonly gateways: number;
  readonly shards: number;
  /** Each shard in a request of its own, as with brokers of their own; else all in one, as in the local log. */
  readonly lanes: boolean;
  readonly auctions: number;
  readonly bidders: number;
  /** New commands of each bidder. */
  readonly asks: number;
  readonly faultsMs: number;
  readonly timeIdleMs: number;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly waitingMax: number;
  readonly turnDecisionsMax: number;

  // the log
  readonly appendMsMax: number;
  readonly appendLimitMs: number;
  readonly requestLost: number;
  readonly answerLost: number;
  readonly lateLanding: number;
  readonly lateMsMax: number;
  readonly storedTwice: number;
  readonly refused: number;
  readonly outages: number;
  /** Whether reads fail while the log is away; else they wait. */
  readonly readsFail: boolean;
  readonly readMsMax: number;
  readonly readListMax: number;
  /** Lists in which a record comes damaged over the way, once. */
  readonly damagedReads: number;
  readonly strangers: number;
  /** Times at which little disk space is left. */
  readonly lowRoom: number;
  /** Whether the log says when it took a record. */
  readonly brokerClock: boolean;

  // snapshots
  readonly snapshots: number;
  readonly storeMsMax: number;
  readonly storeFails: number;
  /** Saves that arrive late. */
  readonly storeLingers: number;
  readonly storeAway: number;
  readonly closedKeptMs: number;
  readonly trims: number;
  /** How often the log loses its tail: drawn 0, since no log may. */
  readonly lostTails: number;

  // processes
  readonly kills: number;
  readonly stops: number;
  readonly pauses: number;
  readonly pauseMsMax: number;
  readonly restartMsMax: number;
  /** Every node dies once more when the faults end. */
  readonly restartAll: boolean;

  // clocks
  readonly clockOffsetMs: number;
  readonly clockSteps: number;
  readonly clockStepMs: number;

  // membership
  /** Whether every node knows the order of a shard's nodes; else only what is its own. */
  readonly placed: boolean;
  /** Whether shards of others are followed. */
  readonly standby: boolean;
  readonly detectMs: number;
  readonly moves: number;
  readonly lies: number;

  // gateways and clients
  readonly linkMsMax: number;
  readonly cuts: number;
  readonly gatewayKills: number;
  readonly answerRepeated: number;
  readonly replyLost: number;
  readonly otherGateway: number;
  readonly lateRepeat: number;
  readonly keyReused: number;
  readonly givesUp: number;
  readonly reads: number;

  /** Invariants that nobody looks at; drawn empty. To see what another checker sees when the first one is blind. */
  readonly unheeded: readonly string[];
}

/** Draws the options of a seed. */
export function drawOptions(random: Random): SimOptions {
  const rate = (most: number): number => (random.chance(0.5) ? Math.round(random.fraction() * most * 1_000) / 1_000 : 0);
  const count = (most: number): number => (random.chance(0.5) ? random.between(1, most) : 0);
  return { ...drawShape(random), ...drawLog(random, rate, count), ...drawRest(random, rate, count) };
}

type Shape =
  | "nodes"
  | "gateways"
  | "shards"
  | "lanes"
  | "auctions"
  | "bidders"
  | "asks"
  | "faultsMs"
  | "timeIdleMs"
  | "heartbeatMs"
  | "leaseMs"
  | "placed"
  | "standby"
  | "waitingMax"
  | "turnDecisionsMax"
  | "linkMsMax"
  | "detectMs";

function drawShape(random: Random): Pick<SimOptions, Shape> {
  return {
    nodes: random.between(2, 3),
    gateways: random.between(1, 2),
    shards: random.pick([1, 1, 1, 2, 2, 3]),
    lanes: random.chance(0.5),
    auctions: random.between(1, 3),
    bidders: random.between(2, 4),
    asks: random.between(3, 9),
    faultsMs: random.between(1_500, 5_000),
    timeIdleMs: random.pick([300, 1_000]),
    heartbeatMs: random.pick([500, 1_000]),
    leaseMs: random.pick([500, 3_000]),
    placed: random.chance(0.6),
    standby: random.chance(0.7),
    waitingMax: random.pick([4, 64, 16_384]),
    turnDecisionsMax: random.pick([1, 4, 512]),
    linkMsMax: random.pick([1, 5, 50]),
    detectMs: random.between(100, 1_500),
  };
}

type Log =
  | "appendMsMax"
  | "appendLimitMs"
  | "requestLost"
  | "answerLost"
  | "lateLanding"
  | "lateMsMax"
  | "storedTwice"
  | "refused"
  | "outages"
  | "readsFail"
  | "readMsMax"
  | "readListMax"
  | "damagedReads"
  | "strangers"
  | "lowRoom"
  | "brokerClock";

type Rate = (most: number) => number;

function drawLog(random: Random, rate: Rate, count: Rate): Pick<SimOptions, Log> {
  return {
    appendMsMax: random.pick([2, 10, 60]),
    appendLimitMs: random.pick([200, 1_000, 3_500]),
    requestLost: rate(0.1),
    answerLost: rate(0.15),
    lateLanding: rate(0.15),
    lateMsMax: random.pick([100, 1_000, 4_000]),
    storedTwice: rate(0.2),
    refused: rate(0.2),
    outages: count(2),
    readsFail: random.chance(0.2),
    readMsMax: random.pick([1, 10, 100]),
    readListMax: random.pick([1, 4, 64]),
    damagedReads: random.chance(0.2) ? 0.05 : 0,
    strangers: count(2),
    lowRoom: random.chance(0.2) ? 1 : 0,
    brokerClock: random.chance(0.5),
  };
}

function drawRest(random: Random, rate: Rate, count: Rate): Omit<SimOptions, Shape | Log> {
  const storeOff = random.chance(0.3);
  return {
    snapshots: storeOff ? 0 : random.between(1, 6),
    storeMsMax: random.pick([1, 20, 400]),
    storeFails: rate(0.3),
    storeAway: count(2),
    closedKeptMs: random.pick([500, 86_400_000]),
    trims: count(2),
    lostTails: 0,
    kills: count(3),
    stops: count(1),
    pauses: count(3),
    pauseMsMax: random.pick([300, 3_000]),
    restartMsMax: random.pick([50, 2_000]),
    restartAll: random.chance(0.3),
    clockOffsetMs: random.pick([0, 0, 100, 400]),
    clockSteps: random.chance(0.25) ? random.between(1, 2) : 0,
    clockStepMs: random.pick([200, 2_000]),
    moves: count(3),
    lies: count(3),
    cuts: count(3),
    gatewayKills: count(1),
    answerRepeated: rate(0.1),
    replyLost: rate(0.1),
    otherGateway: rate(0.6),
    lateRepeat: rate(0.3),
    keyReused: rate(0.15),
    givesUp: rate(0.5),
    reads: count(8),
    storeLingers: random.chance(0.2) ? 0.2 : 0,
    unheeded: [],
  };
}

/** One line that says all of them. */
export function tellOptions(options: SimOptions): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
