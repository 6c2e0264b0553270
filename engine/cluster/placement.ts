// A placement: for each shard of the log its nodes in order. The first owns, the others stand by. Pure: text in, data or faults out.
//
// Must not: read a file, decide who claims (shard/who-claims.ts), or mend what it is given.
import type { Shard } from "../core/ids.ts";

export interface Placement {
  /** Only a higher one replaces it. */
  readonly version: number;
  /** By shard; empty where no node is named. */
  readonly nodes: readonly (readonly string[])[];
}

/** One thing that is wrong with a placement, or with a list of shards. */
export interface PlacementFault {
  readonly at: string;
  readonly found: string;
  readonly wanted: string;
}

export type PlacementRead = { readonly ok: true; readonly placement: Placement } | { readonly ok: false; readonly faults: readonly PlacementFault[] };

export type ShardsRead = { readonly ok: true; readonly numbers: readonly Shard[] } | { readonly ok: false; readonly fault: PlacementFault };

/** A placement, or a list of shards, that cannot be used. */
export class PlacementRefused extends Error {
  readonly faults: readonly PlacementFault[];

  constructor(where: string, faults: readonly PlacementFault[]) {
    super(`${where}: ${faults.map(({ at, found, wanted }) => `${at} is ${found}, wanted ${wanted}`).join("; ")}`);
    this.name = "PlacementRefused";
    this.faults = faults;
  }
}

/** Far more than 4,096 shards with a few nodes each take. */
export const PLACEMENT_BYTES_MAX = 1_048_576;
/** Nodes of one shard: more standbys than that follow a log for nothing. */
const NODES_MAX = 16;
/** What is said of one file; the rest is more of the same. */
const FAULTS_MAX = 20;
const SHOWN_MAX = 60;

const NODE_ID = /^[\x21-\x7e]{1,64}$/;
const RANGE = /^(\d{1,4})(?:-(\d{1,4}))?$/;

/** The shards of a list such as `0-7,9`, or of `all`, in order. A fault names the piece that is wrong. */
export function readShards(text: string, shards: number): ShardsRead {
  if (text === "all") return { ok: true, numbers: Array.from({ length: shards }, (_, shard) => shard) };
  const named = new Set<Shard>();
  for (const piece of text.split(",")) {
    const fault = addRange(piece.trim(), shards, named, text);
    if (fault !== null) return { ok: false, fault };
  }
  return { ok: true, numbers: [...named].sort((left, right) => left - right) };
}

function addRange(piece: string, shards: number, named: Set<Shard>, at: string): PlacementFault | null {
  const match = RANGE.exec(piece);
  const first = Number(match?.[1] ?? Number.NaN);
  const last = Number(match?.[2] ?? match?.[1] ?? Number.NaN);
  if (match === null || first > last || last >= shards) {
    return { at: `shards ${shown(at)}`, found: shown(piece), wanted: `shards from 0 to ${shards - 1}, such as 0-7,9` };
  }
  for (let shard = first; shard <= last; shard += 1) {
    if (named.has(shard)) return { at: `shards ${shown(at)}`, found: `shard ${shard} twice`, wanted: "each shard once" };
    named.add(shard);
  }
  return null;
}

/** A placement from its JSON text: `{"version": 3, "shards": {"0-7": ["ash", "birch"]}}`. Shards that are not named have no node. Never
 *  throws: everything that is wrong with it is told at once. */
export function readPlacement(text: string, shards: number): PlacementRead {
  const parsed = parsedJson(text);
  if (!isObject(parsed))
    return { ok: false, faults: [{ at: "the file", found: shown(text), wanted: 'JSON such as {"version": 1, "shards": {"0-7": ["ash"]}}' }] };
  const faults: PlacementFault[] = [];
  const { version, shards: named, ...rest } = parsed;
  for (const name of Object.keys(rest)) faults.push({ at: name, found: "a name nobody reads", wanted: "version and shards only" });
  if (!Number.isSafeInteger(version) || Number(version) < 1) faults.push({ at: "version", found: shown(version), wanted: "a whole number from 1 on" });
  const nodes: (readonly string[])[] = Array.from({ length: shards }, () => []);
  if (isObject(named)) for (const [range, list] of Object.entries(named)) place(range, list, nodes, faults);
  else faults.push({ at: "shards", found: shown(named), wanted: "an object of shards and their nodes" });
  return faults.length > 0 ? { ok: false, faults: faults.slice(0, FAULTS_MAX) } : { ok: true, placement: { version: Number(version), nodes } };
}

function place(range: string, list: unknown, nodes: (readonly string[])[], faults: PlacementFault[]): void {
  const named = readShards(range, nodes.length);
  const at = `shards ${shown(range)}`;
  const names = nodeIds(list);
  if (names === null) faults.push({ at, found: shown(list), wanted: `a list of 1 to ${NODES_MAX} node ids, the owner first` });
  else if (new Set(names).size < names.length) faults.push({ at, found: shown(list), wanted: "each node once" });
  if (!named.ok) faults.push(named.fault);
  if (!named.ok || names === null) return;
  for (const shard of named.numbers) {
    if ((nodes[shard] ?? []).length > 0) faults.push({ at, found: `shard ${shard} again`, wanted: "each shard once" });
    nodes[shard] = names;
  }
}

function nodeIds(list: unknown): readonly string[] | null {
  if (!Array.isArray(list) || list.length < 1 || list.length > NODES_MAX) return null;
  return list.every((node) => typeof node === "string" && NODE_ID.test(node)) ? (list as readonly string[]) : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Told like anything else that is no placement.
    return null;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}
