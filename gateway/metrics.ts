// The gateway's figures for Prometheus, and the only file of it that imports prom-client.
//
// M1. No auction, bidder or address is a label.
// M2. A rejection is a normal outcome: it is counted as one and never as a failure. Neither is a limit.
// M3. What is a state (sockets, links, bids waiting) is read when it is asked for, so that it cannot drift.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Engine } from "./ports.ts";
import type { SocketGauges, SocketMetrics } from "./socket/metrics.ts";

/** Seconds; everywhere the same, so that latencies of parts can be laid over each other. */
export const LATENCY_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What the HTTP side tells. */
export interface HttpMetrics {
  /** A bid passed authentication and form. */
  bidAttempted(): void;
  bidAnswered(verdict: "accepted" | "rejected", seconds: number): void;
  /** `code`: something of ours was not there, or the outcome is unknown. */
  bidFailed(code: string, seconds: number): void;
  answerReplayed(): void;
  refused(code: string): void;
  rateLimited(policy: string): void;
  /** `route` is a pattern, never an address. */
  request(method: string, route: string, status: number, seconds: number): void;
  notModified(): void;
}

export interface BuildInfo {
  readonly version: string;
  readonly commit: string;
  readonly mode: string;
}

/** Registry and instruments of one gateway. */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly http: HttpMetrics;
  readonly socket: SocketMetrics;
  readonly #bidSeconds = this.#histogram("bid_placement_duration_seconds", "bid read to answer written", ["transport", "outcome"]);
  readonly #bidAttempts = this.#counter("bid_attempts_total", "bids that passed authentication and form", ["transport"]);
  readonly #bidFailures = this.#counter("bid_failures_total", "bids without an answer, by code; no rejections, no rate limits", ["transport", "code"]);
  readonly #replayed = this.#counter("fairwarning_gateway_answers_replayed_total", "answers that were repeats under a key", []);
  readonly #refusals = this.#counter("fairwarning_gateway_refusals_total", "refusals by code", ["code"]);
  readonly #limited = this.#counter("fairwarning_gateway_rate_limited_total", "refusals by a limit", ["policy"]);
  readonly #requests = this.#counter("fairwarning_gateway_http_requests_total", "HTTP requests", ["method", "route", "status"]);
  readonly #requestSeconds = this.#histogram("fairwarning_gateway_http_request_seconds", "HTTP request to answer", ["method", "route", "status"]);
  readonly #notModified = this.#counter("fairwarning_gateway_not_modified_total", "conditional reads answered 304", []);
  readonly #disconnections = this.#counter("websocket_disconnections_total", "sockets that ended, by the name of the close code", ["reason"]);
  readonly #frames = this.#counter("fairwarning_gateway_frames_total", "client frames", ["direction"]);
  readonly #bytes = this.#counter("fairwarning_gateway_bytes_total", "bytes of client frames", ["direction"]);
  readonly #updateAge = this.#histogram("fairwarning_gateway_update_age_seconds", "commit to socket", []);
  readonly #conflated = this.#counter("fairwarning_gateway_updates_conflated_total", "updates merged into a later one", []);
  readonly #resumes = this.#counter("fairwarning_gateway_resumes_total", "subscriptions that named a place to go on from", ["recovered", "why"]);

  readonly #linkRoundTrip = this.#histogram("fairwarning_gateway_link_round_trip_seconds", "ping over the link and back", ["node"]);
  readonly #statementSeconds = this.#histogram("fairwarning_postgres_query_seconds", "statements of Postgres", ["statement"]);
  readonly #slowStatements = this.#counter("fairwarning_postgres_slow_queries_total", "statements over 1 s", []);
  readonly #repeated = this.#counter("fairwarning_gateway_bids_repeated_total", "commands and reads sent again to an owner", []);

  constructor(build: BuildInfo) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 1 });
    const info = new Gauge({ name: "fairwarning_build_info", help: "always 1", labelNames: ["version", "node", "commit", "mode"], registers: [this.registry] });
    info.set({ ...build, node: process.version }, 1);
    this.http = this.#httpMetrics();
    this.socket = this.#socketMetrics();
  }

  /** A ping over the link to that engine came back. */
  linkRoundTrip(node: string, ms: number): void {
    this.#linkRoundTrip.observe({ node }, ms / 1_000);
  }

  /** The rendering that /metrics gives. */
  async text(): Promise<string> {
    return await this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** One statement of Postgres, failed ones too. */
  statement(name: string, ms: number, slow: boolean): void {
    this.#statementSeconds.observe({ statement: name }, ms / 1_000);
    if (slow) this.#slowStatements.inc();
  }

  /** Connections to Postgres, as the pool has them. */
  watchDatabase(connections: () => { readonly active: number; readonly idle: number; readonly waiting: number }): void {
    this.#gauge("fairwarning_postgres_connections", "connections to Postgres, and callers that wait for one", ["state"], (gauge) => {
      for (const [state, count] of Object.entries(connections())) gauge.set({ state }, count);
    });
  }

  /** Gauges that are read from the engine's port whenever they are asked for. `repeatedTotal`: sent again since the beginning. */
  watchEngine(engine: Engine, repeatedTotal: () => number = () => 0): void {
    let repeated = 0;
    this.#gauge("fairwarning_gateway_bids_in_flight", "commands sent on that wait for their answer", [], (gauge) => gauge.set(engine.inFlight()));
    this.#gauge("fairwarning_gateway_bids_held", "commands held until an owner can be reached", [], (gauge) => {
      gauge.set(engine.held());
      const total = repeatedTotal();
      this.#repeated.inc(total - repeated);
      repeated = total;
    });
    this.#gauge("fairwarning_gateway_link_up", "1 while the link to this node is up", ["node"], (gauge) => {
      gauge.reset();
      for (const link of engine.links()) gauge.set({ node: link.address }, link.up ? 1 : 0);
    });
  }

  /** The same for sockets. */
  watchSockets(gauges: () => SocketGauges): void {
    this.#gauge("fairwarning_gateway_sockets", "open sockets", ["protocol", "role"], (gauge) => {
      gauge.reset();
      for (const { protocol, role, count } of gauges().sockets) gauge.set({ protocol, role }, count);
    });
    this.#gauge("fairwarning_gateway_subscriptions", "subscriptions of all sockets", [], (gauge) => gauge.set(gauges().subscriptions));
    this.#gauge("fairwarning_gateway_watched_auctions", "auctions this gateway follows", [], (gauge) => gauge.set(gauges().watchedAuctions));
    this.#gauge("fairwarning_gateway_slow_viewers", "viewers that get the newest state only", [], (gauge) => gauge.set(gauges().slowViewers));
  }

  /** What bids of one transport count. Children are made once: a bid pays for no look-up of labels. */
  #bids(transport: "http" | "ws") {
    const attempts = this.#bidAttempts.labels({ transport });
    const seconds = (outcome: string) => this.#bidSeconds.labels({ transport, outcome });
    const answered = { accepted: seconds("accepted"), rejected: seconds("rejected") };
    const failed = seconds("failed");
    return {
      bidAttempted: () => attempts.inc(),
      bidAnswered: (verdict: "accepted" | "rejected", took: number) => answered[verdict].observe(took),
      bidFailed: (code: string, took: number) => {
        this.#bidFailures.inc({ transport, code });
        failed.observe(took);
      },
      answerReplayed: () => this.#replayed.inc(),
      refused: (code: string) => this.#refusals.inc({ code }),
      rateLimited: (policy: string) => this.#limited.inc({ policy }),
    };
  }

  #httpMetrics(): HttpMetrics {
    return {
      ...this.#bids("http"),
      request: (method, route, status, seconds) => {
        const labels = { method, route, status: String(status) };
        this.#requests.inc(labels);
        this.#requestSeconds.observe(labels, seconds);
      },
      notModified: () => this.#notModified.inc(),
    };
  }

  #socketMetrics(): SocketMetrics {
    const both = (counter: Counter) => ({ in: counter.labels({ direction: "in" }), out: counter.labels({ direction: "out" }) });
    const frames = both(this.#frames);
    const bytes = both(this.#bytes);
    return {
      ...this.#bids("ws"),
      disconnected: (reason) => this.#disconnections.inc({ reason }),
      frames: (direction, count) => frames[direction].inc(count),
      bytes: (direction, count) => bytes[direction].inc(count),
      updateAge: (seconds) => this.#updateAge.observe(seconds),
      updatesConflated: (count) => this.#conflated.inc(count),
      resumed: (recovered, why) => this.#resumes.inc({ recovered, why }),
    };
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({ name, help, labelNames, buckets: LATENCY_BUCKETS_S, registers: [this.registry] });
  }

  #gauge(name: string, help: string, labelNames: string[], read: (gauge: Gauge) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        read(this);
      },
    });
  }
}
