// The judge: which record of a shard's log counts. One judge for owner, standby, recovery, sink, auditor and simulator, over
// either log.
//
// Owns: the judge state of a shard, the verdict on each record, and how a record moves the state.
// Must not: decode, hash or read (the codec hands it decoded records and the hash function); apply decisions.
//
// Validity is a function of the prefix: the verdict on the record at offset o depends on the records 0 to o alone, so every
// reader comes to the same one.
//
// J1  Offsets are taken in order and without gap.                  J9  A record of a tenure bears the effective claim's offset.
// J2  The record at offset 0 is GENESIS of this shard.             J10 A released epoch is closed.
// J3  Bytes without our magic are somebody else's.                 J11 An lsn seen before is a repeat.
// J4  Damage stops the reader (who has read twice by then).        J12 An lsn too high means that a record is missing.
// J5  Records of another life or shard are void.                   J13 The hash chain must fit.
// J6  A newer format stops the reader.                             J14 Time never falls; a record holds something.
// J7  Only the GENESIS at offset 0 counts.                         J15 Kinds we do not know are void.
// J8  A CLAIM is a compare-and-set: it names the claim it replaces.
//
// Void is normal after a takeover; void with alarm means that somebody else writes to the log. Broken stops the shard: J12 to
// J14 cannot come from a stranger or an old owner, since J3, J5 and J9 void those first.
import type { Epoch, Instant, Lsn, Offset, Shard } from "./ids.ts";

/** SHA-256, its first 16 bytes. Handed in, since core has no hash function. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

interface Placed {
  readonly offset: Offset;
  /** As the record says; for a foreign or damaged record the shard that was read. */
  readonly shard: Shard;
}

interface Living extends Placed {
  /** 16 bytes. */
  readonly lifeId: Uint8Array;
}

/** What FRAME, TIME and RELEASE have in common: a place in a tenure. */
interface Tenured extends Living {
  readonly epoch: Epoch;
  readonly firstLsn: Lsn;
  /** Lsns the record takes: the number of decisions of a frame, else 1. */
  readonly count: number;
  readonly timeFirst: Instant;
  readonly timeLast: Instant;
  /** Running hash before this record, 16 bytes. */
  readonly prevHash: Uint8Array;
  /** Own hash, 16 bytes; the running hash after this record. */
  readonly hash: Uint8Array;
}

export interface GenesisRecord extends Living {
  readonly kind: "genesis";
  readonly shards: number;
  readonly slots: number;
  readonly slotDigest: Uint8Array;
  readonly madeAt: Instant;
  /** Product version that made the log. */
  readonly version: string;
  readonly hash: Uint8Array;
}

export interface ClaimRecord extends Living {
  readonly kind: "claim";
  /** Offset of the claim that was current when it was written; 0 if none. */
  readonly previous: Offset;
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  readonly nodeId: string;
  readonly processId: string;
  readonly reason: "start" | "takeover" | "move" | "again";
  readonly shards: number;
  /** The claimant's wall clock. Never a logged time. */
  readonly at: Instant;
  readonly hash: Uint8Array;
}

export interface ReleaseRecord extends Tenured {
  readonly kind: "release";
  readonly stateHash: Uint8Array;
  readonly reason: "move" | "drain" | "stop" | "clock";
  readonly target: string | null;
}

export interface FrameRecord extends Tenured {
  readonly kind: "frame";
  /** The decisions as stored; the codec unpacks them. */
  readonly payload: Uint8Array;
}

export interface TimeRecord extends Tenured {
  readonly kind: "time";
  readonly reason: "first" | "idle" | "probe" | "barrier";
}

export type TenureRecord = ReleaseRecord | FrameRecord | TimeRecord;

/** A record as decoded, ready to be judged. */
export type JudgedRecord =
  | GenesisRecord
  | ClaimRecord
  | TenureRecord
  /** No magic, an empty value, a control record of the broker. */
  | (Placed & { readonly kind: "foreign" })
  /** Crc, hash or length wrong, or a payload that does not parse. */
  | (Placed & { readonly kind: "damaged"; readonly detail: string })
  /** A format version this program does not know. */
  | (Living & { readonly kind: "newer"; readonly version: number })
  | (Living & { readonly kind: "unknown_kind"; readonly recordKind: number });

/** A record that says which life of the log it belongs to. */
type LivingRecord = Exclude<JudgedRecord, { readonly kind: "foreign" | "damaged" }>;

export type VoidReason = "foreign" | "other_life" | "second_genesis" | "claim_late" | "old_epoch" | "released" | "repeat" | "unknown_kind";

/** `log_shorter` is said by those who compare positions with witnesses, never by the judge. */
export type BrokenReason = "offset_gap" | "no_genesis" | "damaged" | "newer_format" | "lsn_ahead" | "hash_chain" | "malformed" | "log_shorter";

