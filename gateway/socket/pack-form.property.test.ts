// What may reach the decoder: nothing that it would make more of than plain data, and everything that plain data packs to.
import fc from "fast-check";
import { pack, Unpackr } from "msgpackr";
import { expect, test } from "vitest";
import { packForm } from "./pack-form.ts";

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.array(tie("value"), { maxLength: 40 }),
    fc.dictionary(fc.string({ maxLength: 40 }), tie("value"), { maxKeys: 40 }),
  ),
})).value;

const RUNS = { numRuns: 1_000 };

test("pack form: plain data is plain, and no beginning of it is", () => {
  fc.assert(
    fc.property(plain, fc.nat(), (value, cut) => {
      const bytes = pack(value);
      expect(packForm(bytes)).toBe("plain");
      expect(packForm(bytes.subarray(0, cut % bytes.length))).toBe("malformed");
      expect(packForm(Buffer.concat([bytes, Uint8Array.of(0)]))).toBe("malformed");
    }),
    RUNS,
  );
});

test.each([
  ["a date", new Date(0)],
  ["bytes", new Uint8Array(3)],
  ["a date within", { a: [new Date(5_000)] }],
])("pack form: %s is foreign", (_what, value) => {
  expect(packForm(pack(value))).toBe("foreign");
});

test("pack form: bytes that pass as plain decode to plain data, whatever they are", () => {
  const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });
  const isPlainData = (value: unknown): boolean => {
    if (value === null || ["string", "number", "boolean"].includes(typeof value)) return true;
    if (Array.isArray(value)) return value.every(isPlainData);
    return typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlainData);
  };
  const head = fc.constantFrom(0x81, 0x91, 0xa1, 0xc1, 0xc4, 0xc7, 0xcb, 0xcf, 0xd3, 0xd4, 0xd6, 0xd9, 0xdc, 0xde, 0x72, 0x62, 0x69, 0x70, 0x78, 0xff, 0, 1, 2);
  fc.assert(
    fc.property(fc.array(fc.oneof(head, fc.nat({ max: 255 })), { maxLength: 40 }), (numbers) => {
      const bytes = Uint8Array.from(numbers);
      if (packForm(bytes) !== "plain") return true;
      try {
        return isPlainData(unpacker.unpack(bytes));
      } catch {
        return true;
      }
    }),
    { numRuns: 20_000 },
  );
});
