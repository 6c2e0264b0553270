// The demo's process: composition, ready line, end. The supervisor starts and restarts it.
import { setMaxListeners } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { pino } from "pino";
import { WebSocket } from "ws";
import { logDestination } from "../../engine/process-log.ts";
import { connect } from "../../gateway/client/client.ts";
import type { Auction, Client, WebSocketConstructor } from "../../gateway/client/types.ts";
import { loadOrCreateLocalKey, signToken } from "../../gateway/local-key.ts";
import { now, wait } from "../clock.ts";
import { readSupervisorSettings, type SupervisorSettings } from "./config.ts";
import { bidAlong, DEMO_SELLER, type DemoWorld, keepOpen, type NumberStore } from "./demo.ts";
import { makeBidder } from "./demo-bidder.ts";

interface Flags {
  readonly url: string;
  readonly bidders: string;
}

const EXIT_SETTINGS = 2;
const log = pino({ base: { process: "demo" } }, logDestination(true));

/** The number of the next demo auction, in a file. Lost or unreadable it begins at 0, and numbers already opened are passed over. */
function numbersIn(dataDir: string): NumberStore {
  const file = join(dataDir, "demo-next");
  return {
    read: () => {
      try {
        const next = Number(readFileSync(file, "utf8"));
        return Number.isSafeInteger(next) && next >= 0 ? next : 0;
      } catch {
        return 0;
      }
    },
    write: (next) => writeFileSync(file, String(next)),
  };
}

async function run(flags: Flags, settings: SupervisorSettings): Promise<void> {
  const { dataDir, jwtIssuer: issuer, jwtAudience: audience } = settings;
  const key = await loadOrCreateLocalKey(dataDir);
  const stopping = new AbortController();
  // Each bidder that thinks listens for the end.
  setMaxListeners(0, stopping.signal);
  const stop = (): void => stopping.abort();
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdin.once("end", stop);
  process.stdin.resume();
  const world: DemoWorld = { now, wait, say: (event, detail) => log[event === "demo_bid_refused" ? "debug" : "info"]({ event, ...detail }, event) };
  const open = (userId: string, name: string, roles: readonly string[]): Client =>
    connect({
      url: flags.url,
      token: () => signToken(key, { userId, name, roles, tier: "enterprise" }, { now: now(), issuer, audience }),
      webSocket: WebSocket as unknown as WebSocketConstructor,
    });
  const seller = open(DEMO_SELLER, "Fairwarning House", ["seller"]);
  const clients = [seller];
  let running: readonly Auction[] = [];
  let ready = false;
  const bidding: Promise<void>[] = [];
  const onRunning = (auctions: readonly Auction[]): void => {
    running = auctions;
    if (ready) return;
    ready = true;
    log.info({ event: "ready", auctions: auctions.length, bidders: Number(flags.bidders) }, "ready");
    for (let number = 0; number < Number(flags.bidders); number += 1) {
      const bidder = makeBidder(now(), number);
      const client = open(bidder.id, bidder.name, ["bidder"]);
      clients.push(client);
      bidding.push(bidAlong(bidder, client, () => running, world, stopping.signal));
    }
  };
  await keepOpen(seller, numbersIn(dataDir), world, stopping.signal, onRunning);
  await Promise.all(bidding);
  await Promise.all(clients.map((client) => client.close()));
}

const command = new Command("demo").requiredOption("--url <url>").requiredOption("--bidders <count>");
command.action(async (flags: Flags) => {
  const loaded = readSupervisorSettings({});
  if (!loaded.ok) process.exit(EXIT_SETTINGS);
  await run(flags, loaded.settings);
  process.exit(0);
});
await command.parseAsync(process.argv);
