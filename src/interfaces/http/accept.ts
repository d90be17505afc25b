/** How much a client wants a media type, from 0 (not at all) to 1, by its `Accept` header (RFC 9110 section 12.5.1). */
export function quality(accept: string | undefined, mediaType: string): number {
  if (accept === undefined) return 1;
  const [type] = mediaType.split('/');
  let best = { rank: -1, q: 0 };
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim());
    const rank = range === mediaType ? 2 : range === `${type}/*` ? 1 : range === '*/*' ? 0 : -1;
    if (rank > best.rank) best = { rank, q: weight(parameters) };
  }
  return best.q;
}

function weight(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='));
  if (given === undefined) return 1;
  const q = Number(given.slice(2));
  return q >= 0 && q <= 1 ? q : 0;
}

/** True when the client names problem details and does not like the plain envelope better. */
export function wantsProblem(accept: string | undefined): boolean {
  if (accept === undefined || !accept.toLowerCase().includes('application/problem+json')) return false;
  const problem = quality(accept, 'application/problem+json');
  return problem > 0 && problem >= quality(accept, 'application/json');
}

/** True when the client wants a stream as CSV rather than as JSON lines. */
export function wantsCsv(accept: string | undefined): boolean {
  return quality(accept, 'text/csv') > quality(accept, 'application/x-ndjson');
}
