// A Kafka for tests: one broker or three on loopback, in a folder that goes with them; or the one that the environment names.
//
// Owns: where a Kafka comes from, its ports, when it is ready. Must not: make topics.
//
// Looked for in this order: a Docker engine, then Java with Kafka's jars. Where there is neither, tests are skipped by name with
// kafkaMissing() as the reason, and fail under CI=true.
//
// K1. Nothing outlives the test process (kafka-guard.ts).
// K2. Three brokers have their controller in a process of its own, which no test kills: with two of three brokers away the third
//     still learns that it is alone and refuses, as a cluster with a quorum of controllers would.
// K3. Ports lie below 32768, so that no outgoing connection of this machine takes one while its broker is away.
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Guard, guardFolder } from "./kafka-guard.ts";
import { kafkaJars } from "./kafka-jars.ts";
import { javaNode, type NodeProcess, type Signal } from "./kafka-java.ts";
import { type NodePlan, nodeSettings, onLoopback } from "./kafka-settings.ts";
import { liveNodes } from "./kafka-wire.ts";

/** One broker that may be hurt. */
export interface KafkaBroker {
  readonly nodeId: number;
  /** Where clients find it: `host:port`. */
  readonly address: string;
  readonly pid: number;
  /** Nothing happens to a broker that is gone. */
  kill(signal: Signal): void;
  /** Waits till it is gone. */
  gone(): Promise<void>;
  /** Waits till it is gone, starts it on its data and ports, and waits till it serves. */
  restart(): Promise<void>;
}

export interface TestKafka {
  /** For a client's list of brokers. */
  readonly addresses: readonly string[];
  /** Empty when the environment named the servers: they are not ours to kill. */
  readonly brokers: readonly KafkaBroker[];
  stop(): Promise<void>;
}

const PORT_MIN = 20_000;
const PORT_MAX = 32_767;
/** 50 s: three brokers took under 10 s on two idle cores; a hook of a contract test may take 60 s. */
const READY_MS_MAX = 50_000;
const ASK_AGAIN_MS = 100;
const ASK_MS_MAX = 1_000;
/** Another process may take a port between our look and the broker's start. */
const START_TRIES_MAX = 3;
const CONTROLLER_ID = 100;

let missing = "Kafka was not asked for";

/** Why the last startKafka() or anyKafka() gave null. */
export function kafkaMissing(): string {
  return missing;
}

/** FAIRWARNING_KAFKA_BROKERS if set, else one started broker; null when none can run here. */
export async function anyKafka(): Promise<TestKafka | null> {
  // biome-ignore lint/style/noProcessEnv: the servers that a test may use are named here and nowhere else.
  const named = process.env.FAIRWARNING_KAFKA_BROKERS ?? "";
  const addresses = named.split(",").filter((address) => address !== "");
  if (addresses.length === 0) return startKafka({ brokers: 1 });
  return { addresses, brokers: [], stop: () => Promise.resolve() };
}

/** Always started here, so that it may be killed. null when no Kafka can run here; kafkaMissing() then says why. */
export async function startKafka(options: { readonly brokers: 1 | 3 }): Promise<TestKafka | null> {
  const jars = await kafkaJars();
  if (jars.kind === "missing") {
    missing = jars.reason;
    return null;
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await startCluster(jars.folder, await planned(options.brokers));
    } catch (error) {
      if (!(error instanceof Error && /already in use|failed to bind/i.test(error.message)) || tries === START_TRIES_MAX) throw error;
    }
  }
}

async function startCluster(jars: string, plans: readonly NodePlan[]): Promise<TestKafka> {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-kafka-"));
  const guard = guardFolder(folder);
  const nodes: NodeProcess[] = [];
  try {
    const clusterId = randomBytes(16).toString("base64url");
    const made = plans.map(async (plan) => {
      const place = join(folder, `node-${plan.nodeId}`);
      const node = await javaNode({ jars, folder: place, clusterId, settings: nodeSettings(plan, plans, join(place, "data")) });
      await node.start();
      return node;
    });
    nodes.push(...(await Promise.all(made)));
    const serving = plans.flatMap((plan, index) => (plan.roles === "controller" ? [] : [{ plan, node: nodes[index] }]));
    const brokers = serving.flatMap(({ plan, node }) => (node === undefined ? [] : [brokerOf(plan, node)]));
    const wanted = serving.map(({ plan }) => plan.nodeId);
    await Promise.all(serving.map(({ plan, node }) => node && ready(plan, node, wanted)));
    return { addresses: brokers.map((broker) => broker.address), brokers, stop: () => stop(nodes, guard) };
  } catch (error) {
    await stop(nodes, guard);
    throw error;
  }
}

function brokerOf(plan: NodePlan, node: NodeProcess): KafkaBroker {
  const restart = async (): Promise<void> => {
    await node.start();
    await ready(plan, node, [plan.nodeId]);
  };
  return {
    nodeId: plan.nodeId,
    address: onLoopback(plan.advertised),
    get pid() {
      return node.pid;
    },
    kill: node.kill,
    gone: node.gone,
    restart,
  };
}

/** Its data is thrown away, so it is killed: quicker than asking. */
async function stop(nodes: readonly NodeProcess[], guard: Guard): Promise<void> {
  for (const node of nodes) node.kill("SIGKILL");
  await Promise.all(nodes.map((node) => node.gone()));
  await guard.cleanUp();
}

/** Waits till this broker serves and believes every wanted node alive. */
async function ready(plan: NodePlan, node: NodeProcess, wanted: readonly number[]): Promise<void> {
  const until = performance.now() + READY_MS_MAX;
  for (;;) {
    const live = await liveNodes(plan.ports.client, ASK_MS_MAX);
    if (live !== null && wanted.every((id) => live.includes(id))) return;
    if (!node.running()) throw new Error(`Kafka node ${plan.nodeId} ended before it was ready: ${node.said()}`);
    if (performance.now() > until) throw new Error(`Kafka node ${plan.nodeId} was not ready in ${READY_MS_MAX} ms: ${node.said()}`);
    await pause(ASK_AGAIN_MS);
  }
}

async function planned(brokers: 1 | 3): Promise<NodePlan[]> {
  const roles = brokers === 1 ? (["broker,controller"] as const) : (["controller", "broker", "broker", "broker"] as const);
  const ports = await freePorts(3 * roles.length);
  return roles.map((role, index) => {
    const [client = 0, replication = 0, controller = 0] = ports.slice(3 * index, 3 * index + 3);
    const nodeId = brokers === 1 ? 1 : role === "controller" ? CONTROLLER_ID : index;
    return { nodeId, roles: role, ports: { client, replication, controller }, advertised: client };
  });
}

/** Ports that nobody listens on (K3). */
async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(PORT_MIN, PORT_MAX + 1);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
