import { describe } from 'vitest';
import { channelSuite } from '../channel.suite.ts';
import { openFramedSession } from './session.ts';

describe('a channel over its own frames', () => {
  channelSuite(openFramedSession);
});
