import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import { type Key, KeySchema, type KeyService } from '#gen/proto/signet/auth/v1/key_service_pb.ts';
import { currentActor } from '../../audit/public.ts';
import type { KeyRecord, Keys } from '../rules/keys.ts';

/** Implements KeyService. */
export function keyHandler(keys: Keys): ServiceImpl<typeof KeyService> {
  function toMessage(key: KeyRecord): Key {
    const { kid, alg, state, createdAt, retiredAt } = key;
    const activatedAt = keys.activation(key);
    return create(KeySchema, {
      kid,
      alg,
      state,
      createdAt: timestampFromDate(createdAt),
      ...(activatedAt ? { activatedAt: timestampFromDate(activatedAt) } : {}),
      ...(retiredAt ? { retiredAt: timestampFromDate(retiredAt) } : {}),
    });
  }

  return {
    async listKeys(request) {
      const { items, nextPageToken } = await keys.list(request);
      return { keys: items.map(toMessage), nextPageToken };
    },
    rotateKey: async () => toMessage(await keys.rotate(currentActor())),
    importKey: async ({ pem }) => toMessage(await keys.importKey(pem, currentActor())),
    revokeKey: async ({ kid }) => toMessage(await keys.revoke(kid, currentActor())),
  };
}
