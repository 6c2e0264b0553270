// The assert that stops a shard. For internal facts only: bytes from outside are checked and answered, never asserted.

/** A fact of the engine itself is false. Whoever catches it stops the shard; replay is the repair. */
export class InvariantBroken extends Error {
  override readonly name = "InvariantBroken";
}

/** Throws InvariantBroken with that message unless the condition holds. One fact per call. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantBroken(message);
}
