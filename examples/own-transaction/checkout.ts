import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { InsufficientBalance } from 'portolan/gift-cards';
import { migrate, postgresGiftCards } from 'portolan/postgres';

/** The order and the payment by gift card are stored together, or neither is. */
async function checkOut(orderId: string, code: string, amount: string): Promise<'paid' | 'refused'> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO orders (id, total) VALUES ($1, $2)', [orderId, amount]);
    await GiftCard.redeem({ code, orderId, amount: { amount } }, { unit: client });
    await client.query('COMMIT');
    return 'paid';
  } catch (error) {
    await client.query('ROLLBACK').catch(console.error);
    if (error instanceof InsufficientBalance) return 'refused';
    throw error;
  } finally {
    client.release();
  }
}

const { DATABASE_URL = '', PEPPERS: peppers = '' } = process.env;
await migrate(DATABASE_URL);
const pool = new pg.Pool({ connectionString: DATABASE_URL });
pool.on('error', console.error);
pool.on('connect', (client) => client.on('error', console.error));
const giftCards = postgresGiftCards({ pool, peppers, onFault: console.error });
const { GiftCard } = giftCards.client();
await pool.query('CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, total numeric NOT NULL)');

const { code = '' } = await GiftCard.create({ amount: { amount: '100.00', currency: 'EUR' }, purchaserId: 'anna' });
const [first, second] = [randomUUID(), randomUUID()];
console.log('60.00:', await checkOut(first, code, '60.00'));
console.log('50.00:', await checkOut(second, code, '50.00'));
const { rows } = await pool.query('SELECT total FROM orders WHERE id IN ($1, $2)', [first, second]);
console.log('orders:', rows.map(({ total }) => total).join(', '));
console.log('left on the card:', (await GiftCard.checkBalance({ code })).currentBalance.amount);
await giftCards.close();
await pool.end();
