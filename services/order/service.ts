import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import {
  OrderCancelledSchema,
  OrderConfirmedSchema,
  OrderDeliveredSchema,
  OrderPlacedSchema,
  OrderRefundedSchema,
  OrderShippedSchema,
} from '#gen/proto/signet/events/v1/order_events_pb.ts';
import {
  PaymentFailedSchema,
  PaymentRefundedSchema,
  PaymentSucceededSchema,
} from '#gen/proto/signet/events/v1/payment_events_pb.ts';
import { OrderService } from '#gen/proto/signet/order/v1/order_service_pb.ts';
import { PaymentService } from '#gen/proto/signet/payment/v1/payment_service_pb.ts';
import { key } from '#kit/config/config.ts';
import { eventKeys } from '#kit/config/shared-keys.ts';
import { positiveDuration } from '#kit/config/types.ts';
import { jobsSchema } from '#kit/jobs/store.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** Orders of the shop, and the saga that takes them through stock, payment and confirmation (docs/orders.md). */
export const order = defineService({
  name: 'order',
  port: 8087,
  contract: [OrderService],
  calls: { auth: [AccountService], cart: [CartService], catalog: [CatalogService], payment: [PaymentService] },
  produces: [
    OrderPlacedSchema,
    OrderConfirmedSchema,
    OrderCancelledSchema,
    OrderShippedSchema,
    OrderDeliveredSchema,
    OrderRefundedSchema,
  ],
  consumes: {
    auth: [UserDeletedSchema],
    payment: [PaymentSucceededSchema, PaymentFailedSchema, PaymentRefundedSchema],
  },
  otherSchemas: [jobsSchema('order')],
  keys: {
    ...eventKeys,
    deadline: key('SIGNET_ORDER_DEADLINE', positiveDuration, {
      default: '5m',
      doc: 'Time after which an order that is not paid yet is cancelled. It must be shorter than SIGNET_STOCK_RESERVATION of the catalog service.',
    }),
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
