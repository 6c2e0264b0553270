// Counts of the hot path and their form as Prometheus metrics. A count is a number in an object; prom-client sees it when asked.
//
// M1. No auction, bidder or address is a label; labels come from closed lists.
// M2. Nothing here allocates per decision, and no histogram is observed per decision: they are of records, turns and hammers.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Decision, RefusalCode } from "./core/decision.ts";
import type { EngineNode } from "./shard/node.ts";
import type { CountedEvent, ShardCounters } from "./shard/world.ts";

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
/** A ruling takes microseconds. */
const BUCKETS_DECIDE = [0.000001, 0.0000025, 0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.001, 0.01] as const;
/** Up to frameDecisionsMax and frameBytesMax. */
const BUCKETS_DECISIONS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_024] as const;
const BUCKETS_BYTES = [512, 1_024, 4_096, 16_384, 65_536, 131_072, 262_144, 1_048_576] as const;
const HOUR_MS = 3_600_000;

function histogram(registry: Registry, name: string, help: string, buckets: readonly number[] = BUCKETS_SECONDS): Histogram {
  return new Histogram({ name: `fairwarning_${name}`, help, buckets: [...buckets], registers: [registry] });
}

/** Counts and latencies of a node. */
export class EngineCounters implements ShardCounters {
  repeats = 0;
  frames = 0;
  frameDecisions = 0;
  frameBytes = 0;
  accepted = 0;
  rejected = 0;
  extensions = 0;
  slowStatements = 0;
  readonly registry = new Registry();
  readonly acceptedByKind = new Map<string, number>();
  readonly rejectedByKind = new Map<string, number>();
  readonly byCode = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  readonly outcomes = new Map<string, number>();
  readonly hammerMinor = new Map<string, number>();
  /** By event and, where it has one, label: `shards_stopped hash_chain`. */
  readonly events = new Map<string, number>();
  readonly #append = histogram(this.registry, "engine_append_seconds", "From handing a record to the log until it is durable.");
  readonly #commit = histogram(this.registry, "engine_commit_seconds", "From the first decision of a frame until its answers left.");
  readonly #wait = histogram(this.registry, "engine_queue_wait_seconds", "Of a command in its mailbox; one of each turn.");
  readonly #decide = histogram(this.registry, "engine_decide_seconds", "Of a decision; the mean of each turn.", BUCKETS_DECIDE);
  readonly #frameDecisions = histogram(this.registry, "engine_frame_decisions", "Decisions in a log frame.", BUCKETS_DECISIONS);
  readonly #frameBytes = histogram(this.registry, "engine_frame_bytes", "Size of a log frame.", BUCKETS_BYTES);
  readonly #lateness = histogram(this.registry, "engine_close_lateness_seconds", "From the end in force to the decision that closed.");
  readonly #recovery = histogram(this.registry, "engine_recovery_seconds", "From the start of a take to an effective claim.");
  readonly #snapshot = histogram(this.registry, "engine_snapshot_seconds", "Capturing and saving one checkpoint.");
  readonly #statements = new Histogram({
    name: "fairwarning_postgres_query_seconds",
    help: "Statements to Postgres.",
    labelNames: ["statement"],
    buckets: [...BUCKETS_SECONDS],
    registers: [this.registry],
  });

  decided(decision: Decision): void {
    const { verdict, code, effects, command } = decision;
    if (verdict === "accepted") {
      this.accepted += 1;
      if (effects.extended !== null) this.extensions += 1;
      if (effects.ended !== null) raise(this.outcomes, effects.ended.outcome, 1);
      if (effects.ended?.by === "close_due") this.#lateness.observe((decision.at - effects.ended.endedAt) / 1_000);
    } else {
      this.rejected += 1;
      raise(this.byCode, code, 1);
    }
    raise(verdict === "accepted" ? this.acceptedByKind : this.rejectedByKind, command.body.type, 1);
  }

  refused(code: RefusalCode): void {
    raise(this.refusals, code, 1);
  }

  frame(decisions: number, bytes: number): void {
    this.frames += 1;
    this.frameDecisions += decisions;
    this.frameBytes += bytes;
    this.#frameDecisions.observe(decisions);
    this.#frameBytes.observe(bytes);
  }

  appended(ms: number): void {
    this.#append.observe(ms / 1_000);
  }

  committed(ms: number): void {
    this.#commit.observe(ms / 1_000);
  }

  waited(ms: number): void {
    this.#wait.observe(ms / 1_000);
  }

  deciding(ms: number, decisions: number): void {
    this.#decide.observe(ms / 1_000 / decisions);
  }

  sold(currency: string, price: number): void {
    raise(this.hammerMinor, currency, price);
  }

  count(event: CountedEvent, label?: string): void {
    raise(this.events, label === undefined ? event : `${event} ${label}`, 1);
  }

  /** Of every statement to Postgres, failed ones too. */
  statement(name: string, ms: number, slow: boolean): void {
    this.#statements.labels(name).observe(ms / 1_000);
    if (slow) this.slowStatements += 1;
  }

  observe(what: "recovery_ms" | "snapshot_ms", value: number): void {
    (what === "recovery_ms" ? this.#recovery : this.#snapshot).observe(value / 1_000);
  }
}

