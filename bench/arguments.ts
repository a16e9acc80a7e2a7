import { parseArgs } from 'node:util';

/** What a run measures. */
export interface Chosen {
  /** Names of groups, in the order given; empty: all. */
  readonly groups: readonly string[];
  /** Commit to compare with. */
  readonly against: string | undefined;
}

/**
 * Reads the arguments of `npm run bench`.
 * @param known the names of all groups
 * @param comparable those that also run on another commit
 * @throws Error with a message for the user
 */
export function readArguments(
  args: readonly string[],
  known: readonly string[],
  comparable: readonly string[],
): Chosen {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { against: { type: 'string' } },
    allowPositionals: true,
  });
  const { against } = values;
  if (against === '') throw new Error('--against needs a commit');
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`unknown group ${unknown.join(', ')}; known: ${known.join(', ')}`);
  if (against === undefined) return { groups: [...new Set(positionals)], against };
  const others = positionals.filter((name) => !comparable.includes(name));
  if (others.length > 0) {
    throw new Error(`--against measures only ${comparable.join(', ')}, not ${others.join(', ')}`);
  }
  return { groups: positionals.length > 0 ? [...new Set(positionals)] : comparable, against };
}
