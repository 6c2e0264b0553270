// The bench's command line: first figures of the in-process loop and of one WebSocket gateway.
import { tmpdir } from "node:os";
import { type InProcessResult, runInProcess } from "./in-process.ts";

async function inProcess(log: "local" | "memory", auctions: number, outstanding: number): Promise<InProcessResult> {
  return await runInProcess({ log, auctions, outstanding, warmUpSeconds: 2, seconds: 4, parent: process.env["FAIRWARNING_BENCH_DIR"] ?? tmpdir() });
}

for (const log of ["memory", "local"] as const) {
  for (const auctions of [1_000, 1]) console.log(log, JSON.stringify(await inProcess(log, auctions, 512)));
}
