// The page as a whole: masthead, one of two places, and what to say when there is no gateway.
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { AuctionPage } from "./auction-page.tsx";
import { Badge } from "./badge.tsx";
import { ListPage } from "./list-page.tsx";
import { type Live, LiveProvider } from "./live.ts";
import type { Bands } from "./money.ts";
import { usePlace } from "./router.ts";
import { type About, forgetIdentity, keepToken, openSession, readAbout, type Session } from "./session.ts";

const ASK_AGAIN_MS = 2_000;
const REFUSED_IDENTITY = new Set(["unauthenticated", "token_expired"]);

export function App(): JSX.Element {
  const { about, failed } = useAbout();
  if (about === null) return <NoGateway failed={failed} />;
  return <WithSession about={about} />;
}

/** Asks until there is an answer. */
function useAbout(): { readonly about: About | null; readonly failed: boolean } {
  const [about, setAbout] = useState<About | null>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    readAbout().then(setAbout, () => {
      timer = setTimeout(() => setTries(tries + 1), ASK_AGAIN_MS);
    });
    return () => clearTimeout(timer);
  }, [tries]);
  return { about, failed: tries > 0 };
}

function NoGateway({ failed }: { readonly failed: boolean }): JSX.Element {
  return (
    <>
      <Masthead badge={null} word="" />
      <main class="nothing" id="content" aria-busy={!failed}>
        {failed && <p role="status">The auction house cannot be reached. This page asks again every two seconds.</p>}
      </main>
    </>
  );
}

function WithSession({ about }: { readonly about: About }): JSX.Element {
  const [session, setSession] = useState<Session>(() => openSession(about));
  const tables = useTables();
  const restart = (token: string | null): void => {
    if (token === null) forgetIdentity();
    else keepToken(token);
    void session.client.close();
    setSession(openSession(about));
  };
  const refused = useRefused(session, restart);
  const live = useMemo<Live>(() => ({ ...session, tables, restart }), [session, tables]);
  const place = usePlace();
  return (
    <LiveProvider value={live}>
      <Masthead badge={<Badge />} word={mastheadWord(session)} />
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
function useRefused(session: Session, restart: (token: null) => void): string | null {
  const [refused, setRefused] = useState<string | null>(null);
  const [replaced, setReplaced] = useState(false);
  useEffect(() => {
    setRefused(null);
    return session.client.on("state", ({ now, why }) => {
      if (now !== "failed") return;
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

function mastheadWord(session: Session): string {
  if (session.identity === "guest") return "Demo: guest identities, nothing here is real.";
  return session.identity === "nobody" ? "You are watching only." : "";
}

function Masthead({ badge, word }: { readonly badge: JSX.Element | null; readonly word: string }): JSX.Element {
  return (
    <header class="masthead">
      <a class="skip" href="#content">
        To the content
      </a>
      <a class="name" href="/">
        Fairwarning
      </a>
      {word !== "" && <p class="word">{word}</p>}
      {badge}
    </header>
  );
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
