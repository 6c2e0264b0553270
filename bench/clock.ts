// The bench's clock. The only file of it that reads the wall clock or waits.

/** Epoch ms. */
export function now(): number {
  return Date.now();
}

/** Resolves `ms` from now. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
