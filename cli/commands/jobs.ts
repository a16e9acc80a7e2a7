import type { Command } from 'commander';
import { type DeadJobs, openDeadJobs } from '#kit/jobs/dead.ts';
import { servicesWithData } from '../../services/registry.ts';
import { answering, type AnswerOptions, type Cli, example } from '../cli.ts';
import { CommandFailure, misuse } from '../failures.ts';
import { databaseOf } from '../database.ts';

/** `jobs`: the dead jobs of services. Works on the databases themselves, without a server. */
export function addJobs(program: Command, cli: Cli): void {
  const jobs = program.command('jobs').description('durable jobs of services');

  const dead = jobs
    .command('dead')
    .description('list the jobs that have failed for good')
    .argument('[service]', 'the service; all by default');
  example(answering(dead), 'jobs dead notification').action((service: string | undefined, options: AnswerOptions) =>
    listAll(cli, service, options),
  );

  const replay = jobs
    .command('replay')
    .description('queue dead jobs again, at most 1,000 of a queue')
    .argument('<service>', 'the service')
    .argument('<queue>', 'the queue');
  example(answering(replay), 'jobs replay notification message').action(
    (service: string, queue: string, options: AnswerOptions) => replayOne(cli, service, queue, options),
  );
}

async function listAll(
  { environment, output }: Cli,
  service: string | undefined,
  { json }: AnswerOptions,
): Promise<void> {
  const dead: object[] = [];
  const rows: string[][] = [];
  for (const name of service === undefined ? allNames() : [known(service)]) {
    await withJobs({ environment }, name, async (opened) => {
      for (const queue of opened?.queues ?? []) {
        for (const { id, data, createdAt, error } of (await opened?.dead(queue)) ?? []) {
          dead.push({ service: name, queue, id, created_at: createdAt.toISOString(), error, data });
          rows.push([name, queue, id, createdAt.toISOString(), error]);
        }
      }
    });
  }
  if (json) output.json({ dead });
  else output.table(['SERVICE', 'QUEUE', 'ID', 'CREATED', 'ERROR'], rows);
}

async function replayOne(
  { environment, output }: Cli,
  service: string,
  queue: string,
  { json }: AnswerOptions,
): Promise<void> {
  await withJobs({ environment }, known(service), async (opened) => {
    if (!opened?.queues.includes(queue)) {
      const names = opened?.queues.join(', ') || 'none';
      throw new CommandFailure(`${service} has no queue ${queue}; its queues: ${names}.`);
    }
    const replayed = await opened.replay(queue);
    if (json) output.json({ service, queue, replayed });
    else output.line(`queued ${replayed} dead jobs of ${service}/${queue} again`);
  });
}

async function withJobs(
  { environment }: Pick<Cli, 'environment'>,
  service: string,
  use: (jobs: DeadJobs | undefined) => Promise<void>,
): Promise<void> {
  const opened = await openDeadJobs(databaseOf(service, environment).url, service);
  try {
    await use(opened);
  } finally {
    await opened?.close();
  }
}

function allNames(): string[] {
  return servicesWithData.map(({ name }) => name);
}

function known(service: string): string {
  if (!allNames().includes(service)) {
    throw misuse(`${service} is no service with a database: ${allNames().join(', ')}.`);
  }
  return service;
}
