import { EmailService } from '#gen/proto/signet/auth/v1/email_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { Ground } from '../ground.ts';
import type { Limits } from '../limits/public.ts';
import type { Links, LinkStore } from '../links/public.ts';
import type { PasswordAuthenticator } from '../passwords/public.ts';
import type { UserStore } from '../users/public.ts';
import { emailHandler } from './handler.ts';
import { createEmailVerification } from './rules.ts';
import { createEmailVerificationStore } from './store.ts';

/** Builds the room `email-verification`. */
export function buildEmailVerification(
  { db, cookies }: Ground,
  deps: {
    readonly users: UserStore;
    readonly authenticator: PasswordAuthenticator;
    readonly limits: Limits;
    readonly links: LinkStore;
    readonly requests: Links;
  },
) {
  const emails = createEmailVerification({ ...deps, store: createEmailVerificationStore(db) });
  return { mounted: [mount(EmailService, emailHandler(emails, cookies))] };
}
