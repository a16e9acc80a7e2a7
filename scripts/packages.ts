// npm run packages: builds @signet/guard and @signet/client in packages/<name>/dist, and their tarballs in packages/.
import path from 'node:path';
import { root } from './check/check.ts';
import { buildPackages, pack } from './packages/build.ts';

const folder = path.join(root, 'packages');
for (const built of await buildPackages((name) => path.join(folder, name, 'dist'))) {
  const { file, packed, unpacked, files } = await pack(built, folder);
  console.log(
    `${path.relative(root, file)}  ${kilobytes(packed)}, ${kilobytes(unpacked)} unpacked, ${files.length} files`,
  );
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1_000).toFixed(0)} kB`;
}
