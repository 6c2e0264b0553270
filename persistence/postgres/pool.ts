// The only way to Postgres: a bounded pool, statements with time limits, typed errors, values converted once and checked.
//
// Owns: connections, their settings, the conversion of values, and the classes of errors that the stores above speak of.
// Must not: know a table, retry, or be used on the path of a bid.
//
// D1. Every wait has a limit: for a connection, for a statement (the server's, and a longer one of our own for a server that no
//     longer answers), and for a transaction that its owner forgot. The last one frees the guard row of a frozen process.
// D2. Only the types listed here are read; another one is a mistake in a statement and says so. An int8 that is no safe integer is
//     refused, never rounded. Results come as text: pg reads binary ones as if they were text.
// D3. A connection that saw an error of transport is thrown away, never reused.
// D4. Behind a pooler in transaction mode nothing here needs a session. The limits of D1 are sent as start parameters, so such a
//     pooler must ignore `statement_timeout` and `idle_in_transaction_session_timeout` (and then set them for the role), and named
//     statements must be switched off where the pooler does not follow them (`named: false`).
import { performance } from "node:perf_hooks";
import pg from "pg";

export interface DatabaseOptions {
  readonly url: string;
  /** Connections. */
  readonly max: number;
  readonly lifetimeMs: number;
  readonly connectLimitMs: number;
  readonly statementLimitMs: number;
  /** Named prepared statements: parsed once a connection. */
  readonly named: boolean;
  /** Called after every statement, failed ones too. */
  readonly onStatement: (name: string, ms: number, slow: boolean) => void;
  /** After this the server ends a transaction whose owner says nothing. Default: TRANSACTION_IDLE_MS. */
  readonly transactionIdleMs?: number;
}

/** Defaults of FAIRWARNING_POSTGRES_*. */
export const DATABASE_DEFAULTS: Omit<DatabaseOptions, "url"> = {
  max: 10,
  lifetimeMs: 300_000,
  connectLimitMs: 3_000,
  statementLimitMs: 5_000,
  named: true,
  onStatement: () => undefined,
};

/** Statements above this are counted as slow. */
const SLOW_MS = 1_000;
/** How much longer than the server we wait before we call it gone: its own message should come first. */
const SERVER_SILENT_MS = 1_000;
/** A frozen process holds its locks at most this long; a reader may take this long over one list. */
const TRANSACTION_IDLE_MS = 15_000;
/** Callers that may wait for a connection, for each connection there is. Beyond it the store is away, so that a slow database costs
 *  an error and not memory. */
const WAITING_PER_CONNECTION_MAX = 32;
const IDLE_CONNECTION_MS = 30_000;

/** No connection, no answer in time, no room, shutting down: the same statement may succeed later. After a lost COMMIT the outcome
 *  is not known; every write of ours may be repeated. */
export class PostgresAway extends Error {
  override readonly name = "PostgresAway";
}

/** The database answered and refused the statement: repeating it does not help. */
export class StatementFailed extends Error {
  override readonly name = "StatementFailed";
  readonly sqlState: string;

  constructor(message: string, sqlState: string, options: ErrorOptions) {
    super(message, options);
    this.sqlState = sqlState;
  }
}

/** A stored number that is no safe integer. */
export class UnsafeInteger extends Error {
  override readonly name = "UnsafeInteger";
}

export type Value = string | number | boolean | null | Uint8Array | readonly string[];

/** `oneShot`: planned for the values at hand, for statements whose best plan depends on them. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly oneShot?: boolean;
}

/** `write`: read committed. `read`: one picture of the database for all statements, and no writing. */
export type TransactionKind = "write" | "read";

const BEGIN: Record<TransactionKind, Statement> = {
  write: { name: "begin", text: "begin", oneShot: true },
  read: { name: "begin_read", text: "begin transaction isolation level repeatable read read only", oneShot: true },
};
const COMMIT: Statement = { name: "commit", text: "commit", oneShot: true };
const LOOK: Statement = { name: "look", text: "select 1", oneShot: true };
const ROLLBACK: Statement = { name: "rollback", text: "rollback", oneShot: true };

