// Mutants of taking and losing a shard.
import { PLACE_UNCHECKED } from "./judge-mutants.ts";
import { INNER, type Mutant, type Patch } from "./mutant.ts";

const CLAIM = "engine/shard/claim.ts";
const COMMIT = "engine/shard/commit.ts";
const TENURE = "engine/shard/tenure.ts";
const VALIDITY = "engine/core/validity.ts";

const OWN = 'const own = sameBytes(shard.judge.nonce, nonce) && (outcome.kind !== "done" || shard.judge.claim === outcome.offset);';
const UP_TO_OWN = 'if (!(await catchUp(shard, outcome.kind === "done" ? outcome.offset + 1 : undefined))) return NOT_OWN;';

/** The number that a store of leases gives out; one time in five it gives the last one again, as after a failover to an older copy. */
const leaseNumbers: readonly Patch[] = [
  {
    file: CLAIM,
    find: "function claim(shard: Shard, nonce: Uint8Array, reason: ClaimReason): Promise<AppendOutcome> {",
    replace: `const leases = new Map<number, number>();
function leaseOf(shard: Shard, nonce: Uint8Array): number {
  const last = shard.judge.claim === 0 ? 0 : (leases.get(shard.number) ?? 0);
  const given = last > 0 && (nonce[0] ?? 0) < 51 ? last : last + 1;
  leases.set(shard.number, given);
  return given;
}
function claim(shard: Shard, nonce: Uint8Array, reason: ClaimReason, lease: number): Promise<AppendOutcome> {`,
  },
  { file: CLAIM, find: "previous: shard.judge.claim, nonce,", replace: "previous: lease, nonce," },
  {
    file: CLAIM,
    find: "const outcome = await claim(shard, nonce, reason);",
    replace: "const lease = leaseOf(shard, nonce);\n    const outcome = await claim(shard, nonce, reason, lease);",
  },
  { file: CLAIM, find: OWN, replace: "const own = shard.judge.claim === lease;" },
  {
    file: VALIDITY,
    find: "return record.previous === state.claim ? EFFECTIVE : CLAIM_LATE; // J8",
    replace: "return record.previous >= state.claim ? EFFECTIVE : CLAIM_LATE;",
  },
  { file: VALIDITY, find: "state.claim = record.offset;", replace: "state.claim = record.previous;" },
];

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
    caughtBy: ["history", "broken", "F5", "I9"],
    unheeded: INNER,
    patches: [{ file: CLAIM, find: OWN, replace: "const own = true;" }],
  },
  {
    name: "no-replay-to-own-claim",
    rules: "T4",
    does: "serves from what was read before the claim landed",
    caughtBy: ["history", "broken", "F5", "I2", "I16"],
    unheeded: INNER,
    patches: [{ file: CLAIM, find: UP_TO_OWN, replace: `if (outcome.kind === "done") shard.judge.next = outcome.offset;\n    ${UP_TO_OWN}` }],
  },
  {
    name: "epoch-from-leases",
    rules: "T4, epoch = offset",
    does: "takes its epoch from a store of leases that gives a number twice at times",
    caughtBy: ["history", "broken", "F5", "I9", "I14"],
    unheeded: INNER,
    patches: leaseNumbers,
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
];
