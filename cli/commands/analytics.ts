import type { Command } from 'commander';
import { openDatabase } from '#kit/db/database.ts';
import { silentLog } from '#kit/log/log.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { databaseOf } from '../database.ts';

/** `analytics`: the read models of the analytics service. Works on its database, without a server. */
export function addAnalytics(program: Command, cli: Cli): void {
  const analytics = program.command('analytics').description('usage figures');

  const rebuild = analytics.command('rebuild').description('rebuild the figures from the recorded facts');
  example(answering(rebuild), 'analytics rebuild').action((options: AnswerOptions) => rebuildAll(cli, options));
}

async function rebuildAll({ environment, output }: Cli, { json }: AnswerOptions): Promise<void> {
  const { url } = databaseOf('analytics', environment);
  const database = openDatabase({ url, applicationName: 'signet-cli', log: silentLog, max: 1 });
  try {
    // Loaded by this command only: it brings a database client.
    const { rebuildReadModels } = await import('../../services/analytics/maintenance.ts');
    const { facts, trackedEvents } = await rebuildReadModels(database);
    if (json) output.json({ facts, tracked_events: trackedEvents });
    else output.line(`rebuilt the figures from ${facts} facts and ${trackedEvents} tracked events`);
  } finally {
    await database.close();
  }
}
