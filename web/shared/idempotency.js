// @ts-check

/**
 * One idempotency key for each distinct request: a repeated one, after a lost response, places no second order, and a
 * changed one is a new order.
 */
export function keyPerRequest() {
  let last = '';
  let key = '';
  return (/** @type {unknown} */ body) => {
    const text = JSON.stringify(body);
    if (text !== last)
      key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
    last = text;
    return key;
  };
}
