import { expect, test } from 'vitest';
import { callLine } from './call-line.ts';
import { createLog } from './log.ts';

const call = {
  service: 'edge',
  method: 'signet.ride.v1.RideService/BookRide',
  route: 'POST /api/v1/book',
  protocol: 'rest',
  user: '01a2',
  request_id: 'r1',
  trace_id: 't1',
  ms: 12,
  status: 201,
  code: 'ok',
};

function linesOf(write: (log: ReturnType<typeof createLog>) => void): string[] {
  const lines: string[] = [];
  write(createLog({ level: 'info', format: 'pretty', destination: { write: (line) => void lines.push(line) } }));
  return lines;
}

test('a call is one short line with what an operator looks for', () => {
  const [line] = linesOf((log) => log.info(call, 'call'));
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} edge POST \/api\/v1\/book 201 12ms rest user=01a2 request=r1\n$/);
});

test('a refused call has its reason, and without REST its method', () => {
  const { route: _, user: __, ...rpc } = call;
  const refused = { ...rpc, protocol: 'grpc', status: 401, reason: 'TOKEN_REQUIRED', caller: 'order' };
  const [line] = linesOf((log) => log.info(refused, 'call'));
  expect(line).toContain(
    'edge signet.ride.v1.RideService/BookRide 401 12ms grpc TOKEN_REQUIRED caller=order request=r1\n',
  );
});

test('another request has its HTTP method and route', () => {
  const [line] = linesOf((log) =>
    log.info({ method: 'GET', route: '/shop', request_id: 'r1', status: 200, ms: 1 }, 'request'),
  );
  expect(line).toMatch(/ GET \/shop 200 1ms request=r1\n$/);
});

test('a failure keeps its cause, and other lines their fields', () => {
  const [failed, other] = linesOf((log) => {
    log.error({ ...call, err: new Error('no route to the database') }, 'call');
    log.info({ port: 8080 }, 'edge is ready');
  });
  expect(failed).toContain('no route to the database');
  expect(other).toMatch(/edge is ready.*8080/);
  expect(callLine('{"msg":"edge is ready"}')).toBeUndefined();
});
