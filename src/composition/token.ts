import { Container } from 'inversify';

/** Names something in the container, and knows its type: asking for it gives that type, binding it demands it. */
export interface Token<T> {
  readonly key: symbol;
  /** Exists for the compiler only. */
  readonly type?: T;
}

export const token = <T>(name: string): Token<T> => ({ key: Symbol(name) });

/** What a list of tokens stands for. */
type Resolved<Tokens extends readonly Token<unknown>[]> = {
  readonly [I in keyof Tokens]: Tokens[I] extends Token<infer T> ? T : never;
};

/**
 * The container with typed tokens: a value or a factory that doesn't fit its tokens doesn't compile. `NoInfer`: the token
 * alone says what is wanted, or a value that is less would pass for a token of less.
 */
export class Wiring {
  readonly #container = new Container({ defaultScope: 'Singleton' });

  /** Binds something that exists. */
  value<T>(to: Token<T>, value: NoInfer<T>): void {
    this.#container.bind<T>(to.key).toConstantValue(value);
  }

  /** Binds something that is made once, when it is first asked for, from other things. */
  single<T, const Tokens extends readonly Token<unknown>[]>(
    to: Token<T>,
    from: Tokens,
    make: (...parts: Resolved<Tokens>) => NoInfer<T>,
  ): void {
    const keys = from.map(({ key }) => key);
    const factory = make as (...parts: unknown[]) => T;
    this.#container.bind<T>(to.key).toResolvedValue(factory, keys).inSingletonScope();
  }

  get<T>(of: Token<T>): T {
    return this.#container.get<T>(of.key);
  }
}
