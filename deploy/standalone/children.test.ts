import { expect, test } from "vitest";
import { restartPauseMs } from "./backoff.ts";
import { Children, type Part, type PartEvent, type Running, StartFailed } from "./children.ts";

/** Parts whose life the test controls, and a clock that moves only by waits. */
function stage(names: readonly string[], failures: Record<string, StartFailed[]> = {}) {
  const said: string[] = [];
  const die = new Map<string, (reason: string) => void>();
  let time = 0;
  let heard: () => void = () => {};
  const part = (name: string): Part => ({
    name,
    essential: !name.startsWith("demo"),
    awaited: name !== "demo-later",
    start: async (): Promise<Running> => {
      const failure = failures[name]?.shift();
      if (failure !== undefined) throw failure;
      const { promise, resolve } = withResolvers<string>();
      die.set(name, resolve);
      return { facts: {}, ended: promise, stop: async () => resolve("stopped"), kill: () => resolve("killed") };
    },
  });
  const tell = (event: PartEvent): void => {
    said.push(event.kind === "died" ? `died ${event.part} ${event.pauseMs}` : `${event.kind} ${event.part}`);
    heard();
  };
  const wait = async (ms: number): Promise<void> => {
    time += ms;
  };
  const children = new Children({ parts: names.map(part), restartMs: 500, stopLimitMs: 1_000, firstTriesMax: 3, tell, elapsed: () => time, wait });
  /** Resolves once as many events were told. */
  const until = async (count: number): Promise<void> => {
    while (said.length < count) await new Promise<void>((resolve) => (heard = resolve));
  };
  return { children, said, die: (name: string, reason = "gone") => die.get(name)?.(reason), until, advance: (ms: number) => (time += ms) };
}

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

test("children: order: they start one after the other and stop in reverse", async () => {
  const { children, said } = stage(["postgres", "engine", "gateway"]);
  await children.start();
  await children.stop();
  expect(said).toEqual([
    ...["postgres", "engine", "gateway"].flatMap((name) => [`starting ${name}`, `ready ${name}`]),
    ...["gateway", "engine", "postgres"].flatMap((name) => [`stopping ${name}`, `stopped ${name}`]),
  ]);
});

test("children: restart: a part that dies comes back alone, after a pause that doubles with each death in a row", async () => {
  const { children, said, die, until } = stage(["engine", "gateway"]);
  await children.start();
  die("engine");
  await until(7);
  die("engine");
  await until(10);
  expect(said.slice(4)).toEqual(["died engine 500", "starting engine", "ready engine", "died engine 1000", "starting engine", "ready engine"]);
  await children.stop();
});

test("children: restart: a part that lived for a minute starts again from the shortest pause", async () => {
  const { children, said, die, until, advance } = stage(["engine"]);
  await children.start();
  die("engine");
  await until(5);
  advance(60_000);
  die("engine");
  await until(8);
  expect(said.filter((line) => line.startsWith("died"))).toEqual(["died engine 500", "died engine 500"]);
  await children.stop();
});

test("children: first start: a final failure is reported at once and those behind are not started", async () => {
  const { children, said } = stage(["engine", "gateway"], { engine: [new StartFailed("wrong settings", true)] });
  await expect(children.start()).rejects.toThrow("wrong settings");
  expect(said).toEqual(["starting engine"]);
});

test("children: first start: a passing failure is tried again, a bounded number of times", async () => {
  const passing = () => new StartFailed("the folder is held by another", false);
  const once = stage(["engine"], { engine: [passing()] });
  await once.children.start();
  expect(once.said).toEqual(["starting engine", "died engine 500", "starting engine", "ready engine"]);
  await once.children.stop();
  const always = stage(["engine"], { engine: [passing(), passing(), passing()] });
  await expect(always.children.start()).rejects.toThrow("held by another");
});

test("children: first start: a part that is not essential fails nobody and is tried again", async () => {
  const { children, said, until } = stage(["engine", "demo"], { demo: [new StartFailed("no gateway", true)] });
  await children.start();
  await until(6);
  expect(said).toEqual(["starting engine", "ready engine", "starting demo", "died demo 500", "starting demo", "ready demo"]);
  await children.stop();
});

test("children: first start: a part that is not awaited holds nobody up, and is stopped like the others", async () => {
  const { children, said, until } = stage(["engine", "demo-later", "gateway"]);
  await children.start();
  await until(6);
  await children.stop();
  expect(said.slice(0, 3)).toEqual(["starting engine", "ready engine", "starting demo-later"]);
  expect(said.slice(-6)).toEqual(["gateway", "demo-later", "engine"].flatMap((name) => [`stopping ${name}`, `stopped ${name}`]));
});

test("children: stop: a part that is between death and restart is not started again", async () => {
  const { children, said, die } = stage(["engine"]);
  await children.start();
  const stopped = children.stop();
  die("engine");
  await stopped;
  expect(said.filter((line) => line === "starting engine")).toHaveLength(1);
});

test.each([
  [1, 500],
  [2, 1_000],
  [6, 16_000],
  [7, 30_000],
  [1_000, 30_000],
])("backoff: death %i in a row waits %i ms", (deaths, pauseMs) => {
  expect(restartPauseMs(500, deaths)).toBe(pauseMs);
});

test("children: stop: a start that is under way is given up, and is no failure", async () => {
  const said: string[] = [];
  const waiting: Part = {
    name: "engine",
    essential: true,
    awaited: true,
    start: (abandoned) =>
      new Promise((_, reject) => {
        abandoned.addEventListener("abort", () => reject(new StartFailed("was ended by SIGTERM", false)));
      }),
  };
  const tell = (event: PartEvent): void => void said.push(`${event.kind} ${event.part}`);
  const wait = async (): Promise<void> => undefined;
  const children = new Children({ parts: [waiting], restartMs: 500, stopLimitMs: 1_000, firstTriesMax: 3, tell, elapsed: () => 0, wait });
  const started = children.start();
  await children.stop();
  await started;
  expect(said).toEqual(["starting engine"]);
});
