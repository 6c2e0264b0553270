// Seeded chance of the bench: arrival times that are the same for the same seed.

const UINT32 = 2 ** 32;

/** A generator of numbers from 0 up to but excluding 1: xorshift, 32 bits. */
export function seededRandom(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / UINT32;
  };
}

/** Times between arrivals of a Poisson process, ms. */
export function poissonGaps(ratePerSecond: number, seed: number): () => number {
  const random = seededRandom(seed);
  return () => (-Math.log(1 - random()) / ratePerSecond) * 1_000;
}
