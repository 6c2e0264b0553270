// Who looks at the page and through which client: what the gateway says of itself, an identity if there is one, one client.
//
// Identities, in this order: a token given in the address (`#token=...`, taken out of it at once) or pasted, kept for this tab;
// a guest, where the gateway has guests (guest.ts); else nobody, who watches only. No cookie is used.
import { type Client, type ConnectOptions, connect } from "../../client/client.ts";
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
  /** Why the gateway ended the connection for good; pending while it has not. Heard from the first moment on: a refusal may be
   *  here before the first rendering is. */
  readonly ended: Promise<string>;
}

const TOKEN = "fairwarning.token";

/** A client for whoever is here. Rejects with TooMany, or when the gateway cannot be reached or says nothing of use. */
export async function openSession(): Promise<Session> {
  const about = (await answered(await fetch("/v1/about"))) as About;
  const token = takeToken();
  if (token !== null) return sessionOf(about, "token", token);
  if (!about.guests) return sessionOf(about, "nobody");
  const tokens = guestTokens();
  try {
    return sessionOf(about, "guest", beginningWith(await tokens(), tokens));
  } catch (error) {
    if (!(error instanceof TooMany)) throw error;
    return { ...sessionOf(about, "nobody"), guestAfterMs: error.retryAfterMs };
  }
}

function sessionOf(about: About, identity: Identity, token?: ConnectOptions["token"]): Session {
  const client = connect({ url: location.origin, socketUrl: about.socketUrl, ...(token === undefined ? {} : { token }) });
  const ended = new Promise<string>((resolve) => client.on("state", ({ now, why }) => now === "failed" && resolve(why)));
  return { client, about, identity, guestAfterMs: null, ended };
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
