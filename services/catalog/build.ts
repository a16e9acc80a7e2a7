import { CatalogService } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { every } from '#kit/work/work.ts';
import { createProducts } from './domain/products.ts';
import { createReservations } from './domain/reservations.ts';
import { catalogHandler } from './handler/catalog.ts';
import type { catalog } from './service.ts';
import { createProductStore } from './store/products.ts';
import { createReservationStore } from './store/reservations.ts';
import { seedShop } from './store/seed.ts';

/** Interval of putting back what lapsed reservations hold, ms. Until then it is computed. */
const sweepEvery = 5_000;

/** Wires the catalog service. */
export async function build({ database, config, log }: ServiceDeps<typeof catalog>): Promise<BuiltService> {
  const { statements: db } = database;
  if (config.seedShop === 'true' && config.environment !== 'production') {
    const added = await seedShop(db);
    if (added > 0) log.info({ products: added }, 'added example products; SIGNET_SEED_SHOP=false leaves them out');
  }
  const store = createReservationStore(db);
  const products = createProducts(createProductStore(db));
  const reservations = createReservations(store, config.reservation);
  const sweep = every('expire reservations', sweepEvery, async () => {
    await store.expireLapsed();
  });
  return { mounted: [mount(CatalogService, catalogHandler({ products, reservations }))], work: [sweep] };
}
