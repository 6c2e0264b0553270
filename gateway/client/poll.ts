// Reads watched auctions over HTTP while no socket can be opened, by conditional GET.
import type { Cancel, Environment } from "./environment.ts";
import type { Http } from "./http.ts";
import type { Auction, Bid } from "./types.ts";

const POLL_EVERY_MS = 2_000;
/** Auctions in one round: 4 every 2 s, with their rows, stay under the 300 requests a minute that one address may make. More take
 *  turns. */
const READS_PER_ROUND_MAX = 4;
const ROWS_READ = 50;

export interface PollerOptions {
  readonly environment: Environment;
  readonly http: Http;
  /** Still without a socket. */
  wanted(): boolean;
  auctionIds(): readonly string[];
  /** Read and current; `auction` null when it has not changed. */
  read(auctionId: string, auction: Auction | null): void;
  rows(auctionId: string, rows: readonly Bid[]): void;
  /** After each round: whether the gateway could be reached. */
  reached(works: boolean): void;
}

export class Poller {
  readonly #options: PollerOptions;
  readonly #etags = new Map<string, string>();
  #turn = 0;
  /** What a refusal for too many requests asked for, since the last round. */
  #askedToWaitMs = 0;
  #cancel: Cancel | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Begins if it is wanted and does not run yet. It ends by itself when it is no longer wanted. */
  wake(): void {
    if (this.#cancel !== null || !this.#options.wanted()) return;
    this.#cancel = this.#options.environment.after(0, () => void this.#round());
  }

  async #round(): Promise<void> {
    const ids = this.#options.auctionIds();
    const due = ids.length <= READS_PER_ROUND_MAX ? ids : Array.from({ length: READS_PER_ROUND_MAX }, (_, at) => ids[(this.#turn + at) % ids.length] ?? "");
    this.#turn += READS_PER_ROUND_MAX;
    const reached = await Promise.all(due.length === 0 ? [this.#about()] : due.map((id) => this.#read(id)));
    this.#cancel = null;
    if (!this.#options.wanted()) {
      this.#etags.clear();
      return;
    }
    this.#options.reached(reached.some(Boolean));
    this.#cancel = this.#options.environment.after(Math.max(POLL_EVERY_MS, this.#askedToWaitMs), () => void this.#round());
    this.#askedToWaitMs = 0;
  }

  async #about(): Promise<boolean> {
    return (await this.#options.http({ method: "GET", path: "/v1/about", deadlineMs: POLL_EVERY_MS })).kind !== "unreached";
  }

  async #read(auctionId: string): Promise<boolean> {
    const path = `/v1/auctions/${encodeURIComponent(auctionId)}`;
    const result = await this.#options.http({ method: "GET", path, etag: this.#etags.get(auctionId) ?? null, deadlineMs: POLL_EVERY_MS });
    if (result.kind === "unchanged") this.#options.read(auctionId, null);
    if (result.kind === "problem" && typeof result.body.retryAfterMs === "number")
      this.#askedToWaitMs = Math.max(this.#askedToWaitMs, result.body.retryAfterMs);
    if (result.kind === "ok") {
      if (result.etag !== null) this.#etags.set(auctionId, result.etag);
      this.#options.read(auctionId, result.body as Auction);
      const rows = await this.#options.http({ method: "GET", path: `${path}/bids?limit=${ROWS_READ}`, deadlineMs: POLL_EVERY_MS });
      if (rows.kind === "ok") this.#options.rows(auctionId, (rows.body as { readonly bids: readonly Bid[] }).bids);
    }
    return result.kind !== "unreached";
  }
}
