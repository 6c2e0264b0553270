// The gateway's figures for Prometheus, and the only file of it that imports prom-client.
//
// M1. No auction, bidder or address is a label.
// M2. A rejection is a normal outcome: it is counted as one and never as a failure. Neither is a limit.
// M3. What a bid counts is counted in tallies.ts and read when it is asked for.
// M4. What is a state (sockets, links, bids waiting) is read when it is asked for, so that it cannot drift.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Engine } from "./ports.ts";
import type { SocketGauges, SocketMetrics } from "./socket/metrics.ts";
import { BidTally, type DurationTally, LATENCY_BUCKETS_S, TrafficTally } from "./tallies.ts";

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
  readonly #bidTallies = { http: new BidTally(), ws: new BidTally() };
  readonly #traffic = new TrafficTally();
  #replayed = 0;
  readonly #bidFailures = this.#counter("bid_failures_total", "bids without an answer, by code; no rejections, no rate limits", ["transport", "code"]);
  readonly #refusals = this.#counter("fairwarning_gateway_refusals_total", "refusals by code", ["code"]);
  readonly #limited = this.#counter("fairwarning_gateway_rate_limited_total", "refusals by a limit", ["policy"]);
  readonly #requests = this.#counter("fairwarning_gateway_http_requests_total", "HTTP requests", ["method", "route", "status"]);
  readonly #requestSeconds = this.#histogram("fairwarning_gateway_http_request_seconds", "HTTP request to answer", ["method", "route", "status"]);
  readonly #notModified = this.#counter("fairwarning_gateway_not_modified_total", "conditional reads answered 304", []);
  readonly #disconnections = this.#counter("websocket_disconnections_total", "sockets that ended, by the name of the close code", ["reason"]);
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
    this.#bidMetrics();
    this.#trafficMetrics();
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

  #bidMetrics(): void {
    const tallies = Object.entries(this.#bidTallies);
    this.#read("bid_attempts_total", "bids that passed authentication and form", ["transport"], () =>
      tallies.map(([transport, { attempts }]) => [{ transport }, attempts]),
    );
    this.#read("fairwarning_gateway_answers_replayed_total", "answers that were repeats under a key", [], () => [[{}, this.#replayed]]);
    const seconds = tallies.flatMap(([transport, tally]) =>
      Object.entries(tally.seconds).map(([outcome, durations]) => ({ labels: { transport, outcome }, durations })),
    );
    const histogram = new TalliedHistogram("bid_placement_duration_seconds", "bid read to answer written", ["transport", "outcome"], seconds);
    this.registry.registerMetric(histogram);
  }

  #trafficMetrics(): void {
    const traffic = this.#traffic;
    const both = (taken: number, given: number): Row[] => [
      [{ direction: "in" }, taken],
      [{ direction: "out" }, given],
    ];
    this.#read("fairwarning_gateway_frames_total", "client frames", ["direction"], () => both(traffic.framesIn, traffic.framesOut));
    this.#read("fairwarning_gateway_bytes_total", "bytes of client frames", ["direction"], () => both(traffic.bytesIn, traffic.bytesOut));
  }

  /** What bids of one transport count. */
  #bids(transport: "http" | "ws") {
    const tally = this.#bidTallies[transport];
    const { accepted, rejected, failed } = tally.seconds;
    return {
      bidAttempted: () => {
        tally.attempts += 1;
      },
      bidAnswered: (verdict: "accepted" | "rejected", took: number) => (verdict === "accepted" ? accepted : rejected).add(took),
      bidFailed: (code: string, took: number) => {
        this.#bidFailures.inc({ transport, code });
        failed.add(took);
      },
      answerReplayed: () => {
        this.#replayed += 1;
      },
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
    const traffic = this.#traffic;
    return {
      ...this.#bids("ws"),
      disconnected: (reason) => this.#disconnections.inc({ reason }),
      received: (frames, bytes) => {
        traffic.framesIn += frames;
        traffic.bytesIn += bytes;
      },
      sent: (frames, bytes) => {
        traffic.framesOut += frames;
        traffic.bytesOut += bytes;
      },
      updateAge: (seconds) => this.#updateAge.observe(seconds),
      updatesConflated: (count) => this.#conflated.inc(count),
      resumed: (recovered, why) => this.#resumes.inc({ recovered, why }),
    };
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** A counter whose values stand somewhere else. */
  #read(name: string, help: string, labelNames: string[], rows: () => readonly Row[]): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [labels, value] of rows()) this.inc(labels, value);
      },
    });
  }

  #histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({ name, help, labelNames, buckets: [...LATENCY_BUCKETS_S], registers: [this.registry] });
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

type Labels = Readonly<Record<string, string>>;
type Row = readonly [labels: Labels, value: number];

/** A histogram of durations that stand somewhere else. */
class TalliedHistogram extends Histogram {
  readonly #about: { readonly name: string; readonly help: string };
  readonly #rows: readonly TalliedRow[];

  constructor(name: string, help: string, labelNames: string[], rows: readonly TalliedRow[]) {
    super({ name, help, labelNames, registers: [] });
    this.#about = { name, help };
    this.#rows = rows;
  }

  /** Under this name registry and `get` ask a histogram for what it holds. */
  async getForPromString() {
    const values = this.#rows.flatMap(({ labels, durations }) => valuesOf(this.#about.name, labels, durations));
    return { ...this.#about, type: "histogram", aggregator: "sum", values };
  }
}

interface TalliedRow {
  readonly labels: Labels;
  readonly durations: DurationTally;
}

/** Combinations that never came are left out, as prom-client does. */
function valuesOf(name: string, labels: Labels, { counts, sum }: DurationTally) {
  let count = 0;
  const buckets = counts.map((own, index) => {
    count += own;
    return { labels: { le: LATENCY_BUCKETS_S[index] ?? "+Inf", ...labels }, value: count, metricName: `${name}_bucket` };
  });
  return count === 0 ? [] : [...buckets, { labels, value: sum, metricName: `${name}_sum` }, { labels, value: count, metricName: `${name}_count` }];
}
