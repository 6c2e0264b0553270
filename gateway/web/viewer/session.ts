// Who looks at the page and through which client: what the gateway says of itself, an identity if there is one, one client.
//
// Identities, in this order: a token given in the address (`#token=...`, taken out of it at once) or pasted, kept for this tab;
// a guest, where the gateway has guests, kept in localStorage; else nobody, who watches only. No cookie is used.
import { type Client, connect } from "../../client/client.ts";

export interface About {
  readonly version: string;
  readonly mode: string;
  readonly guests: boolean;
  readonly socketUrl: string;
}

export type Identity = "guest" | "token" | "nobody";

export interface Session {
  readonly client: Client;
  readonly about: About;
  readonly identity: Identity;
}

interface Guest {
  readonly token: string;
  readonly name: string;
  /** Local time at which it was given, and how long it lasts: its expiry by a local clock that may be wrong. */
  readonly givenAtMs: number;
  readonly lastsMs: number;
}

const GUEST = "fairwarning.guest";
const TOKEN = "fairwarning.token";
/** A guest this close to its end is not used again. */
const LEFT_MIN_MS = 120_000;

/** Reads the gateway's word about itself. Throws when it cannot be reached or says nothing of use. */
export async function readAbout(): Promise<About> {
  const response = await fetch("/v1/about");
  if (!response.ok) throw new Error(`/v1/about answered ${response.status}`);
  return (await response.json()) as About;
}

/** A client for whoever is here. */
export function openSession(about: About): Session {
  const token = takeToken();
  const url = location.origin;
  if (token !== null) return { client: connect({ url, token }), about, identity: "token" };
  if (about.guests) return { client: connect({ url, token: guestToken() }), about, identity: "guest" };
  return { client: connect({ url }), about, identity: "nobody" };
}

/** Keeps a pasted token for this tab. */
export function keepToken(token: string): void {
  keep(sessionStorage, TOKEN, token.trim());
}

/** Forgets identities that the gateway no longer knows. */
export function forgetIdentity(): void {
  drop(sessionStorage, TOKEN);
  drop(localStorage, GUEST);
}

function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null && given !== "") {
    keepToken(given);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return held(sessionStorage, TOKEN);
}

/** The client asks again when the last token ran out, so each asking after the first gets a new guest unless the kept one is fresh. */
function guestToken(): () => Promise<string> {
  let last: string | null = null;
  return async () => {
    const kept = keptGuest();
    const token = kept !== null && kept.token !== last ? kept.token : await newGuest();
    last = token;
    return token;
  };
}

function keptGuest(): Guest | null {
  const text = held(localStorage, GUEST);
  if (text === null) return null;
  try {
    const guest = JSON.parse(text) as Guest;
    const ageMs = localNowMs() - guest.givenAtMs;
    return typeof guest.token === "string" && ageMs >= 0 && ageMs < guest.lastsMs - LEFT_MIN_MS ? guest : null;
  } catch {
    return null;
  }
}

async function newGuest(): Promise<string> {
  const response = await fetch("/v1/guests", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  if (!response.ok) throw new Error(`/v1/guests answered ${response.status}`);
  const given = (await response.json()) as { readonly token: string; readonly name: string; readonly expiresAt: string };
  const serverNowMs = Number(response.headers.get("fairwarning-time") ?? localNowMs());
  const guest: Guest = { token: given.token, name: given.name, givenAtMs: localNowMs(), lastsMs: Date.parse(given.expiresAt) - serverNowMs };
  keep(localStorage, GUEST, JSON.stringify(guest));
  return given.token;
}

/** Storage may be switched off; then nothing is kept and each visit is a new guest. */
function held(storage: Storage, name: string): string | null {
  try {
    return storage.getItem(name);
  } catch {
    return null;
  }
}

function keep(storage: Storage, name: string, value: string): void {
  try {
    storage.setItem(name, value);
  } catch {
    // Not kept: the identity lasts as long as the page.
  }
}

function drop(storage: Storage, name: string): void {
  try {
    storage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}

/** The wall clock of this machine, epoch ms; it may be wrong, so only spans are read from it. */
function localNowMs(): number {
  // biome-ignore lint/nursery/noJsRestrictedProperties: the page's only reading of the clock, for how long a kept guest still lasts
  return Date.now();
}
