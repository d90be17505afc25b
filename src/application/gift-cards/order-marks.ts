/** The marks of cancelled orders after their time; commands set and read them through the repository. */
export interface OrderMarks {
  /** Deletes up to `limit` marks of all tenants whose time is over by the store's clock; returns how many. */
  purge(limit: number): Promise<number>;
}
