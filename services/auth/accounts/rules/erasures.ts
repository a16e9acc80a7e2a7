import { failure } from '../../reasons.ts';

/** The erasure of a deleted account's data as it is recorded. */
export interface RecordedErasure {
  readonly userId: string;
  readonly requestedAt: Date;
  readonly confirmations: readonly { readonly service: string; readonly at: Date }[];
}

/** The progress of an erasure. */
export interface Erasure {
  readonly userId: string;
  readonly requestedAt: Date;
  /** When the last service confirmed; undefined while one has not. */
  readonly completedAt: Date | undefined;
  readonly services: readonly { readonly service: string; readonly doneAt: Date | undefined }[];
}

/** Persistence port for erasures. Deleting an account begins one. */
export interface ErasureStore {
  find(userId: string): Promise<RecordedErasure | undefined>;
  /** Records a service's confirmation, the first one only; returns whether the erasure exists. */
  confirmOnce(userId: string, service: string): Promise<boolean>;
  /** Those of the given accounts that were deleted. */
  among(userIds: readonly string[]): Promise<string[]>;
}

/** The erasures of deleted accounts' data. @throws NOT_FOUND */
export interface Erasures {
  get(userId: string): Promise<Erasure>;
  confirm(userId: string, service: string): Promise<void>;
  /** Those of the given accounts that were deleted. */
  among(userIds: readonly string[]): Promise<string[]>;
}

/**
 * Creates the erasures.
 * @param services the services that erase data: the consumers of user.deleted
 */
export function createErasures(store: ErasureStore, services: readonly string[]): Erasures {
  const names = services.toSorted();
  return {
    async get(userId) {
      const found = await store.find(userId);
      if (!found) throw failure('NOT_FOUND');
      const times = new Map(found.confirmations.map(({ service, at }) => [service, at]));
      const steps = names.map((service) => ({ service, doneAt: times.get(service) }));
      const done = steps.flatMap(({ doneAt }) => doneAt?.getTime() ?? []);
      const isComplete = done.length === steps.length;
      return {
        userId,
        requestedAt: found.requestedAt,
        completedAt: isComplete ? new Date(Math.max(found.requestedAt.getTime(), ...done)) : undefined,
        services: steps,
      };
    },
    among: store.among,
    async confirm(userId, service) {
      if (!(await store.confirmOnce(userId, service))) throw failure('NOT_FOUND');
    },
  };
}
