import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, type SqlQuery, type SqlResultSet } from '@prisma/driver-adapter-utils';

/** Column types of the system catalogs by pg_type.oid. Other types are read as text. */
const columnTypes: Record<number, SqlResultSet['columnTypes'][number]> = {
  16: ColumnTypeEnum.Boolean,
  18: ColumnTypeEnum.Character,
  20: ColumnTypeEnum.Int64,
  21: ColumnTypeEnum.Int32,
  23: ColumnTypeEnum.Int32,
  26: ColumnTypeEnum.Int64,
  1002: ColumnTypeEnum.CharacterArray,
  1003: ColumnTypeEnum.TextArray,
  1005: ColumnTypeEnum.Int32Array,
  1007: ColumnTypeEnum.Int32Array,
  1009: ColumnTypeEnum.TextArray,
};

/**
 * Creates a Prisma adapter that can read the system catalogs. The schema engine
 * reads only these, and the original adapter does not support their types ("char",
 * name).
 */
export function catalogAdapter(url: string): PrismaPg {
  const factory = new PrismaPg(url);
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    adapter.queryRaw = async ({ sql, args }: SqlQuery) => {
      const { fields, rows } = await adapter
        .underlyingDriver()
        .query<unknown[]>({ text: sql, values: args, rowMode: 'array' });
      return {
        columnNames: fields.map(({ name }) => name),
        columnTypes: fields.map(({ dataTypeID }) => columnTypes[dataTypeID] ?? ColumnTypeEnum.Text),
        rows,
      };
    };
    return adapter;
  };
  return factory;
}
