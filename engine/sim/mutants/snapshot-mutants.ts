// Mutants of snapshots, recovery and what remembers how long the log was.
import type { SimOptions } from "../options.ts";
import { INNER, type Mutant } from "./mutant.ts";

const SNAPSHOTS = "engine/shard/snapshots.ts";
const RECOVERY = "engine/shard/recovery.ts";
const STATE = "engine/core/state.ts";
const MEMORY_STORE = "persistence/memory/snapshot-store.ts";

/** Shards that change hands while their checkpoints are still on the way, and a log that is trimmed behind the newer ones. */
export const SLOW_STORE: Partial<SimOptions> = {
  storeLingers: 0.4,
  storeMsMax: 20,
  storeFails: 0,
  storeAway: 0,
  snapshots: 30,
  trims: 12,
  moves: 6,
  kills: 3,
  leaseMs: 500,
  heartbeatMs: 500,
  faultsMs: 5_000,
  shards: 1,
};

/** A log that loses its tail, with checkpoints that can be read: without a witness nobody can notice. */
export const LOSES_TAIL: Partial<SimOptions> = { lostTails: 1, snapshots: 6, storeAway: 0, storeFails: 0 };

export const SNAPSHOT_MUTANTS: readonly Mutant[] = [
  {
    name: "snapshot-from-head",
    rules: "S1",
    does: "saves what is decided and not durable",
    caughtBy: ["broken", "F5", "I1", "I14"],
    unheeded: INNER,
    patches: [
      {
        file: SNAPSHOTS,
        find: "const state = actor.committed;\n    const { codec }",
        replace: "const state = actor.head ?? actor.committed;\n    const { codec }",
      },
      { file: STATE, find: 'invariant(state.overlay === null, "snapshots are of committed state");', replace: "" },
    ],
  },
  {
    name: "snapshot-without-answers",
    rules: "answers are state",
    does: "recovers auctions without the answers remembered by key",
    caughtBy: ["I9"],
    unheeded: [...INNER, "I14"],
    patches: [
      {
        file: RECOVERY,
        find: "return sameBytes(stateHash(state, codec.hash), stored.stateHash) ? state : null;",
        replace: `if (!sameBytes(stateHash(state, codec.hash), stored.stateHash)) return null;
    state.ledger.truncate({ answers: 0, bids: state.bidCount, rows: state.rowCount, bidders: state.bidderCount });
    state.answerCount = 0;
    return state;`,
      },
    ],
  },
  {
    name: "snapshot-unguarded",
    rules: "guard of the checkpoint",
    does: "lets an older checkpoint be saved behind a newer one",
    caughtBy: ["I19"],
    unheeded: INNER,
    options: SLOW_STORE,
    patches: [
      {
        file: MEMORY_STORE,
        find: 'if (newest !== undefined && newest.offset >= checkpoint.offset) return "superseded";',
        replace: "",
      },
    ],
  },
  {
    name: "witnesses-unasked",
    rules: "R2",
    does: "serves a log that is shorter than a checkpoint says",
    caughtBy: ["W1"],
    unheeded: INNER,
    options: LOSES_TAIL,
    patches: [
      {
        file: RECOVERY,
        find: "if (checkpoint.offset > ends.end) {",
        replace: "if (checkpoint.offset > ends.end) continue;\n    if (checkpoint.offset > ends.end) {",
      },
    ],
  },
  {
    name: "checkpoint-unasked",
    rules: "R2, B1 to B5",
    does: "believes a checkpoint of which the log has lost what it was taken behind",
    caughtBy: ["W2"],
    unheeded: INNER,
    options: LOSES_TAIL,
    patches: [{ file: RECOVERY, find: "if (!fits) {", replace: "if (Boolean(0) && !fits) {" }],
  },
];
