// What one shard's log holds, as somebody sees it who reads each record the moment it is stored: judged by the model judge, ruled on
// again by the model of the rules, applied. What nodes say is held against it.
//
// Owns: the records of a shard, all that ever were, and what they amount to. Must not: know who asked, or what a node has heard.

import { ANSWER_BYTES } from "../core/answers.ts";
import { answerChunk, answerOffset, answerRow } from "../core/auction.ts";
import type { Decision } from "../core/decision.ts";
import type { AuctionId, Instant, Offset, Shard } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import { EFFECTIVE, type Verdict } from "../core/validity.ts";
import { publicState } from "../core/view.ts";
import type { RecordCodec, StoredRecord } from "../ports.ts";
import { ShardAudit } from "./audit.ts";
import type { Placed } from "./history.ts";
import { ModelJudge, type ModelPlace, type ModelRecord, type ModelVerdict, readModelRecord } from "./model-judge.ts";

const VOID: Verdict = { kind: "void", reason: "old_epoch", alarm: false };

/** Where the answer under a key stands, and its 64 bytes. */
export interface Remembered {
  readonly offset: Offset;
  readonly row: Uint8Array;
}

/** The public state behind one change of it, as JSON. */
export interface Shown {
  readonly offset: Offset;
  readonly epoch: number;
  readonly text: string;
}

/** A record with what the model says of it. */
export interface TrueRecord {
  readonly record: ModelRecord;
  readonly verdict: ModelVerdict;
}

/** The name under which a shard remembers a key: auction and key digest. */
export function rememberedName(auctionId: AuctionId, rows: Uint8Array, at: number): string {
  return auctionId + Buffer.from(rows.buffer, rows.byteOffset + at, 16).toString("latin1");
}

export class TrueLog {
  readonly shard: Shard;
  start: Offset = 0;
  readonly records: StoredRecord[] = [];
  readonly judged: TrueRecord[] = [];
  /** The judge's place before each record, and behind the last. */
  readonly places: ModelPlace[];
  readonly placed: Placed[] = [];
  readonly remembered = new Map<string, Remembered>();
  /** The stored answer of each command: by auction, issuer and key. */
  readonly answers = new Map<string, Uint8Array>();
  readonly shown = new Map<string, Shown>();
  /** Sequences at which the public state changed, rising. */
  readonly changes = new Map<AuctionId, number[]>();
  /** Which process made the claim at an offset. */
  readonly claimants = new Map<number, string>();
  readonly #codec: RecordCodec;
  readonly #life: string;
  #judge: ModelJudge;
  #audit: ShardAudit;
  readonly #tell: (invariant: string, message: string) => void;

  constructor(shard: Shard, codec: RecordCodec, life: string, tell: (invariant: string, message: string) => void) {
    this.shard = shard;
    this.#codec = codec;
    this.#life = life;
    this.#judge = new ModelJudge(shard, life);
    this.#audit = new ShardAudit(shard, codec.hash);
    this.#tell = tell;
    this.places = [this.#judge.place];
  }

  get end(): Offset {
    return this.records.length;
  }

  /** The place behind everything. */
  get place(): ModelPlace {
    return this.#judge.place;
  }

  stateOf(auctionId: AuctionId): AuctionState | null {
    return this.#audit.stateOf(auctionId);
  }

  states(): Iterable<AuctionState> {
    return this.#audit.states();
  }

  stateSum(): Uint8Array {
    return this.#audit.stateSum();
  }

  /** Takes a record; its offset. */
  store(bytes: Uint8Array, storedAt: Instant | null): Offset {
    const offset = this.records.length;
    const stored: StoredRecord = storedAt === null ? { offset, bytes } : { offset, bytes, storedAt };
    this.records.push(stored);
    const record = readModelRecord(bytes);
    const verdict = this.#judge.take(record);
    this.judged.push({ record, verdict });
    this.places.push(this.#judge.place);
    if (verdict === "broken") this.#tell("broken", `shard ${this.shard}: the record at ${offset}, a ${record.kind}, does not fit what stands before it`);
    if (verdict === "effective") this.#effective(stored);
    return offset;
  }

  #effective(stored: StoredRecord): void {
    const record = this.#codec.decode(stored, this.shard);
    if (record.kind === "claim") this.claimants.set(stored.offset, record.processId);
    const wrong = this.#audit.record(
      record,
      EFFECTIVE,
      (frame) => this.#codec.decisions(frame),
      (decision, lsn) => {
        this.placed.push({ shard: this.shard, lsn, decision });
        this.#remember(decision, stored.offset);
      },
    );
    if (wrong !== null) this.#tell(wrong.invariant, `shard ${this.shard}, offset ${wrong.offset}, ${wrong.auctionId} ${wrong.sequence}: ${wrong.message}`);
  }

  #remember(decision: Decision, offset: Offset): void {
    const { auctionId, sequence, command } = decision;
    const state = this.#audit.stateOf(auctionId);
    if (state === null) return;
    if (command.keyDigest !== null) {
      const row = answerRow(state, command.keyDigest);
      const at = answerOffset(row);
      const bytes = answerChunk(state, row).slice(at, at + ANSWER_BYTES);
      this.remembered.set(rememberedName(auctionId, bytes, 0), { offset, row: bytes });
      this.answers.set(`${auctionId} ${command.issuerId} ${command.key}`, bytes);
    }
    if (state.phase === null || state.publicSequence !== sequence) return;
    this.shown.set(`${auctionId} ${sequence}`, { offset, epoch: state.publicEpoch, text: JSON.stringify(publicState(state)) });
    const changes = this.changes.get(auctionId);
    if (changes === undefined) this.changes.set(auctionId, [sequence]);
    else changes.push(sequence);
  }

  /** Loses everything from `end` on. What is left is read anew, as if nothing had ever stood behind it. */
  cut(end: Offset): void {
    const kept = this.records.splice(0).slice(0, end);
    this.#judge = new ModelJudge(this.shard, this.#life);
    this.#audit = new ShardAudit(this.shard, this.#codec.hash);
    this.judged.length = 0;
    this.places.length = 1;
    this.placed.length = 0;
    for (const derived of [this.remembered, this.answers, this.shown, this.changes, this.claimants]) derived.clear();
    for (const { bytes, storedAt } of kept) this.store(bytes, storedAt ?? null);
  }

  /** State hashes of the shard behind the records at these offsets, each by a replay from the first record. */
  hashesBehind(offsets: ReadonlySet<Offset>): ReadonlyMap<Offset, string> {
    const audit = new ShardAudit(this.shard, this.#codec.hash);
    const hashes = new Map<Offset, string>();
    for (const [offset, { verdict }] of this.judged.entries()) {
      const stored = this.records[offset] as StoredRecord;
      audit.record(this.#codec.decode(stored, this.shard), verdict === "effective" ? EFFECTIVE : VOID, (frame) => this.#codec.decisions(frame));
      if (offsets.has(offset + 1)) hashes.set(offset + 1, Buffer.from(audit.stateSum()).toString("hex"));
    }
    return hashes;
  }
}
