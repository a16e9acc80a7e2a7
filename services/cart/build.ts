import { CartService } from '#gen/proto/signet/cart/v1/cart_service_pb.ts';
import { mount } from '#kit/call/app.ts';
import { createErasure } from '#kit/erasure/erasure.ts';
import type { BuiltService, ServiceDeps } from '#kit/service/service.ts';
import { createOffers } from './clients/offers.ts';
import { createCarts } from './domain/carts.ts';
import { cartHandler } from './handler/cart.ts';
import { cart } from './service.ts';
import { createCartStore } from './store/carts.ts';

/** Wires the cart service. */
export function build({ database, to, log, metrics }: ServiceDeps<typeof cart>): BuiltService {
  const { statements: db } = database;
  const store = createCartStore(db);
  const carts = createCarts({ store, offers: createOffers(to('catalog')) });
  const erasure = createErasure({ service: cart.name, db, auth: to('auth'), erase: store.erase, log });
  return {
    mounted: [mount(CartService, cartHandler(carts))],
    work: [erasure.work],
    followers: [erasure.follow(metrics)],
  };
}
