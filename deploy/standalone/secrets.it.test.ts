// What is secret is planted, a whole run is made of it, faults included, and then everything that was said to anybody is searched.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type Client, connect } from "../../gateway/client/client.ts";
import { TOKEN_AUDIENCE, TOKEN_ISSUER } from "../../gateway/local-key.ts";
import { SpawnedSystem } from "./spawned-system.ts";

const HOUR_MS = 3_600_000;
const LINK_KEY = `link-${randomBytes(24).toString("hex")}`;
const JWT_SECRET = `jwt-${randomBytes(24).toString("hex")}`;
/** Of brokers that are not used here: set all the same, as they are where the log was moved away from Kafka. */
const BROKER_PASSWORD = `broker-${randomBytes(24).toString("hex")}`;
const MAXIMUM = 7_654_321;
const RESERVE = 8_765_432;
const RIVAL = 5_000_000;
const BIDDER_ID = "ann.planted@bidders.example";
const EMAIL = "planted.address@mail.example";

/** Amounts as a machine and as a person writes them. */
function written(minor: number): readonly string[] {
  const major = (minor / 100).toFixed(2);
  return [String(minor), major, major.replace(/(\d)(?=(\d{3})+\.)/g, "$1,")];
}

function tokenOf(userId: string, roles: readonly string[]): Promise<string> {
  return new SignJWT({ user_id: userId, roles: [...roles], tier: "enterprise", email: EMAIL })
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(TOKEN_ISSUER)
    .setAudience(TOKEN_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime("30m")
    .sign(Buffer.from(JWT_SECRET));
}

/** Somebody with a client, and every byte that was told to them over socket and HTTP. */
interface Person {
  readonly client: Client;
  readonly heard: string[];
}

function person(system: SpawnedSystem, token?: string): Person {
  const heard: string[] = [];
  class Overheard extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      this.on("message", (data) => heard.push(String(data)));
    }
  }
  const overheard: typeof fetch = async (...request) => {
    const response = await fetch(...request);
    heard.push(await response.clone().text());
    return response;
  };
  const client = connect({ url: system.url, webSocket: Overheard, fetch: overheard, ...(token === undefined ? {} : { token }) });
  onTestFinished(() => client.close());
  return { client, heard };
}

/** All that a stranger, or the bearer of a token, can read of an auction and of the system. */
async function pages(system: SpawnedSystem, auctionId: string, token?: string): Promise<readonly string[]> {
  const auction = `/v1/auctions/${auctionId}`;
  const paths = [
    "/",
    `/auctions/${auctionId}`,
    "/v1/auctions?limit=100",
    "/v1/search?q=sextant",
    auction,
    `${auction}?fresh=true`,
    `${auction}/bids`,
    `${auction}/watchers`,
  ];
  const own = [`${auction}/me`, `${auction}/maximum-bid`, "/v1/me"];
  const about = ["/v1/about", "/v1/increments", "/openapi.json", "/docs", "/health", "/ready", "/metrics", "/errors/forbidden"];
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const urls = [...paths, ...own, ...about].map((path) => `${system.url}${path}`);
  const engine = ["/health", "/ready", "/metrics"].map((path) => `${system.statusUrl}${path}`);
  return await Promise.all([...urls, ...engine].map(async (url) => `${url} ${await (await fetch(url, { headers })).text()}`));
}

/** Requests that are wrong in every way, each with something secret in it. */
async function stumble(system: SpawnedSystem, auctionId: string, token: string): Promise<void> {
  const bids = `${system.url}/v1/auctions/${auctionId}/bids`;
  const json = { "content-type": "application/json", authorization: `Bearer ${token}` };
  await fetch(bids, { method: "POST", headers: json, body: `{"amountMinor": ${MAXIMUM}, "currency": "USD", "email": "${EMAIL}"}` });
  await fetch(bids, { method: "POST", headers: { ...json, "idempotency-key": "one" }, body: `{"amountMinor": ${MAXIMUM}, "currency": "EUR"}` });
  await fetch(bids, { method: "POST", headers: { ...json, "idempotency-key": "two" }, body: `{"amountMinor": ${MAXIMUM}` });
  await fetch(bids, { method: "POST", headers: { ...json, authorization: `Bearer ${token}x`, "idempotency-key": "three" }, body: "{}" });
  const socket = new WebSocket(system.socketUrl, ["fairwarning.v1.json"]);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.once("open", () => socket.send(JSON.stringify({ type: "auth", id: 1, token: `${token}x` })));
  socket.on("error", () => undefined);
  await closed;
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder).map((name) => `${name} ${readFileSync(join(folder, name), "utf8")}`);
}

