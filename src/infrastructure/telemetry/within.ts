/** The result, or a `TimeoutError` after so many milliseconds; what comes of the work later is then ignored. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new DOMException(`Not within ${timeoutMs} ms`, 'TimeoutError')),
    timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
