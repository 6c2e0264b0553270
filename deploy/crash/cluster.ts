// A whole cluster as real processes, for tests that hurt it: two engines on one Kafka, gateways that know both, one Postgres.
//
// Owns: the processes, their settings, the topic, the placement. Must not: bid (load.ts) or judge (at-rest.ts).
//
// Everything runs as an operator would run a cluster (FAIRWARNING_MODE=cluster), with few shards so that it is quick. Kafka and Postgres
// are the test file's: they are started once, and each cluster has a topic and a database of its own.
import { createPublicKey, randomBytes } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillSlots, slotDigest } from "../../engine/cluster/ring.ts";
import { type Shard, slotOf } from "../../engine/core/ids.ts";
import { type LocalKey, makeLocalKey, signToken } from "../../gateway/local-key.ts";
import type { TestKafka } from "../../persistence/contract/kafka-server.ts";
import { createTopic } from "../../persistence/kafka/topics.ts";
import { DATABASE_DEFAULTS, Database } from "../../persistence/postgres/pool.ts";
import { now } from "../clock.ts";
import { portBelowEphemeral, RAISED_LIMITS } from "../standalone/spawned-system.ts";
import { type HeardLine, HeardProcess } from "./heard-process.ts";

/** Few, so that every shard is busy under a load that two cores bear. */
export const SHARDS = 4;
/** Every shard. */
export const ALL: readonly Shard[] = [0, 1, 2, 3];
/** Nodes of each shard, the owner first: two shards a node, the other stands by. */
export const EACH_HALF: Placement = { "0-1": ["ash", "birch"], "2-3": ["birch", "ash"] };
/** Ash owns every shard, birch stands by. */
export const ASH_FIRST: Placement = { "0-3": ["ash", "birch"] };
/** The other way round. */
export const BIRCH_FIRST: Placement = { "0-3": ["birch", "ash"] };

export type NodeName = "ash" | "birch";
export type Placement = Readonly<Record<string, readonly NodeName[]>>;

export interface CrashClusterOptions {
  readonly kafka: TestKafka;
  /** Of the server; each cluster makes a database in it. */
  readonly postgresUrl: string;
  readonly placement: Placement;
  /** Broker ids of each shard's replicas, the preferred leader first. Left out: as the cluster chooses. */
  readonly replicas?: readonly (readonly number[])[];
  readonly gateways?: number;
  /** For every engine. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Readiness of an engine, as /ready tells it. */
export interface EngineReady {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

const READY_LIMIT_MS = 90_000;
const NODES: readonly NodeName[] = ["ash", "birch"];

export class CrashCluster {
  readonly topic: string;
  readonly shards = SHARDS;
  readonly kafka: TestKafka;
  readonly #options: CrashClusterOptions;
  readonly #folder: string;
  readonly #key: LocalKey;
  readonly #linkKey = randomBytes(16).toString("hex");
  readonly #linkPorts: Readonly<Record<NodeName, number>> = { ash: portBelowEphemeral(), birch: portBelowEphemeral() };
  readonly #engines = new Map<NodeName, HeardProcess>();
  readonly #gateways: HeardProcess[] = [];
  readonly #everything: HeardProcess[] = [];
  readonly #slots = fillSlots(SHARDS);
  readonly #database: string;
  #placementVersion = 0;

  private constructor(options: CrashClusterOptions, key: LocalKey) {
    const name = randomBytes(6).toString("hex");
    this.#options = options;
    this.#key = key;
    this.#folder = mkdtempSync(join(tmpdir(), "fairwarning-crash-"));
    this.#database = `crash_${name}`;
    this.topic = `decisions-${name}`;
    this.kafka = options.kafka;
  }

  /** Starts everything and waits until every shard is served by its first node and followed by the other. */
  static async start(options: CrashClusterOptions): Promise<CrashCluster> {
    const cluster = new CrashCluster(options, await makeLocalKey());
    await cluster.#begin();
    return cluster;
  }

