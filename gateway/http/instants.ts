// Instants on HTTP: RFC 3339 in UTC with milliseconds going out; any offset, at most three digits of a second, coming in.
import type { Instant } from "../../engine/core/ids.ts";

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,3})?(Z|[+-](\d{2}):(\d{2}))$/;

/** Epoch ms to text. The engine keeps instants within the years that RFC 3339 can write. */
export function instantText(at: Instant): string;
export function instantText(at: Instant | null): string | null;
export function instantText(at: Instant | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** Text to epoch ms; null for anything that is no instant: a 30th of February, hour 24, four digits of a fraction, no offset. */
export function parseInstant(text: string): Instant | null {
  const match = INSTANT.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, , zone, offsetHour, offsetMinute] = match;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  if (zone !== "Z" && (Number(offsetHour) > 23 || Number(offsetMinute) > 59)) return null;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > daysIn(Number(year), Number(month))) return null;
  const at = Date.parse(text);
  return Number.isSafeInteger(at) ? at : null;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
