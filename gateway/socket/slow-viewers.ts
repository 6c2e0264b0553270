// Which viewer is too slow, and what becomes of it. Pure.
//
// L1. Over the soft limit a viewer leaves the topics: from then on it is owed the newest state of each auction, whenever its buffer
//     is empty, and it rejoins when it is owed nothing.
// L2. Over the hard limit, or too long without an empty buffer, it is closed and may resume: it is never left with a silent gap.
// L3. The limits are far below the transport's own, so nothing is dropped before this rule has seen it.
import type { SocketLimits } from "./limits.ts";
import type { Viewer } from "./viewer.ts";

type BufferLimits = Pick<SocketLimits, "bufferSoftBytes" | "bufferHardBytes" | "bufferHardMs">;

/** `keeps_up`: nothing to do. `falls_behind`: leaves the topics now. `caught_up`: a slow viewer's buffer is empty. `too_slow`: close. */
export type Pace = "keeps_up" | "falls_behind" | "waits" | "caught_up" | "too_slow";

/** How a viewer does with that many bytes still waiting for it. `now`: monotonic ms. */
export function paceOf(viewer: Viewer, bufferedBytes: number, now: number, limits: BufferLimits): Pace {
  if (bufferedBytes > limits.bufferHardBytes) return "too_slow";
  if (viewer.slowSince === null) return bufferedBytes > limits.bufferSoftBytes ? "falls_behind" : "keeps_up";
  if (bufferedBytes === 0) return "caught_up";
  return now - viewer.slowSince >= limits.bufferHardMs ? "too_slow" : "waits";
}
