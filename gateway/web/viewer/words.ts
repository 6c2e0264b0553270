// What the page says: time left, rules, answers and refusals in plain words. Pure.
import type { AuctionView, BidAnswer, SoftClose } from "../../client/client.ts";
import { moneyText } from "./money.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "4:05", "1 h 12 min", "2 days 3 h". Whole seconds, rounded up, so that 0:01 is the last thing before the end. */
export function timeLeftText(ms: number): string {
  const left = Math.ceil(ms / SECOND) * SECOND;
  if (left < HOUR) return `${Math.floor(left / MINUTE)}:${String(Math.floor((left % MINUTE) / SECOND)).padStart(2, "0")}`;
  if (left < DAY) return `${Math.floor(left / HOUR)} h ${Math.floor((left % HOUR) / MINUTE)} min`;
  const days = Math.floor(left / DAY);
  return `${days} ${days === 1 ? "day" : "days"} ${Math.floor((left % DAY) / HOUR)} h`;
}

/** For a screen reader: "4 minutes 5 seconds". */
export function timeLeftSpoken(ms: number): string {
  const left = Math.ceil(ms / SECOND) * SECOND;
  const parts = [
    [Math.floor(left / DAY), "day"],
    [Math.floor((left % DAY) / HOUR), "hour"],
    [Math.floor((left % HOUR) / MINUTE), "minute"],
    [Math.floor((left % MINUTE) / SECOND), "second"],
  ] as const;
  const said = parts.filter(([count]) => count > 0).slice(0, 2);
  return said.length === 0 ? "0 seconds" : said.map(([count, unit]) => spanOf(count, unit)).join(" ");
}

function spanOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** "1 bid", "12 bids". */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
}

/** A span in words of the rules: "2 minutes", "90 seconds". */
export function spanText(ms: number): string {
  if (ms % HOUR === 0) return spanOf(ms / HOUR, "hour");
  return ms % MINUTE === 0 ? spanOf(ms / MINUTE, "minute") : spanOf(Math.round(ms / SECOND), "second");
}

/** "12 s", "3 min", "2 h". */
export function ageText(ms: number): string {
  if (ms < MINUTE) return `${Math.max(1, Math.round(ms / SECOND))} s`;
  return ms < HOUR ? `${Math.round(ms / MINUTE)} min` : `${Math.round(ms / HOUR)} h`;
}

/** The rules of this auction in a sentence or two. */
export function rulesText(softClose: SoftClose | null, reserveMet: boolean | null): string {
  const reserve = reserveMet === null ? "No reserve." : reserveMet ? "The reserve is met." : "The reserve is not met.";
  return `${softCloseText(softClose)} ${reserve}`;
}

function softCloseText(softClose: SoftClose | null): string {
  if (softClose === null) return "The end stands: no bid extends this auction.";
  const { windowMs, amountMs, base, cap } = softClose;
  const effect = base === "bid" ? `extends the auction to ${spanText(amountMs)}` : `extends the auction by ${spanText(amountMs)}`;
  const times = cap.count === null ? "" : cap.count === 1 ? ", once" : `, at most ${cap.count} times`;
  const total = cap.totalMs === null ? "" : `, ${spanText(cap.totalMs)} in all`;
  const last = spanText(windowMs).replace(/^1 /, "");
  return `A bid in the last ${last} ${effect}${times}${total}.`;
}

/** "Bidder 4"; "You" for one's own number. */
export function bidderText(number: number, own: number | null): string {
  return number === own ? "You" : `Bidder ${number}`;
}

export type Tone = "lead" | "outbid" | "plain";

/** What an answer means for the person who bid. */
export function answerText(
  answer: BidAnswer,
  bid: { readonly amountMinor: number; readonly currency: string; readonly purchase: boolean },
): { readonly text: string; readonly tone: Tone } {
  const money = (minor: number | null): string => (minor === null ? "" : moneyText(minor, bid.currency));
  if (answer.verdict === "rejected") return { text: rejectionText(answer, bid), tone: "plain" };
  if (bid.purchase) return { text: `Sold to you at ${money(bid.amountMinor)}.`, tone: "lead" };
  if (answer.standing === "leading") {
    const more = answer.currentPriceMinor !== null && bid.amountMinor > answer.currentPriceMinor ? ` Your maximum is ${money(bid.amountMinor)}.` : "";
    return { text: `You lead at ${money(answer.currentPriceMinor)}.${more}`, tone: "lead" };
  }
  return { text: `Outbid at once: a rival's maximum is higher. Your bid took the price to ${money(answer.currentPriceMinor)}.`, tone: "outbid" };
}

/** What an answer to a retraction means. */
export function retractionText(answer: BidAnswer, currency: string): { readonly text: string; readonly tone: Tone } {
  if (answer.verdict === "rejected") return { text: REJECTIONS[answer.code] ?? `Not taken back: ${answer.code.replaceAll("_", " ")}.`, tone: "plain" };
  const { currentPriceMinor: price } = answer;
  return { text: `Taken back. ${price === null ? "There is no bid on this lot now." : `The price is now ${moneyText(price, currency)}.`}`, tone: "plain" };
}

