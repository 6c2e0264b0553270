import { expect, test } from "vitest";
import { parseLine } from "./process-part.ts";
import { jsonScreen, type Summary, terminalScreen } from "./screen.ts";

const SUMMARY: Summary = {
  version: "1.2.3",
  pageUrl: "http://localhost:8080",
  socketUrl: "ws://localhost:3000/v1/socket",
  docsUrl: "http://localhost:8080/docs",
  mode: "one machine, demo",
  dataPath: "/srv/auctions",
  log: "/srv/auctions/log",
  durability: "every decision is on the disk",
  startedInMs: 1_234,
  notes: ["Anybody may bid."],
};

function terminal() {
  const texts: string[] = [];
  const screen = terminalScreen({ write: (text) => texts.push(text), colour: false });
  return { screen, text: () => texts.join("") };
}

test("screen: terminal: at the end stand the page, the mode, the data, the log, what is durable and how to stop", () => {
  const { screen, text } = terminal();
  screen.ready(SUMMARY);
  for (const part of [
    "http://localhost:8080",
    "one machine, demo",
    "/srv/auctions",
    "/srv/auctions/log",
    "every decision is on the disk",
    "Ctrl-C",
    "1.2 s",
    "Anybody may bid.",
  ]) {
    expect(text()).toContain(part);
  }
});

test("screen: terminal: a part that died says why and when it comes again; quiet lines of children are not shown, warnings are", () => {
  const { screen, text } = terminal();
  screen.event({ kind: "ready", part: "engine", tookMs: 640, facts: { shards: 16 }, again: false });
  screen.event({ kind: "died", part: "engine", reason: "was ended by SIGKILL", pauseMs: 500 });
  screen.childLine("engine", { level: 30, msg: "quiet", fields: {} }, "");
  screen.childLine("engine", { level: 40, msg: "loud", fields: {} }, "");
  expect(text()).toContain("✓ Engine    0.6 s  16 shards");
  expect(text()).toContain("was ended by SIGKILL; again in 0.5 s");
  expect(text()).toContain("loud");
  expect(text()).not.toContain("quiet");
});

test("screen: json: every line is one object, and those of children pass unchanged", () => {
  const texts: string[] = [];
  const screen = jsonScreen({ write: (text) => texts.push(text), colour: false }, () => 42);
  screen.ready(SUMMARY);
  screen.childLine("engine", { level: 30, msg: "x", fields: {} }, '{"level":30,"msg":"x"}');
  expect(JSON.parse(texts[0] ?? "")).toMatchObject({ level: 30, time: 42, process: "supervisor", event: "ready", pageUrl: "http://localhost:8080" });
  expect(texts[1]).toBe('{"level":30,"msg":"x"}\n');
});

test.each([
  ['{"level":40,"msg":"low disk","event":"disk_low"}', { level: 40, msg: "low disk", event: "disk_low" }],
  ["Error: something", { level: 30, msg: "Error: something" }],
  ["[1,2]", { level: 30, msg: "[1,2]" }],
  ['{"no":"msg"}', { level: 30, msg: '{"no":"msg"}' }],
])("children: lines: %s", (text, expected) => {
  expect(parseLine(text, 30)).toMatchObject(expected);
});
