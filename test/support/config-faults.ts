import { ConfigurationError, loadConfig, type Environment } from '../../src/composition/config.ts';

/** The lines with which these variables are refused; none where they are accepted. */
export function faultsOf(environment: Environment): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.lines;
    throw error;
  }
  return [];
}
