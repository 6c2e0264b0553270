// Named workloads as data.
import type { InProcessOptions } from "./in-process.ts";
import type { SocketScenario } from "./socket-run.ts";

export type InProcessScenario = { readonly kind: "in-process"; readonly name: string } & Omit<InProcessOptions, "parent">;
export type OverSocketScenario = { readonly kind: "socket" } & SocketScenario;
export type Scenario = InProcessScenario | OverSocketScenario;

/** What flags may change. Absent: as the scenario says. */
export interface Changes {
  readonly rate?: number;
  readonly seconds?: number;
  readonly warmUp?: number;
  readonly auctions?: number;
  readonly sockets?: number;
  readonly inFlight?: number;
}

const SEED = 1;
const SPREAD = 1_000;
/** Enough for a first look; goals are judged on 60 s and 10 s of warm-up, which flags set. */
const SOCKET_SECONDS = 8;
const SOCKET_WARM_UP = 5;
const IN_PROCESS_SECONDS = 3;
const IN_PROCESS_WARM_UP = 2;
/** Moderate on two cores: a third of what the closed loop reaches. */
const OPEN_RATE = 15_000;

function inProcess(name: string, log: "local" | "memory", auctions: number): InProcessScenario {
  return { kind: "in-process", name, log, auctions, outstanding: 512, warmUpSeconds: IN_PROCESS_WARM_UP, seconds: IN_PROCESS_SECONDS };
}

function socket(name: string, over: Partial<SocketScenario>): OverSocketScenario {
  return {
    kind: "socket",
    name,
    engine: "real",
    mode: "closed",
    auctions: SPREAD,
    sockets: 512,
    inFlight: 1,
    rate: OPEN_RATE,
    seed: SEED,
    warmUpSeconds: SOCKET_WARM_UP,
    seconds: SOCKET_SECONDS,
    ...over,
  };
}

const GROUPS = {
  "in-process": [
    inProcess("in process, memory log (D)", "memory", SPREAD),
    inProcess("in process, memory log (D), hot", "memory", 1),
    inProcess("in process", "local", SPREAD),
    inProcess("in process, hot", "local", 1),
  ],
  echo: [socket("echo (E)", { engine: "echo" }), socket("echo (E), few sockets", { engine: "echo", sockets: 64, inFlight: 8 })],
  steady: [socket("steady", {}), socket("steady, few sockets", { sockets: 64, inFlight: 8 })],
  hot: [socket("hot auction", { auctions: 1 }), socket("hot auction, few sockets", { auctions: 1, sockets: 64, inFlight: 8 })],
  open: [socket("open loop", { mode: "open" })],
} as const satisfies Readonly<Record<string, readonly Scenario[]>>;

/** Names a person can ask for, besides `idle` and `limits`. */
export const SCENARIO_NAMES: readonly string[] = [...Object.keys(GROUPS), "closed"];

/** The scenarios of one name; of the canonical run when none is asked for. Spread and hot alternate, so that a machine that
 *  changes its pace meets both. null: no such name. */
export function scenariosNamed(name: string | undefined): readonly Scenario[] | null {
  const closed = GROUPS.steady.flatMap((scenario, at) => [scenario, ...GROUPS.hot.slice(at, at + 1)]);
  if (name === undefined) return [...GROUPS["in-process"], ...GROUPS.echo, ...closed, ...GROUPS.open];
  if (name === "closed") return closed;
  return name in GROUPS ? GROUPS[name as keyof typeof GROUPS] : null;
}

/** The scenario with what flags changed. */
export function changed(scenario: Scenario, changes: Changes): Scenario {
  const { seconds = scenario.seconds, warmUp = scenario.warmUpSeconds } = changes;
  // A hot auction stays one: what flags spread is the spread.
  const auctions = scenario.auctions === 1 ? 1 : (changes.auctions ?? scenario.auctions);
  if (scenario.kind === "in-process") return { ...scenario, seconds, warmUpSeconds: warmUp, auctions };
  const { rate = scenario.rate, sockets = scenario.sockets, inFlight = scenario.inFlight } = changes;
  return { ...scenario, seconds, warmUpSeconds: warmUp, auctions, rate, sockets, inFlight };
}
