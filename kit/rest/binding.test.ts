import { ConnectError } from '@connectrpc/connect';
import { toJson } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { type Binding, bindMethod } from './binding.ts';
import { made, madeMethod, repeated, Type } from './testing/made-method.ts';

type Made = Parameters<typeof madeMethod>[0];

const get = (path: string) => ({ pattern: { case: 'get' as const, value: path } });
const post = (path: string, body = '') => ({ pattern: { case: 'post' as const, value: path }, body });
const text = made('text', Type.STRING);
const inner = { name: 'Inner', field: [made('label', Type.STRING), made('other_label', Type.STRING)] };
const nested = made('nested', { message: '.made.v1.Inner' });

function bound(options: Made): Binding {
  const [binding] = bindMethod(madeMethod(options));
  if (!binding) throw new Error('nothing bound');
  return binding;
}

/** The request as JSON, or the invalid fields. */
function ask(binding: Binding, values: string[], query = '', body = ''): unknown {
  try {
    return toJson(binding.method.input, binding.request(values, query, body), { useProtoFieldName: true });
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    return reasonOf(error) === 'INVALID_ARGUMENT' ? violationsOf(error).map(({ field }) => field) : error;
  }
}

describe('bindMethod at start', () => {
  const both = [
    text,
    nested,
    repeated(made('many', Type.STRING)),
    made('stamp', { message: '.google.protobuf.Timestamp' }),
  ];

  it.each<[string, Omit<Made, 'input'>, string]>([
    ['an unknown field in the path', { rule: get('/v1/{nope}') }, 'has no field "nope"'],
    ['an unknown field under a message', { rule: get('/v1/{nested.nope}') }, 'has no field "nope"'],
    ['a field under a scalar', { rule: get('/v1/{text.x}') }, 'has no field "x"'],
    ['a message in the path', { rule: get('/v1/{nested}') }, 'single scalar or enum'],
    ['a well-known message in the path', { rule: get('/v1/{stamp}') }, 'single scalar or enum'],
    ['a repeated field in the path', { rule: get('/v1/{many}') }, 'single scalar or enum'],
    ['an unknown body', { rule: post('/v1/x', 'nope') }, 'body: made.v1.In has no field "nope"'],
    ['a body that is in the path', { rule: post('/v1/{text}', 'text') }, 'both a path variable and the body'],
    ['a body on GET', { rule: { ...get('/v1/x'), body: '*' } }, 'GET cannot have a body'],
    [
      'an unknown response_body',
      { rule: { ...get('/v1/x'), responseBody: 'nope' } },
      'response_body: made.v1.Out has no field',
    ],
    ['a bad template', { rule: get('v1') }, 'path template "v1"'],
    ['no path', { rule: {} }, 'without a path'],
    [
      'an invalid custom method',
      { rule: { pattern: { case: 'custom', value: { kind: 'get it', path: '/x' } } } },
      'not an HTTP method',
    ],
    [
      'nested additional bindings',
      { rule: { ...get('/a'), additionalBindings: [{ ...get('/b'), additionalBindings: [get('/c')] }] } },
      'must not be nested',
    ],
    ['a stream of requests', { rule: post('/v1/x', '*'), clientStreaming: true }, 'request stream'],
    ['streams both ways', { rule: post('/v1/x', '*'), clientStreaming: true, serverStreaming: true }, 'request stream'],
  ])('refuses %s, naming the method', (_, options, what) => {
    const start = () => bindMethod(madeMethod({ messages: [inner], input: both, ...options }));
    expect(start).toThrow(what);
    expect(start).toThrow('made.v1.MadeService/Do');
  });

  it('names the invalid template', () => {
    expect(() => bindMethod(madeMethod({ rule: get('/v1/{nope}'), input: [text] }))).toThrow('(GET /v1/{nope})');
  });

  it('returns no binding without a rule', () => {
    expect(bindMethod(EchoService.method.sum)).toEqual([]);
  });

  it('uses the status of the contract, 204 for a DELETE with an empty response', () => {
    expect(bindMethod(EchoService.method.create)[0]?.status).toBe(201);
    expect(bindMethod(EchoService.method.erase)[0]?.status).toBe(204);
    expect(bindMethod(EchoService.method.echo).map(({ status }) => status)).toEqual(Array(8).fill(200));
  });
});

it('refuses at start a GET whose method may have side effects', () => {
  const bind = (idempotency: MethodOptions_IdempotencyLevel) =>
    bindMethod(madeMethod({ rule: get('/v1/{text}'), input: [text], idempotency }));
  expect(() => bind(MethodOptions_IdempotencyLevel.IDEMPOTENT)).toThrow('a GET requires');
  expect(() => bind(MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN)).toThrow('a GET requires');
  expect(bind(MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)).toHaveLength(1);
});

