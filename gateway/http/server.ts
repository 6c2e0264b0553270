// The HTTP listener: the app on a port, with the patience and the number of connections that strangers get.
//
// N1. A request that does not come whole within its time is cut, so a slow sender holds nothing.
// N2. One network has so many connections and no more; one more is closed unread. A listed proxy, which speaks for many, is not counted.
// N3. What is no request gets a problem document too (unread.ts).
import { createServer, type Server, type ServerOptions } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { networkOf, type TrustedProxies } from "../address.ts";
import type { HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { type ParserFault, refuseUnread, unreadResponse } from "./unread.ts";

/** Request line and headers. A token of 8 KiB fits twice. */
const HEADER_BYTES_MAX = 16_384;
/** From the first byte to the last of a request. */
const REQUEST_MS = 10_000;
const IDLE_MS = 30_000;
const CHECK_EVERY_MS = 2_000;
export const CONNECTIONS_PER_ADDRESS_MAX = 100;

export interface HttpServer {
  readonly port: number;
  /** Takes no more connections; resolves when the requests under way are answered. */
  close(): Promise<void>;
}

/** Listens; rejects when the port is taken. `perAddress`: connections of one network. */
export function startHttpServer(options: {
  readonly app: Hono<HttpEnvironment>;
  readonly parts: HttpParts;
  readonly host: string;
  readonly port: number;
  readonly perAddress: number;
}): Promise<HttpServer> {
  const { app, parts, host, port, perAddress } = options;
  const serverOptions: ServerOptions = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
  };
  return new Promise((resolve, reject) => {
    const listener = getRequestListener((request, bindings) => app.fetch(request, bindings as HttpEnvironment["Bindings"]), {
      // Stands in where an old client names no host.
      hostname: host,
      errorHandler: (error) => unreadResponse(parts, error),
    });
    const server = createServer(serverOptions, (incoming, outgoing) => void listener(incoming, outgoing));
    server.once("error", reject);
    server.on("clientError", (fault: ParserFault, socket) => refuseUnread(parts, fault, socket));
    boundConnections(server, perAddress, parts.settings.proxies);
    server.listen({ port, host }, () => {
      server.off("error", reject);
      // After listening an error is one accept that failed (no descriptors): the next may work.
      server.on("error", (error) => parts.log.warn({ err: error }, "a connection could not be taken"));
      resolve({ port: (server.address() as AddressInfo).port, close: () => closed(server) });
    });
  });
}

function boundConnections(server: Server, perAddress: number, proxies: TrustedProxies): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const peer = socket.remoteAddress ?? "";
    if (proxies.lists(peer)) return;
    const network = networkOf(peer);
    const count = (counts.get(network) ?? 0) + 1;
    counts.set(network, count);
    socket.once("close", () => {
      const left = (counts.get(network) ?? 1) - 1;
      if (left === 0) counts.delete(network);
      else counts.set(network, left);
    });
    if (count > perAddress) socket.destroy();
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