  async #begin(): Promise<void> {
    const { postgresUrl, placement } = this.#options;
    const server = new Database({ ...DATABASE_DEFAULTS, url: postgresUrl, max: 1 });
    await server.query({ name: "make_database", text: `create database ${this.#database}`, oneShot: true }, []);
    await server.close();
    await this.makeTopic();
    this.place(placement);
    for (const node of NODES) this.startEngine(node);
    for (let n = 0; n < (this.#options.gateways ?? 1); n += 1) this.#startGateway(n);
    await Promise.all(this.#everything.map((each) => each.line("being ready", isReady, { limitMs: READY_LIMIT_MS })));
    await Promise.all(ALL.flatMap((shard) => [this.served(shard), this.#stoodBy(shard)]));
  }

  /** Makes the topic as `fairwarning topics create` does. */
  async makeTopic(): Promise<void> {
    const { replicas } = this.#options;
    await createTopic({
      connection: this.connection,
      topic: this.topic,
      shards: SHARDS,
      oneBroker: this.oneBroker,
      slotDigest: slotDigest(this.#slots),
      madeAt: now(),
      version: "test",
      ...(replicas === undefined ? {} : { createTopicOptions: { replicas } }),
    });
  }

  get oneBroker(): boolean {
    return this.kafka.addresses.length === 1;
  }

  get connection(): { readonly brokers: readonly string[]; readonly clientId: string } {
    return { brokers: this.kafka.addresses, clientId: "crash-test" };
  }

  get postgresUrl(): string {
    const url = new URL(this.#options.postgresUrl);
    url.pathname = `/${this.#database}`;
    return url.href;
  }

  /** Writes a new placement, of the next version. */
  place(placed: Placement): void {
    this.#placementVersion += 1;
    const draft = `${this.#placementFile}.draft`;
    writeFileSync(draft, JSON.stringify({ version: this.#placementVersion, shards: placed }));
    renameSync(draft, this.#placementFile);
  }

  get #placementFile(): string {
    return join(this.#folder, "placement.json");
  }

  /** Starts an engine, anew when it ran before. */
  startEngine(node: NodeName): HeardProcess {
    const engine = this.#heard(node, "dist/engine/main.js", {
      FAIRWARNING_NODE_ID: node,
      FAIRWARNING_KAFKA_BROKERS: this.kafka.addresses.join(","),
      FAIRWARNING_KAFKA_TOPIC: this.topic,
      FAIRWARNING_KAFKA_CHECK: this.oneBroker ? "one-broker" : "true",
      FAIRWARNING_KAFKA_TLS: "false",
      FAIRWARNING_ENGINE_LINK_HOST: "127.0.0.1",
      FAIRWARNING_ENGINE_LINK_PORT: String(this.#linkPorts[node]),
      FAIRWARNING_ENGINE_STATUS_HOST: "127.0.0.1",
      FAIRWARNING_ENGINE_STATUS_PORT: "0",
      FAIRWARNING_ENGINE_SNAPSHOT_EVERY_MS: "1000",
      FAIRWARNING_SHARDS: String(SHARDS),
      FAIRWARNING_PLACEMENT_FILE: this.#placementFile,
      ...this.#options.environment,
    });
    this.#engines.set(node, engine);
    return engine;
  }

  #startGateway(n: number): void {
    const publicKey = createPublicKey({ key: { ...this.#key.publicJwk }, format: "jwk" });
    const gateway = this.#heard(`gateway ${n}`, "dist/gateway/main.js", {
      ...RAISED_LIMITS,
      FAIRWARNING_NODE_ID: `gateway-${n}`,
      FAIRWARNING_GATEWAY_HOST: "127.0.0.1",
      FAIRWARNING_GATEWAY_HTTP_PORT: "0",
      FAIRWARNING_GATEWAY_SOCKET_PORT: String(portBelowEphemeral()),
      FAIRWARNING_GATEWAY_ENGINES: NODES.map((node) => `127.0.0.1:${this.#linkPorts[node]}`).join(","),
      FAIRWARNING_GATEWAY_ORIGINS: "http://localhost",
      FAIRWARNING_JWT_PUBLIC_KEY: String(publicKey.export({ type: "spki", format: "pem" })),
    });
    this.#gateways.push(gateway);
  }

  #heard(name: string, script: string, environment: Readonly<Record<string, string>>): HeardProcess {
    const shared = {
      FAIRWARNING_MODE: "cluster",
      FAIRWARNING_DATA_DIR: join(this.#folder, name.replace(" ", "-")),
      FAIRWARNING_LINK_KEY: this.#linkKey,
      FAIRWARNING_POSTGRES_URL: this.postgresUrl,
      FAIRWARNING_SHUTDOWN_MS: "20000",
      FAIRWARNING_GATEWAY_DRAIN_MS: "0",
    };
    const started = new HeardProcess({ name, script, environment: { ...shared, ...environment } });
    this.#everything.push(started);
    return started;
  }

  engine(node: NodeName): HeardProcess {
    const engine = this.#engines.get(node);
    if (engine === undefined) throw new Error(`${node} was never started`);
    return engine;
  }

  /** Every engine that was ever started. */
  get engines(): readonly HeardProcess[] {
    return this.#everything.filter(({ name }) => name === "ash" || name === "birch");
  }

  /** Waits until some engine says that it serves the shard, in a line that is not before `since` (epoch ms). */
  async served(shard: Shard, options: { readonly since?: number; readonly limitMs?: number } = {}): Promise<HeardLine> {
    const { since = 0, limitMs = READY_LIMIT_MS } = options;
    const wanted = (line: HeardLine): boolean => line.event === "shard_serving" && line.shard === shard && Number(line.time) >= since;
    return await Promise.any(this.engines.map((engine) => engine.line(`shard ${shard} being served`, wanted, { limitMs })));
  }

  /** Waits until the engine that the placement names second says that it stands by for the shard. */
  async #stoodBy(shard: Shard): Promise<void> {
    const standby = this.engine(standbyOf(this.#options.placement, shard));
    await standby.line(`standing by for shard ${shard}`, (line) => line.event === "shard_standby" && line.shard === shard, { limitMs: READY_LIMIT_MS });
  }

  /** Facts that a process told when it was ready. */
  #fact(process: HeardProcess, name: string): number {
    return Number(process.lines.find(isReady)?.[name]);
  }

  httpUrl(n = 0): string {
    return `http://127.0.0.1:${this.#fact(this.#gatewayAt(n), "httpPort")}`;
  }

  socketUrl(n = 0): string {
    return `ws://127.0.0.1:${this.#fact(this.#gatewayAt(n), "socketPort")}/v1/socket`;
  }

  #gatewayAt(n: number): HeardProcess {
    const gateway = this.#gateways[n % this.#gateways.length];
    if (gateway === undefined) throw new Error("there is no gateway");
    return gateway;
  }

  /** What an engine says of its readiness; null when it does not answer. */
  async ready(node: NodeName): Promise<EngineReady | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#fact(this.engine(node), "statusPort")}/ready`);
      return (await response.json()) as EngineReady;
    } catch {
      return null;
    }
  }

  shardOf(auctionId: string): Shard {
    return this.#slots[slotOf(auctionId)] ?? 0;
  }

  /** A token as the identity service would sign it. */
  async token(userId: string, roles: readonly string[] = ["bidder"]): Promise<string> {
    return await signToken(this.#key, { userId, roles, tier: "enterprise" }, { now: now() });
  }

  /** Last lines of every process, for people. */
  lastWords(): string {
    return this.#everything.map((each) => `${each.name}:\n${each.lastWords()}`).join("\n");
  }

  /** Stops every process in order; with how each engine ended. */
  async stop(): Promise<readonly { readonly name: string; readonly code: number | null }[]> {
    await Promise.all(this.#gateways.map((gateway) => gateway.stop()));
    return await Promise.all(this.engines.map(async (engine) => ({ name: engine.name, code: (await engine.stop()).code })));
  }

  /** Ends everything however it stands. */
  async remove(): Promise<void> {
    for (const each of this.#everything) each.kill("SIGKILL");
    await Promise.all(this.#everything.map((each) => each.ended));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function standbyOf(placement: Placement, shard: Shard): NodeName {
  for (const [shards, [, second]] of Object.entries(placement)) {
    const [first, last] = shards.split("-").map(Number);
    if (second !== undefined && first !== undefined && shard >= first && shard <= (last ?? first)) return second;
  }
  throw new Error(`the placement names no standby of shard ${shard}`);
}

function isReady(line: HeardLine): boolean {
  return line.event === "ready";
}
