// node --import scripts/release/record.mjs: appends the statements that services send to PostgreSQL to the file of
// RECORDED_STATEMENTS, each once per process, as [service, statement] in JSON. The name of a service is in that of its
// connections.
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

// The driver of the tree in which the process runs.
const { Client } = createRequire(path.join(process.cwd(), 'package.json'))('pg');
const file = process.env['RECORDED_STATEMENTS'] ?? '';
const seen = new Set();
const { query } = Client.prototype;

Client.prototype.query = function recorded(...args) {
  const [config] = args;
  const text = typeof config === 'string' ? config : config?.text;
  const [, service] = /^signet-([a-z]+)$/.exec(this.connectionParameters.application_name ?? '') ?? [];
  const line = `${JSON.stringify([service, text])}\n`;
  if (service !== undefined && text !== undefined && !seen.has(line)) {
    seen.add(line);
    appendFileSync(file, line);
  }
  return Reflect.apply(query, this, args);
};
