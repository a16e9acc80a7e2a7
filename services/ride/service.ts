import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import {
  RideAcceptedSchema,
  RideCancelledSchema,
  RideCompletedSchema,
  RideExpiredSchema,
  RideRequestedSchema,
  RideStartedSchema,
} from '#gen/proto/signet/events/v1/ride_events_pb.ts';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { RideService } from '#gen/proto/signet/ride/v1/ride_service_pb.ts';
import { key } from '#kit/config/config.ts';
import { eventKeys } from '#kit/config/shared-keys.ts';
import { currency, decimal, positiveDecimal, positiveDuration } from '#kit/config/types.ts';
import { jobsSchema } from '#kit/jobs/store.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** The bike taxi: users book rides, raiders accept them (docs/rides.md). */
export const ride = defineService({
  name: 'ride',
  port: 8089,
  contract: [RideService],
  calls: { auth: [AccountService], payment: [PaymentService] },
  produces: [
    RideRequestedSchema,
    RideAcceptedSchema,
    RideStartedSchema,
    RideCompletedSchema,
    RideCancelledSchema,
    RideExpiredSchema,
  ],
  consumes: { auth: [UserDeletedSchema] },
  otherSchemas: [jobsSchema('ride')],
  keys: {
    ...eventKeys,
    expiry: key('SIGNET_RIDE_EXPIRY', positiveDuration, {
      default: '5m',
      doc: 'Time after which a ride expires that no raider has accepted.',
    }),
    farePerKm: key('SIGNET_RIDE_FARE_PER_KM', decimal, {
      default: '1.20',
      doc: 'Fare of a kilometer, in SIGNET_RIDE_CURRENCY.',
    }),
    fareMin: key('SIGNET_RIDE_FARE_MIN', positiveDecimal, {
      default: '3.00',
      doc: 'Minimum fare of a ride, in SIGNET_RIDE_CURRENCY.',
    }),
    currency: key('SIGNET_RIDE_CURRENCY', currency, {
      default: 'EUR',
      doc: 'Currency of fares (ISO 4217). A fare is rounded up to its smallest unit.',
    }),
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
