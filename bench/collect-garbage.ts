// Has another Node process collect its garbage, so that what it holds is what it needs. Uses the inspector, which a signal opens.
import { WebSocket } from "ws";
import type { Spawned } from "./spawned.ts";

const OPENED = /^Debugger listening on (ws:\/\/\S+)$/;
const LIMIT_MS = 60_000;
/** One collection leaves what finalisers held. */
const COLLECTIONS = 2;

/** Resolves when it is done. Rejects when the process opens no inspector. */
export async function collectGarbage(process: Spawned): Promise<void> {
  const address = await inspectorOf(process);
  const socket = new WebSocket(address);
  await new Promise<void>((resolve, reject) => {
    let done = 0;
    const ask = (): void => socket.send(JSON.stringify({ id: done + 1, method: "HeapProfiler.collectGarbage" }));
    socket.once("open", ask);
    socket.once("error", reject);
    socket.on("message", () => {
      done += 1;
      if (done < COLLECTIONS) ask();
      else resolve();
    });
  });
  socket.close();
}

const known = new WeakMap<Spawned, string>();

/** It says its address once, when the first signal comes. */
function inspectorOf(process: Spawned): Promise<string> {
  const before = known.get(process);
  if (before !== undefined) return Promise.resolve(before);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      stop();
      reject(process.fault("opened no inspector"));
    }, LIMIT_MS);
    const stop = process.listen((line) => {
      const address = OPENED.exec(line?.text ?? "")?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      stop();
      known.set(process, address);
      resolve(address);
    });
    process.signal("SIGUSR1");
  });
}
