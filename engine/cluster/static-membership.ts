// Placement without a coordinator: from a list of shards that never changes, or from a file that an operator writes.
//
// Owns: the version in force. Must not: claim or release anything, or believe that another node has read the same version.
//
// M1. Only a higher version replaces the one in force. A lower one is ignored and said; the same number with other content too.
// M2. What cannot be read or is wrong changes nothing, and is said once for each content.
// M3. The file is looked at when the system says that it changed, and each second in any case: such news is a hint.
import type { Shard } from "../core/ids.ts";
import type { Membership, Timers } from "../ports.ts";
import { type Placement, PlacementRefused, readPlacement, readShards } from "./placement.ts";

const POLL_MS = 1_000;

/** Shards that this node owns from its start to its end: `all`, or such as `0-7,9`. Throws PlacementRefused. */
export function ownedShards(text: string, shards: number): Membership {
  const read = readShards(text, shards);
  if (!read.ok) throw new PlacementRefused("FAIRWARNING_ENGINE_SHARDS", [read.fault]);
  const { numbers } = read;
  return { assigned: () => numbers, onChange: () => () => undefined };
}

/** Where a placement is written. */
export interface PlacementSource {
  /** For people. */
  readonly name: string;
  /** Its whole text. Throws when there is none, or when it is too long. */
  read(): string;
  /** Calls back when it may have changed, which is only a hint; the returned function ends that. */
  watch(changed: () => void): () => void;
}

export type PlacementSay = (
  level: "info" | "warn" | "error",
  event: "placement" | "placement_refused" | "placement_ignored",
  fields: Readonly<Record<string, unknown>>,
) => void;

export interface PlacementOptions {
  readonly source: PlacementSource;
  readonly nodeId: string;
  readonly shards: number;
  readonly timers: Timers;
  readonly say: PlacementSay;
}

/** A membership that follows a file. */
export interface FollowedPlacement extends Membership {
  close(): void;
}

/** Reads the placement and follows it. Throws PlacementRefused when there is none to begin with. */
export function followPlacement(options: PlacementOptions): FollowedPlacement {
  return new PlacementFile(options);
}

class PlacementFile implements FollowedPlacement {
  readonly #options: PlacementOptions;
  readonly #listeners = new Set<() => void>();
  #placement: Placement;
  /** The content last looked at, or why there was none. */
  #seen: string;
  #assigned: readonly Shard[];
  #cancelPoll: () => void = () => undefined;
  readonly #endWatch: () => void;

  constructor(options: PlacementOptions) {
    this.#options = options;
    const text = textOf(options.source);
    const read = text.ok ? readPlacement(text.text, options.shards) : null;
    if (!text.ok) throw new PlacementRefused(options.source.name, [{ at: "the file", found: text.text, wanted: "a readable placement" }]);
    if (read === null || !read.ok) throw new PlacementRefused(options.source.name, read?.faults ?? []);
    this.#seen = text.text;
    this.#placement = read.placement;
    this.#assigned = this.#assignedNow();
    this.#sayPlacement();
    this.#endWatch = options.source.watch(() => this.#look());
    this.#pollLater();
  }

  assigned(): readonly Shard[] {
    return this.#assigned;
  }

  nodesOf(shard: Shard): readonly string[] {
    return this.#placement.nodes[shard] ?? [];
  }

  version(): number {
    return this.#placement.version;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#cancelPoll();
    this.#endWatch();
    this.#listeners.clear();
  }

  #pollLater(): void {
    this.#cancelPoll = this.#options.timers.after(POLL_MS, () => {
      this.#pollLater();
      this.#look();
    });
  }

  #look(): void {
    const { source, say, shards } = this.#options;
    const { ok, text } = textOf(source);
    if (text === this.#seen) return;
    this.#seen = text;
    const read = ok ? readPlacement(text, shards) : { ok: false as const, faults: [{ at: "the file", found: text, wanted: "a readable placement" }] };
    const inForce = this.#placement.version;
    if (!read.ok) say("error", "placement_refused", { file: source.name, inForce, faults: read.faults });
    else if (read.placement.version > inForce) this.#take(read.placement);
    else if (!isSame(read.placement, this.#placement)) say("warn", "placement_ignored", { file: source.name, inForce, found: read.placement.version });
  }

  #take(placement: Placement): void {
    this.#placement = placement;
    this.#assigned = this.#assignedNow();
    this.#sayPlacement();
    for (const listener of [...this.#listeners]) listener();
  }

  #assignedNow(): readonly Shard[] {
    return this.#placement.nodes.flatMap((nodes, shard) => (nodes[0] === this.#options.nodeId ? [shard] : []));
  }

  #sayPlacement(): void {
    const { nodeId, say, source } = this.#options;
    const { nodes, version } = this.#placement;
    const standby = nodes.filter((names) => names.indexOf(nodeId) > 0).length;
    const fields = { file: source.name, version, nodeId, owned: this.#assigned.length, standby };
    say(fields.owned + standby > 0 ? "info" : "warn", "placement", fields);
  }
}

function isSame(left: Placement, right: Placement): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function textOf(source: PlacementSource): { readonly ok: boolean; readonly text: string } {
  try {
    return { ok: true, text: source.read() };
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message : String(error) };
  }
}
