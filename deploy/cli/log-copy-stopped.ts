// What the parts of a copy share: the log that is written, and why a run has ended.
import type { DecisionLog } from "../../engine/ports.ts";

/** What is needed of the log that is written. */
export type CopyTargetLog = Pick<DecisionLog, "append" | "laneOf" | "read" | "tail" | "ends">;

/** Why a log was not copied, or not to its end. */
export class CopyStopped extends Error {
  readonly why: "trimmed" | "broken" | "owned" | "not_empty" | "differs" | "interrupted" | "grew";

  constructor(why: CopyStopped["why"], message: string) {
    super(message);
    this.name = "CopyStopped";
    this.why = why;
  }
}
