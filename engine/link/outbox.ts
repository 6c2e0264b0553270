// What waits to leave for one gateway. One write is in the socket at a time; what is added meanwhile leaves with the next.
//
// Must not: wait for a gateway, or keep a node from working because one is slow (failures O8).
//
// X1. Answers, refusals, results, notices and statuses are never dropped or joined: at the hard limit the link is cut, and the
//     gateway asks again under the same keys.
// X2. Above the soft limit public updates are conflated per auction to the newest state. They leave in sequence order: while an
//     auction has a conflated update, each newer one is merged into it.
import type { AuctionId } from "../core/ids.ts";
import type { Update } from "../protocol.ts";
import { EngineWriter, encodeEngineMessage } from "../protocol-codec.ts";
import { mergeUpdates } from "./conflate.ts";

/** Unsent bytes and the age of the oldest, beyond which a gateway counts as gone. A gateway that takes nothing for 2 s shows its
 *  viewers old prices anyway, and 8 MiB are 90,000 answers. */
export const OUTBOX_BYTES_MAX = 8 * 1024 * 1024;
export const OUTBOX_AGE_MS_MAX = 2_000;
/** Waiting bytes from which updates are conflated: five busy turns. */
export const OUTBOX_SOFT_BYTES = 256 * 1024;
/** Auctions with a conflated update; about 1 KB each, so these too are 8 MiB when they leave. */
export const CONFLATED_AUCTIONS_MAX = 8_192;

export interface OutboxOptions {
  /** Hands the bytes to the socket; `sent` is called when the kernel has them all. */
  readonly write: (bytes: Buffer, sent: () => void) => void;
  readonly monotonic: () => number;
  /** Something was added for the first time in this turn: flush() is wanted at its end. */
  readonly wake: () => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #writer = new EngineWriter();
  readonly #conflated = new Map<AuctionId, Update>();
  #sending = 0;
  #sendingSince = 0;
  #woken = false;
  #conflatedTotal = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** To add to. Flushed at the end of the turn. */
  writer(): EngineWriter {
    this.#wake();
    return this.#writer;
  }

  /** `encoded`: the update's bytes, shared by all gateways that get it. */
  update(update: Update, encoded: Uint8Array): void {
    const waiting = this.#conflated.get(update.auctionId);
    if (waiting === undefined && this.#writer.length < OUTBOX_SOFT_BYTES) {
      this.writer().encoded(encoded);
      return;
    }
    this.#conflatedTotal += 1;
    this.#conflated.set(update.auctionId, waiting === undefined ? update : mergeUpdates(waiting, update));
    this.#wake();
  }

  /** Writes what waits, unless a write is still in the socket: then that one's end calls again. */
  flush(): void {
    this.#woken = false;
    if (this.#sending > 0) return;
    for (const update of this.#conflated.values()) {
      const encoded = encodeEngineMessage({ kind: "update", update });
      if (encoded !== null) this.#writer.encoded(encoded);
    }
    this.#conflated.clear();
    const bytes = this.#writer.take();
    if (bytes === null) return;
    this.#sending = bytes.length;
    this.#sendingSince = this.#options.monotonic();
    this.#options.write(bytes, this.#sent);
  }

  /** Whether the gateway is over a hard limit and has to be cut. */
  over(now: number): boolean {
    if (this.#sending > 0 && now - this.#sendingSince > OUTBOX_AGE_MS_MAX) return true;
    return this.#sending + this.#writer.length > OUTBOX_BYTES_MAX || this.#conflated.size > CONFLATED_AUCTIONS_MAX;
  }

  /** Updates that were merged instead of sent, since the beginning. */
  conflatedTotal(): number {
    return this.#conflatedTotal;
  }

  readonly #sent = (): void => {
    this.#sending = 0;
    if (this.#writer.length > 0 || this.#conflated.size > 0) this.#wake();
  };

  #wake(): void {
    if (this.#woken) return;
    this.#woken = true;
    this.#options.wake();
  }
}
