import { existsSync, globSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Key } from '#kit/config/config.ts';
import { duration } from '#kit/config/types.ts';
import { variablesOf } from '#kit/config/secret-file.ts';
import { reasonOf } from '#kit/errors/failure.ts';
import { createMetrics } from '#kit/telemetry/metrics.ts';
import { bindMethod } from '#kit/rest/binding.ts';
import { createRouter } from '#kit/rest/router.ts';
import { ownServices } from '../contract.ts';
import { serviceKeys } from '../../services/keys.ts';
import { type Check, expectNone, root } from './check.ts';
import { readDocuments } from './links.ts';

/** What documents make statements about. */
export interface Facts {
  /** The defaults of the configuration keys, by variable. A key may have another default in `npm start`. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
  readonly metrics: ReadonlySet<string>;
  /** The scripts of package.json. */
  readonly scripts: ReadonlySet<string>;
  /** Whether a file, or one that matches a pattern, is in the project. */
  readonly isFile: (name: string) => boolean;
  /** Whether REST serves a path, with an HTTP method if one is given. */
  readonly isServed: (path: string, method: string | undefined) => boolean;
}

/** A kind of statement. Returns what is wrong with a match of its pattern. */
type Kind = readonly [pattern: RegExp, fault: (match: RegExpExecArray, facts: Facts) => string | undefined];

/** Variables of the command line, which are no keys of services. */
const ofCommands = /^SIGNET_(URL|CLI_\w+|SERVICE_NAME)$/;

/** Names in the examples of documents, which are not in the project. */
const invented = /parcel|acme|proto\/(google|buf)/i;

const folders = 'bench|cli|deploy|gen|kit|packages|prisma|proto|scripts|services|test|third_party|web';

const kinds: readonly Kind[] = [
  [
    /\bSIGNET_[A-Z][A-Z0-9_]*[A-Z0-9]\b(?!_)/g,
    ([name], { keys }) => (keys.has(name) || ofCommands.test(name) ? undefined : `no configuration key ${name}`),
  ],
  [/`([A-Z][A-Z0-9_]+)` \(([\d.]+(?: \w+)?|[A-Z]{3})\)/g, ([, key, value], facts) => otherDefault(key, value, facts)],
  // The unit, or a few words of what is counted, stand between a value and its key.
  [
    /(\d[\d.,]*(?:\s(?:ms|seconds?|minutes?|hours?|days?)\b)?)(?:\s[\w-]+){0,3}\s\(`([A-Z][A-Z0-9_]+)`/g,
    ([, value, key], facts) => otherDefault(key, value, facts),
  ],
  [
    new RegExp(`\`((?:${folders})/[\\w./*<>-]*)\``, 'g'),
    ([, name = ''], { isFile }) => (isFile(name) ? undefined : `no file ${name}`),
  ],
  [
    /\bnpm run (?:-s |--silent )?([a-z][a-z:]*)/g,
    ([, name = ''], { scripts }) => (scripts.has(name) ? undefined : `no script ${name} in package.json`),
  ],
  [
    /(?:\b(GET|POST|PUT|PATCH|DELETE) )?(\/api\/v1\/[\w/{}$:.-]*\w\}?)/g,
    ([whole, method, to = ''], { isServed }) => (isServed(to, method) ? undefined : `REST does not serve ${whole}`),
  ],
  [/\bsignet_\w+_(?:total|seconds)\b/g, ([name], { metrics }) => (metrics.has(name) ? undefined : `no metric ${name}`)],
];

/**
 * Lists the statements of a document that are false: names of keys, files, scripts, metrics and REST routes that do not
 * exist, and values beside the name of a key that are not its default, as in `15 minutes (\`SIGNET_ACCESS_TTL\`)`.
 */
export function falseStatements(text: string, facts: Facts): string[] {
  return kinds.flatMap(([pattern, fault]) =>
    [...text.matchAll(pattern)].flatMap((match) => {
      const found = invented.test(match[0]) ? undefined : fault(match, facts);
      return found === undefined ? [] : [`line ${text.slice(0, match.index).split('\n').length}: ${found}`];
    }),
  );
}

