// What a process believes of a shard's log, held against the model judge: every verdict it gave, at every place it stood at.
import { NO_PASS_OPEN } from "../core/validity.ts";
import type { ModelPlace } from "./model-judge.ts";
import type { NodeProcess } from "./sim-node.ts";
import type { TrueLog } from "./true-log.ts";

const looked = new WeakMap<NodeProcess, number[]>();

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

/** I17: each shard's judge stands where the model judge stood at the same offset. Only places that changed are looked at. */
export function checkPlaces(process: NodeProcess, logs: readonly TrueLog[], tell: (invariant: string, message: string) => void): void {
  const before = looked.get(process) ?? logs.map(() => -1);
  looked.set(process, before);
  for (const shard of process.node.all()) {
    const { judge } = shard;
    if (before[shard.number] === judge.next) continue;
    before[shard.number] = judge.next;
    const place = logs[shard.number]?.places[judge.next];
    const wrong = place === undefined ? "beyond the log's end" : difference(judge, place);
    if (wrong !== null) tell("I17", `${process.name} stands at ${judge.next} of shard ${shard.number}: ${wrong}`);
  }
}

type Judge = ReturnType<NodeProcess["node"]["all"]>[number]["judge"];

function difference(judge: Judge, place: ModelPlace): string | null {
  const { claim, nonce, open, lsn, hash, time, passOpen, outageFrom } = judge;
  if (claim !== place.claim) return `claim ${claim}, not ${place.claim}`;
  if (open !== place.open) return `open ${open}, not ${place.open}`;
  if (lsn !== place.lsn) return `lsn ${lsn}, not ${place.lsn}`;
  if (time !== place.time) return `time ${time}, not ${place.time}`;
  if (hex(hash) !== place.hash) return `hash ${hex(hash)}, not ${place.hash}`;
  if (hex(nonce) !== place.nonce) return `nonce ${hex(nonce)}, not ${place.nonce}`;
  const from = outageFrom === NO_PASS_OPEN || !passOpen ? time : outageFrom;
  return from === place.outageFrom ? null : `an outage since ${from}, not ${place.outageFrom}`;
}
