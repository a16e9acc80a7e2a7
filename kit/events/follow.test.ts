import { describe } from 'vitest';
import { followSuite } from './testing/follow-suite.ts';

describe('a consumer that reads from the producer', () => {
  followSuite();
});
