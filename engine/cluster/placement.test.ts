// What a placement may say, and what is said of one that may not be.
import { expect, test } from "vitest";
import { readPlacement, readShards } from "./placement.ts";

const SHARDS = 16;

test("placement: ranges and single shards name their nodes in order, the rest has none", () => {
  const read = readPlacement('{"version": 3, "shards": {"0-1,4": ["ash", "birch"], "2": ["birch"]}}', 5);
  expect(read).toEqual({ ok: true, placement: { version: 3, nodes: [["ash", "birch"], ["ash", "birch"], ["birch"], [], ["ash", "birch"]] } });
});

test("placement: all names every shard", () => {
  const read = readPlacement('{"version": 1, "shards": {"all": ["ash"]}}', 3);
  expect(read.ok && read.placement.nodes).toEqual([["ash"], ["ash"], ["ash"]]);
});

const REFUSED: readonly (readonly [what: string, text: string, at: string])[] = [
  ["no JSON", "version: 1", "the file"],
  ["no object", "[1]", "the file"],
  ["no version", '{"shards": {}}', "version"],
  ["a version of 0", '{"version": 0, "shards": {}}', "version"],
  ["a fraction as version", '{"version": 1.5, "shards": {}}', "version"],
  ["no shards", '{"version": 1}', "shards"],
  ["shards as a list", '{"version": 1, "shards": []}', "shards"],
  ["a name nobody reads", '{"version": 1, "shards": {}, "weights": {}}', "weights"],
  ["a shard the log has not", '{"version": 1, "shards": {"16": ["ash"]}}', 'shards "16"'],
  ["a range that falls", '{"version": 1, "shards": {"3-1": ["ash"]}}', 'shards "3-1"'],
  ["a range of words", '{"version": 1, "shards": {"first": ["ash"]}}', 'shards "first"'],
  ["an empty range", '{"version": 1, "shards": {"": ["ash"]}}', 'shards ""'],
  ["a shard twice in two ranges", '{"version": 1, "shards": {"0-3": ["ash"], "3-4": ["birch"]}}', 'shards "3-4"'],
  ["a shard twice in one range", '{"version": 1, "shards": {"0-3,2": ["ash"]}}', 'shards "0-3,2"'],
  ["no nodes", '{"version": 1, "shards": {"0": []}}', 'shards "0"'],
  ["a node as text", '{"version": 1, "shards": {"0": "ash"}}', 'shards "0"'],
  ["a node twice", '{"version": 1, "shards": {"0": ["ash", "ash"]}}', 'shards "0"'],
  ["a node with a space", '{"version": 1, "shards": {"0": ["a sh"]}}', 'shards "0"'],
  ["seventeen nodes", `{"version": 1, "shards": {"0": ${JSON.stringify(Array.from({ length: 17 }, (_, n) => `n${n}`))}}}`, 'shards "0"'],
];

for (const [what, text, at] of REFUSED) {
  test(`placement: ${what} is refused, and the place is named`, () => {
    const read = readPlacement(text, SHARDS);
    expect(read.ok ? [] : read.faults.map((fault) => fault.at)).toEqual([at]);
  });
}

test("placement: everything that is wrong is told at once", () => {
  const read = readPlacement('{"version": "x", "shards": {"99": ["ash"], "0": []}}', SHARDS);
  expect(read.ok ? [] : read.faults.map((fault) => fault.at)).toEqual(["version", 'shards "0"', 'shards "99"']);
});

test("shards: a list is read in order; what the log has not is refused by the piece that is wrong", () => {
  expect(readShards("9,0-3", SHARDS)).toEqual({ ok: true, numbers: [0, 1, 2, 3, 9] });
  expect(readShards("all", 3)).toEqual({ ok: true, numbers: [0, 1, 2] });
  expect(readShards("0-3,16", SHARDS)).toMatchObject({ ok: false, fault: { found: '"16"' } });
});
