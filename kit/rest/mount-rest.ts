import { METHODS } from 'node:http';
import { Readable } from 'node:stream';
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { createAsyncIterable } from '@connectrpc/connect/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { failure, outward, reasonOf } from '#kit/errors/failure.ts';
import type { RpcApp } from '#kit/call/app.ts';
import { type EdgeRule, edgeRuleOf } from '#kit/contract/edge-rule.ts';
import { callEnded } from '#kit/call/call-ended.ts';
import { copyHeaders, pathOf, problemFor, queryOf, sendAnswer, sendProblem } from './answer.ts';
import { type Binding, bindMethod } from './binding.ts';
import { eventText, openStream } from './events.ts';
import { isJsonMediaType } from './media-type.ts';
import { formText, isFormMediaType, sendOAuthError } from './oauth.ts';
import { jsonText } from './json-text.ts';
import { drain, hasBody, readBody } from './request-body.ts';
import type { OpenContext } from '#kit/call/context.ts';
import { openRestContext } from './request-context.ts';
import { createRouter, type Match } from './router.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a gate counts the requests of this route, so that the door does not. */
    isCounted?: boolean;
  }
}

/** Options of the REST routes. */
export interface RestOptions {
  /**
   * Maximum request body of a method, in bytes, and timeout of a call including its
   * body, in milliseconds; for a stream, the timeout covers only the gate and the
   * body. Default: the method's edge rule.
   */
  readonly limitsOf?: (method: DescMethod) => Pick<EdgeRule, 'maxRequestBytes' | 'timeoutMs'>;
  /** Silence after which an event stream sends a comment, in milliseconds. Default 15 s. */
  readonly heartbeatMs?: number;
  /** Runs for a request that matches no method, and thus no gate that would count it. */
  readonly unmatched?: (request: FastifyRequest, reply: FastifyReply) => Promise<void>;
  /** Time that an event stream waits for its first message before it responds 200, in milliseconds. Default 1 s. */
  readonly openMs?: number;
}

/**
 * Serves the methods of an app that have `google.api.http` as REST, on all paths
 * that no other route of the Fastify instance handles.
 *
 * A request is matched, checked by the gate on its headers, and only then is its
 * body read; errors are application/problem+json. All of this runs in an `onRequest`
 * hook, before Fastify reads the body: hooks up to onRequest, and onSend and
 * onResponse, run for these requests, the hooks between do not.
 *
 * Responses are JSON with the proto's field names. A `response_body` that names a
 * string field is sent as text/plain; a server stream is text/event-stream.
 * @throws Error on an invalid template or field
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

  /** Runs the gate, then reads the body and creates the request message. */
  async function admit(request: FastifyRequest, match: Match<Binding>, context: OpenContext): Promise<Message> {
    await rpc.gate(context);
    let body = '';
    if (hasBody(request.raw)) {
      const { maxRequestBytes } = limitsOf(match.target.method);
      const isForm = isOAuthForm(request, match);
      const accepts = isForm ? isFormMediaType : isJsonMediaType;
      const bytes = await readBody(request.raw, context.requestHeader, accepts, maxRequestBytes, context.signal);
      body = isForm ? formText(bytes, match.target.method.input) : jsonText(bytes);
    }
    return match.target.request(match.values, queryOf(request.raw.url ?? ''), body);
  }

  async function answerUnary(request: FastifyRequest, reply: FastifyReply, match: Match<Binding>): Promise<void> {
    const binding = match.target;
    const { timeoutMs } = limitsOf(binding.method);
    const context = openRestContext(request, binding, { timeoutMs, shutdown: undefined });
    endOnClose(context, reply);
    try {
      const input = await admit(request, match, context);
      const output = await rpc.unary(binding.method, context, input);
      sendAnswer(request, reply, {
        status: binding.status,
        contentType: binding.contentType,
        header: context.responseHeader,
        text: () => binding.answer(output),
      });
    } catch (error) {
      rpc.abandoned(context, outward(error));
      const send = isOAuthForm(request, match) ? sendOAuthError : sendProblem;
      refuse(request, reply, error, context.responseHeader, send);
    } finally {
      context.abort(callEnded);
    }
  }

  async function answerStream(request: FastifyRequest, reply: FastifyReply, match: Match<Binding>): Promise<void> {
    const binding = match.target;
    const context = openRestContext(request, binding, { timeoutMs: undefined, shutdown: draining.signal });
    endOnClose(context, reply);
    // The timeout ends when the handler starts; the stream itself has none.
    const admission = setTimeout(() => context.abort(failure('DEADLINE_EXCEEDED')), limitsOf(binding.method).timeoutMs);
    let messages: AsyncIterator<Message> | undefined;
    function finish(): void {
      clearTimeout(admission);
      context.abort(callEnded);
      // Not awaited: a handler that ignores its signal may never return.
      messages?.return?.().catch(() => undefined);
    }
    try {
      const input = await admit(request, match, context);
      clearTimeout(admission);
      messages = rpc.stream(binding.method, context, createAsyncIterable([input]))[Symbol.asyncIterator]();
      const opening = await openStream(messages, openMs);
      copyHeaders(context.responseHeader, reply);
      reply
        .header('content-type', 'text/event-stream')
        .header('cache-control', 'no-cache')
        .header('x-accel-buffering', 'no');
      // A connection kept alive after its stream ends would delay the server's shutdown.
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
          logUnexpected(request, error);
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

  // A child context: it inherits the parent's decorators and hooks without changing them.
  void app.register(async (door) => {
    // HTTP methods that Fastify does not route by default: for 405 on known paths, and custom bindings.
    for (const method of METHODS) {
      if (!door.supportedMethods.includes(method) && method !== 'CONNECT') door.addHttpMethod(method);
    }
    door.addHook('preClose', (done) => {
      draining.abort(failure('SERVICE_UNAVAILABLE', { retryAfter: 1 }));
      done();
    });
    door.route({
      // A plugin may handle a method on all paths: @fastify/cors handles OPTIONS.
      method: door.supportedMethods.filter((method) => !door.hasRoute({ method, url: '/*' })),
      url: '/*',
      config: { isCounted: true },
      // `done` is not called: the hook sends the response.
      onRequest: (request, reply, _done) => {
        serve(request, reply).catch((error: unknown) => {
          request.log.error({ request_id: request.id, err: error }, 'rest: failed to respond');
          reply.raw.destroy();
        });
      },
      handler: (request, reply) => sendProblem(request, reply, failure('INTERNAL')),
    });
  });
}

/** Ends a call whose client disconnects before the response. */
function endOnClose(context: OpenContext, reply: FastifyReply): void {
  reply.raw.once('close', () => {
    if (!context.signal.aborted) context.abort(failure('CANCELLED'));
  });
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
  header?: Headers,
  send: typeof sendProblem = sendProblem,
): void {
  if (reply.raw.destroyed) {
    reply.hijack();
    return;
  }
  logUnexpected(request, error);
  send(request, reply, error, header);
}

/** Returns whether the request is a form, to an endpoint that accepts forms. */
function isOAuthForm({ headers }: FastifyRequest, { target }: Match<Binding>): boolean {
  return target.oauth && isFormMediaType(headers['content-type'] ?? '');
}

/** Logs an internal error without a reason. All others come from the gate and the handler, which log them. */
function logUnexpected(request: FastifyRequest, error: unknown): void {
  if (reasonOf(error) === undefined && reasonOf(outward(error)) === 'INTERNAL') {
    request.log.error({ request_id: request.id, err: error }, 'rest: unexpected error');
  }
}
