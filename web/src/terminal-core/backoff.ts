/** How long to wait before the next attempt to connect. */

export const BACKOFF_FIRST_MS = 100;
export const BACKOFF_LAST_MS = 5000;

/**
 * Doubles from 100 ms to 5 s. The upper half of each step is random, so that the clients of a server that came back do
 * not all knock in the same moment.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
