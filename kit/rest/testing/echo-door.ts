import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { EchoService } from '#gen/proto/signet/test/v1/echo_service_pb.ts';
import { failure } from '#kit/errors/failure.ts';
import { createRpcApp, type Gate, mount } from '#kit/call/app.ts';
import { maxRequestBytes } from '#kit/contract/limits.ts';
import { peerKey } from '#kit/call/peer.ts';
import { testFailure } from '#kit/testing/reasons.ts';
import { silentLog } from '#kit/log/log.ts';
import { answerError, answerFrameworkError, answerNotFound, clientErrorAnswer } from '../fastify-errors.ts';
import { mountRest, type RestOptions } from '../mount-rest.ts';

/** The echo service, served over REST. */
export interface EchoDoor {
  readonly url: string;
  readonly port: number;
  readonly app: FastifyInstance;
  /** Contexts of the calls that reached the gate, oldest first. */
  readonly calls: HandlerContext[];
  /** Returns the number of calls that reached a handler. */
  handled(): number;
  close(): Promise<void>;
}

/** Options of an echo door. */
export interface EchoDoorOptions {
  readonly rest?: RestOptions & { readonly timeoutMs?: number };
  readonly gate?: Gate;
  readonly impl?: Partial<ServiceImpl<typeof EchoService>>;
  readonly http2?: boolean;
  readonly before?: (app: FastifyInstance) => void;
}

/** Opens an echo door on a free port. Handlers echo, wait `wait` ms, and fail on request. */
export async function openEchoDoor(options: EchoDoorOptions = {}): Promise<EchoDoor> {
  const calls: HandlerContext[] = [];
  let handled = 0;

  async function echo(request: EchoRequestLike, context: HandlerContext) {
    handled += 1;
    if (request.wait > 0) await sleep(request.wait, undefined, { signal: context.signal });
    if (request.fail === 13) throw new Error('the secret reason');
    if (request.fail > 0) throw testFailure('TEXT_TAKEN');
    return {
      text: request.text,
      ...(request.nested ? { nested: request.nested } : {}),
      numbers: request.numbers,
      colors: request.colors,
      ...(request.flag === undefined ? {} : { flag: request.flag }),
      big: request.big,
      seen: {
        authorization: context.requestHeader.get('authorization') ?? '',
        cookie: context.requestHeader.get('cookie') ?? '',
        peer: context.values.get(peerKey).address,
        method: context.requestMethod,
        protocol: context.protocolName,
      },
    };
  }

  const impl: Partial<ServiceImpl<typeof EchoService>> = {
    echo,
    create: echo,
    private: echo,
    erase: () => ({}),
    async *count(request, context) {
      handled += 1;
      for (let number = 1; number <= request.to; number += 1) {
        if (request.failAfter > 0 && number > request.failAfter) throw failure('SERVICE_UNAVAILABLE');
        if (request.every > 0) await sleep(request.every, undefined, { signal: context.signal });
        yield { number };
      }
    },
    ...options.impl,
  };
  const rpc = createRpcApp({
    mounted: [mount(EchoService, impl)],
    gate: async (context) => {
      calls.push(context);
      await options.gate?.(context);
    },
  });

  const frameworkErrors = answerFrameworkError as NonNullable<FastifyServerOptions['frameworkErrors']>;
  const clientErrorHandler = clientErrorAnswer([], silentLog) as NonNullable<
    FastifyServerOptions['clientErrorHandler']
  >;
  const app = (
    options.http2 ? Fastify({ http2: true }) : Fastify({ frameworkErrors, clientErrorHandler })
  ) as FastifyInstance;
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(answerNotFound);
  options.before?.(app);
  const { timeoutMs = 10_000, ...rest } = options.rest ?? {};
  mountRest(app, rpc, { limitsOf: () => ({ maxRequestBytes, timeoutMs }), ...rest });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    app,
    calls,
    handled: () => handled,
    close: () => app.close(),
  };
}

type EchoRequestLike = Parameters<ServiceImpl<typeof EchoService>['echo']>[0];

/** A request with a JSON body. */
export function json(body: unknown, init: RequestInit = {}): RequestInit {
  return {
    method: 'POST',
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string> | undefined) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
