// Updates of one auction that wait to be published, merged so that the newest state stands for all of them.
//
// Owns: how updates merge, and in which order their frames leave. Pure.
//
// G1. Merging keeps the newest state, every kind of event, the newest 50 rows with a count of the others, and every extension.
// G2. A hammer is never merged away. It stands alone where the end is all that changed; else it follows the update of its pair.
// G3. Frames leave in the order of their pairs: what follows a hammer is gathered anew behind it.
import type { Epoch, Instant, Sequence } from "../../engine/core/ids.ts";
import type { PublicRow, PublicState } from "../../engine/core/view.ts";
import type { Update, UpdateEvent } from "../../engine/protocol.ts";
import type { ServerFrame, UpdateFrame } from "./client-frames.ts";
import { extendedFrame, hammerFrame, timeRemainingMs, wireBid, wireEvents, wireState } from "./public-frames.ts";
import { newestRows } from "./resume.ts";

interface Merged {
  readonly previousSequence: Sequence;
  epoch: Epoch;
  sequence: Sequence;
  readonly events: Set<UpdateEvent>;
  state: PublicState;
  rows: readonly PublicRow[];
  rowsOmitted: number;
  readonly removed: Sequence[];
}

export interface Gathered {
  readonly auctionId: string;
  update: Merged | null;
  readonly extensions: { readonly epoch: Epoch; readonly extension: Update["extensions"][number] }[];
  hammer: Update | null;
  /** Updates in it. */
  count: number;
  /** Decision time of the newest. */
  at: Instant;
}

/** Extensions that wait in one gathering. An auction is extended once per accepted bid at most; above this the oldest two become one
 *  that spans both, so that memory does not follow a flood of bids. */
const EXTENSIONS_MAX = 1_024;

/** Adds one update at the end of what is waiting. */
export function gather(waiting: Gathered[], update: Update): void {
  const last = waiting.at(-1);
  const into = last === undefined || last.hammer !== null ? fresh(waiting, update) : last;
  into.count += 1;
  into.at = update.at;
  if (changesMoreThanTheEnd(update)) into.update = merge(into.update, update);
  for (const extension of update.extensions) {
    into.extensions.push({ epoch: update.epoch, extension });
    if (into.extensions.length > EXTENSIONS_MAX) joinOldest(into.extensions);
  }
  if (update.events.includes("ended")) into.hammer = update;
}

/** Whether viewers should hear of it at once. */
export function isUrgent(update: Update): boolean {
  return update.events.some((event) => URGENT.has(event));
}

const URGENT: ReadonlySet<UpdateEvent> = new Set(["opened", "paused", "resumed", "extended", "ended"]);

/** The frames of one gathering in the order in which they leave. */
export function framesOf(
  gathered: Gathered,
  watchers: number,
  serverTimeMs: Instant,
): { readonly frames: readonly ServerFrame[]; readonly hammer: ServerFrame | null } {
  const { update, extensions } = gathered;
  const hammer = gathered.hammer === null ? null : hammerFrame(gathered.hammer, serverTimeMs);
  const frames: ServerFrame[] = [];
  if (update !== null) frames.push(updateFrame(gathered.auctionId, update, { watchers, serverTimeMs, resumed: false }));
  for (const { epoch, extension } of extensions) frames.push(extendedFrame({ auctionId: gathered.auctionId, epoch }, extension, serverTimeMs));
  if (hammer !== null) frames.push(hammer);
  return { frames, hammer };
}

/** What an `update` says, from one or many updates. */
export interface UpdateFacts {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly previousSequence: Sequence;
  readonly events: Iterable<UpdateEvent>;
  readonly state: PublicState;
  readonly rows: readonly PublicRow[];
  readonly rowsOmitted: number;
  readonly removed: readonly Sequence[];
}

/** An `update` as viewers get it; `resumed`: it closes the gap of one that came back. */
export function updateFrame(
  auctionId: string,
  facts: UpdateFacts,
  around: { readonly watchers: number; readonly serverTimeMs: Instant; readonly resumed: boolean },
): UpdateFrame {
  return {
    type: "update",
    auctionId,
    epoch: facts.epoch,
    sequence: facts.sequence,
    serverTimeMs: around.serverTimeMs,
    previousSequence: facts.previousSequence,
    events: wireEvents([...facts.events]),
    state: wireState(facts.state),
    bids: facts.rows.map(wireBid),
    bidsOmitted: facts.rowsOmitted,
    ...(facts.removed.length === 0 ? {} : { removedBidIds: facts.removed }),
    watchers: around.watchers,
    timeRemainingMs: timeRemainingMs(facts.state, around.serverTimeMs),
    ...(around.resumed ? { resumed: true } : {}),
  };
}

function fresh(waiting: Gathered[], update: Update): Gathered {
  const gathered: Gathered = { auctionId: update.auctionId, update: null, extensions: [], hammer: null, count: 0, at: update.at };
  waiting.push(gathered);
  return gathered;
}

function changesMoreThanTheEnd(update: Update): boolean {
  return (
    update.rows.length > 0 ||
    update.rowsOmitted > 0 ||
    update.removed.length > 0 ||
    update.events.some((event) => event !== "ended") ||
    update.events.length === 0
  );
}

function merge(into: Merged | null, update: Update): Merged {
  const { epoch, sequence, state } = update;
  if (into === null) {
    return {
      previousSequence: update.previousSequence,
      epoch,
      sequence,
      events: new Set(update.events),
      state,
      rows: newestRows(update.rows),
      rowsOmitted: update.rowsOmitted + update.rows.length - newestRows(update.rows).length,
      removed: [...update.removed],
    };
  }
  const rows = newestRows([...into.rows, ...update.rows]);
  into.rowsOmitted += update.rowsOmitted + into.rows.length + update.rows.length - rows.length;
  into.rows = rows;
  into.epoch = epoch;
  into.sequence = sequence;
  into.state = state;
  for (const event of update.events) into.events.add(event);
  into.removed.push(...update.removed);
  return into;
}

function joinOldest(extensions: Gathered["extensions"]): void {
  const [first, second] = extensions;
  if (first === undefined || second === undefined) return;
  extensions.splice(0, 2, { epoch: second.epoch, extension: { ...second.extension, from: first.extension.from } });
}
