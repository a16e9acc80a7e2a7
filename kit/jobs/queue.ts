/** How the jobs of a queue are retried. */
export interface QueuePolicy {
  /** Retries after the first failure; then the job is dead. */
  readonly retries: number;
  /** Delay before the first retry, s. It doubles with each retry, with jitter. */
  readonly delay: number;
  /** Maximum delay between retries, s. */
  readonly maxDelay: number;
  /** Maximum duration of a run, s; a run that exceeds it has failed. At least 30. */
  readonly timeout: number;
  /** Every job has a key, and while a job is queued, no other job with its key is added. A running job is not queued. */
  readonly keyed?: boolean;
}

const nameForm = /^[a-z][a-z0-9-]{0,62}$/;

/** The queue that a queue's dead jobs move to. */
export function deadOf(queue: string): string {
  return `${queue}.dead`;
}

/** pg-boss's options of a queue. @throws Error if the name or the policy is invalid */
export function queueOptions(name: string, { retries, delay, maxDelay, timeout, keyed = false }: QueuePolicy) {
  const faults = [
    ...(nameForm.test(name) ? [] : ['its name is not lower-case letters, digits and hyphens']),
    ...(Number.isInteger(retries) && retries >= 0 ? [] : ['retries must be a whole number, 0 or more']),
    ...(delay >= 1 && maxDelay >= delay ? [] : ['delay must be at least 1 s, and at most maxDelay']),
    ...(timeout >= 30 ? [] : ['timeout must be at least 30 s']),
  ];
  if (faults.length > 0) throw new Error(`queue "${name}": ${faults.join(', ')}`);
  return {
    policy: keyed ? 'short' : 'standard',
    notify: true,
    retryLimit: retries,
    retryDelay: delay,
    retryBackoff: true,
    retryDelayMax: maxDelay,
    expireInSeconds: timeout,
    // A killed worker's job returns when its heartbeats stop.
    heartbeatSeconds: 10,
    // A job that waits for an absent service must outlive the wait.
    retentionSeconds: 90 * 24 * 3_600,
    deleteAfterSeconds: 3_600,
    deadLetter: deadOf(name),
  } as const;
}
