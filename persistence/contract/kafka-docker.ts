// Kafka nodes as containers of the official image, on a network of their own, for machines whose Docker engine answers.
//
// Owns: the names and settings of the containers. Must not: leave one behind: kafka-guard.ts runs `cleanUp` at the end.
//
// A container's files are its own, so a restart is `docker start` of the same one.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { kafkaVersion, runs } from "./kafka-jars.ts";
import type { KafkaSource, NodeProcess, Signal } from "./kafka-node.ts";
import { LOOPBACK, type NodePlan, nodeSettings } from "./kafka-settings.ts";

/** Where the image's user may write, inside the container. */
const LOG_DIR = "/tmp/kraft-combined-logs";
/** Two minutes: the first `docker create` may have to pull the image. */
const COMMAND_MS_MAX = 120_000;
/** Ten minutes: as long as the jars may take. */
const PULL_MS_MAX = 600_000;
const SAID_LINES_MAX = "40";
/** Freezing and thawing go by the container: a stop signal to its first process alone would let others run. */
const COMMANDS: Readonly<Record<Signal, readonly string[]>> = {
  SIGKILL: ["kill", "--signal", "SIGKILL"],
  SIGTERM: ["kill", "--signal", "SIGTERM"],
  SIGSTOP: ["pause"],
  SIGCONT: ["unpause"],
};

/** The image of the version that the jars have too. */
export function kafkaImage(): string {
  return `apache/kafka:${kafkaVersion()}`;
}

/** True when a Docker engine can be used. */
export function dockerAnswers(): boolean {
  return runs("docker", "version", "--format", "{{.Server.Version}}");
}

/** Pulls the image unless it is there, and shows the progress. False when it could not be had. */
export function pullImage(): boolean {
  if (runs("docker", "image", "inspect", kafkaImage())) return true;
  return spawnSync("docker", ["pull", kafkaImage()], { stdio: "inherit", timeout: PULL_MS_MAX }).status === 0;
}

/** Nodes of one new cluster as containers. */
export function dockerSource(): KafkaSource {
  const cluster = `fairwarning-kafka-${randomBytes(6).toString("hex")}`;
  docker("network", "create", cluster);
  const remove = `docker rm --force --volumes $(docker ps --all --quiet --filter network=${cluster}); docker network rm ${cluster}`;
  const hostOf = (nodeId: number): string => `${cluster}-${nodeId}`;
  const make: KafkaSource["make"] = ({ plan, plans, clusterId }) => {
    const settings = nodeSettings(plan, plans, { logDir: LOG_DIR, bind: "0.0.0.0" });
    docker(...createArguments({ plan, cluster, clusterId, settings }));
    return Promise.resolve(containerNode(plan.host));
  };
  return { hostOf, make, cleanUp: ["sh", "-c", remove] };
}

/** Arguments of `docker` that make one node's container. Only the client port is seen from outside, and on loopback alone. */
export function createArguments(options: {
  readonly plan: NodePlan;
  readonly cluster: string;
  readonly clusterId: string;
  readonly settings: Readonly<Record<string, string>>;
}): string[] {
  const { plan, cluster, clusterId, settings } = options;
  const published = plan.roles === "controller" ? [] : ["--publish", `${LOOPBACK}:${plan.ports.client}:${plan.ports.client}`];
  const variables = Object.entries(settings).map(([key, value]) => `${variableOf(key)}=${value}`);
  const environment = [...variables, `CLUSTER_ID=${clusterId}`, "KAFKA_HEAP_OPTS=-Xms32m -Xmx256m"].flatMap((each) => ["--env", each]);
  return ["create", "--name", plan.host, "--hostname", plan.host, "--network", cluster, ...published, ...environment, kafkaImage()];
}

/** The image's own spelling of a property: dots become one underscore, underscores two, dashes three. */
export function variableOf(property: string): string {
  return `KAFKA_${property.replaceAll("_", "__").replaceAll("-", "___").replaceAll(".", "_").toUpperCase()}`;
}

function containerNode(name: string): NodeProcess {
  let alive = false;
  let pid = 0;
  let gone: Promise<void> = Promise.resolve();
  const start = async (): Promise<void> => {
    await gone;
    docker("start", name);
    alive = true;
    pid = Number(docker("inspect", "--format", "{{.State.Pid}}", name));
    // `docker wait` ends with the container.
    const waiting = spawn("docker", ["wait", name], { stdio: "ignore" });
    gone = new Promise<void>((done) => waiting.once("exit", () => done())).then(() => {
      alive = false;
    });
  };
  return {
    get pid() {
      return pid;
    },
    dataFolder: null,
    kill: (signal) => {
      if (alive) docker(...COMMANDS[signal], name);
    },
    gone: () => gone,
    running: () => alive,
    start,
    said: () => docker("logs", "--tail", SAID_LINES_MAX, name),
  };
}

function docker(...args: readonly string[]): string {
  const run = spawnSync("docker", args, { encoding: "utf8", timeout: COMMAND_MS_MAX });
  if (run.status !== 0) throw new Error(`docker ${args[0]} failed: ${run.stderr || run.error?.message || "no word"}`);
  return run.stdout.trim();
}
