// A process whose reader is gone must end: the line it still had to write is nobody's any more.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";

const MODULE = new URL("../dist/engine/process-log.js", import.meta.url).href;

/** Exit code of a process that says something and exits after its supervisor is gone; null when it had to be killed. */
async function endOf(destination: string): Promise<number | null> {
  const script = `
    import { pino } from "pino";
    import { logDestination } from ${JSON.stringify(MODULE)};
    const log = pino({}, ${destination});
    process.stdin.once("end", () => {
      for (let n = 0; n < 20; n += 1) log.info("the supervisor is gone");
      process.exit(0);
    });
    process.stdin.resume();
    log.info("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  child.stdout.destroy();
  child.stdin.end();
  const ended = once(child, "exit") as Promise<[number | null]>;
  const late = once(AbortSignal.timeout(3_000), "abort").then(() => child.kill("SIGKILL"));
  await Promise.race([ended, late]);
  return (await ended)[0];
}

test("process log: a process whose supervisor is gone ends with lines unwritten", async () => {
  expect(await endOf("logDestination(true)")).toBe(0);
});

// When this fails, pino's own flush has learnt to give up, and logDestination can go.
test("process log: without it pino tries the broken pipe for ever", async () => {
  expect(await endOf("pino.destination({ fd: 1, sync: false })")).toBeNull();
});
