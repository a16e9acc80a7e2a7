import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import {
  EmailVerificationRequestedSchema,
  PasswordChangedSchema,
  PasswordResetRequestedSchema,
  SessionCreatedSchema,
  SessionReuseDetectedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderDeliveredSchema,
  OrderRefundedSchema,
  OrderShippedSchema,
} from '#gen/proto/signet/events/v1/order_events_pb.ts';
import { PaymentFailedSchema } from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import {
  RideAcceptedSchema,
  RideCancelledSchema,
  RideCompletedSchema,
  RideExpiredSchema,
} from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import { ProfileUpdatedSchema } from '#gen/proto/signet/events/v1/user_events_pb.ts';
import { NotificationService } from '#gen/proto/signet/notification/v1/notification_service_pb.ts';
import { ProfileService } from '#gen/proto/signet/user/v1/profile_service_pb.ts';
import { key } from '#kit/config/config.ts';
import { baseUrl, secret, text, url } from '#kit/config/types.ts';
import { jobsSchema } from '#kit/jobs/store.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** The inbox of users, mail and text messages. */
export const notification = defineService({
  name: 'notification',
  port: 8084,
  contract: [NotificationService],
  calls: { auth: [AccountService], user: [ProfileService] },
  consumes: {
    auth: [
      UserRegisteredSchema,
      UserDeletedSchema,
      SessionCreatedSchema,
      SessionReuseDetectedSchema,
      PasswordChangedSchema,
      PasswordResetRequestedSchema,
      EmailVerificationRequestedSchema,
    ],
    user: [ProfileUpdatedSchema],
    order: [OrderConfirmedSchema, OrderCancelledSchema, OrderShippedSchema, OrderDeliveredSchema, OrderRefundedSchema],
    payment: [PaymentFailedSchema],
    ride: [RideAcceptedSchema, RideCompletedSchema, RideCancelledSchema, RideExpiredSchema],
  },
  otherSchemas: [jobsSchema('notification')],
  keys: {
    linkUrl: key('SIGNET_LINK_URL', baseUrl, {
      optional: true,
      doc: 'Base URL of links in mails; it serves the pages `/reset-password` and `/verify-email`. Unset: SIGNET_ISSUER, the edge.',
    }),
    smtpUrl: key('SMTP_URL', url('smtp', 'smtps').pipe(secret), {
      optional: true,
      doc: 'SMTP server for outgoing mail: smtp://user:password@host:587. Unset: mails are kept in the development mailbox (`GET /api/v1/admin/mails`), and in production dropped with a warning.',
    }),
    mailFrom: key('SIGNET_MAIL_FROM', text, {
      default: 'Signet <signet@localhost>',
      doc: 'From header of outgoing mail.',
    }),
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