export type Verdict =
  | { readonly kind: "effective"; readonly alarm: false }
  /** `alarm`: somebody else writes to the log. */
  | { readonly kind: "void"; readonly reason: VoidReason; readonly alarm: boolean }
  | { readonly kind: "broken"; readonly reason: BrokenReason; readonly alarm: true };

/** The one verdict that lets a record count. An owner whose append was done at the expected offset need not read it back (C5): it
 *  advances by the record it made, with this. */
export const EFFECTIVE: Verdict = Object.freeze({ kind: "effective", alarm: false });

/** Everything the next verdict depends on, per shard. Changed only by `advance`. */
export interface JudgeState {
  readonly shard: Shard;
  /** Offset of the next record to judge. */
  next: Offset;
  /** 16 bytes; null before GENESIS. */
  lifeId: Uint8Array | null;
  /** What GENESIS says: 0, 0 and null before it, and after a start from a checkpoint. */
  shards: number;
  slots: number;
  slotDigest: Uint8Array | null;
  /** Offset of the effective claim; 0 before the first. */
  claim: Offset;
  /** Nonce of the effective claim, 16 bytes. */
  nonce: Uint8Array;
  /** False before the first claim and after a RELEASE. */
  open: boolean;
  lsn: Lsn;
  /** Running hash over the effective records, 16 bytes. */
  hash: Uint8Array;
  /** Last logged time; 0 before the first record of a tenure. */
  time: Instant;
  /** An opening pass (give-backs, then due closes) was begun and TIME(first) has not yet ended it. */
  passOpen: boolean;
  /** Where the next outage is measured from: the last logged time before the first claim (or the first probe after the log
   *  was down) whose opening pass was not finished; the last logged time itself while no pass is open. */
  outageFrom: Instant;
}

/** The part of a checkpoint that the judge needs; engine/ports.ts has the whole. */
export interface JudgeCheckpoint {
  readonly shard: Shard;
  readonly lifeId: Uint8Array;
  readonly offset: Offset;
  readonly lsn: Lsn;
  readonly runningHash: Uint8Array;
  readonly claim: Offset;
  readonly nonce: Uint8Array;
  readonly open: boolean;
  readonly time: Instant;
  readonly outageFrom: Instant;
}

/** `outageFrom` of a checkpoint taken while no opening pass is open. */
export const NO_PASS_OPEN: Instant = -1;

/** The state before the first record of a shard. */
export function initialJudge(shard: Shard): JudgeState {
  return {
    shard,
    next: 0,
    lifeId: null,
    shards: 0,
    slots: 0,
    slotDigest: null,
    claim: 0,
    nonce: new Uint8Array(16),
    open: false,
    lsn: 0,
    hash: new Uint8Array(16),
    time: 0,
    passOpen: false,
    outageFrom: 0,
  };
}

/** The state at a checkpoint, to judge the records from its offset on. Shard count and slot digest stay unknown. */
export function judgeFromCheckpoint(checkpoint: JudgeCheckpoint): JudgeState {
  const passOpen = checkpoint.outageFrom !== NO_PASS_OPEN;
  return {
    shard: checkpoint.shard,
    next: checkpoint.offset,
    lifeId: checkpoint.lifeId,
    shards: 0,
    slots: 0,
    slotDigest: null,
    claim: checkpoint.claim,
    nonce: checkpoint.nonce,
    open: checkpoint.open,
    lsn: checkpoint.lsn,
    hash: checkpoint.runningHash,
    time: checkpoint.time,
    passOpen,
    outageFrom: passOpen ? checkpoint.outageFrom : checkpoint.time,
  };
}

/** The judge's part of a checkpoint at this state. Throws before GENESIS: there is nothing to keep yet. */
export function judgeCheckpoint(state: JudgeState): JudgeCheckpoint {
  if (state.lifeId === null) throw new Error(`shard ${state.shard} has no GENESIS yet: no checkpoint can be taken`);
  return {
    shard: state.shard,
    lifeId: state.lifeId,
    offset: state.next,
    lsn: state.lsn,
    runningHash: state.hash,
    claim: state.claim,
    nonce: state.nonce,
    open: state.open,
    time: state.time,
    outageFrom: state.passOpen ? state.outageFrom : NO_PASS_OPEN,
  };
}

/** A copy that `advance` of the original does not touch. The byte arrays are shared: nobody writes into them. */
export function copyJudge(state: JudgeState): JudgeState {
  return { ...state };
}

const voided = (reason: VoidReason, alarm: boolean): Verdict => Object.freeze({ kind: "void", reason, alarm });
const broken = (reason: BrokenReason): Verdict => Object.freeze({ kind: "broken", reason, alarm: true });

const FOREIGN = voided("foreign", true);
const OTHER_LIFE = voided("other_life", true);
const SECOND_GENESIS = voided("second_genesis", true);
const UNKNOWN_KIND = voided("unknown_kind", true);
const CLAIM_LATE = voided("claim_late", false);
const OLD_EPOCH = voided("old_epoch", false);
const RELEASED = voided("released", false);
const REPEAT = voided("repeat", false);
const OFFSET_GAP = broken("offset_gap");
const NO_GENESIS = broken("no_genesis");
const DAMAGED = broken("damaged");
const NEWER_FORMAT = broken("newer_format");
const LSN_AHEAD = broken("lsn_ahead");
const HASH_CHAIN = broken("hash_chain");
const MALFORMED = broken("malformed");

