// Mutants of taking and losing a shard.
import type { SimOptions } from "../options.ts";
import { PLACE_UNCHECKED } from "./judge-mutants.ts";
import { INNER, type Mutant, type Patch } from "./mutant.ts";

const CLAIM = "engine/shard/claim.ts";
const COMMIT = "engine/shard/commit.ts";
const NODE = "engine/shard/node.ts";
const TENURE = "engine/shard/tenure.ts";
const VALIDITY = "engine/core/validity.ts";

const OWN = 'const own = sameBytes(shard.judge.nonce, nonce) && (outcome.kind !== "done" || shard.judge.claim === outcome.offset);';
const UP_TO_OWN = 'if (!(await catchUp(shard, outcome.kind === "done" ? outcome.offset + 1 : undefined))) return NOT_OWN;';

/** One claim in five bears the epoch of the claim before it, as when a store of leases failed over to an older copy and gives a number out
 *  a second time. The model judge has to read the log in the same way, or it would see nothing but strangers. */
const epochGivenTwice: readonly Patch[] = [
  { file: CLAIM, find: OWN, replace: "const own = sameBytes(shard.judge.nonce, nonce);" },
  { file: VALIDITY, find: "state.claim = record.offset;", replace: "if (state.claim === 0 || (record.nonce[0] ?? 0) >= 51) state.claim = record.offset;" },
  {
    file: "engine/sim/model-judge.ts",
    find: "return { claim: next, nonce",
    replace: "return { claim: this.#place.claim > 0 && Number.parseInt(record.nonce.slice(0, 2), 16) < 51 ? this.#place.claim : next, nonce",
  },
];

/** A world in which processes come back at once and claim what another one took meanwhile. */
export const RESTLESS: Partial<SimOptions> = { placed: false, kills: 8, restartMsMax: 50, lies: 12, pauses: 3, leaseMs: 500, heartbeatMs: 500 };

/** What the log did not say a word of is taken as if nothing had been sent: the tenure goes on. */
const goesOnAfterUnknown: Patch = {
  file: TENURE,
  find: 'if (this.#lose("unknown", cause)) void this.take("again");',
  replace: 'void cause;\n    this.shard.dropHead("shard_unowned");\n    this.#giveUpOrphans(0);',
};

export const TENURE_MUTANTS: readonly Mutant[] = [
  {
    name: "own-claim-unchecked",
    rules: "T4",
    does: "serves although another claim is the effective one",
    caughtBy: ["history", "broken", "F5", "Q4"],
    unheeded: INNER,
    options: RESTLESS,
    patches: [{ file: CLAIM, find: OWN, replace: "const own = true;" }],
  },
  {
    name: "no-replay-to-own-claim",
    rules: "T4",
    does: "serves from what was read before the claim landed",
    caughtBy: ["history", "broken", "F5", "I2", "I16", "Q4"],
    unheeded: INNER,
    options: RESTLESS,
    patches: [{ file: CLAIM, find: UP_TO_OWN, replace: `if (outcome.kind === "done") shard.judge.next = outcome.offset;\n    ${UP_TO_OWN}` }],
  },
  {
    name: "epoch-from-leases",
    rules: "T4, epoch = offset",
    does: "takes its epoch from a store of leases that gives a number twice at times",
    caughtBy: ["broken", "F5"],
    // Who made a claim is found by its offset, which is no epoch here.
    unheeded: [...INNER, "I9", "refusal"],
    options: RESTLESS,
    patches: epochGivenTwice,
  },
  {
    name: "unknown-told-as-failed",
    rules: "C8",
    does: "refuses commands whose record the log may have",
    caughtBy: ["refusal", "history"],
    unheeded: INNER,
    patches: [
      {
        file: COMMIT,
        find: "const mayBeInLog = decision === null ? someSent : ring.sent > 0;",
        replace: "const mayBeInLog = someSent && decision === undefined;",
      },
    ],
  },
  {
    name: "goes-on-after-unknown",
    rules: "C8",
    does: "keeps its tenure after an unknown outcome",
    caughtBy: ["Q2"],
    unheeded: [],
    patches: [goesOnAfterUnknown],
  },
  {
    name: "goes-on-after-unknown-place-unchecked",
    rules: "C8 with J11 J12 J13",
    does: "keeps its tenure after an unknown outcome, and no place is looked at",
    caughtBy: ["history", "broken", "F5", "I1", "I9"],
    unheeded: INNER,
    patches: [goesOnAfterUnknown, ...PLACE_UNCHECKED],
  },
  {
    name: "sends-after-release",
    rules: "J10",
    does: "sends under its epoch behind its own RELEASE",
    caughtBy: ["Q2"],
    unheeded: [],
    patches: [
      {
        file: TENURE,
        find: "await this.#sent((landed) => releaseControl(shard, reason, stateHash, landed));\n    if (!this.#sealed) return false;",
        replace:
          'await this.#sent((landed) => releaseControl(shard, reason, stateHash, landed));\n    if (!this.#sealed) return false;\n    await this.#sent((landed) => timeControl(shard, "barrier", landed));',
      },
    ],
  },
  {
    name: "away-taken-for-broken",
    rules: "log away",
    does: "stops a shard because its log did not answer",
    caughtBy: ["F5"],
    unheeded: INNER,
    patches: [{ file: TENURE, find: "if (!this.#mayBeReadAgain(error)) throw error;", replace: "if (causeOf(error) !== null) throw error;" }],
  },
  {
    name: "silent-owner",
    rules: "TIME(idle)",
    does: "serves a shard and logs nothing while nobody asks anything",
    caughtBy: ["liveness"],
    unheeded: INNER,
    patches: [
      {
        file: NODE,
        find: 'if (often && idleFor(shard) >= tickMs) shard.send(timeControl(shard, "idle", () => undefined));',
        replace: 'if (often && idleFor(shard) > 1e9) shard.send(timeControl(shard, "idle", () => undefined));',
      },
    ],
  },
];
