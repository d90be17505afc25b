import { expect } from 'chai';
import { describe, it } from 'mocha';
import { randomBytes } from 'node:crypto';
import { GIFT_CARD_ERRORS } from '../../src/application/gift-cards/index.ts';
import * as jobErrors from '../../src/application/shared/job-errors.ts';
import * as mailErrors from '../../src/application/shared/mailer.ts';
import { SealBroken } from '../../src/application/shared/sealer.ts';
import { APPLICATION_CONTRACTS } from '../../src/composition/contracts.ts';
import * as ofGiftCards from '../../src/composition/entry-gift-cards.ts';
import * as ofHttp from '../../src/composition/entry-http.ts';
import * as ofPortolan from '../../src/composition/entry-portolan.ts';
import { MigrationError } from '../../src/infrastructure/postgres/migrate.ts';
import * as ofMemory from '../../src/composition/entry-memory.ts';
import * as ofPostgres from '../../src/composition/entry-postgres.ts';
import { TRANSPORT_ERRORS } from '../../src/interfaces/http/http-errors.ts';
import { RemoteFailure } from '../../src/interfaces/http/remote-failure.ts';

const isErrorClass = (value: unknown): boolean =>
  typeof value === 'function' && (value.prototype as unknown) instanceof Error;

const exported = new Set<unknown>(
  [ofPortolan, ofGiftCards, ofHttp, ofPostgres].flatMap((entry) => Object.values<unknown>(entry)),
);

describe('the entries of the package', () => {
  it('export each class of error that an embedder may want to catch', () => {
    const ofOperations = APPLICATION_CONTRACTS.flatMap(({ operations }) =>
      Object.values(operations).flatMap(({ errors }) => errors),
    );
    const inside = Object.values({ ...jobErrors, ...mailErrors }).filter(isErrorClass);
    const thrown = [...ofOperations, ...TRANSPORT_ERRORS, ...GIFT_CARD_ERRORS, ...inside];
    const all = [...new Set<unknown>([...thrown, SealBroken, RemoteFailure, MigrationError])];
    expect(all).to.have.length.above(60);
    expect(all.filter((type) => !exported.has(type))).to.deep.equal([]);
  });

  it('make codes, and tell well-formed ones from others, without a service', () => {
    const { generateCode, isValidFormat } = ofGiftCards;
    expect(generateCode(randomBytes).reveal()).to.match(/^GIFT(-[0-9A-Z]{4}){4}$/);
    const code = generateCode(randomBytes, { prefix: 'PROMO', length: 20 }).reveal();
    expect(code).to.match(/^PROMO(-[0-9A-Z]{4}){5}$/);
    expect(isValidFormat(code, [20])).to.equal(true);
    expect(isValidFormat(code.slice(0, -1) + (code.endsWith('0') ? '1' : '0'), [20])).to.equal(false);
    expect(() => generateCode(randomBytes, { length: 11 })).to.throw(ofGiftCards.UnsupportedCodeFormat);
  });

  it('export the locks of memory and of PostgreSQL, as the contract suite for them has it', () => {
    expect(ofMemory.createMemoryLockService().tryWithLock).to.be.a('function');
    expect(ofPostgres.PostgresLockService.prototype.tryWithLock).to.be.a('function');
  });

  it('export each contract, for clients of a server', () => {
    expect(APPLICATION_CONTRACTS.filter((contract) => !exported.has(contract))).to.deep.equal([]);
  });
});
