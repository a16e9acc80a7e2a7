// node deploy/health.mjs <port>: checks the health of a local service over gRPC
// (grpc.health.v1), which all services support, with or without TLS. Exits with 0 if it is ready.
import { connect } from 'node:http2';

const [port = '8080'] = process.argv.slice(2);
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
