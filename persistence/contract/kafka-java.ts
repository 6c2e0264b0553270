// One Kafka node as a Java process of this user, started from the jars.
//
// Owns: its folder's files, its start and its signals. Must not: know of other nodes, or decide when it is ready (kafka-server.ts).
//
// Each node's folder has: server.properties, data/ (what a restart keeps), server.log (what it said, for when it does not start),
// and pid, from its start until it is gone: who cleans up after a killed test process reads it (kafka-guard.ts).
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KafkaSource, NodeProcess } from "./kafka-node.ts";
import { LOOPBACK, type NodePlan, nodeSettings, propertiesText } from "./kafka-settings.ts";

/** Serial collector and first compiler only: the quickest start and the fewest threads, on a small machine shared with the test. */
const JVM = ["-Xms32m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true"];
const DATA = "data";
const CHECKPOINT = "bootstrap.checkpoint";
const SAID_BYTES_MAX = 4_000;
const LOGGING = `status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
`;
/** The process id is written before Java runs, and nothing runs when it cannot be: the folder is being cleaned up. */
const LAUNCH = 'echo $$ > "$1/pid" && shift && exec "$@"';

/** What makes starts quick: see kafka-warm.ts. */
export interface Warm {
  /** A class-data archive of a broker's classes. One that does not fit this Java is ignored by it. */
  readonly archive: string;
  /** The bootstrap.checkpoint that the storage tool writes: the same for every node of one version. */
  readonly checkpoint: string;
}

/** Nodes as Java processes of this user, from this folder of jars. */
export function javaSource(jars: string, warm: Warm): KafkaSource {
  const make: KafkaSource["make"] = ({ plan, plans, folder, clusterId }) => {
    const { java, properties } = prepared({ plan, plans, folder, jars, flags: [`-XX:SharedArchiveFile=${warm.archive}`] });
    const data = join(folder, DATA);
    mkdirSync(data);
    copyFileSync(warm.checkpoint, join(data, CHECKPOINT));
    writeFileSync(join(data, "meta.properties"), metaText(clusterId, plan.nodeId));
    return Promise.resolve(runningNode(folder, [...java, "kafka.Kafka", properties]));
  };
  return { hostOf: () => LOOPBACK, make, cleanUp: [] };
}

/** Nodes formatted by Kafka's storage tool, for the run that makes `warm`: it leaves the checkpoint there, and at its end the archive. */
export function coldSource(jars: string, warm: Warm): KafkaSource {
  const make: KafkaSource["make"] = async ({ plan, plans, folder, clusterId }) => {
    const { java, properties } = prepared({ plan, plans, folder, jars, flags: [] });
    const formatting = launch(folder, [...java, "kafka.tools.StorageTool", "format", `--cluster-id=${clusterId}`, "--config", properties]);
    if ((await ended(formatting, folder)) !== 0) throw new Error(`Kafka's storage could not be formatted: ${said(folder)}`);
    copyFileSync(join(folder, DATA, CHECKPOINT), warm.checkpoint);
    return runningNode(folder, [`-XX:ArchiveClassesAtExit=${warm.archive}`, ...java, "kafka.Kafka", properties]);
  };
  return { hostOf: () => LOOPBACK, make, cleanUp: [] };
}

/** Writes the files of a node's folder but its data; Java's arguments up to the class. */
function prepared(options: {
  readonly plan: NodePlan;
  readonly plans: readonly NodePlan[];
  readonly folder: string;
  readonly jars: string;
  readonly flags: readonly string[];
}): { readonly java: readonly string[]; readonly properties: string } {
  const { plan, plans, folder, jars, flags } = options;
  mkdirSync(folder, { recursive: true });
  const properties = join(folder, "server.properties");
  const logging = join(folder, "log4j2.properties");
  writeFileSync(properties, propertiesText(nodeSettings(plan, plans, { logDir: join(folder, DATA), bind: LOOPBACK })));
  writeFileSync(logging, LOGGING);
  return { java: [...JVM, ...flags, `-Dlog4j2.configurationFile=${logging}`, "-cp", join(jars, "*")], properties };
}

/** What the storage tool writes as meta.properties. */
function metaText(clusterId: string, nodeId: number): string {
  return propertiesText({
    version: "1",
    "cluster.id": clusterId,
    "node.id": String(nodeId),
    // Sixteen random bytes; an id of zeros but the last would be one of Kafka's reserved ones.
    "directory.id": randomBytes(16).toString("base64url"),
  });
}

function said(folder: string): string {
  return readFileSync(join(folder, "server.log"), "utf8").slice(-SAID_BYTES_MAX);
}

function runningNode(folder: string, args: readonly string[]): NodeProcess {
  let child: ChildProcess | null = null;
  let gone: Promise<unknown> = Promise.resolve();
  const live = (): number => {
    if (child?.pid === undefined) throw new Error("the node was never started");
    return child.pid;
  };
  const running = (): boolean => child !== null && child.exitCode === null && child.signalCode === null;
  return {
    get pid() {
      return live();
    },
    dataFolder: join(folder, DATA),
    kill: (signal) => {
      if (running()) process.kill(live(), signal);
    },
    gone: async () => void (await gone),
    running,
    start: async () => {
      await gone;
      child = launch(folder, args);
      gone = ended(child, folder);
    },
    said: () => said(folder),
  };
}

/** In a group of its own, so that a Ctrl-C meant for the tests leaves the order of stopping to them. */
function launch(folder: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(folder, "server.log"), "a");
  try {
    return spawn("sh", ["-c", LAUNCH, "sh", folder, "java", ...args], { stdio: ["ignore", log, log], detached: true });
  } finally {
    closeSync(log);
  }
}

async function ended(child: ChildProcess, folder: string): Promise<number | null> {
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("exit", done);
  });
  rmSync(join(folder, "pid"), { force: true });
  return code;
}
