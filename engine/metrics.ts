// Counts of the hot path and their form as Prometheus metrics. A count is a number in an object; prom-client sees it when asked.
//
// M1. No auction, bidder or address is a label.
// M2. Nothing here allocates per decision.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Decision, RefusalCode } from "./core/decision.ts";
import type { EngineNode } from "./shard/node.ts";
import type { ShardCounters } from "./shard/world.ts";

type CountedEvent = Parameters<ShardCounters["count"]>[0];

const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const;
function latency(registry: Registry, name: string, help: string): Histogram {
  return new Histogram({ name, help, buckets: [...BUCKETS_SECONDS], registers: [registry] });
}

/** Counts and latencies of a node. Histograms are recorded per record, never per decision. */
export class EngineCounters implements ShardCounters {
  repeats = 0;
  frames = 0;
  frameDecisions = 0;
  frameBytes = 0;
  accepted = 0;
  rejected = 0;
  extensions = 0;
  readonly registry = new Registry();
  readonly #append = latency(this.registry, "fairwarning_engine_append_seconds", "From handing a record to the log until it is durable.");
  readonly #lateness = latency(this.registry, "fairwarning_engine_close_lateness_seconds", "How late due commands were noticed.");
  readonly #recovery = latency(this.registry, "fairwarning_engine_recovery_seconds", "From the start of a take to an effective claim.");
  readonly #snapshot = latency(this.registry, "fairwarning_engine_snapshot_seconds", "Capturing and saving one checkpoint.");
  readonly #statements = new Histogram({
    name: "fairwarning_postgres_query_seconds",
    help: "Statements to Postgres.",
    labelNames: ["statement"],
    buckets: [...BUCKETS_SECONDS],
    registers: [this.registry],
  });
  slowStatements = 0;
  readonly byKind = new Map<string, number>();
  readonly byCode = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  readonly outcomes = new Map<string, number>();
  readonly hammerMinor = new Map<string, number>();
  readonly events = new Map<CountedEvent, number>();

  decided(decision: Decision): void {
    const type = decision.command.body.type;
    if (decision.verdict === "accepted") {
      this.accepted += 1;
      if (decision.effects.extended !== null) this.extensions += 1;
      if (decision.effects.ended !== null) raise(this.outcomes, decision.effects.ended.outcome, 1);
    } else {
      this.rejected += 1;
      raise(this.byCode, decision.code, 1);
    }
    raise(this.byKind, type, 1);
  }

  refused(code: RefusalCode): void {
    raise(this.refusals, code, 1);
  }

  frame(decisions: number, bytes: number): void {
    this.frames += 1;
    this.frameDecisions += decisions;
    this.frameBytes += bytes;
  }

  appended(ms: number): void {
    this.#append.observe(ms / 1_000);
  }

  closeLate(ms: number): void {
    this.#lateness.observe(Math.max(0, ms) / 1_000);
  }

  count(event: CountedEvent): void {
    raise(this.events, event, 1);
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
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1 });
  new Gauge({ name: "fairwarning_build_info", help: "What runs here.", labelNames: ["version", "node", "mode"], registers: [registry] })
    .labels(build.version, process.version, build.mode)
    .set(1);
  decisionMetrics(registry, counters);
  shardMetrics(registry, counters, node);
  return registry;
}

function total(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function byLabel(registry: Registry, name: string, help: string, label: string, counts: ReadonlyMap<string, number>): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [key, value] of counts) this.labels(key).inc(value);
    },
  });
}

function decisionMetrics(registry: Registry, counters: EngineCounters): void {
  byLabel(registry, "fairwarning_engine_decisions_total", "Decisions committed, by command.", "kind", counters.byKind);
  byLabel(registry, "fairwarning_engine_rejections_total", "Rejections committed, by code.", "code", counters.byCode);
  byLabel(registry, "fairwarning_engine_refusals_total", "Commands turned away before a decision, by code.", "code", counters.refusals);
  byLabel(registry, "fairwarning_engine_auctions_ended_total", "Auctions that ended, by outcome.", "outcome", counters.outcomes);
  byLabel(registry, "fairwarning_engine_events_total", "Claims, tenures, snapshots and void records, by what happened.", "event", counters.events);
  total(registry, "fairwarning_postgres_slow_queries_total", "Statements that took longer than a second.", () => counters.slowStatements);
  total(registry, "fairwarning_engine_extensions_total", "Soft-close extensions.", () => counters.extensions);
  total(registry, "fairwarning_engine_answers_replayed_total", "Answers given again for a known key.", () => counters.repeats);
  total(registry, "fairwarning_engine_frames_total", "Log frames sent.", () => counters.frames);
  total(registry, "fairwarning_engine_frame_decisions_total", "Decisions in those frames.", () => counters.frameDecisions);
  total(registry, "fairwarning_engine_frame_bytes_total", "Bytes of those frames.", () => counters.frameBytes);
}

function shardMetrics(registry: Registry, counters: EngineCounters, node: EngineNode): void {
  new Gauge({
    name: "fairwarning_engine_shards",
    help: "Shards of this node by state.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      this.reset();
      for (const shard of node.all()) this.labels(shard.phase).inc();
    },
  });
  const perShard = (name: string, help: string, read: (shard: ReturnType<EngineNode["all"]>[number]) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ["shard"],
      registers: [registry],
      collect() {
        for (const shard of node.all()) this.labels(String(shard.number)).set(read(shard));
      },
    });
  };
  perShard("fairwarning_engine_mailbox_depth", "Commands that wait to be decided.", (shard) => shard.mail);
  perShard("fairwarning_engine_held_decisions", "Decisions that wait for the log.", (shard) => shard.heldDecisions);
  perShard("fairwarning_engine_shard_lsn", "Last committed lsn.", (shard) => shard.judge.lsn);
  perShard("fairwarning_engine_snapshot_age_seconds", "Since the last saved checkpoint.", (shard) => (node.clock.monotonic() - shard.snapshotAt) / 1_000);
  new Gauge({
    name: "fairwarning_engine_auctions",
    help: "Auctions in memory.",
    registers: [registry],
    collect() {
      this.set(node.all().reduce((sum, shard) => sum + shard.actors.size, 0));
    },
  });
  new Gauge({
    name: "fairwarning_engine_log_writable",
    help: "1 while the log takes bids.",
    registers: [registry],
    collect() {
      this.set(node.log.room() === "ok" && node.all().every((shard) => shard.phase !== "log_down") ? 1 : 0);
    },
  });
  total(registry, "fairwarning_engine_shards_stopped_total", "Shards stopped by a broken invariant.", () => counters.events.get("shards_stopped") ?? 0);
}
