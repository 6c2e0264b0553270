// Apache Kafka's jars for tests, from Maven Central by deploy/kafka/pom.xml, in a folder of this user that outlives the run.
//
// Owns: the folder and who fetches into it. Must not: start a broker (kafka-java.ts).
//
// J1. A folder under its final name is whole: it is filled under another name and renamed.
// J2. Of several test files that want it at once, one fetches and the others wait. A fetcher that died is replaced.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const POM = fileURLToPath(new URL("../../deploy/kafka/pom.xml", import.meta.url));
/** The plugin by its full name, so that the pom needs no build section and two machines use the same one. */
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
/** Ten minutes: 43 MB took 17 s here; a slow line may take far longer, a hanging one must end. */
const FETCH_MS_MAX = 600_000;
const LOOK_AGAIN_MS = 200;
/** A claim without a readable process id is being written; when it is older than this, its writer died. */
const CLAIM_WRITE_MS_MAX = 10_000;

/** The jars, or why there are none. */
export type Jars = { readonly kind: "there"; readonly folder: string } | { readonly kind: "missing"; readonly reason: string };

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
  if (existsSync(folder)) return { kind: "there", folder };
  if (!runs("mvn", "-v")) return { kind: "missing", reason: "no Docker engine answers, and to fetch Kafka's jars for java there is no mvn on the path" };
  mkdirSync(cache, { recursive: true });
  const claim = `${folder}.fetching`;
  while (!claimed(claim)) {
    await pause(LOOK_AGAIN_MS);
    if (existsSync(folder)) return { kind: "there", folder };
  }
  try {
    if (!existsSync(folder)) {
      say(`fetching Apache Kafka ${kafkaVersion()} from Maven Central into ${folder} (43 MB, once)`);
      await fetchInto(folder);
      say("fetched");
    }
    return { kind: "there", folder };
  } catch (error) {
    return { kind: "missing", reason: `Kafka's jars could not be fetched: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    rmSync(claim, { recursive: true, force: true });
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

async function fetchInto(folder: string): Promise<void> {
  const filling = `${folder}.${process.pid}`;
  rmSync(filling, { recursive: true, force: true });
  const args = ["--batch-mode", "--quiet", "--file", POM, COPY, "-DincludeScope=runtime", `-DoutputDirectory=${filling}`];
  const child = spawn("mvn", args, { stdio: ["ignore", "pipe", "pipe"], timeout: FETCH_MS_MAX });
  let told = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (told += chunk.toString("utf8")));
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  if (code !== 0) {
    rmSync(filling, { recursive: true, force: true });
    throw new Error(`mvn ended with ${code ?? "a signal"}: ${told.trim().slice(-500)}`);
  }
  try {
    renameSync(filling, folder);
  } catch (error) {
    // J2 may let two fetch when a fetcher died; the first one's folder is as good.
    rmSync(filling, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
