import { expect, test } from "vitest";
import { BidderSockets, Door, type UpgradeAsk } from "./door.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./limits.ts";
import { type Peer, Viewer } from "./viewer.ts";

const ASK: UpgradeAsk = { origin: "https://a.example", host: "a.example:3000", protocols: "fairwarning.v1.json", hasTicket: false, address: "1.2.3.4" };

function door(origins: readonly string[] = ["https://a.example"], limits: Partial<SocketLimits> = {}): Door {
  return new Door(origins, { ...SOCKET_LIMITS, ...limits }, 0);
}

function viewer(): Viewer {
  const peer: Peer = { protocol: "json", send: () => {}, join: () => {}, leave: () => {}, bufferedBytes: () => 0, close: () => {} };
  return new Viewer(peer);
}

test.each<[string, Partial<UpgradeAsk>, readonly string[], string]>([
  ["an origin of the list", {}, ["https://a.example"], "json"],
  ["a foreign origin", { origin: "https://evil.example" }, ["https://a.example"], "origin_refused"],
  ["an origin that only begins like one", { origin: "https://a.example.evil" }, ["https://a.example"], "origin_refused"],
  ["another scheme", { origin: "http://a.example" }, ["https://a.example"], "origin_refused"],
  ["no origin", { origin: "" }, [], "json"],
  ["no origin, with a ticket", { origin: "", hasTicket: true }, [], "origin_refused"],
  ["a page of the own host, on another port", { origin: "http://a.example:8080" }, ["own"], "json"],
  ["a page of another host where own is allowed", { origin: "http://b.example:3000" }, ["own"], "origin_refused"],
  ["a page under a name below the own host", { origin: "http://x.a.example:3000" }, ["own"], "origin_refused"],
  ["an origin that only names the own host as a user", { origin: "http://a.example@evil.example" }, ["own"], "origin_refused"],
  ["a host that is none where own is allowed", { origin: "http://a.example", host: "a b" }, ["own"], "origin_refused"],
  ["no host where own is allowed", { host: "" }, ["own"], "origin_refused"],
  ["the origin null", { origin: "null" }, ["own"], "origin_refused"],
  ["a page of the own host at an IPv6 address", { origin: "http://[::1]:8080", host: "[::1]:3000" }, ["own"], "json"],
  ["msgpack first", { protocols: "fairwarning.v1.msgpack, fairwarning.v1.json" }, ["https://a.example"], "msgpack"],
  ["unknown, then known", { protocols: "chat,fairwarning.v1.json" }, ["https://a.example"], "json"],
  ["none known", { protocols: "chat" }, ["https://a.example"], "unsupported_protocol"],
  ["none", { protocols: "" }, ["https://a.example"], "unsupported_protocol"],
])("door: %s", (_name, asked, origins, wanted) => {
  const answer = door(origins).ask({ ...ASK, ...asked }, 0);
  expect("code" in answer ? answer.code : answer.protocol).toBe(wanted);
});

test("door: a full gateway, a full address and a storm are refused with a hint", () => {
  const full = door([], { connections: 1 });
  full.entered("1.1.1.1");
  expect(full.ask({ ...ASK, origin: "" }, 0)).toEqual({ status: "503 Service Unavailable", code: "overloaded", retryAfterS: 5 });
  full.left("1.1.1.1");
  expect(full.ask({ ...ASK, origin: "" }, 0)).toMatchObject({ protocol: "json" });
  const address = door([], { socketsPerAddress: 1 });
  address.entered("1.2.3.4");
  expect(address.ask({ ...ASK, origin: "" }, 0)).toMatchObject({ status: "429 Too Many Requests", code: "too_many_sockets" });
  expect(address.ask({ ...ASK, origin: "", address: "1.2.3.5" }, 0)).toMatchObject({ protocol: "json" });
  const storm = door([], { acceptsPerSecond: 10, acceptsBurst: 1 });
  storm.ask({ ...ASK, origin: "" }, 0);
  expect(storm.ask({ ...ASK, origin: "" }, 1)).toMatchObject({ code: "overloaded", retryAfterS: 1 });
  expect(storm.ask({ ...ASK, origin: "" }, 101)).toMatchObject({ protocol: "json" });
});

test("door: a draining gateway takes nobody", () => {
  const closing = door();
  closing.draining = true;
  expect(closing.ask(ASK, 0)).toMatchObject({ status: "503 Service Unavailable", code: "draining" });
});

test("door: a bidder has so many sockets", () => {
  const sockets = new BidderSockets(2);
  const [one, two, three] = [viewer(), viewer(), viewer()];
  expect([one, two, three, one].map((socket) => sockets.enter("u-1", socket))).toEqual([true, true, false, true]);
  expect([...sockets.of("u-1")]).toEqual([one, two]);
  sockets.leave("u-1", one);
  expect(sockets.enter("u-1", three)).toBe(true);
  sockets.leave("u-1", two);
  sockets.leave("u-1", three);
  expect([...sockets.of("u-1")]).toEqual([]);
});