function otherDefault(key = '', value = '', { keys }: Facts): string | undefined {
  const defaults = keys.get(key) ?? [];
  const isDefault = defaults.some((standard) => plain(standard) === plain(value));
  return isDefault || defaults.length === 0 ? undefined : `${key} is ${defaults.join(' or ')}, not ${value}`;
}

/** A value in one form: `15m` and `15 minutes` are the same. */
function plain(value: string): string {
  const [, count, unit] = /^([\d.,]+) ?(ms|s|m|h|d|seconds?|minutes?|hours?|days?)$/.exec(value) ?? [];
  const time = duration.safeParse(`${count}${unit === 'ms' ? unit : unit?.[0]}`);
  return time.success ? `${time.data} ms` : value.replaceAll(',', '');
}

/** Reads what documents make statements about. */
export async function factsOfProject(): Promise<Facts> {
  const keys = new Map<string, string[]>();
  for (const [, some] of serviceKeys) {
    for (const key of Object.values<Key>(some)) {
      const { default: standard } = key;
      for (const name of variablesOf(key)) {
        keys.set(name, [...(keys.get(name) ?? []), ...(standard === undefined ? [] : [standard])]);
      }
    }
  }
  const bindings = (await ownServices()).flatMap(({ methods }) => methods.flatMap(bindMethod));
  const templates = bindings.map(({ template }) => template);
  const router = createRouter(
    bindings.map(({ httpMethod, template, name, method }) => ({ method: httpMethod, template, name, target: method })),
  );
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as { scripts: object };
  const metrics = await readFile(path.join(root, 'kit/telemetry/metrics.ts'), 'utf8');
  return {
    keys: new Map([...keys].map(([name, defaults]) => [name, [...new Set(defaults)]])),
    metrics: new Set(metrics.match(/\bsignet_\w+/g)),
    scripts: new Set(Object.keys(scripts)),
    isFile: (name) => {
      const pattern = name.replaceAll(/<[^>]*>/g, '*');
      return /\*/.test(pattern) ? globSync(pattern, { cwd: root }).length > 0 : existsSync(path.join(root, name));
    },
    isServed(to, method) {
      if (method === undefined && templates.some(({ text }) => text.startsWith(`${to}/`))) return true;
      const exact = to.replaceAll(/\$\{?\w+\}?|\{\w+\}/g, 'x');
      try {
        const [, verb = ''] = /:(\w+)$/.exec(exact) ?? [];
        router.find(method ?? 'GET', exact);
        // To the router, an unknown verb is a part of the id before it.
        return templates.some((template) => template.verb === verb);
      } catch (error) {
        return method === undefined && reasonOf(error) === 'METHOD_NOT_ALLOWED';
      }
    },
  };
}

/** Lists the metrics in alert rules and dashboards that no process serves. */
export function unknownMetrics(text: string, served: ReadonlySet<string>): string[] {
  const named = new Set(text.match(/\b(?:signet|nodejs|process)_\w+/g));
  return [...named].filter((name) => !served.has(name) && !served.has(name.replace(/_(bucket|count|sum)$/, '')));
}

/** The names of all metrics of a process. */
async function servedMetrics({ metrics }: Facts): Promise<ReadonlySet<string>> {
  const ofNode = (await createMetrics().text()).matchAll(/^# TYPE (\w+)/gm);
  return new Set([...metrics, ...[...ofNode].map(([, name = '']) => name)]);
}

const metricsDocument = 'docs/observability.md';

/** Documents do not contradict the code. */
export const statements: Check = {
  claim: 'names and defaults in documents, and metrics in deploy/monitoring, are those of the code',
  async run() {
    const [facts, documents] = await Promise.all([factsOfProject(), readDocuments()]);
    const served = await servedMetrics(facts);
    const monitoring = globSync('deploy/monitoring/*', { cwd: root });
    const described = documents.get(metricsDocument) ?? '';
    expectNone([
      ...[...documents].flatMap(([name, text]) => falseStatements(text, facts).map((fault) => `${name}: ${fault}`)),
      ...[...facts.metrics]
        .filter((metric) => !described.includes(`\`${metric}\``))
        .map((metric) => `${metricsDocument}: lacks the metric ${metric}`),
      ...monitoring.flatMap((name) =>
        unknownMetrics(readFileSync(path.join(root, name), 'utf8'), served).map(
          (metric) => `${name}: no metric ${metric}`,
        ),
      ),
    ]);
  },
};
