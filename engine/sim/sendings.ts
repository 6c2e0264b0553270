// Every sending of a command to a process, with the word that the process said of it, whether or not anybody heard it. What a process
// says is a promise, even when the answer is lost on its way.
import type { Command } from "../core/command.ts";
import type { Ask, AskOutcome } from "./history.ts";

/** One sending. Moments are of one logical clock. */
export interface Sending {
  readonly command: Command;
  readonly sentAt: number;
  /** The process it came to, over which link, as which of all that came there; null: it never came. */
  arrived: { readonly process: string; readonly link: string; readonly order: number } | null;
  /** Another sending of the same request was unanswered on its link too: whose word is whose cannot be told. */
  twin: boolean;
  answeredAt: number | null;
  outcome: AskOutcome | null;
  replayed: boolean;
  words: number;
}

export class Sendings {
  readonly all: Sending[] = [];
  readonly #moment: () => number;
  #order = 0;

  constructor(moment: () => number) {
    this.#moment = moment;
  }

  sent(command: Command): Sending {
    const sending: Sending = { command, sentAt: this.#moment(), arrived: null, twin: false, answeredAt: null, outcome: null, replayed: false, words: 0 };
    this.all.push(sending);
    return sending;
  }

  arrived(sending: Sending, process: string, link: string): void {
    this.#order += 1;
    sending.arrived = { process, link, order: this.#order };
  }

  answered(sending: Sending, outcome: AskOutcome, replayed: boolean): void {
    sending.words += 1;
    sending.answeredAt = this.#moment();
    sending.outcome = outcome;
    sending.replayed = replayed;
  }

  /** As the checker of histories wants them. */
  asks(): readonly Ask[] {
    return this.all.map(({ command, sentAt, answeredAt, outcome }) => askOf(command, sentAt, answeredAt, outcome));
  }
}

/** One ask of a history. */
export function askOf(command: Command, sentAt: number, answeredAt: number | null, outcome: AskOutcome | null): Ask {
  const { issuerId, auctionId, key } = command;
  return { issuerId, auctionId, key: key ?? "", sentAt, answeredAt, outcome: outcome ?? { kind: "unknown" } };
}