/** Each planted text that stands in one of the texts, with some of what is around it. */
function found(planted: Readonly<Record<string, readonly string[]>>, texts: readonly string[]): readonly string[] {
  return Object.entries(planted).flatMap(([what, forms]) =>
    forms.flatMap((form) =>
      texts.flatMap((text) => {
        const at = text.indexOf(form);
        return at < 0 ? [] : [`${what}: ${text.slice(Math.max(0, at - 200), at + form.length + 40)}`];
      }),
    ),
  );
}

test("secrets: keys, tokens, maximums, reserves and addresses are in no log, page, answer, frame or metric of anybody else", async () => {
  const system = new SpawnedSystem({
    environment: {
      FAIRWARNING_LINK_KEY: LINK_KEY,
      FAIRWARNING_JWT_SECRET: JWT_SECRET,
      FAIRWARNING_KAFKA_SASL_PASSWORD: BROKER_PASSWORD,
      FAIRWARNING_LOG_LEVEL: "trace",
    },
  });
  onTestFinished(() => system.remove());
  await system.ready();
  const tokens = { ann: await tokenOf(BIDDER_ID, ["bidder"]), bob: await tokenOf("bob", ["bidder"]), seller: await tokenOf("seller-1", ["seller"]) };
  const [ann, bob, seller, stranger] = [person(system, tokens.ann), person(system, tokens.bob), person(system, tokens.seller), person(system)];
  const { auctionId } = await seller.client.auctions.create({
    lot: { title: "Brass sextant", description: "", category: "sextant" },
    currency: "USD",
    openingPriceMinor: 100,
    reserveMinor: RESERVE,
    opensAtMs: seller.client.clock.serverNow(),
    durationMs: HOUR_MS,
  });
  const watches = [ann, bob, stranger].map(({ client }) => client.watch(auctionId));
  await bob.client.placeBid({ auctionId, amountMinor: 1_000, currency: "USD" });
  await ann.client.placeBid({ auctionId, amountMinor: MAXIMUM, currency: "USD" });
  await stumble(system, auctionId, tokens.ann);
  await system.kill("engine");
  await system.kill("postgres");
  const outbid = await bob.client.placeBid({ auctionId, amountMinor: RIVAL, currency: "USD" }, { deadlineMs: 30_000 });
  expect(outbid).toMatchObject({ verdict: "accepted", standing: "outbid", reserveMet: false });
  await system.kill("gateway");
  const seen = new Promise<void>((resolve) => {
    const look = (): void => void (watches.every(({ view }) => view !== null && !view.stale && (view.currentPriceMinor ?? 0) > RIVAL) && resolve());
    for (const watch of watches) for (const event of ["snapshot", "update", "stale"] as const) watch.on(event, look);
    look();
  });
  await seen;

  const password = readFileSync(join(system.dataDir, "postgres/password"), "utf8").trim();
  const toOthers = { maximum: written(MAXIMUM), reserve: written(RESERVE), bidder: [BIDDER_ID], address: [EMAIL] };
  const toAll = {
    "link key": [LINK_KEY],
    "JWT secret": [JWT_SECRET],
    password: [password],
    "broker password": [BROKER_PASSWORD],
    token: Object.values(tokens),
  };
  const strangers = [...stranger.heard, ...(await pages(system, auctionId))];
  const rivals = [...bob.heard, ...(await pages(system, auctionId, tokens.bob))];
  const sellers = [...seller.heard, ...(await pages(system, auctionId, tokens.seller))];
  const own = [...ann.heard, ...(await pages(system, auctionId, tokens.ann))];
  expect(await system.stop()).toBe(0);
  const logged = [...system.said, ...filesIn(join(system.dataDir, "logs"))];

  // The search finds what is there to be found: ann is told her own maximum, and who she is.
  expect(found({ maximum: [String(MAXIMUM)], bidder: [BIDDER_ID] }, own).length).toBeGreaterThan(1);
  expect(logged.some((text) => text.includes("FAIRWARNING_JWT_SECRET"))).toBe(true);
  expect(found({ ...toAll, ...toOthers }, logged)).toEqual([]);
  expect(found({ ...toAll, ...toOthers }, strangers)).toEqual([]);
  expect(found({ ...toAll, ...toOthers }, rivals)).toEqual([]);
  expect(found({ ...toAll, maximum: toOthers.maximum, address: toOthers.address }, sellers)).toEqual([]);
  expect(found({ ...toAll, reserve: toOthers.reserve, address: toOthers.address }, own)).toEqual([]);
});
