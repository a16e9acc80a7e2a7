import { failure } from '#kit/errors/failure.ts';

/** The names of a message's fields in the proto, by the names that the code uses. */
type ProtoName<Name extends string> = Name extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head>
    ? `${Head}${ProtoName<Tail>}`
    : `_${Lowercase<Head>}${ProtoName<Tail>}`
  : Name;

/** The value of each field when it is cleared, by its name in the proto. Undefined: the field cannot be cleared. */
export type Cleared<Fields> = { readonly [Name in keyof Fields & string as ProtoName<Name>]: Fields[Name] | undefined };

/**
 * Returns the changes that an update with a field mask makes: the fields that are set, or, with a mask, those that it
 * names. A field that the mask names and that is not set is cleared. An empty mask is none (AIP-134).
 * @param set the fields that are set in the request; undefined ones are not
 * @param mask paths of the mask, in the proto's names; undefined without a mask
 * @param cleared the fields that may be written
 * @throws INVALID_ARGUMENT if the mask names another field, or clears one that cannot be cleared
 */
export function changesOf<Fields extends object>(
  set: { readonly [Name in keyof Fields]?: Fields[Name] | undefined },
  mask: readonly string[] | undefined,
  cleared: Cleared<Fields>,
): Partial<Fields> {
  const given = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
  if (mask === undefined || mask.length === 0) return given as Partial<Fields>;
  const changes = mask.map((path) => {
    if (!Object.hasOwn(cleared, path))
      throw refused('update_mask', 'names an unknown or read-only field', 'UNKNOWN_FIELD');
    const name = path.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = given[name] ?? cleared[path as keyof Cleared<Fields>];
    if (value === undefined) throw refused(path, 'must not be empty', 'REQUIRED');
    return [name, value] as const;
  });
  return Object.fromEntries(changes) as Partial<Fields>;
}

function refused(field: string, description: string, reason: string) {
  return failure('INVALID_ARGUMENT', { fields: [{ field, description, reason }] });
}
