import { expect, test } from "vitest";
import { outcomesOfAnswer, outcomesOfError } from "./outcome.ts";

function answer(partition: number, baseOffset: string, more: { errorCode?: number; logAppendTime?: string } = {}) {
  return { partition, errorCode: 0, baseOffset, ...more };
}

test("outcome: an answer with one entry, no error and a whole offset is done, with the broker's clock", () => {
  expect(outcomesOfAnswer([3], [answer(3, "17", { logAppendTime: "1795428000000" })])).toEqual([{ kind: "done", offset: 17, storedAt: 1_795_428_000_000 }]);
});

test("outcome: outcomes stand in the order of the append, not of the answer", () => {
  expect(outcomesOfAnswer([2, 0], [answer(0, "10"), answer(2, "9")])).toEqual([
    { kind: "done", offset: 9 },
    { kind: "done", offset: 10 },
  ]);
});

test("outcome: a broker without clock of its own says -1, which is none", () => {
  expect(outcomesOfAnswer([0], [answer(0, "1", { logAppendTime: "-1" })])).toEqual([{ kind: "done", offset: 1 }]);
});

test("outcome: the empty answer means that nothing was sent", () => {
  expect(outcomesOfAnswer([0, 1], [])).toMatchObject([
    { kind: "refused", code: "not_sent" },
    { kind: "refused", code: "not_sent" },
  ]);
});

for (const [what, entries] of [
  ["an offset of -1", [answer(0, "-1")]],
  ["an offset beyond safe integers", [answer(0, "9007199254740993")]],
  ["an offset that is no number", [answer(0, "1e3")]],
  ["no offset", [{ partition: 0, errorCode: 0 }]],
  ["an error code", [answer(0, "5", { errorCode: 7 })]],
  ["two entries for the partition", [answer(0, "5"), answer(0, "6")]],
  ["another partition's entry alone", [answer(1, "5")]],
] as const) {
  test(`outcome: an answer with ${what} is unknown`, () => {
    expect(outcomesOfAnswer([0], entries)).toMatchObject([{ kind: "unknown" }]);
  });
}

/** An error as kafkajs makes one for an error code of the protocol. */
function protocolError(type: string): Error {
  return Object.assign(new Error(`the broker said ${type}`), { name: "KafkaJSProtocolError", type });
}

function wrapped(cause: unknown, name = "KafkaJSNumberOfRetriesExceeded"): Error {
  return Object.assign(new Error("wrapped", { cause }), { name });
}

for (const [type, code] of [
  ["NOT_ENOUGH_REPLICAS", "not_enough_replicas"],
  ["MESSAGE_TOO_LARGE", "too_large"],
  ["RECORD_LIST_TOO_LARGE", "too_large"],
  ["INVALID_TIMESTAMP", "invalid"],
  ["INVALID_RECORD", "invalid"],
  ["INVALID_REQUIRED_ACKS", "invalid"],
  ["TOPIC_AUTHORIZATION_FAILED", "not_authorised"],
  ["CLUSTER_AUTHORIZATION_FAILED", "not_authorised"],
] as const) {
  test(`outcome: ${type} is refused as ${code} when the request carried one shard, and unknown when it carried two`, () => {
    expect(outcomesOfError([4], protocolError(type))).toMatchObject([{ kind: "refused", code }]);
    expect(outcomesOfError([4, 5], protocolError(type))).toMatchObject([{ kind: "unknown" }, { kind: "unknown" }]);
  });
}

test("outcome: the innermost cause decides, however deep kafkajs wraps it", () => {
  expect(outcomesOfError([0], wrapped(wrapped(protocolError("NOT_ENOUGH_REPLICAS")), "KafkaJSNonRetriableError"))).toMatchObject([{ kind: "refused" }]);
  expect(outcomesOfError([0], wrapped(protocolError("REQUEST_TIMED_OUT")))).toMatchObject([{ kind: "unknown" }]);
});

// A refresh of metadata after a lost answer can fail for want of rights, and kafkajs throws that instead, wrapped.
for (const type of ["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"]) {
  test(`outcome: ${type} inside another error may be the metadata's, so it is unknown`, () => {
    expect(outcomesOfError([0], wrapped(protocolError(type), "KafkaJSNonRetriableError"))).toMatchObject([{ kind: "unknown" }]);
  });
}

for (const type of [
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "REQUEST_TIMED_OUT",
  "NOT_LEADER_FOR_PARTITION",
  "UNKNOWN_TOPIC_OR_PARTITION",
  "KAFKA_STORAGE_ERROR",
  "LEADER_NOT_AVAILABLE",
  "UNKNOWN",
]) {
  test(`outcome: ${type} looks harmless and is unknown`, () => {
    expect(outcomesOfError([0], protocolError(type))).toMatchObject([{ kind: "unknown" }]);
  });
}

test("outcome: a refused connection is no proof that nothing was sent", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:9092"), { name: "KafkaJSConnectionError", code: "ECONNREFUSED" });
  expect(outcomesOfError([0], refused)).toMatchObject([{ kind: "unknown" }]);
  expect(outcomesOfError([0], wrapped(refused))).toMatchObject([{ kind: "unknown" }]);
});

test("outcome: an error of the right type that is not the protocol's own is unknown", () => {
  expect(outcomesOfError([0], Object.assign(new Error("no"), { type: "MESSAGE_TOO_LARGE" }))).toMatchObject([{ kind: "unknown" }]);
  expect(outcomesOfError([0], "MESSAGE_TOO_LARGE")).toEqual([{ kind: "unknown", cause: "MESSAGE_TOO_LARGE" }]);
});

test("outcome: causes that run in a circle are unknown", () => {
  const one = new Error("one");
  one.cause = new Error("two", { cause: one });
  expect(outcomesOfError([0], one)).toMatchObject([{ kind: "unknown" }]);
});
