// One supervisor per data folder. The holder's proof of life is a Unix socket, which the kernel closes even after kill -9.
//
// Race H1: two supervisors start at once on a folder whose last holder, number 4, is dead.
//   1. A and B both find holder 4 and are refused by its socket, so both mean to become number 5.
//   2. Both listen first and then link `supervisor.5`; linking fails where the name exists, so one of them, B, has lost.
//   3. B looks again, connects to A's socket and learns who holds the folder.
//   4. C, slow since number 3, links `supervisor.4` after A removed the lower numbers. It lists once more, sees 5 and has lost.
import { randomBytes } from "node:crypto";
import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

export interface Holding {
  release(): void;
}

export type HoldOutcome = { readonly kind: "held"; readonly holding: Holding } | { readonly kind: "taken"; readonly by: string };

const NAME = /^supervisor\.(\d+)$/;
/** Bytes a socket path may have on every system we run on (Linux takes 107, macOS 103). */
const SOCKET_PATH_MAX = 100;
const ASK_LIMIT_MS = 2_000;
/** Each lost race means that somebody else won one, so a few rounds always find the winner. */
const ROUNDS_MAX = 10;

/** Takes the folder, or says who has it. The folder must exist. Rejects on a disk error. */
export async function holdFolder(folder: string, startedAt: number): Promise<HoldOutcome> {
  const nonce = randomBytes(6).toString("hex");
  const inFolder = join(folder, `${nonce}.sock`);
  const socketPath = Buffer.byteLength(inFolder) <= SOCKET_PATH_MAX ? inFolder : join(tmpdir(), `fairwarning-${nonce}.sock`);
  const server = await listen(socketPath, `process ${process.pid} on ${hostname()}, started ${new Date(startedAt).toISOString()}`);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const last = highest(folder);
    const by = last === 0 ? null : await ask(readFileSync(nameOf(folder, last), "utf8"));
    if (by !== null) return giveUp(server, by);
    if (linkHolder(folder, last + 1, socketPath, nonce) && highest(folder) === last + 1) {
      removeBelow(folder, last + 1);
      return { kind: "held", holding: { release: () => server.close() } };
    }
  }
  return giveUp(server, "another process that is starting");
}

function giveUp(server: Server, by: string): HoldOutcome {
  server.close();
  return { kind: "taken", by };
}

function nameOf(folder: string, number: number): string {
  return join(folder, `supervisor.${number}`);
}

function numbers(folder: string): number[] {
  return readdirSync(folder).flatMap((name) => {
    const match = NAME.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function highest(folder: string): number {
  return Math.max(0, ...numbers(folder));
}

/** The name appears whole, with its content, or not at all: written aside, then linked. */
function linkHolder(folder: string, number: number, socketPath: string, nonce: string): boolean {
  const aside = join(folder, `${nonce}.new`);
  writeFileSync(aside, socketPath, { mode: 0o600 });
  try {
    linkSync(aside, nameOf(folder, number));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** The socket of a dead holder stays behind as a file; it goes with its number. */
function removeBelow(folder: string, number: number): void {
  for (const lower of numbers(folder).filter((candidate) => candidate < number)) {
    rmSync(readFileSync(nameOf(folder, lower), "utf8"), { force: true });
    rmSync(nameOf(folder, lower), { force: true });
  }
}

function listen(path: string, answer: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(answer);
    });
    server.once("error", reject);
    server.listen(path, () => resolve(server));
    server.unref();
  });
}

/** What the holder says of itself, or null when nobody listens there any more. A holder that is stopped in the debugger or
 *  by SIGSTOP accepts and says nothing: it counts as alive. */
function ask(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let said = "";
    socket.setEncoding("utf8");
    socket.setTimeout(ASK_LIMIT_MS, () => {
      socket.destroy();
      resolve("a process that does not answer");
    });
    socket.on("data", (text: string) => {
      said += text;
    });
    socket.once("end", () => resolve(said === "" ? "a process that is ending" : said));
    socket.once("error", () => resolve(null));
  });
}
