// Whether anybody listens where the brokers are said to be: a quick look that needs no client library.
//
// Must not: speak to a broker. A connection that opens is closed again, and says nothing of the broker's health.
import { connect } from "node:net";

/** A broker on the other side of the world answers a connection in under half of it. */
const CONNECT_LIMIT_MS = 2_000;

/** Resolves when one of the addresses (`host:port`) takes a connection; rejects with the reason of the first when none does. */
export async function reachBroker(addresses: readonly string[]): Promise<void> {
  const tries = addresses.map((address) => tryAddress(address));
  try {
    await Promise.any(tries);
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

function tryAddress(address: string): Promise<void> {
  const colon = address.lastIndexOf(":");
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), timeout: CONNECT_LIMIT_MS });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("timeout", () => {
      socket.destroy();
      reject(new Error(`${address} did not answer within ${CONNECT_LIMIT_MS} ms`));
    });
    socket.once("error", reject);
  });
}
