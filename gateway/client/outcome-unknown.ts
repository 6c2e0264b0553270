// The one error after which nobody knows whether the command took effect.
import { FairwarningError, OUTCOME_UNKNOWN } from "./errors.ts";
import type { BidAnswer, CallOptions } from "./types.ts";

/** The deadline passed and nobody knows whether the command took effect. Asking again under the same key gives the final answer. */
export class OutcomeUnknown extends FairwarningError {
  override readonly name: string = "OutcomeUnknown";
  readonly key: string;
  readonly askAgain: (call?: CallOptions) => Promise<BidAnswer>;

  constructor(
    about: { readonly key: string; readonly auctionId: string; readonly why: string },
    askAgain: (call?: CallOptions) => Promise<BidAnswer>,
    base: string,
  ) {
    super(
      {
        code: OUTCOME_UNKNOWN,
        message: `Nothing is known yet of the command under key ${about.key}: ${about.why}. Ask again with the same key.`,
        auctionId: about.auctionId,
      },
      base,
    );
    this.key = about.key;
    this.askAgain = askAgain;
  }
}
