// Mutants of the way from a decision to its answer.
import { INNER, type Mutant, type Patch } from "./mutant.ts";

const COMMIT = "engine/shard/commit.ts";
const DECIDING = "engine/shard/deciding.ts";
const STATE = "engine/shard/shard-state.ts";
const ROUNDS = "engine/shard/rounds.ts";
const PERMISSION = "engine/core/permission.ts";
const SIM_LOG = "engine/sim/sim-log.ts";

/** A second frame leaves while the first is in flight, built on it. Control records still go alone. */
const twoInFlight: readonly Patch[] = [
  {
    file: COMMIT,
    find: "#flight: Flight | null = null;",
    replace: `#flights: Flight[] = [];
  get #flight(): Flight | null {
    return this.#flights[0] ?? null;
  }
  set #flight(flight: Flight | null) {
    if (flight === null) this.#flights.shift();
    else this.#flights.push(flight);
  }`,
  },
  {
    file: COMMIT,
    find: 'if (this.#flight !== null || this.#judging !== null || phase === "stopped") return null;',
    replace:
      'if (this.#flights.length > 1 || this.#judging !== null || phase === "stopped") return null;\n    if (this.#flight !== null && this.#flight.record?.kind !== "frame") return null;',
  },
  { file: COMMIT, find: "const control = this.#controls.shift();", replace: "const control = this.#flight === null ? this.#controls.shift() : undefined;" },
  {
    file: COMMIT,
    find: 'if (this.#barriers.wanted && phase === "serving")',
    replace: 'if (this.#flight === null && this.#barriers.wanted && phase === "serving")',
  },
  {
    file: COMMIT,
    find: "const place = { shard: number, epoch, firstLsn: judge.lsn + 1, prevHash: judge.hash };",
    replace:
      "const before = this.#flight?.record ?? null;\n    const place = { shard: number, epoch, firstLsn: judge.lsn + 1 + (before?.count ?? 0), prevHash: before?.hash ?? judge.hash };",
  },
  { file: COMMIT, find: "for (const flight of [this.#flight, this.#judging])", replace: "for (const flight of [...this.#flights, this.#judging])" },
  { file: ROUNDS, find: "if (lane.busy) return;", replace: "" },
  { file: SIM_LOG, find: "if (this.#busy.has(lane)) throw", replace: "if (lane < 0) throw" },
];

export const COMMIT_MUTANTS: readonly Mutant[] = [
  {
    name: "gap-unread",
    rules: "C6",
    does: "takes any offset as its own without reading what stands before it",
    caughtBy: ["history", "I20", "Q4"],
    unheeded: INNER,
    patches: [{ file: COMMIT, find: "if (offset === judge.next) {", replace: "if (offset >= judge.next) {\n      judge.next = offset;" }],
  },
  {
    name: "void-gap-ends-tenure",
    rules: "C6",
    does: "gives the shard up when nothing but void records stood in the gap",
    caughtBy: ["Q5"],
    unheeded: [],
    patches: [{ file: COMMIT, find: 'if (!flight.stale && gap === "void") {', replace: 'if (!flight.stale && gap === "void" && offset < 0) {' }],
  },
  {
    name: "two-in-flight",
    rules: "C1",
    does: "sends a second frame while the first has not landed",
    caughtBy: ["broken", "history"],
    unheeded: INNER,
    patches: twoInFlight,
  },
  {
    name: "sends-while-judging",
    rules: "C1",
    does: "sends the next frame while a gap is being read",
    caughtBy: ["broken", "history"],
    unheeded: INNER,
    patches: [
      {
        file: COMMIT,
        find: 'if (this.#flight !== null || this.#judging !== null || phase === "stopped") return null;',
        replace: 'if (this.#flight !== null || phase === "stopped") return null;',
      },
    ],
  },
  {
    name: "acknowledged-when-sent",
    rules: "C2",
    does: "answers and commits as soon as the record is handed to the log",
    caughtBy: ["history", "Q4"],
    unheeded: INNER,
    patches: [
      {
        file: COMMIT,
        find: "this.#barriers.started();\n    return bytes;\n  }\n\n  #sendControl",
        replace: "this.#barriers.started();\n    this.#acknowledging.release(this.#ring, count);\n    return bytes;\n  }\n\n  #sendControl",
      },
      { file: COMMIT, find: "this.#acknowledging.release(this.#ring, flight.decisions);", replace: "" },
      { file: COMMIT, find: "this.#ring.sent -= flight.decisions;", replace: "" },
    ],
  },
  {
    name: "head-kept-after-refusal",
    rules: "C9",
    does: "goes on from decisions that the log refused",
    caughtBy: ["I1", "I2", "I3", "I4", "I11", "I21"],
    unheeded: INNER,
    patches: [
      {
        file: COMMIT,
        find: "if (actor.head !== null && actor.head !== actor.committed) discard(actor.head, actor.committed);\n      actor.head = actor.committed;",
        replace:
          'if (this.#shard.phase === "log_down") return;\n      if (actor.head !== null && actor.head !== actor.committed) discard(actor.head, actor.committed);\n      actor.head = actor.committed;',
      },
    ],
  },
  {
    name: "stored-told-as-refused",
    rules: "outcomes of an append",
    does: "takes an error answer as a refusal although the record is stored",
    caughtBy: ["refusal", "history"],
    unheeded: INNER,
    patches: [
      {
        file: SIM_LOG,
        find: "this.#unknown(settle, there + back);\n      this.#land(shard, bytes, there);",
        replace:
          'settle({ outcome: { kind: "refused", code: "not_enough_replicas", detail: "not enough replicas" }, toldAt: heap.now + there + back });\n      this.#land(shard, bytes, there);',
      },
    ],
  },
  {
    name: "keys-of-head-unseen",
    rules: "S2",
    does: "looks a key up in committed state only",
    caughtBy: ["I9"],
    unheeded: INNER,
    patches: [
      {
        file: DECIDING,
        find: "const row = answerRow(head, command.keyDigest);",
        replace: "const row = actor.committed === null ? -1 : answerRow(actor.committed, command.keyDigest);",
      },
    ],
  },
  {
    name: "time-is-wall-clock",
    rules: "J14",
    does: "decides by the wall clock, whatever was logged before",
    caughtBy: ["broken", "F5", "I16"],
    unheeded: INNER,
    patches: [{ file: STATE, find: "if (wall > this.time) this.time = wall;", replace: "this.time = wall;" }],
  },
  {
    name: "close-not-first",
    rules: "O5 Y3",
    does: "takes bids for a while after the end, before the close is decided",
    caughtBy: ["I2", "I11"],
    unheeded: INNER,
    patches: [
      { file: DECIDING, find: "return this.#fired.size > 0;\n  }\n\n  #rule", replace: "return false;\n  }\n\n  #rule" },
      {
        file: DECIDING,
        find: "if (dueAt(head) > now) deadlines.set(actor, dueAt(head));",
        replace:
          'if (dueAt(head) > now) deadlines.set(actor, dueAt(head));\n    else if (head.phase === "open" && dueAt(head) + 300 > now) deadlines.set(actor, dueAt(head) + 300);',
      },
      {
        file: PERMISSION,
        find: "return endsAt !== null && now >= endsAt ? gates.late : gates.open;",
        replace: "return endsAt !== null && now >= endsAt && gates !== BIDDING ? gates.late : gates.open;",
      },
    ],
  },
];
