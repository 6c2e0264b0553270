import { expect, test } from "vitest";
import type { TopicFinding } from "../../persistence/kafka/topics.ts";
import { kafkaCheck } from "./doctor-kafka.ts";
import { findingWord, isServable } from "./log-topics.ts";

const finding: TopicFinding = { check: "retention.ms", found: "604800000", wanted: "-1", verdict: "fail", needed: true, advice: "Set it to -1." };
const CASES: readonly (readonly [TopicFinding["verdict"], boolean, string, string, boolean])[] = [
  ["pass", true, "pass", "ok", true],
  ["fail", true, "FAIL", "fail", false],
  ["fail", false, "warn", "warn", true],
  ["not checked", true, "not checked", "unseen", true],
  ["not checked", false, "not checked", "unseen", true],
];

test.each(CASES)("topics: finding: %s, needed %s: reads %s, is %s to doctor", (verdict, needed, word, state, servable) => {
  const shown = { ...finding, verdict, needed };
  expect(findingWord(shown)).toBe(word);
  expect(kafkaCheck(shown)).toEqual({ name: "Kafka: retention.ms", state, found: "604800000", wanted: "-1", fix: "Set it to -1." });
  expect(isServable([{ ...finding, verdict: "pass" }, shown])).toBe(servable);
});
