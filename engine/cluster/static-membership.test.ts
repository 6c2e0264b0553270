// Which placement is in force while its file changes.
import { expect, test } from "vitest";
import { FakeTime } from "../sim/one-node.ts";
import { PlacementRefused } from "./placement.ts";
import { followPlacement, ownedShards, type PlacementSource } from "./static-membership.ts";

function placement(version: number, ...nodes: readonly string[]): string {
  return JSON.stringify({ version, shards: { "0-3": nodes } });
}

/** A file that the test writes. */
class Written implements PlacementSource {
  readonly name = "the placement";
  text: string | Error;
  changed: () => void = () => undefined;

  constructor(text: string | Error) {
    this.text = text;
  }

  read(): string {
    if (this.text instanceof Error) throw this.text;
    return this.text;
  }

  watch(changed: () => void): () => void {
    this.changed = changed;
    return () => {
      this.changed = () => undefined;
    };
  }
}

function followed(text: string | Error, nodeId = "ash") {
  const source = new Written(text);
  const time = new FakeTime();
  const said: string[] = [];
  const membership = followPlacement({ source, nodeId, shards: 8, timers: time, say: (level, event) => said.push(`${level} ${event}`) });
  let changes = 0;
  membership.onChange(() => {
    changes += 1;
  });
  return { source, time, said, membership, changes: () => changes };
}

test("placement file: the first node of a shard owns it, everybody knows the order", () => {
  const { membership, said } = followed(placement(4, "ash", "birch"));
  expect(membership.assigned()).toEqual([0, 1, 2, 3]);
  expect([membership.nodesOf?.(0), membership.nodesOf?.(7), membership.version?.()]).toEqual([["ash", "birch"], [], 4]);
  expect(said).toEqual(["info placement"]);
});

test("placement file: a node that it does not name owns nothing, and that is said", () => {
  const { membership, said } = followed(placement(1, "birch"));
  expect(membership.assigned()).toEqual([]);
  expect(said).toEqual(["warn placement"]);
});

test("placement file: a higher version is taken within a second, also when nobody tells of the change", async () => {
  const { source, time, membership, changes } = followed(placement(1, "ash", "birch"));
  source.text = placement(2, "birch", "ash");
  await time.pass(1_000);
  expect([membership.version?.(), membership.assigned(), changes()]).toEqual([2, [], 1]);
});

test("placement file: a change that is told of is taken at once", () => {
  const { source, membership, changes } = followed(placement(1, "ash", "birch"));
  source.text = placement(2, "birch", "ash");
  source.changed();
  expect([membership.version?.(), changes()]).toEqual([2, 1]);
});

test("placement file: a lower version, and the same with other content, change nothing and are said once", async () => {
  const { source, time, said, membership, changes } = followed(placement(5, "ash", "birch"));
  source.text = placement(4, "birch", "ash");
  await time.pass(5_000);
  source.text = placement(5, "birch", "ash");
  await time.pass(5_000);
  expect([membership.version?.(), membership.assigned().length, changes()]).toEqual([5, 4, 0]);
  expect(said).toEqual(["info placement", "warn placement_ignored", "warn placement_ignored"]);
});

test("placement file: the same version with the same content in other words is nothing new", async () => {
  const { source, time, said } = followed(placement(5, "ash", "birch"));
  source.text = `${placement(5, "ash", "birch")}\n`;
  await time.pass(2_000);
  expect(said).toEqual(["info placement"]);
});

test("placement file: what is wrong or gone changes nothing and is said once; the next good one is taken", async () => {
  const { source, time, said, membership, changes } = followed(placement(1, "ash"));
  source.text = '{"version": 2, "shards": {"0-99": ["birch"]}}';
  await time.pass(5_000);
  source.text = new Error("ENOENT");
  await time.pass(5_000);
  expect([membership.version?.(), membership.assigned().length, changes()]).toEqual([1, 4, 0]);
  expect(said).toEqual(["info placement", "error placement_refused", "error placement_refused"]);
  source.text = placement(2, "birch");
  await time.pass(1_000);
  expect([membership.version?.(), membership.assigned().length, changes()]).toEqual([2, 0, 1]);
});

test("placement file: a start without a good one is refused, with the reason", () => {
  expect(() => followed(new Error("no such file"))).toThrow(PlacementRefused);
  expect(() => followed("{}")).toThrow(/version/);
});

test("placement file: closed it looks no more", async () => {
  const { source, time, membership } = followed(placement(1, "ash"));
  membership.close();
  source.text = placement(2, "birch");
  source.changed();
  await time.pass(5_000);
  expect(membership.version?.()).toBe(1);
});

test("shards of a node: a list is its own for ever; a wrong one is refused with its name", () => {
  expect(ownedShards("0-2,7", 8).assigned()).toEqual([0, 1, 2, 7]);
  expect(() => ownedShards("8", 8)).toThrow(/FAIRWARNING_ENGINE_SHARDS.*from 0 to 7/);
});
