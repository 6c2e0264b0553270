// The page as a whole: masthead, one of two places, and what to say when there is no gateway.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { AuctionPage } from "./auction-page.tsx";
import { Badge } from "./badge.tsx";
import { TooMany } from "./guest.ts";
import { ListPage } from "./list-page.tsx";
import { type Live, LiveProvider } from "./live.ts";
import { Masthead } from "./masthead.tsx";
import type { Bands } from "./money.ts";
import { usePlace } from "./router.ts";
import { forgetIdentity, keepToken, openSession, type Session } from "./session.ts";
import { spanText } from "./words.ts";

const ASK_AGAIN_MS = 2_000;
const REFUSED_IDENTITY = new Set(["unauthenticated", "token_expired"]);

type Restart = (token: string | null) => void;

export function App(): JSX.Element {
  const { session, trouble, restart } = useSession();
  return session === null ? <NoGateway trouble={trouble} /> : <WithSession session={session} restart={restart} />;
}

/** Asks until there is an answer. A session begun anew replaces the last one only when it is there. */
function useSession(): { readonly session: Session | null; readonly trouble: string | null; readonly restart: Restart } {
  const [session, setSession] = useState<Session | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (afterMs: number): void => {
      timer = setTimeout(() => setRound(round + 1), afterMs);
    };
    openSession().then(
      (opened) => {
        void session?.client.close();
        setSession(opened);
        setTrouble(null);
        if (opened.guestAfterMs !== null) again(opened.guestAfterMs);
      },
      (error: unknown) => {
        const waitMs = error instanceof TooMany ? error.retryAfterMs : ASK_AGAIN_MS;
        setTrouble(troubleText(error, waitMs));
        again(waitMs);
      },
    );
    return () => clearTimeout(timer);
  }, [round]);
  const restart: Restart = (token) => {
    if (token === null) forgetIdentity();
    else keepToken(token);
    setRound(round + 1);
  };
  return { session, trouble, restart };
}

function troubleText(error: unknown, waitMs: number): string {
  const span = spanText(Math.ceil(waitMs / 1_000) * 1_000);
  if (error instanceof TooMany) return `Too many requests came from your network. This page asks again in ${span}.`;
  return `The auction house cannot be reached. This page asks again every ${span}.`;
}

function NoGateway({ trouble }: { readonly trouble: string | null }): JSX.Element {
  return (
    <>
      <Masthead badge={null} word="" place={null} />
      <main class="nothing" id="content" aria-busy={trouble === null}>
        {trouble !== null && <p role="status">{trouble}</p>}
      </main>
    </>
  );
}

function WithSession({ session, restart }: { readonly session: Session; readonly restart: Restart }): JSX.Element {
  const tables = useTables();
  const refused = useRefused(session, restart);
  const live = useMemo<Live>(() => ({ ...session, tables, restart }), [session, tables]);
  const place = usePlace();
  return (
    <LiveProvider value={live}>
      <Masthead badge={<Badge />} word={mastheadWord(session)} place={place} />
      {refused !== null && (
        <div class="notice" role="alert">
          <p>{refused}</p>
          <button type="button" class="secondary" onClick={() => restart(null)}>
            Go on without it
          </button>
        </div>
      )}
      {place.kind === "list" ? <ListPage filters={place.filters} /> : <AuctionPage key={place.auctionId} auctionId={place.auctionId} />}
      <Foot session={session} />
    </LiveProvider>
  );
}

/** A guest whom the gateway no longer knows is replaced, once; a token that is refused is told of. */
function useRefused(session: Session, restart: Restart): string | null {
  const [refused, setRefused] = useState<string | null>(null);
  const [replaced, setReplaced] = useState(false);
  useEffect(() => {
    let over = false;
    setRefused(null);
    void session.ended.then((why) => {
      if (over) return;
      if (session.identity === "guest" && REFUSED_IDENTITY.has(why) && !replaced) {
        setReplaced(true);
        restart(null);
      } else {
        setRefused(
          REFUSED_IDENTITY.has(why)
            ? "Your token is not valid here, or has run out."
            : `The connection was ended by the auction house: ${why.replaceAll("_", " ")}.`,
        );
      }
    });
    return () => {
      over = true;
    };
  }, [session]);
  return refused;
}

/** The named increment tables, read once; without them the bid box shows only the asking price. */
function useTables(): ReadonlyMap<string, Bands> {
  const [tables, setTables] = useState<ReadonlyMap<string, Bands>>(new Map());
  useEffect(() => {
    fetch("/v1/increments")
      .then((response) => response.json() as Promise<{ readonly tables: readonly { readonly name: string; readonly bands: Bands }[] }>)
      .then((read) => setTables(new Map(read.tables.map((table) => [table.name, table.bands]))))
      .catch(() => undefined);
  }, []);
  return tables;
}

function mastheadWord({ identity, guestAfterMs }: Session): string {
  if (identity === "guest") return "Demo: guest identities, nothing here is real.";
  if (guestAfterMs !== null) return "Watching only, until your network may have another guest.";
  return identity === "nobody" ? "You are watching only." : "";
}

function Foot({ session }: { readonly session: Session }): JSX.Element {
  return (
    <footer class="foot">
      <p>Times are by the clock of the auction house. The end of a lot is the hammer, and only the hammer.</p>
      <p>
        Fairwarning {session.about.version}, <a href="/docs">programming interface</a>
      </p>
    </footer>
  );
}
