// The nodes of one cluster for tests: which there are, where they listen, when they serve, and that they go.
//
// Must not: know what runs a node (kafka-java.ts, kafka-docker.ts).
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { guardFolder } from "./kafka-guard.ts";
import type { KafkaSource, NodeProcess, Signal } from "./kafka-node.ts";
import { type KafkaProxy, startProxy } from "./kafka-proxy.ts";
import { LOOPBACK, type NodePlan, onLoopback } from "./kafka-settings.ts";
import { liveNodes } from "./kafka-wire.ts";

/** One broker that may be hurt. */
export interface KafkaBroker {
  readonly nodeId: number;
  /** Where clients find it: `host:port`. */
  readonly address: string;
  readonly pid: number;
  /** Where it keeps its logs, for who damages them; null when that is no folder of this machine, as in a container. */
  readonly dataFolder: string | null;
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
  /** One before each broker, in the same order, when asked for; else empty. */
  readonly proxies: readonly KafkaProxy[];
  stop(): Promise<void>;
}

/** A port that was free is not: start again with others. */
export class PortTaken extends Error {}

export interface ClusterWish {
  readonly brokers: 1 | 3;
  readonly proxied: boolean;
}

const PORT_MIN = 20_000;
const PORT_MAX = 32_767;
/** 50 s: three brokers took 8 s on two busy cores; a hook of a contract test may take 60 s. */
const READY_MS_MAX = 50_000;
const ASK_AGAIN_MS = 100;
const ASK_MS_MAX = 1_000;
const CONTROLLER_ID = 100;
const PORT_TAKEN = /already in use|failed to bind|port is already allocated|EADDRINUSE/i;

/** A cluster that serves. Refuses with PortTaken, or with what a node said when it did not start; nothing is left running then. */
export async function startCluster(source: KafkaSource, wish: ClusterWish): Promise<TestKafka> {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-kafka-"));
  const guard = guardFolder(folder, source.cleanUp);
  const nodes: NodeProcess[] = [];
  const proxies: KafkaProxy[] = [];
  // Its data is thrown away, so it is killed: quicker than asking.
  const stop = async (): Promise<void> => {
    for (const proxy of proxies) await proxy.stop();
    for (const node of nodes) node.kill("SIGKILL");
    await Promise.all(nodes.map((node) => node.gone()));
    await guard.cleanUp();
  };
  try {
    const plans = await planned(source, wish);
    const serving = plans.filter((plan) => plan.roles !== "controller");
    if (wish.proxied) {
      for (const plan of serving) proxies.push(await startProxy({ nodeId: plan.nodeId, port: plan.advertised, target: plan.ports.client }));
    }
    const clusterId = randomBytes(16).toString("base64url");
    const brokers = await Promise.all(
      plans.map(async (plan) => {
        const node = await source.make({ plan, plans, folder: join(folder, `node-${plan.nodeId}`), clusterId });
        nodes.push(node);
        await node.start();
        if (plan.roles === "controller") return [];
        const wanted = serving.map((each) => each.nodeId);
        await ready(plan, node, wanted);
        return [brokerOf(plan, node)];
      }),
    );
    return { addresses: serving.map((plan) => onLoopback(plan.advertised)), brokers: brokers.flat(), proxies, stop };
  } catch (error) {
    await stop();
    if (error instanceof Error && PORT_TAKEN.test(error.message)) throw new PortTaken(error.message);
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
    dataFolder: node.dataFolder,
    kill: node.kill,
    gone: node.gone,
    restart,
  };
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

async function planned(source: KafkaSource, wish: ClusterWish): Promise<NodePlan[]> {
  const roles = wish.brokers === 1 ? (["broker,controller"] as const) : (["controller", "broker", "broker", "broker"] as const);
  const ports = await freePorts(4 * roles.length);
  return roles.map((role, index) => {
    const [client = 0, replication = 0, controller = 0, proxy = 0] = ports.slice(4 * index, 4 * index + 4);
    const nodeId = wish.brokers === 1 ? 1 : role === "controller" ? CONTROLLER_ID : index;
    return { nodeId, roles: role, ports: { client, replication, controller }, advertised: wish.proxied ? proxy : client, host: source.hostOf(nodeId) };
  });
}

/** Ports that nobody listens on, below the range that outgoing connections take theirs from. */
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
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
