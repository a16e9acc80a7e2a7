import type { Import } from './imports.ts';

/** What a file of a service, or of one of its rooms, is for. */
type Layer = 'handler' | 'rules' | 'store' | 'clients' | 'build' | 'public';

/** Where a file of a service belongs. */
export interface Place {
  readonly service: string;
  /** In a service that is laid out by feature. */
  readonly room: string | undefined;
  /** `unknown` in a room: a layer is a file, or a folder where it has several. None for files beside the layers. */
  readonly layer: Layer | 'unknown' | undefined;
}

/** The layers of a service without rooms; its rules are called domain. */
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

/** The place of a file; undefined where it is in no service. */
export function placeOf(file: string): Place | undefined {
  const [, service, rest] = /^services\/([^/]+)\/(.+)$/.exec(file) ?? [];
  if (service === undefined || rest === undefined) return undefined;
  const [first = '', second] = rest.split('/');
  if (second === undefined) return { service, room: undefined, layer: undefined };
  if (Object.hasOwn(plain, first)) return { service, room: undefined, layer: plain[first] };
  return { service, room: first, layer: inRoom[second.replace(/\..*$/, '')] ?? 'unknown' };
}

/** Which file each name is from that a public file, whose imports these are, re-exports. */
export function reexportsOf(found: readonly Import[]): Map<string, string> {
  return new Map(found.flatMap(({ to, names = [] }) => names.map((name) => [name, to] as const)));
}

/** Tells whether a file does nothing but re-export by name, under the names that there are. */
export function isOnlyReexports(text: string): boolean {
  const rest = text
    .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    .replaceAll(/export\s+(type\s+)?\{\s*(type\s+)?[\w$]+(\s*,\s*(type\s+)?[\w$]+)*\s*,?\s*\}\s*from\s*'[^']+';/g, '');
  return rest.trim() === '';
}

/** The room of a service that a file is in, or the folder of the kit; undefined where it is in neither. */
function roomOf(file: string): string | undefined {
  const [folder] = /^kit\/[^/]+(?=\/)/.exec(file) ?? [];
  const place = placeOf(file);
  return folder ?? (place?.room && `${place.service}/${place.room}`);
}

/**
 * A circle of rooms, or of the kit's folders, each of which imports the next; tests and the service's own build aside.
 * Without one, every import of the kit leads down.
 */
export function circleIn(all: readonly Import[]): string[] | undefined {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of all) {
    const [a, b] = [roomOf(from), roomOf(to)];
    if (a === undefined || b === undefined || /\.test\.ts$|\/testing\//.test(from)) continue;
    if (a !== b) next.set(a, (next.get(a) ?? new Set()).add(b));
  }
  const clear = new Set<string>();
  function search(room: string, way: readonly string[]): string[] | undefined {
    if (way.includes(room)) return [...way.slice(way.indexOf(room)), room];
    if (clear.has(room)) return undefined;
    for (const other of next.get(room) ?? []) {
      const circle = search(other, [...way, room]);
      if (circle) return circle;
    }
    clear.add(room);
    return undefined;
  }
  for (const room of next.keys()) {
    const circle = search(room, []);
    if (circle) return circle;
  }
  return undefined;
}
