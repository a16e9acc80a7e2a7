// The load generator, a separate process. It executes the commands of its parent.
import { audited } from './audited.ts';
import { drive } from './drive.ts';
import { profileOverGrpc } from './grpc.ts';
import { rawHash, rawRefresh } from './raw.ts';
import { clientCredentials, list, login, profileOverRest, refresh, same } from './rest.ts';
import { verification } from './verify.ts';
import type { Load, Pace, Spec, Work } from './work.ts';

/** A command of the parent. */
export type Command =
  | { readonly do: 'open'; readonly spec: Spec }
  | ({ readonly do: 'run'; readonly seconds: number } & Pace)
  | { readonly do: 'close' };

/** The reply to a command. */
export type Reply = { readonly load?: Load } | { readonly error: string };

let work: Work | undefined;

async function execute(command: Command): Promise<Reply> {
  if (command.do === 'open') work = await open(command.spec);
  else if (!work) throw new Error('no work is open');
  else if (command.do === 'run') return { load: await drive(work, command) };
  else await work.close();
  return {};
}

async function open(spec: Spec): Promise<Work> {
  switch (spec.kind) {
    case 'profile-rest':
      return profileOverRest(spec);
    case 'profile-grpc':
      return profileOverGrpc(spec);
    case 'request':
      return same(spec);
    case 'refresh':
      return refresh(spec);
    case 'login':
      return login(spec);
    case 'client-credentials':
      return clientCredentials(spec);
    case 'list':
      return list(spec);
    case 'raw-refresh':
      return rawRefresh(spec);
    case 'audited':
      return audited(spec);
    case 'raw-hash':
      return rawHash(spec);
    case 'verify':
      return verification(spec);
  }
}

function reply(text: Reply): void {
  process.send?.(text);
}

process.on('message', (command: Command) => {
  execute(command).then(reply, (error: unknown) =>
    reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
