// One measurement over WebSocket: real processes, a load, and the log held against what bidders were told.
//
// Owns: the order of one run. Must not: choose what is run (scenarios.ts) or how it is shown (report.ts).
import { createAuctions, inventedAuctionIds } from "./auctions.ts";
import { type CheckResult, checkRun } from "./check.ts";
import { now } from "./clock.ts";
import { type Figures, figure, growth, scrape } from "./figures.ts";
import { type GeneratorKind, type LoadOutcome, runLoad } from "./generator.ts";
import { processFacts } from "./process-time.ts";
import { type Stack, startStack } from "./stack.ts";

/** What is run. */
export interface SocketScenario {
  readonly name: string;
  readonly engine: "real" | "echo";
  readonly mode: "closed" | "open";
  readonly auctions: number;
  readonly sockets: number;
  /** Per socket, closed loop only. */
  readonly inFlight: number;
  /** Bids a second, open loop only. */
  readonly rate: number;
  readonly seed: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface BenchPlace {
  /** Where data folders are made. */
  readonly folder: string;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly generator: GeneratorKind;
  readonly processes: number;
}

/** One of engine, gateway. null: not measured on this system. */
export interface ProcessLoad {
  readonly cpuSeconds: number | null;
  readonly gcSeconds: number | null;
  readonly loopDelayP99Ms: number | null;
  readonly loopDelayMaxMs: number | null;
}

export interface SocketRun {
  readonly scenario: SocketScenario;
  readonly durability: string;
  readonly load: LoadOutcome;
  readonly engine: ProcessLoad;
  readonly gateway: ProcessLoad;
  readonly decisionsPerFrame: number | null;
  /** null: the echo engine keeps nothing. */
  readonly check: CheckResult | null;
}

/** Runs it once. Rejects when it could not be run; a run that lost a bid comes back with `check.ok` false. */
export async function runSocket(scenario: SocketScenario, place: BenchPlace): Promise<SocketRun> {
  const stack = await startStack({ parent: place.folder, inherited: place.inherited, engine: scenario.engine, postgresUrl: null });
  try {
    const auctions = await auctionsOf(scenario, stack);
    const looks = new Looks(stack);
    const load = await runLoad({
      ...scenario,
      generator: place.generator,
      processes: place.processes,
      folder: stack.dataDir,
      inherited: place.inherited,
      port: stack.socketPort,
      warmUpMs: scenario.warmUpSeconds * 1_000,
      measureMs: scenario.seconds * 1_000,
      bids: 0,
      first: 0,
      tokens: await Promise.all(Array.from({ length: scenario.sockets }, (_, n) => stack.token(`bench-bidder-${n}`, ["bidder"]))),
      auctions,
      onPhase: (phase) => looks.look(phase),
    });
    const seen = await looks.taken();
    await stack.stop();
    const check = scenario.engine === "echo" ? null : await checkRun({ dataDir: stack.dataDir, answers: load.answers, auctions, sent: load.sent });
    return { scenario, durability: stack.durability, load, ...seen, check };
  } finally {
    await stack.remove();
  }
}

async function auctionsOf(scenario: SocketScenario, stack: Stack): Promise<readonly string[]> {
  if (scenario.engine === "echo") return inventedAuctionIds(scenario.auctions);
  const sellerToken = await stack.token("bench-seller", ["seller"]);
  return await createAuctions({ url: stack.url, sellerToken, count: scenario.auctions, now: now() });
}

interface Look {
  readonly engineCpu: number | null;
  readonly gatewayCpu: number | null;
  readonly engine: Promise<Figures>;
  readonly gateway: Promise<Figures>;
}

/** Looks at both processes at the beginning and the end of the measured time. */
class Looks {
  readonly #stack: Stack;
  readonly #taken: Look[] = [];

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  look(_phase: "measuring" | "measured"): void {
    const { engine, gateway, engineStatusPort, url } = this.#stack;
    this.#taken.push({
      engineCpu: processFacts(engine.pid)?.cpuSeconds ?? null,
      gatewayCpu: processFacts(gateway.pid)?.cpuSeconds ?? null,
      engine: engineStatusPort === null ? Promise.resolve(new Map()) : scrape(`http://127.0.0.1:${engineStatusPort}/metrics`),
      gateway: scrape(`${url}/metrics`),
    });
  }

  async taken(): Promise<Pick<SocketRun, "engine" | "gateway" | "decisionsPerFrame">> {
    const [first, last] = [this.#taken[0], this.#taken[1]];
    if (first === undefined || last === undefined) throw new Error("the generator told no beginning or no end of the measured time");
    const engine = { before: await first.engine, after: await last.engine };
    const gateway = { before: await first.gateway, after: await last.gateway };
    const frames = growth(engine.before, engine.after, "fairwarning_engine_frames_total");
    const decisions = growth(engine.before, engine.after, "fairwarning_engine_frame_decisions_total");
    return {
      engine: processLoad(difference(first.engineCpu, last.engineCpu), engine),
      gateway: processLoad(difference(first.gatewayCpu, last.gatewayCpu), gateway),
      decisionsPerFrame: frames === null || decisions === null || frames === 0 ? null : decisions / frames,
    };
  }
}

function difference(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}

/** The delay of the loop is that since the scrape before. */
function processLoad(cpuSeconds: number | null, figures: { readonly before: Figures; readonly after: Figures }): ProcessLoad {
  const delay = (name: string): number | null => {
    const seconds = figure(figures.after, name);
    return seconds === null ? null : seconds * 1_000;
  };
  return {
    cpuSeconds,
    gcSeconds: growth(figures.before, figures.after, "nodejs_gc_duration_seconds_sum"),
    loopDelayP99Ms: delay("nodejs_eventloop_lag_p99_seconds"),
    loopDelayMaxMs: delay("nodejs_eventloop_lag_max_seconds"),
  };
}
