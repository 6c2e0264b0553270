import { expect, test } from "vitest";
import { judgeTopic, type OldestRecord, type TopicFacts } from "./findings.ts";

const LIFE = new Uint8Array(16).fill(1);
const SLOTS = new Uint8Array(16).fill(2);
const WISH = { topic: "decisions", shards: 2, oneBroker: false, slotDigest: SLOTS };
const GENESIS: OldestRecord = { kind: "genesis", lifeId: LIFE, shards: 2, slotDigest: SLOTS };

const SETTINGS = {
  "min.insync.replicas": "2",
  "unclean.leader.election.enable": "false",
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "message.timestamp.type": "LogAppendTime",
  "max.message.bytes": "1048588",
};

interface Changes {
  readonly settings?: Partial<Record<keyof typeof SETTINGS, string>>;
  readonly oldest?: readonly OldestRecord[];
  readonly replicas?: readonly number[];
  readonly rest?: Partial<TopicFacts>;
}

function factsWith({ settings = {}, oldest = [GENESIS, GENESIS], replicas = [3, 3], rest = {} }: Changes = {}): TopicFacts {
  return {
    partitions: replicas.map((count, shard) => ({ shard, replicas: count })),
    topicSettings: new Map(Object.entries({ ...SETTINGS, ...settings })),
    brokerSettings: new Map(Object.entries({ "auto.create.topics.enable": "false", "delete.topic.enable": "false" })),
    rights: { writers: ["User:engine"], changers: [] },
    oldest: new Map(oldest.map((record, shard) => [shard, record])),
    joinMs: 30,
    ...rest,
  };
}

/** Checks that fail; those without which nobody claims bear a mark. */
function failing(changes: Changes, wish: Partial<typeof WISH> = {}): string[] {
  const findings = judgeTopic(factsWith(changes), { ...WISH, ...wish });
  return findings.filter(({ verdict }) => verdict === "fail").map(({ check, needed }) => (needed ? `${check} !` : check));
}

test("findings: a topic as it is wanted fails nothing, and a finding that passed advises nothing", () => {
  expect(failing({})).toEqual([]);
  expect(judgeTopic(factsWith(), WISH).filter(({ verdict, advice }) => verdict === "pass" && advice !== "")).toEqual([]);
});

for (const [name, value] of [
  ["min.insync.replicas", "1"],
  ["unclean.leader.election.enable", "true"],
  ["cleanup.policy", "compact"],
  ["cleanup.policy", "compact,delete"],
  ["retention.ms", "604800000"],
  ["retention.bytes", "1073741824"],
  ["message.timestamp.type", "CreateTime"],
  ["max.message.bytes", "262144"],
] as const) {
  test(`findings: ${name}=${value} is a fault without mending of which nobody claims`, () => {
    expect(failing({ settings: { [name]: value } })).toEqual([`${name} !`]);
  });
}

test("findings: every partition has three replicas, not most of them", () => {
  expect(failing({ replicas: [3, 2] })).toEqual(["replication factor !"]);
});

test("findings: with one broker replicas and min.insync.replicas are relaxed, and nothing else", () => {
  const loose = { replicas: [1, 1], settings: { "min.insync.replicas": "1" } };
  expect(failing(loose, { oneBroker: true })).toEqual([]);
  const every = { ...loose, settings: { ...loose.settings, "retention.ms": "1", "unclean.leader.election.enable": "true" } };
  expect(failing(every, { oneBroker: true })).toEqual(["unclean.leader.election.enable !", "retention.ms !"]);
});

test("findings: a number of partitions other than the shards is a fault", () => {
  expect(failing({ replicas: [3, 3, 3] })).toEqual(["topic !"]);
});

for (const [what, oldest] of [
  ["half made", [GENESIS, { kind: "empty" }]],
  ["a stranger's", [{ kind: "foreign" }, GENESIS]],
  ["of two lives", [GENESIS, { ...GENESIS, lifeId: SLOTS }]],
  ["made for another number of shards", [{ ...GENESIS, shards: 4 }, GENESIS]],
] as const) {
  test(`findings: a topic that is ${what} is a fault`, () => {
    expect(failing({ oldest })).toEqual(["GENESIS !"]);
  });
}

test("findings: shards of which the beginning is trimmed away are of one life when their oldest records say so", () => {
  const trimmed: OldestRecord = { kind: "trimmed", lifeId: LIFE };
  expect(failing({ oldest: [trimmed, GENESIS] })).toEqual([]);
  expect(failing({ oldest: [trimmed, { kind: "trimmed", lifeId: SLOTS }] })).toEqual(["GENESIS !"]);
});

test("findings: another slot table is a fault; when every GENESIS is trimmed away it is not checked", () => {
  expect(failing({}, { slotDigest: LIFE })).toEqual(["slot table !"]);
  const trimmed: OldestRecord = { kind: "trimmed", lifeId: LIFE };
  const finding = judgeTopic(factsWith({ oldest: [trimmed, trimmed] }), WISH).find(({ check }) => check === "slot table");
  expect(finding?.verdict).toBe("not checked");
});

test("findings: what the brokers allow and who has rights is told, and stops nobody", () => {
  const brokerSettings = new Map([["auto.create.topics.enable", "true"]]);
  const rights = { writers: ["User:engine", "User:other"], changers: ["User:other"] };
  expect(failing({ rest: { brokerSettings, rights } })).toEqual(["auto.create.topics.enable", "delete.topic.enable", "rights"]);
  expect(failing({ rest: { brokerSettings: null, rights: null } })).toEqual([]);
  expect(failing({ rest: { joinMs: 3_000 } })).toEqual(["group join"]);
});
