import type { PrismaClient } from '#gen/prisma/auth/client.ts';
import type { CookieNames } from '#kit/browser/cookies.ts';
import type { DatabaseClock } from '#kit/db/clock.ts';
import type { Log } from '#kit/log/log.ts';
import type { Mounted } from '#kit/call/app.ts';
import type { ServiceMetrics } from '#kit/telemetry/metrics.ts';
import type { Transactional } from '#kit/store/statements.ts';
import type { Work } from '#kit/work/work.ts';
import type { AuthConfig } from './config.ts';

/** Shared dependencies of all rooms of the auth service. */
export interface Ground {
  readonly config: AuthConfig;
  readonly db: PrismaClient;
  /** Runs statements of almost every request, without Prisma's client. */
  readonly statements: Transactional;
  readonly cookies: CookieNames;
  /** The database's clock, by which the service issues and judges. */
  readonly clock: DatabaseClock;
  readonly log: Log;
  readonly metrics: ServiceMetrics;
}

/** What a room contributes to the service. */
export interface Room {
  /** The protobuf services that it implements completely. */
  readonly mounted?: readonly Mounted[];
  /** Its background work. */
  readonly work?: readonly Work[];
  /** Ends its streams and pending mails. */
  readonly close?: () => void | Promise<void>;
}
