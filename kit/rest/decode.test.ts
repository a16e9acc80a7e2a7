import { expect, test } from 'vitest';
import { UpdateProductRequestSchema } from '#gen/proto/signet/catalog/v1/catalog_service_pb.ts';
import { reasonOf, violationsOf } from '#kit/errors/failure.ts';
import { decode } from './decode.ts';

const maskOf = (text: string) => decode(UpdateProductRequestSchema, text).updateMask?.paths;
function faultOf(text: string): unknown {
  try {
    return maskOf(text);
  } catch (error) {
    return [reasonOf(error), violationsOf(error)[0]?.field];
  }
}

test.each([
  ['{"update_mask": "image_url,name"}', ['image_url', 'name']],
  ['{"updateMask" :"imageUrl,name"}', ['image_url', 'name']],
  ['{"update_mask":""}', []],
])('reads the field mask of %s', (text, paths) => {
  expect(maskOf(text)).toEqual(paths);
});

test('does not change a text that looks like a field mask', () => {
  const description = '"update_mask": "image_url"';
  const text = JSON.stringify({ description, update_mask: 'image_url' });
  expect(decode(UpdateProductRequestSchema, text).description).toBe(description);
});

test('refuses an invalid field mask, and a repeated one', () => {
  expect(faultOf('{"update_mask": "image__url"}')).toEqual(['INVALID_ARGUMENT', 'update_mask']);
  expect(faultOf('{"update_mask": 1}')).toEqual(['INVALID_ARGUMENT', 'update_mask']);
  expect(faultOf('{"update_mask": "image_url", "update_mask": "name"}')).toEqual(['INVALID_ARGUMENT', '$body']);
});
