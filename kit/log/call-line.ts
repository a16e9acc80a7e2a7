/** A line of a call or of another HTTP request (kit/call/call-log.ts, kit/door/http-route.ts), as JSON. */
interface Line {
  readonly time: string;
  readonly msg: string;
  readonly service?: string;
  readonly method: string;
  readonly route?: string;
  readonly protocol?: string;
  readonly status: number;
  readonly ms: number;
  readonly reason?: string;
  readonly user?: string;
  readonly caller?: string;
  readonly request_id: string;
  readonly err?: unknown;
}

/**
 * Returns the line of a request for people: `11:33:01.123 edge POST /api/v1/book 201 12ms rest user=... request=...`.
 * undefined for another line, and for one with the cause of a failure.
 * @param text a line of the log, as JSON
 */
export function callLine(text: string): string | undefined {
  if (!/"msg":"(?:call|request)"\}/.test(text)) return undefined;
  const line = JSON.parse(text) as Line;
  if (line.err !== undefined) return undefined;
  const { time, service, method, route, protocol, status, ms, reason, user, caller, request_id: request } = line;
  const what = line.msg === 'request' ? `${method} ${route ?? ''}` : (route ?? method);
  const named = Object.entries({ user, caller, request }).flatMap(([name, value]) =>
    value ? [`${name}=${value}`] : [],
  );
  const parts = [time.slice(11, 23), service, what, status, `${ms}ms`, protocol, reason, ...named];
  return `${parts.filter((part) => part !== undefined && part !== '').join(' ')}\n`;
}
