// What an engine node says of itself over HTTP: alive, ready, counted. Nothing here changes anything.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { EngineNode } from "./shard/node.ts";

/** One line of /ready. A check that does not decide readiness is shown all the same. */
export interface ReadyCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly decides: boolean;
}

/** The checks of a node: shards served, log writable, snapshots (shown only). */
export function readyChecks(node: EngineNode, draining: boolean): readonly ReadyCheck[] {
  const phases = node.all().map((shard) => shard.phase);
  const serving = phases.filter((phase) => phase === "serving").length;
  const oldest = Math.max(0, ...node.all().map((shard) => (shard.dirty.size === 0 ? 0 : node.clock.monotonic() - shard.snapshotAt)));
  const log = `${node.log.durability}${node.log.room() === "low" ? "; little disk space left: bids are refused, closes go on" : ""}`;
  return [
    {
      name: "shards",
      ok: serving === phases.length,
      detail: `${serving} of ${phases.length} served${notes(node)}`,
      decides: true,
    },
    { name: "log", ok: !phases.includes("log_down") && node.log.room() === "ok", detail: log, decides: true },
    { name: "durable", ok: node.log.durable, detail: node.log.durable ? "an acknowledged decision survives the process" : "NO DURABILITY", decides: false },
    {
      name: "snapshots",
      ok: node.store.healthy(),
      detail: node.store.healthy() ? `oldest unsaved change ${Math.round(oldest / 1_000)} s` : "store away: bidding goes on, snapshots catch up later",
      decides: false,
    },
    { name: "draining", ok: !draining, detail: draining ? "stopping" : "no", decides: true },
  ];
}

// Why shards are not served: "; stopped by hash_chain: shard 3, shard 7".
function notes(node: EngineNode): string {
  const shards = new Map<string, string[]>();
  for (const { note, number } of node.all()) if (note !== null) shards.set(note, [...(shards.get(note) ?? []), `shard ${number}`]);
  return [...shards].map(([note, names]) => `; ${note}: ${names.join(", ")}`).join("");
}

/** Serves /health, /ready and /metrics; returns the port and a close. */
export function startStatus(options: {
  readonly host: string;
  readonly port: number;
  readonly node: EngineNode;
  readonly registry: Registry;
  readonly draining: () => boolean;
}): Promise<{ readonly port: number; close(): Promise<void> }> {
  const app = new Hono();
  app.get("/health", (context) => context.json({ alive: true }));
  app.get("/ready", (context) => {
    const checks = readyChecks(options.node, options.draining());
    const ready = checks.every((check) => check.ok || !check.decides);
    return context.json({ ready, draining: options.draining(), checks: checks.map(({ name, ok, detail }) => ({ name, ok, detail })) }, ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => context.text(await options.registry.metrics(), 200, { "content-type": options.registry.contentType }));
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port }, (info) => {
      resolve({
        port: info.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
          }),
      });
    });
    server.on("error", reject);
  });
}
