// What the brokers of a test are told: small, quick to notice a death, and nothing created by a misspelt name. Pure.

/** Where one node listens. A controller alone has no client and no replication port. */
export interface NodePorts {
  readonly client: number;
  /** Brokers fetch from each other here, so that a proxy before the client port cuts clients alone. */
  readonly replication: number;
  readonly controller: number;
}

/** One node of a cluster. */
export interface NodePlan {
  readonly nodeId: number;
  readonly roles: "broker" | "controller" | "broker,controller";
  readonly ports: NodePorts;
  /** Where on loopback clients are told to find it: its own client port, or a proxy's. */
  readonly advertised: number;
  /** What the other nodes call its host: loopback, or a container's name. */
  readonly host: string;
}

export const LOOPBACK = "127.0.0.1";

/** `host:port` on loopback. */
export function onLoopback(port: number): string {
  return `${LOOPBACK}:${port}`;
}

/** The properties of one node. `plans` is the whole cluster: one of them is the controller. `bind` is the address it listens on. */
export function nodeSettings(plan: NodePlan, plans: readonly NodePlan[], place: { readonly logDir: string; readonly bind: string }): Record<string, string> {
  const brokers = plans.filter((each) => each.roles.includes("broker")).length;
  const voters = plans.filter((each) => each.roles.includes("controller")).map((each) => `${each.nodeId}@${each.host}:${each.ports.controller}`);
  return {
    "node.id": String(plan.nodeId),
    "process.roles": plan.roles,
    ...listeners(plan, place.bind),
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": voters.join(","),
    "log.dirs": place.logDir,
    ...sharedSettings(brokers),
  };
}

function listeners(plan: NodePlan, bind: string): Record<string, string> {
  const { client, replication, controller } = plan.ports;
  const brokerOwn = [`CLIENT://${bind}:${client}`, `REPLICATION://${bind}:${replication}`];
  const controllerOwn = [`CONTROLLER://${bind}:${controller}`];
  const shared = { "listener.security.protocol.map": "CLIENT:PLAINTEXT,REPLICATION:PLAINTEXT,CONTROLLER:PLAINTEXT" };
  if (plan.roles === "controller") return { ...shared, listeners: controllerOwn.join(",") };
  return {
    ...shared,
    listeners: [...brokerOwn, ...(plan.roles === "broker" ? [] : controllerOwn)].join(","),
    "advertised.listeners": `CLIENT://${onLoopback(plan.advertised)},REPLICATION://${plan.host}:${replication}`,
    "inter.broker.listener.name": "REPLICATION",
  };
}

/** What every node is told, whatever runs it. Times in ms. */
export function sharedSettings(brokers: number): Record<string, string> {
  return {
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": String(brokers),
    // One partition instead of 50: the first group join waits for the topic to be made.
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": String(brokers),
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    // A killed or frozen broker is noticed in three seconds, not in nine and thirty, so that tests of it are short.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "3000",
    "replica.fetch.wait.max.ms": "500",
    "controlled.shutdown.enable": "true",
    // Threads for one client on two cores.
    "num.network.threads": "1",
    "num.io.threads": "2",
    "num.replica.fetchers": "1",
    "num.recovery.threads.per.data.dir": "1",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": String(2 * 1024 * 1024),
    "log.cleaner.io.buffer.size": String(64 * 1024),
  };
}

/** The text of a server.properties. */
export function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}
