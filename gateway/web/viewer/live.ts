// Hooks that tie components to the client: the session, one auction's view, the connection, the passing of time.
//
// H1. However many frames arrive, there is at most one rendering per animation frame: main.tsx makes preact render so.
// H2. Time is read four times a second by one timer for the whole page; a component renders only when its text changes.
import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { AuctionView, Client, FairwarningError, Watch, WatchOptions } from "../../client/client.ts";
import type { Bands } from "./money.ts";
import type { Session } from "./session.ts";

export interface Live extends Session {
  /** Increment tables by name; empty until they were read. */
  readonly tables: ReadonlyMap<string, Bands>;
  /** Takes a pasted token, or forgets an identity that is no longer good, and begins anew. */
  restart(token: string | null): void;
}

const LiveContext = createContext<Live | null>(null);
export const LiveProvider = LiveContext.Provider;

/** The session that the page is in. Throws outside of one. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("outside of the session");
  return live;
}

const TICK_MS = 250;
const tickers = new Set<() => void>();
setInterval(() => {
  for (const tick of tickers) tick();
}, TICK_MS);

/** A value read four times a second; the component renders when it changes. */
export function useTicking<T extends string | number | boolean>(read: () => T): T {
  const latest = useRef(read);
  latest.current = read;
  const [, setShown] = useState<T>(read);
  useEffect(() => {
    const tick = (): void => setShown(() => latest.current());
    tickers.add(tick);
    return () => void tickers.delete(tick);
  }, []);
  return read();
}

/** Runs four times a second, hidden pages included. */
export function useEveryTick(run: () => void): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    const tick = (): void => latest.current();
    tickers.add(tick);
    return () => void tickers.delete(tick);
  }, []);
}

const watches = new Set<Watch>();

/** Age of the freshest auction on the page, ms; null before any is known. */
export function freshestAgeMs(): number | null {
  const ages = [...watches].flatMap((watch) => (watch.view === null ? [] : [watch.view.ageMs()]));
  return ages.length === 0 ? null : Math.min(...ages);
}

export type Watched =
  | { readonly kind: "waiting" }
  | { readonly kind: "absent"; readonly code: string }
  | { readonly kind: "known"; readonly view: AuctionView };

/** One auction, live. `absent` when the gateway refuses to show it. */
export function useAuction(client: Client, auctionId: string, options: WatchOptions): Watched {
  const [watched, setWatched] = useState<Watched>({ kind: "waiting" });
  const history = options.history ?? 0;
  useEffect(() => {
    setWatched({ kind: "waiting" });
    const watch = client.watch(auctionId, (view) => setWatched({ kind: "known", view }), { history });
    watches.add(watch);
    if (watch.view !== null) setWatched({ kind: "known", view: watch.view });
    const offError = client.on("error", (error: FairwarningError) => {
      if (error.auctionId === auctionId && watch.view === null) setWatched({ kind: "absent", code: error.code });
    });
    return () => {
      offError();
      watches.delete(watch);
      watch.close();
    };
  }, [client, auctionId, history]);
  return watched;
}

/** 0 while the view is live, else its age in whole seconds, at least 1. */
export function useAgeSeconds(view: AuctionView): number {
  return useTicking(() => ageSeconds(view));
}

/** 0 while the view is live, else its age in whole seconds, at least 1. */
export function ageSeconds(view: AuctionView): number {
  return view.stale ? Math.max(1, Math.round(view.ageMs() / 1_000)) : 0;
}

export interface ConnectionShown {
  readonly kind: "live" | "connecting" | "reconnecting" | "polling" | "offline" | "failed";
  readonly why: string;
}

/** The connection in the words of the badge. */
export function useConnection(client: Client): ConnectionShown {
  const [why, setWhy] = useState("");
  const [everLive, setEverLive] = useState(client.state === "connected");
  useEffect(
    () =>
      client.on("state", (change) => {
        setWhy(change.why);
        if (change.now === "connected") setEverLive(true);
      }),
    [client],
  );
  const online = useTicking(() => navigator.onLine);
  const state = useTicking(() => client.state);
  if (state === "connected") return { kind: "live", why };
  if (state === "failed" || state === "closed") return { kind: "failed", why };
  if (!online) return { kind: "offline", why };
  if (state === "polling") return { kind: "polling", why };
  return { kind: everLive || state === "waiting" ? "reconnecting" : "connecting", why };
}

/** As a `ref`: what appears in place of the button that was pressed takes the focus, so that the keyboard is not lost. */
export function takeFocus(element: HTMLElement | null): void {
  element?.focus();
}
