/** What a newcomer sees: where everything is, and three requests that work as they are, each time they are pasted. */
export function welcome({ url, adminToken }: { readonly url: string; readonly adminToken: string }): string {
  const create = '{"amount":{"amount":"50.00","currency":"USD"},"purchaserId":"user_123"}';
  const redeem = '{"code":"$CODE","orderId":"order_$(date +%s)_$RANDOM","amount":{"amount":"0.25","currency":"USD"}}';
  const post = (operation: string, body: string, key = ''): string =>
    `curl -s ${url}/v1/gift-cards/${operation} -H "Authorization: Bearer $TOKEN"${key} \\\n` +
    `  -H "Content-Type: application/json" -d "${body.replaceAll('"', '\\"')}"`;
  // The shell makes another key each time, so that a line pasted again is another command.
  const key = ' -H "Idempotency-Key: $(date +%s)-$RANDOM"';
  return [
    `Portolan serves on ${url}`,
    `Documentation:      ${url}/docs`,
    `Admin token:        ${adminToken} (for development only)`,
    'Paste this to create a gift card, pay for an order with it and ask for its balance:',
    '',
    `TOKEN=${adminToken}`,
    `CODE=$(${post('create', create, key)} | sed 's/.*"code":"\\([^"]*\\)".*/\\1/'); echo $CODE`,
    `${post('redeem', redeem, key)}; echo`,
    `${post('check-balance', '{"code":"$CODE"}')}; echo`,
    '',
    '',
  ].join('\n');
}
