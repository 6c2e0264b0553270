// The auctions this client follows: who listens, what to subscribe, and which state is current.
//
// Owns: one Followed (resume.ts) per auction, shared by all its watches. Must not: open sockets or time anything.
// W1. A view is live only while the connection is live, the auction was made current on this very socket, and the server has
//     not called it stale. In every other case it says how old it is.
// W2. After each welcome every followed auction is asked for with its pair; the connection is settled when each was answered.
import type { NoticeFrame, ServerFrame, SnapshotFrame, SubscribedFrame } from "./frames.ts";
import { applyExtended, applyHammer, applyLot, applyNotice, applySnapshot, applyUpdate, type Followed, type Known, unseen } from "./resume.ts";
import type { AuctionView, Watch, WatchEvent, WatchOptions } from "./types.ts";

const HISTORY_ROWS = 20;
/** Auctions named in one subscribe. */
const SUBSCRIBE_MAX = 100;

export interface WatchesOptions {
  now(): number;
  serverNow(): number;
  /** Whether the connection is live, and when it last heard anything. */
  live(): boolean;
  heardAtMs(): number;
  ready(): boolean;
  subscribe(auctions: readonly { readonly auctionId: string; readonly epoch?: number; readonly sequence?: number }[], history: number): void;
  unsubscribe(auctionIds: readonly string[]): void;
  settled(): void;
  /** Rows are missing, or older ones have changed. */
  gap(auctionId: string, sinceSequence: number): void;
  /** Something about one's own standing can only be read. */
  standingChanged(auctionId: string): void;
  discontinuity(auctionId: string, why: string): void;
}

type Listener = (view: AuctionView) => void;

interface Entry {
  followed: Followed;
  readonly watches: Set<Map<WatchEvent | "any", Set<Listener>>>;
  history: number;
  /** Made current on the socket that is up now. */
  current: boolean;
  confirmedAtMs: number;
  view: AuctionView | null;
}

export class Watches {
  readonly #options: WatchesOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #resuming = new Set<string>();
  readonly #unsent = new Set<string>();

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  followed(auctionId: string): Followed | null {
    return this.#entries.get(auctionId)?.followed ?? null;
  }

  watch(auctionId: string, listener: Listener | undefined, options: WatchOptions): Watch {
    const entry = this.#entry(auctionId, options.history ?? HISTORY_ROWS);
    const listeners = new Map<WatchEvent | "any", Set<Listener>>();
    if (listener !== undefined) listeners.set("any", new Set([listener]));
    entry.watches.add(listeners);
    return {
      get view() {
        return entry.view;
      },
      close: () => this.#leave(auctionId, listeners),
      on: (event, each) => {
        const held = listeners.get(event) ?? new Set();
        listeners.set(event, held.add(each));
        return () => held.delete(each);
      },
    };
  }

  /** A socket is up: asks for everything, with pairs unless they mean nothing any more. */
  welcome(forgetPairs: boolean): void {
    this.#unsent.clear();
    this.#resuming.clear();
    for (const [auctionId, entry] of this.#entries) {
      if (forgetPairs) entry.followed = { ...entry.followed, pair: null };
      this.#unsent.add(auctionId);
    }
    this.#flush();
    this.#settle();
  }

  /** The socket is gone: what was current on it is as old as the last thing heard. */
  lost(): void {
    for (const entry of this.#entries.values()) {
      if (entry.current) entry.confirmedAtMs = Math.max(entry.confirmedAtMs, this.#options.heardAtMs());
      entry.current = false;
    }
  }

  /** Applies a public or personal frame. */
  frame(frame: ServerFrame): void {
    if (frame.type === "snapshot") this.#snapshot(frame);
    else if (frame.type === "update") this.#update(frame);
    else if (frame.type === "extended") this.apply(frame.auctionId, "extended", (followed) => applyExtended(followed, frame));
    else if (frame.type === "hammer") this.apply(frame.auctionId, "hammer", (followed) => applyHammer(followed, frame));
    else if (frame.type === "watchers")
      this.apply(frame.auctionId, "watchers", (followed) => withKnown(followed, (known) => ({ ...known, watchers: frame.watchers })));
    else if (frame.type === "lot_changed") this.apply(frame.auctionId, "update", (followed) => applyLot(followed, frame.lot));
    else if (frame.type === "stale") for (const auctionId of frame.auctionIds) this.#stale(auctionId, frame.stale);
    else if (frame.type === "subscribed") this.#subscribed(frame);
  }

  notice(frame: NoticeFrame): void {
    this.apply(frame.auctionId, "update", (followed) => applyNotice(followed, frame));
    if (frame.type !== "outbid" && this.#entries.has(frame.auctionId)) this.#options.standingChanged(frame.auctionId);
  }

  /** Changes what is known of one auction, if it is followed, and tells who listens. null: nothing changed. */
  apply(auctionId: string, event: WatchEvent, change: (followed: Followed) => Followed | null): void {
    const entry = this.#entries.get(auctionId);
    const next = entry === undefined ? null : change(entry.followed);
    if (entry === undefined || next === null || next === entry.followed) return;
    entry.followed = next;
    this.#tell(entry, event);
  }

  /** Read over HTTP and current at this moment. */
  confirmed(auctionId: string): void {
    const entry = this.#entries.get(auctionId);
    if (entry !== undefined) entry.confirmedAtMs = this.#options.now();
  }

  #entry(auctionId: string, history: number): Entry {
    const held = this.#entries.get(auctionId);
    if (held !== undefined) return held;
    const entry: Entry = { followed: unseen(auctionId), watches: new Set(), history, current: false, confirmedAtMs: 0, view: null };
    this.#entries.set(auctionId, entry);
    if (this.#unsent.size === 0) queueMicrotask(() => this.#flush());
    this.#unsent.add(auctionId);
    return entry;
  }

  #leave(auctionId: string, listeners: Map<WatchEvent | "any", Set<Listener>>): void {
    const entry = this.#entries.get(auctionId);
    if (entry === undefined || !entry.watches.delete(listeners) || entry.watches.size > 0) return;
    this.#entries.delete(auctionId);
    this.#resuming.delete(auctionId);
    if (!this.#unsent.delete(auctionId) && this.#options.ready()) this.#options.unsubscribe([auctionId]);
    this.#settle();
  }

  /** Asks for what was not asked for yet on this socket; what cannot be sent now goes out with the next welcome. */
  #flush(): void {
    if (!this.#options.ready()) {
      this.#unsent.clear();
      return;
    }
    const byHistory = new Map<number, string[]>();
    for (const auctionId of this.#unsent) {
      const history = this.#entries.get(auctionId)?.history ?? HISTORY_ROWS;
      byHistory.set(history, [...(byHistory.get(history) ?? []), auctionId]);
      this.#resuming.add(auctionId);
    }
    this.#unsent.clear();
    for (const [history, ids] of byHistory) {
      for (let at = 0; at < ids.length; at += SUBSCRIBE_MAX)
        this.#options.subscribe(
          ids.slice(at, at + SUBSCRIBE_MAX).map((id) => this.#request(id)),
          history,
        );
    }
  }

  #request(auctionId: string): { readonly auctionId: string; readonly epoch?: number; readonly sequence?: number } {
    const pair = this.#entries.get(auctionId)?.followed.pair ?? null;
    return pair === null ? { auctionId } : { auctionId, ...pair };
  }

