import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { CookieNames } from '#kit/browser/cookies.ts';
import type { Log } from '#kit/log/log.ts';
import type { Mounted } from '#kit/call/app.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import type { Work } from '#kit/work/work.ts';
import type { AuthConfig } from './config.ts';

/** What every room of the auth service is built on. */
export interface Ground {
  readonly config: AuthConfig;
  readonly db: PrismaClient;
  readonly cookies: CookieNames;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}

/** What a room adds to the service, besides what it offers to other rooms. */
export interface Room {
  /** The services of the contract that it implements as a whole. */
  readonly mounted?: readonly Mounted[];
  /** What it does without a caller. */
  readonly work?: readonly Work[];
  /** Ends what it does besides: streams, mails under way. */
  readonly close?: () => void | Promise<void>;
}
