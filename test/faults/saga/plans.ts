import { seededRandom } from '../../attacks/random.ts';

/** The points at which a replica is killed: before a step is called, after its call, and after its outcome is written. */
export const forwardPoints = ['reserve', 'charge', 'confirm', 'clear'].flatMap((step) =>
  ['before', 'called', 'saved'].map((at) => `${step}:${at}`),
);

/** The points of the steps that undo. */
export const undoPoints = ['refund:before', 'refund:called', 'release:before', 'release:called'];

/** A bomb of an order: what the replica that reaches the point does. */
export interface Bomb {
  readonly point: string;
  readonly kind: 'kill' | 'pause';
}

/** What happens to one order. */
export interface Plan {
  readonly method: 'pm_card_ok' | 'pm_timeout_then_ok' | 'pm_error_after_charge' | 'pm_card_declined';
  readonly bombs: readonly Bomb[];
  /** When the customer cancels, ms after placing; or once the order is confirmed. */
  readonly cancel?: number | 'confirmed';
  /** Whether support refunds the payment once the order is confirmed. */
  readonly refund?: boolean;
  /** Whether the stock does not suffice. */
  readonly short?: boolean;
  /** Whether the order is placed at the replica whose deadline is short. */
  readonly hurried?: boolean;
}

const kill = (...points: string[]): Bomb[] => points.map((point) => ({ point, kind: 'kill' }));

const winners = ['pm_card_ok', 'pm_timeout_then_ok', 'pm_error_after_charge'] as const;

/** Orders that come to a step that undoes. */
const losers: readonly ((point: string) => Plan)[] = [
  (point) => ({ method: 'pm_card_declined', bombs: kill(point) }),
  (point) => ({ method: 'pm_card_ok', bombs: kill(point), cancel: 'confirmed' }),
  // The deadline passes while the replica is dead, so the charge is undone.
  (point) => ({ method: 'pm_error_after_charge', bombs: kill('charge:called', point), hurried: true }),
  (point) => ({ method: 'pm_timeout_then_ok', bombs: kill(point), cancel: 200 }),
];

/**
 * Plans orders with kills at each of the 16 points, in random order, and some orders without.
 * @param kills kills at each point
 */
export function planKills(kills: number, seed: number): Plan[] {
  const random = seededRandom(seed);
  const plans: Plan[] = [];
  for (let round = 0; round < kills; round++) {
    const turn = round + Math.floor(random() * 3);
    for (const [place, point] of forwardPoints.entries()) {
      const cancels = random() < 0.25 ? { cancel: Math.floor(random() * 300) } : {};
      const hurried = random() < 0.4;
      plans.push({ method: winners[(turn + place) % winners.length]!, bombs: kill(point), hurried, ...cancels });
    }
    for (const [place, point] of undoPoints.entries()) plans.push(losers[(turn + place) % losers.length]!(point));
    plans.push({ method: 'pm_card_ok', bombs: kill('release:called'), short: true });
    plans.push({ method: 'pm_card_ok', bombs: kill('reserve:called', 'charge:called', 'confirm:called') });
    plans.push({ method: 'pm_card_ok', bombs: kill('effect:before', 'effect:after'), refund: true });
  }
  return shuffled(plans, random);
}

/** Orders whose replica keeps what it does at a point back until another replica has undone the order. */
export function planPauses(...points: readonly string[]): Plan[] {
  return points.map((point) => ({ method: 'pm_card_ok', bombs: [{ point, kind: 'pause' }], hurried: true }));
}

/** Orders whose replica is killed at a point, and whose deadline then passes. */
export function planLapses(count: number, point: string): Plan[] {
  return Array.from({ length: count }, () => ({ method: 'pm_card_ok', bombs: kill(point), hurried: true }));
}

/** Orders whose payment support gives back while the replica that hears of it is killed. */
export function planRefunds(count: number): Plan[] {
  return Array.from({ length: count }, () => ({ method: 'pm_card_ok', bombs: kill('effect:before'), refund: true }));
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
