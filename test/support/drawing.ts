/** mulberry32: whole numbers below 2³², the same for the same seed. */
export function drawing(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** From [0, 1). */
export function fractions(seed: number): () => number {
  const draw = drawing(seed);
  return () => draw() / 2 ** 32;
}
