// Auctions to bid on, made over the HTTP API as a seller makes them.
import { Agent, request } from "node:http";
import { SLOT_COUNT } from "../engine/core/ids.ts";

/** Requests under way at once. More only wait in the gateway. */
const CONNECTIONS = 24;
const DAY_MS = 86_400_000;
const CREATED = 201;
const TRIES_MAX = 5;

export interface NewAuctions {
  readonly url: string;
  readonly sellerToken: string;
  readonly count: number;
  readonly now: number;
}

/** Opens that many auctions, each with a step of one minor unit at every price and no soft close, and returns their ids. Rejects
 *  with the first answer that is not 201. */
export async function createAuctions(options: NewAuctions): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const ids = new Array<string>(options.count);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < options.count; n = next++) ids[n] = await create(agent, options, n);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, lane));
  agent.destroy();
  return ids;
}

/** The same key each time, so that a repeat after a busy answer makes no second auction. */
async function create(agent: Agent, options: NewAuctions, n: number): Promise<string> {
  const body = JSON.stringify({
    lot: { title: `Lot ${n}` },
    currency: "USD",
    openingPriceMinor: 100,
    increments: { bands: [{ fromMinor: 0, stepMinor: 1 }] },
    opensAt: new Date(options.now).toISOString(),
    endsAt: new Date(options.now + DAY_MS).toISOString(),
  });
  for (let tries = 1; ; tries += 1) {
    const { status, text } = await post(agent, options, { key: `bench-${n}`, body });
    if (status === CREATED) return (JSON.parse(text) as { readonly auctionId: string }).auctionId;
    if (tries === TRIES_MAX) throw new Error(`auction ${n} could not be made: ${status} ${text}`);
  }
}

function post(agent: Agent, options: NewAuctions, about: { readonly key: string; readonly body: string }): Promise<{ status: number; text: string }> {
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(about.body),
    authorization: `Bearer ${options.sellerToken}`,
    "idempotency-key": about.key,
  };
  return new Promise((resolve, reject) => {
    const sent = request(`${options.url}/v1/auctions`, { method: "POST", agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(about.body);
  });
}

/** Ids of the right form that no engine knows, spread over all slots: for an engine that does not look. */
export function inventedAuctionIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => {
    const slot = ((n * 2_654_435_761) >>> 0) % SLOT_COUNT;
    return `${slot.toString(16).padStart(3, "0")}${n.toString(16).padStart(5, "0")}-0000-8000-8000-000000000000`;
  });
}
