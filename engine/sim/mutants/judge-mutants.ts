// Mutants of the judge: each lets a record count that must not, or takes a fault for a record like any other.
import { INNER, type Mutant, type Patch } from "./mutant.ts";

const FILE = "engine/core/validity.ts";

const epochUnchecked: Patch = { file: FILE, find: "if (record.epoch !== epoch) return OLD_EPOCH; // J9", replace: "void epoch;" };
const releaseUnchecked: Patch = { file: FILE, find: "if (!state.open) return RELEASED; // J10", replace: "void RELEASED;" };
const repeatUnchecked: Patch = { file: FILE, find: "if (record.firstLsn <= state.lsn) return REPEAT; // J11", replace: "void REPEAT;" };
const aheadUnchecked: Patch = { file: FILE, find: "if (record.firstLsn > state.lsn + 1) return LSN_AHEAD; // J12", replace: "void LSN_AHEAD;" };
const hashUnchecked: Patch = {
  file: FILE,
  find: "if (!sameBytes(record.prevHash, state.hash)) return HASH_CHAIN; // J13",
  replace: "void HASH_CHAIN;",
};
const previousUnchecked: Patch = { file: FILE, find: "return record.previous === state.claim ? EFFECTIVE : CLAIM_LATE; // J8", replace: "return EFFECTIVE;" };

/** J11 to J13 together: no place in the tenure is looked at. */
export const PLACE_UNCHECKED: readonly Patch[] = [repeatUnchecked, aheadUnchecked, hashUnchecked];

export const JUDGE_MUTANTS: readonly Mutant[] = [
  {
    name: "epoch-unchecked",
    rules: "J9",
    does: "records of an old owner count",
    caughtBy: ["F5", "I2", "I3", "I4", "history"],
    unheeded: INNER,
    patches: [epochUnchecked],
  },
  {
    name: "place-unchecked",
    rules: "J11 J12 J13",
    does: "neither lsn nor hash chain of a record is looked at",
    caughtBy: ["F5", "I9", "I16", "history"],
    unheeded: INNER,
    patches: PLACE_UNCHECKED,
  },
  {
    name: "previous-unchecked",
    rules: "J8",
    does: "any claim takes the shard, a late or repeated one too",
    caughtBy: ["I17"],
    unheeded: [],
    patches: [previousUnchecked],
  },
  {
    name: "release-stays-open",
    rules: "J10",
    does: "records count behind the RELEASE of their epoch",
    caughtBy: ["I17"],
    unheeded: [],
    patches: [releaseUnchecked],
  },
  {
    name: "ahead-unchecked",
    rules: "J12",
    does: "a missing record goes unnoticed by its lsns",
    caughtBy: ["I17"],
    unheeded: [],
    patches: [aheadUnchecked],
  },
  {
    name: "hash-unchecked",
    rules: "J13",
    does: "the hash chain may break",
    caughtBy: ["I17"],
    unheeded: [],
    patches: [hashUnchecked],
  },
];
