// What the link needs of the shards behind it. Types only; engine/shard implements them.
import type { Command } from "../core/command.ts";
import type { Caller, ReadCaller } from "../ports.ts";
import type { Read, RequestId, ShardStatus } from "../protocol.ts";

export type { ReadCaller };

/** The shards of this process. Every command and read gets exactly one answer, result or refusal, at once or later; what comes
 *  after the connection closed is dropped by the link. */
export interface LinkNode {
  /** `deadlineMs`: what is left of the bidder's deadline. */
  command(caller: Caller, requestId: RequestId, deadlineMs: number, command: Command): void;
  read(caller: ReadCaller, requestId: RequestId, read: Read): void;
  statuses(): readonly ShardStatus[];
  /** All messages that came together have been handed over: the node can decide what waits. */
  turn(): void;
  closed(caller: Caller): void;
}

/** Who this engine is; sent to each gateway first. */
export interface LinkIdentity {
  readonly nodeId: string;
  readonly lifeId: string;
  readonly shards: number;
  readonly version: string;
}

/** For log lines: event names with their detail. No event carries a key, a bidder or an amount. */
export type LinkLog = (
  event: "link_up" | "link_down" | "link_refused" | "link_malformed" | "link_overflow" | "link_silent",
  detail: { readonly address: string; readonly reason: string },
) => void;
