// What a cluster for tests asks of whatever runs its nodes. Types only.
import type { NodePlan } from "./kafka-settings.ts";

/** Ends, freezes, thaws, or asks to end. */
export type Signal = "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM";

/** One node that can be started more than once. */
export interface NodeProcess {
  /** Of the newest start. */
  readonly pid: number;
  /** Where it keeps its logs, for who damages them; null when that is no folder of this machine. */
  readonly dataFolder: string | null;
  /** Nothing happens to a node that is gone. */
  kill(signal: Signal): void;
  /** Waits till it is gone. */
  gone(): Promise<void>;
  running(): boolean;
  /** Waits till it is gone and starts it on its data. Does not wait until it serves. */
  start(): Promise<void>;
  /** The end of what it said, for people. */
  said(): string;
}

/** One cluster's nodes. */
export interface KafkaSource {
  /** What the other nodes call this one's host. */
  hostOf(nodeId: number): string;
  /** A formatted node that was never started, with what it keeps in `folder` if it keeps files here. */
  make(options: { readonly plan: NodePlan; readonly plans: readonly NodePlan[]; readonly folder: string; readonly clusterId: string }): Promise<NodeProcess>;
  /** A command that removes what no pid file names; empty when there is nothing of that kind. */
  readonly cleanUp: readonly string[];
}
