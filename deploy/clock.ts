// Clock and timers of the programs in deploy. The only file there that reads the time.

/** Epoch ms. */
export function now(): number {
  return Date.now();
}

/** Resolves after `ms`, or at once when the signal is aborted. Never rejects. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const timer = setTimeout(finish, ms);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", finish);
      resolve();
    }
    signal?.addEventListener("abort", finish);
  });
}
