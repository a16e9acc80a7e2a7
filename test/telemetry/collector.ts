import { fromBinary } from '@bufbuild/protobuf';
import Fastify from 'fastify';
import type { AddressInfo } from 'node:net';
import { ExportTraceRequestSchema, type KeyValue } from '#gen/proto/signet/test/v1/traces_pb.ts';

/** A span as a collector receives it. */
export interface ReceivedSpan {
  /** `service.name` of the process. */
  readonly service: string;
  readonly name: string;
  /** internal, server or client. */
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root span. */
  readonly parentId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly isError: boolean;
}

/** An OTLP/HTTP collector that stores the spans it receives. */
export interface Collector {
  /** The value for OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: ReceivedSpan[];
  /** The value of a header of the latest request. */
  header(name: string): unknown;
  /** All request bodies, unparsed. */
  received(): Buffer;
  close(): Promise<void>;
}

const kinds = ['', 'internal', 'server', 'client'];

/** Opens a collector. */
export async function openCollector(): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const bodies: Buffer[] = [];
  let latest: Record<string, unknown> = {};
  const fastify = Fastify({ forceCloseConnections: true, bodyLimit: 16 * 2 ** 20 });
  fastify.addContentTypeParser(
    'application/x-protobuf',
    { parseAs: 'buffer' },
    async (_: unknown, body: Buffer) => body,
  );
  fastify.post('/v1/traces', async ({ body, headers }, reply) => {
    latest = headers;
    bodies.push(body as Buffer);
    spans.push(...spansIn(body as Buffer));
    return reply.type('application/x-protobuf').send(Buffer.alloc(0));
  });
  await fastify.listen({ port: 0, host: '127.0.0.1' });
  return {
    endpoint: `http://127.0.0.1:${(fastify.server.address() as AddressInfo).port}`,
    spans,
    header: (name) => latest[name],
    received: () => Buffer.concat(bodies),
    close: () => fastify.close(),
  };
}

function spansIn(body: Buffer): ReceivedSpan[] {
  const { resourceSpans } = fromBinary(ExportTraceRequestSchema, body);
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans
      .flatMap(({ spans }) => spans)
      .map(({ name, kind, attributes, status, ...ids }) => ({
        service: textsOf(resource?.attributes ?? [])['service.name'] ?? '',
        name,
        kind: kinds[kind] ?? String(kind),
        traceId: Buffer.from(ids.traceId).toString('hex'),
        spanId: Buffer.from(ids.spanId).toString('hex'),
        parentId: Buffer.from(ids.parentSpanId).toString('hex'),
        attributes: textsOf(attributes),
        isError: status?.code === 2,
      })),
  );
}

function textsOf(attributes: readonly KeyValue[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value?.stringValue ?? '']));
}
