// One key, asked again over HTTP and both sub-protocols, before and after the engine is killed: each way gives its own bytes again.
import { pack } from "msgpackr";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { SpawnedSystem } from "./spawned-system.ts";
import { createAuction } from "./test-auctions.ts";

interface Bid {
  readonly auctionId: string;
  readonly key: string;
  readonly amountMinor: number;
}

/** Status, body and the mark of a repeat, as they came. */
type Ask = (bid: Bid) => Promise<{ readonly bytes: string; readonly replayed: boolean }>;

function overHttp(system: SpawnedSystem, token: string): Ask {
  return async ({ auctionId, key, amountMinor }) => {
    const response = await fetch(`${system.url}/v1/auctions/${auctionId}/bids`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ amountMinor, currency: "USD" }),
    });
    return { bytes: `${response.status} ${await response.text()}`, replayed: response.headers.get("idempotency-replayed") === "true" };
  };
}

/** Each bid on a socket of its own, so that nothing but the answer differs. */
function overSocket(system: SpawnedSystem, token: string, protocol: "json" | "msgpack"): Ask {
  return (bid) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(system.socketUrl, [`fairwarning.v1.${protocol}`]);
      const encode = protocol === "json" ? JSON.stringify : pack;
      socket.on("error", reject);
      socket.on("close", (code) => reject(new Error(`closed ${code}`)));
      socket.on("open", () => {
        socket.send(encode({ type: "auth", token }));
        socket.send(encode({ type: "place_bid", id: 7, currency: "USD", ...bid }));
      });
      socket.on("message", (data: Buffer) => {
        const text = data.toString("latin1");
        if (text.includes("welcome")) return;
        if (!text.includes("bid_answer")) reject(new Error(text));
        // `replayed` is one word of the text, and one byte of the packed form, behind its name.
        const mark = protocol === "json" ? /"replayed":(true|false)/ : /replayed([\xc2\xc3])/;
        const found = mark.exec(text)?.[1];
        resolve({ bytes: text.replace(mark, "replayed"), replayed: found === "true" || found === "\xc3" });
        socket.terminate();
      });
    });
}

test("repeats: one key gets its bytes again over HTTP and both sub-protocols, whichever asked first, also after the engine was killed", async () => {
  const system = new SpawnedSystem({ environment: { FAIRWARNING_SNAPSHOTS: "memory" } });
  onTestFinished(() => system.remove());
  await system.ready();
  const auctionId = await createAuction(system);
  const token = await system.token("bidder-1");
  const ways: Readonly<Record<string, Ask>> = {
    http: overHttp(system, token),
    json: overSocket(system, token, "json"),
    msgpack: overSocket(system, token, "msgpack"),
  };
  const bids: Readonly<Record<string, Bid>> = {
    http: { auctionId, key: "first-by-http", amountMinor: 1_000 },
    json: { auctionId, key: "first-by-json", amountMinor: 2_000 },
    msgpack: { auctionId, key: "first-by-msgpack", amountMinor: 3_000 },
    rejected: { auctionId, key: "rejected", amountMinor: 1 },
  };
  const told = new Map<string, string>();
  for (const [first, bid] of Object.entries(bids)) {
    const order = [first in ways ? first : "http", "http", "json", "msgpack"];
    for (const [n, way] of order.entries()) {
      const { bytes, replayed } = (await ways[way]?.(bid)) ?? { bytes: "", replayed: false };
      expect(replayed, `${bid.key} over ${way}`).toBe(n > 0);
      expect(bytes, `${bid.key} over ${way}`).toBe(told.get(`${bid.key} ${way}`) ?? bytes);
      told.set(`${bid.key} ${way}`, bytes);
    }
  }
  expect(told.size).toBe(12);
  expect(told.get("rejected http")).toMatch(/^422 .*"code":"/);
  await system.kill("engine");
  for (const bid of Object.values(bids)) {
    for (const [way, ask] of Object.entries(ways)) {
      expect(await ask(bid), `${bid.key} over ${way}, after`).toEqual({ bytes: told.get(`${bid.key} ${way}`), replayed: true });
    }
  }
  const reused = await ways.http?.({ auctionId, key: "first-by-json", amountMinor: 9_000 });
  expect(reused?.bytes).toMatch(/^422 .*"code":"key_reused"/);
  expect(await system.stop()).toBe(0);
});
