// Who goes along in a request: nobody waits for ever behind others of the lane.
import { expect, test } from "vitest";
import type { Append, AppendOutcome } from "../ports.ts";
import { Rounds, type Sender } from "./rounds.ts";

/** A shard that has as many records ready as it is given. */
class ReadyShard implements Sender {
  readonly number: number;
  readonly #bytes: number;
  wantsAlone = false;
  ready = 0;
  sent = 0;

  constructor(number: number, bytes = 100) {
    this.number = number;
    this.#bytes = bytes;
  }

  nextRecord(): Uint8Array | null {
    if (this.ready === 0) return null;
    this.ready -= 1;
    this.sent += 1;
    this.wantsAlone = false;
    return new Uint8Array(this.#bytes);
  }

  landed(): void {}

  release(): void {}
}

/** A log that keeps requests until they are answered. */
function slowLog(): { readonly log: ConstructorParameters<typeof Rounds>[0]; readonly requests: number[][]; answer(): void } {
  const requests: number[][] = [];
  let waiting: (() => void) | null = null;
  return {
    requests,
    log: {
      laneOf: () => 0,
      append: (appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void) => {
        requests.push(appends.map(({ shard }) => shard));
        waiting = () => done(appends.map(() => ({ kind: "done", offset: 0 })));
      },
    },
    answer: () => {
      const now = waiting;
      waiting = null;
      now?.();
    },
  };
}

function lane(shards: readonly ReadyShard[]): { readonly rounds: Rounds; readonly log: ReturnType<typeof slowLog> } {
  const log = slowLog();
  const rounds = new Rounds(log.log, () => undefined);
  for (const shard of shards) rounds.add(shard);
  return { rounds, log };
}

test("rounds: one request carries the ready records of all shards of a lane, and the next one waits for its end", () => {
  const shards = [0, 1, 2].map((number) => new ReadyShard(number));
  const { rounds, log } = lane(shards);
  for (const shard of shards) shard.ready = 2;
  rounds.start();
  rounds.start();
  expect(log.requests).toEqual([[0, 1, 2]]);
  log.answer();
  expect(log.requests).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
});

test("rounds: a claim goes alone, in the round after the one that could not take it along, however busy the others are", () => {
  const shards = [0, 1, 2].map((number) => new ReadyShard(number));
  const { rounds, log } = lane(shards);
  for (const shard of shards) shard.ready = 10;
  const claims = shards[1] as ReadyShard;
  claims.wantsAlone = true;
  rounds.start();
  log.answer();
  expect(log.requests).toEqual([[0, 2], [1]]);
  log.answer();
  expect(log.requests[2]).toEqual([2, 0, 1]);
});

test("rounds: who finds a request full is asked first in the next one", () => {
  const shards = Array.from({ length: 5 }, (_, number) => new ReadyShard(number, 4 * 1024 * 1024));
  const { rounds, log } = lane(shards);
  for (const shard of shards) shard.ready = 10;
  rounds.start();
  for (let n = 0; n < 4; n += 1) log.answer();
  expect(log.requests).toEqual([
    [0, 1],
    [2, 3],
    [4, 0],
    [1, 2],
    [3, 4],
  ]);
});

/** A log whose shards are in the lanes it is told, and which answers lane by lane. */
function movingLog(lanes: number[]) {
  const requests: { readonly lane: number; readonly shards: readonly number[] }[] = [];
  const waiting = new Map<number, () => void>();
  const log: ConstructorParameters<typeof Rounds>[0] = {
    laneOf: (shard) => lanes[shard] ?? 0,
    append: (appends, done) => {
      const shards = appends.map(({ shard }) => shard);
      const lane = lanes[shards[0] ?? 0] ?? 0;
      if (waiting.has(lane)) throw new Error(`a second request on lane ${lane}`);
      requests.push({ lane, shards });
      waiting.set(lane, () => done(appends.map(() => ({ kind: "done", offset: 0 }))));
    },
  };
  const answer = (lane: number): void => {
    const now = waiting.get(lane);
    waiting.delete(lane);
    now?.();
  };
  return { log, requests, answer };
}

test("rounds: lanes: a shard whose leader changed goes along with its new lane, and does not wait for the old one", () => {
  const lanes = [1, 1, 2];
  const { log, requests, answer } = movingLog(lanes);
  const shards = lanes.map((_, number) => new ReadyShard(number));
  const rounds = new Rounds(log, () => undefined);
  for (const shard of shards) rounds.add(shard);
  lanes[1] = 2;
  for (const shard of shards) shard.ready = 2;
  rounds.start();
  expect(requests).toEqual([
    { lane: 1, shards: [0] },
    { lane: 2, shards: [2, 1] },
  ]);
  answer(2);
  expect(requests[2]).toEqual({ lane: 2, shards: [2, 1] });
});

test("rounds: lanes: a shard in flight moves once its request has ended, and waits for the request of its new lane", () => {
  const lanes = [1, 1, 2];
  const { log, requests, answer } = movingLog(lanes);
  const shards = lanes.map((_, number) => new ReadyShard(number));
  const rounds = new Rounds(log, () => undefined);
  for (const shard of shards) rounds.add(shard);
  for (const shard of shards) shard.ready = 2;
  rounds.start();
  lanes[1] = 2;
  rounds.start();
  expect(requests).toHaveLength(2);
  answer(1);
  expect(requests.slice(2)).toEqual([{ lane: 1, shards: [0] }]);
  answer(2);
  expect(requests.slice(3)).toEqual([{ lane: 2, shards: [2, 1] }]);
});

test("rounds: lanes: a shard that moves to a lane of nobody begins a round there, also when a round has just ended", () => {
  const lanes = [1, 1];
  const { log, requests, answer } = movingLog(lanes);
  const shards = lanes.map((_, number) => new ReadyShard(number));
  const rounds = new Rounds(log, () => undefined);
  for (const shard of shards) rounds.add(shard);
  for (const shard of shards) shard.ready = 2;
  rounds.start();
  lanes[1] = 3;
  answer(1);
  expect(requests.slice(1)).toEqual([
    { lane: 1, shards: [0] },
    { lane: 3, shards: [1] },
  ]);
});
