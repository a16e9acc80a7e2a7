import type { ConnectError } from '@connectrpc/connect';
import { failure } from '#kit/errors/failure.ts';
import { decodeKeepingSlashes, decodeText } from './percent.ts';
import type { Template } from './template.ts';

/** A route from a path to a target. */
export interface Route<T> {
  /** HTTP method in capitals, or `*` for any. */
  readonly method: string;
  readonly template: Template;
  /** Name of the route in start-up errors. */
  readonly name: string;
  readonly target: T;
}

/** Result of routing a path. */
export interface Match<T> {
  readonly target: T;
  /** Values of the template's variables, in its order, decoded. */
  readonly values: readonly string[];
}

/** Finds targets by HTTP method and path. */
export interface Router<T> {
  /**
   * Finds the route of a method and a raw path without query. A literal segment takes
   * precedence over `*`, and `*` over `**`. If the last segment ends in a known verb
   * (`:verb`), the verb's route is used; any other colon is data. HEAD matches GET.
   * @throws NOT_FOUND, METHOD_NOT_ALLOWED with Allow, or INVALID_ARGUMENT on malformed percent-encoding
   */
  find(method: string, path: string): Match<T>;
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  one: Node<T> | undefined;
  rest: Node<T> | undefined;
  /** Routes that end here: by verb, then by HTTP method. */
  readonly ends: Map<string, Map<string, Route<T>>>;
}

/** Creates a router. @throws Error naming both of two routes with the same method and path */
export function createRouter<T>(routes: readonly Route<T>[]): Router<T> {
  const root = newNode<T>();
  for (const route of routes) insert(root, route);

  return {
    find(method, path) {
      if (path.charCodeAt(0) !== 47) throw failure('NOT_FOUND');
      const raw = path.slice(1).split('/');
      const last = raw.length - 1;
      const tail = raw[last] ?? '';
      const segments = raw.map((segment) => decodeText(segment, '$path'));
      if (segments.includes('')) throw failure('NOT_FOUND');
      const allowed = new Set<string>();

      const colon = tail.lastIndexOf(':');
      if (colon > 0) {
        const bare = [...raw.slice(0, last), tail.slice(0, colon)];
        const bareSegments = [...segments.slice(0, last), decodeText(tail.slice(0, colon), '$path')];
        const route = walk(root, bareSegments, 0, decodeText(tail.slice(colon + 1), '$path'), method, allowed);
        if (route) return { target: route.target, values: capture(route.template, bare, bareSegments) };
        if (allowed.size > 0) throw notAllowed(allowed);
      }
      const route = walk(root, segments, 0, '', method, allowed);
      if (route) return { target: route.target, values: capture(route.template, raw, segments) };
      throw allowed.size > 0 ? notAllowed(allowed) : failure('NOT_FOUND');
    },
  };
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), one: undefined, rest: undefined, ends: new Map() };
}

function insert<T>(root: Node<T>, route: Route<T>): void {
  let node = root;
  for (const segment of route.template.segments) {
    if (segment.kind === 'one') node = node.one ??= newNode();
    else if (segment.kind === 'rest') node = node.rest ??= newNode();
    else {
      const next = node.literals.get(segment.text) ?? newNode();
      node.literals.set(segment.text, next);
      node = next;
    }
  }
  const methods = node.ends.get(route.template.verb) ?? new Map<string, Route<T>>();
  node.ends.set(route.template.verb, methods);
  const other = methods.get(route.method);
  if (other) throw new Error(`duplicate route: ${other.name} and ${route.name}`);
  methods.set(route.method, route);
}

/** Searches depth first in order of precedence. `**` ends a template, so no node is visited twice. */
function walk<T>(
  node: Node<T>,
  segments: readonly string[],
  index: number,
  verb: string,
  method: string,
  allowed: Set<string>,
): Route<T> | undefined {
  const segment = segments[index];
  if (segment === undefined) {
    return take(node, verb, method, allowed) ?? (node.rest && take(node.rest, verb, method, allowed));
  }
  const literal = node.literals.get(segment);
  return (
    (literal && walk(literal, segments, index + 1, verb, method, allowed)) ??
    (node.one && walk(node.one, segments, index + 1, verb, method, allowed)) ??
    (node.rest && take(node.rest, verb, method, allowed))
  );
}

function take<T>(node: Node<T>, verb: string, method: string, allowed: Set<string>): Route<T> | undefined {
  const methods = node.ends.get(verb);
  if (!methods) return undefined;
  const found = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined) ?? methods.get('*');
  if (!found) for (const name of methods.keys()) allowed.add(name);
  return found;
}

function capture(template: Template, raw: readonly string[], decoded: readonly string[]): string[] {
  return template.variables.map(({ start, end, single }) =>
    single ? (decoded[start] ?? '') : raw.slice(start, end).map(decodeKeepingSlashes).join('/'),
  );
}

function notAllowed(allowed: Set<string>): ConnectError {
  if (allowed.has('GET')) allowed.add('HEAD');
  const error = failure('METHOD_NOT_ALLOWED');
  error.metadata.set('allow', [...allowed].toSorted().join(', '));
  return error;
}
