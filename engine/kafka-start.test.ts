import { expect, test } from "vitest";
import { BROKERS_WAIT_MS, BrokersAway, type Finding, KafkaRefused, type KafkaSteps, openOnKafka, topicRemedy } from "./kafka-start.ts";

const PASSED: Finding = { check: "partitions", found: "16", wanted: "16", verdict: "pass", needed: true, advice: "" };
const SHORT: Finding = {
  check: "retention.ms",
  found: "604800000",
  wanted: "-1",
  verdict: "fail",
  needed: true,
  advice: "Set it: records must never age.",
};
const ODD: Finding = { check: "delete.topic.enable", found: "true", wanted: "false", verdict: "fail", needed: false, advice: "Withhold the right." };

class Refused extends Error {}

/** A start whose pauses pass at once on a clock of its own, with everything that was said and done. */
function starting(over: Partial<KafkaSteps<string>>) {
  const told: string[] = [];
  const done: string[] = [];
  const pauses: number[] = [];
  let elapsed = 0;
  const steps: KafkaSteps<string> = {
    brokers: ["k1:9092"],
    topic: "decisions",
    reach: () => Promise.resolve(),
    make: () => {
      done.push("make");
      return Promise.resolve({ made: false });
    },
    open: () => {
      done.push("open");
      return Promise.resolve({ log: "log", findings: [PASSED] });
    },
    final: (error) => error instanceof Refused,
    remedy: "Do this.",
    timers: {
      after: (delayMs, callback) => {
        pauses.push(delayMs);
        elapsed += delayMs;
        queueMicrotask(callback);
        return () => undefined;
      },
    },
    fraction: () => 0.5,
    elapsed: () => elapsed,
    waitMs: BROKERS_WAIT_MS,
    tell: (level, event, text) => told.push(`${level} ${event} ${text}`),
    ...over,
  };
  return { steps, told, done, pauses };
}

test("kafka start: order: the topic is made where it may be, then checked and opened", async () => {
  const alone = starting({});
  expect(await openOnKafka(alone.steps)).toBe("log");
  expect(alone.done).toEqual(["make", "open"]);
  const cluster = starting({ make: null });
  expect(await openOnKafka(cluster.steps)).toBe("log");
  expect(cluster.done).toEqual(["open"]);
});

test("kafka start: a topic that was made is told of, once it was", async () => {
  const { steps, told } = starting({ make: () => Promise.resolve({ made: true }) });
  await openOnKafka(steps);
  expect(told).toEqual(["info topic_made Topic decisions was made: the decision log begins here."]);
});

test("kafka start: a needed check that fails refuses at once, with what was found, what to do, and how the topic comes to be", async () => {
  const { steps, done, pauses } = starting({ open: () => Promise.resolve({ log: null, findings: [PASSED, SHORT, ODD] }) });
  const refused = openOnKafka(steps);
  await expect(refused).rejects.toThrow(KafkaRefused);
  await expect(refused).rejects.toThrow(
    "Topic decisions cannot be the decision log. retention.ms: found 604800000, wanted -1. Set it: records must never age. Do this.",
  );
  expect({ done, pauses }).toEqual({ done: ["make"], pauses: [] });
});

test("kafka start: a check that fails and is not needed is warned of, and the log is opened", async () => {
  const { steps, told } = starting({ open: () => Promise.resolve({ log: "log", findings: [PASSED, ODD] }) });
  expect(await openOnKafka(steps)).toBe("log");
  expect(told).toEqual(["warn topic_finding Topic decisions: delete.topic.enable: found true, wanted false. Withhold the right."]);
});

test("kafka start: brokers that come later are waited for, with growing pauses and a word each time", async () => {
  let tries = 0;
  const { steps, told, done, pauses } = starting({
    reach: () => {
      tries += 1;
      return tries < 6 ? Promise.reject(new Error("connect ECONNREFUSED")) : Promise.resolve();
    },
  });
  expect(await openOnKafka(steps)).toBe("log");
  expect(done).toEqual(["make", "open"]);
  expect(pauses).toEqual([375, 750, 1_500, 3_000, 3_750]);
  expect(told).toHaveLength(5);
  expect(told[0]).toBe("warn brokers_away The Kafka brokers k1:9092 do not answer yet (connect ECONNREFUSED); trying again in 0.4 s.");
});

test("kafka start: brokers that never come end it within its time, saying what to do", async () => {
  const { steps, pauses } = starting({ make: () => Promise.reject(new Error("connect ECONNREFUSED")) });
  const away = openOnKafka(steps);
  await expect(away).rejects.toThrow(BrokersAway);
  await expect(away).rejects.toThrow("did not answer within 60 s (connect ECONNREFUSED). Start them, or set FAIRWARNING_KAFKA_BROKERS");
  const waited = pauses.reduce((sum, pause) => sum + pause, 0);
  expect(waited).toBeGreaterThan(BROKERS_WAIT_MS - 6_000);
  expect(waited).toBeLessThan(BROKERS_WAIT_MS);
});

test("kafka start: what no waiting mends is passed on at once", async () => {
  const { steps, pauses } = starting({ open: () => Promise.reject(new Refused("another life")) });
  await expect(openOnKafka(steps)).rejects.toThrow("another life");
  expect(pauses).toEqual([]);
});

test("kafka start: remedy: a local log in the folder is named with the command that moves it", () => {
  expect(topicRemedy(null)).toContain("fairwarning topics create");
  expect(topicRemedy("/data")).toContain("fairwarning log copy --from local:/data --to kafka");
});
