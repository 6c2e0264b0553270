// Who may open a socket: origins, sub-protocols, and how many sockets a gateway, an address and a bidder may have. Pure.
//
// E1. Refused before the upgrade, cheaply, with a status and a hint. Only a bidder's own count waits for the token: close 4504.
// E2. A page's Origin must be on the list. Without one (a program: browsers send it always) a token in the first frame is needed, or an
//     anonymous viewer's frame, which sees what any page sees; a ticket is refused. A token in the address is ignored.
// E3. `own` takes every port of the host that was asked: the page comes from another port than the socket, and behind a mapping from
//     one that this gateway does not know. It may, because no cookie says who a socket is: a page of another port of this host brings
//     its own token or watches what is public. Another name is another host, and a page that should not be let in stands on one.
import { TokenBucket } from "../token-bucket.ts";
import { JSON_PROTOCOL, MSGPACK_PROTOCOL, type Protocol } from "./client-frames.ts";
import type { SocketLimits } from "./limits.ts";
import type { Viewer } from "./viewer.ts";

/** Stands in a list of origins for every page of the host that the socket was asked of, on whatever port. */
export const OWN_ORIGIN = "own";

export interface DoorRefusal {
  readonly status: "400 Bad Request" | "403 Forbidden" | "429 Too Many Requests" | "503 Service Unavailable";
  readonly code: "unsupported_protocol" | "origin_refused" | "too_many_sockets" | "overloaded" | "draining";
  readonly retryAfterS: number | null;
}

/** What an upgrade request says. Headers are empty where absent. */
export interface UpgradeAsk {
  readonly origin: string;
  readonly host: string;
  readonly protocols: string;
  readonly hasTicket: boolean;
  readonly address: string;
}

const RETRY_S = 5;
const PROTOCOL_NAMES: ReadonlyMap<string, Protocol> = new Map([
  [JSON_PROTOCOL, "json"],
  [MSGPACK_PROTOCOL, "msgpack"],
]);

export class Door {
  readonly #origins: readonly string[];
  readonly #limits: SocketLimits;
  readonly #accepts: TokenBucket;
  readonly #byAddress = new Map<string, number>();
  #sockets = 0;
  /** No new sockets from now on. */
  draining = false;

  constructor(origins: readonly string[], limits: SocketLimits, now: number) {
    this.#origins = origins;
    this.#limits = limits;
    this.#accepts = new TokenBucket({ perSecond: limits.acceptsPerSecond, burst: limits.acceptsBurst }, now);
  }

  get sockets(): number {
    return this.#sockets;
  }

  /** The sub-protocol to speak, or why not. Counts nothing but the rate; `entered` follows when the socket is open. */
  ask(asked: UpgradeAsk, now: number): { readonly protocol: Protocol; readonly name: string } | DoorRefusal {
    if (this.draining) return { status: "503 Service Unavailable", code: "draining", retryAfterS: RETRY_S };
    if (!this.#allows(asked)) return { status: "403 Forbidden", code: "origin_refused", retryAfterS: null };
    const spoken = firstKnown(asked.protocols);
    if (spoken === null) return { status: "400 Bad Request", code: "unsupported_protocol", retryAfterS: null };
    if (this.#sockets >= this.#limits.connections) return { status: "503 Service Unavailable", code: "overloaded", retryAfterS: RETRY_S };
    if ((this.#byAddress.get(asked.address) ?? 0) >= this.#limits.socketsPerAddress) {
      return { status: "429 Too Many Requests", code: "too_many_sockets", retryAfterS: RETRY_S };
    }
    if (!this.#accepts.take(now)) return { status: "503 Service Unavailable", code: "overloaded", retryAfterS: 1 };
    return spoken;
  }

  entered(address: string): void {
    this.#sockets += 1;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  left(address: string): void {
    this.#sockets -= 1;
    const count = (this.#byAddress.get(address) ?? 1) - 1;
    if (count === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, count);
  }

  #allows({ origin, host, hasTicket }: UpgradeAsk): boolean {
    if (origin === "") return !hasTicket;
    if (this.#origins.includes(origin)) return true;
    return this.#origins.includes(OWN_ORIGIN) && isSameHost(origin, host);
  }
}

function firstKnown(list: string): { readonly protocol: Protocol; readonly name: string } | null {
  for (const part of list.split(",")) {
    const name = part.trim();
    const protocol = PROTOCOL_NAMES.get(name);
    if (protocol !== undefined) return { protocol, name };
  }
  return null;
}

function isSameHost(origin: string, host: string): boolean {
  const page = URL.canParse(origin) ? new URL(origin).hostname : null;
  const asked = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : null;
  return page !== null && page !== "" && page === asked;
}

/** The sockets of each bidder. */
export class BidderSockets {
  readonly #socketsMax: number;
  readonly #bidders = new Map<string, Set<Viewer>>();

  constructor(socketsMax: number) {
    this.#socketsMax = socketsMax;
  }

  /** False: it has as many sockets as it may. */
  enter(userId: string, viewer: Viewer): boolean {
    const viewers = this.#bidders.get(userId) ?? new Set();
    if (viewers.size >= this.#socketsMax && !viewers.has(viewer)) return false;
    this.#bidders.set(userId, viewers.add(viewer));
    return true;
  }

  leave(userId: string, viewer: Viewer): void {
    const viewers = this.#bidders.get(userId);
    if (viewers?.delete(viewer) === true && viewers.size === 0) this.#bidders.delete(userId);
  }

  of(userId: string): Iterable<Viewer> {
    return this.#bidders.get(userId) ?? [];
  }
}
