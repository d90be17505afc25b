import express, { type ErrorRequestHandler } from 'express';
import pg from 'pg';
import { DomainError, ERROR_TABLE } from 'portolan';
import { migrate, postgresGiftCards } from 'portolan/postgres';

const { DATABASE_URL = '', PEPPERS: peppers = '', PORT = '3001' } = process.env;
await migrate(DATABASE_URL);
const pool = new pg.Pool({ connectionString: DATABASE_URL });
pool.on('error', console.error);
const giftCards = postgresGiftCards({ pool, peppers, onFault: console.error });
const { GiftCard } = giftCards.client();
await giftCards.work();

const shop = express().use(express.json());
shop.post('/cards', async ({ body }, response) => {
  response.status(201).json(await GiftCard.create(body));
});
shop.post('/orders/:orderId/payments', async ({ body: { code, amount }, params: { orderId } }, response) => {
  response.json(await GiftCard.redeem({ code, amount, orderId }));
});
shop.use(((error, _request, response, next) => {
  if (!(error instanceof DomainError)) return next(error);
  response.status(ERROR_TABLE[error.kind].httpStatus).json({ code: error.code, message: error.message });
}) satisfies ErrorRequestHandler);
const server = shop.listen(Number(PORT), '127.0.0.1', () => console.log('listening'));
process.once('SIGTERM', () => server.close(() => void giftCards.close().then(() => pool.end())));
