// What can be asked of one auction. A closed union: a format finds its own commands in it, and a decision holds one whole.
//
// Commands are made by the gateway after authentication and carry no wire or storage fields. Digests are made outside core
// (core has no hash function): the key digest is the first 16 bytes of SHA-256 over issuer id, a zero byte and key; the
// fingerprint is 8 bytes that differ when type or fields differ.
import type { AuctionId, Instant, Minor, Sequence } from "./ids.ts";
import type { SettingsInput } from "./settings.ts";

export type Role = "bidder" | "seller" | "operator" | "engine";

/** 16 bytes as four signed 32-bit integers, so that an object of them is four small integers and no buffer. */
export interface KeyDigest {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** 8 bytes as two signed 32-bit integers. Equal for two commands of one issuer and key exactly when type and fields are. */
export interface Fingerprint {
  readonly a: number;
  readonly b: number;
}

export type BidKind = "maximum" | "flat";

/** The part of a command that says what is asked. Amounts are minor units, instants epoch ms, durations ms. */
export type CommandBody =
  | { readonly type: "create"; readonly settings: SettingsInput }
  | { readonly type: "open_auction" }
  | { readonly type: "place_bid"; readonly kind: BidKind; readonly amount: Minor; readonly currency: string }
  | { readonly type: "raise_maximum"; readonly amount: Minor; readonly currency: string }
  | { readonly type: "buy_now"; readonly amount: Minor; readonly currency: string }
  | { readonly type: "retract_bid"; readonly reason: string }
  | { readonly type: "void_bid"; readonly bidId: Sequence; readonly reason: string }
  | { readonly type: "void_bidder"; readonly bidderId: string; readonly reason: string; readonly block: boolean }
  | {
      readonly type: "set_bidder";
      readonly bidderId: string;
      /** Absent: left as it is. */
      readonly blocked?: boolean;
      /** Absent: left as it is. null: no limit. */
      readonly authorisedLimit?: Minor | null;
    }
  | { readonly type: "lower_reserve"; readonly reserve: Minor }
  | { readonly type: "extend"; readonly endsAt: Instant; readonly reason: string }
  | { readonly type: "pause"; readonly reason: string }
  | { readonly type: "resume"; readonly leaveAtLeastMs: number }
  | { readonly type: "withdraw"; readonly reason: string }
  | { readonly type: "end_early"; readonly sellBelowReserve: boolean }
  | { readonly type: "open_due" }
  | { readonly type: "close_due" }
  | { readonly type: "give_back"; readonly from: Instant; readonly to: Instant };

export type CommandType = CommandBody["type"];

/** One command to one auction. Engine commands have no key: `key` is null and so are both digests. */
export interface Command {
  readonly auctionId: AuctionId;
  readonly role: Role;
  /** Bidder, seller or operator id; "engine" for engine commands. 1 to 64 ASCII characters. */
  readonly issuerId: string;
  readonly key: string | null;
  readonly keyDigest: KeyDigest | null;
  readonly fingerprint: Fingerprint | null;
  readonly body: CommandBody;
}

/** A command the engine gives itself; its phase check makes a repeat harmless. */
export function engineCommand(auctionId: AuctionId, body: CommandBody): Command {
  return { auctionId, role: "engine", issuerId: "engine", key: null, keyDigest: null, fingerprint: null, body };
}
