// The judge of the product against the model judge, on records that no node of the run would ever write: forged, damaged, repeated, out
// of order. At some places of a log that a run has left behind.
//
// Owns: the forgeries. Must not: change the log.
//
// One record is put to both behind the same prefix. Who is the writer, what it would have to say next, and whether its epoch is open are
// known there, so each forgery breaks one rule alone: what one judge overlooks no other rule can catch.
import { createRecordCodec } from "../../persistence/record.ts";
import type { Offset } from "../core/ids.ts";
import { advance, copyJudge, initialJudge, type JudgeState, judge } from "../core/validity.ts";
import type { RecordCodec, StoredRecord } from "../ports.ts";
import { ModelJudge, readModelRecord } from "./model-judge.ts";
import type { Random } from "./random.ts";
import type { TrueLog } from "./true-log.ts";

const HASH_BYTES = 16;
const BITS = 8;
/** At the end of a record: for fast scans, and nothing that the model knows. */
const CRC_BYTES = 4;
/** Places of a log at which forgeries are put: more would find the same. */
const PLACES = 3;

/** What the forgeries of one place are made from. */
interface Place {
  readonly codec: RecordCodec;
  readonly random: Random;
  readonly state: JudgeState;
  /** The records that stand before. */
  readonly before: readonly StoredRecord[];
}

type Forgery = (place: Place) => Uint8Array | null;

/** The right next word of the writer, but for what is replaced. */
function timeBut({ codec, state }: Place, wrong: Partial<Parameters<RecordCodec["time"]>[0]>): Uint8Array {
  const { shard, claim, lsn, hash, time } = state;
  return codec.time({ shard, epoch: claim as number, firstLsn: lsn + 1, prevHash: hash, at: time, ...wrong }, "idle").bytes;
}

function claimBut({ codec, random, state }: Place, previous: Offset): Uint8Array {
  const { shard, time } = state;
  return codec.claim({ shard, previous, nonce: random.bytes(HASH_BYTES), nodeId: "dogwood", processId: "dogwood-1", reason: "start", shards: 1, at: time });
}

function flipped({ random, before }: Place): Uint8Array | null {
  const stored = before.at(-1);
  if (stored === undefined) return null;
  const bytes = Uint8Array.from(stored.bytes);
  const at = random.between(0, Math.max(0, bytes.length - CRC_BYTES - 1));
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, BITS - 1));
  return bytes;
}

/** By what is wrong with each. The first one is right wherever the epoch is open, and void behind its RELEASE. */
const FORGERIES: ReadonlyMap<string, Forgery> = new Map<string, Forgery>([
  ["next word", (place) => timeBut(place, {})],
  ["old epoch", (place) => timeBut(place, { epoch: (place.state.claim as number) - 1 })],
  ["epoch to come", (place) => timeBut(place, { epoch: (place.state.claim as number) + 1 })],
  ["lsn ahead", (place) => timeBut(place, { firstLsn: place.state.lsn + 2 })],
  ["lsn again", (place) => (place.state.lsn === 0 ? null : timeBut(place, { firstLsn: place.state.lsn }))],
  ["other prefix", (place) => timeBut(place, { prevHash: place.random.bytes(HASH_BYTES) })],
  ["time falls", (place) => (place.state.time === 0 ? null : timeBut(place, { at: place.state.time - 1 }))],
  ["claim in time", (place) => claimBut(place, place.state.claim)],
  ["claim late", (place) => claimBut(place, place.random.between(0, Math.max(0, (place.state.claim as number) - 1)))],
  ["other life", (place) => timeBut({ ...place, codec: createRecordCodec(new Uint8Array(HASH_BYTES).fill(1)) }, {})],
  ["other shard", (place) => timeBut(place, { shard: place.state.shard + 1 })],
  ["flipped bit", flipped],
  ["again", ({ random, before }) => (before.length === 0 ? null : random.pick(before).bytes)],
  ["nothing", () => new Uint8Array(0)],
]);

/** Puts every forgery to both judges, behind some prefixes of each log: one of them behind a RELEASE, where there is one. */
export function checkJudges(
  logs: readonly TrueLog[],
  world: { readonly codec: RecordCodec; readonly lifeId: Uint8Array; readonly random: Random },
  tell: Tell,
): void {
  for (const log of logs) {
    const released = log.places.flatMap(({ open, claim, next }) => (!open && claim > 0 && next < log.end ? [next] : []));
    const places = Array.from({ length: PLACES - 1 }, () => world.random.between(1, log.end));
    if (released.length > 0) places.push(world.random.pick(released));
    judgeAt(log, new Set(places), world, tell);
  }
}

type Tell = (invariant: string, message: string) => void;

function judgeAt(log: TrueLog, places: ReadonlySet<Offset>, world: Parameters<typeof checkJudges>[1], tell: Tell): void {
  const { codec, random } = world;
  const state = initialJudge(log.shard);
  const model = new ModelJudge(log.shard, Buffer.from(world.lifeId).toString("hex"));
  for (const [offset, stored] of log.records.entries()) {
    const record = codec.decode(stored, log.shard);
    const verdict = judge(state, record);
    if (verdict.kind === "broken" || model.take(readModelRecord(stored.bytes)) === "broken") return;
    advance(state, record, verdict, codec.hash);
    if (places.has(offset + 1)) forge({ codec, random, state: copyJudge(state), before: log.records.slice(0, offset + 1) }, model, tell);
  }
}

function forge(place: Place, model: ModelJudge, tell: Tell): void {
  const { shard, next } = place.state;
  for (const [name, make] of FORGERIES) {
    const bytes = make(place);
    if (bytes === null) continue;
    const said = judge(place.state, place.codec.decode({ offset: next, bytes }, shard)).kind;
    const expected = model.ruling(readModelRecord(bytes));
    if (said !== expected) tell("I17", `the judge says ${said} of a record at ${next} of shard ${shard} (${name}), the model says ${expected}`);
  }
}
