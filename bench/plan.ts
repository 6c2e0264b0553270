// What a generator is told and what it gives back. Plain lines, so that a program in any language can read them.
//
// Each line of a plan is a name, a blank and a value. `token` and `auction` come once for each socket and auction, in order.

/** What one generator process does. */
export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** `closed`: each answer sends the next bid of its socket. `open`: bids have planned times and wait for nobody. */
  readonly mode: "closed" | "open";
  readonly inFlight: number;
  /** Planned bids a second, `open` only. */
  readonly rate: number;
  readonly seed: number;
  readonly warmUpMs: number;
  /** 0: until `bids` are answered. */
  readonly measureMs: number;
  /** Bids at most; 0: no limit. */
  readonly bids: number;
  /** Bids of this process are `first`, `first + stride`, ... so that processes share one row of rising amounts. */
  readonly first: number;
  readonly stride: number;
  /** Where the answers go: 24 bytes each (answers.ts). */
  readonly answersFile: string;
  /** One socket each. */
  readonly tokens: readonly string[];
  readonly auctions: readonly string[];
}

const NUMBERS = ["port", "inFlight", "rate", "seed", "warmUpMs", "measureMs", "bids", "first", "stride"] as const;
const TEXTS = ["host", "mode", "answersFile"] as const;

/** The text of a plan. */
export function planText(plan: LoadPlan): string {
  const lines = [...TEXTS, ...NUMBERS].map((name) => `${name} ${plan[name]}`);
  return `${[...lines, ...plan.tokens.map((token) => `token ${token}`), ...plan.auctions.map((id) => `auction ${id}`)].join("\n")}\n`;
}

/** The plan in a text. Throws on a text that is none. */
export function parsePlan(text: string): LoadPlan {
  const single = new Map<string, string>();
  const tokens: string[] = [];
  const auctions: string[] = [];
  for (const line of text.split("\n")) {
    const blank = line.indexOf(" ");
    const [name, value] = [line.slice(0, blank), line.slice(blank + 1)];
    if (name === "token") tokens.push(value);
    else if (name === "auction") auctions.push(value);
    else single.set(name, value);
  }
  const word = (name: string): string => {
    const found = single.get(name);
    if (found === undefined) throw new Error(`the plan names no ${name}`);
    return found;
  };
  const number = (name: (typeof NUMBERS)[number]): number => {
    const value = Number(word(name));
    if (!Number.isFinite(value)) throw new Error(`${name} is ${word(name)}, which is no number`);
    return value;
  };
  const mode = word("mode");
  if (mode !== "closed" && mode !== "open") throw new Error(`mode is ${mode}; closed and open are known`);
  return {
    host: word("host"),
    mode,
    answersFile: word("answersFile"),
    port: number("port"),
    inFlight: number("inFlight"),
    rate: number("rate"),
    seed: number("seed"),
    warmUpMs: number("warmUpMs"),
    measureMs: number("measureMs"),
    bids: number("bids"),
    first: number("first"),
    stride: number("stride"),
    tokens,
    auctions,
  };
}

/** What a generator gives back, as one line of JSON. Counts of the measured time, unless `Total`. */
export interface LoadResult {
  readonly event: "result";
  readonly generator: "c" | "node";
  readonly seconds: number;
  /** Planned times of the measured part, `open` only. */
  readonly planned: number;
  readonly answered: number;
  readonly accepted: number;
  /** By code. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  /** Frames that were no answer to a bid: outbid, mostly. */
  readonly notices: number;
  readonly answeredTotal: number;
  readonly refusedTotal: number;
  readonly sentTotal: number;
  /** No answer came within the time to drain. */
  readonly unansweredTotal: number;
  /** [us, count] */
  readonly latency: readonly (readonly [number, number])[];
  /** Real sending less planned time, `open` only. */
  readonly lag: readonly (readonly [number, number])[];
  /** CPU of this process in the measured time. */
  readonly cpuSeconds: number;
}

/** What a generator says while it runs. */
export type LoadEvent = { readonly event: "ready" | "measuring" | "measured" } | LoadResult | { readonly event: "failed"; readonly why: string };
