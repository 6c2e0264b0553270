// The HTTP listener: the app on a port, with the patience and the number of connections that strangers get.
//
// N1. A request that does not come whole within its time is cut, so a slow sender holds nothing.
// N2. One network has so many connections and no more; one more is closed unread.
import type { Server, ServerOptions } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { type HttpEnvironment, networkOf } from "./environment.ts";

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
  readonly host: string;
  readonly port: number;
  readonly perAddress: number;
}): Promise<HttpServer> {
  const { app, host: hostname, port, perAddress } = options;
  const serverOptions: ServerOptions = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
  };
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port, serverOptions }, (address: AddressInfo) =>
      resolve({ port: address.port, close: () => closed(server) }),
    ) as Server;
    server.once("error", reject);
    boundConnections(server, perAddress);
  });
}

function boundConnections(server: Server, perAddress: number): void {
  const counts = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? "");
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
