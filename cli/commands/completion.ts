import type { Command } from 'commander';
import { type Cli, example } from '../cli.ts';

/** What may follow a command line: its subcommands and options. */
interface Node {
  /** The words before: `users`, `users list`; empty for the program. */
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly name: string;
  readonly description: string;
}

/** The completion scripts, by shell, from the commands of the program. */
const scripts = { bash, zsh, fish } as const;

/** `completion`: prints scripts with which a shell completes commands. */
export function addCompletion(program: Command, { output }: Cli): void {
  const completion = program.command('completion').description('print a completion script for a shell');
  for (const [shell, script] of Object.entries(scripts)) {
    const command = completion.command(shell).description(`print the completion script for ${shell}`);
    example(command, `completion ${shell}`).action(() => output.help.out(script(nodesOf(program))));
  }
}

function nodesOf(program: Command): Node[] {
  const visit = (command: Command, path: string): Node[] => {
    const children = command.commands.map((child) => ({ name: child.name(), description: child.description() }));
    const options = [...command.options, ...(path === '' ? program.options : [])].flatMap(({ long, description }) =>
      long ? [{ name: long, description }] : [],
    );
    const words = [...children, ...options, { name: '--help', description: 'display help' }];
    const unique = words.filter(({ name }, place) => words.findIndex((word) => word.name === name) === place);
    return [
      { path, words: unique },
      ...command.commands.flatMap((child) => visit(child, `${path} ${child.name()}`.trim())),
    ];
  };
  return visit(program, '');
}

const names = ({ words }: Node) => words.map(({ name }) => name).join(' ');

function bash(nodes: readonly Node[]): string {
  return `# Completion of signet for bash:  eval "$(npm run -s signet -- completion bash)"
_signet() {
  local word path=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || path="$path\${path:+ }$word"
  done
  local words=''
  case "$path" in
${nodes.map((node) => `    '${node.path}') words='${names(node)}' ;;`).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _signet signet
`;
}

function zsh(nodes: readonly Node[]): string {
  const described = ({ words }: Node) =>
    words.map(({ name, description }) => quoted(`${name}:${description}`)).join(' ');
  return `#compdef signet
# Completion of signet for zsh:  eval "$(npm run -s signet -- completion zsh)"
_signet() {
  local -a path found
  path=(\${\${words[2,CURRENT-1]}:#-*})
  case "\${(j: :)path}" in
${nodes.map((node) => `    '${node.path}') found=(${described(node)}) ;;`).join('\n')}
  esac
  _describe command found || _files
}
compdef _signet signet
`;
}

function fish(nodes: readonly Node[]): string {
  const condition = ({ path }: Node) => `__signet_at ${quoted(path)}`;
  return `# Completion of signet for fish:  npm run -s signet -- completion fish | source
function __signet_at
    set -l path (string match -v -- '-*' (commandline -opc)[2..-1])
    test "$path" = "$argv"
end
${nodes
  .flatMap((node) =>
    node.words.map(({ name, description }) => {
      const word = name.startsWith('--') ? `-l ${name.slice(2)}` : `-f -a ${name}`;
      return `complete -c signet -n ${quoted(condition(node))} ${word} -d ${quoted(description)}`;
    }),
  )
  .join('\n')}
`;
}

/** Quotes text for a shell. Escaped single quotes work in all three. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["$`\\]/g, '\\$&')}"`;
}
