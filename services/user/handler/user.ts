import type { ServiceImpl } from '@connectrpc/connect';
import type { UserService } from '#gen/proto/signet/user/v1/user_service_pb.ts';
import { userOf } from '#kit/guard/connect.ts';
import { invalidToken } from '#kit/guard/error.ts';
import type { ProfileFields, Profiles } from '../domain/profiles.ts';

/** Implements UserService. The user's id comes from the token, never from the request. */
export function userHandler(profiles: Profiles): ServiceImpl<typeof UserService> {
  return {
    async getProfile(_, { values }) {
      const { subject, email = '' } = userOf(values);
      return { id: subject, email, ...(await profiles.get(subject)) };
    },

    async updateProfile({ name, bio, phone, locale, updateMask }, { values }) {
      const { subject, email = '' } = userOf(values);
      const set = present({ name: name?.trim(), bio, phone, locale });
      const updated = await profiles.update(subject, set, updateMask?.paths);
      if (!updated) throw invalidToken('its account was deleted');
      return { id: subject, email, ...updated };
    },

    async deleteAccount() {
      await profiles.erase();
      return {};
    },
  };
}

function present(fields: { [F in keyof ProfileFields]: string | undefined }): Partial<ProfileFields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
