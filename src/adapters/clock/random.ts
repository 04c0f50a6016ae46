/** From [0, 1): for jitter, which has no need to be unguessable. */
export const random = (): number => Math.random();
