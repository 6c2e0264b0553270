// What an engine node says of itself over HTTP: alive, ready, counted. Nothing here changes anything.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import type { Registry } from "prom-client";
import type { EngineNode } from "./shard/node.ts";
import type { Shard } from "./shard/shard.ts";
import type { ShardStanding } from "./shard/shard-state.ts";

/** One line of /ready. A check that does not decide readiness is shown all the same. */
export interface ReadyCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly decides: boolean;
}

/** The checks of a node: shards served, log writable, snapshots (shown only). */
export function readyChecks(node: EngineNode, draining: boolean): readonly ReadyCheck[] {
  const wanted = node.all().filter((shard) => isWanted(node, shard));
  const serving = wanted.filter((shard) => shard.standing === "serving").length;
  const standby = wanted.filter((shard) => shard.standing === "standby").length;
  const oldest = Math.max(0, ...node.all().map((shard) => (shard.dirty.size === 0 ? 0 : node.clock.monotonic() - shard.snapshotAt)));
  const log = `${node.log.durability}${node.log.room() === "low" ? "; little disk space left: bids are refused, closes go on" : ""}`;
  return [
    {
      name: "shards",
      ok: serving + standby === wanted.length,
      detail: `${serving} of ${wanted.length} served${standby > 0 ? `, ${standby} stood by for` : ""}${notes(node)}`,
      decides: true,
    },
    { name: "log", ok: node.all().every((shard) => !shard.logDown) && node.log.room() === "ok", detail: log, decides: true },
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

// A shard that the placement gives to others alone is none of this node's business, unless it has it all the same.
function isWanted(node: EngineNode, shard: Shard): boolean {
  return node.ownershipOf(shard.number).rank >= 0 || shard.standing !== "unowned";
}

/** One shard as this node sees it. */
export interface ShardReport {
  readonly shard: number;
  readonly state: ShardStanding;
  /** Why it is not served, or null. */
  readonly reason: string | null;
  /** Place of this node in the order of the shard's nodes: 0 owns, others stand by, -1 has no business with it. */
  readonly rank: number;
  /** Node of the effective claim, and that claim; null before the first one that was seen. */
  readonly owner: string | null;
  readonly epoch: number;
  readonly lsn: number;
  /** Of a standby: records behind the end of the log. */
  readonly lagRecords: number;
}

/** What this node does about every shard of the log. */
export function shardReports(node: EngineNode): readonly ShardReport[] {
  return node.all().map((shard) => {
    const { rank, lag } = node.ownershipOf(shard.number);
    const { number, standing, note, owner, judge } = shard;
    return { shard: number, state: standing, reason: note, rank, owner: owner?.nodeId ?? null, epoch: judge.claim, lsn: judge.lsn, lagRecords: lag };
  });
}

// Why shards are not served: "; stopped by hash_chain: shard 3, shard 7".
function notes(node: EngineNode): string {
  const shards = new Map<string, string[]>();
  for (const { note, number } of node.all()) if (note !== null) shards.set(note, [...(shards.get(note) ?? []), `shard ${number}`]);
  return [...shards].map(([note, names]) => `; ${note}: ${names.join(", ")}`).join("");
}

/** Serves /health, /ready, /status and /metrics; returns the port and a close. */
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
  app.get("/status", (context) => {
    const { node } = options;
    return context.json({ nodeId: node.nodeId, placement: node.placementVersion(), draining: options.draining(), shards: shardReports(node) });
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
