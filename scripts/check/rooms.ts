import type { Import } from './imports.ts';

/** The layer of a file in a service or room. */
type Layer = 'handler' | 'rules' | 'store' | 'clients' | 'build' | 'public';

/** The service, room and layer of a file. */
export interface Place {
  readonly service: string;
  /** Only in a service that is organized by feature. */
  readonly room: string | undefined;
  /** `unknown`: not a layer of a room. Undefined for files outside layers. */
  readonly layer: Layer | 'unknown' | undefined;
}

/** The layers of a service without rooms; `domain` has its rules. */
const plain: Readonly<Record<string, Layer>> = {
  handler: 'handler',
  domain: 'rules',
  store: 'store',
  clients: 'clients',
};
const inRoom: Readonly<Record<string, Layer>> = {
  handler: 'handler',
  rules: 'rules',
  store: 'store',
  clients: 'clients',
  build: 'build',
  public: 'public',
};

/** The place of a file; undefined if it is not in a service. */
export function placeOf(file: string): Place | undefined {
  const [, service, rest] = /^services\/([^/]+)\/(.+)$/.exec(file) ?? [];
  if (service === undefined || rest === undefined) return undefined;
  const [first = '', second] = rest.split('/');
  // Helpers of a service's tests are in testing/.
  if (second === undefined || first === 'testing') return { service, room: undefined, layer: undefined };
  if (Object.hasOwn(plain, first)) return { service, room: undefined, layer: plain[first] };
  return { service, room: first, layer: inRoom[second.replace(/\..*$/, '')] ?? 'unknown' };
}

/** The source file of each name that a public.ts re-exports, from its imports. */
export function reexportsOf(found: readonly Import[]): Map<string, string> {
  return new Map(found.flatMap(({ to, names = [] }) => names.map((name) => [name, to] as const)));
}

/** Whether a file only re-exports by name, without renaming. */
export function isOnlyReexports(text: string): boolean {
  const rest = text
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/export\s+(type\s+)?\{\s*(type\s+)?[\w$]+(\s*,\s*(type\s+)?[\w$]+)*\s*,?\s*\}\s*from\s*'[^']+';/g, '');
  return rest.trim() === '';
}

/** The room or kit folder of a file; undefined if it is in neither. */
function roomOf(file: string): string | undefined {
  const [folder] = /^kit\/[^/]+(?=\/)/.exec(file) ?? [];
  const place = placeOf(file);
  return folder ?? (place?.room && `${place.service}/${place.room}`);
}

/** Finds an import cycle of rooms or kit folders. Ignores tests and the service's own build. */
export function cycleIn(all: readonly Import[]): string[] | undefined {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of all) {
    const [a, b] = [roomOf(from), roomOf(to)];
    if (a === undefined || b === undefined || /\.test\.ts$|\/testing\//.test(from)) continue;
    if (a !== b) next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const clear = new Set<string>();
  function search(room: string, path: readonly string[]): string[] | undefined {
    if (path.includes(room)) return [...path.slice(path.indexOf(room)), room];
    if (clear.has(room)) return undefined;
    for (const other of next.get(room) ?? []) {
      const cycle = search(other, [...path, room]);
      if (cycle) return cycle;
    }
    clear.add(room);
    return undefined;
  }
  for (const room of next.keys()) {
    const cycle = search(room, []);
    if (cycle) return cycle;
  }
  return undefined;
}