function raise<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}

interface Build {
  readonly version: string;
  readonly mode: string;
}

/** A registry that reads counters and node when it is scraped. */
export function engineRegistry(counters: EngineCounters, node: EngineNode, build: Build): Registry {
  const { registry } = counters;
  // Event-loop delay at 1 ms resolution and pauses for garbage are among Node's own.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1 });
  new Gauge({ name: "fairwarning_build_info", help: "What runs here.", labelNames: ["version", "node", "mode"], registers: [registry] })
    .labels(build.version, process.version, build.mode)
    .set(1);
  decisionMetrics(registry, counters);
  eventMetrics(registry, counters);
  shardMetrics(registry, node);
  auctionMetrics(registry, node);
  return registry;
}

type Row = readonly [labels: Readonly<Record<string, string>>, value: number];

// A counter whose values stand somewhere else and are read when asked.
function counter(registry: Registry, name: string, help: string, rows: () => Iterable<Row>, labelNames: readonly string[] = []): void {
  new Counter({
    name: `fairwarning_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of rows()) this.labels(labels).inc(value);
    },
  });
}

function gauge(registry: Registry, name: string, help: string, rows: () => Iterable<Row>, labelNames: readonly string[] = []): void {
  new Gauge({
    name: `fairwarning_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, value] of rows()) this.labels(labels).set(value);
    },
  });
}

function labelled(label: string, counts: ReadonlyMap<string, number>): Row[] {
  return [...counts].map(([key, value]) => [{ [label]: key }, value]);
}

function decisionMetrics(registry: Registry, counters: EngineCounters): void {
  const decisions = (): Row[] => [
    ...[...counters.acceptedByKind].map(([kind, value]): Row => [{ kind, verdict: "accepted" }, value]),
    ...[...counters.rejectedByKind].map(([kind, value]): Row => [{ kind, verdict: "rejected" }, value]),
  ];
  counter(registry, "engine_decisions_total", "Decisions committed, by command and verdict.", decisions, ["kind", "verdict"]);
  counter(registry, "engine_rejections_total", "Rejections committed, by code.", () => labelled("code", counters.byCode), ["code"]);
  counter(registry, "engine_refusals_total", "Commands turned away before a decision, by code.", () => labelled("code", counters.refusals), ["code"]);
  counter(registry, "engine_auctions_ended_total", "Auctions that ended, by outcome.", () => labelled("outcome", counters.outcomes), ["outcome"]);
  const hammers = (): Row[] => labelled("currency", counters.hammerMinor);
  counter(registry, "engine_hammer_price_minor_total", "Hammer prices of lots sold, in minor units.", hammers, ["currency"]);
  counter(registry, "engine_extensions_total", "Soft-close extensions.", () => [[{}, counters.extensions]]);
  counter(registry, "engine_answers_replayed_total", "Answers given again for a known key.", () => [[{}, counters.repeats]]);
}

