// node deploy/health.mjs [<service>]: checks the health of a local service over gRPC
// (grpc.health.v1), which all services support, with or without TLS. Exits with 0 if it is ready.
// Without a name, it checks the service that the container runs.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';

/** The port of each service: its key and its default. */
const ports = {
  // ports: made by npm run generate
  auth: ['SIGNET_AUTH_GRPC_PORT', '9081'],
  user: ['SIGNET_USER_PORT', '8082'],
  catalog: ['SIGNET_CATALOG_PORT', '8086'],
  cart: ['SIGNET_CART_PORT', '8085'],
  payment: ['SIGNET_PAYMENT_PORT', '8083'],
  order: ['SIGNET_ORDER_PORT', '8087'],
  ride: ['SIGNET_RIDE_PORT', '8089'],
  notification: ['SIGNET_NOTIFICATION_PORT', '8084'],
  analytics: ['SIGNET_ANALYTICS_PORT', '8088'],
  edge: ['SIGNET_EDGE_PORT', '8080'],
  // ports end
};

const [name = ownService()] = process.argv.slice(2);
// services/all runs the edge, too.
const [env, standard] = ports[name] ?? ports.edge;
const port = process.env[env] || standard;
// The gRPC port of a service that has TLS has none.
const schemes = process.env['SIGNET_TLS_CERT'] ? ['https', 'http'] : ['http'];
const faults = [];
for (const scheme of schemes) {
  const fault = await check(`${scheme}://127.0.0.1:${port}`);
  if (fault === undefined) process.exit(0);
  faults.push(fault);
}
console.error(faults.join('; '));
process.exit(1);

/** The service in the command of the container's first process. */
function ownService() {
  return /\0services\/([\w-]+)\/main\.ts\0/.exec(readFileSync('/proc/1/cmdline', 'utf8'))?.[1];
}

/** Resolves with why the port is not ready; undefined if it is. */
function check(url) {
  const { promise, resolve } = Promise.withResolvers();
  // The certificate is for the public name of the port, not for this address.
  const client = connect(url, { rejectUnauthorized: false });
  client.setTimeout(2_500, () => end(`${url} does not respond`));
  client.on('error', (error) => end(`${url}: ${error.message}`));
  const call = client.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  call.on('error', (error) => end(`${url}: ${error.cause?.message ?? error.message}`));
  const chunks = [];
  call.on('data', (chunk) => chunks.push(chunk));
  call.on('end', () => {
    // Frame header (uncompressed, two bytes), then field 1, status: 1 is SERVING.
    const serving = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
    end(Buffer.concat(chunks).equals(serving) ? undefined : `${url} is not ready`);
  });
  // An empty HealthCheckRequest: a frame with length 0.
  call.end(Buffer.alloc(5));
  return promise;

  function end(why) {
    client.destroy();
    resolve(why);
  }
}
