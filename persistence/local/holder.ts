// One process writes a log folder.
//
// L6. The holder file `holder.<k>` is made with link, which fails if the name exists, and names a Unix socket on which the holder
//     listens. To take over, connect to the socket of the highest k. It is reached: refuse to start. Nobody listens: link
//     `holder.<k+1>`; whoever fails has lost. The socket listens before the link is made. Whoever linked lists the folder again: a
//     higher k means lost, or a slow starter could link a number that others have used and removed. Lower k are removed afterwards.
// The kernel closes the socket on kill -9, and it is reached from every container that shares the folder.
//
// L6a. Only sockets named by a lower holder file are ever removed: any other may be a starter's that is about to link.
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import { link, open, readdir, readFile, unlink, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogFolderHeld } from "./errors.ts";
import { errorCode } from "./files.ts";

export interface Holder {
  /** Gives the folder up. Nothing may be written afterwards. */
  release(): Promise<void>;
}

interface HolderFile {
  /** A name in the folder, or a whole path where the folder's own path is too long for a socket. */
  readonly socket: string;
  readonly pid: number;
}

/** Longest path of a Unix socket on the systems we run on, without the closing zero. */
const SOCKET_PATH_MAX = 103;
const HOLDER = /^holder\.(\d+)$/;
/** A holder that is stopped still lets the kernel take connections, so a connection that takes longer than this is a sign of
 *  trouble and counts as held. */
const CONNECT_LIMIT_MS = 2_000;

/** Becomes the one holder of the folder. Throws LogFolderHeld if somebody else is. */
export async function holdFolder(folder: string): Promise<Holder> {
  const place = await socketPlace(folder);
  let server: net.Server | null = null;
  try {
    const nonce = randomBytes(8).toString("hex");
    const socket = place.named(`${nonce}.sock`);
    server = await listen(socket.path);
    const file = await linkHolder(folder, place, { socket: socket.stored, pid: process.pid }, nonce);
    return { release: () => release(folder, file, { server: server as net.Server, place }) };
  } catch (error) {
    if (server !== null) await closeServer(server);
    await place.close();
    throw error;
  }
}

async function linkHolder(folder: string, place: SocketPlace, own: HolderFile, nonce: string): Promise<string> {
  const highest = await highestHolder(folder);
  if (highest > 0) await checkDead(folder, place, highest);
  const draft = join(folder, `${nonce}.holder`);
  const name = `holder.${highest + 1}`;
  await writeFile(draft, JSON.stringify(own));
  try {
    await link(draft, join(folder, name));
  } catch (error) {
    if (errorCode(error) === "EEXIST") throw new LogFolderHeld(folder, await pidOf(folder, name));
    throw error;
  } finally {
    await unlink(draft);
  }
  const now = await highestHolder(folder);
  if (now > highest + 1) {
    await unlink(join(folder, name));
    throw new LogFolderHeld(folder, await pidOf(folder, `holder.${now}`));
  }
  await removeLower(folder, place, highest + 1);
  return name;
}

async function checkDead(folder: string, place: SocketPlace, highest: number): Promise<void> {
  const name = `holder.${highest}`;
  const file = await readHolder(folder, name);
  // Removed while we looked: its holder has just left, or lost to somebody. Whoever it is, the next start will tell.
  if (file === null) throw new LogFolderHeld(folder, null);
  if (await reached(place.stored(file.socket))) throw new LogFolderHeld(folder, file.pid);
}

async function highestHolder(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).map((name) => Number(HOLDER.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}

async function removeLower(folder: string, place: SocketPlace, own: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const number = Number(HOLDER.exec(name)?.[1] ?? own);
    if (number >= own) continue;
    const file = await readHolder(folder, name);
    if (file !== null) await removeQuietly(place.stored(file.socket));
    await removeQuietly(join(folder, name));
  }
}

async function release(folder: string, name: string, held: { server: net.Server; place: SocketPlace }): Promise<void> {
  await removeQuietly(join(folder, name));
  await closeServer(held.server);
  await held.place.close();
}

async function readHolder(folder: string, name: string): Promise<HolderFile | null> {
  let text: string;
  try {
    text = await readFile(join(folder, name), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const { socket, pid } = JSON.parse(text) as Partial<HolderFile>;
    if (typeof socket === "string" && typeof pid === "number") return { socket, pid };
  } catch {
    // Falls through: a file we cannot read names no socket, and nobody can be reached by it.
  }
  return { socket: "unreadable", pid: 0 };
}

async function pidOf(folder: string, name: string): Promise<number | null> {
  return (await readHolder(folder, name))?.pid ?? null;
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

// sockets

interface SocketPlace {
  named(name: string): { readonly path: string; readonly stored: string };
  /** The path of a socket as a holder file names it. */
  stored(socket: string): string;
  close(): Promise<void>;
}

/** How sockets in the folder are reached: by their path, or where that is too long through an open handle of the folder (Linux),
 *  or else in the system's folder for temporary files. */
async function socketPlace(folder: string): Promise<SocketPlace> {
  const nameBytes = "/0123456789abcdef.sock".length;
  const inFolder = (base: string, close: () => Promise<void>): SocketPlace => ({
    named: (name) => ({ path: `${base}/${name}`, stored: name }),
    stored: (socket) => (socket.startsWith("/") ? socket : `${base}/${socket}`),
    close,
  });
  if (Buffer.byteLength(folder) + nameBytes <= SOCKET_PATH_MAX) return inFolder(folder, () => Promise.resolve());
  if (fs.existsSync("/proc/self/fd")) {
    const handle = await open(folder, "r");
    return inFolder(`/proc/self/fd/${handle.fd}`, () => handle.close());
  }
  return {
    named: (name) => ({ path: join(tmpdir(), name), stored: join(tmpdir(), name) }),
    stored: (socket) => (socket.startsWith("/") ? socket : join(folder, socket)),
    close: () => Promise.resolve(),
  };
}

function listen(path: string): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    // Being reached is the whole answer.
    const server = net.createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Whether somebody listens. Only "nobody listens" and "no such socket" are a no; every doubt is a yes. */
function reached(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.setTimeout(CONNECT_LIMIT_MS);
    const answer = (held: boolean): void => {
      socket.destroy();
      resolve(held);
    };
    socket.once("connect", () => answer(true));
    socket.once("timeout", () => answer(true));
    socket.once("error", (error) => answer(errorCode(error) !== "ECONNREFUSED" && errorCode(error) !== "ENOENT"));
  });
}
