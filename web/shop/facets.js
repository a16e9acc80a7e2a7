// @ts-check
import { listProducts } from './api.js';

/**
 * What the pages know of the catalog as a whole, from its newest hundred products: the categories, the currency by which
 * prices are compared, and each product's category, by its id.
 * @typedef {{ categories: string[], currency: string, categoryOf: Map<string, string> }} Facets
 */

/** @type {Promise<Facets> | undefined} */
let facets;

/** Reads the facets once. @returns {Promise<Facets>} */
export function readFacets() {
  facets ??= read();
  // The next page tries again.
  facets.catch(() => (facets = undefined));
  return facets;
}

async function read() {
  const { products } = await listProducts({ page_size: 100 });
  const names = products.map(({ category }) => category).filter((category) => category !== '');
  return {
    categories: [...new Set(names)].toSorted(),
    currency: products[0]?.price.currency_code ?? 'EUR',
    categoryOf: new Map(products.map(({ id, category }) => [id, category])),
  };
}
