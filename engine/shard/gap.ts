// What stands between the offset where a record was expected and the one where it landed (C6).
import { LogBroken } from "./reading-errors.ts";
import { catchUp } from "./recovery.ts";
import type { Shard } from "./shard.ts";

/** A gap that cannot be read within this ends the tenure. */
const GAP_READ_MAX_MS = 2_000;

export type JudgedGap =
  /** As world.ts says: nothing that counts, another owner's claim, or nobody knows. */
  { readonly kind: "void" | "claimed" | "unread" } | { readonly kind: "broken"; readonly error: LogBroken };

/** Reads and judges what landed before `offset`. Never rejects. */
export async function judgeGap(shard: Shard, offset: number): Promise<JudgedGap> {
  const { claim, lsn } = shard.judge;
  const read = catchUp(shard, offset);
  // Read to its end or overtaken, later nobody waits for it.
  read.catch(() => undefined);
  let cancel: () => void = () => undefined;
  const late = new Promise<false>((resolve) => {
    cancel = shard.world.timers.after(GAP_READ_MAX_MS, () => resolve(false));
  });
  try {
    const whole = await Promise.race([read, late]);
    if (shard.judge.claim !== claim) return { kind: "claimed" };
    return { kind: whole && shard.judge.next === offset && shard.judge.lsn === lsn ? "void" : "unread" };
  } catch (error) {
    return error instanceof LogBroken ? { kind: "broken", error } : { kind: "unread" };
  } finally {
    cancel();
  }
}
