import { expect, test } from "vitest";
import { FrameCutter, NotKafka, requestHead } from "./kafka-wire.ts";

function frame(apiKey: number, correlationId: number, body = ""): Buffer {
  const head = Buffer.alloc(12);
  head.writeInt32BE(8 + body.length, 0);
  head.writeInt16BE(apiKey, 4);
  head.writeInt32BE(correlationId, 8);
  return Buffer.concat([head, Buffer.from(body)]);
}

test("kafka wire: frames: two frames that come byte by byte are cut where they end", () => {
  const sent = [frame(0, 7, "first"), frame(3, -8)];
  const cutter = new FrameCutter();
  const got = [...Buffer.concat(sent)].flatMap((byte) => cutter.push(Buffer.of(byte)));
  expect(got).toEqual(sent);
  expect(got.map(requestHead)).toEqual([
    { apiKey: 0, correlationId: 7 },
    { apiKey: 3, correlationId: -8 },
  ]);
});

test("kafka wire: frames: several that come at once are cut apart, and the half one waits", () => {
  const sent = [frame(1, 1), frame(2, 2, "two"), frame(3, 3)];
  const cutter = new FrameCutter();
  const bytes = Buffer.concat(sent);
  expect(cutter.push(bytes.subarray(0, -1))).toEqual(sent.slice(0, 2));
  expect(cutter.push(bytes.subarray(-1))).toEqual(sent.slice(2));
});

test("kafka wire: frames: a length below zero or beyond Kafka's limit is refused", () => {
  for (const length of [-1, 100 * 1024 * 1024 + 1]) {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length, 0);
    expect(() => new FrameCutter().push(bytes)).toThrow(NotKafka);
  }
});

test("kafka wire: head: a request too short to have one is refused", () => {
  expect(() => requestHead(Buffer.of(0, 0, 0, 2, 0, 0))).toThrow(NotKafka);
});
