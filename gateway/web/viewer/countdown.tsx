// Time left by the server's clock. It shows and decides nothing: the end is the hammer, and only the hammer.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AuctionView } from "../../client/client.ts";
import { useTicking } from "./live.ts";
import { dateText, extensionText, timeLeftSpoken, timeLeftText } from "./words.ts";

/** The last seconds, in which the auctioneer would say so. */
export const FAIR_WARNING_MS = 30_000;
/** How long an extension is told beside the time. */
const EXTENSION_TOLD_MS = 20_000;
/** Moments at which a screen reader is told the time left. */
const SPOKEN_AT_MS = [600_000, 300_000, 60_000, FAIR_WARNING_MS, 10_000];

/** "4:05", "closing", "paused", "ended". */
export function timeText(view: AuctionView): string {
  if (view.phase === "closed") return "ended";
  if (view.phase === "draft" || view.phase === "scheduled")
    return view.auction.opensAtMs == null ? "not open yet" : `opens ${dateText(view.auction.opensAtMs)}`;
  if (view.phase === "paused") return `paused at ${timeLeftText(view.remainingMs())}`;
  const left = view.remainingMs();
  return left > 0 ? timeLeftText(left) : "closing";
}

export function Countdown({ view }: { readonly view: AuctionView }): JSX.Element {
  const text = useTicking(() => timeText(view));
  const warning = useTicking(() => view.phase === "open" && view.remainingMs() > 0 && view.remainingMs() <= FAIR_WARNING_MS);
  return (
    <div class={`countdown${warning ? " warning" : ""}`}>
      <h2 class="label">{warning ? "Fair warning" : view.phase === "scheduled" ? "Opens" : "Time left"}</h2>
      <div class="left" role="timer" aria-label={`Time left: ${text}`}>
        {text}
      </div>
      <WarningRule view={view} shown={warning} />
      <Ends view={view} />
      <Spoken view={view} />
    </div>
  );
}

function Ends({ view }: { readonly view: AuctionView }): JSX.Element {
  const last = view.extensions.at(-1);
  const told = useTicking(
    () =>
      last !== undefined && view.endsAtMs !== null && last.endsAtMs === view.endsAtMs && view.phase === "open" && sinceMs(view, last.atMs) < EXTENSION_TOLD_MS,
  );
  return (
    <p class="ends">
      {view.endsAtMs !== null && (view.phase === "open" || view.phase === "paused") && <span>Ends {dateText(view.endsAtMs)}</span>}
      {told && last !== undefined && (
        <span class="extended">
          {extensionText(last.extendedByMs)}, by bid {last.bidId}
        </span>
      )}
      {!told && view.extensionCount > 0 && view.phase !== "closed" && (
        <span>extended {view.extensionCount === 1 ? "once" : `${view.extensionCount} times`}</span>
      )}
    </p>
  );
}

/** Server time since an instant, from the time left: the view knows the server's clock. */
function sinceMs(view: AuctionView, atMs: number): number {
  return view.endsAtMs === null ? 0 : view.endsAtMs - view.remainingMs() - atMs;
}

/** A thin rule that shortens over the last 30 seconds. */
function WarningRule({ view, shown }: { readonly view: AuctionView; readonly shown: boolean }): JSX.Element {
  const rule = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!shown) return;
    let frame = 0;
    const draw = (): void => {
      if (rule.current !== null) rule.current.style.transform = `scaleX(${Math.min(1, view.remainingMs() / FAIR_WARNING_MS)})`;
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [shown, view]);
  return <div class="warning-rule" ref={rule} hidden={!shown} aria-hidden="true" />;
}

/** Told politely, at few moments: a countdown read aloud each second would drown everything else. */
function Spoken({ view }: { readonly view: AuctionView }): JSX.Element {
  const [text, setText] = useState("");
  const moment = useTicking(() => momentOf(view));
  useEffect(() => {
    if (moment === "closing") setText("Closing.");
    else if (moment !== "") setText(`${Number(moment) === FAIR_WARNING_MS ? "Fair warning: " : ""}${timeLeftSpoken(Number(moment))} left.`);
  }, [moment]);
  return (
    <p class="unseen" aria-live="polite">
      {text}
    </p>
  );
}

/** The spoken moment that is just reached, as text, or nothing. */
function momentOf(view: AuctionView): string {
  if (view.phase !== "open") return "";
  const left = view.remainingMs();
  if (left === 0) return "closing";
  const reached = SPOKEN_AT_MS.find((at) => left <= at && left > at - 2_000);
  return reached === undefined ? "" : String(reached);
}

/** Price and standing, told politely and at most every five seconds. */
export function SpokenPrice({ text }: { readonly text: string }): JSX.Element {
  const [told, setTold] = useState(text);
  const latest = useRef(text);
  latest.current = text;
  useEffect(() => {
    const timer = setInterval(() => setTold(latest.current), 5_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="unseen" aria-live="polite">
      {told}
    </p>
  );
}
