// node --require ./scripts/size-thread-pool.mjs: sizes libuv's thread pool by the cores, unless the environment sets
// UV_THREADPOOL_SIZE. libuv reads the variable when the first task is queued, which is later.
import { threadPoolSize } from './thread-pool.mjs';

process.env.UV_THREADPOOL_SIZE ||= String(threadPoolSize());
