import { v7 as uuidv7 } from 'uuid';
import { changesOf } from '#kit/contract/field-mask.ts';
import { assertCurrency, assertPayable } from '#kit/money/check.ts';
import { type Amount, formatMoney, hasCurrencyDigits, parseMoney } from '#kit/money/money.ts';
import { type Page, type PageQuery, type PageRequest, readPage } from '#kit/page/page.ts';
import { failure } from '../reasons.ts';
import { searchQuery } from './search.ts';

/** The fields of a product that administrators change. */
export interface ProductFields {
  readonly name: string;
  readonly description: string;
  readonly category: string;
  readonly price: Amount;
  readonly imageUrl: string;
  readonly active: boolean;
}

/** The fields that a request sets. Undefined ones are not set. */
export type SetFields = { readonly [Name in keyof ProductFields]?: ProductFields[Name] | undefined };

/** A product to create. */
export interface NewProduct extends ProductFields {
  readonly id: string;
  readonly sku: string;
  readonly stock: number;
}

/** A product. `stock` can be bought now. */
export interface Product extends NewProduct {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The orders of a list. */
export type ProductOrder = 'relevance' | 'newest' | 'price' | '-price' | 'name';

/** A filter as a client sends it. */
export interface ProductFilter {
  readonly q?: string | undefined;
  readonly category?: string | undefined;
  readonly currencyCode?: string | undefined;
  /** Decimal numbers in the currency, and the order; the contract has checked their forms. */
  readonly minPrice?: string | undefined;
  readonly maxPrice?: string | undefined;
  readonly orderBy?: string | undefined;
  readonly active?: boolean | undefined;
}

/** A filter for the store: the input of a tsquery, and prices with the digits of the currency. */
export interface ProductSelection extends Omit<ProductFilter, 'q' | 'orderBy'> {
  readonly query?: string | undefined;
}

/** A listed product, and its sort key in the order of the list. */
export interface Listed {
  readonly product: Product;
  readonly key: readonly string[];
}

/** Persistence port for products. Every method is atomic. */
export interface ProductStore {
  /** Returns undefined if the SKU is taken. */
  insertOnce(product: NewProduct): Promise<Product | undefined>;
  find(id: string): Promise<Product | undefined>;
  /** Returns the known ones, in no order. */
  findMany(ids: readonly string[]): Promise<readonly Product[]>;
  page(selection: ProductSelection, order: ProductOrder, query: PageQuery): Promise<readonly Listed[]>;
  /** Applies changes to the current row. Returns undefined for an unknown product. */
  update(id: string, changes: Partial<ProductFields>): Promise<Product | undefined>;
  /** Sets the number of pieces that can be bought now. Returns undefined for an unknown product. */
  setStock(id: string, stock: number): Promise<Product | undefined>;
}

/** The rules for products. @throws NOT_FOUND for an unknown product */
export interface Products {
  /** @throws INVALID_ARGUMENT, SKU_TAKEN */
  create(product: Omit<NewProduct, 'id'>): Promise<Product>;
  /** Returns an active product. */
  get(id: string): Promise<Product>;
  getAny(id: string): Promise<Product>;
  /** Returns the known ones of the products, each once, in no order. */
  getMany(ids: readonly string[]): Promise<readonly Product[]>;
  /** @throws INVALID_ARGUMENT */
  list(filter: ProductFilter, page: PageRequest): Promise<Page<Product>>;
  /** @param mask the fields to write; by default those that are set @throws INVALID_ARGUMENT */
  update(id: string, set: SetFields, mask: readonly string[] | undefined): Promise<Product>;
  setStock(id: string, stock: number): Promise<Product>;
}

/** The values of cleared fields, by their names in the contract. Undefined: the field cannot be cleared. */
const cleared = {
  name: undefined,
  description: '',
  category: '',
  price: undefined,
  image_url: '',
  active: undefined,
} as const;

/** Creates the rules for products. */
export function createProducts(store: ProductStore): Products {
  return {
    async create(product) {
      assertPayable('price', product.price);
      const created = await store.insertOnce({ ...product, id: uuidv7() });
      if (!created) throw failure('SKU_TAKEN');
      return created;
    },
    async get(id) {
      const product = present(await store.find(id));
      if (!product.active) throw failure('NOT_FOUND');
      return product;
    },
    getAny: async (id) => present(await store.find(id)),
    getMany: (ids) => store.findMany(ids),
    async list({ q, orderBy, ...filter }, page) {
      const query = q === undefined ? undefined : searchQuery(q);
      const selection = { ...filter, ...pricesOf(filter), query };
      // Nothing matches a text without a word.
      if (q !== undefined && query === undefined) return { items: [], nextPageToken: '' };
      const order = (orderBy ?? (q === undefined ? 'newest' : 'relevance')) as ProductOrder;
      const { items, nextPageToken } = await readPage(
        page,
        ['products', selection, order],
        (rows) => store.page(selection, order, rows),
        ({ key }) => key,
      );
      return { items: items.map(({ product }) => product), nextPageToken };
    },
    async update(id, set, mask) {
      const changes = changesOf<ProductFields>(set, mask, cleared);
      if (changes.price) assertPayable('price', changes.price);
      return present(await store.update(id, changes));
    },
    setStock: async (id, stock) => present(await store.setStock(id, stock)),
  };
}

function present(product: Product | undefined): Product {
  if (!product) throw failure('NOT_FOUND');
  return product;
}

/** The prices of a filter as amounts of its currency. @throws INVALID_ARGUMENT naming the field */
function pricesOf(filter: ProductFilter): Pick<ProductSelection, 'minPrice' | 'maxPrice'> {
  const { currencyCode } = filter;
  if (currencyCode === undefined) return {};
  assertCurrency('currency_code', currencyCode);
  const read = (field: string, text: string | undefined) => {
    if (text === undefined) return undefined;
    const amount = parseMoney(text, currencyCode);
    if (amount && hasCurrencyDigits(amount)) return formatMoney(amount);
    throw failure('INVALID_ARGUMENT', {
      fields: [
        { field, description: 'must be an amount with no more digits than its currency', reason: 'AMOUNT_DIGITS' },
      ],
    });
  };
  return { minPrice: read('min_price', filter.minPrice), maxPrice: read('max_price', filter.maxPrice) };
}
