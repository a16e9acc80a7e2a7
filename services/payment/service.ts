import {
  PaymentFailedSchema,
  PaymentRefundedSchema,
  PaymentSucceededSchema,
} from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { key } from '#kit/config/config.ts';
import { eventKeys } from '#kit/config/shared-keys.ts';
import { oneOf, positiveDuration } from '#kit/config/types.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** Charges and refunds through a payment provider. */
export const payment = defineService({
  name: 'payment',
  port: 8083,
  contract: [PaymentService],
  produces: [PaymentSucceededSchema, PaymentFailedSchema, PaymentRefundedSchema],
  calls: { auth: [AccountService] },
  consumes: { auth: [UserDeletedSchema] },
  otherSchemas: [
    {
      name: 'payment_sandbox',
      create: async (url) => (await import('./clients/sandbox/tables.ts')).createLedgerIn(url),
    },
  ],
  keys: {
    ...eventKeys,
    provider: key('SIGNET_PAYMENT_PROVIDER', oneOf('sandbox'), {
      default: 'sandbox',
      doc: 'The payment provider. `sandbox`: moves no money; its ledger is the schema `payment_sandbox` of the database.',
    }),
    providerTimeout: key('SIGNET_PAYMENT_TIMEOUT', positiveDuration, {
      default: '3s',
      doc: 'Timeout of a call to the payment provider. The outcome of a call that exceeds it is unknown and is asked for later.',
    }),
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
