import { Command } from 'commander';
import about from '../package.json' with { type: 'json' };
import { type Cli, urlOption } from './cli.ts';
import { addAnalytics } from './commands/analytics.ts';
import { addAudit } from './commands/audit.ts';
import { addCompletion } from './commands/completion.ts';
import { addConfig } from './commands/config.ts';
import { addDb } from './commands/db.ts';
import { addEvents } from './commands/events.ts';
import { addJobs } from './commands/jobs.ts';
import { addKeys } from './commands/keys.ts';
import { addRoles } from './commands/roles.ts';
import { addServices } from './commands/services.ts';
import { addSessions } from './commands/sessions.ts';
import { addUsers } from './commands/users.ts';
import { misuse } from './failures.ts';

const credentialsHelp = `
Credentials, from the environment or .env: SIGNET_CLI_EMAIL and SIGNET_CLI_PASSWORD, or
SIGNET_CLI_TOKEN, or SIGNET_SERVICE_NAME and SIGNET_SERVICE_KEY. On a terminal, the
command prompts for missing ones.

Exit codes: 0 success, 1 failure, 2 usage error, 3 server unreachable.`;

/** Defines all commands. `parseAsync` runs one. */
export function createProgram(cli: Cli): Command {
  const program = new Command('signet')
    .description('Administers Signet.')
    .usage('<command> [options]')
    .version(about.version, '--version', 'print the version')
    .option(...urlOption)
    .exitOverride()
    .configureOutput({
      writeOut: cli.output.help.out,
      writeErr: cli.output.help.err,
      outputError: (text, write) => write(text.replace(/^error: /, 'signet: ')),
    })
    .addHelpText('after', credentialsHelp);
  program.hook('preAction', (_, command) => passUrl(program, command));
  for (const add of [
    addUsers,
    addSessions,
    addKeys,
    addRoles,
    addAudit,
    addDb,
    addEvents,
    addJobs,
    addAnalytics,
    addConfig,
    addServices,
    addCompletion,
  ]) {
    add(program, cli);
  }
  return program;
}

/** Lets `--url` stand before the command, too. */
function passUrl(program: Command, command: Command): void {
  const { url } = program.opts<{ url?: string }>();
  if (url === undefined) return;
  if (!command.options.some(({ long }) => long === '--url')) {
    throw misuse(`this command does not contact the server; leave out --url.`);
  }
  if (command.getOptionValue('url') === undefined) command.setOptionValue('url', url);
}