function rejectionText(answer: BidAnswer, bid: { readonly amountMinor: number; readonly currency: string }): string {
  const money = (minor: number): string => moneyText(minor, bid.currency);
  const { code, askingPriceMinor } = answer;
  if (code === "below_asking_price" && askingPriceMinor !== null)
    return `Your bid of ${money(bid.amountMinor)} is below the asking price of ${money(askingPriceMinor)}.`;
  return REJECTIONS[code] ?? `Not accepted: ${code.replaceAll("_", " ")}.`;
}

const REJECTIONS: Record<string, string> = {
  not_open: "This auction is not open yet.",
  paused: "The auction is paused. Bids are taken again when it resumes.",
  ended: "The auction has ended. Your bid came after the hammer.",
  withdrawn: "The lot was withdrawn.",
  not_permitted: "This identity may not bid here.",
  seller_may_not_bid: "Sellers may not bid on their own lots.",
  associate_may_not_bid: "Associates of the seller may not bid on this lot.",
  bidder_blocked: "You may not bid in this auction.",
  not_registered: "This auction takes bids from registered bidders only.",
  over_authorised_limit: "Your bid is above the limit you are authorised for.",
  wrong_currency: "This auction takes bids in another currency.",
  amount_invalid: "That is not an amount this auction can take.",
  amount_off_step: "Bids are taken in whole steps only.",
  below_asking_price: "Your bid is below the asking price.",
  kind_not_allowed: "This auction does not take this kind of bid.",
  already_leading: "You lead already. To go higher, raise your maximum.",
  not_leading: "You no longer lead, so there is no maximum to raise. Place a bid instead.",
  not_above_own_maximum: "That is not above the maximum you have set.",
  equals_maximum: "A rival was first with this maximum. Bid one step more.",
  buy_now_gone: "The buy-now price is gone.",
  no_buy_now: "This lot has no buy-now price.",
  buy_now_price_differs: "The buy-now price has changed. Look again before you buy.",
  too_late_to_retract: "It is too late to take this bid back.",
  retraction_not_allowed: "Bids in this auction are binding.",
  reason_not_allowed: "In this auction bids are not taken back for that reason.",
  leader_may_not_retract: "You lead, and in this auction the leader may not take bids back.",
  no_such_bid: "You have no bid here to take back.",
};

/** What a refusal means. A refusal had no effect on the auction. */
export function refusalText(code: string, retryAfterMs: number | undefined): string {
  const again = retryAfterMs === undefined ? "Try again." : `Try again in ${spanText(Math.max(SECOND, Math.ceil(retryAfterMs / SECOND) * SECOND))}.`;
  if (code === "rate_limited") return `You have reached your number of bids for now. ${again} No bid was placed.`;
  return REFUSALS[code] ?? `Not placed: ${code.replaceAll("_", " ")}. ${again}`;
}

/** A retraction that was refused: it had no effect either. */
export function notTakenBackText(retryAfterMs: number | undefined): string {
  const seconds = Math.max(SECOND, Math.ceil((retryAfterMs ?? 0) / SECOND) * SECOND);
  return `The auction could not be asked, so your bid stands. Try again${retryAfterMs === undefined ? "" : ` in ${spanText(seconds)}`}.`;
}

const REFUSALS: Record<string, string> = {
  not_connected: "Your bid was not sent: the auction could not be reached. No bid was placed.",
  auction_busy: "More bids came than the auction could take. No bid was placed. Try again.",
  overloaded: "The service is full. No bid was placed. Try again.",
  shard_moving: "The auction is moving to another machine. No bid was placed. Try again.",
  shard_unowned: "The auction cannot be reached just now. No bid was placed. Try again.",
  log_unavailable: "Bids cannot be recorded just now, so none is taken. No bid was placed.",
  draining: "This server is being replaced. No bid was placed. Try again.",
  no_such_auction: "There is no auction at this address.",
  unauthenticated: "Your identity is not valid here. Get a new token to bid.",
  token_expired: "Your token has run out. Get a new one to bid.",
  forbidden: "This identity may watch, but not bid.",
};

/** Why bids cannot be placed at this phase, or null. */
export function phaseText(view: AuctionView): string | null {
  if (view.phase === "open") return null;
  if (view.phase === "paused") return "Paused: bids are taken again when the auction resumes.";
  if (view.phase === "closed") return "The auction has ended.";
  const at = view.auction.opensAtMs;
  return at == null ? "Not open yet." : `Opens ${dateText(at)}.`;
}

const TIME_FORMAT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE_FORMAT = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Instant in the reader's own time: with seconds today, with the day on other days. */
export function dateText(ms: number): string {
  return new Date(ms).toDateString() === new Date().toDateString() ? clockText(ms) : DATE_FORMAT.format(ms);
}

/** Time of day with seconds. The formats are made once: making one costs more than a whole row. */
export function clockText(ms: number): string {
  return TIME_FORMAT.format(ms);
}

/** "+1:50" of an extension. */
export function extensionText(ms: number): string {
  return `+${timeLeftText(ms)}`;
}
