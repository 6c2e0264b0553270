// An engine that rules on nothing and keeps nothing: every command is answered at once, as accepted. Behind the real gateway and the
// real link it shows what sockets and hops cost, which is the limit that the real engine is held against.
import { pino } from "pino";
import { readEngineSettings } from "../../engine/config.ts";
import { ANSWER_BYTES, writeAnswer } from "../../engine/core/answers.ts";
import type { Command } from "../../engine/core/command.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import type { LinkNode } from "../../engine/link/node.ts";
import { createLinkServer } from "../../engine/link/server.ts";
import type { Caller, ReadCaller } from "../../engine/ports.ts";
import type { Read, ShardStatus } from "../../engine/protocol.ts";
import { machineClock, machineNonces, machineTimers } from "../../engine/runtime.ts";

const EXIT_SETTINGS = 2;
const LIFE_ID = "00".repeat(16);
const DAY_MS = 86_400_000;

class Echo implements LinkNode {
  readonly #shards: number;
  readonly #row = new Uint8Array(ANSWER_BYTES);
  #sequence = 0;

  constructor(shards: number) {
    this.#shards = shards;
  }

  command(caller: Caller, requestId: number, _deadlineMs: number, command: Command): void {
    const { auctionId, body, keyDigest, fingerprint } = command;
    if (keyDigest === null || fingerprint === null || body.type !== "place_bid") {
      caller.refuse(requestId, auctionId, "overloaded", 0);
      return;
    }
    this.#sequence += 1;
    writeAnswer(this.#row, 0, keyDigest, fingerprint, {
      verdict: "accepted",
      code: "leading",
      sequence: this.#sequence,
      epoch: 1,
      at: machineClock.now(),
      standing: "leading",
      price: body.amount,
      askingPrice: body.amount + 1,
      reserveMet: null,
      endsAt: machineClock.now() + DAY_MS,
    });
    caller.answer(requestId, auctionId, this.#row, 0, false);
  }

  read(caller: ReadCaller, requestId: number, read: Read): void {
    const auctionId: AuctionId = read.auctionId;
    caller.refuse(requestId, auctionId, "no_such_auction", 0);
  }

  statuses(): readonly ShardStatus[] {
    return Array.from({ length: this.#shards }, (_, shard) => ({ shard, state: "serving", epoch: 1, lsn: 1, offset: 1 }));
  }

  turn(): void {}

  closed(): void {}
}

const loaded = readEngineSettings();
if (!loaded.ok) {
  for (const fault of loaded.faults) process.stderr.write(`${JSON.stringify(fault)}\n`);
  process.exit(EXIT_SETTINGS);
}
const { settings } = loaded;
const log = pino({ base: { process: "echo" } });
const link = createLinkServer({
  host: settings.engineLinkHost,
  port: settings.engineLinkPort,
  linkKey: settings.linkKey ?? "",
  node: new Echo(settings.shards),
  clock: machineClock,
  timers: machineTimers,
  nonces: machineNonces,
  identity: { nodeId: settings.nodeId, lifeId: LIFE_ID, shards: settings.shards, version: "echo" },
});
const linkPort = await link.listen();
process.once("SIGTERM", () => process.exit(0));
process.stdin.once("end", () => process.exit(0));
process.stdin.resume();
log.info({ event: "ready", linkPort, durability: "NO DURABILITY: nothing is decided or kept" }, "ready");
