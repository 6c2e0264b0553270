// Which stops of a shard the faults of a run excuse. Every other one is an error of the node that stopped.
import type { SimOptions } from "./options.ts";
import { BELOW_START } from "./sim-log.ts";

/** Whether something outside of the node may have brought it about: a clock that is wrong, or a trim that went ahead of a reader. A log or
 *  a snapshot store that does not answer stops nobody. */
export function isExcused(options: SimOptions, invariant: string, message: string): boolean {
  switch (invariant) {
    case "clock":
      return options.clockOffsetMs > 0 || options.clockSteps > 0;
    case "log_trimmed":
      return options.trims > 0;
    case "recovery":
      return options.trims > 0 && message.endsWith(BELOW_START);
    default:
      return false;
  }
}
