// One Kafka node as a Java process of this user, started from the jars.
//
// Owns: its folder's files, its start and its signals. Must not: know of other nodes, or decide when it is ready (kafka-server.ts).
//
// Each node's folder has: server.properties, data/ (what a restart keeps), server.log (what it said, for when it does not start),
// and pid, from its start until it is gone: who cleans up after a killed test process reads it (kafka-guard.ts).
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KafkaSource, NodeProcess } from "./kafka-node.ts";
import { LOOPBACK, nodeSettings, propertiesText } from "./kafka-settings.ts";

/** Serial collector and first compiler only: the quickest start and the fewest threads, on a small machine shared with the test. */
const JVM = ["-Xms32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true"];
const HEAP = "-Xmx256m";
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

/** Nodes as Java processes of this user, from this folder of jars. */
export function javaSource(jars: string): KafkaSource {
  const make: KafkaSource["make"] = ({ plan, plans, folder, clusterId }) =>
    javaNode({ jars, folder, clusterId, settings: nodeSettings(plan, plans, { logDir: join(folder, "data"), bind: LOOPBACK }) });
  return { hostOf: () => LOOPBACK, make, cleanUp: [] };
}

/** Refuses when the storage tool fails. */
async function javaNode(options: {
  readonly jars: string;
  readonly folder: string;
  readonly clusterId: string;
  readonly settings: Readonly<Record<string, string>>;
}): Promise<NodeProcess> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true });
  const properties = join(folder, "server.properties");
  const logging = join(folder, "log4j2.properties");
  writeFileSync(properties, propertiesText(options.settings));
  writeFileSync(logging, LOGGING);
  const java = [...JVM, HEAP, `-Dlog4j2.configurationFile=${logging}`, "-cp", join(options.jars, "*")];
  const format = ["kafka.tools.StorageTool", "format", `--cluster-id=${options.clusterId}`, "--config", properties];
  const formatting = launch(folder, [...java, ...format]);
  const said = (): string => readFileSync(join(folder, "server.log"), "utf8").slice(-SAID_BYTES_MAX);
  if ((await ended(formatting, folder)) !== 0) throw new Error(`Kafka's storage could not be formatted: ${said()}`);
  return runningNode(folder, [...java, "kafka.Kafka", properties], said);
}

function runningNode(folder: string, args: readonly string[], said: () => string): NodeProcess {
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
    said,
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
