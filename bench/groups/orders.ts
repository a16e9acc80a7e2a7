import { bodyOf, createHttp } from '../load/http.ts';
import { type Place, startAll, startFleet, type System } from '../server/systems.ts';
import type { Bench, Facts } from './bench.ts';
import { createPeople, type Person } from './people.ts';

const json = { 'content-type': 'application/json' };
const admin = { SIGNET_ADMIN_EMAIL: 'admin@example.com', SIGNET_ADMIN_PASSWORD: 'the admin of the benchmark' };
/** Customers that order at once, and the orders that each places. */
const [customers, each] = [8, 40];

const address = { name: 'Ada', line1: '1 Street', city: 'London', postal_code: 'N1', country_code: 'GB' };

/** Measures PlaceOrder until the order is confirmed, with its CPU time by process, and the memory of the services at rest. */
export async function orders(bench: Bench): Promise<Facts[]> {
  return [
    await ofShape('one process', await bench.place('orders'), startAll),
    await ofShape('a process for each service', await bench.place('orders_fleet'), startFleet),
  ];
}

async function ofShape(
  shape: string,
  { environment, ...place }: Place,
  start: (place: Place, logLevel: string) => Promise<System>,
): Promise<Facts> {
  const system = await start({ ...place, environment: { ...environment, ...admin } }, 'warn');
  const http = createHttp();
  const post = async (path: string, token: string, body: object, status: number) => {
    const headers = { ...json, ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
    const url = `${system.edge}/api/v1${path}`;
    return bodyOf(await http.ask({ method: 'POST', url, headers, body: JSON.stringify(body) }), status);
  };
  const memory = await Promise.all(system.processes.map((child) => child.memory()));
  const people = await createPeople(system.edge, customers);
  const login = { email: admin.SIGNET_ADMIN_EMAIL, password: admin.SIGNET_ADMIN_PASSWORD };
  const token = String((await post('/auth/login', '', login, 200))['access_token']);
  const price = { currency_code: 'EUR', units: '12', nanos: 340_000_000 };
  const product = await post('/products', token, { sku: 'bench', name: 'A chain', price, stock: 1_000_000 }, 201);

  async function order({ accessToken }: Person): Promise<number> {
    await post('/cart/items', accessToken, { product_id: product['id'], quantity: 1 }, 200);
    const began = performance.now();
    const { state } = await post('/orders', accessToken, { address }, 201);
    if (state !== 'confirmed') throw new Error(`an order is ${String(state)}`);
    return performance.now() - began;
  }

  async function load(count: number): Promise<number[]> {
    const times = people.map(async (person) => {
      const own: number[] = [];
      for (let one = 0; one < count; one++) own.push(await order(person));
      return own;
    });
    return (await Promise.all(times)).flat();
  }

  await load(5);
  const alone: number[] = [];
  for (let count = 0; count < 50; count++) alone.push(await order(people[0]!));
  const before = await Promise.all(system.processes.map((child) => child.usage()));
  const began = performance.now();
  const times = await load(each);
  const seconds = (performance.now() - began) / 1_000;
  const after = await Promise.all(system.processes.map((child) => child.usage()));
  http.close();
  await system.stop();
  const cpu = system.processes.map(({ name }, index) => ({
    name,
    ms: ((after[index]?.cpu ?? 0) - (before[index]?.cpu ?? 0)) / 1_000 / times.length,
  }));
  return {
    title: `Orders, ${shape}: ${times.length} orders of ${customers} customers at once; each adds to the cart, then orders`,
    facts: [
      { name: 'PlaceOrder until confirmed, one customer, p50', value: part(alone, 0.5), unit: 'ms' },
      { name: 'PlaceOrder until confirmed, one customer, p99', value: part(alone, 0.99), unit: 'ms' },
      { name: `PlaceOrder until confirmed, ${customers} customers, p50`, value: part(times, 0.5), unit: 'ms' },
      { name: `PlaceOrder until confirmed, ${customers} customers, p99`, value: part(times, 0.99), unit: 'ms' },
      { name: 'orders', value: times.length / seconds, unit: '/s' },
      ...cpu.map(({ name, ms }) => ({
        name: `CPU of an order, with its cart and events: ${name}`,
        value: ms,
        unit: 'ms',
      })),
      { name: 'memory at rest (RSS)', value: memory.reduce((sum, { rss }) => sum + rss, 0) / 2 ** 20, unit: 'MiB' },
    ],
  };
}

function part(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN;
}
