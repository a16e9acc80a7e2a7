import path from 'node:path';

/** Returns the environment of a new terminal: without the variables of npm, of a running script and of Signet. */
export function newcomersEnvironment(): NodeJS.ProcessEnv {
  const set = Object.entries(process.env).filter(
    ([name]) =>
      !/^(npm_(?!config_)|npm_config_local_prefix$|SIGNET_|INIT_CWD$|NODE_ENV$|UV_THREADPOOL_SIZE$|DATABASE_URL$)/.test(
        name,
      ),
  );
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const PATH = folders.filter((dir) => !dir.includes('node_modules') && !dir.includes('node-gyp-bin'));
  return { ...Object.fromEntries(set), PATH: PATH.join(path.delimiter) };
}
