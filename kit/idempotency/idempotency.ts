import {
  create,
  type DescMethodUnary,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { abortError } from '#kit/call/until-aborted.ts';
import { nameOf } from '#kit/contract/method-name.ts';
import { failure, outward } from '#kit/errors/failure.ts';
import type { Statements, Transactional } from '#kit/store/statements.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import { sql, tableIn } from '#kit/store/sql.ts';
import { sweeping } from '#kit/work/sweep.ts';
import type { Work } from '#kit/work/work.ts';
import { type Answer, answerOf, answerOfError, classOf, errorIn } from './answer.ts';
import { createKeyStore, expiredKeys, type KeyStore, type KnownKey, type Run, type ScopedKey } from './store.ts';

/** The request header, and the response header of a repeated answer. */
const [keyHeader, replayedHeader] = ['idempotency-key', 'idempotent-replayed'];

/** Visible characters of US-ASCII (VCHAR, RFC 5234). */
const keyForm = /^[\x21-\x7e]{1,255}$/;

/** First and longest pause between two looks at a key whose first request is under way, ms. */
const [firstPause, longestPause] = [25, 400];

/** Idempotency keys of a service (docs/idempotency.md). */
export interface Idempotency {
  /**
   * Answers a request whose repetition must have no second effect. Without an `Idempotency-Key` it runs `act` with a new
   * id. With one, of all requests with that user, method and key one at a time runs `act`; the others wait for its
   * answer until their deadline and return it with `Idempotent-Replayed: true`. No connection is held while `act` runs
   * or a request waits.
   *
   * The answer is kept for 24 hours if it is a response, or a 402 or 409 whose metadata names `id`. After another error,
   * or if the process is killed, the same request runs `act` again: with the same `id` where the resource may exist.
   * @param method the method of the handler
   * @param act creates the resource with the given id. If a resource with that id exists, an earlier run created it, and
   * `act` continues with that one
   * @throws INVALID_ARGUMENT if the key is not 1 to 255 visible characters, IDEMPOTENCY_KEY_REUSED if it was used with
   * another request, INVALID_TOKEN if the account was erased, and what `act` throws
   */
  once<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageShape<I>,
    context: Pick<HandlerContext, 'requestHeader' | 'responseHeader' | 'values' | 'signal'>,
    act: (id: string) => Promise<MessageInitShape<O>>,
  ): Promise<MessageShape<O>>;
  /** Deletes the keys of accounts, in the transaction that erases their data. */
  erase(tx: Pick<Statements, '$executeRaw'>, userIds: readonly string[]): Promise<void>;
  /** Deletes expired keys. */
  readonly work: Work;
}

/**
 * Creates the idempotency keys of a service, in the tables `idempotency_keys` (`idempotencyTable`) and `owners`
 * (kit/erasure) of its schema.
 * @param options.lease time after which another request continues that of a killed process, ms
 * @throws Error if the schema is not a plain name
 */
export function createIdempotency(options: {
  readonly db: Transactional;
  readonly schema: string;
  readonly lease?: number;
}): Idempotency {
  const { db, schema, lease = 5_000 } = options;
  const store = createKeyStore(db, schema, lease);
  const keys = tableIn(schema, 'idempotency_keys');
  return {
    async once(method, request, { requestHeader, responseHeader, values, signal }, act) {
      const given = requestHeader.get(keyHeader);
      if (given === null) return create(method.output, await act(uuidv7()));
      if (!keyForm.test(given)) throw malformedKey();
      const key = { userId: userOf(values).subject, method: nameOf(method), key: given };
      const turn = await turnOf(store, key, hashOf(method.input, request), signal);
      const isReplayed = !('runs' in turn);
      const answer = isReplayed
        ? turn
        : await answerOfRun(store, key, turn, lease, async (id) =>
            answerOf(method.output, create(method.output, await act(id))),
          );
      if ('error' in answer) {
        const error = errorIn(answer);
        if (isReplayed) error.metadata.set(replayedHeader, 'true');
        throw error;
      }
      if (isReplayed) responseHeader.set(replayedHeader, 'true');
      return fromBinary(method.output, answer.response);
    },
    async erase(tx, userIds) {
      await tx.$executeRaw(sql`DELETE FROM ${keys} WHERE user_id = ANY(${[...userIds]}::uuid[])`);
    },
    work: sweeping(db, schema, 'idempotency keys', expiredKeys(schema)),
  };
}

/** Waits for a run, or for the answer of another one. */
async function turnOf(
  store: KeyStore,
  key: ScopedKey,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<Run | Answer> {
  let known: KnownKey | undefined;
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    if (!known || known.isFree) {
      const claimed = await store.claim(key, request, uuidv7());
      if (claimed === 'erased') throw invalidToken('its account was deleted');
      if (claimed !== 'taken') return claimed;
    }
    known = await store.find(key);
    if (known && !Buffer.from(known.request).equals(request)) throw failure('IDEMPOTENCY_KEY_REUSED');
    if (known?.answer) return known.answer;
    await setTimeout(pause, undefined, { signal }).catch(() => {
      throw abortError(signal);
    });
  }
}

/** Executes a run, under a lease that is renewed, and ends it. @throws errors that are not kept */
async function answerOfRun(
  store: KeyStore,
  key: ScopedKey,
  run: Run,
  lease: number,
  act: (id: string) => Promise<Answer>,
): Promise<Answer> {
  // A renewal that fails may let another request run `act` as well, for the same resource.
  const renewal = setInterval(() => void store.renew(key, run).catch(() => undefined), lease / 3).unref();
  let answer: Answer;
  try {
    answer = await act(run.resourceId);
  } catch (error) {
    const leaving = outward(error);
    const kind = classOf(leaving, run.resourceId);
    if (kind !== 'kept') {
      // An earlier run, whose outcome is unknown, may have created the resource.
      const end = kind === 'refused' && run.runs === 1 ? store.forget(key, run) : store.release(key, run);
      // If this fails too, the run ends with its lease.
      await end.catch(() => undefined);
      throw error;
    }
    answer = answerOfError(leaving);
  } finally {
    clearInterval(renewal);
  }
  return (await store.finish(key, run, answer)) ?? answer;
}

/** SHA-256 of a request in its deterministic serialization, without unknown fields. */
function hashOf<D extends DescMessage>(input: D, request: MessageShape<D>): Uint8Array {
  return createHash('sha256')
    .update(toBinary(input, request, { writeUnknownFields: false }))
    .digest();
}

function malformedKey() {
  return failure('INVALID_ARGUMENT', {
    fields: [
      { field: 'Idempotency-Key', description: 'must be 1 to 255 visible characters', reason: 'IDEMPOTENCY_KEY' },
    ],
  });
}
