import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { key } from '#kit/config/config.ts';
import { oneOf, positiveDuration } from '#kit/config/types.ts';
import { type Build, defineService } from '#kit/service/service.ts';

/** Products and their stock. */
export const catalog = defineService({
  name: 'catalog',
  port: 8086,
  contract: [CatalogService],
  keys: {
    reservation: key('SIGNET_STOCK_RESERVATION', positiveDuration, {
      default: '15m',
      doc: 'Time after which a reservation of stock expires that no order has committed.',
    }),
    seedShop: key('SIGNET_SEED_SHOP', oneOf('true', 'false'), {
      default: 'true',
      doc: 'Whether the first start in development adds 60 example products. With `NODE_ENV=production` none are added.',
    }),
  },
  load: async (): Promise<Build> => (await import('./build.ts')).build,
});
