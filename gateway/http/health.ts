// What a gateway says of itself: alive, ready, counted. Nothing here changes anything.
import type { Hono } from "hono";
import type { HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";

/** One line of /ready. A check that does not decide is shown and never makes a gateway unready. */
interface ReadyCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly decides: boolean;
}

/** Adds /health, /ready and /metrics. */
export function addHealthRoutes(app: Hono<HttpEnvironment>, parts: HttpParts): void {
  app.get("/health", (c) => c.json({ alive: true }));
  app.get("/ready", (c) => {
    const draining = parts.draining();
    const checks = readyChecks(parts);
    const ready = !draining && checks.every((check) => check.ok || !check.decides);
    c.header("Cache-Control", "no-store");
    const { mode, guests, durability } = parts.about;
    return c.json({ ready, draining, mode, guests, durability, checks: checks.map(({ name, ok, detail }) => ({ name, ok, detail })) }, ready ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    const { type, text } = await parts.figures();
    return c.body(text, 200, { "Content-Type": type });
  });
}

/** Placement known, a link up, listeners up; the catalogue is shown and decides nothing. */
export function readyChecks(parts: HttpParts): readonly ReadyCheck[] {
  const shards = parts.engine.shards();
  const serving = shards.filter((status) => status.state === "serving").length;
  const links = parts.engine.links();
  const up = links.filter((link) => link.up).length;
  return [
    {
      name: "placement",
      ok: shards.length > 0,
      detail: shards.length === 0 ? "no engine has told its shards yet" : `${serving} of ${shards.length} shards served`,
      decides: true,
    },
    { name: "link", ok: up > 0 && up === links.length, detail: `${up} of ${links.length} links up`, decides: true },
    { name: "listeners", ok: parts.listening(), detail: parts.listening() ? "HTTP and sockets" : "not all ports are open", decides: true },
    {
      name: "catalogue",
      ok: parts.catalogue.healthy(),
      detail: parts.catalogue.healthy() ? "answers" : "away: lists and new auctions wait, bidding goes on",
      decides: false,
    },
  ];
}
