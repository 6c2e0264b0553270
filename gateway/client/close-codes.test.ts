import { expect, test } from "vitest";
import { afterClose, waitMs } from "./close-codes.ts";

test.each([
  { code: 1001, reason: "draining;retryAfterMs=1500", kind: "retry", afterMs: 1_500 },
  { code: 1006, reason: "", kind: "retry", afterMs: 0 },
  { code: 4003, reason: "slow_viewer", kind: "retry", afterMs: 0 },
  { code: 4004, reason: "overloaded;retryAfterMs=nonsense", kind: "retry", afterMs: 0 },
  { code: 4499, reason: "not known yet", kind: "retry", afterMs: 0 },
])("close codes: $code reconnects after its hint", ({ code, reason, kind, afterMs }) => {
  expect(afterClose(code, reason)).toMatchObject({ kind, afterMs });
});

test.each([4500, 4501, 4502, 4503, 4504, 4506, 4999])("close codes: %i is terminal", (code) => {
  expect(afterClose(code, "name")).toEqual({ kind: "failed", why: "name" });
});

test("close codes: an expired token and a spent ticket ask for a new one, resubscribe for forgotten pairs", () => {
  expect(afterClose(4002, "token_expired")).toMatchObject({ freshToken: true, forgetPairs: false });
  expect(afterClose(4007, "ticket_spent")).toMatchObject({ freshToken: true });
  expect(afterClose(4006, "resubscribe")).toMatchObject({ freshToken: false, forgetPairs: true });
});

test("back-off: full jitter from the first try, doubled to a ceiling, after the hint", () => {
  const backoff = { delayMinMs: 250, delayMaxMs: 15_000 };
  expect(waitMs(0, 0, backoff, 0)).toBe(0);
  expect(waitMs(0, 0, backoff, 0.999)).toBe(250);
  expect(waitMs(3, 0, backoff, 0.5)).toBe(1_000);
  expect(waitMs(40, 0, backoff, 1)).toBe(15_000);
  expect(waitMs(0, 1_500, backoff, 0.4)).toBe(1_600);
});