  #snapshot(frame: SnapshotFrame): void {
    const entry = this.#entries.get(frame.auctionId);
    if (entry === undefined) return;
    const broken = entry.followed.known !== null && frame.why !== "first";
    entry.followed = applySnapshot(entry.followed, frame);
    this.#current(entry);
    this.#tell(entry, "snapshot");
    if (!broken) return;
    this.#tell(entry, "discontinuity");
    this.#options.discontinuity(frame.auctionId, frame.why);
  }

  #update(frame: ServerFrame & { readonly type: "update" }): void {
    const entry = this.#entries.get(frame.auctionId);
    if (entry === undefined) return;
    const before = entry.followed;
    const next = applyUpdate(before, frame);
    this.#current(entry);
    if (next === null) return;
    entry.followed = next;
    this.#tell(entry, "update");
    if (next.known?.bidsMissing === true || frame.events?.includes("bids_removed")) this.#options.gap(frame.auctionId, before.pair?.sequence ?? 0);
  }

  #stale(auctionId: string, stale: boolean): void {
    const entry = this.#entries.get(auctionId);
    if (entry === undefined) return;
    if (stale && entry.current && !entry.followed.stale) entry.confirmedAtMs = this.#options.now();
    entry.followed = { ...entry.followed, stale };
    this.#resuming.delete(auctionId);
    this.#settle();
    this.#tell(entry, "stale");
  }

  #subscribed(frame: SubscribedFrame): void {
    for (const result of frame.results) if (result.code !== undefined) this.#resuming.delete(result.auctionId);
    this.#settle();
  }

  #current(entry: Entry): void {
    entry.current = true;
    entry.confirmedAtMs = this.#options.now();
    this.#resuming.delete(entry.followed.auctionId);
    this.#settle();
  }

  #settle(): void {
    if (this.#resuming.size === 0 && this.#options.ready()) this.#options.settled();
  }

  #tell(entry: Entry, event: WatchEvent): void {
    entry.view = this.#view(entry);
    const { view } = entry;
    if (view === null) return;
    for (const listeners of [...entry.watches]) {
      for (const listener of listeners.get("any") ?? []) listener(view);
      for (const listener of listeners.get(event) ?? []) listener(view);
    }
  }

  #view(entry: Entry): AuctionView | null {
    const { known, pair, auctionId } = entry.followed;
    if (known === null) return null;
    const { now, serverNow, live, heardAtMs } = this.#options;
    const isLive = (): boolean => live() && entry.current && !entry.followed.stale;
    const { state, ownBids: _, ...rest } = known;
    return {
      ...state,
      ...rest,
      auctionId,
      epoch: pair?.epoch ?? 0,
      sequence: pair?.sequence ?? 0,
      get stale() {
        return !isLive();
      },
      ageMs: () =>
        isLive() ? 0 : Math.max(0, now() - (entry.current && !entry.followed.stale ? Math.max(heardAtMs(), entry.confirmedAtMs) : entry.confirmedAtMs)),
      remainingMs: () => (state.phase === "closed" || state.endsAtMs === null ? 0 : Math.max(0, state.endsAtMs - (state.pausedAtMs ?? serverNow()))),
    };
  }
}

function withKnown(followed: Followed, change: (known: Known) => Known): Followed | null {
  return followed.known === null ? null : { ...followed, known: change(followed.known) };
}
