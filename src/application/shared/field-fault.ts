import { DomainError, type DomainErrorClass, type ErrorDetails } from '../../domain/shared/domain-error.ts';

/** The details of a refusal of one field: those that the refusal of a schema has. */
export const fieldFault = (path: string, message: string): ErrorDetails => ({ issues: [{ path, message }] });

/**
 * Runs what reads or judges the value of a field. What the domain refuses it by, one of `faults`, then also names the
 * field: the domain knows what is wrong with a value, the use case alone where it was given.
 */
export function ofField<Result>(path: string, faults: readonly DomainErrorClass[], run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof DomainError) || !faults.includes(error.type)) throw error;
    throw new error.type(error.message, { ...error.details, ...fieldFault(path, error.message) });
  }
}
