// The public state of an auction in the words of the model of the rules, so that the two can be compared.
import type { AuctionState } from "../core/state.ts";
import { leaderId, publicState } from "../core/view.ts";
import type { ModelFacts } from "./model.ts";

/** What the engine shows of an auction. Throws InvariantBroken for the tombstone of a rejected create. */
export function factsOf(state: AuctionState): ModelFacts {
  const view = publicState(state);
  return {
    phase: view.phase,
    outcome: view.outcome,
    price: view.price,
    asking: view.askingPrice,
    leader: leaderId(state),
    reserveMet: view.reserveMet,
    endsAt: view.endsAt,
    scheduledCloseAt: view.scheduledCloseAt,
    buyNowAvailable: view.buyNow !== null,
    extensionCount: view.extensionCount,
    extensionTotalMs: view.extensionTotalMs,
    // Who won is shown by a number, which the model does not give.
    hammer: view.hammer === null ? null : { price: view.hammer.price, winner: state.hammer?.winner ?? null, endedAt: view.hammer.endedAt, by: view.hammer.by },
  };
}

/** The first fact in which two differ, in words; null when they are equal. */
export function differenceOf(shown: ModelFacts, ruled: ModelFacts): string | null {
  for (const name of Object.keys(ruled) as (keyof ModelFacts)[]) {
    if (shown[name] === ruled[name] || same(shown[name], ruled[name])) continue;
    return `shows ${name} ${JSON.stringify(shown[name])}, the rules say ${JSON.stringify(ruled[name])}`;
  }
  return null;
}

function same(left: ModelFacts[keyof ModelFacts], right: ModelFacts[keyof ModelFacts]): boolean {
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return false;
  return left.price === right.price && left.winner === right.winner && left.endedAt === right.endedAt && left.by === right.by;
}
