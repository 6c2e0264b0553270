import { expect, test } from "vitest";
import { FakeTimers, settled } from "../contract/fake-timers.ts";
import { BrokerFacts } from "./broker-facts.ts";
import type { Admin } from "./client.ts";
import { KafkaLogClosed } from "./errors.ts";

const LIMIT_MS = 60_000;

interface FakeAdmin {
  disconnected: boolean;
  /** Each question for ends, in turn. */
  readonly asked: { tell(end: number): void; fail(): void }[];
}

/** Facts over fake connections, in the order they were made. */
function factsOf() {
  const timers = new FakeTimers();
  const admins: FakeAdmin[] = [];
  const facts = new BrokerFacts({
    clients: {
      admin: () => {
        const made: FakeAdmin = { disconnected: false, asked: [] };
        admins.push(made);
        const admin: Pick<Admin, "connect" | "disconnect" | "fetchTopicOffsets"> = {
          connect: () => Promise.resolve(),
          disconnect: () => {
            made.disconnected = true;
            return Promise.resolve();
          },
          fetchTopicOffsets: () =>
            new Promise((resolve, reject) => {
              made.asked.push({
                tell: (end) => resolve([{ partition: 0, offset: String(end), low: "0", high: String(end) }]),
                fail: () => reject(new Error("connection closed")),
              });
            }),
        };
        return admin as Admin;
      },
    },
    brokers: ["one:9092"],
    topic: "decisions",
    timers,
  });
  return { facts, timers, admins };
}

test("broker facts: a connection that failed is dropped, and the question asked again over a new one", async () => {
  const { facts, timers, admins } = factsOf();
  const ends = facts.allEnds(LIMIT_MS);
  await settled();
  admins[0]?.asked[0]?.fail();
  await settled();
  expect(admins[0]?.disconnected).toBe(true);
  await timers.pass(100);
  admins[1]?.asked[0]?.tell(7);
  expect((await ends).get(0)).toEqual({ start: 0, end: 7 });
});

test("broker facts: who fails late drops the connection that failed, not the one that was made meanwhile", async () => {
  const { facts, timers, admins } = factsOf();
  const fails: (() => void)[] = [];
  const late = facts.ask(
    () =>
      new Promise<string>((resolve, reject) => {
        if (fails.length > 0) resolve("answered");
        fails.push(() => reject(new Error("connection closed")));
      }),
    LIMIT_MS,
  );
  const ends = facts.allEnds(LIMIT_MS);
  await settled();
  admins[0]?.asked[0]?.fail();
  await settled();
  await timers.pass(100);
  expect(admins).toHaveLength(2);
  fails[0]?.();
  await settled();
  await timers.pass(100);
  expect(await late).toBe("answered");
  expect(admins.map(({ disconnected }) => disconnected)).toEqual([true, false]);
  admins[1]?.asked[0]?.tell(7);
  expect((await ends).get(0)?.end).toBe(7);
});

test("broker facts: a doubted answer is asked for again over a new connection, once for all who doubt at a time", async () => {
  const { facts, admins } = factsOf();
  const first = facts.allEnds(LIMIT_MS);
  await settled();
  const doubting = [facts.allEnds(LIMIT_MS, true), facts.allEnds(LIMIT_MS, true)];
  await settled();
  expect(admins.map(({ disconnected }) => disconnected)).toEqual([false]);
  admins[0]?.asked[0]?.tell(3);
  expect((await first).get(0)?.end).toBe(3);
  await settled();
  expect(admins.map(({ disconnected }) => disconnected)).toEqual([true, false]);
  admins[1]?.asked[0]?.tell(7);
  for (const ends of doubting) expect((await ends).get(0)?.end).toBe(7);
  expect(admins).toHaveLength(2);
});

test("broker facts: closed: nothing is asked, and no connection is made", async () => {
  const { facts, admins } = factsOf();
  await facts.close();
  await expect(facts.allEnds(LIMIT_MS)).rejects.toThrow(KafkaLogClosed);
  await expect(facts.leadersOnce()).rejects.toThrow(KafkaLogClosed);
  expect(admins).toEqual([]);
});