describe('a binding without a body', () => {
  const binding = bound({
    rule: get('/v1/{text}'),
    oneofs: ['choice'],
    input: [
      text,
      nested,
      repeated(made('many', Type.INT32)),
      made('flag', Type.BOOL),
      made('ratio', Type.DOUBLE),
      made('big', Type.INT64),
      made('unsigned', Type.UINT32),
      made('raw', Type.BYTES),
      made('kind', { enumeration: '.google.protobuf.NullValue' }),
      made('at_time', { message: '.google.protobuf.Timestamp' }),
      made('for_long', { message: '.google.protobuf.Duration' }),
      made('mask', { message: '.google.protobuf.FieldMask' }),
      made('wrapped', { message: '.google.protobuf.BoolValue' }),
      made('struct', { message: '.google.protobuf.Struct' }),
      repeated(made('inners', { message: '.made.v1.Inner' })),
      made('left', Type.STRING, { oneofIndex: 0 }),
      made('right', Type.STRING, { oneofIndex: 0 }),
    ],
    messages: [inner],
  });

  it.each([
    ['many=1&many=-2', { many: [1, -2] }],
    ['flag=true', { flag: true }],
    ['ratio=1.5e3', { ratio: 1500 }],
    ['ratio=-Infinity', { ratio: '-Infinity' }],
    ['big=-9223372036854775808', { big: '-9223372036854775808' }],
    ['unsigned=4294967295', { unsigned: 4294967295 }],
    ['raw=AAE%3D', { raw: 'AAE=' }],
    ['at_time=2024-02-29T12:00:00Z', { at_time: '2024-02-29T12:00:00Z' }],
    ['atTime=2024-02-29T12:00:00.5Z', { at_time: '2024-02-29T12:00:00.500Z' }],
    ['for_long=1.5s', { for_long: '1.500s' }],
    ['mask=a,bC', { mask: 'a,bC' }],
    ['mask=a,b_c', { mask: 'a,bC' }],
    ['wrapped=false', { wrapped: false }],
    ['nested.other_label=x', { nested: { other_label: 'x' } }],
    ['nested.otherLabel=x&nested.label=y', { nested: { label: 'y', other_label: 'x' } }],
    ['nested.label=a%20b+c%2Bd', { nested: { label: 'a b c+d' } }],
    ['left=x', { left: 'x' }],
    ['&&', {}],
  ])('reads ?%s', (query, expected) => {
    expect(ask(binding, ['t'], query)).toEqual({ text: 't', ...expected });
  });

  it.each([
    ['text=u', 'text'],
    ['nope=1', 'nope'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['nested=x', 'nested'],
    ['nested.nope=x', 'nested.nope'],
    ['struct.fields=x', 'struct.fields'],
    ['inners=x', 'inners'],
    ['%3Cscript%3E=x', '$query'],
    ['flag=1', 'flag'],
    ['flag=', 'flag'],
    ['flag', 'flag'],
    ['flag=true&flag=true', 'flag'],
    ['nested.other_label=x&nested.otherLabel=y', 'nested.other_label'],
    ['many=1&many=x', 'many'],
    ['many=0x10', 'many'],
    ['many=1e3', 'many'],
    ['many=%201', 'many'],
    ['many=2147483648', 'many'],
    ['unsigned=-1', 'unsigned'],
    ['ratio=1.', 'ratio'],
    ['ratio=inf', 'ratio'],
    ['big=9223372036854775808', 'big'],
    ['raw=***', 'raw'],
    ['kind=NOPE', 'kind'],
    ['at_time=yesterday', 'at_time'],
    ['for_long=1', 'for_long'],
    ['for_long=1sx', 'for_long'],
    ['mask=a__b', 'mask'],
    ['wrapped=x', 'wrapped'],
    ['left=x&right=y', '$query'],
    ['text=%ff', '$query'],
    ['%=1', '$query'],
  ])('refuses ?%s and names %s', (query, field) => {
    expect(ask(binding, ['t'], query)).toEqual([field]);
  });

  it('names all invalid parameters', () => {
    expect(ask(binding, ['t'], 'flag=x&nope=1&ratio=z')).toEqual(['flag', 'nope', 'ratio']);
  });

  it('refuses a body other than an empty object', () => {
    expect(ask(binding, ['t'], '', '{}')).toEqual({ text: 't' });
    expect(ask(binding, ['t'], '', '{"flag":true}')).toEqual(['$body']);
    expect(ask(binding, ['t'], '', '[]')).toEqual(['$body']);
  });

  it('refuses other members of a oneof that the path sets', () => {
    const decided = bound({
      rule: get('/v1/{left}'),
      oneofs: ['choice'],
      input: [made('left', Type.STRING, { oneofIndex: 0 }), made('right', Type.STRING, { oneofIndex: 0 }), text],
    });
    expect(ask(decided, ['l'], 'right=r')).toEqual(['right']);
    expect(ask(decided, ['l'], 'text=t')).toEqual({ left: 'l', text: 't' });
  });

  it('does not enter a recursive message', () => {
    const tree = { name: 'Tree', field: [made('label', Type.STRING), made('child', { message: '.made.v1.Tree' })] };
    const recursive = bound({
      rule: get('/v1/x'),
      input: [made('tree', { message: '.made.v1.Tree' })],
      messages: [tree],
    });
    expect(ask(recursive, [], 'tree.label=a')).toEqual({ tree: { label: 'a' } });
    expect(recursive.query.size).toBeLessThan(20);
  });

  it('checks path variables like query parameters', () => {
    const numbered = bound({ rule: get('/v1/{n}'), input: [made('n', Type.INT32)] });
    expect(ask(numbered, ['7'])).toEqual({ n: 7 });
    for (const value of ['x', '07', '1.0', '99999999999', '']) expect(ask(numbered, [value])).toEqual(['n']);
  });
});

describe('a binding with a body', () => {
  const whole = bound({
    rule: post('/v1/{text}', '*'),
    input: [text, nested, made('snake_name', Type.INT32)],
    messages: [inner],
  });
  const part = bound({
    rule: post('/v1/{text}', 'nested'),
    oneofs: ['choice'],
    input: [
      text,
      { ...nested, oneofIndex: 0 },
      made('other', Type.STRING, { oneofIndex: 0 }),
      repeated(made('many', Type.INT32)),
    ],
    messages: [inner],
  });
  const list = bound({ rule: post('/v1/list', 'many'), input: [text, repeated(made('many', Type.INT32))] });

  it('reads the whole message, by proto and JSON names', () => {
    expect(ask(whole, ['t'], '', '{"snake_name":1,"nested":{"otherLabel":"x"}}')).toEqual({
      text: 't',
      snake_name: 1,
      nested: { other_label: 'x' },
    });
    expect(ask(whole, ['t'], '', '{"snakeName":1}')).toEqual({ text: 't', snake_name: 1 });
  });

  it('treats a missing body as an empty message', () => {
    expect(ask(whole, ['t'])).toEqual({ text: 't' });
    expect(ask(part, ['t'])).toEqual({ text: 't' });
  });

  it('path variables override the body', () => {
    expect(ask(whole, ['path'], '', '{"text":"body"}')).toEqual({ text: 'path' });
  });

  it('refuses all query parameters with body "*"', () => {
    expect(ask(whole, ['t'], 'snake_name=1')).toEqual(['snake_name']);
    expect(ask(whole, ['t'], 'text=1')).toEqual(['text']);
  });

  it('reads one field from the body and others from the query', () => {
    expect(ask(part, ['t'], 'many=1&many=2', '{"label":"x"}')).toEqual({
      text: 't',
      nested: { label: 'x' },
      many: [1, 2],
    });
    expect(ask(list, [], 'text=t', '[1,2]')).toEqual({ text: 't', many: [1, 2] });
  });

  it("refuses a query parameter for the body's field", () => {
    expect(ask(part, ['t'], 'nested.label=q', '{"label":"x"}')).toEqual(['nested.label']);
    expect(ask(part, ['t'], 'other=q', '{"label":"x"}')).toEqual(['other']);
    expect(ask(list, [], 'many=3', '[1]')).toEqual(['many']);
  });

  it.each([
    ['{"nope":1}', 'nope'],
    ['{"__proto__":{"text":"x"}}', '__proto__'],
    ['{"constructor":1}', 'constructor'],
    ['{"nested":{"nope":1}}', 'nested.nope'],
    ['{"nested":{"label":1}}', 'nested.label'],
    ['{"nested":[]}', 'nested'],
    ['{"snake_name":"x"}', 'snake_name'],
    ['{"snake_name":1,"snakeName":2}', 'snake_name'],
    ['{"text":"a","text":"b"}', '$body'],
    ['{"<b>":1}', '(unknown)'],
    ['[]', '$body'],
    ['"x"', '$body'],
    ['null', '$body'],
    ['{', '$body'],
    ['{} {}', '$body'],
    ['\ufeff{}', '$body'],
  ])('refuses %s and names %s', (body, field) => {
    expect(ask(whole, ['t'], '', body)).toEqual([field]);
  });

  it.each(['[]', 'null', '"x"', '{"nope":1}', '{"label":1}', '{}, "text": "x"', '{"label":"a"}}{'])(
    'refuses %s as the body of one field',
    (body) => {
      expect(ask(part, ['t'], '', body)).toEqual([expect.stringMatching(/^(nested.*|\$body)$/)]);
    },
  );

  it('does not quote the body in an error', () => {
    let texts: string[] = [];
    try {
      whole.request(['t'], '', '{"snake_name":"hunter2","hunter2 ":1,"nested":{"label":["hunter2"]}}');
    } catch (error) {
      const { message, metadata } = error as ConnectError;
      texts = [message, JSON.stringify([...metadata]), JSON.stringify(violationsOf(error))];
    }
    expect(texts).toHaveLength(3);
    expect(texts.join()).not.toContain('hunter2');
  });
});
