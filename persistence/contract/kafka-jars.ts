// Apache Kafka's jars for tests, from Maven Central by deploy/kafka/pom.xml, in a folder of this user that outlives the run.
//
// Owns: the folder, what makes starts from it quick (kafka-warm.ts), and who fills either.
//
// J1. A folder under its final name is whole: it is filled under another name and renamed.
// J2. Of several test files that want it at once, one fills and the others wait. One that died filling is replaced.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Warm } from "./kafka-java.ts";
import { warmIn, warmUp } from "./kafka-warm.ts";

const POM = fileURLToPath(new URL("../../deploy/kafka/pom.xml", import.meta.url));
/** The plugin by its full name, so that the pom needs no build section and two machines use the same one. */
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
/** Ten minutes: 43 MB took 17 s here; a slow line may take far longer, a hanging one must end. */
const FETCH_MS_MAX = 600_000;
/** Of what mvn says, the end is shown. */
const TOLD_MAX = 500;
const LOOK_AGAIN_MS = 200;
/** A claim without a readable process id is being written; when it is older than this, its writer died. */
const CLAIM_WRITE_MS_MAX = 10_000;

/** The jars and what makes starts from them quick, or why there are none. */
export type Jars = { readonly kind: "there"; readonly folder: string; readonly warm: Warm } | { readonly kind: "missing"; readonly reason: string };

/** The version that the pom names. */
export function kafkaVersion(): string {
  const found = /<kafka\.version>([^<]+)</.exec(readFileSync(POM, "utf8"))?.[1];
  if (found === undefined) throw new Error("deploy/kafka/pom.xml names no kafka.version");
  return found;
}

/** The folder of jars, fetched first when it is not there (J1, J2). `say` hears what takes time. Needs java and, to fetch, mvn. */
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
    await filled(folder, (filling) => {
      say(`fetching Apache Kafka ${kafkaVersion()} from Maven Central into ${folder} (43 MB, once)`);
      return fetchInto(filling);
    });
    await filled(warmFolder, (filling) => {
      say(`starting it once, so that later starts are quick (${warmFolder})`);
      return warmUp(folder, warmIn(filling));
    });
  } catch (error) {
    return { kind: "missing", reason: `Kafka's jars could not be made ready: ${error instanceof Error ? error.message : String(error)}` };
  }
  return { kind: "there", folder, warm: warmIn(warmFolder) };
}

/** Fills `folder` unless it is there (J1, J2). */
async function filled(folder: string, fill: (filling: string) => Promise<void>): Promise<void> {
  const claim = `${folder}.filling`;
  while (!existsSync(folder)) {
    if (!claimed(claim)) {
      await pause(LOOK_AGAIN_MS);
      continue;
    }
    try {
      if (!existsSync(folder)) await fillWhole(folder, fill);
    } finally {
      rmSync(claim, { force: true });
    }
  }
}

async function fillWhole(folder: string, fill: (filling: string) => Promise<void>): Promise<void> {
  const filling = `${folder}.${process.pid}`;
  rmSync(filling, { recursive: true, force: true });
  mkdirSync(filling);
  try {
    await fill(filling);
    renameSync(filling, folder);
  } catch (error) {
    rmSync(filling, { recursive: true, force: true });
    // Two may have filled when one died; the first one's folder is as good.
    if (!existsSync(folder)) throw error;
  }
}

/** True when the program can be started and answers. */
export function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore", timeout: 20_000 }).status === 0;
}

/** True: this process fetches. A claim whose process is gone is taken away, so that the next look may win it. */
function claimed(claim: string): boolean {
  try {
    writeFileSync(claim, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (holderGone(claim)) rmSync(claim, { force: true });
  return false;
}

function holderGone(claim: string): boolean {
  try {
    const pid = Number(readFileSync(claim, "utf8"));
    // Number("") is 0, and kill(0) would ask about our own group.
    if (!Number.isInteger(pid) || pid <= 0) return performance.timeOrigin + performance.now() - statSync(claim).mtimeMs > CLAIM_WRITE_MS_MAX;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
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
