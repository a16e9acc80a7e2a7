import { AnalyticsService } from '#gen/proto/signet/analytics/v1/analytics_service_pb.ts';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import {
  SessionCreatedSchema,
  UserDeletedSchema,
  UserRegisteredSchema,
} from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { OrderConfirmedSchema } from '#gen/proto/signet/events/v1/order_events_pb.ts';
import { PaymentRefundedSchema, PaymentSucceededSchema } from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { RideCompletedSchema } from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** Usage figures. */
export const analytics = defineService({
  name: 'analytics',
  port: 8088,
  contract: [AnalyticsService],
  calls: { auth: [AccountService] },
  consumes: {
    auth: [UserRegisteredSchema, SessionCreatedSchema, UserDeletedSchema],
    order: [OrderConfirmedSchema],
    payment: [PaymentSucceededSchema, PaymentRefundedSchema],
    ride: [RideCompletedSchema],
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
