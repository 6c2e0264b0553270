// Counters of a simulated process: nothing is shown, so nothing is kept but what events were counted.
import type { CountedEvent, ShardCounters } from "../shard/world.ts";

const NOTHING = (): void => undefined;

export class QuietCounters implements ShardCounters {
  repeats = 0;
  readonly events = new Map<string, number>();
  readonly decided: ShardCounters["decided"] = NOTHING;
  readonly refused: ShardCounters["refused"] = NOTHING;
  readonly frame: ShardCounters["frame"] = NOTHING;
  readonly appended: ShardCounters["appended"] = NOTHING;
  readonly committed: ShardCounters["committed"] = NOTHING;
  readonly waited: ShardCounters["waited"] = NOTHING;
  readonly deciding: ShardCounters["deciding"] = NOTHING;
  readonly sold: ShardCounters["sold"] = NOTHING;
  readonly observe: ShardCounters["observe"] = NOTHING;

  count(event: CountedEvent, label?: string): void {
    const name = label === undefined ? event : `${event} ${label}`;
    this.events.set(name, (this.events.get(name) ?? 0) + 1);
  }
}
