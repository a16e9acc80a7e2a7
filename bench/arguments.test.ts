import { describe, expect, test } from 'vitest';
import { readArguments } from './arguments.ts';

const read = (...args: string[]) => readArguments(args, ['rest', 'grpc', 'start'], ['rest', 'grpc']);

describe('the arguments of a run', () => {
  test('without any, all groups are measured', () => {
    expect(read()).toEqual({ groups: [], against: undefined });
  });

  test('names choose groups, each once', () => {
    expect(read('grpc', 'rest', 'grpc')).toEqual({ groups: ['grpc', 'rest'], against: undefined });
  });

  test('an unknown name is an error that lists the known ones', () => {
    expect(() => read('rest', 'soap')).toThrow('unknown group soap; known: rest, grpc, start');
  });

  test('--against alone chooses the groups that run on another commit', () => {
    expect(read('--against', 'abc')).toEqual({ groups: ['rest', 'grpc'], against: 'abc' });
  });

  test('--against with names chooses those', () => {
    expect(read('--against=abc', 'grpc')).toEqual({ groups: ['grpc'], against: 'abc' });
  });

  test('--against refuses a group that runs on this tree only', () => {
    expect(() => read('--against', 'abc', 'start')).toThrow('--against measures only rest, grpc, not start');
  });

  test('--against needs a commit', () => {
    expect(() => read('rest', '--against')).toThrow('--against <value>');
    expect(() => read('--against=')).toThrow('--against needs a commit');
  });

  test('an unknown option is an error', () => {
    expect(() => read('--fast')).toThrow("Unknown option '--fast'");
  });
});
