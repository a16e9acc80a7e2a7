import { describe } from 'vitest';
import { channelSuite } from './channel.suite.ts';
import { openNodeSession } from './node-session.ts';

describe('a channel over node:http2', () => {
  channelSuite(openNodeSession);
});
