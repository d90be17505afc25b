import { brokenRules } from './config-rules.ts';
import { SETTINGS, type Config, type Setting } from './config-settings.ts';

export type { Config };

/** The environment holds values that cannot be used. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  /** One line for each fault, fit to be shown to an operator; none repeats a secret. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** The variables of a process, such as `process.env`. */
export type Environment = { readonly [name: string]: string | undefined };

/**
 * Reads all settings from the environment. An empty variable counts as missing. The result is frozen in depth.
 * Throws `ConfigurationError` with all faults at once.
 */
export function loadConfig(environment: Environment): Config {
  const lines = unknownNames(environment);
  const values: { [key: string]: unknown } = {};
  const faulty = new Set<string>();
  for (const [key, setting] of Object.entries<Setting>(SETTINGS)) {
    const text = environment[setting.name] || setting.default;
    if (text === undefined) continue;
    const result = setting.schema.safeParse(text);
    if (result.success) {
      values[key] = result.data;
    } else {
      faulty.add(key);
      lines.push(...result.error.issues.map(({ message }) => `${shown(setting, text)} ${message}`));
    }
  }
  if (values['nodeEnv'] === 'production') lines.push(...missingInProduction(environment));
  // Each key holds what the schema of that key returned.
  lines.push(...brokenRules(values as Partial<Config>, faulty));
  if (lines.length > 0) throw new ConfigurationError(lines);
  values['databaseOwnerUrl'] ??= values['databaseUrl'];
  return deepFreeze(values) as Config;
}

function missingInProduction(environment: Environment): readonly string[] {
  return Object.values<Setting>(SETTINGS)
    .filter(({ name, requiredInProduction }) => requiredInProduction === true && !environment[name])
    .map(({ name }) => `${name} is required with NODE_ENV=production`);
}

const PREFIX = 'PORTOLAN_';

/** Variables that Kubernetes sets in every pod beside a service whose name begins with "portolan". */
const KUBERNETES =
  /^PORTOLAN_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const KUBERNETES_PORT = /^PORTOLAN_(?:\w+_)?PORT$/;

function unknownNames(environment: Environment): string[] {
  const settings = new Set<string>(Object.values<Setting>(SETTINGS).map(({ name }) => name));
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith(PREFIX) && !isFromKubernetes(name, value ?? ''))
    .map(([name]) => name.slice(PREFIX.length))
    .map((rest) => `${PREFIX}${rest} is no setting${settings.has(rest) ? `; this one is called ${rest}` : ''}`);
}

function isFromKubernetes(name: string, value: string): boolean {
  return KUBERNETES.test(name) || (KUBERNETES_PORT.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value));
}

/** `PORT="http"`, or the name alone where the value must not be seen. */
function shown({ name, secret }: Setting, text: string): string {
  if (secret === true) return name;
  const harmless = text.replace(/\/\/[^/]*@/, '//***@');
  return `${name}=${JSON.stringify(harmless.length > 60 ? `${harmless.slice(0, 60)}…` : harmless)}`;
}

function deepFreeze(value: unknown): unknown {
  // Views of bytes cannot be frozen.
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
