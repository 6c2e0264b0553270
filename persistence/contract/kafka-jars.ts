// Apache Kafka's jars for tests, from Maven Central by deploy/kafka/pom.xml, in a folder of this user that outlives the run.
//
// Owns: the folder, and what makes starts from it quick (kafka-warm.ts). Each is filled once, whoever asks (fill-once.ts).
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fillOnce } from "./fill-once.ts";
import type { Warm } from "./kafka-java.ts";
import { warmIn, warmUp } from "./kafka-warm.ts";

const POM = fileURLToPath(new URL("../../deploy/kafka/pom.xml", import.meta.url));
/** The plugin by its full name, so that the pom needs no build section and two machines use the same one. */
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
/** Ten minutes: 43 MB took 17 s here; a slow line may take far longer, a hanging one must end. */
const FETCH_MS_MAX = 600_000;
/** Of what mvn says, the end is shown. */
const TOLD_MAX = 500;

/** The jars and what makes starts from them quick, or why there are none. */
export type Jars = { readonly kind: "there"; readonly folder: string; readonly warm: Warm } | { readonly kind: "missing"; readonly reason: string };

/** The version that the pom names. */
export function kafkaVersion(): string {
  const found = /<kafka\.version>([^<]+)</.exec(readFileSync(POM, "utf8"))?.[1];
  if (found === undefined) throw new Error("deploy/kafka/pom.xml names no kafka.version");
  return found;
}

/** The folder of jars, fetched first when it is not there. `say` hears what takes time. Needs java and, to fetch, mvn. */
export async function kafkaJars(say: (line: string) => void = () => undefined): Promise<Jars> {
  if (!runs("java", "-version")) return { kind: "missing", reason: "no Docker engine answers and there is no java on the path" };
  const cache = join(homedir(), ".cache", "fairwarning");
  const folder = join(cache, `kafka-${kafkaVersion()}`);
  const warmFolder = `${folder}-warm`;
  if (!existsSync(folder) && !runs("mvn", "-v")) {
    return { kind: "missing", reason: "no Docker engine answers, and to fetch Kafka's jars for java there is no mvn on the path" };
  }
  mkdirSync(cache, { recursive: true });
  try {
    await fillOnce(folder, (filling) => {
      say(`fetching Apache Kafka ${kafkaVersion()} from Maven Central into ${folder} (43 MB, once)`);
      return fetchInto(filling);
    });
    await fillOnce(warmFolder, (filling) => {
      say(`starting it once, so that later starts are quick (${warmFolder})`);
      return warmUp(folder, warmIn(filling));
    });
  } catch (error) {
    return { kind: "missing", reason: `Kafka's jars could not be made ready: ${error instanceof Error ? error.message : String(error)}` };
  }
  return { kind: "there", folder, warm: warmIn(warmFolder) };
}

/** True when the program can be started and answers. */
export function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 20_000 }).status === 0;
}

async function fetchInto(filling: string): Promise<void> {
  const args = ["--batch-mode", "--quiet", "--file", POM, COPY, "-DincludeScope=runtime", `-DoutputDirectory=${filling}`];
  const child = spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"], timeout: FETCH_MS_MAX });
  let told = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      told = (told + chunk.toString("utf8")).slice(-TOLD_MAX);
    });
  }
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  if (code !== 0) throw new Error(`mvn ended with ${code ?? "a signal"}: ${told.trim()}`);
}
