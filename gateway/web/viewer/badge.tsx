// How live the page is: a word and a shape, with the age of the data when it is not.
import type { JSX } from "preact";
import { type ConnectionShown, freshestAgeMs, useConnection, useLive, useTicking } from "./live.ts";
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
  const connection = useConnection(client);
  const age = useTicking(() => {
    const ageMs = client.state === "polling" ? null : freshestAgeMs();
    return ageMs === null || ageMs === 0 ? "" : `, data ${ageText(ageMs)} old`;
  });
  // A socket over which nothing comes any more is not live, whatever its state.
  const kind = connection.kind === "live" && age !== "" ? "reconnecting" : connection.kind;
  return (
    <p class={`badge ${kind}`}>
      <span class="shape" aria-hidden="true" />
      <span>
        <span role="status" aria-label="Connection">
          {WORDS[kind]}
        </span>
        {age}
      </span>
    </p>
  );
}
