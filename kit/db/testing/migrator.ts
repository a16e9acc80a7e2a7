// node kit/db/testing/migrator.ts <url> <directory>: applies the migrations of a directory to the schema "shop".
import { silentLog } from '#kit/log/log.ts';
import { Secret } from '#kit/log/secret.ts';
import { migrate } from '../migrate.ts';

const [url = '', directory = ''] = process.argv.slice(2);
await migrate({ url: new Secret(url), schema: 'shop', directory, log: silentLog });
