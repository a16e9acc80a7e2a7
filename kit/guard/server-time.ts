/**
 * The time of a server whose clock decides, in a process whose own clock may be wrong or be set at any time. It continues
 * by the monotonic clock between samples.
 */
export interface ServerTime {
  /** The time, in milliseconds since 1970: this machine's own before the first sample. */
  now(): number;
  /** How far this machine's clock is ahead of the server's, in seconds; negative if it is behind. 0 before the first sample. */
  skew(): number;
  /**
   * Takes the server's time, in milliseconds since 1970, just received. The latency of its message makes it late, so the
   * sample with the lowest latency of the last ones counts.
   */
  sample(time: number): void;
}

/** Number of samples that are kept. */
const kept = 8;
/** A sample that is later than this is not late by latency: the server's clock was set back, ms. */
const longestLatency = 3_000;

/**
 * Creates the time of a server.
 * @param clocks for tests
 */
export function createServerTime(
  clocks: {
    /** The monotonic clock, in milliseconds. */
    readonly monotonic?: () => number;
    /** This machine's time, in milliseconds since 1970. */
    readonly wall?: () => number;
  } = {},
): ServerTime {
  const { monotonic = () => performance.now(), wall = Date.now } = clocks;
  let offsets: number[] = [];
  let offset: number | undefined;
  const now = () => (offset === undefined ? wall() : monotonic() + offset);
  return {
    now,
    skew: () => (offset === undefined ? 0 : (wall() - now()) / 1_000),
    sample(time) {
      const found = time - monotonic();
      if (offset !== undefined && found < offset - longestLatency) offsets = [];
      offsets = [...offsets, found].slice(-kept);
      offset = Math.max(...offsets);
    },
  };
}
