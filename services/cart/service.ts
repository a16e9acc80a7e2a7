import { AccountService } from '#gen/proto/signet/auth/v1/account_service_pb.ts';
import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { UserDeletedSchema } from '#gen/proto/signet/events/v1/auth_events_pb.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** Shopping carts. */
export const cart = defineService({
  name: 'cart',
  port: 8085,
  contract: [CartService],
  calls: { auth: [AccountService], catalog: [CatalogService] },
  consumes: { auth: [UserDeletedSchema] },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