function eventMetrics(registry: Registry, counters: EngineCounters): void {
  // Events that begin with a name; what follows it is the label.
  const events = (name: string, label: string): Row[] =>
    [...counters.events].flatMap(([event, value]) => (event.startsWith(name) ? [[{ [label]: event.slice(name.length) }, value] as const] : []));
  const total = (event: CountedEvent): Row[] => [[{}, counters.events.get(event) ?? 0]];
  counter(registry, "engine_log_records_total", "Records appended or read, by what became of them.", () => events("records_", "result"), ["result"]);
  counter(registry, "engine_claims_total", "Attempts to take a shard, by how they ended.", () => events("claims_", "result"), ["result"]);
  counter(registry, "engine_tenures_ended_total", "Tenures lost, by why.", () => events("tenures_ended ", "reason"), ["reason"]);
  const stopped = (): Row[] => events("shards_stopped ", "invariant");
  counter(registry, "engine_shards_stopped_total", "Shards stopped by a broken invariant.", stopped, ["invariant"]);
  counter(registry, "engine_frames_total", "Log frames sent.", () => [[{}, counters.frames]]);
  counter(registry, "engine_frame_decisions_total", "Decisions in those frames.", () => [[{}, counters.frameDecisions]]);
  counter(registry, "engine_snapshots_total", "Checkpoints saved.", () => total("snapshots"));
  counter(registry, "engine_snapshot_failures_total", "Checkpoints that could not be saved.", () => total("snapshot_failures"));
  counter(registry, "postgres_slow_queries_total", "Statements that took longer than a second.", () => [[{}, counters.slowStatements]]);
}

function shardMetrics(registry: Registry, node: EngineNode): void {
  const states = (): Row[] => {
    const counts = new Map<string, number>();
    for (const shard of node.all()) raise(counts, shard.standing, 1);
    return labelled("state", counts);
  };
  gauge(registry, "engine_shards", "Shards of the log by what this node does about them.", states, ["state"]);
  const perShard = (name: string, help: string, read: (shard: ReturnType<EngineNode["all"]>[number]) => number): void =>
    gauge(registry, name, help, () => node.all().map((shard) => [{ shard: String(shard.number) }, read(shard)]), ["shard"]);
  perShard("engine_mailbox_depth", "Commands that wait to be decided.", (shard) => shard.mail);
  perShard("engine_held_decisions", "Decisions that wait for the log.", (shard) => shard.heldDecisions);
  perShard("engine_shard_lsn", "Last committed lsn.", (shard) => shard.judge.lsn);
  perShard("engine_snapshot_age_seconds", "Since the last saved checkpoint.", (shard) => (node.clock.monotonic() - shard.snapshotAt) / 1_000);
  const lags = (): Row[] => node.all().flatMap(({ number, standing }) => (standing === "standby" ? [lagOf(node, number)] : []));
  gauge(registry, "engine_standby_lag_records", "Records behind the end of the log, of shards stood by for.", lags, ["shard"]);
  const writable = (): number => (node.log.room() === "ok" && node.all().every((shard) => !shard.logDown) ? 1 : 0);
  gauge(registry, "engine_log_writable", "1 while the log takes bids.", () => [[{}, writable()]]);
  const offset = (): number => Math.max(0, ...node.all().map((shard) => shard.judge.time - node.clock.now())) / 1_000;
  gauge(registry, "engine_clock_offset_seconds", "How far the last logged time is ahead of this machine's clock.", () => [[{}, offset()]]);
}

function lagOf(node: EngineNode, shard: number): Row {
  return [{ shard: String(shard) }, node.ownershipOf(shard).lag];
}

// Auctions of shards that others own are counted there.
function ownedShards(node: EngineNode): ReturnType<EngineNode["all"]> {
  return node.all().filter(({ standing }) => standing !== "standby" && standing !== "unowned");
}

function auctionMetrics(registry: Registry, node: EngineNode): void {
  const phases = (): Row[] => {
    const counts = new Map<string, number>();
    for (const shard of ownedShards(node)) for (const [phase, count] of Object.entries(shard.phases.byPhase)) raise(counts, phase, count);
    return labelled("phase", counts);
  };
  gauge(registry, "engine_auctions", "Auctions by phase, those that left memory too.", phases, ["phase"]);
  const inMemory = (): number => node.all().reduce((sum, shard) => sum + shard.actors.size, 0);
  gauge(registry, "engine_auctions_in_memory", "Auctions in memory.", () => [[{}, inMemory()]]);
  const folded = (): number => {
    let count = 0;
    for (const shard of node.all()) for (const actor of shard.actors.values()) if (actor.folded) count += 1;
    return count;
  };
  gauge(registry, "engine_auctions_folded", "Auctions in memory that nobody asked for lately, in few bytes.", () => [[{}, folded()]]);
  const ending = (): number => node.deadlines.count(node.clock.now() + HOUR_MS, (actor) => actor.counted?.phase === "open");
  gauge(registry, "engine_auctions_ending_next_hour", "Open auctions whose end in force is within an hour.", () => [[{}, ending()]]);
}
