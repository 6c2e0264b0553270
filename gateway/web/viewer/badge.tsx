// How live the page is: a word and a shape, with the age of the data when it is not.
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { type ConnectionShown, useConnection, useLive, useTicking } from "./live.ts";
import { ageText } from "./words.ts";

const WORDS: Record<ConnectionShown["kind"], string> = {
  live: "Live",
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  polling: "Polling every 2 s",
  offline: "Offline",
  failed: "Disconnected",
};

export function Badge(): JSX.Element {
  const { client } = useLive();
  const { kind } = useConnection(client);
  const lastLive = useRef<number | null>(null);
  const age = useTicking(() => {
    if (client.state === "connected") lastLive.current = performance.now();
    return lastLive.current === null || client.state === "connected" || client.state === "polling" ? "" : ageText(performance.now() - lastLive.current);
  });
  return (
    <p class={`badge ${kind}`} role="status" aria-label="Connection">
      <span class="shape" aria-hidden="true" />
      {WORDS[kind]}
      {age !== "" && <span aria-live="off">, data {age} old</span>}
    </p>
  );
}
