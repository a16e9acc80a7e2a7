import { dictionary } from '@zxcvbn-ts/language-common';

/** Common passwords in lower case: about 18,000 with 8 characters or more. */
const list: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].filter((one) => one.length >= 8).map((one) => one.toLowerCase()),
);

/** Whether a password, in lower case, is a common one. */
export function isCommonPassword(folded: string): boolean {
  return list.has(folded);
}
