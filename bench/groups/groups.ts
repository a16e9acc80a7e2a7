import { anonymous } from './anonymous.ts';
import { audit } from './audit.ts';
import { type Bench, compare, type Comparison, type Facts, type Group } from './bench.ts';
import { credentials } from './credentials.ts';
import { growth } from './growth.ts';
import { grpc } from './grpc.ts';
import { imported } from './imported.ts';
import { live } from './live.ts';
import { login } from './login.ts';
import { mixed } from './mixed.ts';
import { orders } from './orders.ts';
import { refresh } from './refresh.ts';
import { rest } from './rest.ts';
import { revocation } from './revocation.ts';
import { start } from './start.ts';
import { sweep } from './sweep.ts';
import { verify } from './verify.ts';

/** Groups that also run on the services of another commit. */
export const comparisons: Readonly<Record<string, Comparison>> = { refresh, credentials, rest, grpc, login, mixed };

type Measured = Group | Facts;

/** All groups, in the order of a run. */
export const groups: Readonly<Record<string, (bench: Bench) => Promise<Measured | Measured[]>>> = {
  start,
  ...Object.fromEntries(
    Object.entries(comparisons).map(([name, comparison]) => [name, (bench: Bench) => compare(bench, comparison)]),
  ),
  verify,
  anonymous,
  growth,
  sweep,
  audit,
  revocation,
  live,
  imported,
  orders,
};
