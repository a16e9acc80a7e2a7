import { refusalReasonOf } from '#kit/guard/error.ts';
import type { Guard } from '#kit/guard/guard.ts';

/** Interval of looking at the tokens of open streams, ms. Revocations arrive within a second. */
const lookEvery = 200;

/** An open stream and the token that it was admitted with. */
interface Stream {
  readonly token: string;
  readonly ended: AbortController;
}

/**
 * Creates the function that ends streams whose access token expires or is revoked. It returns a signal that aborts with
 * INVALID_TOKEN then, and with the reason of `signal` when that aborts. Missing keys or old revocations do not end
 * streams: the guard refuses new calls then.
 */
export function createTokenWatch(guard: Pick<Guard, 'verify'>) {
  const streams = new Set<Stream>();
  let timer: NodeJS.Timeout | undefined;

  async function look(stream: Stream): Promise<void> {
    try {
      await guard.verify(stream.token);
    } catch (error) {
      if (refusalReasonOf(error) === 'INVALID_TOKEN') stream.ended.abort(error);
    }
  }

  return (authorization: string | null, signal: AbortSignal): AbortSignal => {
    const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || signal.aborted) return signal;
    const stream: Stream = { token, ended: new AbortController() };
    streams.add(stream);
    timer ??= setInterval(() => streams.forEach((one) => void look(one)), lookEvery).unref();
    signal.addEventListener(
      'abort',
      () => {
        streams.delete(stream);
        if (streams.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      },
      { once: true },
    );
    return AbortSignal.any([signal, stream.ended.signal]);
  };
}
