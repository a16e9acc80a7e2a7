// node deploy/health.mjs <port>: checks the health of a local service over gRPC
// (grpc.health.v1), which all services support. Exits with 0 if it is ready.
import { connect } from 'node:http2';

const [port = '8080'] = process.argv.slice(2);
const client = connect(`http://127.0.0.1:${port}`);
client.setTimeout(2_500, () => end(`port ${port} does not respond`));
client.on('error', (error) => end(error.message));

const call = client.request({
  ':method': 'POST',
  ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
});
call.on('error', (error) => end(error.cause?.message ?? error.message));
const chunks = [];
call.on('data', (chunk) => chunks.push(chunk));
call.on('end', () => {
  // Frame header (uncompressed, two bytes), then field 1, status: 1 is SERVING.
  const serving = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
  end(Buffer.concat(chunks).equals(serving) ? undefined : `port ${port} is not ready`);
});
// An empty HealthCheckRequest: a frame with length 0.
call.end(Buffer.alloc(5));

function end(why) {
  if (why) console.error(why);
  process.exit(why ? 1 : 0);
}
