import { METHODS } from 'node:http';
import { Readable } from 'node:stream';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure, outward, reasonOf } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { type EdgeRule, edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { over } from '#kit/call/over.ts';
import { copyHeaders, pathOf, problemFor, queryOf, sendAnswer, sendProblem } from './answer.ts';
import { type Binding, bindMethod } from './binding.ts';
import { eventText, openStream } from './events.ts';
import { jsonText } from './json-text.ts';
import { drain, hasBody, readBody } from './request-body.ts';
import { openContext, type RestContext } from './request-context.ts';
import { createRouter, type Match } from './router.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A gate counts the requests of this route: the door does not. */
    isCounted?: boolean;
  }
}

/** How the REST door behaves. */
export interface RestOptions {
  /**
   * Largest request body of a method, in bytes, and longest time for a call, body
   * included, in milliseconds; of a stream, the time is for the gate and the
   * request's body alone. By default what the method's definition declares.
   */
  readonly limitsOf?: (method: DescMethod) => Pick<EdgeRule, 'maxRequestBytes' | 'timeoutMs'>;
  /** Silence on an event stream after which a comment is sent, in milliseconds. 15 s by default. */
  readonly heartbeatMs?: number;
  /** Runs for a request that no method is found for, whose gate would count it. */
  readonly unmatched?: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** How long an event stream waits for its first message before it answers 200, in milliseconds. 1 s by default. */
  readonly openMs?: number;
}

/**
 * Opens the REST door of an app: every method with `google.api.http`, on every
 * path that no other route of the Fastify instance takes. Routes are bound when
 * this is called, and an Error tells of a template or a field that does not fit.
 *
 * A request is matched, passes the gate on its headers, and only then has its
 * body read; errors are application/problem+json. All of it happens in an
 * `onRequest` hook, before Fastify would look at the body: hooks of the instance
 * up to onRequest, and onSend and onResponse, see these requests, those between
 * do not.
 *
 * Answers: JSON with the proto's own field names; a `response_body` that names a
 * string field is answered as text/plain, the text itself; a server stream is
 * text/event-stream.
 */
