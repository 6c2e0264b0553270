// Cursors of lists and searches: opaque to their holder, bound to the question they belong to. Pure.
//
// A cursor holds the sort key and the id of the last entry, and a digest over both and the question. A cursor that was changed, made
// up, or taken to another question is refused. The digest has no secret: whoever computes one only asks to begin elsewhere in a
// list that is public anyway, and its values go to the database as parameters.
import { createHash } from "node:crypto";
import { isAuctionId } from "../../engine/core/ids.ts";
import { InvalidCursor } from "../../gateway/ports.ts";

/** The last entry of a page: its sort key (finite) and its auction id. */
export interface CursorPlace {
  readonly key: number;
  readonly auctionId: string;
}

/** 12 bytes: chance does not hit it, and a cursor stays short. */
const DIGEST_BYTES = 12;
/** Longer than any cursor we make. */
const CURSOR_LENGTH_MAX = 256;

/** `question`: everything but limit and cursor. Two questions are the same if their members are equal, in any order. */
export function encodeCursor(place: CursorPlace, question: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify([place.key, place.auctionId]);
  return Buffer.concat([digest(text, question), Buffer.from(text)]).toString("base64url");
}

/** Throws InvalidCursor. */
export function decodeCursor(cursor: string, question: Readonly<Record<string, unknown>>): CursorPlace {
  if (cursor.length > CURSOR_LENGTH_MAX) throw new InvalidCursor("A cursor of this length was never given out");
  const bytes = Buffer.from(cursor, "base64url");
  const text = bytes.subarray(DIGEST_BYTES).toString();
  if (!bytes.subarray(0, DIGEST_BYTES).equals(digest(text, question)) || bytes.toString("base64url") !== cursor) {
    throw new InvalidCursor("This cursor belongs to another list or was not given out here");
  }
  const place = parsePlace(text);
  if (place === null) throw new InvalidCursor("This cursor holds no place in a list");
  return place;
}

function parsePlace(text: string): CursorPlace | null {
  let place: unknown;
  try {
    place = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(place) || place.length !== 2) return null;
  const [key, auctionId]: unknown[] = place;
  if (typeof key !== "number" || typeof auctionId !== "string" || !isAuctionId(auctionId)) return null;
  return { key, auctionId };
}

function digest(text: string, question: Readonly<Record<string, unknown>>): Buffer {
  const members = Object.entries(question)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([members, text]))
    .digest()
    .subarray(0, DIGEST_BYTES);
}
