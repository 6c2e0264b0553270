// The head of every page: the name, the three lists, what kind of house this is, and how live the page is.
import type { JSX } from "preact";
import { LISTS, listPath, type Place } from "./router.ts";

const NO_FILTERS = { category: "", text: "" };

/** `place` null: nothing is known of the house yet, so no list is current. `word` may be empty. */
export function Masthead({ badge, word, place }: { readonly badge: JSX.Element | null; readonly word: string; readonly place: Place | null }): JSX.Element {
  const filters = place?.kind === "list" ? place.filters : null;
  return (
    <header class="masthead">
      <a class="skip" href="#content">
        To the content
      </a>
      <a class="name" href="/">
        <Mark />
        Fairwarning
      </a>
      <nav aria-label="Lists of lots">
        {LISTS.map(({ phase, link }) => (
          <a key={phase} href={listPath({ ...(filters ?? NO_FILTERS), phase })} aria-current={filters?.phase === phase ? "page" : undefined}>
            {link}
          </a>
        ))}
      </nav>
      {word !== "" && <p class="word">{word}</p>}
      {badge}
    </header>
  );
}

/** The paddle of the tab's icon, in ink. */
function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 34" aria-hidden="true" focusable="false">
      <path d="M16 2c8 0 12 4.5 12 10s-4 9-8.7 10l-.8 8.5a2.5 2.5 0 0 1-5 0L12.7 22C8 21 4 17.5 4 12S8 2 16 2z" />
    </svg>
  );
}