export function mountRest(app: FastifyInstance, rpc: RpcApp, options: RestOptions = {}): void {
  const { limitsOf = edgeRuleOf, heartbeatMs = 15_000, openMs = 1000, unmatched } = options;
  const router = createRouter<Binding>(
    rpc.services
      .flatMap((service) => service.methods.flatMap(bindMethod))
      .map((binding) => ({
        method: binding.httpMethod,
        template: binding.template,
        name: binding.name,
        target: binding,
      })),
  );
  const draining = new AbortController();

  /** Runs a call up to its request message: gate first, body second. */
  async function admit(
    request: FastifyRequest,
    match: Match<Binding>,
    context: RestContext,
    ended: Promise<never>,
  ): Promise<Message> {
    await Promise.race([rpc.gate(context), ended]);
    let body = '';
    if (hasBody(request.raw)) {
      const { maxRequestBytes } = limitsOf(match.target.method);
      body = jsonText(await readBody(request.raw, context.requestHeader, maxRequestBytes, context.signal));
    }
    return match.target.request(match.values, queryOf(request.raw.url ?? ''), body);
  }

  async function answerUnary(request: FastifyRequest, reply: FastifyReply, match: Match<Binding>): Promise<void> {
    const binding = match.target;
    const { timeoutMs } = limitsOf(binding.method);
    const context = openContext(request, binding, { timeoutMs, shutdown: undefined });
    const ended = endOf(context, reply);
    try {
      const input = await admit(request, match, context, ended);
      const output = await Promise.race([rpc.unary(binding.method, context, input), ended]);
      sendAnswer(request, reply, {
        status: binding.status,
        contentType: binding.contentType,
        header: context.responseHeader,
        text: () => binding.answer(output),
      });
    } catch (error) {
      rpc.abandoned(context, outward(error));
      refuse(request, reply, error, context.responseHeader);
    } finally {
      context.abort(over);
    }
  }

  async function answerStream(request: FastifyRequest, reply: FastifyReply, match: Match<Binding>): Promise<void> {
    const binding = match.target;
    const context = openContext(request, binding, { timeoutMs: undefined, shutdown: draining.signal });
    const ended = endOf(context, reply);
    // The deadline is for getting as far as the handler; what it streams has none.
    const admission = setTimeout(() => context.abort(failure('DEADLINE_EXCEEDED')), limitsOf(binding.method).timeoutMs);
    let messages: AsyncIterator<Message> | undefined;
    function finish(): void {
      clearTimeout(admission);
      context.abort(over);
      // Not awaited: a handler that ignores its signal never lets go.
      messages?.return?.().catch(() => undefined);
    }
    try {
      const input = await admit(request, match, context, ended);
      clearTimeout(admission);
      messages = rpc.stream(binding.method, context, createAsyncIterable([input]))[Symbol.asyncIterator]();
      const opening = await Promise.race([openStream(messages, openMs), ended]);
      copyHeaders(context.responseHeader, reply);
      reply
        .header('content-type', 'text/event-stream')
        .header('cache-control', 'no-cache')
        .header('x-accel-buffering', 'no');
      // Kept alive, a connection whose stream ended as the server closes would hold the server up.
      if (request.raw.httpVersionMajor === 1) reply.header('connection', 'close');
      if (request.method === 'HEAD') {
        finish();
        reply.send();
        return;
      }
      const text = eventText(opening, messages, {
        heartbeatMs,
        signal: context.signal,
        text: binding.answer,
        problem: (error) => {
          tell(request, error);
          return problemFor(request, reply, error, context.responseHeader).body;
        },
      });
      reply.send(Readable.from(text, { objectMode: false, highWaterMark: 16 * 1024 }).once('close', finish));
    } catch (error) {
      finish();
      rpc.abandoned(context, outward(error));
      refuse(request, reply, error, context.responseHeader);
    }
  }

  async function matchOf(request: FastifyRequest, reply: FastifyReply): Promise<Match<Binding>> {
    try {
      return router.find(request.method, pathOf(request.raw.url ?? ''));
    } catch (error) {
      await unmatched?.(request, reply);
      throw error;
    }
  }

  async function serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    try {
      const match = await matchOf(request, reply);
      await (match.target.streams ? answerStream(request, reply, match) : answerUnary(request, reply, match));
    } catch (error) {
      refuse(request, reply, error);
    }
    if (hasBody(request.raw)) drain(request.raw);
  }

  // A parent's decorators and hooks hold here; nothing of this holds there.
  void app.register(async (door) => {
    // Methods that Fastify does not route by itself are known paths' 405s, or custom bindings.
    for (const method of METHODS) {
      if (!door.supportedMethods.includes(method) && method !== 'CONNECT') door.addHttpMethod(method);
    }
    door.addHook('preClose', (done) => {
      draining.abort(failure('SERVICE_UNAVAILABLE', { retryAfter: 1 }));
      done();
    });
    door.route({
      // A plugin may have taken one: @fastify/cors answers OPTIONS.
      method: door.supportedMethods.filter((method) => !door.hasRoute({ method, url: '/*' })),
      url: '/*',
      config: { isCounted: true },
      // `done` is not called: the answer is given here.
      onRequest: (request, reply, _done) => {
        serve(request, reply).catch((error: unknown) => {
          request.log.error({ err: error }, 'rest: a request could not be answered');
          reply.raw.destroy();
        });
      },
      handler: (request, reply) => sendProblem(request, reply, failure('INTERNAL')),
    });
  });
}

/** Rejects when a call is over before its answer: deadline, client gone, shutdown. */
function endOf(context: RestContext, reply: FastifyReply): Promise<never> {
  reply.raw.once('close', () => {
    if (!context.signal.aborted) context.abort(failure('CANCELLED'));
  });
  const ended = new Promise<never>((_, reject) => {
    context.signal.addEventListener('abort', () => reject(context.signal.reason as Error), { once: true });
  });
  ended.catch(() => undefined);
  return ended;
}

function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown, header?: Headers): void {
  if (reply.raw.destroyed) {
    reply.hijack();
    return;
  }
  tell(request, error);
  sendProblem(request, reply, error, header);
}

/** An error without a reason is one of ours: the gate and the interceptors, which log, give every other one. */
function tell(request: FastifyRequest, error: unknown): void {
  if (reasonOf(error) === undefined && reasonOf(outward(error)) === 'INTERNAL') {
    request.log.error({ err: error }, 'rest: unexpected error');
  }
}
