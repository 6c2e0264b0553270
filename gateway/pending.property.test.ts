import fc from "fast-check";
import { expect, test } from "vitest";
import { REFUSAL_CODES, type RefusalCode } from "../engine/core/decision.ts";
import { type Ask, Pending } from "./pending.ts";
import { NONE, type ShardState } from "./route.ts";

const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const LINKS = 2;
const DEADLINE_MS = 400;
/** These may follow a sending that had an effect: the first says so, the other says what is in the log. */
const TRUE_AFTER_ANY_SENDING: ReadonlySet<string> = new Set(["outcome_unknown", "key_reused"]);

interface Sending {
  readonly key: string;
  readonly link: number;
  readonly id: number;
  /** The engine's word on it, or null. A lost one has none for ever. */
  fate: "answered" | RefusalCode | null;
}

type Step =
  | { readonly do: "ask" | "read" }
  | { readonly do: "answer"; readonly pick: number }
  | { readonly do: "refuse"; readonly pick: number; readonly code: RefusalCode }
  | { readonly do: "lose"; readonly link: number }
  | { readonly do: "serve"; readonly link: number }
  | { readonly do: "state"; readonly state: ShardState }
  | { readonly do: "wait"; readonly ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("ask" as const, "read" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("answer" as const), pick: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("refuse" as const), pick: fc.nat(), code: fc.constantFrom(...REFUSAL_CODES) }) },
    fc.record({ do: fc.constantFrom("lose" as const, "serve" as const), link: fc.nat({ max: LINKS - 1 }) }),
    fc.record({ do: fc.constant("state" as const), state: fc.constantFrom("serving" as const, "log_down" as const, "moving" as const, "away" as const) }),
    { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat({ max: 120 }) }) },
  ),
  { maxLength: 60 },
);

/** Plays the steps and checks what is heard against what was sent. */
class Play {
  readonly sendings: Sending[] = [];
  readonly heard = new Map<string, string[]>();
  asked = 0;
  #now = 0;
  #link = 0;
  #state: ShardState = "serving";
  readonly pending = new Pending({
    holdMs: 300,
    heldMax: 6,
    port: {
      linkFor: () => this.#link,
      stateOf: () => this.#state,
      send: (link, id, _deadlineMs, ask) => {
        this.sendings.push({ key: ask.kind === "command" ? (ask.command.key ?? "") : `read ${id}`, link, id, fate: null });
        return true;
      },
      fraction: () => 0.5,
    },
  });

  run(step: Step): void {
    switch (step.do) {
      case "ask":
        this.#ask();
        break;
      case "read":
        this.#read();
        break;
      case "answer":
      case "refuse":
        this.#settle(step);
        break;
      case "lose":
        if (this.#link === step.link) this.#link = NONE;
        this.pending.linkLost(step.link, this.#now);
        break;
      case "serve":
        this.#link = step.link;
        this.pending.ownerChanged(0, step.link, this.#now);
        break;
      case "state":
        this.#state = step.state;
        break;
      case "wait":
        this.wait(step.ms);
        break;
      default:
        step satisfies never;
    }
  }

  wait(ms: number): void {
    this.#now += ms;
    this.pending.pass(this.#now);
  }

  #ask(): void {
    const key = `k${++this.asked}`;
    const command = {
      auctionId: AUCTION,
      role: "bidder" as const,
      issuerId: "ann",
      key,
      keyDigest: { a: 1, b: 2, c: 3, d: 4 },
      fingerprint: { a: 1, b: 2 },
      body: { type: "open_auction" as const },
    };
    const ask: Ask = { kind: "command", command, reply: { answer: () => this.#hear(key, "answer"), refused: (code) => this.#hear(key, code) } };
    this.pending.ask(ask, 0, DEADLINE_MS, this.#now);
  }

  #read(): void {
    const name = `r${++this.asked}`;
    const done = (outcome: { kind: string; code?: string }) => this.#hear(name, outcome.code ?? "answer");
    this.pending.ask({ kind: "read", read: { kind: "standing", auctionId: AUCTION, bidderId: "ann" }, done }, 0, DEADLINE_MS, this.#now);
  }

  #settle(step: Extract<Step, { do: "answer" | "refuse" }>): void {
    const open = this.sendings.filter((sending) => sending.fate === null);
    const sending = open[step.pick % Math.max(1, open.length)];
    if (sending === undefined) return;
    sending.fate = step.do === "answer" ? "answered" : step.code;
    if (step.do === "refuse") this.pending.refused(sending.link, sending.id, step.code, 1, this.#now);
    else if (sending.key.startsWith("read")) this.pending.resulted(sending.link, sending.id, { kind: "rows", rows: [], more: false, sequence: 1 }, this.#now);
    else this.pending.answered(sending.id, AUCTION, new Uint8Array(64), 0, false, this.#now);
  }

  #hear(name: string, what: string): void {
    this.heard.set(name, [...(this.heard.get(name) ?? []), what]);
    if (name.startsWith("r")) {
      expect(what).not.toBe("outcome_unknown");
      return;
    }
    if (what === "answer" || TRUE_AFTER_ANY_SENDING.has(what)) return;
    for (const sending of this.sendings) {
      if (sending.key === name) expect(sending.fate, `${name} was told ${what}`).not.toBeOneOf([null, "answered", "outcome_unknown"]);
    }
  }
}

test("pending: whatever happens: everybody hears exactly once, and a refusal without effect is told only of what had none", () => {
  fc.assert(
    fc.property(steps, (played) => {
      const play = new Play();
      for (const step of played) play.run(step);
      play.wait(DEADLINE_MS);
      expect(play.heard.size).toBe(play.asked);
      for (const heard of play.heard.values()) expect(heard).toHaveLength(1);
      expect([play.pending.inFlight(), play.pending.held()]).toEqual([0, 0]);
    }),
    { numRuns: 500 },
  );
});
