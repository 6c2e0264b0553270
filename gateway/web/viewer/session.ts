// Who looks at the page and through which client: what the gateway says of itself, an identity if there is one, one client.
//
// Identities, in this order: a token given in the address (`#token=...`, taken out of it at once) or pasted, kept for this tab;
// a guest, where the gateway has guests (guest.ts); else nobody, who watches only. No cookie is used.
import { type Client, connect } from "../../client/client.ts";
import { answered, forgetGuest, guestTokens, TooMany } from "./guest.ts";
import { drop, held, keep } from "./storage.ts";

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
  /** A guest could not be had; so long until one can. null: nothing to wait for. */
  readonly guestAfterMs: number | null;
}

const TOKEN = "fairwarning.token";

/** A client for whoever is here. Rejects with TooMany, or when the gateway cannot be reached or says nothing of use. */
export async function openSession(): Promise<Session> {
  const about = (await answered(await fetch("/v1/about"))) as About;
  const place = { url: location.origin, socketUrl: about.socketUrl };
  const none = { about, guestAfterMs: null };
  const token = takeToken();
  if (token !== null) return { ...none, client: connect({ ...place, token }), identity: "token" };
  if (!about.guests) return { ...none, client: connect(place), identity: "nobody" };
  const tokens = guestTokens();
  try {
    const first = await tokens();
    return { ...none, client: connect({ ...place, token: beginningWith(first, tokens) }), identity: "guest" };
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    return { about, client: connect(place), identity: "nobody", guestAfterMs: error.retryAfterMs };
  }
}

function beginningWith(first: string, next: () => Promise<string>): () => Promise<string> {
  let given = false;
  return () => {
    if (given) return next();
    given = true;
    return Promise.resolve(first);
  };
}

/** Keeps a pasted token for this tab. */
export function keepToken(token: string): void {
  keep(sessionStorage, TOKEN, token.trim());
}

/** Forgets identities that the gateway no longer knows. */
export function forgetIdentity(): void {
  drop(sessionStorage, TOKEN);
  forgetGuest();
}

function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null && given !== "") {
    keepToken(given);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return held(sessionStorage, TOKEN);
}
