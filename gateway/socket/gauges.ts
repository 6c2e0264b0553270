// What the socket side looks like now, counted when the metrics are read.
import type { SocketGauges } from "./metrics.ts";
import type { Viewer } from "./viewer.ts";
import type { Watching } from "./watching.ts";

/** Sockets by protocol and role; a viewer without a token is anonymous, one who may bid is a bidder. */
export function socketGauges(viewers: Iterable<Viewer>, watching: Watching): SocketGauges {
  const counts = new Map<string, { -readonly [M in keyof SocketGauges["sockets"][number]]: SocketGauges["sockets"][number][M] }>();
  let slowViewers = 0;
  for (const { identity, peer, slowSince } of viewers) {
    const role = identity === null ? "anonymous" : identity.roles.includes("bidder") ? "bidder" : "other";
    const name = `${peer.protocol} ${role}`;
    const entry = counts.get(name) ?? { protocol: peer.protocol, role, count: 0 };
    entry.count += 1;
    counts.set(name, entry);
    if (slowSince !== null) slowViewers += 1;
  }
  return { sockets: [...counts.values()], subscriptions: watching.subscriptions, watchedAuctions: watching.watchedAuctions, slowViewers };
}