/** Rows are as the statement names its columns: int2, int4, int8 and float8 as number, text and uuid as string, bytea as
 *  Uint8Array, json as what it says, bool as boolean. */
export interface Queries {
  query<Row>(statement: Statement, values: readonly Value[]): Promise<readonly Row[]>;
}

/** One connection with an open transaction. Must be ended. */
export interface Transaction extends Queries {
  /** Commits or rolls back, and gives the connection back. A second call does nothing. */
  end(how: "commit" | "rollback"): Promise<void>;
}

/** One connection outside any pool, for a library that brings its own statements: given away for the time of `work`, and gone when
 *  the promise settles. */
export async function withConnection<T>(
  options: { readonly url: string; readonly connectLimitMs: number; readonly statementLimitMs: number },
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: options.url,
    connectionTimeoutMillis: options.connectLimitMs,
    statement_timeout: options.statementLimitMs,
    application_name: "fairwarning",
  });
  // A statement in flight rejects by itself; an error between two statements would end the process if nobody heard it.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

export interface Connections {
  readonly active: number;
  readonly idle: number;
  readonly waiting: number;
}

export class Database implements Queries {
  readonly #options: DatabaseOptions;
  readonly #pool: pg.Pool;
  readonly #heard = new WeakSet<pg.PoolClient>();
  #healthy = true;
  #looking = false;
  #closed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.max,
      maxLifetimeSeconds: Math.ceil(options.lifetimeMs / 1_000),
      idleTimeoutMillis: IDLE_CONNECTION_MS,
      connectionTimeoutMillis: options.connectLimitMs,
      statement_timeout: options.statementLimitMs,
      query_timeout: options.statementLimitMs + SERVER_SILENT_MS,
      idle_in_transaction_session_timeout: options.transactionIdleMs ?? TRANSACTION_IDLE_MS,
      keepAlive: true,
      application_name: "fairwarning",
      types: { getTypeParser: parserOf },
    });
    // An idle connection that breaks; whoever asks next gets a new one or an error of their own.
    this.#pool.on("error", () => {
      this.#healthy = false;
    });
  }

  /** Whether the database answered the last time it was asked. If it did not, it is asked again in the background, one statement at a
   *  time: whoever looks at the health of a system that has nothing else to ask learns that the database is back. */
  healthy(): boolean {
    if (!this.#healthy && !this.#looking && !this.#closed) void this.look();
    return this.#healthy;
  }

  /** Asks whether the database answers, and remembers it. Never rejects. */
  async look(): Promise<void> {
    this.#looking = true;
    try {
      await this.query(LOOK, []);
    } catch {
      // Away: that is the answer.
    } finally {
      this.#looking = false;
    }
  }

  connections(): Connections {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { active: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  async query<Row>(statement: Statement, values: readonly Value[]): Promise<readonly Row[]> {
    const client = await this.#connect();
    let broken = true;
    try {
      const rows = await this.#run<Row>(client, statement, values);
      broken = false;
      return rows;
    } catch (error) {
      broken = !(error instanceof StatementFailed);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Commits if `work` resolves, else rolls back and rejects with its error. */
  async transaction<T>(kind: TransactionKind, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = await this.begin(kind);
    try {
      const result = await work(transaction);
      await transaction.end("commit");
      return result;
    } finally {
      await transaction.end("rollback");
    }
  }

  async begin(kind: TransactionKind): Promise<Transaction> {
    const client = await this.#connect();
    let open = true;
    let broken = false;
    const query = async <Row>(statement: Statement, values: readonly Value[]): Promise<readonly Row[]> => {
      try {
        return await this.#run<Row>(client, statement, values);
      } catch (error) {
        broken ||= !(error instanceof StatementFailed);
        throw error;
      }
    };
    const end = async (how: "commit" | "rollback"): Promise<void> => {
      if (!open) return;
      open = false;
      try {
        // A broken connection takes its transaction with it; asking it to roll back would only wait for the time limit.
        if (!broken) await query(how === "commit" ? COMMIT : ROLLBACK, []);
      } finally {
        client.release(broken);
      }
    };
    try {
      await query(BEGIN[kind], []);
    } catch (error) {
      open = false;
      client.release(true);
      throw error;
    }
    return { query, end };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    if (this.#closed) throw new PostgresAway("The pool is closed");
    if (this.#pool.waitingCount >= this.#options.max * WAITING_PER_CONNECTION_MAX) {
      throw new PostgresAway(`All ${this.#options.max} connections are busy and ${this.#pool.waitingCount} callers wait`);
    }
    try {
      const client = await this.#pool.connect();
      // While it is out, and while the pool closes, nobody listens for its errors, and one that nobody hears ends the process.
      if (!this.#heard.has(client)) client.on("error", () => undefined);
      this.#heard.add(client);
      return client;
    } catch (error) {
      throw this.#judge(error, "connect");
    }
  }

  async #run<Row>(client: pg.PoolClient, statement: Statement, values: readonly Value[]): Promise<readonly Row[]> {
    const { name, text, oneShot } = statement;
    const startedAt = performance.now();
    try {
      const named = this.#options.named && oneShot !== true;
      const result = await client.query({ text, values: [...values], ...(named ? { name } : {}) });
      this.#healthy = true;
      return result.rows as Row[];
    } catch (error) {
      throw this.#judge(error, name);
    } finally {
      const ms = performance.now() - startedAt;
      this.#options.onStatement(name, ms, ms > SLOW_MS);
    }
  }

  #judge(error: unknown, name: string): Error {
    if (error instanceof UnsafeInteger || error instanceof TypeError || error instanceof RangeError) return error;
    const message = error instanceof Error ? error.message : String(error);
    const sqlState = sqlStateOf(error);
    const away = sqlState === null || AWAY.test(sqlState);
    this.#healthy = !away;
    if (away) return new PostgresAway(`Postgres is away (${name}): ${message}`, { cause: error });
    const advice = sqlState === TABLE_MISSING ? ". Bring the database up to date first: fairwarning migrate" : "";
    return new StatementFailed(`Postgres refused ${name}: ${message}${advice}`, sqlState, { cause: error });
  }
}

/** The state of a database that no migration has reached. */
export const TABLE_MISSING = "42P01";
/** 08 connection, 25006 read-only (a standby, or a disk that filled up), 40 rolled back for the sake of others, 53 no room, 57 shut
 *  down or out of time, 58 trouble of its system. */
const AWAY = /^(08...|25006|25P03|40...|53...|57...|58...)$/;

function sqlStateOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  const { code } = error;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E") ? code : null;
}

type Parser = (text: string) => unknown;

/** int8 as a number. Throws UnsafeInteger. */
export function safeInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new UnsafeInteger(`The stored number ${text} is beyond the safe integers`);
  return number;
}

/** bytea in its hex form, which begins with a backslash and an x. */
function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), "hex");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function same(text: string): string {
  return text;
}

function jsonOf(text: string): unknown {
  return JSON.parse(text);
}

/** By type number: bool, bytea, name, int8, int2, int4, text, json, float8, varchar, uuid. */
const PARSERS = new Map<number, Parser>([
  [16, (text) => text === "t"],
  [17, bytesOf],
  [19, same],
  [20, safeInteger],
  [21, Number],
  [23, Number],
  [25, same],
  [114, jsonOf],
  [701, Number],
  [1_043, same],
  [2_950, same],
]);

function parserOf(oid: number): Parser {
  return (
    PARSERS.get(oid) ??
    (() => {
      throw new TypeError(`A statement returned a value of type ${oid}, which nothing here reads`);
    })
  );
}
