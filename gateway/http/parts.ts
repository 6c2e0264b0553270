// What the HTTP side is made of: the ports it calls and the few settings it shows. Types only; gateway/main.ts wires them.
import type { Instant } from "../../engine/core/ids.ts";
import type { TrustedProxies } from "../address.ts";
import type { Admission } from "../admission.ts";
import type { HttpMetrics } from "../metrics.ts";
import type { Catalogue, Engine, Identities, Presence, Tier } from "../ports.ts";

/** Wall clock, epoch ms; and a monotonic one, fractional ms. */
export interface GatewayClock {
  now(): Instant;
  monotonic(): number;
}

/** Where a line about the HTTP side goes. Fields never hold tokens, e-mail or amounts that are secret. */
export interface HttpLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What /v1/about and /ready tell of this system. */
export interface AboutSettings {
  readonly version: string;
  readonly mode: "single" | "cluster";
  readonly guests: boolean;
  /** Address of the sockets, for a caller who reached this server under that `Host`. */
  readonly socketUrl: (host: string | undefined) => string;
  /** What the decision log promises, in words for people; null where this gateway does not know. */
  readonly durability: string | null;
  readonly bidsPerHour: { readonly [T in Tier]: number };
}

export interface HttpSettings {
  /** Origins that may call, beside the server's own. */
  readonly origins: readonly string[];
  /** Believed when they say for whom they ask. */
  readonly proxies: TrustedProxies;
  /** Deadline of a request that names none, ms. */
  readonly deadlineMs: number;
}

/** One file that is served as it is. `name` is its path below the mount, without a leading slash. */
export interface StaticFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface HttpParts {
  readonly engine: Engine;
  readonly catalogue: Catalogue;
  readonly identities: Identities;
  readonly presence: Presence;
  /** Shared with the sockets of this gateway. */
  readonly limits: Admission;
  readonly metrics: HttpMetrics;
  /** What /metrics answers. */
  readonly figures: () => Promise<{ readonly type: string; readonly text: string }>;
  readonly clock: GatewayClock;
  readonly log: HttpLog;
  readonly about: AboutSettings;
  readonly settings: HttpSettings;
  /** Files of the live page; `index.html` is the page itself. Empty when it was not built. */
  readonly page: readonly StaticFile[];
  /** Files of swagger-ui-dist that /docs needs. */
  readonly docs: readonly StaticFile[];
  /** Whether the listeners are up, and whether this gateway is about to stop. */
  readonly listening: () => boolean;
  readonly draining: () => boolean;
  /** A new id, UUID version 7. */
  readonly newId: () => string;
}
