// Auctions over HTTP, for tests of whole processes: opened by a seller, read by anybody.
import { randomUUID } from "node:crypto";
import pRetry from "p-retry";
import type { SpawnedSystem } from "./spawned-system.ts";

const HOUR_MS = 3_600_000;

/** The public object of one auction, as it was read. */
export type PublicAuction = Readonly<Record<string, unknown>> & {
  readonly auctionId: string;
  readonly sequence: number;
  readonly phase: string;
  readonly currentPriceMinor: number | null;
  readonly totalBids: number;
};

/** What an HTTP request met: status, and `code` of a problem. */
export interface Met {
  readonly status: number;
  readonly code: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One GET, answered as JSON. */
export async function get(url: string): Promise<Met> {
  return await met(await fetch(url));
}

async function met(response: Response): Promise<Met> {
  const body = (await response.json()) as Met["body"];
  return { status: response.status, code: typeof body.code === "string" ? body.code : null, body };
}

/** Asks for an auction in USD that opens now at 1.00 and is open for an hour, unless `over` says otherwise. */
export async function askForAuction(system: SpawnedSystem, over: Readonly<Record<string, unknown>> = {}, sellerId = "seller-1"): Promise<Met> {
  const token = await system.token(sellerId, ["seller"]);
  const body = {
    lot: { title: "Brass sextant", description: "In its box.", category: "sextant", images: [] },
    currency: "USD",
    openingPriceMinor: 100,
    opensAt: new Date().toISOString(),
    durationMs: HOUR_MS,
    ...over,
  };
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}`, "idempotency-key": randomUUID() };
  return await met(await fetch(`${system.url}/v1/auctions`, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** The same, and its id. Throws when it was not created. */
export async function createAuction(system: SpawnedSystem, over: Readonly<Record<string, unknown>> = {}, sellerId = "seller-1"): Promise<string> {
  const { status, body } = await askForAuction(system, over, sellerId);
  if (status !== 201) throw new Error(`no auction was created: ${status} ${JSON.stringify(body)}`);
  return String(body.auctionId);
}

/** Auctions as anybody reads them, in the order of the ids. Throws when one is refused. */
export async function readAuctions(system: SpawnedSystem, ids: readonly string[]): Promise<readonly PublicAuction[]> {
  return await Promise.all(
    ids.map(async (id) => {
      const { status, body } = await get(`${system.url}/v1/auctions/${id}`);
      if (status !== 200) throw new Error(`auction ${id} is not to be had: ${status} ${JSON.stringify(body)}`);
      return body as PublicAuction;
    }),
  );
}

/** Looks again until `look` gives something; rejects with what was waited for after the limit. For what no process tells of. */
export async function eventually<T>(what: string, look: () => Promise<T | null>, limitMs = 15_000): Promise<T> {
  return await pRetry(
    async () => {
      const found = await look();
      if (found === null) throw new Error(`waited for ${what}`);
      return found;
    },
    { retries: 100_000, minTimeout: 20, maxTimeout: 100, factor: 1.5, maxRetryTime: limitMs },
  );
}
