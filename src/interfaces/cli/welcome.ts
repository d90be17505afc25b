/** What a newcomer sees: where everything is, and three requests that work as they are, each time. */
export function welcome({
  url,
  adminToken,
}: {
  readonly url: string;
  readonly adminToken: string | undefined;
}): string {
  const lines = [`Portolan serves on ${url}`, `Documentation:      ${url}/docs`];
  if (adminToken === undefined) return `${lines.join('\n')}\n`;
  const post = (path: string, body: string): string =>
    `curl -s ${url}/v1/gift-cards/${path} -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n` +
    `  -H "Idempotency-Key: $(date +%s%N)" -d "${body.replaceAll('"', '\\"')}"`;
  const create = '{"amount":{"amount":"50.00","currency":"USD"},"purchaserId":"user_123"}';
  const redeem = `{"code":"'$CODE'","orderId":"order_'$(date +%s%N)'","amount":{"amount":"0.25","currency":"USD"}}`;
  return [
    ...lines,
    `Admin token:        ${adminToken} (for development only)`,
    '',
    '# Create a gift card, pay for an order with it, ask for its balance:',
    `TOKEN=${adminToken}`,
    `CODE=$(${post('create', create)} | sed 's/.*"code":"\\([^"]*\\)".*/\\1/'); echo $CODE`,
    post('redeem', redeem.replaceAll("'$CODE'", '$CODE').replaceAll("'$(date +%s%N)'", '$(date +%s%N)')),
    post('check-balance', '{"code":"$CODE"}'),
    '',
  ].join('\n');
}