/** The verdict on the next record. Changes nothing. */
export function judge(state: JudgeState, record: JudgedRecord): Verdict {
  if (record.offset !== state.next) return OFFSET_GAP; // J1
  if (state.lifeId === null) return record.kind === "genesis" && record.shard === state.shard ? EFFECTIVE : NO_GENESIS; // J2
  if (record.kind === "foreign") return FOREIGN; // J3
  if (record.kind === "damaged") return DAMAGED; // J4
  if (record.shard !== state.shard || !sameBytes(record.lifeId, state.lifeId)) return OTHER_LIFE; // J5
  return judgeOwnLife(state, record);
}

function judgeOwnLife(state: JudgeState, record: LivingRecord): Verdict {
  switch (record.kind) {
    case "newer":
      return NEWER_FORMAT; // J6
    case "genesis":
      return SECOND_GENESIS; // J7
    case "claim":
      return record.previous === state.claim ? EFFECTIVE : CLAIM_LATE; // J8
    case "release":
    case "frame":
    case "time":
      return judgeTenured(state, record);
    case "unknown_kind":
      return UNKNOWN_KIND; // J15
  }
}

function judgeTenured(state: JudgeState, record: TenureRecord): Verdict {
  const epoch: number = state.claim;
  if (record.epoch !== epoch) return OLD_EPOCH; // J9
  if (!state.open) return RELEASED; // J10
  if (record.firstLsn <= state.lsn) return REPEAT; // J11
  if (record.firstLsn > state.lsn + 1) return LSN_AHEAD; // J12
  if (!sameBytes(record.prevHash, state.hash)) return HASH_CHAIN; // J13
  if (record.timeFirst < state.time || record.timeLast < record.timeFirst || record.count < 1) return MALFORMED; // J14
  return EFFECTIVE;
}

/** Moves the state behind a record that was judged effective or void, and returns it. Applying a frame's decisions is the
 *  caller's. Throws on a broken one: nobody may go on behind it. */
export function advance(state: JudgeState, record: JudgedRecord, verdict: Verdict, hash: Hash): JudgeState {
  if (verdict.kind === "broken") throw new Error(`the record at offset ${record.offset} of shard ${record.shard} is broken: ${verdict.reason}`);
  state.next = record.offset + 1;
  if (verdict.kind === "void") return state;
  switch (record.kind) {
    case "genesis":
      state.lifeId = record.lifeId;
      state.shards = record.shards;
      state.slots = record.slots;
      state.slotDigest = record.slotDigest;
      state.hash = record.hash;
      return state;
    case "claim":
      return advanceClaim(state, record, hash);
    case "frame":
      return advanceBy(state, record.count, record.hash, record.timeLast);
    case "time":
      return advanceTime(state, record);
    case "release":
      state.open = false;
      return advanceBy(state, 1, record.hash, record.timeLast);
    case "foreign":
    case "damaged":
    case "newer":
    case "unknown_kind":
      throw new Error(`a record of kind ${record.kind} is never effective`);
  }
}

function advanceClaim(state: JudgeState, record: ClaimRecord, hash: Hash): JudgeState {
  state.claim = record.offset;
  state.nonce = record.nonce;
  state.open = true;
  state.hash = hash(claimBytes(state.hash, record.hash, record.offset));
  beginPass(state);
  return state;
}

// A refused log that answers again is an outage inside a tenure, so a probe begins an opening pass just as a claim does.
function advanceTime(state: JudgeState, record: TimeRecord): JudgeState {
  if (record.reason === "probe") beginPass(state);
  if (record.reason === "first") state.passOpen = false;
  return advanceBy(state, 1, record.hash, record.timeLast);
}

function beginPass(state: JudgeState): void {
  if (state.passOpen) return;
  state.passOpen = true;
  state.outageFrom = state.time;
}

function advanceBy(state: JudgeState, lsns: number, hash: Uint8Array, time: Instant): JudgeState {
  state.lsn += lsns;
  state.hash = hash;
  state.time = time;
  if (!state.passOpen) state.outageFrom = time;
  return state;
}

const UINT32 = 2 ** 32;

/** What is hashed at an effective claim: running hash, the claim's hash, its offset as 8 bytes little-endian. The offset makes
 *  two copies of one claim at two places lead to two histories. */
function claimBytes(running: Uint8Array, own: Uint8Array, offset: Offset): Uint8Array {
  const bytes = new Uint8Array(40);
  bytes.set(running, 0);
  bytes.set(own, 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(32, offset % UINT32, true);
  view.setUint32(36, Math.floor(offset / UINT32), true);
  return bytes;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
