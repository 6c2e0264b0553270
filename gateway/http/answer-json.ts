// The answer to a command in JSON: rebuilt from the stored row, so a repeat gives the same bytes.
import type { Answer } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import { instantText } from "./instants.ts";

/** Members in this order; JSON.stringify of it is the body, without white space. */
export interface AnswerJson {
  readonly verdict: "accepted" | "rejected";
  readonly code: string;
  readonly auctionId: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly decidedAt: string;
  readonly standing: "leading" | "outbid" | null;
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly reserveMet: boolean | null;
  readonly endsAt: string | null;
}

/** An answer as HTTP tells it: members in the order of the contract, instants as RFC 3339. */
export function answerJson(answer: Answer, auctionId: AuctionId): AnswerJson {
  return {
    verdict: answer.verdict,
    code: answer.code,
    auctionId,
    sequence: answer.sequence,
    epoch: answer.epoch,
    decidedAt: instantText(answer.at),
    standing: answer.standing,
    currentPriceMinor: answer.price,
    askingPriceMinor: answer.askingPrice,
    reserveMet: answer.reserveMet,
    endsAt: instantText(answer.endsAt),
  };
}
